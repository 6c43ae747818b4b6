/*
 * Recording: a batch's operations made into the command buffer of its slot.
 */
#ifndef YOKE_BACKENDS_VULKAN_RECORD_H
#define YOKE_BACKENDS_VULKAN_RECORD_H

#include "device.h"

/* How many workgroups a dispatch has, x in a row and y rows; yoke.glsl counts them the same way.
 * False: so many items do not fit. Pure. */
bool vulkan_record_plane(uint32_t num_items, uint32_t local_size, uint32_t *x, uint32_t *y);

/* The command buffers, one a slot, and the queries of the device's clock. */
yoke_status vulkan_record_create(backend_device *device);
void vulkan_record_destroy(backend_device *device);

/* Whether the batch keeps within the bounds of backend.h, but for its slot. Pure. */
bool vulkan_record_is_valid(const backend_batch *batch);

/* Records a valid batch, whose slot's last one is complete. */
yoke_status vulkan_record(backend_device *device, const backend_batch *batch);

yoke_status vulkan_record_times(backend_device *device, uint32_t slot, uint64_t *begin_ns,
                                uint64_t *end_ns);

#endif
