/*
 * SHA-256 (FIPS 180-4) over whole messages: the kernels behind the sha256 task types.
 *
 * There are several implementations ("paths") of the compression function; all give the same
 * answer. Every call takes the path to run as an argument: there is no global choice to override,
 * so a test runs each path beside the others, and the task types carry theirs as their user data.
 *
 * Everything here is a pure function of its arguments: any thread, at any time. Nothing blocks or
 * allocates. Pointers need no alignment.
 */
#ifndef YOKE_TASKS_SHA256_SHA256_H
#define YOKE_TASKS_SHA256_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHA256_DIGEST_BYTES 32
#define SHA256_BLOCK_BYTES 64

typedef struct sha256_path {
    const char *name;

    /* Feeds num_blocks × 64 bytes to the state; 0 blocks leave it as it is. */
    void (*compress)(uint32_t state[8], const uint8_t *blocks, size_t num_blocks);

    /* Hashes num_messages × 64 bytes into num_messages × 32 bytes, each message on its own; twice:
     * hashes each digest once more. The digests must not overlap the messages. */
    void (*hash64)(uint8_t *digests, const uint8_t *messages, size_t num_messages, bool twice);

    /* Replaces each of num_digests × 32 bytes by its hash, `times` times over. */
    void (*rehash)(uint8_t *digests, size_t num_digests, uint32_t times);
} sha256_path;

/* The index-th path that this CPU can run, slowest first; NULL after the last. 0 is portable C. */
const sha256_path *sha256_path_at(size_t index);

/* The fastest of them. */
const sha256_path *sha256_path_best(void);

/* Hashes one message of any length; data may be NULL if bytes is 0. twice: hashes the digest once
 * more. */
void sha256_message(const sha256_path *path, uint8_t digest[SHA256_DIGEST_BYTES], const void *data,
                    uint64_t bytes, bool twice);

/* ---------------------------------------------------------------------------------------------
 * For the paths themselves
 */

/* The state before the first block, and the round constants (FIPS 180-4, 5.3.3 and 4.2.2). */
extern const uint32_t sha256_initial[8];
extern const uint32_t sha256_k[64];

/* A 64-byte message is always followed by the same block of padding. This is its message schedule
 * with the round constants added: W[t] + K[t]. */
extern const uint32_t sha256_pad64_wk[64];

extern const sha256_path sha256_portable;

#if defined(__x86_64__)
extern const sha256_path sha256_shani;

/* Whether this CPU has what sha256_shani needs. */
bool sha256_shani_usable(void);
#endif

static inline uint32_t sha256_load_be32(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

static inline void sha256_store_be32(uint8_t *bytes, uint32_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    memcpy(bytes, &word, sizeof(word));
}

#endif
