/*
 * Tests of the prover on a runtime: a built block with one of everything is proven; every way of
 * being wrong is told, with its place; and real blocks, where their data is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder.h"

#include "bench/block_peer.h"
#include "cli/load.h"
#include "cli/prove.h"
#include "cli/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEIGHT 500000
#define HEIGHT_BEFORE_BIP66 (SPENDS_BIP66_HEIGHT - 1)

static builder_block built;
static builder_bytes bytes;

static yoke_runtime *rt;
static prove *prover;

static int open_prover(void **state)
{
    (void)state;
    char error[256];
    start_options options = {.num_workers = 2, .engine = YOKE_ENGINE_CPU};
    assert_true(start_runtime(&rt, &options, error, sizeof(error)));
    prover = prove_create(rt);
    assert_non_null(prover);
    return 0;
}

static int close_prover(void **state)
{
    (void)state;
    prove_destroy(&prover);
    prove_destroy(&prover);
    yoke_destroy(&rt);
    return 0;
}

static prove_verdict run(prove_report *report, char *line, size_t line_bytes)
{
    block_error error = {.what = ""};
    prove_verdict verdict = prove_run(prover, bytes.data, bytes.size, report, &error);
    block_error_line(&error, line, line_bytes);
    return verdict;
}

/* Serialises what is built, and asserts that it is refused for that reason. */
static void assert_invalid(const char *reason)
{
    prove_report report;
    char line[320];
    builder_write(&built, &bytes);
    assert_int_equal(run(&report, line, sizeof(line)), PROVE_INVALID);
    if (strstr(line, reason) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", reason, line);
    }
}

static void assert_valid(prove_report *report)
{
    char line[320];
    if (run(report, line, sizeof(line)) != PROVE_VALID) {
        fail_msg("%s", line);
    }
}

/* ---------------------------------------------------------------------------------------------
 * What is right
 */

static void block_with_one_of_everything_is_proven(void **state)
{
    (void)state;
    prove_report r;
    builder_sample(&built, HEIGHT);
    builder_write(&built, &bytes);
    assert_valid(&r);
    assert_int_equal(r.num_txs, BUILDER_SAMPLE_TXS);
    assert_int_equal(r.num_inputs, BUILDER_SAMPLE_INPUTS);
    assert_int_equal(r.num_verified, BUILDER_SAMPLE_VERIFIED);
    assert_int_equal(r.num_failed, 0);
    assert_int_equal(r.kinds[SPENDS_P2PKH], BUILDER_SAMPLE_VERIFIED);
    assert_int_equal(r.kinds[SPENDS_WITNESS], 2);
    assert_int_equal(r.kinds[SPENDS_EMPTY], 1);
    assert_int_equal(r.kinds[SPENDS_OTHER], 1);
    assert_int_equal(r.kinds[SPENDS_NOT_P2PKH], 0);
    assert_int_equal(r.witness, PROVE_WITNESS_RIGHT);
    assert_true(r.has_height);
    assert_int_equal(r.height, HEIGHT);
    assert_int_equal(r.stages[PROVE_SIGNATURES].items, BUILDER_SAMPLE_VERIFIED);
    /* 3 + 2 + 1 pairs; of the witnesses, 2 hashes more and the commitment's own. */
    assert_int_equal(r.stages[PROVE_MERKLE].items, 6);
    assert_int_equal(r.stages[PROVE_WITNESS].items, 2 + 6 + 1);
    /* Of the signature hashes one is the digest "one", which nobody computes. */
    for (int i = 0; i < PROVE_NUM_STAGES; i++) {
        uint64_t expected = r.stages[i].items;
        expected -= i == PROVE_PARSE ? expected : i == PROVE_SIGHASHES ? 1 : 0;
        assert_int_equal(r.stages[i].cpu_items, expected);
        assert_int_equal(r.stages[i].gpu_items, 0);
    }
}

static void runs_can_be_repeated_in_one_prover(void **state)
{
    (void)state;
    prove_report r;
    builder_sample(&built, HEIGHT);
    builder_write(&built, &bytes);
    for (int i = 0; i < 20; i++) {
        assert_valid(&r);
        assert_int_equal(r.num_verified, BUILDER_SAMPLE_VERIFIED);
        bytes.size--;
        char line[320];
        assert_int_equal(run(&r, line, sizeof(line)), PROVE_INVALID);
        bytes.size++;
    }
}

static void block_with_its_coinbase_alone_is_proven(void **state)
{
    (void)state;
    prove_report r;
    builder_start(&built, HEIGHT);
    builder_write(&built, &bytes);
    assert_valid(&r);
    assert_int_equal(r.num_inputs, 0);
    assert_int_equal(r.num_verified, 0);
    assert_int_equal(r.witness, PROVE_WITNESS_NONE);
}

/* Enough inputs of one transaction that their preimages take more than one turn of the ring, with
 * digests of "one" in between. */
static void many_preimages_pass_through_few_chunks(void **state)
{
    (void)state;
    prove_report r;
    builder_key keys[BUILDER_SLOTS_MAX];
    builder_start(&built, HEIGHT);
    for (uint32_t t = 1; t < BUILDER_TXS_MAX; t++) {
        builder_tx *tx = &built.txs[t];
        tx->lock_time = t;
        for (uint32_t i = 0; i < BUILDER_SLOTS_MAX; i++) {
            keys[i] = builder_make_key(100 + i, true);
            builder_add_input(tx, (const uint8_t[32]){(uint8_t)t}, i);
        }
        builder_add_output(tx, 1, &keys[0]);
        for (uint32_t i = 0; i < BUILDER_SLOTS_MAX; i++) {
            builder_sign(tx, i, &keys[i], i % 3 == 2 ? 3 : 1);
        }
    }
    built.num_txs = BUILDER_TXS_MAX;
    builder_write(&built, &bytes);
    assert_valid(&r);
    assert_int_equal(r.num_verified, (BUILDER_TXS_MAX - 1) * BUILDER_SLOTS_MAX);
}

/* ---------------------------------------------------------------------------------------------
 * What is wrong
 */

static void truncated_block_is_refused_at_every_byte(void **state)
{
    (void)state;
    prove_report r;
    char line[320];
    builder_sample(&built, HEIGHT);
    builder_write(&built, &bytes);
    size_t size = bytes.size;
    for (bytes.size = 0; bytes.size < size; bytes.size++) {
        assert_int_equal(run(&r, line, sizeof(line)), PROVE_INVALID);
    }
}

static void flipped_bit_behind_the_header_is_always_told(void **state)
{
    (void)state;
    prove_report r;
    char line[320];
    builder_sample(&built, HEIGHT);
    builder_write(&built, &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        /* The header has fields that one block cannot prove: previous hash, time, version. */
        bool is_bound = i >= BLOCK_HEADER_BYTES || (i >= BLOCK_AT_MERKLE_ROOT && i < BLOCK_AT_TIME);
        uint8_t mask = (uint8_t)(1u << i % 8);
        bytes.data[i] ^= mask;
        prove_verdict verdict = run(&r, line, sizeof(line));
        bytes.data[i] ^= mask;
        assert_true(verdict == PROVE_INVALID || (!is_bound && verdict == PROVE_VALID));
    }
}

static void wrong_merkle_root_is_told_with_both_roots(void **state)
{
    (void)state;
    prove_report r;
    char line[320];
    builder_sample(&built, HEIGHT);
    builder_write(&built, &bytes);
    do { /* until the hash still meets the easy target: every second root does */
        bytes.data[BLOCK_AT_MERKLE_ROOT]++;
        assert_int_equal(run(&r, line, sizeof(line)), PROVE_INVALID);
    } while (strstr(line, "no proof of work") != NULL);
    assert_non_null(strstr(line, "byte 36: the header's Merkle root is "));
    assert_non_null(strstr(line, ", that of the transactions "));
}

static void hash_above_the_target_is_told(void **state)
{
    (void)state;
    prove_report r;
    char line[320];
    builder_sample(&built, HEIGHT);
    builder_write(&built, &bytes);
    memcpy(bytes.data + BLOCK_AT_BITS, "\xff\xff\x00\x1d", 4);
    assert_int_equal(run(&r, line, sizeof(line)), PROVE_INVALID);
    assert_string_equal(line, "byte 72: the header's hash is above its target: no proof of work");
    memcpy(bytes.data + BLOCK_AT_BITS, "\xff\xff\x80\x1d", 4);
    assert_int_equal(run(&r, line, sizeof(line)), PROVE_INVALID);
    assert_string_equal(line, "byte 72: the header's target is negative");
}

/* CVE-2012-2459: of three transactions the tree pairs the last with itself, so listing it twice
 * leaves the root as it was. */
static void transactions_listed_twice_under_the_same_root_are_told(void **state)
{
    (void)state;
    prove_report r;
    char line[320];
    uint8_t root[32];
    builder_sample(&built, HEIGHT);
    built.num_txs = 3;
    built.txs[0].num_outputs = 1; /* no witnesses here */
    built.txs[0].inputs[0].witness.size = 0;
    builder_write(&built, &bytes);
    memcpy(root, bytes.data + BLOCK_AT_MERKLE_ROOT, 32);
    assert_valid(&r);
    built.txs[3] = built.txs[2];
    built.num_txs = 4;
    builder_write(&built, &bytes);
    assert_memory_equal(root, bytes.data + BLOCK_AT_MERKLE_ROOT, 32);
    assert_int_equal(run(&r, line, sizeof(line)), PROVE_INVALID);
    assert_non_null(strstr(line, "transaction 3, byte "));
    assert_non_null(strstr(line, "CVE-2012-2459"));
}

/* Of six transactions it is the last pair that is paired with itself, a level higher. */
static void pairs_listed_twice_under_the_same_root_are_told(void **state)
{
    (void)state;
    prove_report r;
    char line[320];
    uint8_t root[32];
    builder_sample(&built, HEIGHT);
    builder_write(&built, &bytes);
    memcpy(root, bytes.data + BLOCK_AT_MERKLE_ROOT, 32);
    assert_valid(&r);
    built.txs[6] = built.txs[4];
    built.txs[7] = built.txs[5];
    built.num_txs = 8;
    builder_write(&built, &bytes);
    assert_memory_equal(root, bytes.data + BLOCK_AT_MERKLE_ROOT, 32);
    assert_int_equal(run(&r, line, sizeof(line)), PROVE_INVALID);
    assert_non_null(strstr(line, "transaction 6, byte "));
    assert_non_null(strstr(line, "CVE-2012-2459"));
}

static void transaction_listed_twice_elsewhere_is_told(void **state)
{
    (void)state;
    builder_sample(&built, HEIGHT);
    built.txs[5] = built.txs[2];
    built.txs[0].num_outputs = 1;
    builder_commit(&built);
    assert_invalid("the transaction is the same as transaction 2");
}

static void altered_signature_is_told_with_transaction_and_input(void **state)
{
    (void)state;
    builder_sample(&built, HEIGHT);
    /* In the middle of s: still DER, no longer the signature. */
    built.txs[1].inputs[4].script.data[50] ^= 4;
    builder_tx *tx = &built.txs[1];
    tx->inputs[7].script.data[50] ^= 4;
    /* Transaction 1 changes its id, which no other refers to. The commitment covers it. */
    built.txs[0].num_outputs = 1;
    builder_commit(&built);
    assert_invalid("transaction 1, input 4, byte ");
    assert_invalid(": the signature does not hold (2 of 13 inputs fail)");
}

static void signature_of_another_hash_type_does_not_hold(void **state)
{
    (void)state;
    builder_sample(&built, HEIGHT);
    builder_script *script = &built.txs[1].inputs[1].script;
    script->data[script->data[0]] = 0x01; /* was NONE */
    built.txs[0].num_outputs = 1;
    builder_commit(&built);
    assert_invalid("transaction 1, input 1, byte ");
}

static void key_that_is_no_point_is_told(void **state)
{
    (void)state;
    builder_sample(&built, HEIGHT);
    builder_script *script = &built.txs[1].inputs[0].script;
    memset(script->data + script->data[0] + 3, 0xff, 32); /* x is not below the prime */
    built.txs[0].num_outputs = 1;
    builder_commit(&built);
    assert_invalid("the signature or the key cannot be decoded (1 of 13 inputs fail)");
}

static void loose_signature_holds_before_bip66_only(void **state)
{
    (void)state;
    prove_report r;
    builder_key key = builder_make_key(1, true);
    static const uint32_t heights[] = {HEIGHT_BEFORE_BIP66, SPENDS_BIP66_HEIGHT};
    for (size_t i = 0; i < 2; i++) {
        builder_start(&built, heights[i]);
        builder_add_input(&built.txs[1], (const uint8_t[32]){1}, 0);
        builder_add_output(&built.txs[1], 1, &key);
        builder_sign_loosely(&built.txs[1], 0, &key);
        built.num_txs = 2;
        if (heights[i] == HEIGHT_BEFORE_BIP66) {
            builder_write(&built, &bytes);
            assert_valid(&r);
            assert_int_equal(r.num_verified, 1);
        } else {
            assert_invalid("transaction 1, input 0, byte ");
        }
    }
}

static void coin_of_this_block_must_be_paid_to_the_key(void **state)
{
    (void)state;
    builder_key eve = builder_make_key(66, true);
    builder_sample(&built, HEIGHT);
    builder_sign(&built.txs[3], 0, &eve, 1);
    built.txs[0].num_outputs = 1;
    builder_commit(&built);
    assert_invalid("transaction 3, input 0, byte ");
    assert_invalid("the key is not the one that the coin, made in this block, is paid to");
}

/* A P2SH coin, say: what looks like signature and key is then something else. */
static void coin_of_this_block_with_another_script_is_left_out(void **state)
{
    (void)state;
    prove_report r;
    builder_key bob = builder_make_key(2, false);
    uint8_t txid[32];
    builder_sample(&built, HEIGHT);
    built.txs[2].outputs[0].script.size = 23;
    builder_txid(&built.txs[2], txid);
    memcpy(built.txs[3].inputs[0].txid, txid, 32);
    builder_sign(&built.txs[3], 0, &bob, 1);
    built.txs[3].inputs[0].script.data[50] ^= 4; /* would not verify */
    built.txs[2].inputs[0].script.size = 0;      /* its signature no longer fits */
    builder_txid(&built.txs[2], txid);
    memcpy(built.txs[3].inputs[0].txid, txid, 32);
    built.txs[0].num_outputs = 1;
    builder_commit(&built);
    builder_write(&built, &bytes);
    assert_valid(&r);
    assert_int_equal(r.kinds[SPENDS_NOT_P2PKH], 1);
    assert_int_equal(r.num_verified, BUILDER_SAMPLE_VERIFIED - 2);
}

static void coin_must_be_made_before_it_is_spent_and_exist(void **state)
{
    (void)state;
    static builder_tx swap;
    builder_key bob = builder_make_key(2, false);
    builder_sample(&built, HEIGHT);
    swap = built.txs[2];
    built.txs[2] = built.txs[3];
    built.txs[3] = swap;
    built.txs[0].num_outputs = 1;
    builder_commit(&built);
    assert_invalid("transaction 2, input 0, byte ");
    assert_invalid("the input spends an output of transaction 3, which does not come before it");

    builder_sample(&built, HEIGHT);
    built.txs[3].inputs[0].index = 1;
    builder_sign(&built.txs[3], 0, &bob, 1);
    built.txs[0].num_outputs = 1;
    builder_commit(&built);
    assert_invalid("the input spends output 1 of transaction 2, which has 1");
}

static void wrong_witness_commitment_is_told(void **state)
{
    (void)state;
    builder_sample(&built, HEIGHT);
    built.txs[0].outputs[1].script.data[20] ^= 1;
    assert_invalid("the coinbase commits to other witnesses than the block has");
    builder_sample(&built, HEIGHT);
    built.txs[5].inputs[0].witness.data[0] ^= 1;
    assert_invalid("the coinbase commits to other witnesses than the block has");
    builder_sample(&built, HEIGHT);
    built.txs[0].inputs[0].witness.data[0] ^= 1;
    assert_invalid("the coinbase commits to other witnesses than the block has");
}

static void witnesses_need_a_commitment_and_its_reserved_value(void **state)
{
    (void)state;
    builder_sample(&built, HEIGHT);
    built.txs[0].num_outputs = 1;
    assert_invalid("the block has witnesses, but its coinbase commits to none");
    builder_sample(&built, HEIGHT);
    built.txs[0].inputs[0].witness.size = 31;
    assert_invalid("the coinbase's witness is not the one value of 32 bytes");
}

static void commitment_without_witnesses_counts_from_bip141_on(void **state)
{
    (void)state;
    prove_report r;
    builder_start(&built, 481823);
    builder_commit(&built);
    built.txs[0].inputs[0].witness.size = 0;
    builder_write(&built, &bytes);
    assert_valid(&r);
    assert_int_equal(r.witness, PROVE_WITNESS_UNCHECKED);
    builder_start(&built, 481824);
    builder_commit(&built);
    built.txs[0].inputs[0].witness.size = 0;
    assert_invalid("the coinbase's witness is not the one value of 32 bytes");
}

static void runtime_without_the_packs_has_no_prover(void **state)
{
    (void)state;
    yoke_runtime *bare = NULL;
    assert_int_equal(yoke_create(&bare, yoke_options(.num_workers = 1, .engine = YOKE_ENGINE_CPU)),
                     YOKE_OK);
    assert_null(prove_create(bare));
    yoke_destroy(&bare);
}

/* ---------------------------------------------------------------------------------------------
 * Real blocks, and the peer of the bench
 */

/* By yoke and by the peer. hash_end: the last eight digits of the block's hash. */
static void assert_real_block(const char *path, const char *hash_end, uint32_t num_txs,
                              uint32_t num_verified)
{
    load_result file;
    prove_report r;
    block_error error;
    block_peer_result peer;
    char end[9];
    assert_true(load_block(path, &file));
    assert_int_equal(prove_run(prover, file.data, file.bytes, &r, &error), PROVE_VALID);
    snprintf(end, sizeof(end), "%02x%02x%02x%02x", r.hash[3], r.hash[2], r.hash[1], r.hash[0]);
    assert_string_equal(end, hash_end);
    assert_int_equal(r.num_txs, num_txs);
    assert_int_equal(r.num_verified, num_verified);
    assert_int_equal(r.num_failed, 0);
    assert_true(block_peer_run(file.data, file.bytes, 2, &peer, &error));
    assert_int_equal(peer.num_verified, num_verified);
    assert_int_equal(peer.num_failed, 0);
    load_free(&file);
}

static void mainnet_block_413567_is_proven(void **state)
{
    (void)state;
    char path[4096];
    const char *folder = getenv("YOKE_TEST_DATA");
    if (folder == NULL) {
        print_message("skipped: YOKE_TEST_DATA is not set\n");
        skip();
    }
    snprintf(path, sizeof(path), "%s/bitcoin/block413567.raw", folder);
    if (access(path, R_OK) != 0) {
        print_message("skipped: YOKE_TEST_DATA has no bitcoin/block413567.raw\n");
        skip();
    }
    assert_real_block(path, "325d4069", 1557, 3957);
}

/* $YOKE_BLOCK, if it is the block that `./dev setup` fetches. */
static void mainnet_block_357238_is_proven(void **state)
{
    (void)state;
    const char *path = getenv("YOKE_BLOCK");
    if (path == NULL || strstr(path, "357238") == NULL) {
        print_message("skipped: YOKE_BLOCK does not name block 357238\n");
        skip();
    }
    assert_real_block(path, "3cf0343d", 369, 782);
}

static void peer_agrees_on_what_fails(void **state)
{
    (void)state;
    block_peer_result peer;
    block_error error;
    builder_key key = builder_make_key(1, true);
    builder_start(&built, HEIGHT);
    for (uint32_t i = 0; i < 5; i++) {
        builder_add_input(&built.txs[1], (const uint8_t[32]){1}, i);
    }
    builder_add_output(&built.txs[1], 1, &key);
    for (uint32_t i = 0; i < 5; i++) {
        builder_sign(&built.txs[1], i, &key, i < 3 ? 3 : 0x81);
    }
    built.txs[1].inputs[3].script.data[50] ^= 4;
    built.num_txs = 2;
    builder_write(&built, &bytes);
    for (uint32_t threads = 1; threads <= 7; threads += 2) {
        assert_true(block_peer_run(bytes.data, bytes.size, threads, &peer, &error));
        assert_int_equal(peer.num_verified, 4);
        assert_int_equal(peer.num_failed, 1);
    }
    bytes.data[BLOCK_AT_MERKLE_ROOT] ^= 1;
    assert_false(block_peer_run(bytes.data, bytes.size, 1, &peer, &error));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_with_one_of_everything_is_proven),
        cmocka_unit_test(runs_can_be_repeated_in_one_prover),
        cmocka_unit_test(block_with_its_coinbase_alone_is_proven),
        cmocka_unit_test(many_preimages_pass_through_few_chunks),
        cmocka_unit_test(truncated_block_is_refused_at_every_byte),
        cmocka_unit_test(flipped_bit_behind_the_header_is_always_told),
        cmocka_unit_test(wrong_merkle_root_is_told_with_both_roots),
        cmocka_unit_test(hash_above_the_target_is_told),
        cmocka_unit_test(transactions_listed_twice_under_the_same_root_are_told),
        cmocka_unit_test(pairs_listed_twice_under_the_same_root_are_told),
        cmocka_unit_test(transaction_listed_twice_elsewhere_is_told),
        cmocka_unit_test(altered_signature_is_told_with_transaction_and_input),
        cmocka_unit_test(signature_of_another_hash_type_does_not_hold),
        cmocka_unit_test(key_that_is_no_point_is_told),
        cmocka_unit_test(loose_signature_holds_before_bip66_only),
        cmocka_unit_test(coin_of_this_block_must_be_paid_to_the_key),
        cmocka_unit_test(coin_of_this_block_with_another_script_is_left_out),
        cmocka_unit_test(coin_must_be_made_before_it_is_spent_and_exist),
        cmocka_unit_test(wrong_witness_commitment_is_told),
        cmocka_unit_test(witnesses_need_a_commitment_and_its_reserved_value),
        cmocka_unit_test(commitment_without_witnesses_counts_from_bip141_on),
        cmocka_unit_test(runtime_without_the_packs_has_no_prover),
        cmocka_unit_test(mainnet_block_413567_is_proven),
        cmocka_unit_test(mainnet_block_357238_is_proven),
        cmocka_unit_test(peer_agrees_on_what_fails),
    };
    return cmocka_run_group_tests(tests, open_prover, close_prover);
}
