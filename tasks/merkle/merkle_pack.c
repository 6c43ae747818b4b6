/*
 * The merkle pack: the types merkle_sha256 and merkle_sha256d, whose items are whole trees.
 *
 * Owns the types' plan, what a GPU does with a batch, and the registration; the CPU's part is
 * merkle.c, the shader shaders/merkle.comp. Everything is a pure function of a job's params: any
 * thread. Params reach kernels only if merkle_pack_plan took them.
 *
 * A GPU folds the levels of all trees of a batch in a few dispatches. While a level has more nodes
 * than MERKLE_PACK_WIDE, enough to fill a large device, it folds 4 levels at a time: 256, 128, 64,
 * then 32 invocations of a workgroup, so no warp is idle in part. From then on up to 9, for each
 * dispatch less spares a barrier. The leaves, which may lie in the host's memory, are read once.
 */
#include "tasks/merkle/merkle_pack.h"

#include "tasks/merkle/merkle.h"

/* A build without GPUs has no shaders either. */
#ifdef MERKLE_PACK_GPU
#include "shaders/merkle_sha256.spv.h"
#include "shaders/merkle_sha256d.spv.h"
#define MERKLE_PACK_SHADER(name)                                                                   \
    yoke_gpu_kernel(.spirv = name##_spv, .spirv_bytes = sizeof(name##_spv),                        \
                    .local_size = MERKLE_PACK_LOCAL_SIZE)
#else
#define MERKLE_PACK_SHADER(name) NULL
#endif

#define MERKLE_PACK_LOCAL_SIZE 256
#define MERKLE_PACK_WIDE_LEVELS 4
#define MERKLE_PACK_WIDE (UINT64_C(1) << 17)
#define MERKLE_PACK_GROUPS_IN_A_ROW 32768u

#define MERKLE_PACK_ODD (YOKE_MERKLE_ODD_UP | YOKE_MERKLE_ODD_ZERO)

_Static_assert(sizeof(merkle_pack_push) <= YOKE_PUSH_BYTES_MAX, "push constants are few");

/* -- the CPU ----------------------------------------------------------------------------------- */

static uint64_t merkle_pack_out_nodes(const yoke_merkle_params *params)
{
    uint32_t height = merkle_height(params->num_leaves);
    return params->flags & YOKE_MERKLE_LEVELS && height > 0
               ? merkle_nodes_to(params->num_leaves, height)
               : 1;
}

static yoke_status merkle_pack_run(yoke_worker *worker, const yoke_claim *claim, bool twice)
{
    const yoke_merkle_params *params = claim->params;
    const uint8_t *leaves = claim->in[0];
    uint8_t *out = claim->out;
    size_t leaves_bytes = (size_t)params->num_leaves * MERKLE_NODE_BYTES;
    size_t out_bytes = merkle_pack_out_nodes(params) * MERKLE_NODE_BYTES;
    for (uint32_t i = 0; i < claim->count; i++) {
        merkle_build(worker, claim->user, twice, params, leaves + i * leaves_bytes,
                     out + i * out_bytes);
    }
    return YOKE_OK;
}

yoke_status merkle_pack_once(yoke_worker *worker, const yoke_claim *claim)
{
    return merkle_pack_run(worker, claim, false);
}

yoke_status merkle_pack_twice(yoke_worker *worker, const yoke_claim *claim)
{
    return merkle_pack_run(worker, claim, true);
}

/* -- the program ------------------------------------------------------------------------------- */

/* What goes from one dispatch to the next is at least MERKLE_PACK_WIDE_LEVELS higher. */
static uint64_t merkle_pack_scratch_bytes(uint32_t num_leaves, uint32_t level)
{
    return level < merkle_height(num_leaves)
               ? (uint64_t)merkle_width(num_leaves, level) * MERKLE_NODE_BYTES
               : 0;
}

yoke_status merkle_pack_plan(const void *params, yoke_plan *plan)
{
    const yoke_merkle_params *p = params;
    bool is_known = (p->flags & ~(uint32_t)(MERKLE_PACK_ODD | YOKE_MERKLE_LEVELS)) == 0 &&
                    (p->flags & MERKLE_PACK_ODD) != MERKLE_PACK_ODD;
    if (p->num_leaves == 0 || p->num_leaves > YOKE_MERKLE_LEAVES_MAX || !is_known) {
        return YOKE_INVALID;
    }
    plan->in_bytes[0] = (uint64_t)p->num_leaves * MERKLE_NODE_BYTES;
    plan->out_bytes = merkle_pack_out_nodes(p) * MERKLE_NODE_BYTES;
    plan->scratch_bytes[0] = merkle_pack_scratch_bytes(p->num_leaves, MERKLE_PACK_WIDE_LEVELS);
    plan->scratch_bytes[1] = merkle_pack_scratch_bytes(p->num_leaves, 2 * MERKLE_PACK_WIDE_LEVELS);
    plan->cost = merkle_hashes(p);
    return YOKE_OK;
}

/* The workgroups that the chunks of all trees take, in rows. There are fewer chunks than 2^32: each
 * but a tree's last is 64 bytes of leaves or more, and each tree more than 32. */
static void merkle_pack_dispatch(yoke_recorder *recorder, const merkle_pack_push *push,
                                 uint32_t num_trees)
{
    uint32_t chunks_log2 = MERKLE_PACK_CHUNK_LEVELS - push->num_levels; /* a workgroup's */
    uint64_t chunks = (uint64_t)num_trees * merkle_width(push->num_nodes, push->num_levels);
    uint64_t groups = (chunks + (UINT64_C(1) << chunks_log2) - 1) >> chunks_log2;
    uint64_t rows = (groups + MERKLE_PACK_GROUPS_IN_A_ROW - 1) / MERKLE_PACK_GROUPS_IN_A_ROW;
    uint64_t columns = (groups + rows - 1) / rows;
    yoke_buffers reads = push->from == 0 ? YOKE_BUFFER_IN(0) : YOKE_BUFFER_SCRATCH(push->from - 1);
    yoke_buffers writes = push->to == 0 ? YOKE_BUFFER_OUT : YOKE_BUFFER_SCRATCH(push->to - 1);
    if (push->flags & YOKE_MERKLE_LEVELS) {
        writes |= YOKE_BUFFER_OUT;
    }
    yoke_record_dispatch(recorder, 0, (uint32_t)columns, (uint32_t)rows, 1, push, sizeof *push,
                         reads, writes);
}

void merkle_pack_record(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    const yoke_merkle_params *params = batch->params;
    uint32_t height = merkle_height(params->num_leaves);
    if (height == 0) {
        yoke_record_copy(recorder, YOKE_BUFFER_OUT, 0, YOKE_BUFFER_IN(0), 0,
                         (uint64_t)batch->num_items * MERKLE_NODE_BYTES);
        return;
    }
    merkle_pack_push push = {.flags = params->flags,
                             .out_nodes = (uint32_t)merkle_pack_out_nodes(params)};
    for (uint32_t level = 0; level < height; level += push.num_levels) {
        push.num_nodes = merkle_width(params->num_leaves, level);
        bool is_wide = (uint64_t)batch->num_items * push.num_nodes > MERKLE_PACK_WIDE;
        uint32_t at_once = is_wide ? MERKLE_PACK_WIDE_LEVELS : MERKLE_PACK_CHUNK_LEVELS;
        push.level = level;
        push.num_levels = height - level < at_once ? height - level : at_once;
        push.from = push.to;
        push.to = level + push.num_levels == height ? 0 : 1 + (push.from == 1);
        push.out_at = params->flags & YOKE_MERKLE_LEVELS
                          ? (uint32_t)merkle_nodes_to(params->num_leaves, level)
                          : 0;
        merkle_pack_dispatch(recorder, &push, batch->num_items);
    }
}

/* -- registration ------------------------------------------------------------------------------ */

static yoke_status merkle_pack_register(yoke_runtime *rt, const char *name, yoke_cpu_kernel cpu,
                                        const yoke_gpu_kernel *gpu)
{
    const yoke_program *program =
        yoke_program(.plan = merkle_pack_plan, .record = gpu != NULL ? merkle_pack_record : NULL,
                     .kernels = gpu, .num_kernels = gpu != NULL);
    const yoke_type_desc *desc =
        yoke_type_desc(.name = name, .params_bytes = sizeof(yoke_merkle_params), .cpu = cpu,
                       .user = (void *)sha256_path_best(), /* the kernels only read it */
                       .program = program);
    const yoke_type *type;
    return yoke_register(rt, desc, &type);
}

yoke_status yoke_tasks_register_merkle(yoke_runtime *rt)
{
    yoke_status status = merkle_pack_register(rt, "merkle_sha256", merkle_pack_once,
                                              MERKLE_PACK_SHADER(merkle_sha256));
    if (status != YOKE_OK) {
        return status;
    }
    return merkle_pack_register(rt, "merkle_sha256d", merkle_pack_twice,
                                MERKLE_PACK_SHADER(merkle_sha256d));
}
