/*
 * Fuzz target: the block parser on any bytes, and on what it accepts everything that is pure and
 * works on a parsed block: heights, commitments, the list of spends, what their signatures sign.
 * Owns one block, reused as the command does; one thread.
 * Always holds: an accepted block's transactions lie one after the other and end with the buffer;
 * a refused one gives a line; a preimage has the length that was announced and no more than the
 * maximum that was.
 * Costs some microseconds an input.
 */
#include "cli/bitcoin/block.h"
#include "cli/bitcoin/sighash.h"
#include "cli/bitcoin/spends.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void block_fuzz_require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void block_fuzz_transactions(const block *b)
{
    const uint8_t *next = b->txs[0].data;
    for (uint32_t t = 0; t < b->num_txs; t++) {
        const block_tx *tx = &b->txs[t];
        block_fuzz_require(tx->data == next && tx->first_input + tx->num_inputs <= b->num_inputs &&
                           tx->first_output + tx->num_outputs <= b->num_outputs);
        next += tx->bytes;
        uint32_t stripped = block_tx_stripped_bytes(tx);
        block_fuzz_require(tx->has_witness ? stripped < tx->bytes : stripped == tx->bytes);
        uint8_t *out = malloc(stripped);
        block_fuzz_require(out != NULL);
        block_tx_strip(tx, out);
        free(out);
    }
    block_fuzz_require(next == b->data + b->bytes);
}

static void block_fuzz_signature(const block *b, const spend *s, uint32_t k)
{
    uint8_t hash_type;
    script_view signature = spends_signature(s, k, &hash_type);
    script_view key = spends_key(s, k);
    sighash_subject subject = spends_subject(b, s, k);
    block_fuzz_require(signature.bytes <= b->bytes && key.bytes <= b->bytes);
    if (sighash_is_one(&subject)) {
        return;
    }
    size_t bytes = sighash_bytes(&subject);
    block_fuzz_require(bytes <= sighash_bytes_max(b, subject.code_bytes));
    uint8_t *out = malloc(bytes);
    block_fuzz_require(out != NULL);
    sighash_write(&subject, out);
    free(out);
}

static void block_fuzz_spends(const block *b)
{
    spends found = {.list = malloc(b->num_inputs * sizeof(spend))};
    block_fuzz_require(found.list != NULL);
    spends_find(b, &found);
    block_fuzz_require(found.num <= b->num_inputs);
    for (uint32_t i = 0; i < found.num; i++) {
        block_fuzz_require(spends_offset(b, &found.list[i]) < b->bytes);
        for (uint32_t k = 0; k < found.list[i].num_signatures; k++) {
            block_fuzz_signature(b, &found.list[i], k);
        }
    }
    free(found.list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static block b;
    block_error error = {.what = ""};
    if (!block_parse(&b, data, bytes, &error)) {
        char line[320] = "";
        block_error_line(&error, line, sizeof(line));
        block_fuzz_require(error.what[0] != '\0' && strlen(line) > strlen(error.what));
        return 0;
    }
    uint32_t height;
    block_height(&b, &height);
    const uint8_t *commitment = block_witness_commitment(&b);
    const uint8_t *reserved = block_witness_reserved(&b);
    block_fuzz_require(commitment == NULL || commitment + 32 <= data + bytes);
    block_fuzz_require(reserved == NULL || reserved + 32 <= data + bytes);
    block_fuzz_transactions(&b);
    block_fuzz_spends(&b);
    spends_are_strict(&b);
    return 0;
}
