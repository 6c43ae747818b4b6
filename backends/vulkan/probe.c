/*
 * Reads a physical device once, when its instance opens: name, memory, features, limits; and says
 * the first thing that it lacks.
 *
 * One thread. A probe is constant from then on. What always holds: nothing newer than Vulkan 1.0 is
 * asked of a device before its version is known. Costs some ten calls a device.
 */
#include "probe.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "result.h"

void vulkan_features_link(vulkan_features *features)
{
    features->core.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    features->core.pNext = &features->v11;
    features->v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
    features->v11.pNext = &features->v12;
    features->v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
    features->v12.pNext = NULL;
}

/* -- memory types ------------------------------------------------------------------------------ */

#define PROBE_COHERENT (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
#define PROBE_KNOWN                                                                                \
    (PROBE_COHERENT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT | VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT)

/* Higher is better, 0: not usable. Cached comes first because the host reads results from it: from
 * uncached memory that is 100 times slower, while a GPU reads both alike. Uncached device memory
 * (seen through PCIe) is the worst for the host. Types with other flags need features of their own.
 */
static int vulkan_probe_rank(VkMemoryPropertyFlags flags)
{
    if ((flags & PROBE_COHERENT) != PROBE_COHERENT || (flags & ~PROBE_KNOWN) != 0) {
        return 0;
    }
    if ((flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT) != 0) {
        return 3;
    }
    return (flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) != 0 ? 1 : 2;
}

uint32_t vulkan_probe_memory_type(const VkPhysicalDeviceMemoryProperties *memory,
                                  uint32_t type_bits)
{
    uint32_t best = UINT32_MAX;
    int best_rank = 0;
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
        int rank = vulkan_probe_rank(memory->memoryTypes[i].propertyFlags);
        if ((type_bits >> i & 1) != 0 && rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* -- how much memory --------------------------------------------------------------------------- */

static uint64_t vulkan_probe_less(uint64_t from, uint64_t bytes)
{
    return from > bytes ? from - bytes : 0;
}

static uint64_t vulkan_probe_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t vulkan_probe_may_take(const vulkan_heap *heap)
{
    uint64_t free = vulkan_probe_less(heap->budget, heap->used);
    uint64_t may = heap->limit != 0
                       ? vulkan_probe_min(free, vulkan_probe_less(heap->limit, heap->own))
                       : vulkan_probe_less(free, heap->budget / 8);
    if (!heap->is_exclusive) {
        uint64_t share = free / 2 + heap->own / 2; /* halves first: the sum need not fit */
        may = vulkan_probe_min(may, vulkan_probe_less(share, heap->own));
    }
    return may;
}

uint64_t vulkan_probe_budget(const vulkan_probe *probe,
                             PFN_vkGetPhysicalDeviceMemoryProperties2 read, uint32_t type,
                             vulkan_heap *heap)
{
    uint32_t index = probe->memory.memoryTypes[type].heapIndex;
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, .pNext = &budget};
    heap->budget = probe->memory.memoryHeaps[index].size;
    heap->used = heap->own;
    if (probe->has_budget) {
        read(probe->physical, &memory);
        heap->budget = vulkan_probe_min(heap->budget, budget.heapBudget[index]);
        heap->used = budget.heapUsage[index];
    }
    return vulkan_probe_may_take(heap);
}

/* -- what it is -------------------------------------------------------------------------------- */

static void vulkan_probe_read_memory(const vulkan_loader *loader, vulkan_probe *probe)
{
    loader->vkGetPhysicalDeviceMemoryProperties(probe->physical, &probe->memory);
    for (uint32_t i = 0; i < probe->memory.memoryHeapCount; i++) {
        const VkMemoryHeap *heap = &probe->memory.memoryHeaps[i];
        if ((heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0) {
            probe->info.memory_bytes += heap->size;
        }
    }
}

static const struct {
    VkSubgroupFeatureFlags operation;
    uint32_t capability;
} vulkan_probe_subgroup[] = {
    {VK_SUBGROUP_FEATURE_BASIC_BIT, 61},      {VK_SUBGROUP_FEATURE_VOTE_BIT, 62},
    {VK_SUBGROUP_FEATURE_ARITHMETIC_BIT, 63}, {VK_SUBGROUP_FEATURE_BALLOT_BIT, 64},
    {VK_SUBGROUP_FEATURE_SHUFFLE_BIT, 65},    {VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT, 66},
    {VK_SUBGROUP_FEATURE_CLUSTERED_BIT, 67},  {VK_SUBGROUP_FEATURE_QUAD_BIT, 68},
};

static void vulkan_probe_allow(vulkan_probe *probe, bool is_allowed, uint32_t capability)
{
    if (is_allowed) {
        probe->capabilities[probe->num_capabilities++] = capability;
    }
}

/* Numbers of capabilities: SPIR-V specification, section 3.31. */
static void vulkan_probe_capabilities(vulkan_probe *probe,
                                      const VkPhysicalDeviceSubgroupProperties *subgroup)
{
    const vulkan_features *f = &probe->features;
    vulkan_probe_allow(probe, true, 0);    /* Matrix */
    vulkan_probe_allow(probe, true, 1);    /* Shader */
    vulkan_probe_allow(probe, true, 5347); /* PhysicalStorageBufferAddresses */
    vulkan_probe_allow(probe, true, 11);   /* Int64 */
    vulkan_probe_allow(probe, f->core.features.shaderFloat64, 10);
    vulkan_probe_allow(probe, f->v12.shaderBufferInt64Atomics, 12);
    vulkan_probe_allow(probe, f->core.features.shaderInt16, 22);
    vulkan_probe_allow(probe, f->v12.shaderInt8, 39);
    vulkan_probe_allow(probe, f->v11.storageBuffer16BitAccess, 4433);
    vulkan_probe_allow(probe, f->v11.uniformAndStorageBuffer16BitAccess, 4434);
    vulkan_probe_allow(probe, f->v12.storageBuffer8BitAccess, 4448);
    vulkan_probe_allow(probe, f->v12.uniformAndStorageBuffer8BitAccess, 4449);
    bool in_compute = (subgroup->supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
    for (size_t i = 0; i < sizeof vulkan_probe_subgroup / sizeof vulkan_probe_subgroup[0]; i++) {
        bool is_there = (subgroup->supportedOperations & vulkan_probe_subgroup[i].operation) != 0;
        vulkan_probe_allow(probe, in_compute && is_there, vulkan_probe_subgroup[i].capability);
    }
}

static void vulkan_probe_read_features(const vulkan_loader *loader, vulkan_probe *probe)
{
    vulkan_features found = {0};
    vulkan_features_link(&found);
    loader->vkGetPhysicalDeviceFeatures2(probe->physical, &found.core);
#define VULKAN_FEATURE_KEEP(field) probe->features.field = found.field;
    VULKAN_FEATURES_USED(VULKAN_FEATURE_KEEP)
#undef VULKAN_FEATURE_KEEP
}

/* -- import ------------------------------------------------------------------------------------ */

static bool vulkan_probe_lists(const VkExtensionProperties *extensions, uint32_t count,
                               const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(extensions[i].extensionName, name) == 0) {
            return true;
        }
    }
    return false;
}

/* An extension is optional: where the list cannot be read, the device has none. */
static bool vulkan_probe_has_extension(const backend_host *host, const vulkan_loader *loader,
                                       VkPhysicalDevice physical, const char *name)
{
    uint32_t count = 0;
    VkResult result = loader->vkEnumerateDeviceExtensionProperties(physical, NULL, &count, NULL);
    size_t bytes = count * sizeof(VkExtensionProperties);
    if (vulkan_result(host, result, "vkEnumerateDeviceExtensionProperties") != YOKE_OK ||
        count == 0) {
        return false;
    }
    VkExtensionProperties *extensions = service_alloc(host, bytes);
    if (extensions == NULL) {
        return false;
    }
    result = loader->vkEnumerateDeviceExtensionProperties(physical, NULL, &count, extensions);
    bool has = vulkan_result(host, result, "vkEnumerateDeviceExtensionProperties") == YOKE_OK &&
               vulkan_probe_lists(extensions, count, name);
    service_free(host, extensions, bytes);
    return has;
}

static bool vulkan_probe_can_import(const vulkan_loader *loader, VkPhysicalDevice physical)
{
    const VkPhysicalDeviceExternalBufferInfo asked = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = VULKAN_BUFFER_USAGE,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
    };
    VkExternalBufferProperties found = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    loader->vkGetPhysicalDeviceExternalBufferProperties(physical, &asked, &found);
    return (found.externalMemoryProperties.externalMemoryFeatures &
            VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0;
}

/* -- fitness ----------------------------------------------------------------------------------- */

/* A family of queues that computes, rather one that does not draw; UINT32_MAX: none. */
static void vulkan_probe_read_queues(const vulkan_loader *loader, vulkan_probe *probe)
{
    VkQueueFamilyProperties families[32];
    uint32_t count = 32, any = UINT32_MAX, best = UINT32_MAX;
    loader->vkGetPhysicalDeviceQueueFamilyProperties(probe->physical, &count, families);
    for (uint32_t i = 0; i < count && best == UINT32_MAX; i++) {
        if ((families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) == 0 || families[i].queueCount == 0) {
            continue;
        }
        any = any == UINT32_MAX ? i : any;
        best = (families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) == 0 ? i : best;
    }
    probe->queue_family = best != UINT32_MAX ? best : any;
    if (probe->queue_family != UINT32_MAX) {
        probe->clock_bits = families[probe->queue_family].timestampValidBits;
    }
}

static const char *vulkan_probe_first_lack(const vulkan_probe *probe)
{
    if (!probe->features.v12.timelineSemaphore) {
        return "no timeline semaphores (timelineSemaphore)";
    }
    if (!probe->features.v12.bufferDeviceAddress) {
        return "no buffer device addresses (bufferDeviceAddress)";
    }
    if (!probe->features.core.features.shaderInt64) {
        return "no 64-bit integers in shaders (shaderInt64)";
    }
    if (probe->queue_family == UINT32_MAX) {
        return "no compute queue";
    }
    if (vulkan_probe_memory_type(&probe->memory, UINT32_MAX) == UINT32_MAX) {
        return "no memory that is host-visible and coherent";
    }
    return NULL;
}

/* Everything that takes Vulkan 1.2 to ask. */
static void vulkan_probe_read_12(const backend_host *host, const vulkan_loader *loader,
                                 vulkan_probe *probe)
{
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT import = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT};
    VkPhysicalDeviceSubgroupProperties subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceMaintenance3Properties limits = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES, .pNext = &subgroup};
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES, .pNext = &limits};
    VkPhysicalDeviceIDProperties id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
                                       .pNext = &driver};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &id};
    bool has_import = vulkan_probe_has_extension(host, loader, probe->physical,
                                                 VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME) &&
                      vulkan_probe_can_import(loader, probe->physical);
    subgroup.pNext = has_import ? &import : NULL;
    loader->vkGetPhysicalDeviceProperties2(probe->physical, &all);

    snprintf(probe->info.driver, sizeof probe->info.driver, "%.126s %.126s", driver.driverName,
             driver.driverInfo);
    memcpy(probe->info.uuid, id.deviceUUID, sizeof probe->info.uuid);
    memcpy(probe->driver_uuid, id.driverUUID, sizeof probe->driver_uuid);
    probe->allocation_bytes_max = limits.maxMemoryAllocationSize;
    probe->import_align = has_import ? import.minImportedHostPointerAlignment : 0;
    probe->has_budget = vulkan_probe_has_extension(host, loader, probe->physical,
                                                   VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    vulkan_probe_read_features(loader, probe);
    vulkan_probe_capabilities(probe, &subgroup);
}

void vulkan_probe_read(const backend_host *host, const vulkan_loader *loader,
                       VkPhysicalDevice physical, vulkan_probe *probe)
{
    VkPhysicalDeviceProperties properties;
    *probe = (vulkan_probe){.physical = physical};
    backend_info *info = &probe->info;
    loader->vkGetPhysicalDeviceProperties(physical, &properties);
    snprintf(info->name, sizeof info->name, "%s", properties.deviceName);
    info->is_cpu = properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    vulkan_probe_read_memory(loader, probe);
    if (properties.apiVersion < VULKAN_LOADER_API) {
        snprintf(info->why_not, sizeof info->why_not, "it has Vulkan %u.%u; 1.2 is needed",
                 VK_API_VERSION_MAJOR(properties.apiVersion),
                 VK_API_VERSION_MINOR(properties.apiVersion));
        return;
    }
    probe->local_size_max = properties.limits.maxComputeWorkGroupSize[0];
    if (probe->local_size_max > properties.limits.maxComputeWorkGroupInvocations) {
        probe->local_size_max = properties.limits.maxComputeWorkGroupInvocations;
    }
    probe->vendor = properties.vendorID;
    probe->driver_version = properties.driverVersion;
    memcpy(probe->cache_uuid, properties.pipelineCacheUUID, sizeof probe->cache_uuid);
    probe->clock_tick_ns = properties.limits.timestampPeriod;
    vulkan_probe_read_queues(loader, probe);
    vulkan_probe_read_12(host, loader, probe);
    const char *lack = vulkan_probe_first_lack(probe);
    info->is_fit = lack == NULL;
    snprintf(info->why_not, sizeof info->why_not, "%s", lack != NULL ? lack : "");
}
