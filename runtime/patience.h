/*
 * How a submitter waits for a batch: a call that sleeps until the device is done returns some 25 us
 * late, looking again and again returns at once but keeps a core busy. So it sleeps while the end
 * is far, and looks when the end is near, by what it has learned of each type.
 *
 * Pure; one patience for each type on each device, its submitter's.
 */
#ifndef YOKE_PATIENCE_H
#define YOKE_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Zero at first. */
typedef struct patience {
    uint64_t least_ns; /* the shortest batch of late: what the trip costs */
    uint64_t ps_cost;  /* picoseconds for a unit of cost, smoothed */
} patience;

/* A batch of so much cost came back after so long, with the device all to itself. */
void patience_learn(patience *p, uint64_t cost, uint64_t took_ns);

/* How long such a batch is likely to take; 0: nothing is known. */
uint64_t patience_guess_ns(const patience *p, uint64_t cost);

typedef struct patience_advice {
    uint64_t sleep_ns; /* sleep first, for at most so long; 0: do not */
    uint64_t look_ns;  /* then look, for so long; if it is still not done, sleep again */
} patience_advice;

/* What to do now about a batch that has been with the device for age_ns. has_next: the device has
 * more to do when it is done, so a late look costs nothing. */
patience_advice patience_advise(uint64_t guess_ns, uint64_t age_ns, bool has_next);

#endif
