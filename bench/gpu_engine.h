/*
 * Runtimes of the device bench, and its own two types.
 *   Threads:  one.
 */
#ifndef YOKE_BENCH_GPU_ENGINE_H
#define YOKE_BENCH_GPU_ENGINE_H

#include "gpu_raw.h"

#include <yoke/yoke.h>

#define GPU_ENGINE_READY_NS UINT64_C(60000000000) /* that a driver may take to start */
#define GPU_ENGINE_ITEM_BYTES 64                  /* of bench_copy, in and out; as of sha256, in */

typedef struct gpu_engine {
    yoke_runtime *rt;
    char device[512];         /* names of the devices that are ready */
    uint8_t uuid[16];         /* of the first of them */
    const yoke_type *add_one; /* a uint32_t in, that plus one out */
    const yoke_type *copy;
} gpu_engine;

/* Takes a runtime with a device that is ready, registers both types and waits until the devices
 * have them. */
yoke_status gpu_engine_open(gpu_engine *engine, yoke_runtime *rt);

/* A runtime of that engine with no type and, as its policy, this text (NULL: none). YAML that is
 * wrong is the bench's own fault: YOKE_INVALID. */
yoke_status gpu_engine_create(yoke_runtime **rt, yoke_engine kind, uint32_t workers,
                              const char *policy_text);

/* Registers one type: the bench's own, or what the sha256 pack has, alone. */
yoke_status gpu_engine_add_one(yoke_runtime *rt, const yoke_type **type);
yoke_status gpu_engine_copy(yoke_runtime *rt, const yoke_type **type);
yoke_status gpu_engine_sha256(yoke_runtime *rt, const yoke_type **type);

/* Submits a job and waits for it. */
yoke_status gpu_engine_run(yoke_runtime *rt, yoke_job *job);

/* The types' kernels, for raw Vulkan. */
gpu_raw_shader gpu_engine_add_one_shader(void);
gpu_raw_shader gpu_engine_copy_shader(void);
gpu_raw_shader gpu_engine_sha256_shader(void);

#endif
