/*
 * What a legacy (before segwit) signature signs: the transaction, edited as its hash type says.
 * This gives the bytes; their double SHA-256 is the digest that was signed.
 *
 * Left out on purpose, as the script codes that script_form_of knows have no use for them:
 * - FindAndDelete, which takes the signature out of the script code before hashing. What such codes
 *   push are keys, which start with another byte than any signature that can be decoded, and the
 *   20-byte hash of a key or script; the signature would have to be 20 bytes long and equal to the
 *   hash of a key it verifies under. Nobody can make one.
 * - OP_CODESEPARATOR: they have none.
 */
#ifndef YOKE_CLI_BITCOIN_SIGHASH_H
#define YOKE_CLI_BITCOIN_SIGHASH_H

#include "block.h"

/* The low five bits of a hash type; any other value means the same as ALL. */
enum {
    SIGHASH_ALL = 1,             /* signs every output */
    SIGHASH_NONE = 2,            /* signs no output */
    SIGHASH_SINGLE = 3,          /* signs the output at the input's own index */
    SIGHASH_ANYONECANPAY = 0x80, /* a flag: signs only this input */
};

/* What is signed: an input of a transaction, and the script code of the coin it spends. */
typedef struct sighash_subject {
    const block *block;
    const block_tx *tx;
    uint32_t input; /* its index in the transaction */
    const uint8_t *code;
    uint32_t code_bytes;
    uint8_t hash_type;
} sighash_subject;

/*
 * The SINGLE bug, part of consensus: SINGLE for an input that has no output of its index signs the
 * digest "one" (a 1, then 31 zero bytes) instead of any bytes of the transaction.
 */
bool sighash_is_one(const sighash_subject *subject);
extern const uint8_t sighash_one[32];

/* How many bytes the preimage has; not for subjects whose digest is "one". */
size_t sighash_bytes(const sighash_subject *subject);

/* Writes the preimage: sighash_bytes(subject) bytes to `out`. */
void sighash_write(const sighash_subject *subject, uint8_t *out);

/* The most bytes a preimage can have, for any subject of the block with such a script code. */
size_t sighash_bytes_max(const block *block, uint32_t code_bytes);

#endif
