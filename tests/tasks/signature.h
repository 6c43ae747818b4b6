/*
 * Signatures for the tests of the secp256k1 pack, made on the spot with libsecp256k1 itself, and
 * the encodings of r and s that it does not write.
 */
#ifndef YOKE_TESTS_TASKS_SIGNATURE_H
#define YOKE_TESTS_TASKS_SIGNATURE_H

#include "tests/tasks/support.h"

#define SIGNATURE_DER_BYTES_MAX 512

/* The order of the group (SEC 2, 2.4.1), big-endian. */
extern const uint8_t signature_order[32];

/* A digest, a genuine signature of it with low S, and the key in each of its forms. */
typedef struct signature_case {
    uint8_t digest[32];
    uint8_t rs[64]; /* r, then s */
    uint8_t compressed[33];
    uint8_t uncompressed[65];
    uint8_t hybrid[65];
} signature_case;

signature_case signature_make(support_random *random);

/* Replaces s by order - s. */
void signature_negate_s(uint8_t rs[64]);

/* Writes SEQUENCE { INTEGER r, INTEGER s } with the shortest lengths; the integers' bytes are
 * written as they are, right or wrong. Returns how many bytes. */
size_t signature_sequence(uint8_t out[SIGNATURE_DER_BYTES_MAX], const uint8_t *r, size_t r_bytes,
                          const uint8_t *s, size_t s_bytes);

/* Writes the one strict DER form of r and s. */
size_t signature_der(uint8_t out[SIGNATURE_DER_BYTES_MAX], const uint8_t rs[64]);

#endif
