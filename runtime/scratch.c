/*
 * Scratch grows to the next power of two, so that it seldom grows, or to just what is needed where
 * the device has not so much. Growing costs the driver up to a millisecond.
 */
#include "scratch.h"

#define SCRATCH_ALIGN 256

/* The next power of two. */
static uint64_t scratch_whole(uint64_t bytes)
{
    return bytes <= 1 ? bytes : UINT64_C(1) << (64 - __builtin_clzll(bytes - 1));
}

static bool scratch_alloc(scratch *s, const region_device *device, uint64_t bytes)
{
    yoke_status status =
        device->ops->alloc(device->device, BACKEND_MEMORY_DEVICE, bytes, &s->memory);
    if (status != YOKE_OK) {
        s->memory = (backend_memory){0};
    }
    return status == YOKE_OK;
}

bool scratch_grow(scratch *s, const region_device *device, uint64_t bytes)
{
    if (bytes <= s->memory.bytes) {
        return true;
    }
    if (device == NULL || bytes > INT64_MAX ||
        (s->refused_bytes != 0 && bytes >= s->refused_bytes)) {
        return false;
    }
    if (s->memory.bytes > 0) {
        device->ops->release(device->device, &s->memory);
    }
    bool grown = scratch_alloc(s, device, scratch_whole(bytes)) || scratch_alloc(s, device, bytes);
    s->refused_bytes = grown ? s->refused_bytes : bytes;
    return grown;
}

void scratch_shrink(scratch *s, const region_device *device, uint64_t bytes)
{
    if (s->memory.bytes > scratch_whole(bytes)) {
        device->ops->release(device->device, &s->memory);
        s->memory = (backend_memory){0};
        scratch_grow(s, device, bytes);
    }
    s->refused_bytes = 0; /* others may have given back some of theirs */
}

static uint64_t scratch_align(uint64_t bytes)
{
    return (bytes + SCRATCH_ALIGN - 1) / SCRATCH_ALIGN * SCRATCH_ALIGN;
}

uint64_t scratch_bytes(const uint64_t *item_bytes, uint32_t count, uint64_t num_items)
{
    uint64_t sum = 0, bytes;
    for (uint32_t k = 0; k < count; k++) {
        if (__builtin_mul_overflow(item_bytes[k], num_items, &bytes) || bytes > INT64_MAX / 16) {
            return UINT64_MAX;
        }
        sum += scratch_align(bytes);
    }
    return sum;
}

void scratch_place(const scratch *s, const uint64_t *item_bytes, uint32_t count, uint64_t num_items,
                   backend_place *places)
{
    uint64_t at = 0;
    for (uint32_t k = 0; k < count; k++) {
        places[k] = (backend_place){&s->memory, at};
        at += scratch_align(item_bytes[k] * num_items);
    }
}
