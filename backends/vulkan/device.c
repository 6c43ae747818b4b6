/*
 * Opens and closes a device.
 *
 * The submitter's thread. What always holds: a field is a valid handle or VK_NULL_HANDLE, so a
 * device that opened half way is taken down by the same function as one that is closed. Opening
 * costs 1 ms (lavapipe) to some 100 ms (a discrete GPU); closing waits for what is in flight.
 *
 * A device that hangs cannot be destroyed: destroying what is in use is undefined, and it may still
 * write to memory that it was given. Then the driver's objects stay behind, the instance too, and
 * close says so.
 */
#include "device.h"

#include "kernel.h"
#include "memory.h"
#include "record.h"
#include "result.h"
#include "timeline.h"

#define DEVICE_CLOSE_NS UINT64_C(5000000000)

yoke_status vulkan_device_result(backend_device *device, VkResult result, const char *call)
{
    yoke_status status = vulkan_result(&device->instance->host, result, call);
    if (status == YOKE_NO_DEVICE && !device->is_lost) {
        device->is_lost = true;
        service_log(&device->instance->host, YOKE_LOG_WARNING, "vulkan: %s is lost (%s)",
                    device->probe->info.name, call);
    }
    return status;
}

static yoke_status vulkan_device_create(backend_device *device)
{
    static const char *const import[] = {VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME};
    const vulkan_loader *loader = &device->instance->loader;
    const vulkan_probe *probe = device->probe;
    const float priority = 1.0f;
    vulkan_features features = probe->features;
    vulkan_features_link(&features);
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = probe->queue_family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &features.core,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = probe->import_align != 0 ? 1 : 0,
        .ppEnabledExtensionNames = import,
    };
    VkResult result = loader->vkCreateDevice(probe->physical, &info, NULL, &device->device);
    yoke_status status = vulkan_device_result(device, result, "vkCreateDevice");
    if (status != YOKE_OK) {
        device->device = VK_NULL_HANDLE;
        return status;
    }
    vulkan_volk_table_load(&device->vk, device->device, loader->vkGetDeviceProcAddr);
    device->vk.vkGetDeviceQueue(device->device, probe->queue_family, 0, &device->queue);
    return YOKE_OK;
}

static yoke_status vulkan_device_create_layout(backend_device *device)
{
    const VkPushConstantRange push = {
        .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        .size = sizeof(uint64_t) + YOKE_PUSH_BYTES_MAX,
    };
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .pushConstantRangeCount = 1,
        .pPushConstantRanges = &push,
    };
    VkResult result =
        device->vk.vkCreatePipelineLayout(device->device, &info, NULL, &device->layout);
    return vulkan_device_result(device, result, "vkCreatePipelineLayout");
}

static void vulkan_device_destroy(backend_device *device)
{
    vulkan_kernel_destroy_all(device);
    vulkan_memory_destroy_all(device);
    vulkan_cache_close(device);
    vulkan_timeline_destroy(device);
    vulkan_record_destroy(device);
    device->vk.vkDestroyPipelineLayout(device->device, device->layout, NULL);
    device->vk.vkDestroyDevice(device->device, NULL);
}

static void vulkan_device_free(backend_device *device)
{
    vulkan_kernel_free_all(device);
    vulkan_memory_free_all(device);
    service_free(&device->instance->host, device, sizeof *device);
}

yoke_status vulkan_device_open(backend_instance *instance, uint32_t index,
                               const backend_open_options *options, backend_device **device)
{
    if (index >= instance->num_devices || options->num_slots == 0 ||
        options->num_slots > BACKEND_SLOTS_MAX) {
        return YOKE_INVALID;
    }
    if (!instance->devices[index].info.is_fit) {
        return YOKE_UNSUPPORTED;
    }
    backend_device *made = service_alloc(&instance->host, sizeof *made);
    if (made == NULL) {
        return YOKE_NO_MEMORY;
    }
    made->instance = instance;
    made->probe = &instance->devices[index];
    made->num_slots = options->num_slots;
    made->memory_max = options->memory_bytes_max;
    made->is_exclusive = options->is_exclusive;
    yoke_status status = vulkan_device_create(made);
    if (status == YOKE_OK) {
        status = vulkan_device_create_layout(made);
        status = status == YOKE_OK ? vulkan_record_create(made) : status;
        status = status == YOKE_OK ? vulkan_timeline_create(made) : status;
        status = status == YOKE_OK ? vulkan_cache_open(made, options->cache_dir) : status;
        if (status != YOKE_OK) {
            vulkan_device_destroy(made);
        }
    }
    if (status != YOKE_OK) {
        vulkan_device_free(made);
        return status;
    }
    *device = made;
    return YOKE_OK;
}

yoke_status vulkan_device_close(backend_device *device)
{
    yoke_status status = YOKE_OK;
    if (!vulkan_timeline_finish(device, DEVICE_CLOSE_NS)) {
        service_log(&device->instance->host, YOKE_LOG_ERROR,
                    "vulkan: %s did not finish in %u s; it is left behind",
                    device->probe->info.name, (unsigned)(DEVICE_CLOSE_NS / 1000000000));
        device->instance->is_stuck = true;
        status = YOKE_TIMEOUT;
    } else {
        vulkan_device_destroy(device);
    }
    vulkan_device_free(device);
    return status;
}
