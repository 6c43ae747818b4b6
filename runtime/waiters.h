/*
 * Host threads that sleep until a job settles, a group empties or the inbox has room.
 *
 * The buckets belong to the runtime and are found by hashing the address waited for, so a waker
 * never touches the thing itself after the store that lets its owner free it.
 *
 * Threads: both functions by any thread.
 *
 * Ordering ledger
 *   W1  result before the look for waiters    caller of waiters_wake: stores the result (seq_cst);
 *       waiters_wake: load num_waiting (seq_cst)
 *       announcement before the look at the result    waiters_wait: add to num_waiting (seq_cst);
 *       the predicate: load the result (seq_cst)
 *       if broken: a thread sleeps for ever on a result that is already there.
 *   W2  epoch    wake: add (release)    wait: load (acquire) before the predicate
 *       if broken: a wake-up between predicate and sleep is missed.
 */
#ifndef YOKE_WAITERS_H
#define YOKE_WAITERS_H

#include "base.h"

#define WAITERS_BUCKETS 256

typedef struct waiters_bucket {
    _Alignas(BASE_LINE_BYTES) _Atomic uint32_t num_waiting;
    _Atomic uint32_t epoch; /* the futex */
} waiters_bucket;

typedef struct waiters {
    uint64_t spin_ns; /* constant */
    waiters_bucket buckets[WAITERS_BUCKETS];
} waiters;

/* spin_ns: how long a waiter looks again before it sleeps. */
void waiters_init(waiters *w, uint64_t spin_ns);

/* Blocks until predicate(context) holds or CLOCK_MONOTONIC passes deadline_ns (YOKE_FOREVER: no
 * limit). Returns whether it holds. `what` is the address that the waker will name. */
bool waiters_wait(waiters *w, const void *what, bool (*predicate)(void *context), void *context,
                  uint64_t deadline_ns);

/* When a wait of timeout_ns that begins now ends. */
uint64_t waiters_deadline_ns(uint64_t timeout_ns);

/* The slow half of waiters_wake. */
void waiters_wake_bucket(waiters_bucket *bucket);

/* Wakes whoever waits for `what`; the caller has just stored its result with seq_cst (W1).
 * `what` is only hashed: it may be gone. */
static inline void waiters_wake(waiters *w, const void *what)
{
    waiters_bucket *bucket = &w->buckets[base_hash_address(what, WAITERS_BUCKETS)];
    if (atomic_load_explicit(&bucket->num_waiting, memory_order_seq_cst) > 0) { /* W1 */
        waiters_wake_bucket(bucket);
    }
}

#endif
