/*
 * park.h in every order of their atomic operations: workers that search, announce, look
 * and sleep as in worker.c, beside threads that bring work or call them. Whatever happens, no
 * execution ends with work left and a worker asleep that might have been woken for it.
 *
 * The futex is the step scheduler's.
 */
#include "tests/step/step_atomics.h"

#define PARK_WAIT(word, expected) step_wait(word, expected)
#define PARK_WAKE(word) step_wake_one(word)
#include "runtime/park.h"

#define DEQUE_CAPACITY 2
#include "runtime/deque.h"
#include "runtime/ring.h"

#include "tests/unit/testing.h"

#define RING_CAPACITY 2
#define JOINER 0 /* the worker that joins, if one does */

typedef enum source { FLAGS, RING, DEQUE } source; /* where work lies */

typedef struct setting {
    source source;
    uint32_t num_workers; /* the first threads */
    uint32_t parked;      /* a bit for each worker that begins parked; the others look for work */
    uint32_t num_bringers;
    uint32_t num_items;     /* of each bringer */
    bool is_long_under_pso; /* and left to the long form there */
} setting;

typedef struct world {
    park p;
    park_sleeper sleepers[2];
    _Atomic uint32_t flags[2]; /* of each item: 1 is work */
    ring inbox;
    ring_slot slots[RING_CAPACITY];
    deque tickets;
    _Atomic uint32_t is_stopping;
    _Atomic uint32_t frame;     /* what the joiner waits for */
    _Atomic uint32_t num_begun; /* items; a futex where items meet */
    uint32_t num_brought, num_run;
} world;

enum { FRAME_NONE, FRAME_STOLEN, FRAME_WAITED, FRAME_DONE };

static world shared;
static const setting *now;

/* -- workers ----------------------------------------------------------------------------------- */

static uint32_t num_flags(void)
{
    return now->num_bringers * now->num_items;
}

static bool take_flag(_Atomic uint32_t *flag)
{
    uint32_t one = 1;
    return atomic_load_explicit(flag, memory_order_relaxed) == 1 &&
           atomic_compare_exchange_strong_explicit(flag, &one, 0, memory_order_acquire,
                                                   memory_order_relaxed);
}

static bool take_work(world *w)
{
    void *ticket;
    step_expect((int32_t)step_peek(&w->p.num_parked, sizeof(uint32_t)) >= 0);
    switch (now->source) {
    case FLAGS:
        return take_flag(&w->flags[0]) || (num_flags() > 1 && take_flag(&w->flags[1]));
    case RING:
        return ring_pop_any(&w->inbox, &ticket, 1) == 1;
    default:
        return deque_steal_any(&w->tickets) != NULL;
    }
}

static bool sees_work(world *w)
{
    switch (now->source) {
    case FLAGS:
        return atomic_load_explicit(&w->flags[0], memory_order_relaxed) == 1 ||
               (num_flags() > 1 && atomic_load_explicit(&w->flags[1], memory_order_relaxed) == 1);
    case RING:
        return !ring_looks_empty_any(&w->inbox);
    default:
        return !deque_looks_empty_any(&w->tickets);
    }
}

static bool is_called(world *w, bool joins)
{
    return joins ? atomic_load_explicit(&w->frame, memory_order_acquire) == FRAME_DONE
                 : atomic_load_explicit(&w->is_stopping, memory_order_acquire) == 1;
}

/* As fork_ask_to_be_woken. */
static bool ask_to_be_woken(world *w)
{
    uint32_t stolen = FRAME_STOLEN;
    return atomic_load_explicit(&w->frame, memory_order_relaxed) == FRAME_WAITED ||
           atomic_compare_exchange_strong_explicit(&w->frame, &stolen, FRAME_WAITED,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static bool may_sleep(world *w, bool joins)
{
    return !sees_work(w) && !is_called(w, joins) && (!joins || ask_to_be_woken(w));
}

/* As worker_search_or_park; or from a state in which it is parked. */
static bool search_or_park(world *w, bool joins, bool is_parked)
{
    if (is_parked) {
        park_sleep_worker(&w->p, step_self());
    } else {
        park_search_worker(&w->p);
    }
    for (;;) {
        bool is_last_look = is_called(w, joins); /* all work was there before the call */
        bool has_found = take_work(w);
        if (has_found || is_last_look) {
            if (park_found_worker(&w->p) && sees_work(w)) {
                park_wake_one_any(&w->p);
            }
            return has_found;
        }
        park_announce_worker(&w->p, step_self());
        if (!may_sleep(w, joins)) {
            park_retract_worker(&w->p, step_self());
        } else {
            park_sleep_worker(&w->p, step_self());
        }
    }
}

static void count(world *w)
{
    w->num_run++;
}

static void wait_for_the_other(world *w, uint32_t num_begun)
{
    while (num_begun < 2) {
        step_wait(&w->num_begun, num_begun);
        num_begun = atomic_load(&w->num_begun);
    }
}

/* Ends when two items have begun. */
static void meet(world *w)
{
    uint32_t num_begun = atomic_fetch_add(&w->num_begun, 1) + 1;
    w->num_run++;
    step_wake_one(&w->num_begun);
    wait_for_the_other(w, num_begun);
}

/* As worker_main. */
static void run_items(world *w, void (*item)(world *w), bool is_parked)
{
    while ((!is_parked && take_work(w)) || search_or_park(w, false, is_parked)) {
        is_parked = false;
        item(w);
    }
}

static bool begins_parked(void)
{
    return (now->parked >> step_self() & 1) != 0;
}

static void work(void *context)
{
    run_items(context, count, begins_parked());
}

static void work_and_meet(void *context)
{
    run_items(context, meet, begins_parked());
}

/* Begins in the first of two items that meet. */
static void meet_and_work(void *context)
{
    wait_for_the_other(context, 1);
    run_items(context, meet, false);
}

/* As fork_wait, in an item of its own; then goes on as a worker. */
static void join_and_work(void *context)
{
    world *w = context;
    while (atomic_load_explicit(&w->frame, memory_order_acquire) != FRAME_DONE) {
        if (take_work(w) || search_or_park(w, true, false)) {
            count(w);
        }
    }
    run_items(w, count, false);
}

/* -- those who bring work or call -------------------------------------------------------------- */

static void bring_one(world *w, uint32_t item)
{
    uint64_t position;
    w->num_brought++;
    switch (now->source) {
    case FLAGS:
        atomic_store_explicit(&w->flags[item], 1, memory_order_release);
        park_wake_one_any(&w->p);
        break;
    case RING:
        while (!ring_reserve_any(&w->inbox, 1, &position)) {
        }
        ring_publish_any(&w->inbox, position, w);
        park_wake_one_reserved_any(&w->p);
        break;
    case DEQUE:
        while (!deque_push_owner(&w->tickets, w)) {
        }
        park_wake_one_any(&w->p);
        break;
    }
}

static void bring(void *context)
{
    uint32_t first = (step_self() - now->num_workers) * now->num_items;
    for (uint32_t i = 0; i < now->num_items; i++) {
        bring_one(context, first + i);
    }
}

/* As the end of a runtime. */
static void bring_and_stop(void *context)
{
    world *w = context;
    bring(w);
    atomic_store(&w->is_stopping, 1);
    park_wake_all_any(&w->p);
}

static void wake_all(void *context)
{
    world *w = context;
    park_wake_all_any(&w->p);
}

/* As fork_run_stolen. */
static void run_frame(void *context)
{
    world *w = context;
    if (atomic_exchange_explicit(&w->frame, FRAME_DONE, memory_order_acq_rel) == FRAME_WAITED) {
        park_wake_worker_any(&w->p, JOINER);
    }
}

/* -- cases ------------------------------------------------------------------------------------- */

static void name_all(world *w)
{
    step_name(&w->p.num_searching, "num_searching");
    step_name(&w->p.num_parked, "num_parked");
    step_name(&w->p.next, "next");
    step_name(&w->sleepers[0].state, "state 0");
    step_name(&w->sleepers[1].state, "state 1");
    step_name(&w->flags[0], "flag 0");
    step_name(&w->flags[1], "flag 1");
    step_name(&w->inbox.tail, "tail");
    step_name(&w->inbox.head, "head");
    step_name(&w->slots[0].turn, "turn 0");
    step_name(&w->slots[1].turn, "turn 1");
    step_name(&w->tickets.top, "top");
    step_name(&w->tickets.bottom, "bottom");
    step_name(&w->is_stopping, "is_stopping");
    step_name(&w->num_begun, "num_begun");
    step_name(&w->frame, "frame");
}

static void start(void *context)
{
    world *w = context;
    name_all(w);
    park_init(&w->p, w->sleepers, now->num_workers);
    step_wraps(&w->p.next, now->num_workers);
    ring_init(&w->inbox, w->slots, RING_CAPACITY);
    deque_init(&w->tickets);
    atomic_init(&w->frame, FRAME_STOLEN);
    for (uint32_t i = 0; i < now->num_workers; i++) {
        if ((now->parked >> i & 1) != 0) {
            park_search_worker(&w->p);
            park_announce_worker(&w->p, i);
        }
    }
}

/* A worker is in an item that meets another one, though it waits for a frame too. */
static void start_in_item(void *context)
{
    world *w = context;
    start(context);
    atomic_init(&w->frame, FRAME_WAITED);
    atomic_init(&w->num_begun, 1);
    w->num_brought = w->num_run = 1;
}

static void expect_quiet(world *w, uint32_t num_parked)
{
    step_expect(!sees_work(w));
    step_expect(w->num_run == w->num_brought);
    step_expect(atomic_load(&w->p.num_searching) == 0);
    step_expect(atomic_load(&w->p.num_parked) == num_parked);
}

static void all_are_parked(void *context)
{
    world *w = context;
    for (uint32_t i = 0; i < now->num_workers; i++) {
        step_expect(step_sleeps(i) && atomic_load(&w->sleepers[i].state) == PARK_PARKED);
    }
    expect_quiet(w, now->num_workers);
}

static void all_have_left(void *context)
{
    expect_quiet(context, 0);
}

/* The first `num_workers` threads are of that kind, the next `num_bringers` bring. */
static step_case case_of(const setting *s, void (*worker)(void *), void (*bringer)(void *))
{
    static const char *const names[2][2] = {{"worker 0", "worker 1"}, {"bringer 0", "bringer 1"}};
    step_case c = {.shared = &shared,
                   .shared_bytes = sizeof shared,
                   .start = start,
                   .end = all_are_parked,
                   .may_sleep = true};
    for (uint32_t i = 0; i < s->num_workers; i++) {
        c.threads[i] = (step_thread){names[0][i], worker};
    }
    for (uint32_t i = 0; i < s->num_bringers; i++) {
        c.threads[s->num_workers + i] = (step_thread){names[1][i], bringer};
    }
    return c;
}

static void explore(const char *name, const setting *s, const step_case *c)
{
    now = s;
    assert_true(step_holds(name, c, STEP_TSO));
    if (!s->is_long_under_pso || testing_full()) {
        assert_true(step_holds(name, c, STEP_PSO));
    }
}

static void no_wake_up_is_lost(void **state)
{
    (void)state;
    static const setting settings[] = {
        {FLAGS, 1, 0, 1, 2, false}, {FLAGS, 1, 0, 2, 1, false}, {FLAGS, 2, 0, 1, 1, false},
        {FLAGS, 2, 3, 2, 1, true},  {RING, 1, 0, 1, 2, false},  {RING, 1, 0, 2, 1, false},
        {RING, 2, 3, 1, 2, true},   {DEQUE, 1, 0, 1, 2, false}, {DEQUE, 2, 0, 1, 1, false},
        {DEQUE, 2, 3, 1, 2, false},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        step_case c = case_of(&settings[i], work, bring);
        explore(__func__, &settings[i], &c);
    }
}

/* Rule 2 of park.h: the last searcher that finds work passes the wake-up on. */
static void two_items_that_need_two_workers_at_once_get_them(void **state)
{
    (void)state;
    static const setting settings[] = {
        {FLAGS, 2, 3, 2, 1, true},
        {RING, 2, 3, 1, 2, true},
        {DEQUE, 2, 3, 1, 2, false},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        step_case c = case_of(&settings[i], work_and_meet, bring);
        explore(__func__, &settings[i], &c);
    }
}

static void all_leave_when_they_are_called_and_leave_nothing_behind(void **state)
{
    (void)state;
    static const setting settings[] = {
        {FLAGS, 1, 0, 1, 1, false},
        {FLAGS, 2, 0, 1, 0, false},
        {FLAGS, 2, 2, 1, 1, false},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        step_case c = case_of(&settings[i], work, bring_and_stop);
        c.end = all_have_left;
        c.may_sleep = false;
        explore(__func__, &settings[i], &c);
    }
}

static void a_joining_worker_is_woken_when_its_frame_has_run(void **state)
{
    (void)state;
    static const setting settings[] = {
        {FLAGS, 1, 0, 0, 0, false},
        {FLAGS, 1, 0, 1, 1, false},
        {FLAGS, 2, 0, 0, 0, false},
        {FLAGS, 2, 2, 1, 1, true},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const setting *s = &settings[i];
        step_case c = case_of(s, work, bring);
        c.threads[JOINER].run = join_and_work;
        c.threads[s->num_workers + s->num_bringers] = (step_thread){"thief", run_frame};
        explore(__func__, s, &c);
    }
}

/* Who wakes a certain worker, or all, counts as a searcher for a moment, and is trusted: one worker
 * is in an item, and the other must be woken for the item that this one waits for. */
static void who_wakes_for_another_reason_passes_on_what_it_was_trusted_with(void **state)
{
    (void)state;
    static const setting joins = {FLAGS, 2, 2, 1, 1, false};
    step_case c = case_of(&joins, work_and_meet, bring);
    c.start = start_in_item;
    c.threads[JOINER].run = meet_and_work;
    c.threads[3] = (step_thread){"thief", run_frame};
    explore(__func__, &joins, &c);
    static const setting called = {FLAGS, 2, 1, 1, 1, true};
    c = case_of(&called, work_and_meet, bring);
    c.start = start_in_item;
    c.threads[1].run = meet_and_work;
    c.threads[3] = (step_thread){"caller", wake_all};
    explore(__func__, &called, &c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(two_items_that_need_two_workers_at_once_get_them),
        cmocka_unit_test(all_leave_when_they_are_called_and_leave_nothing_behind),
        cmocka_unit_test(a_joining_worker_is_woken_when_its_frame_has_run),
        cmocka_unit_test(who_wakes_for_another_reason_passes_on_what_it_was_trusted_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
