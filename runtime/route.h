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
    uint32_t flags;     /* the job's */
    uint32_t num_items; /* the job's */
    uint64_t cost;      /* the job's */
    uint64_t backlog;   /* jobs that wait for workers */
    bool is_served;     /* a device is ready for the type */
    bool has_room;      /* the type's lane has room */
} route_input;

route route_decide(const route_input *input, const snapshot *tuning);

#endif
