/*
 * The merkle types as a host program meets them: jobs of one and of several trees, of all sizes and
 * rules, on one worker, on several, and on Vulkan, which may be lavapipe. Every tree is compared
 * with its definition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yoke/tasks.h>

#include "tests/tasks/merkle_reference.h"
#include "tests/tasks/support.h"

#define LEAVES_MAX ((1u << 17) + 1)
#define NUM_FLAGS 6 /* three rules, with levels and without */

/* Where jobs find their leaves: each somewhere else in the same random bytes. */
static uint8_t leaves[(3 * LEAVES_MAX + 1000) * 32];

static const struct {
    const char *name;
    bool twice;
} types[] = {{"merkle_sha256", false}, {"merkle_sha256d", true}};

/* A job, and the memory that is its own. */
typedef struct tree_job {
    yoke_job job;
    yoke_merkle_params params;
    bool twice;
} tree_job;

static yoke_runtime *rt;
static support_random seeded;

static int fill_leaves(void **state)
{
    (void)state;
    seeded = support_random_start();
    support_random_fill(&seeded, leaves, sizeof(leaves));
    return 0;
}

static int start(yoke_engine engine, uint32_t num_workers)
{
    if (yoke_create(&rt, yoke_options(.num_workers = num_workers, .engine = engine)) != YOKE_OK) {
        return -1;
    }
    return yoke_tasks_register_merkle(rt) == YOKE_OK ? 0 : -1;
}

static int start_one_worker(void **state)
{
    (void)state;
    return start(YOKE_ENGINE_CPU, 1);
}

static int start_three_workers(void **state)
{
    (void)state;
    return start(YOKE_ENGINE_CPU, 3);
}

static int start_gpu(void **state)
{
    (void)state;
    return start(YOKE_ENGINE_GPU, 2);
}

static int stop(void **state)
{
    (void)state;
    yoke_destroy(&rt);
    return 0;
}

static void skip_without_device(void)
{
    if (yoke_ready(rt, YOKE_FOREVER) != YOKE_OK) {
        printf("no fit device on this machine: skipped\n");
        skip();
    }
}

static uint32_t flags_of(uint32_t i)
{
    static const uint32_t rules[] = {YOKE_MERKLE_ODD_TWICE, YOKE_MERKLE_ODD_UP,
                                     YOKE_MERKLE_ODD_ZERO};
    return rules[i % 3] | (i % NUM_FLAGS < 3 ? 0 : YOKE_MERKLE_LEVELS);
}

static size_t out_bytes(const yoke_merkle_params *params)
{
    return 32 *
           (params->flags & YOKE_MERKLE_LEVELS ? merkle_reference_nodes(params->num_leaves) : 1);
}

/* -- jobs -------------------------------------------------------------------------------------- */

static void submit(tree_job *t, yoke_group *group, size_t type, uint32_t num_leaves, uint32_t flags,
                   uint32_t num_trees)
{
    size_t all = (size_t)num_leaves * num_trees;
    assert_true(all <= sizeof(leaves) / 32);
    size_t from = support_random_below(&seeded, sizeof(leaves) / 32 - all + 1);
    t->params = (yoke_merkle_params){num_leaves, flags};
    t->twice = types[type].twice;
    void *out = malloc(num_trees * out_bytes(&t->params));
    assert_non_null(out);
    t->job = yoke_job(.type = yoke_type_find(rt, types[type].name), .in = {leaves + 32 * from},
                      .out = out, .num_items = num_trees, .group = group, .params = &t->params,
                      .params_bytes = sizeof(t->params));
    yoke_job *job = &t->job;
    assert_int_equal(yoke_submit(rt, &job, 1), YOKE_OK);
}

/* Compares every tree of a settled job, and frees its output. */
static void check(tree_job *t)
{
    const yoke_merkle_params *params = &t->params;
    size_t nodes = merkle_reference_nodes(params->num_leaves), bytes = out_bytes(params);
    uint8_t *expected = malloc(32 * nodes), *out = t->job.out;
    assert_non_null(expected);
    assert_int_equal(t->job.status, YOKE_OK);
    for (uint32_t i = 0; i < t->job.num_items; i++) {
        const uint8_t *from = (const uint8_t *)t->job.in[0] + 32 * (size_t)params->num_leaves * i;
        merkle_reference_build(expected, from, params->num_leaves, params->flags, t->twice);
        if (memcmp(out + i * bytes, expected + 32 * nodes - bytes, bytes) != 0) {
            fail_msg("tree %u of %u: %u leaves, flags %u, hashed %d times", i, t->job.num_items,
                     params->num_leaves, params->flags, 1 + t->twice);
        }
    }
    free(expected);
    free(out);
}

/* Waits for jobs that were submitted into a group, and compares them all. */
static void finish(tree_job *jobs, size_t num_jobs, yoke_group *group)
{
    assert_int_equal(yoke_group_wait(rt, group, YOKE_FOREVER), YOKE_OK);
    for (size_t i = 0; i < num_jobs; i++) {
        check(&jobs[i]);
    }
}

/* -- what runs on every engine ----------------------------------------------------------------- */

/* Every number of leaves up to 300, from one tree to three a job, all flags in turns. */
static void run_small_trees(void)
{
    enum { SIZES = 300, JOBS = 3 };
    static tree_job jobs[SIZES * JOBS];
    yoke_group group = {{0}};
    for (uint32_t i = 0; i < SIZES * JOBS; i++) {
        uint32_t num_leaves = 1 + i / JOBS;
        submit(&jobs[i], &group, (num_leaves + i) % 2, num_leaves, flags_of(i + num_leaves),
               1 + i % 3);
    }
    finish(jobs, SIZES * JOBS, &group);
}

/* All rules of each size; levels and types in turns, and two trees or one. */
static void run_large_trees(void)
{
    yoke_group group = {{0}};
    uint32_t turn = 0;
    for (uint32_t power = 1u << 9; power < LEAVES_MAX; power *= 2) {
        tree_job jobs[9];
        for (uint32_t i = 0; i < 9; i++) {
            uint32_t num_trees = power < 1u << 12 ? 1 + turn % 2 : 1;
            submit(&jobs[i], &group, turn % 2, power - 1 + i / 3, flags_of(turn), num_trees);
            turn++;
        }
        turn++; /* so that the next size begins with other flags */
        finish(jobs, 9, &group);
    }
}

/* A job of a thousand trees, and many jobs of one tree each, which may travel together; other sizes
 * and flags in between. */
static void run_many_trees(void)
{
    enum { JOBS = 600 };
    static tree_job jobs[JOBS + 2];
    yoke_group group = {{0}};
    submit(&jobs[JOBS], &group, 0, 16, YOKE_MERKLE_ODD_TWICE, 1000);
    for (uint32_t i = 0; i < JOBS; i++) {
        submit(&jobs[i], &group, i % 7 == 3, i % 5 < 4 ? 21 : 32, flags_of(i % 11 == 5 ? i : 3), 1);
    }
    submit(&jobs[JOBS + 1], &group, 1, 99, YOKE_MERKLE_ODD_ZERO | YOKE_MERKLE_LEVELS, 700);
    finish(jobs, JOBS + 2, &group);
}

static yoke_stats read_stats(void)
{
    yoke_stats stats = {.struct_bytes = sizeof(stats)};
    assert_int_equal(yoke_stats_read(rt, &stats), YOKE_OK);
    return stats;
}

static void run_on_cpu(void (*run)(void))
{
    run();
    yoke_stats stats = read_stats();
    assert_int_equal(stats.items_gpu, 0);
    printf("%lu trees in %lu claims, %lu forks stolen\n", stats.items_run, stats.claims_run,
           stats.forks_stolen);
}

static void run_on_gpu(void (*run)(void))
{
    skip_without_device();
    run();
    yoke_stats stats = read_stats();
    assert_int_equal(stats.items_run, 0);
    assert_int_equal(stats.batches_failed, 0);
    printf("%lu trees in %lu batches\n", stats.items_gpu, stats.batches);
}

/* Leaves and nodes in memory that devices use in place. */
static void tree_in_shared_memory_is_right_on_a_gpu(void **state)
{
    (void)state;
    enum { LEAVES = 70001 };
    skip_without_device();
    size_t nodes = merkle_reference_nodes(LEAVES);
    uint8_t *in = yoke_alloc(rt, 32 * LEAVES), *out = yoke_alloc(rt, 32 * nodes);
    uint8_t *expected = malloc(32 * nodes);
    assert_true(in != NULL && out != NULL && expected != NULL);
    memcpy(in, leaves, 32 * LEAVES);
    yoke_merkle_params params = {LEAVES, YOKE_MERKLE_LEVELS};
    yoke_job job = yoke_job(.type = yoke_type_find(rt, "merkle_sha256"), .in = {in}, .out = out,
                            .num_items = 1, .params = &params, .params_bytes = sizeof(params));
    yoke_job *jobs[] = {&job};
    assert_int_equal(yoke_submit(rt, jobs, 1), YOKE_OK);
    assert_int_equal(yoke_wait(rt, &job, YOKE_FOREVER), YOKE_OK);
    merkle_reference_build(expected, in, LEAVES, params.flags, false);
    assert_memory_equal(out, expected, 32 * nodes);
    assert_int_equal(read_stats().batches_in_place, 1);
    free(expected);
    yoke_free(rt, in);
    yoke_free(rt, out);
}

static void small_trees_are_right_on_the_cpu(void **state)
{
    (void)state;
    run_on_cpu(run_small_trees);
}

static void large_trees_are_right_on_the_cpu(void **state)
{
    (void)state;
    run_on_cpu(run_large_trees);
}

static void many_trees_are_right_on_the_cpu(void **state)
{
    (void)state;
    run_on_cpu(run_many_trees);
}

static void small_trees_are_right_on_a_gpu(void **state)
{
    (void)state;
    run_on_gpu(run_small_trees);
}

static void large_trees_are_right_on_a_gpu(void **state)
{
    (void)state;
    run_on_gpu(run_large_trees);
}

static void many_trees_are_right_on_a_gpu(void **state)
{
    (void)state;
    run_on_gpu(run_many_trees);
}

/* -- params ------------------------------------------------------------------------------------ */

/* In checked builds a refused job is also reported as misuse, which aborts by default. */
static void ignore_misuse(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    (void)text;
}

static void job_without_a_tree_is_refused(void **state)
{
    (void)state;
    static const yoke_merkle_params refused[] = {
        {0, 0},
        {YOKE_MERKLE_LEAVES_MAX + 1, 0},
        {5, YOKE_MERKLE_ODD_UP | YOKE_MERKLE_ODD_ZERO},
        {5, 1u << 3},
    };
    uint8_t out[32];
    yoke_job job = yoke_job(.type = yoke_type_find(rt, "merkle_sha256"), .in = {leaves}, .out = out,
                            .num_items = 1);
    yoke_job *jobs[] = {&job};
    yoke_set_assert_hook(ignore_misuse);
    assert_int_equal(yoke_submit(rt, jobs, 1), YOKE_INVALID);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        job.params = &refused[i];
        job.params_bytes = sizeof(refused[i]);
        assert_int_equal(yoke_submit(rt, jobs, 1), YOKE_INVALID);
    }
    yoke_set_assert_hook(NULL);
}

#define ON(start, test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(start_one_worker, small_trees_are_right_on_the_cpu),
        ON(start_one_worker, large_trees_are_right_on_the_cpu),
        ON(start_three_workers, small_trees_are_right_on_the_cpu),
        ON(start_three_workers, large_trees_are_right_on_the_cpu),
        ON(start_three_workers, many_trees_are_right_on_the_cpu),
        ON(start_three_workers, job_without_a_tree_is_refused),
        ON(start_gpu, small_trees_are_right_on_a_gpu),
        ON(start_gpu, large_trees_are_right_on_a_gpu),
        ON(start_gpu, many_trees_are_right_on_a_gpu),
        ON(start_gpu, tree_in_shared_memory_is_right_on_a_gpu),
    };
    return cmocka_run_group_tests_name("merkle_pack", tests, fill_leaves, NULL);
}
