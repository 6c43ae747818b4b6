/*
 * What a physical device is, what it can do, and whether it is fit for yoke.
 */
#ifndef YOKE_BACKENDS_VULKAN_PROBE_H
#define YOKE_BACKENDS_VULKAN_PROBE_H

#include "loader.h"

#define VULKAN_CAPABILITIES_MAX 32

/* What every buffer may be used for. */
#define VULKAN_BUFFER_USAGE                                                                        \
    (VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT |              \
     VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT)

/* Linked by vulkan_features_link; not to be copied after that. */
typedef struct vulkan_features {
    VkPhysicalDeviceFeatures2 core;
    VkPhysicalDeviceVulkan11Features v11;
    VkPhysicalDeviceVulkan12Features v12;
} vulkan_features;

/* X(field of vulkan_features): what is enabled where a device has it; the first three it must. */
#define VULKAN_FEATURES_USED(X)                                                                    \
    X(v12.timelineSemaphore)                                                                       \
    X(v12.bufferDeviceAddress)                                                                     \
    X(core.features.shaderInt64)                                                                   \
    X(core.features.shaderInt16)                                                                   \
    X(core.features.shaderFloat64)                                                                 \
    X(v11.storageBuffer16BitAccess)                                                                \
    X(v11.uniformAndStorageBuffer16BitAccess)                                                      \
    X(v12.storageBuffer8BitAccess)                                                                 \
    X(v12.uniformAndStorageBuffer8BitAccess)                                                       \
    X(v12.shaderInt8)                                                                              \
    X(v12.shaderBufferInt64Atomics)

typedef struct vulkan_probe {
    VkPhysicalDevice physical;
    backend_info info;
    /* The rest is set where the device is fit. */
    vulkan_features features;                       /* found, and of them only those used */
    uint32_t capabilities[VULKAN_CAPABILITIES_MAX]; /* of SPIR-V, that a kernel may declare */
    uint32_t num_capabilities;
    uint32_t queue_family;
    uint32_t clock_bits; /* of the queue's time stamps; 0: it has none */
    float clock_tick_ns;
    uint32_t local_size_max;
    VkPhysicalDeviceMemoryProperties memory;
    VkDeviceSize allocation_bytes_max;
    VkDeviceSize import_align; /* of imported host memory, bytes; 0: it cannot import */
    bool has_budget;           /* the driver tells how much of a heap may be used now */
    uint32_t vendor, driver_version;
    uint8_t driver_uuid[VK_UUID_SIZE];
    uint8_t cache_uuid[VK_UUID_SIZE];
} vulkan_probe;

void vulkan_features_link(vulkan_features *features);

void vulkan_probe_read(const backend_host *host, const vulkan_loader *loader,
                       VkPhysicalDevice physical, vulkan_probe *probe);

/* The memory type to use of those in type_bits, a mask: host-visible and coherent, cached if there
 * is one. UINT32_MAX: none. Pure. */
uint32_t vulkan_probe_memory_type(const VkPhysicalDeviceMemoryProperties *memory,
                                  uint32_t type_bits);

/* A heap of device memory, as one asks how much more of it to take. All in bytes. */
typedef struct vulkan_heap {
    uint64_t budget;   /* what this process may use, by the driver */
    uint64_t used;     /* of that, by all of this process */
    uint64_t own;      /* of that, by this runtime on this device */
    uint64_t limit;    /* for `own`, the policy's limits.device_mib; 0: none but the budget */
    bool is_exclusive; /* the policy's gpu.exclusive */
} vulkan_heap;

/*
 * How many bytes this runtime may take besides its own: no more than is free in the budget, nor
 * than the limit leaves; without a limit, an eighth of the budget stays free. If the device is not
 * exclusive, `own` grows to no more than half of what would be free without it. Pure.
 */
uint64_t vulkan_probe_may_take(const vulkan_heap *heap);

/*
 * The same for memory of a type, now: fills in the heap's budget and use, as the driver tells them,
 * or its size and `own`, where the driver does not.
 *   Threads:  any, once the device is probed. Costs a call of the driver: for when memory is taken,
 *             not for each batch.
 */
uint64_t vulkan_probe_budget(const vulkan_probe *probe,
                             PFN_vkGetPhysicalDeviceMemoryProperties2 read, uint32_t type,
                             vulkan_heap *heap);

#endif
