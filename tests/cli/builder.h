/*
 * Builds small Bitcoin blocks for tests: signed, mined, committed to; in every detail changeable.
 *
 * It shares no code with cli/bitcoin: transactions are kept as fields, not as views, and signature
 * hashes are made by editing a copy of the transaction and serialising that. So it is the second
 * implementation that the first is held against.
 *   Fails:    by assertion: a builder that cannot build is a broken test.
 */
#ifndef YOKE_TESTS_CLI_BUILDER_H
#define YOKE_TESTS_CLI_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUILDER_TXS_MAX 8
#define BUILDER_SLOTS_MAX 12 /* inputs, and outputs, of a transaction */
#define BUILDER_SCRIPT_BYTES_MAX 1200
#define BUILDER_BLOCK_BYTES_MAX 65536

typedef struct builder_bytes {
    uint8_t data[BUILDER_BLOCK_BYTES_MAX];
    size_t size;
} builder_bytes;

typedef struct builder_script {
    uint8_t data[BUILDER_SCRIPT_BYTES_MAX];
    size_t size;
} builder_script;

typedef struct builder_input {
    uint8_t txid[32];
    uint32_t index;
    builder_script script;
    uint32_t sequence;
    builder_script witness; /* one item; size 0: none */
} builder_input;

typedef struct builder_output {
    uint64_t value;
    builder_script script;
} builder_output;

typedef struct builder_tx {
    uint32_t version;
    builder_input inputs[BUILDER_SLOTS_MAX];
    uint32_t num_inputs;
    builder_output outputs[BUILDER_SLOTS_MAX];
    uint32_t num_outputs;
    uint32_t lock_time;
} builder_tx;

typedef struct builder_block {
    uint32_t version;
    uint32_t bits;
    builder_tx txs[BUILDER_TXS_MAX];
    uint32_t num_txs;
} builder_block;

typedef struct builder_key {
    uint8_t secret[32];
    uint8_t public_key[65];
    size_t public_bytes; /* 33 or 65 */
    uint8_t hash[20];
} builder_key;

/* The key number `number` (not 0), in its compressed or uncompressed form. */
builder_key builder_make_key(uint32_t number, bool compressed);

/* Appends an input that spends (txid, index), with an empty script, and an output that pays. */
builder_input *builder_add_input(builder_tx *tx, const uint8_t txid[32], uint32_t index);
void builder_add_output(builder_tx *tx, uint64_t value, const builder_key *key);

void builder_p2pkh(const builder_key *key, builder_script *script);
void builder_p2pk(const builder_key *key, builder_script *script);
void builder_p2sh(const builder_script *redeem, builder_script *script);
void builder_multisig(uint32_t m, const builder_key *keys, uint32_t n, builder_script *script);
void builder_hash160(const void *data, size_t bytes, uint8_t hash[20]);
void builder_push(builder_script *script, const void *data, size_t bytes);

/* The double SHA-256 of what a legacy signature signs, and of the preimage alone where asked. */
void builder_sighash(const builder_tx *tx, uint32_t input, const builder_script *code,
                     uint8_t hash_type, uint8_t digest[32]);
/* The preimage itself; not for SINGLE without an output of the input's index. */
void builder_preimage(const builder_tx *tx, uint32_t input, const builder_script *code,
                      uint8_t hash_type, builder_bytes *out);

/* Signs an input as a spend of a P2PKH coin of the key. Call it when all else is in place. */
void builder_sign(builder_tx *tx, uint32_t input, const builder_key *key, uint8_t hash_type);

/* Pushes the signature of an input, by a key over a script code, onto the input's script. */
void builder_push_signature(builder_tx *tx, uint32_t input, const builder_key *key,
                            const builder_script *code, uint8_t hash_type);

/* The same, with a needless zero in front of r: not strict DER, but accepted before BIP 66. */
void builder_sign_loosely(builder_tx *tx, uint32_t input, const builder_key *key);

void builder_txid(const builder_tx *tx, uint8_t txid[32]);
void builder_sha256d(const void *data, size_t bytes, uint8_t digest[32]);

/* A coin, as a coins file lists it. */
typedef struct builder_coin {
    uint8_t txid[32];
    uint32_t index;
    uint32_t height;
    bool is_coinbase;
    uint64_t amount;
    builder_script script;
} builder_coin;

/* Serialises as Bitcoin Core compresses: scripts of the special types by their type. */
void builder_write_coins(const builder_coin *coins, uint32_t num, builder_bytes *out);
void builder_put_varint(builder_bytes *out, uint64_t value);

/* Sets the coinbase up as transaction 0 of an empty block, stating `height`. */
void builder_start(builder_block *block, uint32_t height);

/* Makes the coinbase commit to the witnesses, as they are now (BIP 141). */
void builder_commit(builder_block *block);

/* Serialises: Merkle root computed, and mined to `bits`. */
void builder_write(const builder_block *block, builder_bytes *out);

/*
 * A block with one of everything: six transactions; compressed and uncompressed keys; every hash
 * type, odd ones and the SINGLE bug too; a coin made and spent in the block; a witness with its
 * commitment; inputs that cannot be proven.
 */
#define BUILDER_SAMPLE_TXS 6
#define BUILDER_SAMPLE_INPUTS 17   /* that spend a coin */
#define BUILDER_SAMPLE_VERIFIED 13 /* of these, P2PKH ones */
void builder_sample(builder_block *block, uint32_t height);

#endif
