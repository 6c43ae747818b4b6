/*
 * route.h: one row for each condition and its neighbours, and costs at the end of 64 bits.
 */
#include "runtime/route.h"

#include <yoke/yoke.h>

#include "tests/unit/testing.h"

#define BREAK_EVEN 1000

#define AUTO POLICY_ROUTING_MODE_AUTO
#define CPU_ONLY POLICY_ROUTING_MODE_CPU_ONLY
#define GPU_ONLY POLICY_ROUTING_MODE_GPU_ONLY

typedef struct row {
    policy_routing_mode mode;
    route_input input;
    route expected;
} row;

/* A job that is just worth a batch, of a type that a device serves and whose lane has room. */
#define JOB(...)                                                                                   \
    {                                                                                              \
        .num_items = 1, .cost = BREAK_EVEN, .is_served = true, .has_room = true, __VA_ARGS__       \
    }

static const row rows[] = {
    {AUTO, JOB(.flags = 0), ROUTE_GPU},
    {AUTO, JOB(.num_items = 2), ROUTE_BOTH},
    {AUTO, JOB(.num_items = UINT32_MAX), ROUTE_BOTH},

    /* without a device everything is the CPU's, whatever was asked for */
    {AUTO, JOB(.is_served = false), ROUTE_CPU},
    {AUTO, JOB(.is_served = false, .num_items = 2), ROUTE_CPU},
    {AUTO, JOB(.is_served = false, .flags = YOKE_JOB_GPU), ROUTE_CPU},
    {GPU_ONLY, JOB(.is_served = false), ROUTE_CPU},
    {GPU_ONLY, JOB(.is_served = false, .flags = YOKE_JOB_GPU), ROUTE_CPU},
    {CPU_ONLY, JOB(.is_served = false), ROUTE_CPU},

    /* the job's flag goes before the mode and before its cost */
    {AUTO, JOB(.flags = YOKE_JOB_CPU), ROUTE_CPU},
    {AUTO, JOB(.flags = YOKE_JOB_CPU, .num_items = 2), ROUTE_CPU},
    {AUTO, JOB(.flags = YOKE_JOB_CPU, .cost = UINT64_MAX), ROUTE_CPU},
    {GPU_ONLY, JOB(.flags = YOKE_JOB_CPU), ROUTE_CPU},
    {AUTO, JOB(.flags = YOKE_JOB_GPU, .cost = 1), ROUTE_GPU},
    {AUTO, JOB(.flags = YOKE_JOB_GPU, .num_items = 2), ROUTE_GPU},
    {AUTO, JOB(.flags = YOKE_JOB_GPU, .has_room = false), ROUTE_GPU},
    {CPU_ONLY, JOB(.flags = YOKE_JOB_GPU), ROUTE_GPU},
    {GPU_ONLY, JOB(.flags = YOKE_JOB_GPU), ROUTE_GPU},
    {AUTO, JOB(.flags = YOKE_JOB_REAP), ROUTE_GPU},
    {AUTO, JOB(.flags = YOKE_JOB_REAP, .num_items = 2), ROUTE_BOTH},
    {AUTO, JOB(.flags = YOKE_JOB_REAP | YOKE_JOB_CPU), ROUTE_CPU},
    {AUTO, JOB(.flags = YOKE_JOB_REAP | YOKE_JOB_GPU, .num_items = 2), ROUTE_GPU},

    /* the mode */
    {GPU_ONLY, JOB(.cost = 1), ROUTE_GPU},
    {GPU_ONLY, JOB(.num_items = 2), ROUTE_GPU},
    {GPU_ONLY, JOB(.has_room = false), ROUTE_GPU},
    {CPU_ONLY, JOB(.cost = UINT64_MAX), ROUTE_CPU},
    {CPU_ONLY, JOB(.num_items = 2), ROUTE_CPU},

    /* a full lane */
    {AUTO, JOB(.has_room = false), ROUTE_CPU},
    {AUTO, JOB(.has_room = false, .num_items = 2), ROUTE_CPU},
    {AUTO, JOB(.has_room = false, .cost = UINT64_MAX, .backlog = 5), ROUTE_CPU},

    /* the break-even of one job */
    {AUTO, JOB(.cost = BREAK_EVEN - 1), ROUTE_CPU},
    {AUTO, JOB(.cost = BREAK_EVEN - 1, .num_items = BREAK_EVEN - 1), ROUTE_CPU},
    {AUTO, JOB(.cost = BREAK_EVEN + 1), ROUTE_GPU},
    {AUTO, JOB(.cost = BREAK_EVEN + 1, .num_items = 2), ROUTE_BOTH},
    {AUTO, JOB(.cost = 0), ROUTE_CPU},

    /* and of those that wait, if all are like it: the job itself is one of them */
    {AUTO, JOB(.cost = 1, .backlog = BREAK_EVEN - 2), ROUTE_CPU},
    {AUTO, JOB(.cost = 1, .backlog = BREAK_EVEN - 1), ROUTE_GPU},
    {AUTO, JOB(.cost = 1, .backlog = BREAK_EVEN), ROUTE_GPU},
    {AUTO, JOB(.cost = 334, .backlog = 1), ROUTE_CPU},
    {AUTO, JOB(.cost = 334, .backlog = 2), ROUTE_GPU},
    {AUTO, JOB(.cost = 333, .backlog = 2), ROUTE_CPU},
    {AUTO, JOB(.cost = 500, .backlog = 1, .num_items = 500), ROUTE_BOTH},
    {AUTO, JOB(.cost = 0, .backlog = YOKE_JOBS_MAX), ROUTE_CPU},
    {AUTO, JOB(.cost = 1, .backlog = BREAK_EVEN, .has_room = false), ROUTE_CPU},

    /* the end of 64 bits */
    {AUTO, JOB(.cost = UINT64_MAX), ROUTE_GPU},
    {AUTO, JOB(.cost = UINT64_MAX, .backlog = YOKE_JOBS_MAX), ROUTE_GPU},
    {AUTO, JOB(.cost = UINT64_C(1) << 63, .backlog = 1), ROUTE_GPU}, /* 0 in 64 bits */
    {AUTO, JOB(.cost = (UINT64_C(1) << 63) + 1, .backlog = 1, .num_items = 2), ROUTE_BOTH},
    {AUTO, JOB(.cost = UINT64_C(1) << 44, .backlog = (1u << 20) - 1), ROUTE_GPU},
};

static void each_condition_and_its_neighbours_route_as_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snapshot tuning = {.mode = rows[i].mode, .break_even_cost = BREAK_EVEN};
        route got = route_decide(&rows[i].input, &tuning);
        if (got != rows[i].expected) {
            fail_msg("row %zu: route %d instead of %d", i, got, rows[i].expected);
        }
    }
}

/* -- what was learned -------------------------------------------------------------------------- */

#define NS (UINT64_C(1) << MODEL_ONE_BITS) /* a nanosecond for a unit of cost */

/* The workers take 100 ns; a GPU 10 us and 20 ns, or, if it is slow, 500 ns. */
static const snapshot_type quick_gpu = {.cpu = {0, 100 * NS}, .gpu = {10000, 20 * NS}};
static const snapshot_type slow_gpu = {.cpu = {0, 100 * NS}, .gpu = {10000, 500 * NS}};

static void a_job_goes_where_it_will_be_done_first(void **state)
{
    (void)state;
    static const struct {
        const snapshot_type *learned;
        route_input input;
        route expected;
    } known[] = {
        /* 100 c against 10000 + 20 c: even at 125 */
        {&quick_gpu, JOB(.cost = 124), ROUTE_CPU},
        {&quick_gpu, JOB(.cost = 126), ROUTE_GPU},
        {&quick_gpu, JOB(.cost = 1, .backlog = 99), ROUTE_CPU},
        {&quick_gpu, JOB(.cost = 1, .backlog = 100), ROUTE_GPU},
        {&quick_gpu, JOB(.cost = 1, .backlog = 150, .lane = 1000), ROUTE_CPU}, /* the GPU is busy */
        {&quick_gpu, JOB(.cost = 1, .backlog = 400, .lane = 1000), ROUTE_GPU}, /* so are they */
        {&quick_gpu, JOB(.cost = 1, .backlog = 150, .ahead = 1000), ROUTE_CPU},
        {&quick_gpu, JOB(.cost = 1, .backlog = 400, .ahead = 1000), ROUTE_GPU},
        {&quick_gpu, JOB(.cost = 1, .backlog = 400, .ahead = UINT64_MAX), ROUTE_CPU},
        /* both, unless the workers are done within the trip: 100 c against 10000 */
        {&quick_gpu, JOB(.cost = 100, .num_items = 2), ROUTE_CPU},
        {&quick_gpu, JOB(.cost = 101, .num_items = 2), ROUTE_BOTH},
        {&slow_gpu, JOB(.cost = 101, .num_items = 2), ROUTE_BOTH},
        {&slow_gpu, JOB(.cost = 1000000), ROUTE_CPU},
        {&slow_gpu, JOB(.cost = 1, .backlog = 1000), ROUTE_GPU},
        {&slow_gpu, JOB(.cost = 1, .backlog = 1000, .lane = 190), ROUTE_CPU},
        {&quick_gpu, JOB(.cost = 126, .has_room = false), ROUTE_CPU},
        {&quick_gpu, JOB(.cost = UINT64_MAX), ROUTE_CPU}, /* neither can be told */
        {&quick_gpu, JOB(.cost = UINT64_MAX, .num_items = 2), ROUTE_BOTH},
    };
    snapshot tuning = {.mode = AUTO, .break_even_cost = 1};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        route_input input = known[i].input;
        input.learned = known[i].learned;
        route got = route_decide(&input, &tuning);
        if (got != known[i].expected) {
            fail_msg("row %zu: route %d instead of %d", i, got, known[i].expected);
        }
    }
}

static void with_half_a_model_the_policy_stands(void **state)
{
    (void)state;
    snapshot tuning = {.mode = AUTO, .break_even_cost = BREAK_EVEN};
    snapshot_type halves[2] = {quick_gpu, quick_gpu};
    halves[0].cpu.slope = 0;
    halves[1].gpu.slope = 0;
    for (int i = 0; i < 2; i++) {
        route_input input = JOB(.learned = &halves[i]);
        assert_int_equal(route_decide(&input, &tuning), ROUTE_GPU);
        input.cost--;
        assert_int_equal(route_decide(&input, &tuning), ROUTE_CPU);
        assert_int_equal(route_share(&halves[i], 1, 0), ROUTE_SHARE_ALL);
        assert_int_equal(route_min_cost(&halves[i], &tuning), BREAK_EVEN);
    }
    assert_int_equal(route_min_cost(&quick_gpu, &tuning), 0);
}

/* Both engines end together, whatever is left and however busy the GPU is. */
static void shares_end_together(void **state)
{
    (void)state;
    testing_random random = testing_random_of(testing_seed(), 0);
    for (int i = 0; i < 100000; i++) {
        snapshot_type learned = {
            .cpu.slope = 1 + testing_random_below(&random, 1000 * NS),
            .gpu.slope = 1 + testing_random_below(&random, 1000 * NS),
            .gpu.fixed_ns = testing_random_below(&random, 100000),
        };
        uint64_t left = 1 + testing_random_below(&random, UINT64_C(1) << 24);
        uint64_t ahead = testing_random_below(&random, 2) * testing_random_below(&random, left);
        uint64_t share = route_share(&learned, left, ahead);
        uint64_t mine = left * share / ROUTE_SHARE_ALL;
        double gpu_ns = (double)model_time_ns(learned.gpu, mine);
        gpu_ns += ahead > 0 ? (double)model_time_ns(learned.gpu, ahead) : 0;
        double cpu_ns = (double)model_time_ns(learned.cpu, left - mine);
        double of_one = ((double)learned.cpu.slope + (double)learned.gpu.slope) / (double)NS;
        double step = of_one * ((double)left / ROUTE_SHARE_ALL + 2) + 2; /* what rounding does */
        assert_true(share <= ROUTE_SHARE_ALL && cpu_ns <= gpu_ns + step);
        assert_true(share == 0 || gpu_ns <= cpu_ns + step); /* 0: the GPU would come too late */
    }
}

/* The least and the most that a policy can say. */
static void the_break_even_may_lie_at_either_end(void **state)
{
    (void)state;
    route_input input = JOB(.cost = 1);
    snapshot tuning = {.mode = AUTO, .break_even_cost = 1};
    assert_int_equal(route_decide(&input, &tuning), ROUTE_GPU);
    tuning.break_even_cost = POLICY_COST_MAX;
    assert_int_equal(route_decide(&input, &tuning), ROUTE_CPU);
    input.cost = POLICY_COST_MAX - 1;
    assert_int_equal(route_decide(&input, &tuning), ROUTE_CPU);
    input.cost = POLICY_COST_MAX;
    assert_int_equal(route_decide(&input, &tuning), ROUTE_GPU);
}

/* More waiting work never sends a job back to the CPU. */
static void more_waiting_work_never_speaks_against_a_device(void **state)
{
    (void)state;
    testing_random random = testing_random_of(testing_seed(), 0);
    for (int i = 0; i < 100000; i++) {
        unsigned shift = (unsigned)testing_random_below(&random, 64);
        snapshot tuning = {.mode = AUTO,
                           .break_even_cost = 1 + (testing_random_next(&random) >> 24)};
        route_input less = JOB(.cost = testing_random_next(&random) >> shift,
                               .backlog = testing_random_below(&random, YOKE_JOBS_MAX));
        route_input more = less;
        if (i % 2 == 0) {
            more.backlog += testing_random_below(&random, YOKE_JOBS_MAX);
        } else {
            more.cost += testing_random_below(&random, UINT64_MAX - more.cost);
        }
        if (route_decide(&less, &tuning) == ROUTE_GPU) {
            assert_int_equal(route_decide(&more, &tuning), ROUTE_GPU);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_and_its_neighbours_route_as_told),
        cmocka_unit_test(a_job_goes_where_it_will_be_done_first),
        cmocka_unit_test(with_half_a_model_the_policy_stands),
        cmocka_unit_test(shares_end_together),
        cmocka_unit_test(the_break_even_may_lie_at_either_end),
        cmocka_unit_test(more_waiting_work_never_speaks_against_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
