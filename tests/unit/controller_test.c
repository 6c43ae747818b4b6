/*
 * controller.h: windows are folded while jobs come, and after one without any it sleeps until the
 * next job. Takes some seconds, for a window lasts one.
 */
#include "runtime/controller.h"

#include "tests/unit/testing.h"

#define WINDOW_MS 1000
#define JOBS 20
#define ITEMS 7 /* of each job */

static yoke_runtime *rt;
static const yoke_type *type;

static yoke_status kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_OK;
}

static snapshot read_tuning(void)
{
    snapshot tuning = *snapshot_read_begin(&rt->tuning);
    snapshot_read_end();
    return tuning;
}

static void run_jobs(void)
{
    yoke_job jobs[JOBS], *refs[JOBS];
    yoke_group group = {{0}};
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = yoke_job(.type = type, .num_items = ITEMS, .group = &group);
        refs[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(rt, refs, JOBS), YOKE_OK);
    assert_int_equal(yoke_group_wait(rt, &group, YOKE_FOREVER), YOKE_OK);
}

/* The first snapshot of that window or a later one. */
static snapshot await_window(uint64_t window)
{
    snapshot tuning = read_tuning();
    for (int i = 0; i < 20 * WINDOW_MS && tuning.window < window; i++) {
        testing_sleep_ms(1);
        tuning = read_tuning();
    }
    assert_true(tuning.window >= window);
    return tuning;
}

static void windows_are_folded_while_jobs_come_and_not_in_silence(void **state)
{
    (void)state;
    assert_int_equal(yoke_create(&rt, yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_CPU)),
                     YOKE_OK);
    yoke_register(rt, yoke_type_desc(.name = "nothing", .cpu = kernel), &type);
    assert_int_equal(yoke_ready(rt, YOKE_FOREVER), YOKE_NO_DEVICE);
    testing_sleep_ms(50);
    snapshot tuning = read_tuning();
    assert_int_equal(tuning.window, 0);
    assert_int_equal(tuning.mode, POLICY_ROUTING_MODE_CPU_ONLY);
    assert_true(atomic_load(&rt->controller_sleeps)); /* nothing has been submitted */

    run_jobs();
    tuning = await_window(1);
    assert_int_equal(tuning.window, 1);
    assert_int_equal(tuning.window_jobs, JOBS);
    assert_int_equal(tuning.window_items_cpu, JOBS * ITEMS);
    assert_int_equal(tuning.window_items_gpu, 0);
    assert_int_equal(tuning.window_batches, 0);
    assert_true(tuning.window_ns >= WINDOW_MS * TESTING_MS);
    assert_int_equal(tuning.mode, POLICY_ROUTING_MODE_CPU_ONLY); /* what was not counted stays */
    assert_true(tuning.target_cost > 0 && tuning.break_even_cost > 0);

    tuning = await_window(2); /* the quiet one */
    assert_int_equal(tuning.window_jobs, 0);
    assert_int_equal(tuning.window_items_cpu, 0);
    testing_sleep_ms(WINDOW_MS + 200);
    assert_int_equal(read_tuning().window, 2);
    assert_true(atomic_load(&rt->controller_sleeps));

    run_jobs(); /* wakes it */
    await_window(3);
    testing_sleep_ms(50);
    assert_false(atomic_load(&rt->controller_sleeps));
    yoke_destroy(&rt); /* and so does this */
}

/* However long a window is, nobody waits for its end. */
static void destroy_does_not_wait_for_a_window(void **state)
{
    (void)state;
    uint64_t begun_ns = testing_now_ns();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(
            yoke_create(&rt, yoke_options(.num_workers = 1, .engine = YOKE_ENGINE_CPU)), YOKE_OK);
        yoke_register(rt, yoke_type_desc(.name = "nothing", .cpu = kernel), &type);
        if (i % 2 == 0) {
            run_jobs();
        }
        yoke_destroy(&rt);
    }
    assert_true(testing_now_ns() - begun_ns < 5 * WINDOW_MS * TESTING_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_folded_while_jobs_come_and_not_in_silence),
        cmocka_unit_test(destroy_does_not_wait_for_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
