/*
 * Tests of the bench rows' figures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/rows.h"

static void percentiles_are_measured_samples(void **state)
{
    (void)state;
    static const double one[] = {7};
    static const double four[] = {1, 2, 3, 4};
    double hundred[100];
    for (int i = 0; i < 100; i++) {
        hundred[i] = i + 1;
    }
    assert_true(rows_percentile(one, 1, 0) == 7 && rows_percentile(one, 1, 99) == 7);
    assert_true(rows_percentile(four, 4, 50) == 2);
    assert_true(rows_percentile(four, 4, 51) == 3);
    assert_true(rows_percentile(four, 4, 99) == 4);
    assert_true(rows_percentile(hundred, 100, 50) == 50);
    assert_true(rows_percentile(hundred, 100, 99) == 99);
    assert_true(rows_percentile(hundred, 100, 100) == 100);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_measured_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
