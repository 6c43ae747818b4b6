/*
 * Runtimes of the device bench. Owns nothing; one thread.
 * Always holds: the engine of what is measured is the GPU, software devices included, so that the
 * bench runs wherever there is a device of any kind. The bench's own kernels do next to nothing.
 */
#include "gpu_engine.h"

#include "bench/gpu_add_one.spv.h"
#include "bench/gpu_copy.spv.h"
#include "shaders/sha256.spv.h"

#include "config/loader.h"
#include "tasks/sha256/sha256.h"
#include "tasks/sha256/sha256_pack.h"

#include <stdio.h>
#include <string.h>

#define GPU_ENGINE_LOCAL_SIZE 64

/* ---------------------------------------------------------------------------------------------
 * Types
 */

static yoke_status gpu_engine_run_add_one(yoke_worker *worker, const yoke_claim *claim)
{
    const uint32_t *in = claim->in[0];
    uint32_t *out = claim->out;
    (void)worker;
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = in[i] + 1;
    }
    return YOKE_OK;
}

static yoke_status gpu_engine_run_copy(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    memcpy(claim->out, claim->in[0], (size_t)claim->count * GPU_ENGINE_ITEM_BYTES);
    return YOKE_OK;
}

gpu_raw_shader gpu_engine_add_one_shader(void)
{
    return (gpu_raw_shader){gpu_add_one_spv, sizeof(gpu_add_one_spv), GPU_ENGINE_LOCAL_SIZE};
}

gpu_raw_shader gpu_engine_copy_shader(void)
{
    return (gpu_raw_shader){gpu_copy_spv, sizeof(gpu_copy_spv), GPU_ENGINE_LOCAL_SIZE};
}

gpu_raw_shader gpu_engine_sha256_shader(void)
{
    return (gpu_raw_shader){sha256_spv, sizeof(sha256_spv), GPU_ENGINE_LOCAL_SIZE};
}

static yoke_status gpu_engine_register(yoke_runtime *rt, const char *name, uint32_t in_bytes,
                                       uint32_t out_bytes, yoke_cpu_kernel cpu,
                                       gpu_raw_shader shader, const yoke_type **type)
{
    const yoke_gpu_kernel *gpu =
        yoke_gpu_kernel(.spirv = shader.spirv, .spirv_bytes = shader.spirv_bytes,
                        .local_size = shader.local_size);
    return yoke_register(rt,
                         yoke_type_desc(.name = name, .in_bytes = {in_bytes},
                                        .out_bytes = out_bytes, .cpu = cpu,
                                        .user = (void *)sha256_path_best(), .gpu = gpu),
                         type);
}

yoke_status gpu_engine_add_one(yoke_runtime *rt, const yoke_type **type)
{
    return gpu_engine_register(rt, "bench_add_one", sizeof(uint32_t), sizeof(uint32_t),
                               gpu_engine_run_add_one, gpu_engine_add_one_shader(), type);
}

yoke_status gpu_engine_copy(yoke_runtime *rt, const yoke_type **type)
{
    return gpu_engine_register(rt, "bench_copy", GPU_ENGINE_ITEM_BYTES, GPU_ENGINE_ITEM_BYTES,
                               gpu_engine_run_copy, gpu_engine_copy_shader(), type);
}

yoke_status gpu_engine_sha256(yoke_runtime *rt, const yoke_type **type)
{
    return gpu_engine_register(rt, "bench_sha256", SHA256_BLOCK_BYTES, SHA256_DIGEST_BYTES,
                               sha256_pack_fixed, gpu_engine_sha256_shader(), type);
}

/* ---------------------------------------------------------------------------------------------
 * Runtimes
 */

static void gpu_engine_find_device(gpu_engine *engine)
{
    yoke_device devices[YOKE_DEVICES_MAX];
    size_t num = yoke_devices(engine->rt, devices, YOKE_DEVICES_MAX), used = 0;
    for (size_t i = 0; i < num && i < YOKE_DEVICES_MAX && used < sizeof(engine->device); i++) {
        if (devices[i].state != YOKE_DEVICE_READY) {
            continue;
        }
        if (used == 0) {
            memcpy(engine->uuid, devices[i].uuid, sizeof(engine->uuid));
        }
        used += (size_t)snprintf(engine->device + used, sizeof(engine->device) - used, "%s%s",
                                 used > 0 ? " + " : "", devices[i].name);
    }
}

yoke_status gpu_engine_open(gpu_engine *engine, yoke_runtime *rt)
{
    *engine = (gpu_engine){.rt = rt};
    yoke_status status = gpu_engine_add_one(rt, &engine->add_one);
    if (status == YOKE_OK) {
        status = gpu_engine_copy(rt, &engine->copy);
    }
    if (status == YOKE_OK) {
        status = yoke_ready(rt, GPU_ENGINE_READY_NS);
    }
    gpu_engine_find_device(engine);
    return status;
}

yoke_status gpu_engine_create(yoke_runtime **rt, yoke_engine kind, uint32_t workers,
                              const char *policy_text)
{
    yoke_policy *policy = NULL;
    *rt = NULL;
    yoke_status status = YOKE_OK;
    if (policy_text != NULL) {
        status = loader_parse(&policy, policy_text, strlen(policy_text), "bench", NULL, 0);
    }
    if (status == YOKE_OK) {
        status = yoke_create(rt, yoke_options(.flags = YOKE_SUBMIT_WAITS, .num_workers = workers,
                                              .policy = policy, .engine = kind));
    }
    yoke_policy_free(&policy);
    return status;
}

yoke_status gpu_engine_run(yoke_runtime *rt, yoke_job *job)
{
    yoke_status status = yoke_submit(rt, &job, 1);
    return status == YOKE_OK ? yoke_wait(rt, job, YOKE_FOREVER) : status;
}
