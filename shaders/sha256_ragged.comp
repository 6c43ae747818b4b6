#version 460
#extension GL_GOOGLE_include_directive : require
/*
 * sha256_ragged and, built with SHA256_TIMES=2, sha256d_ragged: the hash of an item of any length.
 * One invocation an item, so a workgroup takes as long as its longest. All blocks, the digest's of
 * the second hash too, pass through one loop and one copy of the rounds.
 */
#include "yoke.glsl"
#include "sha256.glsl"

/* A message: pairs of words, the last of them readable to its end. */
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer message {
    uvec2 pair[];
};

uvec2 swap2(uvec2 x)
{
    return uvec2(sha256_swap(x.x), sha256_swap(x.y));
}

/* Eight bytes as two big-endian words, of which the first `bytes` (0 to 7) are the message's: cuts
 * off the others and appends the one bit that begins the padding. */
uvec2 end_message(uvec2 words, uint bytes)
{
    uint shift = 8u * (bytes & 3u);
    uint keep = ~(0xffffffffu >> shift);
    uint mark = 0x80000000u >> shift;
    return bytes < 4u ? uvec2((words.x & keep) | mark, 0u)
                      : uvec2(words.x, (words.y & keep) | mark);
}

/* A block that lies within the message. */
void load_full(message m, out uint w[16])
{
    [[unroll]] for (int i = 0; i < 8; i++) {
        uvec2 words = swap2(m.pair[i]);
        w[2 * i] = words.x;
        w[2 * i + 1] = words.y;
    }
}

/* A block with padding in it: `left` bytes of the message begin it, 63 at most. `marked`: the one
 * bit was in the block before, and nothing is left. */
void load_padded(message m, uint left, bool marked, uint64_t message_bytes, out uint w[16])
{
    [[unroll]] for (int i = 0; i < 8; i++) {
        uint begin = 8u * uint(i);
        uvec2 words = uvec2(0u);
        if (begin < left) {
            words = swap2(m.pair[i]);
        }
        if (begin + 8u > left) {
            words = begin > left || marked ? uvec2(0u) : end_message(words, left - begin);
        }
        w[2 * i] = words.x;
        w[2 * i + 1] = words.y;
    }
    if (marked || left < 56u) { /* then the length fits in: it is the last block */
        w[14] = uint(message_bytes >> 29);
        w[15] = uint(message_bytes << 3);
    }
}

/* The state after all of the message, and of its digest if it is hashed twice. */
uint[8] hash(yoke_span span)
{
    uint64_t address = span.address;
    uint64_t left = span.bytes;
    bool marked = false;
    bool last = false;
    bool again = SHA256_TIMES == 2;
    uint w[16];
    uint state[8] = sha256_initial;
    [[dont_unroll]] for (;;) {
        if (last) {
            if (!again) {
                return state;
            }
            again = false;
            sha256_digest_block(state, w);
            state = sha256_initial;
        } else if (left >= 64) {
            load_full(message(address), w);
            address += 64;
            left -= 64;
        } else {
            load_padded(message(address), uint(left), marked, span.bytes, w);
            last = marked || left < 56;
            marked = true;
            left = 0;
        }
        sha256_compress(state, w);
    }
}

void main()
{
    uint state[8] = sha256_initial;
    if (yoke_item() < yoke_num_items()) {
        state = hash(yoke_in_span(0));
    }
    sha256_store(state);
}
