/*
 * Raw Vulkan: from libvulkan to a device with two queues and its pipelines. Owns everything between
 * gpu_raw_open and gpu_raw_close; one thread.
 * Always holds: after a failure nothing of Vulkan's is destroyed, since a device that does not
 * answer may still be at work on it; it stays until the process ends, which is soon.
 * Costs what the driver takes: 1 ms on lavapipe, up to a second on a GPU.
 */
#include "gpu_raw_parts.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPU_RAW_DEVICES_MAX 16
#define GPU_RAW_FAMILIES_MAX 32
#define GPU_RAW_PUSH_BYTES                                                                         \
    64 /* of kernels that are recorded one by one: the block's address, and                        \
        * room for constants */

bool gpu_raw_fail(gpu_raw *raw, const char *what, ...)
{
    va_list list;
    if (gpu_raw_is_fine(raw)) {
        va_start(list, what);
        vsnprintf(raw->why, sizeof(raw->why), what, list);
        va_end(list);
    }
    return false;
}

bool gpu_raw_expect(gpu_raw *raw, VkResult result, const char *call)
{
    return result >= 0 || gpu_raw_fail(raw, "%s failed (VkResult %d)", call, (int)result);
}

const char *gpu_raw_why(const gpu_raw *raw)
{
    return gpu_raw_is_fine(raw) ? NULL : raw->why;
}

bool gpu_raw_is_cpu(const gpu_raw *raw)
{
    return raw->is_cpu;
}

bool gpu_raw_has_copy_queue(const gpu_raw *raw)
{
    return raw->num_families > 1;
}

/* ---------------------------------------------------------------------------------------------
 * Instance
 */

static bool gpu_raw_open_instance(gpu_raw *raw)
{
    PFN_vkGetInstanceProcAddr get;
    void *symbol = NULL;
    raw->library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (raw->library != NULL) {
        symbol = dlsym(raw->library, "vkGetInstanceProcAddr");
    }
    if (symbol == NULL) {
        return gpu_raw_fail(raw, "there is no libvulkan.so.1");
    }
    memcpy(&get, &symbol, sizeof(get)); /* ISO C does not convert one to the other */
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                           .apiVersion = VK_API_VERSION_1_2};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &application};
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
    if (create == NULL ||
        !gpu_raw_expect(raw, create(&info, NULL, &raw->instance), "vkCreateInstance")) {
        return gpu_raw_fail(raw, "libvulkan.so.1 is no Vulkan loader");
    }
#define GPU_RAW_FIND(name)                                                                         \
    if ((raw->vk.name = (PFN_##name)get(raw->instance, #name)) == NULL) {                          \
        return gpu_raw_fail(raw, "the Vulkan loader lacks " #name);                                \
    }
    GPU_RAW_INSTANCE_FUNCTIONS(GPU_RAW_FIND)
#undef GPU_RAW_FIND
    return true;
}

static bool gpu_raw_is_device(gpu_raw *raw, VkPhysicalDevice physical, const uint8_t *uuid)
{
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceIDProperties id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &id};
    raw->vk.vkGetPhysicalDeviceProperties(physical, &properties);
    if (properties.apiVersion < VK_API_VERSION_1_2) {
        return false;
    }
    raw->vk.vkGetPhysicalDeviceProperties2(physical, &all);
    if (memcmp(id.deviceUUID, uuid, VK_UUID_SIZE) != 0) {
        return false;
    }
    raw->physical = physical;
    raw->is_cpu = properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    raw->stamp_ns = properties.limits.timestampPeriod;
    raw->vk.vkGetPhysicalDeviceMemoryProperties(physical, &raw->memory);
    return true;
}

static bool gpu_raw_find_device(gpu_raw *raw, const uint8_t *uuid)
{
    VkPhysicalDevice devices[GPU_RAW_DEVICES_MAX];
    uint32_t num = GPU_RAW_DEVICES_MAX;
    VkResult result = raw->vk.vkEnumeratePhysicalDevices(raw->instance, &num, devices);
    if (!gpu_raw_expect(raw, result, "vkEnumeratePhysicalDevices")) {
        return false;
    }
    for (uint32_t i = 0; i < num; i++) {
        if (gpu_raw_is_device(raw, devices[i], uuid)) {
            return true;
        }
    }
    return gpu_raw_fail(raw, "Vulkan does not list the device that yoke uses");
}

/* ---------------------------------------------------------------------------------------------
 * Device
 */

/* A family that computes, rather one that does not draw; and one that only copies. */
static bool gpu_raw_find_families(gpu_raw *raw)
{
    const VkQueueFlags others = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT;
    const VkQueueFlags copies = VK_QUEUE_TRANSFER_BIT | VK_QUEUE_SPARSE_BINDING_BIT;
    VkQueueFamilyProperties families[GPU_RAW_FAMILIES_MAX];
    uint32_t num = GPU_RAW_FAMILIES_MAX, compute = UINT32_MAX, copy = UINT32_MAX;
    raw->vk.vkGetPhysicalDeviceQueueFamilyProperties(raw->physical, &num, families);
    for (uint32_t i = 0; i < num; i++) {
        VkQueueFlags flags = families[i].queueFlags;
        bool computes = (flags & VK_QUEUE_COMPUTE_BIT) != 0;
        bool is_better =
            compute == UINT32_MAX || ((flags & VK_QUEUE_GRAPHICS_BIT) == 0 &&
                                      (families[compute].queueFlags & VK_QUEUE_GRAPHICS_BIT) != 0);
        if (computes && is_better) {
            compute = i;
        }
        if ((flags & VK_QUEUE_TRANSFER_BIT) != 0 && (flags & others) == 0 &&
            (copy == UINT32_MAX || (flags & ~copies) == 0)) {
            copy = i;
        }
    }
    if (compute == UINT32_MAX) {
        return gpu_raw_fail(raw, "the device has no compute queue");
    }
    raw->num_families = copy != UINT32_MAX ? 2 : 1;
    raw->lines[GPU_RAW_COMPUTE].family = compute;
    raw->lines[GPU_RAW_COPY].family = copy != UINT32_MAX ? copy : compute;
    uint32_t bits = families[compute].timestampValidBits;
    raw->stamp_mask = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
    return true;
}

static bool gpu_raw_open_device(gpu_raw *raw)
{
    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queues[GPU_RAW_QUEUES];
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .timelineSemaphore = VK_TRUE,
        .bufferDeviceAddress = VK_TRUE};
    VkPhysicalDeviceFeatures2 found = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &v12};
    raw->vk.vkGetPhysicalDeviceFeatures2(raw->physical, &found);
    features.features.shaderInt64 = VK_TRUE;
    features.features.shaderFloat64 = found.features.shaderFloat64;
    for (uint32_t i = 0; i < raw->num_families; i++) {
        queues[i] = (VkDeviceQueueCreateInfo){.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                              .queueFamilyIndex = raw->lines[i].family,
                                              .queueCount = 1,
                                              .pQueuePriorities = &priority};
    }
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &features,
                                     .queueCreateInfoCount = raw->num_families,
                                     .pQueueCreateInfos = queues};
    VkResult result = raw->vk.vkCreateDevice(raw->physical, &info, NULL, &raw->device);
    if (!gpu_raw_expect(raw, result, "vkCreateDevice")) {
        return false;
    }
#define GPU_RAW_FIND(name)                                                                         \
    if ((raw->vk.name = (PFN_##name)raw->vk.vkGetDeviceProcAddr(raw->device, #name)) == NULL) {    \
        return gpu_raw_fail(raw, "the device lacks " #name);                                       \
    }
    GPU_RAW_DEVICE_FUNCTIONS(GPU_RAW_FIND)
#undef GPU_RAW_FIND
    return true;
}

static bool gpu_raw_open_line(gpu_raw *raw, gpu_raw_line *line)
{
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                             .pNext = &type};
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .queueFamilyIndex = line->family};
    raw->vk.vkGetDeviceQueue(raw->device, line->family, 0, &line->queue);
    return gpu_raw_expect(raw,
                          raw->vk.vkCreateSemaphore(raw->device, &semaphore, NULL, &line->timeline),
                          "vkCreateSemaphore") &&
           gpu_raw_expect(raw, raw->vk.vkCreateCommandPool(raw->device, &pool, NULL, &line->pool),
                          "vkCreateCommandPool");
}

static bool gpu_raw_open_pipelines(gpu_raw *raw, const gpu_raw_options *options)
{
    const VkPushConstantRange push = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                      .size = GPU_RAW_PUSH_BYTES};
    const VkPipelineLayoutCreateInfo layout = {.sType =
                                                   VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &push};
    const VkPipelineCacheCreateInfo cache = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                             .initialDataSize = options->cache_bytes,
                                             .pInitialData = options->cache};
    return gpu_raw_expect(raw,
                          raw->vk.vkCreatePipelineLayout(raw->device, &layout, NULL, &raw->layout),
                          "vkCreatePipelineLayout") &&
           gpu_raw_expect(raw,
                          raw->vk.vkCreatePipelineCache(raw->device, &cache, NULL, &raw->cache),
                          "vkCreatePipelineCache");
}

static bool gpu_raw_open_all(gpu_raw *raw, const gpu_raw_options *options)
{
    const VkQueryPoolCreateInfo stamps = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                          .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                          .queryCount = 2};
    bool fine = gpu_raw_open_instance(raw) && gpu_raw_find_device(raw, options->uuid) &&
                gpu_raw_find_families(raw) && gpu_raw_open_device(raw) &&
                gpu_raw_open_pipelines(raw, options);
    for (uint32_t i = 0; fine && i < raw->num_families; i++) {
        fine = gpu_raw_open_line(raw, &raw->lines[i]);
    }
    if (fine && raw->stamp_mask != 0) {
        fine =
            gpu_raw_expect(raw, raw->vk.vkCreateQueryPool(raw->device, &stamps, NULL, &raw->stamps),
                           "vkCreateQueryPool");
    }
    if (fine) {
        raw->blocks = gpu_raw_alloc(raw, GPU_RAW_HOST, GPU_RAW_BLOCKS * sizeof(gpu_raw_block));
    }
    return gpu_raw_is_fine(raw);
}

bool gpu_raw_open(gpu_raw **raw, const gpu_raw_options *options, char *why)
{
    gpu_raw *made = calloc(1, sizeof(*made));
    *raw = NULL;
    if (made == NULL) {
        snprintf(why, GPU_RAW_WHY_BYTES, "out of memory");
        return false;
    }
    if (!gpu_raw_open_all(made, options)) {
        memcpy(why, made->why, GPU_RAW_WHY_BYTES);
        gpu_raw_close(&made);
        return false;
    }
    *raw = made;
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * Kernels
 */

const gpu_raw_kernel *gpu_raw_compile(gpu_raw *raw, gpu_raw_shader shader)
{
    const VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                           .codeSize = shader.spirv_bytes,
                                           .pCode = shader.spirv};
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .pName = "main"},
        .layout = raw->layout};
    gpu_raw_kernel *kernel = calloc(1, sizeof(*kernel));
    if (kernel == NULL) {
        gpu_raw_fail(raw, "out of memory");
        return &raw->broken;
    }
    kernel->local_size = shader.local_size;
    kernel->next = raw->kernels;
    raw->kernels = kernel;
    if (gpu_raw_is_fine(raw) &&
        gpu_raw_expect(raw,
                       raw->vk.vkCreateShaderModule(raw->device, &code, NULL, &info.stage.module),
                       "vkCreateShaderModule")) {
        VkResult result = raw->vk.vkCreateComputePipelines(raw->device, raw->cache, 1, &info, NULL,
                                                           &kernel->pipeline);
        gpu_raw_expect(raw, result, "vkCreateComputePipelines");
        raw->vk.vkDestroyShaderModule(raw->device, info.stage.module, NULL);
    }
    return kernel;
}

void *gpu_raw_cache_read(gpu_raw *raw, size_t *bytes)
{
    *bytes = 0;
    if (!gpu_raw_is_fine(raw) ||
        raw->vk.vkGetPipelineCacheData(raw->device, raw->cache, bytes, NULL) != VK_SUCCESS) {
        return NULL;
    }
    void *data = malloc(*bytes);
    if (data != NULL &&
        raw->vk.vkGetPipelineCacheData(raw->device, raw->cache, bytes, data) != VK_SUCCESS) {
        free(data);
        data = NULL;
    }
    return data;
}

/* ---------------------------------------------------------------------------------------------
 * The end
 */

static void gpu_raw_close_device(gpu_raw *raw)
{
    gpu_raw_functions *vk = &raw->vk;
    vk->vkDeviceWaitIdle(raw->device);
    for (gpu_raw_kernel *kernel = raw->kernels; kernel != NULL; kernel = kernel->next) {
        vk->vkDestroyPipeline(raw->device, kernel->pipeline, NULL);
    }
    for (uint32_t i = 0; i < raw->num_families; i++) {
        vk->vkDestroyCommandPool(raw->device, raw->lines[i].pool, NULL);
        vk->vkDestroySemaphore(raw->device, raw->lines[i].timeline, NULL);
    }
    vk->vkDestroyQueryPool(raw->device, raw->stamps, NULL);
    vk->vkDestroyPipelineCache(raw->device, raw->cache, NULL);
    vk->vkDestroyPipelineLayout(raw->device, raw->layout, NULL);
    vk->vkDestroyDevice(raw->device, NULL);
}

void gpu_raw_close(gpu_raw **raw)
{
    gpu_raw *r = *raw;
    if (r == NULL) {
        return;
    }
    gpu_raw_reset(r);
    gpu_raw_free(r, &r->blocks);
    if (gpu_raw_is_fine(r)) {
        gpu_raw_close_device(r);
        r->vk.vkDestroyInstance(r->instance, NULL);
        dlclose(r->library);
    }
    while (r->kernels != NULL) {
        gpu_raw_kernel *kernel = r->kernels;
        r->kernels = kernel->next;
        free(kernel);
    }
    free(r);
    *raw = NULL;
}
