/*
 * A slot's scratch: memory of the device's own, for what programs keep between their dispatches and
 * for the copies that staged batches work on. It grows when a batch needs more than any before it.
 *
 * Threads: the submitter's.
 */
#ifndef YOKE_SCRATCH_H
#define YOKE_SCRATCH_H

#include "backends/backend.h"
#include "region.h"

typedef struct scratch {
    backend_memory memory;  /* bytes 0: none yet */
    uint64_t refused_bytes; /* what the device had not; 0: it was never asked in vain */
} scratch;

/* It has at least that many bytes from now on; what was in it is lost. False: the device has not so
 * many; so many are not asked for again. */
bool scratch_grow(scratch *s, const region_device *device, uint64_t bytes);

/* It has no more from now on than scratch_grow would have given it for so many bytes; no batch uses
 * it. */
void scratch_shrink(scratch *s, const region_device *device, uint64_t bytes);

/* What `count` buffers take, of num_items times item_bytes[k] each, one after the other, aligned.
 * UINT64_MAX: more than can be. */
uint64_t scratch_bytes(const uint64_t *item_bytes, uint32_t count, uint64_t num_items);

/* Where they begin in a scratch that has room for them. */
void scratch_place(const scratch *s, const uint64_t *item_bytes, uint32_t count, uint64_t num_items,
                   backend_place *places);

#endif
