/*
 * Tests of the Merkle steps: padding, and twins (CVE-2012-2459).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bitcoin/merkle.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void odd_level_is_padded_with_its_last_hash(void **state)
{
    (void)state;
    uint8_t level[4 * 32];
    for (size_t i = 0; i < sizeof(level); i++) {
        level[i] = (uint8_t)(i / 32 + 1);
    }
    assert_int_equal(merkle_pad(level, 2), 1);
    assert_int_equal(level[64], 3);
    assert_int_equal(merkle_pad(level, 3), 2);
    assert_memory_equal(level + 96, level + 64, 32);
}

static void twins_are_told_only_in_one_pair(void **state)
{
    (void)state;
    size_t pair = 9;
    uint8_t level[5 * 32] = {0};
    static const uint8_t marks[] = {1, 2, 2, 3, 3};
    for (size_t i = 0; i < COUNT(marks); i++) {
        level[32 * i + 31] = marks[i];
    }
    assert_false(merkle_has_twins(level, 5, &pair)); /* 2, 2 and 3, 3 stand across pairs */
    assert_true(merkle_has_twins(level + 32, 4, &pair));
    assert_int_equal(pair, 0);
    level[32 + 31] = 9;
    level[64 + 31] = 3;
    assert_true(merkle_has_twins(level, 5, &pair));
    assert_int_equal(pair, 1);
    assert_false(merkle_has_twins(level, 1, &pair));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_level_is_padded_with_its_last_hash),
        cmocka_unit_test(twins_are_told_only_in_one_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
