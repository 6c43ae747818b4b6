/*
 * Kernels: a SPIR-V module made into a compute pipeline.
 */
#ifndef YOKE_BACKENDS_VULKAN_KERNEL_H
#define YOKE_BACKENDS_VULKAN_KERNEL_H

#include "device.h"

struct backend_kernel {
    backend_kernel *next;
    VkPipeline pipeline;
    uint32_t local_size;
};

yoke_status vulkan_kernel_compile(backend_device *device, const backend_kernel_desc *desc,
                                  backend_kernel **kernel);

/* For close: the driver's part of all kernels, and ours. */
void vulkan_kernel_destroy_all(backend_device *device);
void vulkan_kernel_free_all(backend_device *device);

#endif
