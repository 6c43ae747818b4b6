/*
 * reload.h: a loaded policy is in force when the call returns, whatever the controller was at, and
 * only the controller ever put it there; what cannot be loaded changes nothing.
 *
 * The host backend stands for a driver: the search for devices takes until a gate opens.
 */
#include "backends/host/host.h"
#include "runtime/controller.h"
#include "tests/unit/testing.h"

#define SECOND UINT64_C(1000000000)
#define WINDOW_MS 1000

static yoke_runtime *rt;

/* -- a driver that takes its time -------------------------------------------------------------- */

static _Atomic bool search_begun, search_may_end;

static yoke_status slow_open_instance(const backend_host *host, backend_instance **instance,
                                      uint32_t *count, char *why_not)
{
    atomic_store(&search_begun, true);
    while (!atomic_load(&search_may_end)) {
        testing_sleep_ms(1);
    }
    return host_ops.open_instance(host, instance, count, why_not);
}

/* -- what is logged ---------------------------------------------------------------------------- */

static char warnings[1000];
static _Atomic int num_in_force; /* lines that say so */

static void keep_log(void *user, yoke_log_level level, const char *line)
{
    (void)user;
    if (level != YOKE_LOG_INFO) {
        size_t used = strlen(warnings);
        snprintf(warnings + used, sizeof warnings - used, "%s\n", line);
    }
    atomic_fetch_add(&num_in_force, strcmp(line, "a new policy is in force") == 0);
}

/* -- starting ---------------------------------------------------------------------------------- */

static void start_with(const yoke_options *options, bool is_slow)
{
    static backend_ops ops;
    static const backend_ops *const backends[] = {&ops, NULL};
    yoke_options chosen = *options;
    ops = host_ops;
    if (is_slow) {
        ops.open_instance = slow_open_instance;
    }
    chosen.num_workers = 1;
    chosen.log = keep_log;
    warnings[0] = '\0';
    atomic_store(&num_in_force, 0);
    atomic_store(&search_begun, false);
    atomic_store(&search_may_end, false);
    testing_watchdog(60);
    assert_int_equal(runtime_create(&rt, &chosen, backends), YOKE_OK);
}

static int start(void **state)
{
    (void)state;
    start_with(yoke_options(.flags = 0), false);
    return 0;
}

static int start_slowly(void **state)
{
    (void)state;
    start_with(yoke_options(.flags = 0), true);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    yoke_destroy(&rt);
    testing_watchdog(0);
    return 0;
}

static snapshot read_tuning(void)
{
    snapshot tuning = *snapshot_read_begin(&rt->tuning);
    snapshot_read_end();
    return tuning;
}

/* -- in force ---------------------------------------------------------------------------------- */

static void every_live_key_is_in_force_when_the_load_returns(void **state)
{
    (void)state;
    yoke_policy policy;
    policy_default(&policy);
    policy.routing.mode = POLICY_ROUTING_MODE_GPU_ONLY;
    policy.routing.break_even_cost = 11;
    policy.gpu.path = POLICY_GPU_PATH_STAGED;
    policy.batching.target_start = 12;
    policy.batching.wait_us_max = 13;
    assert_int_equal(yoke_policy_load(rt, &policy), YOKE_OK);
    snapshot tuning = read_tuning();
    assert_int_equal(tuning.mode, POLICY_ROUTING_MODE_GPU_ONLY);
    assert_int_equal(tuning.break_even_cost, 11);
    assert_int_equal(tuning.path, POLICY_GPU_PATH_STAGED);
    assert_int_equal(tuning.target_cost, 12);
    assert_int_equal(tuning.wait_us_max, 13);
    for (uint32_t n = 0; n < 1000; n++) { /* and so is each of many */
        const snapshot *before = atomic_load(&rt->tuning.current);
        policy.batching.wait_us_max = n;
        assert_int_equal(yoke_policy_load(rt, &policy), YOKE_OK);
        assert_ptr_not_equal(atomic_load(&rt->tuning.current), before); /* somebody may read it */
        assert_int_equal(read_tuning().wait_us_max, n);
    }
    assert_int_equal(atomic_load(&num_in_force), 1001);
    assert_string_equal(warnings, "");
}

static bool await_sleep(void)
{
    for (int i = 0; i < 10 * WINDOW_MS && !atomic_load(&rt->controller_sleeps); i++) {
        testing_sleep_ms(1);
    }
    return atomic_load(&rt->controller_sleeps);
}

static void a_controller_that_sleeps_without_a_time_out_is_woken_and_sleeps_again(void **state)
{
    (void)state;
    yoke_policy policy;
    policy_default(&policy);
    assert_int_equal(yoke_ready(rt, YOKE_FOREVER), YOKE_NO_DEVICE);
    for (uint32_t n = 0; n < 2; n++) {
        assert_true(await_sleep());
        policy.batching.wait_us_max = n;
        assert_int_equal(yoke_policy_load(rt, &policy), YOKE_OK);
        assert_int_equal(read_tuning().wait_us_max, n);
    }
    assert_true(await_sleep());
    uint64_t window = read_tuning().window;
    testing_sleep_ms(WINDOW_MS + 200);
    assert_int_equal(read_tuning().window, window); /* it does sleep */
}

static yoke_status nothing(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_OK;
}

/* Loads by the dozen while a window is open: it ends when it would have, with all its jobs. */
static void a_load_neither_ends_a_window_nor_loses_its_counts(void **state)
{
    (void)state;
    enum { JOBS = 50 };
    yoke_policy policy;
    policy_default(&policy);
    const yoke_type *type;
    yoke_register(rt, yoke_type_desc(.name = "nothing", .cpu = nothing), &type);
    assert_int_equal(yoke_ready(rt, YOKE_FOREVER), YOKE_NO_DEVICE);
    uint64_t begun_ns = testing_now_ns(), window = read_tuning().window;
    snapshot tuning = read_tuning();
    uint64_t jobs = 0, num_loads = 0;
    for (int i = 0; i < JOBS; i++) {
        yoke_job job = yoke_job(.type = type, .num_items = 1);
        assert_int_equal(yoke_submit(rt, &(yoke_job *){&job}, 1), YOKE_OK);
        assert_int_equal(yoke_wait(rt, &job, YOKE_FOREVER), YOKE_OK);
    }
    while (jobs < JOBS && testing_now_ns() - begun_ns < 10 * SECOND) {
        assert_int_equal(yoke_policy_load(rt, &policy), YOKE_OK);
        num_loads++;
        tuning = read_tuning();
        jobs += tuning.window != window ? tuning.window_jobs : 0;
        window = tuning.window;
    }
    assert_int_equal(jobs, JOBS);
    assert_true(num_loads > 10);
    assert_true(tuning.window_ns >= WINDOW_MS * TESTING_MS);
    assert_true(window <= 1 + (testing_now_ns() - begun_ns) / (WINDOW_MS * TESTING_MS));
}

/* A single load, late in a window: that does not begin anew. */
static void a_load_does_not_make_a_window_longer(void **state)
{
    (void)state;
    yoke_policy policy;
    policy_default(&policy);
    const yoke_type *type;
    yoke_register(rt, yoke_type_desc(.name = "nothing", .cpu = nothing), &type);
    uint64_t shortest_ns = UINT64_MAX;
    for (uint64_t n = 0; n < 5 && shortest_ns > WINDOW_MS * 3 / 2 * TESTING_MS; n++) {
        yoke_job job = yoke_job(.type = type, .num_items = 1);
        uint64_t window = read_tuning().window;
        assert_int_equal(yoke_submit(rt, &(yoke_job *){&job}, 1), YOKE_OK);
        assert_int_equal(yoke_wait(rt, &job, YOKE_FOREVER), YOKE_OK);
        testing_sleep_ms(WINDOW_MS * 7 / 10);
        assert_int_equal(yoke_policy_load(rt, &policy), YOKE_OK);
        for (int i = 0; i < 10 * WINDOW_MS && read_tuning().window == window; i++) {
            testing_sleep_ms(1);
        }
        assert_true(read_tuning().window > window);
        uint64_t now_ns = read_tuning().window_ns;
        shortest_ns = now_ns < shortest_ns ? now_ns : shortest_ns;
    }
    assert_in_range(shortest_ns, WINDOW_MS * TESTING_MS, WINDOW_MS * 3 / 2 * TESTING_MS);
}

/* -- while the controller is busy ---------------------------------------------------------------
 */

typedef struct loading {
    pthread_t thread;
    yoke_policy policy;
    _Atomic bool has_returned;
    yoke_status status;
} loading;

static void *load(void *argument)
{
    loading *l = argument;
    l->status = yoke_policy_load(rt, &l->policy);
    atomic_store(&l->has_returned, true);
    return NULL;
}

static void start_loading(loading *l, uint32_t wait_us_max)
{
    *l = (loading){.status = YOKE_PENDING};
    policy_default(&l->policy);
    l->policy.batching.wait_us_max = wait_us_max;
    testing_start(&l->thread, load, l);
}

static void await_search(void)
{
    while (!atomic_load(&search_begun)) {
        testing_sleep_ms(1);
    }
}

static void a_load_waits_until_the_devices_are_found(void **state)
{
    (void)state;
    static loading l;
    await_search();
    start_loading(&l, 77);
    testing_sleep_ms(50);
    assert_false(atomic_load(&l.has_returned));
    assert_int_equal(read_tuning().wait_us_max, 200);
    atomic_store(&search_may_end, true);
    testing_join(l.thread);
    assert_int_equal(l.status, YOKE_OK);
    assert_int_equal(read_tuning().wait_us_max, 77);
}

/* Destroy as far as it goes before it waits for the controller. */
static void begin_to_destroy(void)
{
    atomic_store(&rt->stopping, true);
    controller_ring_any(rt);
}

static void loads_that_wait_when_destroy_begins_are_canceled_and_so_are_later_ones(void **state)
{
    (void)state;
    static loading waiting[3];
    await_search();
    for (uint32_t i = 0; i < 3; i++) {
        start_loading(&waiting[i], 77);
    }
    testing_sleep_ms(50);
    begin_to_destroy();
    atomic_store(&search_may_end, true);
    for (uint32_t i = 0; i < 3; i++) {
        testing_join(waiting[i].thread);
        assert_int_equal(waiting[i].status, YOKE_CANCELED);
    }
    assert_int_equal(yoke_policy_load(rt, &waiting[0].policy), YOKE_CANCELED);
    assert_int_equal(read_tuning().wait_us_max, 200);
    assert_int_equal(atomic_load(&num_in_force), 0);
    assert_string_equal(warnings, "");
}

/* -- several at once ----------------------------------------------------------------------------
 */

#define LOADERS 4
#define LOADS 300 /* of each */

typedef struct loader {
    pthread_t thread;
    uint32_t index;
    uint32_t num_wrong;
} loader;

/* Values that belong together: the loader, and how often it has loaded. */
static void *load_often(void *argument)
{
    loader *l = argument;
    yoke_policy policy;
    policy_default(&policy);
    for (uint32_t n = 1; n <= LOADS; n++) {
        policy.batching.wait_us_max = l->index * 1000 + n;
        policy.batching.target_start = (l->index * 1000 + n) * UINT64_C(3);
        l->num_wrong += yoke_policy_load(rt, &policy) != YOKE_OK;
        snapshot tuning = read_tuning(); /* its own, or one that came later */
        l->num_wrong += tuning.target_cost != tuning.wait_us_max * UINT64_C(3);
        l->num_wrong += tuning.wait_us_max / 1000 == l->index && tuning.wait_us_max % 1000 != n;
    }
    return NULL;
}

static void loads_at_once_are_each_in_force_whole_and_the_last_one_stays(void **state)
{
    (void)state;
    static loader loaders[LOADERS];
    for (uint32_t i = 0; i < LOADERS; i++) {
        loaders[i] = (loader){.index = i + 1};
        testing_start(&loaders[i].thread, load_often, &loaders[i]);
    }
    for (uint32_t i = 0; i < LOADERS; i++) {
        testing_join(loaders[i].thread);
        assert_int_equal(loaders[i].num_wrong, 0);
    }
    assert_int_equal(atomic_load(&num_in_force), LOADERS * LOADS);
    assert_int_equal(read_tuning().wait_us_max % 1000, LOADS); /* somebody's last */
}

/* -- what is not taken --------------------------------------------------------------------------
 */

static void a_policy_out_of_range_is_refused_as_a_whole(void **state)
{
    (void)state;
    const snapshot *before = atomic_load(&rt->tuning.current);
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        const policy_key *key = &policy_keys[k];
        yoke_policy policy;
        policy_default(&policy);
        policy.routing.mode = POLICY_ROUTING_MODE_GPU_ONLY; /* this alone would be taken */
        policy.batching.wait_us_max = 99;
        memset((char *)&policy + key->offset, 0xff, key->bytes); /* of text: it has no end */
        warnings[0] = '\0';
        assert_int_equal(yoke_policy_load(rt, &policy), YOKE_INVALID);
        char line[100];
        snprintf(line, sizeof line, "a policy is not loaded: %s.%s: must be ", key->section,
                 key->name);
        assert_memory_equal(warnings, line, strlen(line));
    }
    assert_ptr_equal(atomic_load(&rt->tuning.current), before); /* nothing was published at all */
    assert_int_equal(before->wait_us_max, 200);
    assert_int_equal(atomic_load(&num_in_force), 0);
}

static void each_key_that_needs_a_restart_is_told_once_and_the_others_are_taken(void **state)
{
    (void)state;
    yoke_policy policy;
    policy_default(&policy);
    policy.limits.jobs *= 2;
    policy.limits.staging_mib = 1;
    policy.gpu.software = true;
    strcpy(policy.gpu.devices, "0");
    policy.batching.wait_us_max = 99;
    for (int i = 0; i < 2; i++) { /* again, for it is compared with what create was given */
        warnings[0] = '\0';
        assert_int_equal(yoke_policy_load(rt, &policy), YOKE_OK);
        assert_string_equal(
            warnings,
            "the policy's gpu.devices is read at create only: it stays as it was\n"
            "the policy's gpu.software is read at create only: it stays as it was\n"
            "the policy's limits.jobs is read at create only: it stays as it was\n"
            "the policy's limits.staging_mib is read at create only: it stays as it was\n");
        assert_int_equal(read_tuning().wait_us_max, 99);
    }
    assert_int_equal(rt->policy.limits.staging_mib, 64);
}

static void what_options_override_stays_overridden_and_is_no_change(void **state)
{
    (void)state;
    yoke_destroy(&rt);
    start_with(yoke_options(.max_jobs = 64, .engine = YOKE_ENGINE_GPU), false);
    yoke_policy policy;
    policy_default(&policy);
    policy.routing.mode = POLICY_ROUTING_MODE_CPU_ONLY;
    policy.workers.count = 7;
    policy.batching.wait_us_max = 99;
    assert_int_equal(yoke_policy_load(rt, &policy), YOKE_OK);
    assert_int_equal(read_tuning().mode, POLICY_ROUTING_MODE_GPU_ONLY);
    assert_int_equal(read_tuning().wait_us_max, 99);
    assert_string_equal(warnings, "");
}

static void a_runtime_that_began_with_the_cpu_alone_says_that_it_has_no_device(void **state)
{
    (void)state;
    yoke_destroy(&rt);
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    policy.routing.mode = POLICY_ROUTING_MODE_CPU_ONLY;
    start_with(yoke_options(.policy = &policy), false);
    assert_int_equal(yoke_policy_load(rt, &policy), YOKE_OK);
    assert_string_equal(warnings, "");
    policy.routing.mode = POLICY_ROUTING_MODE_GPU_ONLY;
    assert_int_equal(yoke_policy_load(rt, &policy), YOKE_OK);
    assert_string_equal(warnings, "the policy's routing.mode was cpu_only at create, so no device "
                                  "was opened: the CPU does all\n");
    assert_int_equal(yoke_devices(rt, NULL, 0), 0);
}

static _Atomic int num_blamed;

static void count_blame(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    (void)text;
    atomic_fetch_add(&num_blamed, 1);
}

static _Atomic yoke_status status_on_a_worker;

static yoke_status load_on_a_worker(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    atomic_store(&status_on_a_worker, yoke_policy_load(rt, claim->user));
    return YOKE_OK;
}

static void a_load_on_a_worker_or_of_nothing_is_refused(void **state)
{
    (void)state;
    static yoke_policy policy;
    policy_default(&policy);
    policy.batching.wait_us_max = 99;
    yoke_set_assert_hook(count_blame);
    assert_int_equal(yoke_policy_load(NULL, &policy), YOKE_INVALID);
    assert_int_equal(yoke_policy_load(rt, NULL), YOKE_INVALID);
    const yoke_type *type;
    yoke_register(rt, yoke_type_desc(.name = "loads", .cpu = load_on_a_worker, .user = &policy),
                  &type);
    yoke_job job = yoke_job(.type = type, .num_items = 1);
    assert_int_equal(yoke_submit(rt, &(yoke_job *){&job}, 1), YOKE_OK);
    assert_int_equal(yoke_wait(rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(atomic_load(&status_on_a_worker), YOKE_INVALID);
    assert_int_equal(read_tuning().wait_us_max, 200);
    yoke_set_assert_hook(NULL);
#ifdef YOKE_CHECKED
    assert_int_equal(atomic_load(&num_blamed), 3);
#endif
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define SLOW(test) cmocka_unit_test_setup_teardown(test, start_slowly, stop)
    const struct CMUnitTest tests[] = {
        TEST(every_live_key_is_in_force_when_the_load_returns),
        TEST(a_controller_that_sleeps_without_a_time_out_is_woken_and_sleeps_again),
        TEST(a_load_neither_ends_a_window_nor_loses_its_counts),
        TEST(a_load_does_not_make_a_window_longer),
        SLOW(a_load_waits_until_the_devices_are_found),
        SLOW(loads_that_wait_when_destroy_begins_are_canceled_and_so_are_later_ones),
        TEST(loads_at_once_are_each_in_force_whole_and_the_last_one_stays),
        TEST(a_policy_out_of_range_is_refused_as_a_whole),
        TEST(each_key_that_needs_a_restart_is_told_once_and_the_others_are_taken),
        TEST(what_options_override_stays_overridden_and_is_no_change),
        TEST(a_runtime_that_began_with_the_cpu_alone_says_that_it_has_no_device),
        TEST(a_load_on_a_worker_or_of_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
