#version 460
#extension GL_GOOGLE_include_directive : require
/*
 * The least that can be checked: a word in, that word plus one out.
 */
#include "yoke.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer words_in {
    uint of[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer words_out {
    uint of[];
};

void main()
{
    uint item = yoke_item();
    if (item < yoke_num_items()) {
        words_out(yoke_out()).of[item] = words_in(yoke_in(0)).of[item] + 1u;
    }
}
