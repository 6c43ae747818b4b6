/*
 * Where a job goes: a pure function of what is known when it is submitted (or released by its
 * group). A few nanoseconds; no clock, no locks, no globals.
 */
#ifndef YOKE_ROUTE_H
#define YOKE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "snapshot.h"

typedef enum route {
    ROUTE_CPU,  /* a ticket for the workers */
    ROUTE_GPU,  /* a ticket in the type's lane */
    ROUTE_BOTH, /* both: workers claim from the back, a GPU from the front */
} route;

typedef struct route_input {
    uint32_t flags;               /* the job's */
    uint32_t num_items;           /* the job's */
    uint64_t cost;                /* the job's */
    uint64_t backlog;             /* jobs that wait for workers */
    uint64_t lane;                /* jobs that wait in the type's lane */
    uint64_t ahead;               /* cost of the type that devices are at */
    bool is_served;               /* a device is ready for the type */
    bool has_room;                /* the type's lane has room */
    const snapshot_type *learned; /* of the type; NULL: nothing */
} route_input;

route route_decide(const route_input *input, const snapshot *tuning);

/* How much of what is left of a job that both engines work on is a GPU's to claim now, in 1/1024:
 * so much that both end together. cost_ahead: what the GPU has to do before. */
#define ROUTE_SHARE_ALL 1024u
uint32_t route_share(const snapshot_type *learned, uint64_t cost_left, uint64_t cost_ahead);

/* The cost below which a batch of small jobs waits for company though the device is idle. Nothing,
 * once it is known what is worth the trip: then jobs come only if it is. */
uint64_t route_min_cost(const snapshot_type *learned, const snapshot *tuning);

#endif
