/*
 * A trial: before a device serves a map type that takes any bytes, both kernels of it run on a few
 * made-up items, and must give the same bytes. It finds a shader that was not meant for the type,
 * or that a driver compiles wrongly; not every difference that there may be.
 *
 * A trial is a batch without claims. The submitter begins it and sends it to the device; a worker
 * runs the CPU kernel on the same items and compares.
 */
#ifndef YOKE_TRIAL_H
#define YOKE_TRIAL_H

#include "batch.h"

/* Makes the trial of a free slot's batch. False: there is nothing to try: the type is a program,
 * has residents or no output, does not take any bytes, or does not fit. */
bool trial_begin(batch *b, const yoke_type *type);

/* For the CPU kernel: the claim of the same items, with another output. `spans` has room for all
 * ragged inputs. */
#define TRIAL_ITEMS 16
yoke_claim trial_claim(const batch *b, yoke_span spans[YOKE_INPUTS_MAX][TRIAL_ITEMS]);

/* After the device and the CPU kernel: the first item that differs, or TRIAL_ITEMS. */
uint32_t trial_compare(const batch *b);

#endif
