/*
 * The surplus: lanes whose tickets wait longer than they should, because every slot of the device
 * is taken. Workers that have nothing else to do take from them.
 *
 * Threads: a submitter opens and closes; any worker takes.
 */
#ifndef YOKE_SURPLUS_H
#define YOKE_SURPLUS_H

#include "runtime.h"

/* The lane of the type is open to workers; wakes one. */
void surplus_open_submitter(yoke_runtime *rt, const yoke_type *type);
/* It is not any more. Does nothing if it was not. */
void surplus_close_submitter(yoke_runtime *rt, const yoke_type *type);

/* The slow halves of the next two. */
bool surplus_waits_any(yoke_runtime *rt);
yoke_job *surplus_pick_any(yoke_runtime *rt);

/* A hint: an open lane has tickets. */
static inline bool surplus_is_there_any(yoke_runtime *rt)
{
    return atomic_load_explicit(&rt->num_lanes_open, memory_order_relaxed) > 0 &&
           surplus_waits_any(rt);
}

/* A ticket from an open lane, or NULL. */
static inline yoke_job *surplus_take_any(yoke_runtime *rt)
{
    return atomic_load_explicit(&rt->num_lanes_open, memory_order_relaxed) == 0
               ? NULL
               : surplus_pick_any(rt);
}

#endif
