#version 460
#extension GL_GOOGLE_include_directive : require
/*
 * sha256 and, built with SHA256_TIMES=2, sha256d: the hash of a 64-byte item. One invocation an
 * item. The second block of an item is all padding and has its message schedule built in.
 *
 * A workgroup reads its items together, through shared memory, so that neighbours read neighbouring
 * addresses. From the host's memory that is two to three times as fast, from the device's own a
 * little slower.
 */
#include "yoke.glsl"
#include "sha256.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer messages {
    uvec4 quarter_of[];
};

/* All invocations of the workgroup call it; those beyond the last item get anything. After it, each
 * touches only its own part of sha256_shared until sha256_store. */
void load_blocks(out uint w[16])
{
    messages m = messages(yoke_in(0));
    uint lane = gl_LocalInvocationIndex;
    uint first = yoke_item() - lane;
    [[unroll]] for (uint i = lane; i < 4 * YOKE_LOCAL_SIZE; i += YOKE_LOCAL_SIZE) {
        if (first + i / 4 < yoke_num_items()) {
            sha256_shared[SHA256_SHARED_STRIDE * (i / 4) + i % 4] = m.quarter_of[4 * first + i];
        }
    }
    barrier();
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uvec4 words = sha256_swap4(sha256_shared[SHA256_SHARED_STRIDE * lane + i]);
        w[4 * i] = words.x;
        w[4 * i + 1] = words.y;
        w[4 * i + 2] = words.z;
        w[4 * i + 3] = words.w;
    }
}

void main()
{
    uint w[16];
    uint state[8] = sha256_initial;
    load_blocks(w);
    sha256_compress(state, w);
    sha256_compress_pad64(state);
#if SHA256_TIMES == 2
    sha256_digest_block(state, w);
    state = sha256_initial;
    sha256_compress(state, w);
#endif
    sha256_store(state);
}
