/*
 * Raw Vulkan's buffers: one allocation each, mapped as long as it lives. Owns nothing: the caller
 * frees what it was given. One thread.
 * Always holds: mapped memory is coherent, and cached where the device has such memory, since the
 * host reads results from it. Costs up to a millisecond for each.
 */
#include "gpu_raw_parts.h"

#include <string.h>

static uint32_t gpu_raw_memory_find(const gpu_raw *raw, uint32_t bits, VkMemoryPropertyFlags with,
                                    VkMemoryPropertyFlags without)
{
    for (uint32_t i = 0; i < raw->memory.memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = raw->memory.memoryTypes[i].propertyFlags;
        if ((bits >> i & 1) != 0 && (flags & with) == with && (flags & without) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* The best type for the place. */
static uint32_t gpu_raw_memory_type(const gpu_raw *raw, gpu_raw_place place, uint32_t bits)
{
    const VkMemoryPropertyFlags mapped =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const VkMemoryPropertyFlags cached = mapped | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    const VkMemoryPropertyFlags strange = VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT |
                                          VK_MEMORY_PROPERTY_PROTECTED_BIT |
                                          VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD;
    const struct {
        VkMemoryPropertyFlags with, without;
    } wanted[][3] = {
        [GPU_RAW_HOST] = {{cached, local | strange}, {cached, strange}, {mapped, strange}},
        [GPU_RAW_DEVICE] = {{local, mapped | strange}, {local, strange}, {0, strange}},
    };
    uint32_t type = UINT32_MAX;
    for (int i = 0; i < 3 && type == UINT32_MAX; i++) {
        type = gpu_raw_memory_find(raw, bits, wanted[place][i].with, wanted[place][i].without);
    }
    return type;
}

static bool gpu_raw_memory_bind(gpu_raw *raw, gpu_raw_place place, gpu_raw_buffer *b)
{
    VkMemoryRequirements needs;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    raw->vk.vkGetBufferMemoryRequirements(raw->device, b->buffer, &needs);
    uint32_t type = gpu_raw_memory_type(raw, place, needs.memoryTypeBits);
    if (type == UINT32_MAX) {
        return gpu_raw_fail(raw, "the device has no such memory");
    }
    const VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                             .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .pNext = &flags,
                                       .allocationSize = needs.size,
                                       .memoryTypeIndex = type};
    const VkBufferDeviceAddressInfo asked = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                             .buffer = b->buffer};
    if (!gpu_raw_expect(raw, raw->vk.vkAllocateMemory(raw->device, &info, NULL, &memory),
                        "vkAllocateMemory")) {
        return false;
    }
    b->memory = memory;
    if (!gpu_raw_expect(raw, raw->vk.vkBindBufferMemory(raw->device, b->buffer, memory, 0),
                        "vkBindBufferMemory")) {
        return false;
    }
    b->address = raw->vk.vkGetBufferDeviceAddress(raw->device, &asked);
    return place == GPU_RAW_DEVICE ||
           gpu_raw_expect(raw,
                          raw->vk.vkMapMemory(raw->device, memory, 0, VK_WHOLE_SIZE, 0, &b->host),
                          "vkMapMemory");
}

gpu_raw_buffer gpu_raw_alloc(gpu_raw *raw, gpu_raw_place place, size_t bytes)
{
    gpu_raw_buffer made = {.bytes = bytes};
    VkBuffer buffer = VK_NULL_HANDLE;
    const uint32_t families[] = {raw->lines[0].family, raw->lines[1].family};
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = bytes,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                 VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT,
        .sharingMode =
            raw->num_families > 1 ? VK_SHARING_MODE_CONCURRENT : VK_SHARING_MODE_EXCLUSIVE,
        .queueFamilyIndexCount = raw->num_families > 1 ? 2 : 0,
        .pQueueFamilyIndices = families};
    if (!gpu_raw_is_fine(raw) ||
        !gpu_raw_expect(raw, raw->vk.vkCreateBuffer(raw->device, &info, NULL, &buffer),
                        "vkCreateBuffer")) {
        return (gpu_raw_buffer){NULL};
    }
    made.buffer = buffer;
    if (!gpu_raw_memory_bind(raw, place, &made)) {
        return (gpu_raw_buffer){NULL};
    }
    if (made.host != NULL) {
        memset(made.host, 0, bytes); /* its pages are there before anything is measured */
    }
    return made;
}

/* Freeing memory unmaps it. */
void gpu_raw_free(gpu_raw *raw, gpu_raw_buffer *buffer)
{
    if (gpu_raw_is_fine(raw)) {
        raw->vk.vkDestroyBuffer(raw->device, buffer->buffer, NULL);
        raw->vk.vkFreeMemory(raw->device, buffer->memory, NULL);
    }
    *buffer = (gpu_raw_buffer){NULL};
}

uint64_t gpu_raw_put_block(gpu_raw *raw, uint32_t place, const gpu_raw_block *block)
{
    if (!gpu_raw_is_fine(raw)) {
        return 0;
    }
    memcpy((gpu_raw_block *)raw->blocks.host + place, block, sizeof(*block));
    return raw->blocks.address + place * sizeof(*block);
}
