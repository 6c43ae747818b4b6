/*
 * Sleeping host threads. The ordering ledger is in waiters.h.
 *
 * A waiter first looks for a while without sleeping: a small job often takes less than the two
 * context switches that sleeping costs. Two things that hash to one bucket wake each
 * other's waiters, which then look and sleep again.
 */
#include "waiters.h"

#include <limits.h>
#include <sched.h>

#define WAITERS_SPINS_PER_CLOCK 16

void waiters_init(waiters *w, uint64_t spin_ns)
{
    w->spin_ns = spin_ns;
    for (int i = 0; i < WAITERS_BUCKETS; i++) {
        atomic_init(&w->buckets[i].num_waiting, 0);
        atomic_init(&w->buckets[i].epoch, 0);
    }
}

static bool waiters_spin(const waiters *w, bool (*predicate)(void *context), void *context,
                         uint64_t deadline_ns)
{
    uint64_t end_ns = 0;
    for (uint32_t round = 1;; round++) {
        if (predicate(context)) {
            return true;
        }
        if (round % WAITERS_SPINS_PER_CLOCK == 0) {
            uint64_t now_ns = base_now_ns();
            end_ns = end_ns == 0 ? now_ns + w->spin_ns : end_ns;
            end_ns = end_ns < deadline_ns ? end_ns : deadline_ns;
            if (now_ns >= end_ns) {
                return false;
            }
            sched_yield(); /* whoever is to do it may wait for this CPU */
        }
        base_cpu_relax();
    }
}

bool waiters_wait(waiters *w, const void *what, bool (*predicate)(void *context), void *context,
                  uint64_t deadline_ns)
{
    if (waiters_spin(w, predicate, context, deadline_ns)) {
        return true;
    }
    waiters_bucket *bucket = &w->buckets[base_hash_address(what, WAITERS_BUCKETS)];
    bool holds = false;
    atomic_fetch_add_explicit(&bucket->num_waiting, 1, memory_order_seq_cst); /* W1 */
    for (;;) {
        uint32_t epoch = atomic_load_explicit(&bucket->epoch, memory_order_acquire); /* W2 */
        holds = predicate(context);
        if (holds || (deadline_ns != YOKE_FOREVER && base_now_ns() >= deadline_ns)) {
            break;
        }
        base_futex_wait(&bucket->epoch, epoch, deadline_ns);
    }
    atomic_fetch_sub_explicit(&bucket->num_waiting, 1, memory_order_seq_cst);
    return holds;
}

void waiters_wake_bucket(waiters_bucket *bucket)
{
    atomic_fetch_add_explicit(&bucket->epoch, 1, memory_order_release); /* W2 */
    base_futex_wake(&bucket->epoch, INT_MAX);
}

uint64_t waiters_deadline_ns(uint64_t timeout_ns)
{
    uint64_t deadline_ns;
    if (timeout_ns == YOKE_FOREVER) {
        return YOKE_FOREVER;
    }
    bool over = __builtin_add_overflow(base_now_ns(), timeout_ns, &deadline_ns);
    return over || deadline_ns > INT64_MAX ? YOKE_FOREVER : deadline_ns;
}
