/*
 * The bls12_381 pack: the types bls12_381_fp_add, bls12_381_fp_sub and bls12_381_fp_mul.
 *
 * Owns the three CPU kernels and their registration; the GPU kernels are made from shaders/. The
 * CPU kernels run on any worker and keep nothing; which path of fp.h they run was settled when the
 * types were registered, and comes with the claim.
 *
 * Items are so small that moving them is much of the work: 144 bytes for some 5 to 14 ns of a core.
 */
#include "tasks/bls12_381/bls12_381_pack.h"

#include <yoke/tasks.h>

#include "tasks/bls12_381/fp.h"

/* A build without GPUs has no shaders either. */
#ifdef BLS12_381_PACK_GPU
#include "shaders/bls12_381_fp_add.spv.h"
#include "shaders/bls12_381_fp_mul.spv.h"
#include "shaders/bls12_381_fp_sub.spv.h"
#define BLS12_381_PACK_SHADER(name)                                                                \
    yoke_gpu_kernel(.spirv = name##_spv, .spirv_bytes = sizeof(name##_spv), .local_size = 64)
#else
#define BLS12_381_PACK_SHADER(name) NULL
#endif

static yoke_status bls12_381_pack_run(const yoke_claim *claim, fp_op op)
{
    op(claim->out, claim->in[0], claim->in[1], claim->count);
    return YOKE_OK;
}

yoke_status bls12_381_pack_fp_add(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const fp_path *path = claim->user;
    return bls12_381_pack_run(claim, path->add);
}

yoke_status bls12_381_pack_fp_sub(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const fp_path *path = claim->user;
    return bls12_381_pack_run(claim, path->sub);
}

yoke_status bls12_381_pack_fp_mul(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const fp_path *path = claim->user;
    return bls12_381_pack_run(claim, path->mul);
}

yoke_status yoke_tasks_register_bls12_381(yoke_runtime *rt)
{
    const struct {
        const char *name;
        yoke_cpu_kernel cpu;
        const yoke_gpu_kernel *gpu;
    } types[] = {
        {"bls12_381_fp_add", bls12_381_pack_fp_add, BLS12_381_PACK_SHADER(bls12_381_fp_add)},
        {"bls12_381_fp_sub", bls12_381_pack_fp_sub, BLS12_381_PACK_SHADER(bls12_381_fp_sub)},
        {"bls12_381_fp_mul", bls12_381_pack_fp_mul, BLS12_381_PACK_SHADER(bls12_381_fp_mul)},
    };
    const fp_path *path = fp_path_best();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const yoke_type *type;
        const yoke_type_desc *desc =
            yoke_type_desc(.name = types[i].name, .flags = YOKE_TYPE_TOTAL,
                           .in_bytes = {FP_BYTES, FP_BYTES}, .out_bytes = FP_BYTES,
                           .cpu = types[i].cpu, .user = (void *)path, /* the kernels only read it */
                           .gpu = types[i].gpu);
        yoke_status status = yoke_register(rt, desc, &type);
        if (status != YOKE_OK) {
            return status;
        }
    }
    return YOKE_OK;
}
