/*
 * Parking and waking of workers. The rules and the ordering ledger are in park.h.
 *
 * Each worker sleeps on a futex of its own, so a wake-up goes to one chosen worker, and the count
 * of searchers can be handed over with it: a waker adds the searcher before the woken worker runs,
 * which is what keeps a burst of submits from waking everybody.
 */
#include "park.h"

#include "base.h"

/* The system calls that this file is made of. */
#ifndef PARK_WAIT
#define PARK_WAIT(word, expected) base_futex_wait(word, expected, YOKE_FOREVER)
#endif
#ifndef PARK_WAKE
#define PARK_WAKE(word) base_futex_wake(word, 1)
#endif

void park_init(park *p, park_sleeper *sleepers, uint32_t num_sleepers)
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

void park_announce_worker(park *p, uint32_t index)
{
    /* Counted before it can be picked, so that a waker's decrement never goes below zero. */
    atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_seq_cst);
    atomic_store_explicit(&p->sleepers[index].state, PARK_PARKED, memory_order_seq_cst); /* P2 */
    atomic_fetch_sub_explicit(&p->num_searching, 1, memory_order_seq_cst);               /* P3 */
    PARK_HEAVY_FENCE();                                                                  /* P1 */
}

/* A sleeper that is PARKED becomes `to`; false: somebody else was quicker. */
static bool park_leave(park *p, uint32_t index, uint32_t to)
{
    uint32_t expected = PARK_PARKED;
    if (!atomic_compare_exchange_strong_explicit(&p->sleepers[index].state, &expected, to,
                                                 memory_order_seq_cst, memory_order_seq_cst)) {
        return false; /* P2 */
    }
    atomic_fetch_sub_explicit(&p->num_parked, 1, memory_order_seq_cst);
    return true;
}

void park_retract_worker(park *p, uint32_t index)
{
    park_search_worker(p); /* first, so that a waker never finds num_parked up and nobody there */
    if (!park_leave(p, index, PARK_AWAKE)) { /* notified meanwhile, and counted by the waker */
        park_found_worker(p);
        atomic_store_explicit(&p->sleepers[index].state, PARK_AWAKE, memory_order_seq_cst);
    }
}

void park_sleep_worker(park *p, uint32_t index)
{
    _Atomic uint32_t *state = &p->sleepers[index].state;
    while (atomic_load_explicit(state, memory_order_seq_cst) == PARK_PARKED) {
        PARK_WAIT(state, PARK_PARKED);
    }
    atomic_store_explicit(state, PARK_AWAKE, memory_order_seq_cst);
}

/* Notifies one parked worker, whom the caller has counted as a searcher already. */
static bool park_notify_one(park *p)
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

bool park_wake_one_any(park *p)
{
    PARK_HEAVY_FENCE(); /* P1 */
    return park_wake_one_reserved_any(p);
}

bool park_wake_one_slow_any(park *p)
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

void park_wake_worker_any(park *p, uint32_t index)
{
    park_search_worker(p); /* on behalf of the woken one */
    if (park_leave(p, index, PARK_NOTIFIED)) {
        PARK_WAKE(&p->sleepers[index].state);
    } else if (park_found_worker(p)) {
        park_wake_one_any(p); /* somebody may have trusted the searcher that we were for a moment */
    }
}

void park_wake_all_any(park *p)
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
