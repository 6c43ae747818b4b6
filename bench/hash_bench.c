/*
 * The hash bench's plan: sizes, numbers of jobs and trips, and the time for each. Owns the engines
 * and the data while it runs; one thread.
 * Always holds: the times add up to less than a minute, and each part overruns its own by at most
 * the round it is in; sizes take at most half of the memory there is.
 */
#include "hash_bench.h"

#include "hash_cases.h"

#include <stdio.h>

#define HASH_BENCH_SEED 64
#define HASH_BENCH_SECOND UINT64_C(1000000000)
#define HASH_BENCH_SIZES 4

typedef struct hash_bench_plan {
    hash_size sizes[HASH_BENCH_SIZES];
    size_t num_sizes;
    hash_size jobs;
    hash_size trips;
} hash_bench_plan;

static const hash_bench_plan hash_bench_full = {
    .sizes = {{1024, 1 * HASH_BENCH_SECOND},
              {65536, 3 * HASH_BENCH_SECOND},
              {1u << 20, 8 * HASH_BENCH_SECOND},
              {1u << 23, 16 * HASH_BENCH_SECOND}},
    .num_sizes = 4,
    .jobs = {100000, 8 * HASH_BENCH_SECOND},
    .trips = {1000, 6 * HASH_BENCH_SECOND},
};

static const hash_bench_plan hash_bench_quick = {
    .sizes = {{100, HASH_BENCH_SECOND}, {5000, HASH_BENCH_SECOND}},
    .num_sizes = 2,
    .jobs = {2000, HASH_BENCH_SECOND},
    .trips = {20, HASH_BENCH_SECOND},
};

/* How many of the sizes fit into half of the memory: arrays, and a copy for each yoke_alloc. */
static size_t hash_bench_num_sizes(const hash_bench_plan *plan, uint32_t num_engines)
{
    uint64_t available = hash_data_memory_available();
    uint64_t item_bytes =
        HASH_DATA_ITEM_BYTES + num_engines * (SHA256_BLOCK_BYTES + SHA256_DIGEST_BYTES);
    size_t num = plan->num_sizes;
    while (num > 1 && available > 0 &&
           plan->sizes[num - 1].num_items * item_bytes > available / 2) {
        num--;
        fprintf(stderr, "yoke bench: items=%u: left out, too little memory\n",
                plan->sizes[num].num_items);
    }
    return num;
}

static bool hash_bench_parts(hash_run *run, const hash_bench_plan *plan, size_t num_sizes)
{
    rows_begin(&run->output, run->options->json);
    if (!run->options->json && run->engines.has_none) {
        printf("no device is ready (see yoke devices): yoke gpu and yoke auto are left out\n");
    }
    return hash_large_run(run, plan->sizes, num_sizes) &&
           hash_small_run(run, plan->jobs.num_items, plan->jobs.budget_ns) &&
           hash_trip_run(run, plan->trips.num_items, plan->trips.budget_ns);
}

static bool hash_bench_measure(hash_run *run)
{
    const hash_bench_plan *plan = run->options->is_quick ? &hash_bench_quick : &hash_bench_full;
    size_t num_sizes = hash_bench_num_sizes(plan, run->engines.num);
    uint32_t num = plan->sizes[num_sizes - 1].num_items;
    num = num > plan->jobs.num_items ? num : plan->jobs.num_items;
    bool fine = hash_data_create(&run->data, num, run->seed) ||
                hash_cases_fail(run, "out of memory for %u messages", num);
    fine = fine && hash_bench_parts(run, plan, num_sizes);
    hash_data_destroy(&run->data);
    return fine;
}

bool hash_bench_run(const hash_bench_options *options, bool *degraded, char *line,
                    size_t line_bytes)
{
    hash_run run = {
        .options = options, .seed = HASH_BENCH_SEED, .error = line, .error_bytes = line_bytes};
    hash_engines_options engines = {
        .engine = options->engine, .policy = options->policy, .num_workers = options->workers};
    bool fine =
        hash_engines_open(&run.engines, &engines, line, line_bytes) && hash_bench_measure(&run);
    *degraded = fine && run.engines.is_degraded;
    if (*degraded) {
        snprintf(line, line_bytes, "%s", run.engines.why);
    }
    hash_engines_close(&run.engines);
    return fine;
}
