/*
 * The four ways in which a job's owner learns that it is done. See settle.h for the one rule.
 *
 * Costs: a store for a callback; a seq_cst store and a load for a waiter; one read-modify-write
 * for a group or the completion queue. No lock unless jobs are deferred until the group.
 */
#include "settle.h"

#include "job.h"
#include "lane.h"

static void settle_count(stats *s, yoke_status status)
{
    stats_add_owner(s, STATS_jobs_settled, 1);
    if (status == YOKE_OK) {
        stats_add_owner(s, STATS_jobs_ok, 1);
    } else if (status == YOKE_CANCELED) {
        stats_add_owner(s, STATS_jobs_canceled, 1);
    } else if (status == YOKE_DEADLINE) {
        stats_add_owner(s, STATS_jobs_deadline, 1);
    } else if (status == YOKE_DEPENDENCY) {
        stats_add_owner(s, STATS_jobs_dependency, 1);
    }
}

void settle_tell(yoke_runtime *rt, settle_held *held)
{
    yoke_group *group = held->group;
    yoke_job *released;
    held->group = NULL;
    if (group_finish_any(&rt->groups, group, held->count, &released)) {
        waiters_wake(&rt->waiters, group);
    }
    if (released != NULL) {
        uint32_t count = 0;
        for (yoke_job *job = released; job != NULL; job = job_core_of(job)->next) {
            count++;
        }
        atomic_fetch_sub_explicit(&rt->num_deferred, count, memory_order_relaxed);
        runtime_made_room_any(rt);
        lane_release_any(rt, released);
    }
}

static void settle_in_group(yoke_runtime *rt, settle_held *held, yoke_group *group,
                            yoke_status status)
{
    settle_held now = {0};
    held = held != NULL ? held : &now;
    if (status != YOKE_OK) {
        group_fail_any(group, status);
    }
    if (held->group != group) {
        if (held->group != NULL) {
            settle_tell(rt, held);
        }
        *held = (settle_held){group, 0};
    }
    held->count++;
    if (held == &now) {
        settle_tell(rt, held);
    }
}

void settle(yoke_runtime *rt, stats *counters, settle_held *held, yoke_job *job, yoke_status status)
{
    void (*done)(yoke_job *) = job->done;
    yoke_group *group = job->group;

    settle_count(counters, status);
    if (done != NULL) {
        job_publish_status(job, status);
        done(job);
    } else if (group != NULL) {
        job_publish_status(job, status);
        settle_in_group(rt, held, group, status);
    } else if ((job->flags & YOKE_JOB_REAP) != 0) {
        job_publish_status(job, status);
        completion_push_any(&rt->completion, job);
    } else {
        job_publish_status_to_waiters(job, status);
        waiters_wake(&rt->waiters, job);
    }
}
