/*
 * Opens libvulkan, lists its devices, reads each. One thread at a time for an instance; the list is
 * constant from open to close. Of more than VULKAN_DEVICES_MAX devices the first are taken. Costs
 * what the loader costs (loader.c) and a probe of each device.
 *
 * The first instance of a process that found a device is kept until the process or this library
 * ends. The loader unloads drivers with the last instance, and NVIDIA's (580) takes static TLS that
 * it does not give back: after some 25 rounds of loading it, a process has no Vulkan any more
 * ("cannot allocate memory in static TLS block"). A kept instance keeps drivers loaded, which also
 * makes the next one quick to open. It is destroyed in the end, since drivers run threads of their
 * own: left to the system, one of some 400 processes was seen to crash after its last line.
 */
#include "instance.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "result.h"

/* Who sets the flag owns the kept instance until the process ends. Relaxed: it guards nothing else,
 * and whoever calls exit has been told of the runtime's end by other means. */
static atomic_bool vulkan_instance_keeps_drivers;
static vulkan_loader vulkan_instance_kept;

static void vulkan_instance_end(void)
{
    vulkan_loader_close(&vulkan_instance_kept);
}

/* Registered only now, the call comes before the drivers' own at the process's end. Not under
 * LeakSanitizer: it looks for leaks after that call, and could not name the library of those that
 * are lavapipe's once that is unloaded. */
static void vulkan_instance_keep(const vulkan_loader *loader)
{
    vulkan_instance_kept = *loader;
#if !defined(__SANITIZE_ADDRESS__)
    if (atexit(vulkan_instance_end) != 0) {
        vulkan_instance_kept = (vulkan_loader){0}; /* left to the system */
    }
#else
    (void)vulkan_instance_end;
#endif
}

static size_t vulkan_instance_bytes(uint32_t num_devices)
{
    return sizeof(backend_instance) + num_devices * sizeof(vulkan_probe);
}

static yoke_status vulkan_instance_list(const vulkan_loader *loader, VkPhysicalDevice *devices,
                                        uint32_t *count, char *why_not)
{
    *count = VULKAN_DEVICES_MAX;
    VkResult result = loader->vkEnumeratePhysicalDevices(loader->instance, count, devices);
    if (result == VK_INCOMPLETE) {
        return YOKE_OK;
    }
    yoke_status status = vulkan_result(NULL, result, "vkEnumeratePhysicalDevices");
    if (status != YOKE_OK && status != YOKE_NO_MEMORY) {
        snprintf(why_not, BACKEND_WHY_BYTES, "vkEnumeratePhysicalDevices failed (VkResult %d)",
                 (int)result);
        return YOKE_UNSUPPORTED;
    }
    return status;
}

yoke_status vulkan_instance_open(const backend_host *host, backend_instance **instance,
                                 uint32_t *count, char *why_not)
{
    VkPhysicalDevice devices[VULKAN_DEVICES_MAX];
    vulkan_loader loader;
    yoke_status status = vulkan_loader_open(&loader, why_not);
    if (status != YOKE_OK) {
        return status;
    }
    status = vulkan_instance_list(&loader, devices, count, why_not);
    if (status == YOKE_OK) {
        *instance = service_alloc(host, vulkan_instance_bytes(*count));
        status = *instance == NULL ? YOKE_NO_MEMORY : YOKE_OK;
    }
    if (status != YOKE_OK) {
        vulkan_loader_close(&loader);
        return status;
    }
    (*instance)->host = *host;
    (*instance)->loader = loader;
    (*instance)->num_devices = *count;
    for (uint32_t i = 0; i < *count; i++) {
        vulkan_probe_read(host, &loader, devices[i], &(*instance)->devices[i]);
    }
    return YOKE_OK;
}

void vulkan_instance_close(backend_instance *instance)
{
    backend_host host = instance->host;
    bool may_go =
        instance->num_devices == 0 ||
        atomic_exchange_explicit(&vulkan_instance_keeps_drivers, true, memory_order_relaxed);
    if (!may_go && !instance->is_stuck) {
        vulkan_instance_keep(&instance->loader);
    } else if (!instance->is_stuck) {
        vulkan_loader_close(&instance->loader);
    }
    service_free(&host, instance, vulkan_instance_bytes(instance->num_devices));
}

void vulkan_instance_info(const backend_instance *instance, uint32_t index, backend_info *info)
{
    *info = instance->devices[index].info;
}
