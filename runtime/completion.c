/*
 * Settled jobs on their way back to an event loop. The ordering ledger is in completion.h.
 *
 * Settling threads push onto a stack with one compare-exchange; a reaper takes the whole stack at
 * once, turns it round and hands out from that list, so no thread ever pops a stack that others
 * pop (and no ABA problem arises). The descriptor costs nothing until somebody asks for it.
 */
#include "completion.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "job.h"

void completion_init(completion *c)
{
    atomic_init(&c->pushed, NULL);
    atomic_init(&c->fd, -1);
    pthread_mutex_init(&c->lock, NULL);
    c->first = NULL;
    c->link = &c->first;
}

void completion_finish(completion *c)
{
    int fd = atomic_load(&c->fd);
    if (fd >= 0) {
        close(fd);
    }
    pthread_mutex_destroy(&c->lock);
}

static void completion_signal(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one);
    (void)written; /* it can only fail when the counter is full: then it is readable already */
}

void completion_push_any(completion *c, yoke_job *job)
{
    yoke_job *before = atomic_load_explicit(&c->pushed, memory_order_relaxed);
    do {
        job_core_of(job)->next = before;
    } while (!atomic_compare_exchange_weak_explicit(&c->pushed, &before, job, memory_order_seq_cst,
                                                    memory_order_relaxed)); /* C1 */
    if (before == NULL) {
        int fd = atomic_load_explicit(&c->fd, memory_order_seq_cst); /* C2 */
        if (fd >= 0) {
            completion_signal(fd);
        }
    }
}

/* Moves what was pushed to the end of the list. */
static void completion_collect_locked(completion *c)
{
    yoke_job *newest = atomic_exchange_explicit(&c->pushed, NULL, memory_order_acquire); /* C1 */
    if (newest == NULL) {
        return;
    }
    yoke_job *oldest = NULL;
    for (yoke_job *job = newest; job != NULL;) {
        yoke_job *older = job_core_of(job)->next;
        job_core_of(job)->next = oldest;
        oldest = job;
        job = older;
    }
    *c->link = oldest;
    c->link = &job_core_of(newest)->next;
}

size_t completion_reap(completion *c, yoke_job **jobs, size_t max_jobs)
{
    size_t count = 0;
    pthread_mutex_lock(&c->lock);
    int fd = atomic_load(&c->fd);
    if (fd >= 0) { /* reset before looking: a job pushed later signals again */
        uint64_t ignored;
        ssize_t got = read(fd, &ignored, sizeof ignored);
        (void)got;
    }
    completion_collect_locked(c);
    while (count < max_jobs && c->first != NULL) {
        yoke_job *job = c->first;
        c->first = job_core_of(job)->next;
        jobs[count++] = job;
    }
    if (c->first == NULL) {
        c->link = &c->first;
    } else if (fd >= 0) {
        completion_signal(fd); /* some are left: stay readable */
    }
    pthread_mutex_unlock(&c->lock);
    return count;
}

int completion_event_fd(completion *c)
{
    pthread_mutex_lock(&c->lock);
    int fd = atomic_load(&c->fd);
    if (fd < 0) {
        fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        atomic_store_explicit(&c->fd, fd, memory_order_seq_cst); /* C2 */
        if (fd >= 0 &&
            (c->first != NULL || atomic_load_explicit(&c->pushed, memory_order_seq_cst) != NULL)) {
            completion_signal(fd);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return fd;
}
