/*
 * Reads a serialised Bitcoin block into arrays of views: transactions, inputs, outputs.
 *
 * Accepts the legacy serialisation and that of BIP 144 (witnesses), transaction by transaction.
 * What is checked here is the form: every length against the bytes that are left, nothing trailing,
 * shortest CompactSizes, at least one input and output each, a coinbase first and only there, and
 * BIP 141's limit on the weight. That also bounds the memory: arrays are grown to what was read.
 *   Threads:  one at a time for a block; afterwards any number may read it.
 *   Owns:     block_parse allocates the arrays, block_finish frees them. Views point into the
 *             caller's buffer, which must stay as it is for as long as the block is used.
 */
#ifndef YOKE_CLI_BITCOIN_BLOCK_H
#define YOKE_CLI_BITCOIN_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_HEADER_BYTES 80
#define BLOCK_WEIGHT_MAX 4000000         /* BIP 141: 3 × bytes without witnesses + all bytes */
#define BLOCK_BYTES_MAX BLOCK_WEIGHT_MAX /* no block of that weight is longer */

/* Where the header's fields start. */
enum {
    BLOCK_AT_PREVIOUS = 4,
    BLOCK_AT_MERKLE_ROOT = 36,
    BLOCK_AT_TIME = 68,
    BLOCK_AT_BITS = 72,
    BLOCK_AT_NONCE = 76,
};

#define BLOCK_NOWHERE UINT32_MAX

/* What is wrong, and where. */
typedef struct block_error {
    char what[200];
    size_t offset;        /* in the raw block, bytes; SIZE_MAX: not at a place in it */
    uint32_t transaction; /* its index, from 0; BLOCK_NOWHERE: not in one */
    uint32_t input;       /* its index in the transaction, from 0; BLOCK_NOWHERE: not in one */
} block_error;

/* Sets *error; what is a printf format. Always returns false, so that a check may return it. */
bool block_error_set(block_error *error, size_t offset, uint32_t transaction, uint32_t input,
                     const char *what, ...) __attribute__((format(printf, 5, 6)));

/* Writes the error as one line without a newline: "transaction 3, input 1, byte 1234: ...". */
void block_error_line(const block_error *error, char *line, size_t line_bytes);

typedef struct block_input {
    const uint8_t *outpoint; /* 36 bytes: the txid of the spent output, its index as 4 bytes */
    const uint8_t *script;
    uint32_t script_bytes;
    uint32_t sequence;
    uint32_t num_witness_items;
    const uint8_t *witness; /* the items, each behind its CompactSize; NULL if there are none */
} block_input;

typedef struct block_output {
    const uint8_t *data; /* value, script length and script */
    const uint8_t *script;
    uint64_t value; /* satoshi */
    uint32_t script_bytes;
} block_output;

typedef struct block_tx {
    const uint8_t *data; /* as serialised, with witnesses */
    const uint8_t *body; /* the counted inputs and outputs, without marker, flag, witnesses */
    uint32_t bytes;
    uint32_t body_bytes;
    uint32_t first_input; /* indices into the block's arrays */
    uint32_t num_inputs;
    uint32_t first_output;
    uint32_t num_outputs;
    uint32_t version;
    uint32_t lock_time;
    bool has_witness;
} block_tx;

/* Zero it before its first use; it may be parsed into again and again, and keeps its arrays. */
typedef struct block {
    const uint8_t *data;
    size_t bytes;
    uint32_t version;
    uint32_t time; /* seconds since 1970 */
    uint32_t bits; /* the target, compact */
    uint32_t weight;
    uint32_t num_txs;
    uint32_t num_inputs;
    uint32_t num_outputs;
    uint32_t num_witness_txs; /* transactions in the serialisation of BIP 144 */
    block_tx *txs;
    block_input *inputs;
    block_output *outputs;
    uint32_t txs_room; /* of the arrays */
    uint32_t inputs_room;
    uint32_t outputs_room;
} block;

/* Parses. On failure *error is set, and the block holds nothing but its arrays. */
bool block_parse(block *block, const uint8_t *data, size_t bytes, block_error *error);

void block_finish(block *block);

/* How long a transaction is without its witnesses, and these bytes: what a txid is the hash of. */
uint32_t block_tx_stripped_bytes(const block_tx *tx);
void block_tx_strip(const block_tx *tx, uint8_t *out);

/* The height that the coinbase states (BIP 34): blocks of version 2 on. */
bool block_height(const block *block, uint32_t *height);

/*
 * BIP 141: the 32 bytes of the commitment in the last coinbase output that carries one, or NULL.
 */
const uint8_t *block_witness_commitment(const block *block);

/* The 32 bytes of the witness reserved value: the only item of the coinbase's witness; or NULL. */
const uint8_t *block_witness_reserved(const block *block);

#endif
