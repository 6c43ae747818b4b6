/*
 * Tests of the block parser: what it finds in a block, and that it refuses, with the place, every
 * block that is cut short, has absurd counts or lengths, or breaks the form. Every block is parsed
 * from a heap copy of its exact size, so that AddressSanitizer sees a read past its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder.h"

#include "cli/bitcoin/block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEIGHT 500000

static builder_block sample;
static builder_bytes bytes;

/* Parses a copy of exactly that size. The block's views are of no use afterwards. */
static bool parse_copy(const uint8_t *data, size_t size, block *b, block_error *error)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    for (size_t i = 0; i < size; i++) {
        copy[i] = data[i];
    }
    bool parsed = block_parse(b, copy, size, error);
    free(copy);
    return parsed;
}

static void assert_refused(const uint8_t *data, size_t size, const char *line)
{
    block b = {.data = NULL};
    block_error error;
    char text[320];
    assert_false(parse_copy(data, size, &b, &error));
    block_error_line(&error, text, sizeof(text));
    assert_string_equal(text, line);
    assert_int_equal(b.num_txs, 0);
    block_finish(&b);
}

/* Replaces `cut` bytes at `at` by others, and asserts what the parser says then. */
static void assert_refused_with(size_t at, size_t cut, const void *put, size_t put_size,
                                const char *line)
{
    static uint8_t changed[BUILDER_BLOCK_BYTES_MAX + 16];
    memcpy(changed, bytes.data, at);
    memcpy(changed + at, put, put_size);
    memcpy(changed + at + put_size, bytes.data + at + cut, bytes.size - at - cut);
    assert_refused(changed, bytes.size - cut + put_size, line);
}

static int build(void **state)
{
    (void)state;
    builder_sample(&sample, HEIGHT);
    builder_write(&sample, &bytes);
    return 0;
}

static void sample_is_read_as_it_was_built(void **state)
{
    (void)state;
    block b = {.data = NULL};
    block_error error;
    uint32_t height = 0;
    assert_true(block_parse(&b, bytes.data, bytes.size, &error));
    assert_int_equal(b.num_txs, BUILDER_SAMPLE_TXS);
    assert_int_equal(b.num_inputs, BUILDER_SAMPLE_INPUTS + 1);
    assert_int_equal(b.bits, 0x207fffff);
    assert_int_equal(b.time, 1700000000);
    assert_true(block_height(&b, &height));
    assert_int_equal(height, HEIGHT);
    assert_int_equal(b.num_witness_txs, 3);
    for (uint32_t t = 0; t < b.num_txs; t++) {
        const block_tx *tx = &b.txs[t];
        const builder_tx *built = &sample.txs[t];
        uint8_t txid[32];
        uint8_t expected[32];
        uint8_t *stripped = malloc(block_tx_stripped_bytes(tx));
        block_tx_strip(tx, stripped);
        builder_sha256d(stripped, block_tx_stripped_bytes(tx), txid);
        builder_txid(built, expected);
        assert_memory_equal(txid, expected, 32);
        free(stripped);
        assert_int_equal(tx->version, built->version);
        assert_int_equal(tx->lock_time, built->lock_time);
        assert_int_equal(tx->num_inputs, built->num_inputs);
        assert_int_equal(tx->num_outputs, built->num_outputs);
        for (uint32_t i = 0; i < tx->num_inputs; i++) {
            const block_input *input = &b.inputs[tx->first_input + i];
            assert_memory_equal(input->outpoint, built->inputs[i].txid, 32);
            assert_int_equal(input->sequence, built->inputs[i].sequence);
            assert_int_equal(input->script_bytes, built->inputs[i].script.size);
            assert_memory_equal(input->script, built->inputs[i].script.data, input->script_bytes);
            assert_int_equal(input->num_witness_items, built->inputs[i].witness.size > 0);
        }
        for (uint32_t i = 0; i < tx->num_outputs; i++) {
            const block_output *output = &b.outputs[tx->first_output + i];
            assert_true(output->value == built->outputs[i].value);
            assert_int_equal(output->script_bytes, built->outputs[i].script.size);
        }
    }
    block_finish(&b);
}

static void block_struct_can_be_parsed_into_again_and_again(void **state)
{
    (void)state;
    block b = {.data = NULL};
    block_error error;
    assert_true(block_parse(&b, bytes.data, bytes.size, &error));
    assert_false(block_parse(&b, bytes.data, bytes.size - 1, &error));
    assert_true(block_parse(&b, bytes.data, bytes.size, &error));
    assert_int_equal(b.num_inputs, BUILDER_SAMPLE_INPUTS + 1);
    block_finish(&b);
    block_finish(&b);
}

static void truncated_block_is_refused_at_every_byte(void **state)
{
    (void)state;
    block b = {.data = NULL};
    for (size_t size = 0; size < bytes.size; size++) {
        block_error error = {.offset = SIZE_MAX};
        assert_false(parse_copy(bytes.data, size, &b, &error));
        assert_true(error.offset <= size);
        assert_true(error.what[0] != '\0');
    }
    block_finish(&b);
}

static void every_flipped_bit_is_refused_or_parsed_within_bounds(void **state)
{
    (void)state;
    static builder_bytes flipped;
    block b = {.data = NULL};
    flipped = bytes;
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        block_error error = {.offset = SIZE_MAX};
        flipped.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool parsed = parse_copy(flipped.data, flipped.size, &b, &error);
        flipped.data[bit / 8] = bytes.data[bit / 8];
        assert_true(parsed || error.offset <= flipped.size);
        /* No more than twice the entries that the bytes could hold. */
        assert_true(b.inputs_room <= 2 * flipped.size / 41);
        assert_true(b.outputs_room <= 2 * flipped.size / 9);
    }
    block_finish(&b);
}

static void trailing_bytes_are_refused(void **state)
{
    (void)state;
    char line[128];
    snprintf(line, sizeof(line), "byte %zu: 2 bytes follow the last transaction", bytes.size);
    assert_refused_with(bytes.size, 0, "\0", 2, line);
}

/* The bytes of a CompactSize that claims 2^64 - 1, 2^32 - 1 or 65535. */
static const uint8_t huge[9] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t large[5] = {0xfe, 0xff, 0xff, 0xff, 0xff};

static void absurd_counts_and_lengths_are_refused_where_they_stand(void **state)
{
    (void)state;
    block b = {.data = NULL};
    block_error error;
    char line[320];
    assert_true(block_parse(&b, bytes.data, bytes.size, &error));
    size_t tx1 = (size_t)(b.txs[1].data - bytes.data);
    size_t script = (size_t)(b.inputs[b.txs[1].first_input + 1].script - bytes.data);
    size_t witness = (size_t)(b.inputs[b.txs[4].first_input].witness - bytes.data);

    snprintf(line, sizeof(line),
             "byte 80: the number of transactions is 18446744073709551615, too many for the %zu "
             "bytes left",
             bytes.size - 81);
    assert_refused_with(80, 1, huge, sizeof(huge), line);

    snprintf(line, sizeof(line),
             "transaction 1, byte %zu: the number of inputs is 4294967295, too many for the %zu "
             "bytes left",
             tx1 + 4, bytes.size - tx1 - 5);
    assert_refused_with(tx1 + 4, 1, large, sizeof(large), line);

    snprintf(line, sizeof(line),
             "transaction 1, input 1, byte %zu: the block ends inside an input script",
             script - 1 + sizeof(huge));
    assert_refused_with(script - 1, 1, huge, sizeof(huge), line);

    size_t output = (size_t)(b.outputs[b.txs[1].first_output].data - bytes.data);
    snprintf(line, sizeof(line),
             "transaction 1, byte %zu: the number of outputs is 18446744073709551615, too many "
             "for the %zu bytes left",
             output - 1, bytes.size - output);
    assert_refused_with(output - 1, 1, huge, sizeof(huge), line);

    snprintf(line, sizeof(line), "transaction 1, byte %zu: the block ends inside an output script",
             output + 8 + sizeof(large));
    assert_refused_with(output + 8, 1, large, sizeof(large), line);

    snprintf(line, sizeof(line),
             "transaction 4, input 0, byte %zu: the number of witness items is 4294967295, too "
             "many for the %zu bytes left",
             witness - 1, bytes.size - witness);
    assert_refused_with(witness - 1, 1, large, sizeof(large), line);

    snprintf(line, sizeof(line),
             "transaction 4, input 0, byte %zu: the block ends inside a witness item",
             witness + sizeof(huge));
    assert_refused_with(witness, 1, huge, sizeof(huge), line);
    block_finish(&b);
}

static void count_in_a_longer_form_than_needed_is_refused(void **state)
{
    (void)state;
    assert_refused_with(80, 1, "\xfd\x06\x00", 3,
                        "byte 80: the number of transactions is not written in its shortest form");
}

static void transaction_without_inputs_or_outputs_is_refused(void **state)
{
    (void)state;
    static builder_block b;
    static builder_bytes out;
    builder_start(&b, HEIGHT);
    b.num_txs = 2;
    b.txs[1].version = 1;
    builder_write(&b, &out);
    size_t tx1 = out.size - 10;
    char line[128];
    snprintf(line, sizeof(line), "transaction 1, byte %zu: the transaction has no inputs", tx1 + 4);
    /* Too short for the least there could be: padded, as the count of transactions is checked
     * against the bytes left. */
    memset(out.data + out.size, 0, 64);
    assert_refused(out.data, out.size + 64, line);

    builder_start(&b, HEIGHT);
    b.txs[0].num_outputs = 0;
    builder_write(&b, &out);
    memset(out.data + out.size, 0, 64);
    snprintf(line, sizeof(line), "transaction 0, byte %zu: the transaction has no outputs",
             out.size - 5);
    assert_refused(out.data, out.size + 64, line);
}

static void witness_serialisation_without_a_witness_is_refused(void **state)
{
    (void)state;
    block b = {.data = NULL};
    block_error error;
    char line[160];
    assert_true(block_parse(&b, bytes.data, bytes.size, &error));
    size_t witness = (size_t)(b.inputs[b.txs[4].first_input].witness - bytes.data);
    /* The one item, 03 01 02 03 behind its count of 1, goes; a count of 0 stays. */
    snprintf(line, sizeof(line),
             "transaction 4, byte %zu: the transaction is marked as having witnesses; all are "
             "empty",
             witness - 1);
    assert_refused_with(witness - 1, 5, "\0", 1, line);
    block_finish(&b);
}

static void coinbase_must_stand_first_and_only_there(void **state)
{
    (void)state;
    static builder_block b;
    static builder_bytes out;
    builder_sample(&b, HEIGHT);
    b.txs[0].inputs[0].index = 0;
    builder_write(&b, &out);
    assert_refused(out.data, out.size,
                   "transaction 0, byte 81: the first transaction is not a coinbase");

    builder_sample(&b, HEIGHT);
    b.txs[0].inputs[0].script.size = 1;
    builder_write(&b, &out);
    assert_refused(out.data, out.size,
                   "transaction 0, byte 81: the coinbase script is not of 2 to 100 bytes");

    builder_sample(&b, HEIGHT);
    memset(b.txs[1].inputs[2].txid, 0, 32);
    b.txs[1].inputs[2].index = UINT32_MAX;
    builder_write(&b, &out);
    block parsed = {.data = NULL};
    block_error error;
    assert_false(block_parse(&parsed, out.data, out.size, &error));
    assert_int_equal(error.transaction, 1);
    assert_int_equal(error.input, 2);
    block_finish(&parsed);
}

static void block_heavier_than_allowed_is_refused(void **state)
{
    (void)state;
    /* One coinbase with an output of just under a megabyte: its weight is four times that. */
    static builder_block b;
    static builder_bytes out;
    enum { SCRIPT = 1000000 };
    builder_start(&b, HEIGHT);
    builder_write(&b, &out);
    uint8_t *heavy = malloc(out.size + SCRIPT + 4);
    size_t head = out.size - 4 - 26; /* the one output's script and its length go */
    static const uint8_t length[5] = {0xfe, SCRIPT & 0xff, SCRIPT >> 8 & 0xff, SCRIPT >> 16, 0};
    memcpy(heavy, out.data, head);
    memcpy(heavy + head, length, 5);
    memset(heavy + head + 5, 0, SCRIPT + 4);
    size_t size = head + 5 + SCRIPT + 4;
    char line[80];
    snprintf(line, sizeof(line), "byte 0: the block weighs %zu, more than 4000000", 4 * size);
    assert_refused(heavy, size, line);
    free(heavy);
}

static void no_transactions_and_no_block_are_refused(void **state)
{
    (void)state;
    uint8_t text[200];
    memset(text, ' ', sizeof(text));
    assert_refused(NULL, 0, "byte 0: the block ends inside the header");
    assert_refused(text, 79, "byte 0: the block ends inside the header");
    assert_refused(text, 80, "byte 80: the block ends inside the number of transactions");
    assert_refused(text, sizeof(text),
                   "byte 80: the number of transactions is 32, too many for the 119 bytes left");
    text[80] = 0;
    assert_refused(text, 81, "byte 80: the block has no transactions");
    static uint8_t endless[BLOCK_BYTES_MAX + 1];
    assert_refused(endless, sizeof(endless),
                   "byte 4000000: the block is longer than 4000000 bytes");
}

static void height_is_read_from_blocks_of_version_2_on(void **state)
{
    (void)state;
    static builder_block b;
    static builder_bytes out;
    static const uint32_t versions[] = {0, 1, 2, 0x20000000, 0x80000000};
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        block parsed = {.data = NULL};
        block_error error;
        uint32_t height = 0;
        builder_start(&b, HEIGHT);
        b.version = versions[i];
        builder_write(&b, &out);
        assert_true(block_parse(&parsed, out.data, out.size, &error));
        bool is_stated = versions[i] == 2 || versions[i] == 0x20000000;
        assert_int_equal(block_height(&parsed, &height), is_stated);
        block_finish(&parsed);
    }
}

static void last_of_several_commitments_counts(void **state)
{
    (void)state;
    block b = {.data = NULL};
    block_error error;
    static builder_block several;
    static builder_bytes out;
    builder_sample(&several, HEIGHT);
    builder_commit(&several);
    several.txs[0].outputs[2].script.data[6] ^= 1;
    builder_write(&several, &out);
    assert_true(block_parse(&b, out.data, out.size, &error));
    const uint8_t *commitment = block_witness_commitment(&b);
    assert_memory_equal(commitment, several.txs[0].outputs[2].script.data + 6, 32);
    assert_memory_equal(block_witness_reserved(&b), several.txs[0].inputs[0].witness.data, 32);
    block_finish(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_is_read_as_it_was_built),
        cmocka_unit_test(block_struct_can_be_parsed_into_again_and_again),
        cmocka_unit_test(truncated_block_is_refused_at_every_byte),
        cmocka_unit_test(every_flipped_bit_is_refused_or_parsed_within_bounds),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(absurd_counts_and_lengths_are_refused_where_they_stand),
        cmocka_unit_test(count_in_a_longer_form_than_needed_is_refused),
        cmocka_unit_test(transaction_without_inputs_or_outputs_is_refused),
        cmocka_unit_test(witness_serialisation_without_a_witness_is_refused),
        cmocka_unit_test(coinbase_must_stand_first_and_only_there),
        cmocka_unit_test(block_heavier_than_allowed_is_refused),
        cmocka_unit_test(no_transactions_and_no_block_are_refused),
        cmocka_unit_test(height_is_read_from_blocks_of_version_2_on),
        cmocka_unit_test(last_of_several_commitments_counts),
    };
    return cmocka_run_group_tests(tests, build, NULL);
}
