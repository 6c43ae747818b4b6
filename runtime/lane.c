/*
 * What goes into a lane, and what of a group's released jobs does. See lane.h.
 *
 * Ordering ledger
 *   X1  a ticket in a lane against the last device leaving it
 *       fill: the slot, fence (seq_cst), load num_serving
 *       submitter: decrement num_serving (seq_cst), then drain
 *       if broken: a ticket lies in a lane that nobody looks at.
 */
#include "lane.h"

#include "job.h"
#include "ready.h"

static yoke_type *lane_type_of(const yoke_job *job)
{
    return (yoke_type *)(uintptr_t)job->type; /* the caller's view of it is const */
}

route lane_route_any(yoke_runtime *rt, yoke_job *job, const snapshot *tuning, uint64_t for_workers,
                     uint64_t for_gpu)
{
    yoke_type *type = lane_type_of(job);
    if (!type_has_gpu(type)) {
        return ROUTE_CPU;
    }
    bool is_served = atomic_load_explicit(&type->num_serving, memory_order_relaxed) > 0;
    uint64_t in_lane = ring_count_any(&type->lane);
    route_input input = {
        .flags = job->flags,
        .num_items = job->num_items,
        .cost = job_core_of(job)->item_cost * job->num_items,
        .backlog = ring_count_any(&rt->inbox) + for_workers,
        .is_served = is_served,
        .lane = in_lane + for_gpu,
        .ahead = atomic_load_explicit(&type->ahead_cost, memory_order_relaxed),
        .has_room = in_lane < type->lane.capacity,
        .learned = &tuning->types[type->index],
    };
    return route_decide(&input, tuning);
}

void lane_return_any(yoke_runtime *rt, yoke_job *job)
{
    if ((job_mark_any(job, JOB_IS_SHARED) & JOB_IS_SHARED) == 0) { /* the workers get one now */
        ready_push_any(rt, job);
    } else if (job_finish_any(job, 1)) {
        job_mark_any(job, JOB_IS_RUN);
        ready_push_any(rt, job);
    }
}

yoke_job *lane_take_any(yoke_runtime *rt, yoke_type *type)
{
    void *ticket = NULL;
    bool any = false;
    while (ticket == NULL && ring_pop_any(&type->lane, &ticket, 1) > 0) {
        any = true; /* past the empty tickets */
    }
    if (any) {
        runtime_made_room_any(rt);
    }
    return ticket;
}

void lane_drain_any(yoke_runtime *rt, yoke_type *type)
{
    yoke_job *job;
    while ((job = lane_take_any(rt, type)) != NULL) {
        lane_return_any(rt, job);
    }
}

bool lane_reserve_any(yoke_job *job, uint64_t *position)
{
    return ring_reserve_any(&lane_type_of(job)->lane, 1, position);
}

/* Fills a reserved place; the job may settle at once. */
static void lane_fill(yoke_runtime *rt, yoke_type *type, uint64_t position, yoke_job *ticket)
{
    ring_publish_any(&type->lane, position, ticket);
    atomic_thread_fence(memory_order_seq_cst); /* X1 */
    if (atomic_load_explicit(&type->num_serving, memory_order_relaxed) == 0) {
        lane_drain_any(rt, type);
    }
}

void lane_publish_any(yoke_runtime *rt, yoke_job *job, uint64_t position)
{
    lane_fill(rt, lane_type_of(job), position, job);
}

void lane_share_any(yoke_runtime *rt, yoke_job *job)
{
    yoke_type *type = lane_type_of(job);
    uint64_t position;
    if (job->num_items > 1 && /* the ticket of one item is its claim */
        atomic_load_explicit(&type->num_serving, memory_order_relaxed) > 1 &&
        park_has_hungry_any(&rt->gpu_park) && ring_looks_empty_any(&type->lane) &&
        lane_reserve_any(job, &position)) {
        job_add_ticket_any(job);
        lane_publish_any(rt, job, position);
        park_wake_one_any(&rt->gpu_park);
    }
}

void lane_give_back_any(yoke_runtime *rt, yoke_job *job, uint64_t position)
{
    lane_fill(rt, lane_type_of(job), position, NULL);
}

/* Tries the lane for a released job. False: its ticket is still to go to the workers. */
static bool lane_release_one(yoke_runtime *rt, yoke_job *job, route way)
{
    uint64_t position;
    if (way == ROUTE_CPU || !lane_reserve_any(job, &position)) {
        return false;
    }
    if (way == ROUTE_BOTH) {
        job_mark_any(job, JOB_IS_SHARED);
        job_add_ticket_any(job); /* one for the lane, the other for the workers */
    }
    lane_publish_any(rt, job, position);
    return way == ROUTE_GPU;
}

void lane_release_any(yoke_runtime *rt, yoke_job *jobs)
{
    yoke_job *for_workers = NULL, **link = &for_workers;
    uint64_t num_for_workers = 0, num_for_gpu = 0;
    const snapshot *tuning = snapshot_read_begin(&rt->tuning);
    while (jobs != NULL) {
        yoke_job *job = jobs;
        jobs = job_core_of(job)->next; /* read first: once in a lane, the job may settle */
        bool stopped = job_stop_status(job) != YOKE_OK;
        route way = stopped ? ROUTE_CPU : lane_route_any(rt, job, tuning, num_for_workers, 0);
        num_for_gpu += way != ROUTE_CPU;
        if (!lane_release_one(rt, job, way)) {
            num_for_workers++;
            *link = job;
            link = &job_core_of(job)->next;
        }
    }
    snapshot_read_end();
    *link = NULL;
    if (for_workers != NULL) {
        ready_push_list_any(rt, for_workers);
    }
    if (num_for_gpu > 0) {
        park_wake_one_any(&rt->gpu_park);
    }
}
