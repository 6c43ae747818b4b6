#version 460
#extension GL_GOOGLE_include_directive : require
/*
 * Copies items of 64 bytes. A workgroup copies its items together, so that neighbours read and
 * write neighbouring addresses.
 */
#include "yoke.glsl"
#extension GL_EXT_control_flow_attributes : require

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer quarters_in {
    uvec4 of[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer quarters_out {
    uvec4 of[];
};

void main()
{
    uint lane = gl_LocalInvocationIndex;
    uint first = yoke_item() - lane;
    [[unroll]] for (uint i = lane; i < 4 * YOKE_LOCAL_SIZE; i += YOKE_LOCAL_SIZE) {
        if (first + i / 4 < yoke_num_items()) {
            quarters_out(yoke_out()).of[4 * first + i] = quarters_in(yoke_in(0)).of[4 * first + i];
        }
    }
}
