/*
 * What the files of gpu_raw share: the device and its functions.
 */
#ifndef YOKE_BENCH_GPU_RAW_PARTS_H
#define YOKE_BENCH_GPU_RAW_PARTS_H

#include "gpu_raw.h"

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

/* X(name): the functions of an instance that are used, and of a device. */
#define GPU_RAW_INSTANCE_FUNCTIONS(X)                                                              \
    X(vkDestroyInstance)                                                                           \
    X(vkEnumeratePhysicalDevices)                                                                  \
    X(vkGetPhysicalDeviceProperties)                                                               \
    X(vkGetPhysicalDeviceProperties2)                                                              \
    X(vkGetPhysicalDeviceFeatures2)                                                                \
    X(vkGetPhysicalDeviceMemoryProperties)                                                         \
    X(vkGetPhysicalDeviceQueueFamilyProperties)                                                    \
    X(vkCreateDevice)                                                                              \
    X(vkGetDeviceProcAddr)

#define GPU_RAW_DEVICE_FUNCTIONS(X)                                                                \
    X(vkDestroyDevice)                                                                             \
    X(vkDeviceWaitIdle)                                                                            \
    X(vkGetDeviceQueue)                                                                            \
    X(vkCreatePipelineLayout)                                                                      \
    X(vkDestroyPipelineLayout)                                                                     \
    X(vkCreatePipelineCache)                                                                       \
    X(vkGetPipelineCacheData)                                                                      \
    X(vkDestroyPipelineCache)                                                                      \
    X(vkCreateShaderModule)                                                                        \
    X(vkDestroyShaderModule)                                                                       \
    X(vkCreateComputePipelines)                                                                    \
    X(vkDestroyPipeline)                                                                           \
    X(vkCreateCommandPool)                                                                         \
    X(vkDestroyCommandPool)                                                                        \
    X(vkResetCommandPool)                                                                          \
    X(vkAllocateCommandBuffers)                                                                    \
    X(vkFreeCommandBuffers)                                                                        \
    X(vkBeginCommandBuffer)                                                                        \
    X(vkEndCommandBuffer)                                                                          \
    X(vkCreateSemaphore)                                                                           \
    X(vkDestroySemaphore)                                                                          \
    X(vkGetSemaphoreCounterValue)                                                                  \
    X(vkWaitSemaphores)                                                                            \
    X(vkCreateQueryPool)                                                                           \
    X(vkDestroyQueryPool)                                                                          \
    X(vkGetQueryPoolResults)                                                                       \
    X(vkCreateBuffer)                                                                              \
    X(vkDestroyBuffer)                                                                             \
    X(vkGetBufferMemoryRequirements)                                                               \
    X(vkGetBufferDeviceAddress)                                                                    \
    X(vkAllocateMemory)                                                                            \
    X(vkFreeMemory)                                                                                \
    X(vkBindBufferMemory)                                                                          \
    X(vkMapMemory)                                                                                 \
    X(vkCmdBindPipeline)                                                                           \
    X(vkCmdPushConstants)                                                                          \
    X(vkCmdDispatch)                                                                               \
    X(vkCmdCopyBuffer)                                                                             \
    X(vkCmdPipelineBarrier)                                                                        \
    X(vkCmdResetQueryPool)                                                                         \
    X(vkCmdWriteTimestamp)                                                                         \
    X(vkQueueSubmit)

typedef struct gpu_raw_functions {
#define GPU_RAW_FIELD(name) PFN_##name name;
    GPU_RAW_INSTANCE_FUNCTIONS(GPU_RAW_FIELD)
    GPU_RAW_DEVICE_FUNCTIONS(GPU_RAW_FIELD)
#undef GPU_RAW_FIELD
} gpu_raw_functions;

struct gpu_raw_kernel {
    gpu_raw_kernel *next;
    VkPipeline pipeline;
    uint32_t local_size;
};

struct gpu_raw_commands {
    gpu_raw_commands *next;
    gpu_raw *raw;
    VkCommandBuffer buffer;
    gpu_raw_queue queue;
};

typedef struct gpu_raw_line {
    uint32_t family;
    VkQueue queue;
    VkCommandPool pool;
    VkSemaphore timeline;
    uint64_t submitted; /* the timeline's last value */
} gpu_raw_line;

struct gpu_raw {
    gpu_raw_functions vk;
    void *library;
    VkInstance instance;
    VkPhysicalDevice physical;
    VkPhysicalDeviceMemoryProperties memory;
    VkDevice device;
    gpu_raw_line lines[GPU_RAW_QUEUES]; /* without a family to copy with, both are the same queue */
    uint32_t num_families;              /* 1 or 2 */
    VkPipelineLayout layout;
    VkPipelineCache cache;
    VkQueryPool stamps;      /* VK_NULL_HANDLE: the queue keeps no time */
    uint64_t stamp_mask;     /* its bits that count; 0: none does */
    double stamp_ns;         /* of a tick */
    gpu_raw_kernel broken;   /* what compile gives when it fails */
    gpu_raw_kernel *kernels; /* all */
    gpu_raw_commands failed; /* what record gives when it fails */
    gpu_raw_commands *all;   /* commands */
    gpu_raw_buffer blocks;
    bool is_cpu;
    char why[GPU_RAW_WHY_BYTES];
};

/* Whether all went well so far. */
static inline bool gpu_raw_is_fine(const gpu_raw *raw)
{
    return raw->why[0] == '\0';
}

/* Keeps the first failure; true if there is none. */
bool gpu_raw_expect(gpu_raw *raw, VkResult result, const char *call);
bool gpu_raw_fail(gpu_raw *raw, const char *what, ...) __attribute__((format(printf, 2, 3)));

#endif
