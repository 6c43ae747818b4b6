/*
 * deque.h against an array, in every sequence of operations, and against thieves.
 *
 * Built once for each of several DEQUE_CAPACITY. The small ones wrap round and run full all the
 * time, and only they are small enough to be copied at each step of the exhaustive test.
 */
#include "runtime/deque.h"

#include <sched.h>

#include "tests/unit/testing.h"

#define HISTORY_STEPS 12
#define STRESS_TICKETS 100000

static void *ticket_of(uintptr_t number)
{
    return (void *)(number + 1);
}

/* -- one thread -------------------------------------------------------------------------------- */

static void a_new_deque_is_empty(void **state)
{
    (void)state;
    static deque d;
    deque_init(&d);
    assert_true(deque_looks_empty_any(&d));
    assert_int_equal(deque_space_owner(&d), DEQUE_CAPACITY);
    assert_null(deque_pop_owner(&d));
    assert_null(deque_steal_any(&d));
    assert_int_equal(deque_space_owner(&d), DEQUE_CAPACITY);
}

static void a_full_deque_refuses_until_a_ticket_is_taken(void **state)
{
    (void)state;
    static deque d;
    deque_init(&d);
    for (uintptr_t i = 0; i < DEQUE_CAPACITY; i++) {
        assert_int_equal(deque_space_owner(&d), DEQUE_CAPACITY - i);
        assert_true(deque_push_owner(&d, ticket_of(i)));
    }
    assert_int_equal(deque_space_owner(&d), 0);
    assert_false(deque_push_owner(&d, ticket_of(DEQUE_CAPACITY)));
    assert_ptr_equal(deque_steal_any(&d), ticket_of(0));
    assert_true(deque_push_owner(&d, ticket_of(DEQUE_CAPACITY)));
    assert_false(deque_push_owner(&d, ticket_of(DEQUE_CAPACITY + 1)));
    assert_ptr_equal(deque_pop_owner(&d), ticket_of(DEQUE_CAPACITY));
}

static void many_rounds_of_the_ring_keep_both_orders(void **state)
{
    (void)state;
    static deque d;
    deque_init(&d);
    for (uintptr_t i = 0; i < 3 * DEQUE_CAPACITY; i++) { /* in and out at the same end */
        assert_true(deque_push_owner(&d, ticket_of(i)));
        assert_ptr_equal(deque_pop_owner(&d), ticket_of(i));
    }
    for (uintptr_t i = 0; i < 3 * DEQUE_CAPACITY; i++) { /* in at the bottom, out at the top */
        assert_true(deque_push_owner(&d, ticket_of(i)));
        assert_ptr_equal(deque_steal_any(&d), ticket_of(i));
    }
    assert_true(deque_looks_empty_any(&d));
}

#if DEQUE_CAPACITY <= 4
/* What the deque should hold: tickets first to end - 1, oldest first. */
typedef struct model {
    uintptr_t tickets[HISTORY_STEPS];
    size_t first, end;
    uintptr_t next;
} model;

static deque deques[HISTORY_STEPS + 1]; /* after each step of the history that is being tried */
static model models[HISTORY_STEPS + 1];
static uint64_t num_histories;

static void push(deque *d, model *m)
{
    bool fits = m->end - m->first < DEQUE_CAPACITY;
    assert_int_equal(deque_push_owner(d, ticket_of(m->next)), fits);
    if (fits) {
        m->tickets[m->end++] = m->next;
    }
    m->next++; /* a ticket that was refused must not turn up later */
}

static void pop(deque *d, model *m)
{
    void *expected = m->first < m->end ? ticket_of(m->tickets[--m->end]) : NULL;
    assert_ptr_equal(deque_pop_owner(d), expected);
}

static void steal(deque *d, model *m)
{
    void *expected = m->first < m->end ? ticket_of(m->tickets[m->first++]) : NULL;
    assert_ptr_equal(deque_steal_any(d), expected);
}

/* Tries every operation after that step, and all that can follow. */
static void explore(int step)
{
    static void (*const operations[])(deque *, model *) = {push, pop, steal};
    if (step == HISTORY_STEPS) {
        num_histories++;
        return;
    }
    for (int i = 0; i < 3; i++) {
        deque *d = &deques[step + 1];
        model *m = &models[step + 1];
        memcpy(d, &deques[step], sizeof *d);
        *m = models[step];
        operations[i](d, m);
        assert_int_equal(deque_looks_empty_any(d), m->first == m->end);
        assert_int_equal(deque_space_owner(d), DEQUE_CAPACITY - (m->end - m->first));
        explore(step + 1);
    }
}

static void every_history_agrees_with_an_array(void **state)
{
    (void)state;
    deque_init(&deques[0]);
    explore(0);
    assert_int_equal(num_histories, 531441); /* 3 to the power of 12 */
}
#endif

/* -- an owner and two thieves ------------------------------------------------------------------ */

typedef struct work {
    uint64_t check; /* written before the push, without atomics: Q1 */
    _Atomic uint32_t taken;
} work;

typedef struct stress {
    deque d;
    work works[STRESS_TICKETS];
    uint64_t seed;
    pthread_barrier_t start;
    atomic_bool done;
    _Atomic uint32_t num_unready; /* tickets that came before what they point at */
} stress;

static void take(stress *s, void *ticket)
{
    work *w = ticket;
    if (w->check != ~(uint64_t)(w - s->works)) {
        atomic_fetch_add(&s->num_unready, 1);
    }
    atomic_fetch_add_explicit(&w->taken, 1, memory_order_relaxed);
}

static void *thief(void *context)
{
    stress *s = context;
    pthread_barrier_wait(&s->start);
    while (!atomic_load(&s->done)) {
        void *ticket = deque_steal_any(&s->d);
        if (ticket != NULL) {
            take(s, ticket);
        }
    }
    return NULL;
}

/* Pushes and pops a few at a time, so that the deque is nearly empty most of the time: that is
 * where the owner and the thieves meet. */
static void *owner(void *context)
{
    stress *s = context;
    testing_random random = testing_random_of(s->seed, 0);
    size_t next = 0;
    pthread_barrier_wait(&s->start);
    while (next < STRESS_TICKETS) {
        uint64_t pushes = 1 + testing_random_below(&random, 4);
        while (pushes-- > 0 && next < STRESS_TICKETS) {
            s->works[next].check = ~(uint64_t)next;
            if (!deque_push_owner(&s->d, &s->works[next])) {
                break;
            }
            next++;
        }
        for (uint64_t pops = testing_random_below(&random, 5); pops > 0; pops--) {
            void *ticket = deque_pop_owner(&s->d);
            if (ticket != NULL) {
                take(s, ticket);
            }
        }
        if (testing_random_below(&random, 512) == 0) {
            sched_yield(); /* lets the thieves in where there are fewer CPUs than threads */
        }
    }
    void *ticket;
    while ((ticket = deque_pop_owner(&s->d)) != NULL) {
        take(s, ticket);
    }
    atomic_store(&s->done, true);
    return NULL;
}

static void run_round(stress *s, uint64_t seed)
{
    pthread_t threads[3];
    deque_init(&s->d);
    memset(s->works, 0, sizeof s->works);
    s->seed = seed;
    atomic_init(&s->done, false);
    atomic_init(&s->num_unready, 0);
    pthread_barrier_init(&s->start, NULL, 3);
    testing_start(&threads[0], owner, s);
    testing_start(&threads[1], thief, s);
    testing_start(&threads[2], thief, s);
    for (int i = 0; i < 3; i++) {
        testing_join(threads[i]);
    }
    pthread_barrier_destroy(&s->start);
    assert_int_equal(atomic_load(&s->num_unready), 0);
    for (size_t i = 0; i < STRESS_TICKETS; i++) {
        assert_int_equal(atomic_load(&s->works[i].taken), 1);
    }
    assert_true(deque_looks_empty_any(&s->d));
}

static void each_ticket_is_taken_exactly_once_by_owner_or_thieves(void **state)
{
    (void)state;
    static stress s;
    uint64_t seed = testing_seed();
    int num_rounds = testing_full() ? 100 : 2;
    for (int i = 0; i < num_rounds; i++) {
        run_round(&s, seed + (uint64_t)i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_deque_is_empty),
        cmocka_unit_test(a_full_deque_refuses_until_a_ticket_is_taken),
        cmocka_unit_test(many_rounds_of_the_ring_keep_both_orders),
#if DEQUE_CAPACITY <= 4
        cmocka_unit_test(every_history_agrees_with_an_array),
#endif
        cmocka_unit_test(each_ticket_is_taken_exactly_once_by_owner_or_thieves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
