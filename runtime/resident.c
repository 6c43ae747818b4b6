/*
 * Making residents and giving them back. Which device has a copy is region.c's to know; the copies
 * are made by the batches that need them (batch.c).
 */
#include "resident.h"

#include <string.h>

#include "runtime.h"

yoke_status yoke_resident_create(yoke_runtime *rt, const void *data, size_t bytes,
                                 yoke_resident **resident)
{
    if (rt == NULL || data == NULL || bytes == 0 || resident == NULL) {
        return base_misuse("no runtime, no data, or nowhere to put the resident");
    }
    *resident = NULL;
    yoke_resident *made = runtime_alloc(rt, sizeof *made);
    void *copy = made != NULL ? region_alloc_resident(&rt->regions, &rt->allocator, bytes) : NULL;
    if (copy == NULL) {
        runtime_free(rt, made, sizeof *made);
        return YOKE_NO_MEMORY;
    }
    memcpy(copy, data, bytes);
    *made = (yoke_resident){.rt = rt, .data = copy, .bytes = bytes};
    *resident = made;
    return YOKE_OK;
}

void yoke_resident_free(yoke_runtime *rt, yoke_resident **resident)
{
    if (resident == NULL || *resident == NULL) {
        return;
    }
    yoke_resident *made = *resident;
    if (rt == NULL || made->rt != rt) {
        (void)base_misuse("a resident of another runtime");
        return;
    }
    yoke_free(rt, (void *)(uintptr_t)made->data);
    runtime_free(rt, made, sizeof *made);
    *resident = NULL;
}
