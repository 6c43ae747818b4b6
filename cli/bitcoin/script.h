/*
 * Just enough of Bitcoin's script to recognise a payment to the hash of a public key (P2PKH), from
 * both sides: the output that pays to it, and the input that claims it.
 *   Owns:     nothing; views point into the script given.
 */
#ifndef YOKE_CLI_BITCOIN_SCRIPT_H
#define YOKE_CLI_BITCOIN_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_HASH160_BYTES 20
#define SCRIPT_P2PKH_BYTES 25

/* A view of bytes in a script. */
typedef struct script_view {
    const uint8_t *data;
    uint32_t bytes;
} script_view;

/*
 * Reads the operation at *at if it is a push of data (opcodes 0x00 to 0x4e), and moves *at behind
 * it. False at the script's end, at any other operation, and where the data would pass the end.
 */
bool script_next_push(const uint8_t *script, size_t bytes, size_t *at, script_view *push);

/* What an input script that is exactly a signature and a public key holds. */
typedef struct script_claim {
    script_view signature; /* without the hash type */
    script_view key;       /* 33 or 65 bytes */
    uint8_t hash_type;
} script_claim;

/*
 * Whether the script is exactly two pushes, of what looks like a signature (it starts as DER does,
 * has 9 to 520 bytes with its hash type) and of what looks like a public key (33 bytes that start
 * with 2 or 3; 65 that start with 4, 6 or 7). Both are still to be decoded.
 */
bool script_is_claim(const uint8_t *script, size_t bytes, script_claim *claim);

/* RIPEMD160(SHA256(data)). */
void script_hash160(const uint8_t *data, size_t bytes, uint8_t hash[SCRIPT_HASH160_BYTES]);

/* Writes the output script that pays to a key's hash. */
void script_p2pkh(const uint8_t hash[SCRIPT_HASH160_BYTES], uint8_t script[SCRIPT_P2PKH_BYTES]);

/* The 20-byte hash an output script pays to, or NULL if the script is not that of P2PKH. */
const uint8_t *script_p2pkh_hash(const uint8_t *script, size_t bytes);

/* BIP 34: the number that a coinbase script starts with, if it is written in the shortest form. */
bool script_height(const uint8_t *script, size_t bytes, uint32_t *height);

#endif
