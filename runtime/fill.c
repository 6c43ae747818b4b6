/*
 * Tickets become batches. What it always keeps: a ticket taken from a lane is in `held`, or its
 * job's items are in a batch, or both. A batch has one job's ticket at most that it could not use
 * up.
 *
 * A submitter's thread. Costs what packing costs (batch.c).
 */
#include "fill.h"

#include "lane.h"
#include "retire.h"
#include "surplus.h"

/* A lane that workers have closed, for what insists on a GPU, is not opened again before. */
#define FILL_REOPEN_NS UINT64_C(10000000)

batch *fill_free_slot(submitter *s)
{
    for (uint32_t i = 0; i < s->num_slots; i++) {
        batch *b = &s->slots[i];
        if (atomic_load_explicit(&b->is_free, memory_order_acquire)) {
            return b;
        }
    }
    return NULL;
}

bool fill_has_held(const submitter *s, uint32_t type)
{
    return s->held[type] != NULL && !(s->held_waits[type] && s->num_in_flight > 0);
}

/* The next job for the type: the one held, or a ticket from the lane. */
static yoke_job *fill_take(submitter *s, yoke_type *type)
{
    yoke_job *job = s->held[type->index];
    if (fill_has_held(s, type->index)) {
        s->held[type->index] = NULL;
        return job;
    }
    return lane_take_any(s->rt, type);
}

/* The ticket is not needed any more. */
static void fill_let_go(submitter *s, yoke_job *job)
{
    if (job->num_items > 1 && job_finish_any(job, 1)) {
        retire_settle(s, job); /* others have run it all */
    }
}

/* Keeps the ticket for a later batch. One that waits only in case the workers are slow makes room.
 */
static void fill_hold(submitter *s, const yoke_type *type, yoke_job *job, bool waits)
{
    if (s->held[type->index] != NULL) {
        fill_let_go(s, s->held[type->index]);
    }
    s->held[type->index] = job;
    s->held_waits[type->index] = waits;
}

/* A job that must not run is the workers' to settle. */
static bool fill_turns_away(yoke_job *job, uint64_t now_ns)
{
    if (job->deadline_ns != 0 && now_ns >= job->deadline_ns) {
        job_stop_any(job, YOKE_DEADLINE);
    }
    return job_stop_status(job) != YOKE_OK;
}

/* Adds the job to the type's open batch. False: the batch takes no more. */
static bool fill_add(submitter *s, batch *b, yoke_job *job)
{
    yoke_runtime *rt = s->rt;
    if (job->num_items > 1 || (job->flags & YOKE_JOB_GPU) != 0) {
        b->min_cost = 0; /* it was worth the trip, or insists: what is left of it must not wait */
    }
    switch (batch_add(b, job, &rt->regions, &s->device)) {
    case BATCH_TOOK_ALL:
        fill_let_go(s, job);
        return true;
    case BATCH_TOOK_FAIR: /* if there is more of it when the device is idle, it is looked at again
                           */
        if (b->num_items == 0 && s->num_in_flight == 0) {
            fill_let_go(s, job);
            return true;
        }
        fill_hold(s, b->type, job, true);
        return false;
    case BATCH_TOO_LARGE:
        lane_return_any(rt, job);
        return true;
    case BATCH_TOOK_PART:
        lane_share_any(rt, job);
        fill_hold(s, b->type, job, false);
    }
    return false;
}

/* The cost of the type's batches that the device has to do first. */
static uint64_t fill_ahead(const submitter *s, const yoke_type *type)
{
    uint64_t cost = 0;
    for (uint32_t i = 0; i < s->num_in_flight; i++) {
        cost += s->in_flight[i]->type == type ? s->in_flight[i]->cost : 0;
    }
    return cost;
}

/* A ticket that waits must not keep a job that the workers have done from settling. */
static void fill_look_at_held(submitter *s, const yoke_type *type)
{
    yoke_job **held = &s->held[type->index];
    if (*held != NULL && s->held_waits[type->index] && job_unclaimed_any(*held) == 0) {
        fill_let_go(s, *held);
        *held = NULL;
    }
}

bool fill_type(submitter *s, yoke_type *type, const snapshot *tuning, uint64_t *now_ns)
{
    batch **open = &s->open[type->index];
    fill_look_at_held(s, type);
    if (*open == NULL && !fill_has_held(s, type->index) && ring_looks_empty_any(&type->lane)) {
        return false;
    }
    if (*open == NULL) {
        batch *b = fill_free_slot(s);
        if (b == NULL) {
            return false;
        }
        batch_open(b, type, tuning->target_cost, *now_ns);
        b->learned = tuning->types[type->index];
        if (tuning->mode == POLICY_ROUTING_MODE_AUTO) { /* the CPU would do as well: wait */
            b->min_cost = route_min_cost(&b->learned, tuning);
        }
        atomic_store_explicit(&b->is_free, false, memory_order_relaxed);
        *open = b;
    }
    bool any = false;
    yoke_job *job;
    (*open)->ahead_cost = fill_ahead(s, type);
    while (!batch_is_full(*open) && (job = fill_take(s, type)) != NULL) {
        any = true;
        if (fill_turns_away(job, *now_ns)) {
            lane_return_any(s->rt, job);
        } else if (!fill_add(s, *open, job)) {
            break;
        }
    }
    (*open)->quiet_looks = any ? 0 : (*open)->quiet_looks + 1;
    if (any) {
        uint64_t begun_ns = *now_ns;
        *now_ns = base_now_ns();
        (*open)->packed_ns += *now_ns - begun_ns;
    }
    if ((*open)->num_items == 0) { /* nothing came of it */
        atomic_store_explicit(&(*open)->is_free, true, memory_order_relaxed);
        *open = NULL;
    }
    return any;
}

void fill_look_at_lane(submitter *s, const yoke_type *type, const snapshot *tuning, uint64_t now_ns)
{
    uint64_t *since_ns = &s->stuck_ns[type->index];
    bool is_stuck = s->open[type->index] == NULL && fill_free_slot(s) == NULL &&
                    tuning->mode == POLICY_ROUTING_MODE_AUTO &&
                    !ring_looks_empty_any(&((yoke_type *)(uintptr_t)type)->lane);
    if (!is_stuck) {
        *since_ns = 0;
        surplus_close_submitter(s->rt, type);
    } else if (*since_ns == 0) {
        *since_ns = now_ns;
    } else if (now_ns >= *since_ns + tuning->wait_us_max * UINT64_C(1000)) {
        surplus_open_submitter(s->rt, type);
        *since_ns = now_ns + FILL_REOPEN_NS;
    }
}
