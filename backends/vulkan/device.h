/*
 * An open device: its queue, its functions, and what the other files keep with it.
 */
#ifndef YOKE_BACKENDS_VULKAN_DEVICE_H
#define YOKE_BACKENDS_VULKAN_DEVICE_H

#include "backends/service.h"
#include "cache.h"
#include "instance.h"
#include "volk_table.h"

typedef struct vulkan_memory vulkan_memory;

/* A slot's command buffer, and what it does if that is one kernel over a batch's items. */
typedef struct vulkan_recorded {
    VkCommandBuffer commands;
    const backend_kernel *kernel; /* NULL: something else */
    uint64_t block;
    uint32_t x, y;
} vulkan_recorded;

/* All of it is the submitter's. */
struct backend_device {
    backend_instance *instance;
    const vulkan_probe *probe;
    VkDevice device;
    struct VolkDeviceTable vk;
    VkQueue queue;
    VkPipelineLayout
        layout; /* no descriptors; push constants: the block's address, then a kernel's own */
    vulkan_cache cache;
    backend_kernel *kernels;
    vulkan_memory *memories;
    uint64_t memory_taken, memory_max; /* bytes of its own: taken; that may be, 0: by the budget */
    bool is_exclusive;

    /* timeline.c's */
    VkSemaphore timeline;
    uint64_t submitted; /* the last value that was handed out */

    /* record.c's */
    uint32_t num_slots;
    VkCommandPool pool;
    vulkan_recorded recorded[BACKEND_SLOTS_MAX];
    VkQueryPool queries; /* a slot's begin and end; none where the device has no clock */

    bool is_lost; /* from then on every verb but close and release answers YOKE_NO_DEVICE */
};

yoke_status vulkan_device_open(backend_instance *instance, uint32_t index,
                               const backend_open_options *options, backend_device **device);
yoke_status vulkan_device_close(backend_device *device);

/* vulkan_result for the calls of a device: keeps in mind that it was lost, and logs that. */
yoke_status vulkan_device_result(backend_device *device, VkResult result, const char *call);

#endif
