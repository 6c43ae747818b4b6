/*
 * batch.h: layouts of many types, and batches of random jobs that a made-up device reads back item
 * by item through the block of parameters alone; when a batch takes no more and when it is due;
 * jobs whose own memory is used in place; and problems of programs, whose sizes follow from their
 * params and which need scratch.
 */
#include "runtime/batch.h"
#include "runtime/seal.h"

#include "runtime/type.h"
#include "tests/unit/testing.h"

#define PAGE UINT64_C(4096)
#define SLOT_ADDRESS (UINT64_C(1) << 40)  /* where the device sees the slot */
#define DEVICE_OFFSET (UINT64_C(1) << 41) /* how much higher it sees imported memory */
#define TARGET_MAX (UINT64_C(1) << 40)    /* as a policy may say */
#define NOW UINT64_C(1000000)

static batch b; /* too large for a stack */
static yoke_type type;

static yoke_status kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_OK;
}

/* A type of that shape; a 0 ends the inputs. */
static void make_type(const uint32_t in_bytes[YOKE_INPUTS_MAX], uint32_t out_bytes,
                      uint32_t params_bytes)
{
    yoke_type_desc desc = {
        .struct_bytes = sizeof desc,
        .name = "shape",
        .out_bytes = out_bytes,
        .params_bytes = params_bytes,
        .cpu = kernel,
    };
    memcpy(desc.in_bytes, in_bytes, sizeof desc.in_bytes);
    const char *what;
    assert_int_equal(type_check(&desc, &what), YOKE_OK);
    type_init(&type, NULL, &desc);
    type.num_kernels = 1; /* so that no job is plain */
}

#define SHAPE(out, params, ...)                                                                    \
    make_type((const uint32_t[YOKE_INPUTS_MAX]){__VA_ARGS__}, out, params)

static void copy_all(void *context, const batch_copy *copies, uint32_t num_copies)
{
    (void)context;
    for (uint32_t i = 0; i < num_copies; i++) {
        memcpy(copies[i].to, copies[i].from, copies[i].bytes);
    }
}

/* An empty batch of the type with a slot of so many bytes; end_batch gives them back. */
static void begin_batch(size_t bytes, uint64_t target_cost)
{
    b.memory = (backend_memory){
        .host = aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE),
        .address = SLOT_ADDRESS,
        .bytes = bytes,
    };
    b.copy = copy_all;
    assert_non_null(b.memory.host);
    memset(b.memory.host, 0xa5, bytes);
    batch_open(&b, &type, target_cost, NOW);
}

static void end_batch(void)
{
    free(b.memory.host);
}

/* Makes the job as submitted, with a ticket. */
static void begin_job(yoke_job *job, uint64_t item_cost)
{
    job_core *core = job_core_of(job);
    core->item_cost = item_cost;
    memset(core->params, 0, sizeof core->params);
    if (job->params != NULL) {
        memcpy(core->params, job->params, job->type->params_bytes);
    }
    job_begin_submitter(job);
    job_add_first_ticket_submitter(job);
}

static backend_kernel *const compiled = (backend_kernel *)(void *)&b; /* never looked into */

static void seal(void)
{
    assert_null(seal_batch(&b, &compiled, NULL, NULL));
}

static batch_added add(yoke_job *job)
{
    return batch_add(&b, job, NULL, NULL);
}

/* -- layout ------------------------------------------------------------------------------------ */

#define R YOKE_RAGGED

typedef struct shape {
    uint32_t in[YOKE_INPUTS_MAX];
    uint32_t out, params;
} shape;

static const shape shapes[] = {
    {{0}, 0, 0},          {{0}, 4, 0},
    {{4}, 4, 0},          {{4}, 0, 0},
    {{1}, 1, 0},          {{1}, 1, 1},
    {{3}, 5, 7},          {{64}, 32, 0},
    {{63}, 65, 31},       {{4}, 4, 32},
    {{0}, 0, 32},         {{32, 64}, 1, 0},
    {{1, 1, 1, 1}, 1, 1}, {{7, 11, 13, 17}, 19, 23},
    {{80}, 32, 8},        {{1000}, 10, 0},
    {{R}, 32, 0},         {{R}, 0, 0},
    {{R}, 1, 1},          {{R, 4}, 8, 0},
    {{4, R}, 8, 9},       {{R, R, R, R}, 32, 32},
    {{R, 1, R, 3}, 5, 8}, {{33, 65, 72}, 1, 16},
};

#define NUM_SHAPES (sizeof shapes / sizeof *shapes)

static void use_shape(size_t i)
{
    make_type(shapes[i].in, shapes[i].out, shapes[i].params);
}

/* An array of the batch must begin aligned, after `*end`, and end inside the slot. */
static void check_array(size_t at, size_t bytes, size_t *end)
{
    assert_int_equal(at % 64, 0);
    assert_true(at >= *end);
    *end = at + bytes;
    assert_true(*end <= b.memory.bytes);
}

static size_t stride_of_input(uint32_t k)
{
    return type.in_bytes[k] == R ? sizeof(backend_span) : type.in_bytes[k];
}

static void check_layout(void)
{
    size_t end = sizeof(backend_block), items = b.max_items;
    size_t params_stride = (type.params_bytes + 7) / 8 * 8;
    for (uint32_t k = 0; k < type.num_inputs; k++) {
        check_array(b.arrays[k].offset, items * stride_of_input(k), &end);
    }
    check_array(b.params_at, items * params_stride, &end);
    check_array(b.arrays[BATCH_OUT].offset, items * type.out_bytes, &end);
    check_array(b.data_at, 0, &end);
    if (type.is_ragged) {
        assert_true(b.data_at <= b.memory.bytes / 2); /* half of the slot is for the data */
    }
}

static void every_layout_has_room_for_what_it_promises(void **state)
{
    (void)state;
    static const size_t sizes[] = {1024, 2048, 4096, 4096 + 1, 65536, 1 << 20, 16 << 20};
    for (size_t i = 0; i < NUM_SHAPES; i++) {
        use_shape(i);
        for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
            if (batch_capacity(&type, sizes[n]) > 0) {
                b.memory.bytes = sizes[n];
                batch_open(&b, &type, 1, NOW);
                assert_int_equal(b.max_items, batch_capacity(&type, sizes[n]));
                check_layout();
            }
        }
    }
}

/* What is not an item's is less than two KiB. */
static void little_of_a_slot_is_wasted(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM_SHAPES; i++) {
        use_shape(i);
        size_t stride = type.out_bytes + (type.params_bytes + 7) / 8 * 8, bytes = 1 << 20;
        for (uint32_t k = 0; k < type.num_inputs; k++) {
            stride += stride_of_input(k);
        }
        size_t room = type.is_ragged ? bytes / 2 : bytes;
        if (stride > 0) {
            assert_true((batch_capacity(&type, bytes) + 1) * stride + 2048 > room);
        } else {
            assert_int_equal(batch_capacity(&type, bytes), UINT32_MAX);
        }
    }
}

static void a_type_that_does_not_fit_has_no_capacity(void **state)
{
    (void)state;
    SHAPE(4, 0, 4);
    assert_int_equal(batch_capacity(&type, 0), 0);
    assert_int_equal(batch_capacity(&type, sizeof(backend_block)), 0);
    SHAPE(R - 1, 0, R - 1);
    assert_int_equal(batch_capacity(&type, 64 << 20), 0);
    assert_true(batch_capacity(&type, UINT64_C(9) << 30) > 0);
    SHAPE(0, 0);
    assert_int_equal(batch_capacity(&type, 0), 0); /* not even its block */
    SHAPE(1, 0, 1);
    assert_int_equal(batch_capacity(&type, SIZE_MAX / 4), UINT32_MAX);
}

/* -- what a device reads ------------------------------------------------------------------------
 */

enum { RANDOM_JOBS = 40, ITEMS_MAX = 30, SPAN_BYTES_MAX = 50 };

/* A job with buffers of exactly its size, so that asan sees every byte too many. */
typedef struct filled {
    yoke_job job;
    unsigned char params[YOKE_PARAMS_BYTES_MAX];
    uint32_t num_read; /* by the device */
} filled;

static unsigned char *random_bytes(testing_random *random, size_t bytes)
{
    unsigned char *data = malloc(bytes);
    for (size_t i = 0; i < bytes; i++) {
        data[i] = (unsigned char)testing_random_next(random);
    }
    return data;
}

static yoke_span *random_spans(testing_random *random, uint32_t count)
{
    yoke_span *spans = malloc(count * sizeof *spans);
    for (uint32_t i = 0; i < count; i++) {
        size_t bytes = testing_random_below(random, SPAN_BYTES_MAX);
        bytes = testing_random_below(random, 4) == 0 ? 0 : bytes;
        spans[i] = (yoke_span){bytes > 0 ? random_bytes(random, bytes) : NULL, bytes};
    }
    return spans;
}

static void fill_job(filled *f, testing_random *random)
{
    uint32_t items = 1 + (uint32_t)testing_random_below(random, ITEMS_MAX);
    items = testing_random_below(random, 2) == 0 ? 1 : items;
    *f = (filled){.job = yoke_job(.type = &type, .num_items = items)};
    for (uint32_t k = 0; k < type.num_inputs; k++) {
        f->job.in[k] = type.in_bytes[k] == R
                           ? (void *)random_spans(random, items)
                           : (void *)random_bytes(random, (size_t)items * type.in_bytes[k]);
    }
    f->job.out = calloc(items, type.out_bytes);
    if (testing_random_below(random, 3) > 0) { /* few values, so that neighbours often agree */
        memset(f->params, (int)testing_random_below(random, 2) + 1, type.params_bytes);
        f->job.params = f->params;
    }
    begin_job(&f->job, 1 + testing_random_below(random, 5));
    f->job.params = NULL; /* it may go at once */
}

static void drop_job(filled *f)
{
    for (uint32_t k = 0; k < type.num_inputs; k++) {
        yoke_span *spans = (yoke_span *)(uintptr_t)f->job.in[k];
        for (uint32_t i = 0; type.in_bytes[k] == R && i < f->job.num_items; i++) {
            free((void *)(uintptr_t)spans[i].data);
        }
        free(spans);
    }
    free(f->job.out);
}

/* Where the host sees what the device calls `address`. */
static char *host_at(uint64_t address, uint64_t bytes)
{
    assert_true(address >= SLOT_ADDRESS);
    assert_true(address - SLOT_ADDRESS + bytes <= b.memory.bytes);
    return (char *)b.memory.host + (address - SLOT_ADDRESS);
}

static void check_input(const backend_block *block, uint32_t at, const yoke_job *job, uint32_t k,
                        uint32_t item)
{
    uint64_t bytes = type.in_bytes[k];
    if (bytes != R) {
        const char *in = (const char *)job->in[k] + item * bytes;
        assert_memory_equal(host_at(block->in[k] + at * bytes, bytes), in, bytes);
        return;
    }
    backend_span span;
    memcpy(&span, host_at(block->in[k] + at * sizeof span, sizeof span), sizeof span);
    const yoke_span *in = (const yoke_span *)job->in[k] + item;
    assert_int_equal(span.bytes, in->bytes);
    assert_int_equal(span.address % 8, 0);
    if (span.bytes > 0) {
        const char *data = host_at(span.address, (span.bytes + 7) / 8 * 8);
        assert_memory_equal(data, in->data, span.bytes);
    }
}

/* The output of each item, told by the item itself. */
static unsigned char output_byte(const filled *f, uint32_t item, uint32_t at)
{
    return (unsigned char)((uintptr_t)f / sizeof *f * 31 + item * 7 + at + 1);
}

/* As the device: reads item `at` of the batch, which is that item of the job, and writes its
 * output. */
static void run_item(const backend_block *block, uint32_t at, filled *f, uint32_t item)
{
    for (uint32_t k = 0; k < type.num_inputs; k++) {
        check_input(block, at, &f->job, k, item);
    }
    if (type.params_bytes > 0) {
        uint64_t params = block->params + (uint64_t)at * block->params_stride;
        assert_memory_equal(host_at(params, type.params_bytes), job_params(&f->job),
                            type.params_bytes);
    }
    char *out = host_at(block->out + (uint64_t)at * type.out_bytes, type.out_bytes);
    for (uint32_t i = 0; i < type.out_bytes; i++) {
        out[i] = (char)output_byte(f, item, i);
    }
    f->num_read++;
}

static void check_output(const filled *f, uint32_t first, uint32_t count, bool is_written)
{
    const unsigned char *out = (unsigned char *)f->job.out + (size_t)first * type.out_bytes;
    for (uint32_t i = 0; i < count * type.out_bytes; i++) {
        unsigned char byte = output_byte(f, first + i / type.out_bytes, i % type.out_bytes);
        assert_int_equal(out[i], is_written ? byte : 0);
    }
}

/* Sends what the batch holds to the made-up device, and takes its outputs. */
static void run_batch(void)
{
    uint32_t at = 0;
    seal();
    const backend_block *block = b.memory.host;
    assert_int_equal(block->num_items, b.num_items);
    for (uint32_t k = 0; k < type.num_inputs; k++) {
        assert_int_equal(block->in[k] % 16, 0);
    }
    assert_int_equal(block->out % 16, 0);
    assert_int_equal(block->params_stride % 8, 0);
    for (uint32_t c = 0; c < b.num_claims; c++) {
        for (uint32_t i = 0; i < b.claims[c].count; i++) {
            run_item(block, at++, (filled *)(void *)b.claims[c].job, b.claims[c].first + i);
        }
    }
    assert_int_equal(at, b.num_items);
    at = 0;
    for (uint32_t c = 0; c < b.num_claims; c++) {
        const batch_claim *claim = &b.claims[c];
        batch_unpack(&b, claim, at);
        check_output((filled *)(void *)claim->job, claim->first, claim->count, true);
        at += claim->count;
    }
}

/* Packs all jobs into as many batches as they need. */
static void run_jobs(filled *jobs, testing_random *random)
{
    uint64_t target = 1 + testing_random_below(random, 300);
    for (int i = 0; i < RANDOM_JOBS;) {
        batch_open(&b, &type, target, NOW);
        batch_added added = BATCH_TOOK_ALL;
        while (i < RANDOM_JOBS && (added = add(&jobs[i].job)) == BATCH_TOOK_ALL) {
            i++;
        }
        assert_int_not_equal(added, BATCH_TOO_LARGE);
        assert_true(added == BATCH_TOOK_ALL || b.num_items > 0);
        run_batch();
    }
    for (int i = 0; i < RANDOM_JOBS; i++) {
        assert_int_equal(jobs[i].num_read, jobs[i].job.num_items);
        check_output(&jobs[i], 0, jobs[i].job.num_items, true);
    }
}

static void a_device_reads_every_item_of_every_job_once_and_writes_its_output(void **state)
{
    (void)state;
    static filled jobs[RANDOM_JOBS];
    testing_random random = testing_random_of(testing_seed(), 0);
    for (size_t round = 0; round < 20 * NUM_SHAPES; round++) {
        static const size_t sizes[] = {5000, 20000, 200000};
        use_shape(round % NUM_SHAPES);
        if (shapes[round % NUM_SHAPES].in[0] == 1000 && round % 3 == 0) {
            continue; /* too large for the smallest slot's promise of several items */
        }
        for (int i = 0; i < RANDOM_JOBS; i++) {
            fill_job(&jobs[i], &random);
        }
        begin_batch(sizes[round % 3], 1);
        run_jobs(jobs, &random);
        end_batch();
        for (int i = 0; i < RANDOM_JOBS; i++) {
            drop_job(&jobs[i]);
        }
    }
}

/* -- what a batch takes ------------------------------------------------------------------------ */

static uint32_t numbers_in[100000], numbers_out[100000];

static yoke_job number_job(uint32_t num_items, uint64_t item_cost)
{
    yoke_job job =
        yoke_job(.type = &type, .in = {numbers_in}, .out = numbers_out, .num_items = num_items);
    begin_job(&job, item_cost);
    return job;
}

static void a_batch_takes_items_until_their_cost_reaches_the_target(void **state)
{
    (void)state;
    static const struct {
        uint64_t target, item_cost;
        uint32_t num_items, taken;
    } rows[] = {
        {100, 1, 1000, 100},
        {100, 1, 100, 100},
        {100, 1, 99, 99},
        {100, 3, 1000, 34}, /* 33 fall short of it */
        {99, 3, 1000, 33},
        {100, 60, 1000, 2},
        {100, 100, 1000, 1},
        {100, 101, 1000, 1},
        {1, UINT64_C(1) << 40, 1000, 1},
        {1, 1, 2, 1},
    };
    SHAPE(4, 0, 4);
    begin_batch(1 << 20, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        yoke_job job = number_job(rows[i].num_items, rows[i].item_cost);
        batch_open(&b, &type, rows[i].target, NOW);
        batch_added added = add(&job);
        uint32_t taken = rows[i].taken;
        assert_int_equal(b.num_items, taken);
        assert_int_equal(b.cost, taken * rows[i].item_cost);
        assert_int_equal(added, taken == rows[i].num_items ? BATCH_TOOK_ALL : BATCH_TOOK_PART);
        assert_int_equal(batch_is_full(&b), b.cost >= rows[i].target);
        assert_int_equal(job_unclaimed_any(&job), rows[i].num_items - taken);
    }
    end_batch();
}

static void a_full_batch_takes_nothing(void **state)
{
    (void)state;
    SHAPE(4, 0, 4);
    begin_batch(1 << 20, 10);
    yoke_job job = number_job(10, 1), one = number_job(1, 1), many = number_job(2, 1);
    assert_int_equal(add(&job), BATCH_TOOK_ALL);
    assert_true(batch_is_full(&b));
    assert_int_equal(add(&one), BATCH_TOOK_PART);
    assert_int_equal(add(&many), BATCH_TOOK_PART);
    assert_int_equal(b.num_claims, 1);
    assert_int_equal(job_unclaimed_any(&many), 2);
    end_batch();
}

static void a_job_is_split_over_batches_from_its_front(void **state)
{
    (void)state;
    SHAPE(4, 0, 4);
    begin_batch(4096, TARGET_MAX);
    uint32_t capacity = b.max_items;
    yoke_job job = number_job(3 * capacity + 5, 1);
    for (uint32_t n = 0; n < 4; n++) {
        batch_open(&b, &type, TARGET_MAX, NOW);
        assert_int_equal(add(&job), n < 3 ? BATCH_TOOK_PART : BATCH_TOOK_ALL);
        assert_int_equal(b.num_claims, 1);
        assert_ptr_equal(b.claims[0].job, &job);
        assert_int_equal(b.claims[0].first, n * capacity);
        assert_int_equal(b.claims[0].count, n < 3 ? capacity : 5);
        assert_int_equal(batch_is_full(&b), n < 3);
    }
    batch_open(&b, &type, TARGET_MAX, NOW);
    assert_int_equal(add(&job), BATCH_TOOK_ALL); /* nothing is left: nothing is taken */
    assert_int_equal(b.num_items, 0);
    end_batch();
}

static void what_workers_claimed_from_the_back_is_not_taken(void **state)
{
    (void)state;
    SHAPE(4, 0, 4);
    begin_batch(1 << 20, TARGET_MAX);
    yoke_job job = number_job(100, 1);
    uint32_t first;
    assert_int_equal(job_claim_back_any(&job, 70, &first), 70);
    assert_int_equal(add(&job), BATCH_TOOK_ALL);
    assert_int_equal(b.num_items, 30);
    assert_int_equal(b.claims[0].first, 0);
    assert_int_equal(b.claims[0].count, 30);
    assert_int_equal(b.cost, 30);
    end_batch();
}

/* Both take 1 ns for an item, and a trip takes 1000: of 100000 items a GPU should have 49500. */
static void
of_a_job_that_workers_have_too_a_batch_takes_a_fair_share_and_not_of_the_rest_again(void **state)
{
    (void)state;
    const snapshot_type learned = {
        .cpu.slope = UINT64_C(1) << MODEL_ONE_BITS,
        .gpu = {.fixed_ns = 1000, .slope = UINT64_C(1) << MODEL_ONE_BITS},
    };
    SHAPE(4, 0, 4);
    begin_batch(1 << 20, TARGET_MAX);
    yoke_job alone = number_job(100000, 1), shared = number_job(100000, 1);
    job_mark_any(&shared, JOB_IS_SHARED);
    b.learned = learned;
    assert_int_equal(add(&alone), BATCH_TOOK_ALL);
    assert_int_equal(b.num_items, 100000);
    batch_open(&b, &type, TARGET_MAX, NOW);
    b.learned = learned;
    assert_int_equal(add(&shared), BATCH_TOOK_FAIR);
    assert_in_range(b.num_items, 49300, 49500);
    assert_int_equal(job_unclaimed_any(&shared), 100000 - b.num_items);
    batch_open(&b, &type, TARGET_MAX, NOW); /* behind a batch of as many, nothing is worth it */
    b.learned = learned;
    b.ahead_cost = 50000;
    assert_int_equal(add(&shared), BATCH_TOOK_FAIR);
    assert_int_equal(b.num_items, 0);
    end_batch();
}

static void claims_are_bounded_in_number(void **state)
{
    (void)state;
    SHAPE(4, 0, 4);
    begin_batch(1 << 20, TARGET_MAX);
    yoke_job job;
    for (uint32_t i = 0; i < BATCH_CLAIMS_MAX; i++) {
        assert_false(batch_is_full(&b));
        job = number_job(1, 1);
        assert_int_equal(add(&job), BATCH_TOOK_ALL);
    }
    assert_true(batch_is_full(&b));
    job = number_job(1, 1);
    assert_int_equal(add(&job), BATCH_TOOK_PART);
    assert_int_equal(b.num_claims, BATCH_CLAIMS_MAX);
    end_batch();
}

/* -- ragged items ------------------------------------------------------------------------------ */

static unsigned char bytes_of_spans[1 << 20];

static void a_long_span_is_left_to_the_cpu(void **state)
{
    (void)state;
    static char message[BATCH_SPAN_BYTES_MAX + 1];
    SHAPE(4, 0, R);
    begin_batch(16 << 20, TARGET_MAX);
    for (uint64_t more = 0; more <= 1; more++) {
        yoke_span span = {message, BATCH_SPAN_BYTES_MAX + more};
        yoke_job job = yoke_job(.type = &type, .in = {&span}, .out = numbers_out, .num_items = 1);
        begin_job(&job, 1);
        batch_open(&b, &type, TARGET_MAX, NOW);
        assert_int_equal(add(&job), more == 0 ? BATCH_TOOK_ALL : BATCH_TOO_LARGE);
    }
    end_batch();
}

static void a_span_that_no_batch_can_hold_is_too_large(void **state)
{
    (void)state;
    SHAPE(4, 0, R);
    begin_batch(65536, TARGET_MAX);
    size_t data = b.memory.bytes - b.data_at;
    const struct {
        uint64_t bytes;
        batch_added added;
    } rows[] = {
        {data / 8 * 8, BATCH_TOOK_ALL},
        {data / 8 * 8 + 1, BATCH_TOO_LARGE},
        {1 << 20, BATCH_TOO_LARGE},
        {UINT32_MAX, BATCH_TOO_LARGE},
        {1 + (uint64_t)UINT32_MAX, BATCH_TOO_LARGE},
        {UINT64_MAX, BATCH_TOO_LARGE},
        {UINT64_MAX - 6, BATCH_TOO_LARGE}, /* nothing when rounded up */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (uint32_t num_items = 1; num_items <= 2; num_items++) {
            yoke_span spans[2] = {{bytes_of_spans, rows[i].bytes}, {NULL, 0}};
            yoke_job job =
                yoke_job(.type = &type, .in = {spans}, .out = numbers_out, .num_items = num_items);
            begin_job(&job, 1);
            batch_open(&b, &type, TARGET_MAX, NOW);
            assert_int_equal(add(&job), rows[i].added);
            if (rows[i].added == BATCH_TOO_LARGE) {
                assert_int_equal(b.num_items, 0);
                assert_int_equal(job_unclaimed_any(&job), num_items);
            }
        }
    }
    end_batch();
}

static void items_before_a_large_one_are_taken_and_it_waits_for_the_next_batch(void **state)
{
    (void)state;
    SHAPE(4, 0, R);
    begin_batch(65536, TARGET_MAX);
    size_t data = (b.memory.bytes - b.data_at) / 8 * 8;
    yoke_span spans[4] = {
        {bytes_of_spans, 1}, {NULL, 0}, {bytes_of_spans, data}, {bytes_of_spans, 8}};
    yoke_job job = yoke_job(.type = &type, .in = {spans}, .out = numbers_out, .num_items = 4);
    static const uint32_t counts[] = {2, 1, 1};
    begin_job(&job, 1);
    for (uint32_t n = 0, first = 0; n < 3; first += counts[n++]) {
        batch_open(&b, &type, TARGET_MAX, NOW);
        assert_int_equal(add(&job), n < 2 ? BATCH_TOOK_PART : BATCH_TOOK_ALL);
        assert_int_equal(b.num_claims, 1);
        assert_int_equal(b.claims[0].first, first);
        assert_int_equal(b.claims[0].count, counts[n]);
    }
    yoke_job one = yoke_job(.type = &type, .in = {&spans[2]}, .out = numbers_out, .num_items = 1);
    begin_job(&one, 1);
    assert_int_equal(add(&one), BATCH_TOOK_PART); /* it would fit alone */
    assert_int_equal(b.num_claims, 1);
    end_batch();
}

/* -- params ------------------------------------------------------------------------------------ */

static void items_share_params_until_they_differ(void **state)
{
    (void)state;
    SHAPE(4, 5, 4);
    begin_batch(65536, TARGET_MAX);
    for (int i = 0; i < 3; i++) {
        yoke_job job =
            yoke_job(.type = &type, .in = {numbers_in}, .out = numbers_out, .num_items = 2,
                     .params = i < 2 ? "same!" : "other", .params_bytes = 5);
        begin_job(&job, 1);
        assert_int_equal(add(&job), BATCH_TOOK_ALL);
        seal();
        const backend_block *block = b.memory.host;
        assert_int_equal(block->params_stride, i < 2 ? 0 : 8);
        const char *params = host_at(block->params, 6 * 8);
        assert_memory_equal(params, "same!", 5);
        for (int item = 1; i == 2 && item < 6; item++) {
            assert_memory_equal(params + item * 8, item < 4 ? "same!" : "other", 5);
        }
    }
    batch_open(&b, &type, TARGET_MAX, NOW); /* the next batch begins anew */
    assert_int_equal(b.params_stride, 0);
    end_batch();
}

/* -- when it goes ------------------------------------------------------------------------------ */

static void a_batch_is_due_when_told(void **state)
{
    (void)state;
    enum { WAIT = 1000, LOOKS = BATCH_QUIET_LOOKS };
    static const struct {
        uint32_t num_items, num_claims, quiet_looks;
        uint64_t cost, age;
        bool is_idle, is_due;
        uint64_t min_cost;
    } rows[] = {
        {0, 0, LOOKS, 0, WAIT, true, false, 0}, /* nothing to send */
        {1, 1, 0, 1, 0, false, false, 0},
        {1, 1, 0, 1, WAIT - 1, false, false, 0},
        {1, 1, 0, 1, WAIT, false, true, 0}, /* old enough */
        {1, 1, 0, 1, WAIT + 1, false, true, 0},
        {1, 1, 0, 10, 0, false, true, 0}, /* the target */
        {1, 1, 0, 9, 0, false, false, 0},
        {7, 1, 0, 1, 0, false, true, 0}, /* the capacity */
        {6, 1, 0, 1, 0, false, false, 0},
        {1, 1, 0, 1, 0, true, false, 0}, /* the device is idle, but something has just come */
        {1, 1, 1, 1, 0, true, true, 0},
        {6, 1, 1, 1, 0, true, true, 0},
        {1, 1, LOOKS, 1, 0, false, false, 0}, /* the device is busy: there is time */
        {2, 2, 1, 2, 0, true, false, 0},
        {2, 2, LOOKS - 1, 2, 0, true, false, 0},
        {2, 2, LOOKS, 2, 0, true, true, 0},
        {2, 2, LOOKS, 2, 0, false, false, 0},
        {2, 2, 0, 2, WAIT, true, true, 0},
        {1, 1, LOOKS, 4, 0, true, false, 5}, /* not worth the device's while */
        {1, 1, LOOKS, 5, 0, true, true, 5},
        {2, 2, LOOKS, 4, 0, true, false, 5},
        {2, 2, LOOKS - 1, 5, 0, true, false, 5},
        {2, 2, LOOKS, 5, 0, false, false, 5},
        {1, 1, 0, 4, WAIT, true, true, 5}, /* but it does not wait for ever */
        {7, 1, 0, 4, 0, false, true, 5},
        {1, 1, 0, 10, 0, false, true, 20}, /* more than the target is never asked for */
    };
    SHAPE(4, 0, 4);
    b.memory.bytes = 1 << 20;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        batch_open(&b, &type, 10, NOW);
        b.max_items = 7;
        b.num_items = rows[i].num_items;
        b.num_claims = rows[i].num_claims;
        b.quiet_looks = rows[i].quiet_looks;
        b.cost = rows[i].cost;
        b.min_cost = rows[i].min_cost;
        if (batch_is_due(&b, NOW + rows[i].age, WAIT, rows[i].is_idle) != rows[i].is_due) {
            fail_msg("row %zu: %d", i, !rows[i].is_due);
        }
    }
    b.num_items = 1;
    b.num_claims = 1;
    assert_true(batch_is_due(&b, NOW, 0, false)); /* without a wait everything is due */
}

static void a_batch_is_told_to_the_device_by_its_block(void **state)
{
    (void)state;
    SHAPE(4, 0, 4);
    begin_batch(65536, TARGET_MAX);
    b.slot = 3;
    yoke_job job = number_job(9, 1);
    assert_int_equal(add(&job), BATCH_TOOK_ALL);
    seal();
    backend_batch told = seal_for_device(&b);
    assert_int_equal(told.num_ops, 1);
    assert_int_equal(told.ops[0].kind, BACKEND_OP_ITEMS);
    assert_ptr_equal(told.ops[0].kernel, compiled);
    assert_int_equal(told.slot, 3);
    assert_int_equal(told.num_items, 9);
    assert_int_equal(told.block, SLOT_ADDRESS);
    assert_ptr_equal(told.block_host, b.memory.host);
    for (int k = 1; k < YOKE_INPUTS_MAX; k++) {
        assert_int_equal(told.block_host->in[k], 0);
    }
    b.slot = 0;
    end_batch();
}

/* -- in place ---------------------------------------------------------------------------------- */

static region_table regions;
static bool refuses;

static yoke_status high_import(backend_device *device, void *host, size_t bytes,
                               backend_memory *memory)
{
    (void)device;
    if (refuses) {
        return YOKE_UNSUPPORTED;
    }
    *memory = (backend_memory){host, (uintptr_t)host + DEVICE_OFFSET, bytes, NULL};
    return YOKE_OK;
}

static void no_release(backend_device *device, backend_memory *memory)
{
    (void)device;
    (void)memory;
}

static const backend_ops high_ops = {.import = high_import, .release = no_release};
static const region_device device = {.index = 2, .ops = &high_ops};

static void *libc_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void libc_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(memory);
}

static const yoke_allocator libc_allocator = {libc_alloc, libc_free, NULL};

/* Frees a region; fails if a batch still counts as its user. */
static void free_unused(void *memory)
{
    region *r = region_begin_free(&regions, memory, false);
    assert_non_null(r);
    region_let_go(&regions, &device);
    assert_true(region_is_unused(&regions, r));
    region_unmap(&regions, &libc_allocator, r);
}

#define MAPPED_IN 1u
#define MAPPED_OUT (1u << BATCH_OUT)

enum { PLACE_ITEMS = BATCH_MAP_BYTES_MIN / 16, PLACE_BYTES = 2 * BATCH_MAP_BYTES_MIN };

/* 12 bytes in and 4 out: PLACE_ITEMS of them are just large enough. */
typedef struct place {
    char *in, *out;
    yoke_job job;
} place;

static void begin_place(place *p, uint32_t num_items, size_t in_at, size_t out_at)
{
    refuses = false;
    region_table_init(&regions);
    p->in = region_alloc(&regions, &libc_allocator, PLACE_BYTES);
    p->out = region_alloc(&regions, &libc_allocator, PLACE_BYTES);
    SHAPE(4, 0, 12);
    begin_batch(1 << 20, TARGET_MAX);
    p->job = yoke_job(.type = &type, .in = {p->in + in_at}, .out = p->out + out_at,
                      .num_items = num_items);
    begin_job(&p->job, 1);
}

static void end_place(place *p)
{
    free_unused(p->in);
    free_unused(p->out);
    region_table_finish(&regions, &libc_allocator);
    end_batch();
}

static void a_large_job_in_yokes_memory_is_used_in_place(void **state)
{
    (void)state;
    place p;
    begin_place(&p, PLACE_ITEMS, 0, 64);
    assert_int_equal(batch_add(&b, &p.job, &regions, &device), BATCH_TOOK_ALL);
    assert_int_equal(b.mapped, MAPPED_IN | MAPPED_OUT);
    assert_true(batch_is_full(&b)); /* it is alone */
    assert_true(batch_is_due(&b, NOW, 1000, false));
    seal();
    const backend_block *block = b.memory.host;
    assert_int_equal(block->in[0], (uintptr_t)p.in + DEVICE_OFFSET);
    assert_int_equal(block->out, (uintptr_t)p.out + 64 + DEVICE_OFFSET);
    assert_int_equal(block->num_items, PLACE_ITEMS);
    yoke_job one = number_job(1, 1);
    assert_int_equal(batch_add(&b, &one, &regions, &device), BATCH_TOOK_PART);
    memset(p.out, 7, PLACE_BYTES); /* as the device */
    batch_unpack(&b, &b.claims[0], 0);
    for (int i = 0; i < PLACE_BYTES; i++) {
        assert_int_equal(p.out[i], 7);
    }
    region *r = region_begin_free(&regions, p.in, false); /* nobody may unmap it yet */
    assert_false(region_is_unused(&regions, r));
    batch_close(&b, &regions, &device, true);
    region_let_go(&regions, &device);
    assert_true(region_is_unused(&regions, r));
    region_unmap(&regions, &libc_allocator, r);
    p.in = region_alloc(&regions, &libc_allocator, 1);
    batch_close(&b, &regions, &device, true); /* once is enough, twice does no harm */
    end_place(&p);
}

static void parts_of_a_job_are_used_in_place_each_where_it_lies(void **state)
{
    (void)state;
    place p;
    begin_place(&p, 2 * PLACE_ITEMS, 0, 0);
    for (uint64_t n = 0; n < 2; n++) {
        batch_open(&b, &type, PLACE_ITEMS, NOW);
        assert_int_equal(batch_add(&b, &p.job, &regions, &device),
                         n == 0 ? BATCH_TOOK_PART : BATCH_TOOK_ALL);
        assert_int_equal(b.mapped, MAPPED_IN | MAPPED_OUT);
        seal();
        const backend_block *block = b.memory.host;
        assert_int_equal(block->in[0], (uintptr_t)p.in + DEVICE_OFFSET + n * PLACE_ITEMS * 12);
        assert_int_equal(block->out, (uintptr_t)p.out + DEVICE_OFFSET + n * PLACE_ITEMS * 4);
        batch_close(&b, &regions, &device, true);
    }
    end_place(&p);
}

/* Of the job's two buffers those are used in place that `mapped` names; the others are copied. */
static void check_mapped(place *p, uint32_t mapped)
{
    static const unsigned char none[PLACE_BYTES];
    uint32_t num_items = p->job.num_items;
    assert_int_equal(batch_add(&b, &p->job, &regions, &device), BATCH_TOOK_ALL);
    assert_int_equal(b.mapped, mapped);
    assert_int_equal(batch_is_full(&b), mapped != 0);
    seal();
    const backend_block *block = b.memory.host;
    if ((mapped & MAPPED_IN) != 0) {
        assert_int_equal(block->in[0], (uintptr_t)p->job.in[0] + DEVICE_OFFSET);
    } else {
        assert_memory_equal(host_at(block->in[0], num_items * 12), none, num_items * 12);
    }
    if ((mapped & MAPPED_OUT) != 0) {
        assert_int_equal(block->out, (uintptr_t)p->job.out + DEVICE_OFFSET);
    } else {
        memset(host_at(block->out, num_items * 4), 9, num_items * 4); /* as the device */
        batch_unpack(&b, &b.claims[b.num_claims - 1], b.num_items - num_items);
        assert_int_equal(*(const unsigned char *)p->job.out, 9);
        memset(p->job.out, 0, num_items * 4);
    }
    batch_close(&b, &regions, &device, true);
    end_place(p); /* whatever was counted as used meanwhile has been given back */
}

static void what_is_not_aligned_is_copied_and_all_of_a_small_job(void **state)
{
    (void)state;
    place p;
    begin_place(&p, PLACE_ITEMS - 1, 0, 0);
    check_mapped(&p, 0);
    begin_place(&p, PLACE_ITEMS, 4, 0);
    check_mapped(&p, MAPPED_OUT);
    begin_place(&p, PLACE_ITEMS, 0, 8);
    check_mapped(&p, MAPPED_IN);
    begin_place(&p, PLACE_ITEMS, 4, 8);
    check_mapped(&p, 0);
}

static void a_buffer_elsewhere_is_copied(void **state)
{
    (void)state;
    static unsigned char elsewhere[PLACE_BYTES];
    place p;
    begin_place(&p, PLACE_ITEMS, 0, 0);
    p.job.out = elsewhere;
    check_mapped(&p, MAPPED_IN);
    begin_place(&p, PLACE_ITEMS, 0, 0);
    p.job.in[0] = elsewhere;
    check_mapped(&p, MAPPED_OUT);
    begin_place(&p, PLACE_ITEMS, 0, PLACE_BYTES - PLACE_ITEMS * 4); /* up to the very end */
    check_mapped(&p, MAPPED_IN | MAPPED_OUT);
}

static void a_job_that_the_device_cannot_see_is_copied(void **state)
{
    (void)state;
    place p;
    begin_place(&p, PLACE_ITEMS, 0, 0);
    refuses = true;
    check_mapped(&p, 0);
}

static void a_large_job_behind_another_one_is_copied(void **state)
{
    (void)state;
    place p;
    begin_place(&p, PLACE_ITEMS, 0, 0);
    static unsigned char zeros[12];
    yoke_job one = yoke_job(.type = &type, .in = {zeros}, .out = numbers_out, .num_items = 1);
    begin_job(&one, 1);
    assert_int_equal(batch_add(&b, &one, &regions, &device), BATCH_TOOK_ALL);
    check_mapped(&p, 0);
}

/* -- programs ---------------------------------------------------------------------------------- */

/* What an item is. */
typedef struct problem {
    uint64_t rows;         /* of 4 bytes in the first input, of 1 in the second */
    uint64_t out_rows;     /* of 4 bytes */
    uint64_t scratch_rows; /* of 4 bytes in one scratch buffer, of 3 in another */
} problem;

static bool writes_partial; /* of 12 bytes, the next plan */

static yoke_status problem_plan(const void *params, yoke_plan *plan)
{
    const problem *p = params;
    plan->in_bytes[0] = 4 * p->rows;
    plan->in_bytes[1] = p->rows;
    plan->out_bytes = 4 * p->out_rows;
    plan->scratch_bytes[1] = 4 * p->scratch_rows;
    plan->scratch_bytes[3] = 3 * p->scratch_rows;
    plan->partial_bytes = writes_partial ? 12 : 0;
    return YOKE_OK;
}

static void no_record(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)recorder;
    (void)batch;
}

static void make_program(bool has_finish)
{
    writes_partial = has_finish;
    type_init(&type, NULL,
              yoke_type_desc(.name = "problem", .cpu = kernel, .params_bytes = sizeof(problem),
                             .program = yoke_program(.plan = problem_plan, .record = no_record,
                                                     .finish = has_finish ? kernel : NULL)));
    type.num_kernels = 1;
}

/* A device with so much memory of its own. */
static uint64_t device_bytes, device_taken;

static yoke_status own_alloc(backend_device *device, backend_memory_kind kind, size_t bytes,
                             backend_memory *memory)
{
    (void)device;
    assert_int_equal(kind, BACKEND_MEMORY_DEVICE);
    assert_int_not_equal(bytes, 0);
    if (bytes > device_bytes - device_taken) {
        return YOKE_NO_MEMORY;
    }
    device_taken += bytes;
    *memory = (backend_memory){.address = UINT64_C(1) << 50, .bytes = bytes, .handle = memory};
    return YOKE_OK;
}

static void own_release(backend_device *device, backend_memory *memory)
{
    (void)device;
    if (memory->host == NULL) { /* not imported */
        assert_in_range(memory->bytes, 1, device_taken);
        device_taken -= memory->bytes;
    }
    *memory = (backend_memory){0};
}

static const backend_ops own_ops = {
    .alloc = own_alloc, .import = high_import, .release = own_release};
static const region_device own_device = {.index = 1, .ops = &own_ops};

static void begin_program(size_t slot_bytes, uint64_t own_bytes)
{
    device_bytes = own_bytes;
    begin_batch(slot_bytes, TARGET_MAX);
}

static void end_program(void)
{
    if (b.scratch.memory.bytes > 0) {
        own_release(NULL, &b.scratch.memory);
    }
    b.scratch = (scratch){.refused_bytes = 0};
    b.bytes_max = 0;
    assert_int_equal(device_taken, 0);
    end_batch();
}

static batch_added add_problem(yoke_job *job)
{
    return batch_add(&b, job, NULL, &own_device);
}

/* A job of such problems, whose data is shared by all and never looked at. */
static yoke_job problem_job(uint32_t num_items, const problem *p)
{
    yoke_job job = yoke_job(.type = &type, .num_items = num_items, .params = p,
                            .params_bytes = p != NULL ? sizeof *p : 0);
    job.in[0] = numbers_in;
    job.in[1] = numbers_in;
    job.out = numbers_out;
    begin_job(&job, 1);
    return job;
}

static void a_program_is_laid_out_by_the_plan_of_its_first_job(void **state)
{
    (void)state;
    static const problem problems[] = {{1, 1, 0}, {3, 0, 0}, {7, 13, 0}, {1000, 1, 0}, {0, 5, 0}};
    make_program(false);
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        const problem *p = &problems[i];
        begin_program(65536, 0);
        assert_false(batch_is_full(&b));
        yoke_job job = problem_job(1, p);
        assert_int_equal(add_problem(&job), BATCH_TOOK_ALL);
        size_t end = sizeof(backend_block), items = b.max_items;
        size_t stride = 5 * p->rows + 4 * p->out_rows + sizeof *p;
        check_array(b.arrays[0].offset, items * 4 * p->rows, &end);
        check_array(b.arrays[1].offset, items * p->rows, &end);
        check_array(b.params_at, items * sizeof *p, &end);
        check_array(b.arrays[BATCH_OUT].offset, items * 4 * p->out_rows, &end);
        assert_true((items + 1) * stride + 2048 > b.memory.bytes); /* little is wasted */
        assert_int_equal(batch_bytes(&b), 5 * p->rows + 4 * p->out_rows);
        yoke_job rest = problem_job((uint32_t)items, p);
        assert_int_equal(add_problem(&rest), BATCH_TOOK_PART); /* one has gone to the first */
        assert_int_equal(b.num_items, items);
        assert_int_equal(job_unclaimed_any(&rest), 1);
        end_program();
    }
}

static void a_problem_of_other_params_waits_for_the_next_batch(void **state)
{
    (void)state;
    const problem small = {10, 1, 0}, other = {10, 2, 0};
    make_program(false);
    begin_program(65536, 0);
    for (uint32_t num_items = 1; num_items <= 3; num_items += 2) {
        yoke_job first = problem_job(num_items, &small), same = problem_job(2, &small),
                 differs = problem_job(num_items, &other);
        batch_open(&b, &type, TARGET_MAX, NOW);
        assert_int_equal(add_problem(&first), BATCH_TOOK_ALL);
        assert_int_equal(add_problem(&same), BATCH_TOOK_ALL);
        assert_false(batch_is_full(&b));
        assert_int_equal(add_problem(&differs), BATCH_TOOK_PART);
        assert_true(batch_is_full(&b));
        assert_true(batch_is_due(&b, NOW, 1000, false)); /* what it has goes */
        assert_int_equal(b.num_claims, 2);
        assert_int_equal(b.num_items, num_items + 2);
        assert_int_equal(b.params_stride, 0);
        assert_memory_equal((char *)b.memory.host + b.params_at, &small, sizeof small);
        batch_open(&b, &type, TARGET_MAX, NOW);
        assert_int_equal(add_problem(&differs), BATCH_TOOK_ALL);
        assert_int_equal(b.plan.out_bytes, 8);
        assert_memory_equal((char *)b.memory.host + b.params_at, &other, sizeof other);
    }
    end_program();
}

static void no_params_are_params_of_zeros(void **state)
{
    (void)state;
    const problem zeros = {0, 0, 0}, other = {0, 0, 1};
    make_program(false);
    begin_program(65536, 1 << 20);
    yoke_job first = problem_job(1, NULL), same = problem_job(1, &zeros),
             differs = problem_job(1, &other);
    assert_int_equal(add_problem(&first), BATCH_TOOK_ALL);
    assert_int_equal(add_problem(&same), BATCH_TOOK_ALL);
    assert_int_equal(add_problem(&differs), BATCH_TOOK_PART);
    assert_int_equal(b.num_claims, 2);
    end_program();
}

/* A job with data of its own, a byte more than a plan says would be seen by asan. */
typedef struct filled_problem {
    yoke_job job;
    problem p;
    uint32_t num_read;
} filled_problem;

static void fill_problem(filled_problem *f, testing_random *random)
{
    static const problem kinds[] = {{1, 1, 0}, {5, 3, 0}, {33, 0, 0}};
    uint32_t items = 1 + (uint32_t)testing_random_below(random, 8);
    *f = (filled_problem){.p = kinds[testing_random_below(random, 3)]};
    f->job =
        yoke_job(.type = &type, .num_items = items, .params = &f->p, .params_bytes = sizeof f->p);
    f->job.in[0] = random_bytes(random, items * 4 * f->p.rows);
    f->job.in[1] = random_bytes(random, items * f->p.rows);
    f->job.out = malloc(items * 4 * f->p.out_rows);
    begin_job(&f->job, 1 + testing_random_below(random, 3));
}

/* As the device: checks item `at` of the batch, and writes what it is told by. */
static void run_problem(uint32_t at, filled_problem *f, uint32_t item)
{
    for (uint32_t k = 0; k < 2; k++) {
        uint64_t bytes = b.stride[k];
        assert_int_equal(bytes, k == 0 ? 4 * f->p.rows : f->p.rows);
        assert_memory_equal((char *)b.memory.host + b.arrays[k].offset + at * bytes,
                            (const char *)f->job.in[k] + item * bytes, bytes);
    }
    uint32_t *out = (uint32_t *)(void *)((char *)b.memory.host + b.arrays[BATCH_OUT].offset);
    for (uint64_t i = 0; i < f->p.out_rows; i++) {
        out[at * f->p.out_rows + i] = (uint32_t)((uintptr_t)f + item * 97 + i);
    }
    f->num_read++;
}

static void run_problems(void)
{
    uint32_t at = 0;
    for (uint32_t c = 0; c < b.num_claims; c++) {
        for (uint32_t i = 0; i < b.claims[c].count; i++) {
            run_problem(at++, (filled_problem *)(void *)b.claims[c].job, b.claims[c].first + i);
        }
    }
    assert_int_equal(at, b.num_items);
    at = 0;
    for (uint32_t c = 0; c < b.num_claims; c++) {
        batch_unpack(&b, &b.claims[c], at);
        at += b.claims[c].count;
    }
}

static void every_problem_reaches_the_device_once_and_its_output_comes_back(void **state)
{
    (void)state;
    enum { JOBS = 30 };
    static filled_problem jobs[JOBS];
    testing_random random = testing_random_of(testing_seed(), 0);
    make_program(false);
    for (int round = 0; round < 300; round++) {
        static const size_t sizes[] = {2048, 4096, 65536};
        for (int i = 0; i < JOBS; i++) {
            fill_problem(&jobs[i], &random);
        }
        begin_program(sizes[round % 3], 0);
        for (int i = 0; i < JOBS;) {
            batch_open(&b, &type, 1 + testing_random_below(&random, 60), NOW);
            while (i < JOBS && add_problem(&jobs[i].job) == BATCH_TOOK_ALL) {
                i++;
            }
            assert_true(b.num_items > 0);
            run_problems();
        }
        end_program();
        for (int i = 0; i < JOBS; i++) {
            assert_int_equal(jobs[i].num_read, jobs[i].job.num_items);
            const uint32_t *out = jobs[i].job.out;
            for (uint64_t k = 0; k < jobs[i].job.num_items * jobs[i].p.out_rows; k++) {
                uint64_t item = k / jobs[i].p.out_rows, row = k % jobs[i].p.out_rows;
                assert_int_equal(out[k], (uint32_t)((uintptr_t)&jobs[i] + item * 97 + row));
            }
            free((void *)(uintptr_t)jobs[i].job.in[0]);
            free((void *)(uintptr_t)jobs[i].job.in[1]);
            free(jobs[i].job.out);
        }
    }
}

/* The output's place is for partial results, whose size is their own. */
static void partial_results_stay_in_the_slot_for_the_finish(void **state)
{
    (void)state;
    const problem p = {10, 1000, 0};
    make_program(true);
    begin_program(65536, 0);
    yoke_job first = problem_job(3, &p), second = problem_job(1, &p), third = problem_job(2, &p);
    assert_int_equal(add_problem(&first), BATCH_TOOK_ALL);
    assert_int_equal(add_problem(&second), BATCH_TOOK_ALL);
    assert_int_equal(add_problem(&third), BATCH_TOOK_ALL);
    assert_int_equal(b.stride[BATCH_OUT], 12);
    const char *partial = (char *)b.memory.host + b.arrays[BATCH_OUT].offset;
    for (uint32_t at = 0; at < 6; at++) {
        assert_ptr_equal(batch_partial(&b, at), partial + (size_t)12 * at);
    }
    end_program();
}

static void a_problem_that_no_slot_holds_is_too_large(void **state)
{
    (void)state;
    const problem large = {20000, 1, 0}, absurd = {UINT64_MAX / 4, 1, 0}, small = {100, 1, 0};
    make_program(false);
    begin_program(65536, 0);
    for (uint32_t num_items = 1; num_items <= 2; num_items++) {
        yoke_job job = problem_job(num_items, &large), worse = problem_job(num_items, &absurd),
                 fits = problem_job(num_items, &small);
        batch_open(&b, &type, TARGET_MAX, NOW);
        assert_int_equal(add_problem(&job), BATCH_TOO_LARGE);
        assert_int_equal(add_problem(&worse), BATCH_TOO_LARGE);
        assert_int_equal(b.num_items, 0);
        assert_int_equal(b.num_claims, 0);
        assert_int_equal(job_unclaimed_any(&job), num_items);
        assert_false(batch_is_full(&b)); /* it takes what does fit */
        assert_int_equal(add_problem(&fits), BATCH_TOOK_ALL);
        assert_int_equal(add_problem(&job), BATCH_TOOK_PART); /* it is asked again, alone */
    }
    end_program();
}

/* -- slots that grow --------------------------------------------------------------------------- */

static bool refuses_more;

static yoke_status slot_alloc(backend_device *device, backend_memory_kind kind, size_t bytes,
                              backend_memory *memory)
{
    (void)device;
    assert_int_equal(kind, BACKEND_MEMORY_SHARED);
    if (refuses_more) {
        return YOKE_NO_MEMORY;
    }
    void *host = aligned_alloc(PAGE, bytes); /* asan sees a byte too many */
    *memory = (backend_memory){.host = host, .address = SLOT_ADDRESS, .bytes = bytes};
    return YOKE_OK;
}

static void slot_release(backend_device *device, backend_memory *memory)
{
    (void)device;
    free(memory->host);
    *memory = (backend_memory){0};
}

static const backend_ops slot_ops = {.alloc = slot_alloc, .release = slot_release};
static const region_device slot_device = {.index = 1, .ops = &slot_ops};

static void a_slot_grows_for_one_problem_within_its_bound(void **state)
{
    (void)state;
    static const struct {
        uint64_t rows; /* of 5 bytes in, and as many of 4 out */
        bool fits, grows;
    } sizes[] = {{100, true, false},  {7000, true, false}, {7500, true, true},
                 {20000, true, true}, {28000, true, true}, {30000, false, false}};
    make_program(false);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (uint32_t num_items = 1; num_items <= 2; num_items++) {
            const problem p = {sizes[i].rows, sizes[i].rows, 0};
            begin_program(65536, 0);
            b.bytes_max = 1 << 18;
            refuses_more = false;
            yoke_job job = problem_job(num_items, &p);
            batch_added added = batch_add(&b, &job, NULL, &slot_device);
            bool is_whole = num_items == 1 || sizes[i].rows == 100;
            assert_int_equal(added, !sizes[i].fits ? BATCH_TOO_LARGE
                                    : is_whole     ? BATCH_TOOK_ALL
                                                   : BATCH_TOOK_PART);
            assert_int_equal(b.memory.bytes > 65536, sizes[i].grows);
            assert_true(b.memory.bytes <= b.bytes_max);
            if (sizes[i].fits) {
                size_t end = sizeof(backend_block);
                check_array(b.arrays[0].offset, b.num_items * 4 * p.rows, &end);
                check_array(b.arrays[1].offset, b.num_items * p.rows, &end);
                check_array(b.params_at, b.num_items * sizeof p, &end);
                check_array(b.arrays[BATCH_OUT].offset, b.num_items * 4 * p.rows, &end);
                assert_memory_equal((char *)b.memory.host + b.params_at, &p, sizeof p);
            }
            end_program();
        }
    }
}

static void a_slot_that_cannot_grow_keeps_what_it_has(void **state)
{
    (void)state;
    const problem large = {20000, 1, 0}, small = {100, 1, 0};
    make_program(false);
    begin_program(65536, 0);
    b.bytes_max = 1 << 18;
    refuses_more = true;
    yoke_job job = problem_job(2, &large), fits = problem_job(2, &small);
    assert_int_equal(batch_add(&b, &job, NULL, &slot_device), BATCH_TOO_LARGE);
    assert_int_equal(b.memory.bytes, 65536);
    assert_int_equal(batch_add(&b, &fits, NULL, &slot_device), BATCH_TOOK_ALL);
    assert_int_equal(batch_add(&b, &job, NULL, &slot_device), BATCH_TOOK_PART);
    assert_int_equal(b.memory.bytes, 65536);
    end_program();
}

/* -- scratch ----------------------------------------------------------------------------------- */

/* The scratch has room for all that is in the batch, each buffer aligned to 256 bytes. */
static void check_scratch(const problem *p)
{
    uint64_t wanted = (4 * p->scratch_rows * b.num_items + 255) / 256 * 256 +
                      (3 * p->scratch_rows * b.num_items + 255) / 256 * 256;
    assert_int_equal(scratch_bytes(b.plan.scratch_bytes, YOKE_SCRATCH_MAX, b.num_items), wanted);
    assert_true(scratch_grow(&b.scratch, &own_device, wanted));
    assert_true(b.scratch.memory.bytes >= wanted);
}

static void a_batch_takes_as_many_problems_as_the_device_has_scratch_for(void **state)
{
    (void)state;
    const problem p = {1, 1, 1000}; /* 7000 bytes of scratch */
    static const struct {
        uint64_t own_bytes;
        uint32_t num_items, taken_min;
    } rows[] = {
        {0, 1, 0},          {0, 10, 0},          {7000, 1, 0}, /* two buffers, each rounded up */
        {7168 + 256, 1, 1}, {7168 + 256, 10, 1}, {30000, 2, 2},
        {30000, 10, 2},     {80000, 10, 10},     {80000, 100, 6},
    };
    make_program(false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin_program(65536, rows[i].own_bytes);
        yoke_job job = problem_job(rows[i].num_items, &p);
        batch_added added = add_problem(&job);
        uint32_t taken = b.num_items;
        if (added != (taken == 0                  ? BATCH_TOO_LARGE
                      : taken < rows[i].num_items ? BATCH_TOOK_PART
                                                  : BATCH_TOOK_ALL) ||
            taken < rows[i].taken_min || taken * UINT64_C(7000) > rows[i].own_bytes) {
            fail_msg("row %zu: %u taken", i, taken);
        }
        if (rows[i].num_items > 1) { /* the ticket of one item is its claim */
            assert_int_equal(job_unclaimed_any(&job), rows[i].num_items - taken);
        }
        check_scratch(&p);
        end_program();
    }
}

/* Growing gives back the old scratch first: when there is no more to be had, what the batch holds
 * already must get its own again. */
static void what_is_in_a_batch_keeps_its_scratch_when_more_is_refused(void **state)
{
    (void)state;
    const problem p = {1, 1, 1000};
    make_program(false);
    for (uint32_t num_items = 1; num_items <= 3; num_items++) {
        begin_program(65536, 30000);
        yoke_job first = problem_job(2, &p), more = problem_job(num_items + 1, &p),
                 one = problem_job(1, &p);
        assert_int_equal(add_problem(&first), BATCH_TOOK_ALL);
        batch_added added = num_items == 1 ? BATCH_TOOK_ALL : add_problem(&more);
        while (added == BATCH_TOOK_ALL) { /* until it is refused */
            one = problem_job(1, &p);
            added = add_problem(&one);
        }
        assert_int_equal(added, BATCH_TOOK_PART);
        assert_in_range(b.num_items, 2, 4);
        backend_kernel *const none = NULL;
        seal_batch(&b, &none, NULL, &own_device);
        assert_true(b.scratch.memory.bytes >= 7000 * b.num_items);
        end_program();
    }
}

static void a_large_scratch_is_for_one_problem_alone(void **state)
{
    (void)state;
    const problem p = {1, 1, 5 << 20}; /* 35 MiB */
    const problem huge = {1, 1, UINT64_C(1) << 40}, absurd = {1, 1, UINT64_MAX / 8};
    make_program(false);
    begin_program(65536, UINT64_C(1) << 46);
    yoke_job job = problem_job(4, &p), one = problem_job(1, &huge), none = problem_job(1, &absurd);
    for (uint32_t i = 0; i < 4; i++) {
        batch_open(&b, &type, TARGET_MAX, NOW);
        assert_int_equal(add_problem(&job), i < 3 ? BATCH_TOOK_PART : BATCH_TOOK_ALL);
        assert_int_equal(b.num_items, 1);
        check_scratch(&p);
    }
    batch_open(&b, &type, TARGET_MAX, NOW);
    assert_int_equal(add_problem(&one), BATCH_TOOK_ALL); /* the device has it */
    check_scratch(&huge);
    batch_open(&b, &type, TARGET_MAX, NOW);
    assert_int_equal(add_problem(&none), BATCH_TOO_LARGE);
    end_program();
}

/* -- programs in place ------------------------------------------------------------------------- */

/* A region for each array: an item of PLACE_BYTES / 8 rows has 5 / 8 of PLACE_BYTES in, and as many
 * bytes out as it is told. */
typedef struct problem_place {
    char *in[2], *out;
    problem p;
    yoke_job job;
} problem_place;

static void begin_problem_place(problem_place *place, uint32_t num_items, size_t slot_bytes)
{
    refuses = false;
    region_table_init(&regions);
    place->p = (problem){PLACE_BYTES / 8 / num_items, PLACE_BYTES / 8 / num_items, 0};
    begin_program(slot_bytes, 0);
    place->job = problem_job(num_items, &place->p);
    for (int k = 0; k < 2; k++) {
        place->in[k] = region_alloc(&regions, &libc_allocator, PLACE_BYTES);
        place->job.in[k] = place->in[k];
    }
    place->out = region_alloc(&regions, &libc_allocator, PLACE_BYTES);
    place->job.out = place->out;
}

static void free_own_unused(void *memory)
{
    region *r = region_begin_free(&regions, memory, false);
    assert_non_null(r);
    region_let_go(&regions, &own_device);
    assert_true(region_is_unused(&regions, r));
    region_unmap(&regions, &libc_allocator, r);
}

static void end_problem_place(problem_place *place)
{
    free_own_unused(place->in[0]);
    free_own_unused(place->in[1]);
    free_own_unused(place->out);
    region_table_finish(&regions, &libc_allocator);
    end_program();
}

/* Slots that hold all of it, and slots that hold none of it but what is not mapped. */
static void large_problems_in_yokes_memory_are_used_in_place(void **state)
{
    (void)state;
    static const size_t slots[] = {2 << 20, 65536};
    make_program(false);
    for (int n = 0; n < 8; n++) {
        uint32_t num_items = (uint32_t[]){1, 2, 4, 8}[n % 4];
        problem_place place;
        begin_problem_place(&place, num_items, slots[n / 4]);
        assert_int_equal(batch_add(&b, &place.job, &regions, &own_device), BATCH_TOOK_ALL);
        assert_int_equal(b.mapped, 3 | MAPPED_OUT);
        assert_int_equal(b.num_items, num_items);
        assert_true(batch_is_full(&b));
        for (int k = 0; k < 2; k++) {
            assert_int_equal(backend_address(b.arrays[k]), (uintptr_t)place.in[k] + DEVICE_OFFSET);
        }
        assert_int_equal(backend_address(b.arrays[BATCH_OUT]),
                         (uintptr_t)place.out + DEVICE_OFFSET);
        batch_close(&b, &regions, &own_device, true);
        end_problem_place(&place);
    }
}

/* An input elsewhere that a slot does not hold is too large, and nothing stays in use. */
static void a_problem_of_which_too_little_can_be_mapped_is_too_large(void **state)
{
    (void)state;
    static char elsewhere[PLACE_BYTES];
    make_program(false);
    for (uint32_t num_items = 1; num_items <= 2; num_items++) {
        problem_place place;
        begin_problem_place(&place, num_items, 65536);
        place.job.in[0] = elsewhere;
        assert_int_equal(batch_add(&b, &place.job, &regions, &own_device), BATCH_TOO_LARGE);
        assert_int_equal(b.mapped, 0);
        assert_int_equal(b.num_used, 0);
        assert_int_equal(job_unclaimed_any(&place.job), num_items);
        end_problem_place(&place);
    }
}

static void partial_results_are_never_in_place(void **state)
{
    (void)state;
    problem_place place;
    make_program(true);
    begin_problem_place(&place, 2, 65536);
    assert_int_equal(batch_add(&b, &place.job, &regions, &own_device), BATCH_TOOK_ALL);
    assert_int_equal(b.mapped, 3);
    assert_ptr_equal(b.arrays[BATCH_OUT].memory, &b.memory);
    batch_close(&b, &regions, &own_device, true);
    end_problem_place(&place);
}

static void a_job_of_one_large_item_is_used_in_place_too(void **state)
{
    (void)state;
    place p;
    begin_place(&p, 1, 0, 0);
    SHAPE(BATCH_MAP_BYTES_MIN / 4, 0, BATCH_MAP_BYTES_MIN);
    batch_open(&b, &type, TARGET_MAX, NOW);
    begin_job(&p.job, 1);
    assert_int_equal(batch_add(&b, &p.job, &regions, &device), BATCH_TOOK_ALL);
    assert_int_equal(b.mapped, MAPPED_IN | MAPPED_OUT);
    assert_true(batch_is_full(&b));
    seal();
    const backend_block *block = b.memory.host;
    assert_int_equal(block->in[0], (uintptr_t)p.in + DEVICE_OFFSET);
    assert_int_equal(block->out, (uintptr_t)p.out + DEVICE_OFFSET);
    assert_int_equal(block->num_items, 1);
    batch_close(&b, &regions, &device, true);
    end_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_has_room_for_what_it_promises),
        cmocka_unit_test(little_of_a_slot_is_wasted),
        cmocka_unit_test(a_type_that_does_not_fit_has_no_capacity),
        cmocka_unit_test(a_device_reads_every_item_of_every_job_once_and_writes_its_output),
        cmocka_unit_test(a_batch_takes_items_until_their_cost_reaches_the_target),
        cmocka_unit_test(a_full_batch_takes_nothing),
        cmocka_unit_test(a_job_is_split_over_batches_from_its_front),
        cmocka_unit_test(what_workers_claimed_from_the_back_is_not_taken),
        cmocka_unit_test(
            of_a_job_that_workers_have_too_a_batch_takes_a_fair_share_and_not_of_the_rest_again),
        cmocka_unit_test(claims_are_bounded_in_number),
        cmocka_unit_test(a_long_span_is_left_to_the_cpu),
        cmocka_unit_test(a_span_that_no_batch_can_hold_is_too_large),
        cmocka_unit_test(items_before_a_large_one_are_taken_and_it_waits_for_the_next_batch),
        cmocka_unit_test(items_share_params_until_they_differ),
        cmocka_unit_test(a_batch_is_due_when_told),
        cmocka_unit_test(a_batch_is_told_to_the_device_by_its_block),
        cmocka_unit_test(a_large_job_in_yokes_memory_is_used_in_place),
        cmocka_unit_test(parts_of_a_job_are_used_in_place_each_where_it_lies),
        cmocka_unit_test(what_is_not_aligned_is_copied_and_all_of_a_small_job),
        cmocka_unit_test(a_buffer_elsewhere_is_copied),
        cmocka_unit_test(a_job_that_the_device_cannot_see_is_copied),
        cmocka_unit_test(a_large_job_behind_another_one_is_copied),
        cmocka_unit_test(a_program_is_laid_out_by_the_plan_of_its_first_job),
        cmocka_unit_test(a_problem_of_other_params_waits_for_the_next_batch),
        cmocka_unit_test(no_params_are_params_of_zeros),
        cmocka_unit_test(every_problem_reaches_the_device_once_and_its_output_comes_back),
        cmocka_unit_test(partial_results_stay_in_the_slot_for_the_finish),
        cmocka_unit_test(a_problem_that_no_slot_holds_is_too_large),
        cmocka_unit_test(a_slot_grows_for_one_problem_within_its_bound),
        cmocka_unit_test(a_slot_that_cannot_grow_keeps_what_it_has),
        cmocka_unit_test(a_batch_takes_as_many_problems_as_the_device_has_scratch_for),
        cmocka_unit_test(what_is_in_a_batch_keeps_its_scratch_when_more_is_refused),
        cmocka_unit_test(a_large_scratch_is_for_one_problem_alone),
        cmocka_unit_test(large_problems_in_yokes_memory_are_used_in_place),
        cmocka_unit_test(a_problem_of_which_too_little_can_be_mapped_is_too_large),
        cmocka_unit_test(partial_results_are_never_in_place),
        cmocka_unit_test(a_job_of_one_large_item_is_used_in_place_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
