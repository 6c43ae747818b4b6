/*
 * What other threads hand to the workers, in two lists without a bound of their own, since each
 * entry is a job's or a slot's own memory: jobs that a group has released or a device handed back,
 * and batches that a device has failed, or begun and left the last step of to the CPU. And where
 * they find the submitters that want help with copying.
 *
 * Threads: any for all. Everything is taken at once, so no ABA problem arises.
 *
 * Ordering ledger
 *   Y1  contents before the push    push: compare-exchange (release)    take: exchange (acquire)
 *       if broken: a worker reads a job or a batch before what was written into it.
 */
#ifndef YOKE_READY_H
#define YOKE_READY_H

#include "batch.h"
#include "runtime.h"

/* Jobs, linked by job_core.next; each brings a ticket. Wakes a worker. */
void ready_push_list_any(yoke_runtime *rt, yoke_job *jobs);

/* The same for one job. */
void ready_push_any(yoke_runtime *rt, yoke_job *job);

/* The slow half of the next. */
yoke_job *ready_take_all_any(yoke_runtime *rt);

/* All jobs, newest list first, or NULL. */
static inline yoke_job *ready_take_any(yoke_runtime *rt)
{
    return atomic_load_explicit(&rt->ready, memory_order_relaxed) == NULL ? NULL
                                                                          : ready_take_all_any(rt);
}

/* A batch whose claims are to be run or finished. Wakes a worker. */
void ready_push_batch_any(yoke_runtime *rt, batch *handed);

/* A hint: there is such a batch. */
static inline bool ready_has_batch_any(yoke_runtime *rt)
{
    return atomic_load_explicit(&rt->batches, memory_order_relaxed) != NULL;
}

/* All of them, linked by next, or NULL. */
batch *ready_take_batches_any(yoke_runtime *rt);

/* A submitter's crew that has pieces to take, or NULL. */
static inline crew *ready_find_crew_any(yoke_runtime *rt)
{
    uint32_t open = atomic_load_explicit(&rt->crews_open, memory_order_relaxed);
    for (; open != 0; open &= open - 1) {
        crew *c = &rt->crews[__builtin_ctz(open)];
        if (crew_has_pieces_any(c)) {
            return c;
        }
    }
    return NULL;
}

/* A hint, after a seq_cst fence (P1 in park.h). */
static inline bool ready_looks_empty_any(yoke_runtime *rt)
{
    return atomic_load_explicit(&rt->ready, memory_order_relaxed) == NULL &&
           !ready_has_batch_any(rt) && ready_find_crew_any(rt) == NULL;
}

/* Runs the pieces of submitter `index`, with the help of workers that have nothing else to do.
 * Returns when all have run. */
void ready_run_crew_submitter(yoke_runtime *rt, uint32_t index,
                              void (*run)(void *context, uint32_t piece), void *context,
                              uint32_t num_pieces);

#endif
