/*
 * A map type, measured: jobs of so many items in yoke's memory and in ordinary memory, raw Vulkan's
 * ways, and memcpy of the same bytes.
 *   Threads:  one.
 */
#ifndef YOKE_BENCH_GPU_MAP_H
#define YOKE_BENCH_GPU_MAP_H

#include "gpu_cases.h"
#include "gpu_ways.h"

/* Set the run, name, unit and better of c, type, ways (as gpu_ways says), in, wanted, num_items and
 * is_time; the rest starts at zero. */
typedef struct gpu_map {
    gpu_case c;
    const yoke_type *type;
    gpu_ways ways;
    uint8_t *in[GPU_WAYS_INPUTS_MAX]; /* ordinary memory, of num_items items each */
    const uint8_t *wanted;            /* the outputs */
    uint32_t num_items;               /* the most that a row has, over all its jobs */
    bool is_time;                     /* figures are ms of all jobs; else million items a second */
    uint8_t *out;
    uint8_t *alloc_in[GPU_WAYS_INPUTS_MAX], *alloc_out;
} gpu_map;

/* Rows of one job; each adds some. Engine and param are as gpu_bench.h says. */
void gpu_map_add_raw(gpu_map *map, uint32_t num_items, bool with_resident);
void gpu_map_add_memcpy(gpu_map *map, uint32_t num_items);

/* Rows of yoke: so many jobs in flight at once, of so many items each. */
gpu_row *gpu_map_add_yoke(gpu_map *map, uint32_t num_items, uint32_t num_jobs, bool is_alloc);

/* Gets memory, measures, prints. Free it afterwards, whatever it returned. */
bool gpu_map_run(gpu_map *map, uint64_t budget_ns);

void gpu_map_free(gpu_map *map);

/* Raw Vulkan's better way from host to host with so many items; NULL: none was added. */
const gpu_row *gpu_map_best(const gpu_map *map, uint32_t num_items);

/* The row of yoke; NULL: none. */
const gpu_row *gpu_map_find(const gpu_map *map, uint32_t num_items, uint32_t num_jobs,
                            bool is_alloc);

/* The figures of its rows of yoke, behind the first. */
enum { GPU_MAP_CPU_GB = 1, GPU_MAP_CORES };

#endif
