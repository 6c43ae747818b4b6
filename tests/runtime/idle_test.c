/* A runtime with nothing to do uses no CPU time and is not woken: 1 s, or 10 s in the long form. */
#include <time.h>

#include "tests/runtime/fixture.h"

static uint64_t process_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void an_idle_runtime_sleeps(void **state)
{
    (void)state;
    fixture f;
    fixture_start(&f, NULL);
    uint32_t in = 1, out;
    yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    fixture_sleep_ms(50);

    yoke_stats before = {.struct_bytes = sizeof before}, after = before;
    assert_int_equal(yoke_stats_read(f.rt, &before), YOKE_OK);
    int ms = fixture_is_full() ? 10000 : 1000;
    uint64_t cpu_before = process_cpu_ns();
    fixture_sleep_ms(ms);
    double percent = (double)(process_cpu_ns() - cpu_before) / (ms * 1e6) * 100;
    assert_int_equal(yoke_stats_read(f.rt, &after), YOKE_OK);
    printf("idle for %d ms: %.4f %% CPU, %lu wakes\n", ms, percent, after.wakes - before.wakes);
    assert_int_equal(before.parks, before.wakes + before.num_workers);
    assert_int_equal(after.parks, before.parks);
    assert_int_equal(after.wakes, before.wakes);
    assert_true(percent < 0.1); /* the sleeping test itself is counted too */
    fixture_stop(&f);
}

static void a_worker_that_is_held_keeps_no_other_awake(void **state)
{
    (void)state;
    fixture f;
    fixture_start(&f, NULL);
    uint32_t in = 1, out;
    yoke_job job = yoke_job(.type = f.hold, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    fixture_await_entered(&f, 1);
    fixture_sleep_ms(50);
    yoke_stats before = {.struct_bytes = sizeof before}, after = before;
    assert_int_equal(yoke_stats_read(f.rt, &before), YOKE_OK);
    fixture_sleep_ms(200);
    assert_int_equal(yoke_stats_read(f.rt, &after), YOKE_OK);
    assert_int_equal(after.parks, before.parks);
    assert_int_equal(after.wakes, before.wakes);
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_runtime_sleeps),
        cmocka_unit_test(a_worker_that_is_held_keeps_no_other_awake),
    };
    return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
