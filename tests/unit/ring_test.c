/*
 * ring.h against a model, in every sequence of operations, and with two producers and two
 * consumers.
 */
#include "runtime/ring.h"

#include <sched.h>

#include "tests/unit/testing.h"

#define CAPACITY_MAX 4
#define POP_MAX 3
#define HISTORY_STEPS 7

static void *ticket_of(uint64_t position)
{
    return (void *)(uintptr_t)(position + 1);
}

/* -- one thread -------------------------------------------------------------------------------- */

static ring r;
static ring_slot slots[CAPACITY_MAX];

static void a_new_ring_is_empty(void **state)
{
    (void)state;
    void *tickets[CAPACITY_MAX];
    ring_init(&r, slots, CAPACITY_MAX);
    assert_true(ring_looks_empty_any(&r));
    assert_int_equal(ring_pop_any(&r, tickets, CAPACITY_MAX), 0);
}

static void more_than_the_capacity_is_refused_even_when_empty(void **state)
{
    (void)state;
    uint64_t first = 77;
    ring_init(&r, slots, CAPACITY_MAX);
    assert_false(ring_reserve_any(&r, CAPACITY_MAX + 1, &first));
    assert_false(ring_reserve_any(&r, UINT64_MAX, &first));
    assert_int_equal(first, 77);
    assert_true(ring_reserve_any(&r, CAPACITY_MAX, &first));
    assert_int_equal(first, 0);
}

static void a_full_ring_refuses_until_a_ticket_is_taken(void **state)
{
    (void)state;
    uint64_t first;
    void *ticket;
    ring_init(&r, slots, CAPACITY_MAX);
    assert_true(ring_reserve_any(&r, CAPACITY_MAX, &first));
    for (uint64_t p = 0; p < CAPACITY_MAX; p++) {
        ring_publish_any(&r, p, ticket_of(p));
    }
    assert_false(ring_reserve_any(&r, 1, &first));
    assert_int_equal(ring_pop_any(&r, &ticket, 1), 1);
    assert_ptr_equal(ticket, ticket_of(0));
    assert_false(ring_reserve_any(&r, 2, &first));
    assert_true(ring_reserve_any(&r, 1, &first));
    assert_int_equal(first, CAPACITY_MAX);
}

static void a_slow_producer_holds_up_those_behind_it_and_loses_none(void **state)
{
    (void)state;
    uint64_t slow = 0, quick = 0;
    void *tickets[CAPACITY_MAX];
    ring_init(&r, slots, CAPACITY_MAX);
    assert_true(ring_reserve_any(&r, 1, &slow));
    assert_true(ring_reserve_any(&r, 2, &quick));
    ring_publish_any(&r, quick + 1, ticket_of(quick + 1));
    ring_publish_any(&r, quick, ticket_of(quick));
    assert_false(ring_looks_empty_any(&r)); /* what is reserved is announced */
    assert_false(ring_has_published_any(&r, 0));
    assert_true(ring_has_published_any(&r, 1));
    assert_int_equal(ring_pop_any(&r, tickets, CAPACITY_MAX), 0);
    ring_publish_any(&r, slow, ticket_of(slow));
    assert_false(ring_looks_empty_any(&r));
    assert_int_equal(ring_pop_any(&r, tickets, CAPACITY_MAX), 3);
    for (uint64_t p = 0; p < 3; p++) {
        assert_ptr_equal(tickets[p], ticket_of(p));
    }
}

/* What the ring should hold: positions head to tail - 1 are reserved; a bit says published. */
typedef struct model {
    uint64_t capacity;
    uint64_t head, tail;
    uint64_t published;
} model;

typedef struct both { /* a ring with its slots, to be copied, and what it should be */
    ring ring;
    ring_slot slots[CAPACITY_MAX];
    model m;
} both;

static both states[HISTORY_STEPS + 1]; /* after each step of the history that is being tried */
static uint64_t num_histories;

/* The state after one step more, as yet the same. */
static both *begin(int step)
{
    both *b = &states[step + 1];
    memcpy(b, &states[step], sizeof *b);
    b->ring.slots = b->slots;
    return b;
}

static bool is_published(const model *m, uint64_t position)
{
    return (m->published >> position & 1) != 0;
}

static void reserve(both *b, uint64_t count)
{
    uint64_t first = UINT64_MAX;
    bool fits = b->m.tail - b->m.head + count <= b->m.capacity;
    assert_int_equal(ring_reserve_any(&b->ring, count, &first), fits);
    assert_int_equal(first, fits ? b->m.tail : UINT64_MAX);
    b->m.tail += fits ? count : 0;
}

static void publish(both *b, uint64_t position)
{
    ring_publish_any(&b->ring, position, ticket_of(position));
    b->m.published |= UINT64_C(1) << position;
}

static void pop(both *b, size_t max)
{
    void *tickets[POP_MAX];
    size_t count = ring_pop_any(&b->ring, tickets, max), expected = 0;
    while (expected < max && is_published(&b->m, b->m.head + expected)) {
        assert_ptr_equal(tickets[expected], ticket_of(b->m.head + expected));
        expected++;
    }
    assert_int_equal(count, expected);
    b->m.head += count;
}

static void explore(int step);

static void go_on(int step)
{
    both *b = &states[step + 1];
    assert_int_equal(ring_looks_empty_any(&b->ring), b->m.head == b->m.tail);
    assert_int_equal(ring_has_published_any(&b->ring, 0), is_published(&b->m, b->m.head));
    explore(step + 1);
}

/* Tries every operation after that step, and all that can follow. */
static void explore(int step)
{
    const model *m = &states[step].m;
    if (step == HISTORY_STEPS) {
        num_histories++;
        return;
    }
    for (uint64_t count = 1; count <= 3; count++) {
        reserve(begin(step), count);
        go_on(step);
        pop(begin(step), count);
        go_on(step);
    }
    for (uint64_t position = m->head; position < m->tail; position++) {
        if (!is_published(m, position)) {
            publish(begin(step), position);
            go_on(step);
        }
    }
}

static void explore_from_empty(uint64_t capacity)
{
    both *b = &states[0];
    memset(b, 0, sizeof *b);
    ring_init(&b->ring, b->slots, capacity);
    b->m.capacity = capacity;
    num_histories = 0;
    explore(0);
    assert_true(num_histories > 100000);
}

static void every_history_at_capacity_1_agrees_with_the_model(void **state)
{
    (void)state;
    explore_from_empty(1);
}

static void every_history_at_capacity_2_agrees_with_the_model(void **state)
{
    (void)state;
    explore_from_empty(2);
}

static void every_history_at_capacity_4_agrees_with_the_model(void **state)
{
    (void)state;
    explore_from_empty(4);
}

/* -- two producers, two consumers ---------------------------------------------------------------
 */

#define STRESS_TICKETS 50000 /* of each producer */
#define STRESS_CAPACITY 8
#define STRESS_AT_ONCE 4

typedef struct work {
    uint32_t producer, number; /* written before the publish, without atomics: R1 */
    _Atomic uint32_t taken;
} work;

typedef struct stress {
    ring r;
    ring_slot slots[STRESS_CAPACITY];
    work works[2][STRESS_TICKETS];
    uint64_t seed;
    _Atomic uint32_t next_thread;
    _Atomic uint32_t num_taken;
    _Atomic uint32_t num_disordered;
} stress;

static void *produce(void *context)
{
    stress *s = context;
    uint32_t self = atomic_fetch_add(&s->next_thread, 1), next = 0;
    testing_random random = testing_random_of(s->seed, self);
    while (next < STRESS_TICKETS) {
        uint64_t first, left = STRESS_TICKETS - next;
        uint64_t count = 1 + testing_random_below(&random, STRESS_AT_ONCE - 1);
        count = count < left ? count : left;
        if (!ring_reserve_any(&s->r, count, &first)) {
            sched_yield();
            continue;
        }
        uint64_t shift = testing_random_next(&random); /* not always in order */
        for (uint64_t i = 0; i < count; i++) {
            uint64_t k = (i + shift) % count;
            work *w = &s->works[self][next + k];
            w->producer = self;
            w->number = next + (uint32_t)k;
            ring_publish_any(&s->r, first + k, w);
        }
        next += (uint32_t)count;
    }
    return NULL;
}

static void *consume(void *context)
{
    stress *s = context;
    testing_random random = testing_random_of(s->seed, 2 + atomic_fetch_add(&s->next_thread, 1));
    int64_t last[2] = {-1, -1};
    while (atomic_load(&s->num_taken) < 2 * STRESS_TICKETS) {
        void *tickets[STRESS_AT_ONCE];
        size_t max = 1 + testing_random_below(&random, STRESS_AT_ONCE);
        size_t count = ring_pop_any(&s->r, tickets, max);
        for (size_t i = 0; i < count; i++) {
            work *w = tickets[i];
            if ((int64_t)w->number <= last[w->producer]) {
                atomic_fetch_add(&s->num_disordered, 1);
            }
            last[w->producer] = w->number;
            atomic_fetch_add_explicit(&w->taken, 1, memory_order_relaxed);
        }
        atomic_fetch_add(&s->num_taken, (uint32_t)count);
        if (count == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void run_round(stress *s, uint64_t seed, uint64_t capacity)
{
    pthread_t producers[2], consumers[2];
    memset(s, 0, sizeof *s);
    ring_init(&s->r, s->slots, capacity);
    s->seed = seed;
    for (int i = 0; i < 2; i++) {
        testing_start(&producers[i], produce, s);
    }
    while (atomic_load(&s->next_thread) < 2) { /* so the producers are numbers 0 and 1 */
        sched_yield();
    }
    for (int i = 0; i < 2; i++) {
        testing_start(&consumers[i], consume, s);
    }
    for (int i = 0; i < 2; i++) {
        testing_join(producers[i]);
        testing_join(consumers[i]);
    }
    assert_int_equal(atomic_load(&s->num_disordered), 0);
    for (int i = 0; i < 2 * STRESS_TICKETS; i++) {
        assert_int_equal(atomic_load(&s->works[i / STRESS_TICKETS][i % STRESS_TICKETS].taken), 1);
    }
    assert_true(ring_looks_empty_any(&s->r));
}

static void each_ticket_is_taken_once_and_in_its_producers_order(void **state)
{
    (void)state;
    static stress s;
    uint64_t seed = testing_seed();
    int num_rounds = testing_full() ? 50 : 1;
    testing_watchdog(testing_full() ? 600 : 60);
    for (int i = 0; i < num_rounds; i++) {
        run_round(&s, seed + 2 * (uint64_t)i, STRESS_CAPACITY);
        run_round(&s, seed + 2 * (uint64_t)i + 1, STRESS_AT_ONCE);
    }
    testing_watchdog(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_ring_is_empty),
        cmocka_unit_test(more_than_the_capacity_is_refused_even_when_empty),
        cmocka_unit_test(a_full_ring_refuses_until_a_ticket_is_taken),
        cmocka_unit_test(a_slow_producer_holds_up_those_behind_it_and_loses_none),
        cmocka_unit_test(every_history_at_capacity_1_agrees_with_the_model),
        cmocka_unit_test(every_history_at_capacity_2_agrees_with_the_model),
        cmocka_unit_test(every_history_at_capacity_4_agrees_with_the_model),
        cmocka_unit_test(each_ticket_is_taken_once_and_in_its_producers_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
