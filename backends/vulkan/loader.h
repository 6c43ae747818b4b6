/*
 * libvulkan, opened at run time, and one VkInstance with its functions.
 */
#ifndef YOKE_BACKENDS_VULKAN_LOADER_H
#define YOKE_BACKENDS_VULKAN_LOADER_H

#include "backends/backend.h"

#include <volk.h>

#define VULKAN_LOADER_API VK_API_VERSION_1_2 /* what is asked for, and what a device must have */

/* X(name): the functions of an instance that are used, in place of volk's globals. */
#define VULKAN_LOADER_FUNCTIONS(X)                                                                 \
    X(vkDestroyInstance)                                                                           \
    X(vkEnumeratePhysicalDevices)                                                                  \
    X(vkEnumerateDeviceExtensionProperties)                                                        \
    X(vkGetPhysicalDeviceProperties)                                                               \
    X(vkGetPhysicalDeviceProperties2)                                                              \
    X(vkGetPhysicalDeviceFeatures2)                                                                \
    X(vkGetPhysicalDeviceMemoryProperties)                                                         \
    X(vkGetPhysicalDeviceMemoryProperties2)                                                        \
    X(vkGetPhysicalDeviceQueueFamilyProperties)                                                    \
    X(vkGetPhysicalDeviceExternalBufferProperties)                                                 \
    X(vkCreateDevice)                                                                              \
    X(vkGetDeviceProcAddr)

typedef struct vulkan_loader {
    void *library;
    VkInstance instance;
#define VULKAN_LOADER_FIELD(name) PFN_##name name;
    VULKAN_LOADER_FUNCTIONS(VULKAN_LOADER_FIELD)
#undef VULKAN_LOADER_FIELD
} vulkan_loader;

/* What is opened: "libvulkan.so.1". Tests put a library of their own in its place, before they open
 * an instance. */
extern const char *vulkan_loader_library;

/* YOKE_UNSUPPORTED: why_not (BACKEND_WHY_BYTES) says what is missing. YOKE_NO_MEMORY. */
yoke_status vulkan_loader_open(vulkan_loader *loader, char *why_not);

/* The instance's devices are closed. */
void vulkan_loader_close(vulkan_loader *loader);

#endif
