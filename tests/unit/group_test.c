/*
 * group.h: counting, the first failure, and deferred jobs, each of which is released exactly once
 * however adding, finishing and deferring meet.
 *
 * The races inside group_finish_any are brought about on purpose: the test holds the bucket's lock,
 * so that a finisher stands between taking the count to zero and releasing.
 */
#include "runtime/group.h"

#include <sched.h>

#include "runtime/job.h"
#include "tests/unit/testing.h"

static group_table table;

/* One job of the group settles. */
static bool settle_one(yoke_group *group, yoke_status status, yoke_job **released)
{
    if (status != YOKE_OK) {
        group_fail_any(group, status);
    }
    return group_finish_any(&table, group, 1, released);
}

static int set_up(void **state)
{
    (void)state;
    group_table_init(&table);
    testing_watchdog(60);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testing_watchdog(0);
    group_table_finish(&table);
    return 0;
}

static group_bucket *bucket_of(const yoke_group *group)
{
    return &table.buckets[base_hash_address(group, GROUP_BUCKETS)];
}

static yoke_job after(yoke_group *group)
{
    static const yoke_type type;
    yoke_job job = yoke_job(.type = &type, .num_items = 1, .after = group);
    job_begin_submitter(&job);
    job_add_first_ticket_submitter(&job);
    return job;
}

static yoke_job *next_of(yoke_job *job)
{
    return job_core_of(job)->next;
}

/* Two groups that share a bucket. */
static void find_collision(yoke_group **first, yoke_group **second)
{
    static yoke_group groups[GROUP_BUCKETS + 1];
    memset(groups, 0, sizeof groups);
    for (int i = 0; i <= GROUP_BUCKETS; i++) {
        for (int k = 0; k < i; k++) {
            if (bucket_of(&groups[i]) == bucket_of(&groups[k])) {
                *first = &groups[k];
                *second = &groups[i];
                return;
            }
        }
    }
    fail();
}

/* -- counting and failing ------------------------------------------------------------------------
 */

static void a_zeroed_group_is_empty_and_ok(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    assert_true(group_is_empty(&group));
    assert_int_equal(group_status(&group), YOKE_OK);
}

static void a_group_is_empty_when_its_last_job_is_finished(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    yoke_job *released = (yoke_job *)&group;
    for (int i = 0; i < 3; i++) {
        group_add_any(&group, 1);
        assert_false(group_is_empty(&group));
    }
    assert_false(settle_one(&group, YOKE_OK, &released));
    assert_null(released);
    assert_false(settle_one(&group, YOKE_OK, &released));
    assert_false(group_is_empty(&group));
    assert_true(settle_one(&group, YOKE_OK, &released));
    assert_null(released);
    assert_true(group_is_empty(&group));
    assert_int_equal(group_status(&group), YOKE_OK);
}

static void the_first_failure_stays_when_the_group_is_used_again(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    yoke_job *released;
    const yoke_status statuses[] = {YOKE_OK, YOKE_KERNEL, YOKE_CANCELED, YOKE_OK};
    for (int i = 0; i < 4; i++) {
        group_add_any(&group, 1);
        settle_one(&group, statuses[i], &released);
        assert_true(group_is_empty(&group));
        assert_int_equal(group_status(&group), i == 0 ? YOKE_OK : YOKE_KERNEL);
    }
}

/* -- deferring
 * ------------------------------------------------------------------------------------- */

static void an_empty_group_defers_nothing(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    yoke_job job = after(&group);
    assert_false(group_defer_any(&table, &job));
    assert_int_equal(job_stop_status(&job), YOKE_OK);
    assert_true(group_is_empty(&group));
    assert_null(group_take_all(&table));
}

static void an_empty_group_that_failed_stops_what_comes_after(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    yoke_job job = after(&group), *released;
    group_add_any(&group, 1);
    settle_one(&group, YOKE_DEADLINE, &released);
    assert_false(group_defer_any(&table, &job));
    assert_int_equal(job_stop_status(&job), YOKE_DEPENDENCY);
}

static void deferred_jobs_come_out_oldest_first_when_the_group_empties(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    yoke_job jobs[3] = {after(&group), after(&group), after(&group)}, *released;
    group_add_any(&group, 1);
    group_add_any(&group, 1);
    assert_true(group_defer_any(&table, &jobs[0]));
    assert_true(group_defer_any(&table, &jobs[1]));
    assert_false(settle_one(&group, YOKE_OK, &released));
    assert_null(released);
    assert_true(group_defer_any(&table, &jobs[2]));
    assert_true(settle_one(&group, YOKE_OK, &released));
    assert_ptr_equal(released, &jobs[0]);
    assert_ptr_equal(next_of(&jobs[0]), &jobs[1]);
    assert_ptr_equal(next_of(&jobs[1]), &jobs[2]);
    assert_null(next_of(&jobs[2]));
    assert_true(group_is_empty(&group));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(job_stop_status(&jobs[i]), YOKE_OK);
    }
    assert_null(group_take_all(&table));
}

static void a_group_that_failed_stops_its_deferred_jobs(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    yoke_job jobs[2] = {after(&group), after(&group)}, *released;
    group_add_any(&group, 1);
    group_add_any(&group, 1);
    group_defer_any(&table, &jobs[0]);
    group_defer_any(&table, &jobs[1]);
    job_stop_any(&jobs[1], YOKE_CANCELED); /* while it waits; that came first */
    settle_one(&group, YOKE_KERNEL, &released);
    assert_int_equal(job_stop_status(&jobs[0]), YOKE_OK); /* not before the group is empty */
    assert_true(settle_one(&group, YOKE_OK, &released));
    assert_ptr_equal(released, &jobs[0]);
    assert_int_equal(job_stop_status(&jobs[0]), YOKE_DEPENDENCY);
    assert_int_equal(job_stop_status(&jobs[1]), YOKE_CANCELED);
    assert_int_equal(group_status(&group), YOKE_KERNEL);
}

static void a_group_can_defer_again_after_a_release(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    for (int round = 0; round < 3; round++) {
        yoke_job job = after(&group), *released;
        group_add_any(&group, 1);
        assert_true(group_defer_any(&table, &job));
        assert_true(settle_one(&group, YOKE_OK, &released));
        assert_ptr_equal(released, &job);
        assert_null(next_of(&job));
    }
}

static void groups_in_one_bucket_release_only_their_own(void **state)
{
    (void)state;
    yoke_group *a = NULL, *b = NULL;
    find_collision(&a, &b);
    yoke_job jobs[5] = {after(a), after(b), after(a), after(b), after(a)}, *released;
    group_add_any(a, 1);
    group_add_any(b, 1);
    for (int i = 0; i < 5; i++) {
        assert_true(group_defer_any(&table, &jobs[i]));
    }
    assert_true(settle_one(a, YOKE_KERNEL, &released));
    assert_ptr_equal(released, &jobs[0]);
    assert_ptr_equal(next_of(&jobs[0]), &jobs[2]);
    assert_ptr_equal(next_of(&jobs[2]), &jobs[4]);
    assert_null(next_of(&jobs[4]));
    yoke_job late = after(b); /* the list's end is where it should be */
    assert_true(group_defer_any(&table, &late));
    assert_true(settle_one(b, YOKE_OK, &released));
    assert_ptr_equal(released, &jobs[1]);
    assert_ptr_equal(next_of(&jobs[1]), &jobs[3]);
    assert_ptr_equal(next_of(&jobs[3]), &late);
    assert_null(next_of(&late));
    assert_int_equal(job_stop_status(&late), YOKE_OK);
}

static void taking_all_empties_every_bucket(void **state)
{
    (void)state;
    enum { GROUPS = 100, JOBS = 250 };
    static yoke_group groups[GROUPS];
    static yoke_job jobs[JOBS];
    memset(groups, 0, sizeof groups);
    for (int i = 0; i < GROUPS; i++) {
        group_add_any(&groups[i], 1);
    }
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = after(&groups[i % GROUPS]);
        jobs[i].user = NULL;
        assert_true(group_defer_any(&table, &jobs[i]));
    }
    int num_taken = 0;
    for (yoke_job *job = group_take_all(&table); job != NULL; job = next_of(job)) {
        assert_null(job->user); /* each once */
        job->user = job;
        num_taken++;
    }
    assert_int_equal(num_taken, JOBS);
    assert_null(group_take_all(&table));
    for (int i = 0; i < GROUPS; i++) { /* nothing is deferred any more */
        yoke_job *released;
        assert_false(group_is_empty(&groups[i]));
        assert_true(settle_one(&groups[i], YOKE_OK, &released));
        assert_null(released);
        assert_true(group_is_empty(&groups[i]));
    }
}

/* -- a finisher that is held up at the lock
 * -------------------------------------------------------- */

typedef struct finisher {
    yoke_group *group;
    yoke_job *released;
    bool emptied;
    pthread_t thread;
} finisher;

static void *finish(void *context)
{
    finisher *f = context;
    f->emptied = settle_one(f->group, YOKE_OK, &f->released);
    return NULL;
}

static void start(finisher *f, yoke_group *group)
{
    f->group = group;
    testing_start(&f->thread, finish, f);
}

static uint64_t count_of(yoke_group *group)
{
    return __atomic_load_n(&group->reserved[0], __ATOMIC_SEQ_CST) & ~(UINT64_C(1) << 63);
}

static void wait_for_count(yoke_group *group, uint64_t count)
{
    while (count_of(group) != count) {
        sched_yield();
    }
}

static void a_group_that_fills_again_before_the_release_keeps_its_jobs(void **state)
{
    (void)state;
    static yoke_group group;
    static finisher f;
    yoke_job job = after(&group), *released;
    group_add_any(&group, 1);
    assert_true(group_defer_any(&table, &job));
    pthread_mutex_lock(&bucket_of(&group)->lock);
    start(&f, &group);
    wait_for_count(&group, 0);
    assert_false(group_is_empty(&group)); /* the finisher may still look at it */
    group_add_any(&group, 1);
    pthread_mutex_unlock(&bucket_of(&group)->lock);
    testing_join(f.thread);
    assert_null(f.released);
    assert_false(f.emptied);
    assert_true(settle_one(&group, YOKE_OK, &released));
    assert_ptr_equal(released, &job);
}

static void of_two_that_take_the_count_to_zero_one_releases(void **state)
{
    (void)state;
    static yoke_group group;
    static finisher f[2];
    yoke_job job = after(&group);
    group_add_any(&group, 1);
    assert_true(group_defer_any(&table, &job));
    pthread_mutex_lock(&bucket_of(&group)->lock);
    for (int i = 0; i < 2; i++) {
        start(&f[i], &group);
        wait_for_count(&group, 0);
        if (i == 0) {
            group_add_any(&group, 1);
        }
    }
    pthread_mutex_unlock(&bucket_of(&group)->lock);
    testing_join(f[0].thread);
    testing_join(f[1].thread);
    assert_int_equal(f[0].emptied + f[1].emptied, 1);
    assert_ptr_equal(f[0].emptied ? f[0].released : f[1].released, &job);
    assert_null(f[0].emptied ? f[1].released : f[0].released);
    assert_true(group_is_empty(&group));
}

/* The group is freed as soon as it is empty, as a host that waited for it may do; the sanitizers
 * watch the second finisher. */
static void a_finisher_that_comes_late_does_not_touch_a_freed_group(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        yoke_group *group = calloc(1, sizeof *group);
        assert_non_null(group);
        finisher f[2];
        yoke_job job = after(group);
        group_bucket *bucket = bucket_of(group);
        group_add_any(group, 1);
        assert_true(group_defer_any(&table, &job));
        pthread_mutex_lock(&bucket->lock);
        for (int i = 0; i < 2; i++) {
            start(&f[i], group);
            wait_for_count(group, 0);
            if (i == 0) {
                group_add_any(group, 1);
            }
        }
        pthread_mutex_unlock(&bucket->lock);
        while (!group_is_empty(group)) {
            sched_yield();
        }
        free(group);
        testing_join(f[0].thread);
        testing_join(f[1].thread);
        assert_int_equal(f[0].emptied + f[1].emptied, 1);
    }
}

/* -- deferring beside the last finish ------------------------------------------------------------
 */

#define MEETINGS 20000
#define MEETINGS_FULL 1000000

typedef struct meeting {
    yoke_group group;
    yoke_job job;
    uint32_t num_meetings;
    uint64_t seed;
    _Atomic uint32_t num_ready, num_over; /* of the meetings */
    yoke_job *released;
} meeting;

static void dawdle(testing_random *random)
{
    for (uint64_t k = testing_random_below(random, 100); k > 0; k--) {
        __asm__ volatile("");
    }
}

static void *finish_at_each_meeting(void *context)
{
    meeting *m = context;
    testing_random random = testing_random_of(m->seed, 1);
    for (uint32_t i = 1; i <= m->num_meetings; i++) {
        for (unsigned looks = 0; atomic_load(&m->num_ready) < i;) {
            testing_relax(&looks);
        }
        dawdle(&random);
        settle_one(&m->group, YOKE_OK, &m->released);
        atomic_store(&m->num_over, i);
    }
    return NULL;
}

static void a_job_deferred_beside_the_last_finish_is_released_or_refused(void **state)
{
    (void)state;
    static meeting m;
    pthread_t thread;
    testing_watchdog(testing_full() ? 600 : 60);
    m.num_meetings = testing_full() ? MEETINGS_FULL : MEETINGS;
    m.seed = testing_seed();
    testing_random random = testing_random_of(m.seed, 0);
    testing_start(&thread, finish_at_each_meeting, &m);
    for (uint32_t i = 1; i <= m.num_meetings; i++) {
        m.job = after(&m.group);
        group_add_any(&m.group, 1);
        atomic_store(&m.num_ready, i);
        dawdle(&random);
        bool deferred = group_defer_any(&table, &m.job);
        for (unsigned looks = 0; atomic_load(&m.num_over) < i;) {
            testing_relax(&looks);
        }
        assert_ptr_equal(m.released, deferred ? &m.job : NULL);
        assert_true(group_is_empty(&m.group));
    }
    testing_join(thread);
}

/* -- what the jobs of a group wrote
 * ------------------------------------------------------------------ */

#define WRITERS 3

typedef struct writer {
    yoke_group *group;
    uint32_t *outputs; /* of all writers: plain, so that reading one too early is a data race */
    uint32_t self;
    _Atomic uint32_t *sum_released;
    pthread_t thread;
} writer;

static uint32_t sum_of(const uint32_t *outputs)
{
    return outputs[0] + outputs[1] + outputs[2];
}

/* Writes its output and finishes; sums up all outputs if that has released the job after them. */
static void *write_and_finish(void *context)
{
    writer *w = context;
    yoke_job *released;
    w->outputs[w->self] = 1u << 8 * w->self;
    settle_one(w->group, YOKE_OK, &released);
    if (released != NULL) {
        atomic_store(w->sum_released, sum_of(w->outputs));
    }
    return NULL;
}

static void outputs_are_there_when_the_group_is_empty_or_releases(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        yoke_group group = {{0}};
        yoke_job job = after(&group);
        uint32_t outputs[WRITERS] = {0};
        _Atomic uint32_t sum_released = 0;
        writer writers[WRITERS];
        for (int i = 0; i < WRITERS; i++) {
            group_add_any(&group, 1);
        }
        assert_true(group_defer_any(&table, &job));
        for (uint32_t i = 0; i < WRITERS; i++) {
            writers[i] = (writer){&group, outputs, i, &sum_released, 0};
            testing_start(&writers[i].thread, write_and_finish, &writers[i]);
        }
        while (!group_is_empty(&group)) {
            sched_yield();
        }
        assert_int_equal(sum_of(outputs), 0x010101);
        for (int i = 0; i < WRITERS; i++) {
            testing_join(writers[i].thread);
        }
        assert_int_equal(atomic_load(&sum_released), 0x010101);
    }
}

/* -- threads at random
 * ------------------------------------------------------------------------------ */

#define STRESS_GROUPS 6
#define STRESS_THREADS 4
#define STRESS_JOBS 10000 /* of each thread */

typedef struct stress_job {
    yoke_job job;
    _Atomic uint32_t num_released;
} stress_job;

typedef struct stress {
    yoke_group *groups[STRESS_GROUPS]; /* 0 and 1 share a bucket; 2 has failed */
    stress_job jobs[STRESS_THREADS][STRESS_JOBS];
    uint64_t seed;
    pthread_barrier_t start;
    _Atomic uint32_t next_thread;
    _Atomic uint32_t num_wrong;
} stress;

static void release(stress *s, yoke_job *job)
{
    yoke_status expected = job->after == s->groups[2] ? YOKE_DEPENDENCY : YOKE_OK;
    atomic_fetch_add(&s->num_wrong, job_stop_status(job) != expected);
    atomic_fetch_add(&((stress_job *)(void *)job)->num_released, 1);
}

static void finish_one(stress *s, yoke_group *group)
{
    yoke_job *released;
    settle_one(group, YOKE_OK, &released);
    while (released != NULL) {
        yoke_job *next = next_of(released);
        release(s, released);
        released = next;
    }
}

static void *add_finish_and_defer(void *context)
{
    stress *s = context;
    uint32_t self = atomic_fetch_add(&s->next_thread, 1), held[STRESS_GROUPS] = {0}, next = 0;
    testing_random random = testing_random_of(s->seed, self);
    pthread_barrier_wait(&s->start);
    while (next < STRESS_JOBS) {
        uint64_t g = testing_random_below(&random, STRESS_GROUPS);
        uint64_t operation = testing_random_below(&random, 6); /* the groups are often empty */
        if (operation == 0) {
            group_add_any(s->groups[g], 1);
            held[g]++;
        } else if (operation < 4) {
            if (held[g] > 0) {
                finish_one(s, s->groups[g]);
                held[g]--;
            }
        } else {
            yoke_job *job = &s->jobs[self][next++].job;
            *job = after(s->groups[g]);
            if (!group_defer_any(&table, job)) {
                release(s, job);
            }
        }
    }
    for (int g = 0; g < STRESS_GROUPS; g++) {
        for (; held[g] > 0; held[g]--) {
            finish_one(s, s->groups[g]);
        }
    }
    return NULL;
}

static void run_round(stress *s, uint64_t seed)
{
    static yoke_group others[STRESS_GROUPS - 2];
    pthread_t threads[STRESS_THREADS];
    memset(s, 0, sizeof *s);
    memset(others, 0, sizeof others);
    find_collision(&s->groups[0], &s->groups[1]);
    for (int g = 2; g < STRESS_GROUPS; g++) {
        s->groups[g] = &others[g - 2];
    }
    s->seed = seed;
    pthread_barrier_init(&s->start, NULL, STRESS_THREADS);
    yoke_job *released;
    group_add_any(s->groups[2], 1);
    settle_one(s->groups[2], YOKE_KERNEL, &released);
    for (int i = 0; i < STRESS_THREADS; i++) {
        testing_start(&threads[i], add_finish_and_defer, s);
    }
    for (int i = 0; i < STRESS_THREADS; i++) {
        testing_join(threads[i]);
    }
    pthread_barrier_destroy(&s->start);
    assert_int_equal(atomic_load(&s->num_wrong), 0);
    assert_null(group_take_all(&table));
    for (int g = 0; g < STRESS_GROUPS; g++) {
        assert_true(group_is_empty(s->groups[g]));
    }
    for (int i = 0; i < STRESS_THREADS * STRESS_JOBS; i++) {
        stress_job *job = &s->jobs[i / STRESS_JOBS][i % STRESS_JOBS];
        assert_int_equal(atomic_load(&job->num_released), 1);
    }
}

static void every_deferred_job_is_released_exactly_once(void **state)
{
    (void)state;
    static stress s;
    uint64_t seed = testing_seed();
    int num_rounds = testing_full() ? 1000 : 20;
    testing_watchdog(testing_full() ? 600 : 60);
    for (int i = 0; i < num_rounds; i++) {
        run_round(&s, seed + (uint64_t)i);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_zeroed_group_is_empty_and_ok),
        TEST(a_group_is_empty_when_its_last_job_is_finished),
        TEST(the_first_failure_stays_when_the_group_is_used_again),
        TEST(an_empty_group_defers_nothing),
        TEST(an_empty_group_that_failed_stops_what_comes_after),
        TEST(deferred_jobs_come_out_oldest_first_when_the_group_empties),
        TEST(a_group_that_failed_stops_its_deferred_jobs),
        TEST(a_group_can_defer_again_after_a_release),
        TEST(groups_in_one_bucket_release_only_their_own),
        TEST(taking_all_empties_every_bucket),
        TEST(a_group_that_fills_again_before_the_release_keeps_its_jobs),
        TEST(of_two_that_take_the_count_to_zero_one_releases),
        TEST(a_finisher_that_comes_late_does_not_touch_a_freed_group),
        TEST(a_job_deferred_beside_the_last_finish_is_released_or_refused),
        TEST(outputs_are_there_when_the_group_is_empty_or_releases),
        TEST(every_deferred_job_is_released_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
