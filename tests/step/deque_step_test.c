/*
 * deque.h in every order of its atomic operations: an owner beside one and two thieves.
 *
 * Built once for each of several small DEQUE_CAPACITY, so that the ring wraps round and runs full.
 * The owner's part is every sequence of pushes and pops of a certain length.
 */
#include "tests/step/step_atomics.h"

#include "runtime/deque.h"

#include "tests/unit/testing.h"

#define PUSHES_MAX 8

typedef struct world {
    deque d;
    _Atomic uint32_t values[PUSHES_MAX]; /* what tickets stand for: written before the push */
    uint32_t pushed, taken;              /* a bit for each ticket */
} world;

typedef struct setting {
    unsigned num_thieves;
    unsigned num_steals; /* of each thief */
    unsigned num_operations;
    bool with_values;
} setting;

static world shared;
static const setting *now;
static step_mode mode;
static unsigned pushes; /* bit i says whether the owner's i-th operation is a push */

static void *ticket_of(unsigned number)
{
    return (void *)(uintptr_t)(number + 1);
}

/* Counts a ticket as taken, if it is one that may come now: from the owner's end the newest that is
 * there, from the thieves' end the oldest. */
static void take(world *w, void *ticket, bool is_newest)
{
    uintptr_t number = (uintptr_t)ticket - 1;
    uint32_t there = w->pushed & ~w->taken;
    step_expect(number < PUSHES_MAX && (w->pushed >> number & 1) != 0);
    step_expect((w->taken >> number & 1) == 0);
    step_expect((is_newest ? there >> number : there << (31 - number) << 1 | 1) == 1);
    w->taken |= 1u << number;
    if (now->with_values) {
        uint32_t value = atomic_load_explicit(&w->values[number], memory_order_relaxed);
        step_expect(value == 7);
    }
}

static void push(world *w, unsigned number)
{
    if (now->with_values) {
        atomic_store_explicit(&w->values[number], 7, memory_order_relaxed);
    }
    w->pushed |= 1u << number;
    if (!deque_push_owner(&w->d, ticket_of(number))) {
        w->pushed &= ~(1u << number);
        /* Under PSO a thief may have its ticket before its new top is out. */
        step_expect(mode == STEP_PSO ||
                    __builtin_popcount(w->pushed & ~w->taken) == DEQUE_CAPACITY);
    }
    step_expect(__builtin_popcount(w->pushed & ~w->taken) <= DEQUE_CAPACITY);
}

static void owner(void *context)
{
    world *w = context;
    unsigned next = 0;
    for (unsigned i = 0; i < now->num_operations; i++) {
        if ((pushes >> i & 1) != 0) {
            push(w, next++);
            continue;
        }
        void *ticket = deque_pop_owner(&w->d);
        if (ticket == NULL) {
            step_expect((w->pushed & ~w->taken) == 0);
        } else {
            take(w, ticket, true);
        }
    }
}

static void thief(void *context)
{
    world *w = context;
    for (unsigned i = 0; i < now->num_steals; i++) {
        void *ticket = deque_steal_any(&w->d);
        if (ticket != NULL) {
            take(w, ticket, false);
        }
    }
}

static void start(void *context)
{
    world *w = context;
    deque_init(&w->d);
    step_name(&w->d.top, "top");
    step_name(&w->d.bottom, "bottom");
    for (unsigned i = 0; i < DEQUE_CAPACITY; i++) {
        static const char *const names[] = {"slot 0", "slot 1", "slot 2", "slot 3"};
        step_name(&w->d.slots[i], names[i]);
    }
}

static void all_are_taken_or_left(void *context)
{
    world *w = context;
    void *ticket;
    step_expect(deque_looks_empty_any(&w->d) == (w->pushed == w->taken));
    step_expect(deque_space_owner(&w->d) ==
                DEQUE_CAPACITY - (size_t)__builtin_popcount(w->pushed & ~w->taken));
    while ((ticket = deque_pop_owner(&w->d)) != NULL) {
        take(w, ticket, true);
    }
    step_expect(w->taken == w->pushed);
}

/* All sequences of operations that the owner may have. */
static void explore(const char *name, const setting *which)
{
    step_case c = {.shared = &shared,
                   .shared_bytes = sizeof shared,
                   .start = start,
                   .threads = {{"owner", owner}},
                   .end = all_are_taken_or_left};
    static const char *const names[] = {"thief 1", "thief 2", "thief 3"};
    now = which;
    for (unsigned i = 0; i < now->num_thieves; i++) {
        c.threads[1 + i] = (step_thread){names[i], thief};
    }
    for (mode = STEP_TSO; mode <= STEP_PSO; mode++) {
        step_result sum = {.num_states = 0};
        for (pushes = 0; pushes < 1u << now->num_operations; pushes++) {
            step_result r = step_explore(&c, mode);
            assert_false(r.failed);
            sum.num_states += r.num_states;
            sum.num_steps += r.num_steps;
            sum.num_executions += r.num_executions;
        }
        step_print(name, mode, &sum);
    }
}

static void an_owner_and_a_thief_take_each_ticket_once(void **state)
{
    (void)state;
    static const setting one = {1, 2, 7, false};
    explore(__func__, &one);
}

static void an_owner_and_two_thieves_take_each_ticket_once(void **state)
{
    (void)state;
    static const setting settings[] = {{2, 1, 6, false}, {2, 2, 5, false}, {2, 2, 6, false}};
    explore(__func__, &settings[0]);
    explore(__func__, &settings[testing_full() ? 2 : 1]);
}

static void an_owner_and_three_thieves_take_each_ticket_once(void **state)
{
    (void)state;
    static const setting three = {3, 1, 4, false};
    explore(__func__, &three);
}

static void whoever_takes_a_ticket_sees_what_was_written_before_its_push(void **state)
{
    (void)state;
    static const setting settings[] = {{1, 2, 5, true}, {2, 1, 4, true}};
    explore(__func__, &settings[0]);
    explore(__func__, &settings[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_and_a_thief_take_each_ticket_once),
        cmocka_unit_test(an_owner_and_two_thieves_take_each_ticket_once),
        cmocka_unit_test(an_owner_and_three_thieves_take_each_ticket_once),
        cmocka_unit_test(whoever_takes_a_ticket_sees_what_was_written_before_its_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
