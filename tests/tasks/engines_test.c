/*
 * A hundred thousand small jobs of a task pack from four host threads, on each engine: every digest
 * is right, and on a device they travel together. And both ways that a batch's data may take. The
 * Vulkan device may be lavapipe.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nettle/sha2.h>

#include <yoke/tasks.h>

#include "backends/host/host.h"
#include "runtime/runtime.h"

enum { THREADS = 4, JOBS_A_THREAD = 25000 };

typedef struct submitting {
    yoke_runtime *rt;
    const yoke_type *type;
    uint32_t thread;
    long wrong;
} submitting;

static void fill(uint8_t message[64], uint32_t thread, uint32_t i)
{
    for (uint32_t k = 0; k < 64; k++) {
        message[k] = (uint8_t)(i >> (k % 4 * 8)) ^ (uint8_t)(k * 37 + thread);
    }
}

static bool is_right(const uint8_t message[64], const uint8_t digest[32])
{
    uint8_t expected[32];
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, 64, message);
    sha256_digest(&ctx, 32, expected);
    return memcmp(expected, digest, 32) == 0;
}

static void *submit_many(void *argument)
{
    submitting *s = argument;
    yoke_job *jobs = calloc(JOBS_A_THREAD, sizeof *jobs);
    uint8_t(*messages)[64] = malloc(JOBS_A_THREAD * sizeof *messages);
    uint8_t(*digests)[32] = calloc(JOBS_A_THREAD, sizeof *digests);
    yoke_group group = {{0}};
    for (uint32_t i = 0; i < JOBS_A_THREAD; i++) {
        fill(messages[i], s->thread, i);
        jobs[i] = yoke_job(.type = s->type, .in = {messages[i]}, .out = digests[i], .num_items = 1,
                           .group = &group);
        yoke_job *job = &jobs[i];
        while (yoke_submit(s->rt, &job, 1) == YOKE_BUSY) {
            nanosleep(&(struct timespec){0, 100000}, NULL);
        }
    }
    s->wrong += yoke_group_wait(s->rt, &group, YOKE_FOREVER) != YOKE_OK;
    for (uint32_t i = 0; i < JOBS_A_THREAD; i++) {
        s->wrong += !is_right(messages[i], digests[i]);
    }
    free(jobs);
    free(messages);
    free(digests);
    return NULL;
}

/* Runs the jobs on a runtime that it then destroys. */
static yoke_stats run_jobs(yoke_runtime *rt)
{
    assert_int_equal(yoke_tasks_register_sha256(rt), YOKE_OK);
    yoke_status ready = yoke_ready(rt, YOKE_FOREVER);
    pthread_t threads[THREADS];
    submitting s[THREADS];
    for (uint32_t t = 0; t < THREADS; t++) {
        s[t] = (submitting){rt, yoke_type_find(rt, "sha256"), t, 0};
        pthread_create(&threads[t], NULL, submit_many, &s[t]);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        assert_int_equal(s[t].wrong, 0);
    }
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(rt, &stats), YOKE_OK);
    assert_int_equal(stats.jobs_ok, THREADS * JOBS_A_THREAD);
    assert_int_equal(stats.items_run + stats.items_gpu, THREADS * JOBS_A_THREAD);
    double mean = stats.batches > 0 ? (double)stats.items_gpu / (double)stats.batches : 0;
    printf("%s: %lu items by the CPU, %lu by devices in %lu batches, %.1f a batch\n",
           yoke_status_name(ready), stats.items_run, stats.items_gpu, stats.batches, mean);
    yoke_destroy(&rt);
    return stats;
}

/* Most went to a device, and in company. */
static void assert_batched(yoke_stats stats)
{
    assert_true(stats.items_gpu > stats.items_run);
    assert_true(stats.items_gpu > 64 * stats.batches);
}

static void on_the_cpu(void **state)
{
    (void)state;
    yoke_runtime *rt;
    assert_int_equal(yoke_create(&rt, yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_CPU)),
                     YOKE_OK);
    assert_int_equal(run_jobs(rt).items_gpu, 0);
}

static void on_the_host_backend(void **state)
{
    (void)state;
    static const backend_ops *const backends[] = {&host_ops, NULL};
    yoke_runtime *rt;
    assert_int_equal(
        runtime_create(&rt, yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU), backends),
        YOKE_OK);
    assert_batched(run_jobs(rt));
}

static void on_vulkan(void **state)
{
    (void)state;
    yoke_runtime *rt;
    assert_int_equal(yoke_create(&rt, yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU,
                                                   .flags = YOKE_REQUIRE_GPU)),
                     YOKE_OK);
    assert_batched(run_jobs(rt));
}

/* -- ways of the data -------------------------------------------------------------------------- */

static yoke_runtime *create_on(const backend_ops *backend, policy_gpu_path path)
{
    static const backend_ops *backends[2];
    yoke_runtime *rt;
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    policy.gpu.path = path;
    backends[0] = backend;
    assert_int_equal(
        runtime_create(&rt,
                       yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU, .policy = &policy),
                       backends),
        YOKE_OK);
    return rt;
}

static void run_staged(const backend_ops *backend)
{
    yoke_stats stats = run_jobs(create_on(backend, POLICY_GPU_PATH_STAGED));
    assert_batched(stats);
    assert_int_equal(stats.batches_staged, stats.batches);
}

static void staged_on_the_host_backend(void **state)
{
    (void)state;
    run_staged(&host_ops);
}

static void staged_on_vulkan(void **state)
{
    (void)state;
    run_staged(backends_all[0]);
}

/* Large jobs, whose batches are worth a choice; in yoke's memory by turns. */
static yoke_stats run_large_jobs(yoke_runtime *rt)
{
    enum { ITEMS = 20001, ROUNDS = 20 };
    assert_int_equal(yoke_tasks_register_sha256(rt), YOKE_OK);
    assert_int_equal(yoke_ready(rt, YOKE_FOREVER), YOKE_OK);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        bool is_yokes = round % 4 >= 2;
        uint8_t(*messages)[64] = is_yokes ? yoke_alloc(rt, ITEMS * 64) : malloc(ITEMS * 64);
        uint8_t(*digests)[32] = is_yokes ? yoke_alloc(rt, ITEMS * 32) : malloc(ITEMS * 32);
        yoke_job job = yoke_job(.type = yoke_type_find(rt, "sha256"), .in = {messages},
                                .out = digests, .num_items = ITEMS);
        yoke_job *jobs[] = {&job};
        for (uint32_t i = 0; i < ITEMS; i++) {
            fill(messages[i], round, i);
        }
        assert_int_equal(yoke_submit(rt, jobs, 1), YOKE_OK);
        assert_int_equal(yoke_wait(rt, &job, YOKE_FOREVER), YOKE_OK);
        for (uint32_t i = 0; i < ITEMS; i++) {
            assert_true(is_right(messages[i], digests[i]));
        }
        if (is_yokes) {
            yoke_free(rt, messages);
            yoke_free(rt, digests);
        } else {
            free(messages);
            free(digests);
        }
    }
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(rt, &stats), YOKE_OK);
    assert_int_equal(stats.items_gpu, ITEMS * ROUNDS);
    printf("%lu batches, %lu staged, %lu in place, %lu us busy\n", stats.batches,
           stats.batches_staged, stats.batches_in_place, stats.gpu_busy_ns / 1000);
    yoke_destroy(&rt);
    return stats;
}

/* Each way is right; what is measured is tried both ways. */
static void large_jobs_take_the_way_they_are_told(void **state)
{
    (void)state;
    const backend_ops *backends[] = {&host_ops, backends_all[0]};
    for (int i = 0; i < 2; i++) {
        yoke_stats direct = run_large_jobs(create_on(backends[i], POLICY_GPU_PATH_DIRECT));
        assert_int_equal(direct.batches_staged, 0);
        assert_true(direct.batches_in_place > 0);
        yoke_stats staged = run_large_jobs(create_on(backends[i], POLICY_GPU_PATH_STAGED));
        assert_int_equal(staged.batches_staged, staged.batches);
        assert_true(staged.batches_in_place > 0); /* copied from where the job's data lies */
        yoke_stats measured = run_large_jobs(create_on(backends[i], POLICY_GPU_PATH_AUTO));
        assert_true(measured.batches_staged < measured.batches);
        if (measured.gpu_busy_ns > 0) { /* the device has a clock */
            assert_true(measured.batches_staged > 0);
        }
    }
}

/* Both kinds of device and the workers, each taking what it can. */
static void on_all_engines_at_once(void **state)
{
    (void)state;
    static const backend_ops *backends[3];
    backends[0] = backends_all[0];
    backends[1] = &host_ops;
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    policy.routing.break_even_cost = 64;
    yoke_runtime *rt;
    assert_int_equal(runtime_create(&rt,
                                    yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_AUTO,
                                                 .policy = &policy),
                                    backends),
                     YOKE_OK);
    yoke_stats stats = run_jobs(rt);
    assert_true(stats.items_gpu > 0 && stats.items_run > 0);
    assert_true(stats.items_gpu > 64 * stats.batches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_cpu),
        cmocka_unit_test(on_the_host_backend),
        cmocka_unit_test(on_vulkan),
        cmocka_unit_test(on_all_engines_at_once),
        cmocka_unit_test(staged_on_the_host_backend),
        cmocka_unit_test(staged_on_vulkan),
        cmocka_unit_test(large_jobs_take_the_way_they_are_told),
    };
    return cmocka_run_group_tests_name("engines", tests, NULL, NULL);
}
