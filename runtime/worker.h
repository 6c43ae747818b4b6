/*
 * A worker: a thread with a deque, that runs tickets and settles jobs.
 *
 * Threads: the deque's owner side and the counters belong to the worker's thread (and, after the
 * threads have ended, to yoke_destroy).
 */
#ifndef YOKE_WORKER_H
#define YOKE_WORKER_H

#include "deque.h"
#include "runtime.h"

struct yoke_worker {
    deque tickets;
    stats stats;
    yoke_runtime *rt;
    uint32_t index;
    uint32_t random; /* where the next search for a victim starts */
    uint32_t turn;   /* tickets taken */
    pthread_t thread;
};

/* The worker that the calling thread is, or NULL. */
yoke_worker *worker_self(void);

/* Makes the calling thread a worker, or with NULL a host thread again. */
void worker_become(yoke_worker *worker);

void worker_init(yoke_worker *worker, yoke_runtime *rt, uint32_t index);

/* The thread's body: takes and runs tickets until the runtime stops and none is left. */
void worker_main(yoke_worker *worker);

/* Runs one ticket of the job: claims items until none is left, settles the job if it was the
 * last to leave. */
void worker_run(yoke_worker *worker, yoke_job *job);

#endif
