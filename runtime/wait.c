/*
 * Host threads learn what became of their jobs: poll, wait, group wait, reap.
 *
 * Threads: host threads; a worker that waited could wait for itself, so it is refused.
 */
#include "job.h"
#include "worker.h"

bool yoke_poll(const yoke_job *job)
{
    return job == NULL || job_status(job) != YOKE_PENDING;
}

static bool wait_job_is_settled(void *context)
{
    return job_status(context) != YOKE_PENDING;
}

static bool wait_group_is_empty(void *context)
{
    return group_is_empty(context);
}

static bool wait_is_allowed(const yoke_runtime *rt)
{
    const yoke_worker *self = worker_self();
    return rt != NULL && (self == NULL || self->rt != rt);
}

yoke_status yoke_wait(yoke_runtime *rt, const yoke_job *job, uint64_t timeout_ns)
{
    if (!wait_is_allowed(rt) || job == NULL) {
        return base_misuse("no job to wait for, or a wait on a worker");
    }
    if (job->done != NULL || job->group != NULL || (job->flags & YOKE_JOB_REAP) != 0) {
        return base_misuse("a wait for a job that tells its end otherwise");
    }
    void *context = (void *)(uintptr_t)job;
    if (!waiters_wait(&rt->waiters, job, wait_job_is_settled, context,
                      waiters_deadline_ns(timeout_ns))) {
        return YOKE_TIMEOUT;
    }
    return job_status(job);
}

yoke_status yoke_group_wait(yoke_runtime *rt, const yoke_group *group, uint64_t timeout_ns)
{
    if (!wait_is_allowed(rt) || group == NULL) {
        return base_misuse("no group to wait for, or a wait on a worker");
    }
    void *context = (void *)(uintptr_t)group;
    if (!waiters_wait(&rt->waiters, group, wait_group_is_empty, context,
                      waiters_deadline_ns(timeout_ns))) {
        return YOKE_TIMEOUT;
    }
    return group_status(group);
}

int yoke_event_fd(yoke_runtime *rt)
{
    if (rt == NULL) {
        (void)base_misuse("no runtime");
        return -1;
    }
    return completion_event_fd(&rt->completion);
}

size_t yoke_reap(yoke_runtime *rt, yoke_job **jobs, size_t max_jobs)
{
    if (rt == NULL || (jobs == NULL && max_jobs > 0)) {
        (void)base_misuse("nowhere to reap to");
        return 0;
    }
    return completion_reap(&rt->completion, jobs, max_jobs);
}
