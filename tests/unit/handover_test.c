/*
 * Work that changes hands between host threads, submitters and workers, in the corners where a
 * wake-up, a ticket or a slot is easily lost: each case once led to a job that never settled, a
 * thread that slept for ever, or a device or worker that idled beside its work.
 *
 * Over the host backend with verbs of its own. What must happen is given seconds to happen.
 */
#include "backends/host/host.h"
#include "runtime/base.h"
#include "runtime/park.h"
#include "runtime/runtime.h"
#include "tests/unit/testing.h"

#define SECOND UINT64_C(1000000000)
#define LONG_ENOUGH (10 * SECOND) /* for what should take a moment */

static const uint32_t no_spirv[] = {0};
static yoke_runtime *rt;
static yoke_policy policy;
static backend_ops ops; /* the host's, but for what a test puts in */

static int set_up(void **state)
{
    (void)state;
    policy_default(&policy);
    policy.gpu.software = true;
    policy.gpu.slots_in_flight = 2;
    policy.limits.staging_mib = 1;
    ops = host_ops;
    return 0;
}

static void start(const yoke_options *options)
{
    static const backend_ops *const backends[] = {&ops, NULL};
    yoke_options chosen = *options;
    chosen.policy = &policy;
    testing_watchdog(60);
    assert_int_equal(runtime_create(&rt, &chosen, backends), YOKE_OK);
}

static void stop(void)
{
    yoke_destroy(&rt);
    testing_watchdog(0);
}

static const yoke_type *register_type(const char *name, yoke_cpu_kernel cpu, uint32_t in_bytes)
{
    const yoke_type *type = NULL;
    const yoke_gpu_kernel *gpu = yoke_gpu_kernel(.spirv = no_spirv, .spirv_bytes = 4);
    assert_int_equal(yoke_register(rt,
                                   yoke_type_desc(.name = name, .in_bytes = {in_bytes},
                                                  .out_bytes = 4, .cpu = cpu, .gpu = gpu),
                                   &type),
                     YOKE_OK);
    assert_int_equal(yoke_ready(rt, YOKE_FOREVER), YOKE_OK);
    return type;
}

static yoke_status quick(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    memset(claim->out, 1, claim->count * sizeof(uint32_t));
    return YOKE_OK;
}

static yoke_status submit(yoke_job *job)
{
    return yoke_submit(rt, &job, 1);
}

/* -- a host that waits for a lane whose device is lost ------------------------------------------
 */

static _Atomic bool device_ends;

static yoke_status still_completed(backend_device *device, uint64_t *value)
{
    *value = 0;
    if (atomic_load(&device_ends)) {
        host_lose(device);
        return YOKE_NO_DEVICE;
    }
    return YOKE_OK;
}

static yoke_status still_wait(backend_device *device, uint64_t value, uint64_t timeout_ns)
{
    (void)device;
    (void)value;
    (void)timeout_ns;
    testing_sleep_ms(1);
    return atomic_load(&device_ends) ? YOKE_NO_DEVICE : YOKE_TIMEOUT;
}

static _Atomic bool late_is_submitted;

static void *submit_late(void *job)
{
    if (submit(job) == YOKE_OK) {
        atomic_store(&late_is_submitted, true);
    }
    return NULL;
}

/* Two jobs in flight on a device that does not move, two in the lane, and one that waits for room
 * there, when the device is lost. */
static void a_host_that_waits_for_room_in_a_lane_is_woken_when_its_device_is_lost(void **state)
{
    (void)state;
    enum { JOBS = 5 };
    static uint32_t in[JOBS], out[JOBS];
    static yoke_job jobs[JOBS];
    pthread_t thread;
    ops.completed = still_completed;
    ops.wait = still_wait;
    policy.batching.target_start = 1;
    start(yoke_options(.num_workers = 1, .max_jobs = 2, .flags = YOKE_SUBMIT_WAITS,
                       .engine = YOKE_ENGINE_GPU));
    const yoke_type *type = register_type("quick", quick, 4);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = yoke_job(.type = type, .in = {&in[i]}, .out = &out[i], .num_items = 1);
    }
    for (int i = 0; i < JOBS - 1; i++) {
        assert_int_equal(submit(&jobs[i]), YOKE_OK);
    }
    testing_start(&thread, submit_late, &jobs[JOBS - 1]);
    testing_sleep_ms(50); /* it sleeps by now */
    assert_false(atomic_load(&late_is_submitted));
    atomic_store(&device_ends, true);
    for (int i = 0; i < JOBS - 1; i++) {
        assert_int_equal(yoke_wait(rt, &jobs[i], LONG_ENOUGH), YOKE_OK);
    }
    for (int i = 0; i < 500 && !atomic_load(&late_is_submitted); i++) {
        testing_sleep_ms(10);
    }
    assert_true(atomic_load(&late_is_submitted)); /* if not, nobody will ever wake it */
    testing_join(thread);
    assert_int_equal(yoke_wait(rt, &jobs[JOBS - 1], LONG_ENOUGH), YOKE_OK);
    stop();
}

/* -- batches that a device has failed -----------------------------------------------------------
 */

static _Atomic int num_to_refuse;

static yoke_status refusing_submit(backend_device *device, const backend_batch *batches,
                                   uint32_t num_batches, uint64_t *value)
{
    if (atomic_fetch_sub(&num_to_refuse, 1) > 0) {
        return YOKE_NO_MEMORY;
    }
    return host_ops.submit(device, batches, num_batches, value);
}

static yoke_status slow_on_workers(yoke_worker *worker, const yoke_claim *claim)
{
    if (worker != NULL) {
        testing_sleep_ms(50);
    }
    return quick(worker, claim);
}

/* Then the submitter holds the job's ticket, has nothing in flight and no slot. */
static void a_job_goes_on_after_every_slot_has_failed(void **state)
{
    (void)state;
    static uint32_t in[64], out[64];
    ops.submit = refusing_submit;
    policy.batching.target_start = 8;
    atomic_store(&num_to_refuse, 2);
    start(yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU));
    const yoke_type *type = register_type("slow", slow_on_workers, 4);
    yoke_job job = yoke_job(.type = type, .in = {in}, .out = out, .num_items = 64);
    assert_int_equal(submit(&job), YOKE_OK);
    assert_int_equal(yoke_wait(rt, &job, LONG_ENOUGH), YOKE_OK);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(out[i], 0x01010101);
    }
    stop();
}

static _Atomic int num_held;
static _Atomic bool may_go;

static yoke_status held_on_workers(yoke_worker *worker, const yoke_claim *claim)
{
    atomic_fetch_add(&num_held, worker != NULL);
    while (worker != NULL && !atomic_load(&may_go)) {
        testing_sleep_ms(1);
    }
    return quick(worker, claim);
}

/* A worker in a failed batch looks for nothing, so it must not keep others from being woken. */
static void other_workers_serve_while_one_runs_a_failed_batch(void **state)
{
    (void)state;
    uint32_t in = 1, out, other;
    ops.submit = refusing_submit;
    atomic_store(&num_to_refuse, 1);
    start(yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU));
    const yoke_type *held = register_type("held", held_on_workers, 4);
    const yoke_type *type = register_type("quick", quick, 4);
    testing_sleep_ms(50); /* both workers sleep */
    yoke_job failed = yoke_job(.type = held, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(submit(&failed), YOKE_OK);
    while (atomic_load(&num_held) == 0) {
        sched_yield();
    }
    testing_sleep_ms(20);
    yoke_job job =
        yoke_job(.type = type, .in = {&in}, .out = &other, .num_items = 1, .flags = YOKE_JOB_CPU);
    assert_int_equal(submit(&job), YOKE_OK);
    yoke_status status = yoke_wait(rt, &job, 2 * SECOND);
    atomic_store(&may_go, true);
    assert_int_equal(yoke_wait(rt, &failed, LONG_ENOUGH), YOKE_OK);
    assert_int_equal(status, YOKE_OK);
    stop();
}

/* -- a job in the hands of both engines ---------------------------------------------------------
 */

/* The workers' list has a ticket of each, and so has the lane, whose submitter turns its own away.
 */
static void released_jobs_of_both_engines_settle_though_both_hand_them_on(void **state)
{
    (void)state;
    enum { JOBS = 200, ROUNDS = 200 };
    static yoke_job jobs[JOBS];
    static uint32_t in[4], out[JOBS][4];
    uint32_t one = 1, two;
    policy.routing.break_even_cost = 1;
    start(yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_AUTO));
    const yoke_type *held = register_type("held", held_on_workers, 4);
    const yoke_type *type = register_type("quick", quick, 4);
    for (int round = 0; round < ROUNDS; round++) {
        yoke_group first = {{0}}, all = {{0}};
        yoke_job before = yoke_job(.type = held, .in = {&one}, .out = &two, .num_items = 1,
                                   .flags = YOKE_JOB_CPU, .group = &first);
        atomic_store(&may_go, false);
        assert_int_equal(submit(&before), YOKE_OK);
        for (int i = 0; i < JOBS; i++) {
            jobs[i] = yoke_job(.type = type, .in = {in}, .out = out[i], .num_items = 4,
                               .after = &first, .group = &all, .deadline_ns = 1);
            assert_int_equal(submit(&jobs[i]), YOKE_OK);
        }
        atomic_store(&may_go, true);
        assert_int_equal(yoke_group_wait(rt, &all, LONG_ENOUGH), YOKE_DEADLINE);
    }
    stop();
}

/* -- several devices ----------------------------------------------------------------------------
 */

static yoke_status open_instance_with_two(const backend_host *host, backend_instance **instance,
                                          uint32_t *count, char *why_not)
{
    yoke_status status = host_ops.open_instance(host, instance, count, why_not);
    *count = 2;
    return status;
}

static yoke_status open_any(backend_instance *instance, uint32_t index,
                            const backend_open_options *options, backend_device **device)
{
    (void)index; /* two of the same */
    return host_ops.open(instance, 0, options, device);
}

static _Atomic int num_compiled;

static yoke_status compile_but_the_first(backend_device *device, const backend_kernel_desc *desc,
                                         backend_kernel **kernel)
{
    if (atomic_fetch_add(&num_compiled, 1) == 0) {
        return YOKE_INVALID;
    }
    return host_ops.compile(device, desc, kernel);
}

/* The other device may be the one that looks for work when a job comes, and must pass that on. */
static void a_type_that_one_of_two_devices_serves_is_served(void **state)
{
    (void)state;
    int num_jobs = testing_full() ? 5000000 : 30000;
    uint32_t in = 1, out;
    testing_random random = testing_random_of(testing_seed(), 0);
    ops.open_instance = open_instance_with_two;
    ops.open = open_any;
    ops.compile = compile_but_the_first;
    start(yoke_options(.num_workers = 1, .engine = YOKE_ENGINE_GPU));
    testing_watchdog(testing_full() ? 600 : 120);
    const yoke_type *type = register_type("quick", quick, 4);
    yoke_job job =
        yoke_job(.type = type, .in = {&in}, .out = &out, .num_items = 1, .flags = YOKE_JOB_GPU);
    for (int i = 0; i < num_jobs; i++) {
        assert_int_equal(submit(&job), YOKE_OK);
        assert_int_equal(yoke_wait(rt, &job, LONG_ENOUGH), YOKE_OK);
        for (uint64_t pause = testing_random_below(&random, 30); pause > 0; pause--) {
            base_cpu_relax();
        }
    }
    stop();
}

/* A park so large that waking all takes a while. Whoever is woken by it looks; but a worker that
 * parks meanwhile must not miss a wake-up because the waker counted as a searcher. */
enum { PARK_SLEEPERS = 1 << 15, PARK_ROUNDS = 60 };

static park large_park;
static park_sleeper large_sleepers[PARK_SLEEPERS];
static _Atomic bool is_waking, has_work, has_looked;

static void *wake_all(void *unused)
{
    atomic_store(&is_waking, true);
    park_wake_all_any(&large_park);
    return unused;
}

static void *sleep_until_work(void *unused)
{
    park_search_worker(&large_park);
    while (!atomic_load(&has_work)) {
        park_announce_worker(&large_park, 0);
        if (atomic_load(&has_work)) {
            park_retract_worker(&large_park, 0);
        } else {
            park_sleep_worker(&large_park, 0);
        }
    }
    park_found_worker(&large_park);
    atomic_store(&has_looked, true);
    return unused;
}

static void waking_all_loses_no_other_wake_up(void **state)
{
    (void)state;
    pthread_t waker, sleeper;
    testing_watchdog(60);
    for (int round = 0; round < PARK_ROUNDS; round++) {
        park_init(&large_park, large_sleepers, PARK_SLEEPERS);
        uint32_t awake = atomic_load(&large_sleepers[0].state);
        atomic_store(&is_waking, false);
        atomic_store(&has_work, false);
        atomic_store(&has_looked, false);
        testing_start(&waker, wake_all, NULL);
        while (!atomic_load(&is_waking)) {
        }
        testing_start(&sleeper, sleep_until_work, NULL);
        while (atomic_load(&large_sleepers[0].state) == awake) {
        }
        atomic_store(&has_work, true);
        park_wake_one_any(&large_park);
        testing_join(waker);
        for (int i = 0; i < 200 && !atomic_load(&has_looked); i++) {
            testing_sleep_ms(10);
        }
        assert_true(atomic_load(&has_looked));
        testing_join(sleeper);
    }
    testing_watchdog(0);
}

/* -- room ---------------------------------------------------------------------------------------
 */

/* More than a lane holds, in one call: the CPU has room for what the lane has not. */
static void an_array_that_only_the_workers_have_room_for_is_accepted(void **state)
{
    (void)state;
    enum { JOBS = 20000 };
    static yoke_job jobs[JOBS], *refs[JOBS];
    static uint32_t in, out[JOBS];
    yoke_group group = {{0}};
    policy.routing.break_even_cost = 1;
    start(yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_AUTO));
    const yoke_type *type = register_type("quick", quick, 4);
    for (int i = 0; i < JOBS; i++) {
        refs[i] = &jobs[i];
        jobs[i] =
            yoke_job(.type = type, .in = {&in}, .out = &out[i], .num_items = 1, .group = &group);
    }
    assert_int_equal(yoke_submit(rt, refs, JOBS), YOKE_OK);
    assert_int_equal(yoke_group_wait(rt, &group, LONG_ENOUGH), YOKE_OK);
    stop();
}

/* Two spans of which a slot holds one: the first batch cannot grow, and the device is idle. */
static void a_batch_that_can_take_no_more_does_not_wait_for_more(void **state)
{
    (void)state;
    enum { BYTES = 200 << 10, WAIT_MS = 800 };
    static uint8_t data[BYTES];
    static uint32_t out[2];
    yoke_span spans[2] = {{data, BYTES}, {data, BYTES}};
    yoke_job jobs[2], *refs[2] = {&jobs[0], &jobs[1]};
    policy.batching.wait_us_max = WAIT_MS * 1000;
    policy.batching.target_start = 1 << 30;
    start(yoke_options(.num_workers = 1, .engine = YOKE_ENGINE_GPU));
    const yoke_type *type = register_type("spans", quick, YOKE_RAGGED);
    yoke_group group = {{0}};
    for (int i = 0; i < 2; i++) {
        jobs[i] = yoke_job(.type = type, .in = {&spans[i]}, .out = &out[i], .num_items = 1,
                           .group = &group);
    }
    testing_sleep_ms(20);
    uint64_t begun_ns = testing_now_ns();
    assert_int_equal(yoke_submit(rt, refs, 2), YOKE_OK);
    assert_int_equal(yoke_group_wait(rt, &group, LONG_ENOUGH), YOKE_OK);
    assert_true(testing_now_ns() - begun_ns < WAIT_MS / 2 * TESTING_MS);
    stop();
}

/* -- windows ------------------------------------------------------------------------------------
 */

static yoke_status long_items(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    testing_sleep_ms(100 * claim->count);
    return YOKE_OK;
}

/* A job that runs on is work too, though nothing is submitted meanwhile. */
static void windows_are_folded_as_long_as_a_job_runs(void **state)
{
    (void)state;
    enum { ITEMS = 34 };
    const yoke_type *type;
    start(yoke_options(.num_workers = 1, .engine = YOKE_ENGINE_CPU));
    assert_int_equal(yoke_register(rt, yoke_type_desc(.name = "long", .cpu = long_items), &type),
                     YOKE_OK);
    yoke_job job = yoke_job(.type = type, .num_items = ITEMS);
    assert_int_equal(submit(&job), YOKE_OK);
    assert_int_equal(yoke_wait(rt, &job, LONG_ENOUGH), YOKE_OK);
    snapshot tuning = *snapshot_read_begin(&rt->tuning);
    snapshot_read_end();
    assert_int_equal(tuning.window, 3); /* 3.4 seconds */
    assert_true(tuning.window_items_cpu > 0);
    stop();
}

int main(void)
{
#define SET_UP(test) cmocka_unit_test_setup(test, set_up)
    const struct CMUnitTest tests[] = {
        SET_UP(a_host_that_waits_for_room_in_a_lane_is_woken_when_its_device_is_lost),
        SET_UP(a_job_goes_on_after_every_slot_has_failed),
        SET_UP(other_workers_serve_while_one_runs_a_failed_batch),
        SET_UP(released_jobs_of_both_engines_settle_though_both_hand_them_on),
        SET_UP(a_type_that_one_of_two_devices_serves_is_served),
        SET_UP(waking_all_loses_no_other_wake_up),
        SET_UP(an_array_that_only_the_workers_have_room_for_is_accepted),
        SET_UP(a_batch_that_can_take_no_more_does_not_wait_for_more),
        SET_UP(windows_are_folded_as_long_as_a_job_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
