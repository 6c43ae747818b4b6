/*
 * The part of the conformance suite about what a batch is made of: copies, fills, dispatches and
 * kernels over items, one after the other; and how long a batch took.
 *
 * A backend that reads no SPIR-V has no dispatches: it must refuse them.
 */
#include "tests/backends/conformance.h"

#include <sys/mman.h>
#include <time.h>

#include "tests/backends/fixture.h"
#include "tests/backends/steps.spv.h"

#define GUARD UINT32_C(0x5a5a5a5a)
#define PLACE(memory_, offset_)                                                                    \
    {                                                                                              \
        .memory = (memory_), .offset = (offset_)                                                   \
    }

static uint64_t seed;

static const backend_kernel_desc steps = {
    .name = "steps",
    .spirv = steps_spv,
    .spirv_bytes = steps_spv_bytes,
    .entry = "main",
    .local_size = 64,
};

typedef struct steps_push {
    uint32_t from, to, count;
    uint32_t words[11];
} steps_push;

_Static_assert(sizeof(steps_push) == YOKE_PUSH_BYTES_MAX, "as many as there may be");

static backend_memory alloc(fixture *f, backend_memory_kind kind, size_t bytes)
{
    backend_memory memory;
    assert_int_equal(f->ops->alloc(f->device, kind, bytes, &memory), YOKE_OK);
    assert_int_equal(memory.bytes, bytes);
    assert_int_equal(memory.address % 16, 0);
    return memory;
}

static backend_op copy_op(const backend_memory *to, uint64_t to_at, const backend_memory *from,
                          uint64_t from_at, uint64_t bytes)
{
    return (backend_op){.kind = BACKEND_OP_COPY,
                        .to = PLACE(to, to_at),
                        .from = PLACE(from, from_at),
                        .bytes = bytes,
                        .waits = true};
}

static backend_op fill_op(const backend_memory *to, uint64_t at, uint64_t bytes, uint32_t word)
{
    return (backend_op){
        .kind = BACKEND_OP_FILL, .to = PLACE(to, at), .bytes = bytes, .word = word, .waits = true};
}

/* A batch of these operations, whose block is NULL or at the beginning of that memory. */
static backend_batch batch_of(const backend_op *ops, uint32_t num_ops, const backend_memory *block)
{
    return (backend_batch){.ops = ops,
                           .num_ops = num_ops,
                           .num_items = 1,
                           .block = block != NULL ? block->address : 0,
                           .block_host = block != NULL ? block->host : NULL};
}

static void run_batch(fixture *f, const backend_batch *batch)
{
    uint64_t value = 0;
    assert_int_equal(f->ops->submit(f->device, batch, 1, &value), YOKE_OK);
    assert_int_equal(f->ops->wait(f->device, value, FIXTURE_WAIT_NS), YOKE_OK);
}

static void run(fixture *f, const backend_op *ops, uint32_t num_ops)
{
    const backend_batch batch = batch_of(ops, num_ops, NULL);
    run_batch(f, &batch);
}

static void randomize(const backend_memory *memory, uint64_t variant)
{
    fixture_random random = fixture_random_of(seed + variant);
    uint32_t *words = memory->host;
    for (size_t i = 0; i < memory->bytes / 4; i++) {
        words[i] = (uint32_t)fixture_random_next(&random);
    }
}

/* -- memory ------------------------------------------------------------------------------------ */

static void the_devices_own_memory_is_not_the_hosts(void **state)
{
    static const size_t sizes[] = {1, 4, 4095, 4096, 65537, 1 << 20};
    static const size_t too_large[] = {SIZE_MAX, SIZE_MAX - 4095, SIZE_MAX / 2, (size_t)1 << 50};
    fixture f;
    backend_memory memory;
    fixture_open(&f, *state, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memory = alloc(&f, BACKEND_MEMORY_DEVICE, sizes[i]);
        assert_null(memory.host);
        assert_int_not_equal(memory.address, 0);
        if (i % 2 == 0) { /* the rest is close's */
            f.ops->release(f.device, &memory);
        }
    }
    assert_int_equal(f.ops->alloc(f.device, BACKEND_MEMORY_DEVICE, 0, &memory), YOKE_INVALID);
    for (size_t i = 0; i < sizeof too_large / sizeof too_large[0]; i++) {
        assert_int_equal(f.ops->alloc(f.device, BACKEND_MEMORY_DEVICE, too_large[i], &memory),
                         YOKE_NO_MEMORY);
    }
    fixture_close(&f);
}

/* -- copies and fills -------------------------------------------------------------------------- */

enum { COPY_WORDS = 50000 };

/* Asserts that `words` at `at` are those of `expected`, and that all around is as it was. */
static void check_words(const backend_memory *memory, uint32_t at, const uint32_t *expected,
                        uint32_t words)
{
    const uint32_t *found = memory->host;
    for (uint32_t i = 0; i < memory->bytes / 4; i++) {
        bool is_inside = i >= at && i < at + words;
        assert_int_equal(found[i], is_inside ? expected[i - at] : GUARD);
    }
}

static void guard(const backend_memory *memory)
{
    uint32_t *words = memory->host;
    for (size_t i = 0; i < memory->bytes / 4; i++) {
        words[i] = GUARD;
    }
}

/* From the host's memory to the device's own and back, each at other offsets. */
static void copies_carry_words_to_the_device_and_back(void **state)
{
    static const uint32_t sizes[] = {1, 2, 3, 63, 64, 65, 1000, COPY_WORDS - 10};
    fixture f;
    fixture_open(&f, *state, 1);
    backend_memory from = alloc(&f, BACKEND_MEMORY_SHARED, COPY_WORDS * 4);
    backend_memory far = alloc(&f, BACKEND_MEMORY_DEVICE, COPY_WORDS * 4);
    backend_memory back = alloc(&f, BACKEND_MEMORY_SHARED, COPY_WORDS * 4);
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t bytes = 4 * sizes[i];
        const backend_op ops[] = {
            copy_op(&far, 4 * i, &from, 8, bytes),
            copy_op(&back, 4 * (10 - i), &far, 4 * i, bytes),
        };
        randomize(&from, i);
        guard(&back);
        run(&f, ops, 2);
        check_words(&back, 10 - i, (uint32_t *)from.host + 2, sizes[i]);
    }
    fixture_close(&f);
}

static void imported_memory_is_copied_from_and_to(void **state)
{
    enum { BYTES = 1 << 20 };
    fixture f;
    backend_memory imported;
    fixture_open(&f, *state, 1);
    uint32_t *pages = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(f.ops->import(f.device, pages, BYTES, &imported), YOKE_OK);
    backend_memory far = alloc(&f, BACKEND_MEMORY_DEVICE, BYTES / 2);
    randomize(&imported, 0);
    const backend_op ops[] = {
        copy_op(&far, 0, &imported, 0, BYTES / 2),
        copy_op(&imported, BYTES / 2, &far, 0, BYTES / 2),
    };
    run(&f, ops, 2);
    assert_memory_equal(pages, (char *)pages + BYTES / 2, BYTES / 2);
    f.ops->release(f.device, &imported);
    fixture_close(&f);
    assert_int_equal(munmap(pages, BYTES), 0);
}

static void a_fill_writes_its_word_over_its_range_alone(void **state)
{
    static const uint32_t sizes[] = {1, 2, 7, 1024, COPY_WORDS - 20};
    static uint32_t expected[COPY_WORDS];
    fixture f;
    fixture_open(&f, *state, 1);
    backend_memory near = alloc(&f, BACKEND_MEMORY_SHARED, COPY_WORDS * 4);
    backend_memory far = alloc(&f, BACKEND_MEMORY_DEVICE, COPY_WORDS * 4);
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t word = 0x01020304u * (i + 1), at = 3 + i;
        for (uint32_t k = 0; k < sizes[i]; k++) {
            expected[k] = word;
        }
        const backend_op direct = fill_op(&near, 4 * at, 4 * sizes[i], word);
        guard(&near);
        run(&f, &direct, 1);
        check_words(&near, at, expected, sizes[i]);
        const backend_op through[] = {
            fill_op(&far, 0, COPY_WORDS * 4, GUARD),
            fill_op(&far, 4 * at, 4 * sizes[i], word),
            copy_op(&near, 0, &far, 0, COPY_WORDS * 4),
        };
        memset(near.host, 0, near.bytes);
        run(&f, through, 3);
        check_words(&near, at, expected, sizes[i]);
    }
    fixture_close(&f);
}

/* What a staged batch is: copies in, a kernel over the items, a copy out. */
static void a_kernel_works_on_copies_in_the_devices_own_memory(void **state)
{
    enum { ITEMS = 5000 };
    fixture f;
    vector v;
    fixture_open(&f, *state, 1);
    for (int round = 0; round < 3; round++) {
        vector_make(&f, &v, 0, ITEMS, round == 1, 2, seed + (uint64_t)round);
        backend_memory far = alloc(&f, BACKEND_MEMORY_DEVICE, 3 * ITEMS * 4);
        uint64_t at[2], out_at = v.block->out - v.memory.address;
        for (int k = 0; k < 2; k++) {
            at[k] = v.block->in[k] - v.memory.address;
            v.block->in[k] = far.address + (uint64_t)k * ITEMS * 4;
        }
        v.block->out = far.address + UINT64_C(2) * ITEMS * 4;
        backend_op ops[] = {
            copy_op(&far, 0, &v.memory, at[0], ITEMS * 4),
            copy_op(&far, ITEMS * 4, &v.memory, at[1], ITEMS * 4),
            {.kind = BACKEND_OP_ITEMS, .kernel = f.vector, .waits = true},
            copy_op(&v.memory, out_at, &far, UINT64_C(2) * ITEMS * 4, ITEMS * 4),
        };
        ops[0].waits = ops[1].waits = false; /* side by side */
        backend_batch batch = vector_batch(&f, &v);
        batch.ops = ops;
        batch.num_ops = 4;
        run_batch(&f, &batch);
        assert_int_equal(vector_num_wrong(&v), 0);
        f.ops->release(f.device, &far);
        vector_release(&f, &v);
    }
    fixture_close(&f);
}

/* -- dispatches -------------------------------------------------------------------------------- */

enum { CHAIN_STEPS = 20, CHAIN_COUNT = 40000 };

/* Numbers in and out in memory of the host's, and two rows of them in the device's own. */
typedef struct chain {
    fixture f;
    backend_kernel *kernel;
    backend_memory memory, far;
    backend_block *block;
    uint32_t *in, *out;
    uint32_t expected[2][CHAIN_COUNT];
} chain;

static void chain_open(chain *c, void *state)
{
    enum { BYTES = CHAIN_COUNT * 4, IN_AT = 256, OUT_AT = IN_AT + (BYTES + 255) / 256 * 256 };
    fixture_open(&c->f, state, 2);
    assert_int_equal(c->f.ops->compile(c->f.device, &steps, &c->kernel), YOKE_OK);
    c->memory = alloc(&c->f, BACKEND_MEMORY_SHARED, OUT_AT + BYTES);
    c->far = alloc(&c->f, BACKEND_MEMORY_DEVICE, UINT64_C(2) * BYTES);
    randomize(&c->memory, 0);
    c->block = c->memory.host;
    c->in = (uint32_t *)((char *)c->memory.host + IN_AT);
    c->out = (uint32_t *)((char *)c->memory.host + OUT_AT);
    *c->block = (backend_block){
        .in = {c->memory.address + IN_AT},
        .out = c->memory.address + OUT_AT,
        .num_items = 1,
        .scratch = {c->far.address, c->far.address + BYTES},
    };
}

/* A dispatch of the steps in a box of workgroups that is just large enough. */
static backend_op steps_op(const chain *c, const steps_push *push)
{
    uint32_t groups = (push->count + 63) / 64;
    backend_op op = {
        .kind = BACKEND_OP_DISPATCH,
        .kernel = c->kernel,
        .groups = {(groups + 14) / 15, 3, 5},
        .push_bytes = sizeof *push,
        .waits = true,
    };
    memcpy(op.push, push, sizeof *push);
    return op;
}

/* The same on the CPU. */
static void steps_cpu(const steps_push *push, const uint32_t *from, uint32_t *to)
{
    uint32_t sum = 0;
    for (uint32_t k = 0; k < 11; k++) {
        sum += (k + 1) * push->words[k];
    }
    for (uint32_t i = 0; i < push->count; i++) {
        to[i] = 3 * from[(UINT64_C(7919) * i + 5) % push->count] + sum;
    }
}

static steps_push random_push(fixture_random *random, uint32_t from, uint32_t to, uint32_t count)
{
    steps_push push = {.from = from, .to = to, .count = count};
    for (uint32_t k = 0; k < 11; k++) {
        push.words[k] = (uint32_t)fixture_random_next(random);
    }
    return push;
}

static void a_dispatch_runs_a_box_of_workgroups_with_its_push_constants(void **state)
{
    static chain c;
    fixture_random random = fixture_random_of(seed);
    chain_open(&c, *state);
    for (uint32_t count = 1; count <= CHAIN_COUNT; count = 3 * count + 1) {
        steps_push push = random_push(&random, 0, 0, count);
        backend_op op = steps_op(&c, &push);
        const backend_batch batch = batch_of(&op, 1, &c.memory);
        for (uint32_t i = 0; i < CHAIN_COUNT; i++) {
            c.out[i] = GUARD;
        }
        run_batch(&c.f, &batch);
        steps_cpu(&push, c.in, c.expected[0]);
        assert_memory_equal(c.out, c.expected[0], count * 4);
        for (uint32_t i = count; i < CHAIN_COUNT; i++) {
            assert_int_equal(c.out[i], GUARD);
        }
    }
    fixture_close(&c.f);
}

/* Each step reads what the one before it wrote, all over the place. */
static void chain_run(chain *c, fixture_random *random, uint32_t slot)
{
    backend_op ops[CHAIN_STEPS];
    const uint32_t *before = c->in;
    for (uint32_t k = 0; k < CHAIN_STEPS; k++) {
        uint32_t from = k == 0 ? 0 : 1 + (k - 1) % 2, to = k + 1 == CHAIN_STEPS ? 0 : 1 + k % 2;
        steps_push push = random_push(random, from, to, CHAIN_COUNT);
        ops[k] = steps_op(c, &push);
        steps_cpu(&push, before, c->expected[k % 2]);
        before = c->expected[k % 2];
    }
    ops[0].waits = false;
    backend_batch batch = batch_of(ops, CHAIN_STEPS, &c->memory);
    batch.slot = slot;
    run_batch(&c->f, &batch);
    assert_memory_equal(c->out, before, sizeof c->expected[0]);
}

static void each_step_of_a_chain_sees_what_the_one_before_it_wrote(void **state)
{
    static chain c;
    fixture_random random = fixture_random_of(seed);
    chain_open(&c, *state);
    for (uint32_t round = 0; round < 20; round++) {
        chain_run(&c, &random, round % 2);
    }
    fixture_close(&c.f);
}

/* Copies, fills and dispatches by turns. */
static void all_kinds_of_operations_see_each_others_results(void **state)
{
    enum { COUNT = 10000, BYTES = COUNT * 4, HALF = COUNT / 2 };
    static chain c;
    fixture_random random = fixture_random_of(seed);
    chain_open(&c, *state);
    steps_push first = random_push(&random, 1, 2, COUNT),
               second = random_push(&random, 1, 0, COUNT);
    const uint64_t row = CHAIN_COUNT * 4, in_at = c.block->in[0] - c.memory.address;
    const backend_op ops[] = {
        copy_op(&c.far, 0, &c.memory, in_at, BYTES),
        fill_op(&c.far, 0, 4 * HALF, 0x01010101),
        steps_op(&c, &first),
        fill_op(&c.far, row, 400, 9),
        copy_op(&c.far, 0, &c.far, row, BYTES),
        steps_op(&c, &second),
    };
    const backend_batch batch = batch_of(ops, 6, &c.memory);
    run_batch(&c.f, &batch);
    memcpy(c.expected[0], c.in, BYTES);
    memset(c.expected[0], 1, 4 * HALF);
    steps_cpu(&first, c.expected[0], c.expected[1]);
    for (uint32_t i = 0; i < 100; i++) {
        c.expected[1][i] = 9;
    }
    steps_cpu(&second, c.expected[1], c.expected[0]);
    assert_memory_equal(c.out, c.expected[0], BYTES);
    fixture_close(&c.f);
}

static void what_runs_no_shaders_refuses_them(void **state)
{
    fixture f;
    vector v;
    uint64_t value = 77;
    backend_kernel *kernel = NULL;
    fixture_open(&f, *state, 1);
    assert_int_equal(f.ops->compile(f.device, &steps, &kernel), YOKE_INVALID);
    assert_null(kernel);
    const backend_op op = {.kind = BACKEND_OP_DISPATCH, .kernel = f.vector, .groups = {1, 1, 1}};
    const backend_batch batch = batch_of(&op, 1, NULL);
    assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_INVALID);
    assert_int_equal(value, 77);
    vector_make(&f, &v, 0, 100, false, 0, seed);
    vector_run(&f, &v);
    fixture_close(&f);
}

/* -- bad operations ---------------------------------------------------------------------------- */

enum { BAD_BYTES = 4096 };

enum { BAD_MAX = 128 };

typedef struct bad_ops {
    backend_op ops[BAD_MAX];
    uint32_t count;
} bad_ops;

static void bad_add(bad_ops *bad, backend_op op)
{
    assert_true(bad->count < BAD_MAX);
    bad->ops[bad->count++] = op;
}

static void bad_add_ranges(bad_ops *bad, const backend_memory *a, const backend_memory *b)
{
    static const struct {
        uint64_t offset, bytes;
    } ranges[] = {
        {0, 0},
        {0, 1},
        {0, 2},
        {0, 7},
        {2, 4},
        {1, 4},
        {0, BAD_BYTES + 4},
        {4, BAD_BYTES},
        {BAD_BYTES, 4},
        {BAD_BYTES + 4, 4},
        {UINT64_MAX - 3, 4},
        {4, UINT64_MAX - 3},
        {UINT64_MAX - 3, UINT64_MAX - 3},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        uint64_t at = ranges[i].offset, bytes = ranges[i].bytes;
        bad_add(bad, copy_op(a, at, b, 0, bytes));
        bad_add(bad, copy_op(a, 0, b, at, bytes));
        bad_add(bad, fill_op(a, at, bytes, 0));
    }
    bad_add(bad, copy_op(NULL, 0, b, 0, 4));
    bad_add(bad, copy_op(a, 0, NULL, 0, 4));
    bad_add(bad, fill_op(NULL, 0, 4, 0));
}

static void bad_add_dispatches(bad_ops *bad, backend_kernel *kernel)
{
    static const uint32_t groups[][3] = {
        {0, 1, 1}, {1, 0, 1}, {1, 1, 0}, {65536, 1, 1}, {1, 65536, 1}, {1, 1, UINT32_MAX},
    };
    backend_op op = {.kind = BACKEND_OP_DISPATCH, .kernel = kernel};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        memcpy(op.groups, groups[i], sizeof groups[i]);
        bad_add(bad, op);
    }
    op.groups[0] = op.groups[1] = op.groups[2] = 1;
    for (uint32_t push_bytes = 1; push_bytes < 1000; push_bytes += 59) {
        op.push_bytes = push_bytes + (push_bytes > 56) * 3;
        if (op.push_bytes % 4 != 0 || op.push_bytes > YOKE_PUSH_BYTES_MAX) {
            bad_add(bad, op);
        }
    }
}

/* In a batch of good ones, and that in a call with a good batch: nothing of it runs. */
static void an_operation_out_of_bounds_is_refused_with_all_of_its_call(void **state)
{
    const subject *backend = *state;
    static bad_ops bad;
    fixture f;
    uint64_t value = 77;
    fixture_open(&f, backend, 2);
    backend_memory a = alloc(&f, BACKEND_MEMORY_SHARED, BAD_BYTES);
    backend_memory b = alloc(&f, BACKEND_MEMORY_DEVICE, BAD_BYTES);
    bad.count = 0;
    bad_add_ranges(&bad, &a, &b);
    bad_add_ranges(&bad, &b, &a);
    if (backend->reads_spirv) {
        bad_add_dispatches(&bad, f.vector);
    }
    guard(&a);
    for (uint32_t i = 0; i < bad.count; i++) {
        const backend_op good = fill_op(&a, 0, BAD_BYTES, 1);
        const backend_op ops[] = {good, bad.ops[i], good};
        backend_batch batches[] = {batch_of(&good, 1, NULL), batch_of(ops, 3, NULL)};
        batches[1].slot = 1;
        if (f.ops->submit(f.device, batches, 2, &value) != YOKE_INVALID ||
            f.ops->submit(f.device, &batches[1], 1, &value) != YOKE_INVALID) {
            fail_msg("bad operation %u", i);
        }
    }
    const backend_batch nothing = batch_of(NULL, 0, NULL);
    assert_int_equal(f.ops->submit(f.device, &nothing, 1, &value), YOKE_INVALID);
    assert_int_equal(value, 77);
    check_words(&a, 0, NULL, 0);
    const backend_op last = fill_op(&a, BAD_BYTES - 4, 4, 5); /* nothing is the worse for it */
    const uint32_t five = 5;
    run(&f, &last, 1);
    check_words(&a, BAD_BYTES / 4 - 1, &five, 1);
    fixture_close(&f);
}

/* -- the same slot again ----------------------------------------------------------------------- */

static const uint32_t again_items[] = {500, 500, 500, 512, 500, 64, 65, 4097, 500, 1};

/* A batch that is one kernel may be recorded once; what it reads is read anew. Whatever changes,
 * the kernel, the number of items or where the block is, changes what runs. */
static void a_slot_runs_what_it_is_given_each_time(void **state)
{
    fixture f;
    vector v[2];
    backend_kernel *same;
    fixture_open(&f, *state, 1);
    assert_int_equal(f.ops->compile(f.device, &fixture_vector, &same), YOKE_OK);
    vector_make(&f, &v[0], 0, 4097, false, 0, seed);
    vector_make(&f, &v[1], 0, 4097, true, 0, seed);
    for (uint32_t round = 0; round < 100; round++) { /* only the inputs change */
        vector_lay_out(&v[0], 0, 1000, false, round % 3, seed + round);
        vector_run(&f, &v[0]);
    }
    for (uint32_t round = 0; round < 100; round++) {
        vector *now = &v[round / 3 % 2];
        vector_lay_out(now, 0, again_items[round % 10], round % 7 < 3, round % 2, seed + round);
        if (round % 5 == 4) { /* another kernel, of the same code */
            backend_kernel *swap = f.vector;
            f.vector = same;
            same = swap;
        }
        if (round % 11 == 10) { /* something else altogether */
            const backend_op op =
                fill_op(&now->memory, now->block->out - now->memory.address, 4, 0);
            run(&f, &op, 1);
            assert_int_equal(now->out[0], 0);
        }
        vector_run(&f, now);
    }
    fixture_close(&f);
}

static void the_spans_kernel_follows_the_vector_kernel_in_a_slot(void **state)
{
    enum { ITEMS = 100 };
    fixture f;
    vector v;
    backend_kernel *spans;
    fixture_open(&f, *state, 1);
    assert_int_equal(f.ops->compile(f.device, &fixture_spans, &spans), YOKE_OK);
    backend_memory numbers = alloc(&f, BACKEND_MEMORY_SHARED, 4096);
    vector_make(&f, &v, 0, 2 * ITEMS, false, 0, seed);
    randomize(&numbers, 1);
    for (int round = 0; round < 10; round++) {
        vector_lay_out(&v, 0, 2 * ITEMS, false, 0, seed + (uint64_t)round);
        vector_run(&f, &v);
        /* The same block, now of spans: in the place of the params that each item could have. */
        backend_span *all = (backend_span *)(void *)v.params;
        uint64_t *sums = (uint64_t *)(void *)v.out;
        for (uint32_t i = 0; i < ITEMS; i++) {
            all[i] = (backend_span){numbers.address + 8 * i, 16};
        }
        v.block->in[0] = v.block->params;
        v.block->num_items = ITEMS;
        const backend_op op = {.kind = BACKEND_OP_ITEMS, .kernel = spans};
        backend_batch batch = batch_of(&op, 1, &v.memory);
        batch.num_items = ITEMS;
        run_batch(&f, &batch);
        const uint64_t *from = numbers.host;
        for (uint32_t i = 0; i < ITEMS; i++) {
            assert_int_equal(sums[i], from[i] + from[i + 1]);
        }
    }
    fixture_close(&f);
}

/* -- times ------------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* On a clock of the device's own: only differences are known. */
static void batches_tell_when_they_began_and_ended(void **state)
{
    enum { ITEMS = 4096, ROUNDS = 20000 };
    fixture f;
    vector quick, slow;
    uint64_t begin_ns = 0, end_ns = 0, last_end_ns = 0, first_begin_ns = 0;
    fixture_open(&f, *state, 4);
    vector_make(&f, &quick, 3, 100, false, 0, seed);
    vector_make(&f, &slow, 1, ITEMS, false, ROUNDS, seed);
    uint64_t began_ns = now_ns();
    for (int round = 0; round < 10; round++) {
        vector *v = round == 5 ? &slow : &quick;
        uint64_t submitted_ns = now_ns();
        vector_run(&f, v);
        uint64_t took_ns = now_ns() - submitted_ns;
        yoke_status status = f.ops->times(f.device, v->slot, &begin_ns, &end_ns);
        if (status == YOKE_UNSUPPORTED) {
            print_message("%s has no clock\n", f.ops->name);
            break;
        }
        assert_int_equal(status, YOKE_OK);
        assert_true(end_ns >= begin_ns);
        assert_true(round == 0 || begin_ns >= last_end_ns); /* each waited for the last */
        assert_true(end_ns - begin_ns <= took_ns + took_ns / 4 + 1000000); /* two clocks */
        assert_true(v == &quick || end_ns - begin_ns >= 10000); /* 80 million steps of one number */
        first_begin_ns = round == 0 ? begin_ns : first_begin_ns;
        last_end_ns = end_ns;
    }
    uint64_t all_ns = now_ns() - began_ns;
    assert_true(last_end_ns - first_begin_ns <= all_ns + all_ns / 4 + 1000000);
    fixture_close(&f);
}

#define OPERATION(test) cmocka_unit_test_prestate(test, (void *)backend)

int operations_run(const subject *backend, uint64_t from_seed)
{
    const struct CMUnitTest tests[] = {
        OPERATION(the_devices_own_memory_is_not_the_hosts),
        OPERATION(copies_carry_words_to_the_device_and_back),
        OPERATION(imported_memory_is_copied_from_and_to),
        OPERATION(a_fill_writes_its_word_over_its_range_alone),
        OPERATION(a_kernel_works_on_copies_in_the_devices_own_memory),
        OPERATION(an_operation_out_of_bounds_is_refused_with_all_of_its_call),
        OPERATION(a_slot_runs_what_it_is_given_each_time),
        OPERATION(the_spans_kernel_follows_the_vector_kernel_in_a_slot),
        OPERATION(batches_tell_when_they_began_and_ended),
    };
    const struct CMUnitTest with_shaders[] = {
        OPERATION(a_dispatch_runs_a_box_of_workgroups_with_its_push_constants),
        OPERATION(each_step_of_a_chain_sees_what_the_one_before_it_wrote),
        OPERATION(all_kinds_of_operations_see_each_others_results),
    };
    const struct CMUnitTest without_shaders[] = {
        OPERATION(what_runs_no_shaders_refuses_them),
    };
    seed = from_seed;
    int num_failed = cmocka_run_group_tests_name("operations", tests, NULL, NULL);
    return num_failed + (backend->reads_spirv
                             ? cmocka_run_group_tests_name("dispatches", with_shaders, NULL, NULL)
                             : cmocka_run_group_tests_name("none", without_shaders, NULL, NULL));
}
