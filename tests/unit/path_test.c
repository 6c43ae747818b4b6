/*
 * path.h: which batches go which way, on made-up devices whose times are known: what is tried, how
 * soon the quicker way is found and found again, and what looking for it costs.
 */
#include "runtime/path.h"

#include "tests/unit/testing.h"

#define BYTES (UINT64_C(1) << 20)
#define DIRECT false
#define STAGED true

/* A device: what a byte takes each way, in picoseconds. */
typedef struct made_up {
    uint64_t ps[2];
} made_up;

static uint64_t busy_ns(uint64_t bytes, uint64_t ps)
{
    return bytes * ps / 1000;
}

/* One batch goes its way, and is learned from; returns which. */
static bool run(path *p, const made_up *device)
{
    bool way = path_is_staged(p, BYTES);
    path_learn(p, way, BYTES, busy_ns(BYTES, device->ps[way]));
    return way;
}

/* How many of so many batches went that way. */
static uint32_t run_many(path *p, const made_up *device, uint32_t count, bool way)
{
    uint32_t went = 0;
    for (uint32_t i = 0; i < count; i++) {
        went += run(p, device) == way;
    }
    return went;
}

/* Batches until nearly all go that way, or `limit`. */
static uint32_t batches_until(path *p, const made_up *device, bool way, uint32_t limit)
{
    uint32_t count = 0, in_a_row = 0;
    for (; count < limit && in_a_row < 10; count++) {
        in_a_row = run(p, device) == way ? in_a_row + 1 : 0;
    }
    return count;
}

/* A path that has found the better way of the device. */
static path settled(const made_up *device)
{
    path p = {0};
    run_many(&p, device, 500, DIRECT);
    return p;
}

/* -- what goes which way ----------------------------------------------------------------------- */

static void small_batches_are_never_staged_and_teach_nothing(void **state)
{
    (void)state;
    const made_up staged_is_better = {{1000, 100}};
    path p = settled(&staged_is_better), before = p;
    for (uint64_t bytes = 0; bytes < PATH_BYTES_MIN; bytes++) {
        assert_false(path_is_staged(&p, bytes));
        path_learn(&p, STAGED, bytes, UINT64_C(1) << 50);
        path_learn(&p, DIRECT, bytes, 1);
    }
    assert_memory_equal(&p, &before, sizeof p);
    assert_true(path_is_staged(&p, PATH_BYTES_MIN));
}

static void both_ways_are_tried_by_turns_at_first(void **state)
{
    (void)state;
    const made_up device = {{100, 1000000}};
    path p = {0};
    for (int i = 0; i < 2 * PATH_TRIES; i++) {
        assert_int_equal(run(&p, &device), i % 2 == 1);
    }
}

/* Several are in flight before the first is done. */
static void a_way_is_tried_in_a_row_while_nothing_is_known_of_it(void **state)
{
    (void)state;
    const made_up device = {{100, 50}};
    path p = {0};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) {
            assert_int_equal(path_is_staged(&p, BYTES), round == 1);
        }
        for (int i = 0; i < 4; i++) {
            path_learn(&p, round == 1, BYTES, busy_ns(BYTES, device.ps[round]));
        }
    }
    assert_true(path_is_staged(&p, BYTES));
}

/* A device without a clock, or with memory that never suffices. */
static void what_cannot_be_measured_goes_directly(void **state)
{
    (void)state;
    path p = {0};
    for (int i = 0; i < 1000; i++) {
        assert_false(path_is_staged(&p, BYTES));
    }
}

static void the_quicker_way_is_taken_as_soon_as_both_were_tried(void **state)
{
    (void)state;
    static const made_up devices[] = {{{100, 105}},   {{105, 100}},     {{100, 300}},
                                      {{300, 100}},   {{20, 500}},      {{500, 20}},
                                      {{1, 1000000}}, {{1000000, 1}},   {{1, 2}},
                                      {{2, 1}},       {{10000, 11000}}, {{11000, 10000}}};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        bool better = devices[i].ps[1] < devices[i].ps[0];
        path p = {0};
        run_many(&p, &devices[i], 2 * PATH_TRIES, better);
        assert_int_equal(run_many(&p, &devices[i], PATH_RETRY - 1, better), PATH_RETRY - 1);
    }
}

/* The first batches meet a cold device: pages to be mapped, clocks to be raised. */
static void a_slow_start_is_forgotten(void **state)
{
    (void)state;
    const made_up cold = {{10000, 500}}, warm = {{100, 200}};
    path p = {0};
    run_many(&p, &cold, 2 * (PATH_TRIES - 1), DIRECT);
    run_many(&p, &warm, 2, DIRECT);
    assert_int_equal(run_many(&p, &warm, PATH_RETRY - 1, DIRECT), PATH_RETRY - 1);
}

/* -- changes ----------------------------------------------------------------------------------- */

static void the_way_that_becomes_slower_is_left_at_once(void **state)
{
    (void)state;
    for (int better = 0; better < 2; better++) {
        made_up device = {{100, 100}};
        device.ps[!better] = 200;
        path p = settled(&device);
        device.ps[better] = 400;
        assert_in_range(batches_until(&p, &device, !better, 1000), 0, 20);
    }
}

static void the_way_that_becomes_quicker_is_found_out(void **state)
{
    (void)state;
    static const uint64_t before[] = {120, 150, 200, 300, 390, 500, 1000};
    for (int better = 0; better < 2; better++) {
        for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
            made_up device = {{100, 100}};
            device.ps[!better] = before[i];
            path p = settled(&device);
            device.ps[!better] = 50;
            uint32_t retries = 2 + (uint32_t)(before[i] / 100) * 2; /* each halves what is far */
            assert_in_range(batches_until(&p, &device, !better, 100000), 0,
                            retries * PATH_RETRY + 20);
        }
    }
}

static void a_batch_that_takes_very_long_turns_nothing(void **state)
{
    (void)state;
    for (int better = 0; better < 2; better++) {
        made_up device = {{150, 150}};
        device.ps[better] = 100;
        for (uint64_t spike_ns = 1000; spike_ns < UINT64_MAX / 10; spike_ns *= 10) {
            path p = settled(&device);
            path_learn(&p, better, BYTES, spike_ns * 10);
            assert_true(run_many(&p, &device, 10, better) >= 9);
            path_learn(&p, !better, BYTES, spike_ns);
            path_learn(&p, !better, BYTES, busy_ns(BYTES, device.ps[!better]));
            assert_true(run_many(&p, &device, 10, better) >= 9);
        }
    }
}

/* A batch that ran wholly beside the one before it kept the device from nobody. */
static void a_batch_that_took_no_time_says_nothing(void **state)
{
    (void)state;
    const made_up device = {{100, 120}};
    path p = settled(&device), before = p;
    for (int i = 0; i < 100; i++) {
        path_learn(&p, i % 2 == 0, BYTES, 0);
    }
    assert_memory_equal(&p, &before, sizeof p);
}

/* -- extremes ---------------------------------------------------------------------------------- */

/* Whatever a device says once, be it the first thing it says, the better way is found after it. */
static void absurd_times_do_no_lasting_harm(void **state)
{
    (void)state;
    static const uint64_t absurd_ns[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
    static const uint64_t absurd_bytes[] = {PATH_BYTES_MIN, BYTES, UINT64_MAX};
    const made_up devices[] = {{{100, 200}}, {{200, 100}}};
    for (int n = 0; n < 5 * 3 * 2 * 2 * 2; n++) {
        uint64_t ns = absurd_ns[n % 5], bytes = absurd_bytes[n / 5 % 3];
        bool way = n / 15 % 2 == 1, better = n / 30 % 2 == 1, is_first = n / 60 == 1;
        path p = is_first ? (path){0} : settled(&devices[better]);
        path_learn(&p, way, bytes, ns);
        run_many(&p, &devices[better], 10 * PATH_RETRY, better);
        if (run_many(&p, &devices[better], 1000, better) < 950) {
            fail_msg("after %" PRIu64 " ns for %" PRIu64 " bytes of way %d, first: %d", ns, bytes,
                     way, is_first);
        }
    }
}

static void a_device_that_only_says_absurd_things_is_served(void **state)
{
    (void)state;
    static const uint64_t absurd_ns[] = {0, 1, UINT64_MAX};
    for (int n = 0; n < 9; n++) {
        path p = {0};
        for (int i = 0; i < 10000; i++) {
            bool way = path_is_staged(&p, n % 2 == 0 ? BYTES : UINT64_MAX);
            path_learn(&p, way, BYTES, way ? absurd_ns[n % 3] : absurd_ns[n / 3]);
        }
    }
}

/* -- what looking costs ------------------------------------------------------------------------ */

typedef struct noise {
    uint32_t percent;       /* of a time, up or down */
    uint32_t spike_percent; /* of batches take 20 times as long */
    int64_t cost_max;       /* that looking may have then, in thousandths */
} noise;

static uint64_t noisy(testing_random *random, uint64_t ns, const noise *n)
{
    uint64_t range = 2 * n->percent + 1;
    ns = ns * (100 - n->percent + testing_random_below(random, range)) / 100;
    return testing_random_below(random, 100) < n->spike_percent ? 20 * ns : ns;
}

/* How much longer 100000 batches take than they would all on the better way, in thousandths. */
static int64_t cost_of_looking(testing_random *random, const made_up *device, const noise *n)
{
    path p = {0};
    uint64_t sum = 0, sums[2] = {0, 0};
    for (int i = 0; i < 100000; i++) {
        uint64_t bytes = PATH_BYTES_MIN << testing_random_below(random, 8), ns[2];
        for (int way = 0; way < 2; way++) {
            ns[way] = noisy(random, busy_ns(bytes, device->ps[way]), n);
            sums[way] += ns[way];
        }
        bool way = path_is_staged(&p, bytes);
        path_learn(&p, way, bytes, ns[way]);
        sum += ns[way];
    }
    uint64_t best = sums[0] < sums[1] ? sums[0] : sums[1];
    return ((int64_t)sum - (int64_t)best) * 1000 / (int64_t)best;
}

static void looking_costs_little(void **state)
{
    (void)state;
    static const uint64_t slower[] = {1010, 1050, 1100, 1200, 1500, 2000,
                                      3000, 3900, 4100, 6000, 10000};
    static const noise noises[] = {{0, 0, 50}, {10, 0, 50}, {20, 0, 50}, {20, 1, 50}, {50, 5, 100}};
    testing_random random = testing_random_of(testing_seed(), 0);
    for (size_t i = 0; i < sizeof slower / sizeof *slower; i++) {
        for (size_t k = 0; k < sizeof noises / sizeof *noises; k++) {
            made_up device = {{1000, 1000}};
            device.ps[testing_random_below(&random, 2)] = slower[i];
            int64_t cost = cost_of_looking(&random, &device, &noises[k]);
            if (cost > noises[k].cost_max) {
                fail_msg("%" PRIu64 " against 1000, noise %u %%, spikes %u %%: %" PRId64 " / 1000",
                         slower[i], noises[k].percent, noises[k].spike_percent, cost);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_batches_are_never_staged_and_teach_nothing),
        cmocka_unit_test(both_ways_are_tried_by_turns_at_first),
        cmocka_unit_test(a_way_is_tried_in_a_row_while_nothing_is_known_of_it),
        cmocka_unit_test(what_cannot_be_measured_goes_directly),
        cmocka_unit_test(the_quicker_way_is_taken_as_soon_as_both_were_tried),
        cmocka_unit_test(a_slow_start_is_forgotten),
        cmocka_unit_test(the_way_that_becomes_slower_is_left_at_once),
        cmocka_unit_test(the_way_that_becomes_quicker_is_found_out),
        cmocka_unit_test(a_batch_that_takes_very_long_turns_nothing),
        cmocka_unit_test(a_batch_that_took_no_time_says_nothing),
        cmocka_unit_test(absurd_times_do_no_lasting_harm),
        cmocka_unit_test(a_device_that_only_says_absurd_things_is_served),
        cmocka_unit_test(looking_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
