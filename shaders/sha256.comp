#version 460
#extension GL_GOOGLE_include_directive : require
/*
 * sha256 and, built with SHA256_TIMES=2, sha256d: the hash of a 64-byte item. With SHA256_TIMES=0,
 * sha256_iter: hashed as many times as the job says. One invocation an item, so a workgroup takes
 * as long as the one with most rounds. The second block of an item is all padding and has its
 * message schedule built in.
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

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer iter_params {
    uint rounds;
};

/* The rounds of the item's job. As on the CPU, none mean one, and there is a limit: tasks.h calls
 * it YOKE_SHA256_ROUNDS_MAX. */
uint iter_rounds()
{
    if (yoke_item() >= yoke_num_items()) {
        return 1u;
    }
    return clamp(iter_params(yoke_params()).rounds, 1u, 1u << 15);
}

/* Replaces a finished state by that of the hash of its digest. */
void rehash(inout uint state[8])
{
    uint w[16];
    sha256_digest_block(state, w);
    state = sha256_initial;
    sha256_compress(state, w);
}

void main()
{
    uint w[16];
    uint state[8] = sha256_initial;
    load_blocks(w);
    sha256_compress(state, w);
    sha256_compress_pad64(state);
#if SHA256_TIMES == 2
    rehash(state);
#elif SHA256_TIMES == 0
    [[dont_unroll]] for (uint left = iter_rounds() - 1u; left > 0u; left--) {
        rehash(state);
    }
#endif
    sha256_store(state);
}
