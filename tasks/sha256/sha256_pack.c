/*
 * The sha256 pack: the types sha256, sha256_ragged, sha256d, sha256d_ragged and sha256_iter.
 *
 * Owns the five CPU kernels and their registration; the GPU kernels are made from shaders/. The CPU
 * kernels run on any worker and keep nothing; which path they run was settled when the types were
 * registered, and comes with the claim. Digests go straight from registers to the job's output: no
 * scratch, no copies.
 */
#include "tasks/sha256/sha256_pack.h"

#include <yoke/tasks.h>

#include "tasks/sha256/sha256.h"

/* A build without GPUs has no shaders either. */
#ifdef SHA256_PACK_GPU
#include "shaders/sha256.spv.h"
#include "shaders/sha256_iter.spv.h"
#include "shaders/sha256_ragged.spv.h"
#include "shaders/sha256d.spv.h"
#include "shaders/sha256d_ragged.spv.h"
#define SHA256_PACK_SHADER(name)                                                                   \
    yoke_gpu_kernel(.spirv = name##_spv, .spirv_bytes = sizeof(name##_spv), .local_size = 64)
#else
#define SHA256_PACK_SHADER(name) NULL
#endif

static yoke_status sha256_pack_run_fixed(const yoke_claim *claim, bool twice)
{
    const sha256_path *path = claim->user;
    path->hash64(claim->out, claim->in[0], claim->count, twice);
    return YOKE_OK;
}

static yoke_status sha256_pack_run_ragged(const yoke_claim *claim, bool twice)
{
    const sha256_path *path = claim->user;
    const yoke_span *messages = claim->in[0];
    uint8_t *digests = claim->out;
    for (uint32_t i = 0; i < claim->count; i++) {
        if (messages[i].data == NULL && messages[i].bytes > 0) {
            return YOKE_INVALID;
        }
        sha256_message(path, digests + (size_t)i * SHA256_DIGEST_BYTES, messages[i].data,
                       messages[i].bytes, twice);
    }
    return YOKE_OK;
}

yoke_status sha256_pack_fixed(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    return sha256_pack_run_fixed(claim, false);
}

yoke_status sha256_pack_ragged(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    return sha256_pack_run_ragged(claim, false);
}

yoke_status sha256_pack_fixed_double(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    return sha256_pack_run_fixed(claim, true);
}

yoke_status sha256_pack_ragged_double(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    return sha256_pack_run_ragged(claim, true);
}

/* At least one round and at most the most there may be: no params can make a kernel fail, nor the
 * kernels of the two engines differ. `params` may be NULL. shaders/sha256.comp does the same. */
static uint32_t sha256_pack_rounds(const void *params)
{
    yoke_sha256_iter_params p = {0};
    if (params != NULL) {
        memcpy(&p, params, sizeof(p));
    }
    return p.rounds < 1 ? 1 : p.rounds > YOKE_SHA256_ROUNDS_MAX ? YOKE_SHA256_ROUNDS_MAX : p.rounds;
}

yoke_status sha256_pack_iter(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const sha256_path *path = claim->user;
    path->hash64(claim->out, claim->in[0], claim->count, false);
    path->rehash(claim->out, claim->count, sha256_pack_rounds(claim->params) - 1);
    return YOKE_OK;
}

/* Ragged items weigh their compressions, so that cost means about the same for all the types. */
static uint64_t sha256_pack_ragged_cost(const yoke_job *job)
{
    const yoke_span *spans = job->in[0];
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < job->num_items; i++) {
        blocks += spans[i].bytes / SHA256_BLOCK_BYTES + 1;
    }
    return blocks;
}

static uint64_t sha256_pack_iter_cost(const yoke_job *job)
{
    return (uint64_t)job->num_items * sha256_pack_rounds(job->params);
}

yoke_status yoke_tasks_register_sha256(yoke_runtime *rt)
{
    const struct {
        const char *name;
        uint32_t in_bytes;
        uint32_t params_bytes;
        yoke_cpu_kernel cpu;
        uint64_t (*cost)(const yoke_job *job);
        const yoke_gpu_kernel *gpu;
    } types[] = {
        {"sha256", SHA256_BLOCK_BYTES, 0, sha256_pack_fixed, NULL, SHA256_PACK_SHADER(sha256)},
        {"sha256_ragged", YOKE_RAGGED, 0, sha256_pack_ragged, sha256_pack_ragged_cost,
         SHA256_PACK_SHADER(sha256_ragged)},
        {"sha256d", SHA256_BLOCK_BYTES, 0, sha256_pack_fixed_double, NULL,
         SHA256_PACK_SHADER(sha256d)},
        {"sha256d_ragged", YOKE_RAGGED, 0, sha256_pack_ragged_double, sha256_pack_ragged_cost,
         SHA256_PACK_SHADER(sha256d_ragged)},
        {"sha256_iter", SHA256_BLOCK_BYTES, sizeof(yoke_sha256_iter_params), sha256_pack_iter,
         sha256_pack_iter_cost, SHA256_PACK_SHADER(sha256_iter)},
    };
    const sha256_path *path = sha256_path_best();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const yoke_type *type;
        const yoke_type_desc *desc =
            yoke_type_desc(.name = types[i].name, .flags = YOKE_TYPE_TOTAL,
                           .in_bytes = {types[i].in_bytes}, .out_bytes = SHA256_DIGEST_BYTES,
                           .params_bytes = types[i].params_bytes, .cpu = types[i].cpu,
                           .cost = types[i].cost,
                           .user = (void *)path, /* the kernels only read it */
                           .gpu = types[i].gpu);
        yoke_status status = yoke_register(rt, desc, &type);
        if (status != YOKE_OK) {
            return status;
        }
    }
    return YOKE_OK;
}
