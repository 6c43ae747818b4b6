/*
 * A task type: its two kernels and its registration.
 *
 * The CPU kernel is a function over a range of items; the GPU kernel is vector_add.comp, compiled
 * to SPIR-V while this program is built and embedded as an array. Both must give the same bytes:
 * yoke runs whichever is the better bargain, and may run either again. Any worker may call the CPU
 * kernel, several at once for parts of one job; it keeps nothing. The runtime copies what
 * vector_add_register hands it.
 */
#include "vector_add.h"

#include "vector_add.spv.h" /* vector_add_spv: made from vector_add.comp */

yoke_status vector_add_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const uint32_t *a = claim->in[0]; /* these point at the claim's first item already */
    const uint32_t *b = claim->in[1];
    uint32_t *out = claim->out;
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = a[i] + b[i];
    }
    return YOKE_OK;
}

yoke_status vector_add_register(yoke_runtime *rt, const yoke_type **type)
{
    const yoke_gpu_kernel *gpu =
        yoke_gpu_kernel(.spirv = vector_add_spv, .spirv_bytes = sizeof(vector_add_spv),
                        .local_size = 64);
    return yoke_register(rt,
                         yoke_type_desc(.name = "vector_add", .flags = YOKE_TYPE_TOTAL,
                                        .in_bytes = {4, 4}, .out_bytes = 4, .cpu = vector_add_cpu,
                                        .gpu = gpu),
                         type);
}
