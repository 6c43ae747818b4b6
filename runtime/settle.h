/*
 * Settling: a job becomes done, exactly once, and its owner learns of it.
 *
 * Threads: by the worker or submitter that took the job's last item or ticket (or yoke_destroy, as
 * worker 0, after the threads have ended); a job with a callback by a worker only. The store of the
 * status is the runtime's last access to the job, except where the job itself is handed over
 * (completion queue): everything else is read before it.
 */
#ifndef YOKE_SETTLE_H
#define YOKE_SETTLE_H

#include "job.h"
#include "runtime.h"

/* Jobs that are settled, but not yet counted out of their group: telling it costs a
 * read-modify-write that workers and submitting threads compete for, so a worker tells it of many
 * jobs at once. Only as long as the next job it runs is of that group too, for then the group
 * cannot become empty before; so nobody waits longer for it. */
typedef struct settle_held {
    yoke_group *group; /* NULL: nothing is held */
    uint64_t count;
} settle_held;

/* counters: the calling thread's. held: the calling worker's; NULL: groups are told at once. */
void settle(yoke_runtime *rt, stats *counters, settle_held *held, yoke_job *job,
            yoke_status status);

/* The same for a worker, which mostly has one more good job of a group that it holds some of. */
static inline void settle_worker(yoke_runtime *rt, stats *counters, settle_held *held,
                                 yoke_job *job, yoke_status status)
{
    if (status == YOKE_OK && held->group != NULL && held->group == job->group) {
        stats_add_owner(counters, STATS_jobs_settled, 1);
        stats_add_owner(counters, STATS_jobs_ok, 1);
        held->count++;
        job_publish_status(job, YOKE_OK);
    } else {
        settle(rt, counters, held, job, status);
    }
}

/* Tells the group that something is held for; the group may be gone after it. */
void settle_tell(yoke_runtime *rt, settle_held *held);

#endif
