/*
 * completion.h: order, the descriptor, and pushers beside reapers, who get each job exactly once.
 */
#include "runtime/completion.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "tests/unit/testing.h"

static completion queue;

static int set_up(void **state)
{
    (void)state;
    completion_init(&queue);
    testing_watchdog(60);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testing_watchdog(0);
    completion_finish(&queue);
    return 0;
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* How often the descriptor was written since it was last read or reaped. */
static uint64_t num_writes(int fd)
{
    uint64_t value;
    return read(fd, &value, sizeof value) == sizeof value ? value : 0;
}

/* -- one thread -------------------------------------------------------------------------------- */

static void an_empty_queue_gives_nothing(void **state)
{
    (void)state;
    yoke_job *jobs[2];
    assert_int_equal(completion_reap(&queue, jobs, 2), 0);
    assert_int_equal(completion_reap(&queue, NULL, 0), 0);
    assert_int_equal(atomic_load(&queue.fd), -1); /* reaping alone opens nothing */
}

static void jobs_come_out_in_the_order_of_their_settling(void **state)
{
    (void)state;
    yoke_job jobs[7], *reaped[7];
    for (int i = 0; i < 3; i++) {
        completion_push_any(&queue, &jobs[i]);
    }
    assert_int_equal(completion_reap(&queue, reaped, 2), 2); /* leaves one behind */
    for (int i = 3; i < 6; i++) {
        completion_push_any(&queue, &jobs[i]);
    }
    assert_int_equal(completion_reap(&queue, reaped + 2, 3), 3);
    completion_push_any(&queue, &jobs[6]);
    assert_int_equal(completion_reap(&queue, reaped + 5, 2), 2);
    for (int i = 0; i < 7; i++) {
        assert_ptr_equal(reaped[i], &jobs[i]);
    }
    assert_int_equal(completion_reap(&queue, reaped, 7), 0);
}

static void a_reaped_job_may_be_pushed_again_and_the_emptied_queue_used_again(void **state)
{
    (void)state;
    yoke_job job, *reaped;
    for (int i = 0; i < 3; i++) {
        completion_push_any(&queue, &job);
        assert_int_equal(completion_reap(&queue, &reaped, 1), 1);
        assert_ptr_equal(reaped, &job);
        assert_int_equal(completion_reap(&queue, &reaped, 1), 0);
    }
}

static void the_descriptor_is_one_and_does_not_block(void **state)
{
    (void)state;
    int fd = completion_event_fd(&queue);
    assert_true(fd >= 0);
    assert_int_equal(completion_event_fd(&queue), fd);
    assert_false(is_readable(fd));
    assert_int_equal(num_writes(fd), 0); /* would hang if it blocked */
}

static void the_descriptor_is_written_only_when_the_queue_was_empty(void **state)
{
    (void)state;
    yoke_job jobs[4], *reaped[4];
    int fd = completion_event_fd(&queue);
    for (int i = 0; i < 3; i++) {
        completion_push_any(&queue, &jobs[i]);
        assert_true(is_readable(fd));
    }
    assert_int_equal(num_writes(fd), 1);
    assert_int_equal(completion_reap(&queue, reaped, 4), 3);
    assert_false(is_readable(fd));
    completion_push_any(&queue, &jobs[3]);
    assert_int_equal(num_writes(fd), 1);
}

static void a_partial_reap_leaves_the_descriptor_readable(void **state)
{
    (void)state;
    yoke_job jobs[3], *reaped[3];
    int fd = completion_event_fd(&queue);
    for (int i = 0; i < 3; i++) {
        completion_push_any(&queue, &jobs[i]);
    }
    assert_int_equal(completion_reap(&queue, reaped, 0), 0);
    assert_true(is_readable(fd));
    assert_int_equal(completion_reap(&queue, reaped, 1), 1);
    assert_true(is_readable(fd));
    assert_int_equal(completion_reap(&queue, reaped, 2), 2); /* exactly what was left */
    assert_false(is_readable(fd));
}

static void a_descriptor_opened_late_tells_of_jobs_already_there(void **state)
{
    (void)state;
    yoke_job jobs[2], *reaped[2];
    completion_push_any(&queue, &jobs[0]);
    completion_push_any(&queue, &jobs[1]);
    int fd = completion_event_fd(&queue);
    assert_true(is_readable(fd));
    assert_int_equal(completion_reap(&queue, reaped, 2), 2);
    assert_false(is_readable(fd));
}

static void a_descriptor_opened_late_tells_of_jobs_left_by_a_partial_reap(void **state)
{
    (void)state;
    yoke_job jobs[2], *reaped[2];
    completion_push_any(&queue, &jobs[0]);
    completion_push_any(&queue, &jobs[1]);
    assert_int_equal(completion_reap(&queue, reaped, 1), 1);
    assert_true(is_readable(completion_event_fd(&queue)));
}

/* -- two pushers and two reapers, who sleep on the descriptor
 * ---------------------------------------- */

#define STRESS_JOBS 20000 /* of each pusher */
#define STRESS_JOBS_FULL 100000

typedef struct stress_job {
    yoke_job job;
    uint32_t pusher, number; /* written before the push, without atomics: C1 */
    uint32_t num_reaped;
} stress_job;

typedef struct stress {
    stress_job *jobs;
    uint32_t num_jobs; /* of each pusher */
    uint64_t seed;
    int end_fd; /* readable when all are reaped */
    _Atomic uint32_t next_pusher, next_reaper;
    _Atomic uint32_t num_reaped;
    _Atomic uint32_t num_disordered;
} stress;

static void *push(void *context)
{
    stress *s = context;
    uint32_t self = atomic_fetch_add(&s->next_pusher, 1);
    testing_random random = testing_random_of(s->seed, self);
    for (uint32_t i = 0; i < s->num_jobs; i++) {
        stress_job *job = &s->jobs[self * s->num_jobs + i];
        job->pusher = self;
        job->number = i;
        completion_push_any(&queue, &job->job);
        if (testing_random_below(&random, 4) == 0) {
            sched_yield(); /* so that the queue is often empty */
        }
    }
    return NULL;
}

static void note(stress *s, yoke_job *reaped, int64_t *last)
{
    stress_job *job = (stress_job *)(void *)reaped;
    if ((int64_t)job->number <= last[job->pusher]) {
        atomic_fetch_add(&s->num_disordered, 1);
    }
    last[job->pusher] = job->number;
    job->num_reaped++;
}

static void *reap(void *context)
{
    stress *s = context;
    testing_random random = testing_random_of(s->seed, 2 + atomic_fetch_add(&s->next_reaper, 1));
    struct pollfd fds[2] = {{.fd = completion_event_fd(&queue), .events = POLLIN},
                            {.fd = s->end_fd, .events = POLLIN}};
    int64_t last[2] = {-1, -1};
    yoke_job *jobs[5];
    for (;;) {
        poll(fds, 2, -1); /* sleeps for good if the descriptor is silent over a job */
        if (fds[1].revents != 0) {
            return NULL;
        }
        size_t count = completion_reap(&queue, jobs, 1 + testing_random_below(&random, 5));
        for (size_t i = 0; i < count; i++) {
            note(s, jobs[i], last);
        }
        if (atomic_fetch_add(&s->num_reaped, (uint32_t)count) + count == 2 * s->num_jobs) {
            eventfd_write(s->end_fd, 1);
        }
    }
}

static void each_job_is_reaped_once_and_in_its_pushers_order(void **state)
{
    (void)state;
    static stress s;
    pthread_t pushers[2], reapers[2];
    testing_watchdog(testing_full() ? 600 : 60);
    s.seed = testing_seed();
    s.num_jobs = testing_full() ? STRESS_JOBS_FULL : STRESS_JOBS;
    s.jobs = calloc(2 * s.num_jobs, sizeof *s.jobs);
    s.end_fd = eventfd(0, EFD_NONBLOCK);
    assert_non_null(s.jobs);
    assert_true(s.end_fd >= 0);
    for (int i = 0; i < 2; i++) {
        testing_start(&pushers[i], push, &s);
        testing_start(&reapers[i], reap, &s);
    }
    for (int i = 0; i < 2; i++) {
        testing_join(pushers[i]);
        testing_join(reapers[i]);
    }
    assert_int_equal(atomic_load(&s.num_disordered), 0);
    assert_int_equal(atomic_load(&s.num_reaped), 2 * s.num_jobs);
    for (uint32_t i = 0; i < 2 * s.num_jobs; i++) {
        assert_int_equal(s.jobs[i].num_reaped, 1);
    }
    free(s.jobs);
    close(s.end_fd);
}

/* A push and the opening of the descriptor at the same time: C2. */
typedef struct opening {
    pthread_barrier_t start;
    yoke_job job;
} opening;

static void *push_one(void *context)
{
    opening *o = context;
    pthread_barrier_wait(&o->start);
    completion_push_any(&queue, &o->job);
    return NULL;
}

static void a_push_beside_the_opening_makes_the_descriptor_readable(void **state)
{
    (void)state;
    static opening o;
    pthread_barrier_init(&o.start, NULL, 2);
    for (int round = 0; round < 500; round++) {
        pthread_t thread;
        yoke_job *reaped;
        testing_start(&thread, push_one, &o);
        pthread_barrier_wait(&o.start);
        int fd = completion_event_fd(&queue);
        testing_join(thread);
        assert_true(is_readable(fd));
        assert_int_equal(completion_reap(&queue, &reaped, 1), 1);
        completion_finish(&queue);
        completion_init(&queue);
    }
    pthread_barrier_destroy(&o.start);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_queue_gives_nothing),
        TEST(jobs_come_out_in_the_order_of_their_settling),
        TEST(a_reaped_job_may_be_pushed_again_and_the_emptied_queue_used_again),
        TEST(the_descriptor_is_one_and_does_not_block),
        TEST(the_descriptor_is_written_only_when_the_queue_was_empty),
        TEST(a_partial_reap_leaves_the_descriptor_readable),
        TEST(a_descriptor_opened_late_tells_of_jobs_already_there),
        TEST(a_descriptor_opened_late_tells_of_jobs_left_by_a_partial_reap),
        TEST(each_job_is_reaped_once_and_in_its_pushers_order),
        TEST(a_push_beside_the_opening_makes_the_descriptor_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
