/*
 * The SHA-256 path for x86-64 CPUs with the SHA extensions.
 *
 * The two-round instruction has a latency of several cycles and each depends on the one before, so
 * a single message leaves the unit idle for much of the time; how much of that the CPU fills with
 * the next message depends on how far it looks ahead. Messages of 64 bytes are therefore hashed two
 * at a time ("lanes"), their instructions interleaved; 2 × (2 state + 4 message) registers are what
 * fits in the sixteen there are. An odd last message goes alone, and so does a long message: its
 * blocks depend on each other.
 *
 * Pure functions. Only this file is compiled for those instructions, function by function; nobody
 * may call them unless sha256_shani_usable() said so. On another architecture the file is empty.
 *
 * Source for the register layout: Intel 64 and IA-32 Architectures Software Developer's Manual,
 * volume 2, SHA256RNDS2, SHA256MSG1 and SHA256MSG2.
 */
#include "tasks/sha256/sha256.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define SHA256_SHANI_TARGET __attribute__((target("sha,ssse3,sse4.1")))
#define SHA256_SHANI_INLINE static inline __attribute__((always_inline)) SHA256_SHANI_TARGET

#define SHA256_SHANI_LANES 2

/* One message. The instructions want the state's words as (f, e, b, a) and (h, g, d, c), lowest
 * first. w holds the last 16 words of the message schedule, group t of four in w[t % 4]. */
typedef struct sha256_shani_lane {
    __m128i feba;
    __m128i hgdc;
    __m128i w[4];
} sha256_shani_lane;

SHA256_SHANI_INLINE __m128i sha256_shani_load(const void *bytes)
{
    return _mm_loadu_si128((const __m128i *)bytes);
}

/* Swaps the bytes of each word: messages and digests are big-endian. */
SHA256_SHANI_INLINE __m128i sha256_shani_swap(__m128i words)
{
    return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

SHA256_SHANI_INLINE void sha256_shani_state_in(sha256_shani_lane *lane, const uint32_t state[8])
{
    __m128i abcd = sha256_shani_load(state);
    __m128i efgh = sha256_shani_load(state + 4);
    lane->feba = _mm_shuffle_epi32(_mm_unpacklo_epi64(efgh, abcd), 0xb1);
    lane->hgdc = _mm_shuffle_epi32(_mm_unpackhi_epi64(efgh, abcd), 0xb1);
}

SHA256_SHANI_INLINE void sha256_shani_state_out(const sha256_shani_lane *lane, __m128i *abcd,
                                                __m128i *efgh)
{
    __m128i efab = _mm_shuffle_epi32(lane->feba, 0xb1);
    __m128i ghcd = _mm_shuffle_epi32(lane->hgdc, 0xb1);
    *abcd = _mm_unpackhi_epi64(efab, ghcd);
    *efgh = _mm_unpacklo_epi64(efab, ghcd);
}

SHA256_SHANI_INLINE void sha256_shani_message_in(sha256_shani_lane *lane, const uint8_t *block)
{
    for (int i = 0; i < 4; i++) {
        lane->w[i] = sha256_shani_swap(sha256_shani_load(block + 16 * i));
    }
}

/* Four rounds, with the four words W[t] + K[t] in wk. */
SHA256_SHANI_INLINE void sha256_shani_rounds4(sha256_shani_lane *lane, __m128i wk)
{
    lane->hgdc = _mm_sha256rnds2_epu32(lane->hgdc, lane->feba, wk);
    lane->feba = _mm_sha256rnds2_epu32(lane->feba, lane->hgdc, _mm_shuffle_epi32(wk, 0x0e));
}

/* The next four words of the schedule, from the sixteen before them, oldest first. */
SHA256_SHANI_INLINE __m128i sha256_shani_expand(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    __m128i w7 = _mm_alignr_epi8(w3, w2, 4);
    return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), w7), w3);
}

/* One block of each lane, added to its state: the message in w or, where pad64 is set, the padding
 * of a 64-byte message, which has no schedule to compute. */
SHA256_SHANI_INLINE void sha256_shani_block(sha256_shani_lane *lanes, int num_lanes, bool pad64)
{
    __m128i feba[SHA256_SHANI_LANES], hgdc[SHA256_SHANI_LANES];
    for (int i = 0; i < num_lanes; i++) {
        feba[i] = lanes[i].feba;
        hgdc[i] = lanes[i].hgdc;
    }
#pragma GCC unroll 16
    for (int t = 0; t < 16; t++) {
        __m128i k = sha256_shani_load((pad64 ? sha256_pad64_wk : sha256_k) + 4 * t);
#pragma GCC unroll 2
        for (int i = 0; i < num_lanes; i++) {
            __m128i *w = lanes[i].w;
            sha256_shani_rounds4(&lanes[i], pad64 ? k : _mm_add_epi32(w[t % 4], k));
            if (!pad64 && t < 12) {
                w[t % 4] =
                    sha256_shani_expand(w[t % 4], w[(t + 1) % 4], w[(t + 2) % 4], w[(t + 3) % 4]);
            }
        }
    }
    for (int i = 0; i < num_lanes; i++) {
        lanes[i].feba = _mm_add_epi32(lanes[i].feba, feba[i]);
        lanes[i].hgdc = _mm_add_epi32(lanes[i].hgdc, hgdc[i]);
    }
}

/* Replaces each lane's finished state by that of the hash of its 32 bytes: one block, padding
 * included. */
SHA256_SHANI_INLINE void sha256_shani_rehash(sha256_shani_lane *lanes, int num_lanes)
{
    for (int i = 0; i < num_lanes; i++) {
        sha256_shani_lane *lane = &lanes[i];
        sha256_shani_state_out(lane, &lane->w[0], &lane->w[1]);
        lane->w[2] = _mm_set_epi32(0, 0, 0, INT32_MIN);
        lane->w[3] = _mm_set_epi32(8 * SHA256_DIGEST_BYTES, 0, 0, 0);
        sha256_shani_state_in(lane, sha256_initial);
    }
    sha256_shani_block(lanes, num_lanes, false);
}

/* Writes each lane's state as its digest. */
SHA256_SHANI_INLINE void sha256_shani_digests_out(uint8_t *digests, const sha256_shani_lane *lanes,
                                                  int num_lanes)
{
    for (int i = 0; i < num_lanes; i++) {
        __m128i abcd, efgh;
        sha256_shani_state_out(&lanes[i], &abcd, &efgh);
        __m128i *digest = (__m128i *)(digests + i * SHA256_DIGEST_BYTES);
        _mm_storeu_si128(digest, sha256_shani_swap(abcd));
        _mm_storeu_si128(digest + 1, sha256_shani_swap(efgh));
    }
}

/* Hashes num_lanes messages of 64 bytes; num_lanes and twice are constants at each call. */
SHA256_SHANI_INLINE void sha256_shani_lanes64(uint8_t *digests, const uint8_t *messages,
                                              int num_lanes, bool twice)
{
    sha256_shani_lane lanes[SHA256_SHANI_LANES];
    for (int i = 0; i < num_lanes; i++) {
        sha256_shani_state_in(&lanes[i], sha256_initial);
        sha256_shani_message_in(&lanes[i], messages + i * SHA256_BLOCK_BYTES);
    }
    sha256_shani_block(lanes, num_lanes, false);
    sha256_shani_block(lanes, num_lanes, true);
    if (twice) {
        sha256_shani_rehash(lanes, num_lanes);
    }
    sha256_shani_digests_out(digests, lanes, num_lanes);
}

/* Rehashes num_lanes digests; num_lanes is a constant at each call. */
SHA256_SHANI_INLINE void sha256_shani_rehash_lanes(uint8_t *digests, int num_lanes, uint32_t times)
{
    sha256_shani_lane lanes[SHA256_SHANI_LANES];
    for (int i = 0; i < num_lanes; i++) {
        uint32_t state[8];
        for (int j = 0; j < 8; j++) {
            state[j] = sha256_load_be32(digests + i * SHA256_DIGEST_BYTES + 4 * j);
        }
        sha256_shani_state_in(&lanes[i], state);
    }
    for (uint32_t i = 0; i < times; i++) {
        sha256_shani_rehash(lanes, num_lanes);
    }
    sha256_shani_digests_out(digests, lanes, num_lanes);
}

SHA256_SHANI_INLINE void sha256_shani_run64(uint8_t *digests, const uint8_t *messages,
                                            size_t num_messages, bool twice)
{
    size_t i = 0;
    for (; i + SHA256_SHANI_LANES <= num_messages; i += SHA256_SHANI_LANES) {
        sha256_shani_lanes64(digests + i * SHA256_DIGEST_BYTES, messages + i * SHA256_BLOCK_BYTES,
                             SHA256_SHANI_LANES, twice);
    }
    if (i < num_messages) {
        sha256_shani_lanes64(digests + i * SHA256_DIGEST_BYTES, messages + i * SHA256_BLOCK_BYTES,
                             1, twice);
    }
}

SHA256_SHANI_TARGET static void sha256_shani_hash64(uint8_t *digests, const uint8_t *messages,
                                                    size_t num_messages, bool twice)
{
    if (twice) {
        sha256_shani_run64(digests, messages, num_messages, true);
    } else {
        sha256_shani_run64(digests, messages, num_messages, false);
    }
}

SHA256_SHANI_TARGET static void sha256_shani_rehash_each(uint8_t *digests, size_t num_digests,
                                                         uint32_t times)
{
    size_t i = 0;
    for (; i + SHA256_SHANI_LANES <= num_digests; i += SHA256_SHANI_LANES) {
        sha256_shani_rehash_lanes(digests + i * SHA256_DIGEST_BYTES, SHA256_SHANI_LANES, times);
    }
    if (i < num_digests) {
        sha256_shani_rehash_lanes(digests + i * SHA256_DIGEST_BYTES, 1, times);
    }
}

SHA256_SHANI_TARGET static void sha256_shani_compress(uint32_t state[8], const uint8_t *blocks,
                                                      size_t num_blocks)
{
    sha256_shani_lane lane;
    sha256_shani_state_in(&lane, state);
    for (size_t i = 0; i < num_blocks; i++) {
        sha256_shani_message_in(&lane, blocks + i * SHA256_BLOCK_BYTES);
        sha256_shani_block(&lane, 1, false);
    }
    __m128i abcd, efgh;
    sha256_shani_state_out(&lane, &abcd, &efgh);
    _mm_storeu_si128((__m128i *)state, abcd);
    _mm_storeu_si128((__m128i *)(state + 4), efgh);
}

bool sha256_shani_usable(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) {
        return false;
    }
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

const sha256_path sha256_shani = {
    .name = "sha-ni",
    .compress = sha256_shani_compress,
    .hash64 = sha256_shani_hash64,
    .rehash = sha256_shani_rehash_each,
};

#endif
