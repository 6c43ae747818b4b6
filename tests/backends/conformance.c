/*
 * The conformance suite: everything that backend.h promises, asked of a backend through its table
 * and nothing else. A new backend passes when this does.
 */
#include "tests/backends/conformance.h"

#include <pthread.h>
#include <sys/mman.h>

#define ITEMS 1000

/* A batch that takes some 50 ms on one core and is not done at once on anything. */
#define SLOW_ITEMS 4096
#define SLOW_ROUNDS 20000

static uint64_t seed;

/* -- instances and devices --------------------------------------------------------------------- */

static void a_device_is_described(void **state)
{
    fixture f;
    backend_info info;
    static const uint8_t no_uuid[16];
    fixture_open_instance(&f, *state);
    f.ops->info(f.instance, f.index, &info);
    printf("device: %s, driver: %s\n", info.name, info.driver);
    assert_true(info.is_fit);
    assert_string_equal(info.why_not, "");
    assert_true(strlen(info.name) > 0);
    assert_true(strlen(info.driver) > 0);
    assert_true(info.memory_bytes > 0);
    assert_memory_not_equal(info.uuid, no_uuid, sizeof no_uuid);
    fixture_close(&f);
}

static void an_instance_opens_again_and_again(void **state)
{
    fixture f;
    for (int i = 0; i < 50; i++) { /* drivers may be loaded each time: one got tired after 25 */
        fixture_open_instance(&f, *state);
        fixture_close(&f);
    }
    for (int i = 0; i < 3; i++) {
        vector v;
        fixture_open(&f, *state, 1);
        vector_make(&f, &v, 0, ITEMS, false, 0, seed);
        vector_run(&f, &v);
        fixture_close(&f); /* frees the batch's memory too */
    }
}

static void a_device_opens_again_and_again(void **state)
{
    fixture f;
    fixture_open(&f, *state, 2);
    for (uint32_t i = 0; i < 5; i++) {
        const backend_open_options options = {.num_slots = 1 + 5 * i % BACKEND_SLOTS_MAX};
        vector v;
        assert_int_equal(f.ops->close(f.device), YOKE_OK);
        assert_int_equal(f.ops->open(f.instance, f.index, &options, &f.device), YOKE_OK);
        assert_int_equal(f.ops->compile(f.device, &fixture_vector, &f.vector), YOKE_OK);
        vector_make(&f, &v, options.num_slots - 1, ITEMS, false, 0, seed + i);
        vector_run(&f, &v);
    }
    fixture_close(&f);
}

static void wrong_options_are_refused(void **state)
{
    fixture f;
    backend_device *device = NULL;
    fixture_open_instance(&f, *state);
    const backend_open_options none = {.num_slots = 0};
    const backend_open_options many = {.num_slots = BACKEND_SLOTS_MAX + 1};
    const backend_open_options right = {.num_slots = 1};
    assert_int_equal(f.ops->open(f.instance, f.index, &none, &device), YOKE_INVALID);
    assert_int_equal(f.ops->open(f.instance, f.index, &many, &device), YOKE_INVALID);
    assert_int_equal(f.ops->open(f.instance, 1000, &right, &device), YOKE_INVALID);
    assert_null(device);
    fixture_close(&f);
}

/* Opens all that there is, and closes what was opened; YOKE_NO_MEMORY where that stopped it. */
static yoke_status open_all(const subject *backend, program *p)
{
    const backend_ops *ops = backend->ops;
    const backend_open_options options = {.num_slots = 4};
    fixture f = {.backend = backend, .ops = ops};
    backend_memory memory;
    char why_not[BACKEND_WHY_BYTES];
    uint32_t count;
    yoke_status status = ops->open_instance(&p->host, &f.instance, &count, why_not);
    if (status != YOKE_OK) {
        return status;
    }
    status = ops->open(f.instance, 0, &options, &f.device);
    if (status == YOKE_OK) {
        status = ops->compile(f.device, &fixture_vector, &f.vector);
        for (int kind = BACKEND_MEMORY_SHARED; kind <= BACKEND_MEMORY_DEVICE; kind++) {
            status = status == YOKE_OK ? ops->alloc(f.device, kind, 4096, &memory) : status;
        }
        assert_int_equal(ops->close(f.device), YOKE_OK);
    }
    ops->close_instance(f.instance);
    return status;
}

static void each_allocation_that_fails_is_told_and_leaves_nothing_behind(void **state)
{
    yoke_status status = YOKE_NO_MEMORY;
    uint32_t fail_at = 1;
    for (; status != YOKE_OK; fail_at++) {
        program p;
        program_start(&p);
        p.fail_at = fail_at;
        status = open_all(*state, &p);
        assert_true(status == YOKE_OK || status == YOKE_NO_MEMORY);
        assert_int_equal(p.live_bytes, 0);
        if (status == YOKE_OK && p.num_allocs >= p.fail_at) {
            status = YOKE_NO_MEMORY; /* it could do without that one: try the next */
        }
        assert_true(fail_at < 100);
    }
    assert_true(fail_at > 4);
}

/* -- memory ------------------------------------------------------------------------------------ */

static void memory_of_any_size_is_aligned_and_writable(void **state)
{
    static const size_t sizes[] = {1, 8, 4095, 4096, 4097, 65536, (1u << 20) + 3};
    enum { NUM_SIZES = sizeof sizes / sizeof sizes[0] };
    backend_memory memories[NUM_SIZES];
    fixture f;
    fixture_open(&f, *state, 1);
    for (int i = 0; i < NUM_SIZES; i++) {
        assert_int_equal(f.ops->alloc(f.device, BACKEND_MEMORY_SHARED, sizes[i], &memories[i]),
                         YOKE_OK);
        assert_int_equal((uintptr_t)memories[i].host % 4096, 0);
        assert_int_not_equal(memories[i].address, 0);
        assert_int_equal(memories[i].address % 16, 0);
        assert_int_equal(memories[i].bytes, sizes[i]);
        memset(memories[i].host, i + 1, sizes[i]);
    }
    for (int i = 0; i < NUM_SIZES; i++) {
        const uint8_t *bytes = memories[i].host;
        assert_int_equal(bytes[0], i + 1);
        assert_int_equal(bytes[sizes[i] - 1], i + 1);
    }
    for (int i = 0; i < NUM_SIZES; i += 2) { /* the rest is close's */
        f.ops->release(f.device, &memories[i]);
    }
    fixture_close(&f);
}

static void impossible_sizes_are_refused(void **state)
{
    static const size_t too_large[] = {SIZE_MAX, SIZE_MAX - 4095, SIZE_MAX / 2, (size_t)1 << 50};
    fixture f;
    backend_memory memory;
    vector v;
    fixture_open(&f, *state, 1);
    assert_int_equal(f.ops->alloc(f.device, BACKEND_MEMORY_SHARED, 0, &memory), YOKE_INVALID);
    for (size_t i = 0; i < sizeof too_large / sizeof too_large[0]; i++) {
        assert_int_equal(f.ops->alloc(f.device, BACKEND_MEMORY_SHARED, too_large[i], &memory),
                         YOKE_NO_MEMORY);
    }
    vector_make(&f, &v, 0, ITEMS, false, 0, seed); /* and nothing is the worse for it */
    vector_run(&f, &v);
    fixture_close(&f);
}

static void *map_pages(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    return pages;
}

static void imported_memory_is_read_and_written_in_place(void **state)
{
    size_t bytes = (vector_bytes(ITEMS) + 4095) & ~(size_t)4095;
    fixture f;
    vector v;
    fixture_open(&f, *state, 1);
    void *pages = map_pages(bytes);
    assert_int_equal(f.ops->import(f.device, pages, bytes, &v.memory), YOKE_OK);
    assert_ptr_equal(v.memory.host, pages);
    assert_int_equal(v.memory.bytes, bytes);
    vector_lay_out(&v, 0, ITEMS, false, 0, seed);
    vector_run(&f, &v);
    vector_release(&f, &v);
    assert_int_equal(vector_num_wrong(&v), 0); /* the pages are still the host's */
    fixture_close(&f);
    assert_int_equal(munmap(pages, bytes), 0);
}

static void parts_of_pages_cannot_be_imported(void **state)
{
    fixture f;
    backend_memory memory;
    fixture_open(&f, *state, 1);
    uint8_t *pages = map_pages(8192);
    assert_int_equal(f.ops->import(f.device, pages + 64, 4096, &memory), YOKE_INVALID);
    assert_int_equal(f.ops->import(f.device, pages, 4000, &memory), YOKE_INVALID);
    assert_int_equal(f.ops->import(f.device, pages, 0, &memory), YOKE_INVALID);
    fixture_close(&f);
    assert_int_equal(munmap(pages, 8192), 0);
}

/* -- kernels ----------------------------------------------------------------------------------- */

static void assert_refused(fixture *f, const backend_kernel_desc *desc)
{
    backend_kernel *kernel = NULL;
    uint32_t before = f->p.num_lines;
    assert_int_equal(f->ops->compile(f->device, desc, &kernel), YOKE_INVALID);
    assert_null(kernel);
    assert_int_equal(f->p.num_lines, before + f->backend->reads_spirv);
}

static void a_kernel_that_is_not_there_is_refused(void **state)
{
    fixture f;
    vector v;
    backend_kernel_desc desc = fixture_vector;
    fixture_open(&f, *state, 1);
    desc.spirv = NULL;
    desc.spirv_bytes = 0;
    desc.cpu = NULL;
    assert_refused(&f, &desc);
    vector_make(&f, &v, 0, ITEMS, false, 0, seed);
    vector_run(&f, &v);
    fixture_close(&f);
}

static void a_damaged_kernel_is_refused(void **state)
{
    static uint32_t words[4096];
    fixture_random random = fixture_random_of(seed);
    fixture f;
    backend_kernel_desc desc = fixture_vector;
    fixture_open(&f, *state, 1);
    for (size_t i = 0; i < 4096; i++) {
        words[i] = (uint32_t)fixture_random_next(&random);
    }
    desc.spirv = words;
    desc.spirv_bytes = sizeof words;
    assert_refused(&f, &desc); /* noise */
    words[0] = fixture_vector.spirv[0];
    assert_refused(&f, &desc); /* noise that begins well */
    desc.spirv = fixture_vector.spirv;
    for (size_t bytes = 0; bytes < fixture_vector.spirv_bytes; bytes++) {
        desc.spirv_bytes = bytes;
        assert_refused(&f, &desc);
    }
    fixture_close(&f);
}

static void a_kernel_that_is_not_as_described_is_refused(void **state)
{
    fixture f;
    fixture_open(&f, *state, 1);
    backend_kernel_desc desc = fixture_vector;
    desc.entry = "mai";
    assert_refused(&f, &desc);
    desc.entry = "main2";
    assert_refused(&f, &desc);
    desc = fixture_vector;
    desc.local_size = 32;
    assert_refused(&f, &desc);
    desc.local_size = 0;
    assert_refused(&f, &desc);
    fixture_close(&f);
}

/* -- batches ----------------------------------------------------------------------------------- */

static void a_batch_of_any_size_is_right(void **state)
{
    static const uint32_t sizes[] = {1, 2, 63, 64, 65, 127, 128, 129, 4095, 100000};
    fixture f;
    fixture_open(&f, *state, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        vector v;
        vector_make(&f, &v, 0, sizes[i], false, 3, seed + i);
        vector_run(&f, &v);
        vector_release(&f, &v);
    }
    fixture_close(&f);
}

/* More workgroups than a row of a dispatch holds, and not a multiple of a row. */
static void a_batch_of_more_than_65535_workgroups_is_right(void **state)
{
    fixture f;
    vector v;
    fixture_open(&f, *state, 1);
    vector_make(&f, &v, 0, 65535 * 64 + 100, false, 0, seed);
    vector_run(&f, &v);
    fixture_close(&f);
}

static void items_share_params_or_have_their_own(void **state)
{
    fixture f;
    vector shared, own;
    fixture_open(&f, *state, 1);
    vector_make(&f, &shared, 0, ITEMS, false, 1, seed);
    vector_make(&f, &own, 0, ITEMS, true, 1, seed + 1);
    vector_run(&f, &shared);
    vector_run(&f, &own);
    assert_int_not_equal(own.params[0], own.params[2]);
    fixture_close(&f);
}

#define SPANS_ITEMS 300

static void spans_are_read_where_they_lie(void **state)
{
    fixture f;
    backend_memory memory;
    backend_kernel *kernel;
    fixture_random random = fixture_random_of(seed);
    uint64_t value, expected[SPANS_ITEMS] = {0};
    fixture_open(&f, *state, 1);
    assert_int_equal(f.ops->compile(f.device, &fixture_spans, &kernel), YOKE_OK);
    assert_int_equal(f.ops->alloc(f.device, BACKEND_MEMORY_SHARED, 1 << 20, &memory), YOKE_OK);
    backend_block *block = memory.host;
    backend_span *spans = (backend_span *)((uint8_t *)memory.host + 256);
    uint64_t *numbers = (uint64_t *)((uint8_t *)memory.host + 16384), at = 0;
    for (uint32_t i = 0; i < SPANS_ITEMS; i++) {
        uint64_t count = fixture_random_below(&random, 100); /* 0: an empty one */
        spans[i] = (backend_span){memory.address + 16384 + at * 8, count * 8};
        for (uint64_t k = 0; k < count; k++) {
            numbers[at + k] = fixture_random_next(&random);
            expected[i] += numbers[at + k];
        }
        at += count;
    }
    *block = (backend_block){
        .in = {memory.address + 256}, .out = memory.address + 8192, .num_items = SPANS_ITEMS};
    const backend_op op = {.kind = BACKEND_OP_ITEMS, .kernel = kernel};
    backend_batch batch = {.ops = &op,
                           .num_ops = 1,
                           .num_items = SPANS_ITEMS,
                           .block = memory.address,
                           .block_host = block};
    assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_OK);
    assert_int_equal(f.ops->wait(f.device, value, FIXTURE_WAIT_NS), YOKE_OK);
    assert_memory_equal((uint8_t *)memory.host + 8192, expected, sizeof expected);
    fixture_close(&f);
}

/* -- order and waiting ------------------------------------------------------------------------- */

static void make_all_slots(fixture *f, vector *v, uint32_t num_slots, uint32_t rounds)
{
    for (uint32_t i = 0; i < num_slots; i++) {
        vector_make(f, &v[i], i, ITEMS + 77 * i, i % 2 == 1, rounds, seed + i);
    }
}

static void values_count_up_from_one_and_completion_only_grows(void **state)
{
    fixture f;
    vector v[4];
    backend_batch batches[4];
    uint64_t value = 0, before = 0, now = 0;
    fixture_open(&f, *state, 4);
    assert_int_equal(f.ops->completed(f.device, &now), YOKE_OK);
    assert_int_equal(now, 0);
    make_all_slots(&f, v, 4, 1000);
    for (int i = 0; i < 4; i++) {
        batches[i] = vector_batch(&f, &v[i]);
    }
    assert_int_equal(f.ops->submit(f.device, batches, 1, &value), YOKE_OK);
    assert_int_equal(value, 1);
    assert_int_equal(f.ops->submit(f.device, &batches[1], 3, &value), YOKE_OK);
    assert_int_equal(value, 4);
    while (now < 4) {
        assert_int_equal(f.ops->completed(f.device, &now), YOKE_OK);
        assert_in_range(now, before, 4);
        for (uint64_t i = before; i < now; i++) {
            assert_int_equal(vector_num_wrong(&v[i]), 0); /* complete: its output is there */
        }
        before = now;
    }
    fixture_close(&f);
}

static void all_slots_fly_at_once_and_are_used_again(void **state)
{
    fixture f;
    vector v[BACKEND_SLOTS_MAX];
    backend_batch batches[BACKEND_SLOTS_MAX];
    uint64_t value = 0, submitted = 0;
    fixture_random random = fixture_random_of(seed);
    fixture_open(&f, *state, BACKEND_SLOTS_MAX);
    make_all_slots(&f, v, BACKEND_SLOTS_MAX, 10);
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < BACKEND_SLOTS_MAX; i++) {
            vector_lay_out(&v[i], i, v[i].num_items, i % 2 == 1, round, seed + 100 * round + i);
            batches[i] = vector_batch(&f, &v[i]);
        }
        for (uint32_t at = 0, count; at < BACKEND_SLOTS_MAX; at += count) {
            count = 1 + (uint32_t)fixture_random_below(&random, BACKEND_SLOTS_MAX - at);
            assert_int_equal(f.ops->submit(f.device, &batches[at], count, &value), YOKE_OK);
            submitted += count;
            assert_int_equal(value, submitted);
        }
        assert_int_equal(f.ops->wait(f.device, value, FIXTURE_WAIT_NS), YOKE_OK);
        for (uint32_t i = 0; i < BACKEND_SLOTS_MAX; i++) {
            assert_int_equal(vector_num_wrong(&v[i]), 0);
        }
    }
    fixture_close(&f);
}

static void a_wait_ends_at_its_time_or_when_the_value_is_reached(void **state)
{
    fixture f;
    vector v;
    uint64_t value = 0;
    fixture_open(&f, *state, 1);
    vector_make(&f, &v, 0, SLOW_ITEMS, false, SLOW_ROUNDS, seed);
    backend_batch batch = vector_batch(&f, &v);
    assert_int_equal(f.ops->wait(f.device, 0, 0), YOKE_OK); /* where it begins */
    assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_OK);
    assert_int_equal(f.ops->wait(f.device, value, 0), YOKE_TIMEOUT);
    assert_int_equal(f.ops->wait(f.device, value + 1, 0), YOKE_INVALID); /* nothing gets there */
    assert_int_equal(f.ops->wait(f.device, value, FIXTURE_WAIT_NS), YOKE_OK);
    assert_int_equal(f.ops->wait(f.device, value, 0), YOKE_OK); /* still */
    assert_int_equal(vector_num_wrong(&v), 0);
    fixture_close(&f);
}

static void a_wrong_batch_is_refused_with_all_of_its_call(void **state)
{
    fixture f;
    vector v[3];
    backend_batch batches[3];
    uint64_t value = 77;
    fixture_open(&f, *state, 2);
    make_all_slots(&f, v, 3, 0);
    for (int i = 0; i < 3; i++) {
        batches[i] = vector_batch(&f, &v[i]);
    }
    assert_int_equal(f.ops->submit(f.device, batches, 0, &value), YOKE_INVALID);
    assert_int_equal(f.ops->submit(f.device, batches, 3, &value), YOKE_INVALID);     /* 2 slots */
    assert_int_equal(f.ops->submit(f.device, &batches[1], 2, &value), YOKE_INVALID); /* slot 2 */
    batches[1].num_items = 0;
    assert_int_equal(f.ops->submit(f.device, batches, 2, &value), YOKE_INVALID);
    assert_int_equal(value, 77);
    assert_int_equal(f.ops->submit(f.device, batches, 1, &value), YOKE_OK);
    assert_int_equal(value, 1); /* the refused took no value */
    assert_int_equal(f.ops->wait(f.device, value, FIXTURE_WAIT_NS), YOKE_OK);
    assert_int_equal(vector_num_wrong(&v[0]), 0);
    assert_int_equal(v[1].out[0], 0xa5a5a5a5);
    fixture_close(&f);
}

static void close_waits_for_what_is_in_flight(void **state)
{
    size_t bytes = (vector_bytes(SLOW_ITEMS) + 4095) & ~(size_t)4095;
    fixture f;
    vector v;
    uint64_t value;
    fixture_open(&f, *state, 1);
    void *pages = map_pages(bytes);
    assert_int_equal(f.ops->import(f.device, pages, bytes, &v.memory), YOKE_OK);
    vector_lay_out(&v, 0, SLOW_ITEMS, false, SLOW_ROUNDS, seed);
    backend_batch batch = vector_batch(&f, &v);
    assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_OK);
    fixture_close(&f);
    assert_int_equal(vector_num_wrong(&v), 0);
    assert_int_equal(munmap(pages, bytes), 0);
}

/* -- several at once --------------------------------------------------------------------------- */

#define PEER_ROUNDS 20

typedef struct peer {
    fixture f;
    vector v[4];
    uint32_t num_wrong;
} peer;

static void *peer_run(void *context)
{
    peer *p = context;
    backend_batch batches[4];
    for (uint32_t round = 0; round < PEER_ROUNDS; round++) {
        uint64_t value = 0;
        for (uint32_t i = 0; i < 4; i++) {
            vector_lay_out(&p->v[i], i, ITEMS, false, 5, seed + round);
            batches[i] = vector_batch(&p->f, &p->v[i]);
        }
        if (p->f.ops->submit(p->f.device, batches, 4, &value) != YOKE_OK ||
            p->f.ops->wait(p->f.device, value, FIXTURE_WAIT_NS) != YOKE_OK) {
            p->num_wrong++;
            return NULL;
        }
        for (uint32_t i = 0; i < 4; i++) {
            p->num_wrong += vector_num_wrong(&p->v[i]);
        }
    }
    return NULL;
}

static void two_instances_work_side_by_side(void **state)
{
    static peer peers[2];
    pthread_t threads[2];
    for (int k = 0; k < 2; k++) {
        fixture_open(&peers[k].f, *state, 4);
        peers[k].num_wrong = 0;
        for (uint32_t i = 0; i < 4; i++) {
            vector_make(&peers[k].f, &peers[k].v[i], i, ITEMS, false, 5, seed);
        }
    }
    for (int k = 0; k < 2; k++) {
        assert_int_equal(pthread_create(&threads[k], NULL, peer_run, &peers[k]), 0);
    }
    for (int k = 0; k < 2; k++) {
        assert_int_equal(pthread_join(threads[k], NULL), 0);
        assert_int_equal(peers[k].num_wrong, 0);
    }
    fixture_close(&peers[0].f);
    vector_run(&peers[1].f, &peers[1].v[0]); /* the other goes on */
    fixture_close(&peers[1].f);
}

/* -- loss -------------------------------------------------------------------------------------- */

static void a_lost_device_stays_lost_until_it_is_opened_again(void **state)
{
    const subject *backend = *state;
    const backend_open_options options = {.num_slots = 2};
    fixture f;
    vector v;
    backend_kernel *kernel;
    backend_memory memory;
    uint64_t value = 0, begin_ns, end_ns;
    fixture_open(&f, backend, 2);
    vector_make(&f, &v, 0, ITEMS, false, 0, seed);
    backend_batch batch = vector_batch(&f, &v);
    assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_OK);
    backend->lose(f.device);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(f.ops->wait(f.device, value, FIXTURE_WAIT_NS), YOKE_NO_DEVICE);
        assert_int_equal(f.ops->completed(f.device, &value), YOKE_NO_DEVICE);
        assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_NO_DEVICE);
        assert_int_equal(f.ops->compile(f.device, &fixture_vector, &kernel), YOKE_NO_DEVICE);
        assert_int_equal(f.ops->alloc(f.device, BACKEND_MEMORY_SHARED, 4096, &memory),
                         YOKE_NO_DEVICE);
        assert_int_equal(f.ops->alloc(f.device, BACKEND_MEMORY_DEVICE, 4096, &memory),
                         YOKE_NO_DEVICE);
        assert_int_equal(f.ops->import(f.device, &f, 4096, &memory), YOKE_NO_DEVICE);
        assert_int_equal(f.ops->times(f.device, 0, &begin_ns, &end_ns), YOKE_NO_DEVICE);
    }
    vector_release(&f, &v);
    assert_int_equal(f.ops->close(f.device), YOKE_OK);
    if (backend->heal != NULL) {
        backend->heal();
    }
    assert_int_equal(f.ops->open(f.instance, f.index, &options, &f.device), YOKE_OK);
    assert_int_equal(f.ops->compile(f.device, &fixture_vector, &f.vector), YOKE_OK);
    vector_make(&f, &v, 0, ITEMS, false, 0, seed);
    vector_run(&f, &v);
    fixture_close(&f);
}

#define CONFORMANCE(test) cmocka_unit_test_prestate(test, (void *)backend)

int conformance_run(const subject *backend)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE(a_device_is_described),
        CONFORMANCE(an_instance_opens_again_and_again),
        CONFORMANCE(a_device_opens_again_and_again),
        CONFORMANCE(wrong_options_are_refused),
        CONFORMANCE(each_allocation_that_fails_is_told_and_leaves_nothing_behind),
        CONFORMANCE(memory_of_any_size_is_aligned_and_writable),
        CONFORMANCE(impossible_sizes_are_refused),
        CONFORMANCE(imported_memory_is_read_and_written_in_place),
        CONFORMANCE(parts_of_pages_cannot_be_imported),
        CONFORMANCE(a_kernel_that_is_not_there_is_refused),
        CONFORMANCE(a_batch_of_any_size_is_right),
        CONFORMANCE(a_batch_of_more_than_65535_workgroups_is_right),
        CONFORMANCE(items_share_params_or_have_their_own),
        CONFORMANCE(spans_are_read_where_they_lie),
        CONFORMANCE(values_count_up_from_one_and_completion_only_grows),
        CONFORMANCE(all_slots_fly_at_once_and_are_used_again),
        CONFORMANCE(a_wait_ends_at_its_time_or_when_the_value_is_reached),
        CONFORMANCE(a_wrong_batch_is_refused_with_all_of_its_call),
        CONFORMANCE(close_waits_for_what_is_in_flight),
        CONFORMANCE(two_instances_work_side_by_side),
    };
    const struct CMUnitTest spirv_tests[] = {
        CONFORMANCE(a_damaged_kernel_is_refused),
        CONFORMANCE(a_kernel_that_is_not_as_described_is_refused),
    };
    const struct CMUnitTest loss_tests[] = {
        CONFORMANCE(a_lost_device_stays_lost_until_it_is_opened_again),
    };
    seed = fixture_seed();
    int num_failed = cmocka_run_group_tests_name(backend->ops->name, tests, NULL, NULL);
    num_failed += operations_run(backend, seed);
    if (backend->reads_spirv) {
        num_failed += cmocka_run_group_tests_name("SPIR-V", spirv_tests, NULL, NULL);
    }
    if (backend->lose != NULL) {
        num_failed += cmocka_run_group_tests_name("loss", loss_tests, NULL, NULL);
    }
    return num_failed;
}
