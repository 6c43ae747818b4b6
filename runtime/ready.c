/*
 * The two lists of ready.h: Treiber stacks that are only ever emptied whole.
 */
#include "ready.h"

#include "job.h"

void ready_push_list_any(yoke_runtime *rt, yoke_job *jobs)
{
    yoke_job *last = jobs;
    while (job_core_of(last)->next != NULL) {
        last = job_core_of(last)->next;
    }
    yoke_job *before = atomic_load_explicit(&rt->ready, memory_order_relaxed);
    do {
        job_core_of(last)->next = before;
    } while (!atomic_compare_exchange_weak_explicit(&rt->ready, &before, jobs, memory_order_release,
                                                    memory_order_relaxed)); /* Y1 */
    park_wake_one_any(&rt->park);
}

void ready_push_any(yoke_runtime *rt, yoke_job *job)
{
    job_core_of(job)->next = NULL;
    ready_push_list_any(rt, job);
}

yoke_job *ready_take_all_any(yoke_runtime *rt)
{
    return atomic_exchange_explicit(&rt->ready, NULL, memory_order_acquire); /* Y1 */
}

void ready_push_failed_any(yoke_runtime *rt, batch *failed)
{
    batch *before = atomic_load_explicit(&rt->failed, memory_order_relaxed);
    do {
        failed->next = before;
    } while (!atomic_compare_exchange_weak_explicit(
        &rt->failed, &before, failed, memory_order_release, memory_order_relaxed)); /* Y1 */
    park_wake_one_any(&rt->park);
}

batch *ready_take_failed_any(yoke_runtime *rt)
{
    if (!ready_has_failed_any(rt)) {
        return NULL;
    }
    return atomic_exchange_explicit(&rt->failed, NULL, memory_order_acquire); /* Y1 */
}
