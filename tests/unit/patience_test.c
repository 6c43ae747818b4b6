/*
 * patience.h: what is learned of batches, what is advised as a table, and simulated devices on
 * which the advice must cost little time and little looking.
 */
#include "runtime/patience.h"

#include "tests/unit/testing.h"

#define US UINT64_C(1000)

static void it_guesses_what_it_has_seen(void **state)
{
    (void)state;
    patience p = {0};
    assert_int_equal(patience_guess_ns(&p, 100), 0);
    for (int i = 0; i < 50; i++) {
        patience_learn(&p, 1000, 300 * US);
        patience_learn(&p, 2000, 600 * US);
    }
    assert_in_range(patience_guess_ns(&p, 1000), 290 * US, 310 * US);
    assert_in_range(patience_guess_ns(&p, 10000), 2900 * US, 3100 * US);
    assert_in_range(patience_guess_ns(&p, 1), 290 * US, 310 * US); /* the trip */
    for (int i = 0; i < 500; i++) {
        patience_learn(&p, 1000, 900 * US); /* it has become slower */
    }
    assert_in_range(patience_guess_ns(&p, 1000), 880 * US, 920 * US);
    assert_in_range(patience_guess_ns(&p, 1), 800 * US, 920 * US);
}

static void extremes_do_no_harm(void **state)
{
    (void)state;
    patience p = {0};
    patience_learn(&p, 0, 0);
    patience_learn(&p, UINT64_MAX, UINT64_MAX);
    patience_learn(&p, 1, UINT64_MAX);
    patience_guess_ns(&p, UINT64_MAX);
    patience_learn(&p, 0, 1);
    assert_true(patience_guess_ns(&p, 0) < UINT64_MAX / 2);
}

static void what_is_advised(void **state)
{
    (void)state;
    static const struct {
        uint64_t guess_us, age_us;
        bool has_next;
        uint64_t sleep_us, look_us; /* UINT64_MAX: for as long as may be */
    } rows[] = {
        {0, 0, false, 0, 20}, /* nothing is known: look for a while */
        {0, 20, false, UINT64_MAX, 0},
        {10, 0, false, 0, 30}, /* short: look */
        {10, 0, true, 0, 30},
        {10, 29, false, 0, 1},
        {10, 30, false, UINT64_MAX, 0},
        {100, 0, false, 0, 125},
        {1000, 0, false, 940, 310}, /* long: sleep, then look */
        {1000, 900, false, 40, 310},
        {1000, 950, false, 0, 300},
        {1000, 1250, false, UINT64_MAX, 0},
        {1000, 0, true, UINT64_MAX, 0}, /* the device has more to do */
        {1000, 990, true, UINT64_MAX, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        patience_advice a =
            patience_advise(rows[i].guess_us * US, rows[i].age_us * US, rows[i].has_next);
        uint64_t sleep_ns = rows[i].sleep_us == UINT64_MAX ? UINT64_MAX : rows[i].sleep_us * US;
        if (a.sleep_ns != sleep_ns || a.look_ns != rows[i].look_us * US) {
            fail_msg("row %zu: sleep %" PRIu64 ", look %" PRIu64, i, a.sleep_ns, a.look_ns);
        }
    }
}

/* One batch after the other, each alone: how late they were seen and how long was looked, on
 * average. A sleep ends 25 us late. */
static void simulate(testing_random *random, uint64_t usual_ns, uint64_t noise_percent,
                     uint64_t *late_ns, uint64_t *looked_ns)
{
    enum { BATCHES = 2000 };
    patience p = {0};
    *late_ns = *looked_ns = 0;
    for (int i = 0; i < BATCHES; i++) {
        uint64_t swing = usual_ns * noise_percent / 100;
        uint64_t end = usual_ns - swing + testing_random_below(random, 2 * swing + 1), now = 0;
        while (now < end) {
            patience_advice a = patience_advise(patience_guess_ns(&p, 1), now, false);
            if (a.sleep_ns > 0) {
                uint64_t until = a.sleep_ns < 1000 * US ? now + a.sleep_ns : now + 1000 * US;
                now = (until < end ? until : end) + 25 * US;
            } else {
                uint64_t until = now + a.look_ns < end ? now + a.look_ns : end;
                *looked_ns += until - now;
                now = until;
            }
        }
        *late_ns += now - end;
        patience_learn(&p, 1, now);
    }
    *late_ns /= BATCHES;
    *looked_ns /= BATCHES;
}

static void short_batches_are_seen_at_once_and_long_ones_without_much_looking(void **state)
{
    (void)state;
    testing_random random = testing_random_of(testing_seed(), 0);
    static const uint64_t usual_us[] = {5, 11, 50, 99, 150, 400, 1000, 5000};
    for (size_t i = 0; i < sizeof usual_us / sizeof *usual_us; i++) {
        for (uint64_t noise = 0; noise <= 10; noise += 10) {
            uint64_t late_ns, looked_ns, usual_ns = usual_us[i] * US;
            simulate(&random, usual_ns, noise, &late_ns, &looked_ns);
            printf("%5lu us +- %2lu %%: %5.1f us late, %5.1f us looked\n",
                   (unsigned long)usual_us[i], (unsigned long)noise, (double)late_ns / US,
                   (double)looked_ns / US);
            assert_true(late_ns < 2 * US + usual_ns / 100);
            assert_true(looked_ns < 100 * US + usual_ns / 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_guesses_what_it_has_seen),
        cmocka_unit_test(extremes_do_no_harm),
        cmocka_unit_test(what_is_advised),
        cmocka_unit_test(short_batches_are_seen_at_once_and_long_ones_without_much_looking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
