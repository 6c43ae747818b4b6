#version 460
#extension GL_GOOGLE_include_directive : require
#include "yoke.glsl"

/* out = (a + b + params.add), put through params.rounds steps of a generator: rounds make it slow.
 * fixture.c has the same on the CPU. */

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer numbers_in {
    uint at[];
};

layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer numbers_out {
    uint at[];
};

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer vector_params {
    uint add;
    uint rounds;
};

void main()
{
    uint i = yoke_item();
    if (i >= yoke_num_items()) {
        return;
    }
    vector_params params = vector_params(yoke_params());
    uint value = numbers_in(yoke_in(0)).at[i] + numbers_in(yoke_in(1)).at[i] + params.add;
    for (uint r = 0; r < params.rounds; r++) {
        value = value * 1664525u + 1013904223u;
    }
    numbers_out(yoke_out()).at[i] = value;
}
