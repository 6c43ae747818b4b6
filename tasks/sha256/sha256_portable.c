/*
 * The portable SHA-256 path: plain C, right on every machine, and the reference for the others.
 *
 * A block is done in two steps: sha256_portable_schedule expands it to 64 words with the round
 * constants already added, sha256_portable_rounds runs the rounds over those words. The padding
 * block of a 64-byte message then needs no first step: its words are a table.
 *
 * Pure functions; 256 bytes of stack. Five to seven times slower than the SHA instructions.
 */
#include "tasks/sha256/sha256.h"

static inline uint32_t sha256_portable_rotr(uint32_t x, unsigned bits)
{
    return x >> bits | x << (32 - bits);
}

static inline uint32_t sha256_portable_sigma0(uint32_t x)
{
    return sha256_portable_rotr(x, 7) ^ sha256_portable_rotr(x, 18) ^ x >> 3;
}

static inline uint32_t sha256_portable_sigma1(uint32_t x)
{
    return sha256_portable_rotr(x, 17) ^ sha256_portable_rotr(x, 19) ^ x >> 10;
}

/* Expands 16 words to w[0..63] (FIPS 180-4, 6.2.2, step 1), then adds the round constants. */
static void sha256_portable_expand(uint32_t w[64])
{
    for (int t = 16; t < 64; t++) {
        w[t] = sha256_portable_sigma1(w[t - 2]) + w[t - 7] + sha256_portable_sigma0(w[t - 15]) +
               w[t - 16];
    }
    for (int t = 0; t < 64; t++) {
        w[t] += sha256_k[t];
    }
}

static void sha256_portable_schedule(uint32_t wk[64], const uint8_t *block)
{
    for (int t = 0; t < 16; t++) {
        wk[t] = sha256_load_be32(block + 4 * t);
    }
    sha256_portable_expand(wk);
}

/* One round without moving the eight variables: the caller renames them instead. */
static inline void sha256_portable_round(uint32_t a, uint32_t b, uint32_t c, uint32_t *d,
                                         uint32_t e, uint32_t f, uint32_t g, uint32_t *h,
                                         uint32_t wk)
{
    uint32_t sum1 =
        sha256_portable_rotr(e, 6) ^ sha256_portable_rotr(e, 11) ^ sha256_portable_rotr(e, 25);
    uint32_t sum0 =
        sha256_portable_rotr(a, 2) ^ sha256_portable_rotr(a, 13) ^ sha256_portable_rotr(a, 22);
    uint32_t choice = g ^ (e & (f ^ g));
    uint32_t majority = (a & b) | (c & (a | b));
    uint32_t t1 = *h + sum1 + choice + wk;
    *d += t1;
    *h = t1 + sum0 + majority;
}

static void sha256_portable_rounds(uint32_t state[8], const uint32_t wk[64])
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t += 8) {
        sha256_portable_round(a, b, c, &d, e, f, g, &h, wk[t]);
        sha256_portable_round(h, a, b, &c, d, e, f, &g, wk[t + 1]);
        sha256_portable_round(g, h, a, &b, c, d, e, &f, wk[t + 2]);
        sha256_portable_round(f, g, h, &a, b, c, d, &e, wk[t + 3]);
        sha256_portable_round(e, f, g, &h, a, b, c, &d, wk[t + 4]);
        sha256_portable_round(d, e, f, &g, h, a, b, &c, wk[t + 5]);
        sha256_portable_round(c, d, e, &f, g, h, a, &b, wk[t + 6]);
        sha256_portable_round(b, c, d, &e, f, g, h, &a, wk[t + 7]);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

static void sha256_portable_compress(uint32_t state[8], const uint8_t *blocks, size_t num_blocks)
{
    uint32_t wk[64];
    for (size_t i = 0; i < num_blocks; i++) {
        sha256_portable_schedule(wk, blocks + i * SHA256_BLOCK_BYTES);
        sha256_portable_rounds(state, wk);
    }
}

/* Replaces a finished state by that of the hash of its 32 bytes: one block, padding included. */
static void sha256_portable_rehash(uint32_t state[8])
{
    uint32_t wk[64] = {0};
    memcpy(wk, state, SHA256_DIGEST_BYTES);
    wk[8] = 0x80000000;
    wk[15] = 8 * SHA256_DIGEST_BYTES;
    sha256_portable_expand(wk);
    memcpy(state, sha256_initial, SHA256_DIGEST_BYTES);
    sha256_portable_rounds(state, wk);
}

static void sha256_portable_hash64(uint8_t *digests, const uint8_t *messages, size_t num_messages,
                                   bool twice)
{
    for (size_t i = 0; i < num_messages; i++) {
        uint32_t state[8];
        memcpy(state, sha256_initial, sizeof(state));
        sha256_portable_compress(state, messages + i * SHA256_BLOCK_BYTES, 1);
        sha256_portable_rounds(state, sha256_pad64_wk);
        if (twice) {
            sha256_portable_rehash(state);
        }
        for (size_t j = 0; j < 8; j++) {
            sha256_store_be32(digests + i * SHA256_DIGEST_BYTES + 4 * j, state[j]);
        }
    }
}

static void sha256_portable_rehash_each(uint8_t *digests, size_t num_digests, uint32_t times)
{
    for (uint8_t *digest = digests; digest < digests + num_digests * SHA256_DIGEST_BYTES;
         digest += SHA256_DIGEST_BYTES) {
        uint32_t state[8];
        for (size_t i = 0; i < 8; i++) {
            state[i] = sha256_load_be32(digest + 4 * i);
        }
        for (uint32_t i = 0; i < times; i++) {
            sha256_portable_rehash(state);
        }
        for (size_t i = 0; i < 8; i++) {
            sha256_store_be32(digest + 4 * i, state[i]);
        }
    }
}

const sha256_path sha256_portable = {
    .name = "portable",
    .compress = sha256_portable_compress,
    .hash64 = sha256_portable_hash64,
    .rehash = sha256_portable_rehash_each,
};
