/*
 * job.h: claims hand out every item once, whoever counts pending down to zero is one thread and
 * sees all outputs, and the first failure stays.
 */
#include "runtime/job.h"

#include "tests/unit/testing.h"

#define STRESS_ITEMS 1000000
#define STRESS_ITEMS_FULL 20000000
#define STRESS_THREADS 3

static const yoke_type type = {.num_kernels = 1}; /* so that no job is plain */

static yoke_job begun(uint32_t num_items)
{
    yoke_job job = yoke_job(.type = &type, .num_items = num_items);
    job_begin_submitter(&job);
    job_add_first_ticket_submitter(&job);
    return job;
}

/* -- one thread -------------------------------------------------------------------------------- */

static void claims_come_from_the_back_until_none_is_left(void **state)
{
    (void)state;
    yoke_job job = begun(10);
    uint32_t first = 77;
    assert_int_equal(job_unclaimed_any(&job), 10);
    assert_int_equal(job_claim_back_any(&job, 3, &first), 3);
    assert_int_equal(first, 7);
    assert_int_equal(job_unclaimed_any(&job), 7);
    assert_int_equal(job_claim_back_any(&job, 1, &first), 1);
    assert_int_equal(first, 6);
    assert_int_equal(job_claim_back_any(&job, 100, &first), 6); /* what is left, from item 0 */
    assert_int_equal(first, 0);
    assert_int_equal(job_unclaimed_any(&job), 0);
    first = 77;
    assert_int_equal(job_claim_back_any(&job, 1, &first), 0);
    assert_int_equal(job_claim_back_any(&job, UINT32_MAX, &first), 0);
    assert_int_equal(first, 77);
}

static void a_claim_of_nothing_claims_nothing(void **state)
{
    (void)state;
    yoke_job job = begun(5);
    uint32_t first;
    assert_int_equal(job_claim_back_any(&job, 0, &first), 0);
    assert_int_equal(job_unclaimed_any(&job), 5);
}

static void every_split_of_a_small_job_covers_it_exactly(void **state)
{
    (void)state;
    for (uint32_t num_items = 1; num_items <= 12; num_items++) {
        for (uint32_t want = 1; want <= 13; want++) {
            yoke_job job = begun(num_items);
            uint32_t first, count, left = num_items;
            while ((count = job_claim_back_any(&job, want, &first)) != 0) {
                assert_int_equal(count, want < left ? want : left);
                left -= count;
                assert_int_equal(first, left);
                assert_int_equal(job_unclaimed_any(&job), left);
            }
            assert_int_equal(left, 0);
        }
    }
}

static void the_largest_job_is_claimed_and_finished_without_overflow(void **state)
{
    (void)state;
    yoke_job job = begun(UINT32_MAX);
    uint32_t first;
    assert_int_equal(job_unclaimed_any(&job), UINT32_MAX);
    assert_int_equal(job_claim_back_any(&job, 1, &first), 1);
    assert_int_equal(first, UINT32_MAX - 1);
    assert_int_equal(job_claim_back_any(&job, UINT32_C(1) << 31, &first), UINT32_C(1) << 31);
    assert_int_equal(first, UINT32_MAX - 1 - (UINT32_C(1) << 31));
    job_add_ticket_any(&job);
    assert_false(job_finish_any(&job, 2 + (UINT64_C(1) << 31)));
    assert_int_equal(job_claim_back_any(&job, UINT32_MAX, &first), (UINT32_C(1) << 31) - 2);
    assert_int_equal(first, 0);
    assert_int_equal(job_claim_back_any(&job, UINT32_MAX, &first), 0);
    assert_true(job_finish_any(&job, (UINT64_C(1) << 31) - 1));
}

static void claims_from_the_front_meet_those_from_the_back(void **state)
{
    (void)state;
    yoke_job job = begun(10);
    uint32_t first;
    assert_int_equal(job_front_any(&job), 0);
    assert_int_equal(job_claim_front_any(&job, 0, 4), 4);
    assert_int_equal(job_claim_front_any(&job, 0, 4), 0); /* the front has moved */
    assert_int_equal(job_front_any(&job), 4);
    assert_int_equal(job_claim_back_any(&job, 3, &first), 3);
    assert_int_equal(first, 7);
    assert_int_equal(job_claim_front_any(&job, 4, 100), 3);
    assert_int_equal(job_claim_back_any(&job, 1, &first), 0);
    assert_int_equal(job_claim_front_any(&job, 7, 1), 0);
    assert_int_equal(job_unclaimed_any(&job), 0);
}

static void the_largest_job_can_be_claimed_at_once(void **state)
{
    (void)state;
    yoke_job job = begun(UINT32_MAX);
    uint32_t first;
    assert_int_equal(job_claim_back_any(&job, UINT32_MAX, &first), UINT32_MAX);
    assert_int_equal(first, 0);
    yoke_job other = begun(UINT32_MAX);
    assert_int_equal(job_claim_front_any(&other, 0, UINT32_MAX), UINT32_MAX);
    assert_int_equal(job_unclaimed_any(&other), 0);
    assert_true(job_finish_any(&job, UINT64_C(1) << 32));
}

static void a_job_settles_with_its_last_ticket_and_not_with_its_last_item(void **state)
{
    (void)state;
    yoke_job job = begun(4);
    job_add_ticket_any(&job);
    job_add_ticket_any(&job);
    assert_false(job_finish_any(&job, 5)); /* all items, the first of three tickets */
    assert_false(job_finish_any(&job, 1));
    assert_true(job_finish_any(&job, 1));
}

static void a_job_settles_with_its_last_item_though_no_ticket_is_queued(void **state)
{
    (void)state;
    yoke_job job = begun(4);
    job_add_ticket_any(&job);
    assert_false(job_finish_any(&job, 1)); /* found nothing to claim */
    assert_false(job_finish_any(&job, 1));
    assert_true(job_finish_any(&job, 4));
}

static void the_first_failure_stays(void **state)
{
    (void)state;
    yoke_job job = begun(2);
    assert_int_equal(job_stop_status(&job), YOKE_OK);
    job_stop_any(&job, YOKE_DEADLINE);
    job_stop_any(&job, YOKE_CANCELED);
    job_stop_any(&job, YOKE_KERNEL);
    assert_int_equal(job_stop_status(&job), YOKE_DEADLINE);
}

static void a_job_that_begins_again_has_forgotten_its_last_run(void **state)
{
    (void)state;
    yoke_job job = begun(3);
    uint32_t first;
    job_stop_any(&job, YOKE_CANCELED);
    assert_int_equal(job_claim_back_any(&job, 2, &first), 2);
    job_add_ticket_any(&job);
    job_mark_any(&job, JOB_IS_RUN);
    job_begin_submitter(&job);
    job_add_first_ticket_submitter(&job);
    assert_int_equal(job_stop_status(&job), YOKE_OK);
    assert_int_equal(job_unclaimed_any(&job), 3);
    assert_int_equal(job_marks(&job), 0);
    assert_true(job_finish_any(&job, 4));
}

static void beginning_leaves_the_callers_fields_alone(void **state)
{
    (void)state;
    int something;
    yoke_job before = yoke_job(.type = &type, .num_items = 9, .user = &something, .cost = 5,
                               .deadline_ns = 6, .trace = {{1, 2, 3}});
    yoke_job job = before;
    job_begin_submitter(&job);
    assert_memory_equal(&job, &before, offsetof(yoke_job, reserved));
}

/* -- several threads -----------------------------------------------------------------------------
 */

typedef struct stress {
    yoke_job job;
    uint32_t num_items;
    uint64_t seed;
    uint8_t *runs; /* of each item; plain, so that a double claim is a data race too */
    pthread_barrier_t start;
    _Atomic uint32_t next_thread;
    _Atomic uint32_t num_last; /* threads that were told to settle */
    uint64_t num_wrong;        /* items not run once, as the settling thread sees them */
} stress;

/* As a ticket's holder does: claims until nothing is left, then gives the ticket back. The first
 * thread claims from the front, as a submitter does. */
static void *run_ticket(void *context)
{
    stress *s = context;
    uint32_t thread = atomic_fetch_add(&s->next_thread, 1);
    testing_random random = testing_random_of(s->seed, thread);
    uint64_t finished = 0;
    pthread_barrier_wait(&s->start);
    while (job_unclaimed_any(&s->job) > 0) {
        uint32_t want = 1 + (uint32_t)testing_random_below(&random, 16);
        uint32_t first = job_front_any(&s->job);
        uint32_t count = thread == 0 ? job_claim_front_any(&s->job, first, want)
                                     : job_claim_back_any(&s->job, want, &first);
        for (uint32_t i = first; i < first + count; i++) {
            s->runs[i]++;
        }
        finished += count;
    }
    if (job_finish_any(&s->job, finished + 1)) {
        atomic_fetch_add(&s->num_last, 1);
        for (uint32_t i = 0; i < s->num_items; i++) {
            s->num_wrong += s->runs[i] != 1; /* J1: it sees what the others wrote */
        }
    }
    return NULL;
}

static void several_threads_claim_every_item_once_and_one_settles(void **state)
{
    (void)state;
    static stress s;
    pthread_t threads[STRESS_THREADS];
    s.seed = testing_seed();
    s.num_items = testing_full() ? STRESS_ITEMS_FULL : STRESS_ITEMS;
    s.runs = calloc(s.num_items, 1);
    assert_non_null(s.runs);
    s.job = begun(s.num_items);
    pthread_barrier_init(&s.start, NULL, STRESS_THREADS);
    for (int i = 1; i < STRESS_THREADS; i++) {
        job_add_ticket_any(&s.job);
    }
    for (int i = 0; i < STRESS_THREADS; i++) {
        testing_start(&threads[i], run_ticket, &s);
    }
    for (int i = 0; i < STRESS_THREADS; i++) {
        testing_join(threads[i]);
    }
    free(s.runs);
    pthread_barrier_destroy(&s.start);
    assert_int_equal(atomic_load(&s.num_last), 1);
    assert_int_equal(s.num_wrong, 0);
    assert_int_equal(job_unclaimed_any(&s.job), 0);
}

typedef struct stopper {
    yoke_job *job;
    yoke_status status;
    yoke_status seen;
    pthread_barrier_t *start;
} stopper;

static void *stop(void *context)
{
    stopper *s = context;
    pthread_barrier_wait(s->start);
    job_stop_any(s->job, s->status);
    s->seen = job_stop_status(s->job);
    return NULL;
}

static void threads_that_stop_a_job_agree_on_the_first(void **state)
{
    (void)state;
    const yoke_status statuses[3] = {YOKE_CANCELED, YOKE_DEADLINE, YOKE_KERNEL};
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 3);
    for (int round = 0; round < 100; round++) {
        yoke_job job = begun(2);
        stopper stoppers[3];
        pthread_t threads[3];
        for (int i = 0; i < 3; i++) {
            stoppers[i] = (stopper){.job = &job, .status = statuses[i], .start = &start};
            testing_start(&threads[i], stop, &stoppers[i]);
        }
        for (int i = 0; i < 3; i++) {
            testing_join(threads[i]);
        }
        assert_int_not_equal(job_stop_status(&job), YOKE_OK);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(stoppers[i].seen, job_stop_status(&job));
        }
    }
    pthread_barrier_destroy(&start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_come_from_the_back_until_none_is_left),
        cmocka_unit_test(a_claim_of_nothing_claims_nothing),
        cmocka_unit_test(every_split_of_a_small_job_covers_it_exactly),
        cmocka_unit_test(the_largest_job_is_claimed_and_finished_without_overflow),
        cmocka_unit_test(claims_from_the_front_meet_those_from_the_back),
        cmocka_unit_test(the_largest_job_can_be_claimed_at_once),
        cmocka_unit_test(a_job_settles_with_its_last_ticket_and_not_with_its_last_item),
        cmocka_unit_test(a_job_settles_with_its_last_item_though_no_ticket_is_queued),
        cmocka_unit_test(the_first_failure_stays),
        cmocka_unit_test(a_job_that_begins_again_has_forgotten_its_last_run),
        cmocka_unit_test(beginning_leaves_the_callers_fields_alone),
        cmocka_unit_test(several_threads_claim_every_item_once_and_one_settles),
        cmocka_unit_test(threads_that_stop_a_job_agree_on_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
