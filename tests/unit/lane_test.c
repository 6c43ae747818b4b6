/*
 * lane.h and what submit and settle make of it: lanes that are full, jobs that a group releases,
 * and lanes that are drained while others fill them. Over the host backend, with a device that
 * stands still when told to.
 */
#include "runtime/lane.h"

#include "backends/host/host.h"
#include "runtime/job.h"
#include "runtime/type.h"
#include "tests/unit/testing.h"

#define SECOND UINT64_C(1000000000)
#define SLOTS 2 /* batches in flight */
#define LANE 4  /* tickets in a lane */

static const uint32_t no_spirv[] = {0};
static yoke_runtime *rt;
static const yoke_type *twice;    /* uint32_t x -> 2x; has a GPU kernel */
static const yoke_type *cpu_only; /* the same without */

static yoke_status twice_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const uint32_t *in = claim->in[0];
    uint32_t *out = claim->out;
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = 2 * in[i];
    }
    return YOKE_OK;
}

/* -- a device that stands still, or is lost -----------------------------------------------------
 */

typedef enum device_way { RUNS, STANDS, IS_LOST } device_way;

static _Atomic int way;

static yoke_status way_completed(backend_device *device, uint64_t *value)
{
    if (atomic_load(&way) == IS_LOST) {
        host_lose(device);
    }
    if (atomic_load(&way) == STANDS) {
        *value = 0;
        return YOKE_OK;
    }
    return host_ops.completed(device, value);
}

static yoke_status way_wait(backend_device *device, uint64_t value, uint64_t timeout_ns)
{
    if (atomic_load(&way) == STANDS) {
        testing_sleep_ms(1);
        return YOKE_TIMEOUT;
    }
    return host_ops.wait(device, value, timeout_ns);
}

static void register_types(void)
{
    const yoke_gpu_kernel *gpu = yoke_gpu_kernel(.spirv = no_spirv, .spirv_bytes = 4);
    assert_int_equal(yoke_register(rt,
                                   yoke_type_desc(.name = "twice", .in_bytes = {4}, .out_bytes = 4,
                                                  .cpu = twice_kernel, .gpu = gpu),
                                   &twice),
                     YOKE_OK);
    assert_int_equal(yoke_register(rt,
                                   yoke_type_desc(.name = "cpu_only", .in_bytes = {4},
                                                  .out_bytes = 4, .cpu = twice_kernel),
                                   &cpu_only),
                     YOKE_OK);
}

/* Batches of one item, and every job is worth one. */
static void start(yoke_engine engine, uint32_t max_jobs, uint64_t target_cost)
{
    static backend_ops ops;
    static const backend_ops *const backends[] = {&ops, NULL};
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    policy.gpu.slots_in_flight = SLOTS;
    policy.limits.staging_mib = 1;
    policy.routing.break_even_cost = 1;
    policy.batching.target_start = target_cost;
    policy.batching.wait_us_max = 1000000;
    ops = host_ops;
    ops.completed = way_completed;
    ops.wait = way_wait;
    atomic_store(&way, RUNS);
    assert_int_equal(runtime_create(&rt,
                                    yoke_options(.num_workers = 2, .max_jobs = max_jobs,
                                                 .engine = engine, .policy = &policy),
                                    backends),
                     YOKE_OK);
    register_types();
    assert_int_equal(yoke_ready(rt, YOKE_FOREVER), YOKE_OK);
}

static void stop(void)
{
    atomic_store(&way, RUNS);
    yoke_destroy(&rt);
}

static yoke_stats read_stats(void)
{
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(rt, &stats), YOKE_OK);
    return stats;
}

static ring *lane_of(const yoke_type *type)
{
    return &((yoke_type *)(uintptr_t)type)->lane;
}

/* -- full lanes -------------------------------------------------------------------------------- */

#define NUMBERS 64

static uint32_t in[NUMBERS], out[NUMBERS];
static yoke_job jobs[NUMBERS];
static uint64_t deadline_ns; /* of the jobs that are submitted now */

static yoke_status submit_number(int i, uint32_t num_items, uint32_t flags)
{
    for (uint32_t k = 0; k < num_items; k++) {
        in[i + (int)k] = (uint32_t)i + k;
        out[i + (int)k] = 0;
    }
    jobs[i] = yoke_job(.type = twice, .in = {&in[i]}, .out = &out[i], .num_items = num_items,
                       .flags = flags, .deadline_ns = deadline_ns);
    yoke_job *ref = &jobs[i];
    return yoke_submit(rt, &ref, 1);
}

static void await_number(int i)
{
    assert_int_equal(yoke_wait(rt, &jobs[i], 20 * SECOND), YOKE_OK);
    for (uint32_t k = 0; k < jobs[i].num_items; k++) {
        assert_int_equal(out[i + (int)k], 2 * in[i + (int)k]);
    }
}

/* Jobs 0 to SLOTS + LANE - 1 are in flight or fill the lane, and nothing moves. */
static void start_full(yoke_engine engine)
{
    start(engine, LANE, 1);
    assert_int_equal(lane_of(twice)->capacity, LANE);
    atomic_store(&way, STANDS);
    for (int i = 0; i < SLOTS; i++) {
        assert_int_equal(submit_number(i, 1, YOKE_JOB_GPU), YOKE_OK);
        while (ring_count_any(lane_of(twice)) > 0) {
            sched_yield();
        }
    }
    for (int i = SLOTS; i < SLOTS + LANE; i++) {
        while (submit_number(i, 1, YOKE_JOB_GPU) == YOKE_BUSY) {
            sched_yield(); /* the place that was taken last is being freed */
        }
    }
    assert_int_equal(ring_count_any(lane_of(twice)), LANE);
}

static void stop_full(void)
{
    atomic_store(&way, RUNS);
    for (int i = 0; i < SLOTS + LANE; i++) {
        await_number(i);
    }
    stop();
}

static void workers_take_what_a_full_lane_does_not(void **state)
{
    (void)state;
    start_full(YOKE_ENGINE_AUTO);
    for (uint32_t num_items = 1; num_items <= 8; num_items *= 8) {
        assert_int_equal(submit_number(20, num_items, 0), YOKE_OK);
        await_number(20); /* the device stands still: a worker ran it */
    }
    assert_int_equal(read_stats().items_run, 9);
    stop_full();
}

static void who_insists_on_a_gpu_is_told_that_its_lane_is_full(void **state)
{
    (void)state;
    start_full(YOKE_ENGINE_AUTO);
    assert_int_equal(submit_number(20, 1, YOKE_JOB_GPU), YOKE_BUSY);
    assert_int_equal(jobs[20].status, YOKE_OK); /* as it was */
    assert_int_equal(submit_number(20, 8, YOKE_JOB_GPU), YOKE_BUSY);
    assert_int_equal(submit_number(20, 1, YOKE_JOB_CPU), YOKE_OK);
    await_number(20);
    stop_full();

    start_full(YOKE_ENGINE_GPU);
    assert_int_equal(submit_number(20, 1, 0), YOKE_BUSY);
    assert_int_equal(submit_number(20, 8, 0), YOKE_BUSY);
    assert_int_equal(submit_number(20, 1, YOKE_JOB_CPU), YOKE_OK);
    await_number(20);
    stop_full();
}

static void a_lane_has_room_again_when_a_device_takes_from_it(void **state)
{
    (void)state;
    start_full(YOKE_ENGINE_GPU);
    assert_int_equal(submit_number(20, 1, YOKE_JOB_GPU), YOKE_BUSY);
    atomic_store(&way, RUNS);
    while (submit_number(20, 1, YOKE_JOB_GPU) == YOKE_BUSY) {
        sched_yield();
    }
    await_number(20);
    stop_full();
    assert_null(rt);
}

static void a_full_lane_of_one_type_is_no_concern_of_another(void **state)
{
    (void)state;
    start_full(YOKE_ENGINE_GPU);
    uint32_t one = 1, two = 0;
    yoke_job job = yoke_job(.type = cpu_only, .in = {&one}, .out = &two, .num_items = 1);
    yoke_job *ref = &job;
    assert_int_equal(yoke_submit(rt, &ref, 1), YOKE_OK);
    assert_int_equal(yoke_wait(rt, &job, 20 * SECOND), YOKE_OK);
    job.flags = YOKE_JOB_GPU;
    assert_int_equal(yoke_submit(rt, &ref, 1), YOKE_NO_DEVICE);
    stop_full();
}

/* -- what waits in a lane or a batch --------------------------------------------------------------
 */

/* What is in flight when it is stopped runs; what waits in the lane does not. */
static void jobs_that_are_stopped_while_they_wait_in_a_lane_see_no_device(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        deadline_ns = late ? testing_now_ns() + 200 * TESTING_MS : 0;
        start_full(YOKE_ENGINE_GPU);
        deadline_ns = 0;
        testing_sleep_ms(late ? 250 : 0);
        for (int i = SLOTS; i < SLOTS + LANE && !late; i++) {
            yoke_cancel(rt, &jobs[i]);
        }
        atomic_store(&way, RUNS);
        for (int i = 0; i < SLOTS + LANE; i++) {
            yoke_status expected = i < SLOTS ? YOKE_OK : late ? YOKE_DEADLINE : YOKE_CANCELED;
            assert_int_equal(yoke_wait(rt, &jobs[i], 20 * SECOND), expected);
        }
        assert_int_equal(read_stats().items_gpu, SLOTS);
        assert_int_equal(read_stats().items_run, 0);
        stop();
    }
}

static void an_open_batch_is_run_by_workers_when_its_device_is_lost(void **state)
{
    (void)state;
    start(YOKE_ENGINE_GPU, 64, 1 << 20);
    atomic_store(&way, STANDS);
    for (int i = 0; i < 3; i++) { /* the first is on its way, the others wait for company */
        assert_int_equal(submit_number(i, 1, YOKE_JOB_GPU), YOKE_OK);
        while (ring_count_any(lane_of(twice)) > 0) {
            sched_yield();
        }
        testing_sleep_ms(i == 0 ? 10 : 0);
    }
    atomic_store(&way, IS_LOST);
    for (int i = 0; i < 3; i++) {
        await_number(i);
    }
    assert_int_equal(read_stats().items_run, 3);
    assert_int_equal(read_stats().batches_failed, 2);
    stop();
}

/* -- released jobs ----------------------------------------------------------------------------- */

/* Jobs 1 to count are released by job 0 of a group. */
static void release(uint32_t count, const yoke_type *type, uint32_t flags, yoke_group *all)
{
    yoke_group first = {{0}};
    yoke_job *refs[NUMBERS];
    for (uint32_t i = 0; i <= count; i++) {
        in[i] = i;
        out[i] = 0;
        jobs[i] = yoke_job(.type = i > 0 ? type : cpu_only, .in = {&in[i]}, .out = &out[i],
                           .num_items = 1, .flags = i > 0 ? flags : 0,
                           .group = i > 0 ? all : &first, .after = i > 0 ? &first : NULL);
        refs[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(rt, refs, count + 1), YOKE_OK);
    assert_int_equal(yoke_group_wait(rt, &first, 20 * SECOND), YOKE_OK);
}

static void released_jobs_go_where_they_would_have_gone_at_once(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    yoke_group all = {{0}};
    start(YOKE_ENGINE_GPU, 64, 16);
    static const struct {
        bool has_kernel;
        uint32_t flags;
        uint64_t for_gpu;
    } rows[] = {
        {true, 0, COUNT}, {true, YOKE_JOB_GPU, COUNT}, {true, YOKE_JOB_CPU, 0}, {false, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        yoke_stats before = read_stats();
        release(COUNT, rows[i].has_kernel ? twice : cpu_only, rows[i].flags, &all);
        assert_int_equal(yoke_group_wait(rt, &all, 20 * SECOND), YOKE_OK);
        for (uint32_t n = 1; n <= COUNT; n++) {
            assert_int_equal(out[n], 2 * n);
        }
        assert_int_equal(read_stats().items_gpu - before.items_gpu, rows[i].for_gpu);
    }
    stop();
}

static void released_jobs_that_find_their_lane_full_are_the_workers(void **state)
{
    (void)state;
    start_full(YOKE_ENGINE_GPU);
    uint32_t numbers[3] = {1, 2, 3}, results[3] = {0};
    yoke_group first = {{0}}, all = {{0}};
    yoke_job before = yoke_job(.type = cpu_only, .in = {numbers}, .out = results, .num_items = 1,
                               .group = &first);
    yoke_job one = yoke_job(.type = twice, .in = {numbers + 1}, .out = results + 1, .num_items = 1,
                            .flags = YOKE_JOB_GPU, .group = &all, .after = &first);
    yoke_job two = one;
    two.in[0] = numbers + 2;
    two.out = results + 2;
    yoke_job *refs[] = {&before, &one, &two};
    assert_int_equal(yoke_submit(rt, refs, 3), YOKE_OK);
    assert_int_equal(yoke_group_wait(rt, &all, 20 * SECOND), YOKE_OK); /* though nothing moves */
    assert_int_equal(results[1], 4);
    assert_int_equal(results[2], 6);
    stop_full();
}

static void released_jobs_of_a_failed_group_do_not_see_a_device(void **state)
{
    (void)state;
    start(YOKE_ENGINE_GPU, 64, 16);
    yoke_group first = {{0}};
    uint32_t one = 1, two = 0;
    yoke_job before = yoke_job(.type = cpu_only, .in = {&one}, .out = &two, .num_items = 1,
                               .group = &first, .deadline_ns = 1);
    yoke_job after =
        yoke_job(.type = twice, .in = {&one}, .out = &two, .num_items = 1, .after = &first);
    yoke_job *refs[] = {&before, &after};
    assert_int_equal(yoke_submit(rt, refs, 2), YOKE_OK);
    assert_int_equal(yoke_wait(rt, &after, 20 * SECOND), YOKE_DEPENDENCY);
    assert_int_equal(read_stats().items_gpu, 0);
    stop();
}

/* -- the last device leaves (X1) ----------------------------------------------------------------
 */

enum { LEAVES = 20000, LEAVES_FULL = 1000000 };

/* In each round a device has served the type, and leaves while a job is pushed. */
static _Atomic int round_begun;
static uint64_t leave_seed;
static int num_leaves;

static void dally(testing_random *random)
{
    for (uint64_t i = testing_random_below(random, 60); i > 0; i--) {
        base_cpu_relax();
    }
}

static void *leave_in_each_round(void *unused)
{
    testing_random random = testing_random_of(leave_seed, 1);
    yoke_type *type = (yoke_type *)(uintptr_t)twice;
    for (int round = 1; round <= num_leaves; round++) {
        unsigned num_looks = 0;
        while (atomic_load(&round_begun) < round) {
            testing_relax(&num_looks);
        }
        dally(&random);
        if (atomic_fetch_sub(&type->num_serving, 1) == 1) {
            lane_drain_any(rt, type);
        }
    }
    return unused;
}

static void no_ticket_stays_in_a_lane_that_its_device_leaves(void **state)
{
    (void)state;
    static const backend_ops *const none[] = {NULL};
    pthread_t thread;
    leave_seed = testing_seed();
    num_leaves = testing_full() ? LEAVES_FULL : LEAVES;
    testing_random random = testing_random_of(leave_seed, 0);
    testing_watchdog(testing_full() ? 600 : 120);
    assert_int_equal(
        runtime_create(&rt, yoke_options(.num_workers = 1, .engine = YOKE_ENGINE_GPU), none),
        YOKE_OK);
    register_types(); /* no device: this test makes believe that there is one */
    testing_start(&thread, leave_in_each_round, NULL);
    yoke_type *type = (yoke_type *)(uintptr_t)twice;
    for (int round = 1; round <= num_leaves; round++) {
        atomic_fetch_add(&type->num_serving, 1);
        atomic_store(&round_begun, round);
        dally(&random);
        assert_int_equal(submit_number(0, 1, 0), YOKE_OK);
        await_number(0); /* runs into its time-out if the ticket is still in the lane */
        unsigned num_looks = 0;
        while (atomic_load(&type->num_serving) > 0) {
            testing_relax(&num_looks);
        }
    }
    testing_join(thread);
    testing_watchdog(0);
    yoke_destroy(&rt);
}

/* -- a device is lost while host threads push ---------------------------------------------------
 */

enum { PUSHERS = 3, PUSHES = 300, LOSSES = 30 };

typedef struct pusher {
    pthread_t thread;
    testing_random random;
    yoke_job jobs[PUSHES];
    uint32_t in[PUSHES][4], out[PUSHES][4];
    yoke_group group;
} pusher;

static pusher pushers[PUSHERS];
static _Atomic int num_pushed;

static void *push_jobs(void *argument)
{
    pusher *p = argument;
    p->group = (yoke_group){{0}};
    for (uint32_t i = 0; i < PUSHES; i++) {
        uint32_t items = 1 + (uint32_t)testing_random_below(&p->random, 4);
        for (uint32_t k = 0; k < 4; k++) {
            p->in[i][k] = i + k;
            p->out[i][k] = 0;
        }
        p->jobs[i] = yoke_job(.type = twice, .in = {p->in[i]}, .out = p->out[i], .num_items = items,
                              .group = &p->group);
        yoke_job *ref = &p->jobs[i];
        while (yoke_submit(rt, &ref, 1) == YOKE_BUSY) {
            sched_yield();
        }
        atomic_fetch_add(&num_pushed, 1);
    }
    assert_int_equal(yoke_group_wait(rt, &p->group, 20 * SECOND), YOKE_OK);
    for (uint32_t i = 0; i < PUSHES; i++) {
        for (uint32_t k = 0; k < p->jobs[i].num_items; k++) {
            assert_int_equal(p->out[i][k], 2 * (i + k));
        }
    }
    return NULL;
}

static void every_job_settles_though_the_device_is_lost_meanwhile(void **state)
{
    (void)state;
    uint64_t seed = testing_seed(), items_gpu = 0;
    testing_random random = testing_random_of(seed, PUSHERS);
    testing_watchdog(120);
    for (int n = 0; n < LOSSES; n++) {
        start(n % 3 == 0 ? YOKE_ENGINE_AUTO : YOKE_ENGINE_GPU, 64, 4);
        atomic_store(&num_pushed, 0);
        int lost_after = (int)testing_random_below(&random, PUSHERS * PUSHES);
        for (int t = 0; t < PUSHERS; t++) {
            pushers[t].random = testing_random_of(seed, (uint64_t)(n * PUSHERS + t));
            testing_start(&pushers[t].thread, push_jobs, &pushers[t]);
        }
        while (atomic_load(&num_pushed) < lost_after) {
            sched_yield();
        }
        atomic_store(&way, IS_LOST);
        for (int t = 0; t < PUSHERS; t++) {
            testing_join(pushers[t].thread);
        }
        items_gpu += read_stats().items_gpu;
        assert_int_equal(read_stats().jobs_ok, PUSHERS * PUSHES);
        while (ring_count_any(lane_of(twice)) > 0) { /* places given back by refused submits */
            sched_yield();
        }
        stop();
    }
    testing_watchdog(0);
    assert_true(items_gpu > 0); /* there was something to lose */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_take_what_a_full_lane_does_not),
        cmocka_unit_test(who_insists_on_a_gpu_is_told_that_its_lane_is_full),
        cmocka_unit_test(a_lane_has_room_again_when_a_device_takes_from_it),
        cmocka_unit_test(a_full_lane_of_one_type_is_no_concern_of_another),
        cmocka_unit_test(jobs_that_are_stopped_while_they_wait_in_a_lane_see_no_device),
        cmocka_unit_test(an_open_batch_is_run_by_workers_when_its_device_is_lost),
        cmocka_unit_test(released_jobs_go_where_they_would_have_gone_at_once),
        cmocka_unit_test(released_jobs_that_find_their_lane_full_are_the_workers),
        cmocka_unit_test(released_jobs_of_a_failed_group_do_not_see_a_device),
        cmocka_unit_test(no_ticket_stays_in_a_lane_that_its_device_leaves),
        cmocka_unit_test(every_job_settles_though_the_device_is_lost_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
