/* Groups through the public API: waiting for many jobs, and starting some after others. */
#include <pthread.h>

#include "tests/runtime/fixture.h"

static fixture f;

static int start(void **state)
{
    (void)state;
    fixture_start(&f, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&f);
    return 0;
}

static void an_empty_group_is_ok_at_once(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    assert_int_equal(yoke_group_wait(f.rt, &group, 0), YOKE_OK);
}

static void a_group_waits_for_all_its_jobs(void **state)
{
    (void)state;
    enum { N = 1000 };
    static yoke_job jobs[N];
    static uint32_t in[N], out[N];
    yoke_job *refs[N];
    yoke_group group = {{0}};
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
        jobs[i] = yoke_job(.type = f.twice, .in = {&in[i]}, .out = &out[i], .num_items = 1,
                           .group = &group);
        refs[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(f.rt, refs, N), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(out[i], 2 * i);
        assert_int_equal(jobs[i].status, YOKE_OK);
    }
}

static void a_group_keeps_the_first_failure_until_it_is_zeroed(void **state)
{
    (void)state;
    uint32_t in[2] = {55, 2}, out[2];
    yoke_group group = {{0}};
    yoke_job bad =
        yoke_job(.type = f.fail, .in = {&in[0]}, .out = &out[0], .num_items = 1, .group = &group);
    yoke_job good =
        yoke_job(.type = f.fail, .in = {&in[1]}, .out = &out[1], .num_items = 1, .group = &group);
    assert_int_equal(fixture_submit(&f, &bad), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), -55);
    assert_int_equal(fixture_submit(&f, &good), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), -55);
    group = (yoke_group){{0}};
    assert_int_equal(fixture_submit(&f, &good), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
}

static void a_wait_for_a_group_with_a_limit_ends_without_it(void **state)
{
    (void)state;
    uint32_t in = 1, out;
    yoke_group group = {{0}};
    yoke_job job =
        yoke_job(.type = f.hold, .in = {&in}, .out = &out, .num_items = 1, .group = &group);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &group, 10000000), YOKE_TIMEOUT);
    fixture_open(&f);
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
}

static void a_job_starts_after_its_group_and_sees_its_results(void **state)
{
    (void)state;
    uint32_t values[3] = {1, 0, 0};
    yoke_group first = {{0}}, second = {{0}};
    yoke_job a = yoke_job(.type = f.hold, .in = {&values[0]}, .out = &values[1], .num_items = 1,
                          .group = &first);
    yoke_job b = yoke_job(.type = f.twice, .in = {&values[1]}, .out = &values[2], .num_items = 1,
                          .group = &second, .after = &first);
    yoke_job *jobs[] = {&b, &a}; /* the order in the array does not matter */
    assert_int_equal(yoke_submit(f.rt, jobs, 2), YOKE_OK);
    fixture_await_entered(&f, 1);
    assert_int_equal(yoke_group_wait(f.rt, &second, 10000000), YOKE_TIMEOUT);
    fixture_open(&f);
    assert_int_equal(yoke_group_wait(f.rt, &second, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(values[2], 4);
}

static void jobs_after_a_failed_group_do_not_run(void **state)
{
    (void)state;
    uint32_t in = 9, out = 0, seen = 7;
    yoke_group group = {{0}};
    yoke_job bad =
        yoke_job(.type = f.hold, .in = {&in}, .out = &out, .num_items = 1, .group = &group);
    yoke_job deferred =
        yoke_job(.type = f.twice, .in = {&in}, .out = &seen, .num_items = 1, .after = &group);
    yoke_job late = deferred;
    assert_int_equal(fixture_submit(&f, &bad), YOKE_OK);
    fixture_await_entered(&f, 1);
    assert_int_equal(fixture_submit(&f, &deferred), YOKE_OK);
    assert_int_equal(yoke_cancel(f.rt, &bad),
                     YOKE_OK); /* too late to stop it, soon enough to fail */
    fixture_open(&f);
    assert_int_equal(yoke_wait(f.rt, &deferred, YOKE_FOREVER), YOKE_DEPENDENCY);
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_CANCELED);
    assert_int_equal(fixture_submit(&f, &late), YOKE_OK); /* the group is empty, and not OK */
    assert_int_equal(yoke_wait(f.rt, &late, YOKE_FOREVER), YOKE_DEPENDENCY);
    assert_int_equal(seen, 7);
}

static void a_canceled_deferred_job_settles_when_its_turn_comes(void **state)
{
    (void)state;
    uint32_t in = 1, out, seen = 7;
    yoke_group group = {{0}};
    yoke_job holder =
        yoke_job(.type = f.hold, .in = {&in}, .out = &out, .num_items = 1, .group = &group);
    yoke_job deferred =
        yoke_job(.type = f.twice, .in = {&in}, .out = &seen, .num_items = 1, .after = &group);
    yoke_job *jobs[] = {&holder, &deferred};
    assert_int_equal(yoke_submit(f.rt, jobs, 2), YOKE_OK);
    assert_int_equal(yoke_cancel(f.rt, &deferred), YOKE_OK);
    fixture_open(&f);
    assert_int_equal(yoke_wait(f.rt, &deferred, YOKE_FOREVER), YOKE_CANCELED);
    assert_int_equal(seen, 7);
}

/* A chain: job i doubles value i into value i + 1, after the group of job i - 1. */
static void a_long_chain_runs_in_order(void **state)
{
    (void)state;
    enum { N = 3000 };
    static yoke_job jobs[N];
    static yoke_group groups[N];
    static uint32_t values[N + 1];
    static yoke_job *refs[N];
    memset(groups, 0, sizeof groups);
    values[0] = 1;
    for (int i = 0; i < N; i++) {
        jobs[i] =
            yoke_job(.type = f.twice, .in = {&values[i]}, .out = &values[i + 1], .num_items = 1,
                     .group = &groups[i], .after = i > 0 ? &groups[i - 1] : NULL);
        refs[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(f.rt, refs, N), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &groups[N - 1], YOKE_FOREVER), YOKE_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(values[i + 1], 2 * values[i]);
    }
}

/* Many jobs after one group, more than a deque holds; half of the threads' submits race with it. */
static void a_wide_fan_starts_after_one_group(void **state)
{
    (void)state;
    enum { N = 20000 };
    yoke_job *jobs = calloc(N, sizeof *jobs), **refs = calloc(N, sizeof *refs);
    uint32_t *out = calloc(N, 4), in = 3, root_out = 0;
    yoke_group root = {{0}}, fan = {{0}};
    yoke_job first =
        yoke_job(.type = f.hold, .in = {&in}, .out = &root_out, .num_items = 1, .group = &root);
    assert_int_equal(fixture_submit(&f, &first), YOKE_OK);
    for (int i = 0; i < N; i++) {
        jobs[i] = yoke_job(.type = f.twice, .in = {&root_out}, .out = &out[i], .num_items = 1,
                           .group = &fan, .after = &root);
        refs[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(f.rt, refs, N / 2), YOKE_OK);
    fixture_open(&f);
    for (int i = N / 2; i < N; i++) {
        assert_int_equal(yoke_submit(f.rt, &refs[i], 1), YOKE_OK);
    }
    assert_int_equal(yoke_group_wait(f.rt, &fan, YOKE_FOREVER), YOKE_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(out[i], 12);
    }
    free(jobs);
    free(refs);
    free(out);
}

typedef struct group_waiter {
    yoke_group *group;
    yoke_status status;
} group_waiter;

static void *wait_for_group_of(void *argument)
{
    group_waiter *waiter = argument;
    waiter->status = yoke_group_wait(f.rt, waiter->group, YOKE_FOREVER);
    return NULL;
}

static void several_threads_may_wait_for_one_group(void **state)
{
    (void)state;
    uint32_t in = 1, out;
    yoke_group group = {{0}};
    yoke_job job =
        yoke_job(.type = f.hold, .in = {&in}, .out = &out, .num_items = 1, .group = &group);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    pthread_t threads[3];
    group_waiter waiters[3];
    for (int i = 0; i < 3; i++) {
        waiters[i] = (group_waiter){&group, YOKE_PENDING};
        pthread_create(&threads[i], NULL, wait_for_group_of, &waiters[i]);
    }
    fixture_sleep_ms(10);
    fixture_open(&f);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(waiters[i].status, YOKE_OK);
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_group_is_ok_at_once),
        TEST(a_group_waits_for_all_its_jobs),
        TEST(a_group_keeps_the_first_failure_until_it_is_zeroed),
        TEST(a_wait_for_a_group_with_a_limit_ends_without_it),
        TEST(a_job_starts_after_its_group_and_sees_its_results),
        TEST(jobs_after_a_failed_group_do_not_run),
        TEST(a_canceled_deferred_job_settles_when_its_turn_comes),
        TEST(a_long_chain_runs_in_order),
        TEST(a_wide_fan_starts_after_one_group),
        TEST(several_threads_may_wait_for_one_group),
    };
    return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
