/*
 * The block builder. Owns nothing: everything is in the caller's structs, which are large (some
 * hundred KiB): keep them static. One thread.
 */
#include "builder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <nettle/ripemd160.h>
#include <nettle/sha2.h>
#include <secp256k1.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------------
 * Bytes and hashes
 */

static void builder_put(builder_bytes *out, const void *data, size_t bytes)
{
    assert_true(out->size + bytes <= sizeof(out->data));
    memcpy(out->data + out->size, data, bytes);
    out->size += bytes;
}

static void builder_put_number(builder_bytes *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        builder_put(out, &byte, 1);
    }
}

static void builder_put_count(builder_bytes *out, uint64_t value)
{
    assert_true(value <= 0xffff);
    if (value >= 0xfd) {
        builder_put_number(out, 0xfd, 1);
        builder_put_number(out, value, 2);
    } else {
        builder_put_number(out, value, 1);
    }
}

static void builder_put_script(builder_bytes *out, const builder_script *script)
{
    builder_put_count(out, script->size);
    builder_put(out, script->data, script->size);
}

static void builder_sha256(const void *data, size_t bytes, uint8_t digest[32])
{
    struct sha256_ctx sha;
    sha256_init(&sha);
    sha256_update(&sha, bytes, data);
    sha256_digest(&sha, 32, digest);
}

void builder_sha256d(const void *data, size_t bytes, uint8_t digest[32])
{
    uint8_t inner[32];
    builder_sha256(data, bytes, inner);
    builder_sha256(inner, 32, digest);
}

/* ---------------------------------------------------------------------------------------------
 * Keys and scripts
 */

void builder_hash160(const void *data, size_t bytes, uint8_t hash[20])
{
    uint8_t inner[32];
    struct ripemd160_ctx ripemd;
    builder_sha256(data, bytes, inner);
    ripemd160_init(&ripemd);
    ripemd160_update(&ripemd, 32, inner);
    ripemd160_digest(&ripemd, 20, hash);
}

builder_key builder_make_key(uint32_t number, bool compressed)
{
    builder_key key = {.public_bytes = compressed ? 33 : 65};
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
    secp256k1_pubkey public_key;
    memcpy(key.secret + 28, &number, 4);
    assert_int_equal(secp256k1_ec_pubkey_create(context, &public_key, key.secret), 1);
    size_t bytes = sizeof(key.public_key);
    secp256k1_ec_pubkey_serialize(context, key.public_key, &bytes, &public_key,
                                  compressed ? SECP256K1_EC_COMPRESSED : SECP256K1_EC_UNCOMPRESSED);
    assert_int_equal(bytes, key.public_bytes);
    secp256k1_context_destroy(context);
    builder_hash160(key.public_key, key.public_bytes, key.hash);
    return key;
}

void builder_push(builder_script *script, const void *data, size_t bytes)
{
    assert_true(script->size + 3 + bytes <= sizeof(script->data));
    if (bytes > 0xff) {
        script->data[script->size++] = 0x4d;
        script->data[script->size++] = (uint8_t)bytes;
        script->data[script->size++] = (uint8_t)(bytes >> 8);
    } else {
        if (bytes >= 0x4c) {
            script->data[script->size++] = 0x4c;
        }
        script->data[script->size++] = (uint8_t)bytes;
    }
    memcpy(script->data + script->size, data, bytes);
    script->size += bytes;
}

void builder_p2pkh(const builder_key *key, builder_script *script)
{
    *script = (builder_script){.data = {0x76, 0xa9}, .size = 2};
    builder_push(script, key->hash, sizeof(key->hash));
    script->data[script->size++] = 0x88;
    script->data[script->size++] = 0xac;
}

void builder_p2pk(const builder_key *key, builder_script *script)
{
    script->size = 0;
    builder_push(script, key->public_key, key->public_bytes);
    script->data[script->size++] = 0xac;
}

void builder_p2sh(const builder_script *redeem, builder_script *script)
{
    uint8_t hash[20];
    builder_hash160(redeem->data, redeem->size, hash);
    *script = (builder_script){.data = {0xa9}, .size = 1};
    builder_push(script, hash, sizeof(hash));
    script->data[script->size++] = 0x87;
}

void builder_multisig(uint32_t m, const builder_key *keys, uint32_t n, builder_script *script)
{
    *script = (builder_script){.data = {(uint8_t)(0x50 + m)}, .size = 1};
    for (uint32_t i = 0; i < n; i++) {
        builder_push(script, keys[i].public_key, keys[i].public_bytes);
    }
    script->data[script->size++] = (uint8_t)(0x50 + n);
    script->data[script->size++] = 0xae;
}

builder_input *builder_add_input(builder_tx *tx, const uint8_t txid[32], uint32_t index)
{
    assert_true(tx->num_inputs < BUILDER_SLOTS_MAX);
    builder_input *input = &tx->inputs[tx->num_inputs++];
    *input = (builder_input){.index = index, .sequence = 0xfffffff0 + tx->num_inputs};
    memcpy(input->txid, txid, 32);
    return input;
}

void builder_add_output(builder_tx *tx, uint64_t value, const builder_key *key)
{
    assert_true(tx->num_outputs < BUILDER_SLOTS_MAX);
    builder_output *output = &tx->outputs[tx->num_outputs++];
    output->value = value;
    builder_p2pkh(key, &output->script);
}

/* ---------------------------------------------------------------------------------------------
 * Transactions
 */

static bool builder_has_witness(const builder_tx *tx)
{
    for (uint32_t i = 0; i < tx->num_inputs; i++) {
        if (tx->inputs[i].witness.size > 0) {
            return true;
        }
    }
    return false;
}

static void builder_put_witness(builder_bytes *out, const builder_script *witness)
{
    builder_put_count(out, witness->size > 0);
    if (witness->size > 0) {
        builder_put_script(out, witness);
    }
}

static void builder_put_tx(builder_bytes *out, const builder_tx *tx, bool with_witness)
{
    builder_put_number(out, tx->version, 4);
    if (with_witness) {
        builder_put_number(out, 0x0100, 2);
    }
    builder_put_count(out, tx->num_inputs);
    for (uint32_t i = 0; i < tx->num_inputs; i++) {
        builder_put(out, tx->inputs[i].txid, 32);
        builder_put_number(out, tx->inputs[i].index, 4);
        builder_put_script(out, &tx->inputs[i].script);
        builder_put_number(out, tx->inputs[i].sequence, 4);
    }
    builder_put_count(out, tx->num_outputs);
    for (uint32_t i = 0; i < tx->num_outputs; i++) {
        builder_put_number(out, tx->outputs[i].value, 8);
        builder_put_script(out, &tx->outputs[i].script);
    }
    for (uint32_t i = 0; with_witness && i < tx->num_inputs; i++) {
        builder_put_witness(out, &tx->inputs[i].witness);
    }
    builder_put_number(out, tx->lock_time, 4);
}

void builder_txid(const builder_tx *tx, uint8_t txid[32])
{
    static builder_bytes bytes;
    bytes.size = 0;
    builder_put_tx(&bytes, tx, false);
    builder_sha256d(bytes.data, bytes.size, txid);
}

/* ---------------------------------------------------------------------------------------------
 * Signing
 */

/* Edits a copy of the transaction step by step, as the original description tells it. */
void builder_preimage(const builder_tx *tx, uint32_t input, const builder_script *code,
                      uint8_t hash_type, builder_bytes *out)
{
    static builder_tx copy;
    unsigned base = hash_type & 31;
    copy = *tx;
    for (uint32_t i = 0; i < copy.num_inputs; i++) {
        copy.inputs[i].script.size = 0;
        if (i != input && (base == 2 || base == 3)) {
            copy.inputs[i].sequence = 0;
        }
    }
    copy.inputs[input].script = *code;
    if (base == 2) {
        copy.num_outputs = 0;
    }
    if (base == 3) {
        assert_true(input < tx->num_outputs);
        copy.num_outputs = input + 1;
        for (uint32_t i = 0; i < input; i++) {
            copy.outputs[i] = (builder_output){.value = UINT64_MAX};
        }
    }
    if ((hash_type & 0x80) != 0) {
        copy.inputs[0] = copy.inputs[input];
        copy.num_inputs = 1;
    }
    out->size = 0;
    builder_put_tx(out, &copy, false);
    builder_put_number(out, hash_type, 4);
}

void builder_sighash(const builder_tx *tx, uint32_t input, const builder_script *code,
                     uint8_t hash_type, uint8_t digest[32])
{
    static builder_bytes preimage;
    if ((hash_type & 31) == 3 && input >= tx->num_outputs) {
        memset(digest, 0, 32);
        digest[0] = 1;
        return;
    }
    builder_preimage(tx, input, code, hash_type, &preimage);
    builder_sha256d(preimage.data, preimage.size, digest);
}

/* The DER signature of an input, without hash type; at most 72 bytes. */
static size_t builder_make_signature(const builder_tx *tx, uint32_t input, const builder_key *key,
                                     const builder_script *code, uint8_t hash_type, uint8_t der[72])
{
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
    secp256k1_ecdsa_signature signature;
    uint8_t digest[32];
    size_t bytes = 72;
    builder_sighash(tx, input, code, hash_type, digest);
    assert_int_equal(secp256k1_ecdsa_sign(context, &signature, digest, key->secret, NULL, NULL), 1);
    assert_int_equal(secp256k1_ecdsa_signature_serialize_der(context, der, &bytes, &signature), 1);
    secp256k1_context_destroy(context);
    return bytes;
}

void builder_push_signature(builder_tx *tx, uint32_t input, const builder_key *key,
                            const builder_script *code, uint8_t hash_type)
{
    uint8_t signature[73];
    size_t bytes = builder_make_signature(tx, input, key, code, hash_type, signature);
    signature[bytes] = hash_type;
    builder_push(&tx->inputs[input].script, signature, bytes + 1);
}

void builder_sign(builder_tx *tx, uint32_t input, const builder_key *key, uint8_t hash_type)
{
    builder_script code;
    builder_script *script = &tx->inputs[input].script;
    builder_p2pkh(key, &code);
    script->size = 0;
    builder_push_signature(tx, input, key, &code, hash_type);
    builder_push(script, key->public_key, key->public_bytes);
}

void builder_sign_loosely(builder_tx *tx, uint32_t input, const builder_key *key)
{
    uint8_t der[72];
    uint8_t loose[74];
    builder_script code;
    builder_p2pkh(key, &code);
    size_t bytes = builder_make_signature(tx, input, key, &code, 1, der);
    /* 30 length 02 r_length r ...: both lengths grow by one, and a zero goes before r. */
    memcpy(loose, der, 4);
    loose[1]++;
    loose[3]++;
    loose[4] = 0;
    memcpy(loose + 5, der + 4, bytes - 4);
    loose[bytes + 1] = 1;
    builder_script *script = &tx->inputs[input].script;
    script->size = 0;
    builder_push(script, loose, bytes + 2);
    builder_push(script, key->public_key, key->public_bytes);
}

/* ---------------------------------------------------------------------------------------------
 * Blocks
 */

void builder_start(builder_block *b, uint32_t height)
{
    static const uint8_t nothing[32] = {0};
    builder_key miner = builder_make_key(99, true);
    memset(b, 0, sizeof(*b));
    b->version = 4;
    b->bits = 0x207fffff;
    b->num_txs = 1;
    builder_tx *coinbase = &b->txs[0];
    coinbase->version = 1;
    builder_input *input = builder_add_input(coinbase, nothing, UINT32_MAX);
    uint8_t number[4] = {(uint8_t)height, (uint8_t)(height >> 8), (uint8_t)(height >> 16), 0};
    assert_true(height > 0xffff && height < 1u << 24);
    builder_push(&input->script, number, number[2] < 0x80 ? 3 : 4);
    builder_push(&input->script, "yoke", 4);
    builder_add_output(coinbase, 5000000000, &miner);
}

/* The root over the hashes in `level`, which is used up. */
static void builder_root(uint8_t level[][32], uint32_t num, uint8_t root[32])
{
    while (num > 1) {
        for (uint32_t i = 0; i < num; i += 2) {
            uint8_t pair[64];
            memcpy(pair, level[i], 32);
            memcpy(pair + 32, level[i + 1 < num ? i + 1 : i], 32);
            builder_sha256d(pair, 64, level[i / 2]);
        }
        num = (num + 1) / 2;
    }
    memcpy(root, level[0], 32);
}

void builder_commit(builder_block *b)
{
    static builder_bytes bytes;
    uint8_t level[BUILDER_TXS_MAX][32] = {{0}};
    uint8_t pair[64];
    builder_tx *coinbase = &b->txs[0];
    builder_script *reserved = &coinbase->inputs[0].witness;
    memset(reserved->data, 0x5a, 32);
    reserved->size = 32;
    for (uint32_t i = 1; i < b->num_txs; i++) {
        bytes.size = 0;
        builder_put_tx(&bytes, &b->txs[i], builder_has_witness(&b->txs[i]));
        builder_sha256d(bytes.data, bytes.size, level[i]);
    }
    builder_root(level, b->num_txs, pair);
    memcpy(pair + 32, reserved->data, 32);
    builder_output *output = &coinbase->outputs[coinbase->num_outputs++];
    *output =
        (builder_output){.script = {.data = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed}, .size = 6 + 32}};
    builder_sha256d(pair, 64, output->script.data + 6);
}

static bool builder_is_mined(const uint8_t *header, uint32_t bits)
{
    uint8_t hash[32];
    assert_int_equal(bits >> 24, 0x20); /* the easy targets that tests use: 3 bytes on top */
    builder_sha256d(header, 80, hash);
    uint32_t top = (uint32_t)hash[31] << 16 | (uint32_t)hash[30] << 8 | hash[29];
    return top < (bits & 0xffffff);
}

void builder_write(const builder_block *b, builder_bytes *out)
{
    uint8_t level[BUILDER_TXS_MAX][32];
    uint8_t root[32];
    for (uint32_t i = 0; i < b->num_txs; i++) {
        builder_txid(&b->txs[i], level[i]);
    }
    builder_root(level, b->num_txs, root);
    out->size = 0;
    builder_put_number(out, b->version, 4);
    builder_put(out, (const uint8_t[32]){7}, 32);
    builder_put(out, root, 32);
    builder_put_number(out, 1700000000, 4);
    builder_put_number(out, b->bits, 4);
    builder_put_number(out, 0, 4);
    for (uint32_t nonce = 0; !builder_is_mined(out->data, b->bits); nonce++) {
        memcpy(out->data + 76, &nonce, 4);
    }
    builder_put_count(out, b->num_txs);
    for (uint32_t i = 0; i < b->num_txs; i++) {
        builder_put_tx(out, &b->txs[i], builder_has_witness(&b->txs[i]));
    }
}

/* ---------------------------------------------------------------------------------------------
 * Coins
 */

void builder_put_varint(builder_bytes *out, uint64_t value)
{
    uint8_t groups[10];
    size_t num = 0;
    groups[num++] = value & 0x7f;
    while (value > 0x7f) {
        value = (value >> 7) - 1;
        groups[num++] = (uint8_t)(0x80 | (value & 0x7f));
    }
    while (num > 0) {
        builder_put(out, &groups[--num], 1);
    }
}

static uint64_t builder_compress_amount(uint64_t amount)
{
    unsigned zeros = 0;
    if (amount == 0) {
        return 0;
    }
    while (amount % 10 == 0 && zeros < 9) {
        amount /= 10;
        zeros++;
    }
    if (zeros == 9) {
        return 1 + (amount - 1) * 10 + 9;
    }
    return 1 + ((amount / 10) * 9 + amount % 10 - 1) * 10 + zeros;
}

/* P2PK is told by its length and first byte: tests use only keys that are points. */
static void builder_put_compressed(builder_bytes *out, const builder_script *s)
{
    if (s->size == 25 && s->data[0] == 0x76 && s->data[24] == 0xac) {
        builder_put_varint(out, 0);
        builder_put(out, s->data + 3, 20);
    } else if (s->size == 23 && s->data[0] == 0xa9 && s->data[22] == 0x87) {
        builder_put_varint(out, 1);
        builder_put(out, s->data + 2, 20);
    } else if (s->size == 35 && s->data[0] == 33 && s->data[34] == 0xac) {
        builder_put(out, s->data + 1, 33);
    } else if (s->size == 67 && s->data[0] == 65 && s->data[1] == 4 && s->data[66] == 0xac) {
        builder_put_varint(out, 4 + (s->data[65] & 1));
        builder_put(out, s->data + 2, 32);
    } else {
        builder_put_varint(out, s->size + 6);
        builder_put(out, s->data, s->size);
    }
}

void builder_write_coins(const builder_coin *coins, uint32_t num, builder_bytes *out)
{
    out->size = 0;
    builder_put_count(out, num);
    for (uint32_t i = 0; i < num; i++) {
        builder_put(out, coins[i].txid, 32);
        builder_put_number(out, coins[i].index, 4);
        builder_put_varint(out, 2 * (uint64_t)coins[i].height + coins[i].is_coinbase);
        builder_put_varint(out, builder_compress_amount(coins[i].amount));
        builder_put_compressed(out, &coins[i].script);
    }
}

/* A transaction whose inputs are signed with every hash type there is, and some there are not. */
static void builder_sample_types(builder_tx *tx)
{
    static const uint8_t types[] = {0x01, 0x02, 0x03, 0x81, 0x82, 0x83, 0x00, 0x50, 0xc3, 0x03};
    enum { NUM_TYPES = sizeof(types) };
    builder_key keys[NUM_TYPES];
    tx->version = 2;
    tx->lock_time = 400000;
    for (uint32_t i = 0; i < NUM_TYPES; i++) {
        keys[i] = builder_make_key(10 + i, i % 3 != 0);
        builder_add_input(tx, (const uint8_t[32]){1, (uint8_t)i}, i);
    }
    /* One output too few for the last input, which is signed with SINGLE. */
    for (uint32_t i = 0; i + 1 < NUM_TYPES; i++) {
        builder_add_output(tx, 1000 + i, &keys[i]);
    }
    for (uint32_t i = 0; i < NUM_TYPES; i++) {
        builder_sign(tx, i, &keys[i], types[i]);
    }
}

void builder_sample(builder_block *b, uint32_t height)
{
    builder_key alice = builder_make_key(1, true);
    builder_key bob = builder_make_key(2, false);
    uint8_t txid[32];
    builder_start(b, height);
    builder_sample_types(&b->txs[1]);

    /* A coin made here, and spent in the next transaction. */
    builder_tx *maker = &b->txs[2];
    maker->version = 1;
    builder_add_input(maker, (const uint8_t[32]){2}, 0);
    builder_add_output(maker, 2000, &bob);
    builder_sign(maker, 0, &alice, 1);
    builder_tx *taker = &b->txs[3];
    builder_txid(maker, txid);
    taker->version = 1;
    builder_add_input(taker, txid, 0);
    builder_add_output(taker, 1900, &alice);
    builder_sign(taker, 0, &bob, 1);

    /* A witness beside a signature. */
    builder_tx *mixed = &b->txs[4];
    mixed->version = 2;
    builder_add_input(mixed, (const uint8_t[32]){3}, 5);
    builder_add_input(mixed, (const uint8_t[32]){4}, 6);
    builder_add_output(mixed, 1, &alice);
    mixed->inputs[0].witness = (builder_script){.data = {1, 2, 3}, .size = 3};
    builder_sign(mixed, 1, &bob, 1);

    /* Nothing to be proven: another witness, an empty script, one push only. */
    builder_tx *other = &b->txs[5];
    other->version = 2;
    for (uint8_t i = 0; i < 3; i++) {
        builder_add_input(other, (const uint8_t[32]){5, i}, 0);
    }
    builder_add_output(other, 1, &bob);
    other->inputs[0].witness = (builder_script){.data = {9}, .size = 1};
    builder_push(&other->inputs[2].script, "redeem", 6);
    b->num_txs = BUILDER_SAMPLE_TXS;
    builder_commit(b);
}
