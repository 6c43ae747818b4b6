/*
 * Jobs in the base field of BLS12-381, host to host: in one's own memory and in yoke's, several in
 * flight, and one-shot. Owns elements, and what the CPU gives for them, while a case runs; one
 * thread beside the runtimes'.
 * Always holds: elements are below the modulus; the truth is the CPU kernels', from a runtime
 * without devices.
 */
#include "gpu_map.h"
#include "gpu_parts.h"
#include "pool_work.h"

#include "shaders/bls12_381_fp_add.spv.h"
#include "shaders/bls12_381_fp_mul.spv.h"

#include "cli/clock.h"

#include <yoke/tasks.h>

#include <stdlib.h>
#include <string.h>

#define GPU_FIELD_BUDGET_NS UINT64_C(8000000000)
#define GPU_FIELD_BYTES 48
#define GPU_FIELD_JOBS 4

static const uint32_t gpu_field_sizes[] = {64, 1u << 14, 1u << 16, 1u << 20};
static const uint32_t gpu_field_sizes_quick[] = {64, 1000};

typedef struct gpu_field {
    gpu_run *run;
    const char *type; /* its name */
    const uint32_t *sizes;
    size_t num_sizes;
    uint32_t num_items; /* of all arrays */
    uint8_t *in[2], *wanted, *out;
    void *cache; /* raw Vulkan's, of the one-shot case; NULL: nothing is kept yet */
    size_t cache_bytes;
} gpu_field;

/* ---------------------------------------------------------------------------------------------
 * Elements
 */

/* Six words, the highest of which is below the modulus's. */
static void gpu_field_fill(uint8_t *elements, uint32_t num, uint64_t seed)
{
    for (uint32_t i = 0; i < num * 6; i++) {
        uint64_t word = pool_work_hash(seed + i, 1);
        if (i % 6 == 5) {
            word %= UINT64_C(0x1a0111ea397fe69a);
        }
        memcpy(elements + (size_t)i * sizeof(word), &word, sizeof(word));
    }
}

static yoke_status gpu_field_by_cpu(const gpu_field *f)
{
    yoke_runtime *rt;
    yoke_status status = gpu_engine_create(&rt, YOKE_ENGINE_CPU, f->run->options->workers, NULL);
    if (status == YOKE_OK) {
        status = yoke_tasks_register_bls12_381(rt);
    }
    if (status == YOKE_OK) {
        yoke_job job = yoke_job(.type = yoke_type_find(rt, f->type), .in = {f->in[0], f->in[1]},
                                .out = f->wanted, .num_items = f->num_items);
        status = gpu_engine_run(rt, &job);
    }
    yoke_destroy(&rt);
    return status;
}

static bool gpu_field_open(gpu_field *f, gpu_run *run, const char *type)
{
    bool is_quick = run->options->is_quick;
    *f = (gpu_field){.run = run,
                     .type = type,
                     .sizes = is_quick ? gpu_field_sizes_quick : gpu_field_sizes,
                     .num_sizes = is_quick ? 2 : 4};
    f->num_items = f->sizes[f->num_sizes - 1];
    if (f->num_items < GPU_FIELD_JOBS * f->sizes[1]) {
        f->num_items = GPU_FIELD_JOBS * f->sizes[1];
    }
    size_t bytes = (size_t)f->num_items * GPU_FIELD_BYTES;
    f->in[0] = malloc(bytes);
    f->in[1] = malloc(bytes);
    f->wanted = malloc(bytes);
    f->out = malloc(bytes);
    if (f->in[0] == NULL || f->in[1] == NULL || f->wanted == NULL || f->out == NULL) {
        return gpu_run_fail(run, "out of memory for %u elements", f->num_items);
    }
    gpu_field_fill(f->in[0], f->num_items, run->seed);
    gpu_field_fill(f->in[1], f->num_items, ~run->seed);
    yoke_status status = gpu_field_by_cpu(f);
    return status == YOKE_OK ||
           gpu_run_fail(run, "%s on the CPU: %s", type, yoke_status_text(status));
}

static void gpu_field_close(gpu_field *f)
{
    free(f->in[0]);
    free(f->in[1]);
    free(f->wanted);
    free(f->out);
    free(f->cache);
}

/* ---------------------------------------------------------------------------------------------
 * A runtime that lives on
 */

static gpu_map gpu_field_map(const gpu_field *f, const char *name, gpu_raw_shader shader)
{
    return (gpu_map){.c = {.run = f->run, .name = name, .unit = "ms", .better = "lower"},
                     .type = yoke_type_find(f->run->engine.rt, f->type),
                     .ways = {.shader = shader,
                              .num_inputs = 2,
                              .in_bytes = {GPU_FIELD_BYTES, GPU_FIELD_BYTES},
                              .out_bytes = GPU_FIELD_BYTES},
                     .in = {f->in[0], f->in[1]},
                     .wanted = f->wanted,
                     .num_items = f->num_items,
                     .is_time = true};
}

static bool gpu_field_print(gpu_map *map, const gpu_field *f)
{
    bool fine = true;
    for (size_t i = 0; fine && i < f->num_sizes; i++) {
        fine = gpu_case_over(&map->c, gpu_map_find(map, f->sizes[i], 1, true),
                             gpu_map_best(map, f->sizes[i])) > 0;
    }
    return fine;
}

static void gpu_field_bars(gpu_map *map)
{
    static const struct {
        uint32_t num_items, num_jobs;
        bool is_alloc;
        double ms;
    } bars[] = {{64, 1, true, 0.02},
                {64, 1, false, 0.02},
                {1u << 14, 1, true, 0.10},
                {1u << 14, 1, false, 0.25},
                {1u << 16, 1, true, 0.25},
                {1u << 20, 1, true, 3.2},
                {1u << 14, GPU_FIELD_JOBS, false, 0.5}};
    for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
        const gpu_row *row =
            gpu_map_find(map, bars[i].num_items, bars[i].num_jobs, bars[i].is_alloc);
        if (row != NULL) { /* a quick run has other sizes */
            gpu_case_at_most(&map->c, row, "ms", gpu_row_p50(row, 0), bars[i].ms);
        }
    }
}

bool gpu_field_add(gpu_run *run, const char *name)
{
    gpu_field f;
    bool fine = gpu_field_open(&f, run, "bls12_381_fp_add");
    gpu_map map = gpu_field_map(
        &f, name, (gpu_raw_shader){bls12_381_fp_add_spv, sizeof(bls12_381_fp_add_spv), 64});
    for (size_t i = 0; i < f.num_sizes; i++) {
        gpu_map_add_raw(&map, f.sizes[i], false);
        gpu_map_add_memcpy(&map, f.sizes[i]);
        gpu_map_add_yoke(&map, f.sizes[i], 1, true);
        gpu_map_add_yoke(&map, f.sizes[i], 1, false);
        if (i > 0 && f.num_items >= GPU_FIELD_JOBS * f.sizes[i]) {
            gpu_map_add_yoke(&map, f.sizes[i], GPU_FIELD_JOBS, true);
            gpu_map_add_yoke(&map, f.sizes[i], GPU_FIELD_JOBS, false);
        }
    }
    fine = fine && gpu_map_run(&map, GPU_FIELD_BUDGET_NS) && gpu_field_print(&map, &f);
    if (fine) {
        gpu_field_bars(&map);
    }
    gpu_map_free(&map);
    gpu_field_close(&f);
    return fine;
}

bool gpu_field_mul(gpu_run *run, const char *name)
{
    gpu_field f;
    bool fine = gpu_field_open(&f, run, "bls12_381_fp_mul");
    gpu_map map = gpu_field_map(
        &f, name, (gpu_raw_shader){bls12_381_fp_mul_spv, sizeof(bls12_381_fp_mul_spv), 64});
    for (size_t i = 0; i < f.num_sizes; i++) {
        gpu_map_add_raw(&map, f.sizes[i], true);
        gpu_map_add_yoke(&map, f.sizes[i], 1, true);
    }
    fine = fine && gpu_map_run(&map, GPU_FIELD_BUDGET_NS) && gpu_field_print(&map, &f);
    gpu_map_free(&map);
    gpu_field_close(&f);
    return fine;
}

/* ---------------------------------------------------------------------------------------------
 * One-shot: what a program pays that has one job and ends
 */

enum { GPU_FIELD_YOKE, GPU_FIELD_RAW };

static yoke_status gpu_field_yoke_once(const gpu_field *f, uint32_t num_items)
{
    yoke_runtime *rt;
    yoke_status status = gpu_engine_create(&rt, YOKE_ENGINE_GPU, f->run->options->workers, NULL);
    if (status == YOKE_OK) {
        status = yoke_tasks_register_bls12_381(rt);
    }
    if (status == YOKE_OK) {
        status = yoke_ready(rt, GPU_ENGINE_READY_NS);
    }
    if (status == YOKE_OK) {
        yoke_job job = yoke_job(.type = yoke_type_find(rt, f->type), .flags = YOKE_JOB_GPU,
                                .in = {f->in[0], f->in[1]}, .out = f->out, .num_items = num_items);
        status = gpu_engine_run(rt, &job);
    }
    yoke_destroy(&rt);
    return status;
}

/* The shader reads and writes the host's memory; from ordinary memory and back. */
static bool gpu_field_raw_once(gpu_field *f, uint32_t num_items)
{
    gpu_run *run = f->run;
    size_t bytes = (size_t)num_items * GPU_FIELD_BYTES;
    gpu_raw_options options = {
        .uuid = run->engine.uuid, .cache = f->cache, .cache_bytes = f->cache_bytes};
    gpu_ways ways = {.shader = {bls12_381_fp_add_spv, sizeof(bls12_381_fp_add_spv), 64},
                     .num_inputs = 2,
                     .in_bytes = {GPU_FIELD_BYTES, GPU_FIELD_BYTES},
                     .out_bytes = GPU_FIELD_BYTES};
    char why[GPU_RAW_WHY_BYTES];
    gpu_raw *raw;
    if (!gpu_raw_open(&raw, &options, why)) {
        return gpu_run_fail(run, "raw Vulkan: %s", why);
    }
    gpu_ways_alloc(&ways, raw, num_items);
    if (gpu_raw_why(raw) == NULL) {
        memcpy(ways.in[0].host, f->in[0], bytes);
        memcpy(ways.in[1].host, f->in[1], bytes);
        gpu_raw_run(raw, gpu_ways_record(&ways, GPU_WAY_ZERO_COPY, num_items));
        memcpy(f->out, ways.out.host, bytes);
    }
    if (f->cache == NULL) { /* in the round that warms up */
        f->cache = gpu_raw_cache_read(raw, &f->cache_bytes);
    }
    const char *failure = gpu_raw_why(raw);
    bool fine = failure == NULL || gpu_run_fail(run, "raw Vulkan: %s", failure);
    gpu_ways_free(&ways);
    gpu_raw_close(&raw);
    return fine;
}

static bool gpu_field_one_shot_once(gpu_case *c, gpu_row *row)
{
    gpu_field *f = c->part;
    size_t bytes = (size_t)row->size * GPU_FIELD_BYTES;
    memset(f->out, 0xee, bytes);
    uint64_t start_ns = clock_ns();
    bool fine = row->kind == GPU_FIELD_RAW
                    ? gpu_field_raw_once(f, row->size)
                    : gpu_run_expect(c->run, row, gpu_field_yoke_once(f, row->size));
    double ms = (double)(clock_ns() - start_ns) / 1e6;
    gpu_case_sample(c, row, &ms);
    return fine && gpu_run_check(c->run, row, f->out, f->wanted, bytes);
}

bool gpu_field_one_shot(gpu_run *run, const char *name)
{
    gpu_field f;
    gpu_case c = {.run = run,
                  .name = name,
                  .unit = "ms",
                  .better = "lower",
                  .samples = 1,
                  .has_seed = true,
                  .once = gpu_field_one_shot_once,
                  .part = &f};
    bool fine = gpu_field_open(&f, run, "bls12_381_fp_add");
    size_t num_sizes = run->options->is_quick ? 1 : f.num_sizes; /* starts take their time */
    for (size_t i = 0; i < num_sizes; i++) {
        gpu_case_add(&c, GPU_FIELD_RAW, "raw", "items=%u ordinary", f.sizes[i])->size = f.sizes[i];
        gpu_case_add(&c, GPU_FIELD_YOKE, "yoke", "items=%u ordinary", f.sizes[i])->size =
            f.sizes[i];
    }
    fine = fine && gpu_case_run(&c, GPU_FIELD_BUDGET_NS);
    for (size_t i = 0; fine && i < c.num_rows; i += 2) {
        fine = gpu_case_over(&c, &c.rows[i + 1], &c.rows[i]) > 0;
    }
    gpu_case_free(&c);
    gpu_field_close(&f);
    return fine;
}
