/*
 * Residents: constants with a copy in the host's memory and one on each device that has needed it.
 * The host's is a region (region.h), which knows the devices' too.
 *
 * Threads: constant from create to free, but for the region.
 */
#ifndef YOKE_RESIDENT_H
#define YOKE_RESIDENT_H

#include "region.h"

struct yoke_resident {
    yoke_runtime *rt;
    const void *data; /* the region's memory */
    size_t bytes;
};

#endif
