/*
 * The controller: finds devices and starts their submitters, then folds the counters of each window
 * into the snapshot, and puts loaded policies in force.
 *
 * Threads: controller_main is its thread's body; it alone publishes snapshots and adds devices.
 */
#ifndef YOKE_CONTROLLER_H
#define YOKE_CONTROLLER_H

#include "runtime.h"

void controller_main(yoke_runtime *rt);

/* Work has come; wakes the controller if it sleeps without a time-out. After K1 (controller.c). */
void controller_notice_any(yoke_runtime *rt);

/* Wakes it whatever it does; for destroy, and for who has a policy for it. */
void controller_ring_any(yoke_runtime *rt);

#endif
