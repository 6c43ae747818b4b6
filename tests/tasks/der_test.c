/*
 * The two signature decoders: a table of encodings with what each must answer, and properties over
 * random ones. libsecp256k1's DER parser serves as a second opinion where the two must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <secp256k1.h>

#include "tasks/secp256k1/der.h"
#include "tests/tasks/signature.h"
#include "tests/tasks/support.h"

typedef bool (*parser)(const uint8_t *data, size_t bytes, uint8_t rs[DER_RS_BYTES]);

/* Parses a copy that is exactly as long as the input, so that a sanitizer sees any byte read
 * beyond. */
static bool parse(parser parser, const uint8_t *data, size_t bytes, uint8_t rs[64])
{
    uint8_t *copy = NULL;
    if (bytes > 0) {
        copy = malloc(bytes);
        assert_non_null(copy);
        memcpy(copy, data, bytes);
    }
    bool ok = parser(copy, bytes, rs);
    free(copy);
    return ok;
}

/* Numbers of 32 bytes that are often short, so that all lengths of integers come up. */
static void random_rs(support_random *random, uint8_t rs[64])
{
    support_random_fill(random, rs, 64);
    memset(rs, 0, support_random_below(random, 33));
    memset(rs + 32, 0, support_random_below(random, 33));
}

static void each_form_is_read_as_the_table_says(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *hex;
        bool strict;
        bool lax;
    } forms[] = {
        {"the least there is", "3006020101020101", true, true},
        {"nothing", "", false, false},
        {"zeros as numbers", "3006020100020100", true, true},
        {"a zero in front of a sign bit", "300802020080020200ff", true, true},
        {"another tag for the sequence", "3106020101020101", false, false},
        {"another tag for r", "3006030101020101", false, false},
        {"another tag for s", "3006020101030101", false, false},
        {"negative r", "3006020181020101", false, true},
        {"negative s", "3006020101020181", false, true},
        {"padded r", "300702020001020101", false, true},
        {"padded s", "300702010102020001", false, true},
        {"r without bytes", "30060200020201ff", false, true},
        {"s without bytes", "3006020201ff0200", false, true},
        {"a byte after s, outside", "300602010102010100", false, true},
        {"a byte after s, inside", "300702010102010100", false, true},
        {"a sequence too short for its content", "3005020101020101", false, true},
        {"a sequence length that is absurd", "30ff020101020101", false, false},
        {"a sequence of unknown length", "30800201010201010000", false, true},
        {"a sequence length in the long form", "308106020101020101", false, true},
        {"a sequence length that is cut", "3082", false, false},
        {"r's length in the long form", "300702810101020101", false, true},
        {"s's length in the long form", "300702010102810101", false, true},
        {"a length of no octets: zero", "3006028002020101", false, true},
        {"zeros before a length", "3009028300000101020101", false, true},
        {"more zeros before a length", "300c028600000000000101020101", false, true},
        {"a length of 4 octets, absurd", "300a02840100000101020101", false, false},
        {"r longer than the input", "3006020901020101", false, false},
        {"s longer than the input", "3006020101020201", false, false},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        uint8_t data[128], rs[64];
        size_t bytes = support_unhex(forms[i].hex, strlen(forms[i].hex), data, sizeof(data));
        assert_true(bytes != SIZE_MAX);
        bool strict = parse(der_parse_strict, data, bytes, rs);
        bool lax = parse(der_parse_lax, data, bytes, rs);
        if (strict != forms[i].strict || lax != forms[i].lax) {
            fail_msg("%s: strict %d, lax %d", forms[i].what, strict, lax);
        }
    }
}

/* The number whose `bytes` bytes are all 1, as 32 bytes: the largest number if it has more. */
static void ones(uint8_t number[32], size_t bytes)
{
    memset(number, bytes > 32 ? 0xff : 0, 32);
    if (bytes <= 32) {
        memset(number + 32 - bytes, 1, bytes);
    }
}

static void numbers_of_every_length_are_read_those_too_long_as_the_largest(void **state)
{
    (void)state;
    enum { BYTES_MAX = 80 };
    uint8_t number[BYTES_MAX], data[SIGNATURE_DER_BYTES_MAX], expected[64], rs[64];
    memset(number, 1, sizeof(number));
    for (size_t r_bytes = 0; r_bytes <= BYTES_MAX; r_bytes++) {
        for (size_t s_bytes = 0; s_bytes <= BYTES_MAX; s_bytes++) {
            size_t bytes = signature_sequence(data, number, r_bytes, number, s_bytes);
            ones(expected, r_bytes);
            ones(expected + 32, s_bytes);
            assert_true(parse(der_parse_lax, data, bytes, rs));
            assert_memory_equal(rs, expected, sizeof(rs));
            bool strict = r_bytes > 0 && s_bytes > 0 && bytes <= 72;
            assert_int_equal(parse(der_parse_strict, data, bytes, rs), strict);
            assert_memory_equal(rs, expected, sizeof(rs));
        }
    }
}

/* SEQUENCE { INTEGER r, INTEGER 2 } for the lax decoder, with r = 1 behind zeros in r_bytes bytes,
 * whose length is written in num_octets octets. */
static bool parse_long_r(uint32_t r_bytes, uint8_t num_octets, uint8_t rs[64])
{
    size_t bytes = 4 + num_octets + (size_t)r_bytes + 3;
    uint8_t *data = calloc(1, bytes);
    assert_non_null(data);
    data[0] = 0x30;
    data[2] = 0x02;
    data[3] = 0x80 | num_octets;
    for (uint8_t i = 0; i < num_octets; i++) {
        data[4 + i] = (uint8_t)(r_bytes >> 8 * (num_octets - 1 - i));
    }
    data[bytes - 4] = 1;
    memcpy(data + bytes - 3, "\x02\x01\x02", 3);
    bool ok = der_parse_lax(data, bytes, rs);
    free(data);
    return ok;
}

static void lax_lengths_have_up_to_three_octets(void **state)
{
    (void)state;
    uint8_t rs[64];
    const uint8_t expected[64] = {[31] = 1, [63] = 2};
    assert_true(parse_long_r(0x20, 1, rs));
    assert_memory_equal(rs, expected, sizeof(rs));
    assert_true(parse_long_r(0x1234, 2, rs));
    assert_memory_equal(rs, expected, sizeof(rs));
    assert_true(parse_long_r(0xffffff, 3, rs));
    assert_memory_equal(rs, expected, sizeof(rs));
    assert_false(parse_long_r(0x1000000, 4, rs));
}

static void strict_form_is_read_back_and_is_malformed_when_cut_at_any_byte(void **state)
{
    (void)state;
    support_random random = support_random_start();
    for (int i = 0; i < 300; i++) {
        uint8_t expected[64], rs[64], data[SIGNATURE_DER_BYTES_MAX];
        random_rs(&random, expected);
        size_t bytes = signature_der(data, expected);
        assert_true(parse(der_parse_strict, data, bytes, rs));
        assert_memory_equal(rs, expected, sizeof(rs));
        assert_true(parse(der_parse_lax, data, bytes, rs));
        assert_memory_equal(rs, expected, sizeof(rs));
        for (size_t cut = 0; cut < bytes; cut++) {
            assert_false(parse(der_parse_strict, data, cut, rs));
            assert_false(parse(der_parse_lax, data, cut, rs));
        }
    }
}

/* Changes, removes or adds a byte, more often than not one of the few that frame the numbers. */
static size_t mutate(support_random *random, uint8_t *data, size_t bytes)
{
    size_t framing[] = {0, 1, 2, 3, 4, 4u + data[3], 5u + data[3], 6u + data[3]};
    size_t at = support_random_below(random, bytes);
    size_t frame = framing[support_random_below(random, 8)];
    if (frame < bytes && support_random_below(random, 4) > 0) {
        at = frame;
    }
    switch (support_random_below(random, 5)) {
    case 0:
        memmove(data + at, data + at + 1, bytes - at - 1);
        return bytes - 1;
    case 1:
        memmove(data + at + 1, data + at, bytes - at);
        data[at] = (uint8_t)(support_random_below(random, 2) ? 0 : support_random_next(random));
        return bytes + 1;
    case 2:
        data[at] = (uint8_t)support_random_next(random);
        return bytes;
    case 3:
        data[at] ^= (uint8_t)(1u << support_random_below(random, 8));
        return bytes;
    default:
        data[at] = (uint8_t)(data[at] + support_random_below(random, 3) - 1);
        return bytes;
    }
}

/* Whether r or s starts with a sign bit, in an encoding that libsecp256k1 has read. */
static bool negative(const uint8_t *data)
{
    return data[4] & 0x80 || data[6 + data[3]] & 0x80;
}

/* A number that has, or stands for one that has, no place in 32 bytes. */
static bool too_large(const uint8_t number[32])
{
    uint8_t largest[32];
    memset(largest, 0xff, sizeof(largest));
    return memcmp(number, largest, 32) == 0;
}

typedef struct seen {
    size_t malformed, too_large, read;
} seen;

static void check_mutated(const uint8_t *data, size_t bytes, seen *seen)
{
    uint8_t rs[64], lax_rs[64], again[SIGNATURE_DER_BYTES_MAX];
    secp256k1_ecdsa_signature signature;
    bool second =
        secp256k1_ecdsa_signature_parse_der(secp256k1_context_static, &signature, data, bytes);
    if (!parse(der_parse_strict, data, bytes, rs)) {
        assert_true(!second || bytes > 72 || negative(data));
        seen->malformed++;
        return;
    }
    assert_true(second);
    assert_true(parse(der_parse_lax, data, bytes, lax_rs));
    assert_memory_equal(lax_rs, rs, sizeof(rs));
    if (too_large(rs) || too_large(rs + 32)) {
        seen->too_large++;
        return;
    }
    assert_int_equal(signature_der(again, rs), bytes);
    assert_memory_equal(again, data, bytes);
    seen->read++;
}

static void strict_decoder_takes_one_form_of_a_number_and_the_lax_one_reads_it_alike(void **state)
{
    (void)state;
    support_random random = support_random_start();
    seen seen = {0};
    for (int i = 0; i < 200000; i++) {
        uint8_t rs[64], data[SIGNATURE_DER_BYTES_MAX];
        random_rs(&random, rs);
        size_t bytes = signature_der(data, rs);
        for (uint64_t n = support_random_below(&random, 3); n > 0; n--) {
            bytes = mutate(&random, data, bytes);
        }
        check_mutated(data, bytes, &seen);
    }
    assert_true(seen.read > 0);
    assert_true(seen.too_large > 0);
    assert_true(seen.malformed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_read_as_the_table_says),
        cmocka_unit_test(numbers_of_every_length_are_read_those_too_long_as_the_largest),
        cmocka_unit_test(lax_lengths_have_up_to_three_octets),
        cmocka_unit_test(strict_form_is_read_back_and_is_malformed_when_cut_at_any_byte),
        cmocka_unit_test(strict_decoder_takes_one_form_of_a_number_and_the_lax_one_reads_it_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
