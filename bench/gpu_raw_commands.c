/*
 * Raw Vulkan's command buffers: recorded once, submitted again and again; and the two timelines.
 * Owns the command buffers until gpu_raw_reset; one thread.
 * Always holds: a submit signals its queue's timeline with values that count up from 1, so that the
 * last one's says that all are done. Costs (H200): an empty submit there and back 11 us if the host
 * spins, 34 us if it sleeps in the driver.
 */
#include "gpu_raw_parts.h"

#include <stdlib.h>

#include "cli/clock.h"

#define GPU_RAW_SUBMITS_MAX 16
#define GPU_RAW_ROW_MAX 65535u /* workgroups in a row, which all devices have */
#define GPU_RAW_WAIT_NS UINT64_C(30000000000)
#define GPU_RAW_LOOKS 4096u /* between two looks at the clock */

/* Without a family to copy with, both lines are the first. */
static gpu_raw_line *gpu_raw_commands_line(gpu_raw *raw, gpu_raw_queue queue)
{
    return &raw->lines[queue == GPU_RAW_COPY && raw->num_families > 1 ? 1 : 0];
}

/* ---------------------------------------------------------------------------------------------
 * Recording
 */

gpu_raw_commands *gpu_raw_record(gpu_raw *raw, gpu_raw_queue queue)
{
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu_raw_commands_line(raw, queue)->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1};
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    gpu_raw_commands *c = gpu_raw_is_fine(raw) ? calloc(1, sizeof(*c)) : NULL;
    raw->failed = (gpu_raw_commands){.raw = raw, .queue = queue};
    if (c == NULL) {
        gpu_raw_fail(raw, "out of memory");
        return &raw->failed;
    }
    *c = (gpu_raw_commands){.next = raw->all, .raw = raw, .queue = queue};
    raw->all = c;
    if (gpu_raw_expect(raw, raw->vk.vkAllocateCommandBuffers(raw->device, &info, &c->buffer),
                       "vkAllocateCommandBuffers")) {
        gpu_raw_expect(raw, raw->vk.vkBeginCommandBuffer(c->buffer, &begin),
                       "vkBeginCommandBuffer");
    }
    return c;
}

void gpu_raw_dispatch(gpu_raw_commands *commands, const gpu_raw_kernel *kernel, uint64_t block,
                      uint32_t num_items)
{
    gpu_raw *raw = commands->raw;
    if (!gpu_raw_is_fine(raw)) {
        return;
    }
    uint32_t groups =
        (uint32_t)(((uint64_t)num_items + kernel->local_size - 1) / kernel->local_size);
    uint32_t rows = (groups + GPU_RAW_ROW_MAX - 1) / GPU_RAW_ROW_MAX;
    raw->vk.vkCmdBindPipeline(commands->buffer, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
    raw->vk.vkCmdPushConstants(commands->buffer, raw->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                               sizeof(block), &block);
    raw->vk.vkCmdDispatch(commands->buffer, (groups + rows - 1) / rows, rows, 1);
}

void gpu_raw_copy(gpu_raw_commands *commands, const gpu_raw_buffer *from, const gpu_raw_buffer *to,
                  size_t bytes)
{
    gpu_raw *raw = commands->raw;
    const VkBufferCopy region = {.size = bytes};
    if (gpu_raw_is_fine(raw)) {
        raw->vk.vkCmdCopyBuffer(commands->buffer, from->buffer, to->buffer, 1, &region);
    }
}

/* Stages that the queue has not may not be named. */
static VkPipelineStageFlags gpu_raw_commands_stages(const gpu_raw_commands *commands)
{
    bool only_copies = commands->queue == GPU_RAW_COPY && commands->raw->num_families > 1;
    return VK_PIPELINE_STAGE_TRANSFER_BIT |
           (only_copies ? 0 : VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT);
}

static void gpu_raw_commands_wait(gpu_raw_commands *commands, VkPipelineStageFlags stages,
                                  VkAccessFlags sees)
{
    gpu_raw *raw = commands->raw;
    const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                     .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                                     .dstAccessMask = sees};
    if (gpu_raw_is_fine(raw)) {
        raw->vk.vkCmdPipelineBarrier(commands->buffer, gpu_raw_commands_stages(commands), stages, 0,
                                     1, &barrier, 0, NULL, 0, NULL);
    }
}

void gpu_raw_barrier(gpu_raw_commands *commands)
{
    gpu_raw_commands_wait(commands, gpu_raw_commands_stages(commands),
                          VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT);
}

void gpu_raw_finish(gpu_raw_commands *commands)
{
    gpu_raw *raw = commands->raw;
    gpu_raw_commands_wait(commands, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    if (gpu_raw_is_fine(raw)) {
        gpu_raw_expect(raw, raw->vk.vkEndCommandBuffer(commands->buffer), "vkEndCommandBuffer");
    }
}

void gpu_raw_reset(gpu_raw *raw)
{
    while (raw->all != NULL) {
        gpu_raw_commands *c = raw->all;
        raw->all = c->next;
        if (gpu_raw_is_fine(raw)) {
            raw->vk.vkFreeCommandBuffers(raw->device, gpu_raw_commands_line(raw, c->queue)->pool, 1,
                                         &c->buffer);
        }
        free(c);
    }
}

/* ---------------------------------------------------------------------------------------------
 * The device's time
 */

void gpu_raw_stamp(gpu_raw_commands *commands, uint32_t which)
{
    gpu_raw *raw = commands->raw;
    if (!gpu_raw_is_fine(raw) || raw->stamps == VK_NULL_HANDLE) {
        return;
    }
    if (which == 0) {
        raw->vk.vkCmdResetQueryPool(commands->buffer, raw->stamps, 0, 2);
    } else {
        gpu_raw_barrier(commands);
    }
    raw->vk.vkCmdWriteTimestamp(commands->buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, raw->stamps,
                                which);
}

double gpu_raw_stamped_ns(gpu_raw *raw)
{
    uint64_t stamps[2] = {0, 0};
    if (!gpu_raw_is_fine(raw) || raw->stamps == VK_NULL_HANDLE) {
        return 0;
    }
    VkResult result =
        raw->vk.vkGetQueryPoolResults(raw->device, raw->stamps, 0, 2, sizeof(stamps), stamps,
                                      sizeof(stamps[0]), VK_QUERY_RESULT_64_BIT);
    gpu_raw_expect(raw, result, "vkGetQueryPoolResults");
    return (double)((stamps[1] - stamps[0]) & raw->stamp_mask) * raw->stamp_ns;
}

/* ---------------------------------------------------------------------------------------------
 * Timelines
 */

uint64_t gpu_raw_submit(gpu_raw *raw, gpu_raw_commands *const *commands, uint32_t num)
{
    VkSubmitInfo submits[GPU_RAW_SUBMITS_MAX];
    VkTimelineSemaphoreSubmitInfo signals[GPU_RAW_SUBMITS_MAX];
    uint64_t values[GPU_RAW_SUBMITS_MAX];
    if (!gpu_raw_is_fine(raw)) {
        return 0;
    }
    gpu_raw_line *line = gpu_raw_commands_line(raw, commands[0]->queue);
    for (uint32_t i = 0; i < num; i++) {
        values[i] = ++line->submitted;
        signals[i] = (VkTimelineSemaphoreSubmitInfo){
            .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
            .signalSemaphoreValueCount = 1,
            .pSignalSemaphoreValues = &values[i]};
        submits[i] = (VkSubmitInfo){.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                    .pNext = &signals[i],
                                    .commandBufferCount = 1,
                                    .pCommandBuffers = &commands[i]->buffer,
                                    .signalSemaphoreCount = 1,
                                    .pSignalSemaphores = &line->timeline};
    }
    gpu_raw_expect(raw, raw->vk.vkQueueSubmit(line->queue, num, submits, VK_NULL_HANDLE),
                   "vkQueueSubmit");
    return line->submitted;
}

void gpu_raw_spin(gpu_raw *raw, gpu_raw_queue queue, uint64_t value)
{
    gpu_raw_line *line = gpu_raw_commands_line(raw, queue);
    uint64_t reached = 0, end_ns = 0;
    for (uint32_t looks = 1; gpu_raw_is_fine(raw) && reached < value; looks++) {
        gpu_raw_expect(raw,
                       raw->vk.vkGetSemaphoreCounterValue(raw->device, line->timeline, &reached),
                       "vkGetSemaphoreCounterValue");
        if (looks % GPU_RAW_LOOKS == 0 && reached < value) {
            uint64_t now_ns = clock_ns();
            end_ns = end_ns == 0 ? now_ns + GPU_RAW_WAIT_NS : end_ns;
            if (now_ns > end_ns) {
                gpu_raw_fail(raw, "the device does not answer");
            }
        }
    }
}

void gpu_raw_wait(gpu_raw *raw, gpu_raw_queue queue, uint64_t value)
{
    const VkSemaphoreWaitInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &gpu_raw_commands_line(raw, queue)->timeline,
                                      .pValues = &value};
    if (!gpu_raw_is_fine(raw)) {
        return;
    }
    VkResult result = raw->vk.vkWaitSemaphores(raw->device, &info, GPU_RAW_WAIT_NS);
    if (result == VK_TIMEOUT) {
        gpu_raw_fail(raw, "the device does not answer");
    }
    gpu_raw_expect(raw, result, "vkWaitSemaphores");
}

void gpu_raw_run(gpu_raw *raw, gpu_raw_commands *commands)
{
    gpu_raw_spin(raw, commands->queue, gpu_raw_submit(raw, &commands, 1));
}
