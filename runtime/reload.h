/*
 * A new policy for a runtime that runs: posted by the host thread that loads it, put in force by
 * the controller, which stays the only writer of snapshots.
 *
 * Threads: yoke_policy_load (yoke.h) by host threads, of which one at a time has its policy posted;
 * *_controller by the controller.
 *
 * Ordering ledger (all seq_cst)
 *   L1  a post against falling asleep
 *       load: store posted, add to controller_bell
 *       controller: load controller_bell, load posted, sleep unless the bell has changed
 *       if broken: the controller sleeps beside a posted policy.
 *   L2  in force before the answer
 *       take_controller: publish, then store posted    end_controller: store is_over
 *       load's predicate: load posted, load is_over (W1 of waiters.h)
 *       if broken: a load returns while jobs are still routed by the old values, or never.
 */
#ifndef YOKE_RELOAD_H
#define YOKE_RELOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "snapshot.h"

typedef struct reload {
    pthread_mutex_t lock;                /* held by who loads, from post to answer */
    _Atomic(const yoke_policy *) posted; /* the loading thread's; NULL: nothing is to be done */
    _Atomic bool is_over;                /* the controller takes no more */
} reload;

void reload_init(reload *r);
void reload_finish(reload *r);

/* Puts the posted policy in force, if there is one. `spare` is the snapshot that is not in force;
 * returns the one that is not afterwards. */
snapshot *reload_take_controller(yoke_runtime *rt, snapshot *spare);

/* Before the controller ends: who loads is told YOKE_CANCELED from now on. */
void reload_end_controller(yoke_runtime *rt);

#endif
