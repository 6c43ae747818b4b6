/*
 * deque.h and ring.h at full speed: an owner beside two thieves, two producers beside two
 * consumers; 10^6 operations, or 10^9 in the long form. Sums tell whether every ticket came once.
 *
 * A ticket points at a cell, whose number is written and read without atomics, so that
 * ThreadSanitizer sees whether the queue orders the two. Cells are used again: who has read one
 * hands it back to who writes it, which orders nothing in the other direction.
 */
#include "runtime/deque.h"
#include "runtime/ring.h"

#include "tests/unit/testing.h"

#define CELLS 1024
#define RING_CAPACITY 64
#define AT_ONCE 4 /* tickets of one reservation, or of one pop */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define OPERATIONS_FULL 20000000u
#else
#define OPERATIONS_FULL 1000000000u
#endif

typedef struct cell {
    alignas(64) uint64_t number;
    _Atomic uint32_t is_used;
} cell;

/* Of the numbers taken; each thread has its own, and they are added up. */
typedef struct sums {
    uint64_t count, sum, sum_of_squares;
    uint64_t num_disordered;
} sums;

typedef struct stress {
    deque d;
    ring r;
    ring_slot slots[RING_CAPACITY];
    cell cells[2][CELLS]; /* of each thread that brings tickets */
    uint64_t num_tickets; /* that each of them brings */
    uint64_t seed;
    atomic_uint next_thread, num_bringing;
    _Atomic uint64_t num_taken; /* from the ring */
    sums taken[4];
} stress;

static stress s;

static uint64_t num_operations(void)
{
    return testing_full() ? OPERATIONS_FULL : 1000000;
}

static void take(sums *into, void *ticket)
{
    cell *c = ticket;
    uint64_t number = c->number;
    atomic_store_explicit(&c->is_used, 0, memory_order_release);
    into->count++;
    into->sum += number;
    into->sum_of_squares += number * number;
}

/* A cell with that number; NULL: it is still in use. */
static void *ticket_of(unsigned bringer, uint64_t number)
{
    cell *c = &s.cells[bringer][number % CELLS];
    if (atomic_load_explicit(&c->is_used, memory_order_acquire) != 0) {
        return NULL;
    }
    c->number = number;
    atomic_store_explicit(&c->is_used, 1, memory_order_relaxed);
    return c;
}

/* Every number below num_tickets has been taken as often as there are bringers. */
static void check_sums(uint64_t num_bringers)
{
    sums all = {.count = 0}, expected = {.count = 0};
    for (int i = 0; i < 4; i++) {
        all.count += s.taken[i].count;
        all.sum += s.taken[i].sum;
        all.sum_of_squares += s.taken[i].sum_of_squares;
        all.num_disordered += s.taken[i].num_disordered;
    }
    for (uint64_t n = 0; n < s.num_tickets; n++) {
        expected.count += num_bringers;
        expected.sum += num_bringers * n;
        expected.sum_of_squares += num_bringers * n * n;
    }
    assert_true(all.count == expected.count);
    assert_true(all.sum == expected.sum);
    assert_true(all.sum_of_squares == expected.sum_of_squares);
    assert_true(all.num_disordered == 0);
}

static void run(uint64_t num_tickets, unsigned num_bringers, void *(*const bodies[4])(void *))
{
    pthread_t threads[4];
    int num_threads = 0;
    memset(s.cells, 0, sizeof s.cells);
    memset(s.taken, 0, sizeof s.taken);
    s.num_tickets = num_tickets;
    s.seed = testing_seed();
    testing_watchdog(testing_full() ? 800 : 100); /* a lost ticket is waited for */
    atomic_init(&s.next_thread, 0);
    atomic_init(&s.num_bringing, num_bringers);
    atomic_init(&s.num_taken, 0);
    while (num_threads < 4 && bodies[num_threads] != NULL) {
        testing_start(&threads[num_threads], bodies[num_threads], NULL);
        num_threads++;
    }
    while (num_threads > 0) {
        testing_join(threads[--num_threads]);
    }
    testing_watchdog(0);
    check_sums(num_bringers);
}

/* -- deque ------------------------------------------------------------------------------------- */

static bool pop(sums *mine)
{
    void *ticket = deque_pop_owner(&s.d);
    if (ticket != NULL) {
        take(mine, ticket);
    }
    return ticket != NULL;
}

/* Pushes and pops a few at a time: owner and thieves meet where the deque is nearly empty. */
static void *own(void *context)
{
    (void)context;
    sums *mine = &s.taken[atomic_fetch_add(&s.next_thread, 1)];
    testing_random random = testing_random_of(s.seed, 0);
    uint64_t next = 0;
    while (next < s.num_tickets) {
        uint64_t bits = testing_random_next(&random) >> 16;
        for (uint64_t pushes = 1 + bits % 4; pushes > 0 && next < s.num_tickets; pushes--) {
            void *ticket = ticket_of(0, next);
            if (ticket == NULL) {
                break;
            }
            if (!deque_push_owner(&s.d, ticket)) {
                take(mine, ticket); /* there is no room: it does not go through the deque */
            }
            next++;
        }
        for (uint64_t pops = (bits >> 8) % 5; pops > 0; pops--) {
            pop(mine);
        }
        if ((bits >> 16) % 512 == 0) {
            sched_yield(); /* lets the thieves in where there are fewer CPUs than threads */
        }
    }
    while (pop(mine)) {
    }
    atomic_fetch_sub(&s.num_bringing, 1);
    return NULL;
}

static void *steal(void *context)
{
    (void)context;
    sums *mine = &s.taken[atomic_fetch_add(&s.next_thread, 1)];
    unsigned looks = 0;
    while (atomic_load(&s.num_bringing) > 0) {
        void *ticket = deque_steal_any(&s.d);
        if (ticket != NULL) {
            take(mine, ticket);
        } else {
            testing_relax(&looks);
        }
    }
    return NULL;
}

static void a_deque_gives_each_ticket_once(void **state)
{
    (void)state;
    deque_init(&s.d);
    run(num_operations() / 4, 1, (void *(*const[4])(void *)){own, steal, steal});
    assert_true(deque_looks_empty_any(&s.d));
}

/* -- ring -------------------------------------------------------------------------------------- */

static void *produce(void *context)
{
    (void)context;
    unsigned self = atomic_fetch_sub(&s.num_bringing, 1) - 1, looks = 0;
    testing_random random = testing_random_of(s.seed, self);
    for (uint64_t next = 0, count; next < s.num_tickets; next += count) {
        uint64_t position, left = s.num_tickets - next;
        count = 1 + testing_random_below(&random, AT_ONCE);
        count = count < left ? count : left;
        while (!ring_reserve_any(&s.r, count, &position)) {
            testing_relax(&looks);
        }
        for (uint64_t i = 0; i < count; i++) {
            void *ticket;
            while ((ticket = ticket_of(self, next + i)) == NULL) {
                testing_relax(&looks);
            }
            ring_publish_any(&s.r, position + i, ticket);
        }
    }
    return NULL;
}

/* Until as many have come, all in all, as were brought. */
static void *consume(void *context)
{
    (void)context;
    sums *mine = &s.taken[atomic_fetch_add(&s.next_thread, 1)];
    uint64_t least[2] = {0}; /* that may come next, of each producer */
    unsigned looks = 0;
    uint64_t end = 2 * s.num_tickets;
    while (atomic_load_explicit(&s.num_taken, memory_order_relaxed) < end) {
        void *tickets[AT_ONCE];
        size_t count = ring_pop_any(&s.r, tickets, AT_ONCE);
        for (size_t i = 0; i < count; i++) {
            cell *c = tickets[i];
            unsigned producer = c >= s.cells[1];
            mine->num_disordered += c->number < least[producer];
            least[producer] = c->number + 1;
            take(mine, c);
        }
        if (count > 0) {
            atomic_fetch_add_explicit(&s.num_taken, count, memory_order_relaxed);
        } else {
            testing_relax(&looks);
        }
    }
    return NULL;
}

static void a_ring_gives_each_ticket_once_and_in_its_producers_order(void **state)
{
    (void)state;
    ring_init(&s.r, s.slots, RING_CAPACITY);
    run(num_operations() / 8, 2, (void *(*const[4])(void *)){produce, produce, consume, consume});
    assert_true(ring_looks_empty_any(&s.r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deque_gives_each_ticket_once),
        cmocka_unit_test(a_ring_gives_each_ticket_once_and_in_its_producers_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
