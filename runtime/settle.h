/*
 * Settling: a job becomes done, exactly once, and its owner learns of it.
 *
 * Threads: by the worker that took the job's last ticket (or yoke_destroy, as worker 0, after the
 * threads have ended). The store of the status is the runtime's last access to the job, except
 * where the job itself is handed over (completion queue): everything else is read before it.
 */
#ifndef YOKE_SETTLE_H
#define YOKE_SETTLE_H

#include "worker.h"

void settle(yoke_worker *worker, yoke_job *job, yoke_status status);

#endif
