/*
 * The two lists of ready.h: Treiber stacks that are only ever emptied whole. And the submitter's
 * side of its crew.
 */
#include "ready.h"

#include <sched.h>

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

void ready_push_batch_any(yoke_runtime *rt, batch *handed)
{
    batch *before = atomic_load_explicit(&rt->batches, memory_order_relaxed);
    do {
        handed->next = before;
    } while (!atomic_compare_exchange_weak_explicit(
        &rt->batches, &before, handed, memory_order_release, memory_order_relaxed)); /* Y1 */
    park_wake_one_any(&rt->park);
}

batch *ready_take_batches_any(yoke_runtime *rt)
{
    if (!ready_has_batch_any(rt)) {
        return NULL;
    }
    return atomic_exchange_explicit(&rt->batches, NULL, memory_order_acquire); /* Y1 */
}

void ready_run_crew_submitter(yoke_runtime *rt, uint32_t index,
                              void (*run)(void *context, uint32_t piece), void *context,
                              uint32_t num_pieces)
{
    crew *c = &rt->crews[index];
    crew_begin_owner(c, run, context, num_pieces);
    atomic_fetch_or(&rt->crews_open, UINT32_C(1) << index);
    park_wake_one_any(&rt->park); /* which wakes the next while pieces are left */
    while (crew_help_any(c)) {
    }
    atomic_fetch_and(&rt->crews_open, ~(UINT32_C(1) << index));
    while (!crew_is_done_owner(c)) { /* somebody is at the last ones, or waits for this CPU */
        sched_yield();
    }
}
