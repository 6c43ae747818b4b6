/*
 * Joins that wait for a call which another worker runs: whom they help meanwhile, that they sleep
 * when there is nothing to help with, and how they get by with little stack.
 */
#include <alloca.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "runtime/runtime.h"
#include "tests/runtime/calls.h"

static fixture f;
static const yoke_type *call_type;

static void start_on(uint32_t num_workers)
{
    call_type = calls_start(&f, yoke_options(.num_workers = num_workers));
}

static int start(void **state)
{
    (void)state;
    start_on(2);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&f);
    return 0;
}

/* -- joins that wait --------------------------------------------------------------------------- */

static held held_call;
static _Atomic int num_joined;
static uint32_t joining_worker;

static void run_and_join_held(yoke_worker *worker, call *self)
{
    joining_worker = yoke_worker_index(worker);
    held_fork(worker, held_run, &held_call);
    yoke_join(worker);
    self->result = atomic_load(&held_call.may_end);
    atomic_fetch_add(&num_joined, 1);
}

/* Leaves both workers busy: one runs the held call, the other waits in its join. */
static void submit_held(yoke_job *job, call **item)
{
    memset(&held_call, 0, sizeof held_call);
    atomic_store(&num_joined, 0);
    *job = calls_job(call_type, item);
    assert_int_equal(fixture_submit(&f, job), YOKE_OK);
    held_await(&held_call);
}

static void let_held_end(yoke_job *job, call *c)
{
    assert_int_equal(atomic_load(&num_joined), 0);
    atomic_store(&held_call.may_end, 1);
    assert_int_equal(yoke_wait(f.rt, job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(c->result, 1);
    assert_int_not_equal(held_call.worker, joining_worker);
}

static void a_join_that_waits_runs_other_jobs_meanwhile(void **state)
{
    (void)state;
    call c = {.run = run_and_join_held}, *item = &c;
    uint32_t in[100], out[100] = {0};
    yoke_job outer, one = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = 1);
    yoke_job many = yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = 100);
    for (uint32_t i = 0; i < 100; i++) {
        in[i] = i + 1;
    }
    submit_held(&outer, &item);
    assert_int_equal(fixture_submit(&f, &one), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &one, 60 * CALLS_SECOND_NS), YOKE_OK);
    assert_int_equal(out[0], 2);
    fixture_sleep_ms(5); /* the worker has gone to sleep in its join */
    assert_int_equal(fixture_submit(&f, &many), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &many, 60 * CALLS_SECOND_NS), YOKE_OK);
    assert_int_equal(out[99], 200);
    let_held_end(&outer, &c);
}

static void count_done(yoke_job *job)
{
    atomic_fetch_add((_Atomic int *)job->user, 1);
}

static void groups_and_callbacks_of_jobs_run_in_a_join_do_not_wait_for_it(void **state)
{
    (void)state;
    enum { N = 40 };
    call c = {.run = run_and_join_held}, *item = &c;
    uint32_t in = 4, out[N];
    _Atomic int calls = 0;
    yoke_group group = {{0}}, last = {{0}};
    yoke_job outer, jobs[N];
    submit_held(&outer, &item);
    for (int i = 0; i < N; i++) {
        jobs[i] = yoke_job(.type = f.twice, .in = {&in}, .out = &out[i], .num_items = 1);
        if (i % 2 == 0) {
            jobs[i].done = count_done;
            jobs[i].user = &calls;
        } else {
            jobs[i].group = i == N - 1 ? &last : &group;
            jobs[i].after = i == N - 1 ? &group : NULL;
        }
        assert_int_equal(fixture_submit(&f, &jobs[i]), YOKE_OK);
    }
    assert_int_equal(yoke_group_wait(f.rt, &last, 60 * CALLS_SECOND_NS), YOKE_OK);
    while (atomic_load(&calls) < N / 2) {
        fixture_sleep_ms(1);
    }
    let_held_end(&outer, &c);
}

static _Atomic int may_return;

static void run_and_join_held_and_go_on(yoke_worker *worker, call *self)
{
    run_and_join_held(worker, self);
    while (atomic_load(&may_return) == 0) {
        fixture_sleep_ms(1);
    }
}

/* The call ends while the join runs a job: it returns with that job, which may have been the last
 * of its group, and the kernel goes on for long. */
static void what_a_join_has_run_is_told_before_its_kernel_goes_on(void **state)
{
    (void)state;
    call c = {.run = run_and_join_held_and_go_on}, *item = &c;
    uint32_t in = 4, out;
    yoke_group group = {{0}};
    yoke_job outer,
        inner = yoke_job(.type = f.hold, .in = {&in}, .out = &out, .num_items = 1, .group = &group);
    atomic_store(&may_return, 0);
    submit_held(&outer, &item);
    assert_int_equal(fixture_submit(&f, &inner), YOKE_OK);
    fixture_await_entered(&f, 1);
    atomic_store(&held_call.may_end, 1);
    fixture_sleep_ms(10);
    fixture_open(&f);
    assert_int_equal(yoke_group_wait(f.rt, &group, 60 * CALLS_SECOND_NS), YOKE_OK);
    atomic_store(&may_return, 1);
    assert_int_equal(yoke_wait(f.rt, &outer, YOKE_FOREVER), YOKE_OK);
}

/* A call that tells who ran it. */
typedef struct echo {
    _Atomic int ran;
    uint32_t worker;
} echo;

static void run_echo(yoke_worker *worker, void *argument)
{
    echo *e = argument;
    e->worker = yoke_worker_index(worker);
    atomic_store(&e->ran, 1);
}

/* Forks calls until that worker has run one of them. */
static void fork_until_helped_by(yoke_worker *worker, uint32_t helper)
{
    echo e;
    do {
        e = (echo){.ran = 0};
        yoke_fork(worker, run_echo, &e);
        uint64_t end_ns = fixture_now_ns() + 2000000;
        while (atomic_load(&e.ran) == 0 && fixture_now_ns() < end_ns) {
            sched_yield();
        }
        yoke_join(worker);
    } while (e.worker != helper);
}

static void help_me(yoke_worker *worker, void *argument)
{
    held *h = argument;
    h->worker = yoke_worker_index(worker);
    atomic_store(&h->has_begun, 1);
    fork_until_helped_by(worker, joining_worker);
}

static void run_helping_its_thief(yoke_worker *worker, call *self)
{
    held h = {.has_begun = 0};
    joining_worker = yoke_worker_index(worker);
    held_fork(worker, help_me, &h);
    yoke_join(worker);
    self->result = h.worker != joining_worker;
}

static void a_join_that_waits_runs_what_its_thief_has_forked(void **state)
{
    (void)state;
    call c = {.run = run_helping_its_thief};
    calls_run(&f, call_type, &c); /* ends only if the joining worker helps */
    assert_int_equal(c.result, 1);
    assert_true(calls_stats(&f).forks_stolen >= 2);
}

/* Unless it is on the joining worker itself, which takes whole jobs too. */
static void run_help_me(yoke_worker *worker, call *self)
{
    if (yoke_worker_index(worker) != joining_worker) {
        fork_until_helped_by(worker, joining_worker);
        self->result = 1;
    }
}

/* Three workers: one runs the held call, one waits for it, and that one helps the third. */
static void a_join_that_waits_runs_what_anybody_has_forked(void **state)
{
    (void)state;
    start_on(3);
    call c = {.run = run_and_join_held}, *item = &c, other = {.run = run_help_me};
    yoke_job outer;
    submit_held(&outer, &item);
    uint64_t end_ns = fixture_now_ns() + 60 * CALLS_SECOND_NS;
    while (other.result == 0 && fixture_now_ns() < end_ns) {
        calls_run(&f, call_type, &other);
    }
    assert_int_equal(other.result, 1);
    let_held_end(&outer, &c);
    fixture_stop(&f);
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * CALLS_SECOND_NS + (uint64_t)t.tv_nsec;
}

#define NAP_MS 200

/* The CPU time that a join takes whose call sleeps meanwhile. */
static uint64_t join_of_a_nap(yoke_worker *worker)
{
    held nap = {.sleep_ms = NAP_MS, .may_end = 1};
    held_fork(worker, held_run, &nap);
    uint64_t before_ns = thread_cpu_ns();
    yoke_join(worker);
    return thread_cpu_ns() - before_ns;
}

static void run_join_of_a_nap(yoke_worker *worker, call *self)
{
    self->result = (long)join_of_a_nap(worker);
}

static void a_join_with_nothing_to_help_with_sleeps(void **state)
{
    (void)state;
    call c = {.run = run_join_of_a_nap};
    for (int i = 0; i < 2; i++) {
        calls_run(&f, call_type, &c);
        assert_in_range(c.result, 0, NAP_MS * 1000000 / 20); /* 5 % */
    }
    assert_true(calls_stats(&f).forks_stolen >= 2);
}

/* -- small stacks ------------------------------------------------------------------------------ */

/* Calls it with more than half of the stack in use. */
static __attribute__((noinline)) void low_on_stack(yoke_worker *worker, call *self,
                                                   void (*run)(yoke_worker *, call *))
{
    volatile char *used = alloca(CALLS_STACK_KIB * 1024 * 5 / 8);
    used[0] = 1;
    run(worker, self);
    used[0] = 2;
}

static void run_and_join_held_low_on_stack(yoke_worker *worker, call *self)
{
    low_on_stack(worker, self, run_and_join_held);
}

static void with_little_stack_left_a_join_begins_no_other_job(void **state)
{
    (void)state;
    call_type = calls_start_with_small_stacks(&f, 2);
    call c = {.run = run_and_join_held_low_on_stack}, *item = &c;
    uint32_t in = 3, out = 0;
    yoke_job outer, other = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
    submit_held(&outer, &item);
    assert_int_equal(fixture_submit(&f, &other), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &other, 30000000), YOKE_TIMEOUT);
    let_held_end(&outer, &c);
    assert_int_equal(yoke_wait(f.rt, &other, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out, 6);
    fixture_stop(&f);
}

static void run_join_of_a_nap_low_on_stack(yoke_worker *worker, call *self)
{
    low_on_stack(worker, self, run_join_of_a_nap);
}

static void with_little_stack_left_a_join_sleeps_and_is_woken(void **state)
{
    (void)state;
    call_type = calls_start_with_small_stacks(&f, 2);
    call c = {.run = run_join_of_a_nap_low_on_stack};
    calls_run(&f, call_type, &c);
    assert_in_range(c.result, 0, NAP_MS * 1000000 / 20);
    fixture_stop(&f);
}

/* Jobs that each have a call held by another worker, submit the next, and wait in their join: so
 * that one runs inside the other, on one stack, for as long as there is stack. */
#define NESTED 30
#define NESTED_WORKERS (NESTED + 10)

typedef struct nested {
    call c;
    call *item;
    yoke_job job;
    held h;
} nested;

static nested nest[NESTED];
static int levels[NESTED_WORKERS]; /* of each worker, by itself alone */
static _Atomic int deepest;

static void run_nested(yoke_worker *worker, call *self)
{
    nested *n = (nested *)(void *)self;
    int *level = &levels[yoke_worker_index(worker)];
    volatile char *used = alloca(CALLS_STACK_KIB * 1024 / 10);
    used[0] = 1;
    ++*level;
    for (int seen = atomic_load(&deepest);
         seen < *level && !atomic_compare_exchange_weak(&deepest, &seen, *level);) {
    }
    held_fork(worker, held_run, &n->h);
    fixture_sleep_ms(2); /* the others have gone to sleep: this worker will be the first there */
    if (n < &nest[NESTED - 1]) {
        assert_int_equal(fixture_submit(&f, &(n + 1)->job), YOKE_OK);
    } else {
        for (int i = 0; i < NESTED; i++) {
            atomic_store(&nest[i].h.may_end, 1);
        }
    }
    yoke_join(worker);
    --*level;
    self->result = used[0];
}

static void jobs_run_inside_joins_until_the_stack_is_short(void **state)
{
    (void)state;
    yoke_group group = {{0}};
    call_type = calls_start_with_small_stacks(&f, NESTED_WORKERS);
    memset(nest, 0, sizeof nest);
    for (int i = 0; i < NESTED; i++) {
        nest[i].c.run = run_nested;
        nest[i].item = &nest[i].c;
        nest[i].job = calls_job(call_type, &nest[i].item);
        nest[i].job.group = &group;
    }
    assert_int_equal(fixture_submit(&f, &nest[0].job), YOKE_OK);
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
    for (int i = 0; i < NESTED; i++) {
        assert_int_equal(nest[i].c.result, 1);
    }
    printf("%d jobs in each other\n", atomic_load(&deepest));
    assert_in_range(atomic_load(&deepest), 2, 6); /* more take more than half of the stack */
    fixture_stop(&f);
}

/* -- destroy ----------------------------------------------------------------------------------- */

static void *let_all_end_when_destroy_has_begun(void *argument)
{
    while (!runtime_is_stopping(argument)) {
        fixture_sleep_ms(1);
    }
    fixture_open(&f);
    fixture_sleep_ms(20);
    atomic_store(&held_call.may_end, 1);
    return NULL;
}

/* One worker runs a call, the other one a job inside the join for it, and more jobs wait. */
static void destroy_waits_for_joins_and_cancels_what_has_not_begun(void **state)
{
    (void)state;
    enum { N = 10 };
    call c = {.run = run_and_join_held}, *item = &c;
    uint32_t in = 4, held_out, out[N] = {0};
    yoke_job outer, inner, jobs[N];
    start_on(2);
    inner = yoke_job(.type = f.hold, .in = {&in}, .out = &held_out, .num_items = 1);
    submit_held(&outer, &item);
    assert_int_equal(fixture_submit(&f, &inner), YOKE_OK);
    fixture_await_entered(&f, 1);
    for (int i = 0; i < N; i++) {
        jobs[i] = yoke_job(.type = f.twice, .in = {&in}, .out = &out[i], .num_items = 1);
        assert_int_equal(fixture_submit(&f, &jobs[i]), YOKE_OK);
    }
    pthread_t opener;
    assert_int_equal(pthread_create(&opener, NULL, let_all_end_when_destroy_has_begun, f.rt), 0);
    yoke_destroy(&f.rt);
    pthread_join(opener, NULL);
    assert_int_equal(outer.status, YOKE_OK);
    assert_int_equal(c.result, 1);
    assert_int_equal(inner.status, YOKE_OK);
    assert_int_equal(held_out, 8);
    for (int i = 0; i < N; i++) {
        assert_int_equal(jobs[i].status, YOKE_CANCELED);
        assert_int_equal(out[i], 0);
    }
}

/* -- calls in a row ---------------------------------------------------------------------------- */

#define ROW_CALLS 40
#define ROW_ELSEWHERE 3 /* one or two find a thief before the first join */

static uint32_t forking_worker;
static _Atomic int num_elsewhere;

static void nap(yoke_worker *worker, void *argument)
{
    (void)argument;
    fixture_sleep_ms(1);
    atomic_fetch_add(&num_elsewhere, yoke_worker_index(worker) != forking_worker);
}

static void fork_and_join_a_row(yoke_worker *worker, call *self)
{
    (void)self;
    forking_worker = yoke_worker_index(worker);
    for (int i = 0; i < ROW_CALLS; i++) {
        yoke_fork(worker, nap, NULL);
    }
    for (int i = 0; i < ROW_CALLS; i++) {
        yoke_join(worker);
    }
}

/* Nothing is forked any more when a thief comes back for more: joins must give. */
static void thieves_are_fed_by_joins_too(void **state)
{
    (void)state;
    call c = {.run = fork_and_join_a_row};
    for (int round = 0; round < 50 && atomic_load(&num_elsewhere) < ROW_ELSEWHERE; round++) {
        atomic_store(&num_elsewhere, 0);
        calls_run(&f, call_type, &c);
    }
    assert_true(atomic_load(&num_elsewhere) >= ROW_ELSEWHERE);
}

int main(void)
{
#define WITH_TWO(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        WITH_TWO(a_join_that_waits_runs_other_jobs_meanwhile),
        WITH_TWO(groups_and_callbacks_of_jobs_run_in_a_join_do_not_wait_for_it),
        WITH_TWO(what_a_join_has_run_is_told_before_its_kernel_goes_on),
        WITH_TWO(a_join_that_waits_runs_what_its_thief_has_forked),
        cmocka_unit_test(a_join_that_waits_runs_what_anybody_has_forked),
        WITH_TWO(a_join_with_nothing_to_help_with_sleeps),
        WITH_TWO(thieves_are_fed_by_joins_too),
        cmocka_unit_test(with_little_stack_left_a_join_begins_no_other_job),
        cmocka_unit_test(with_little_stack_left_a_join_sleeps_and_is_woken),
        cmocka_unit_test(jobs_run_inside_joins_until_the_stack_is_short),
        cmocka_unit_test(destroy_waits_for_joins_and_cancels_what_has_not_begun),
    };
    return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
