/*
 * libvulkan with faults: hands out the real functions, or wrappers that look at `faulty` first.
 *
 * Serves one instance and one device at a time, which is what the test opens; its only thread sets
 * and reads everything here.
 */
#include "tests/backends/faulty_vulkan.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#define FAULTY_EXPORT __attribute__((visibility("default")))

FAULTY_EXPORT faulty_settings faulty;

static PFN_vkGetInstanceProcAddr real_door;
static VkInstance instance;
static PFN_vkGetDeviceProcAddr real_device_door;

static PFN_vkVoidFunction real_of(const char *name)
{
    return real_door(instance, name);
}

/* -- before there is an instance --------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL enumerate_instance_version(uint32_t *version)
{
    PFN_vkEnumerateInstanceVersion real =
        (PFN_vkEnumerateInstanceVersion)real_door(NULL, "vkEnumerateInstanceVersion");
    VkResult result = real(version);
    *version = faulty.instance_version != 0 ? faulty.instance_version : *version;
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator,
                                                      VkInstance *made)
{
    PFN_vkCreateInstance real = (PFN_vkCreateInstance)real_door(NULL, "vkCreateInstance");
    if (faulty.create_instance != VK_SUCCESS) {
        return faulty.create_instance;
    }
    VkResult result = real(info, allocator, made);
    instance = *made;
    return result;
}

/* -- what a device is -------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL enumerate_devices(VkInstance of, uint32_t *count,
                                                        VkPhysicalDevice *devices)
{
    if (faulty.enumerate != VK_SUCCESS) {
        return faulty.enumerate;
    }
    if (faulty.no_devices) {
        *count = 0;
        return VK_SUCCESS;
    }
    return ((PFN_vkEnumeratePhysicalDevices)real_of("vkEnumeratePhysicalDevices"))(of, count,
                                                                                   devices);
}

static VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice device,
                                                 VkPhysicalDeviceProperties *properties)
{
    ((PFN_vkGetPhysicalDeviceProperties)real_of("vkGetPhysicalDeviceProperties"))(device,
                                                                                  properties);
    if (faulty.device_version != 0) {
        properties->apiVersion = faulty.device_version;
    }
}

static VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice device,
                                               VkPhysicalDeviceFeatures2 *features)
{
    ((PFN_vkGetPhysicalDeviceFeatures2)real_of("vkGetPhysicalDeviceFeatures2"))(device, features);
    features->features.shaderInt64 &= !faulty.no_int64;
    for (VkBaseOutStructure *at = features->pNext; at != NULL; at = at->pNext) {
        if (at->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES) {
            VkPhysicalDeviceVulkan12Features *v12 = (VkPhysicalDeviceVulkan12Features *)at;
            v12->timelineSemaphore &= !faulty.no_timeline;
            v12->bufferDeviceAddress &= !faulty.no_address;
        }
    }
}

static VKAPI_ATTR void VKAPI_CALL get_queues(VkPhysicalDevice device, uint32_t *count,
                                             VkQueueFamilyProperties *families)
{
    ((PFN_vkGetPhysicalDeviceQueueFamilyProperties)real_of(
        "vkGetPhysicalDeviceQueueFamilyProperties"))(device, count, families);
    for (uint32_t i = 0; faulty.no_compute && i < *count; i++) {
        families[i].queueFlags &= ~(VkQueueFlags)VK_QUEUE_COMPUTE_BIT;
    }
}

static VKAPI_ATTR void VKAPI_CALL get_memory(VkPhysicalDevice device,
                                             VkPhysicalDeviceMemoryProperties *memory)
{
    ((PFN_vkGetPhysicalDeviceMemoryProperties)real_of("vkGetPhysicalDeviceMemoryProperties"))(
        device, memory);
    for (uint32_t i = 0; faulty.no_coherent && i < memory->memoryTypeCount; i++) {
        memory->memoryTypes[i].propertyFlags &=
            ~(VkMemoryPropertyFlags)VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL enumerate_extensions(VkPhysicalDevice device,
                                                           const char *layer, uint32_t *count,
                                                           VkExtensionProperties *extensions)
{
    if (faulty.no_extensions) {
        *count = 0;
        return VK_SUCCESS;
    }
    return ((PFN_vkEnumerateDeviceExtensionProperties)real_of(
        "vkEnumerateDeviceExtensionProperties"))(device, layer, count, extensions);
}

static VkDevice real_device;

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
                                                    const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkDevice *device)
{
    if (faulty.create_device != VK_SUCCESS) {
        return faulty.create_device;
    }
    VkResult result =
        ((PFN_vkCreateDevice)real_of("vkCreateDevice"))(physical, info, allocator, device);
    real_device = *device;
    return result;
}

/* -- what a device does ------------------------------------------------------------------------ */

static PFN_vkVoidFunction real_device_function[FAULTY_COUNT];

/* A device that is lost runs nothing any more. */
static void be_idle(void)
{
    ((PFN_vkDeviceWaitIdle)real_device_door(real_device, "vkDeviceWaitIdle"))(real_device);
}

#define FAULTY_WRAPPER(name, parameters, arguments)                                                \
    static VKAPI_ATTR VkResult VKAPI_CALL faulty_##name parameters                                 \
    {                                                                                              \
        if (faulty.result[FAULTY_##name] == VK_ERROR_DEVICE_LOST) {                                \
            be_idle();                                                                             \
        }                                                                                          \
        if (faulty.result[FAULTY_##name] != VK_SUCCESS) {                                          \
            return faulty.result[FAULTY_##name];                                                   \
        }                                                                                          \
        return ((PFN_vk##name)real_device_function[FAULTY_##name])arguments;                       \
    }
FAULTY_FUNCTIONS(FAULTY_WRAPPER)

static VKAPI_ATTR VkResult VKAPI_CALL get_counter(VkDevice d, VkSemaphore s, uint64_t *value)
{
    if (faulty.counter_jumps) {
        *value = UINT64_MAX;
        return VK_SUCCESS;
    }
    return faulty_GetSemaphoreCounterValue(d, s, value);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_function(VkDevice device,
                                                                    const char *name)
{
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } wrappers[FAULTY_COUNT] = {
#define FAULTY_ROW(name, parameters, arguments) {"vk" #name, (PFN_vkVoidFunction)faulty_##name},
        FAULTY_FUNCTIONS(FAULTY_ROW)
#undef FAULTY_ROW
    };
    PFN_vkVoidFunction real = real_device_door(device, name);
    for (int i = 0; i < FAULTY_COUNT; i++) {
        if (strcmp(name, wrappers[i].name) == 0) {
            real_device_function[i] = real;
            return i == FAULTY_GetSemaphoreCounterValue ? (PFN_vkVoidFunction)get_counter
                                                        : wrappers[i].function;
        }
    }
    return real;
}

/* -- the door ---------------------------------------------------------------------------------- */

static void open_real_door(void)
{
    void *library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, "vkGetInstanceProcAddr") : NULL;
    memcpy(&real_door, &symbol, sizeof real_door);
}

FAULTY_EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(VkInstance of,
                                                                             const char *name)
{
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } wrappers[] = {
        {"vkEnumerateInstanceVersion", (PFN_vkVoidFunction)enumerate_instance_version},
        {"vkCreateInstance", (PFN_vkVoidFunction)create_instance},
        {"vkEnumeratePhysicalDevices", (PFN_vkVoidFunction)enumerate_devices},
        {"vkGetPhysicalDeviceProperties", (PFN_vkVoidFunction)get_properties},
        {"vkGetPhysicalDeviceFeatures2", (PFN_vkVoidFunction)get_features},
        {"vkGetPhysicalDeviceQueueFamilyProperties", (PFN_vkVoidFunction)get_queues},
        {"vkGetPhysicalDeviceMemoryProperties", (PFN_vkVoidFunction)get_memory},
        {"vkEnumerateDeviceExtensionProperties", (PFN_vkVoidFunction)enumerate_extensions},
        {"vkCreateDevice", (PFN_vkVoidFunction)create_device},
        {"vkGetDeviceProcAddr", (PFN_vkVoidFunction)get_device_function},
    };
    if (real_door == NULL) {
        open_real_door();
    }
    PFN_vkVoidFunction real = real_door != NULL ? real_door(of, name) : NULL;
    if (real != NULL && strcmp(name, "vkGetDeviceProcAddr") == 0) {
        real_device_door = (PFN_vkGetDeviceProcAddr)real;
    }
    for (size_t i = 0; real != NULL && i < sizeof wrappers / sizeof wrappers[0]; i++) {
        if (strcmp(name, wrappers[i].name) == 0) {
            return wrappers[i].function;
        }
    }
    return real;
}
