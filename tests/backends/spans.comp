#version 460
#extension GL_GOOGLE_include_directive : require
#define YOKE_LOCAL_SIZE 32
#include "yoke.glsl"

/* out = the sum of a ragged input's 64-bit numbers. fixture.c has the same on the CPU. */

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer numbers_in {
    uint64_t at[];
};

layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer numbers_out {
    uint64_t at[];
};

void main()
{
    uint i = yoke_item();
    if (i >= yoke_num_items()) {
        return;
    }
    yoke_span span = yoke_in_span(0);
    uint64_t sum = 0;
    for (uint k = 0; k < uint(span.bytes / 8); k++) {
        sum += numbers_in(span.address).at[k];
    }
    numbers_out(yoke_out()).at[i] = sum;
}
