#version 460
#extension GL_GOOGLE_include_directive : require
#define YOKE_PUSH                                                                                  \
    uint rows;   /* of an item */                                                                  \
    uint blocks; /* of 64 rows or less */
#include "yoke.glsl"

/*
 * The shaders of the programs in program_test.c, which has the same on the CPU. SUMS_STEP says
 * which: prefix sums of each item's rows take the first three, one after the other.
 *
 *   0  the sums within each block to scratch 0, what a block has in all to scratch 1
 *   1  what the blocks before a block have in all, in place in scratch 1
 *   2  both together, and what the params say, to the output
 *   3  the sum of squares of each block to the output, for the CPU to finish
 */

layout(buffer_reference, std430, buffer_reference_align = 4) buffer numbers {
    uint at[];
};

shared uint lanes[YOKE_LOCAL_SIZE];

/* Each lane has the sum of all lanes up to it; the workgroup calls it as a whole. */
uint sum_up(uint value)
{
    uint lane = gl_LocalInvocationIndex;
    lanes[lane] = value;
    barrier();
    for (uint d = 1u; d < YOKE_LOCAL_SIZE; d *= 2u) {
        uint before = lane >= d ? lanes[lane - d] : 0u;
        barrier();
        lanes[lane] += before;
        barrier();
    }
    return lanes[lane];
}

void main()
{
#if SUMS_STEP == 1
    uint item = gl_WorkGroupID.x, lane = gl_LocalInvocationIndex, sum = 0u;
    uint a_lane = (yoke.blocks + YOKE_LOCAL_SIZE - 1u) / YOKE_LOCAL_SIZE;
    uint first = min(lane * a_lane, yoke.blocks), end = min(first + a_lane, yoke.blocks);
    for (uint b = first; b < end; b++) {
        sum += numbers(yoke_scratch(1)).at[item * yoke.blocks + b];
    }
    sum = sum_up(sum) - sum;
    for (uint b = first; b < end; b++) {
        uint block = numbers(yoke_scratch(1)).at[item * yoke.blocks + b];
        numbers(yoke_scratch(1)).at[item * yoke.blocks + b] = sum;
        sum += block;
    }
#else
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint item = group / yoke.blocks, block = group % yoke.blocks, lane = gl_LocalInvocationIndex;
    uint row = block * YOKE_LOCAL_SIZE + lane;
    if (item >= yoke_num_items()) {
        return;
    }
    bool is_there = row < yoke.rows;
    uint at = item * yoke.rows + row;
#if SUMS_STEP == 0
    uint sum = sum_up(is_there ? numbers(yoke_in(0)).at[at] : 0u);
    if (is_there) {
        numbers(yoke_scratch(0)).at[at] = sum;
    }
    if (lane == YOKE_LOCAL_SIZE - 1u) {
        numbers(yoke_scratch(1)).at[group] = sum;
    }
#elif SUMS_STEP == 2
    if (is_there) {
        uint start = numbers(yoke_params()).at[1] + numbers(yoke_scratch(1)).at[group];
        numbers(yoke_out()).at[at] = start + numbers(yoke_scratch(0)).at[at];
    }
#else
    uint value = is_there ? numbers(yoke_in(0)).at[at] : 0u;
    uint sum = sum_up(value * value);
    if (lane == YOKE_LOCAL_SIZE - 1u) {
        numbers(yoke_out()).at[group] = sum;
    }
#endif
#endif
}
