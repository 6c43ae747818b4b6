/*
 * Batches on a device's queue, and the timeline that says how far it has come.
 */
#ifndef YOKE_BACKENDS_VULKAN_TIMELINE_H
#define YOKE_BACKENDS_VULKAN_TIMELINE_H

#include "device.h"

yoke_status vulkan_timeline_create(backend_device *device);
void vulkan_timeline_destroy(backend_device *device);

yoke_status vulkan_timeline_submit(backend_device *device, const backend_batch *batches,
                                   uint32_t num_batches, uint64_t *value);
yoke_status vulkan_timeline_completed(backend_device *device, uint64_t *value);
yoke_status vulkan_timeline_wait(backend_device *device, uint64_t value, uint64_t timeout_ns);

/* For close: waits for all that was submitted, also on a device that counts as lost. True: nothing
 * runs any more. */
bool vulkan_timeline_finish(backend_device *device, uint64_t timeout_ns);

#endif
