#version 460
#extension GL_GOOGLE_include_directive : require
/*
 * vector_add on a GPU: one invocation adds one pair of 32-bit numbers. Must give the same bytes as
 * vector_add_cpu in vector_add.c.
 */
#include "yoke.glsl"

/* Inputs and output are arrays of items, found by their address. */
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer numbers_in {
    uint of[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer numbers_out {
    uint of[];
};

void main()
{
    uint item = yoke_item();
    if (item >= yoke_num_items()) {
        return; /* the last workgroup may be larger than what is left */
    }
    numbers_in a = numbers_in(yoke_in(0));
    numbers_in b = numbers_in(yoke_in(1));
    numbers_out(yoke_out()).of[item] = a.of[item] + b.of[item];
}
