/*
 * What the policy's keys do, each seen from outside: those that no other test of a subject has set.
 * The host backend stands for a device, and keeps how it was opened.
 */
#include <pthread.h>

#include "backends/host/host.h"
#include "runtime/runtime.h"
#include "tests/runtime/fixture.h"

#define MIB UINT64_C(1048576)

static fixture f;
static yoke_policy policy;

/* -- a device that tells how it was opened ----------------------------------------------------- */

static backend_open_options opened;
static char cache_dir[BASE_PATH_BYTES]; /* "": none */
static uint32_t num_shared;             /* memories that the host and the device share */
static uint64_t shared_bytes;           /* all of them together */

static yoke_status open_and_keep(backend_instance *instance, uint32_t index,
                                 const backend_open_options *options, backend_device **device)
{
    opened = *options;
    snprintf(cache_dir, sizeof cache_dir, "%s",
             options->cache_dir != NULL ? options->cache_dir : "");
    return host_ops.open(instance, index, options, device);
}

static yoke_status alloc_and_count(backend_device *device, backend_memory_kind kind, size_t bytes,
                                   backend_memory *memory)
{
    num_shared += kind == BACKEND_MEMORY_SHARED;
    shared_bytes += kind == BACKEND_MEMORY_SHARED ? bytes : 0;
    return host_ops.alloc(device, kind, bytes, memory);
}

static int set_up(void **state)
{
    (void)state;
    policy_default(&policy);
    policy.gpu.software = true;
    return 0;
}

/* Without a device: waits for none. */
static void start_on_cpu(void)
{
    policy.routing.mode = POLICY_ROUTING_MODE_CPU_ONLY;
    fixture_start(&f, yoke_options(.policy = &policy));
}

static void start_on_device(void)
{
    static backend_ops ops;
    static const backend_ops *const backends[] = {&ops, NULL};
    ops = host_ops;
    ops.open = open_and_keep;
    ops.alloc = alloc_and_count;
    num_shared = 0;
    shared_bytes = 0;
    fixture_start_on(&f, yoke_options(.num_workers = 2, .policy = &policy), backends);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
}

static void stop(void)
{
    fixture_stop(&f);
}

static yoke_stats read_stats(void)
{
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    return stats;
}

static void run(const yoke_type *type, uint32_t num_items, const uint32_t *in, uint32_t *out)
{
    yoke_job job = yoke_job(.type = type, .in = {in}, .out = out, .num_items = num_items);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < num_items; i++) {
        assert_int_equal(out[i], 2 * in[i]);
    }
}

static void run_one(void)
{
    uint32_t in = 21, out = 0;
    run(f.twice, 1, &in, &out);
}

/* -- workers ----------------------------------------------------------------------------------- */

static void workers_count_is_how_many_there_are(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 5; count += 2) {
        policy.workers.count = count;
        start_on_cpu();
        assert_int_equal(read_stats().num_workers, count);
        run_one();
        stop();
    }
}

static size_t stack_bytes; /* of the worker that ran the kernel */

static yoke_status measure_stack(yoke_worker *worker, const yoke_claim *claim)
{
    pthread_attr_t attributes;
    (void)worker;
    (void)claim;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return YOKE_SYSTEM;
    }
    pthread_attr_getstacksize(&attributes, &stack_bytes);
    pthread_attr_destroy(&attributes);
    return YOKE_OK;
}

static size_t stack_of_a_worker(uint32_t stack_kib)
{
    const yoke_type *type;
    policy.workers.stack_kib = stack_kib;
    start_on_cpu();
    yoke_register(f.rt, yoke_type_desc(.name = "measure", .cpu = measure_stack), &type);
    yoke_job job = yoke_job(.type = type, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    stop();
    return stack_bytes;
}

/* The first test: libc keeps the stacks of threads that have ended, and hands larger ones out. */
static void workers_stack_kib_is_a_workers_stack(void **state)
{
    (void)state;
    pthread_attr_t attributes;
    size_t usual;
    pthread_attr_init(&attributes);
    pthread_attr_getstacksize(&attributes, &usual);
    pthread_attr_destroy(&attributes);
    assert_int_equal(stack_of_a_worker(1000), 1000 * 1024);
    assert_true(stack_of_a_worker(1) >= 64 * 1024);
    assert_true(stack_of_a_worker(0) >= usual);
    assert_true(stack_of_a_worker((uint32_t)(usual / 1024) + 1000) >= usual + 1000 * 1024);
}

/* How often workers have gone to sleep for that many jobs, one at a time with a pause between. */
static uint64_t parks_of_jobs(uint32_t spin_us, uint32_t num_jobs)
{
    policy.workers.spin_us = spin_us;
    policy.workers.count = 1;
    start_on_cpu();
    run_one();
    uint64_t before = read_stats().parks;
    for (uint32_t i = 0; i < num_jobs; i++) {
        fixture_sleep_ms(1);
        run_one();
    }
    uint64_t parks = read_stats().parks - before;
    stop();
    return parks;
}

/* Where there is one CPU nobody looks again: it would keep away who brings the work. */
static void workers_spin_us_is_how_long_a_worker_stays_awake(void **state)
{
    (void)state;
    enum { JOBS = 50 };
    uint64_t sleepy = parks_of_jobs(0, JOBS), awake = parks_of_jobs(10000, JOBS);
    printf("%u jobs: %lu parks without looking again, %lu while it looks for 10 ms\n", JOBS,
           (unsigned long)sleepy, (unsigned long)awake);
    assert_true(sleepy > JOBS / 2 && sleepy <= JOBS + 1); /* late, it finds the next one there */
    assert_true(topology_default_workers() == 1 || awake < sleepy / 2);
}

/* -- gpu --------------------------------------------------------------------------------------- */

static void a_device_is_opened_as_the_policy_says(void **state)
{
    (void)state;
    assert_int_equal(setenv("XDG_CACHE_HOME", "/somewhere", 1), 0);
    start_on_device();
    assert_int_equal(opened.num_slots, 4);
    assert_int_equal(opened.memory_bytes_max, 0);
    assert_false(opened.is_exclusive);
    assert_string_equal(cache_dir, "/somewhere/yoke");
    assert_int_equal(num_shared, 4);
    assert_int_equal(shared_bytes, 64 * MIB);
    stop();

    policy.gpu.slots_in_flight = 3;
    policy.gpu.exclusive = true;
    strcpy(policy.gpu.pipeline_cache_dir, "/elsewhere");
    policy.limits.device_mib = 5000;
    policy.limits.staging_mib = 6;
    start_on_device();
    assert_int_equal(opened.num_slots, 3);
    assert_int_equal(opened.memory_bytes_max, 5000 * MIB);
    assert_true(opened.is_exclusive);
    assert_string_equal(cache_dir, "/elsewhere");
    assert_int_equal(num_shared, 3);
    assert_int_equal(shared_bytes, 6 * MIB);
    stop();

    policy.gpu.pipeline_cache = false;
    start_on_device();
    assert_string_equal(cache_dir, "");
    stop();
}

static void gpu_path_is_the_way_of_every_batch(void **state)
{
    (void)state;
    policy.routing.mode = POLICY_ROUTING_MODE_GPU_ONLY;
    for (int is_staged = 0; is_staged < 2; is_staged++) {
        policy.gpu.path = is_staged ? POLICY_GPU_PATH_STAGED : POLICY_GPU_PATH_DIRECT;
        start_on_device();
        for (int i = 0; i < 20; i++) {
            run_one();
        }
        assert_int_equal(read_stats().batches, 20);
        assert_int_equal(read_stats().batches_staged, is_staged ? 20 : 0);
        stop();
    }
}

static uint64_t taken_bytes(void)
{
    yoke_device device;
    assert_int_equal(yoke_devices(f.rt, &device, 1), 1);
    return device.memory_taken_bytes;
}

/* A batch larger than its slot, in the job's own memory, is staged in more than the slot had. */
static void outgrow_a_slot(void)
{
    enum { ITEMS = 1 << 19 };
    uint32_t *in = yoke_alloc(f.rt, ITEMS * 4), *out = yoke_alloc(f.rt, ITEMS * 4);
    assert_non_null(in);
    assert_non_null(out);
    for (uint32_t i = 0; i < ITEMS; i++) {
        in[i] = i;
    }
    run(f.twice, ITEMS, in, out);
    yoke_free(f.rt, in);
    yoke_free(f.rt, out);
}

static void an_exclusive_device_keeps_what_it_took_and_another_gives_it_back(void **state)
{
    (void)state;
    policy.routing.mode = POLICY_ROUTING_MODE_GPU_ONLY;
    policy.gpu.path = POLICY_GPU_PATH_STAGED;
    policy.limits.staging_mib = 1;
    for (int is_exclusive = 0; is_exclusive < 2; is_exclusive++) {
        policy.gpu.exclusive = is_exclusive;
        start_on_device();
        run_one();
        uint64_t first = taken_bytes();
        outgrow_a_slot();
        uint64_t grown = taken_bytes();
        assert_true(grown > first);
        int ms_max = is_exclusive ? 3500 : 20000; /* the second window is a quiet one */
        for (int ms = 0; ms < ms_max && taken_bytes() == grown; ms += 10) {
            fixture_sleep_ms(10);
        }
        assert_int_equal(taken_bytes(), is_exclusive ? grown : first);
        stop();
    }
}

/* -- routing and limits ------------------------------------------------------------------------ */

static void routing_mode_is_which_engine_runs_jobs(void **state)
{
    (void)state;
    static const struct {
        policy_routing_mode mode;
        uint64_t break_even_cost;
        bool is_on_device;
    } rows[] = {
        {POLICY_ROUTING_MODE_CPU_ONLY, 1, false},
        {POLICY_ROUTING_MODE_GPU_ONLY, POLICY_COST_MAX, true},
        {POLICY_ROUTING_MODE_AUTO, 1, true},
        {POLICY_ROUTING_MODE_AUTO, POLICY_COST_MAX, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        policy.routing.mode = rows[i].mode;
        policy.routing.break_even_cost = rows[i].break_even_cost;
        if (rows[i].mode == POLICY_ROUTING_MODE_CPU_ONLY) {
            start_on_cpu();
        } else {
            start_on_device();
        }
        run_one();
        assert_int_equal(read_stats().items_gpu, rows[i].is_on_device ? 1 : 0);
        stop();
    }
}

static void limits_jobs_is_how_many_may_wait(void **state)
{
    (void)state;
    enum { JOBS = 8 };
    uint32_t in[JOBS + 1] = {0}, out[JOBS + 1];
    yoke_job jobs[JOBS + 1];
    yoke_group group = {{0}};
    policy.limits.jobs = JOBS - 1; /* rounded up */
    policy.workers.count = 1;
    start_on_cpu();
    yoke_job holder =
        yoke_job(.type = f.hold, .in = {in}, .out = out, .num_items = 1, .group = &group);
    assert_int_equal(fixture_submit(&f, &holder), YOKE_OK);
    fixture_await_entered(&f, 1);
    for (int i = 0; i <= JOBS; i++) {
        jobs[i] = yoke_job(.type = f.twice, .in = {&in[i]}, .out = &out[i], .num_items = 1,
                           .group = &group);
        assert_int_equal(fixture_submit(&f, &jobs[i]), i < JOBS ? YOKE_OK : YOKE_BUSY);
    }
    fixture_open(&f);
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
    stop();
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup(test, set_up)
    const struct CMUnitTest tests[] = {
        TEST(workers_stack_kib_is_a_workers_stack),
        TEST(workers_count_is_how_many_there_are),
        TEST(workers_spin_us_is_how_long_a_worker_stays_awake),
        TEST(a_device_is_opened_as_the_policy_says),
        TEST(gpu_path_is_the_way_of_every_batch),
        TEST(an_exclusive_device_keeps_what_it_took_and_another_gives_it_back),
        TEST(routing_mode_is_which_engine_runs_jobs),
        TEST(limits_jobs_is_how_many_may_wait),
    };
    return cmocka_run_group_tests_name("policy_keys", tests, NULL, NULL);
}
