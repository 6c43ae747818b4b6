/*
 * What a job must look like to be submitted: a pure function, so that a table can test it.
 */
#ifndef YOKE_CHECK_H
#define YOKE_CHECK_H

#include "base.h"

/* YOKE_OK, or the status to refuse the job with and *what, the rule it breaks. Under YOKE_OK *cost
 * is the job's cost, at least 1; of a plain job (job.h) 1, for nothing depends on it. Reads the
 * spans of ragged inputs, and nothing they point at. */
yoke_status check_job(const yoke_runtime *rt, const yoke_job *job, uint64_t *cost,
                      const char **what);

#endif
