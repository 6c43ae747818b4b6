/*
 * Memory that a device sees: allocated, for the host too or its own; or the host's, imported.
 */
#ifndef YOKE_BACKENDS_VULKAN_MEMORY_H
#define YOKE_BACKENDS_VULKAN_MEMORY_H

#include "device.h"

yoke_status vulkan_memory_alloc(backend_device *device, backend_memory_kind kind, size_t bytes,
                                backend_memory *memory);
yoke_status vulkan_memory_import(backend_device *device, void *host, size_t bytes,
                                 backend_memory *memory);
void vulkan_memory_release(backend_device *device, backend_memory *memory);
uint64_t vulkan_memory_taken(const backend_device *device);

/* The buffer that holds a place, and where in it. */
VkBuffer vulkan_memory_buffer(backend_place place, VkDeviceSize *offset);

/* For close: the driver's part of all that is left, and ours. */
void vulkan_memory_destroy_all(backend_device *device);
void vulkan_memory_free_all(backend_device *device);

#endif
