/*
 * Tests of the legacy signature hash against the builder's own, which edits a copy of the
 * transaction: for every one of the 256 hash types, at every input, on fixed and random shapes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder.h"

#include "cli/bitcoin/sighash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static builder_block built;
static builder_bytes bytes;

/* A block whose transaction 1 has the given shape, filled with numbers from the sequence. */
static void build_shape(uint32_t num_inputs, uint32_t num_outputs, unsigned short sequence[3])
{
    builder_start(&built, 500000);
    builder_tx *tx = &built.txs[1];
    tx->version = (uint32_t)jrand48(sequence);
    tx->lock_time = (uint32_t)jrand48(sequence);
    for (uint32_t i = 0; i < num_inputs; i++) {
        uint8_t txid[32];
        for (size_t k = 0; k < sizeof(txid); k++) {
            txid[k] = (uint8_t)jrand48(sequence);
        }
        builder_input *input = builder_add_input(tx, txid, (uint32_t)jrand48(sequence));
        input->sequence = (uint32_t)jrand48(sequence);
        input->script.size = (size_t)(nrand48(sequence) % BUILDER_SCRIPT_BYTES_MAX);
        input->witness.size = (size_t)(nrand48(sequence) % 3);
    }
    for (uint32_t i = 0; i < num_outputs; i++) {
        builder_output *output = &tx->outputs[tx->num_outputs++];
        output->value = (uint64_t)nrand48(sequence) << 20;
        output->script.size = (size_t)(nrand48(sequence) % BUILDER_SCRIPT_BYTES_MAX);
    }
    built.num_txs = 2;
    builder_write(&built, &bytes);
}

/* One subject, checked against the builder. */
static void assert_same(const block *b, uint32_t input, const builder_script *code,
                        uint8_t hash_type)
{
    static builder_bytes expected;
    const builder_tx *tx = &built.txs[1];
    sighash_subject subject = {.block = b,
                               .tx = &b->txs[1],
                               .input = input,
                               .code = code->data,
                               .code_bytes = (uint32_t)code->size,
                               .hash_type = hash_type};
    bool is_one = (hash_type & 31) == 3 && input >= tx->num_outputs;
    assert_int_equal(sighash_is_one(&subject), is_one);
    if (is_one) {
        return;
    }
    builder_preimage(tx, input, code, hash_type, &expected);
    assert_int_equal(sighash_bytes(&subject), expected.size);
    assert_true(expected.size <= sighash_bytes_max(b, (uint32_t)code->size));
    /* A heap block of exactly that size: AddressSanitizer sees a byte too many. */
    uint8_t *preimage = malloc(expected.size);
    sighash_write(&subject, preimage);
    assert_memory_equal(preimage, expected.data, expected.size);
    free(preimage);
}

static void assert_all_types_same(const builder_script *code)
{
    block b = {.data = NULL};
    block_error error;
    assert_true(block_parse(&b, bytes.data, bytes.size, &error));
    for (uint32_t input = 0; input < b.txs[1].num_inputs; input++) {
        for (unsigned type = 0; type < 256; type++) {
            assert_same(&b, input, code, (uint8_t)type);
        }
    }
    block_finish(&b);
}

static void every_hash_type_matches_on_every_shape(void **state)
{
    (void)state;
    builder_key key = builder_make_key(3, true);
    builder_script code;
    unsigned short sequence[3] = {1, 2, 3};
    builder_p2pkh(&key, &code);
    for (uint32_t inputs = 1; inputs <= 4; inputs++) {
        for (uint32_t outputs = 1; outputs <= 4; outputs++) {
            build_shape(inputs, outputs, sequence);
            assert_all_types_same(&code);
        }
    }
}

static void random_transactions_match(void **state)
{
    (void)state;
    const char *given = getenv("YOKE_TEST_SEED");
    unsigned long seed = given != NULL ? strtoul(given, NULL, 0) : (unsigned long)time(NULL);
    unsigned short sequence[3] = {(unsigned short)seed, (unsigned short)(seed >> 16), 7};
    print_message("seed %lu\n", seed);
    for (int round = 0; round < 40; round++) {
        uint32_t inputs = 1 + (uint32_t)(nrand48(sequence) % BUILDER_SLOTS_MAX);
        uint32_t outputs = 1 + (uint32_t)(nrand48(sequence) % BUILDER_SLOTS_MAX);
        builder_script code = {.size = (size_t)(nrand48(sequence) % BUILDER_SCRIPT_BYTES_MAX)};
        build_shape(inputs, outputs, sequence);
        assert_all_types_same(&code);
    }
}

static void single_without_its_output_is_the_digest_one(void **state)
{
    (void)state;
    unsigned short sequence[3] = {4, 5, 6};
    block b = {.data = NULL};
    block_error error;
    build_shape(3, 2, sequence);
    assert_true(block_parse(&b, bytes.data, bytes.size, &error));
    sighash_subject subject = {.block = &b, .tx = &b.txs[1], .input = 2, .hash_type = 3};
    assert_true(sighash_is_one(&subject));
    subject.hash_type = 0x83;
    assert_true(sighash_is_one(&subject));
    subject.hash_type = 0x43; /* odd bits change nothing */
    assert_true(sighash_is_one(&subject));
    subject.hash_type = 2;
    assert_false(sighash_is_one(&subject));
    subject.hash_type = 3;
    subject.input = 1;
    assert_false(sighash_is_one(&subject));
    assert_int_equal(sighash_one[0], 1);
    for (int i = 1; i < 32; i++) {
        assert_int_equal(sighash_one[i], 0);
    }
    block_finish(&b);
}

/* The first spend of all: block 170, Satoshi to Hal Finney. Its coin was paid to a bare key, so
 * the script code is that; the digest that its signature signs is public knowledge. */
static void digest_of_the_first_payment_is_right(void **state)
{
    (void)state;
    static const char hex[] = "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857f"
                              "cd3704000000004847304402"
                              "204e45e16932b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd4102"
                              "20181522ec8eca07de4860a4"
                              "acdd12909d831cc56cbbac4622082221a8768d1d0901ffffffff0200ca9a3b000000"
                              "00434104ae1a62fe09c5f51b"
                              "13905f07f06b99a2f7159b2225f374cd378d71302fa28414e7aab37397f554a7df5f"
                              "142c21c1b7303b8a0626f1ba"
                              "ded5c72a704f7e6cd84cac00286bee0000000043410411db93e1dcdb8a016b49840f"
                              "8c53bc1eb68a382e97b1482e"
                              "cad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b86"
                              "43f656b412a3ac00000000";
    static const char expected_hex[] =
        "7a05c6145f10101e9d6325494245adf1297d80f8f38d4d576d57cdba220bcb19";
    uint8_t raw[280];
    uint8_t expected[32];
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        sscanf(hex + 2 * i, "%2hhx", &raw[i]);
    }
    for (size_t i = 0; i < 32; i++) {
        sscanf(expected_hex + 2 * i, "%2hhx", &expected[i]);
    }
    /* Behind a coinbase, so that it parses. */
    builder_start(&built, 500000);
    builder_write(&built, &bytes);
    bytes.data[80] = 2;
    memcpy(bytes.data + bytes.size, raw, size);
    bytes.size += size;
    block b = {.data = NULL};
    block_error error;
    assert_true(block_parse(&b, bytes.data, bytes.size, &error));
    const block_output *change = &b.outputs[b.txs[1].first_output + 1];
    sighash_subject subject = {.block = &b,
                               .tx = &b.txs[1],
                               .code = change->script, /* the change went back to the same key */
                               .code_bytes = change->script_bytes,
                               .hash_type = SIGHASH_ALL};
    uint8_t preimage[400];
    uint8_t digest[32];
    assert_true(sighash_bytes(&subject) <= sizeof(preimage));
    sighash_write(&subject, preimage);
    builder_sha256d(preimage, sighash_bytes(&subject), digest);
    assert_memory_equal(digest, expected, 32);
    block_finish(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_hash_type_matches_on_every_shape),
        cmocka_unit_test(random_transactions_match),
        cmocka_unit_test(single_without_its_output_is_the_digest_one),
        cmocka_unit_test(digest_of_the_first_payment_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
