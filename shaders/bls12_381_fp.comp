#version 460
#extension GL_GOOGLE_include_directive : require
/*
 * bls12_381_fp_add, _sub and _mul: FP_MAP, which the build defines, says which function of this
 * file. One invocation an item.
 *
 * A workgroup reads and writes its items together, through shared memory, so that neighbours touch
 * neighbouring addresses. Elements are 48 bytes: three uvec4, an odd number, so banks do not
 * collide.
 */
#include "yoke.glsl"
#include "bls12_381_fp.glsl"

#define THIRDS 3u

layout(buffer_reference, std430, buffer_reference_align = 16) buffer elements {
    uvec4 third[];
};

shared uvec4 shared_thirds[2][THIRDS * YOKE_LOCAL_SIZE];

/* Where the workgroup's items begin in an array of elements. */
elements of_group(uint64_t address)
{
    uint first = yoke_item() - gl_LocalInvocationIndex;
    return elements(address + uint64_t(first) * (16u * THIRDS));
}

/* How many uvec4 the workgroup's items are. */
uint thirds_of_group()
{
    uint first = yoke_item() - gl_LocalInvocationIndex;
    return THIRDS * min(yoke_num_items() - first, YOKE_LOCAL_SIZE);
}

void load(uint k)
{
    elements group = of_group(yoke_in(k));
    uint end = thirds_of_group();
    [[unroll]] for (uint j = 0; j < THIRDS; j++) {
        uint i = j * YOKE_LOCAL_SIZE + gl_LocalInvocationIndex;
        if (i < end) {
            shared_thirds[k][i] = group.third[i];
        }
    }
}

/* The invocation's element of input k, modulo p. Those beyond the last item get anything. */
fp own(uint k)
{
    uint word[FP_WORDS];
    [[unroll]] for (uint i = 0; i < THIRDS; i++) {
        uvec4 third = shared_thirds[k][THIRDS * gl_LocalInvocationIndex + i];
        word[4 * i] = third.x;
        word[4 * i + 1] = third.y;
        word[4 * i + 2] = third.z;
        word[4 * i + 3] = third.w;
    }
    return fp_reduce(fp_unpack(word));
}

/* Each invocation has read its own part of shared_thirds[0], and nobody else will. */
void store(fp x)
{
    uint word[FP_WORDS];
    fp_pack(x, word);
    [[unroll]] for (uint i = 0; i < THIRDS; i++) {
        shared_thirds[0][THIRDS * gl_LocalInvocationIndex + i] =
            uvec4(word[4 * i], word[4 * i + 1], word[4 * i + 2], word[4 * i + 3]);
    }
    barrier();
    elements group = of_group(yoke_out());
    uint end = thirds_of_group();
    [[unroll]] for (uint j = 0; j < THIRDS; j++) {
        uint i = j * YOKE_LOCAL_SIZE + gl_LocalInvocationIndex;
        if (i < end) {
            group.third[i] = shared_thirds[0][i];
        }
    }
}

fp map_add(fp a, fp b)
{
    return fp_add(a, b);
}

fp map_sub(fp a, fp b)
{
    return fp_sub(a, b, fp_p);
}

/* For R = 2^384: one factor is lifted, the other is not. Below 64 p × p / 2^390 + p < 1.2 p. */
fp map_mul(fp a, fp b)
{
    return fp_mul(fp_lift(a), b);
}

void main()
{
    load(0u);
    load(1u);
    barrier();
    store(fp_reduce_once(FP_MAP(own(0u), own(1u))));
}
