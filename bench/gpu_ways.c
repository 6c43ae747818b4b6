/*
 * A map kernel by hand. Owns buffers on both sides from alloc to free; one thread.
 * Always holds: commands are recorded once, so that what is measured is submitting and running.
 */
#include "gpu_ways.h"

#include <string.h>

void gpu_ways_alloc(gpu_ways *ways, gpu_raw *raw, uint32_t num_items)
{
    size_t out_bytes = (size_t)num_items * ways->out_bytes;
    ways->raw = raw;
    ways->kernel = gpu_raw_compile(raw, ways->shader);
    for (uint32_t k = 0; k < ways->num_inputs; k++) {
        size_t bytes = (size_t)num_items * ways->in_bytes[k];
        ways->in[k] = gpu_raw_alloc(raw, GPU_RAW_HOST, bytes);
        ways->device_in[k] = gpu_raw_alloc(raw, GPU_RAW_DEVICE, bytes);
    }
    ways->out = gpu_raw_alloc(raw, GPU_RAW_HOST, out_bytes);
    ways->device_out = gpu_raw_alloc(raw, GPU_RAW_DEVICE, out_bytes);
}

void gpu_ways_free(gpu_ways *ways)
{
    if (ways->raw == NULL) {
        return;
    }
    gpu_raw_reset(ways->raw);
    for (uint32_t k = 0; k < ways->num_inputs; k++) {
        gpu_raw_free(ways->raw, &ways->in[k]);
        gpu_raw_free(ways->raw, &ways->device_in[k]);
    }
    gpu_raw_free(ways->raw, &ways->out);
    gpu_raw_free(ways->raw, &ways->device_out);
}

gpu_raw_commands *gpu_ways_record(gpu_ways *ways, gpu_way way, uint32_t num_items)
{
    bool is_staged = way == GPU_WAY_STAGED, is_resident = way == GPU_WAY_RESIDENT;
    bool on_device = is_staged || is_resident;
    gpu_raw_block block = {.out = on_device ? ways->device_out.address : ways->out.address,
                           .num_items = num_items};
    gpu_raw_commands *commands = gpu_raw_record(ways->raw, GPU_RAW_COMPUTE);
    for (uint32_t k = 0; k < ways->num_inputs; k++) {
        block.in[k] = on_device ? ways->device_in[k].address : ways->in[k].address;
        if (is_staged) {
            gpu_raw_copy(commands, &ways->in[k], &ways->device_in[k],
                         (size_t)num_items * ways->in_bytes[k]);
        }
    }
    if (is_staged) {
        gpu_raw_barrier(commands);
    }
    if (is_resident) {
        gpu_raw_stamp(commands, 0);
    }
    gpu_raw_dispatch(commands, ways->kernel, gpu_raw_put_block(ways->raw, 0, &block), num_items);
    if (is_resident) {
        gpu_raw_stamp(commands, 1);
    }
    if (is_staged) {
        gpu_raw_barrier(commands);
        gpu_raw_copy(commands, &ways->device_out, &ways->out, (size_t)num_items * ways->out_bytes);
    }
    gpu_raw_finish(commands);
    return commands;
}

static void gpu_ways_copy(gpu_ways *ways, const gpu_raw_buffer *from, const gpu_raw_buffer *to,
                          size_t bytes)
{
    gpu_raw_commands *commands = gpu_raw_record(ways->raw, GPU_RAW_COMPUTE);
    gpu_raw_copy(commands, from, to, bytes);
    gpu_raw_finish(commands);
    gpu_raw_run(ways->raw, commands);
}

void gpu_ways_clear(gpu_ways *ways, uint32_t num_items)
{
    size_t bytes = (size_t)num_items * ways->out_bytes;
    memset(ways->out.host, 0, bytes);
    gpu_ways_copy(ways, &ways->out, &ways->device_out, bytes);
}

void gpu_ways_send(gpu_ways *ways, uint32_t num_items)
{
    for (uint32_t k = 0; k < ways->num_inputs; k++) {
        gpu_ways_copy(ways, &ways->in[k], &ways->device_in[k],
                      (size_t)num_items * ways->in_bytes[k]);
    }
}

void gpu_ways_fetch(gpu_ways *ways, uint32_t num_items)
{
    gpu_ways_copy(ways, &ways->device_out, &ways->out, (size_t)num_items * ways->out_bytes);
}
