/*
 * As race_test.c, but through lanes and over devices that fail: cancel, deadline, split, wait,
 * groups, callbacks and reap against two devices that refuse submits at random, refuse to compile,
 * and get lost.
 *
 * In each round a runtime lives for a while; host threads submit jobs of random size, engine,
 * deadline and way of completion, and another thread cancels them at random. Every job must settle
 * exactly once, with a status that one of the racers gave it; under OK every item has run, and has
 * left its result. An item may run more than once: on a device that was lost then, and on a worker.
 */
#include "backends/host/host.h"
#include "runtime/runtime.h"
#include "runtime/worker.h"
#include "tests/unit/testing.h"

enum { SUBMITTERS = 2, SLOTS = 64, ITEMS_MAX = 40, ROUNDS = 25 };

#define JOBS 100000
#define JOBS_FULL 10000000

/* -- devices that fail --------------------------------------------------------------------------
 */

/* Of a million submits, so many are refused, and so many lose the device. Set for each round. */
static _Atomic uint32_t refused_ppm, lost_ppm;
static _Atomic int num_refusing; /* devices that will yet refuse a kernel */
static _Atomic uint64_t fault_state;

static uint64_t fault_draw(uint64_t limit)
{
    uint64_t n = atomic_fetch_add(&fault_state, 1);
    testing_random random = testing_random_of(n, 0);
    return testing_random_below(&random, limit);
}

static yoke_status faulty_open_instance(const backend_host *host, backend_instance **instance,
                                        uint32_t *count, char *why_not)
{
    yoke_status status = host_ops.open_instance(host, instance, count, why_not);
    *count = 2;
    return status;
}

static yoke_status faulty_open(backend_instance *instance, uint32_t index,
                               const backend_open_options *options, backend_device **device)
{
    (void)index; /* two of the same */
    return host_ops.open(instance, 0, options, device);
}

static yoke_status faulty_compile(backend_device *device, const backend_kernel_desc *desc,
                                  backend_kernel **kernel)
{
    if (atomic_fetch_sub(&num_refusing, 1) > 0) {
        return YOKE_INVALID;
    }
    return host_ops.compile(device, desc, kernel);
}

static yoke_status faulty_submit(backend_device *device, const backend_batch *batches,
                                 uint32_t num_batches, uint64_t *value)
{
    uint64_t drawn = fault_draw(1000000);
    if (drawn < atomic_load(&refused_ppm)) {
        return YOKE_NO_MEMORY;
    }
    if (drawn >= 1000000 - atomic_load(&lost_ppm)) {
        host_lose(device);
    }
    return host_ops.submit(device, batches, num_batches, value);
}

/* -- jobs ---------------------------------------------------------------------------------------
 */

/* A job that is used again and again, and what its kernel and its completion leave behind. */
typedef struct slot {
    yoke_job job;
    uint32_t in[ITEMS_MAX]; /* each with its item's number in the low byte */
    uint64_t out[ITEMS_MAX];
    _Atomic uint32_t runs[ITEMS_MAX];
    _Atomic uint32_t settled; /* by callback or reap */
} slot;

typedef struct submitter {
    pthread_t thread;
    slot slots[SLOTS];
    slot *params[SLOTS];
    yoke_group group, gate;
    testing_random random;
    long wanted, ok, canceled, deadline, dependency;
} submitter;

static yoke_runtime *rt;
static const yoke_type *race_type;
static submitter submitters[SUBMITTERS];
static _Atomic bool is_over;

/* On a device `first` is the batch's, not the job's: an item is known by its input. */
static yoke_status race_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const uint32_t *in = claim->in[0];
    uint64_t *out = claim->out;
    slot *s;
    memcpy(&s, claim->params, sizeof s);
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = (uint64_t)in[i] * in[i];
        atomic_fetch_add_explicit(&s->runs[in[i] & 0xff], 1, memory_order_relaxed);
    }
    return YOKE_OK;
}

static void race_done(yoke_job *job)
{
    slot *s = job->user;
    assert_non_null(worker_self()); /* though a submitter may have been the last to leave */
    atomic_fetch_add(&s->settled, 1);
}

enum { BY_WAIT, BY_GROUP, BY_DONE, BY_REAP, COMPLETIONS };

/* One in eight insists on a GPU, one in eight on the CPU. */
static uint32_t slot_engine(uint64_t drawn)
{
    return drawn % 8 == 0 ? YOKE_JOB_GPU : drawn % 8 == 1 ? YOKE_JOB_CPU : 0;
}

static void slot_prepare(slot *s, submitter *by)
{
    uint64_t r = testing_random_next(&by->random);
    uint32_t num_items = (r & 1) != 0 ? 1 : 1 + (uint32_t)(r >> 8) % ITEMS_MAX;
    int completion = (int)((r >> 32) % COMPLETIONS);
    for (uint32_t i = 0; i < num_items; i++) {
        s->in[i] = ((uint32_t)(r >> 20) & ~0xffu) | i;
        s->out[i] = 0;
        atomic_store_explicit(&s->runs[i], 0, memory_order_relaxed);
    }
    atomic_store(&s->settled, 0);
    s->job.num_items = num_items;
    s->job.group = completion == BY_GROUP ? &by->group : NULL;
    s->job.after = (r >> 50) % 4 == 0 ? &by->gate : NULL;
    s->job.done = completion == BY_DONE ? race_done : NULL;
    s->job.flags = (completion == BY_REAP ? YOKE_JOB_REAP : 0) | slot_engine(r >> 36);
    s->job.deadline_ns = (r >> 40) % 4 == 0 ? testing_now_ns() + (r >> 44) % 20000 : 0;
}

static void reap_some(void)
{
    yoke_job *reaped[16];
    size_t count = yoke_reap(rt, reaped, 16);
    for (size_t i = 0; i < count; i++) {
        slot *s = reaped[i]->user;
        atomic_fetch_add(&s->settled, 1);
    }
}

static void slot_await(slot *s, submitter *by)
{
    if (s->job.group != NULL) {
        yoke_group_wait(rt, &by->group, YOKE_FOREVER);
    } else if (s->job.done != NULL || (s->job.flags & YOKE_JOB_REAP) != 0) {
        unsigned num_looks = 0;
        while (atomic_load(&s->settled) == 0) {
            reap_some();
            testing_relax(&num_looks);
        }
    } else {
        uint64_t timeout_ns = testing_random_below(&by->random, 30000);
        while (yoke_wait(rt, &s->job, timeout_ns) == YOKE_TIMEOUT) {
        }
    }
}

static void slot_check(slot *s, submitter *by)
{
    yoke_status status = s->job.status;
    by->ok += status == YOKE_OK;
    by->canceled += status == YOKE_CANCELED;
    by->deadline += status == YOKE_DEADLINE;
    by->dependency += status == YOKE_DEPENDENCY;
    assert_true(status == YOKE_OK || status == YOKE_CANCELED ||
                (status == YOKE_DEADLINE && s->job.deadline_ns != 0) ||
                (status == YOKE_DEPENDENCY && s->job.after != NULL));
    assert_true(atomic_load(&s->settled) <= 1);
    for (uint32_t i = 0; i < s->job.num_items && status == YOKE_OK; i++) {
        assert_int_equal(s->out[i], (uint64_t)s->in[i] * s->in[i]);
        uint32_t runs = atomic_load_explicit(&s->runs[i], memory_order_relaxed);
        assert_true(runs == 1 || runs == 2);
    }
}

/* One job alone. Without a device to insist on, the CPU is good enough. */
static void slot_submit(slot *s)
{
    yoke_job *ref = &s->job;
    yoke_status status;
    while ((status = yoke_submit(rt, &ref, 1)) != YOKE_OK) {
        assert_true(status == YOKE_BUSY || status == YOKE_NO_DEVICE);
        if (status == YOKE_NO_DEVICE) {
            s->job.flags &= ~(uint32_t)YOKE_JOB_GPU;
        } else {
            sched_yield();
        }
    }
}

/* The first of them gate those with `after`; as many as possible then go in one call. */
static void submit_some(submitter *by, size_t count)
{
    yoke_job *refs[SLOTS];
    by->group = (yoke_group){{0}};
    by->gate = (yoke_group){{0}};
    for (size_t i = 0; i < count; i++) {
        slot_prepare(&by->slots[i], by);
        refs[i] = &by->slots[i].job;
    }
    by->slots[0].job.done = NULL;
    by->slots[0].job.flags &= ~(uint32_t)YOKE_JOB_REAP;
    by->slots[0].job.group = &by->gate;
    by->slots[0].job.after = NULL;
    slot_submit(&by->slots[0]);
    size_t bulk = count / 2; /* nearly half in one call, the others one by one */
    if (bulk > 1 && yoke_submit(rt, refs + 1, bulk - 1) != YOKE_OK) {
        bulk = 1;
    }
    for (size_t i = bulk > 0 ? bulk : 1; i < count; i++) {
        slot_submit(&by->slots[i]);
    }
}

static void *submit_rounds(void *argument)
{
    submitter *by = argument;
    for (long left = by->wanted; left > 0;) {
        size_t count = 1 + testing_random_below(&by->random, SLOTS);
        submit_some(by, count);
        yoke_group_wait(rt, &by->gate, YOKE_FOREVER);
        for (size_t i = 0; i < count; i++) {
            if (i > 0) {
                slot_await(&by->slots[i], by);
            }
            slot_check(&by->slots[i], by);
        }
        left -= (long)count;
    }
    return NULL;
}

static void *cancel_at_random(void *argument)
{
    testing_random random = *(testing_random *)argument;
    while (!atomic_load(&is_over)) {
        uint64_t r = testing_random_next(&random);
        yoke_cancel(rt, &submitters[r % SUBMITTERS].slots[(r >> 8) % SLOTS].job);
        for (uint64_t pause = (r >> 32) % 200; pause > 0; pause--) {
            atomic_signal_fence(memory_order_seq_cst);
        }
        if (r >> 60 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

/* -- a round ------------------------------------------------------------------------------------
 */

static void start_round(int round)
{
    static backend_ops faulty;
    static const backend_ops *const backends[] = {&faulty, NULL};
    static const uint32_t no_spirv[] = {0};
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    policy.gpu.slots_in_flight = 2;
    policy.limits.staging_mib = 1;
    policy.routing.break_even_cost = 20;
    policy.batching.target_start = 1 + 30 * (uint64_t)(round % 3);
    policy.batching.wait_us_max = 20;
    faulty = host_ops;
    faulty.open_instance = faulty_open_instance;
    faulty.open = faulty_open;
    faulty.compile = faulty_compile;
    faulty.submit = faulty_submit;
    atomic_store(&refused_ppm, round % 4 == 0 ? 0 : 50000);
    atomic_store(&lost_ppm, round % 3 == 0 ? 0 : 5000);
    atomic_store(&num_refusing, round % 5 == 4); /* then only one of them serves the type */
    yoke_engine engine = round % 2 == 0 ? YOKE_ENGINE_AUTO : YOKE_ENGINE_GPU;
    assert_int_equal(runtime_create(&rt,
                                    yoke_options(.num_workers = 2, .max_jobs = 128,
                                                 .engine = engine, .policy = &policy),
                                    backends),
                     YOKE_OK);
    assert_int_equal(
        yoke_register(rt,
                      yoke_type_desc(.name = "race", .in_bytes = {4}, .out_bytes = 8,
                                     .params_bytes = sizeof(void *), .cpu = race_kernel,
                                     .gpu = yoke_gpu_kernel(.spirv = no_spirv, .spirv_bytes = 4)),
                      &race_type),
        YOKE_OK);
}

static void prepare_submitter(submitter *by, long wanted)
{
    by->wanted = wanted;
    for (int i = 0; i < SLOTS; i++) {
        slot *s = &by->slots[i];
        by->params[i] = s;
        s->job = yoke_job(.type = race_type, .in = {s->in}, .out = s->out, .user = s,
                          .params = &by->params[i], .params_bytes = sizeof(void *));
    }
}

static yoke_stats run_round(uint64_t seed, int round, long wanted)
{
    pthread_t canceler;
    testing_random cancels = testing_random_of(seed, 100 + (uint64_t)round);
    start_round(round);
    atomic_store(&is_over, false);
    for (int t = 0; t < SUBMITTERS; t++) {
        prepare_submitter(&submitters[t], wanted / SUBMITTERS);
    }
    testing_start(&canceler, cancel_at_random, &cancels);
    for (int t = 0; t < SUBMITTERS; t++) {
        testing_start(&submitters[t].thread, submit_rounds, &submitters[t]);
    }
    for (int t = 0; t < SUBMITTERS; t++) {
        testing_join(submitters[t].thread);
    }
    atomic_store(&is_over, true);
    testing_join(canceler);
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(rt, &stats), YOKE_OK);
    assert_int_equal(stats.jobs_settled, stats.jobs_submitted);
    yoke_destroy(&rt);
    return stats;
}

static void every_job_settles_once_whatever_becomes_of_the_devices(void **state)
{
    (void)state;
    uint64_t seed = testing_seed();
    long wanted = (testing_full() ? JOBS_FULL : JOBS) / ROUNDS;
    uint64_t submitted = 0, gpu = 0, cpu = 0, failed = 0;
    testing_watchdog(testing_full() ? 800 : 150);
    atomic_store(&fault_state, seed);
    for (int t = 0; t < SUBMITTERS; t++) {
        submitters[t].random = testing_random_of(seed, (uint64_t)t);
    }
    for (int round = 0; round < ROUNDS; round++) {
        yoke_stats stats = run_round(seed, round, wanted);
        submitted += stats.jobs_submitted;
        gpu += stats.items_gpu;
        cpu += stats.items_run;
        failed += stats.batches_failed;
    }
    testing_watchdog(0);
    long ok = 0, canceled = 0, deadline = 0, dependency = 0;
    for (int t = 0; t < SUBMITTERS; t++) {
        ok += submitters[t].ok;
        canceled += submitters[t].canceled;
        deadline += submitters[t].deadline;
        dependency += submitters[t].dependency;
    }
    printf("jobs: %ld ok, %ld canceled, %ld past their deadline, %ld after a failed group\n", ok,
           canceled, deadline, dependency);
    printf("items: %" PRIu64 " by devices, %" PRIu64 " by the CPU; %" PRIu64 " batches failed\n",
           gpu, cpu, failed);
    assert_int_equal(submitted, ok + canceled + deadline + dependency);
    assert_true(ok > 0 && canceled > 0 && deadline > 0 && dependency > 0); /* each won sometimes */
    assert_true(gpu > 0 && cpu > 0 && failed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_settles_once_whatever_becomes_of_the_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
