/*
 * Decoders for the two ways an ECDSA signature, SEQUENCE { INTEGER r, INTEGER s }, comes as DER.
 *
 * They are pure functions of their arguments: any thread, no allocation, time linear in the input.
 * Every byte string is a valid argument; `data` may be NULL if bytes is 0. libsecp256k1's own
 * decoder is not used, for it is neither of the two: it takes negative integers, and signatures
 * longer than BIP 66 allows, for well-formed ones with r or s out of range.
 */
#ifndef YOKE_TASKS_SECP256K1_DER_H
#define YOKE_TASKS_SECP256K1_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* r, then s: 32 bytes each, big-endian. */
#define DER_RS_BYTES 64

/*
 * Both return whether the input is of their form; only then is rs set. r and s may still be zero,
 * or not below the group's order: a number that has no place in 32 bytes becomes 2^256 - 1, which
 * is as far out of range.
 */

/*
 * Strict DER as BIP 66 defines it (https://github.com/bitcoin/bips/blob/master/bip-0066.mediawiki),
 * without the hash type byte that follows a signature in a Bitcoin script: 8 to 72 bytes, short
 * lengths that fill the input exactly, integers not negative and as short as can be.
 */
bool der_parse_strict(const uint8_t *data, size_t bytes, uint8_t rs[DER_RS_BYTES]);

/*
 * What Bitcoin took before BIP 66, as Bitcoin Core still reads the blocks of that time: after the
 * sequence's tag its length is skipped unread; integers are read as unsigned, may have any leading
 * zeros or no bytes at all, and a length of up to three significant bytes, itself with any leading
 * zeros; whatever follows s is ignored.
 */
bool der_parse_lax(const uint8_t *data, size_t bytes, uint8_t rs[DER_RS_BYTES]);

#endif
