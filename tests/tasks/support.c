/*
 * Hex and random bytes for the tests of the task packs. Keeps no state of its own; one thread per
 * sequence. The generator is splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", 2014): one addition and a mix a number, any seed is good.
 */
#include "tests/tasks/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int support_nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t support_unhex(const char *hex, size_t num_chars, uint8_t *out, size_t max_bytes)
{
    if (num_chars % 2 != 0 || num_chars / 2 > max_bytes) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < num_chars / 2; i++) {
        int high = support_nibble(hex[2 * i]);
        int low = support_nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return SIZE_MAX;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return num_chars / 2;
}

support_random support_random_start(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec;
    const char *given = getenv("YOKE_TEST_SEED");
    if (given != NULL) {
        seed = strtoull(given, NULL, 0);
    }
    printf("YOKE_TEST_SEED=%" PRIu64 "\n", seed);
    return (support_random){seed};
}

uint64_t support_random_next(support_random *random)
{
    uint64_t x = random->state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

uint64_t support_random_below(support_random *random, uint64_t limit)
{
    return support_random_next(random) % limit;
}

void support_random_fill(support_random *random, void *bytes, size_t num_bytes)
{
    uint8_t *out = bytes;
    for (size_t i = 0; i < num_bytes; i++) {
        out[i] = (uint8_t)support_random_next(random);
    }
}
