/*
 * Snapshots over userspace RCU, urcu-bp flavour: readers need no registration, which host threads
 * would forget. _LGPL_SOURCE inlines the read side.
 *
 * The pointer itself is a C11 atomic, so ThreadSanitizer follows it; the grace period is told to
 * ThreadSanitizer by hand, since liburcu 0.13 is not instrumented: every read section before the
 * grace period happens before its end.
 *
 * Ordering ledger
 *   S1  contents before pointer    publish: exchange (acq_rel)
 *       read_begin: load (acquire; consume would do, but no compiler has it)
 *       if broken: a reader sees a snapshot that is not filled in yet.
 */
#include "snapshot.h"

#if !defined(__SANITIZE_ADDRESS__) /* liburcu 0.13 misaligns its readers, and UBSan would say so   \
                                    */
#define _LGPL_SOURCE
#endif
#define URCU_API_MAP
#include <urcu/urcu-bp.h>

#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static char snapshot_grace;
#define SNAPSHOT_READ_ENDS() __tsan_release(&snapshot_grace)
#define SNAPSHOT_GRACE_ENDS() __tsan_acquire(&snapshot_grace)
#else
#define SNAPSHOT_READ_ENDS() ((void)0)
#define SNAPSHOT_GRACE_ENDS() ((void)0)
#endif

void snapshot_set_policy(snapshot *s, const yoke_policy *policy)
{
    s->mode = policy->routing.mode;
    s->path = policy->gpu.path;
    s->wait_us_max = policy->batching.wait_us_max;
    s->break_even_cost = policy->routing.break_even_cost;
    s->target_cost = policy->batching.target_start;
}

void snapshot_init(snapshot_cell *cell, snapshot *first)
{
    atomic_init(&cell->current, first);
}

const snapshot *snapshot_read_begin(snapshot_cell *cell)
{
    urcu_bp_read_lock();
    return atomic_load_explicit(&cell->current, memory_order_acquire); /* S1 */
}

void snapshot_read_end(void)
{
    SNAPSHOT_READ_ENDS();
    urcu_bp_read_unlock();
}

snapshot *snapshot_publish(snapshot_cell *cell, snapshot *next)
{
    snapshot *before =
        atomic_exchange_explicit(&cell->current, next, memory_order_acq_rel); /* S1 */
    urcu_bp_synchronize_rcu();
    SNAPSHOT_GRACE_ENDS();
    return before;
}
