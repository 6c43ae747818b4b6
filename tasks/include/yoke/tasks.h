/*
 * The task packs that come with yoke: ready-made types, one registration call a pack.
 * Register what you need (or all), then find a type by its name with yoke_type_find.
 *
 *   type               in[0]                 in[1]            in[2]         out
 *   sha256             64-byte message       -                -             32-byte digest
 *   sha256_ragged      message, any length   -                -             32-byte digest
 *   sha256d            64-byte message       -                -             32-byte digest
 *   sha256d_ragged     message, any length   -                -             32-byte digest
 *   sha256_iter        64-byte message       -                -             32-byte digest
 *   secp256k1_verify   32-byte digest        public key span  signature span  verdict byte
 *   merkle_sha256      num_leaves × 32 bytes -                -             root, or all levels
 *   merkle_sha256d     num_leaves × 32 bytes -                -             root, or all levels
 *   bls12_381_fp_add   48-byte element       48-byte element  -             48-byte element
 *   bls12_381_fp_sub   48-byte element       48-byte element  -             48-byte element
 *   bls12_381_fp_mul   48-byte element       48-byte element  -             48-byte element
 *
 * Digests are the bytes FIPS 180-4 prints (big-endian words). sha256d is SHA-256 applied twice,
 * sha256_iter as often as the job's params say. A job's cost is its items, of ragged types the
 * 64-byte blocks of its items' messages, of sha256_iter its items times its rounds.
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
yoke_status yoke_tasks_register_merkle(yoke_runtime *rt);
yoke_status yoke_tasks_register_bls12_381(yoke_runtime *rt);

/*
 * The sha256 types run on the SHA instructions of the CPU where it has them, else in portable C.
 * In the ragged types, as in secp256k1_verify, a span with bytes but no data fails the job:
 * YOKE_INVALID.
 *
 * sha256_iter is work of a weight that the caller chooses, for tuning and for hash chains: round 1
 * hashes the 64-byte message, each round after it the digest of the one before. Two rounds are
 * sha256d. There is a most: nothing stops a kernel within an item, some systems end what keeps a
 * GPU for seconds, and Mesa's llvmpipe leaves a shader's loops after 65535 turns.
 */
#define YOKE_SHA256_ROUNDS_MAX (1u << 15)

/* The params of a sha256_iter job. No rounds, or no params, mean one round; more than
 * YOKE_SHA256_ROUNDS_MAX mean that many. */
typedef struct yoke_sha256_iter_params {
    uint32_t rounds;
} yoke_sha256_iter_params;

/*
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

/*
 * The merkle types are programs (yoke/program.h): an item is a whole tree, and its size follows
 * from the job's params. Level 0 is the leaves, num_leaves × 32 bytes; a node of a level above is
 * the hash of two nodes side by side, 64 bytes, without any prefix: SHA-256 in merkle_sha256,
 * SHA-256 applied twice in merkle_sha256d. Level k has num_leaves / 2^k nodes, rounded up, and the
 * last level has one: the root. Of a single leaf the root is the leaf itself.
 *
 * In a level of an odd number of nodes the last has no neighbour. One of three rules holds in a
 * tree; they differ only where there is such a node, so of 2^k leaves all roots are the same.
 *
 * The leaves are hashes of the caller's making. As no prefix tells leaves from nodes, the root
 * alone does not fix the number of leaves: where that matters, bind it too (as SSZ does, by hashing
 * it in).
 *
 * An item costs as much as it has hashes to make. Large trees are built by all workers at once.
 */
enum {
    YOKE_MERKLE_ODD_TWICE = 0,      /* it is paired with itself: Bitcoin's rule. Leaves listed twice
                                     * at the end may then give the same root (CVE-2012-2459): who
                                     * does not know the leaves to be distinct has to look for equal
                                     * neighbours, in every level */
    YOKE_MERKLE_ODD_UP = 1u << 0,   /* it goes up as it is. The tree has the form that RFC 6962's
                                     * trees have, but not their roots: those hash a prefix too */
    YOKE_MERKLE_ODD_ZERO = 1u << 1, /* as if zero leaves, 32 zero bytes each, filled the tree up to
                                     * the next power of two: SSZ's rule */
    YOKE_MERKLE_LEVELS = 1u << 2, /* out is every level from 1 to the root's, one behind the other:
                                   * 32 bytes a node, the root last (of a single leaf: the leaf).
                                   * Without it out is the root: 32 bytes */
};

#define YOKE_MERKLE_LEAVES_MAX (1u << 26)

/* The params of a merkle job, which has to have them. No leaves, more than YOKE_MERKLE_LEAVES_MAX,
 * two rules at once or an unknown flag: YOKE_INVALID at submit. */
typedef struct yoke_merkle_params {
    uint32_t num_leaves; /* of each item */
    uint32_t flags;      /* a rule, and YOKE_MERKLE_LEVELS or not */
} yoke_merkle_params;

/*
 * The bls12_381_fp types calculate in the base field of the curve BLS12-381: modulo the prime
 *     p = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf
 *           6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab
 * An element is a number below p in six 64-bit limbs, the lowest first, each little-endian: so 48
 * bytes, the lowest first. fp_add gives in[0] + in[1] modulo p, fp_sub in[0] - in[1], and fp_mul
 * the Montgomery product in[0] × in[1] × 2^-384. Of elements in Montgomery form (x is kept as
 * x × 2^384 modulo p, as blst and most libraries keep it) all three give the result in that form;
 * for sums and differences the form does not matter. An output is always below p. An input that is
 * not counts as itself modulo p.
 */

#ifdef __cplusplus
}
#endif
#endif
