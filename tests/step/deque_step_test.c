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

static uint32_t bits_above(unsigned number)
{
    return ~(2u << number) + 1;
}

/* Counts a ticket as taken, and says whether it is one that may come now. */
static void take(world *w, void *ticket, uint32_t must_be_gone)
{
    uint32_t bit = 1u << ((uintptr_t)ticket - 1);
    step_expect((uintptr_t)ticket <= PUSHES_MAX && (w->pushed & bit) != 0);
    step_expect((w->taken & bit) == 0);
    step_expect((w->pushed & ~w->taken & must_be_gone) == 0);
    w->taken |= bit;
    if (now->with_values) {
        step_expect(atomic_load_explicit(&w->values[(uintptr_t)ticket - 1],
                                         memory_order_relaxed) == 7);
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
            take(w, ticket, bits_above((unsigned)(uintptr_t)ticket - 1));
        }
    }
}

static void thief(void *context)
{
    world *w = context;
    for (unsigned i = 0; i < now->num_steals; i++) {
        void *ticket = deque_steal_any(&w->d);
        if (ticket != NULL) {
            take(w, ticket, (1u << ((uintptr_t)ticket - 1)) - 1);
        }
    }
}

static void start(void *context)
{
    world *w = context;
    deque_init(&w->d);
    step_name(&w->d.top, "top");
    step_name(&w->d.bottom, "bottom");
    step_name(&w->d.slots[0], "slot 0");
}

static void all_are_taken_or_left(void *context)
{
    world *w = context;
    void *ticket;
    step_expect(deque_looks_empty_any(&w->d) == (w->pushed == w->taken));
    step_expect(deque_space_owner(&w->d) ==
                DEQUE_CAPACITY - (size_t)__builtin_popcount(w->pushed & ~w->taken));
    while ((ticket = deque_pop_owner(&w->d)) != NULL) {
        take(w, ticket, bits_above((unsigned)(uintptr_t)ticket - 1));
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
    explore(__func__, &(setting){1, 2, 7, false});
}

static void an_owner_and_two_thieves_take_each_ticket_once(void **state)
{
    (void)state;
    explore(__func__, &(setting){2, 1, 6, false});
    explore(__func__, &(setting){2, 2, testing_full() ? 6 : 5, false});
}

static void an_owner_and_three_thieves_take_each_ticket_once(void **state)
{
    (void)state;
    explore(__func__, &(setting){3, 1, 4, false});
}

static void whoever_takes_a_ticket_sees_what_was_written_before_its_push(void **state)
{
    (void)state;
    explore(__func__, &(setting){1, 2, 5, true});
    explore(__func__, &(setting){2, 1, 4, true});
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
