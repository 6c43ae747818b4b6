/*
 * Builds Merkle trees on the CPU.
 *
 * A tree is cut into blocks of MERKLE_BLOCK_LEAVES leaves, about 20 us of hashing with the SHA
 * instructions. A block is folded level by level in memory that stays in the nearest cache; what
 * stands above the blocks is a recursion by halves whose right half is forked. No call passes up a
 * single node but a row of up to MERKLE_ROW_NODES of them, so that the path always has several
 * messages at a time to interleave; only the last few levels below the root have fewer.
 *
 * Only the thread that runs a call touches its frame, but for the rows, which the calls it forked
 * write before they are joined. Where all levels are asked for, each goes straight to its place in
 * the output, and no two calls write the same nodes.
 *
 * No heap: a block takes 16 KiB of stack for as long as it is folded, a step of the recursion 1
 * KiB, and there are at most 17 of these. The hashing itself is 97 to 99 % of the time.
 */
#include "tasks/merkle/merkle.h"

#include <string.h>

#include <yoke/fork.h>

#include "shaders/merkle_zeros.glsl"

#define MERKLE_BLOCK_HEIGHT 9
#define MERKLE_BLOCK_LEAVES (1u << MERKLE_BLOCK_HEIGHT)
#define MERKLE_ROW_HEIGHT 4 /* a row's nodes are so far below the top of their part of the tree */
#define MERKLE_ROW_NODES (1u << MERKLE_ROW_HEIGHT)

/* The tree that is being built. */
typedef struct merkle_tree {
    const sha256_path *path;
    bool twice;
    uint32_t flags;
    uint32_t num_leaves;
    uint32_t height;
    const uint8_t *leaves;
    uint8_t *levels[MERKLE_HEIGHT_MAX + 1]; /* where a level goes; NULL: it is not asked for */
} merkle_tree;

/* -- shape ------------------------------------------------------------------------------------- */

uint64_t merkle_nodes_to(uint32_t num_leaves, uint32_t level)
{
    uint64_t nodes = 0;
    for (uint32_t i = 1; i <= level; i++) {
        nodes += merkle_width(num_leaves, i);
    }
    return nodes;
}

uint64_t merkle_hashes(const yoke_merkle_params *params)
{
    /* A node that goes up as it is leaves one hash for each leaf but the last. */
    return params->flags & YOKE_MERKLE_ODD_UP
               ? params->num_leaves - 1
               : merkle_nodes_to(params->num_leaves, merkle_height(params->num_leaves));
}

/* -- levels ------------------------------------------------------------------------------------ */

#define MERKLE_ZERO_WORDS(height, a, b, c, d, e, f, g, h) {a, b, c, d, e, f, g, h},

void merkle_zero_root(uint8_t root[MERKLE_NODE_BYTES], uint32_t height, bool twice)
{
    static const uint32_t words[2][MERKLE_HEIGHT_MAX][8] = {
        {MERKLE_ZEROS_ONCE(MERKLE_ZERO_WORDS)},
        {MERKLE_ZEROS_TWICE(MERKLE_ZERO_WORDS)},
    };
    for (size_t i = 0; i < 8; i++) {
        sha256_store_be32(root + 4 * i, words[twice][height][i]);
    }
}

/* The parent of a level's last node, which has no neighbour. */
static void merkle_parent_of_last(const merkle_tree *tree, uint32_t level, uint8_t *to,
                                  const uint8_t *last)
{
    if (tree->flags & YOKE_MERKLE_ODD_UP) {
        memcpy(to, last, MERKLE_NODE_BYTES);
        return;
    }
    uint8_t pair[2 * MERKLE_NODE_BYTES];
    memcpy(pair, last, MERKLE_NODE_BYTES);
    if (tree->flags & YOKE_MERKLE_ODD_ZERO) {
        merkle_zero_root(pair + MERKLE_NODE_BYTES, level, tree->twice);
    } else {
        memcpy(pair + MERKLE_NODE_BYTES, last, MERKLE_NODE_BYTES);
    }
    tree->path->hash64(to, pair, 1, tree->twice);
}

/* The parents of `num` nodes of a level; an odd one is the last of its level. Returns how many. */
static uint32_t merkle_parents(const merkle_tree *tree, uint32_t level, uint8_t *to,
                               const uint8_t *from, uint32_t num)
{
    uint32_t pairs = num / 2;
    tree->path->hash64(to, from, pairs, tree->twice);
    if (num % 2 != 0) {
        merkle_parent_of_last(tree, level, to + (size_t)pairs * MERKLE_NODE_BYTES,
                              from + (size_t)pairs * 2 * MERKLE_NODE_BYTES);
    }
    return pairs + num % 2;
}

/* Where the nodes of a level from the index-th on go: to their place in the output, else `row`. */
static uint8_t *merkle_place(const merkle_tree *tree, uint32_t level, uint32_t index, uint8_t *row)
{
    uint8_t *all = tree->levels[level];
    return all != NULL ? all + (size_t)index * MERKLE_NODE_BYTES : row;
}

/* Folds `num` nodes of a level, at most a block's, the first of them its index-th: up to the level
 * `top`, whose nodes go to merkle_place(.., row). Not inlined: the frames of the recursion would
 * grow by this one's. */
static __attribute__((noinline)) void merkle_climb(const merkle_tree *tree, uint32_t level,
                                                   uint32_t top, uint32_t index,
                                                   const uint8_t *from, uint32_t num, uint8_t *row)
{
    uint8_t between[2][MERKLE_BLOCK_LEAVES / 2 * MERKLE_NODE_BYTES];
    while (level < top) {
        index /= 2;
        uint8_t *below_top = level + 1 < top ? between[level % 2] : row;
        uint8_t *to = merkle_place(tree, level + 1, index, below_top);
        num = merkle_parents(tree, level, to, from, num);
        from = to;
        level++;
    }
}

/* -- the recursion ----------------------------------------------------------------------------- */

YOKE_TASK_VOID(merkle_part, const merkle_tree *, uint32_t, uint32_t, uint8_t *)

/* Folds both halves of a part into their rows, which lie one behind the other. */
static void merkle_halves(yoke_worker *worker, const merkle_tree *tree, uint32_t height,
                          uint32_t index, uint8_t *rows)
{
    uint8_t *right = rows + MERKLE_ROW_NODES * MERKLE_NODE_BYTES;
    if (2 * index + 1 >= merkle_width(tree->num_leaves, height)) {
        merkle_part(worker, tree, height, 2 * index, rows);
    } else if (worker == NULL) {
        merkle_part(worker, tree, height, 2 * index, rows);
        merkle_part(worker, tree, height, 2 * index + 1, right);
    } else {
        merkle_part_spawn(worker, tree, height, 2 * index + 1, right);
        merkle_part(worker, tree, height, 2 * index, rows);
        merkle_part_sync(worker);
    }
}

/*
 * Folds the index-th part of a height, 2^height leaves or what the tree has of them, into its row:
 * the nodes that are MERKLE_ROW_HEIGHT below its top. They go to merkle_place(.., row).
 */
static void merkle_part(yoke_worker *worker, const merkle_tree *tree, uint32_t height,
                        uint32_t index, uint8_t *row)
{
    uint32_t level = height - MERKLE_ROW_HEIGHT;
    if (height == MERKLE_BLOCK_HEIGHT) {
        uint32_t first = index << height, left = tree->num_leaves - first;
        merkle_climb(tree, 0, level, first, tree->leaves + (size_t)first * MERKLE_NODE_BYTES,
                     left < MERKLE_BLOCK_LEAVES ? left : MERKLE_BLOCK_LEAVES, row);
        return;
    }
    uint8_t rows[2 * MERKLE_ROW_NODES * MERKLE_NODE_BYTES];
    merkle_halves(worker, tree, height - 1, index, rows);
    uint32_t first = index << (MERKLE_ROW_HEIGHT + 1);
    uint32_t left = merkle_width(tree->num_leaves, level - 1) - first;
    merkle_parents(tree, level - 1, merkle_place(tree, level, first / 2, row),
                   merkle_place(tree, level - 1, first, rows),
                   left < 2 * MERKLE_ROW_NODES ? left : 2 * MERKLE_ROW_NODES);
}

static void merkle_place_levels(merkle_tree *tree, uint8_t *out)
{
    for (uint32_t level = 1; level <= tree->height; level++) {
        tree->levels[level] = out;
        out += (size_t)merkle_width(tree->num_leaves, level) * MERKLE_NODE_BYTES;
    }
}

void merkle_build(yoke_worker *worker, const sha256_path *path, bool twice,
                  const yoke_merkle_params *params, const uint8_t *leaves, uint8_t *out)
{
    merkle_tree tree = {.path = path,
                        .twice = twice,
                        .flags = params->flags,
                        .num_leaves = params->num_leaves,
                        .height = merkle_height(params->num_leaves),
                        .leaves = leaves};
    if (tree.height == 0) {
        memcpy(out, leaves, MERKLE_NODE_BYTES);
        return;
    }
    if (params->flags & YOKE_MERKLE_LEVELS) {
        merkle_place_levels(&tree, out);
    }
    if (tree.height <= MERKLE_BLOCK_HEIGHT) {
        merkle_climb(&tree, 0, tree.height, 0, leaves, tree.num_leaves, out);
        return;
    }
    uint8_t row[MERKLE_ROW_NODES * MERKLE_NODE_BYTES];
    uint32_t level = tree.height - MERKLE_ROW_HEIGHT;
    merkle_part(worker, &tree, tree.height, 0, row);
    merkle_climb(&tree, level, tree.height, 0, merkle_place(&tree, level, 0, row),
                 merkle_width(tree.num_leaves, level), out);
}
