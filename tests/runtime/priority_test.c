/*
 * Jobs of high priority: before whom they run, for how long others have to wait, what a full inbox
 * of theirs answers; and that each accepted job is counted once, on whatever way it came.
 */
#include <pthread.h>
#include <sched.h>

#include "backends/host/host.h"
#include "runtime/policy.h"
#include "tests/runtime/fixture.h"

#define IN_A_ROW 16 /* jobs of high priority before another has its turn: yoke.h */
#define MAX_JOBS 16 /* of the runtimes whose queues run full */

static fixture f;

/* In which order items were run: what their inputs were. */
#define ORDER_MAX 4096

static struct order {
    uint32_t of[ORDER_MAX];
    _Atomic uint32_t count;
} order;

static const yoke_type *note; /* writes its input into the order, and doubles it */
static const yoke_type *slow; /* the same, and sleeps for a millisecond first */

static yoke_status note_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const uint32_t *in = claim->in[0];
    uint32_t *out = claim->out;
    for (uint32_t i = 0; i < claim->count; i++) {
        uint32_t at = atomic_fetch_add(&order.count, 1);
        if (at < ORDER_MAX) {
            order.of[at] = in[i];
        }
        out[i] = 2 * in[i];
    }
    return YOKE_OK;
}

static yoke_status slow_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    fixture_sleep_ms((int)claim->count);
    return note_kernel(worker, claim);
}

static void start_on(const yoke_options *options)
{
    fixture_start(&f, options);
    memset(&order, 0, sizeof order);
    assert_int_equal(yoke_register(f.rt,
                                   yoke_type_desc(.name = "note", .in_bytes = {4}, .out_bytes = 4,
                                                  .cpu = note_kernel),
                                   &note),
                     YOKE_OK);
    assert_int_equal(yoke_register(f.rt,
                                   yoke_type_desc(.name = "slow", .in_bytes = {4}, .out_bytes = 4,
                                                  .cpu = slow_kernel),
                                   &slow),
                     YOKE_OK);
}

static int start(void **state)
{
    (void)state;
    start_on(yoke_options(.num_workers = 1));
    return 0;
}

static int start_with_two(void **state)
{
    (void)state;
    start_on(yoke_options(.num_workers = 2));
    return 0;
}

static int start_with_little_room(void **state)
{
    (void)state;
    start_on(yoke_options(.num_workers = 1, .max_jobs = MAX_JOBS));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&f);
    return 0;
}

static yoke_stats read_stats(void)
{
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    return stats;
}

/* Job i's number, and what it noted, tell whether it is high. */
#define HIGH 1000000u

typedef struct jobs {
    yoke_job job[512];
    yoke_job *refs[512];
    uint32_t in[512], out[512];
    size_t count;
    yoke_group group;
} jobs;

static jobs all;

static void jobs_clear(void)
{
    memset(&all, 0, sizeof all);
}

/* Adds a job, in the group `all.group`. */
static yoke_job *jobs_add(bool is_high)
{
    size_t i = all.count++;
    assert_true(i < 512);
    all.in[i] = (uint32_t)i + (is_high ? HIGH : 0);
    all.job[i] = yoke_job(.type = note, .in = {&all.in[i]}, .out = &all.out[i], .num_items = 1,
                          .flags = is_high ? YOKE_JOB_HIGH : 0, .group = &all.group);
    all.refs[i] = &all.job[i];
    return &all.job[i];
}

static void jobs_submit(bool is_high, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(fixture_submit(&f, jobs_add(is_high)), YOKE_OK);
    }
}

/* Waits for all, and checks that each has run once. */
static void jobs_await(void)
{
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
    for (size_t i = 0; i < all.count; i++) {
        assert_int_equal(all.job[i].status, YOKE_OK);
        assert_int_equal(all.out[i], 2 * all.in[i]);
    }
    bool seen[512] = {false};
    for (uint32_t i = 0; i < atomic_load(&order.count); i++) {
        assert_false(seen[order.of[i] % HIGH]);
        seen[order.of[i] % HIGH] = true;
    }
    assert_int_equal(atomic_load(&order.count), all.count);
}

/* Occupies the only worker until fixture_open. */
static void hold_the_worker(yoke_job *holder)
{
    static uint32_t in = 1, out;
    *holder = yoke_job(.type = f.hold, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, holder), YOKE_OK);
    fixture_await_entered(&f, 1);
}

static void let_go(yoke_job *holder)
{
    fixture_open(&f);
    assert_int_equal(yoke_wait(f.rt, holder, YOKE_FOREVER), YOKE_OK);
}

static bool is_high_at(uint32_t i)
{
    return order.of[i] >= HIGH;
}

/* -- who runs first -------------------------------------------------------------------------- */

static void high_jobs_run_before_all_that_wait_and_in_their_order(void **state)
{
    (void)state;
    yoke_job holder;
    jobs_clear();
    hold_the_worker(&holder);
    jobs_submit(false, 100);
    jobs_submit(true, 10);
    let_go(&holder);
    jobs_await();
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(order.of[i], HIGH + 100 + i);
    }
}

static void high_and_other_jobs_may_come_in_one_array(void **state)
{
    (void)state;
    yoke_job holder;
    jobs_clear();
    hold_the_worker(&holder);
    for (int i = 0; i < 45; i++) {
        jobs_add(i % 3 == 1);
    }
    assert_int_equal(yoke_submit(f.rt, all.refs, all.count), YOKE_OK);
    let_go(&holder);
    jobs_await();
    for (uint32_t i = 0; i < 15; i++) {
        assert_int_equal(order.of[i], HIGH + 3 * i + 1);
    }
}

/* While others wait, `IN_A_ROW` high ones run before each of them. */
static void assert_turns(uint32_t num_others)
{
    uint32_t num_high = 0;
    for (uint32_t i = 0; num_others > 0; i++) {
        assert_true(i < atomic_load(&order.count));
        if (is_high_at(i)) {
            num_high++;
            continue;
        }
        assert_int_equal(num_high, IN_A_ROW);
        num_high = 0;
        num_others--;
    }
}

static void after_16_high_jobs_another_one_has_its_turn(void **state)
{
    (void)state;
    yoke_job holder;
    jobs_clear();
    hold_the_worker(&holder);
    jobs_submit(false, 10);
    jobs_submit(true, 200);
    let_go(&holder);
    jobs_await();
    assert_turns(10);
}

static yoke_status submit_all_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return yoke_submit(f.rt, all.refs, all.count);
}

static void submit_all_from_a_worker(void)
{
    const yoke_type *type;
    assert_int_equal(
        yoke_register(f.rt, yoke_type_desc(.name = "submit_all", .cpu = submit_all_kernel), &type),
        YOKE_OK);
    yoke_job job = yoke_job(.type = type, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
}

static void high_jobs_of_a_worker_run_before_its_own_others(void **state)
{
    (void)state;
    jobs_clear();
    for (int i = 0; i < 210; i++) {
        jobs_add(i >= 10);
    }
    submit_all_from_a_worker();
    jobs_await();
    assert_true(is_high_at(0));
    assert_turns(10);
}

static void jobs_that_a_group_releases_have_their_turn_too(void **state)
{
    (void)state;
    yoke_job holder;
    yoke_group before = {{0}};
    uint32_t in = 1, out;
    holder = yoke_job(.type = f.hold, .in = {&in}, .out = &out, .num_items = 1, .group = &before);
    jobs_clear();
    assert_int_equal(fixture_submit(&f, &holder), YOKE_OK);
    fixture_await_entered(&f, 1);
    for (int i = 0; i < 10; i++) {
        jobs_add(false)->after = &before;
        assert_int_equal(yoke_submit(f.rt, &all.refs[i], 1), YOKE_OK);
    }
    jobs_submit(true, 200);
    fixture_open(&f);
    jobs_await();
    assert_turns(10);
}

static _Atomic int loops_left;

static void submit_again(yoke_job *job)
{
    if (atomic_fetch_sub(&loops_left, 1) > 1) {
        assert_int_equal(fixture_submit(&f, job), YOKE_OK);
    }
}

static void high_jobs_that_submit_themselves_again_starve_nobody(void **state)
{
    (void)state;
    enum { LOOPS = 3, OTHERS = 200 };
    uint32_t in = 1, out[LOOPS];
    yoke_job loop[LOOPS];
    atomic_store(&loops_left, INT32_MAX);
    for (int i = 0; i < LOOPS; i++) {
        loop[i] = yoke_job(.type = f.twice, .in = {&in}, .out = &out[i], .num_items = 1,
                           .flags = YOKE_JOB_HIGH, .done = submit_again);
        assert_int_equal(fixture_submit(&f, &loop[i]), YOKE_OK);
    }
    jobs_clear();
    jobs_submit(false, OTHERS);
    jobs_await();
    atomic_store(&loops_left, 1);
    while (atomic_load(&loops_left) > 1 - LOOPS) {
        fixture_sleep_ms(1);
    }
}

/* -- beside a large job ------------------------------------------------------------------------ */

#define ITEMS 60

static uint32_t large_in[ITEMS], large_out[ITEMS];

/* A job of ITEMS items of a millisecond each, of which three have begun. */
static void submit_large(yoke_job *large)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        large_in[i] = 500 + i;
        large_out[i] = 0;
    }
    *large = yoke_job(.type = slow, .in = {large_in}, .out = large_out, .num_items = ITEMS);
    assert_int_equal(fixture_submit(&f, large), YOKE_OK);
    while (atomic_load(&order.count) < 3) {
        fixture_sleep_ms(1);
    }
}

static void await_large(yoke_job *large)
{
    assert_int_equal(yoke_wait(f.rt, large, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_int_equal(large_out[i], 2 * large_in[i]);
    }
}

static uint32_t find_in_order(uint32_t number)
{
    uint32_t i = 0;
    while (order.of[i] != number) {
        assert_true(++i < atomic_load(&order.count));
    }
    return i;
}

static void check_overtaking(uint32_t num_workers)
{
    yoke_job large;
    jobs_clear();
    submit_large(&large);
    jobs_submit(false, 1);
    jobs_submit(true, 1);
    uint32_t then = atomic_load(&order.count);
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
    await_large(&large);
    assert_int_equal(atomic_load(&order.count), ITEMS + 2);
    /* Each worker may have been inside a claim, and have begun another just then. */
    assert_in_range(find_in_order(HIGH + 1), 0, then + 2 * num_workers);
}

static void a_high_job_does_not_wait_for_a_large_job_to_end(void **state)
{
    (void)state;
    check_overtaking(1);
    assert_true(find_in_order(0) > find_in_order(HIGH + 1));
}

static void a_high_job_does_not_wait_for_a_large_job_of_all_workers(void **state)
{
    (void)state;
    check_overtaking(2);
}

static void between_16_high_jobs_a_large_job_goes_on(void **state)
{
    (void)state;
    yoke_job large;
    jobs_clear();
    submit_large(&large);
    for (int i = 0; i < 100; i++) {
        jobs_add(true);
    }
    assert_int_equal(yoke_submit(f.rt, all.refs, all.count), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
    await_large(&large);
    assert_int_equal(atomic_load(&order.count), ITEMS + 100);
    uint32_t in_a_row = 0, longest = 0;
    for (uint32_t i = 0; i < ITEMS + 100; i++) {
        in_a_row = is_high_at(i) ? in_a_row + 1 : 0;
        longest = in_a_row > longest ? in_a_row : longest;
    }
    assert_int_equal(longest, IN_A_ROW);
}

static void a_canceled_large_job_that_let_high_jobs_through_settles(void **state)
{
    (void)state;
    yoke_job large;
    jobs_clear();
    submit_large(&large);
    jobs_submit(true, 40);
    assert_int_equal(yoke_cancel(f.rt, &large), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &large, YOKE_FOREVER), YOKE_CANCELED);
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
    assert_true(atomic_load(&order.count) < ITEMS + 40);
}

static void a_large_job_may_be_high_itself(void **state)
{
    (void)state;
    yoke_job holder;
    jobs_clear();
    hold_the_worker(&holder);
    jobs_submit(false, 20);
    for (uint32_t i = 0; i < ITEMS; i++) {
        large_in[i] = HIGH + 100 + i;
    }
    yoke_job large = yoke_job(.type = slow, .in = {large_in}, .out = large_out, .num_items = ITEMS,
                              .flags = YOKE_JOB_HIGH);
    assert_int_equal(fixture_submit(&f, &large), YOKE_OK);
    let_go(&holder);
    await_large(&large);
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_true(is_high_at(i));
    }
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
}

/* -- a full inbox ------------------------------------------------------------------------------ */

/* Adds jobs, high ones where `kinds` has an 'h': the index of the first. */
static size_t jobs_add_kinds(const char *kinds)
{
    size_t first = all.count;
    for (; *kinds != 0; kinds++) {
        jobs_add(*kinds == 'h');
    }
    return first;
}

static yoke_status jobs_try(size_t first, size_t count)
{
    return yoke_submit(f.rt, &all.refs[first], count);
}

/* As from an earlier run, so that it shows if they are touched. */
static void expect_busy(size_t first, size_t count)
{
    static jobs before;
    uint64_t submitted = read_stats().jobs_submitted;
    for (size_t i = first; i < first + count; i++) {
        all.job[i].status = YOKE_DEADLINE;
    }
    before = all;
    assert_int_equal(jobs_try(first, count), YOKE_BUSY);
    assert_memory_equal(&before.group, &all.group, sizeof before.group);
    for (size_t i = first; i < first + count; i++) {
        assert_memory_equal(&before.job[i], &all.job[i], offsetof(yoke_job, reserved));
    }
    assert_int_equal(read_stats().jobs_submitted, submitted);
}

static void a_full_inbox_of_high_jobs_accepts_all_or_none(void **state)
{
    (void)state;
    yoke_job holder;
    jobs_clear();
    hold_the_worker(&holder);
    jobs_submit(true, MAX_JOBS - 1);
    size_t mixed = jobs_add_kinds("hohoho"); /* three high ones, and there is room for one */
    expect_busy(mixed, 6);
    expect_busy(mixed, 3);
    jobs_submit(false, MAX_JOBS - 1); /* no place for other jobs was lost */
    assert_int_equal(jobs_try(mixed, 2), YOKE_OK);
    expect_busy(mixed + 2, 1);
    expect_busy(mixed + 3, 1);
    expect_busy(mixed + 2, 4);
    let_go(&holder);
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(jobs_try(mixed + 2, 4), YOKE_OK);
    jobs_await();
    assert_int_equal(read_stats().jobs_submitted, all.count + 1);
}

static void more_high_jobs_than_ever_fit_are_refused(void **state)
{
    (void)state;
    jobs_clear();
    for (int i = 0; i <= MAX_JOBS; i++) {
        jobs_add(true);
    }
    jobs_add(false);
    expect_busy(0, MAX_JOBS + 2);
    expect_busy(0, MAX_JOBS + 1);
    assert_int_equal(jobs_try(1, MAX_JOBS + 1), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(jobs_try(0, 1), YOKE_OK);
    jobs_await();
}

static yoke_status worker_tries[4];

/* On the only worker, with as many high jobs waiting as there may be. */
static yoke_status try_mixed_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    worker_tries[0] = jobs_try(0, MAX_JOBS);
    worker_tries[1] = jobs_try(MAX_JOBS, 6);
    worker_tries[2] = jobs_try(MAX_JOBS, 1);
    worker_tries[3] = jobs_try(MAX_JOBS + 1, 1);
    return YOKE_OK;
}

static void a_worker_is_refused_all_or_none_too(void **state)
{
    (void)state;
    const yoke_type *type;
    assert_int_equal(
        yoke_register(f.rt, yoke_type_desc(.name = "try_mixed", .cpu = try_mixed_kernel), &type),
        YOKE_OK);
    jobs_clear();
    for (int i = 0; i < MAX_JOBS; i++) {
        jobs_add(true);
    }
    jobs_add_kinds("ohohoh");
    yoke_job job = yoke_job(.type = type, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(worker_tries[0], YOKE_OK);
    assert_int_equal(worker_tries[1], YOKE_BUSY);
    assert_int_equal(worker_tries[2], YOKE_OK); /* into its own deque */
    assert_int_equal(worker_tries[3], YOKE_BUSY);
    assert_int_equal(atomic_load(&order.count), MAX_JOBS + 1);
    assert_int_equal(read_stats().jobs_submitted, MAX_JOBS + 2);
    assert_int_equal(jobs_try(MAX_JOBS + 1, 5), YOKE_OK);
    jobs_await();
}

static void *submit_waiting(void *argument)
{
    size_t first = *(size_t *)argument;
    return jobs_try(first, all.count - first) == YOKE_OK ? NULL : argument;
}

static void a_submit_that_may_wait_waits_for_room_for_high_jobs(void **state)
{
    (void)state;
    start_on(yoke_options(.num_workers = 1, .max_jobs = MAX_JOBS, .flags = YOKE_SUBMIT_WAITS));
    yoke_job holder;
    jobs_clear();
    hold_the_worker(&holder);
    jobs_submit(true, MAX_JOBS);
    size_t mixed = jobs_add_kinds("ohohoh");
    pthread_t thread;
    void *failed;
    assert_int_equal(pthread_create(&thread, NULL, submit_waiting, &mixed), 0);
    fixture_sleep_ms(20);
    let_go(&holder);
    pthread_join(thread, &failed);
    assert_null(failed);
    jobs_await();
    assert_int_equal(read_stats().jobs_submitted, all.count + 1);
    fixture_stop(&f);
}

/* -- many threads ------------------------------------------------------------------------------ */

enum { THREADS = 4, AT_ONCE = 20 };

typedef struct submitter {
    pthread_t thread;
    uint64_t random;
    uint64_t accepted, refused, wrong;
    int rounds;
    yoke_job job[AT_ONCE];
    uint32_t in[AT_ONCE], out[AT_ONCE];
} submitter;

static void submitter_round(submitter *by)
{
    yoke_job *refs[AT_ONCE];
    yoke_group group = {{0}};
    size_t count = 1 + fixture_random(&by->random) % AT_ONCE, num_high = 0, num_other = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_high = fixture_random(&by->random) % 2 == 0;
        num_high += is_high;
        num_other += !is_high;
        by->in[i] = (uint32_t)(by->random >> 32);
        by->job[i] = yoke_job(.type = f.twice, .in = {&by->in[i]}, .out = &by->out[i],
                              .num_items = 1, .flags = is_high ? YOKE_JOB_HIGH : 0, .group = &group,
                              .status = YOKE_DEADLINE);
        refs[i] = &by->job[i];
    }
    yoke_status status = yoke_submit(f.rt, refs, count);
    while (status == YOKE_BUSY && num_high <= MAX_JOBS && num_other <= MAX_JOBS) {
        by->refused++;
        for (size_t i = 0; i < count; i++) {
            by->wrong += by->job[i].status != YOKE_DEADLINE;
        }
        sched_yield();
        status = yoke_submit(f.rt, refs, count);
    }
    by->accepted += status == YOKE_OK ? count : 0;
    by->wrong += yoke_group_wait(f.rt, &group, YOKE_FOREVER) != YOKE_OK;
    for (size_t i = 0; i < count && status == YOKE_OK; i++) {
        by->wrong += by->job[i].status != YOKE_OK || by->out[i] != 2 * by->in[i];
    }
}

static void *submitter_run(void *argument)
{
    submitter *by = argument;
    for (int round = 0; round < by->rounds; round++) {
        submitter_round(by);
    }
    return NULL;
}

/* What is reserved in one inbox and finds no room in the other is given back, and not counted. */
static void threads_that_are_refused_lose_no_place_and_no_count(void **state)
{
    (void)state;
    static submitter submitters[THREADS];
    uint64_t seed = fixture_seed(), accepted = 0, refused = 0;
    for (int i = 0; i < THREADS; i++) {
        submitters[i] = (submitter){.random = seed + 2 * (uint64_t)i,
                                    .rounds = fixture_is_full() ? 200000 : 10000};
        pthread_create(&submitters[i].thread, NULL, submitter_run, &submitters[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(submitters[i].thread, NULL);
        accepted += submitters[i].accepted;
        refused += submitters[i].refused;
        assert_int_equal(submitters[i].wrong, 0);
    }
    printf("%lu jobs accepted, %lu arrays refused\n", accepted, refused);
    assert_true(accepted > 0 && refused > 0);
    assert_int_equal(read_stats().jobs_submitted, accepted);
    assert_int_equal(read_stats().jobs_settled, accepted);
    yoke_job holder;
    jobs_clear();
    hold_the_worker(&holder);
    jobs_submit(true, MAX_JOBS);
    jobs_submit(false, MAX_JOBS);
    expect_busy(jobs_add_kinds("h"), 1);
    expect_busy(jobs_add_kinds("o"), 1);
    let_go(&holder);
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
}

/* -- counting ---------------------------------------------------------------------------------- */

/* Adds jobs like that one, each with an input and an output of its own. */
static size_t jobs_add_like(yoke_job job, int count)
{
    size_t first = all.count;
    for (int i = 0; i < count; i++) {
        yoke_job *added = jobs_add(false);
        job.in[0] = added->in[0];
        job.out = added->out;
        job.num_items = 1;
        job.group = &all.group;
        *added = job;
    }
    return first;
}

/* Those that wait for a group, or go to a device, or to the workers, one by one and all at once;
 * returns how many were accepted. */
static uint64_t submit_of_every_kind(yoke_group *empty, yoke_group *held)
{
    const yoke_job kinds[] = {
        yoke_job(.type = note),
        yoke_job(.type = note, .flags = YOKE_JOB_HIGH),
        yoke_job(.type = f.twice),
        yoke_job(.type = f.twice, .flags = YOKE_JOB_HIGH),
        yoke_job(.type = f.twice, .flags = YOKE_JOB_CPU),
        yoke_job(.type = f.twice, .flags = YOKE_JOB_CPU | YOKE_JOB_HIGH),
        yoke_job(.type = f.twice, .flags = YOKE_JOB_GPU),
        yoke_job(.type = f.twice, .flags = YOKE_JOB_GPU | YOKE_JOB_HIGH),
        yoke_job(.type = note, .after = empty),
        yoke_job(.type = note, .after = held, .flags = YOKE_JOB_HIGH),
        yoke_job(.type = f.twice, .after = held),
        yoke_job(.type = f.twice, .after = held, .flags = YOKE_JOB_GPU),
    };
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    uint64_t accepted = 0;
    size_t mixed = all.count;
    for (int i = 0; i < KINDS; i++) {
        jobs_add_like(kinds[i], 1);
    }
    accepted += jobs_try(mixed, KINDS) == YOKE_OK ? KINDS : 0;
    for (int i = 0; i < KINDS; i++) {
        size_t first = jobs_add_like(kinds[i], 3);
        accepted += jobs_try(first, 2) == YOKE_OK ? 2 : 0;
        accepted += jobs_try(first + 2, 1) == YOKE_OK ? 1 : 0;
    }
    return accepted;
}

static yoke_group empty_group, held_group;
static uint64_t accepted_from_worker;

static yoke_status submit_kinds_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    accepted_from_worker = submit_of_every_kind(&empty_group, &held_group);
    return YOKE_OK;
}

static _Atomic int num_again;

static void submit_once_more(yoke_job *job)
{
    job->done = NULL;
    job->group = &all.group;
    job->flags ^= YOKE_JOB_HIGH;
    atomic_fetch_add(&num_again, fixture_submit(&f, job) == YOKE_OK);
}

static uint64_t submit_some_that_are_refused(void)
{
    size_t bad = jobs_add_like(yoke_job(.type = note, .flags = YOKE_JOB_HIGH), 3);
    all.job[bad + 1].struct_bytes = 0;
    assert_int_equal(jobs_try(bad + 1, 1), YOKE_INVALID);
    assert_int_equal(jobs_try(bad, 3), YOKE_INVALID);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(2));
    all.job[bad + 1].flags = 1u << 31;
    all.job[bad + 1].struct_bytes = sizeof(yoke_job);
    assert_int_equal(jobs_try(bad, 3), YOKE_UNSUPPORTED);
    return 0;
}

static void every_accepted_job_is_counted_once(void **state)
{
    (void)state;
    static const backend_ops *const host_only[] = {&host_ops, NULL};
    enum { LARGE = 1000000, AGAIN = 20 };
    static uint32_t in[LARGE], out[LARGE];
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    fixture_start_on(&f,
                     yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_AUTO, .policy = &policy),
                     host_only);
    const yoke_type *kinds;
    assert_int_equal(yoke_register(f.rt,
                                   yoke_type_desc(.name = "note", .in_bytes = {4}, .out_bytes = 4,
                                                  .cpu = note_kernel),
                                   &note),
                     YOKE_OK);
    assert_int_equal(
        yoke_register(f.rt, yoke_type_desc(.name = "kinds", .cpu = submit_kinds_kernel), &kinds),
        YOKE_OK);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    jobs_clear();
    uint32_t held_in = 1, held_out;
    empty_group = held_group = (yoke_group){{0}};
    yoke_job holder = yoke_job(.type = f.hold, .in = {&held_in}, .out = &held_out, .num_items = 1,
                               .group = &held_group);
    yoke_job large = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = LARGE,
                              .flags = YOKE_JOB_HIGH);
    yoke_job from_worker = yoke_job(.type = kinds, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &holder), YOKE_OK);
    assert_int_equal(fixture_submit(&f, &large), YOKE_OK);
    uint64_t accepted = 3 + submit_of_every_kind(&empty_group, &held_group);
    assert_int_equal(fixture_submit(&f, &from_worker), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &from_worker, YOKE_FOREVER), YOKE_OK);
    accepted += accepted_from_worker + submit_some_that_are_refused();
    assert_int_equal(accepted, 3 + 2 * 4 * 12);
    atomic_store(&num_again, 0);
    size_t again = jobs_add_like(yoke_job(.type = note), AGAIN);
    for (size_t i = again; i < again + AGAIN; i++) {
        all.job[i].done = submit_once_more;
        all.job[i].group = NULL;
        all.job[i].flags = i % 2 == 0 ? YOKE_JOB_HIGH : 0;
        assert_int_equal(jobs_try(i, 1), YOKE_OK);
    }
    while (atomic_load(&num_again) < AGAIN) {
        fixture_sleep_ms(1);
    }
    accepted += 2 * AGAIN;
    assert_int_equal(read_stats().jobs_submitted, accepted); /* also while some wait */
    fixture_open(&f);
    assert_int_equal(yoke_wait(f.rt, &large, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &held_group, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &all.group, YOKE_FOREVER), YOKE_OK);
    yoke_stats stats = read_stats();
    assert_int_equal(stats.jobs_submitted, accepted);
    assert_int_equal(stats.jobs_settled, accepted);
    assert_int_equal(stats.jobs_ok, accepted);
    assert_true(stats.items_gpu > 0);
    fixture_stop(&f);
}

int main(void)
{
#define WITH_ONE(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define WITH_TWO(test) cmocka_unit_test_setup_teardown(test, start_with_two, stop)
#define WITH_LITTLE(test) cmocka_unit_test_setup_teardown(test, start_with_little_room, stop)
    const struct CMUnitTest tests[] = {
        WITH_ONE(high_jobs_run_before_all_that_wait_and_in_their_order),
        WITH_ONE(high_and_other_jobs_may_come_in_one_array),
        WITH_ONE(after_16_high_jobs_another_one_has_its_turn),
        WITH_ONE(high_jobs_of_a_worker_run_before_its_own_others),
        WITH_ONE(jobs_that_a_group_releases_have_their_turn_too),
        WITH_ONE(high_jobs_that_submit_themselves_again_starve_nobody),
        WITH_ONE(a_high_job_does_not_wait_for_a_large_job_to_end),
        WITH_TWO(a_high_job_does_not_wait_for_a_large_job_of_all_workers),
        WITH_ONE(between_16_high_jobs_a_large_job_goes_on),
        WITH_ONE(a_canceled_large_job_that_let_high_jobs_through_settles),
        WITH_ONE(a_large_job_may_be_high_itself),
        WITH_LITTLE(a_full_inbox_of_high_jobs_accepts_all_or_none),
        WITH_LITTLE(more_high_jobs_than_ever_fit_are_refused),
        WITH_LITTLE(a_worker_is_refused_all_or_none_too),
        cmocka_unit_test(a_submit_that_may_wait_waits_for_room_for_high_jobs),
        WITH_LITTLE(threads_that_are_refused_lose_no_place_and_no_count),
        cmocka_unit_test(every_accepted_job_is_counted_once),
    };
    return cmocka_run_group_tests_name("priority", tests, NULL, NULL);
}
