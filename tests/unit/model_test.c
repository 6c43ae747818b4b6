/*
 * model.h: lines that were drawn are found again through noise and spikes, change with the samples,
 * and say nothing before there are a few.
 */
#include "runtime/model.h"

#include "tests/unit/testing.h"

static testing_random dice;

static uint64_t noisy(double ns, uint64_t percent)
{
    uint64_t swing = testing_random_below(&dice, 2000 * percent + 1);
    return (uint64_t)(ns * (1 + ((double)swing / 1000 - (double)percent) / 100));
}

static void feed(model *m, int samples, double fixed, double slope, uint64_t percent)
{
    for (int i = 0; i < samples; i++) {
        uint64_t cost = UINT64_C(1) << (4 + testing_random_below(&dice, 14));
        model_add(m, cost, noisy(fixed + slope * (double)cost, percent));
    }
}

static void assert_near(const model *m, uint64_t cost, double expected_ns, double percent)
{
    double got = (double)model_time_ns(model_fit(m), cost), off = expected_ns * percent / 100 + 2;
    if (got < expected_ns - off || got > expected_ns + off) {
        fail_msg("cost %" PRIu64 ": %.0f ns instead of %.0f", cost, got, expected_ns);
    }
}

static void nothing_is_known_before_three_samples(void **state)
{
    (void)state;
    model m = {0};
    for (int i = 0; i < 2; i++) {
        model_add(&m, 100, 1000);
        assert_int_equal(model_fit(&m).slope, 0);
    }
    model_add(&m, 100, 1000);
    assert_true(model_fit(&m).slope > 0);
}

static void a_line_is_found_through_noise(void **state)
{
    (void)state;
    static const double fixed[] = {0, 11000, 100000}, slopes[] = {0.05, 2, 300};
    for (size_t i = 0; i < 9; i++) {
        model m = {0};
        double f = fixed[i % 3], s = slopes[i / 3];
        feed(&m, 200, f, s, 5);
        assert_near(&m, 1 << 17, f + s * (1 << 17), 10);
        assert_near(&m, 1 << 14, f + s * (1 << 14), 25);
    }
}

static void alike_costs_are_told_by_their_time(void **state)
{
    (void)state;
    model m = {0};
    for (int i = 0; i < 100; i++) {
        model_add(&m, 65536, noisy(200000, 5));
    }
    assert_near(&m, 65536, 200000, 5);
}

static void larger_and_no_slower_is_all_trip(void **state)
{
    (void)state;
    model m = {0};
    for (uint64_t i = 0; i < 100; i++) {
        model_add(&m, 1 + i % 50, 11000 - i % 50);
    }
    assert_near(&m, 1, 11000, 2);
    assert_near(&m, 50, 11000, 2);
}

static void a_device_that_changes_is_believed_and_a_spike_is_not(void **state)
{
    (void)state;
    model m = {0};
    feed(&m, 100, 11000, 2, 2);
    model_add(&m, 1024, 50000000); /* 50 ms */
    assert_near(&m, 1 << 17, 11000 + 2.0 * (1 << 17), 30);
    feed(&m, 160, 11000, 20, 2);
    assert_near(&m, 1 << 17, 11000 + 20.0 * (1 << 17), 10);
    feed(&m, 160, 11000, 2, 2);
    assert_near(&m, 1 << 17, 11000 + 2.0 * (1 << 17), 10);
}

static void extremes_do_no_harm(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, UINT64_MAX, UINT64_MAX / 2, 1000};
    for (int round = 0; round < 1000; round++) {
        model m = {0};
        for (int i = 0; i < 10; i++) {
            uint64_t cost = values[testing_random_below(&dice, 5)];
            model_add(&m, cost, values[testing_random_below(&dice, 5)]);
            model_line line = model_fit(&m);
            assert_true(line.slope <= (uint64_t)1e18 && line.fixed_ns <= (uint64_t)1e15);
            (void)model_time_ns(line, cost);
        }
    }
    assert_int_equal(model_time_ns((model_line){5, UINT64_MAX}, 2), UINT64_MAX);
    assert_int_equal(model_time_ns((model_line){5, UINT64_C(3) << MODEL_ONE_BITS}, 7), 26);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_three_samples),
        cmocka_unit_test(a_line_is_found_through_noise),
        cmocka_unit_test(alike_costs_are_told_by_their_time),
        cmocka_unit_test(larger_and_no_slower_is_all_trip),
        cmocka_unit_test(a_device_that_changes_is_believed_and_a_spike_is_not),
        cmocka_unit_test(extremes_do_no_harm),
    };
    dice = testing_random_of(testing_seed(), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
