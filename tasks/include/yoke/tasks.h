/*
 * The task packs that come with yoke: ready-made types, one registration call a pack.
 * Register what you need (or all), then find a type by its name with yoke_type_find.
 *
 *   type               in[0]                 in[1]            in[2]         out
 *   sha256             64-byte message       -                -             32-byte digest
 *   sha256_ragged      message, any length   -                -             32-byte digest
 *   sha256d            64-byte message       -                -             32-byte digest
 *   sha256d_ragged     message, any length   -                -             32-byte digest
 *   secp256k1_verify   32-byte digest        public key span  signature span  verdict byte
 *
 * Digests are the bytes FIPS 180-4 prints (big-endian words). sha256d is SHA-256 applied twice. A
 * job's cost is its items, of ragged types the 64-byte blocks of its items' messages.
 */
#ifndef YOKE_TASKS_H
#define YOKE_TASKS_H

#include <yoke/yoke.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Register a pack's types in a runtime; _all registers every pack. If a call fails, the types it
 * had registered by then stay.
 *   Fails:    as yoke_register; YOKE_INVALID if one of the names is taken.
 */
yoke_status yoke_tasks_register_all(yoke_runtime *rt);
yoke_status yoke_tasks_register_sha256(yoke_runtime *rt);
yoke_status yoke_tasks_register_secp256k1(yoke_runtime *rt);

/*
 * The sha256 types run on the SHA instructions of the CPU where it has them, else in portable C.
 * In the ragged types, as in secp256k1_verify, a span with bytes but no data fails the job:
 * YOKE_INVALID.
 *
 * secp256k1_verify checks one ECDSA signature (SEC 1, 4.1.4) an item: of the 32-byte digest in[0]
 * (big-endian, as a hash function gives it), under the public key in[1] (SEC 1, 2.3.4: 33 bytes
 * compressed, 65 bytes uncompressed, or 65 bytes hybrid with the right parity), signature in[2].
 * The verdict byte tells which of three holds; a malformed key or signature comes first. High S is
 * accepted unless YOKE_SECP256K1_LOW_S is set. A job without params means DER, any S.
 */
enum {
    YOKE_SECP256K1_INVALID = 0,   /* well-formed, but it does not hold; so too if r or s is zero or
                                   * not below the group's order, however many bytes it has */
    YOKE_SECP256K1_VALID = 1,     /* the signature holds */
    YOKE_SECP256K1_MALFORMED = 2, /* the key is no point of the curve, or the key or the signature
                                   * is not encoded as it must be */
};

enum {
    YOKE_SECP256K1_DER = 0,     /* strict DER: BIP 66's rules, without the hash type byte */
    YOKE_SECP256K1_COMPACT = 1, /* 64 bytes: r, then s, each 32 bytes big-endian */
    YOKE_SECP256K1_DER_LAX = 2, /* the looser forms that Bitcoin took before BIP 66: any leading
                                 * zeros, no sign, long lengths, bytes after the end */
};

enum { YOKE_SECP256K1_LOW_S = 1u << 0 }; /* s above half the order is YOKE_SECP256K1_INVALID */

/* The params of a secp256k1_verify job. An encoding or a flag that is not one of the above fails
 * the job: YOKE_INVALID. */
typedef struct yoke_secp256k1_params {
    uint32_t encoding; /* YOKE_SECP256K1_DER, _COMPACT or _DER_LAX */
    uint32_t flags;    /* YOKE_SECP256K1_LOW_S or 0 */
} yoke_secp256k1_params;

#ifdef __cplusplus
}
#endif
#endif
