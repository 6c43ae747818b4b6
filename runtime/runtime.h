/*
 * The runtime: what its files share. Each member belongs to the file whose name its type carries.
 */
#ifndef YOKE_RUNTIME_H
#define YOKE_RUNTIME_H

#include <pthread.h>

#include "base.h"
#include "completion.h"
#include "group.h"
#include "park.h"
#include "ring.h"
#include "stats.h"
#include "waiters.h"

struct yoke_runtime {
    ring inbox;                                          /* tickets from host threads */
    park park;                                           /* workers that sleep */
    _Alignas(BASE_LINE_BYTES) _Atomic(yoke_job *) ready; /* released by groups, newest first */
    _Atomic uint32_t num_deferred; /* deferred or ready; bounded by max_jobs */
    _Atomic bool stopping;         /* set once, by destroy */
    uint32_t num_workers;
    uint32_t max_jobs;
    bool submit_waits;
    yoke_worker *workers;
    waiters waiters;
    completion completion;
    stats host_stats; /* counted by host threads */
    group_table groups;

    pthread_mutex_t types_lock;
    yoke_type *types; /* newest first; behind types_lock */
    yoke_allocator allocator;
    void (*log)(void *user, yoke_log_level level, const char *line);
    void *log_user;
};

static inline bool runtime_is_stopping(yoke_runtime *rt)
{
    return atomic_load_explicit(&rt->stopping, memory_order_acquire);
}

#endif
