#version 460
#extension GL_GOOGLE_include_directive : require
#include "yoke.glsl"

/* out = table[in], where the table is a resident; resident_test.c has the same on the CPU. */

layout(buffer_reference, std430, buffer_reference_align = 4) buffer numbers {
    uint at[];
};

void main()
{
    uint i = yoke_item();
    if (i >= yoke_num_items()) {
        return;
    }
    numbers(yoke_out()).at[i] = numbers(yoke_resident(0)).at[numbers(yoke_in(0)).at[i]];
}
