/*
 * The policy's workers.pinning, from inside a kernel: what the worker that runs it is bound to. The
 * workers are as many as the CPUs that this process may use; the parts are tested in topology_test.
 */
#include <sched.h>

#include "runtime/policy.h"
#include "tests/runtime/fixture.h"

#define WORKERS_MAX 4

/* What each worker may run on, and how many have told it. */
static cpu_set_t bound_to[WORKERS_MAX];
static _Atomic int num_told;
static int num_workers;

/* Stays until every worker is here: so each runs one item. */
static yoke_status tell(yoke_worker *worker, const yoke_claim *claim)
{
    (void)claim;
    int error = sched_getaffinity(0, sizeof *bound_to, &bound_to[yoke_worker_index(worker)]);
    atomic_fetch_add(&num_told, 1);
    while (atomic_load(&num_told) < num_workers) {
        sched_yield();
    }
    return error == 0 ? YOKE_OK : YOKE_KERNEL;
}

static void run_pinned(policy_workers_pinning pinning)
{
    yoke_policy policy;
    policy_default(&policy);
    policy.workers.pinning = pinning;
    yoke_runtime *rt;
    const yoke_type *type;
    assert_int_equal(yoke_create(&rt, yoke_options(.num_workers = (uint32_t)num_workers,
                                                   .policy = &policy, .engine = YOKE_ENGINE_CPU)),
                     YOKE_OK);
    assert_int_equal(yoke_register(rt, yoke_type_desc(.name = "tell", .cpu = tell), &type),
                     YOKE_OK);
    yoke_group group = {{0}};
    yoke_job jobs[WORKERS_MAX], *pointers[WORKERS_MAX];
    for (int i = 0; i < num_workers; i++) {
        jobs[i] = yoke_job(.type = type, .num_items = 1, .group = &group);
        pointers[i] = &jobs[i];
    }
    atomic_store(&num_told, 0);
    assert_int_equal(yoke_submit(rt, pointers, (size_t)num_workers), YOKE_OK);
    assert_int_equal(yoke_group_wait(rt, &group, YOKE_FOREVER), YOKE_OK);
    yoke_destroy(&rt);
}

static int count_allowed(cpu_set_t *allowed)
{
    assert_int_equal(sched_getaffinity(0, sizeof *allowed, allowed), 0);
    int count = CPU_COUNT(allowed);
    num_workers = count < WORKERS_MAX ? count : WORKERS_MAX;
    return count;
}

static void unpinned_workers_may_run_where_their_creator_may(void **state)
{
    (void)state;
    cpu_set_t allowed;
    count_allowed(&allowed);
    run_pinned(POLICY_WORKERS_PINNING_NONE);
    for (int i = 0; i < num_workers; i++) {
        assert_true(CPU_EQUAL(&bound_to[i], &allowed));
    }
}

static void workers_on_cores_do_not_share_a_cpu_while_there_are_enough(void **state)
{
    (void)state;
    cpu_set_t allowed, all;
    count_allowed(&allowed);
    run_pinned(POLICY_WORKERS_PINNING_CORES);
    CPU_ZERO(&all);
    for (int i = 0; i < num_workers; i++) {
        CPU_OR(&all, &all, &bound_to[i]);
        assert_true(CPU_COUNT(&bound_to[i]) > 0);
    }
    assert_true(CPU_COUNT(&all) >= num_workers); /* a core may have several hardware threads */
    CPU_OR(&all, &all, &allowed);
    assert_true(CPU_EQUAL(&all, &allowed));
}

static void workers_on_nodes_stay_within_what_is_allowed(void **state)
{
    (void)state;
    cpu_set_t allowed, all;
    count_allowed(&allowed);
    run_pinned(POLICY_WORKERS_PINNING_NUMA);
    for (int i = 0; i < num_workers; i++) {
        assert_true(CPU_COUNT(&bound_to[i]) > 0);
        CPU_OR(&all, &allowed, &bound_to[i]);
        assert_true(CPU_EQUAL(&all, &allowed));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpinned_workers_may_run_where_their_creator_may),
        cmocka_unit_test(workers_on_cores_do_not_share_a_cpu_while_there_are_enough),
        cmocka_unit_test(workers_on_nodes_stay_within_what_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
