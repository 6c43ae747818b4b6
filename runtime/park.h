/*
 * Where workers sleep, and who wakes them: an eventcount with a sleeper per worker.
 *
 * A worker is running, searching (counted in num_searching) or parked. Two rules keep wake-ups
 * few and lose none:
 *   - whoever makes work visible calls park_wake_one_any. It wakes nobody while somebody searches;
 *     otherwise it picks one parked worker and makes it a searcher before it is awake.
 *   - a searcher that finds work stops counting as one; if it was the last, it must look whether
 *     more work is visible and then call park_wake_one_any itself, for others may have trusted it.
 * A worker parks in three steps: announce; look once more at every queue; sleep or retract.
 * Parked workers cost nothing: there are no time-outs.
 *
 * Each worker sleeps on a futex of its own, so a wake-up goes to one chosen worker, and the count
 * of searchers can be handed over with it: a waker adds the searcher before the woken worker runs,
 * which is what keeps a burst of submits from waking everybody.
 *
 * Needs nothing but C11 if PARK_WAIT and PARK_WAKE are defined; may then be included alone.
 *
 * Threads: *_worker(p, i) by worker i alone; *_any by any thread.
 *
 * Ordering ledger
 *   P1  work before the look at sleepers    wake_one: fence (seq_cst) after the caller's push; or
 *       wake_one_reserved: the caller's seq_cst read-modify-write, load num_parked (seq_cst)
 *       announcement before the look at work    announce: add to num_parked (seq_cst), fence
 *       (seq_cst) before the caller's look
 *       if broken: a worker parks while the ticket that should have woken it lies in a queue.
 *   P2  a parked worker is woken once    state: compare-exchange PARKED -> NOTIFIED (waker) against
 *       PARKED -> AWAKE (the worker's own retraction)
 *       if broken: a count of searchers stays up for ever and nobody is woken again.
 *   P3  the count of searchers is a promise    all its changes are seq_cst. A waker that read it as
 *       not zero came before the searcher's decrement, so the searcher's later look sees that
 *       waker's work (P1 again).
 */
#ifndef YOKE_PARK_H
#define YOKE_PARK_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The system calls. A user of this file alone defines both before it includes it. */
#ifndef PARK_WAIT
#include "base.h"
#define PARK_WAIT(word, expected) base_futex_wait(word, expected, YOKE_FOREVER)
#define PARK_WAKE(word) base_futex_wake(word, 1)
#endif

/* The full fence of who parks or publishes without a read-modify-write. (Asymmetric fences, a
 * system call here and nothing there, are not needed: the hot path announces its work by the
 * reservation in a ring that it makes anyway.) */
#ifndef PARK_HEAVY_FENCE
#define PARK_HEAVY_FENCE() atomic_thread_fence(memory_order_seq_cst)
#endif

enum { PARK_AWAKE, PARK_PARKED, PARK_NOTIFIED };

typedef struct park_sleeper {
    alignas(64) _Atomic uint32_t state; /* the futex */
} park_sleeper;

typedef struct park {
    alignas(64) _Atomic uint32_t num_searching;
    _Atomic uint32_t num_parked;
    _Atomic uint32_t next; /* where the search for a parked worker starts */
    uint32_t num_sleepers;
    park_sleeper *sleepers;
} park;

/* sleepers: one for each worker, the caller's, for as long as the park is used. */
static inline void park_init(park *p, park_sleeper *sleepers, uint32_t num_sleepers)
{
    atomic_init(&p->num_searching, 0);
    atomic_init(&p->num_parked, 0);
    atomic_init(&p->next, 0);
    p->num_sleepers = num_sleepers;
    p->sleepers = sleepers;
    for (uint32_t i = 0; i < num_sleepers; i++) {
        atomic_init(&sleepers[i].state, PARK_AWAKE);
    }
}

/* Running -> searching. */
static inline void park_search_worker(park *p)
{
    atomic_fetch_add_explicit(&p->num_searching, 1, memory_order_seq_cst); /* P3 */
}

/* Searching -> running. True: it was the last searcher, and owes the others a look. */
static inline bool park_found_worker(park *p)
{
    bool last = atomic_fetch_sub_explicit(&p->num_searching, 1, memory_order_seq_cst) == 1; /* P3 */
    if (last) {
        PARK_HEAVY_FENCE(); /* P3 */
    }
    return last;
}

/* Searching -> announced. The caller then looks at every queue, and sleeps or retracts. */
static inline void park_announce_worker(park *p, uint32_t index)
{
    /* Counted before it can be picked, so that a waker's decrement never goes below zero. */
    atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_seq_cst);
    atomic_store_explicit(&p->sleepers[index].state, PARK_PARKED, memory_order_seq_cst); /* P2 */
    atomic_fetch_sub_explicit(&p->num_searching, 1, memory_order_seq_cst);               /* P3 */
    PARK_HEAVY_FENCE();                                                                  /* P1 */
}

/* A sleeper that is PARKED becomes `to`; false: somebody else was quicker. */
static inline bool park_leave(park *p, uint32_t index, uint32_t to)
{
    uint32_t expected = PARK_PARKED;
    if (!atomic_compare_exchange_strong_explicit(&p->sleepers[index].state, &expected, to,
                                                 memory_order_seq_cst, memory_order_seq_cst)) {
        return false; /* P2 */
    }
    atomic_fetch_sub_explicit(&p->num_parked, 1, memory_order_seq_cst);
    return true;
}

/* Announced -> searching. */
static inline void park_retract_worker(park *p, uint32_t index)
{
    park_search_worker(p); /* first, so that a waker never finds num_parked up and nobody there */
    if (!park_leave(p, index, PARK_AWAKE)) { /* notified meanwhile, and counted by the waker */
        park_found_worker(p);
        atomic_store_explicit(&p->sleepers[index].state, PARK_AWAKE, memory_order_seq_cst);
    }
}

/* Announced -> parked -> searching, when somebody wakes it. */
static inline void park_sleep_worker(park *p, uint32_t index)
{
    _Atomic uint32_t *state = &p->sleepers[index].state;
    while (atomic_load_explicit(state, memory_order_seq_cst) == PARK_PARKED) {
        PARK_WAIT(state, PARK_PARKED);
    }
    atomic_store_explicit(state, PARK_AWAKE, memory_order_seq_cst);
}

/* Notifies one parked worker, whom the caller has counted as a searcher already. */
static inline bool park_notify_one(park *p)
{
    uint32_t start = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < p->num_sleepers; i++) {
        uint32_t index = (start + i) % p->num_sleepers;
        uint32_t state = atomic_load_explicit(&p->sleepers[index].state, memory_order_relaxed);
        if (state == PARK_PARKED && park_leave(p, index, PARK_NOTIFIED)) {
            PARK_WAKE(&p->sleepers[index].state);
            return true;
        }
    }
    return false;
}

/* The slow half of the next: somebody is parked. */
static inline bool park_wake_one_slow_any(park *p)
{
    do {
        uint32_t none = 0;
        if (!atomic_compare_exchange_strong_explicit(&p->num_searching, &none, 1,
                                                     memory_order_seq_cst, memory_order_seq_cst)) {
            return false; /* P3: somebody searches, and will look again before it parks */
        }
        if (park_notify_one(p)) {
            return true;
        }
        /* All left the park by themselves. While we counted as a searcher another waker may have
         * trusted us, and a worker may have parked since: look again. */
        atomic_fetch_sub_explicit(&p->num_searching, 1, memory_order_seq_cst); /* P3 */
        PARK_HEAVY_FENCE();                                                    /* P1 */
    } while (atomic_load_explicit(&p->num_parked, memory_order_relaxed) > 0);
    return false;
}

/* As park_wake_one_any, where the caller's work was announced by a seq_cst read-modify-write of
 * something that the sleepers' look reads (R3 in ring.h): no fence is needed then (P1). */
static inline bool park_wake_one_reserved_any(park *p)
{
    return atomic_load_explicit(&p->num_parked, memory_order_seq_cst) > 0 &&     /* P1 */
           atomic_load_explicit(&p->num_searching, memory_order_seq_cst) == 0 && /* P3 */
           park_wake_one_slow_any(p);
}

/* Wakes one worker if one is parked and none searches. True: it woke one. */
static inline bool park_wake_one_any(park *p)
{
    PARK_HEAVY_FENCE(); /* P1 */
    return park_wake_one_reserved_any(p);
}

/* Wakes this worker if it is parked; as a searcher, like any. */
static inline void park_wake_worker_any(park *p, uint32_t index)
{
    park_search_worker(p); /* on behalf of the woken one */
    if (park_leave(p, index, PARK_NOTIFIED)) {
        PARK_WAKE(&p->sleepers[index].state);
    } else if (park_found_worker(p)) {
        park_wake_one_any(p); /* somebody may have trusted the searcher that we were for a moment */
    }
}

/* Wakes all that are parked, so that they look again. A worker that counted as the last searcher
 * for a moment here owes nobody a look: those that are woken look themselves. */
static inline void park_wake_all_any(park *p)
{
    bool owes = false; /* somebody may have trusted the searcher that we were for a moment */
    for (uint32_t i = 0; i < p->num_sleepers; i++) {
        park_search_worker(p); /* on behalf of the woken one */
        if (park_leave(p, i, PARK_NOTIFIED)) {
            PARK_WAKE(&p->sleepers[i].state);
        } else {
            owes |= park_found_worker(p);
        }
    }
    if (owes) {
        park_wake_one_any(p);
    }
}

/* A hint: the worker has been woken and does not run yet. */
static inline bool park_is_starting_any(park *p, uint32_t index)
{
    return atomic_load_explicit(&p->sleepers[index].state, memory_order_relaxed) == PARK_NOTIFIED;
}

/* A hint: some worker has nothing to do. */
static inline bool park_has_hungry_any(park *p)
{
    return atomic_load_explicit(&p->num_parked, memory_order_relaxed) +
               atomic_load_explicit(&p->num_searching, memory_order_relaxed) >
           0;
}

#endif
