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

/* Where the job goes now. for_workers, for_gpu: how many others have just been sent there and are
 * not in the queues yet. */
route lane_route_any(yoke_runtime *rt, yoke_job *job, const snapshot *tuning, uint64_t for_workers,
                     uint64_t for_gpu);

/* From a submitter that cannot take all of a job now: of a large one, a ticket for another device
 * that has nothing to do, if there is one. */
void lane_share_any(yoke_runtime *rt, yoke_job *job);

/* Reserves a place in the lane of the job's type. False: it is full. A place that is reserved must
 * be published, or given back, which leaves an empty ticket there. */
bool lane_reserve_any(yoke_job *job, uint64_t *position);
void lane_give_back_any(yoke_runtime *rt, yoke_job *job, uint64_t position);

/* Puts the job's ticket, counted already, into its place. The caller wakes a submitter when it has
 * put in all it has. The job may settle at once. */
void lane_publish_any(yoke_runtime *rt, yoke_job *job, uint64_t position);

/* The oldest ticket of a lane, or NULL. Empty ones on the way are taken too; tells who waits for
 * room. */
yoke_job *lane_take_any(yoke_runtime *rt, yoke_type *type);

/* Sends jobs that a group has released, linked by job_core.next, on their ways. */
void lane_release_any(yoke_runtime *rt, yoke_job *jobs);

/* A ticket that no device will use. A job that workers have a ticket of too just loses this one: it
 * may stand in their list already, and can stand there only once. */
void lane_return_any(yoke_runtime *rt, yoke_job *job);

/* Hands all tickets of a lane to the workers. */
void lane_drain_any(yoke_runtime *rt, yoke_type *type);

#endif
