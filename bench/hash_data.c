/*
 * Messages and digests of the hash bench. Owns three arrays; created and destroyed by one thread,
 * read by any.
 * Always holds: no digest is all zeros, so a run that starts with zeroed outputs cannot pass the
 * check with what it did not write.
 */
#include "hash_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64, of Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014). */
static uint64_t hash_data_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

bool hash_data_create(hash_data *data, size_t num, uint64_t seed)
{
    *data = (hash_data){.num = num,
                        .messages = malloc(num * SHA256_BLOCK_BYTES),
                        .digests = malloc(num * SHA256_DIGEST_BYTES),
                        .out = calloc(num, SHA256_DIGEST_BYTES)};
    if (data->messages == NULL || data->digests == NULL || data->out == NULL) {
        return false;
    }
    for (size_t at = 0; at < num * SHA256_BLOCK_BYTES; at += sizeof(uint64_t)) {
        uint64_t word = hash_data_random(&seed);
        memcpy(data->messages + at, &word, sizeof(word));
    }
    sha256_path_best()->hash64(data->digests, data->messages, num, false);
    return true;
}

void hash_data_destroy(hash_data *data)
{
    free(data->messages);
    free(data->digests);
    free(data->out);
    *data = (hash_data){.num = 0};
}

bool hash_data_check(const hash_data *data, const uint8_t *out, size_t first, size_t num,
                     size_t *wrong)
{
    const uint8_t *digests = data->digests + first * SHA256_DIGEST_BYTES;
    if (memcmp(out, digests, num * SHA256_DIGEST_BYTES) == 0) {
        return true;
    }
    size_t at = 0;
    while (out[at] == digests[at]) {
        at++;
    }
    *wrong = first + at / SHA256_DIGEST_BYTES;
    return false;
}

/* The number in a line of a file that starts with `key`; false if there is none. */
static bool hash_data_read_number(const char *path, const char *key, uint64_t *value)
{
    char line[128];
    bool found = false;
    FILE *file = fopen(path, "r");
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = strncmp(line, key, strlen(key)) == 0 &&
                sscanf(line + strlen(key), "%" SCNu64, value) == 1;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

uint64_t hash_data_memory_available(void)
{
    uint64_t kib = 0;
    uint64_t max = 0;
    uint64_t used = 0;
    hash_data_read_number("/proc/meminfo", "MemAvailable:", &kib);
    uint64_t bytes = kib * 1024;
    if (hash_data_read_number("/sys/fs/cgroup/memory.max", "", &max) &&
        hash_data_read_number("/sys/fs/cgroup/memory.current", "", &used)) {
        uint64_t left = used < max ? max - used : 0;
        bytes = bytes == 0 || left < bytes ? left : bytes;
    }
    return bytes;
}
