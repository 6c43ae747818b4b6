/*
 * Proof of work: a header's compact target, and whether the header's hash meets it.
 * Whether the target is the one the chain asked for cannot be told from one block alone.
 */
#ifndef YOKE_CLI_BITCOIN_POW_H
#define YOKE_CLI_BITCOIN_POW_H

#include <stdbool.h>
#include <stdint.h>

typedef enum pow_result {
    POW_MET,
    POW_MISSED,   /* the hash is above the target */
    POW_NEGATIVE, /* the compact form's sign bit is set */
    POW_ZERO,     /* the target is 0: no hash can be meant to meet it */
    POW_OVERFLOW, /* the target does not fit 256 bits */
} pow_result;

/*
 * Expands compact bits: one byte of exponent e (the topmost) and a signed 24-bit mantissa m, for
 * m × 256^(e - 3). target: 32 bytes, little-endian, as hashes are kept. POW_MET: it is usable.
 */
pow_result pow_target(uint32_t bits, uint8_t target[32]);

/* hash: the double SHA-256 of the header, as hashed (a little-endian number). */
pow_result pow_check(const uint8_t hash[32], uint32_t bits);

/* A sentence for a result; never NULL. */
const char *pow_text(pow_result result);

#endif
