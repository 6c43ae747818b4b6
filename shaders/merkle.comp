#version 460
#extension GL_GOOGLE_include_directive : require
/*
 * merkle_sha256 and, built with SHA256_TIMES=2, merkle_sha256d: folds some levels of all trees of a
 * batch. The program (tasks/merkle/merkle_pack.c) runs it until the roots are reached.
 *
 * Each tree's nodes are cut into chunks of 2^num_levels, each of which becomes one node; a tree's
 * last chunk may be shorter. A workgroup takes as many chunks as make MERKLE_NODES nodes, of one
 * tree or of several. It reads them together, neighbours from neighbouring addresses, and folds
 * them in shared memory, where the nodes of a level lie side by side, chunk after chunk. Each level
 * takes half of the invocations that the one before took, the first ones: a node each.
 *
 * With YOKE_MERKLE_LEVELS every level goes to the output, else the root alone. What the next
 * dispatch reads goes to scratch, a row of all trees' nodes without gaps.
 */
#define YOKE_LOCAL_SIZE 256
#define YOKE_PUSH                                                                                  \
    uint num_nodes;  /* of a tree, in the level that is read */                                    \
    uint level;      /* its height above the leaves */                                             \
    uint num_levels; /* to be folded */                                                            \
    uint flags;      /* YOKE_MERKLE_* */                                                           \
    uint from;       /* 0: the leaves; k: scratch buffer k - 1 */                                  \
    uint to;         /* k: scratch buffer k - 1; 0: none, the last level is the root's */          \
    uint out_nodes;  /* of a tree's output */                                                      \
    uint out_at;     /* which of them the first node to be written is */
#include "yoke.glsl"
#include "sha256.glsl"
#include "merkle_zeros.glsl"

#define MERKLE_CHUNK_LEVELS 9 /* at most */
#define MERKLE_NODES (1u << MERKLE_CHUNK_LEVELS)

#define MERKLE_ODD_UP 1u /* as in yoke/tasks.h */
#define MERKLE_ODD_ZERO 2u
#define MERKLE_LEVELS 4u

#if SHA256_TIMES == 2
#define MERKLE_ZEROS MERKLE_ZEROS_TWICE
#else
#define MERKLE_ZEROS MERKLE_ZEROS_ONCE
#endif

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer merkle_source {
    uvec4 half_node;
};
layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer merkle_sink {
    uvec4 half_node;
};

shared uvec4 merkle_half[2 * MERKLE_NODES]; /* two a node */

/* A chunk of this workgroup's: whose it is, and which of that tree's. */
struct merkle_chunk {
    uint tree;
    uint index;
};

/* The chunks that a tree is cut into; the nodes that it then has. */
uint chunks_per_tree()
{
    return (yoke.num_nodes + (1u << yoke.num_levels) - 1u) >> yoke.num_levels;
}

uint first_chunk()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    return group << (MERKLE_CHUNK_LEVELS - yoke.num_levels);
}

merkle_chunk find_chunk(uint c)
{
    uint chunk = first_chunk() + c;
    if (yoke_num_items() == 1u) { /* spares a division */
        return merkle_chunk(0u, chunk);
    }
    return merkle_chunk(chunk / chunks_per_tree(), chunk % chunks_per_tree());
}

/* The nodes that a level has in a chunk; `level` counts from the one that is read. None where the
 * last workgroup's chunks are more than there are. */
uint nodes_in_chunk(merkle_chunk chunk, uint level)
{
    uint before = chunk.index << yoke.num_levels;
    if (chunk.tree >= yoke_num_items() || before >= yoke.num_nodes) {
        return 0u;
    }
    uint nodes = min(yoke.num_nodes - before, 1u << yoke.num_levels);
    return (nodes + (1u << level) - 1u) >> level;
}

uint64_t node_address(uint64_t nodes, uint tree, uint nodes_per_tree, uint index)
{
    return nodes + 32ul * (uint64_t(tree) * nodes_per_tree + index);
}

void load_chunks()
{
    uint64_t from = yoke.from == 0u ? yoke_in(0) : yoke_scratch(yoke.from - 1u);
    [[unroll]] for (uint k = 0u; k < 2u * MERKLE_NODES / YOKE_LOCAL_SIZE; k++) {
        uint i = k * YOKE_LOCAL_SIZE + gl_LocalInvocationIndex;
        merkle_chunk chunk = find_chunk(i / 2u >> yoke.num_levels);
        uint node = i / 2u & ((1u << yoke.num_levels) - 1u);
        if (node < nodes_in_chunk(chunk, 0u)) {
            uint index = (chunk.index << yoke.num_levels) + node;
            uint64_t address = node_address(from, chunk.tree, yoke.num_nodes, index);
            merkle_half[i] = merkle_source(address + 16u * (i & 1u)).half_node;
        }
    }
    barrier();
}

#define MERKLE_ZERO_CASE(height, a, b, c, d, e, f, g, h)                                           \
    case height:                                                                                   \
        w[8] = a, w[9] = b, w[10] = c, w[11] = d, w[12] = e, w[13] = f, w[14] = g, w[15] = h;      \
        break;

/* A switch, because drivers may keep a table that is indexed in each invocation's own memory. */
void pair_with_zeros(uint height, inout uint w[16])
{
    switch (height) {
        MERKLE_ZEROS(MERKLE_ZERO_CASE)
    }
}

/* The two nodes that are hashed into one. The last node of a level may be alone. */
void load_pair(uint own, uint level, bool is_alone, out uint w[16])
{
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        uvec4 words = sha256_swap4(merkle_half[own + (is_alone ? i & 1u : i)]);
        w[4u * i] = words.x;
        w[4u * i + 1u] = words.y;
        w[4u * i + 2u] = words.z;
        w[4u * i + 3u] = words.w;
    }
    if (is_alone && (yoke.flags & MERKLE_ODD_ZERO) != 0u) {
        pair_with_zeros(yoke.level + level, w);
    }
}

uint[8] hash_pair(uint own, uint level, bool is_alone)
{
    uint w[16];
    uint state[8] = sha256_initial;
    load_pair(own, level, is_alone, w);
    sha256_compress(state, w);
    sha256_compress_pad64(state);
#if SHA256_TIMES == 2
    sha256_digest_block(state, w);
    state = sha256_initial;
    sha256_compress(state, w);
#endif
    return state;
}

/* Replaces the nodes of a level by those of the next. */
void fold_level(uint level)
{
    uint lane = gl_LocalInvocationIndex;
    uint lanes_log2 = yoke.num_levels - 1u - level; /* a chunk's */
    merkle_chunk chunk = find_chunk(lane >> lanes_log2);
    uint node = 2u * (lane & ((1u << lanes_log2) - 1u));
    uint nodes = lane < YOKE_LOCAL_SIZE >> level ? nodes_in_chunk(chunk, level) : 0u;
    bool is_alone = node + 1u == nodes;
    uint own = 4u * lane;
    uvec4 first, second;
    if (node < nodes) {
        if (is_alone && (yoke.flags & MERKLE_ODD_UP) != 0u) {
            first = merkle_half[own];
            second = merkle_half[own + 1u];
        } else {
            uint state[8] = hash_pair(own, level, is_alone);
            first = sha256_swap4(uvec4(state[0], state[1], state[2], state[3]));
            second = sha256_swap4(uvec4(state[4], state[5], state[6], state[7]));
        }
    }
    barrier();
    if (node < nodes) {
        merkle_half[2u * lane] = first;
        merkle_half[2u * lane + 1u] = second;
    }
    barrier();
}

/* Writes the nodes that a level has been folded to: they are `at` in their tree's row of
 * `nodes_per_tree` nodes. */
void store_level(uint64_t to, uint level, uint nodes_per_tree, uint at)
{
    uint nodes_log2 = yoke.num_levels - level; /* a chunk's, when it is whole */
    for (uint i = gl_LocalInvocationIndex; i < 2u * MERKLE_NODES >> level; i += YOKE_LOCAL_SIZE) {
        merkle_chunk chunk = find_chunk(i / 2u >> nodes_log2);
        uint node = i / 2u & ((1u << nodes_log2) - 1u);
        if (node < nodes_in_chunk(chunk, level)) {
            uint index = at + (chunk.index << nodes_log2) + node;
            uint64_t address = node_address(to, chunk.tree, nodes_per_tree, index);
            merkle_sink(address + 16u * (i & 1u)).half_node = merkle_half[i];
        }
    }
}

void main()
{
    uint at = yoke.out_at;
    load_chunks();
    [[dont_unroll]] for (uint level = 1u; level <= yoke.num_levels; level++) {
        fold_level(level - 1u);
        bool is_root = level == yoke.num_levels && yoke.to == 0u;
        if (is_root || (yoke.flags & MERKLE_LEVELS) != 0u) {
            store_level(yoke_out(), level, yoke.out_nodes, at);
            at += (yoke.num_nodes + (1u << level) - 1u) >> level;
        }
    }
    if (yoke.to != 0u) {
        store_level(yoke_scratch(yoke.to - 1u), yoke.num_levels, chunks_per_tree(), 0u);
    }
}
