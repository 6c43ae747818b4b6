/*
 * SHA-256 (FIPS 180-4) for kernels with one message an invocation. Rounds are written out, and
 * state and message schedule are arrays indexed by constants alone, so that they live in registers
 * and the round constants in the code: some 20 KB of machine code for a compression. Loops over
 * sixteen rounds make less code, but no faster on an H200 (6.9 G messages of 64 bytes a second
 * instead of 7.3), and ten times as slow on llvmpipe. Include yoke.glsl first.
 */

#extension GL_EXT_control_flow_attributes : require

/* The state before the first block, and the round constants (FIPS 180-4, 5.3.3 and 4.2.2). */
const uint sha256_initial[8] = uint[8](
    0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
    0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u);

const uint sha256_k[64] = uint[64](
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u,
    0xab1c5ed5u, 0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu,
    0x9bdc06a7u, 0xc19bf174u, 0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu,
    0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau, 0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u,
    0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u, 0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu,
    0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u, 0xa2bfe8a1u, 0xa81a664bu,
    0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u, 0x19a4c116u,
    0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u,
    0xc67178f2u);

/* W[t] + K[t] of the block of padding that follows every 64-byte message. */
const uint sha256_pad64_wk[64] = uint[64](
    0xc28a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u,
    0xab1c5ed5u, 0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu,
    0x9bdc06a7u, 0xc19bf374u, 0x649b69c1u, 0xf0fe4786u, 0x0fe1edc6u, 0x240cf254u, 0x4fe9346fu,
    0x6cc984beu, 0x61b9411eu, 0x16f988fau, 0xf2c65152u, 0xa88e5a6du, 0xb019fc65u, 0xb9d99ec7u,
    0x9a1231c3u, 0xe70eeaa0u, 0xfdb1232bu, 0xc7353eb0u, 0x3069bad5u, 0xcb976d5fu, 0x5a0f118fu,
    0xdc1eeefdu, 0x0a35b689u, 0xde0b7a04u, 0x58f4ca9du, 0xe15d5b16u, 0x007f3e86u, 0x37088980u,
    0xa507ea32u, 0x6fab9537u, 0x17406110u, 0x0d8cd6f1u, 0xcdaa3b6du, 0xc0bbbe37u, 0x83613bdau,
    0xdb48a363u, 0x0b02e931u, 0x6fd15ca7u, 0x521afacau, 0x31338431u, 0x6ed41a95u, 0x6d437890u,
    0xc39c91f2u, 0x9eccabbdu, 0xb5c9a0e6u, 0x532fb63cu, 0xd2c741c6u, 0x07237ea3u, 0xa4954b68u,
    0x4c191d76u);

uint sha256_rotr(uint x, int bits)
{
    return x >> bits | x << (32 - bits);
}

/* Between the bytes of memory, low byte first, and big-endian words. */
uint sha256_swap(uint x)
{
    x = (x & 0x00ff00ffu) << 8 | (x >> 8 & 0x00ff00ffu);
    return x << 16 | x >> 16;
}

uvec4 sha256_swap4(uvec4 x)
{
    return uvec4(sha256_swap(x.x), sha256_swap(x.y), sha256_swap(x.z), sha256_swap(x.w));
}

uint sha256_sum0(uint x)
{
    return sha256_rotr(x, 2) ^ sha256_rotr(x, 13) ^ sha256_rotr(x, 22);
}

uint sha256_sum1(uint x)
{
    return sha256_rotr(x, 6) ^ sha256_rotr(x, 11) ^ sha256_rotr(x, 25);
}

uint sha256_sigma0(uint x)
{
    return sha256_rotr(x, 7) ^ sha256_rotr(x, 18) ^ x >> 3;
}

uint sha256_sigma1(uint x)
{
    return sha256_rotr(x, 17) ^ sha256_rotr(x, 19) ^ x >> 10;
}

/* Round i of sixteen on the variables s[0..7]: instead of moving them, each round takes them from
 * one place further down. `wk` is the round's word plus its constant. */
#define SHA256_ROUND(i, wk)                                                                        \
    s[(7 - i) & 7] += sha256_sum1(s[(4 - i) & 7]) + (wk) +                                         \
                      (s[(6 - i) & 7] ^ (s[(4 - i) & 7] & (s[(5 - i) & 7] ^ s[(6 - i) & 7])));     \
    s[(3 - i) & 7] += s[(7 - i) & 7];                                                              \
    s[(7 - i) & 7] += sha256_sum0(s[(0 - i) & 7]) +                                                \
                      ((s[(0 - i) & 7] & s[(1 - i) & 7]) |                                         \
                       (s[(2 - i) & 7] & (s[(0 - i) & 7] | s[(1 - i) & 7])));

/* The word that comes sixteen after w[i] takes its place. */
#define SHA256_EXPAND(i)                                                                           \
    w[i] += sha256_sigma1(w[(i + 14) & 15]) + w[(i + 9) & 15] + sha256_sigma0(w[(i + 1) & 15]);

#define SHA256_SIXTEEN(STEP, t)                                                                    \
    STEP(t, 0) STEP(t, 1) STEP(t, 2) STEP(t, 3) STEP(t, 4) STEP(t, 5) STEP(t, 6) STEP(t, 7)        \
    STEP(t, 8) STEP(t, 9) STEP(t, 10) STEP(t, 11) STEP(t, 12) STEP(t, 13) STEP(t, 14) STEP(t, 15)

#define SHA256_FIRST(t, i) SHA256_ROUND(i, w[i] + sha256_k[t + i])
#define SHA256_NEXT(t, i) SHA256_EXPAND(i) SHA256_ROUND(i, w[i] + sha256_k[t + i])
#define SHA256_PAD64(t, i) SHA256_ROUND(i, sha256_pad64_wk[t + i])

void sha256_add(inout uint state[8], uint s[8])
{
    [[unroll]] for (int i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

/* Feeds a block of sixteen words to the state. */
void sha256_compress(inout uint state[8], uint w[16])
{
    uint s[8] = state;
    SHA256_SIXTEEN(SHA256_FIRST, 0)
    SHA256_SIXTEEN(SHA256_NEXT, 16)
    SHA256_SIXTEEN(SHA256_NEXT, 32)
    SHA256_SIXTEEN(SHA256_NEXT, 48)
    sha256_add(state, s);
}

/* Feeds the padding of a 64-byte message. */
void sha256_compress_pad64(inout uint state[8])
{
    uint s[8] = state;
    SHA256_SIXTEEN(SHA256_PAD64, 0)
    SHA256_SIXTEEN(SHA256_PAD64, 16)
    SHA256_SIXTEEN(SHA256_PAD64, 32)
    SHA256_SIXTEEN(SHA256_PAD64, 48)
    sha256_add(state, s);
}

/* The block that a digest makes when it is hashed again: its eight words and their padding. */
void sha256_digest_block(uint state[8], out uint w[16])
{
    [[unroll]] for (int i = 0; i < 8; i++) {
        w[i] = state[i];
        w[8 + i] = 0u;
    }
    w[8] = 0x80000000u;
    w[15] = 256u;
}

layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer sha256_digests {
    uvec4 half_of[];
};

/* Where a workgroup exchanges what it reads and writes: four uvec4 an invocation, and one between
 * them so that banks do not collide. */
#define SHA256_SHARED_STRIDE 5
shared uvec4 sha256_shared[SHA256_SHARED_STRIDE * YOKE_LOCAL_SIZE];

/* Writes the digests of the workgroup's items. All its invocations call it, those beyond the last
 * item too: digests pass through shared memory, so that neighbours write neighbouring addresses. */
void sha256_store(uint state[8])
{
    uint lane = gl_LocalInvocationIndex;
    uint own = SHA256_SHARED_STRIDE * lane;
    sha256_shared[own] = sha256_swap4(uvec4(state[0], state[1], state[2], state[3]));
    sha256_shared[own + 1] = sha256_swap4(uvec4(state[4], state[5], state[6], state[7]));
    barrier();
    sha256_digests digests = sha256_digests(yoke_out());
    uint first = yoke_item() - lane;
    [[unroll]] for (uint i = lane; i < 2 * YOKE_LOCAL_SIZE; i += YOKE_LOCAL_SIZE) {
        if (first + i / 2 < yoke_num_items()) {
            digests.half_of[2 * first + i] = sha256_shared[SHA256_SHARED_STRIDE * (i / 2) + i % 2];
        }
    }
}
