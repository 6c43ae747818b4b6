/*
 * Tests of compact targets, valid and not, and of hashes held against them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bitcoin/pow.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void compact_targets_expand_as_consensus_has_it(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits;
        pow_result result;
        int at; /* of the target's lowest byte given below */
        uint8_t bytes[3];
    } cases[] = {
        {0x1d00ffff, POW_MET, 26, {0xff, 0xff, 0x00}},
        {0x207fffff, POW_MET, 29, {0xff, 0xff, 0x7f}},
        {0x03123456, POW_MET, 0, {0x56, 0x34, 0x12}},
        {0x02123456, POW_MET, 0, {0x34, 0x12, 0x00}},
        {0x01123456, POW_MET, 0, {0x12, 0x00, 0x00}},
        {0x00123456, POW_ZERO, 0, {0}},
        {0x01003456, POW_ZERO, 0, {0}},
        {0x1d000000, POW_ZERO, 0, {0}},
        {0x01803456, POW_ZERO, 0, {0}},
        {0x04923456, POW_NEGATIVE, 0, {0}},
        {0x1d80ffff, POW_NEGATIVE, 0, {0}},
        {0x22000001, POW_MET, 29, {0x00, 0x00, 0x01}},
        {0x22000100, POW_OVERFLOW, 0, {0}},
        {0x21010000, POW_OVERFLOW, 0, {0}},
        {0x21001234, POW_MET, 29, {0x00, 0x34, 0x12}},
        {0x23000001, POW_OVERFLOW, 0, {0}},
        {0xff123456, POW_OVERFLOW, 0, {0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t target[32];
        uint8_t expected[32] = {0};
        assert_int_equal(pow_target(cases[i].bits, target), cases[i].result);
        if (cases[i].result == POW_MET) {
            memcpy(expected + cases[i].at, cases[i].bytes, 3);
            assert_memory_equal(target, expected, 32);
        }
    }
}

static void hash_equal_to_the_target_meets_it_and_one_more_does_not(void **state)
{
    (void)state;
    uint8_t hash[32] = {[26] = 0xff, [27] = 0xff};
    assert_int_equal(pow_check(hash, 0x1d00ffff), POW_MET);
    hash[0] = 1;
    assert_int_equal(pow_check(hash, 0x1d00ffff), POW_MISSED);
    assert_int_equal(pow_check(hash, 0x1d80ffff), POW_NEGATIVE);
    memset(hash, 0xff, 26);
    hash[26] = 0xfe;
    assert_int_equal(pow_check(hash, 0x1d00ffff), POW_MET);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_targets_expand_as_consensus_has_it),
        cmocka_unit_test(hash_equal_to_the_target_meets_it_and_one_more_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
