/*
 * ring.h in every order of its atomic operations: two producers beside one and two consumers, at
 * capacities 1, 2 and 4. Slots' tickets are not atomic, so they are written and read at once here;
 * what tickets stand for is atomic and relaxed, and shows whether a ticket comes before it.
 */
#include "tests/step/step_atomics.h"

#include "runtime/ring.h"

#include "tests/unit/testing.h"

#define CAPACITY_MAX 4
#define POSITIONS_MAX 16

typedef struct world {
    ring r;
    ring_slot slots[CAPACITY_MAX];
    _Atomic uint32_t values[POSITIONS_MAX]; /* what tickets stand for: written before the publish */
    uint64_t num_reserved, num_taken;
} world;

typedef struct setting {
    uint64_t reservations[2][4]; /* of each producer: how many positions at a time; ends with 0 */
    size_t pops[2][4];           /* of each consumer: how many tickets at most; ends with 0 */
} setting;

static world shared;
static uint64_t capacity;
static const setting *now;

static void *ticket_of(uint64_t position)
{
    return (void *)(uintptr_t)(position + 1);
}

/* Up to here all positions have been given back, as memory says. */
static uint64_t first_unreleased(const world *w)
{
    uint64_t first = UINT64_MAX;
    for (uint64_t i = 0; i < capacity; i++) {
        uint64_t position = step_peek(&w->slots[i].turn, sizeof(uint64_t)) / 2;
        first = position < first ? position : first;
    }
    return first;
}

/* Up to here all positions have been published, as memory says, and none was taken after
 * num_taken. */
static uint64_t first_unpublished(const world *w)
{
    uint64_t position = w->num_taken;
    while (step_peek(&w->slots[position % capacity].turn, sizeof(uint64_t)) == 2 * position + 1) {
        position++;
    }
    return position;
}

static void produce(void *context)
{
    world *w = context;
    for (const uint64_t *count = now->reservations[step_self()]; *count > 0; count++) {
        uint64_t first, unreleased = first_unreleased(w);
        if (!ring_reserve_any(&w->r, *count, &first)) {
            /* At no time since then were so many free. */
            step_expect(w->num_reserved + *count - unreleased > capacity);
            continue;
        }
        step_expect(first + *count <= POSITIONS_MAX && first == w->num_reserved);
        w->num_reserved += *count;
        for (uint64_t p = first + *count; p-- > first;) { /* the last one first */
            atomic_store_explicit(&w->values[p], 7, memory_order_relaxed);
            ring_publish_any(&w->r, p, ticket_of(p));
        }
    }
}

static void take(world *w, void **tickets, size_t count)
{
    uint64_t first = w->num_taken;
    w->num_taken += count;
    for (size_t i = 0; i < count; i++) {
        step_expect(tickets[i] == ticket_of(first + i));
    }
    for (size_t i = 0; i < count; i++) {
        step_expect(atomic_load_explicit(&w->values[first + i], memory_order_relaxed) == 7);
    }
}

static void consume(void *context)
{
    world *w = context;
    for (const size_t *max = now->pops[step_self() - 2]; *max > 0; max++) {
        void *tickets[CAPACITY_MAX];
        uint64_t unpublished = first_unpublished(w);
        size_t count = ring_pop_any(&w->r, tickets, *max);
        step_expect(count <= *max);
        step_expect(count > 0 || w->num_taken >= unpublished); /* or there was one all the time */
        take(w, tickets, count);
    }
}

static void start(void *context)
{
    world *w = context;
    static const char *const names[] = {"turn 0", "turn 1", "turn 2", "turn 3"};
    ring_init(&w->r, w->slots, capacity);
    step_name(&w->r.tail, "tail");
    step_name(&w->r.head, "head");
    for (uint64_t i = 0; i < capacity; i++) {
        step_name(&w->slots[i].turn, names[i]);
    }
}

static void all_are_taken_or_left(void *context)
{
    world *w = context;
    void *tickets[CAPACITY_MAX];
    uint64_t first, left = w->num_reserved - w->num_taken;
    step_expect(ring_count_any(&w->r) == left);
    step_expect(ring_looks_empty_any(&w->r) == (left == 0));
    take(w, tickets, ring_pop_any(&w->r, tickets, CAPACITY_MAX));
    step_expect(w->num_taken == w->num_reserved);
    step_expect(ring_reserve_any(&w->r, capacity, &first));
}

static void explore(const char *name, const setting *which)
{
    step_case c = {.shared = &shared,
                   .shared_bytes = sizeof shared,
                   .start = start,
                   .threads = {{"producer 1", produce}, {"producer 2", produce}},
                   .end = all_are_taken_or_left};
    static const char *const names[] = {"consumer 1", "consumer 2"};
    now = which;
    for (int i = 0; i < 2 && now->pops[i][0] > 0; i++) {
        c.threads[2 + i] = (step_thread){names[i], consume};
    }
    for (step_mode mode = STEP_TSO; mode <= STEP_PSO; mode++) {
        assert_true(step_holds(name, &c, mode));
    }
}

static void explore_all(const char *name)
{
    static const setting settings[] = {
        {{{1, 1}, {1, 1}}, {{1}, {2}}},
        {{{2, 1}, {1}}, {{2}, {2}}},
        {{{2, 1}, {1, 2}}, {{2, 2}}},
        {{{2}, {2}}, {{1, 1}, {1, 1}}},
        /* Only in the long form: */
        {{{1, 2}, {2, 1}}, {{2}, {1}}},
        {{{1, 2}, {2}}, {{1, 2}, {2}}},
        {{{1, 1, 1}, {1, 1}}, {{2, 2}, {1}}},
        {{{1, 1}, {1, 1}}, {{1, 1}, {1, 1}}},
    };
    size_t num = sizeof settings / sizeof *settings;
    for (size_t i = 0; i < (testing_full() ? num : 4); i++) {
        explore(name, &settings[i]);
    }
}

static void tickets_come_once_and_in_order_at_capacity_1(void **state)
{
    (void)state;
    capacity = 1;
    explore_all(__func__);
}

static void tickets_come_once_and_in_order_at_capacity_2(void **state)
{
    (void)state;
    capacity = 2;
    explore_all(__func__);
}

static void tickets_come_once_and_in_order_at_capacity_4(void **state)
{
    (void)state;
    capacity = 4;
    explore_all(__func__);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets_come_once_and_in_order_at_capacity_1),
        cmocka_unit_test(tickets_come_once_and_in_order_at_capacity_2),
        cmocka_unit_test(tickets_come_once_and_in_order_at_capacity_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
