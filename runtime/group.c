/*
 * Groups and deferred jobs. The rules and the ordering ledger are in group.h.
 *
 * Joining and leaving a group is one read-modify-write each. Deferring and releasing cost a mutex
 * and a walk of one bucket's list.
 */
#include "group.h"

#include "job.h"

static group_bucket *group_bucket_of(group_table *table, const yoke_group *group)
{
    return &table->buckets[base_hash_address(group, GROUP_BUCKETS)];
}

void group_table_init(group_table *table)
{
    for (int i = 0; i < GROUP_BUCKETS; i++) {
        group_bucket *bucket = &table->buckets[i];
        pthread_mutex_init(&bucket->lock, NULL);
        bucket->first = NULL;
        bucket->link = &bucket->first;
    }
}

void group_table_finish(group_table *table)
{
    for (int i = 0; i < GROUP_BUCKETS; i++) {
        pthread_mutex_destroy(&table->buckets[i].lock);
    }
}

bool group_is_empty(const yoke_group *group)
{
    return atomic_load_explicit(&group_core_of(group)->word, memory_order_seq_cst) == 0; /* G1 */
}

yoke_status group_status(const yoke_group *group)
{
    return (yoke_status)atomic_load_explicit(&group_core_of(group)->status, memory_order_relaxed);
}

/* Takes the jobs deferred until this group out of its bucket's list; its lock is held. */
static yoke_job *group_take_locked(group_bucket *bucket, const yoke_group *group)
{
    yoke_job *taken = NULL, **taken_link = &taken, **link = &bucket->first;
    while (*link != NULL) {
        yoke_job *job = *link;
        if (job->after == group) {
            *link = job_core_of(job)->next;
            *taken_link = job;
            taken_link = &job_core_of(job)->next;
        } else {
            link = &job_core_of(job)->next;
        }
    }
    bucket->link = link;
    *taken_link = NULL;
    return taken;
}

static bool group_has_deferred_locked(const group_bucket *bucket, const yoke_group *group)
{
    const yoke_job *job = bucket->first;
    while (job != NULL && job->after != group) {
        job = job_core_of((yoke_job *)job)->next;
    }
    return job != NULL;
}

/* The count has come to zero with the bit set. Another thread may have been here since, and the
 * group may be gone; but not while a job in the table names it. */
static bool group_release(group_table *table, yoke_group *group, yoke_job **released)
{
    group_core *core = group_core_of(group);
    group_bucket *bucket = group_bucket_of(table, group);
    bool emptied = false;
    pthread_mutex_lock(&bucket->lock);
    if (group_has_deferred_locked(bucket, group) &&
        atomic_load_explicit(&core->word, memory_order_seq_cst) == GROUP_AFTER) { /* G1 */
        *released = group_take_locked(bucket, group);
        if (group_status(group) != YOKE_OK) {
            for (yoke_job *job = *released; job != NULL; job = job_core_of(job)->next) {
                job_stop_any(job, YOKE_DEPENDENCY);
            }
        }
        uint64_t before =
            atomic_fetch_and_explicit(&core->word, ~GROUP_AFTER, memory_order_seq_cst); /* G1 */
        emptied = before == GROUP_AFTER;
    }
    pthread_mutex_unlock(&bucket->lock);
    return emptied;
}

void group_fail_any(yoke_group *group, yoke_status status)
{
    int32_t ok = YOKE_OK;
    atomic_compare_exchange_strong_explicit(&group_core_of(group)->status, &ok, status,
                                            memory_order_relaxed, memory_order_relaxed); /* G2 */
}

bool group_finish_any(group_table *table, yoke_group *group, uint64_t count, yoke_job **released)
{
    *released = NULL;
    uint64_t before = atomic_fetch_sub_explicit(&group_core_of(group)->word, count,
                                                memory_order_seq_cst); /* G1 */
    if (before == (GROUP_AFTER | count)) {
        return group_release(table, group, released);
    }
    return before == count;
}

bool group_defer_any(group_table *table, yoke_job *job)
{
    yoke_group *group = job->after;
    group_core *core = group_core_of(group);
    group_bucket *bucket = group_bucket_of(table, group);
    pthread_mutex_lock(&bucket->lock);
    uint64_t word = atomic_load_explicit(&core->word, memory_order_seq_cst); /* G1 */
    bool deferred = false;
    while ((word & ~GROUP_AFTER) != 0 && !deferred) {
        deferred = atomic_compare_exchange_weak_explicit(&core->word, &word, word | GROUP_AFTER,
                                                         memory_order_seq_cst,
                                                         memory_order_seq_cst); /* G3 */
    }
    if (deferred) {
        job_core_of(job)->next = NULL;
        *bucket->link = job;
        bucket->link = &job_core_of(job)->next;
    } else if (group_status(group) != YOKE_OK) {
        job_stop_any(job, YOKE_DEPENDENCY);
    }
    pthread_mutex_unlock(&bucket->lock);
    return deferred;
}

yoke_job *group_take_all(group_table *table)
{
    yoke_job *all = NULL, **link = &all;
    for (int i = 0; i < GROUP_BUCKETS; i++) {
        group_bucket *bucket = &table->buckets[i];
        pthread_mutex_lock(&bucket->lock);
        *link = bucket->first;
        while (*link != NULL) {
            atomic_fetch_and_explicit(&group_core_of((*link)->after)->word, ~GROUP_AFTER,
                                      memory_order_seq_cst);
            link = &job_core_of(*link)->next;
        }
        bucket->first = NULL;
        bucket->link = &bucket->first;
        pthread_mutex_unlock(&bucket->lock);
    }
    return all;
}
