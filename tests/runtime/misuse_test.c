/*
 * Every rule of yoke.h that a caller can break where it can be seen: the answer, that nothing
 * happened, and, in checked builds, that the hook was tripped once.
 */
#include "tests/runtime/calls.h"

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
    fixture_start(&f, yoke_options(.num_workers = 1));
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
    assert_refused(job, YOKE_INVALID);
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

/* -- on workers ------------------------------------------------------------------------------ */

static const yoke_type *register_kernel(const char *name, yoke_cpu_kernel cpu)
{
    const yoke_type *type = NULL;
    assert_int_equal(yoke_register(f.rt, yoke_type_desc(.name = name, .cpu = cpu), &type), YOKE_OK);
    return type;
}

/* Runs a kernel once, as a job of its own. */
static yoke_status run_once(const char *name, yoke_cpu_kernel cpu)
{
    yoke_job job = yoke_job(.type = register_kernel(name, cpu), .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    return yoke_wait(f.rt, &job, YOKE_FOREVER);
}

static yoke_job self_job;
static yoke_group self_group;
static yoke_status self_waits[5];

static void wait_for_self(yoke_worker *worker, void *argument)
{
    (void)worker;
    yoke_runtime *rt = f.rt;
    yoke_status *waits = argument;
    waits[0] = yoke_wait(rt, &self_job, YOKE_FOREVER);
    waits[1] = yoke_wait(rt, &self_job, 0);
    waits[2] = yoke_group_wait(rt, &self_group, YOKE_FOREVER);
    waits[3] = yoke_ready(rt, 0);
    yoke_destroy(&rt);
    waits[4] = rt == f.rt ? YOKE_INVALID : YOKE_OK;
}

static yoke_status wait_for_self_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    wait_for_self(worker, self_waits);
    return YOKE_OK;
}

static void assert_waits_were_refused(void)
{
    for (int i = 0; i < 5; i++) {
        assert_int_equal(self_waits[i], YOKE_INVALID);
        self_waits[i] = YOKE_OK;
    }
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(5));
}

static void a_kernel_that_waits_for_itself_or_destroys_is_refused(void **state)
{
    (void)state;
    self_job = yoke_job(.type = register_kernel("waits", wait_for_self_kernel), .num_items = 1);
    self_group = (yoke_group){{0}};
    assert_int_equal(fixture_submit(&f, &self_job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &self_job, YOKE_FOREVER), YOKE_OK);
    assert_waits_were_refused();
    self_job.group = &self_group;
    assert_int_equal(fixture_submit(&f, &self_job), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &self_group, YOKE_FOREVER), YOKE_OK);
    assert_waits_were_refused();
}

static _Atomic int num_waited;

static void wait_in_callback(yoke_job *job)
{
    (void)job;
    wait_for_self(NULL, self_waits);
    atomic_fetch_add(&num_waited, 1);
}

static void a_callback_that_waits_or_destroys_is_refused(void **state)
{
    (void)state;
    self_group = (yoke_group){{0}};
    self_job = good_job();
    atomic_store(&num_waited, 0);
    yoke_job job = good_job();
    job.done = wait_in_callback;
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    while (atomic_load(&num_waited) == 0) {
        fixture_sleep_ms(1);
    }
    assert_waits_were_refused();
}

static void a_settled_job_is_not_changed_by_a_cancel(void **state)
{
    (void)state;
    uint32_t odd = 99;
    yoke_job good = good_job(), bad = good_job();
    bad.type = f.fail;
    bad.in[0] = &odd;
    bad.num_items = 1;
    assert_int_equal(yoke_cancel(f.rt, &good), YOKE_OK); /* never submitted: the same */
    assert_int_equal(fixture_submit(&f, &good), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &good, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(fixture_submit(&f, &bad), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &bad, YOKE_FOREVER), -99);
    assert_int_equal(yoke_cancel(f.rt, &good), YOKE_OK);
    assert_int_equal(yoke_cancel(f.rt, &bad), YOKE_OK);
    assert_int_equal(good.status, YOKE_OK);
    assert_int_equal(bad.status, -99);
    assert_int_equal(fixture_submit(&f, &good), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &good, YOKE_FOREVER), YOKE_OK);
}

/* -- forks and joins that do not pair up ------------------------------------------------------ */

static _Atomic int num_run;

static void count_run(yoke_worker *worker, void *argument)
{
    (void)worker;
    (void)argument;
    atomic_fetch_add(&num_run, 1);
}

YOKE_TASK(long, tripled, long)
static long tripled(yoke_worker *worker, long n)
{
    count_run(worker, NULL);
    return 3 * n;
}

static yoke_status pairing_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    long a, b;
    tripled_spawn(worker, &a, 1);
    tripled_spawn(worker, &b, 2);
    yoke_fork(worker, count_run, NULL);
    yoke_join(worker);
    tripled_sync(worker, &b);
    tripled_sync(worker, &a);
    return a + b == 9 ? YOKE_OK : YOKE_KERNEL;
}

/* The kernel's job is YOKE_INVALID, blamed once; its calls ran that often; and workers are as they
 * were before: what other kernels fork runs and is joined. */
static void assert_unpaired(yoke_cpu_kernel cpu, int expected_runs)
{
    atomic_store(&num_run, 0);
    assert_int_equal(run_once("unpaired", cpu), YOKE_INVALID);
    assert_int_equal(atomic_load(&num_run), expected_runs);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
    assert_int_equal(run_once("pairing", pairing_kernel), YOKE_OK);
    assert_int_equal(atomic_load(&num_run), expected_runs + 3);
}

static yoke_status leaves_forks_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    long result;
    yoke_fork(worker, count_run, NULL);
    tripled_spawn(worker, &result, 1);
    yoke_fork(worker, count_run, NULL);
    yoke_join(worker);
    return YOKE_OK;
}

static void forks_that_are_not_joined_never_run_if_nobody_has_begun_them(void **state)
{
    (void)state;
    assert_unpaired(leaves_forks_kernel, 1);
}

static yoke_status fails_and_leaves_a_fork_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    yoke_fork(worker, count_run, NULL);
    return (yoke_status)-50;
}

static void a_kernel_that_fails_must_join_too(void **state)
{
    (void)state;
    assert_unpaired(fails_and_leaves_a_fork_kernel, 0);
}

static yoke_status leaves_too_many_forks_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    for (int i = 0; i < YOKE_FORKS_MAX + 10; i++) {
        yoke_fork(worker, count_run, NULL);
    }
    return YOKE_OK;
}

static void more_forks_than_there_is_room_for_must_be_joined_too(void **state)
{
    (void)state;
    assert_unpaired(leaves_too_many_forks_kernel, 10);
}

static yoke_status leaves_one_that_ran_in_place_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    for (int i = 0; i < YOKE_FORKS_MAX + 1; i++) {
        yoke_fork(worker, count_run, NULL);
    }
    for (int i = 0; i < YOKE_FORKS_MAX; i++) {
        yoke_join(worker);
    }
    return YOKE_OK;
}

static void one_fork_of_too_many_that_is_not_joined_is_found(void **state)
{
    (void)state;
    assert_unpaired(leaves_one_that_ran_in_place_kernel, YOKE_FORKS_MAX);
}

static yoke_status joins_alone_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    long result = 77;
    yoke_join(worker);
    tripled_sync(worker, &result);
    return result == 77 ? YOKE_OK : YOKE_KERNEL;
}

static void a_join_without_a_fork_does_nothing(void **state)
{
    (void)state;
    assert_unpaired(joins_alone_kernel, 0);
}

static yoke_status joins_twice_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    yoke_fork(worker, count_run, NULL);
    yoke_join(worker);
    yoke_join(worker);
    return YOKE_OK;
}

static void a_second_join_does_nothing(void **state)
{
    (void)state;
    assert_unpaired(joins_twice_kernel, 1);
}

static yoke_status joins_first_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    yoke_join(worker);
    yoke_fork(worker, count_run, NULL);
    return YOKE_OK;
}

static void a_join_before_its_fork_is_none(void **state)
{
    (void)state;
    assert_unpaired(joins_first_kernel, 0);
}

static void one_bad_item_makes_a_large_job_invalid(void **state)
{
    (void)state;
    yoke_job job =
        yoke_job(.type = register_kernel("large", joins_twice_kernel), .num_items = 1000);
    atomic_store(&num_run, 0);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_INVALID);
    assert_int_equal(atomic_load(&num_run), 1); /* the rest is not run */
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
}

/* -- the same with thieves --------------------------------------------------------------------- */

static held stolen; /* anew for each of these tests */

static int start_with_a_thief(void **state)
{
    memset(&stolen, 0, sizeof stolen);
    return start(state);
}

static yoke_status leaves_a_stolen_fork_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    held_fork(worker, held_run, &stolen);
    return YOKE_OK;
}

static void a_stolen_call_that_is_not_joined_is_waited_for(void **state)
{
    (void)state;
    yoke_job job =
        yoke_job(.type = register_kernel("leaves", leaves_a_stolen_fork_kernel), .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    held_await(&stolen);
    assert_int_equal(yoke_wait(f.rt, &job, 20000000), YOKE_TIMEOUT);
    atomic_store(&stolen.may_end, 1);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_INVALID);
    assert_int_equal(stolen.has_ended, 1);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
    assert_int_equal(run_once("pairing", pairing_kernel), YOKE_OK);
}

static void do_nothing(yoke_worker *worker, void *argument)
{
    (void)worker;
    (void)argument;
}

static void leave_a_fork(yoke_worker *worker, void *argument)
{
    yoke_fork(worker, do_nothing, argument);
    atomic_store(&stolen.has_begun, 1);
}

static void join_alone(yoke_worker *worker, void *argument)
{
    (void)argument;
    yoke_join(worker);
    yoke_join(worker);
    atomic_store(&stolen.has_begun, 1);
}

static yoke_status steals_leave_a_fork_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    held_fork(worker, leave_a_fork, &stolen);
    yoke_join(worker);
    return YOKE_OK;
}

static yoke_status steals_join_alone_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    held_fork(worker, join_alone, &stolen);
    yoke_join(worker);
    return YOKE_OK;
}

static void a_stolen_call_that_does_not_join_makes_its_job_invalid(void **state)
{
    (void)state;
    assert_unpaired(steals_leave_a_fork_kernel, 0);
}

static void a_stolen_call_that_joins_without_a_fork_makes_its_job_invalid(void **state)
{
    (void)state;
    assert_unpaired(steals_join_alone_kernel, 0);
}

static _Atomic int num_helped;
static uint32_t joining_worker;

/* On the joining worker, on top of its own calls, of which none may be taken off. */
static void join_on_top_of_others(yoke_worker *worker, void *argument)
{
    (void)argument;
    yoke_join(worker);
    atomic_fetch_add(&num_helped, yoke_worker_index(worker) == joining_worker);
}

static void fork_until_helped(yoke_worker *worker, void *argument)
{
    (void)argument;
    atomic_store(&stolen.has_begun, 1);
    while (atomic_load(&num_helped) == 0) {
        yoke_fork(worker, join_on_top_of_others, NULL);
        fixture_sleep_ms(1);
        yoke_join(worker);
    }
    count_run(worker, NULL);
}

static yoke_status joins_on_top_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    joining_worker = yoke_worker_index(worker);
    yoke_fork(worker, count_run, NULL);
    held_fork(worker, fork_until_helped, &stolen);
    yoke_join(worker);
    bool is_waited_for = atomic_load(&num_helped) > 0;
    yoke_join(worker);
    return is_waited_for && atomic_load(&num_run) == 2 ? YOKE_OK : YOKE_KERNEL;
}

static void a_bad_join_in_a_stolen_call_takes_nothing_of_its_workers_own(void **state)
{
    (void)state;
    atomic_store(&num_helped, 0);
    assert_unpaired(joins_on_top_kernel, 2);
}

static yoke_status waits_in_a_join_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    held_fork(worker, held_run, &stolen);
    yoke_join(worker);
    return YOKE_OK;
}

static void a_bad_kernel_run_inside_a_join_is_not_blamed_on_the_job_that_waits(void **state)
{
    (void)state;
    yoke_job outer =
        yoke_job(.type = register_kernel("outer", waits_in_a_join_kernel), .num_items = 1);
    assert_int_equal(fixture_submit(&f, &outer), YOKE_OK);
    held_await(&stolen);
    assert_int_equal(run_once("inner", leaves_forks_kernel), YOKE_INVALID);
    assert_int_equal(run_once("other", joins_twice_kernel), YOKE_INVALID);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(2));
    atomic_store(&stolen.may_end, 1);
    assert_int_equal(yoke_wait(f.rt, &outer, YOKE_FOREVER), YOKE_OK);
}

static yoke_status bad_and_waits_in_a_join_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    yoke_join(worker);
    return waits_in_a_join_kernel(worker, claim);
}

static void a_bad_kernel_that_waits_is_not_blamed_on_the_jobs_it_runs_meanwhile(void **state)
{
    (void)state;
    yoke_job outer =
        yoke_job(.type = register_kernel("outer", bad_and_waits_in_a_join_kernel), .num_items = 1);
    assert_int_equal(fixture_submit(&f, &outer), YOKE_OK);
    held_await(&stolen);
    assert_int_equal(run_once("pairing", pairing_kernel), YOKE_OK);
    atomic_store(&stolen.may_end, 1);
    assert_int_equal(yoke_wait(f.rt, &outer, YOKE_FOREVER), YOKE_INVALID);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(1));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define ALONE(test) cmocka_unit_test_setup_teardown(test, start_with_one_worker, stop)
#define THIEF(test) cmocka_unit_test_setup_teardown(test, start_with_a_thief, stop)
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
        TEST(a_kernel_that_waits_for_itself_or_destroys_is_refused),
        TEST(a_callback_that_waits_or_destroys_is_refused),
        TEST(a_settled_job_is_not_changed_by_a_cancel),
        ALONE(forks_that_are_not_joined_never_run_if_nobody_has_begun_them),
        ALONE(a_kernel_that_fails_must_join_too),
        ALONE(more_forks_than_there_is_room_for_must_be_joined_too),
        ALONE(one_fork_of_too_many_that_is_not_joined_is_found),
        ALONE(a_join_without_a_fork_does_nothing),
        ALONE(a_second_join_does_nothing),
        ALONE(a_join_before_its_fork_is_none),
        ALONE(one_bad_item_makes_a_large_job_invalid),
        THIEF(a_stolen_call_that_is_not_joined_is_waited_for),
        THIEF(a_stolen_call_that_does_not_join_makes_its_job_invalid),
        THIEF(a_stolen_call_that_joins_without_a_fork_makes_its_job_invalid),
        THIEF(a_bad_join_in_a_stolen_call_takes_nothing_of_its_workers_own),
        THIEF(a_bad_kernel_run_inside_a_join_is_not_blamed_on_the_job_that_waits),
        THIEF(a_bad_kernel_that_waits_is_not_blamed_on_the_jobs_it_runs_meanwhile),
    };
    return cmocka_run_group_tests_name("misuse", tests, NULL, NULL);
}
