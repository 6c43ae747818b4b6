/*
 * How a submitter waits. Its thread.
 */
#ifndef YOKE_REST_H
#define YOKE_REST_H

#include "submitter.h"

/* Nothing to pack and nothing in flight: until there is. */
void rest_park(submitter *s);

/* With batches in flight: until the oldest is done, there is something to pack, or wait_ns are
 * over.
 */
void rest_await(submitter *s, uint64_t wait_ns);

#endif
