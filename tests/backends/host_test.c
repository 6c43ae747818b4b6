/*
 * The host backend: the conformance suite, and what is its own.
 */
#include "backends/host/host.h"

#include "tests/backends/conformance.h"

static const subject host = {.ops = &host_ops, .lose = host_lose};

static uint32_t num_runs;

static yoke_status counting_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    num_runs++;
    assert_int_equal(*(const uint64_t *)claim->params, 0);
    return YOKE_OK;
}

static yoke_status failing_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_KERNEL;
}

static const backend_kernel_desc counting = {.name = "counting", .cpu = counting_cpu};
static const backend_kernel_desc failing = {.name = "failing", .cpu = failing_cpu};

/* Submits num_batches of a kernel without inputs or outputs. */
static uint64_t submit(fixture *f, const backend_kernel_desc *desc, uint32_t num_batches)
{
    static const backend_block block = {.num_items = 1};
    backend_kernel *kernel;
    backend_batch batches[BACKEND_SLOTS_MAX];
    uint64_t value = 0;
    assert_int_equal(f->ops->compile(f->device, desc, &kernel), YOKE_OK);
    const backend_op op = {.kind = BACKEND_OP_ITEMS, .kernel = kernel};
    for (uint32_t i = 0; i < num_batches; i++) {
        batches[i] = (backend_batch){
            .ops = &op, .num_ops = 1, .slot = i, .num_items = 1, .block_host = &block};
    }
    assert_int_equal(f->ops->submit(f->device, batches, num_batches, &value), YOKE_OK);
    return value;
}

static void nothing_runs_before_somebody_looks(void **state)
{
    (void)state;
    fixture f;
    uint64_t done = 77;
    fixture_open(&f, &host, 4);
    num_runs = 0;
    uint64_t value = submit(&f, &counting, 4);
    assert_int_equal(num_runs, 0);
    assert_int_equal(f.ops->completed(f.device, &done), YOKE_OK);
    assert_int_equal(done, 1);
    assert_int_equal(num_runs, 1);
    assert_int_equal(f.ops->wait(f.device, value - 1, FIXTURE_WAIT_NS), YOKE_OK);
    assert_int_equal(num_runs, 3);
    fixture_close(&f);
    assert_int_equal(num_runs, 4);
}

static void a_kernel_that_fails_loses_the_device(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, &host, 4);
    uint64_t value = submit(&f, &failing, 2);
    assert_int_equal(f.ops->wait(f.device, value, FIXTURE_WAIT_NS), YOKE_NO_DEVICE);
    assert_int_equal(f.p.num_lines, 1);
    assert_non_null(strstr(f.p.line, "status -10"));
    assert_int_equal(f.ops->completed(f.device, &value), YOKE_NO_DEVICE);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_runs_before_somebody_looks),
        cmocka_unit_test(a_kernel_that_fails_loses_the_device),
    };
    int num_failed = cmocka_run_group_tests(tests, NULL, NULL);
    return num_failed + conformance_run(&host);
}
