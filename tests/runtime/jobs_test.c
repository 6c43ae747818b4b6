/* Jobs through the public API: what runs, what comes out, and every way of ending early. */
#include <pthread.h>

#include "tests/runtime/fixture.h"

static fixture f;

static int start(void **state)
{
    (void)state;
    fixture_start(&f, NULL);
    return 0;
}

static int start_with_one_worker(void **state)
{
    (void)state;
    fixture_start(&f, yoke_options(.num_workers = 1, .max_jobs = 64));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&f);
    return 0;
}

/* -- what runs ------------------------------------------------------------------------------- */

static void one_item_is_run(void **state)
{
    (void)state;
    uint32_t in = 21, out = 0;
    yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out, 42);
    assert_int_equal(job.status, YOKE_OK);
    assert_true(yoke_poll(&job));
}

static void a_large_job_is_run_whole_and_again(void **state)
{
    (void)state;
    enum { N = 1000003 };
    uint32_t *in = malloc(N * 4), *out = malloc(N * 4);
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
    }
    yoke_job job = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = N);
    for (int round = 0; round < 3; round++) {
        memset(out, 0xff, N * 4);
        assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
        assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
        for (uint32_t i = 0; i < N; i++) {
            assert_int_equal(out[i], 2 * i);
        }
    }
    free(in);
    free(out);
}

typedef struct mix_params {
    uint32_t factor;
    uint32_t term;
} mix_params;

/* out = factor × in[0] + term + bytes of in[1] added up; also marks that the item was run. */
static yoke_status mix_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    const uint16_t *a = claim->in[0];
    const yoke_span *b = claim->in[1];
    const mix_params *params = claim->params;
    uint64_t *out = claim->out;
    assert_true(yoke_worker_index(worker) < 2);
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = (uint64_t)params->factor * a[i] + params->term;
        for (uint64_t k = 0; k < b[i].bytes; k++) {
            out[i] += ((const uint8_t *)b[i].data)[k];
        }
    }
    _Atomic uint32_t *runs = claim->user;
    for (uint32_t i = 0; i < claim->count; i++) {
        atomic_fetch_add(&runs[claim->first + i], 1);
    }
    return YOKE_OK;
}

static void several_inputs_ragged_spans_and_params_reach_the_kernel(void **state)
{
    (void)state;
    enum { N = 5000 };
    static _Atomic uint32_t runs[N];
    static uint16_t a[N];
    static uint8_t bytes[N];
    static yoke_span b[N];
    static uint64_t out[N];
    const yoke_type *mix;
    assert_int_equal(
        yoke_register(f.rt,
                      yoke_type_desc(.name = "mix", .in_bytes = {2, YOKE_RAGGED}, .out_bytes = 8,
                                     .params_bytes = sizeof(mix_params), .cpu = mix_kernel,
                                     .user = runs),
                      &mix),
        YOKE_OK);
    for (int i = 0; i < N; i++) {
        a[i] = (uint16_t)(7 * i);
        bytes[i] = (uint8_t)i;
        b[i] = (yoke_span){i % 3 == 0 ? NULL : bytes, i % 3 == 0 ? 0 : (uint64_t)i};
    }
    mix_params params = {3, 11};
    yoke_job job = yoke_job(.type = mix, .in = {a, b}, .out = out, .num_items = N,
                            .params = &params, .params_bytes = sizeof params);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    params = (mix_params){0, 0}; /* it was copied */
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    uint64_t sum = 0;
    for (int i = 0; i < N; i++) {
        assert_int_equal(out[i], 3u * a[i] + 11 + (i % 3 == 0 ? 0 : sum));
        assert_int_equal(atomic_load(&runs[i]), 1);
        sum += bytes[i];
    }
    yoke_job bare = yoke_job(.type = mix, .in = {a, b}, .out = out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &bare), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &bare, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out[0], 0); /* without params they are zero */
}

static void a_type_is_found_by_its_name_and_names_are_unique(void **state)
{
    (void)state;
    assert_ptr_equal(yoke_type_find(f.rt, "twice"), f.twice);
    assert_null(yoke_type_find(f.rt, "thrice"));
    const yoke_type *type = NULL;
    assert_int_equal(
        yoke_register(f.rt, yoke_type_desc(.name = "twice", .in_bytes = {4}, .cpu = mix_kernel),
                      &type),
        YOKE_INVALID);
    assert_null(type);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
}

/* -- ending early ---------------------------------------------------------------------------- */

static void a_failing_kernel_gives_its_status_and_stops_the_job(void **state)
{
    (void)state;
    enum { N = 100000 };
    uint32_t *in = calloc(N, 4), *out = calloc(N, 4);
    in[N / 2] = 77;
    yoke_job job = yoke_job(.type = f.fail, .in = {in}, .out = out, .num_items = N);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), -77);
    yoke_job one = yoke_job(.type = f.fail, .in = {&in[N / 2]}, .out = out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &one), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &one, YOKE_FOREVER), -77);
    free(in);
    free(out);
}

static yoke_status pending_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_PENDING;
}

static void a_kernel_cannot_leave_its_job_pending(void **state)
{
    (void)state;
    const yoke_type *type;
    uint32_t in = 0;
    assert_int_equal(
        yoke_register(
            f.rt, yoke_type_desc(.name = "pending", .in_bytes = {4}, .cpu = pending_kernel), &type),
        YOKE_OK);
    yoke_job job = yoke_job(.type = type, .in = {&in}, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_KERNEL);
}

/* Occupies the only worker with a job that waits for the gate. */
static void hold_the_worker(yoke_job *holder, uint32_t *in, uint32_t *out)
{
    *holder = yoke_job(.type = f.hold, .in = {in}, .out = out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, holder), YOKE_OK);
    fixture_await_entered(&f, 1);
}

static void a_canceled_job_that_has_not_begun_never_runs(void **state)
{
    (void)state;
    uint32_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, held, out[8] = {0};
    yoke_job holder, one, many;
    hold_the_worker(&holder, in, &held);
    one = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = 1);
    many = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = 8);
    assert_int_equal(fixture_submit(&f, &one), YOKE_OK);
    assert_int_equal(fixture_submit(&f, &many), YOKE_OK);
    assert_int_equal(yoke_cancel(f.rt, &one), YOKE_OK);
    assert_int_equal(yoke_cancel(f.rt, &many), YOKE_OK);
    assert_false(yoke_poll(&one));
    fixture_open(&f);
    assert_int_equal(yoke_wait(f.rt, &one, YOKE_FOREVER), YOKE_CANCELED);
    assert_int_equal(yoke_wait(f.rt, &many, YOKE_FOREVER), YOKE_CANCELED);
    assert_int_equal(yoke_wait(f.rt, &holder, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out[0] | out[7], 0);
    assert_int_equal(yoke_cancel(f.rt, &one), YOKE_OK); /* settled: does nothing */
    assert_int_equal(one.status, YOKE_CANCELED);
    assert_int_equal(fixture_submit(&f, &one), YOKE_OK); /* and may be submitted again */
    assert_int_equal(yoke_wait(f.rt, &one, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out[0], 2);
}

static void a_job_canceled_midway_stops_claiming(void **state)
{
    (void)state;
    enum { N = 1000 };
    static uint32_t in[N], out[N];
    yoke_job job = yoke_job(.type = f.hold, .in = {in}, .out = out, .num_items = N);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    fixture_await_entered(&f, 1);
    assert_int_equal(yoke_cancel(f.rt, &job), YOKE_OK);
    fixture_open(&f);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_CANCELED);
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    assert_true(stats.items_run < N);
    assert_int_equal(stats.jobs_canceled, 1);
}

static void a_passed_deadline_ends_a_job_and_a_distant_one_does_not(void **state)
{
    (void)state;
    uint32_t in[8] = {1}, out[8] = {0};
    yoke_job late_one = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = 1,
                                 .deadline_ns = fixture_now_ns() - 1);
    yoke_job late_many = late_one, early = late_one;
    late_many.num_items = 8;
    early.deadline_ns = fixture_now_ns() + 3600 * UINT64_C(1000000000);
    yoke_job *jobs[] = {&late_one, &late_many};
    assert_int_equal(yoke_submit(f.rt, jobs, 2), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &late_one, YOKE_FOREVER), YOKE_DEADLINE);
    assert_int_equal(yoke_wait(f.rt, &late_many, YOKE_FOREVER), YOKE_DEADLINE);
    assert_int_equal(out[0], 0);
    assert_int_equal(fixture_submit(&f, &early), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &early, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out[0], 2);
}

static void a_wait_with_a_limit_ends_without_the_job(void **state)
{
    (void)state;
    uint32_t in = 1, out;
    yoke_job holder;
    hold_the_worker(&holder, &in, &out);
    uint64_t begun = fixture_now_ns();
    assert_int_equal(yoke_wait(f.rt, &holder, 20000000), YOKE_TIMEOUT);
    assert_true(fixture_now_ns() - begun >= 20000000);
    assert_int_equal(yoke_wait(f.rt, &holder, 0), YOKE_TIMEOUT);
    fixture_open(&f);
    assert_int_equal(yoke_wait(f.rt, &holder, 60 * UINT64_C(1000000000)), YOKE_OK);
}

/* -- bounded queues -------------------------------------------------------------------------- */

static void a_full_inbox_answers_busy_and_leaves_the_jobs_as_they_were(void **state)
{
    (void)state;
    uint32_t in = 1, held, out[65];
    yoke_job holder, jobs[65];
    hold_the_worker(&holder, &in, &held);
    yoke_job *refs[65];
    for (int i = 0; i < 65; i++) {
        jobs[i] = yoke_job(.type = f.twice, .in = {&in}, .out = &out[i], .num_items = 1,
                           .status = YOKE_DEADLINE);
        refs[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(f.rt, refs, 65), YOKE_BUSY); /* never fits */
    assert_int_equal(yoke_submit(f.rt, refs, 60), YOKE_OK);
    assert_int_equal(yoke_submit(f.rt, refs + 60, 5), YOKE_BUSY); /* all or none */
    for (int i = 60; i < 65; i++) {
        assert_int_equal(jobs[i].status, YOKE_DEADLINE);
    }
    assert_int_equal(yoke_submit(f.rt, refs + 60, 4), YOKE_OK);
    assert_int_equal(yoke_submit(f.rt, refs + 64, 1), YOKE_BUSY);
    fixture_open(&f);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(yoke_wait(f.rt, &jobs[i], YOKE_FOREVER), YOKE_OK);
        assert_int_equal(out[i], 2);
    }
    assert_int_equal(yoke_submit(f.rt, refs + 64, 1), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &jobs[64], YOKE_FOREVER), YOKE_OK);
}

static void too_many_deferred_jobs_answer_busy(void **state)
{
    (void)state;
    uint32_t in = 1, out[65];
    yoke_group group = {{0}};
    yoke_job holder =
        yoke_job(.type = f.hold, .in = {&in}, .out = &out[64], .num_items = 1, .group = &group);
    yoke_job jobs[65], *refs[65];
    assert_int_equal(fixture_submit(&f, &holder), YOKE_OK);
    for (int i = 0; i < 65; i++) {
        jobs[i] = yoke_job(.type = f.twice, .in = {&in}, .out = &out[i % 64], .num_items = 1,
                           .after = &group);
        refs[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(f.rt, refs, 64), YOKE_OK);
    assert_int_equal(yoke_submit(f.rt, refs + 64, 1), YOKE_BUSY);
    fixture_open(&f);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(yoke_wait(f.rt, &jobs[i], YOKE_FOREVER), YOKE_OK);
    }
    assert_int_equal(yoke_submit(f.rt, refs + 64, 1), YOKE_OK); /* the group is empty: at once */
    assert_int_equal(yoke_wait(f.rt, &jobs[64], YOKE_FOREVER), YOKE_OK);
}

static void *submit_waiting(void *argument)
{
    yoke_job *job = argument;
    assert_int_equal(fixture_submit(&f, job), YOKE_OK);
    return NULL;
}

static void a_submit_that_may_wait_waits_for_room(void **state)
{
    (void)state;
    fixture_start(&f, yoke_options(.num_workers = 1, .max_jobs = 2, .flags = YOKE_SUBMIT_WAITS));
    uint32_t in = 1, held, out[3];
    yoke_job holder, jobs[3];
    hold_the_worker(&holder, &in, &held);
    for (int i = 0; i < 3; i++) {
        jobs[i] = yoke_job(.type = f.twice, .in = {&in}, .out = &out[i], .num_items = 1);
    }
    assert_int_equal(fixture_submit(&f, &jobs[0]), YOKE_OK);
    assert_int_equal(fixture_submit(&f, &jobs[1]), YOKE_OK);
    pthread_t thread;
    pthread_create(&thread, NULL, submit_waiting, &jobs[2]);
    fixture_sleep_ms(20);
    fixture_open(&f);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yoke_wait(f.rt, &jobs[i], YOKE_FOREVER), YOKE_OK);
    }
    fixture_stop(&f);
}

/* -- callbacks and workers ------------------------------------------------------------------- */

typedef struct relay {
    yoke_job *next;
    _Atomic int calls;
    yoke_status submitted, waited;
} relay;

static void relay_done(yoke_job *job)
{
    relay *r = job->user;
    assert_int_equal(job->status, YOKE_OK);
    if (r->next != NULL) {
        r->waited = yoke_wait(f.rt, r->next, 0);
        r->submitted = fixture_submit(&f, r->next);
    }
    atomic_fetch_add(&r->calls, 1);
}

static void a_callback_may_submit_and_must_not_wait(void **state)
{
    (void)state;
    uint32_t in[2] = {1, 2}, out[2];
    relay second = {.calls = 0}, first = {.calls = 0};
    yoke_job jobs[2] = {
        yoke_job(.type = f.twice, .in = {&in[0]}, .out = &out[0], .num_items = 1,
                 .done = relay_done, .user = &first),
        yoke_job(.type = f.twice, .in = {&in[1]}, .out = &out[1], .num_items = 1,
                 .done = relay_done, .user = &second),
    };
    first.next = &jobs[1];
    assert_int_equal(fixture_submit(&f, &jobs[0]), YOKE_OK);
    while (atomic_load(&first.calls) == 0 || atomic_load(&second.calls) == 0) {
        fixture_sleep_ms(1);
    }
    assert_int_equal(first.submitted, YOKE_OK);
    assert_int_equal(first.waited, YOKE_INVALID);
    assert_int_equal(out[1], 4);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
}

static void resubmit_until_zero(yoke_job *job)
{
    _Atomic int *left = job->user;
    if (atomic_fetch_sub(left, 1) > 1) {
        assert_int_equal(fixture_submit(&f, job), YOKE_OK);
    }
}

static void a_job_that_resubmits_itself_does_not_starve_the_inbox(void **state)
{
    (void)state;
    static _Atomic int left = INT32_MAX;
    uint32_t in = 1, out[2];
    yoke_job loop = yoke_job(.type = f.twice, .in = {&in}, .out = &out[0], .num_items = 1,
                             .done = resubmit_until_zero, .user = &left);
    yoke_job other = yoke_job(.type = f.twice, .in = {&in}, .out = &out[1], .num_items = 1);
    assert_int_equal(fixture_submit(&f, &loop), YOKE_OK);
    assert_int_equal(fixture_submit(&f, &other), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &other, 60 * UINT64_C(1000000000)), YOKE_OK);
    atomic_store(&left, 1);
    while (atomic_load(&left) > 0) {
        fixture_sleep_ms(1);
    }
}

static yoke_status spread_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    yoke_job *jobs = *(yoke_job *const *)claim->in[0];
    for (int i = 0; i < 100; i++) {
        if (fixture_submit(&f, &jobs[i]) != YOKE_OK) {
            return YOKE_KERNEL;
        }
    }
    return YOKE_OK;
}

static void a_kernel_may_submit(void **state)
{
    (void)state;
    static yoke_job jobs[100];
    uint32_t in = 5, out[100];
    yoke_group group = {{0}};
    for (int i = 0; i < 100; i++) {
        jobs[i] =
            yoke_job(.type = f.twice, .in = {&in}, .out = &out[i], .num_items = 1, .group = &group);
    }
    const yoke_type *spread;
    assert_int_equal(yoke_register(f.rt,
                                   yoke_type_desc(.name = "spread", .in_bytes = {sizeof(void *)},
                                                  .cpu = spread_kernel),
                                   &spread),
                     YOKE_OK);
    yoke_job *argument = jobs;
    yoke_job root = yoke_job(.type = spread, .in = {&argument}, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &root), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &root, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(out[i], 10);
    }
}

/* -- threads --------------------------------------------------------------------------------- */

static void four_threads_submit_a_hundred_thousand_jobs(void **state)
{
    (void)state;
    fixture_submit_from_threads(&f);
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    assert_int_equal(stats.jobs_submitted, FIXTURE_FLOOD_JOBS);
    assert_int_equal(stats.jobs_settled, FIXTURE_FLOOD_JOBS);
    assert_int_equal(stats.jobs_ok, FIXTURE_FLOOD_JOBS);
    assert_int_equal(stats.items_run, FIXTURE_FLOOD_JOBS);
}

int main(void)
{
#define WITH_TWO(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define WITH_ONE(test) cmocka_unit_test_setup_teardown(test, start_with_one_worker, stop)
    const struct CMUnitTest tests[] = {
        WITH_TWO(one_item_is_run),
        WITH_TWO(a_large_job_is_run_whole_and_again),
        WITH_TWO(several_inputs_ragged_spans_and_params_reach_the_kernel),
        WITH_TWO(a_type_is_found_by_its_name_and_names_are_unique),
        WITH_TWO(a_failing_kernel_gives_its_status_and_stops_the_job),
        WITH_TWO(a_kernel_cannot_leave_its_job_pending),
        WITH_ONE(a_canceled_job_that_has_not_begun_never_runs),
        WITH_ONE(a_job_canceled_midway_stops_claiming),
        WITH_TWO(a_passed_deadline_ends_a_job_and_a_distant_one_does_not),
        WITH_ONE(a_wait_with_a_limit_ends_without_the_job),
        WITH_ONE(a_full_inbox_answers_busy_and_leaves_the_jobs_as_they_were),
        WITH_ONE(too_many_deferred_jobs_answer_busy),
        cmocka_unit_test(a_submit_that_may_wait_waits_for_room),
        WITH_TWO(a_callback_may_submit_and_must_not_wait),
        WITH_ONE(a_job_that_resubmits_itself_does_not_starve_the_inbox),
        WITH_TWO(a_kernel_may_submit),
        WITH_TWO(four_threads_submit_a_hundred_thousand_jobs),
    };
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
