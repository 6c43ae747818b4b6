/*
 * Running what a worker has found: a ticket of a job, or a batch that a submitter has handed over.
 *
 * Threads: the worker's own (or yoke_destroy's, as worker 0, after the threads have ended).
 */
#ifndef YOKE_RUN_H
#define YOKE_RUN_H

#include "batch.h"
#include "worker.h"

/* Runs one ticket of the job: claims items until none is left, settles the job if it was the
 * last to leave. */
void run_ticket(yoke_worker *worker, yoke_job *job);

/* How long a grain should take: a type's grain_cost is what a worker does in that time. */
uint64_t run_grain_ns(const yoke_runtime *rt);

/* Runs the claims of a batch that a device has failed, or finishes those that it has begun; then
 * its slot is free again. */
void run_batch(yoke_worker *worker, batch *handed);

#endif
