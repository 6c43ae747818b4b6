/*
 * park.h and park.c in every order of their atomic operations: workers that search, announce, look
 * and sleep as in worker.c, beside threads that bring work or call them. Whatever happens, no
 * execution ends with work left and a worker asleep that might have been woken for it.
 *
 * park.c is compiled into this file, on a futex that the step scheduler models.
 */
#include "tests/step/step_atomics.h"

#define PARK_WAIT(word, expected) step_wait(word, expected)
#define PARK_WAKE(word) step_wake_one(word)
#include "runtime/park.c"

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
    uint32_t num_awake;   /* the first of them look for work at once; the others begin parked */
    uint32_t num_bringers;
    uint32_t num_items;     /* of each bringer */
    bool is_long_under_pso; /* and left to the long form there */
} setting;

typedef struct world {
    park p;
    park_sleeper sleepers[2];
    _Atomic uint32_t flags[2]; /* of each bringer: 1 is work, be it one item or several */
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
    switch (now->source) {
    case FLAGS:
        return take_flag(&w->flags[0]) || (now->num_bringers > 1 && take_flag(&w->flags[1]));
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
               (now->num_bringers > 1 &&
                atomic_load_explicit(&w->flags[1], memory_order_relaxed) == 1);
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

/* As worker_main. */
static void run_items(world *w, void (*item)(world *w))
{
    bool is_parked = step_self() >= now->num_awake;
    while ((!is_parked && take_work(w)) || search_or_park(w, false, is_parked)) {
        is_parked = false;
        item(w);
    }
}

static void count(world *w)
{
    w->num_run++;
}

/* Ends when two items have begun. */
static void meet(world *w)
{
    w->num_run++;
    uint32_t num_begun = atomic_fetch_add(&w->num_begun, 1) + 1;
    step_wake_one(&w->num_begun);
    while (num_begun < 2) {
        step_wait(&w->num_begun, num_begun);
        num_begun = atomic_load(&w->num_begun);
    }
}

static void work(void *context)
{
    run_items(context, count);
}

static void work_and_meet(void *context)
{
    run_items(context, meet);
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
    run_items(w, count);
}

/* -- those who bring work or call -------------------------------------------------------------- */

static void bring_one(world *w)
{
    uint64_t position;
    switch (now->source) {
    case FLAGS:
        atomic_store_explicit(&w->flags[step_self() - now->num_workers], 1, memory_order_release);
        park_wake_one_any(&w->p);
        break;
    case RING:
        while (!ring_reserve_any(&w->inbox, 1, &position)) {
        }
        w->num_brought++;
        ring_publish_any(&w->inbox, position, w);
        park_wake_one_reserved_any(&w->p);
        break;
    case DEQUE:
        while (!deque_push_owner(&w->tickets, w)) {
        }
        w->num_brought++;
        park_wake_one_any(&w->p);
        break;
    }
}

static void bring(void *context)
{
    for (uint32_t i = 0; i < now->num_items; i++) {
        bring_one(context);
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
    for (uint32_t i = now->num_awake; i < now->num_workers; i++) {
        park_search_worker(&w->p);
        park_announce_worker(&w->p, i);
    }
}

static void expect_quiet(world *w, uint32_t num_parked)
{
    step_expect(!sees_work(w));
    step_expect(now->source == FLAGS || w->num_run == w->num_brought);
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
        {FLAGS, 1, 1, 1, 2, false}, {FLAGS, 1, 1, 2, 1, false}, {FLAGS, 2, 2, 1, 1, false},
        {FLAGS, 2, 0, 2, 1, true},  {RING, 1, 1, 1, 2, false},  {RING, 1, 1, 2, 1, false},
        {RING, 2, 0, 1, 2, true},   {DEQUE, 1, 1, 1, 2, false}, {DEQUE, 2, 1, 1, 1, false},
        {DEQUE, 2, 0, 1, 2, false},
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
        {FLAGS, 2, 0, 2, 1, true},
        {RING, 2, 0, 1, 2, true},
        {DEQUE, 2, 0, 1, 2, false},
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
        {FLAGS, 1, 1, 1, 1, false},
        {FLAGS, 2, 2, 1, 0, false},
        {FLAGS, 2, 1, 1, 1, false},
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
        {FLAGS, 1, 1, 0, 0, false},
        {FLAGS, 1, 1, 1, 1, false},
        {FLAGS, 2, 2, 0, 0, false},
        {FLAGS, 2, 1, 1, 1, true},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const setting *s = &settings[i];
        step_case c = case_of(s, work, bring);
        c.threads[JOINER].run = join_and_work;
        c.threads[s->num_workers + s->num_bringers] = (step_thread){"thief", run_frame};
        explore(__func__, s, &c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(two_items_that_need_two_workers_at_once_get_them),
        cmocka_unit_test(all_leave_when_they_are_called_and_leave_nothing_behind),
        cmocka_unit_test(a_joining_worker_is_woken_when_its_frame_has_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
