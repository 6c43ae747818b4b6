/*
 * Just enough of Bitcoin's script to recognise the usual forms of output scripts, and to read the
 * input scripts that claim such outputs: those that only push data.
 *   Owns:     nothing; views point into the script given.
 */
#ifndef YOKE_CLI_BITCOIN_SCRIPT_H
#define YOKE_CLI_BITCOIN_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_HASH160_BYTES 20
#define SCRIPT_P2PKH_BYTES 25
#define SCRIPT_P2SH_BYTES 23
#define SCRIPT_KEYS_MAX 16           /* of a multisig script: OP_1 to OP_16 can say so many */
#define SCRIPT_ELEMENT_BYTES_MAX 520 /* consensus' limit on anything a script pushes */
#define SCRIPT_BYTES_MAX 10000       /* and on a script that is run */

/* The longest script of a form with signatures: a multisig of 16 uncompressed keys. */
#define SCRIPT_FORM_BYTES_MAX (3 + SCRIPT_KEYS_MAX * (5 + 65))

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

/*
 * The same for anything that pushes: OP_1NEGATE and OP_1 to OP_16 too, as the one byte they push.
 * False also if the data is longer than SCRIPT_ELEMENT_BYTES_MAX.
 */
bool script_next_element(const uint8_t *script, size_t bytes, size_t *at, script_view *element);

/* Whether a script only pushes, and how many elements. */
bool script_count_elements(const uint8_t *script, size_t bytes, uint32_t *count);

/* What is left of a script behind its first `count` elements, which it must have. */
script_view script_skip_elements(const uint8_t *script, size_t bytes, uint32_t count);

/* What an output script asks for. */
typedef enum script_kind {
    SCRIPT_OTHER,
    SCRIPT_P2PKH,    /* a signature and the key of a hash */
    SCRIPT_P2PK,     /* a signature by a key */
    SCRIPT_MULTISIG, /* m signatures by m of n keys, in the keys' order */
    SCRIPT_P2SH,     /* BIP 16: a script of a hash, and what that asks for */
    SCRIPT_WITNESS,  /* BIP 141: a witness program */
} script_kind;

typedef struct script_form {
    script_kind kind;
    const uint8_t *hash;     /* P2PKH, P2SH: 20 bytes */
    script_view keys;        /* P2PK, MULTISIG: starts with the pushes of the keys */
    uint32_t num_keys;       /* P2PK, P2PKH: 1; MULTISIG: n, 1 to 16; else 0 */
    uint32_t num_signatures; /* P2PK, P2PKH: 1; MULTISIG: m, 1 to n; else 0 */
} script_form;

/* Keys are those that look like one, as in script_is_claim; with any other, it is SCRIPT_OTHER. */
script_form script_form_of(const uint8_t *script, size_t bytes);

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

/* The same for a script's hash (BIP 16). */
void script_p2sh(const uint8_t hash[SCRIPT_HASH160_BYTES], uint8_t script[SCRIPT_P2SH_BYTES]);

/* The 20-byte hash an output script pays to, or NULL if the script is not that of P2PKH. */
const uint8_t *script_p2pkh_hash(const uint8_t *script, size_t bytes);

/* BIP 34: the number that a coinbase script starts with, if it is written in the shortest form. */
bool script_height(const uint8_t *script, size_t bytes, uint32_t *height);

#endif
