/*
 * Merkle trees over 32-byte nodes: their shape, and building one on the CPU.
 *
 * Level 0 is the leaves, and each level above has half as many nodes, rounded up, until one is
 * left: the root. A node is the SHA-256 (or the double SHA-256) of its two children, 64 bytes in a
 * row; <yoke/tasks.h> says what becomes of a last node without a neighbour.
 *
 * All of it is pure: any thread, at any time. Nothing is allocated.
 */
#ifndef YOKE_TASKS_MERKLE_MERKLE_H
#define YOKE_TASKS_MERKLE_MERKLE_H

#include <yoke/tasks.h>

#include "tasks/sha256/sha256.h"

#define MERKLE_NODE_BYTES 32
#define MERKLE_HEIGHT_MAX 26 /* of the largest tree */

/* The nodes of a level of a tree. */
static inline uint32_t merkle_width(uint32_t num_leaves, uint32_t level)
{
    return (uint32_t)((num_leaves + (UINT64_C(1) << level) - 1) >> level);
}

/* The level of the root: 0 for a tree of one leaf. */
static inline uint32_t merkle_height(uint32_t num_leaves)
{
    return num_leaves > 1 ? 32 - (uint32_t)__builtin_clz(num_leaves - 1) : 0;
}

/* The nodes of the levels from 1 to `level`, together. */
uint64_t merkle_nodes_to(uint32_t num_leaves, uint32_t level);

/* How many times a tree hashes two nodes into one. */
uint64_t merkle_hashes(const yoke_merkle_params *params);

/*
 * Builds one tree. `out` gets what the params ask for: all levels from the first, or the root.
 * Large trees fork; `worker` may be NULL, and then the whole tree is built right here.
 * The output must not overlap the leaves.
 */
void merkle_build(yoke_worker *worker, const sha256_path *path, bool twice,
                  const yoke_merkle_params *params, const uint8_t *leaves, uint8_t *out);

/* A tree of that height whose leaves are all zero bytes: its root. Height below
 * MERKLE_HEIGHT_MAX. */
void merkle_zero_root(uint8_t root[MERKLE_NODE_BYTES], uint32_t height, bool twice);

#endif
