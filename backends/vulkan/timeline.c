/*
 * Submits batches and reads the timeline: the only file that knows its values.
 *
 * The submitter's thread. What always holds: the batch with value v signals the one semaphore with
 * v, after everything submitted before it, so the semaphore only grows and reading it says which
 * slots are free. No fences, no waiting for idle. Batches do not wait for each other: what one
 * writes no other in flight reads.
 *
 * Costs (H200): an empty batch there and back 11 us. A call with eight batches passes three times
 * as many a second as calls with one.
 */
#include "timeline.h"

#include "record.h"

yoke_status vulkan_timeline_create(backend_device *device)
{
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type,
    };
    VkResult result = device->vk.vkCreateSemaphore(device->device, &info, NULL, &device->timeline);
    return vulkan_device_result(device, result, "vkCreateSemaphore");
}

void vulkan_timeline_destroy(backend_device *device)
{
    device->vk.vkDestroySemaphore(device->device, device->timeline, NULL);
}

/* -- submitting -------------------------------------------------------------------------------- */

/* An answer that the API should not give leaves it unknown what runs: the device counts as lost. */
static yoke_status vulkan_timeline_settle(backend_device *device, yoke_status status)
{
    if (status == YOKE_OK || status == YOKE_TIMEOUT || status == YOKE_NO_MEMORY) {
        return status;
    }
    device->is_lost = true;
    return YOKE_NO_DEVICE;
}

static yoke_status vulkan_timeline_send(backend_device *device, const backend_batch *batches,
                                        uint32_t num_batches)
{
    VkSubmitInfo submits[BACKEND_SLOTS_MAX];
    VkTimelineSemaphoreSubmitInfo signals[BACKEND_SLOTS_MAX];
    uint64_t values[BACKEND_SLOTS_MAX];
    for (uint32_t i = 0; i < num_batches; i++) {
        values[i] = device->submitted + 1 + i;
        signals[i] = (VkTimelineSemaphoreSubmitInfo){
            .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
            .signalSemaphoreValueCount = 1,
            .pSignalSemaphoreValues = &values[i],
        };
        submits[i] = (VkSubmitInfo){
            .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
            .pNext = &signals[i],
            .commandBufferCount = 1,
            .pCommandBuffers = &device->recorded[batches[i].slot].commands,
            .signalSemaphoreCount = 1,
            .pSignalSemaphores = &device->timeline,
        };
    }
    VkResult result = device->vk.vkQueueSubmit(device->queue, num_batches, submits, VK_NULL_HANDLE);
    return vulkan_timeline_settle(device, vulkan_device_result(device, result, "vkQueueSubmit"));
}

yoke_status vulkan_timeline_submit(backend_device *device, const backend_batch *batches,
                                   uint32_t num_batches, uint64_t *value)
{
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    if (num_batches == 0 || num_batches > device->num_slots) {
        return YOKE_INVALID;
    }
    for (uint32_t i = 0; i < num_batches; i++) {
        if (batches[i].slot >= device->num_slots || !vulkan_record_is_valid(&batches[i])) {
            return YOKE_INVALID;
        }
    }
    for (uint32_t i = 0; i < num_batches; i++) {
        yoke_status status = vulkan_record(device, &batches[i]);
        if (status != YOKE_OK) {
            return status;
        }
    }
    yoke_status status = vulkan_timeline_send(device, batches, num_batches);
    if (status == YOKE_OK) {
        device->submitted += num_batches;
        *value = device->submitted;
    }
    return status;
}

/* -- how far it has come ----------------------------------------------------------------------- */

yoke_status vulkan_timeline_completed(backend_device *device, uint64_t *value)
{
    uint64_t reached = 0;
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    VkResult result =
        device->vk.vkGetSemaphoreCounterValue(device->device, device->timeline, &reached);
    yoke_status status = vulkan_timeline_settle(
        device, vulkan_device_result(device, result, "vkGetSemaphoreCounterValue"));
    if (status != YOKE_OK) {
        return status;
    }
    if (reached > device->submitted) { /* some drivers tell a loss by the highest value */
        return vulkan_timeline_settle(device, vulkan_device_result(device, VK_ERROR_DEVICE_LOST,
                                                                   "vkGetSemaphoreCounterValue"));
    }
    *value = reached;
    return YOKE_OK;
}

static yoke_status vulkan_timeline_wait_for(backend_device *device, uint64_t value,
                                            uint64_t timeout_ns)
{
    const VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &device->timeline,
        .pValues = &value,
    };
    VkResult result = device->vk.vkWaitSemaphores(device->device, &info, timeout_ns);
    return vulkan_device_result(device, result, "vkWaitSemaphores");
}

yoke_status vulkan_timeline_wait(backend_device *device, uint64_t value, uint64_t timeout_ns)
{
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    if (value > device->submitted) {
        return YOKE_INVALID;
    }
    return vulkan_timeline_settle(device, vulkan_timeline_wait_for(device, value, timeout_ns));
}

bool vulkan_timeline_finish(backend_device *device, uint64_t timeout_ns)
{
    yoke_status status = vulkan_timeline_wait_for(device, device->submitted, timeout_ns);
    return status == YOKE_OK || status == YOKE_NO_DEVICE;
}
