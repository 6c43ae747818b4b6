/*
 * Batches a second. Owns, while it runs, a runtime for each number of slots and raw Vulkan's
 * commands; one thread beside the runtimes'.
 * Always holds: a job fills a batch by itself (batching.target_start is 1), and yoke's figure
 * counts batches, not jobs. Each is checked: the answer to every item of the last lot is looked at.
 */
#include "gpu_parts.h"

#include "cli/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPU_RATE_BUDGET_NS UINT64_C(6000000000)
#define GPU_RATE_TIME_NS UINT64_C(100000000) /* of a sample */
#define GPU_RATE_TIME_QUICK_NS UINT64_C(1000000)
#define GPU_RATE_LOT 1024 /* jobs at a time */
#define GPU_RATE_FLIGHT_MAX 16
#define GPU_RATE_STRIDE 16 /* words from item to item of raw Vulkan's, which begin on lines */
#define GPU_RATE_RUNTIMES 4

enum { GPU_RATE_YOKE, GPU_RATE_RAW };

typedef struct gpu_rate_part {
    gpu_case c;
    yoke_runtime *runtimes[GPU_RATE_RUNTIMES];
    const yoke_type *types[GPU_RATE_RUNTIMES];
    yoke_job jobs[GPU_RATE_LOT];
    yoke_job *list[GPU_RATE_LOT];
    uint32_t in[GPU_RATE_LOT], out[GPU_RATE_LOT];
    gpu_raw_buffer words; /* items, then answers */
    gpu_raw_commands *commands[GPU_RATE_FLIGHT_MAX];
} gpu_rate_part;

static uint64_t gpu_rate_time_ns(const gpu_rate_part *r)
{
    return r->c.run->options->is_quick ? GPU_RATE_TIME_QUICK_NS : GPU_RATE_TIME_NS;
}

/* ---------------------------------------------------------------------------------------------
 * yoke
 */

static bool gpu_rate_open(gpu_rate_part *r, const gpu_row *row)
{
    char policy[128];
    uint32_t i = row->size;
    snprintf(policy, sizeof(policy), "gpu: {slots_in_flight: %u}\nbatching: {target_start: 1}\n",
             2u << i);
    yoke_status status =
        gpu_engine_create(&r->runtimes[i], YOKE_ENGINE_GPU, r->c.run->options->workers, policy);
    if (status == YOKE_OK) {
        status = gpu_engine_add_one(r->runtimes[i], &r->types[i]);
    }
    if (status == YOKE_OK) {
        status = yoke_ready(r->runtimes[i], GPU_ENGINE_READY_NS);
    }
    return gpu_run_expect(r->c.run, row, status);
}

static yoke_status gpu_rate_lot(gpu_rate_part *r, uint32_t runtime, uint32_t first)
{
    yoke_group group = {{0}};
    for (uint32_t i = 0; i < GPU_RATE_LOT; i++) {
        r->in[i] = first + i;
        r->jobs[i] = yoke_job(.type = r->types[runtime], .flags = YOKE_JOB_GPU, .in = {&r->in[i]},
                              .out = &r->out[i], .num_items = 1, .group = &group);
        r->list[i] = &r->jobs[i];
    }
    yoke_status status = yoke_submit(r->runtimes[runtime], r->list, GPU_RATE_LOT);
    return status == YOKE_OK ? yoke_group_wait(r->runtimes[runtime], &group, YOKE_FOREVER) : status;
}

static bool gpu_rate_yoke(gpu_rate_part *r, gpu_row *row)
{
    yoke_stats before = {.struct_bytes = sizeof(before)};
    yoke_stats after = {.struct_bytes = sizeof(after)};
    yoke_runtime *rt = r->runtimes[row->size];
    yoke_status status = YOKE_OK;
    uint64_t ns = 0, start_ns = clock_ns();
    uint32_t lots = 0;
    yoke_stats_read(rt, &before);
    while (status == YOKE_OK && ns < gpu_rate_time_ns(r)) {
        status = gpu_rate_lot(r, row->size, lots++);
        ns = clock_ns() - start_ns;
    }
    yoke_stats_read(rt, &after);
    if (!gpu_run_expect(r->c.run, row, status)) {
        return false;
    }
    for (uint32_t i = 0; i < GPU_RATE_LOT; i++) {
        if (r->out[i] != lots + i) {
            return gpu_run_fail(r->c.run, "rate, yoke, %s: item %u is wrong", row->param, i);
        }
    }
    if (after.items_run > 0) {
        return gpu_run_fail(r->c.run, "rate, yoke, %s: the CPU ran items that were the device's",
                            row->param);
    }
    double rate = (double)(after.batches - before.batches) * 1e9 / (double)ns;
    gpu_case_sample(&r->c, row, &rate);
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * Raw Vulkan
 */

static bool gpu_rate_prepare(gpu_rate_part *r)
{
    gpu_raw *raw = r->c.run->raw;
    const gpu_raw_kernel *kernel = gpu_raw_compile(raw, gpu_engine_add_one_shader());
    size_t bytes = GPU_RATE_STRIDE * sizeof(uint32_t);
    r->words = gpu_raw_alloc(raw, GPU_RAW_HOST, 2 * GPU_RATE_FLIGHT_MAX * bytes);
    for (uint32_t i = 0; i < GPU_RATE_FLIGHT_MAX; i++) {
        gpu_raw_block block = {.in = {r->words.address + i * bytes},
                               .out = r->words.address + (GPU_RATE_FLIGHT_MAX + i) * bytes,
                               .num_items = 1};
        r->commands[i] = gpu_raw_record(raw, GPU_RAW_COMPUTE);
        gpu_raw_dispatch(r->commands[i], kernel, gpu_raw_put_block(raw, i, &block), 1);
        gpu_raw_finish(r->commands[i]);
    }
    return gpu_run_expect_raw(r->c.run);
}

/* Commands `at` to at + num - 1, whose last run has ended: looks at that, and submits them anew.
 * False: an answer is wrong. */
static bool gpu_rate_again(gpu_rate_part *r, uint32_t at, uint32_t num, uint32_t item,
                           uint64_t *value)
{
    uint32_t *in = r->words.host, *out = in + GPU_RATE_FLIGHT_MAX * GPU_RATE_STRIDE;
    bool is_right = true;
    for (uint32_t i = at * GPU_RATE_STRIDE; i < (at + num) * GPU_RATE_STRIDE;
         i += GPU_RATE_STRIDE) {
        is_right = is_right && out[i] == in[i] + 1;
        in[i] = item;
    }
    *value = gpu_raw_submit(r->c.run->raw, &r->commands[at], num);
    return is_right;
}

/* row->size batches in flight, row->kind less GPU_RATE_RAW of them a call. */
static bool gpu_rate_raw(gpu_rate_part *r, gpu_row *row)
{
    gpu_raw *raw = r->c.run->raw;
    uint32_t a_call = (uint32_t)(row->kind - GPU_RATE_RAW), flight = row->size;
    uint64_t values[GPU_RATE_FLIGHT_MAX] = {0};
    uint32_t *in = r->words.host, *out = in + GPU_RATE_FLIGHT_MAX * GPU_RATE_STRIDE;
    uint64_t num = 0, ns = 0, start_ns = clock_ns();
    bool is_right = true;
    for (uint32_t i = 0; i < GPU_RATE_FLIGHT_MAX * GPU_RATE_STRIDE; i++) {
        out[i] = in[i] + 1;
    }
    for (; gpu_raw_why(raw) == NULL && ns < gpu_rate_time_ns(r); num += a_call) {
        uint32_t at = (uint32_t)(num % flight);
        gpu_raw_spin(raw, GPU_RAW_COMPUTE, values[at]);
        is_right = gpu_rate_again(r, at, a_call, (uint32_t)num, &values[at]) && is_right;
        ns = clock_ns() - start_ns;
    }
    for (uint32_t at = 0; at < flight; at += a_call) {
        gpu_raw_spin(raw, GPU_RAW_COMPUTE, values[at]);
    }
    ns = clock_ns() - start_ns;
    double rate = (double)num * 1e9 / (double)ns;
    gpu_case_sample(&r->c, row, &rate);
    return is_right || gpu_run_fail(r->c.run, "rate, raw, %s: an item is wrong", row->param);
}

static bool gpu_rate_once(gpu_case *c, gpu_row *row)
{
    return row->kind == GPU_RATE_YOKE ? gpu_rate_yoke(c->part, row) : gpu_rate_raw(c->part, row);
}

/* ---------------------------------------------------------------------------------------------
 * The case
 */

static void gpu_rate_add(gpu_rate_part *r)
{
    static const uint32_t flights[][2] = {{1, 1}, {2, 1}, {4, 1}, {8, 1}, {16, 8}};
    for (size_t i = 0; i < sizeof(flights) / sizeof(flights[0]); i++) {
        gpu_case_add(&r->c, (int)(GPU_RATE_RAW + flights[i][1]), "raw", "flight=%u, %u a call",
                     flights[i][0], flights[i][1])
            ->size = flights[i][0];
    }
    for (uint32_t i = 0; i < GPU_RATE_RUNTIMES; i++) {
        gpu_case_add(&r->c, GPU_RATE_YOKE, "yoke", "slots=%u", 2u << i)->size = i;
    }
}

static const gpu_row *gpu_rate_best(const gpu_rate_part *r, bool is_yoke)
{
    const gpu_row *best = NULL;
    for (size_t i = 0; i < r->c.num_rows; i++) {
        const gpu_row *row = &r->c.rows[i];
        if ((row->kind == GPU_RATE_YOKE) == is_yoke &&
            (best == NULL || gpu_row_p50(row, 0) > gpu_row_p50(best, 0))) {
            best = row;
        }
    }
    return best;
}

static bool gpu_rate_run(gpu_rate_part *r)
{
    gpu_rate_add(r);
    bool fine = gpu_rate_prepare(r);
    for (size_t i = 0; fine && i < r->c.num_rows; i++) {
        fine = r->c.rows[i].kind != GPU_RATE_YOKE || gpu_rate_open(r, &r->c.rows[i]);
    }
    if (!fine || !gpu_case_run(&r->c, GPU_RATE_BUDGET_NS)) {
        return false;
    }
    const gpu_row *yoke = gpu_rate_best(r, true);
    double ratio = gpu_case_over(&r->c, yoke, gpu_rate_best(r, false));
    gpu_case_at_least(&r->c, yoke, "x raw's best", ratio, 0.85);
    return ratio > 0;
}

bool gpu_rate(gpu_run *run, const char *name)
{
    gpu_rate_part *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return gpu_run_fail(run, "out of memory");
    }
    r->c = (gpu_case){.run = run,
                      .name = name,
                      .unit = "batches/s",
                      .better = "higher",
                      .samples = 1,
                      .once = gpu_rate_once,
                      .part = r};
    bool fine = gpu_rate_run(r);
    for (uint32_t i = 0; i < GPU_RATE_RUNTIMES; i++) {
        yoke_destroy(&r->runtimes[i]);
    }
    gpu_raw_reset(run->raw);
    gpu_raw_free(run->raw, &r->words);
    gpu_case_free(&r->c);
    free(r);
    return fine;
}
