/*
 * A flag for each type, and a count of them, so that workers look at one word while there is none.
 * Several devices may open and close one lane: whoever changes the flag changes the count.
 *
 * A ticket that insists on a GPU is put back, and its lane closed until a submitter opens it again:
 * where some insist, workers must not stir the lane for ever. If it is full by then the CPU runs
 * the job after all, as it runs what a GPU has failed.
 *
 * For who sleeps: the flag is set before the look at sleepers (P1 in park.h).
 */
#include "surplus.h"

#include "job.h"
#include "lane.h"

void surplus_open_submitter(yoke_runtime *rt, const yoke_type *type)
{
    if (!atomic_load_explicit(&rt->lane_is_open[type->index], memory_order_relaxed) &&
        !atomic_exchange(&rt->lane_is_open[type->index], true)) {
        atomic_fetch_add(&rt->num_lanes_open, 1);
        park_wake_one_any(&rt->park);
    }
}

void surplus_close_submitter(yoke_runtime *rt, const yoke_type *type)
{
    if (atomic_load_explicit(&rt->lane_is_open[type->index], memory_order_relaxed) &&
        atomic_exchange(&rt->lane_is_open[type->index], false)) {
        atomic_fetch_sub(&rt->num_lanes_open, 1);
    }
}

/* The next type from `from` on whose lane is open and has tickets, or NULL. */
static yoke_type *surplus_next(yoke_runtime *rt, uint32_t from)
{
    uint32_t num_types = atomic_load_explicit(&rt->num_types, memory_order_acquire);
    for (uint32_t i = from; i < num_types; i++) {
        yoke_type *type = atomic_load_explicit(&rt->types[i], memory_order_acquire);
        if (atomic_load_explicit(&rt->lane_is_open[i], memory_order_relaxed) &&
            !ring_looks_empty_any(&type->lane)) {
            return type;
        }
    }
    return NULL;
}

bool surplus_waits_any(yoke_runtime *rt)
{
    return surplus_next(rt, 0) != NULL;
}

static void surplus_put_back(yoke_runtime *rt, yoke_type *type, yoke_job *job)
{
    uint64_t position;
    surplus_close_submitter(rt, type);
    if (lane_reserve_any(job, &position)) {
        lane_publish_any(rt, job, position);
        park_wake_one_any(&rt->gpu_park);
    } else {
        lane_return_any(rt, job);
    }
}

yoke_job *surplus_pick_any(yoke_runtime *rt)
{
    yoke_type *type = surplus_next(rt, 0);
    while (type != NULL) {
        yoke_job *job = lane_take_any(rt, type);
        if (job != NULL && (job->flags & YOKE_JOB_GPU) == 0) {
            return job;
        }
        if (job != NULL) {
            surplus_put_back(rt, type, job);
        }
        type = surplus_next(rt, type->index + 1);
    }
    return NULL;
}
