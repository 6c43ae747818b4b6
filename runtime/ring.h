/*
 * A bounded ring of tickets, many producers and many consumers: the inbox and
 * the lanes.
 *
 * Source: Vyukov's bounded MPMC queue (1024cores.net), with reservations of several slots at a
 * time. Producers reserve slots and then publish a ticket in each; consumers take whole runs of
 * published slots. Any thread may call any function beside any other; order is first in, first
 * out by reservation. Nothing is allocated but at ring_init.
 *
 * Each slot has a turn. For the slot of position p (p counts up for ever, the slot is p modulo the
 * capacity): turn == 2p: free for the producer of p; turn == 2p + 1: holds the ticket of p;
 * turn == 2(p + capacity): taken, free for the next round. (Vyukov's p and p + 1 would be ambiguous
 * at capacity 1.)
 *
 * A producer that is interrupted between reserve and publish holds up what was reserved after it.
 * It always publishes in the end, and then wakes a worker, so this costs time and never a ticket.
 *
 * Ordering ledger
 *   R1  ticket before turn    publish: store turn (release)    pop: load turn (acquire)
 *       if broken: a consumer reads the slot before the ticket, or the job before its fields.
 *   R2  slot read before reuse    pop: store turn (release)    reserve: load turn (acquire)
 *       if broken: a producer of the next round writes over a ticket that is not yet read.
 *   R3  work before the look at sleepers    reserve: compare-exchange of tail (seq_cst), then the
 *       producer looks who sleeps: P1 of park.h, without a fence
 *       if broken: a worker parks while a ticket is on its way into the ring.
 *   head is claimed by relaxed compare-exchanges, and tail needs no more than that for the ring
 *   itself: they only hand out positions, each once; R1 and R2 carry the data.
 */
#ifndef YOKE_RING_H
#define YOKE_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whoever reserves will soon write the slots that come next, and a consumer wrote them last: they
 * are fetched that many ahead. */
#define RING_AHEAD 8

typedef struct ring_slot {
    _Atomic uint64_t turn;
    void *ticket;
} ring_slot;

typedef struct ring {
    ring_slot *slots;
    uint64_t capacity;                 /* a power of two */
    alignas(64) _Atomic uint64_t tail; /* next position to reserve */
    alignas(64) _Atomic uint64_t head; /* next position to take */
} ring;

/* slots: capacity of them, the caller's, for as long as the ring is used. */
static inline void ring_init(ring *r, ring_slot *slots, uint64_t capacity)
{
    r->slots = slots;
    r->capacity = capacity;
    atomic_init(&r->tail, 0);
    atomic_init(&r->head, 0);
    for (uint64_t i = 0; i < capacity; i++) {
        atomic_init(&slots[i].turn, 2 * i);
        slots[i].ticket = NULL;
    }
}

static inline ring_slot *ring_slot_at(ring *r, uint64_t position)
{
    return &r->slots[position & (r->capacity - 1)];
}

/* Reserves `count` positions from *first on, all or none; each must then be published. False: not
 * so many are free. */
static inline bool ring_reserve_any(ring *r, uint64_t count, uint64_t *first)
{
    if (count > r->capacity) {
        return false;
    }
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    for (;;) {
        uint64_t i = 0;
        int64_t ahead = 0;
        while (i < count && ahead == 0) {
            uint64_t turn = atomic_load_explicit(&ring_slot_at(r, tail + i)->turn,
                                                 memory_order_acquire); /* R2 */
            ahead = (int64_t)(turn - 2 * (tail + i));
            i++;
        }
        if (ahead < 0) { /* not taken yet since the last round: full, unless tail is old */
            uint64_t now = atomic_load_explicit(&r->tail, memory_order_relaxed);
            if (now == tail) {
                return false;
            }
            tail = now;
        } else if (ahead > 0) { /* others have been here: tail is old */
            tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(
                       &r->tail, &tail, tail + count, memory_order_seq_cst, memory_order_relaxed)) {
            /* R3 */
            __builtin_prefetch(ring_slot_at(r, tail + count + RING_AHEAD), 1);
            *first = tail;
            return true;
        }
    }
}

static inline void ring_publish_any(ring *r, uint64_t position, void *ticket)
{
    ring_slot *slot = ring_slot_at(r, position);
    slot->ticket = ticket;
    atomic_store_explicit(&slot->turn, 2 * position + 1, memory_order_release); /* R1 */
}

/* Takes up to `max` of the oldest published tickets; returns how many. */
static inline size_t ring_pop_any(ring *r, void **tickets, size_t max)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    uint64_t count;
    do {
        count = 0;
        while (count < max &&
               atomic_load_explicit(&ring_slot_at(r, head + count)->turn, memory_order_acquire) ==
                   2 * (head + count) + 1) { /* R1 */
            count++;
        }
        if (count == 0) {
            uint64_t now = atomic_load_explicit(&r->head, memory_order_relaxed);
            if (now == head) {
                return 0;
            }
            head = now;
        }
    } while (count == 0 ||
             !atomic_compare_exchange_weak_explicit(&r->head, &head, head + count,
                                                    memory_order_relaxed, memory_order_relaxed));
    for (uint64_t i = 0; i < count; i++) {
        ring_slot *slot = ring_slot_at(r, head + i);
        tickets[i] = slot->ticket;
        atomic_store_explicit(&slot->turn, 2 * (head + i + r->capacity),
                              memory_order_release); /* R2 */
    }
    return count;
}

/* How many positions have ever been reserved. */
static inline uint64_t ring_reserved_any(ring *r)
{
    return atomic_load_explicit(&r->tail, memory_order_relaxed);
}

/* A hint: how many positions are reserved and not taken. */
static inline uint64_t ring_count_any(ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    return tail > head ? tail - head : 0;
}

/* A hint: the oldest ticket that is not taken, or the one so many behind it, has been published. */
static inline bool ring_has_published_any(ring *r, uint64_t behind)
{
    uint64_t position = atomic_load_explicit(&r->head, memory_order_relaxed) + behind;
    return atomic_load_explicit(&ring_slot_at(r, position)->turn, memory_order_relaxed) ==
           2 * position + 1;
}

/* A hint, as deque_looks_empty_any: nothing is reserved that is not taken. What is reserved counts
 * as work, though it is published only a moment later: so the reservation announces it (R3). */
static inline bool ring_looks_empty_any(ring *r)
{
    return ring_count_any(r) == 0;
}

#endif
