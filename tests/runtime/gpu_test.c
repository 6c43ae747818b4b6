/*
 * Jobs on a device: the host backend stands for a GPU, so that everything above the backends' table
 * is tested without one, and a table of its own makes it fail.
 */
#include "backends/host/host.h"
#include "runtime/runtime.h"
#include "tests/runtime/fixture.h"

static const backend_ops *const host_only[] = {&host_ops, NULL};
static const uint32_t no_spirv[] = {0};

static fixture f;

static yoke_stats read_stats(void)
{
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    return stats;
}

/* The host backend counts as a software device: a policy has to allow it. */
static void start_on_host(yoke_engine engine)
{
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    fixture_start_on(&f, yoke_options(.num_workers = 2, .engine = engine, .policy = &policy),
                     host_only);
}

static int start_gpu(void **state)
{
    (void)state;
    start_on_host(YOKE_ENGINE_GPU);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    return 0;
}

static int start_auto(void **state)
{
    (void)state;
    start_on_host(YOKE_ENGINE_AUTO);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&f);
    return 0;
}

/* -- what runs ------------------------------------------------------------------------------- */

static void one_item_goes_through_a_device(void **state)
{
    (void)state;
    uint32_t in = 21, out = 0;
    yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out, 42);
    yoke_stats stats = read_stats();
    assert_int_equal(stats.items_gpu, 1);
    assert_int_equal(stats.items_run, 0);
    assert_int_equal(stats.batches, 1);
}

static void a_large_job_is_run_whole_in_several_batches(void **state)
{
    (void)state;
    enum { N = 1000003 };
    uint32_t *in = malloc(N * 4), *out = calloc(N, 4);
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
    }
    yoke_job job = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = N);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(out[i], 2 * i);
    }
    yoke_stats stats = read_stats();
    assert_int_equal(stats.items_gpu, N);
    assert_true(stats.batches > 1);
    free(in);
    free(out);
}

static void submit_from_all_threads(void)
{
    fixture_submit_from_threads(&f);
    yoke_stats stats = read_stats();
    assert_int_equal(stats.jobs_ok, FIXTURE_FLOOD_JOBS);
    assert_int_equal(stats.items_run + stats.items_gpu, FIXTURE_FLOOD_JOBS);
    printf("%lu items by the CPU, %lu by the device, %.1f a batch\n", stats.items_run,
           stats.items_gpu,
           stats.batches > 0 ? (double)stats.items_gpu / (double)stats.batches : 0);
}

static void small_jobs_of_four_threads_travel_together(void **state)
{
    (void)state;
    submit_from_all_threads();
    yoke_stats stats = read_stats();
    assert_true(stats.items_gpu > stats.items_run);
    assert_true(stats.items_gpu > stats.batches * 64);
}

static void both_engines_share_small_jobs(void **state)
{
    (void)state;
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    submit_from_all_threads();
}

static void both_engines_share_one_large_job(void **state)
{
    (void)state;
    enum { N = 4000000 };
    uint32_t *in = malloc(N * 4), *out = calloc(N, 4);
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
    }
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    yoke_job job = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = N);
    yoke_stats stats = read_stats();
    for (int round = 0; round < 100 && (stats.items_run == 0 || stats.items_gpu == 0); round++) {
        memset(out, 0, N * 4);
        assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
        assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
        for (uint32_t i = 0; i < N; i++) {
            assert_int_equal(out[i], 2 * i);
        }
        stats = read_stats();
        assert_int_equal((stats.items_run + stats.items_gpu) % N, 0);
    }
    assert_true(stats.items_run > 0 && stats.items_gpu > 0);
    free(in);
    free(out);
}

static void the_cpu_serves_while_devices_open(void **state)
{
    (void)state;
    uint32_t in = 4, out;
    for (int i = 0; i < 100; i++) {
        yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
        assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
        assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    }
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
}

/* -- ragged inputs and params ---------------------------------------------------------------- */

/* out = factor × (bytes of the span added up); also the span's length. */
typedef struct weigh_out {
    uint64_t sum, bytes;
} weigh_out;

static yoke_status weigh_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const yoke_span *in = claim->in[0];
    weigh_out *out = claim->out;
    uint32_t factor = *(const uint32_t *)claim->params;
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = (weigh_out){0, in[i].bytes};
        for (uint64_t k = 0; k < in[i].bytes; k++) {
            out[i].sum += (uint64_t)factor * ((const uint8_t *)in[i].data)[k];
        }
    }
    return YOKE_OK;
}

static void jobs_with_different_params_and_spans_share_a_batch(void **state)
{
    (void)state;
    enum { N = 2000, LARGE = 40 << 20 };
    static uint8_t bytes[N];
    static yoke_span spans[N];
    static weigh_out out[N];
    static yoke_job jobs[N];
    const yoke_type *weigh;
    yoke_group group = {{0}};
    assert_int_equal(
        yoke_register(
            f.rt,
            yoke_type_desc(.name = "weigh", .in_bytes = {YOKE_RAGGED},
                           .out_bytes = sizeof(weigh_out), .params_bytes = 4, .cpu = weigh_kernel,
                           .gpu =
                               yoke_gpu_kernel(.spirv = no_spirv, .spirv_bytes = sizeof no_spirv)),
            &weigh),
        YOKE_OK);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < N; i++) {
        bytes[i] = (uint8_t)i;
        spans[i] = (yoke_span){i % 5 == 0 ? NULL : bytes, i % 5 == 0 ? 0 : i};
        uint32_t factor = i / 100;
        jobs[i] = yoke_job(.type = weigh, .in = {&spans[i]}, .out = &out[i], .num_items = 1,
                           .params = &factor, .params_bytes = 4, .group = &group);
        assert_int_equal(fixture_submit(&f, &jobs[i]), YOKE_OK);
    }
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(out[i].bytes, i % 5 == 0 ? 0 : i);
        assert_int_equal(out[i].sum, i % 5 == 0 ? 0 : (i / 100) * sum);
        sum += bytes[i];
    }
    assert_int_equal(read_stats().items_gpu, N);

    uint8_t *large = calloc(1, LARGE); /* more than a slot holds: the CPU takes it */
    large[LARGE - 1] = 9;
    yoke_span some[3] = {{bytes, 10}, {large, LARGE}, {bytes, 11}};
    uint32_t one = 1;
    yoke_job mixed = yoke_job(.type = weigh, .in = {some}, .out = out, .num_items = 3,
                              .params = &one, .params_bytes = 4);
    assert_int_equal(fixture_submit(&f, &mixed), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &mixed, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out[0].sum, 45);
    assert_int_equal(out[1].sum, 9);
    assert_int_equal(out[2].sum, 55);
    free(large);
}

/* -- completions, groups, cancelling --------------------------------------------------------- */

static void count_done(yoke_job *job)
{
    assert_int_equal(job->status, YOKE_OK);
    assert_int_equal(((uint32_t *)job->out)[0], 2 * ((const uint32_t *)job->in[0])[0]);
    assert_int_equal(fixture_misuses(), 0);
    atomic_fetch_add((_Atomic int *)job->user, 1);
}

static void every_completion_works_for_jobs_of_devices(void **state)
{
    (void)state;
    enum { N = 4000 };
    static yoke_job jobs[N];
    static uint32_t in[N], out[N];
    _Atomic int calls = 0;
    yoke_group first = {{0}}, second = {{0}};
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
        jobs[i] = yoke_job(.type = f.twice, .in = {&in[i]}, .out = &out[i], .num_items = 1);
        switch (i % 4) {
        case 0:
            jobs[i].group = &first;
            break;
        case 1:
            jobs[i].group = &second;
            jobs[i].after = &first;
            break;
        case 2:
            jobs[i].done = count_done;
            jobs[i].user = &calls;
            break;
        default:
            jobs[i].flags = YOKE_JOB_REAP | YOKE_JOB_GPU;
        }
        assert_int_equal(fixture_submit(&f, &jobs[i]), YOKE_OK);
    }
    assert_int_equal(yoke_group_wait(f.rt, &second, YOKE_FOREVER), YOKE_OK);
    yoke_job *reaped[64];
    for (size_t total = 0; total < N / 4;) {
        total += yoke_reap(f.rt, reaped, 64);
    }
    while (atomic_load(&calls) < N / 4) {
        fixture_sleep_ms(1);
    }
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(out[i], 2 * i);
    }
    assert_int_equal(read_stats().items_gpu, N);
}

static void canceled_and_late_jobs_settle_once(void **state)
{
    (void)state;
    enum { N = 3000 };
    static yoke_job jobs[N];
    static uint32_t in[N], out[N];
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
        jobs[i] = yoke_job(.type = f.twice, .in = {&in[i]}, .out = &out[i], .num_items = 1 + i % 2,
                           .deadline_ns = i % 3 == 0 ? 1 : 0);
        jobs[i].in[0] = &in[i - i % 2];
        jobs[i].out = &out[i - i % 2];
        if (i % 2 == 0) {
            continue;
        }
        assert_int_equal(fixture_submit(&f, &jobs[i]), YOKE_OK);
        if (i % 5 == 0) {
            yoke_cancel(f.rt, &jobs[i]);
        }
    }
    for (uint32_t i = 1; i < N; i += 2) {
        yoke_status status = yoke_wait(f.rt, &jobs[i], YOKE_FOREVER);
        assert_true(i % 3 != 0 || status == YOKE_DEADLINE || status == YOKE_CANCELED);
        assert_true(status == YOKE_OK || i % 3 == 0 || i % 5 == 0);
        assert_true(status != YOKE_OK || out[i] == 2 * in[i]);
    }
}

/* -- memory ---------------------------------------------------------------------------------- */

static void memory_of_yokes_is_used_in_place(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    uint32_t *in = yoke_alloc(f.rt, N * 4), *out = yoke_alloc(f.rt, N * 4);
    assert_non_null(in);
    assert_non_null(out);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(in[i], 0);
        in[i] = i;
    }
    yoke_job job = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = N);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(out[i], 2 * i);
    }
    yoke_stats stats = read_stats();
    assert_int_equal(stats.batches_in_place, stats.batches);
    job.num_items = 10; /* too small to be worth it */
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(read_stats().batches_in_place, stats.batches_in_place);
    yoke_free(f.rt, in);
    yoke_free(f.rt, out);
    yoke_free(f.rt, NULL);
    assert_int_equal(fixture_misuses(), 0);
    yoke_free(f.rt, &stats);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
    assert_null(yoke_alloc(f.rt, 0));
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
    assert_null(yoke_alloc(f.rt, SIZE_MAX));
    assert_non_null(yoke_alloc(f.rt, 1)); /* what is not freed goes with the runtime */
}

static void pinned_memory_is_used_in_place(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    uint32_t *in = malloc(N * 4), *out = malloc(N * 4);
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
    }
    assert_int_equal(yoke_pin(f.rt, in, N * 4), YOKE_OK);
    assert_int_equal(yoke_pin(f.rt, out, N * 4), YOKE_OK);
    assert_int_equal(yoke_pin(f.rt, in, 4), YOKE_INVALID);
    assert_int_equal(yoke_unpin(f.rt, in + 1), YOKE_INVALID);
    assert_int_equal(yoke_pin(f.rt, NULL, 4), YOKE_INVALID);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(3));
    yoke_job job = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = N);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out[N - 1], 2 * (N - 1));
    yoke_stats stats = read_stats();
    assert_int_equal(stats.batches_in_place, stats.batches);
    assert_int_equal(yoke_unpin(f.rt, in), YOKE_OK);
    free(in);
    in = calloc(N, 4); /* the output alone is still pinned */
    job.in[0] = in;
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out[N - 1], 0);
    assert_int_equal(yoke_unpin(f.rt, out), YOKE_OK);
    free(in);
    free(out);
}

/* Long enough for windows to be folded, so that shares go by what was learned. */
static void jobs_of_all_sizes_are_shared_by_what_was_learned(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    static uint32_t in[N], out[N];
    uint64_t random = fixture_seed(), end_ns = fixture_now_ns() + UINT64_C(2500000000);
    uint32_t num_jobs = 0;
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
    }
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    while (fixture_now_ns() < end_ns) {
        uint32_t items =
            1 + (uint32_t)(fixture_random(&random) % (1u << fixture_random(&random) % 21));
        yoke_job job = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = items,
                                .cost = (1 + fixture_random(&random) % 100) * items);
        memset(out, 0xff, items * 4);
        assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
        assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
        for (uint32_t i = 0; i < items; i++) {
            assert_int_equal(out[i], 2 * i);
        }
        num_jobs++;
    }
    yoke_stats stats = read_stats();
    printf("%u jobs: %lu items by the CPU, %lu by the device\n", num_jobs, stats.items_run,
           stats.items_gpu);
    assert_int_equal(stats.jobs_settled, num_jobs);
}

/* -- a device that is too slow ----------------------------------------------------------------- */

#define SLOW_NS UINT64_C(20000000)

static _Atomic uint64_t slow_since_ns, slow_value;

static yoke_status slow_submit(backend_device *device, const backend_batch *batches,
                               uint32_t num_batches, uint64_t *value)
{
    atomic_store(&slow_since_ns, fixture_now_ns());
    return host_ops.submit(device, batches, num_batches, value);
}

static yoke_status slow_completed(backend_device *device, uint64_t *value)
{
    if (fixture_now_ns() - atomic_load(&slow_since_ns) < SLOW_NS) {
        *value = atomic_load(&slow_value);
        return YOKE_OK;
    }
    yoke_status status = host_ops.completed(device, value);
    atomic_store(&slow_value, *value);
    return status;
}

static yoke_status slow_wait(backend_device *device, uint64_t value, uint64_t timeout_ns)
{
    (void)device;
    (void)value;
    struct timespec t = {.tv_nsec = (long)(timeout_ns < 1000000 ? timeout_ns : 1000000)};
    nanosleep(&t, NULL);
    return YOKE_TIMEOUT;
}

/* All jobs are sent to the device at first; it runs eight of them in 20 ms. */
static void workers_take_what_a_slow_device_leaves(void **state)
{
    (void)state;
    enum { N = 2000 };
    static uint32_t in[N], out[N];
    static yoke_job jobs[N];
    static backend_ops slow;
    static const backend_ops *const slow_only[] = {&slow, NULL};
    yoke_policy policy;
    yoke_group group = {{0}};
    slow = host_ops;
    slow.submit = slow_submit;
    slow.completed = slow_completed;
    slow.wait = slow_wait;
    policy_default(&policy);
    policy.gpu.software = true;
    policy.routing.break_even_cost = 1;
    policy.batching.target_start = 2;
    fixture_start_on(&f, yoke_options(.num_workers = 2, .policy = &policy), slow_only);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    uint64_t began_ns = fixture_now_ns();
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
        jobs[i] = yoke_job(.flags = i % 100 == 99 ? YOKE_JOB_GPU : 0, .type = f.twice,
                           .in = {&in[i]}, .out = &out[i], .num_items = 1, .group = &group);
        assert_int_equal(fixture_submit(&f, &jobs[i]), YOKE_OK);
    }
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(out[i], 2 * i);
    }
    yoke_stats stats = read_stats();
    printf("%lu by the device, %lu from its lane by workers, %.0f ms\n", stats.items_gpu,
           stats.tickets_surplus, (double)(fixture_now_ns() - began_ns) / 1e6);
    assert_true(stats.items_gpu >= N / 100); /* those that insist */
    assert_true(stats.tickets_surplus > N / 2);
    fixture_stop(&f);
}

/* -- devices that are missing, late, lost ---------------------------------------------------- */

static void without_a_backend_the_cpu_does_it(void **state)
{
    (void)state;
    static const backend_ops *const none[] = {NULL};
    yoke_runtime *rt;
    assert_int_equal(runtime_create(&rt, yoke_options(.flags = YOKE_REQUIRE_GPU), none),
                     YOKE_NO_DEVICE);
    assert_null(rt);
    fixture_start_on(&f, yoke_options(.engine = YOKE_ENGINE_GPU), none);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_NO_DEVICE);
    assert_int_equal(yoke_devices(f.rt, NULL, 0), 0);
    uint32_t in = 3, out;
    yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    job.flags = YOKE_JOB_GPU;
    assert_int_equal(fixture_submit(&f, &job), YOKE_NO_DEVICE);
    assert_int_equal(read_stats().items_run, 1);
    fixture_stop(&f);
}

static void devices_are_listed_with_their_states(void **state)
{
    (void)state;
    yoke_device devices[2];
    assert_int_equal(yoke_devices(f.rt, devices, 2), 1);
    assert_string_equal(devices[0].backend, "host");
    assert_int_equal(devices[0].state, YOKE_DEVICE_READY);
    assert_string_equal(yoke_device_state_text(devices[0].state), "ready");
    assert_string_equal(devices[0].why, "");
}

/* A backend with one device that is not fit. */
static void unfit_info(const backend_instance *instance, uint32_t index, backend_info *info)
{
    host_ops.info(instance, index, info);
    info->is_fit = false;
    snprintf(info->why_not, sizeof info->why_not, "no 64-bit integers");
}

static void an_unfit_device_is_named_and_left_alone(void **state)
{
    (void)state;
    static backend_ops unfit;
    unfit = host_ops;
    unfit.info = unfit_info;
    static const backend_ops *const backends[] = {&unfit, NULL};
    fixture_start_on(&f, yoke_options(.engine = YOKE_ENGINE_GPU), backends);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_NO_DEVICE);
    yoke_device device;
    assert_int_equal(yoke_devices(f.rt, &device, 1), 1);
    assert_int_equal(device.state, YOKE_DEVICE_UNFIT);
    assert_string_equal(device.why, "no 64-bit integers");
    fixture_stop(&f);
}

/* A device that refuses every kernel. */
static yoke_status refuse_compile(backend_device *device, const backend_kernel_desc *desc,
                                  backend_kernel **kernel)
{
    (void)device;
    (void)desc;
    (void)kernel;
    return YOKE_INVALID;
}

static void a_kernel_that_a_device_refuses_runs_on_the_cpu(void **state)
{
    (void)state;
    static backend_ops refusing;
    refusing = host_ops;
    refusing.compile = refuse_compile;
    static const backend_ops *const backends[] = {&refusing, NULL};
    fixture_start_on(&f, yoke_options(.engine = YOKE_ENGINE_GPU), backends);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    uint32_t in = 3, out;
    yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(read_stats().items_run, 1);
    fixture_stop(&f);
}

/* A device that fails at some submit, once or for good. */
static _Atomic int fail_after, fail_with;

static yoke_status failing_submit(backend_device *device, const backend_batch *batches,
                                  uint32_t num_batches, uint64_t *value)
{
    int before = atomic_fetch_sub(&fail_after, 1);
    if (before == 1) {
        if (atomic_load(&fail_with) == YOKE_NO_DEVICE) {
            host_lose(device);
        } else {
            return (yoke_status)atomic_load(&fail_with);
        }
    }
    return host_ops.submit(device, batches, num_batches, value);
}

static void run_with_failure(yoke_status with, int after)
{
    static backend_ops failing;
    failing = host_ops;
    failing.submit = failing_submit;
    static const backend_ops *const backends[] = {&failing, NULL};
    atomic_store(&fail_after, after);
    atomic_store(&fail_with, with);
    fixture_start_on(&f, yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU), backends);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    submit_from_all_threads();
    uint32_t in = 3, out = 0;
    yoke_job last = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &last), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &last, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out, 6);
}

static void a_lost_device_loses_no_job(void **state)
{
    (void)state;
    for (int after = 1; after <= 21; after += 4) {
        run_with_failure(YOKE_NO_DEVICE, after);
        assert_true(read_stats().batches_failed > 0);
        yoke_device device;
        do { /* it says so a moment after it handed its work back */
            assert_int_equal(yoke_devices(f.rt, &device, 1), 1);
        } while (device.state != YOKE_DEVICE_LOST);
        uint32_t in = 3, out;
        yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1,
                                .flags = YOKE_JOB_GPU);
        assert_int_equal(fixture_submit(&f, &job), YOKE_NO_DEVICE);
        fixture_stop(&f);
    }
}

static void a_batch_that_finds_no_memory_is_run_by_the_cpu(void **state)
{
    (void)state;
    run_with_failure(YOKE_NO_MEMORY, 3);
    yoke_stats stats = read_stats();
    assert_true(stats.batches_failed >= 1);
    assert_true(stats.items_run > 0 && stats.items_gpu > 0);
    fixture_stop(&f);
}

static void destroy_with_batches_in_flight_settles_every_job(void **state)
{
    (void)state;
    enum { N = 5000 };
    static yoke_job jobs[N];
    static uint32_t in[N], out[N];
    for (int round = 0; round < 20; round++) {
        start_on_host(round % 2 == 0 ? YOKE_ENGINE_GPU : YOKE_ENGINE_AUTO);
        assert_true(round % 4 >= 2 || yoke_ready(f.rt, YOKE_FOREVER) == YOKE_OK);
        for (uint32_t i = 0; i < N; i++) {
            in[i] = i;
            jobs[i] = yoke_job(.type = f.twice, .in = {&in[i]}, .out = &out[i], .num_items = 1);
            assert_int_equal(fixture_submit(&f, &jobs[i]), YOKE_OK);
        }
        fixture_stop(&f);
        for (uint32_t i = 0; i < N; i++) {
            assert_true(jobs[i].status == YOKE_CANCELED ||
                        (jobs[i].status == YOKE_OK && out[i] == 2 * i));
        }
    }
}

/* All places of the lane are reserved, one more is not there, and all are given back: the
 * submitter, which sleeps, must hear of it, or the lane stays full of empty tickets. */
static void a_refused_submit_leaves_its_places_in_the_lane(void **state)
{
    (void)state;
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    fixture_start_on(
        &f,
        yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU, .policy = &policy, .max_jobs = 2),
        host_only);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    uint32_t in[3] = {1, 2, 3}, out[3] = {0};
    yoke_job jobs[3], *pointers[3];
    for (int i = 0; i < 3; i++) {
        jobs[i] = yoke_job(.type = f.twice, .in = {&in[i]}, .out = &out[i], .num_items = 1,
                           .flags = YOKE_JOB_GPU);
        pointers[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(f.rt, pointers, 3), YOKE_BUSY);
    yoke_status status = YOKE_BUSY;
    for (int try = 0; try < 10000 && status == YOKE_BUSY; try++) {
        status = yoke_submit(f.rt, pointers, 2);
        fixture_sleep_ms(status == YOKE_BUSY);
    }
    assert_int_equal(status, YOKE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(yoke_wait(f.rt, &jobs[i], YOKE_FOREVER), YOKE_OK);
        assert_int_equal(out[i], 2 * in[i]);
    }
    fixture_stop(&f);
}

int main(void)
{
#define ON_GPU(test) cmocka_unit_test_setup_teardown(test, start_gpu, stop)
#define ON_BOTH(test) cmocka_unit_test_setup_teardown(test, start_auto, stop)
    const struct CMUnitTest tests[] = {
        ON_GPU(one_item_goes_through_a_device),
        ON_GPU(a_large_job_is_run_whole_in_several_batches),
        ON_GPU(small_jobs_of_four_threads_travel_together),
        ON_BOTH(both_engines_share_small_jobs),
        ON_BOTH(both_engines_share_one_large_job),
        ON_BOTH(the_cpu_serves_while_devices_open),
        ON_GPU(jobs_with_different_params_and_spans_share_a_batch),
        ON_GPU(every_completion_works_for_jobs_of_devices),
        ON_GPU(canceled_and_late_jobs_settle_once),
        ON_GPU(memory_of_yokes_is_used_in_place),
        ON_GPU(pinned_memory_is_used_in_place),
        cmocka_unit_test_setup_teardown(jobs_of_all_sizes_are_shared_by_what_was_learned,
                                        start_auto, stop),
        cmocka_unit_test(workers_take_what_a_slow_device_leaves),
        cmocka_unit_test(without_a_backend_the_cpu_does_it),
        ON_GPU(devices_are_listed_with_their_states),
        cmocka_unit_test(an_unfit_device_is_named_and_left_alone),
        cmocka_unit_test(a_kernel_that_a_device_refuses_runs_on_the_cpu),
        cmocka_unit_test(a_lost_device_loses_no_job),
        cmocka_unit_test(a_refused_submit_leaves_its_places_in_the_lane),
        cmocka_unit_test(a_batch_that_finds_no_memory_is_run_by_the_cpu),
        cmocka_unit_test(destroy_with_batches_in_flight_settles_every_job),
    };
    return cmocka_run_group_tests_name("gpu", tests, NULL, NULL);
}
