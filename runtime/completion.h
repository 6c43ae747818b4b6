/*
 * The completion queue: settled jobs that wait for yoke_reap, linked through the jobs themselves,
 * and the descriptor that says so.
 *
 * Threads: completion_push_any by any thread; the others by host threads, behind a mutex.
 *
 * Ordering ledger
 *   C1  job before the push    push: compare-exchange of pushed (seq_cst)    reap: exchange
 * (acquire) if broken: the host reads a status that is not there yet. C2  push against opening the
 * descriptor push: exchange of pushed, load fd    open: store fd, load pushed    (all seq_cst) if
 * broken: a descriptor stays silent over a queue that is not empty.
 */
#ifndef YOKE_COMPLETION_H
#define YOKE_COMPLETION_H

#include <pthread.h>

#include "base.h"

typedef struct completion {
    _Alignas(BASE_LINE_BYTES) _Atomic(yoke_job *) pushed; /* newest first */
    _Atomic int fd;                                       /* -1 until somebody asks for it */
    pthread_mutex_t lock;                                 /* guards the rest */
    yoke_job *first;                                      /* oldest first: taken, not yet reaped */
    yoke_job **link;
} completion;

void completion_init(completion *c);
void completion_finish(completion *c);

/* The last access to the job. Writes the descriptor only when the queue was empty. */
void completion_push_any(completion *c, yoke_job *job);

size_t completion_reap(completion *c, yoke_job **jobs, size_t max_jobs);
int completion_event_fd(completion *c);

#endif
