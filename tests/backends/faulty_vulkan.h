/*
 * A libvulkan that stands before the real one and fails where it is told to. Loaded by the Vulkan
 * backend in place of libvulkan.so.1 (vulkan_loader_library), and by the test that sets it.
 */
#ifndef YOKE_TESTS_BACKENDS_FAULTY_VULKAN_H
#define YOKE_TESTS_BACKENDS_FAULTY_VULKAN_H

#include <stdbool.h>
#include <vulkan/vulkan.h>

/* X(name, parameters, arguments): the device's functions that may fail. */
#define FAULTY_FUNCTIONS(X)                                                                        \
    X(CreatePipelineLayout,                                                                        \
      (VkDevice d, const VkPipelineLayoutCreateInfo *i, const VkAllocationCallbacks *a,            \
       VkPipelineLayout *o),                                                                       \
      (d, i, a, o))                                                                                \
    X(CreateSemaphore,                                                                             \
      (VkDevice d, const VkSemaphoreCreateInfo *i, const VkAllocationCallbacks *a,                 \
       VkSemaphore *o),                                                                            \
      (d, i, a, o))                                                                                \
    X(CreateCommandPool,                                                                           \
      (VkDevice d, const VkCommandPoolCreateInfo *i, const VkAllocationCallbacks *a,               \
       VkCommandPool *o),                                                                          \
      (d, i, a, o))                                                                                \
    X(AllocateCommandBuffers,                                                                      \
      (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *o), (d, i, o))           \
    X(CreatePipelineCache,                                                                         \
      (VkDevice d, const VkPipelineCacheCreateInfo *i, const VkAllocationCallbacks *a,             \
       VkPipelineCache *o),                                                                        \
      (d, i, a, o))                                                                                \
    X(CreateShaderModule,                                                                          \
      (VkDevice d, const VkShaderModuleCreateInfo *i, const VkAllocationCallbacks *a,              \
       VkShaderModule *o),                                                                         \
      (d, i, a, o))                                                                                \
    X(CreateComputePipelines,                                                                      \
      (VkDevice d, VkPipelineCache c, uint32_t n, const VkComputePipelineCreateInfo *i,            \
       const VkAllocationCallbacks *a, VkPipeline *o),                                             \
      (d, c, n, i, a, o))                                                                          \
    X(CreateBuffer,                                                                                \
      (VkDevice d, const VkBufferCreateInfo *i, const VkAllocationCallbacks *a, VkBuffer *o),      \
      (d, i, a, o))                                                                                \
    X(AllocateMemory,                                                                              \
      (VkDevice d, const VkMemoryAllocateInfo *i, const VkAllocationCallbacks *a,                  \
       VkDeviceMemory *o),                                                                         \
      (d, i, a, o))                                                                                \
    X(BindBufferMemory, (VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize s), (d, b, m, s))  \
    X(MapMemory,                                                                                   \
      (VkDevice d, VkDeviceMemory m, VkDeviceSize s, VkDeviceSize n, VkMemoryMapFlags f,           \
       void **o),                                                                                  \
      (d, m, s, n, f, o))                                                                          \
    X(BeginCommandBuffer, (VkCommandBuffer c, const VkCommandBufferBeginInfo *i), (c, i))          \
    X(EndCommandBuffer, (VkCommandBuffer c), (c))                                                  \
    X(QueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f), (q, n, i, f))        \
    X(WaitSemaphores, (VkDevice d, const VkSemaphoreWaitInfo *i, uint64_t t), (d, i, t))           \
    X(GetSemaphoreCounterValue, (VkDevice d, VkSemaphore s, uint64_t * o), (d, s, o))

enum {
#define FAULTY_NUMBER(name, parameters, arguments) FAULTY_##name,
    FAULTY_FUNCTIONS(FAULTY_NUMBER)
#undef FAULTY_NUMBER
        FAULTY_COUNT
};

/* All zero: nothing is different from the real one. */
typedef struct faulty_settings {
    VkResult create_instance, enumerate, create_device; /* VK_SUCCESS: as the real one */
    uint32_t instance_version, device_version;          /* 0: as the real one */
    bool no_devices, no_timeline, no_address, no_int64, no_compute, no_coherent, no_extensions;
    bool counter_jumps;            /* the timeline's value is the highest there is */
    VkResult result[FAULTY_COUNT]; /* what the function answers */
} faulty_settings;

/* What it exports; look up "faulty". */
extern faulty_settings faulty;

#endif
