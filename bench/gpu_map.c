/*
 * A map type, measured. Owns memory of all kinds while it runs; one thread beside the runtime's and
 * the floors'.
 * Always holds: outputs are zeroed before a sample, and after it every one is compared with what is
 * wanted, both outside its time. Short jobs are repeated until a sample takes some milliseconds.
 */
#include "gpu_map.h"

#include "gpu_memcpy.h"

#include "cli/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPU_MAP_TIME_NS UINT64_C(3000000) /* of a sample, at least */
#define GPU_MAP_JOBS_MAX 4

/* Kinds; raw Vulkan's are those of gpu_way. row->size is the number of items, row->jobs of jobs. */
enum { GPU_MAP_YOKE = GPU_WAY_RESIDENT + 1, GPU_MAP_MEMCPY };

/* ---------------------------------------------------------------------------------------------
 * Rows
 */

static gpu_row *gpu_map_add(gpu_map *map, int kind, const char *engine, uint32_t num_items)
{
    gpu_row *row = gpu_case_add(&map->c, kind, engine, "items=%u", num_items);
    row->size = num_items;
    return row;
}

void gpu_map_add_raw(gpu_map *map, uint32_t num_items, bool with_resident)
{
    gpu_map_add(map, GPU_WAY_ZERO_COPY, "raw zero-copy", num_items);
    gpu_map_add(map, GPU_WAY_STAGED, "raw staged", num_items);
    if (with_resident) {
        gpu_map_add(map, GPU_WAY_RESIDENT, "raw resident", num_items);
    }
}

void gpu_map_add_memcpy(gpu_map *map, uint32_t num_items)
{
    char engine[24];
    snprintf(engine, sizeof(engine), "memcpy x%u", map->c.run->options->workers);
    gpu_map_add(map, GPU_MAP_MEMCPY, engine, num_items)->is_cpu = true;
}

gpu_row *gpu_map_add_yoke(gpu_map *map, uint32_t num_items, uint32_t num_jobs, bool is_alloc)
{
    char jobs[16] = "";
    if (num_jobs > 1) {
        snprintf(jobs, sizeof(jobs), "%ux", num_jobs);
    }
    gpu_row *row = gpu_case_add(&map->c, GPU_MAP_YOKE, "yoke", "items=%s%u %s", jobs, num_items,
                                is_alloc ? "alloc" : "ordinary");
    row->size = num_items;
    row->jobs = num_jobs;
    row->is_alloc = is_alloc;
    gpu_row_add(row, "cpu_gb", "s/GB", "lower");
    gpu_row_add(row, "cores", "cores", "lower");
    return row;
}

const gpu_row *gpu_map_find(const gpu_map *map, uint32_t num_items, uint32_t num_jobs,
                            bool is_alloc)
{
    for (size_t i = 0; i < map->c.num_rows; i++) {
        const gpu_row *row = &map->c.rows[i];
        if (row->kind == GPU_MAP_YOKE && row->size == num_items && row->jobs == num_jobs &&
            row->is_alloc == is_alloc) {
            return row;
        }
    }
    return NULL;
}

const gpu_row *gpu_map_best(const gpu_map *map, uint32_t num_items)
{
    const gpu_row *best = NULL;
    for (size_t i = 0; i < map->c.num_rows; i++) {
        const gpu_row *row = &map->c.rows[i];
        if (row->kind >= GPU_WAY_RESIDENT || row->size != num_items) {
            continue;
        }
        bool is_less = best != NULL && gpu_row_p50(row, 0) < gpu_row_p50(best, 0);
        best = best == NULL || is_less == map->is_time ? row : best;
    }
    return best;
}

/* ---------------------------------------------------------------------------------------------
 * A run
 */

static bool gpu_map_yoke(gpu_map *map, const gpu_row *row)
{
    gpu_run *run = map->c.run;
    yoke_job jobs[GPU_MAP_JOBS_MAX];
    yoke_job *list[GPU_MAP_JOBS_MAX];
    for (uint32_t i = 0; i < row->jobs; i++) {
        size_t first = (size_t)i * row->size;
        uint8_t *out = row->is_alloc ? map->alloc_out : map->out;
        jobs[i] = yoke_job(.type = map->type, .flags = YOKE_JOB_GPU,
                           .out = out + first * map->ways.out_bytes, .num_items = row->size);
        for (uint32_t k = 0; k < map->ways.num_inputs; k++) {
            const uint8_t *in = row->is_alloc ? map->alloc_in[k] : map->in[k];
            jobs[i].in[k] = in + first * map->ways.in_bytes[k];
        }
        list[i] = &jobs[i];
    }
    yoke_status status = yoke_submit(row->rt, list, row->jobs);
    if (!gpu_run_expect(run, row, status)) {
        return false;
    }
    for (uint32_t i = 0; i < row->jobs; i++) {
        yoke_status waited = yoke_wait(row->rt, &jobs[i], YOKE_FOREVER);
        status = status == YOKE_OK ? waited : status;
    }
    return gpu_run_expect(run, row, status);
}

/* The inputs into memory that yoke gave, and as many bytes as the outputs have out of it. */
static bool gpu_map_memcpy(gpu_map *map, const gpu_row *row, uint64_t *ns)
{
    gpu_run *run = map->c.run;
    uint64_t sum_ns = 0;
    size_t out_bytes = (size_t)row->size * map->ways.out_bytes;
    memcpy(map->alloc_out, map->wanted, out_bytes);
    for (uint32_t k = 0; k < map->ways.num_inputs; k++) {
        const gpu_memcpy_part parts[2] = {
            {map->alloc_in[k], map->in[k], (size_t)row->size * map->ways.in_bytes[k]},
            {map->out, map->alloc_out, k == 0 ? out_bytes : 0}};
        uint64_t part_ns;
        if (!gpu_memcpy_run(run->options->workers, parts, &part_ns)) {
            return gpu_run_fail(run, "the system refuses threads");
        }
        sum_ns += part_ns;
    }
    *ns = sum_ns;
    return true;
}

static bool gpu_map_run_once(gpu_map *map, const gpu_row *row, gpu_raw_commands *commands,
                             uint64_t *ns)
{
    gpu_raw *raw = map->c.run->raw;
    if (row->kind == GPU_MAP_MEMCPY) {
        return gpu_map_memcpy(map, row, ns);
    }
    uint64_t start_ns = clock_ns();
    if (row->kind == GPU_MAP_YOKE) {
        if (!gpu_map_yoke(map, row)) {
            return false;
        }
    } else {
        gpu_raw_run(raw, commands);
    }
    *ns = clock_ns() - start_ns;
    if (row->kind == GPU_WAY_RESIDENT) {
        double stamped_ns = gpu_raw_stamped_ns(raw);
        *ns = stamped_ns > 0 ? (uint64_t)stamped_ns : *ns;
    }
    return gpu_run_expect_raw(map->c.run);
}

/* ---------------------------------------------------------------------------------------------
 * A sample
 */

static uint8_t *gpu_map_outputs(const gpu_map *map, const gpu_row *row)
{
    if (row->kind < GPU_MAP_YOKE) {
        return map->ways.out.host;
    }
    return row->is_alloc ? map->alloc_out : map->out;
}

static gpu_raw_commands *gpu_map_prepare(gpu_map *map, const gpu_row *row)
{
    size_t num = (size_t)row->size * (row->jobs > 0 ? row->jobs : 1);
    if (row->kind >= GPU_MAP_YOKE) {
        memset(gpu_map_outputs(map, row), 0, num * map->ways.out_bytes);
        return NULL;
    }
    gpu_ways_clear(&map->ways, row->size);
    if (row->kind == GPU_WAY_RESIDENT) {
        gpu_ways_send(&map->ways, row->size);
    }
    return gpu_ways_record(&map->ways, (gpu_way)row->kind, row->size);
}

static bool gpu_map_check(gpu_map *map, const gpu_row *row)
{
    gpu_run *run = map->c.run;
    size_t num = (size_t)row->size * (row->jobs > 0 ? row->jobs : 1);
    if (row->kind == GPU_WAY_RESIDENT) {
        gpu_ways_fetch(&map->ways, row->size);
    }
    return gpu_run_expect_raw(run) && gpu_run_check(run, row, gpu_map_outputs(map, row),
                                                    map->wanted, num * map->ways.out_bytes);
}

static void gpu_map_sample(gpu_map *map, gpu_row *row, double ns, double cpu_ns)
{
    uint64_t item_bytes = 0;
    double num = (double)row->size * (row->jobs > 0 ? row->jobs : 1);
    for (uint32_t k = 0; k < map->ways.num_inputs; k++) {
        item_bytes += map->ways.in_bytes[k];
    }
    double values[] = {map->is_time ? ns / 1e6 : num * 1e3 / ns,
                       cpu_ns / (num * (double)item_bytes), cpu_ns / ns};
    gpu_case_sample(&map->c, row, values);
}

static bool gpu_map_once(gpu_case *c, gpu_row *row)
{
    gpu_map *map = c->part;
    uint64_t sum_ns = 0, times = 0;
    gpu_raw_commands *commands = gpu_map_prepare(map, row);
    uint64_t cpu_ns = gpu_run_cpu_ns();
    do {
        uint64_t ns = 0;
        if (!gpu_map_run_once(map, row, commands, &ns)) {
            return false;
        }
        sum_ns += ns;
        times++;
    } while (sum_ns < GPU_MAP_TIME_NS && !c->run->options->is_quick);
    cpu_ns = gpu_run_cpu_ns() - cpu_ns;
    gpu_map_sample(map, row, (double)sum_ns / (double)times, (double)cpu_ns / (double)times);
    bool fine = gpu_map_check(map, row);
    gpu_raw_reset(c->run->raw);
    return fine;
}

/* ---------------------------------------------------------------------------------------------
 * The whole
 */

static bool gpu_map_alloc(gpu_map *map)
{
    gpu_run *run = map->c.run;
    yoke_runtime *rt = run->engine.rt;
    size_t out_bytes = (size_t)map->num_items * map->ways.out_bytes;
    gpu_ways_alloc(&map->ways, run->raw, map->num_items);
    map->out = malloc(out_bytes);
    map->alloc_out = yoke_alloc(rt, out_bytes);
    bool fine = map->out != NULL && map->alloc_out != NULL;
    for (uint32_t k = 0; k < map->ways.num_inputs; k++) {
        size_t bytes = (size_t)map->num_items * map->ways.in_bytes[k];
        map->alloc_in[k] = yoke_alloc(rt, bytes);
        fine = fine && map->alloc_in[k] != NULL;
        if (fine && gpu_raw_why(run->raw) == NULL) {
            memcpy(map->alloc_in[k], map->in[k], bytes);
            memcpy(map->ways.in[k].host, map->in[k], bytes);
        }
    }
    return gpu_run_expect_raw(run) && (fine || gpu_run_fail(run, "out of memory"));
}

bool gpu_map_run(gpu_map *map, uint64_t budget_ns)
{
    map->c.samples = 1;
    map->c.has_seed = true;
    map->c.once = gpu_map_once;
    map->c.part = map;
    return gpu_map_alloc(map) && gpu_case_run(&map->c, budget_ns);
}

void gpu_map_free(gpu_map *map)
{
    yoke_runtime *rt = map->c.run->engine.rt;
    gpu_ways_free(&map->ways);
    for (uint32_t k = 0; k < map->ways.num_inputs; k++) {
        yoke_free(rt, map->alloc_in[k]);
    }
    yoke_free(rt, map->alloc_out);
    free(map->out);
    gpu_case_free(&map->c);
}
