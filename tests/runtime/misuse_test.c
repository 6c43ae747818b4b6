/*
 * Every rule of yoke.h that a caller can break where it can be seen: the answer, that nothing
 * happened, and, in checked builds, that the hook was tripped once.
 */
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

static uint32_t in[16] = {1, 2, 3, 4}, out[16];

static yoke_job good_job(void)
{
    return yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = 4);
}

static void assert_refused(yoke_job job, yoke_status expected)
{
    yoke_status before = job.status;
    assert_int_equal(fixture_submit(&f, &job), expected);
    assert_int_equal(job.status, before);
    assert_int_equal(fixture_misuses(), expected == YOKE_INVALID ? FIXTURE_MISUSES(1) : 0);
}

static void a_malformed_job_is_refused(void **state)
{
    (void)state;
    static yoke_group group;
    yoke_job job = good_job();
    job.struct_bytes = 0;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.type = NULL;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.num_items = 0;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.in[0] = NULL;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.in[1] = in;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.out = NULL;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.out = &in[3]; /* overlaps the last input */
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.params = in;
    job.params_bytes = 4;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.params_bytes = 4;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.group = job.after = &group;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.group = &group;
    job.flags = YOKE_JOB_REAP;
    assert_refused(job, YOKE_INVALID);
    job = good_job();
    job.flags = YOKE_JOB_CPU | YOKE_JOB_GPU;
    assert_refused(job, YOKE_INVALID);
}

static void what_this_version_cannot_do_is_refused_without_blame(void **state)
{
    (void)state;
    yoke_job job = good_job();
    job.flags = YOKE_JOB_GPU;
    assert_refused(job, YOKE_NO_DEVICE);
    job = good_job();
    job.flags = 1u << 31;
    assert_refused(job, YOKE_UNSUPPORTED);
    job = good_job();
    job.resident[2] = (const yoke_resident *)in;
    assert_refused(job, YOKE_UNSUPPORTED);
    job = good_job();
    job.flags = YOKE_JOB_CPU;
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
}

static void a_job_of_another_runtimes_type_is_refused(void **state)
{
    (void)state;
    fixture other;
    fixture_start(&other, NULL);
    yoke_job job = good_job();
    job.type = other.twice;
    assert_refused(job, YOKE_INVALID);
    fixture_stop(&other);
}

static void a_job_submitted_twice_is_refused_and_runs_once(void **state)
{
    (void)state;
    yoke_job job = yoke_job(.type = f.hold, .in = {in}, .out = out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(fixture_submit(&f, &job), YOKE_INVALID);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
    fixture_open(&f);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    yoke_job again = good_job(), *twice[] = {&again, &again};
    assert_int_equal(yoke_submit(f.rt, twice, 2), YOKE_INVALID);
    assert_int_equal(again.status, YOKE_OK);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    assert_int_equal(stats.jobs_submitted, 1);
}

static void one_bad_job_keeps_all_from_being_submitted(void **state)
{
    (void)state;
    yoke_job jobs[3] = {good_job(), good_job(), good_job()};
    jobs[1].num_items = 0;
    jobs[2].status = YOKE_BUSY;
    yoke_job *refs[] = {&jobs[2], &jobs[0], &jobs[1]};
    assert_int_equal(yoke_submit(f.rt, refs, 3), YOKE_INVALID);
    assert_int_equal(jobs[0].status, YOKE_OK);
    assert_int_equal(jobs[2].status, YOKE_BUSY);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
}

static void calls_without_their_arguments_are_refused(void **state)
{
    (void)state;
    yoke_job job = good_job(), *none = NULL, *one = &job;
    yoke_group group = {{0}};
    yoke_stats stats = {.struct_bytes = 0};
    assert_int_equal(yoke_submit(NULL, &one, 1), YOKE_INVALID);
    assert_int_equal(yoke_submit(f.rt, NULL, 1), YOKE_INVALID);
    assert_int_equal(yoke_submit(f.rt, &one, 0), YOKE_INVALID);
    assert_int_equal(yoke_submit(f.rt, &none, 1), YOKE_INVALID);
    assert_int_equal(yoke_wait(f.rt, NULL, 0), YOKE_INVALID);
    assert_int_equal(yoke_wait(NULL, &job, 0), YOKE_INVALID);
    assert_int_equal(yoke_group_wait(f.rt, NULL, 0), YOKE_INVALID);
    assert_int_equal(yoke_group_wait(NULL, &group, 0), YOKE_INVALID);
    assert_int_equal(yoke_cancel(f.rt, NULL), YOKE_INVALID);
    assert_int_equal(yoke_cancel(NULL, &job), YOKE_INVALID);
    assert_int_equal(yoke_stats_read(f.rt, NULL), YOKE_INVALID);
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_INVALID);
    assert_int_equal(yoke_register(f.rt, NULL, NULL), YOKE_INVALID);
    assert_int_equal(yoke_register(NULL, NULL, NULL), YOKE_INVALID);
    assert_null(yoke_type_find(f.rt, NULL));
    assert_int_equal(yoke_event_fd(NULL), -1);
    assert_int_equal(yoke_reap(f.rt, NULL, 1), 0);
    assert_int_equal(yoke_create(NULL, NULL), YOKE_INVALID);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(18));
    assert_true(yoke_poll(NULL));
}

static void a_wait_for_a_job_with_another_completion_is_refused(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    yoke_job job = good_job();
    job.group = &group;
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_INVALID);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    yoke_runtime *rt;
    yoke_options bad[5];
    for (int i = 0; i < 5; i++) {
        bad[i] = *yoke_options(.num_workers = 1);
    }
    bad[0].struct_bytes = 0;
    bad[1].flags = 1u << 31;
    bad[2].num_workers = YOKE_WORKERS_MAX + 1;
    bad[3].max_jobs = YOKE_JOBS_MAX + 1;
    bad[4].allocator.free = (void (*)(void *, void *, size_t))(uintptr_t)1;
    for (int i = 0; i < 5; i++) {
        rt = f.rt;
        assert_int_equal(yoke_create(&rt, &bad[i]), YOKE_INVALID);
        assert_null(rt);
    }
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(5));
}

static void statuses_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(yoke_status_name(YOKE_OK), "OK");
    assert_string_equal(yoke_status_name(YOKE_DEPENDENCY), "DEPENDENCY");
    assert_string_equal(yoke_status_name((yoke_status)-1000), "UNKNOWN");
    assert_string_equal(yoke_status_text(YOKE_BUSY),
                        "a bounded queue is full; nothing was submitted");
    assert_non_null(yoke_status_text((yoke_status)-1000));
    assert_string_equal(yoke_version(), "0.1.0");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_malformed_job_is_refused),
        TEST(what_this_version_cannot_do_is_refused_without_blame),
        TEST(a_job_of_another_runtimes_type_is_refused),
        TEST(a_job_submitted_twice_is_refused_and_runs_once),
        TEST(one_bad_job_keeps_all_from_being_submitted),
        TEST(calls_without_their_arguments_are_refused),
        TEST(a_wait_for_a_job_with_another_completion_is_refused),
        TEST(bad_options_are_refused),
        cmocka_unit_test(statuses_have_names_and_texts),
    };
    return cmocka_run_group_tests_name("misuse", tests, NULL, NULL);
}
