/*
 * Tests of blocks that are proven with the coins they spend: every form of coin, the number of
 * ECDSA checks that CHECKMULTISIG takes, money, and every way in which block and coins disagree.
 * Through the prover, on a runtime.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder.h"

#include "cli/bitcoin/resolve.h"
#include "cli/load.h"
#include "cli/prove.h"
#include "cli/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEIGHT 400000 /* before BIPs 141 and 147 */
#define KEYS 5
#define COINS_MAX 20

static yoke_runtime *rt;
static prove *prover;

/* What a test builds: a block whose transaction 1 spends the coins, in their order. */
static builder_block built;
static builder_coin listed[COINS_MAX];
static uint32_t num_listed;
static builder_bytes bytes;
static builder_bytes coins_bytes;
static builder_key keys[KEYS];

/* What the last run gave. */
static prove_report report;
static char line[320];

static int open_prover(void **state)
{
    (void)state;
    char error[256];
    start_options options = {.num_workers = 2, .engine = YOKE_ENGINE_CPU};
    assert_true(start_runtime(&rt, &options, error, sizeof(error)));
    prover = prove_create(rt);
    assert_non_null(prover);
    for (uint32_t i = 0; i < KEYS; i++) {
        keys[i] = builder_make_key(i + 1, i != 1);
    }
    return 0;
}

static int close_prover(void **state)
{
    (void)state;
    prove_destroy(&prover);
    yoke_destroy(&rt);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    builder_start(&built, HEIGHT);
    built.txs[0].outputs[0].value = 2500000000;
    built.txs[1].version = 1;
    built.num_txs = 2;
    num_listed = 0;
    builder_add_output(&built.txs[1], 1, &keys[0]);
    return 0;
}

static builder_tx *spender(void)
{
    return &built.txs[1];
}

/* Lists a coin of 1000 satoshi with that script, and an input of transaction 1 that spends it. */
static builder_script *spend_coin(const builder_script *script)
{
    uint32_t i = num_listed++;
    assert_true(num_listed <= COINS_MAX);
    listed[i] = (builder_coin){
        .txid = {(uint8_t)i, 9}, .index = i, .height = 1000, .amount = 1000, .script = *script};
    return &builder_add_input(spender(), listed[i].txid, i)->script;
}

static void push_number(builder_script *script, uint8_t opcode)
{
    script->data[script->size++] = opcode;
}

static prove_verdict run(void)
{
    coins c = {.num = 0};
    block_error error = {.what = ""};
    char text[256];
    builder_write(&built, &bytes);
    builder_write_coins(listed, num_listed, &coins_bytes);
    if (!coins_parse(&c, coins_bytes.data, coins_bytes.size, text, sizeof(text))) {
        fail_msg("%s", text);
    }
    prove_set_coins(prover, &c);
    prove_verdict verdict = prove_run(prover, bytes.data, bytes.size, &report, &error);
    prove_set_coins(prover, NULL);
    coins_finish(&c);
    block_error_line(&error, line, sizeof(line));
    return verdict;
}

static void assert_valid(uint32_t num_verified, uint64_t num_checks)
{
    if (run() != PROVE_VALID) {
        fail_msg("%s", line);
    }
    assert_int_equal(report.num_verified, num_verified);
    assert_int_equal(report.num_failed, 0);
    assert_int_equal(report.stages[PROVE_SIGNATURES].items, num_checks);
    assert_true(report.has_coins);
}

static void assert_refused(prove_verdict verdict, const char *reason)
{
    assert_int_equal(run(), verdict);
    if (strstr(line, reason) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", reason, line);
    }
}

/* An input of a P2SH coin of m of the first n keys, signed by those whose bits are set. */
static uint32_t spend_multisig(uint32_t m, uint32_t n, unsigned signers)
{
    builder_script redeem;
    builder_script script;
    uint32_t input = spender()->num_inputs;
    builder_multisig(m, keys, n, &redeem);
    builder_p2sh(&redeem, &script);
    builder_script *claim = spend_coin(&script);
    push_number(claim, 0);
    for (uint32_t k = 0; k < n; k++) {
        if ((signers >> k & 1) != 0) {
            builder_push_signature(spender(), input, &keys[k], &redeem, 1);
        }
    }
    builder_push(claim, redeem.data, redeem.size);
    return input;
}

static void spend_p2pkh(const builder_key *key)
{
    builder_script script;
    builder_p2pkh(key, &script);
    spend_coin(&script);
    builder_sign(spender(), spender()->num_inputs - 1, key, 1);
}

/* ---------------------------------------------------------------------------------------------
 * What is right
 */

/* Signatures with ANYONECANPAY and NONE sign neither what is added later nor the outputs. */
static void coin_of_every_form_is_proven(void **state)
{
    (void)state;
    enum { LATER = 0x82 };
    builder_script script;
    builder_script redeem;
    builder_script *claim;
    builder_p2pkh(&keys[0], &script);
    spend_coin(&script);
    builder_sign(spender(), 0, &keys[0], LATER);
    for (uint32_t i = 0; i < 2; i++) { /* compressed, and not */
        builder_p2pk(&keys[i], &script);
        spend_coin(&script);
        builder_push_signature(spender(), 1 + i, &keys[i], &script, LATER);
    }
    builder_multisig(1, keys, 2, &script);
    claim = spend_coin(&script);
    push_number(claim, 0x51); /* before BIP 147 the element for nothing may be anything */
    builder_push_signature(spender(), 3, &keys[1], &script, LATER);
    builder_p2pk(&keys[2], &redeem);
    builder_p2sh(&redeem, &script);
    claim = spend_coin(&script);
    builder_push_signature(spender(), 4, &keys[2], &redeem, LATER);
    builder_push(claim, redeem.data, redeem.size);
    builder_p2pkh(&keys[3], &redeem);
    builder_p2sh(&redeem, &script);
    claim = spend_coin(&script);
    builder_push_signature(spender(), 5, &keys[3], &redeem, LATER);
    builder_push(claim, keys[3].public_key, keys[3].public_bytes);
    builder_push(claim, redeem.data, redeem.size);
    builder_multisig(2, keys, 5, &redeem);
    builder_p2sh(&redeem, &script);
    claim = spend_coin(&script);
    push_number(claim, 0);
    builder_push_signature(spender(), 6, &keys[0], &redeem, 0x01);
    builder_push_signature(spender(), 6, &keys[4], &redeem, 0x83); /* no such output: "one" */
    builder_push(claim, redeem.data, redeem.size);
    /* 1 for P2PKH and P2PK; 1 for key 2 of 2; 1 and 1; 5 for keys 1 and 5 of 5. */
    assert_valid(7, 3 + 1 + 2 + 5);
    assert_int_equal(report.kinds[SPENDS_P2PKH], 1);
    assert_int_equal(report.kinds[SPENDS_P2PK], 2);
    assert_int_equal(report.kinds[SPENDS_MULTISIG], 1);
    assert_int_equal(report.kinds[SPENDS_P2SH], 3);
    assert_int_equal(report.stages[PROVE_SIGHASHES].items, 8);
    assert_true(report.fees == 7 * 1000 - 1);
}

/* It goes from the last key to the first one that signed, and stops there. */
static void multisig_takes_as_many_checks_as_checkmultisig(void **state)
{
    (void)state;
    for (uint32_t m = 1; m <= KEYS; m++) {
        for (unsigned signers = 1; signers < 1u << KEYS; signers++) {
            if ((uint32_t)__builtin_popcount(signers) != m) {
                continue;
            }
            begin(state);
            spend_multisig(m, KEYS, signers);
            assert_valid(1, KEYS - (uint32_t)__builtin_ctz(signers));
        }
    }
}

static void many_inputs_of_different_rounds_are_all_judged(void **state)
{
    (void)state;
    uint64_t checks = 0;
    for (uint32_t i = 0; i < BUILDER_SLOTS_MAX; i++) {
        uint32_t first = i % 3;
        builder_script redeem;
        builder_script script;
        builder_multisig(1, keys, 3, &redeem);
        builder_p2sh(&redeem, &script);
        builder_script *claim = spend_coin(&script);
        push_number(claim, 0);
        builder_push_signature(spender(), i, &keys[first], &redeem, 0x81);
        builder_push(claim, redeem.data, redeem.size);
        checks += 3 - first;
    }
    assert_valid(BUILDER_SLOTS_MAX, checks);
}

static void elements_below_those_asked_for_do_not_matter(void **state)
{
    (void)state;
    builder_script script;
    builder_p2pkh(&keys[0], &script);
    builder_script *claim = spend_coin(&script);
    push_number(claim, 0x53);
    push_number(claim, 0x00);
    builder_push_signature(spender(), 0, &keys[0], &script, 1);
    builder_push(claim, keys[0].public_key, keys[0].public_bytes);
    assert_valid(1, 1);
}

static void coin_made_in_the_block_needs_no_coins_file(void **state)
{
    (void)state;
    spend_p2pkh(&keys[0]);
    builder_tx *second = &built.txs[2];
    uint8_t txid[32];
    builder_txid(spender(), txid);
    second->version = 1;
    builder_add_input(second, txid, 0);
    builder_add_output(second, 1, &keys[1]);
    builder_sign(second, 0, &keys[0], 1);
    built.num_txs = 3;
    assert_valid(2, 2);
    /* Listed as well, it must be the same. */
    listed[1] = (builder_coin){.height = HEIGHT, .amount = 1};
    listed[1].script = spender()->outputs[0].script;
    memcpy(listed[1].txid, txid, 32);
    num_listed = 2;
    assert_valid(2, 2);
    listed[1].amount = 2;
    assert_refused(PROVE_BROKEN, "transaction 2, input 0, byte ");
    assert_refused(PROVE_BROKEN, "the coins file has another coin than this block makes for ");
    listed[1].amount = 1;
    listed[1].script.data[4] ^= 1;
    assert_refused(PROVE_BROKEN, "the coins file has another coin than this block makes for ");
}

static void coins_of_other_forms_are_counted_and_not_checked(void **state)
{
    (void)state;
    builder_script script = {.data = {0x51}, .size = 1};
    builder_script redeem;
    spend_coin(&script);
    script = (builder_script){.data = {0x00, 20}, .size = 22};
    spend_coin(&script);
    builder_p2sh(&script, &redeem); /* P2SH of a witness program */
    builder_push(spend_coin(&redeem), script.data, script.size);
    script = (builder_script){.data = {0x51}, .size = 1};
    builder_p2sh(&script, &redeem);
    builder_push(spend_coin(&redeem), script.data, script.size);
    builder_p2pkh(&keys[0], &script);
    push_number(spend_coin(&script), 0x76); /* does more than push */
    assert_valid(0, 0);
    assert_int_equal(report.kinds[SPENDS_OTHER_COIN], 2);
    assert_int_equal(report.kinds[SPENDS_WITNESS], 2);
    assert_int_equal(report.kinds[SPENDS_OTHER], 1);
}

static void p2sh_is_an_ordinary_hash_before_bip16(void **state)
{
    (void)state;
    block_error error;
    coins c = {.num = 0};
    spend_multisig(1, 2, 1);
    spender()->inputs[0].script.data[3] ^= 1;
    assert_int_equal(run(), PROVE_INVALID);
    assert_true(coins_parse(&c, coins_bytes.data, coins_bytes.size, line, sizeof(line)));
    prove_set_coins(prover, &c);
    uint32_t when = RESOLVE_BIP16_TIME;
    do { /* until the hash meets the easy target: every second does */
        when--;
        memcpy(bytes.data + BLOCK_AT_TIME, &when, 4);
    } while (prove_run(prover, bytes.data, bytes.size, &report, &error) != PROVE_VALID &&
             strstr(error.what, "no proof of work") != NULL);
    assert_int_equal(report.kinds[SPENDS_OTHER_COIN], 1);
    assert_int_equal(report.kinds[SPENDS_P2SH], 0);
    prove_set_coins(prover, NULL);
    coins_finish(&c);
}

/* ---------------------------------------------------------------------------------------------
 * Signatures and scripts that are wrong
 */

static void multisig_that_does_not_hold_is_told(void **state)
{
    (void)state;
    static const char what[] = "not every signature is one by a key of its own, in the keys' order";
    builder_script redeem;
    spend_multisig(2, 3, 3);
    uint32_t input = spend_multisig(2, 3, 5);
    builder_script *claim = &spender()->inputs[input].script;
    claim->data[20] ^= 1; /* in the first signature */
    assert_refused(PROVE_INVALID, "transaction 1, input 0, byte ");
    assert_refused(PROVE_INVALID, what);

    /* The same two signatures, but the other way round. */
    begin(state);
    builder_multisig(2, keys, 3, &redeem);
    input = spend_multisig(2, 3, 6);
    claim = &spender()->inputs[input].script;
    claim->size = 0;
    push_number(claim, 0);
    builder_push_signature(spender(), input, &keys[2], &redeem, 1);
    builder_push_signature(spender(), input, &keys[1], &redeem, 1);
    builder_push(claim, redeem.data, redeem.size);
    assert_refused(PROVE_INVALID, what);
    assert_int_equal(report.stages[PROVE_SIGNATURES].items, 3);

    /* One signature for two keys. */
    begin(state);
    input = spend_multisig(2, 2, 3);
    claim = &spender()->inputs[input].script;
    claim->size = 0;
    builder_multisig(2, keys, 2, &redeem);
    push_number(claim, 0);
    builder_push_signature(spender(), input, &keys[1], &redeem, 1);
    builder_push_signature(spender(), input, &keys[1], &redeem, 1);
    builder_push(claim, redeem.data, redeem.size);
    assert_refused(PROVE_INVALID, what);
    assert_int_equal(report.stages[PROVE_SIGNATURES].items, 2);
}

static void key_that_is_no_point_is_passed_over(void **state)
{
    (void)state;
    builder_key broken = keys[2];
    builder_key good = keys[2];
    memset(broken.public_key + 1, 0xff, 32);
    keys[2] = broken;
    spend_multisig(2, 3, 3);
    assert_valid(1, 3);
    keys[2] = good;
}

static void wrong_script_or_key_is_told(void **state)
{
    (void)state;
    spend_p2pkh(&keys[0]);
    builder_p2pkh(&keys[1], &listed[0].script);
    assert_refused(PROVE_INVALID, "transaction 1, input 0, byte ");
    assert_refused(PROVE_INVALID, ": the key is not the one that the coin is paid to");
    begin(state);
    spend_multisig(1, 2, 1);
    listed[0].script.data[5] ^= 1;
    assert_refused(PROVE_INVALID, "the script is not the one whose hash the coin is paid to");
    begin(state);
    spend_multisig(1, 2, 1);
    push_number(&spender()->inputs[0].script, 0x61);
    assert_refused(PROVE_INVALID, "the input's script is not made of pushes, as a P2SH coin asks");
    begin(state);
    spend_multisig(1, 2, 1);
    spender()->inputs[0].script.size = 0;
    assert_refused(PROVE_INVALID, "the input's script is not made of pushes");
    begin(state);
    spend_p2pkh(&keys[0]);
    listed[0].script.size = 0; /* anyone may spend it: not one of the forms */
    assert_valid(0, 0);
}

static void missing_and_empty_elements_are_told(void **state)
{
    (void)state;
    builder_script script;
    builder_p2pkh(&keys[0], &script);
    builder_script *claim = spend_coin(&script);
    assert_refused(PROVE_INVALID, "the input's script has 0 elements; its coin asks for 2");
    push_number(claim, 0);
    assert_refused(PROVE_INVALID, "the input's script has 1 element; its coin asks for 2");
    builder_push(claim, keys[0].public_key, keys[0].public_bytes);
    assert_refused(PROVE_INVALID, "a signature is empty");
    begin(state);
    builder_multisig(2, keys, 2, &script);
    claim = spend_coin(&script);
    push_number(claim, 0x51);
    push_number(claim, 0x51);
    assert_refused(PROVE_INVALID, "the input's script has 2 elements; its coin asks for 3");
    push_number(claim, 0x51); /* a signature of nothing but a hash type */
    assert_refused(PROVE_INVALID, "not every signature");
}

static void ignored_element_must_be_empty_from_bip147_on(void **state)
{
    (void)state;
    for (uint32_t height = RESOLVE_BIP147_HEIGHT - 1; height <= RESOLVE_BIP147_HEIGHT; height++) {
        begin(state);
        builder_start(&built, height);
        built.txs[0].outputs[0].value = 1;
        built.num_txs = 2;
        builder_add_output(spender(), 1, &keys[0]);
        uint32_t input = spend_multisig(1, 1, 1);
        assert_valid(1, 1);
        spender()->inputs[input].script.data[0] = 0x51;
        if (height < RESOLVE_BIP147_HEIGHT) {
            assert_valid(1, 1);
        } else {
            assert_refused(PROVE_INVALID, "the element that CHECKMULTISIG ignores is not empty");
        }
    }
}

static void witness_for_a_coin_that_asks_for_none_is_told(void **state)
{
    (void)state;
    spend_p2pkh(&keys[0]);
    spender()->inputs[0].witness = (builder_script){.data = {1}, .size = 1};
    builder_commit(&built);
    assert_refused(PROVE_INVALID, "the input has a witness, for a coin that asks for none");
}

/* ---------------------------------------------------------------------------------------------
 * Coins and money that are wrong
 */

static void coin_that_is_not_listed_is_told_with_its_input_and_outpoint(void **state)
{
    (void)state;
    spend_p2pkh(&keys[0]);
    spend_p2pkh(&keys[1]);
    builder_sign(spender(), 0, &keys[0], 1);
    assert_valid(2, 2);
    num_listed = 1;
    assert_refused(PROVE_BROKEN, "transaction 1, input 1, byte ");
    assert_refused(PROVE_BROKEN, ": the coins file lacks the coin that the input spends, "
                                 "0000000000000000000000000000000000000000000000000000000000000901"
                                 ":1");
    listed[0].index = 3;
    assert_refused(PROVE_BROKEN, "transaction 1, input 0, byte ");
}

static void coin_spent_twice_is_told(void **state)
{
    (void)state;
    spend_p2pkh(&keys[0]);
    built.txs[2] = built.txs[1];
    built.txs[2].lock_time = 7;
    built.num_txs = 3;
    assert_refused(PROVE_INVALID, "transaction 2, input 0, byte ");
    assert_refused(PROVE_INVALID, "the input spends a coin that an input before it has spent");
}

static void coinbase_is_spent_after_100_blocks(void **state)
{
    (void)state;
    spend_p2pkh(&keys[0]);
    listed[0].is_coinbase = true;
    listed[0].height = HEIGHT - RESOLVE_COINBASE_AGE;
    assert_valid(1, 1);
    listed[0].height++;
    assert_refused(PROVE_INVALID, "the input spends the coinbase of block 399901, which is not 100 "
                                  "blocks old");
}

static void outputs_above_inputs_are_told(void **state)
{
    (void)state;
    spender()->outputs[0].value = 1000;
    spend_p2pkh(&keys[0]);
    assert_valid(1, 1);
    assert_true(report.fees == 0);
    spender()->outputs[0].value = 1001;
    assert_refused(PROVE_INVALID, "transaction 1, byte ");
    assert_refused(PROVE_INVALID, ": the inputs take in 1000 satoshi, the outputs pay 1001");
    spender()->outputs[0].value = COINS_AMOUNT_MAX + 1;
    assert_refused(PROVE_INVALID, "the outputs pay more than 21 million bitcoin");
    builder_add_output(spender(), UINT64_MAX, &keys[0]);
    spender()->outputs[0].value = 2;
    assert_refused(PROVE_INVALID, "the outputs pay more than 21 million bitcoin");
}

static void inputs_above_all_money_are_told(void **state)
{
    (void)state;
    spend_p2pkh(&keys[0]);
    spend_p2pkh(&keys[0]);
    listed[0].amount = COINS_AMOUNT_MAX;
    assert_refused(PROVE_INVALID, "transaction 1, input 1, byte ");
    assert_refused(PROVE_INVALID, "the inputs take in more than 21 million bitcoin");
}

static void coinbase_takes_no_more_than_subsidy_and_fees(void **state)
{
    (void)state;
    spend_p2pkh(&keys[0]);
    built.txs[0].outputs[0].value = 2500000999;
    assert_valid(1, 1);
    built.txs[0].outputs[0].value++;
    assert_refused(PROVE_INVALID, "transaction 0, byte 81: the coinbase pays 2500001000 satoshi; "
                                  "subsidy and fees are 2500000999");
    built.version = 1; /* states no height, so the subsidy is not known */
    assert_valid(1, 1);
}

static void subsidy_halves_every_210000_blocks(void **state)
{
    (void)state;
    static const struct {
        uint32_t height;
        uint64_t subsidy;
    } cases[] = {{0, 5000000000},       {209999, 5000000000},     {210000, 2500000000},
                 {840000, 312500000},   {32 * 210000, 1},         {33 * 210000 - 1, 1},
                 {33 * 210000, 0},      {UINT32_MAX, 0},          {63 * 210000, 0},
                 {64u * 210000 + 5, 0}, {2 * 210000, 1250000000u}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(resolve_subsidy(cases[i].height) == cases[i].subsidy);
    }
}

/* ---------------------------------------------------------------------------------------------
 * The real block
 */

static bool load_real(const char *name, bool is_coins, load_result *result)
{
    char path[4096];
    const char *folder = getenv("YOKE_TEST_DATA");
    snprintf(path, sizeof(path), "%s/bitcoin/%s", folder != NULL ? folder : "", name);
    if (folder == NULL || access(path, R_OK) != 0) {
        print_message("skipped: $YOKE_TEST_DATA/bitcoin/%s is not there\n", name);
        return false;
    }
    assert_true(is_coins ? load_coins(path, result) : load_block(path, result));
    return true;
}

static void mainnet_block_413567_is_proven_with_its_coins(void **state)
{
    (void)state;
    load_result file;
    load_result coins_file;
    coins c = {.num = 0};
    block_error error = {.what = ""};
    if (!load_real("block413567.raw", false, &file)) {
        skip();
    }
    if (!load_real("coins_spent_413567.raw", true, &coins_file)) {
        load_free(&file);
        skip();
    }
    assert_true(coins_parse(&c, coins_file.data, coins_file.bytes, line, sizeof(line)));
    prove_set_coins(prover, &c);
    prove_verdict verdict = prove_run(prover, file.data, file.bytes, &report, &error);
    block_error_line(&error, line, sizeof(line));
    if (verdict != PROVE_VALID) {
        fail_msg("%s", line);
    }
    assert_int_equal(report.num_inputs, 4886);
    assert_int_equal(report.num_verified, 4886);
    assert_int_equal(report.num_failed, 0);
    assert_int_equal(report.kinds[SPENDS_P2PKH], 3957);
    assert_int_equal(report.kinds[SPENDS_P2SH], 929);
    assert_int_equal(report.stages[PROVE_SIGHASHES].items, 5815);
    assert_int_equal(report.stages[PROVE_SIGNATURES].items, 6639);
    assert_true(report.fees == 31310238); /* what its coinbase takes above the subsidy */
    prove_set_coins(prover, NULL);
    coins_finish(&c);
    load_free(&coins_file);
    load_free(&file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    static const struct CMUnitTest tests[] = {
        TEST(coin_of_every_form_is_proven),
        TEST(multisig_takes_as_many_checks_as_checkmultisig),
        TEST(many_inputs_of_different_rounds_are_all_judged),
        TEST(elements_below_those_asked_for_do_not_matter),
        TEST(coin_made_in_the_block_needs_no_coins_file),
        TEST(coins_of_other_forms_are_counted_and_not_checked),
        TEST(p2sh_is_an_ordinary_hash_before_bip16),
        TEST(multisig_that_does_not_hold_is_told),
        TEST(key_that_is_no_point_is_passed_over),
        TEST(wrong_script_or_key_is_told),
        TEST(missing_and_empty_elements_are_told),
        TEST(ignored_element_must_be_empty_from_bip147_on),
        TEST(witness_for_a_coin_that_asks_for_none_is_told),
        TEST(coin_that_is_not_listed_is_told_with_its_input_and_outpoint),
        TEST(coin_spent_twice_is_told),
        TEST(coinbase_is_spent_after_100_blocks),
        TEST(outputs_above_inputs_are_told),
        TEST(inputs_above_all_money_are_told),
        TEST(coinbase_takes_no_more_than_subsidy_and_fees),
        TEST(subsidy_halves_every_210000_blocks),
        TEST(mainnet_block_413567_is_proven_with_its_coins),
    };
#undef TEST
    return cmocka_run_group_tests(tests, open_prover, close_prover);
}
