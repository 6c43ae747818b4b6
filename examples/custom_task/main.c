/*
 * Uses a task type of its own: a million additions as ten thousand small jobs, then as one large
 * job, on the engines that the first argument names: auto (the default), cpu or gpu.
 *
 * Everything is owned by main: numbers, results and jobs must stay where they are until the jobs
 * are settled. The memory comes from yoke_alloc, which GPUs use in place; any other memory would do
 * too. Exit status: 0 if every sum was right, 1 if not or if a call failed, 2 for a bad argument.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vector_add.h"

#define ITEMS 1000000u
#define SMALL_JOBS 10000u
#define SMALL_ITEMS (ITEMS / SMALL_JOBS)
#define READY_NS (60u * 1000000000ull)

typedef struct numbers {
    uint32_t a[ITEMS];
    uint32_t b[ITEMS];
    uint32_t sum[ITEMS];
} numbers;

/* Many small jobs: one submit, one wait. On a GPU they travel in few batches. */
static yoke_status add_in_small_jobs(yoke_runtime *rt, const yoke_type *type, numbers *n)
{
    yoke_job *jobs = calloc(SMALL_JOBS, sizeof(*jobs));
    yoke_job **pointers = calloc(SMALL_JOBS, sizeof(*pointers));
    yoke_status status = YOKE_NO_MEMORY;
    if (jobs != NULL && pointers != NULL) {
        yoke_group group = {0}; /* counts the jobs that are not settled */
        for (uint32_t i = 0; i < SMALL_JOBS; i++) {
            size_t first = (size_t)i * SMALL_ITEMS;
            jobs[i] = yoke_job(.type = type, .in = {n->a + first, n->b + first},
                               .out = n->sum + first, .num_items = SMALL_ITEMS, .group = &group);
            pointers[i] = &jobs[i];
        }
        status = yoke_submit(rt, pointers, SMALL_JOBS);
        if (status == YOKE_OK) {
            status = yoke_group_wait(rt, &group, YOKE_FOREVER);
        }
    }
    free(pointers);
    free(jobs);
    return status;
}

/* One large job: yoke divides it among all that can run it. */
static yoke_status add_in_one_job(yoke_runtime *rt, const yoke_type *type, numbers *n)
{
    yoke_job job = yoke_job(.type = type, .in = {n->a, n->b}, .out = n->sum, .num_items = ITEMS);
    yoke_job *pointer = &job;
    yoke_status status = yoke_submit(rt, &pointer, 1);
    return status == YOKE_OK ? yoke_wait(rt, &job, YOKE_FOREVER) : status;
}

/* Runs one of the two and prints who did the work, as the difference of the runtime's counters. */
static bool run(const char *name, yoke_runtime *rt, const yoke_type *type, numbers *n,
                yoke_status (*add)(yoke_runtime *, const yoke_type *, numbers *))
{
    yoke_stats before = {.struct_bytes = sizeof(before)};
    yoke_stats after = {.struct_bytes = sizeof(after)};
    uint32_t wrong = 0;
    memset(n->sum, 0xff, sizeof(n->sum));
    yoke_stats_read(rt, &before);
    yoke_status status = add(rt, type, n);
    yoke_stats_read(rt, &after);
    if (status != YOKE_OK) {
        fprintf(stderr, "%s: %s\n", name, yoke_status_text(status));
        return false;
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        wrong += n->sum[i] != n->a[i] + n->b[i];
    }
    printf("%-10s  CPU %7" PRIu64 " items, %5" PRIu64 " calls  GPU %7" PRIu64 " items, %5" PRIu64
           " batches  %" PRIu32 " wrong\n",
           name, after.items_run - before.items_run, after.claims_run - before.claims_run,
           after.items_gpu - before.items_gpu, after.batches - before.batches, wrong);
    return wrong == 0;
}

static bool add_both_ways(yoke_runtime *rt)
{
    const yoke_type *type;
    yoke_status status = vector_add_register(rt, &type);
    numbers *n = yoke_alloc(rt, sizeof(*n));
    if (status != YOKE_OK || n == NULL) {
        fprintf(stderr, "cannot start: %s\n", yoke_status_text(status ? status : YOKE_NO_MEMORY));
        yoke_free(rt, n);
        return false;
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        n->a[i] = i * 2654435761u;
        n->b[i] = i ^ 0xdeadbeefu;
    }
    /* GPUs open in the background. A program need not wait for them: the CPU serves until then. */
    printf("GPUs: %s\n", yoke_ready(rt, READY_NS) == YOKE_OK ? "ready" : "none");
    bool small = run("small jobs", rt, type, n, add_in_small_jobs);
    bool large = run("one job", rt, type, n, add_in_one_job);
    yoke_free(rt, n);
    return small && large;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        yoke_engine engine;
    } engines[] = {{"auto", YOKE_ENGINE_AUTO}, {"cpu", YOKE_ENGINE_CPU}, {"gpu", YOKE_ENGINE_GPU}};
    const char *name = argc > 1 ? argv[1] : "auto";
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        if (strcmp(name, engines[i].name) == 0) {
            yoke_runtime *rt;
            yoke_status status = yoke_create(&rt, yoke_options(.engine = engines[i].engine));
            if (status != YOKE_OK) {
                fprintf(stderr, "yoke: %s\n", yoke_status_text(status));
                return EXIT_FAILURE;
            }
            bool right = add_both_ways(rt);
            yoke_destroy(&rt);
            return right ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    }
    fprintf(stderr, "usage: %s [auto|cpu|gpu]\n", argv[0]);
    return 2;
}
