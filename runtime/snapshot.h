/*
 * The values in force, as one immutable struct: what the policy says, and what was counted in the
 * last window. Readers see one whole snapshot or the next, never a mixture, and pay about a
 * nanosecond.
 *
 * Threads: snapshot_read_begin and _end by any thread, also one that yoke has never seen (liburcu's
 * "bulletproof" flavour registers it); what was read is valid until _end. What lies between may
 * take a while, as a submitter's round does, but must not wait for the controller. snapshot_publish
 * by the controller alone.
 *
 * snapshot.c is the one file that knows liburcu.
 */
#ifndef YOKE_SNAPSHOT_H
#define YOKE_SNAPSHOT_H

#include <stdatomic.h>
#include <stdint.h>

#include "model.h"
#include "policy.h"

/* What was learned of a type. */
typedef struct snapshot_type {
    model_line cpu; /* all workers together */
    model_line gpu; /* a batch, on all devices together */
} snapshot_type;

typedef struct snapshot {
    policy_routing_mode mode;
    policy_gpu_path path;
    uint32_t wait_us_max;     /* how long an item may wait for its batch to fill */
    uint64_t break_even_cost; /* less waiting cost than this is not worth a batch */
    uint64_t target_cost;     /* at which a batch closes */
    uint64_t window;          /* how many windows have been folded */
    uint64_t window_ns;       /* the last one's length, and what happened in it: */
    uint64_t window_jobs;
    uint64_t window_items_cpu;
    uint64_t window_items_gpu;
    uint64_t window_batches;
    uint64_t window_gpu_busy_ns; /* of all devices that can tell */
    snapshot_type types[YOKE_TYPES_MAX];
} snapshot;

typedef struct snapshot_cell {
    snapshot *_Atomic current;
} snapshot_cell;

void snapshot_init(snapshot_cell *cell, snapshot *first);

const snapshot *snapshot_read_begin(snapshot_cell *cell);
void snapshot_read_end(void);

/* Sets what the policy says, which is all of its live keys; the rest stays. */
void snapshot_set_policy(snapshot *s, const yoke_policy *policy);

/* Puts `next` in force, waits until nobody reads the one before, and returns that one. */
snapshot *snapshot_publish(snapshot_cell *cell, snapshot *next);

#endif
