#version 460
#extension GL_GOOGLE_include_directive : require
/*
 * What the field's kernels leave out of shaders/bls12_381_fp.glsl, and operands as large as they may
 * be. Of any 48 bytes a and b, and with c for a without its highest bit: c² + (ab - b / 2^6) / 2^6
 * in Montgomery form, for R = 2^384. Only for the parity test.
 */
#include "yoke.glsl"
#include "bls12_381_fp.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) buffer elements {
    uint word[];
};

fp load(uint k)
{
    uint word[FP_WORDS];
    elements e = elements(yoke_in(k));
    [[unroll]] for (uint i = 0; i < FP_WORDS; i++) {
        word[i] = e.word[FP_WORDS * yoke_item() + i];
    }
    return fp_unpack(word);
}

void main()
{
    if (yoke_item() >= yoke_num_items()) {
        return;
    }
    fp a = load(0u);
    fp b = load(1u);
    fp c = a;
    c.limb[12] &= 0x7fffffu;
    fp square = fp_square(fp_lift(c));             /* 2^6 c², of 2^389: below 2^388 + p */
    fp product = fp_mul(fp_lift(a), b);            /* below 2^384 + p */
    fp rest = fp_sub(product, fp_lower(b), fp_2p); /* below 2^384 + 3p */
    fp sum = fp_lower(fp_add(square, rest));       /* below 2p */
    uint word[FP_WORDS];
    fp_pack(fp_reduce_once(sum), word);
    elements e = elements(yoke_out());
    [[unroll]] for (uint i = 0; i < FP_WORDS; i++) {
        e.word[FP_WORDS * yoke_item() + i] = word[i];
    }
}
