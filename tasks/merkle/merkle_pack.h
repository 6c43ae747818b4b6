/*
 * The merkle pack's insides, for its registration and its tests. The claim's `user` is the
 * sha256_path to run.
 */
#ifndef YOKE_TASKS_MERKLE_MERKLE_PACK_H
#define YOKE_TASKS_MERKLE_MERKLE_PACK_H

#include <yoke/program.h>

/* The CPU kernels: nodes hashed once, and twice. */
yoke_status merkle_pack_once(yoke_worker *worker, const yoke_claim *claim);
yoke_status merkle_pack_twice(yoke_worker *worker, const yoke_claim *claim);

/* What both types' programs are made of. */
yoke_status merkle_pack_plan(const void *params, yoke_plan *plan);
void merkle_pack_record(yoke_recorder *recorder, const yoke_batch_shape *batch);

/* A workgroup of the shader has 2^MERKLE_PACK_CHUNK_LEVELS nodes, of one chunk or of several. */
#define MERKLE_PACK_CHUNK_LEVELS 9

/* Its YOKE_PUSH: num_levels of every tree, from the one of that number on, which has num_nodes. */
typedef struct merkle_pack_push {
    uint32_t num_nodes;
    uint32_t level;
    uint32_t num_levels;
    uint32_t flags;
    uint32_t from; /* 0: the leaves; k: scratch buffer k - 1 */
    uint32_t to;   /* k: scratch buffer k - 1; 0: the root's dispatch */
    uint32_t out_nodes;
    uint32_t out_at;
} merkle_pack_push;

#endif
