/*
 * Makes a batch ready for its device.
 */
#ifndef YOKE_SEAL_H
#define YOKE_SEAL_H

#include "batch.h"

/* Writes the block of parameters and records what the device is to do, with the type's compiled
 * kernels. NULL, or what is wrong: then the device must not get it. */
const char *seal_batch(batch *b, backend_kernel *const *kernels, region_table *regions,
                       const region_device *device);

/* What the device gets; valid until the batch is opened again. */
backend_batch seal_for_device(const batch *b);

#endif
