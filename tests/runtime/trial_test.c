/*
 * Trials: a device serves a type that takes any bytes only after both kernels of it have given the
 * same for a few made-up items. The host backend stands for a GPU; a table of its own changes what
 * comes back.
 */
#include "backends/host/host.h"
#include "runtime/runtime.h"
#include "tests/runtime/fixture.h"

static fixture f;
static backend_ops ops;
static const backend_ops *const backends[] = {&ops, NULL};
static const uint32_t no_spirv[] = {0};
static char warnings[4096];

static void keep_warnings(void *user, yoke_log_level level, const char *line)
{
    (void)user;
    if (level != YOKE_LOG_INFO) {
        size_t used = strlen(warnings);
        snprintf(warnings + used, sizeof warnings - used, "%s\n", line);
    }
}

static void start(void)
{
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    warnings[0] = '\0';
    fixture_start_on(&f,
                     yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU, .policy = &policy,
                                  .log = keep_warnings),
                     backends);
}

static int set_up(void **state)
{
    (void)state;
    ops = host_ops;
    return 0;
}

/* -- kernels ----------------------------------------------------------------------------------- */

static _Atomic uint32_t num_items;

static yoke_status sum_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    const uint32_t *a = claim->in[0];
    const yoke_span *spans = claim->in[1];
    uint32_t *out = claim->out;
    (void)worker;
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = a[i] + *(const uint8_t *)claim->params;
        for (uint64_t n = 0; n < spans[i].bytes; n++) {
            out[i] = out[i] * 31 + ((const uint8_t *)spans[i].data)[n];
        }
    }
    atomic_fetch_add(&num_items, claim->count);
    return YOKE_OK;
}

static const yoke_type *register_sum(yoke_cpu_kernel cpu, uint32_t flags)
{
    const yoke_type *type;
    const yoke_type_desc *desc =
        yoke_type_desc(.name = "sum", .flags = flags, .in_bytes = {4, YOKE_RAGGED}, .out_bytes = 4,
                       .params_bytes = 1, .cpu = cpu,
                       .gpu = yoke_gpu_kernel(.spirv = no_spirv, .spirv_bytes = sizeof no_spirv));
    assert_int_equal(yoke_register(f.rt, desc, &type), YOKE_OK);
    return type;
}

/* Whether a device serves the type: else a job that insists is refused. */
static bool is_served(const yoke_type *type)
{
    uint32_t a = 1, out = 0;
    yoke_span span = {"x", 1};
    yoke_job job = yoke_job(.flags = YOKE_JOB_GPU, .type = type, .in = {&a, &span}, .out = &out,
                            .num_items = 1);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    yoke_status status = fixture_submit(&f, &job);
    if (status == YOKE_NO_DEVICE) {
        return false;
    }
    assert_int_equal(status, YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out, 31 + 'x');
    return true;
}

/* -- what comes of it -------------------------------------------------------------------------- */

static void a_type_that_agrees_is_served(void **state)
{
    (void)state;
    start();
    atomic_store(&num_items, 0);
    assert_true(is_served(register_sum(sum_cpu, YOKE_TYPE_TOTAL)));
    assert_in_range(atomic_load(&num_items), 2 * 8 + 1,
                    2 * 64 + 1); /* on both sides, and the job */
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    assert_int_equal(stats.items_gpu, 1); /* trials are not counted as work */
    assert_int_equal(stats.items_run, 0);
    assert_string_equal(warnings, "");
    fixture_stop(&f);
}

static void a_type_that_does_not_take_any_bytes_is_not_tried(void **state)
{
    (void)state;
    start();
    atomic_store(&num_items, 0);
    assert_true(is_served(register_sum(sum_cpu, 0)));
    assert_int_equal(atomic_load(&num_items), 1);
    fixture_stop(&f);
}

/* Wrong in one bit of one item, where the device runs it. */
static yoke_status wrong_on_devices(yoke_worker *worker, const yoke_claim *claim)
{
    yoke_status status = sum_cpu(worker, claim);
    if (worker == NULL && claim->count > 5) {
        ((uint32_t *)claim->out)[5] ^= 1;
    }
    return status;
}

static void a_type_that_differs_is_left_to_the_cpu(void **state)
{
    (void)state;
    start();
    assert_false(is_served(register_sum(wrong_on_devices, YOKE_TYPE_TOTAL)));
    assert_non_null(strstr(warnings, "host cannot run type sum: it differs from the CPU kernel on "
                                     "made-up item 5; the CPU does"));
    fixture_stop(&f);
}

static yoke_status fails_on_workers(yoke_worker *worker, const yoke_claim *claim)
{
    return worker != NULL ? YOKE_INVALID : sum_cpu(worker, claim);
}

static void a_cpu_kernel_that_fails_says_nothing_about_the_device(void **state)
{
    (void)state;
    start();
    assert_true(is_served(register_sum(fails_on_workers, YOKE_TYPE_TOTAL)));
    fixture_stop(&f);
}

static _Atomic int num_refused;

static yoke_status refusing_submit(backend_device *device, const backend_batch *batches,
                                   uint32_t num_batches, uint64_t *value)
{
    atomic_fetch_add(&num_refused, 1);
    (void)device;
    (void)batches;
    (void)num_batches;
    (void)value;
    return YOKE_NO_MEMORY;
}

static void a_device_that_refuses_the_trial_does_not_serve_the_type(void **state)
{
    (void)state;
    ops.submit = refusing_submit;
    start();
    assert_false(is_served(register_sum(sum_cpu, YOKE_TYPE_TOTAL)));
    assert_int_equal(atomic_load(&num_refused), 1);
    assert_non_null(strstr(warnings, "refused a trial"));
    fixture_stop(&f);
}

/* -- while other things happen ----------------------------------------------------------------- */

/* The device answers, but no worker has time to compare: others are served meanwhile. */
static void a_trial_waits_for_a_worker_and_nobody_for_the_trial(void **state)
{
    (void)state;
    uint32_t in[2] = {1, 2}, out[2];
    start();
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    yoke_job held[2];
    for (int i = 0; i < 2; i++) {
        held[i] = yoke_job(.flags = YOKE_JOB_CPU, .type = f.hold, .in = {&in[i]}, .out = &out[i],
                           .num_items = 1);
        assert_int_equal(fixture_submit(&f, &held[i]), YOKE_OK);
    }
    fixture_await_entered(&f, 2);
    const yoke_type *type = register_sum(sum_cpu, YOKE_TYPE_TOTAL);
    assert_int_equal(yoke_ready(f.rt, 20000000), YOKE_TIMEOUT);
    uint32_t x = 21, y = 0;
    yoke_job job =
        yoke_job(.flags = YOKE_JOB_GPU, .type = f.twice, .in = {&x}, .out = &y, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(y, 42);
    fixture_open(&f);
    assert_true(is_served(type));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(yoke_wait(f.rt, &held[i], YOKE_FOREVER), YOKE_OK);
    }
    fixture_stop(&f);
}

static void destroy_at_any_moment_of_a_trial_does_no_harm(void **state)
{
    (void)state;
    uint64_t random = fixture_seed();
    int rounds = fixture_is_full() ? 3000 : 200;
    for (int i = 0; i < rounds; i++) {
        struct timespec t = {.tv_nsec = (long)(fixture_random(&random) % 300000)};
        start();
        register_sum(i % 2 == 0 ? sum_cpu : wrong_on_devices, YOKE_TYPE_TOTAL);
        nanosleep(&t, NULL);
        fixture_stop(&f);
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup(test, set_up)
    const struct CMUnitTest tests[] = {
        TEST(a_type_that_agrees_is_served),
        TEST(a_type_that_does_not_take_any_bytes_is_not_tried),
        TEST(a_type_that_differs_is_left_to_the_cpu),
        TEST(a_cpu_kernel_that_fails_says_nothing_about_the_device),
        TEST(a_device_that_refuses_the_trial_does_not_serve_the_type),
        TEST(a_trial_waits_for_a_worker_and_nobody_for_the_trial),
        TEST(destroy_at_any_moment_of_a_trial_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
