/*
 * worker.c: what a deadline does to items that have run. (Most of worker.c is tested through the
 * public header, and its protocol with park.h in park_test.c.)
 */
#include "runtime/worker.h"

#include <sched.h>

#include "tests/unit/testing.h"

/* A busy machine may not come to the last item before the deadline: then it is tried with another.
 */
#define DEADLINE_MS 30
#define DEADLINE_MS_MAX 8000

/* Runs its items, and returns only after the job's deadline. */
static yoke_status outlast(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    uint64_t deadline_ns;
    memcpy(&deadline_ns, claim->params, sizeof deadline_ns);
    while (claim->first == 0 && testing_now_ns() <= deadline_ns) { /* item 0 is claimed last */
        sched_yield();
    }
    memset(claim->out, 1, claim->count);
    return YOKE_OK;
}

static yoke_status run_past_a_deadline(uint32_t num_items, uint8_t *out, uint64_t deadline_ms)
{
    yoke_runtime *rt;
    const yoke_type *type;
    assert_int_equal(yoke_create(&rt, yoke_options(.num_workers = 1, .engine = YOKE_ENGINE_CPU)),
                     YOKE_OK);
    assert_int_equal(yoke_register(rt,
                                   yoke_type_desc(.name = "outlasts", .cpu = outlast,
                                                  .out_bytes = 1, .params_bytes = 8),
                                   &type),
                     YOKE_OK);
    uint64_t deadline_ns = testing_now_ns() + deadline_ms * TESTING_MS;
    yoke_job job =
        yoke_job(.type = type, .num_items = num_items, .out = out, .deadline_ns = deadline_ns,
                 .params = &deadline_ns, .params_bytes = sizeof deadline_ns);
    yoke_job *jobs[] = {&job};
    assert_int_equal(yoke_submit(rt, jobs, 1), YOKE_OK);
    yoke_status status = yoke_wait(rt, &job, YOKE_FOREVER);
    yoke_destroy(&rt);
    return status;
}

static yoke_status run_past_the_deadline(uint32_t num_items, uint8_t *out)
{
    yoke_status status = YOKE_DEADLINE;
    for (uint64_t ms = DEADLINE_MS; status == YOKE_DEADLINE && ms < DEADLINE_MS_MAX; ms *= 4) {
        status = run_past_a_deadline(num_items, out, ms);
    }
    return status;
}

static void a_deadline_that_passes_while_the_only_item_runs_comes_too_late(void **state)
{
    (void)state;
    uint8_t out[1] = {0};
    assert_int_equal(run_past_the_deadline(1, out), YOKE_OK);
    assert_int_equal(out[0], 1);
}

/* It is looked at when items are claimed, and then none was left. */
static void a_deadline_that_passes_while_the_last_items_run_comes_too_late(void **state)
{
    (void)state;
    uint8_t out[8] = {0};
    assert_int_equal(run_past_the_deadline(8, out), YOKE_OK);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(out[i], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_that_passes_while_the_only_item_runs_comes_too_late),
        cmocka_unit_test(a_deadline_that_passes_while_the_last_items_run_comes_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
