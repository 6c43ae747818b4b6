/*
 * A device's own functions, without the loader's dispatch in between: volk's VolkDeviceTable,
 * filled without volk's globals.
 */
#ifndef YOKE_BACKENDS_VULKAN_VOLK_TABLE_H
#define YOKE_BACKENDS_VULKAN_VOLK_TABLE_H

#include <volk.h>

void vulkan_volk_table_load(struct VolkDeviceTable *table, VkDevice device,
                            PFN_vkGetDeviceProcAddr get);

#endif
