/*
 * Lanes: the way of a ticket to the submitters. A lane itself is a ring in its type (type.h); here
 * is what goes in, and what happens when nobody takes it out any more.
 *
 * Threads: any. A lane is drained to the workers by whoever finds that no device serves it any
 * more, so no ticket stays in a lane without a device.
 */
#ifndef YOKE_LANE_H
#define YOKE_LANE_H

#include "route.h"
#include "runtime.h"

/* Where the job goes now; `taken`: tickets that are to go into lanes before it. */
route lane_route_any(yoke_runtime *rt, yoke_job *job, const snapshot *tuning, size_t taken);

/* Puts a ticket, counted already, into the lane of the job's type. False: it is full. The caller
 * wakes a submitter when it has put in all it has. */
bool lane_push_any(yoke_runtime *rt, yoke_job *job);

/* Sends jobs that a group has released, linked by job_core.next, on their ways. */
void lane_release_any(yoke_runtime *rt, yoke_job *jobs);

/* A ticket that no device will use. A job that workers have a ticket of too just loses this one: it
 * may stand in their list already, and can stand there only once. */
void lane_return_any(yoke_runtime *rt, yoke_job *job);

/* Hands all tickets of a lane to the workers. */
void lane_drain_any(yoke_runtime *rt, yoke_type *type);

#endif
