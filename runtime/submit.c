/*
 * From the caller's hands into a queue: check, admit, publish.
 *
 * All or none: every job is checked before any is published; room is reserved before any is
 * published; so a refusal only has to take marks off. Jobs that are all simple (submit_is_simple)
 * go a short way, which costs a ring reservation (one compare-exchange for any number of them), a
 * read-modify-write for each run of jobs with the same group, and no fence: the reservation
 * announces the work to whoever is about to park. Nothing is allocated.
 *
 * From a worker the tickets go to its own deque, or to the inbox if that is full.
 */

#include <string.h>

#include "check.h"
#include "controller.h"
#include "job.h"
#include "lane.h"
#include "ready.h"
#include "register.h"
#include "worker.h"

/* -- admitting ------------------------------------------------------------------------------- */

/* While its submit may still be refused, the status of a job that came with others is this and what
 * it was before: so a job that is in the array twice is found. */
#define SUBMIT_MARK 0x1000

/* How many jobs ahead their memory is fetched. */
#define SUBMIT_AHEAD 8

static void submit_unmark(yoke_job *const *jobs, size_t num_jobs)
{
    for (size_t i = 0; i < num_jobs; i++) {
        job_publish_status(jobs[i], (yoke_status)(jobs[i]->status - SUBMIT_MARK));
    }
}

/* The job's first line will be written, and a worker has it: both can be waited for at once. */
static void submit_fetch(const yoke_job *job)
{
    __builtin_prefetch(job, 1);
    __builtin_prefetch((const void *)((uintptr_t)job + offsetof(yoke_job, group)));
}

/* Nothing to route, to copy or to wait for, and no order of its own. */
static bool submit_is_simple(const yoke_job *job)
{
    return job_is_plain(job) && job->after == NULL && job->params == NULL &&
           (job->flags & YOKE_JOB_HIGH) == 0;
}

/* Checks one job, and notes what it weighs; nothing else of it changes. */
static yoke_status submit_take_in(yoke_runtime *rt, yoke_job *job)
{
    uint64_t cost;
    const char *what;
    yoke_status status = check_job(rt, job, &cost, &what);
    if (status == YOKE_OK && !job_is_plain(job)) {
        uint64_t item_cost = cost / job->num_items;
        job_core_of(job)->item_cost = item_cost > 0 ? item_cost : 1;
    }
    return status == YOKE_INVALID ? base_misuse(what) : status;
}

/* Checks and marks several jobs; a refusal takes the marks off. *simple tells whether all are. */
static yoke_status submit_take_in_all(yoke_runtime *rt, yoke_job *const *jobs, size_t num_jobs,
                                      bool *simple)
{
    *simple = true;
    for (size_t i = 0; i < num_jobs; i++) {
        if (i + SUBMIT_AHEAD < num_jobs) {
            submit_fetch(jobs[i + SUBMIT_AHEAD]);
        }
        yoke_status status = submit_take_in(rt, jobs[i]);
        if (status != YOKE_OK) {
            submit_unmark(jobs, i);
            return status;
        }
        *simple = *simple && submit_is_simple(jobs[i]);
        job_publish_status(jobs[i], (yoke_status)(jobs[i]->status + SUBMIT_MARK));
    }
    return YOKE_OK;
}

typedef struct submit_room {
    yoke_runtime *rt;
    yoke_worker *self; /* the calling worker, if it is one of rt's */
    yoke_job *const *jobs;
    size_t num_jobs;
    size_t deferred;   /* jobs with `after`: the table of deferred jobs must have room */
    size_t for_gpu;    /* tickets for lanes */
    size_t for_cpu;    /* tickets for workers */
    size_t for_high;   /* the same, of high priority */
    bool gpu_only;     /* the policy insists */
    bool in_deque;     /* for_cpu go to the calling worker's own deque */
    uint64_t position; /* else: from here on in the inbox */
    uint64_t high_position;
} submit_room;

/* Where a job's ticket for workers is counted. */
static size_t *submit_for_workers(submit_room *room, const yoke_job *job)
{
    return (job->flags & YOKE_JOB_HIGH) != 0 ? &room->for_high : &room->for_cpu;
}

/* Where each job goes; one look at the tuning for all of them. */
static void submit_route(submit_room *room)
{
    const snapshot *tuning = NULL;
    for (size_t i = 0; i < room->num_jobs; i++) {
        yoke_job *job = room->jobs[i];
        if (job->after != NULL) {
            room->deferred++;
            continue;
        }
        if (!type_has_gpu(job->type)) {
            (*submit_for_workers(room, job))++;
            continue;
        }
        if (tuning == NULL) {
            tuning = snapshot_read_begin(&room->rt->tuning);
            room->gpu_only = tuning->mode == POLICY_ROUTING_MODE_GPU_ONLY;
        }
        route way = lane_route_any(room->rt, job, tuning, room->for_cpu, room->for_gpu);
        job_core_of(job)->route = way;
        *submit_for_workers(room, job) += way != ROUTE_GPU;
        room->for_gpu += way != ROUTE_CPU;
    }
    if (tuning != NULL) {
        snapshot_read_end();
    }
}

/* What submit_route has decided, and submit_reserve_lanes corrected. */
static route submit_route_of(const yoke_job *job)
{
    return !type_has_gpu(job->type) ? ROUTE_CPU
                                    : (route)job_core_of((yoke_job *)(uintptr_t)job)->route;
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
    bool any = false;
    for (size_t i = 0; i < num_jobs; i++) {
        yoke_job *job = room->jobs[i];
        if (job->after == NULL && submit_route_of(job) != ROUTE_CPU) {
            lane_give_back_any(room->rt, job, job_core_of(job)->lane_position);
            any = true;
        }
    }
    if (any) { /* or a lane full of empty tickets stays full */
        park_wake_one_any(&room->rt->gpu_park);
    }
}

/* A place in its lane for each job that goes to a GPU. Where the lane is full the workers take the
 * job, unless it insists: then there is no room. */
static bool submit_reserve_lanes(submit_room *room)
{
    for (size_t i = 0; i < room->num_jobs && room->for_gpu > 0; i++) {
        yoke_job *job = room->jobs[i];
        job_core *core = job_core_of(job);
        if (job->after != NULL || submit_route_of(job) == ROUTE_CPU ||
            lane_reserve_any(job, &core->lane_position)) {
            continue;
        }
        if (submit_insists(room, job)) {
            submit_give_back_lanes(room, i);
            return false;
        }
        *submit_for_workers(room, job) += core->route == ROUTE_GPU;
        core->route = ROUTE_CPU;
    }
    return true;
}

/* Places that nobody fills: workers skip them. */
static void submit_give_back_inbox(yoke_runtime *rt, ring *inbox, uint64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ring_publish_any(inbox, first + i, NULL);
    }
    stats_add_any(&rt->host_stats, STATS_jobs_submitted, (uint64_t)0 - count); /* not submitted */
}

/* Places for the workers' tickets: in the calling worker's deque, or in the inboxes. */
static bool submit_reserve_inboxes(submit_room *room)
{
    yoke_runtime *rt = room->rt;
    room->in_deque =
        room->self != NULL && deque_has_space_owner(&room->self->tickets, room->for_cpu);
    size_t count = room->in_deque ? 0 : room->for_cpu;
    if (count > 0 && !ring_reserve_any(&rt->inbox, count, &room->position)) {
        return false;
    }
    if (room->for_high > 0 &&
        !ring_reserve_any(&rt->inbox_high, room->for_high, &room->high_position)) {
        submit_give_back_inbox(rt, &rt->inbox, room->position, count);
        return false;
    }
    return true;
}

/* A look before anything is reserved: what is given back takes time to go. */
static bool submit_may_have_room(submit_room *room)
{
    yoke_runtime *rt = room->rt;
    return (room->self != NULL ||
            ring_count_any(&rt->inbox) + room->for_cpu <= rt->inbox.capacity) &&
           ring_count_any(&rt->inbox_high) + room->for_high <= rt->inbox_high.capacity;
}

/* Reserves room for all; the predicate that a waiting host thread tries again. */
static bool submit_reserve(void *context)
{
    submit_room *room = context;
    yoke_runtime *rt = room->rt;
    if (rt->submit_waits) {
        atomic_thread_fence(memory_order_seq_cst); /* W1: against who made room */
    }
    if (!submit_reserve_deferred(rt, room->deferred)) {
        return false;
    }
    bool has_room = submit_may_have_room(room) && submit_reserve_lanes(room);
    if (has_room && !submit_reserve_inboxes(room)) {
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
    if (submit_reserve(room)) {
        return YOKE_OK;
    }
    if (room->deferred > 0) {
        runtime_made_room_any(rt); /* what was reserved for a moment, another may have missed */
    }
    bool may_wait = rt->submit_waits && room->self == NULL;
    if (!may_wait || room->deferred > rt->max_jobs || room->for_cpu > rt->max_jobs ||
        room->for_high > rt->max_jobs || room->for_gpu > register_lane_tickets(rt)) {
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
    if ((job->flags & YOKE_JOB_HIGH) != 0) {
        ring_publish_any(&room->rt->inbox_high, room->high_position++, job);
    } else if (room->in_deque) {
        deque_push_owner(&room->self->tickets, job);
    } else {
        ring_publish_any(&room->rt->inbox, room->position++, job);
    }
}

/* After this the job may be settled and gone at any moment. */
static void submit_publish(submit_room *room, yoke_job *job)
{
    yoke_runtime *rt = room->rt;
    if (job->params != NULL) {
        memcpy(job_core_of(job)->params, job->params, job->type->params_bytes);
    }
    job_begin_submitter(job);
    job_publish_status(job, YOKE_PENDING);
    if (job->after != NULL) {
        submit_defer(rt, job);
        return;
    }
    route way = submit_route_of(job);
    job_add_first_ticket_submitter(job);
    if (way == ROUTE_BOTH) {
        job_mark_any(job, JOB_IS_SHARED);
        job_add_ticket_any(job);
    }
    if (way != ROUTE_CPU) {
        lane_publish_any(rt, job, job_core_of(job)->lane_position);
    }
    if (way != ROUTE_GPU) { /* of both, this is the last: its ticket keeps the job until here */
        submit_to_workers(room, job);
    }
}

/* One read-modify-write for a run of jobs of the same group. */
static void submit_join_groups(yoke_job *const *jobs, size_t num_jobs)
{
    for (size_t i = 0, n; i < num_jobs; i += n) {
        yoke_group *group = jobs[i]->group;
        for (n = 1; i + n < num_jobs && jobs[i + n]->group == group; n++) {
        }
        if (group != NULL) {
            group_add_any(group, n);
        }
    }
}

/* A ticket in an inbox counts its job by its place there (runtime_count); the others are counted
 * here, so that most submits need no counter that other threads write too. */
static void submit_count(submit_room *room)
{
    size_t count = room->num_jobs - room->for_high - (room->in_deque ? 0 : room->for_cpu);
    if (count == 0) {
        return;
    }
    if (room->self != NULL) {
        stats_add_owner(&room->self->stats, STATS_jobs_submitted, count);
    } else {
        stats_add_any(&room->rt->host_stats, STATS_jobs_submitted, count);
        atomic_thread_fence(memory_order_seq_cst); /* K1 */
    }
}

static void submit_wake(submit_room *room)
{
    yoke_runtime *rt = room->rt;
    if (room->for_gpu > 0) {
        park_wake_one_any(&rt->gpu_park);
    }
    if (room->in_deque) {
        park_wake_one_any(&rt->park);
    } else if (room->for_cpu + room->for_high > 0) {
        park_wake_one_reserved_any(&rt->park); /* R3 */
    }
    controller_notice_any(rt);
}

/* The short way of jobs that are all simple, from a host thread or (self) a worker. False: there is
 * no room at this moment. */
static bool submit_simple(yoke_runtime *rt, yoke_worker *self, yoke_job *const *jobs,
                          size_t num_jobs)
{
    uint64_t position = 0;
    bool in_deque = self != NULL && deque_has_space_owner(&self->tickets, num_jobs);
    if (!in_deque && !ring_reserve_any(&rt->inbox, num_jobs, &position)) {
        return false;
    }
    submit_join_groups(jobs, num_jobs);
    for (size_t i = 0; i < num_jobs; i++) {
        job_begin_submitter(jobs[i]);
        job_publish_status(jobs[i], YOKE_PENDING);
        if (in_deque) {
            deque_push_owner(&self->tickets, jobs[i]);
        } else {
            ring_publish_any(&rt->inbox, position + i, jobs[i]);
        }
    }
    if (!in_deque) {
        park_wake_one_reserved_any(&rt->park); /* R3 */
    } else {
        stats_add_owner(&self->stats, STATS_jobs_submitted, num_jobs);
        if (rt->num_workers > 1) {
            park_wake_one_any(&rt->park);
        }
    }
    controller_notice_any(rt); /* K1; without a fence it may miss this one, not the next */
    return true;
}

/* The way of all others, or of simple jobs that must wait for room. */
static yoke_status submit_any(submit_room *room)
{
    submit_route(room);
    yoke_status status = submit_admit(room);
    if (status != YOKE_OK) {
        submit_unmark(room->jobs, room->num_jobs > 1 ? room->num_jobs : 0);
        return status;
    }
    submit_join_groups(room->jobs, room->num_jobs);
    submit_count(room);
    for (size_t i = 0; i < room->num_jobs; i++) {
        submit_publish(room, room->jobs[i]);
    }
    submit_wake(room);
    return YOKE_OK;
}

yoke_status yoke_submit(yoke_runtime *rt, yoke_job *const *jobs, size_t num_jobs)
{
    if (rt == NULL || jobs == NULL || num_jobs == 0) {
        return base_misuse("nothing to submit");
    }
    if (runtime_is_stopping(rt)) {
        return YOKE_CANCELED;
    }
    bool simple;
    yoke_status status;
    if (num_jobs == 1) {
        submit_fetch(jobs[0]);
        status = submit_take_in(rt, jobs[0]);
        simple = status == YOKE_OK && submit_is_simple(jobs[0]);
    } else {
        status = submit_take_in_all(rt, jobs, num_jobs, &simple);
    }
    if (status != YOKE_OK) {
        return status;
    }
    yoke_worker *self = worker_self();
    self = self != NULL && self->rt == rt ? self : NULL;
    if (simple && submit_simple(rt, self, jobs, num_jobs)) {
        return YOKE_OK;
    }
    return submit_any(&(submit_room){.rt = rt, .self = self, .jobs = jobs, .num_jobs = num_jobs});
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
