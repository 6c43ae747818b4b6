/*
 * Tests of hex decoding: every form that is accepted, and where a broken one is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bitcoin/hex.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_decodes(const char *text, const char *expected, size_t expected_bytes)
{
    uint8_t data[64];
    size_t bytes = strlen(text);
    size_t bad = 0;
    memcpy(data, text, bytes);
    assert_true(hex_is_text(data, bytes));
    assert_true(hex_decode(data, &bytes, &bad));
    assert_int_equal(bytes, expected_bytes);
    assert_memory_equal(data, expected, expected_bytes);
}

static void hex_is_read_bare_quoted_and_with_space_around(void **state)
{
    (void)state;
    assert_decodes("00fF10Ab", "\x00\xff\x10\xab", 4);
    assert_decodes("\"00ff10ab\"\n", "\x00\xff\x10\xab", 4);
    assert_decodes(" \r\n\t 00ff10ab01 \n", "\x00\xff\x10\xab\x01", 5);
}

static void broken_hex_is_refused_at_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {
        {"00ff10abx", 8},       {"00ff10aba", 8},  {"00ff10abaz", 8},  {"\"00ff10ab", 9},
        {"\"00ff10ab\"00", 10}, {"00ff10ab\"", 8}, {"00ff10ab 00", 9}, {"\"00ff10ab ", 9},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t data[64];
        size_t bytes = strlen(cases[i].text);
        size_t bad = 0;
        memcpy(data, cases[i].text, bytes);
        assert_true(hex_is_text(data, bytes));
        assert_false(hex_decode(data, &bytes, &bad));
        assert_int_equal(bad, cases[i].bad);
    }
}

static void raw_blocks_are_not_taken_for_hex(void **state)
{
    (void)state;
    static const uint8_t version[] = {0x30, 0x00, 0x00, 0x20, 0x31, 0x32, 0x33, 0x34};
    assert_false(hex_is_text(version, sizeof(version)));
    assert_false(hex_is_text((const uint8_t *)"0123456", 7));
    assert_false(hex_is_text((const uint8_t *)"", 0));
    assert_false(hex_is_text((const uint8_t *)" \"", 2));
}

static void hash_is_shown_last_byte_first(void **state)
{
    (void)state;
    char text[65];
    hex_hash((const uint8_t[32]){0x01, [31] = 0xfe}, text);
    assert_string_equal(text, "fe00000000000000000000000000000000000000000000000000000000000001");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_is_read_bare_quoted_and_with_space_around),
        cmocka_unit_test(broken_hex_is_refused_at_its_place),
        cmocka_unit_test(raw_blocks_are_not_taken_for_hex),
        cmocka_unit_test(hash_is_shown_last_byte_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
