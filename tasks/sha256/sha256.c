/*
 * Chooses a SHA-256 path and hashes whole messages with it.
 *
 * Owns the constants of the algorithm; they are all the data there is, and nothing writes them.
 * What a CPU can do never changes while a process runs, so a path is looked up where a task type
 * is registered and then passed along: there is nothing to initialise and nothing to race.
 *
 * sha256_message compresses the message where it lies and copies only its last, partial block: at
 * most 128 bytes on the stack, whatever the length.
 */
#include "tasks/sha256/sha256.h"

const uint32_t sha256_initial[8] __attribute__((aligned(16))) = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

const uint32_t sha256_k[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

const uint32_t sha256_pad64_wk[64] __attribute__((aligned(16))) = {
    0xc28a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf374,
    0x649b69c1, 0xf0fe4786, 0x0fe1edc6, 0x240cf254, 0x4fe9346f, 0x6cc984be, 0x61b9411e, 0x16f988fa,
    0xf2c65152, 0xa88e5a6d, 0xb019fc65, 0xb9d99ec7, 0x9a1231c3, 0xe70eeaa0, 0xfdb1232b, 0xc7353eb0,
    0x3069bad5, 0xcb976d5f, 0x5a0f118f, 0xdc1eeefd, 0x0a35b689, 0xde0b7a04, 0x58f4ca9d, 0xe15d5b16,
    0x007f3e86, 0x37088980, 0xa507ea32, 0x6fab9537, 0x17406110, 0x0d8cd6f1, 0xcdaa3b6d, 0xc0bbbe37,
    0x83613bda, 0xdb48a363, 0x0b02e931, 0x6fd15ca7, 0x521afaca, 0x31338431, 0x6ed41a95, 0x6d437890,
    0xc39c91f2, 0x9eccabbd, 0xb5c9a0e6, 0x532fb63c, 0xd2c741c6, 0x07237ea3, 0xa4954b68, 0x4c191d76,
};

const sha256_path *sha256_path_at(size_t index)
{
    if (index == 0) {
        return &sha256_portable;
    }
#if defined(__x86_64__)
    if (index == 1 && sha256_shani_usable()) {
        return &sha256_shani;
    }
#endif
    return NULL;
}

const sha256_path *sha256_path_best(void)
{
    const sha256_path *best = sha256_path_at(0);
    for (size_t i = 1; sha256_path_at(i) != NULL; i++) {
        best = sha256_path_at(i);
    }
    return best;
}

/* Feeds the message's last bytes, fewer than a block, and the padding: a one bit, zeros, and the
 * length of the whole message in bits as a 64-bit number. */
static void sha256_finish(const sha256_path *path, uint32_t state[8], const uint8_t *tail,
                          size_t tail_bytes, uint64_t message_bytes)
{
    uint8_t blocks[2 * SHA256_BLOCK_BYTES] = {0};
    if (tail_bytes > 0) {
        memcpy(blocks, tail, tail_bytes);
    }
    blocks[tail_bytes] = 0x80;

    size_t num_blocks = tail_bytes + 1 + 8 <= SHA256_BLOCK_BYTES ? 1 : 2;
    uint8_t *length = blocks + num_blocks * SHA256_BLOCK_BYTES - 8;
    sha256_store_be32(length, (uint32_t)(message_bytes >> 29));
    sha256_store_be32(length + 4, (uint32_t)(message_bytes << 3));
    path->compress(state, blocks, num_blocks);
}

static void sha256_once(const sha256_path *path, uint8_t digest[SHA256_DIGEST_BYTES],
                        const uint8_t *data, uint64_t bytes)
{
    uint32_t state[8];
    memcpy(state, sha256_initial, sizeof(state));

    uint64_t num_blocks = bytes / SHA256_BLOCK_BYTES;
    size_t tail_bytes = bytes % SHA256_BLOCK_BYTES;
    const uint8_t *tail = data;
    if (num_blocks > 0) {
        path->compress(state, data, num_blocks);
        tail += num_blocks * SHA256_BLOCK_BYTES;
    }
    sha256_finish(path, state, tail, tail_bytes, bytes);

    for (size_t i = 0; i < 8; i++) {
        sha256_store_be32(digest + 4 * i, state[i]);
    }
}

void sha256_message(const sha256_path *path, uint8_t digest[SHA256_DIGEST_BYTES], const void *data,
                    uint64_t bytes, bool twice)
{
    sha256_once(path, digest, data, bytes);
    if (twice) {
        uint8_t first[SHA256_DIGEST_BYTES];
        memcpy(first, digest, sizeof(first));
        sha256_once(path, digest, first, sizeof(first));
    }
}
