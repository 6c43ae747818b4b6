/*
 * What several tests of the task packs need: hex, and random bytes from a printed seed.
 */
#ifndef YOKE_TESTS_TASKS_SUPPORT_H
#define YOKE_TESTS_TASKS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes num_chars hex digits into out, which has room for max_bytes; returns how many bytes, or
 * SIZE_MAX if it is not hex or too long. */
size_t support_unhex(const char *hex, size_t num_chars, uint8_t *out, size_t max_bytes);

/* A random sequence, the same for the same seed. */
typedef struct support_random {
    uint64_t state;
} support_random;

/* Seeds from YOKE_TEST_SEED where it is set, else from the clock, and prints the seed. */
support_random support_random_start(void);
uint64_t support_random_next(support_random *random);
uint64_t support_random_below(support_random *random, uint64_t limit);
void support_random_fill(support_random *random, void *bytes, size_t num_bytes);

#endif
