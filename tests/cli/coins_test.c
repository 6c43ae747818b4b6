/*
 * Tests of the coins file: what the builder's encoder writes is read back, every type of script is
 * rebuilt, and every way of being broken is told with its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder.h"

#include "cli/bitcoin/coins.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define COINS_MAX 40

static builder_coin listed[COINS_MAX];
static builder_bytes bytes;
static char error[256];

static builder_coin make_coin(uint32_t number, uint64_t amount, const builder_script *script)
{
    builder_coin coin = {.index = number * 7, .height = 400000 + number, .amount = amount};
    builder_sha256d(&number, sizeof(number), coin.txid);
    coin.is_coinbase = number % 3 == 0;
    coin.script = *script;
    return coin;
}

static void assert_same(const coin *read, const builder_coin *written)
{
    uint8_t outpoint[36];
    memcpy(outpoint, written->txid, 32);
    for (int i = 0; i < 4; i++) {
        outpoint[32 + i] = (uint8_t)(written->index >> (8 * i));
    }
    assert_memory_equal(read->outpoint, outpoint, 36);
    assert_int_equal(read->height, written->height);
    assert_int_equal(read->is_coinbase, written->is_coinbase);
    assert_true(read->amount == written->amount);
    assert_int_equal(read->script_bytes, written->script.size);
    assert_memory_equal(read->script, written->script.data, written->script.size);
}

/* Writes the first `num` of `listed`, and asserts that they are read back and found. */
static void assert_round_trip(uint32_t num)
{
    coins c = {.num = 0};
    builder_write_coins(listed, num, &bytes);
    if (!coins_parse(&c, bytes.data, bytes.size, error, sizeof(error))) {
        fail_msg("%s", error);
    }
    assert_int_equal(c.num, num);
    for (uint32_t i = 0; i < num; i++) {
        uint8_t outpoint[36];
        assert_same(&c.list[i], &listed[i]);
        memcpy(outpoint, c.list[i].outpoint, 36);
        assert_int_equal(coins_find(&c, outpoint), i);
        outpoint[i % 36] ^= 0x80;
        assert_int_equal(coins_find(&c, outpoint), UINT32_MAX);
    }
    coins_finish(&c);
    assert_int_equal(coins_find(&c, bytes.data), UINT32_MAX);
}

static uint32_t make_one_of_each_type(void)
{
    builder_key keys[3];
    builder_script scripts[9] = {{.size = 0}};
    for (uint32_t i = 0; i < 3; i++) {
        keys[i] = builder_make_key(i + 1, i != 1);
    }
    builder_p2pkh(&keys[0], &scripts[0]);
    builder_multisig(2, keys, 3, &scripts[1]);
    builder_p2sh(&scripts[1], &scripts[2]);
    /* Of the first twenty keys some have an even y, and some an odd one: both forms are here. */
    for (uint32_t i = 0; i < 4; i++) {
        builder_key key = builder_make_key(7 + i, i < 2);
        builder_p2pk(&key, &scripts[3 + i]);
    }
    scripts[7] = (builder_script){.data = {0x6a, 1, 2}, .size = 3};
    for (uint32_t i = 0; i < 9; i++) {
        listed[i] = make_coin(i, 1000 * i, &scripts[i]);
    }
    return 9;
}

static void scripts_of_every_type_survive_a_round_trip(void **state)
{
    (void)state;
    assert_round_trip(make_one_of_each_type());
    assert_round_trip(0);
}

static void uncompressed_keys_of_both_parities_are_recovered(void **state)
{
    (void)state;
    unsigned parities = 0;
    for (uint32_t i = 0; i < COINS_MAX; i++) {
        builder_key key = builder_make_key(i + 1, false);
        builder_script script;
        builder_p2pk(&key, &script);
        parities |= 1u << (key.public_key[64] & 1);
        listed[i] = make_coin(i, i, &script);
    }
    assert_int_equal(parities, 3);
    assert_round_trip(COINS_MAX);
}

/* The pairs that Bitcoin Core's own tests state. */
static void amounts_decompress_as_in_bitcoin_core(void **state)
{
    (void)state;
    static const struct {
        uint64_t amount;
        uint64_t compressed;
    } cases[] = {{0, 0},         {1, 1},           {1000000, 7},
                 {100000000, 9}, {5000000000, 50}, {2100000000000000, 21000000}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        coins c = {.num = 0};
        bytes.size = 0;
        memset(bytes.data, 0, 37);
        bytes.data[0] = 1;
        bytes.size = 37;
        builder_put_varint(&bytes, 2);
        builder_put_varint(&bytes, cases[i].compressed);
        builder_put_varint(&bytes, 6);
        assert_true(coins_parse(&c, bytes.data, bytes.size, error, sizeof(error)));
        assert_true(c.list[0].amount == cases[i].amount);
        coins_finish(&c);
    }
}

static void random_amounts_survive_a_round_trip(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    builder_script script = {.data = {0x51}, .size = 1};
    print_message("seed %u\n", seed);
    for (int round = 0; round < 200; round++) {
        for (uint32_t i = 0; i < COINS_MAX; i++) {
            uint64_t amount =
                ((uint64_t)rand_r(&seed) << 31 | (uint64_t)rand_r(&seed)) % (COINS_AMOUNT_MAX + 1);
            for (int digits = rand_r(&seed) % 16; digits > 0; digits--) {
                amount /= 10;
            }
            for (int zeros = rand_r(&seed) % 12; zeros > 0 && amount < COINS_AMOUNT_MAX / 10;
                 zeros--) {
                amount *= 10;
            }
            listed[i] = make_coin(i, amount, &script);
        }
        assert_round_trip(COINS_MAX);
    }
}

static void assert_refused(size_t size, const char *line)
{
    coins c = {.num = 7};
    assert_false(coins_parse(&c, bytes.data, size, error, sizeof(error)));
    assert_int_equal(c.num, 0);
    assert_null(c.list);
    if (line != NULL) {
        assert_string_equal(error, line);
    }
}

static void truncated_file_is_refused_at_every_byte(void **state)
{
    (void)state;
    builder_write_coins(listed, make_one_of_each_type(), &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_refused(size, NULL);
        assert_non_null(strstr(error, "byte "));
    }
    assert_refused(0, "byte 0: the coins file ends inside the number of coins");
    /* The first coin: count, outpoint, height in 4 bytes, amount 0, type, hash. */
    assert_refused(bytes.size - 1, NULL);
    builder_write_coins(listed, 1, &bytes);
    assert_refused(bytes.size - 1, "byte 42: coin 0: the coins file ends inside a compressed "
                                   "script");
}

static void bytes_behind_the_last_coin_are_told(void **state)
{
    (void)state;
    builder_script script = {.data = {0x51}, .size = 1};
    listed[0] = make_coin(0, 1, &script);
    builder_write_coins(listed, 1, &bytes);
    assert_int_equal(bytes.size, 1 + 36 + 3 + 1 + 1 + 1);
    assert_refused(bytes.size + 2, "byte 43: 2 bytes follow the last coin");
}

static void absurd_count_is_told_before_memory_is_taken(void **state)
{
    (void)state;
    memset(bytes.data, 0, 100);
    bytes.data[0] = 3;
    assert_refused(100, "byte 0: the number of coins is 3, too many for the 99 bytes left");
    memset(bytes.data, 0xff, 9);
    assert_refused(9, "byte 0: the number of coins is 18446744073709551615, too many for the 0 "
                      "bytes left");
    memcpy(bytes.data, "\xfd\x01\x00", 3);
    assert_refused(100, "byte 0: the number of coins is not written in its shortest form");
}

/* A file of one coin whose height, amount and script type are given as they are. */
static void write_one(uint64_t height, uint64_t amount, uint64_t type, const void *script,
                      size_t script_bytes)
{
    memset(bytes.data, 0, 37);
    bytes.data[0] = 1;
    bytes.size = 37;
    builder_put_varint(&bytes, height);
    builder_put_varint(&bytes, amount);
    builder_put_varint(&bytes, type);
    memcpy(bytes.data + bytes.size, script, script_bytes);
    bytes.size += script_bytes;
}

static void numbers_out_of_range_are_told(void **state)
{
    (void)state;
    uint8_t script[12000] = {0};
    write_one((uint64_t)1 << 32, 0, 6, script, 0);
    assert_refused(bytes.size, "byte 37: coin 0: the height is 2147483648, above any");
    write_one(2, 21000000 + 10, 6, script, 0); /* 21 million bitcoin and one */
    assert_refused(bytes.size, "byte 38: coin 0: the amount is above 21 million bitcoin");
    write_one(2, UINT64_MAX, 6, script, 0);
    assert_refused(bytes.size, "byte 38: coin 0: the amount is above 21 million bitcoin");
    write_one(2, 0, 10001 + 6, script, 10001);
    assert_refused(bytes.size, "byte 39: coin 0: the script has 10001 bytes; with more than 10000 "
                               "none is spent");
    /* A VARINT of eleven bytes. */
    memset(bytes.data + 37, 0x80, 60);
    assert_refused(97, "byte 37: coin 0: a height does not fit 64 bits");
}

static void key_that_is_no_point_is_told(void **state)
{
    (void)state;
    uint8_t x[32];
    memset(x, 0xff, sizeof(x));
    write_one(2, 0, 4, x, sizeof(x));
    assert_refused(bytes.size, "byte 39: coin 0: the key is no point of the curve");
    /* x³ + 7 is no square for x = 5. */
    memset(x, 0, sizeof(x));
    x[31] = 5;
    write_one(2, 0, 5, x, sizeof(x));
    assert_refused(bytes.size, "byte 39: coin 0: the key is no point of the curve");
}

static void coin_listed_twice_is_told(void **state)
{
    (void)state;
    builder_script script = {.data = {0x51}, .size = 1};
    for (uint32_t i = 0; i < 5; i++) {
        listed[i] = make_coin(i, 1, &script);
    }
    memcpy(listed[3].txid, listed[1].txid, 32);
    builder_write_coins(listed, 5, &bytes);
    coins c = {.num = 0};
    assert_true(coins_parse(&c, bytes.data, bytes.size, error, sizeof(error)));
    coins_finish(&c);
    listed[3].index = listed[1].index;
    builder_write_coins(listed, 5, &bytes);
    assert_refused(bytes.size, "byte 127: coin 3: the same as coin 1");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts_of_every_type_survive_a_round_trip),
        cmocka_unit_test(uncompressed_keys_of_both_parities_are_recovered),
        cmocka_unit_test(amounts_decompress_as_in_bitcoin_core),
        cmocka_unit_test(random_amounts_survive_a_round_trip),
        cmocka_unit_test(truncated_file_is_refused_at_every_byte),
        cmocka_unit_test(bytes_behind_the_last_coin_are_told),
        cmocka_unit_test(absurd_count_is_told_before_memory_is_taken),
        cmocka_unit_test(numbers_out_of_range_are_told),
        cmocka_unit_test(key_that_is_no_point_is_told),
        cmocka_unit_test(coin_listed_twice_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
