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

#include "runtime.h"

/* counters: the calling thread's. */
void settle(yoke_runtime *rt, stats *counters, yoke_job *job, yoke_status status);

#endif
