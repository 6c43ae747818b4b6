#version 460
#extension GL_GOOGLE_include_directive : require
#define YOKE_PUSH                                                                                  \
    uint from;  /* 0: the input; k: scratch buffer k - 1 */                                        \
    uint to;    /* 0: the output; k: scratch buffer k - 1 */                                       \
    uint count; /* numbers in either */                                                            \
    uint words[11];
#include "yoke.glsl"

/* One step of a chain: to[i] = 3 * from[another] + what the push constants add up to. Workgroups
 * fill a box. operations.c has the same on the CPU. */

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer numbers_in {
    uint at[];
};

layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer numbers_out {
    uint at[];
};

void main()
{
    uint plane = gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y;
    uint group = plane * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint i = group * YOKE_LOCAL_SIZE + gl_LocalInvocationIndex;
    if (i >= yoke.count) {
        return;
    }
    uint64_t from = yoke.from == 0u ? yoke_in(0) : yoke_scratch(yoke.from - 1u);
    uint64_t to = yoke.to == 0u ? yoke_out() : yoke_scratch(yoke.to - 1u);
    uint sum = 0u;
    for (uint k = 0u; k < 11u; k++) {
        sum += (k + 1u) * yoke.words[k];
    }
    uint other = uint((uint64_t(i) * 7919u + 5u) % yoke.count);
    numbers_out(to).at[i] = 3u * numbers_in(from).at[other] + sum;
}
