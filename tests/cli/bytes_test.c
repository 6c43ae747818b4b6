/*
 * Tests of the bounds-checked reader: numbers, views, CompactSizes, and how a fault sticks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bitcoin/bytes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void numbers_are_little_endian(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x78, 0x56, 0x34, 0x12, 8, 7, 6, 5, 4, 3, 2, 1};
    bytes_reader reader = {.data = data, .size = sizeof(data)};
    assert_int_equal(bytes_read_u32(&reader, "a"), 0x12345678);
    assert_true(bytes_read_u64(&reader, "b") == 0x0102030405060708);
    assert_int_equal(bytes_left(&reader), 0);
    assert_int_equal(reader.fault, BYTES_FINE);
}

static void first_fault_stays_and_later_reads_give_nothing(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6};
    bytes_reader reader = {.data = data, .size = sizeof(data)};
    bytes_read_u32(&reader, "first");
    assert_true(bytes_read_u64(&reader, "second") == 0);
    assert_null(bytes_read_view(&reader, 1, "third"));
    assert_int_equal(reader.fault, BYTES_SHORT);
    assert_string_equal(reader.field, "second");
    assert_int_equal(reader.at, 4);
}

static void view_as_long_as_the_address_space_is_refused(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3};
    bytes_reader reader = {.data = data, .size = sizeof(data), .at = 1};
    assert_null(bytes_read_view(&reader, UINT64_MAX, "view"));
    assert_int_equal(reader.at, 1);
}

static void compact_sizes_survive_a_round_trip(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,      1,       0xfc,       0xfd,       0xff,      0x100,
                                      0xffff, 0x10000, UINT32_MAX, 1ull << 32, UINT64_MAX};
    static const size_t lengths[] = {1, 1, 1, 3, 3, 3, 3, 5, 5, 9, 9};
    for (size_t i = 0; i < COUNT(values); i++) {
        uint8_t data[9];
        bytes_reader reader = {.data = data, .size = bytes_put_compact(data, values[i])};
        assert_int_equal(reader.size, lengths[i]);
        assert_true(bytes_read_compact(&reader, "n") == values[i]);
        assert_int_equal(bytes_left(&reader), 0);
        /* Cut short anywhere, it is refused, and the reader stands where it stood. */
        for (size_t size = 0; size < lengths[i]; size++) {
            bytes_reader cut = {.data = data, .size = size};
            assert_true(bytes_read_compact(&cut, "n") == 0);
            assert_int_equal(cut.fault, BYTES_SHORT);
            assert_int_equal(cut.at, 0);
        }
    }
}

static void compact_size_not_in_its_shortest_form_is_refused(void **state)
{
    (void)state;
    static const uint8_t data[][9] = {
        {0xfd, 0xfc, 0x00},
        {0xfe, 0xff, 0xff, 0x00, 0x00},
        {0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00},
    };
    for (size_t i = 0; i < COUNT(data); i++) {
        bytes_reader reader = {.data = data[i], .size = sizeof(data[i])};
        assert_true(bytes_read_compact(&reader, "n") == 0);
        assert_int_equal(reader.fault, BYTES_NOT_SHORTEST);
        assert_int_equal(reader.at, 0);
    }
}

/* Values and forms as Bitcoin Core's serialize.h gives them. */
static void varints_are_read_and_refused_when_cut_or_too_large(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *form;
        size_t bytes;
    } cases[] = {{0, "\x00", 1},
                 {127, "\x7f", 1},
                 {128, "\x80\x00", 2},
                 {255, "\x80\x7f", 2},
                 {256, "\x81\x00", 2},
                 {16511, "\xff\x7f", 2},
                 {65535, "\x82\xfe\x7f", 3},
                 {(uint64_t)1 << 32, "\x8e\xfe\xfe\xff\x00", 5},
                 {UINT64_MAX, "\x80\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\x7f", 10}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t size = 0; size <= cases[i].bytes; size++) {
            bytes_reader reader = {.data = (const uint8_t *)cases[i].form, .size = size};
            bool whole = size == cases[i].bytes;
            assert_true(bytes_read_varint(&reader, "n") == (whole ? cases[i].value : 0));
            assert_int_equal(reader.fault, whole ? BYTES_FINE : BYTES_SHORT);
            assert_int_equal(reader.at, whole ? size : 0);
        }
    }
    static const char *const large[] = {"\x80\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xff\x00",
                                        "\x81\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\x7f",
                                        "\x80\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xff\x00"};
    for (size_t i = 0; i < COUNT(large); i++) {
        bytes_reader reader = {.data = (const uint8_t *)large[i], .size = 11};
        assert_true(bytes_read_varint(&reader, "n") == 0);
        assert_int_equal(reader.fault, BYTES_TOO_LARGE);
        assert_int_equal(reader.at, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(first_fault_stays_and_later_reads_give_nothing),
        cmocka_unit_test(view_as_long_as_the_address_space_is_refused),
        cmocka_unit_test(compact_sizes_survive_a_round_trip),
        cmocka_unit_test(compact_size_not_in_its_shortest_form_is_refused),
        cmocka_unit_test(varints_are_read_and_refused_when_cut_or_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
