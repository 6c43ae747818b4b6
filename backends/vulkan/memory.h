/*
 * Memory that host and device both see: allocated for slots, or the host's own, imported.
 */
#ifndef YOKE_BACKENDS_VULKAN_MEMORY_H
#define YOKE_BACKENDS_VULKAN_MEMORY_H

#include "device.h"

yoke_status vulkan_memory_alloc(backend_device *device, size_t bytes, backend_memory *memory);
yoke_status vulkan_memory_import(backend_device *device, void *host, size_t bytes,
                                 backend_memory *memory);
void vulkan_memory_release(backend_device *device, backend_memory *memory);

/* For close: the driver's part of all that is left, and ours. */
void vulkan_memory_destroy_all(backend_device *device);
void vulkan_memory_free_all(backend_device *device);

#endif
