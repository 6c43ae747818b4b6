/*
 * Builds a tree from the root down: a node is defined by the two below it, whose leaves are the
 * first and the second half of its own, where there are any. Hashes with nettle. One thread a tree;
 * recursion as deep as the tree is high.
 */
#include "tests/tasks/merkle_reference.h"

#include <string.h>

#include <nettle/sha2.h>

#include <yoke/tasks.h>

typedef struct reference {
    uint8_t *above;
    const uint8_t *leaves;
    uint32_t num_leaves;
    uint32_t flags;
    bool twice;
} reference;

static size_t width(uint32_t num_leaves, uint32_t level)
{
    size_t span = (size_t)1 << level;
    return num_leaves / span + (num_leaves % span != 0);
}

static size_t nodes_below(uint32_t num_leaves, uint32_t level)
{
    size_t nodes = 0;
    for (uint32_t i = 1; i < level; i++) {
        nodes += width(num_leaves, i);
    }
    return nodes;
}

static uint32_t height(uint32_t num_leaves)
{
    uint32_t level = 0;
    while (width(num_leaves, level) > 1) {
        level++;
    }
    return level;
}

static void hash(uint8_t node[32], const uint8_t left[32], const uint8_t right[32], bool twice)
{
    struct sha256_ctx ctx;
    uint8_t digest[32];
    sha256_init(&ctx);
    sha256_update(&ctx, 32, left);
    sha256_update(&ctx, 32, right);
    sha256_digest(&ctx, 32, digest);
    if (twice) {
        sha256_update(&ctx, 32, digest);
        sha256_digest(&ctx, 32, digest);
    }
    memcpy(node, digest, 32);
}

static void zeros(uint8_t node[32], uint32_t level, bool twice)
{
    memset(node, 0, 32);
    for (uint32_t i = 0; i < level; i++) {
        hash(node, node, node, twice);
    }
}

/* Node `index` of a level, kept in its place and handed on; every level below with it. */
static void make(const reference *r, uint32_t level, size_t index, uint8_t node[32])
{
    if (level == 0) {
        memcpy(node, r->leaves + 32 * index, 32);
        return;
    }
    uint8_t left[32], right[32];
    make(r, level - 1, 2 * index, left);
    if (2 * index + 1 < width(r->num_leaves, level - 1)) {
        make(r, level - 1, 2 * index + 1, right);
        hash(node, left, right, r->twice);
    } else if (r->flags & YOKE_MERKLE_ODD_UP) {
        memcpy(node, left, 32);
    } else if (r->flags & YOKE_MERKLE_ODD_ZERO) {
        zeros(right, level - 1, r->twice);
        hash(node, left, right, r->twice);
    } else {
        hash(node, left, left, r->twice);
    }
    memcpy(r->above + 32 * (nodes_below(r->num_leaves, level) + index), node, 32);
}

size_t merkle_reference_nodes(uint32_t num_leaves)
{
    return num_leaves > 1 ? nodes_below(num_leaves, height(num_leaves) + 1) : 1;
}

void merkle_reference_build(uint8_t *above, const uint8_t *leaves, uint32_t num_leaves,
                            uint32_t flags, bool twice)
{
    uint8_t root[32];
    make(&(reference){above, leaves, num_leaves, flags, twice}, height(num_leaves), 0, root);
    if (num_leaves == 1) {
        memcpy(above, root, 32);
    }
}
