/*
 * An instance: libvulkan and the devices that it found.
 */
#ifndef YOKE_BACKENDS_VULKAN_INSTANCE_H
#define YOKE_BACKENDS_VULKAN_INSTANCE_H

#include "probe.h"

#define VULKAN_DEVICES_MAX 64

struct backend_instance {
    backend_host host;
    vulkan_loader loader;
    bool is_stuck; /* a device could not be closed: the driver must stay as it is */
    uint32_t num_devices;
    vulkan_probe devices[]; /* num_devices */
};

yoke_status vulkan_instance_open(const backend_host *host, backend_instance **instance,
                                 uint32_t *count, char *why_not);
void vulkan_instance_close(backend_instance *instance);
void vulkan_instance_info(const backend_instance *instance, uint32_t index, backend_info *info);

#endif
