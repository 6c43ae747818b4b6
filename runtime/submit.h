/*
 * What a job must look like to be submitted: a pure function, so that a table can test it.
 */
#ifndef YOKE_SUBMIT_H
#define YOKE_SUBMIT_H

#include "base.h"

/* YOKE_OK, or the status to refuse the job with and *what, the rule it breaks. Under YOKE_OK *cost
 * is the job's cost, at least 1. Reads the spans of ragged inputs, and nothing they point at. */
yoke_status submit_check(const yoke_runtime *rt, const yoke_job *job, uint64_t *cost,
                         const char **what);

#endif
