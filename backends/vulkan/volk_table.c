/*
 * volk, compiled in for its list of device functions alone.
 *
 * volkLoadDeviceTable reads the global vkGetDeviceProcAddr, which belongs to whoever loaded it
 * last; two runtimes, or a host with a volk of its own, would share it. The function behind it
 * takes its look-up as an argument, but is private to volk.c: hence the include of a .c file.
 * volk's globals (hidden, 5 KiB) stay NULL and must not be called; tests/backends looks for that.
 * Any thread; costs some 600 look-ups when a device opens.
 */
#include "volk_table.h"

#include <volk.c>

typedef struct volk_table_source {
    VkDevice device;
    PFN_vkGetDeviceProcAddr get;
} volk_table_source;

static PFN_vkVoidFunction volk_table_find(void *context, const char *name)
{
    const volk_table_source *source = context;
    return source->get(source->device, name);
}

void vulkan_volk_table_load(struct VolkDeviceTable *table, VkDevice device,
                            PFN_vkGetDeviceProcAddr get)
{
    volk_table_source source = {.device = device, .get = get};
    volkGenLoadDeviceTable(table, &source, volk_table_find);
}
