/*
 * From the caller's hands into a queue: check, admit, publish.
 *
 * All or none: every job is checked and marked before any is published; room is reserved before
 * any is published; so a refusal only has to unmark. Costs a ring reservation (one compare-exchange
 * for any number of jobs) and a fence; allocates nothing.
 *
 * From a worker the tickets go to its own deque, or to the inbox if that is full.
 */
#include "submit.h"

#include <string.h>

#include "controller.h"
#include "job.h"
#include "lane.h"
#include "ready.h"
#include "register.h"
#include "worker.h"

#define SUBMIT_KNOWN_FLAGS ((uint32_t)(YOKE_JOB_CPU | YOKE_JOB_GPU | YOKE_JOB_REAP))

/* -- checking -------------------------------------------------------------------------------- */

typedef struct submit_range {
    uintptr_t begin, end;
} submit_range;

/* False: it would wrap round the address space. */
static bool submit_range_of(const void *data, uint64_t bytes, submit_range *range)
{
    range->begin = (uintptr_t)data;
    return !__builtin_add_overflow(range->begin, bytes, &range->end);
}

static bool submit_overlap(submit_range a, submit_range b)
{
    return a.begin < a.end && b.begin < b.end && a.begin < b.end && b.begin < a.end;
}

/* Adds up the bytes of a ragged input. NULL: all is well. */
static const char *submit_check_spans(const yoke_span *spans, uint32_t num_items, submit_range out,
                                      uint64_t *bytes)
{
    for (uint32_t i = 0; i < num_items; i++) {
        submit_range range;
        if (spans[i].data == NULL && spans[i].bytes != 0) {
            return "a span without data";
        }
        if (!submit_range_of(spans[i].data, spans[i].bytes, &range)) {
            return "a span is too long";
        }
        if (submit_overlap(range, out)) {
            return "an input overlaps the output";
        }
        if (__builtin_add_overflow(*bytes, spans[i].bytes, bytes)) {
            *bytes = UINT64_MAX;
        }
    }
    return NULL;
}

static const char *submit_check_buffers(const yoke_job *job, uint64_t *ragged_bytes)
{
    const yoke_type *type = job->type;
    submit_range out, in;
    uint64_t out_bytes = (uint64_t)job->num_items * type->out_bytes;
    if (out_bytes > 0 && job->out == NULL) {
        return "no output";
    }
    if (!submit_range_of(job->out, out_bytes, &out)) {
        return "the output is too long";
    }
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX; k++) {
        if ((job->in[k] != NULL) != (k < type->num_inputs)) {
            return k < type->num_inputs ? "an input is missing" : "an input too many";
        }
        if (k >= type->num_inputs) {
            continue;
        }
        bool ragged = type->in_bytes[k] == YOKE_RAGGED;
        uint64_t stride = ragged ? sizeof(yoke_span) : type->in_bytes[k];
        if (!submit_range_of(job->in[k], job->num_items * stride, &in)) {
            return "an input is too long";
        }
        if (submit_overlap(in, out)) {
            return "an input overlaps the output";
        }
        const char *what =
            ragged ? submit_check_spans(job->in[k], job->num_items, out, ragged_bytes) : NULL;
        if (what != NULL) {
            return what;
        }
    }
    return NULL;
}

static const char *submit_check_fields(const yoke_runtime *rt, const yoke_job *job)
{
    uint32_t both = YOKE_JOB_CPU | YOKE_JOB_GPU;
    if (job->struct_bytes < sizeof(yoke_job)) {
        return "struct_bytes is not set";
    }
    if (job->type == NULL || job->type->rt != rt) {
        return "the type is not of this runtime";
    }
    if (job->num_items == 0) {
        return "no items";
    }
    if ((job->flags & both) == both) {
        return "both CPU and GPU only";
    }
    if ((job->done != NULL) + (job->group != NULL) + ((job->flags & YOKE_JOB_REAP) != 0) > 1) {
        return "more than one of done, group and YOKE_JOB_REAP";
    }
    if (job->group != NULL && job->group == job->after) {
        return "after its own group";
    }
    if (job->params_bytes != (job->params != NULL ? job->type->params_bytes : 0)) {
        return "params_bytes is not the type's";
    }
    if (job_status(job) == YOKE_PENDING) {
        return "submitted already";
    }
    return NULL;
}

yoke_status submit_check(const yoke_runtime *rt, const yoke_job *job, uint64_t *cost,
                         const char **what)
{
    uint64_t ragged_bytes = 0;
    *what = job == NULL ? "no job" : submit_check_fields(rt, job);
    if (*what == NULL) {
        *what = submit_check_buffers(job, &ragged_bytes);
    }
    if (*what != NULL) {
        return YOKE_INVALID;
    }
    if ((job->flags & YOKE_JOB_GPU) != 0 && atomic_load(&job->type->num_serving) == 0) {
        *what = "no device is ready for the type";
        return YOKE_NO_DEVICE;
    }
    if ((job->flags & ~SUBMIT_KNOWN_FLAGS) != 0 || job->resident[0] != NULL ||
        job->resident[1] != NULL || job->resident[2] != NULL || job->resident[3] != NULL) {
        *what = "a flag or a resident that this version does not know";
        return YOKE_UNSUPPORTED;
    }
    *cost = job->cost != 0            ? job->cost
            : job->type->cost != NULL ? job->type->cost(job)
                                      : ragged_bytes;
    if (*cost == 0) {
        *cost = job->num_items;
    }
    return YOKE_OK;
}

/* -- admitting ------------------------------------------------------------------------------- */

static void submit_unmark(yoke_job *const *jobs, size_t num_jobs)
{
    for (size_t i = 0; i < num_jobs; i++) {
        job_publish_status(jobs[i], job_core_of(jobs[i])->submit.status_before);
    }
}

/* Everything the engines need, but for the tickets. */
static void submit_prepare(yoke_job *job, uint64_t cost)
{
    job_core *core = job_core_of(job);
    const yoke_type *type = job->type;
    core->submit.status_before = job_status(job);
    if (job_has_cost(job)) {
        uint64_t item_cost = cost / job->num_items;
        core->item_cost = item_cost > 0 ? item_cost : 1;
    }
    if (job->params != NULL) {
        memcpy(core->params, job->params, type->params_bytes);
    } else {
        memset(core->params, 0, sizeof core->params);
    }
    job_begin_submitter(job);
    job_publish_status(job, YOKE_PENDING);
}

/* Marks the jobs as submitted; the first that is refused takes the marks of the others off. */
static yoke_status submit_mark(yoke_runtime *rt, yoke_job *const *jobs, size_t num_jobs)
{
    for (size_t i = 0; i < num_jobs; i++) {
        uint64_t cost;
        const char *what;
        yoke_status status = submit_check(rt, jobs[i], &cost, &what);
        if (status != YOKE_OK) {
            submit_unmark(jobs, i);
            return status == YOKE_INVALID ? base_misuse(what) : status;
        }
        submit_prepare(jobs[i], cost);
    }
    return YOKE_OK;
}

typedef struct submit_room {
    yoke_runtime *rt;
    yoke_job *const *jobs;
    size_t num_jobs;
    size_t deferred;   /* jobs with `after`: the table of deferred jobs must have room */
    size_t for_cpu;    /* tickets for workers */
    size_t for_gpu;    /* tickets for lanes */
    bool gpu_only;     /* the policy insists */
    bool in_deque;     /* the workers' tickets go to the calling worker's own deque */
    uint64_t position; /* else: from here on in the inbox */
} submit_room;

/* Where each job goes; one look at the tuning for all of them. */
static void submit_route(submit_room *room)
{
    const snapshot *tuning = snapshot_read_begin(&room->rt->tuning);
    room->gpu_only = tuning->mode == POLICY_ROUTING_MODE_GPU_ONLY;
    for (size_t i = 0; i < room->num_jobs; i++) {
        yoke_job *job = room->jobs[i];
        if (job->after != NULL) {
            room->deferred++;
            continue;
        }
        route way = lane_route_any(room->rt, job, tuning);
        job_core_of(job)->submit.route = way;
        room->for_cpu += way != ROUTE_GPU;
        room->for_gpu += way != ROUTE_CPU;
    }
    snapshot_read_end();
}

static bool submit_reserve_deferred(yoke_runtime *rt, size_t count)
{
    if (count == 0) {
        return true;
    }
    uint32_t now = atomic_load_explicit(&rt->num_deferred, memory_order_relaxed);
    do {
        if (count > rt->max_jobs - now) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&rt->num_deferred, &now, now + (uint32_t)count,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* Whether the job must go to a GPU. */
static bool submit_insists(const submit_room *room, const yoke_job *job)
{
    return room->gpu_only || (job->flags & YOKE_JOB_GPU) != 0;
}

static void submit_give_back_lanes(submit_room *room, size_t num_jobs)
{
    for (size_t i = 0; i < num_jobs; i++) {
        job_core *core = job_core_of(room->jobs[i]);
        if (room->jobs[i]->after == NULL && core->submit.route != ROUTE_CPU) {
            lane_give_back_any(room->rt, room->jobs[i], core->lane_position);
        }
    }
}

/* A place in its lane for each job that goes to a GPU. Where the lane is full the workers take the
 * job, unless it insists: then there is no room. */
static bool submit_reserve_lanes(submit_room *room)
{
    for (size_t i = 0; i < room->num_jobs && room->for_gpu > 0; i++) {
        yoke_job *job = room->jobs[i];
        job_core *core = job_core_of(job);
        if (job->after != NULL || core->submit.route == ROUTE_CPU ||
            lane_reserve_any(job, &core->lane_position)) {
            continue;
        }
        if (submit_insists(room, job)) {
            submit_give_back_lanes(room, i);
            return false;
        }
        room->for_cpu += core->submit.route == ROUTE_GPU;
        core->submit.route = ROUTE_CPU;
    }
    return true;
}

/* Reserves room for all; the predicate that a waiting host thread tries again. */
static bool submit_reserve(void *context)
{
    submit_room *room = context;
    yoke_runtime *rt = room->rt;
    yoke_worker *self = worker_self();
    if (rt->submit_waits) {
        atomic_thread_fence(memory_order_seq_cst); /* W1: against who made room */
    }
    if (!submit_reserve_deferred(rt, room->deferred)) {
        return false;
    }
    room->in_deque =
        self != NULL && self->rt == rt && deque_space_owner(&self->tickets) >= room->for_cpu;
    /* A look at the inbox first: places in lanes that are given back take time to go. */
    bool has_room =
        (room->in_deque || ring_count_any(&rt->inbox) + room->for_cpu <= rt->inbox.capacity) &&
        submit_reserve_lanes(room);
    room->in_deque = room->in_deque && deque_space_owner(&self->tickets) >= room->for_cpu;
    if (has_room && !room->in_deque && room->for_cpu > 0 &&
        !ring_reserve_any(&rt->inbox, room->for_cpu, &room->position)) {
        submit_give_back_lanes(room, room->num_jobs);
        has_room = false;
    }
    if (!has_room) {
        atomic_fetch_sub_explicit(&rt->num_deferred, (uint32_t)room->deferred,
                                  memory_order_relaxed);
    }
    return has_room;
}

static yoke_status submit_admit(submit_room *room)
{
    yoke_runtime *rt = room->rt;
    yoke_worker *self = worker_self();
    if (submit_reserve(room)) {
        return YOKE_OK;
    }
    if (room->deferred > 0) {
        runtime_made_room_any(rt); /* what was reserved for a moment, another may have missed */
    }
    bool may_wait = rt->submit_waits && (self == NULL || self->rt != rt);
    if (!may_wait || room->deferred > rt->max_jobs || room->for_cpu > rt->max_jobs ||
        room->for_gpu > register_lane_tickets(rt)) {
        return YOKE_BUSY;
    }
    waiters_wait(&rt->waiters, &rt->inbox, submit_reserve, room, YOKE_FOREVER);
    return YOKE_OK;
}

/* -- publishing ------------------------------------------------------------------------------ */

static void submit_defer(yoke_runtime *rt, yoke_job *job)
{
    job_add_first_ticket_submitter(job);
    if (!group_defer_any(&rt->groups, job)) {
        atomic_fetch_sub_explicit(&rt->num_deferred, 1, memory_order_relaxed);
        runtime_made_room_any(rt);
        job_core_of(job)->next = NULL;
        lane_release_any(rt, job);
    }
}

static void submit_to_workers(submit_room *room, yoke_job *job)
{
    if (room->in_deque) {
        deque_push_owner(&worker_self()->tickets, job);
    } else {
        ring_publish_any(&room->rt->inbox, room->position++, job);
    }
}

/* After this the job may be settled and gone at any moment. */
static void submit_publish(submit_room *room, yoke_job *job)
{
    yoke_runtime *rt = room->rt;
    if (job->after != NULL) {
        submit_defer(rt, job);
        return;
    }
    route way = (route)job_core_of(job)->submit.route;
    job_add_first_ticket_submitter(job);
    if (way == ROUTE_BOTH) {
        job_core_of(job)->is_shared = 1;
        job_add_ticket_any(job);
    }
    if (way != ROUTE_CPU) {
        lane_publish_any(rt, job, job_core_of(job)->lane_position);
    }
    if (way != ROUTE_GPU) { /* of both, this is the last: its ticket keeps the job until here */
        submit_to_workers(room, job);
    }
}

yoke_status yoke_submit(yoke_runtime *rt, yoke_job *const *jobs, size_t num_jobs)
{
    if (rt == NULL || jobs == NULL || num_jobs == 0) {
        return base_misuse("nothing to submit");
    }
    if (runtime_is_stopping(rt)) {
        return YOKE_CANCELED;
    }
    yoke_status status = submit_mark(rt, jobs, num_jobs);
    if (status != YOKE_OK) {
        return status;
    }
    submit_room room = {.rt = rt, .jobs = jobs, .num_jobs = num_jobs};
    submit_route(&room);
    status = submit_admit(&room);
    if (status != YOKE_OK) {
        submit_unmark(jobs, num_jobs);
        return status;
    }
    for (size_t i = 0; i < num_jobs; i++) {
        if (jobs[i]->group != NULL) {
            group_add_any(jobs[i]->group);
        }
    }
    stats_add_any(&rt->host_stats, STATS_jobs_submitted, num_jobs);
    for (size_t i = 0; i < num_jobs; i++) {
        submit_publish(&room, jobs[i]);
    }
    if (room.for_gpu > 0) {
        park_wake_one_any(&rt->gpu_park);
    }
    park_wake_one_any(&rt->park);
    controller_notice_any(rt);
    return YOKE_OK;
}

yoke_status yoke_cancel(yoke_runtime *rt, yoke_job *job)
{
    if (rt == NULL || job == NULL) {
        return base_misuse("nothing to cancel");
    }
    if (job_status(job) == YOKE_PENDING) {
        job_stop_any(job, YOKE_CANCELED);
    }
    return YOKE_OK;
}
