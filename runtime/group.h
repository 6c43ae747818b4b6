/*
 * Groups: a count of unsettled jobs, their first failure, and the jobs that start after them.
 *
 * A group is 16 bytes of the caller's memory: a word (count, and a bit that says jobs are deferred
 * until it is empty) and a status. Deferred jobs wait in the runtime's own table, hashed by the
 * group's address, so that destroy finds them and a group has no memory to free. As long as the
 * bit is set the group does not count as empty for yoke_group_wait: whoever cleared the count to
 * zero may still look at the group until it has cleared the bit.
 *
 * Threads: any for all. A bucket's mutex guards its list and the setting and clearing of the bit;
 * groups without deferred jobs never take it.
 *
 * Ordering ledger
 *   G1  a job's results before the group is empty
 *       group_finish_any: fetch_sub of word (seq_cst, so acq_rel)
 *       group_is_empty: load (seq_cst, for W1 in waiters.h)
 *       if broken: yoke_group_wait returns before the outputs are there.
 *   G2  a failure before the group is empty
 *       group_fail_any: compare-exchange of status (relaxed), before G1's fetch_sub
 *       readers: load status (relaxed), after an acquire of word
 *   G3  deferring against emptying
 *       group_defer_any sets the bit with a compare-exchange of a word whose count is not zero,
 *       under the bucket's mutex; who takes the count to zero sees the bit and takes the mutex.
 *       if broken: a job waits for a group that has emptied already.
 */
#ifndef YOKE_GROUP_H
#define YOKE_GROUP_H

#include <pthread.h>

#include "base.h"

#define GROUP_BUCKETS 256
#define GROUP_AFTER (UINT64_C(1) << 63) /* jobs are deferred until the count is zero */

typedef struct __attribute__((may_alias)) group_core { /* overlays yoke_group.reserved */
    _Atomic uint64_t word;                             /* count | GROUP_AFTER */
    _Atomic int32_t status;
} group_core;

_Static_assert(sizeof(group_core) == sizeof(yoke_group), "a group's size is part of the ABI");

static inline group_core *group_core_of(const yoke_group *group)
{
    return (group_core *)(uintptr_t)group->reserved;
}

typedef struct group_bucket {
    pthread_mutex_t lock;
    yoke_job *first; /* oldest first, linked by job_core.next */
    yoke_job **link; /* where the next one is hung */
} group_bucket;

typedef struct group_table {
    group_bucket buckets[GROUP_BUCKETS];
} group_table;

void group_table_init(group_table *table);
void group_table_finish(group_table *table);

/* So many more unsettled jobs. */
static inline void group_add_any(yoke_group *group, uint64_t count)
{
    atomic_fetch_add_explicit(&group_core_of(group)->word, count, memory_order_relaxed);
}

bool group_is_empty(const yoke_group *group);
yoke_status group_status(const yoke_group *group);

/* A job of the group is settled with that status, which is not YOKE_OK; before it is finished. */
void group_fail_any(yoke_group *group, yoke_status status);

/* `count` jobs of the group are settled. Returns whether the group is empty now: then the caller
 * wakes its waiters, by address; the group may be gone. *released: the jobs that were deferred
 * until now, linked; those of a failed group are stopped. */
bool group_finish_any(group_table *table, yoke_group *group, uint64_t count, yoke_job **released);

/* Keeps a job that is otherwise ready until job->after is empty. False: it is already, and the
 * job was not taken; stopped if the group has failed. */
bool group_defer_any(group_table *table, yoke_job *job);

/* Takes every deferred job out of the table, linked; for destroy. */
yoke_job *group_take_all(group_table *table);

#endif
