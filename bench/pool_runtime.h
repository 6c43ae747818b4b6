/*
 * A runtime of the pool bench: so many workers, three types, and what its threads are.
 *   Threads:  the bench's own, one at a time.
 */
#ifndef YOKE_BENCH_POOL_RUNTIME_H
#define YOKE_BENCH_POOL_RUNTIME_H

#include "pool_threads.h"

#include <yoke/yoke.h>

typedef struct pool_runtime {
    uint32_t workers;
    yoke_runtime *rt;
    const yoke_type *call;  /* one item: calls a function on a worker */
    const yoke_type *empty; /* no input, no output, and a kernel that does nothing */
    const yoke_type *items; /* pool_work_items: in[0] steps, out results */
    pool_threads threads;   /* its own */
} pool_runtime;

/* False: `error` holds one line; close it all the same. */
bool pool_runtime_open(pool_runtime *runtime, uint32_t workers, const char *policy, char *error,
                       size_t error_bytes);

void pool_runtime_close(pool_runtime *runtime);

/* A function that runs on a worker, as a job of one item. */
typedef void (*pool_runtime_fn)(yoke_worker *worker, void *context);

/* Submits a job that calls fn(worker, context), and waits for it. */
yoke_status pool_runtime_call(pool_runtime *runtime, pool_runtime_fn fn, void *context);

/* The same in two halves: fills in and submits *job, which the caller waits for. */
yoke_status pool_runtime_launch(pool_runtime *runtime, yoke_job *job, pool_runtime_fn fn,
                                void *context);

/* The kernel of `items`, to be called by who wants a plain loop. */
yoke_status pool_runtime_items(yoke_worker *worker, const yoke_claim *claim);

/* The kernel of `empty`. */
yoke_status pool_runtime_empty(yoke_worker *worker, const yoke_claim *claim);

#endif
