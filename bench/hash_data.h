/*
 * What the hash bench hashes: messages of 64 bytes, and the digests that every run must give.
 *   Threads:  one at a time to create and destroy; then any may read messages and digests.
 */
#ifndef YOKE_BENCH_HASH_DATA_H
#define YOKE_BENCH_HASH_DATA_H

#include "tasks/sha256/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of each item in hash_data's three arrays. */
#define HASH_DATA_ITEM_BYTES (SHA256_BLOCK_BYTES + 2 * SHA256_DIGEST_BYTES)

typedef struct hash_data {
    size_t num;
    uint8_t *messages; /* num × 64 bytes, from a random generator */
    uint8_t *digests;  /* num × 32 bytes: the CPU kernel's */
    uint8_t *out;      /* num × 32 bytes, for runs to write to */
} hash_data;

/* False: out of memory; destroy it all the same. Takes about 0.1 us an item. */
bool hash_data_create(hash_data *data, size_t num, uint64_t seed);

void hash_data_destroy(hash_data *data);

/* Compares all of `num` digests at `out` with those of the messages from `first` on. False:
 * *wrong is the first message whose digest is not right. */
bool hash_data_check(const hash_data *data, const uint8_t *out, size_t first, size_t num,
                     size_t *wrong);

/* Bytes of memory that a process may still take without harm to others: what the system has
 * available, or what is left to its control group (cgroup v2), if that is less; 0: unknown. */
uint64_t hash_data_memory_available(void);

#endif
