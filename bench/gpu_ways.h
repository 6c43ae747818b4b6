/*
 * A map kernel by hand, over items in the host's memory: the ways that raw Vulkan offers.
 *   Threads:  one.
 */
#ifndef YOKE_BENCH_GPU_WAYS_H
#define YOKE_BENCH_GPU_WAYS_H

#include "gpu_raw.h"

#define GPU_WAYS_INPUTS_MAX 2

typedef enum gpu_way {
    GPU_WAY_ZERO_COPY, /* the shader reads and writes the host's memory */
    GPU_WAY_STAGED,    /* copied to the device's memory, run there, copied back */
    GPU_WAY_RESIDENT,  /* run on what lies on the device, stamped */
} gpu_way;

/* Zero-initialise; set shader, num_inputs, in_bytes and out_bytes. */
typedef struct gpu_ways {
    gpu_raw_shader shader;
    uint32_t num_inputs;
    uint32_t in_bytes[GPU_WAYS_INPUTS_MAX], out_bytes; /* of an item */
    gpu_raw *raw;
    const gpu_raw_kernel *kernel;
    gpu_raw_buffer in[GPU_WAYS_INPUTS_MAX],
        out; /* mapped: inputs are put here, outputs come here */
    gpu_raw_buffer device_in[GPU_WAYS_INPUTS_MAX], device_out;
} gpu_ways;

/* Compiles, and gets memory for so many items. gpu_raw_why tells of failures; free it all the
 * same. */
void gpu_ways_alloc(gpu_ways *ways, gpu_raw *raw, uint32_t num_items);

/* What is recorded is freed too; nothing is in flight. */
void gpu_ways_free(gpu_ways *ways);

/* Commands for the first num_items items. */
gpu_raw_commands *gpu_ways_record(gpu_ways *ways, gpu_way way, uint32_t num_items);

/* Outside the time: zeros where outputs come to, on the device too; for GPU_WAY_RESIDENT also the
 * inputs to the device. After it has run: its outputs to the host. */
void gpu_ways_clear(gpu_ways *ways, uint32_t num_items);
void gpu_ways_send(gpu_ways *ways, uint32_t num_items);
void gpu_ways_fetch(gpu_ways *ways, uint32_t num_items);

#endif
