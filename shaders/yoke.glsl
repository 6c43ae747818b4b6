/*
 * What every yoke kernel is written against: the block of parameters of a batch.
 *
 * A map kernel is a function of one item:
 *
 *     #version 460
 *     #extension GL_GOOGLE_include_directive : require
 *     #include "yoke.glsl"
 *     void main()
 *     {
 *         if (yoke_item() >= yoke_num_items()) {
 *             return;
 *         }
 *         ... yoke_in(0), yoke_in_span(1), yoke_out(), yoke_params() ...
 *     }
 *
 * Inputs and outputs are plain addresses (buffer device addresses, no descriptor sets): declare a
 * buffer_reference type for the item and index it. An array of items begins at a multiple of 16.
 * The dispatch is rounded up to whole workgroups, so the check above is required. A kernel writes
 * only its own item's output.
 *
 * A kernel of a program (yoke/program.h) runs as many workgroups as were recorded, and may have push
 * constants of its own: define YOKE_PUSH before the include, as the members of a block,
 *
 *     #define YOKE_PUSH uint num_nodes; uint level;
 *
 * and read them as yoke.num_nodes. They begin 8 bytes in, and at most 56 bytes are taken.
 *
 * A workgroup has YOKE_LOCAL_SIZE invocations: 64, or what the kernel defines before it includes
 * this. The size is declared here, because yoke_item needs it and may not stand before it.
 *
 * backends/backend.h has the same block in C (backend_block, backend_span).
 */
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

#ifndef YOKE_LOCAL_SIZE
#define YOKE_LOCAL_SIZE 64
#endif
layout(local_size_x = YOKE_LOCAL_SIZE) in;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer yoke_block {
    uint64_t in_address[4];
    uint64_t out_address;
    uint64_t params_address;
    uint64_t resident_address[4];
    uint num_items;
    uint params_stride;
    uint64_t scratch_address[4];
};

struct yoke_span {
    uint64_t address;
    uint64_t bytes;
};

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer yoke_spans {
    yoke_span of[];
};

layout(push_constant) uniform yoke_push {
    yoke_block block;
#ifdef YOKE_PUSH
    YOKE_PUSH
#endif
} yoke;

/* The invocation's item. Workgroups fill a plane: more than 65535 of them do not fit in a row. */
uint yoke_item()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    return group * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
}

uint yoke_num_items()
{
    return yoke.block.num_items;
}

/* Where input k begins: num_items items of the type's in_bytes[k] each. */
uint64_t yoke_in(uint k)
{
    return yoke.block.in_address[k];
}

/* The item's part of ragged input k. */
yoke_span yoke_in_span(uint k)
{
    return yoke_spans(yoke.block.in_address[k]).of[yoke_item()];
}

/* Where the output begins: num_items items of out_bytes each. */
uint64_t yoke_out()
{
    return yoke.block.out_address;
}

/* The params of the item's job. */
uint64_t yoke_params()
{
    return yoke.block.params_address + uint64_t(yoke_item()) * yoke.block.params_stride;
}

uint64_t yoke_resident(uint k)
{
    return yoke.block.resident_address[k];
}

/* Where scratch buffer k of a program begins: num_items times the plan's scratch_bytes[k]. */
uint64_t yoke_scratch(uint k)
{
    return yoke.block.scratch_address[k];
}
