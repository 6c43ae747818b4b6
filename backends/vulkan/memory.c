/*
 * Buffers with an address: one VkBuffer and one VkDeviceMemory each, mapped as long as they live
 * where the host is to see them.
 *
 * The submitter's thread. What always holds: every buffer is in the device's list until it is
 * released, so close finds what nobody released. Drivers allow some 4096 allocations, and each
 * takes up to a millisecond: this is for slots and large regions, not for jobs.
 */
#include "memory.h"

#define MEMORY_ALIGN 4096
#define MEMORY_KNOWN                                                                               \
    (VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |                   \
     VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT)

struct vulkan_memory {
    vulkan_memory *next;
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkDeviceSize skip;  /* where in the buffer the aligned part begins */
    VkDeviceSize taken; /* of the device's own memory */
};

/* -- the driver's part ------------------------------------------------------------------------- */

static yoke_status vulkan_memory_create_buffer(backend_device *device, vulkan_memory *made,
                                               VkDeviceSize bytes, const void *next,
                                               VkMemoryRequirements *needs)
{
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = next,
        .size = bytes,
        .usage = VULKAN_BUFFER_USAGE,
    };
    VkResult result = device->vk.vkCreateBuffer(device->device, &info, NULL, &made->buffer);
    yoke_status status = vulkan_device_result(device, result, "vkCreateBuffer");
    if (status != YOKE_OK) {
        made->buffer = VK_NULL_HANDLE;
        return status;
    }
    device->vk.vkGetBufferMemoryRequirements(device->device, made->buffer, needs);
    return YOKE_OK;
}

/* Allocates (or imports, by what `next` says) and binds; the address of the buffer. */
static yoke_status vulkan_memory_bind(backend_device *device, vulkan_memory *made,
                                      VkDeviceSize bytes, uint32_t type, const void *next,
                                      uint64_t *address)
{
    const VkMemoryAllocateFlagsInfo flags = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
        .pNext = next,
        .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
    };
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &flags,
        .allocationSize = bytes,
        .memoryTypeIndex = type,
    };
    const VkBufferDeviceAddressInfo asked = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
        .buffer = made->buffer,
    };
    VkResult result = device->vk.vkAllocateMemory(device->device, &info, NULL, &made->memory);
    yoke_status status = vulkan_device_result(device, result, "vkAllocateMemory");
    if (status != YOKE_OK) {
        made->memory = VK_NULL_HANDLE;
        return status;
    }
    result = device->vk.vkBindBufferMemory(device->device, made->buffer, made->memory, 0);
    status = vulkan_device_result(device, result, "vkBindBufferMemory");
    if (status == YOKE_OK) {
        *address = device->vk.vkGetBufferDeviceAddress(device->device, &asked);
    }
    return status;
}

/* Freeing memory unmaps it. */
static void vulkan_memory_destroy(backend_device *device, vulkan_memory *made)
{
    device->vk.vkDestroyBuffer(device->device, made->buffer, NULL);
    device->vk.vkFreeMemory(device->device, made->memory, NULL);
}

/* -- alloc ------------------------------------------------------------------------------------- */

/* Refused here, since to ask a driver for more than it has said it has is not allowed. */
static bool vulkan_memory_fits(const vulkan_probe *probe, VkDeviceSize bytes, uint32_t type)
{
    const VkMemoryType *memory = &probe->memory.memoryTypes[type];
    return bytes <= probe->allocation_bytes_max &&
           bytes <= probe->memory.memoryHeaps[memory->heapIndex].size;
}

/* Of the device's own memory, rather what the host cannot see: some drivers keep little of the
 * other. Types with other flags need features of their own. UINT32_MAX: none. */
static uint32_t vulkan_memory_device_type(const VkPhysicalDeviceMemoryProperties *memory,
                                          uint32_t type_bits)
{
    uint32_t any = UINT32_MAX;
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = memory->memoryTypes[i].propertyFlags;
        if ((type_bits >> i & 1) == 0 || (flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) == 0 ||
            (flags & ~(VkMemoryPropertyFlags)MEMORY_KNOWN) != 0) {
            continue;
        }
        if (flags == VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) {
            return i;
        }
        any = any == UINT32_MAX ? i : any;
    }
    return any;
}

/* Whether so much of the device's own memory may be taken now. */
static bool vulkan_memory_may_take(const backend_device *device, VkDeviceSize bytes, uint32_t type)
{
    vulkan_heap heap = {
        .own = device->memory_taken,
        .limit = device->memory_max,
        .is_exclusive = device->is_exclusive,
    };
    return bytes <= vulkan_probe_budget(
                        device->probe,
                        device->instance->loader.vkGetPhysicalDeviceMemoryProperties2, type, &heap);
}

static yoke_status vulkan_memory_map(backend_device *device, vulkan_memory *made,
                                     backend_memory *memory)
{
    void *mapped;
    VkResult result =
        device->vk.vkMapMemory(device->device, made->memory, 0, VK_WHOLE_SIZE, 0, &mapped);
    yoke_status status = vulkan_device_result(device, result, "vkMapMemory");
    if (status == YOKE_OK) {
        made->skip = -(uintptr_t)mapped & (MEMORY_ALIGN - 1);
        memory->host = (uint8_t *)mapped + made->skip;
    }
    return status;
}

static yoke_status vulkan_memory_make(backend_device *device, vulkan_memory *made,
                                      backend_memory_kind kind, size_t bytes,
                                      backend_memory *memory)
{
    const VkPhysicalDeviceMemoryProperties *types = &device->probe->memory;
    VkMemoryRequirements needs;
    uint64_t address;
    /* Vulkan promises 64 bytes of alignment for what it maps; the rest is cut off. */
    VkDeviceSize padded = (VkDeviceSize)bytes + MEMORY_ALIGN;
    if (padded < bytes || padded > device->probe->allocation_bytes_max) {
        return YOKE_NO_MEMORY;
    }
    yoke_status status = vulkan_memory_create_buffer(device, made, padded, NULL, &needs);
    if (status != YOKE_OK) {
        return status;
    }
    uint32_t type = kind == BACKEND_MEMORY_DEVICE
                        ? vulkan_memory_device_type(types, needs.memoryTypeBits)
                        : vulkan_probe_memory_type(types, needs.memoryTypeBits);
    if (type == UINT32_MAX) {
        return YOKE_UNSUPPORTED;
    }
    if (!vulkan_memory_fits(device->probe, needs.size, type) ||
        (kind == BACKEND_MEMORY_DEVICE && !vulkan_memory_may_take(device, needs.size, type))) {
        return YOKE_NO_MEMORY;
    }
    *memory = (backend_memory){.bytes = bytes, .handle = made};
    status = vulkan_memory_bind(device, made, needs.size, type, NULL, &address);
    if (status == YOKE_OK && kind == BACKEND_MEMORY_SHARED) {
        status = vulkan_memory_map(device, made, memory);
    } else if (status == YOKE_OK) {
        made->skip = -address & (MEMORY_ALIGN - 1);
        made->taken = needs.size;
    }
    memory->address = status == YOKE_OK ? address + made->skip : 0;
    return status;
}

/* -- import ------------------------------------------------------------------------------------ */

static yoke_status vulkan_memory_make_imported(backend_device *device, vulkan_memory *made,
                                               void *host, size_t bytes, backend_memory *memory)
{
    const VkExternalMemoryHandleTypeFlagBits handle =
        VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
    const VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = handle,
    };
    const VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = handle,
        .pHostPointer = host,
    };
    VkMemoryHostPointerPropertiesEXT can = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
    };
    VkMemoryRequirements needs;
    uint64_t address;
    VkResult result =
        device->vk.vkGetMemoryHostPointerPropertiesEXT(device->device, handle, host, &can);
    yoke_status status =
        vulkan_device_result(device, result, "vkGetMemoryHostPointerPropertiesEXT");
    if (status == YOKE_OK) {
        status = vulkan_memory_create_buffer(device, made, bytes, &external, &needs);
    }
    if (status != YOKE_OK) {
        return status;
    }
    uint32_t type_bits = needs.memoryTypeBits & can.memoryTypeBits;
    uint32_t type = vulkan_probe_memory_type(&device->probe->memory, type_bits);
    if (type == UINT32_MAX || needs.size > bytes) {
        return YOKE_UNSUPPORTED;
    }
    status = vulkan_memory_bind(device, made, bytes, type, &import, &address);
    if (status == YOKE_OK) {
        *memory =
            (backend_memory){.host = host, .address = address, .bytes = bytes, .handle = made};
    }
    return status;
}

/* -- the verbs --------------------------------------------------------------------------------- */

/* Puts what was made in the device's list, or takes it down. */
static yoke_status vulkan_memory_keep(backend_device *device, vulkan_memory *made,
                                      yoke_status status)
{
    if (status != YOKE_OK) {
        vulkan_memory_destroy(device, made);
        service_free(&device->instance->host, made, sizeof *made);
        return status;
    }
    made->next = device->memories;
    device->memories = made;
    device->memory_taken += made->taken;
    return YOKE_OK;
}

yoke_status vulkan_memory_alloc(backend_device *device, backend_memory_kind kind, size_t bytes,
                                backend_memory *memory)
{
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    if (bytes == 0) {
        return YOKE_INVALID;
    }
    vulkan_memory *made = service_alloc(&device->instance->host, sizeof *made);
    if (made == NULL) {
        return YOKE_NO_MEMORY;
    }
    return vulkan_memory_keep(device, made, vulkan_memory_make(device, made, kind, bytes, memory));
}

yoke_status vulkan_memory_import(backend_device *device, void *host, size_t bytes,
                                 backend_memory *memory)
{
    VkDeviceSize align = device->probe->import_align;
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    if (bytes == 0 || bytes % MEMORY_ALIGN != 0 || (uintptr_t)host % MEMORY_ALIGN != 0) {
        return YOKE_INVALID;
    }
    if (align == 0 || bytes % align != 0 || (uintptr_t)host % align != 0) {
        return YOKE_UNSUPPORTED;
    }
    if (bytes > device->probe->allocation_bytes_max) {
        return YOKE_NO_MEMORY;
    }
    vulkan_memory *made = service_alloc(&device->instance->host, sizeof *made);
    if (made == NULL) {
        return YOKE_NO_MEMORY;
    }
    return vulkan_memory_keep(device, made,
                              vulkan_memory_make_imported(device, made, host, bytes, memory));
}

void vulkan_memory_release(backend_device *device, backend_memory *memory)
{
    vulkan_memory *made = memory->handle, **link = &device->memories;
    while (*link != made) {
        link = &(*link)->next;
    }
    *link = made->next;
    device->memory_taken -= made->taken;
    vulkan_memory_destroy(device, made);
    service_free(&device->instance->host, made, sizeof *made);
    *memory = (backend_memory){0};
}

uint64_t vulkan_memory_taken(const backend_device *device)
{
    return device->memory_taken;
}

VkBuffer vulkan_memory_buffer(backend_place place, VkDeviceSize *offset)
{
    const vulkan_memory *made = place.memory->handle;
    *offset = made->skip + place.offset;
    return made->buffer;
}

void vulkan_memory_destroy_all(backend_device *device)
{
    for (vulkan_memory *made = device->memories; made != NULL; made = made->next) {
        vulkan_memory_destroy(device, made);
    }
}

void vulkan_memory_free_all(backend_device *device)
{
    while (device->memories != NULL) {
        vulkan_memory *made = device->memories;
        device->memories = made->next;
        service_free(&device->instance->host, made, sizeof *made);
    }
}
