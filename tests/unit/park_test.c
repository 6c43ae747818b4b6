/*
 * park.h against a model, in every sequence of operations; and consumers that park for good if a
 * wake-up is lost, under a watchdog.
 */
#include "runtime/park.h"

#include <sched.h>

#include "runtime/base.h"
#include "runtime/ring.h"
#include "tests/unit/testing.h"

#define WORKERS_MAX 4
#define HISTORY_STEPS 8

static void check(park *of, uint32_t num_searching, uint32_t num_parked)
{
    assert_int_equal(atomic_load(&of->num_searching), num_searching);
    assert_int_equal(atomic_load(&of->num_parked), num_parked);
    assert_int_equal(park_has_hungry_any(of), num_searching + num_parked > 0);
}

/* -- one thread -------------------------------------------------------------------------------- */

static park p;
static park_sleeper sleepers[WORKERS_MAX];

static void a_worker_that_finds_work_is_no_longer_counted(void **state)
{
    (void)state;
    park_init(&p, sleepers, 2);
    check(&p, 0, 0);
    park_search_worker(&p);
    park_search_worker(&p);
    check(&p, 2, 0);
    assert_false(park_found_worker(&p)); /* another one still searches */
    assert_true(park_found_worker(&p));  /* the last: it owes the others a look */
    check(&p, 0, 0);
}

static void a_parked_worker_is_woken_as_a_searcher(void **state)
{
    (void)state;
    park_init(&p, sleepers, 1);
    assert_false(park_wake_one_any(&p));
    park_search_worker(&p);
    park_announce_worker(&p, 0);
    check(&p, 0, 1);
    assert_true(park_wake_one_any(&p));
    check(&p, 1, 0);
    park_sleep_worker(&p, 0); /* it was notified already */
    check(&p, 1, 0);
    assert_true(park_found_worker(&p));
    check(&p, 0, 0);
}

static void a_worker_may_change_its_mind(void **state)
{
    (void)state;
    park_init(&p, sleepers, 1);
    park_search_worker(&p);
    park_announce_worker(&p, 0);
    park_retract_worker(&p, 0);
    check(&p, 1, 0);
    park_announce_worker(&p, 0);
    assert_true(park_wake_one_any(&p)); /* between its announcement and its retraction */
    park_retract_worker(&p, 0);
    check(&p, 1, 0);
    assert_true(park_found_worker(&p));
    assert_false(park_wake_one_any(&p));
}

static void nobody_is_woken_while_somebody_searches(void **state)
{
    (void)state;
    park_init(&p, sleepers, 3);
    for (uint32_t i = 0; i < 3; i++) {
        park_search_worker(&p);
    }
    park_announce_worker(&p, 0);
    park_announce_worker(&p, 1);
    assert_false(park_wake_one_any(&p)); /* worker 2 searches */
    check(&p, 1, 2);
    assert_true(park_found_worker(&p));
    assert_true(park_wake_one_any(&p));
    assert_false(park_wake_one_any(&p)); /* the one woken searches, though it may not run yet */
    check(&p, 1, 1);
}

static void waking_all_wakes_all_that_are_parked(void **state)
{
    (void)state;
    park_init(&p, sleepers, 3);
    for (uint32_t i = 0; i < 3; i++) {
        park_search_worker(&p);
    }
    park_announce_worker(&p, 0);
    park_announce_worker(&p, 2);
    park_wake_all_any(&p);
    check(&p, 3, 0);
    park_sleep_worker(&p, 0);
    park_sleep_worker(&p, 2);
    park_wake_all_any(&p); /* there is nobody now */
    check(&p, 3, 0);
}

static void wake_ups_go_round_among_the_parked(void **state)
{
    (void)state;
    park_init(&p, sleepers, 3);
    for (uint32_t i = 0; i < 3; i++) {
        park_search_worker(&p);
        park_announce_worker(&p, i);
    }
    for (uint32_t i = 0; i < 3; i++) { /* each finds work at once; none is woken twice */
        check(&p, 0, 3 - i);
        assert_true(park_wake_one_any(&p));
        assert_true(park_found_worker(&p));
    }
    assert_false(park_wake_one_any(&p));
    for (uint32_t i = 0; i < 3; i++) {
        park_sleep_worker(&p, i); /* would block if it had not been woken */
    }
}

/* -- two threads ---------------------------------------------------------------------------------
 */

static void *sleep_as_worker_0(void *back)
{
    park_sleep_worker(&p, 0);
    atomic_store((_Atomic bool *)back, true);
    return NULL;
}

static void a_futex_that_returns_for_no_reason_wakes_nobody(void **state)
{
    (void)state;
    static _Atomic bool back;
    pthread_t thread;
    testing_watchdog(60);
    park_init(&p, sleepers, 1);
    park_search_worker(&p);
    park_announce_worker(&p, 0);
    testing_start(&thread, sleep_as_worker_0, (void *)&back);
    for (int i = 0; i < 5; i++) {
        testing_sleep_ms(10);
        base_futex_wake(&sleepers[0].state, 1);
    }
    assert_false(atomic_load(&back));
    check(&p, 0, 1);
    assert_true(park_wake_one_any(&p));
    testing_join(thread);
    testing_watchdog(0);
    check(&p, 1, 0);
}

static void *wake_one_any(void *woken)
{
    atomic_store((_Atomic int *)woken, park_wake_one_any(&p));
    return NULL;
}

/* A worker that changes its mind and parks again is for a moment counted, but not to be found. */
static void a_waker_that_finds_nobody_looks_again(void **state)
{
    (void)state;
    static _Atomic int woken = -1;
    pthread_t thread;
    testing_watchdog(60);
    park_init(&p, sleepers, 1);
    uint32_t awake = atomic_load(&sleepers[0].state);
    park_search_worker(&p);
    park_announce_worker(&p, 0);
    uint32_t parked = atomic_exchange(&sleepers[0].state, awake);
    testing_start(&thread, wake_one_any, (void *)&woken);
    testing_sleep_ms(20);
    assert_int_equal(atomic_load(&woken), -1);
    atomic_store(&sleepers[0].state, parked);
    testing_join(thread);
    testing_watchdog(0);
    assert_int_equal(atomic_load(&woken), true);
    check(&p, 1, 0);
}

/* -- every history of two workers ----------------------------------------------------------------
 */

typedef enum phase { RUNNING, SEARCHING, ANNOUNCED, NOTIFIED } phase;

typedef struct both { /* a park of two, to be copied, and what it should be */
    park park;
    park_sleeper sleepers[2];
    phase phases[2];
} both;

static both states[HISTORY_STEPS + 1]; /* after each step of the history that is being tried */
static uint64_t num_histories;

/* The state after one step more, as yet the same. */
static both *begin(int step)
{
    both *b = &states[step + 1];
    memcpy(b, &states[step], sizeof *b);
    b->park.sleepers = b->sleepers;
    return b;
}

static uint32_t count_phase(const both *b, phase wanted)
{
    return (b->phases[0] == wanted) + (b->phases[1] == wanted);
}

static void wake_one(both *b)
{
    uint32_t before[2] = {atomic_load(&b->sleepers[0].state), atomic_load(&b->sleepers[1].state)};
    bool expected = count_phase(b, ANNOUNCED) > 0 && count_phase(b, SEARCHING) == 0 &&
                    count_phase(b, NOTIFIED) == 0;
    assert_int_equal(park_wake_one_any(&b->park), expected);
    int num_woken = 0;
    for (int i = 0; i < 2; i++) {
        if (atomic_load(&b->sleepers[i].state) != before[i]) {
            assert_int_equal(b->phases[i], ANNOUNCED);
            b->phases[i] = NOTIFIED;
            num_woken++;
        }
    }
    assert_int_equal(num_woken, expected);
}

static void wake_all(both *b)
{
    park_wake_all_any(&b->park);
    for (int i = 0; i < 2; i++) {
        b->phases[i] = b->phases[i] == ANNOUNCED ? NOTIFIED : b->phases[i];
    }
}

/* The first or second thing that worker i can do in its phase; false: there is no such thing. */
static bool move(both *b, uint32_t i, bool second)
{
    switch (b->phases[i]) {
    case RUNNING:
        if (second) {
            return false;
        }
        park_search_worker(&b->park);
        b->phases[i] = SEARCHING;
        return true;
    case SEARCHING:
        if (second) {
            park_announce_worker(&b->park, i);
            b->phases[i] = ANNOUNCED;
        } else {
            b->phases[i] = RUNNING;
            bool last = count_phase(b, SEARCHING) + count_phase(b, NOTIFIED) == 0;
            assert_int_equal(park_found_worker(&b->park), last);
        }
        return true;
    case ANNOUNCED:
        if (second) {
            return false; /* it would sleep */
        }
        park_retract_worker(&b->park, i);
        b->phases[i] = SEARCHING;
        return true;
    case NOTIFIED:
        if (second) {
            park_sleep_worker(&b->park, i);
        } else {
            park_retract_worker(&b->park, i);
        }
        b->phases[i] = SEARCHING;
        return true;
    }
    return false;
}

static void explore(int step);

static void go_on(int step)
{
    both *b = &states[step + 1];
    check(&b->park, count_phase(b, SEARCHING) + count_phase(b, NOTIFIED),
          count_phase(b, ANNOUNCED));
    explore(step + 1);
}

/* Tries every operation after that step, and all that can follow. */
static void explore(int step)
{
    if (step == HISTORY_STEPS) {
        num_histories++;
        return;
    }
    wake_one(begin(step));
    go_on(step);
    wake_all(begin(step));
    go_on(step);
    for (uint32_t i = 0; i < 4; i++) {
        if (move(begin(step), i % 2, i >= 2)) {
            go_on(step);
        }
    }
}

static void every_history_of_two_workers_agrees_with_the_model(void **state)
{
    (void)state;
    park_init(&states[0].park, states[0].sleepers, 2);
    testing_watchdog(60); /* a worker that is wrongly put to sleep would hang the test */
    explore(0);
    testing_watchdog(0);
    assert_true(num_histories > 100000);
}

/* -- producers, a ring, and consumers that park
 * ---------------------------------------------------- */

#define RING_CAPACITY 16
#define LINES 16

typedef struct line {
    alignas(64) _Atomic uint32_t value;
} line;

typedef struct pool {
    line lines[LINES];
    park p;
    park_sleeper sleepers[WORKERS_MAX];
    ring inbox;
    ring_slot slots[RING_CAPACITY];
    atomic_bool stopping;
    _Atomic uint32_t next_worker;
    void (*run)(void *ticket);
} pool;

/* Takes some cache lines to this CPU. Who submits touches them just before the ticket, which must
 * then wait for them in the store buffer: if a fence is missing, the time in which a wake-up can be
 * lost grows from next to nothing to what a test meets. */
static void touch_lines(pool *c)
{
    for (int i = 0; i < LINES; i++) {
        uint32_t value = atomic_load_explicit(&c->lines[i].value, memory_order_relaxed);
        atomic_store_explicit(&c->lines[i].value, value + 1, memory_order_relaxed);
    }
}

static void *search(pool *c)
{
    void *ticket;
    for (int round = 0; round < 4; round++) {
        if (ring_pop_any(&c->inbox, &ticket, 1) == 1) {
            return ticket;
        }
    }
    return NULL;
}

/* As worker.c does. NULL: the pool stops. */
static void *search_or_park(pool *c, uint32_t self)
{
    park_search_worker(&c->p);
    for (;;) {
        void *ticket = search(c);
        if (ticket != NULL || atomic_load(&c->stopping)) {
            if (park_found_worker(&c->p) && !ring_looks_empty_any(&c->inbox)) {
                park_wake_one_any(&c->p);
            }
            return ticket;
        }
        park_announce_worker(&c->p, self);
        if (!ring_looks_empty_any(&c->inbox) || atomic_load(&c->stopping)) {
            park_retract_worker(&c->p, self);
        } else {
            park_sleep_worker(&c->p, self);
        }
    }
}

static void *worker(void *context)
{
    pool *c = context;
    uint32_t self = atomic_fetch_add(&c->next_worker, 1);
    void *ticket;
    while ((ticket = search_or_park(c, self)) != NULL) {
        touch_lines(c);
        c->run(ticket);
    }
    return NULL;
}

static void pool_start(pool *c, pthread_t *threads, uint32_t num_workers, void (*run)(void *))
{
    memset(c, 0, sizeof *c);
    park_init(&c->p, c->sleepers, num_workers);
    ring_init(&c->inbox, c->slots, RING_CAPACITY);
    c->run = run;
    for (uint32_t i = 0; i < num_workers; i++) {
        testing_start(&threads[i], worker, c);
    }
}

static void pool_stop(pool *c, pthread_t *threads, uint32_t num_workers)
{
    atomic_store(&c->stopping, true);
    park_wake_all_any(&c->p);
    for (uint32_t i = 0; i < num_workers; i++) {
        testing_join(threads[i]);
    }
    check(&c->p, 0, 0);
}

static void submit(pool *c, void *ticket)
{
    uint64_t position;
    while (!ring_reserve_any(&c->inbox, 1, &position)) {
        sched_yield();
    }
    touch_lines(c);
    ring_publish_any(&c->inbox, position, ticket);
    park_wake_one_any(&c->p);
}

static void wait_until_parked(pool *c, uint32_t num_workers)
{
    while (atomic_load(&c->p.num_parked) != num_workers ||
           atomic_load(&c->p.num_searching) !=
               0) { /* between the two an announcement is half made */
        sched_yield();
    }
}

static void count(void *ticket)
{
    atomic_fetch_add((_Atomic uint32_t *)ticket, 1);
}

static void a_sleeping_worker_is_woken_by_one_ticket(void **state)
{
    (void)state;
    static pool c;
    pthread_t threads[3];
    _Atomic uint32_t num_run = 0;
    testing_watchdog(60);
    pool_start(&c, threads, 3, count);
    for (uint32_t i = 1; i <= 10; i++) {
        wait_until_parked(&c, 3);
        submit(&c, &num_run);
        while (atomic_load(&num_run) < i) {
            sched_yield();
        }
    }
    pool_stop(&c, threads, 3);
    testing_watchdog(0);
    assert_int_equal(atomic_load(&num_run), 10);
}

typedef struct producer {
    pool *c;
    testing_random random;
    uint32_t num_bursts;
    uint32_t num_submitted;
    _Atomic uint32_t num_run;
} producer;

static void *produce(void *context)
{
    producer *self = context;
    for (uint32_t i = 0; i < self->num_bursts; i++) {
        uint64_t burst = 1 + testing_random_below(&self->random, 3);
        for (uint64_t k = 0; k < burst; k++) {
            submit(self->c, &self->num_run);
            self->num_submitted++;
        }
        for (unsigned looks = 0; atomic_load(&self->num_run) < self->num_submitted;) {
            testing_relax(&looks);
        }
        for (uint64_t k = testing_random_below(&self->random, 500); k > 0; k--) {
            __asm__ volatile("");
        }
    }
    return NULL;
}

static void run_producers(int num_producers, uint32_t num_workers, uint32_t num_bursts)
{
    static pool c;
    static producer producers[2];
    pthread_t workers[WORKERS_MAX], threads[2];
    uint64_t seed = testing_seed();
    pool_start(&c, workers, num_workers, count);
    for (int i = 0; i < num_producers; i++) {
        producers[i] = (producer){
            .c = &c, .random = testing_random_of(seed, (uint64_t)i), .num_bursts = num_bursts};
        testing_start(&threads[i], produce, &producers[i]);
    }
    for (int i = 0; i < num_producers; i++) {
        testing_join(threads[i]);
    }
    pool_stop(&c, workers, num_workers);
    for (int i = 0; i < num_producers; i++) {
        assert_int_equal(atomic_load(&producers[i].num_run), producers[i].num_submitted);
    }
}

/* One producer first: a second one's tickets would wake whoever missed a wake-up. */
static void no_wake_up_is_lost(void **state)
{
    (void)state;
    uint32_t num_bursts = testing_full() ? 1000000 : 20000;
    testing_watchdog(testing_full() ? 600 : 60);
    run_producers(1, 1, num_bursts);
    run_producers(1, 3, num_bursts);
    run_producers(2, 3, num_bursts);
    testing_watchdog(0);
}

/* Runs until both tickets of the pair have begun. */
static void meet(void *ticket)
{
    _Atomic uint32_t *num_begun = ticket;
    uint32_t number = atomic_fetch_add(num_begun, 1);
    while (atomic_load(num_begun) <= (number | 1)) {
        sched_yield();
    }
}

/* Submits pairs; next comes the next pair when both have been run. */
static void *produce_pairs(void *context)
{
    producer *self = context;
    for (uint32_t i = 1; i <= self->num_bursts; i++) {
        submit(self->c, &self->num_run);
        for (uint64_t k = testing_random_below(&self->random, 500); k > 0; k--) {
            __asm__ volatile("");
        }
        submit(self->c, &self->num_run);
        while (atomic_load(&self->num_run) < 2 * i) {
            sched_yield();
        }
    }
    return NULL;
}

/* Rule 2 of park.h: a ticket does not wait for a worker that is busy while others sleep, for the
 * last searcher that finds work passes the wake-up on. */
static void tickets_that_need_two_workers_at_once_get_them(void **state)
{
    (void)state;
    static pool c;
    pthread_t workers[4], threads[2];
    producer producers[2];
    uint64_t seed = testing_seed();
    testing_watchdog(testing_full() ? 600 : 60);
    pool_start(&c, workers, 4, meet);
    for (int i = 0; i < 2; i++) {
        producers[i] = (producer){.c = &c,
                                  .random = testing_random_of(seed, (uint64_t)i),
                                  .num_bursts = testing_full() ? 500000 : 5000};
        testing_start(&threads[i], produce_pairs, &producers[i]);
    }
    for (int i = 0; i < 2; i++) {
        testing_join(threads[i]);
    }
    pool_stop(&c, workers, 4);
    testing_watchdog(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_finds_work_is_no_longer_counted),
        cmocka_unit_test(a_parked_worker_is_woken_as_a_searcher),
        cmocka_unit_test(a_worker_may_change_its_mind),
        cmocka_unit_test(nobody_is_woken_while_somebody_searches),
        cmocka_unit_test(waking_all_wakes_all_that_are_parked),
        cmocka_unit_test(wake_ups_go_round_among_the_parked),
        cmocka_unit_test(a_futex_that_returns_for_no_reason_wakes_nobody),
        cmocka_unit_test(a_waker_that_finds_nobody_looks_again),
        cmocka_unit_test(every_history_of_two_workers_agrees_with_the_model),
        cmocka_unit_test(a_sleeping_worker_is_woken_by_one_ticket),
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(tickets_that_need_two_workers_at_once_get_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
