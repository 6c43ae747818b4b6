/*
 * SHA-256 of 64-byte messages, host to host: one job of many items. Owns the messages while it
 * runs; one thread beside the runtime's and the floors'.
 * Always holds: sizes take at most half of the memory there is.
 */
#include "gpu_map.h"
#include "gpu_parts.h"
#include "hash_data.h"

#include <stdio.h>

#define GPU_SHA256_BUDGET_NS UINT64_C(20000000000)
/* Messages, digests and outputs; the same from yoke, from raw Vulkan and on the device. */
#define GPU_SHA256_ITEM_BYTES (HASH_DATA_ITEM_BYTES + 32 + 3 * (64 + 32))

static const uint32_t gpu_sha256_sizes[] = {1u << 10, 1u << 16, 1u << 20, 1u << 23};
static const uint32_t gpu_sha256_sizes_quick[] = {100, 5000};

/* As many sizes as half of the memory has room for. */
static size_t gpu_sha256_num_sizes(const uint32_t *sizes, size_t num)
{
    uint64_t available = hash_data_memory_available();
    while (num > 1 && available > 0 &&
           (uint64_t)sizes[num - 1] * GPU_SHA256_ITEM_BYTES > available / 2) {
        num--;
        fprintf(stderr, "yoke bench: sha256, items=%u: left out, too little memory\n", sizes[num]);
    }
    return num;
}

static bool gpu_sha256_print(gpu_map *map, uint32_t num_items, bool is_large)
{
    char memcpy_engine[24], param[40];
    snprintf(memcpy_engine, sizeof(memcpy_engine), "memcpy x%u", map->c.run->options->workers);
    snprintf(param, sizeof(param), "items=%u", num_items);
    const gpu_row *best = gpu_map_best(map, num_items);
    const gpu_row *copied = gpu_case_find(&map->c, memcpy_engine, param);
    const gpu_row *alloc = gpu_map_find(map, num_items, 1, true);
    const gpu_row *ordinary = gpu_map_find(map, num_items, 1, false);
    double ratio = gpu_case_over(&map->c, alloc, best);
    if (is_large) {
        double bound = gpu_row_p50(copied, 0) < gpu_row_p50(best, 0) ? gpu_row_p50(copied, 0)
                                                                     : gpu_row_p50(best, 0);
        gpu_case_at_least(&map->c, alloc, "x raw's best", ratio, 0.97);
        gpu_case_at_least(&map->c, ordinary, "x raw or memcpy", gpu_row_p50(ordinary, 0) / bound,
                          0.8);
    }
    return ratio > 0;
}

static bool gpu_sha256_measure(gpu_map *map, const uint32_t *sizes, size_t num_sizes)
{
    for (size_t i = 0; i < num_sizes; i++) {
        gpu_map_add_raw(map, sizes[i], true);
        gpu_map_add_memcpy(map, sizes[i]);
        gpu_map_add_yoke(map, sizes[i], 1, true);
        gpu_map_add_yoke(map, sizes[i], 1, false);
    }
    bool fine = gpu_map_run(map, GPU_SHA256_BUDGET_NS);
    for (size_t i = 0; fine && i < num_sizes; i++) {
        fine = gpu_sha256_print(map, sizes[i], i >= 2);
    }
    if (fine) { /* the largest keeps the bus busy for longest */
        const gpu_row *row = gpu_map_find(map, sizes[num_sizes - 1], 1, true);
        gpu_case_at_most(&map->c, row, "CPU cores", gpu_row_p50(row, GPU_MAP_CORES), 0.25);
    }
    return fine;
}

bool gpu_sha256(gpu_run *run, const char *name)
{
    bool is_quick = run->options->is_quick;
    const uint32_t *sizes = is_quick ? gpu_sha256_sizes_quick : gpu_sha256_sizes;
    size_t num_sizes = gpu_sha256_num_sizes(sizes, is_quick ? 2 : 4);
    hash_data data;
    gpu_map map = {.c = {.run = run, .name = name, .unit = "Mitem/s", .better = "higher"},
                   .type = yoke_type_find(run->engine.rt, "sha256"),
                   .ways = {.shader = gpu_engine_sha256_shader(),
                            .num_inputs = 1,
                            .in_bytes = {SHA256_BLOCK_BYTES},
                            .out_bytes = SHA256_DIGEST_BYTES},
                   .num_items = sizes[num_sizes - 1]};
    bool fine = hash_data_create(&data, map.num_items, run->seed) ||
                gpu_run_fail(run, "out of memory for %u messages", map.num_items);
    map.in[0] = data.messages;
    map.wanted = data.digests;
    fine = fine && gpu_sha256_measure(&map, sizes, num_sizes);
    gpu_map_free(&map);
    hash_data_destroy(&data);
    return fine;
}
