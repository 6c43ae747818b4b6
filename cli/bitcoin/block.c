/*
 * The block parser. Owns the three arrays of a block; pure but for their allocation, no globals,
 * any thread (one at a time for a block).
 * Always holds: nothing is read past the end; an array is grown only after the bytes its entries
 * need at the least are known to be there, so memory stays under about six times the block's
 * size; every view lies inside the buffer; the error names the first thing that is wrong.
 * Costs one pass over the lengths; scripts and witnesses are stepped over, not copied.
 * Sources: the protocol's serialisation as BIP 144 states it; BIPs 34 and 141.
 */
#include "block.h"

#include "bytes.h"
#include "script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The least an entry takes: what a count is checked against before its array is grown. */
enum {
    BLOCK_TX_BYTES_MIN = 4 + 1 + 41 + 1 + 9 + 4,
    BLOCK_INPUT_BYTES_MIN = 36 + 1 + 4,
    BLOCK_OUTPUT_BYTES_MIN = 8 + 1,
};

/* One parse: what is filled in, from where, and the place for messages. */
typedef struct block_cursor {
    block *block;
    bytes_reader in;
    block_error *error;
    uint32_t transaction;
    uint32_t input;
} block_cursor;

bool block_error_set(block_error *error, size_t offset, uint32_t transaction, uint32_t input,
                     const char *what, ...)
{
    va_list list;
    va_start(list, what);
    vsnprintf(error->what, sizeof(error->what), what, list);
    va_end(list);
    error->offset = offset;
    error->transaction = transaction;
    error->input = input;
    return false;
}

void block_error_line(const block_error *error, char *line, size_t line_bytes)
{
    char where[64] = "";
    if (error->offset == SIZE_MAX) {
        snprintf(line, line_bytes, "%s", error->what);
        return;
    }
    if (error->input != BLOCK_NOWHERE) {
        snprintf(where, sizeof(where), "transaction %u, input %u, ", error->transaction,
                 error->input);
    } else if (error->transaction != BLOCK_NOWHERE) {
        snprintf(where, sizeof(where), "transaction %u, ", error->transaction);
    }
    snprintf(line, line_bytes, "%sbyte %zu: %s", where, error->offset, error->what);
}

static bool block_fail(const block_cursor *c, size_t offset, const char *what)
{
    return block_error_set(c->error, offset, c->transaction, c->input, "%s", what);
}

/* Turns the reader's fault, if there is one, into the error. */
static bool block_fine(const block_cursor *c)
{
    if (c->in.fault == BYTES_FINE) {
        return true;
    }
    const char *format = c->in.fault == BYTES_SHORT ? "the block ends inside %s"
                                                    : "%s is not written in its shortest form";
    return block_error_set(c->error, c->in.at, c->transaction, c->input, format, c->in.field);
}

/* Reads a count of entries that take bytes_min bytes each at the least. */
static bool block_read_count(block_cursor *c, const char *plural, uint32_t bytes_min,
                             uint32_t *count)
{
    size_t start = c->in.at;
    uint64_t value = bytes_read_compact(&c->in, plural);
    if (!block_fine(c)) {
        return false;
    }
    size_t left = bytes_left(&c->in);
    if (value > left / bytes_min) {
        return block_error_set(c->error, start, c->transaction, c->input,
                               "%s is %llu, too many for the %zu bytes left", plural,
                               (unsigned long long)value, left);
    }
    *count = (uint32_t)value;
    return true;
}

/* Makes room for `more` entries after the `used` ones. */
static bool block_reserve(block_cursor *c, void **array, uint32_t *room, uint32_t used,
                          uint32_t more, size_t entry_bytes)
{
    if (more <= *room - used) {
        return true;
    }
    uint32_t wanted = used + more;
    uint32_t grown = *room + *room / 2 > wanted ? *room + *room / 2 : wanted;
    void *memory = realloc(*array, grown * entry_bytes);
    if (memory == NULL) {
        return block_fail(c, c->in.at, "out of memory");
    }
    *array = memory;
    *room = grown;
    return true;
}

static bool block_parse_input(block_cursor *c, block_input *input)
{
    memset(input, 0, sizeof(*input));
    input->outpoint = bytes_read_view(&c->in, 36, "an outpoint");
    uint64_t script_bytes = bytes_read_compact(&c->in, "an input script's length");
    input->script = bytes_read_view(&c->in, script_bytes, "an input script");
    input->script_bytes = (uint32_t)script_bytes;
    input->sequence = bytes_read_u32(&c->in, "a sequence number");
    return block_fine(c);
}

static bool block_parse_inputs(block_cursor *c, block_tx *tx)
{
    size_t start = c->in.at;
    block *b = c->block;
    if (!block_read_count(c, "the number of inputs", BLOCK_INPUT_BYTES_MIN, &tx->num_inputs)) {
        return false;
    }
    if (tx->num_inputs == 0) {
        return block_fail(c, start, "the transaction has no inputs");
    }
    if (!block_reserve(c, (void **)&b->inputs, &b->inputs_room, b->num_inputs, tx->num_inputs,
                       sizeof(*b->inputs))) {
        return false;
    }
    tx->first_input = b->num_inputs;
    b->num_inputs += tx->num_inputs;
    for (c->input = 0; c->input < tx->num_inputs; c->input++) {
        if (!block_parse_input(c, &b->inputs[tx->first_input + c->input])) {
            return false;
        }
    }
    c->input = BLOCK_NOWHERE;
    return true;
}

static bool block_parse_outputs(block_cursor *c, block_tx *tx)
{
    size_t start = c->in.at;
    block *b = c->block;
    if (!block_read_count(c, "the number of outputs", BLOCK_OUTPUT_BYTES_MIN, &tx->num_outputs)) {
        return false;
    }
    if (tx->num_outputs == 0) {
        return block_fail(c, start, "the transaction has no outputs");
    }
    if (!block_reserve(c, (void **)&b->outputs, &b->outputs_room, b->num_outputs, tx->num_outputs,
                       sizeof(*b->outputs))) {
        return false;
    }
    tx->first_output = b->num_outputs;
    b->num_outputs += tx->num_outputs;
    for (uint32_t i = 0; i < tx->num_outputs; i++) {
        block_output *output = &b->outputs[tx->first_output + i];
        output->data = c->in.data + c->in.at;
        output->value = bytes_read_u64(&c->in, "an output's value");
        uint64_t script_bytes = bytes_read_compact(&c->in, "an output script's length");
        output->script = bytes_read_view(&c->in, script_bytes, "an output script");
        output->script_bytes = (uint32_t)script_bytes;
        if (!block_fine(c)) {
            return false;
        }
    }
    return true;
}

static bool block_parse_witnesses(block_cursor *c, block_tx *tx)
{
    size_t start = c->in.at;
    bool any = false;
    for (c->input = 0; c->input < tx->num_inputs; c->input++) {
        block_input *input = &c->block->inputs[tx->first_input + c->input];
        if (!block_read_count(c, "the number of witness items", 1, &input->num_witness_items)) {
            return false;
        }
        if (input->num_witness_items > 0) {
            any = true;
            input->witness = c->in.data + c->in.at;
        }
        for (uint32_t i = 0; i < input->num_witness_items; i++) {
            uint64_t bytes = bytes_read_compact(&c->in, "a witness item's length");
            bytes_read_view(&c->in, bytes, "a witness item");
            if (!block_fine(c)) {
                return false;
            }
        }
    }
    c->input = BLOCK_NOWHERE;
    return any || block_fail(c, start,
                             "the transaction is marked as having witnesses; all are "
                             "empty");
}

/* BIP 144: a zero where the number of inputs would stand, then a flag, which must be 1. */
static bool block_parse_marker(block_cursor *c, block_tx *tx)
{
    if (bytes_left(&c->in) < 2 || c->in.data[c->in.at] != 0) {
        return true;
    }
    const uint8_t *marker = bytes_read_view(&c->in, 2, "the witness marker");
    if (marker[1] != 1) {
        return block_fail(c, c->in.at - 2, "the transaction has no inputs");
    }
    tx->has_witness = true;
    c->block->num_witness_txs++;
    return true;
}

static bool block_is_null_outpoint(const uint8_t *outpoint)
{
    static const uint8_t null[36] = {[32] = 0xff, 0xff, 0xff, 0xff};
    return memcmp(outpoint, null, sizeof(null)) == 0;
}

/* A coinbase stands first and nowhere else. */
static bool block_check_coinbase(block_cursor *c, const block_tx *tx)
{
    const block_input *inputs = &c->block->inputs[tx->first_input];
    size_t offset = (size_t)(tx->data - c->in.data);
    if (c->transaction == 0) {
        if (tx->num_inputs != 1 || !block_is_null_outpoint(inputs[0].outpoint)) {
            return block_fail(c, offset, "the first transaction is not a coinbase");
        }
        if (inputs[0].script_bytes < 2 || inputs[0].script_bytes > 100) {
            return block_fail(c, offset, "the coinbase script is not of 2 to 100 bytes");
        }
        return true;
    }
    for (uint32_t i = 0; i < tx->num_inputs; i++) {
        if (block_is_null_outpoint(inputs[i].outpoint)) {
            c->input = i;
            return block_fail(c, (size_t)(inputs[i].outpoint - c->in.data),
                              "the input spends no output, as only a coinbase may");
        }
    }
    return true;
}

static bool block_parse_tx(block_cursor *c, block_tx *tx)
{
    memset(tx, 0, sizeof(*tx));
    tx->data = c->in.data + c->in.at;
    tx->version = bytes_read_u32(&c->in, "the transaction's version");
    if (!block_fine(c) || !block_parse_marker(c, tx)) {
        return false;
    }
    tx->body = c->in.data + c->in.at;
    if (!block_parse_inputs(c, tx) || !block_parse_outputs(c, tx)) {
        return false;
    }
    tx->body_bytes = (uint32_t)(c->in.data + c->in.at - tx->body);
    if (tx->has_witness && !block_parse_witnesses(c, tx)) {
        return false;
    }
    tx->lock_time = bytes_read_u32(&c->in, "the lock time");
    tx->bytes = (uint32_t)(c->in.data + c->in.at - tx->data);
    return block_fine(c) && block_check_coinbase(c, tx);
}

static bool block_parse_txs(block_cursor *c)
{
    block *b = c->block;
    size_t start = c->in.at;
    uint32_t count = 0;
    if (!block_read_count(c, "the number of transactions", BLOCK_TX_BYTES_MIN, &count)) {
        return false;
    }
    if (count == 0) {
        return block_fail(c, start, "the block has no transactions");
    }
    if (!block_reserve(c, (void **)&b->txs, &b->txs_room, 0, count, sizeof(*b->txs))) {
        return false;
    }
    b->num_txs = count;
    uint64_t stripped = c->in.at;
    for (c->transaction = 0; c->transaction < count; c->transaction++) {
        if (!block_parse_tx(c, &b->txs[c->transaction])) {
            return false;
        }
        stripped += block_tx_stripped_bytes(&b->txs[c->transaction]);
    }
    c->transaction = BLOCK_NOWHERE;
    uint64_t weight = 3 * stripped + c->in.at;
    if (weight > BLOCK_WEIGHT_MAX) {
        return block_error_set(c->error, 0, BLOCK_NOWHERE, BLOCK_NOWHERE,
                               "the block weighs %llu, more than %d", (unsigned long long)weight,
                               BLOCK_WEIGHT_MAX);
    }
    b->weight = (uint32_t)weight;
    return true;
}

static bool block_parse_all(block_cursor *c)
{
    block *b = c->block;
    if (c->in.size > BLOCK_BYTES_MAX) {
        return block_error_set(c->error, BLOCK_BYTES_MAX, BLOCK_NOWHERE, BLOCK_NOWHERE,
                               "the block is longer than %d bytes", BLOCK_BYTES_MAX);
    }
    const uint8_t *header = bytes_read_view(&c->in, BLOCK_HEADER_BYTES, "the header");
    if (!block_fine(c)) {
        return false;
    }
    b->version = bytes_get_u32(header);
    b->time = bytes_get_u32(header + BLOCK_AT_TIME);
    b->bits = bytes_get_u32(header + BLOCK_AT_BITS);
    if (!block_parse_txs(c)) {
        return false;
    }
    if (bytes_left(&c->in) != 0) {
        return block_error_set(c->error, c->in.at, BLOCK_NOWHERE, BLOCK_NOWHERE,
                               "%zu bytes follow the last transaction", bytes_left(&c->in));
    }
    return true;
}

bool block_parse(block *b, const uint8_t *data, size_t bytes, block_error *error)
{
    *b = (block){.data = data,
                 .bytes = bytes,
                 .txs = b->txs,
                 .inputs = b->inputs,
                 .outputs = b->outputs,
                 .txs_room = b->txs_room,
                 .inputs_room = b->inputs_room,
                 .outputs_room = b->outputs_room};
    block_cursor c = {.block = b,
                      .in = {.data = data, .size = bytes},
                      .error = error,
                      .transaction = BLOCK_NOWHERE,
                      .input = BLOCK_NOWHERE};
    if (block_parse_all(&c)) {
        return true;
    }
    b->num_txs = b->num_inputs = b->num_outputs = b->num_witness_txs = 0;
    return false;
}

void block_finish(block *b)
{
    free(b->txs);
    free(b->inputs);
    free(b->outputs);
    *b = (block){.data = NULL};
}

uint32_t block_tx_stripped_bytes(const block_tx *tx)
{
    return 4 + tx->body_bytes + 4;
}

void block_tx_strip(const block_tx *tx, uint8_t *out)
{
    memcpy(out, tx->data, 4);
    memcpy(out + 4, tx->body, tx->body_bytes);
    memcpy(out + 4 + tx->body_bytes, tx->data + tx->bytes - 4, 4);
}

bool block_height(const block *b, uint32_t *height)
{
    const block_input *coinbase = &b->inputs[b->txs[0].first_input];
    /* Versions are signed: those with the top bit set are negative, and below 2. */
    return b->version >= 2 && b->version <= INT32_MAX &&
           script_height(coinbase->script, coinbase->script_bytes, height);
}

const uint8_t *block_witness_commitment(const block *b)
{
    static const uint8_t prefix[6] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
    const block_output *outputs = &b->outputs[b->txs[0].first_output];
    for (uint32_t i = b->txs[0].num_outputs; i-- > 0;) {
        if (outputs[i].script_bytes >= sizeof(prefix) + 32 &&
            memcmp(outputs[i].script, prefix, sizeof(prefix)) == 0) {
            return outputs[i].script + sizeof(prefix);
        }
    }
    return NULL;
}

const uint8_t *block_witness_reserved(const block *b)
{
    const block_input *coinbase = &b->inputs[b->txs[0].first_input];
    bool is_one_of_32 = coinbase->num_witness_items == 1 && coinbase->witness[0] == 32;
    return is_one_of_32 ? coinbase->witness + 1 : NULL;
}
