/* The completion queue and its descriptor, as an event loop uses them. */
#include <poll.h>

#include "tests/runtime/fixture.h"

static fixture f;

static int start(void **state)
{
    (void)state;
    fixture_start(&f, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&f);
    return 0;
}

static int is_readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static void settled_jobs_are_reaped_once_each(void **state)
{
    (void)state;
    enum { N = 1000 };
    static yoke_job jobs[N];
    static uint32_t in[N], out[N];
    static int seen[N];
    yoke_job *refs[N], *reaped[64];
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < N; i++) {
        in[i] = i;
        jobs[i] = yoke_job(.type = f.twice, .in = {&in[i]}, .out = &out[i], .num_items = 1,
                           .flags = YOKE_JOB_REAP);
        refs[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(f.rt, refs, N), YOKE_OK);
    for (size_t total = 0; total < N;) {
        size_t count = yoke_reap(f.rt, reaped, 64);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(reaped[i]->status, YOKE_OK);
            seen[reaped[i] - jobs]++;
        }
        total += count;
    }
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(seen[i], 1);
        assert_int_equal(out[i], 2 * i);
    }
    assert_int_equal(yoke_reap(f.rt, reaped, 64), 0);
}

static void the_descriptor_is_readable_while_jobs_wait(void **state)
{
    (void)state;
    uint32_t in = 1, out[3];
    yoke_job jobs[3], *refs[3], *reaped[3];
    int fd = yoke_event_fd(f.rt);
    assert_true(fd >= 0);
    assert_int_equal(yoke_event_fd(f.rt), fd);
    assert_false(is_readable(fd, 0));
    for (int i = 0; i < 3; i++) {
        jobs[i] = yoke_job(.type = f.twice, .in = {&in}, .out = &out[i], .num_items = 1,
                           .flags = YOKE_JOB_REAP);
        refs[i] = &jobs[i];
    }
    assert_int_equal(yoke_submit(f.rt, refs, 3), YOKE_OK);
    size_t total = 0;
    while (total < 3) {
        assert_true(is_readable(fd, 60000));
        total += yoke_reap(f.rt, reaped, 1); /* one at a time: what is left keeps it readable */
    }
    /* A settling worker may signal a queue that was reaped meanwhile: empty once more, then quiet.
     */
    fixture_sleep_ms(10);
    assert_int_equal(yoke_reap(f.rt, reaped, 3), 0);
    assert_false(is_readable(fd, 0));
}

static void a_descriptor_opened_late_is_readable_for_jobs_settled_before(void **state)
{
    (void)state;
    uint32_t in = 1, out;
    yoke_job job =
        yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1, .flags = YOKE_JOB_REAP);
    yoke_job *reaped;
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    yoke_stats stats = {.struct_bytes = sizeof stats};
    do {
        assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    } while (stats.jobs_settled == 0);
    assert_true(is_readable(yoke_event_fd(f.rt), 60000));
    assert_int_equal(yoke_reap(f.rt, &reaped, 1), 1);
    assert_ptr_equal(reaped, &job);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(settled_jobs_are_reaped_once_each),
        TEST(the_descriptor_is_readable_while_jobs_wait),
        TEST(a_descriptor_opened_late_is_readable_for_jobs_settled_before),
    };
    return cmocka_run_group_tests_name("reap", tests, NULL, NULL);
}
