/*
 * The runtime: what its files share. Each member belongs to the file whose name its type carries.
 */
#ifndef YOKE_RUNTIME_H
#define YOKE_RUNTIME_H

#include <pthread.h>

#include <yoke/fork.h>

#include "backends/backend.h"
#include "base.h"
#include "completion.h"
#include "crew.h"
#include "group.h"
#include "park.h"
#include "region.h"
#include "reload.h"
#include "ring.h"
#include "snapshot.h"
#include "stats.h"
#include "topology.h"
#include "waiters.h"

#define RUNTIME_BACKENDS_MAX 4

struct batch;
struct submitter;

/* What yoke_create's options say over any policy; 0: nothing. */
typedef struct runtime_overrides {
    uint32_t num_workers, max_jobs;
    yoke_engine engine;
} runtime_overrides;

struct yoke_runtime {
    ring inbox;                                          /* tickets from host threads */
    ring inbox_high;                                     /* the same, of high priority */
    park park;                                           /* workers that sleep */
    _Alignas(BASE_LINE_BYTES) _Atomic(yoke_job *) ready; /* handed to the workers, newest first */
    _Atomic(struct batch *) batches; /* that workers run or finish, newest first */
    _Atomic uint32_t crews_open;     /* a bit for each submitter that wants help */
    _Atomic uint32_t num_lanes_open; /* to workers, of: */
    _Atomic uint32_t num_deferred;   /* waiting for groups; bounded by max_jobs */
    _Atomic bool stopping;           /* set once, by destroy: nothing more is begun */
    _Atomic bool leaving;            /* set once, after it: workers end when nothing is left */
    uint32_t num_workers;
    uint32_t max_jobs;
    uint64_t spin_ns;   /* how long who has nothing to do looks again before it sleeps */
    size_t stack_bytes; /* a worker's */
    yoke_frame *frames; /* FRAMES_ARRAY for each worker */
    bool submit_waits;
    yoke_worker *workers;
    topology topology; /* what workers are bound to, and whom they steal from first */
    waiters waiters;
    completion completion;
    stats host_stats; /* counted by host threads */
    group_table groups;
    region_table regions;

    snapshot_cell tuning;
    snapshot snapshots[2]; /* the one in force and the controller's next */
    reload reload;         /* a policy on its way to the controller */

    pthread_mutex_t types_lock;                 /* held to register */
    _Atomic(yoke_type *) types[YOKE_TYPES_MAX]; /* in order of registration */
    _Atomic uint32_t num_types;

    /* Devices: found by the controller, then each its submitter's. */
    const backend_ops *const *backends; /* NULL ends the list */
    backend_host backend_host;
    backend_instance *instances[RUNTIME_BACKENDS_MAX]; /* as backends */
    pthread_mutex_t devices_lock;                      /* guards the states and the list */
    struct submitter *submitters[YOKE_DEVICES_MAX];
    uint32_t num_devices;
    _Atomic bool lane_is_open[YOKE_TYPES_MAX]; /* of types in order of registration (surplus.h) */
    crew crews[YOKE_DEVICES_MAX];              /* the submitters': workers help them to copy */
    park gpu_park;                             /* submitters that sleep */
    park_sleeper gpu_sleepers[YOKE_DEVICES_MAX];
    _Atomic bool devices_found;  /* the list is complete */
    _Atomic uint32_t num_quiets; /* how often there was nothing to do for a while */

    pthread_t controller;
    _Atomic uint32_t controller_bell; /* its futex */
    _Atomic bool controller_sleeps;   /* without a time-out: the next submit rings */

    yoke_policy policy; /* as at create; live keys: see tuning */
    runtime_overrides overrides;
    yoke_allocator allocator;
    void (*log)(void *user, yoke_log_level level, const char *line);
    void *log_user;
};

/* A hint: a ticket of high priority waits. */
static inline bool runtime_has_high_any(yoke_runtime *rt)
{
    return ring_count_any(&rt->inbox_high) > 0;
}

static inline bool runtime_is_stopping(yoke_runtime *rt)
{
    return atomic_load_explicit(&rt->stopping, memory_order_acquire);
}

/* Some queue has room again: host threads that wait to submit look. */
static inline void runtime_made_room_any(yoke_runtime *rt)
{
    if (rt->submit_waits) {
        atomic_thread_fence(memory_order_seq_cst); /* W1 in waiters.h */
        waiters_wake(&rt->waiters, &rt->inbox);
    }
}

/* Memory through the caller's allocator, aligned to BASE_LINE_BYTES; NULL: out of memory. */
void *runtime_alloc(yoke_runtime *rt, size_t bytes);
void runtime_free(yoke_runtime *rt, void *memory, size_t bytes);

/* Puts what yoke_create's options override over a policy. */
void runtime_override(const yoke_runtime *rt, yoke_policy *policy);

/* One line for the caller's log. */
__attribute__((format(printf, 3, 4))) void runtime_log(const yoke_runtime *rt, yoke_log_level level,
                                                       const char *format, ...);

/* A counter of all threads, added up. Of jobs_submitted: the places ever reserved in the inboxes,
 * and what was counted of the jobs that have none there. */
uint64_t runtime_count(yoke_runtime *rt, stats_counter counter);

/* yoke_create with other backends than this build's; for tests. */
yoke_status runtime_create(yoke_runtime **rt, const yoke_options *options,
                           const backend_ops *const *backends);

#endif
