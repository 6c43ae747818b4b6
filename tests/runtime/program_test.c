/*
 * Program types by the public API: prefix sums, which take three dispatches and scratch, and sums
 * of squares, which a GPU begins and a worker finishes. On the CPU and on what Vulkan finds
 * (lavapipe where there is no GPU; without either, these are skipped): problems of many sizes at
 * once, in any memory; and all that may go wrong on the way.
 */
#include <yoke/fork.h>
#include <yoke/program.h>

#include <pthread.h>

#include "runtime/runtime.h"
#include "tests/runtime/fixture.h"
#include "tests/runtime/sums_add.spv.h"
#include "tests/runtime/sums_blocks.spv.h"
#include "tests/runtime/sums_local.spv.h"
#include "tests/runtime/sums_squares.spv.h"

#define BLOCK 64 /* rows */

/* What a problem is. */
typedef struct sums_params {
    uint32_t rows;
    uint32_t start; /* of the prefix sums */
    uint32_t fails; /* the status of the finish, negated; 0: none */
    uint32_t holds; /* the finish waits for the gate */
} sums_params;

typedef struct sums_push {
    uint32_t rows, blocks;
} sums_push;

static fixture f;
static fixture_gate gate;
static const yoke_type *prefix, *squares;
static _Atomic int num_finished; /* calls of the finish */

/* -- prefix sums ------------------------------------------------------------------------------- */

static uint32_t blocks_of(uint32_t rows)
{
    return (rows + BLOCK - 1) / BLOCK;
}

static yoke_status prefix_plan(const void *params, yoke_plan *plan)
{
    const sums_params *p = params;
    plan->in_bytes[0] = UINT64_C(4) * p->rows;
    plan->out_bytes = UINT64_C(4) * p->rows;
    plan->scratch_bytes[0] = UINT64_C(4) * p->rows;
    plan->scratch_bytes[1] = UINT64_C(4) * blocks_of(p->rows);
    plan->cost = p->rows;
    return p->rows > 0 ? YOKE_OK : YOKE_INVALID;
}

static yoke_status prefix_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    const sums_params *p = claim->params;
    const uint32_t *in = claim->in[0];
    uint32_t *out = claim->out;
    (void)worker;
    for (uint32_t i = 0; i < claim->count; i++) {
        uint32_t sum = p->start;
        for (uint32_t row = 0; row < p->rows; row++) {
            size_t at = (size_t)i * p->rows + row;
            sum += in[at];
            out[at] = sum;
        }
    }
    return YOKE_OK;
}

/* A workgroup for each block of each item. */
static void record_blocks(yoke_recorder *recorder, const yoke_batch_shape *batch, uint32_t kernel,
                          yoke_buffers reads, yoke_buffers writes)
{
    const sums_params *p = batch->params;
    const sums_push push = {p->rows, blocks_of(p->rows)};
    uint32_t groups = push.blocks * batch->num_items, rows = (groups + 29999) / 30000;
    yoke_record_dispatch(recorder, kernel, (groups + rows - 1) / rows, rows, 1, &push, sizeof push,
                         reads, writes);
}

static void prefix_record(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    const sums_params *p = batch->params;
    const sums_push push = {p->rows, blocks_of(p->rows)};
    yoke_buffers local = YOKE_BUFFER_SCRATCH(0), totals = YOKE_BUFFER_SCRATCH(1);
    record_blocks(recorder, batch, 0, YOKE_BUFFER_IN(0), local | totals);
    yoke_record_dispatch(recorder, 1, batch->num_items, 1, 1, &push, sizeof push, totals, totals);
    record_blocks(recorder, batch, 2, local | totals, YOKE_BUFFER_OUT);
}

/* -- sums of squares --------------------------------------------------------------------------- */

static yoke_status squares_plan(const void *params, yoke_plan *plan)
{
    const sums_params *p = params;
    plan->in_bytes[0] = UINT64_C(4) * p->rows;
    plan->out_bytes = 4;
    plan->partial_bytes = UINT64_C(4) * blocks_of(p->rows);
    plan->cost = p->rows;
    return p->rows > 0 ? YOKE_OK : YOKE_INVALID;
}

static yoke_status squares_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    const sums_params *p = claim->params;
    const uint32_t *in = claim->in[0];
    uint32_t *out = claim->out;
    (void)worker;
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = 0;
        for (uint32_t row = 0; row < p->rows; row++) {
            uint32_t x = in[(size_t)i * p->rows + row];
            out[i] += x * x;
        }
    }
    return YOKE_OK;
}

static void squares_record(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    record_blocks(recorder, batch, 0, YOKE_BUFFER_IN(0), YOKE_BUFFER_OUT);
}

YOKE_TASK(uint32_t, add_up, const uint32_t *, uint32_t)

static uint32_t add_up(yoke_worker *worker, const uint32_t *numbers, uint32_t count)
{
    if (count <= 8) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < count; i++) {
            sum += numbers[i];
        }
        return sum;
    }
    uint32_t half;
    add_up_spawn(worker, &half, numbers, count / 2);
    uint32_t rest = add_up(worker, numbers + count / 2, count - count / 2);
    add_up_sync(worker, &half);
    return half + rest;
}

static yoke_status squares_finish(yoke_worker *worker, const yoke_claim *claim)
{
    const sums_params *p = claim->params;
    const uint32_t *partial = claim->in[0];
    uint32_t *out = claim->out, blocks = blocks_of(p->rows);
    if (claim->in[1] != NULL || claim->user != &gate) {
        return YOKE_SYSTEM;
    }
    atomic_fetch_add(&num_finished, 1);
    atomic_fetch_add(&gate.entered, p->holds);
    while (p->holds && atomic_load(&gate.open) == 0) {
        fixture_sleep_ms(1);
    }
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = add_up(worker, partial + (size_t)i * blocks, blocks);
    }
    return (yoke_status) - (int)p->fails;
}

/* -- starting ---------------------------------------------------------------------------------- */

#define SHADER(name)                                                                               \
    {                                                                                              \
        .struct_bytes = sizeof(yoke_gpu_kernel), .spirv = name##_spv,                              \
        .spirv_bytes = name##_spv_bytes                                                            \
    }

static const yoke_gpu_kernel prefix_kernels[] = {SHADER(sums_local), SHADER(sums_blocks),
                                                 SHADER(sums_add)};
static const yoke_gpu_kernel squares_kernels[] = {SHADER(sums_squares)};

static const yoke_type *add_program(const char *name, yoke_cpu_kernel cpu,
                                    const yoke_program *program)
{
    const yoke_type *type = NULL;
    const yoke_type_desc *desc = yoke_type_desc(.name = name, .params_bytes = sizeof(sums_params),
                                                .cpu = cpu, .user = &gate, .program = program);
    assert_int_equal(yoke_register(f.rt, desc, &type), YOKE_OK);
    return type;
}

static const yoke_type *
add_prefix(const char *name, yoke_status (*plan)(const void *params, yoke_plan *plan),
           void (*record)(yoke_recorder *recorder, const yoke_batch_shape *batch))
{
    return add_program(
        name, prefix_cpu,
        yoke_program(.plan = plan, .record = record, .kernels = prefix_kernels, .num_kernels = 3));
}

static _Atomic int num_told; /* lines about batches that a device cannot run */

static void count_told(void *user, yoke_log_level level, const char *line)
{
    (void)user;
    if (strstr(line, "cannot run a batch of wrong: a dispatch of no kernel") != NULL) {
        atomic_fetch_add(&num_told, level == YOKE_LOG_WARNING);
    }
}

static uint32_t staging_mib; /* of the next start; 0: as usual */

static void start(yoke_engine engine, const backend_ops *const *backends)
{
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    policy.limits.staging_mib = staging_mib != 0 ? staging_mib : policy.limits.staging_mib;
    policy.routing.break_even_cost = 500;
    atomic_store(&gate.open, 0);
    atomic_store(&gate.entered, 0);
    atomic_store(&num_finished, 0);
    atomic_store(&num_told, 0);
    fixture_start_on(
        &f, yoke_options(.num_workers = 2, .engine = engine, .policy = &policy, .log = count_told),
        backends);
    prefix = add_prefix("prefix", prefix_plan, prefix_record);
    squares = add_program("squares", squares_cpu,
                          yoke_program(.plan = squares_plan, .record = squares_record,
                                       .kernels = squares_kernels, .num_kernels = 1,
                                       .finish = squares_finish));
}

static void stop(void)
{
    atomic_store(&gate.open, 1);
    fixture_stop(&f);
}

/* With what Vulkan finds; where that is nothing the test is skipped. */
static void start_gpu(yoke_engine engine)
{
    start(engine, backends_all);
    if (yoke_ready(f.rt, YOKE_FOREVER) != YOKE_OK) {
        stop();
        printf("no fit device on this machine: skipped\n");
        staging_mib = 0;
        skip();
    }
}

static yoke_stats stats_now(void)
{
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    return stats;
}

/* -- problems ---------------------------------------------------------------------------------- */

/* A job and its data; the output is as large as the input, whatever the type. */
typedef struct problem {
    yoke_job job;
    sums_params params;
    uint32_t *in, *out;
    bool is_in_yokes, is_out_yokes; /* memory */
} problem;

static size_t problem_bytes(const problem *p)
{
    return (size_t)4 * p->params.rows * p->job.num_items;
}

static uint32_t *numbers_alloc(size_t bytes, bool is_yokes)
{
    uint32_t *numbers = is_yokes ? yoke_alloc(f.rt, bytes) : malloc(bytes);
    assert_non_null(numbers);
    return numbers;
}

static void problem_make(problem *p, const yoke_type *type, uint32_t rows, uint32_t num_items,
                         int memory, uint64_t *random)
{
    memset(p, 0, sizeof *p);
    p->params = (sums_params){.rows = rows, .start = (uint32_t)fixture_random(random) % 3};
    p->job = yoke_job(.type = type, .num_items = num_items, .params = &p->params,
                      .params_bytes = sizeof p->params);
    p->is_in_yokes = (memory & 1) != 0;
    p->is_out_yokes = (memory & 2) != 0;
    p->in = numbers_alloc(problem_bytes(p), p->is_in_yokes);
    p->out = numbers_alloc(problem_bytes(p), p->is_out_yokes);
    for (size_t i = 0; i < problem_bytes(p) / 4; i++) {
        p->in[i] = (uint32_t)fixture_random(random);
    }
    memset(p->out, 0xa5, problem_bytes(p));
    p->job.in[0] = p->in;
    p->job.out = p->out;
}

/* How many numbers are wrong. Not by assertions: any thread may ask. */
static uint64_t problem_num_wrong(const problem *p)
{
    uint64_t num_wrong = 0;
    for (uint32_t item = 0; item < p->job.num_items; item++) {
        const uint32_t *in = p->in + (size_t)item * p->params.rows;
        uint32_t sum = p->params.start, squared = 0;
        for (uint32_t row = 0; row < p->params.rows; row++) {
            sum += in[row];
            squared += in[row] * in[row];
            if (p->job.type != squares) {
                num_wrong += p->out[(size_t)item * p->params.rows + row] != sum;
            }
        }
        if (p->job.type == squares) {
            num_wrong += p->out[item] != squared;
        }
    }
    return num_wrong;
}

static void problem_free(problem *p)
{
    uint32_t *numbers[] = {p->in, p->out};
    const bool is_yokes[] = {p->is_in_yokes, p->is_out_yokes};
    for (int i = 0; i < 2; i++) {
        if (is_yokes[i]) {
            yoke_free(f.rt, numbers[i]);
        } else {
            free(numbers[i]);
        }
    }
}

static void problem_run(problem *p)
{
    assert_int_equal(fixture_submit(&f, &p->job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &p->job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(problem_num_wrong(p), 0);
}

/* -- many at once ------------------------------------------------------------------------------ */

enum { MANY_JOBS = 400 };

typedef struct many {
    problem problems[MANY_JOBS];
    uint64_t seed;
    uint64_t num_wrong;
} many;

static uint32_t random_rows(uint64_t *random)
{
    static const uint32_t rows[] = {1, 2, 63, 64, 65, 200, 1000, 5000};
    uint64_t pick = fixture_random(random) % 40;
    return pick == 0 ? 100003 : rows[pick % 8]; /* a few are large */
}

/* A thread of the host's: its jobs go in one by one, of one type and size now, of another then. */
static void *many_run(void *context)
{
    many *m = context;
    yoke_group group = {{0}};
    uint32_t rows = 1;
    const yoke_type *type = prefix;
    for (int i = 0; i < MANY_JOBS; i++) {
        if (fixture_random(&m->seed) % 4 == 0) {
            rows = random_rows(&m->seed);
            type = fixture_random(&m->seed) % 2 == 0 ? prefix : squares;
        }
        uint32_t num_items = 1 + (uint32_t)(fixture_random(&m->seed) % 5);
        problem_make(&m->problems[i], type, rows, num_items, (int)(fixture_random(&m->seed) % 4),
                     &m->seed);
        m->problems[i].job.group = &group;
        m->num_wrong += fixture_submit(&f, &m->problems[i].job) != YOKE_OK;
    }
    m->num_wrong += yoke_group_wait(f.rt, &group, YOKE_FOREVER) != YOKE_OK;
    for (int i = 0; i < MANY_JOBS; i++) {
        m->num_wrong += problem_num_wrong(&m->problems[i]);
        problem_free(&m->problems[i]);
    }
    return NULL;
}

static void run_many(void)
{
    static many threads[2];
    pthread_t ids[2];
    uint64_t seed = fixture_seed();
    for (uint64_t t = 0; t < 2; t++) {
        threads[t].seed = seed * (2 * t + 3);
        threads[t].num_wrong = 0;
        assert_int_equal(pthread_create(&ids[t], NULL, many_run, &threads[t]), 0);
    }
    for (int t = 0; t < 2; t++) {
        assert_int_equal(pthread_join(ids[t], NULL), 0);
        assert_int_equal(threads[t].num_wrong, 0);
    }
    yoke_stats stats = stats_now();
    assert_int_equal(stats.jobs_ok, 2 * MANY_JOBS);
    assert_int_equal(stats.batches_failed, 0);
    printf("%lu items by the CPU, %lu by the device in %lu batches, %lu in place; %lu us busy\n",
           stats.items_run, stats.items_gpu, stats.batches, stats.batches_in_place,
           stats.gpu_busy_ns / 1000);
}

static void the_cpu_runs_many_problems_at_once(void **state)
{
    (void)state;
    start(YOKE_ENGINE_CPU, NULL);
    run_many();
    assert_int_equal(stats_now().items_gpu, 0);
    assert_int_equal(atomic_load(&num_finished), 0);
    stop();
}

static void a_device_runs_many_problems_at_once(void **state)
{
    (void)state;
    start_gpu(YOKE_ENGINE_GPU);
    run_many();
    yoke_stats stats = stats_now();
    assert_int_equal(stats.items_run, 0);
    assert_true(stats.batches < stats.items_gpu); /* some went together */
    assert_int_equal(stats.batches_staged, 0);
    assert_true(atomic_load(&num_finished) > 0);
    stop();
}

static void both_engines_share_many_problems(void **state)
{
    (void)state;
    start_gpu(YOKE_ENGINE_AUTO);
    run_many();
    yoke_stats stats = stats_now();
    assert_true(stats.items_run + stats.items_gpu > 2 * MANY_JOBS);
    stop();
}

/* -- large ones -------------------------------------------------------------------------------- */

/* In ordinary memory, in yoke's, and one of each. Partial results are never in place. */
static void large_problems_are_right_wherever_they_lie(void **state)
{
    (void)state;
    uint64_t random = fixture_seed();
    start_gpu(YOKE_ENGINE_GPU);
    for (int n = 0; n < 8; n++) {
        uint64_t before = stats_now().batches_in_place;
        bool is_squares = n >= 4;
        problem p;
        problem_make(&p, is_squares ? squares : prefix, is_squares ? 150007 : 500001,
                     is_squares ? 3 : 1, n % 4, &random);
        problem_run(&p);
        bool is_in_place = is_squares ? p.is_in_yokes : n % 4 != 0;
        assert_int_equal(stats_now().batches_in_place > before, is_in_place);
        problem_free(&p);
    }
    assert_int_equal(stats_now().items_run, 0);
    stop();
}

/* A slot has 2 MiB, and may grow to 8 for one problem. Of the last, one is larger. */
static void
a_problem_that_is_too_large_for_staging_is_the_devices_in_yokes_memory_only(void **state)
{
    (void)state;
    static const struct {
        uint32_t rows, num_items;
        bool fits;
    } sizes[] = {{200000, 1, true}, {500000, 1, true},   {1000000, 1, true}, {200000, 5, true},
                 {500000, 4, true}, {1100000, 1, false}, {1100000, 3, false}};
    uint64_t random = fixture_seed();
    staging_mib = 8;
    start_gpu(YOKE_ENGINE_GPU);
    staging_mib = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int memory = 0; memory < 4; memory += 3) {
            uint64_t before = stats_now().items_gpu;
            problem p;
            problem_make(&p, prefix, sizes[i].rows, sizes[i].num_items, memory, &random);
            problem_run(&p);
            uint32_t by_gpu = memory == 3 || sizes[i].fits ? sizes[i].num_items : 0;
            assert_int_equal(stats_now().items_gpu - before, by_gpu);
            problem_free(&p);
        }
    }
    stop();
}

/* -- other ways to end ------------------------------------------------------------------------- */

static void the_status_of_a_finish_is_its_jobs(void **state)
{
    (void)state;
    enum { JOBS = 50 };
    static problem problems[JOBS];
    uint64_t random = fixture_seed();
    start_gpu(YOKE_ENGINE_GPU);
    for (uint32_t i = 0; i < JOBS; i++) {
        problem_make(&problems[i], squares, 300, 1 + i % 3, 0, &random);
        problems[i].params.fails = i % 5 == 2 ? (uint32_t)-YOKE_UNSUPPORTED : 0;
        assert_int_equal(fixture_submit(&f, &problems[i].job), YOKE_OK);
    }
    for (uint32_t i = 0; i < JOBS; i++) {
        yoke_status status = yoke_wait(f.rt, &problems[i].job, YOKE_FOREVER);
        assert_int_equal(status, i % 5 == 2 ? YOKE_UNSUPPORTED : YOKE_OK);
        assert_int_equal(i % 5 == 2 ? 0 : problem_num_wrong(&problems[i]), 0);
        problem_free(&problems[i]);
    }
    assert_int_equal(stats_now().items_run, 0);
    stop();
}

static void count_done(yoke_job *job)
{
    atomic_fetch_add((_Atomic int *)job->user, job->status == YOKE_OK);
}

static void finished_jobs_complete_in_every_way(void **state)
{
    (void)state;
    enum { JOBS = 200 };
    static problem problems[JOBS];
    uint64_t random = fixture_seed();
    _Atomic int num_done = 0;
    yoke_group group = {{0}};
    start_gpu(YOKE_ENGINE_GPU);
    for (uint32_t i = 0; i < JOBS; i++) {
        problem *p = &problems[i];
        problem_make(p, i % 8 < 4 ? squares : prefix, 200, 1 + i % 2, 0, &random);
        p->job.flags = YOKE_JOB_GPU | (i % 4 == 0 ? YOKE_JOB_REAP : 0);
        p->job.done = i % 4 == 1 ? count_done : NULL;
        p->job.user = &num_done;
        p->job.group = i % 4 == 2 ? &group : NULL;
        assert_int_equal(fixture_submit(&f, &p->job), YOKE_OK);
    }
    yoke_job *reaped[64];
    for (size_t total = 0; total < JOBS / 4;) {
        total += yoke_reap(f.rt, reaped, 64);
    }
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
    while (atomic_load(&num_done) < JOBS / 4) {
        fixture_sleep_ms(1);
    }
    for (uint32_t i = 0; i < JOBS; i++) {
        if (i % 4 == 3) {
            assert_int_equal(yoke_wait(f.rt, &problems[i].job, YOKE_FOREVER), YOKE_OK);
        }
        assert_int_equal(problem_num_wrong(&problems[i]), 0);
        problem_free(&problems[i]);
    }
    assert_int_equal(stats_now().items_run, 0);
    stop();
}

static void canceled_problems_settle_once(void **state)
{
    (void)state;
    enum { JOBS = 300 };
    static problem problems[JOBS];
    uint64_t random = fixture_seed();
    uint32_t num_canceled = 0;
    start_gpu(YOKE_ENGINE_GPU);
    for (uint32_t i = 0; i < JOBS; i++) {
        problem *p = &problems[i];
        problem_make(p, i % 2 == 0 ? squares : prefix, 5000, 1 + i % 7 / 5, 0, &random);
        assert_int_equal(fixture_submit(&f, &p->job), YOKE_OK);
        if (i % 3 == 2) { /* early and late ones */
            yoke_cancel(f.rt, &problems[i - i % 30 / 10 * 3].job);
        }
    }
    for (uint32_t i = 0; i < JOBS; i++) {
        yoke_status status = yoke_wait(f.rt, &problems[i].job, YOKE_FOREVER);
        assert_true(status == YOKE_OK || (status == YOKE_CANCELED && i % 3 == 2));
        assert_int_equal(status == YOKE_OK ? problem_num_wrong(&problems[i]) : 0, 0);
        num_canceled += status == YOKE_CANCELED;
        problem_free(&problems[i]);
    }
    yoke_stats stats = stats_now();
    assert_int_equal(stats.jobs_ok, JOBS - num_canceled);
    printf("%u of %u canceled\n", num_canceled, JOBS / 3);
    stop();
}

/* What waits for its finish when it is canceled: the finish does not run. */
static void a_canceled_job_is_not_finished(void **state)
{
    (void)state;
    uint64_t random = fixture_seed();
    problem held[2], late;
    start_gpu(YOKE_ENGINE_GPU);
    for (int i = 0; i < 2; i++) { /* both workers */
        problem_make(&held[i], squares, 100, 1, 0, &random);
        held[i].params.holds = 1;
        assert_int_equal(fixture_submit(&f, &held[i].job), YOKE_OK);
        while (atomic_load(&gate.entered) <= i) {
            fixture_sleep_ms(1);
        }
    }
    uint64_t before = stats_now().items_gpu;
    problem_make(&late, squares, 100, 1, 0, &random);
    assert_int_equal(fixture_submit(&f, &late.job), YOKE_OK);
    while (stats_now().items_gpu == before) { /* the device has begun it */
        fixture_sleep_ms(1);
    }
    yoke_cancel(f.rt, &late.job);
    atomic_store(&gate.open, 1);
    assert_int_equal(yoke_wait(f.rt, &late.job, YOKE_FOREVER), YOKE_CANCELED);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(yoke_wait(f.rt, &held[i].job, YOKE_FOREVER), YOKE_OK);
        assert_int_equal(problem_num_wrong(&held[i]), 0);
        problem_free(&held[i]);
    }
    assert_int_equal(atomic_load(&num_finished), 2);
    problem_free(&late);
    stop();
}

static void *open_late(void *unused)
{
    (void)unused;
    fixture_sleep_ms(50);
    atomic_store(&gate.open, 1);
    return NULL;
}

/* The slots' memory must be there until the last finish has read it. */
static void destroy_waits_for_a_finish_that_has_begun(void **state)
{
    (void)state;
    uint64_t random = fixture_seed();
    for (int round = 0; round < 5; round++) {
        enum { JOBS = 40 };
        static problem problems[JOBS];
        start_gpu(YOKE_ENGINE_GPU);
        for (uint32_t i = 0; i < JOBS; i++) {
            problem_make(&problems[i], squares, 1000, 1 + i % 2, 0, &random);
            problems[i].params.holds = i == 0;
            assert_int_equal(fixture_submit(&f, &problems[i].job), YOKE_OK);
        }
        while (atomic_load(&gate.entered) == 0) {
            fixture_sleep_ms(1);
        }
        pthread_t opener;
        assert_int_equal(pthread_create(&opener, NULL, open_late, NULL), 0);
        fixture_stop(&f); /* which opens another gate */
        assert_int_equal(pthread_join(opener, NULL), 0);
        for (uint32_t i = 0; i < JOBS; i++) {
            yoke_status status = problems[i].job.status;
            assert_true(status == YOKE_OK || (status == YOKE_CANCELED && i > 0));
            assert_int_equal(status == YOKE_OK ? problem_num_wrong(&problems[i]) : 0, 0);
            problem_free(&problems[i]);
        }
    }
}

static void destroy_settles_every_problem(void **state)
{
    (void)state;
    enum { JOBS = 200 };
    static problem problems[JOBS];
    uint64_t random = fixture_seed();
    for (int round = 0; round < 10; round++) {
        start_gpu(round % 2 == 0 ? YOKE_ENGINE_GPU : YOKE_ENGINE_AUTO);
        for (uint32_t i = 0; i < JOBS; i++) {
            problem_make(&problems[i], i / 3 % 2 == 0 ? squares : prefix, 700, 1 + i % 3, 0,
                         &random);
            assert_int_equal(fixture_submit(&f, &problems[i].job), YOKE_OK);
        }
        if (round % 3 == 0) {
            fixture_sleep_ms(round);
        }
        stop();
        for (uint32_t i = 0; i < JOBS; i++) {
            yoke_status status = problems[i].job.status;
            assert_true(status == YOKE_OK || status == YOKE_CANCELED);
            assert_int_equal(status == YOKE_OK ? problem_num_wrong(&problems[i]) : 0, 0);
            problem_free(&problems[i]);
        }
    }
}

/* -- what the CPU runs instead ----------------------------------------------------------------- */

/* That type's problems are right, and the device had nothing to do with them. */
static void run_on_cpu(const yoke_type *type, uint32_t count)
{
    uint64_t random = fixture_seed();
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < count; i++) {
        problem p;
        problem_make(&p, type, 1000, 1 + i % 2, 0, &random);
        problem_run(&p);
        problem_free(&p);
    }
    assert_int_equal(stats_now().items_gpu, 0);
}

static void record_wrongly(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    record_blocks(recorder, batch, 0, YOKE_BUFFER_IN(0), YOKE_BUFFER_OUT);
    record_blocks(recorder, batch, 3, YOKE_BUFFER_IN(0), YOKE_BUFFER_OUT); /* it has three */
}

static void the_cpu_runs_what_is_recorded_wrongly_and_the_log_says_so(void **state)
{
    (void)state;
    start_gpu(YOKE_ENGINE_GPU);
    run_on_cpu(add_prefix("wrong", prefix_plan, record_wrongly), 1);
    assert_int_equal(atomic_load(&num_told), 1);
    assert_int_equal(stats_now().batches_failed, 1);
    stop();
}

static yoke_status plan_greedily(const void *params, yoke_plan *plan)
{
    yoke_status status = prefix_plan(params, plan);
    plan->scratch_bytes[2] = UINT64_C(1) << 50;
    return status;
}

static yoke_status plan_beyond_counting(const void *params, yoke_plan *plan)
{
    yoke_status status = prefix_plan(params, plan);
    plan->scratch_bytes[2] = UINT64_MAX;
    return status;
}

static void the_cpu_runs_what_needs_more_scratch_than_there_is(void **state)
{
    (void)state;
    start_gpu(YOKE_ENGINE_GPU);
    run_on_cpu(add_prefix("greedy", plan_greedily, prefix_record), 4);
    run_on_cpu(add_prefix("beyond", plan_beyond_counting, prefix_record), 4);
    assert_int_equal(stats_now().batches_failed, 0); /* they never were in a batch */
    problem p;                                       /* and the device still has room for others */
    uint64_t random = fixture_seed();
    problem_make(&p, prefix, 1000, 3, 0, &random);
    problem_run(&p);
    assert_int_equal(stats_now().items_gpu, 3);
    problem_free(&p);
    stop();
}

static void a_program_without_record_is_the_cpus(void **state)
{
    (void)state;
    start_gpu(YOKE_ENGINE_GPU);
    const yoke_type *type = add_program("cpu_only", prefix_cpu, yoke_program(.plan = prefix_plan));
    run_on_cpu(type, 10);
    yoke_job job = yoke_job(.type = type, .num_items = 1, .flags = YOKE_JOB_GPU);
    assert_int_not_equal(fixture_submit(&f, &job), YOKE_OK);
    fixture_misuses();
    stop();
}

static void params_that_the_plan_refuses_are_refused_at_submit(void **state)
{
    (void)state;
    uint32_t numbers[4] = {1, 2, 3, 4}, out[4];
    const sums_params none = {.rows = 0}, four = {.rows = 4, .start = 10};
    start(YOKE_ENGINE_CPU, NULL);
    yoke_job job = yoke_job(.type = prefix, .in = {numbers}, .out = out, .num_items = 1,
                            .params = &none, .params_bytes = sizeof none);
    assert_int_equal(fixture_submit(&f, &job), YOKE_INVALID);
    job.params = NULL; /* zeros are no better */
    job.params_bytes = 0;
    assert_int_equal(fixture_submit(&f, &job), YOKE_INVALID);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(2));
    job.params = &four;
    job.params_bytes = sizeof four;
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out[3], 20);
    stop();
}

/* -- a device that is lost --------------------------------------------------------------------- */

static _Atomic int submits_left;

static yoke_status losing_submit(backend_device *device, const backend_batch *batches,
                                 uint32_t num_batches, uint64_t *value)
{
    if (atomic_fetch_sub(&submits_left, 1) <= 0) {
        *value = 0;
        return YOKE_NO_DEVICE;
    }
    return backends_all[0]->submit(device, batches, num_batches, value);
}

/* While workers finish what it had begun. */
static void a_device_that_is_lost_loses_no_problem(void **state)
{
    (void)state;
    enum { JOBS = 100 };
    static problem problems[JOBS];
    static backend_ops losing;
    static const backend_ops *const losing_only[] = {&losing, NULL};
    uint64_t random = fixture_seed();
    start_gpu(YOKE_ENGINE_GPU); /* or skip */
    stop();
    losing = *backends_all[0];
    losing.submit = losing_submit;
    for (int round = 0; round < 8; round++) {
        atomic_store(&submits_left, 1 + round * 2);
        start(YOKE_ENGINE_GPU, losing_only);
        assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
        for (uint32_t i = 0; i < JOBS; i++) {
            problem_make(&problems[i], i / 5 % 2 == 0 ? squares : prefix, 900 + i / 10, 1 + i % 2,
                         0, &random);
            assert_int_equal(fixture_submit(&f, &problems[i].job), YOKE_OK);
        }
        for (uint32_t i = 0; i < JOBS; i++) {
            assert_int_equal(yoke_wait(f.rt, &problems[i].job, YOKE_FOREVER), YOKE_OK);
            assert_int_equal(problem_num_wrong(&problems[i]), 0);
            problem_free(&problems[i]);
        }
        assert_true(atomic_load(&submits_left) < 0);
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cpu_runs_many_problems_at_once),
        cmocka_unit_test(a_device_runs_many_problems_at_once),
        cmocka_unit_test(both_engines_share_many_problems),
        cmocka_unit_test(large_problems_are_right_wherever_they_lie),
        cmocka_unit_test(
            a_problem_that_is_too_large_for_staging_is_the_devices_in_yokes_memory_only),
        cmocka_unit_test(the_status_of_a_finish_is_its_jobs),
        cmocka_unit_test(finished_jobs_complete_in_every_way),
        cmocka_unit_test(canceled_problems_settle_once),
        cmocka_unit_test(a_canceled_job_is_not_finished),
        cmocka_unit_test(destroy_waits_for_a_finish_that_has_begun),
        cmocka_unit_test(destroy_settles_every_problem),
        cmocka_unit_test(the_cpu_runs_what_is_recorded_wrongly_and_the_log_says_so),
        cmocka_unit_test(the_cpu_runs_what_needs_more_scratch_than_there_is),
        cmocka_unit_test(a_program_without_record_is_the_cpus),
        cmocka_unit_test(params_that_the_plan_refuses_are_refused_at_submit),
        cmocka_unit_test(a_device_that_is_lost_loses_no_problem),
    };
    return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}
