/*
 * A worker's deque of tickets: Chase-Lev with a fixed ring.
 *
 * One owner pushes and pops at the bottom, in LIFO order; any thread steals from the top. Source:
 * Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005), in the C11 form of Le, Pop,
 * Cohen and Zappa Nardelli (PPoPP 2013), with release stores of `bottom` in place of the release
 * fence. Needs nothing but C11; may be included alone. DEQUE_CAPACITY is a power of two.
 *
 * Who may call what, beside whom:
 *                 push_owner   pop_owner   steal_any   looks_empty_any
 *   push_owner    -            -           yes         yes
 *   pop_owner     -            -           yes         yes
 *   steal_any     yes          yes         yes         yes
 * A ticket pushed is returned by exactly one pop or steal. steal_any may come back empty-handed
 * from a deque that is not empty, when another thread takes the ticket it was after.
 *
 * Ordering ledger
 *   Q1  ticket before bottom
 *       push_owner: store bottom (release)    steal_any: load bottom (acquire)
 *       if broken: a thief reads a slot before the ticket, or a job before its fields, is written.
 *       Every store of bottom is a release, also those of pop_owner: a relaxed one between push and
 *       steal would end the release sequence that the thief's load relies on.
 *   Q2  bottom against top    pop_owner: store bottom, fence, load top
 *       steal_any: load top, fence, load bottom (both fences seq_cst)
 *       if broken: owner and thief both take the last ticket.
 *   Q3  who gets the ticket    pop_owner and steal_any: compare-exchange of top (seq_cst)
 *       if broken: two thieves, or the owner and a thief, take one ticket.
 *   Q4  slot free again    space_owner: load top (acquire)    steal_any: compare-exchange of top
 *       if broken: the owner writes over a slot that a thief has yet to read.
 */
#ifndef YOKE_DEQUE_H
#define YOKE_DEQUE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef DEQUE_CAPACITY
#define DEQUE_CAPACITY 4096
#endif

typedef struct deque {
    alignas(64) _Atomic int64_t top;    /* next to steal; only ever grows */
    alignas(64) _Atomic int64_t bottom; /* next free; written by the owner alone */
    int64_t top_seen;                   /* the owner's: top was that once */
    alignas(64) _Atomic(void *) slots[DEQUE_CAPACITY];
} deque;

static inline void deque_init(deque *d)
{
    atomic_init(&d->top, 0);
    atomic_init(&d->bottom, 0);
    d->top_seen = 0;
    for (size_t i = 0; i < DEQUE_CAPACITY; i++) {
        atomic_init(&d->slots[i], NULL);
    }
}

static inline _Atomic(void *) *deque_slot(deque *d, int64_t index)
{
    return &d->slots[(uint64_t)index & (DEQUE_CAPACITY - 1)];
}

/* How many tickets still fit; thieves can only make it more. */
static inline size_t deque_space_owner(deque *d)
{
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed);
    d->top_seen = atomic_load_explicit(&d->top, memory_order_acquire); /* Q4 */
    return (size_t)(DEQUE_CAPACITY - (b - d->top_seen));
}

/* Whether so many still fit. Looks at top, which thieves keep busy, only if it must. */
static inline bool deque_has_space_owner(deque *d, size_t count)
{
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed);
    return count <= (size_t)(DEQUE_CAPACITY - (b - d->top_seen)) || count <= deque_space_owner(d);
}

/* False: the ring is full and nothing was pushed. */
static inline bool deque_push_owner(deque *d, void *ticket)
{
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed);
    if (!deque_has_space_owner(d, 1)) {
        return false;
    }
    atomic_store_explicit(deque_slot(d, b), ticket, memory_order_relaxed);
    atomic_store_explicit(&d->bottom, b + 1, memory_order_release); /* Q1 */
    return true;
}

/* The ticket pushed last, or NULL. */
static inline void *deque_pop_owner(deque *d)
{
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed) - 1;
    atomic_store_explicit(&d->bottom, b, memory_order_release); /* Q1 */
    atomic_thread_fence(memory_order_seq_cst);                  /* Q2 */
    int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);
    if (t > b) {                                                        /* it was empty */
        atomic_store_explicit(&d->bottom, b + 1, memory_order_release); /* Q1 */
        return NULL;
    }
    void *ticket = atomic_load_explicit(deque_slot(d, b), memory_order_relaxed);
    if (t == b) { /* the last one: a thief may be after it too */
        if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
                                                     memory_order_relaxed)) { /* Q3 */
            ticket = NULL;
        }
        atomic_store_explicit(&d->bottom, b + 1, memory_order_release); /* Q1 */
    }
    return ticket;
}

/* The same where nobody ever steals: no fence, no read-modify-write. */
static inline void *deque_pop_alone_owner(deque *d)
{
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed);
    if (atomic_load_explicit(&d->top, memory_order_relaxed) == b) {
        return NULL;
    }
    atomic_store_explicit(&d->bottom, b - 1, memory_order_relaxed);
    return atomic_load_explicit(deque_slot(d, b - 1), memory_order_relaxed);
}

/* The oldest ticket, or NULL. */
static inline void *deque_steal_any(deque *d)
{
    int64_t t = atomic_load_explicit(&d->top, memory_order_acquire);    /* Q4 */
    atomic_thread_fence(memory_order_seq_cst);                          /* Q2 */
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_acquire); /* Q1 */
    if (t >= b) {
        return NULL;
    }
    void *ticket = atomic_load_explicit(deque_slot(d, t), memory_order_relaxed);
    if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
                                                 memory_order_relaxed)) { /* Q3 */
        return NULL;
    }
    return ticket;
}

/* A hint: how many tickets it holds. */
static inline size_t deque_count_any(deque *d)
{
    int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed);
    return b > t ? (size_t)(b - t) : 0;
}

/* A hint: true may be out of date at once. After a seq_cst fence it sees every push that came
 * before a seq_cst fence of the pusher's; park.h relies on that. */
static inline bool deque_looks_empty_any(deque *d)
{
    int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed);
    return t >= b;
}

#endif
