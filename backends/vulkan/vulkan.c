/*
 * The table of the Vulkan backend. Constant; each verb is in the file of its subject:
 *
 *   loader    libvulkan, an instance and its functions     volk_table  a device's functions
 *   probe     what a device is and whether it is fit       instance    all devices of an instance
 *   device    open and close                               memory      slots' and imported memory
 *   spirv     looks through a module before a driver does  kernel      modules to pipelines
 *   cache     the pipeline cache on disk                   record      batches to commands
 *   result    VkResult to yoke_status                      timeline    submit, completed, wait
 */
#include "vulkan.h"

#include "device.h"
#include "instance.h"
#include "kernel.h"
#include "memory.h"
#include "record.h"
#include "timeline.h"

const backend_ops vulkan_ops = {
    .name = "vulkan",
    .open_instance = vulkan_instance_open,
    .close_instance = vulkan_instance_close,
    .info = vulkan_instance_info,
    .open = vulkan_device_open,
    .close = vulkan_device_close,
    .compile = vulkan_kernel_compile,
    .alloc = vulkan_memory_alloc,
    .import = vulkan_memory_import,
    .release = vulkan_memory_release,
    .taken = vulkan_memory_taken,
    .submit = vulkan_timeline_submit,
    .completed = vulkan_timeline_completed,
    .times = vulkan_record_times,
    .wait = vulkan_timeline_wait,
};
