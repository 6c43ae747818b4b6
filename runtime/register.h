/*
 * The table of types: yoke_register and yoke_type_find are in register.c.
 */
#ifndef YOKE_REGISTER_H
#define YOKE_REGISTER_H

#include "runtime.h"

/* How many tickets a lane holds. */
uint64_t register_lane_tickets(const yoke_runtime *rt);

/* Frees all types; for destroy, after every thread has ended. */
void register_finish(yoke_runtime *rt);

#endif
