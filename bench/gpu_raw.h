/*
 * Vulkan as one would use it by hand: the floor that yoke's GPU rows stand beside. An instance, a
 * device, pipelines, mapped and device memory, command buffers and a timeline for each of two
 * queues; none of yoke's code, but the same shaders with the same block of parameters.
 *
 * A call that Vulkan refuses is kept: gpu_raw_why then tells of the first, and every later call
 * does nothing. So callers need look but once, when a measurement has ended; it is void then.
 *   Threads:  one at a time.
 */
#ifndef YOKE_BENCH_GPU_RAW_H
#define YOKE_BENCH_GPU_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GPU_RAW_WHY_BYTES 160
#define GPU_RAW_BLOCKS 64

typedef struct gpu_raw gpu_raw;
typedef struct gpu_raw_kernel gpu_raw_kernel;     /* a pipeline; lives as long as the device */
typedef struct gpu_raw_commands gpu_raw_commands; /* until gpu_raw_reset */

/* ---------------------------------------------------------------------------------------------
 * Device and kernels
 */

typedef struct gpu_raw_options {
    const uint8_t *uuid; /* which device, 16 bytes */
    const void *cache;   /* what gpu_raw_cache_read gave; NULL: nothing is known of any kernel */
    size_t cache_bytes;
} gpu_raw_options;

/* Loads libvulkan, opens an instance and the device. False: `why` (GPU_RAW_WHY_BYTES) says what is
 * missing, and *raw is NULL. Blocks for as long as the driver does. */
bool gpu_raw_open(gpu_raw **raw, const gpu_raw_options *options, char *why);

/* Nothing is in flight; *raw becomes NULL; NULL does nothing. After a failure what Vulkan has is
 * left behind. */
void gpu_raw_close(gpu_raw **raw);

/* The first failure; NULL: there was none. */
const char *gpu_raw_why(const gpu_raw *raw);

bool gpu_raw_is_cpu(const gpu_raw *raw);

/* A kernel that is written against shaders/yoke.glsl. */
typedef struct gpu_raw_shader {
    const uint32_t *spirv;
    size_t spirv_bytes;
    uint32_t local_size;
} gpu_raw_shader;

/* Never NULL. Blocks for as long as the driver compiles. */
const gpu_raw_kernel *gpu_raw_compile(gpu_raw *raw, gpu_raw_shader shader);

/* Gives the driver's cache, which the caller frees; NULL: there is none. */
void *gpu_raw_cache_read(gpu_raw *raw, size_t *bytes);

/* ---------------------------------------------------------------------------------------------
 * Memory
 */

typedef enum gpu_raw_place {
    GPU_RAW_HOST,   /* mapped, coherent, cached by the CPU */
    GPU_RAW_DEVICE, /* the device's own; not mapped */
} gpu_raw_place;

/* All zero: none. */
typedef struct gpu_raw_buffer {
    void *host; /* NULL: the device's own */
    uint64_t address;
    size_t bytes;
    void *buffer, *memory; /* Vulkan's */
} gpu_raw_buffer;

/* All zero on failure. */
gpu_raw_buffer gpu_raw_alloc(gpu_raw *raw, gpu_raw_place place, size_t bytes);

/* Nothing in flight uses it. It becomes all zero; so may it be before. */
void gpu_raw_free(gpu_raw *raw, gpu_raw_buffer *buffer);

/* What a kernel is told: shaders/yoke.glsl has the same. */
typedef struct gpu_raw_block {
    uint64_t in[4];
    uint64_t out;
    uint64_t params;
    uint64_t resident[4];
    uint32_t num_items;
    uint32_t params_stride;
    uint64_t scratch[4];
    uint64_t reserved;
} gpu_raw_block;

_Static_assert(sizeof(gpu_raw_block) == 128, "shaders/yoke.glsl has the same layout");

/* Puts a block into mapped memory, at one of GPU_RAW_BLOCKS places; its address. */
uint64_t gpu_raw_put_block(gpu_raw *raw, uint32_t place, const gpu_raw_block *block);

/* ---------------------------------------------------------------------------------------------
 * Commands
 */

typedef enum gpu_raw_queue {
    GPU_RAW_COMPUTE,
    GPU_RAW_COPY, /* of a family that does nothing but copy; where there is none, the same queue */
    GPU_RAW_QUEUES,
} gpu_raw_queue;

bool gpu_raw_has_copy_queue(const gpu_raw *raw);

/* Begins commands that may be submitted again and again, but not while they are in flight. */
gpu_raw_commands *gpu_raw_record(gpu_raw *raw, gpu_raw_queue queue);

/* An invocation for each item, told by the block at that address. */
void gpu_raw_dispatch(gpu_raw_commands *commands, const gpu_raw_kernel *kernel, uint64_t block,
                      uint32_t num_items);
void gpu_raw_copy(gpu_raw_commands *commands, const gpu_raw_buffer *from, const gpu_raw_buffer *to,
                  size_t bytes);

/* What stands before it is done, and seen, when what stands behind begins. */
void gpu_raw_barrier(gpu_raw_commands *commands);

/* Takes the device's time, before (0) and after (1) what is measured; one pair in flight. */
void gpu_raw_stamp(gpu_raw_commands *commands, uint32_t which);

/* The host will see what was written. */
void gpu_raw_finish(gpu_raw_commands *commands);

/* Frees all commands; none is in flight. */
void gpu_raw_reset(gpu_raw *raw);

/* Hands commands of one queue over in one call, 16 at most, each with a value of the queue's
 * timeline; the last one's. */
uint64_t gpu_raw_submit(gpu_raw *raw, gpu_raw_commands *const *commands, uint32_t num);

/* Looks until the queue's timeline has come to the value; or sleeps in the driver meanwhile. */
void gpu_raw_spin(gpu_raw *raw, gpu_raw_queue queue, uint64_t value);
void gpu_raw_wait(gpu_raw *raw, gpu_raw_queue queue, uint64_t value);

/* One command list: submit and spin. */
void gpu_raw_run(gpu_raw *raw, gpu_raw_commands *commands);

/* Nanoseconds between the two stamps of what is complete; 0: the device cannot tell. */
double gpu_raw_stamped_ns(gpu_raw *raw);

#endif
