/*
 * Memory that yoke_alloc hands out, or that yoke_pin names, and what each device knows of it.
 *
 * A region is yoke's own mapping, or the caller's, so it outlives every device and works without
 * any. A device imports it when it first meets it, and counts the batches that use it. yoke_free
 * takes the region out of use, waits until no batch uses it and every device has let go, and only
 * then unmaps it.
 *
 * Threads: the table is behind a mutex. region_alloc and the functions that free by host threads;
 * region_use, region_unuse, region_let_go by submitters, each for its own device.
 */
#ifndef YOKE_REGION_H
#define YOKE_REGION_H

#include <pthread.h>

#include "backends/backend.h"
#include "base.h"

typedef struct region region;

typedef struct region_table {
    pthread_mutex_t lock;
    region *first;
    _Atomic uint32_t num_freeing; /* some device may have to let go */
} region_table;

/* A device, as regions see it. */
typedef struct region_device {
    uint32_t index; /* below YOKE_DEVICES_MAX */
    const backend_ops *ops;
    backend_device *device;
} region_device;

void region_table_init(region_table *table);
/* Unmaps what is left; no device is open any more. */
void region_table_finish(region_table *table, const yoke_allocator *allocator);

/* NULL: out of memory. A resident's is only copied by devices, never used in place. */
void *region_alloc(region_table *table, const yoke_allocator *allocator, size_t bytes);
void *region_alloc_resident(region_table *table, const yoke_allocator *allocator, size_t bytes);

/* Memory of the caller's: the pages that it touches. YOKE_INVALID: some of them are yoke's, or that
 * very memory is pinned. region_unmap leaves it alone. */
yoke_status region_pin(region_table *table, const yoke_allocator *allocator, void *memory,
                       size_t bytes);

/* Takes the region that begins at `memory` out of use; NULL: there is none. Once region_is_unused,
 * it may be given to region_unmap. */
region *region_begin_free(region_table *table, void *memory, bool is_pinned);
bool region_is_unused(region_table *table, region *r);
/* Whether all devices have let go of it for good: else its pages are kept. */
bool region_unmap(region_table *table, const yoke_allocator *allocator, region *r);

/* If [memory, memory + bytes) lies in a region that the device can see: its place there, and one
 * more use of *used. */
bool region_use(region_table *table, const region_device *device, const void *memory, size_t bytes,
                backend_place *place, region **used);
void region_unuse(region_table *table, region *r);

/* The device's own copy of the region that begins at `memory`. If *source is set, the copy is still
 * to be made from there, by the batch that asks; once that is submitted the copy counts as made,
 * for batches run in order. region_copied must follow. YOKE_NO_MEMORY: the device has no room. */
yoke_status region_use_copy(region_table *table, const region_device *device, const void *memory,
                            backend_place *copy, backend_place *source);

/* What region_use_copy asked for is done, or, if it is not, is asked for again the next time. */
void region_copied(region_table *table, const region_device *device, const void *memory,
                   bool is_done);

/* Releases the device's imports and copies of regions that are being freed. Returns whether any was
 * released: the caller wakes who waits for the table. */
bool region_let_go(region_table *table, const region_device *device);

/* The device is closed, and its imports with it. is_stuck: it did not finish and may still write,
 * so the pages that it knows are never given back. */
void region_forget(region_table *table, const region_device *device, bool is_stuck);

#endif
