/*
 * Merkle trees, host to host. Owns leaves, raw Vulkan's buffers and two runtimes of the CPU while
 * it runs; one thread beside the runtimes'.
 * Always holds: sizes are powers of two, so that all rules for a node without a neighbour give the
 * same root; every root is compared with one that a plain loop over the sha256 kernel makes.
 */
#include "gpu_parts.h"
#include "hash_data.h"

#include "cli/clock.h"

#include <yoke/tasks.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPU_MERKLE_BUDGET_NS UINT64_C(8000000000)
#define GPU_MERKLE_TIME_NS UINT64_C(3000000) /* of a sample, at least */
#define GPU_MERKLE_NODE_BYTES SHA256_DIGEST_BYTES
#define GPU_MERKLE_LEVELS_MAX 20
#define GPU_MERKLE_SIZES_MAX 3

enum { GPU_MERKLE_RAW, GPU_MERKLE_YOKE };

static const uint32_t gpu_merkle_sizes[] = {1u << 10, 1u << 16, 1u << 20};
static const uint32_t gpu_merkle_sizes_quick[] = {64, 4096};

typedef struct gpu_merkle_part {
    gpu_case c;
    const uint32_t *sizes;
    size_t num_sizes;
    uint32_t num_leaves; /* of the largest */
    hash_data data;      /* digests are the leaves */
    uint8_t *alloc_leaves, *alloc_root;
    uint8_t roots[GPU_MERKLE_SIZES_MAX][GPU_MERKLE_NODE_BYTES];
    yoke_runtime *cpu_one, *cpu_all;
    const gpu_raw_kernel *kernel;
    gpu_raw_buffer leaves, root, levels[2];
} gpu_merkle_part;

/* ---------------------------------------------------------------------------------------------
 * Raw Vulkan: a dispatch of the sha256 shader for each level
 */

static gpu_raw_commands *gpu_merkle_record(gpu_merkle_part *m, uint32_t num_leaves)
{
    gpu_raw *raw = m->c.run->raw;
    gpu_raw_commands *commands = gpu_raw_record(raw, GPU_RAW_COMPUTE);
    uint64_t from = m->leaves.address;
    uint32_t level = 0;
    for (uint32_t num = num_leaves / 2; num > 0; num /= 2, level++) {
        uint64_t to = num == 1 ? m->root.address : m->levels[level % 2].address;
        gpu_raw_block block = {.in = {from}, .out = to, .num_items = num};
        if (level > 0) {
            gpu_raw_barrier(commands);
        }
        gpu_raw_dispatch(commands, m->kernel, gpu_raw_put_block(raw, level, &block), num);
        from = to;
    }
    gpu_raw_finish(commands);
    return commands;
}

_Static_assert(GPU_MERKLE_LEVELS_MAX <= GPU_RAW_BLOCKS, "a block for each level");

/* ---------------------------------------------------------------------------------------------
 * A sample
 */

static yoke_status gpu_merkle_yoke(const gpu_merkle_part *m, const gpu_row *row, uint8_t *root)
{
    bool is_cpu = row->rt != m->c.run->engine.rt;
    yoke_merkle_params params = {.num_leaves = row->size};
    yoke_job job = yoke_job(.type = yoke_type_find(row->rt, "merkle_sha256"),
                            .flags = is_cpu ? YOKE_JOB_CPU : YOKE_JOB_GPU,
                            .in = {row->is_alloc ? m->alloc_leaves : m->data.digests}, .out = root,
                            .num_items = 1, .params = &params, .params_bytes = sizeof(params));
    return gpu_engine_run(row->rt, &job);
}

static const uint8_t *gpu_merkle_wanted(const gpu_merkle_part *m, uint32_t num_leaves)
{
    size_t i = 0;
    while (m->sizes[i] != num_leaves) {
        i++;
    }
    return m->roots[i];
}

static bool gpu_merkle_tree(gpu_merkle_part *m, const gpu_row *row, gpu_raw_commands *commands,
                            uint64_t *ns)
{
    gpu_run *run = m->c.run;
    uint8_t ordinary[GPU_MERKLE_NODE_BYTES];
    bool is_raw = row->kind == GPU_MERKLE_RAW;
    uint8_t *root = is_raw ? m->root.host : row->is_alloc ? m->alloc_root : ordinary;
    yoke_status status = YOKE_OK;
    memset(root, 0, GPU_MERKLE_NODE_BYTES);
    uint64_t start_ns = clock_ns();
    if (is_raw) {
        gpu_raw_run(run->raw, commands);
    } else {
        status = gpu_merkle_yoke(m, row, root);
    }
    *ns = clock_ns() - start_ns;
    return gpu_run_expect_raw(run) && gpu_run_expect(run, row, status) &&
           gpu_run_check(run, row, root, gpu_merkle_wanted(m, row->size), GPU_MERKLE_NODE_BYTES);
}

static bool gpu_merkle_once(gpu_case *c, gpu_row *row)
{
    gpu_merkle_part *m = c->part;
    gpu_raw_commands *commands = NULL;
    uint64_t sum_ns = 0, times = 0;
    if (row->kind == GPU_MERKLE_RAW) {
        commands = gpu_merkle_record(m, row->size);
    }
    do {
        uint64_t ns = 0;
        if (!gpu_merkle_tree(m, row, commands, &ns)) {
            return false;
        }
        sum_ns += ns;
        times++;
    } while (sum_ns < GPU_MERKLE_TIME_NS && !c->run->options->is_quick);
    double ms = (double)sum_ns / (double)times / 1e6;
    gpu_case_sample(c, row, &ms);
    gpu_raw_reset(c->run->raw);
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * The case
 */

static void gpu_merkle_add_size(gpu_merkle_part *m, uint32_t num_leaves)
{
    gpu_row *row = gpu_case_add(&m->c, GPU_MERKLE_RAW, "raw", "leaves=%u", num_leaves);
    row->size = num_leaves;
    for (int is_alloc = 1; is_alloc >= 0; is_alloc--) {
        row = gpu_case_add(&m->c, GPU_MERKLE_YOKE, "yoke", "leaves=%u %s", num_leaves,
                           is_alloc ? "alloc" : "ordinary");
        row->size = num_leaves;
        row->is_alloc = is_alloc;
    }
    for (int is_all = 0; is_all <= (m->cpu_all != NULL); is_all++) {
        row = gpu_case_add(&m->c, GPU_MERKLE_YOKE, "yoke cpu", "leaves=%u workers=%u", num_leaves,
                           is_all ? m->c.run->options->workers : 1);
        row->size = num_leaves;
        row->rt = is_all ? m->cpu_all : m->cpu_one;
        row->is_cpu = true;
    }
}

static yoke_status gpu_merkle_open(yoke_runtime **rt, uint32_t workers)
{
    yoke_status status = gpu_engine_create(rt, YOKE_ENGINE_CPU, workers, NULL);
    return status == YOKE_OK ? yoke_tasks_register_merkle(*rt) : status;
}

/* A plain loop over the levels, in place. */
static bool gpu_merkle_find_roots(gpu_merkle_part *m)
{
    uint8_t *nodes = malloc((size_t)m->num_leaves * GPU_MERKLE_NODE_BYTES);
    uint8_t *next = malloc((size_t)m->num_leaves / 2 * GPU_MERKLE_NODE_BYTES);
    bool fine = nodes != NULL && next != NULL;
    for (size_t i = 0; fine && i < m->num_sizes; i++) {
        memcpy(nodes, m->data.digests, (size_t)m->sizes[i] * GPU_MERKLE_NODE_BYTES);
        for (uint32_t num = m->sizes[i] / 2; num > 0; num /= 2) {
            sha256_path_best()->hash64(next, nodes, num, false);
            memcpy(nodes, next, (size_t)num * GPU_MERKLE_NODE_BYTES);
        }
        memcpy(m->roots[i], nodes, GPU_MERKLE_NODE_BYTES);
    }
    free(nodes);
    free(next);
    return fine;
}

static bool gpu_merkle_alloc(gpu_merkle_part *m)
{
    gpu_run *run = m->c.run;
    size_t bytes = (size_t)m->num_leaves * GPU_MERKLE_NODE_BYTES;
    uint32_t workers = run->options->workers;
    yoke_status status = gpu_merkle_open(&m->cpu_one, 1);
    if (status == YOKE_OK && workers > 1) {
        status = gpu_merkle_open(&m->cpu_all, workers);
    }
    if (status != YOKE_OK) {
        return gpu_run_fail(run, "the CPU's runtime: %s", yoke_status_text(status));
    }
    m->kernel = gpu_raw_compile(run->raw, gpu_engine_sha256_shader());
    m->leaves = gpu_raw_alloc(run->raw, GPU_RAW_HOST, bytes);
    m->root = gpu_raw_alloc(run->raw, GPU_RAW_HOST, 4096);
    m->levels[0] = gpu_raw_alloc(run->raw, GPU_RAW_DEVICE, bytes / 2);
    m->levels[1] = gpu_raw_alloc(run->raw, GPU_RAW_DEVICE, bytes / 4);
    m->alloc_leaves = yoke_alloc(run->engine.rt, bytes);
    m->alloc_root = yoke_alloc(run->engine.rt, GPU_MERKLE_NODE_BYTES);
    if (!gpu_run_expect_raw(run)) {
        return false;
    }
    if (m->alloc_leaves == NULL || m->alloc_root == NULL ||
        !hash_data_create(&m->data, m->num_leaves, run->seed) || !gpu_merkle_find_roots(m)) {
        return gpu_run_fail(run, "out of memory for %u leaves", m->num_leaves);
    }
    memcpy(m->alloc_leaves, m->data.digests, bytes);
    memcpy(m->leaves.host, m->data.digests, bytes);
    return true;
}

static void gpu_merkle_free(gpu_merkle_part *m)
{
    gpu_run *run = m->c.run;
    gpu_raw_reset(run->raw);
    gpu_raw_free(run->raw, &m->leaves);
    gpu_raw_free(run->raw, &m->root);
    gpu_raw_free(run->raw, &m->levels[0]);
    gpu_raw_free(run->raw, &m->levels[1]);
    yoke_free(run->engine.rt, m->alloc_leaves);
    yoke_free(run->engine.rt, m->alloc_root);
    yoke_destroy(&m->cpu_one);
    yoke_destroy(&m->cpu_all);
    hash_data_destroy(&m->data);
}

static bool gpu_merkle_measure(gpu_merkle_part *m)
{
    bool fine = gpu_merkle_alloc(m);
    for (size_t i = 0; fine && i < m->num_sizes; i++) {
        gpu_merkle_add_size(m, m->sizes[i]);
    }
    fine = fine && gpu_case_run(&m->c, GPU_MERKLE_BUDGET_NS);
    for (size_t i = 0; fine && i < m->num_sizes; i++) {
        char raw[40], alloc[40];
        snprintf(raw, sizeof(raw), "leaves=%u", m->sizes[i]);
        snprintf(alloc, sizeof(alloc), "leaves=%u alloc", m->sizes[i]);
        const gpu_row *row = gpu_case_find(&m->c, "yoke", alloc);
        fine = gpu_case_over(&m->c, row, gpu_case_find(&m->c, "raw", raw)) > 0;
        if (m->sizes[i] == 1u << 20) {
            gpu_case_at_most(&m->c, row, "ms", gpu_row_p50(row, 0), 0.85);
        }
    }
    return fine;
}

bool gpu_merkle(gpu_run *run, const char *name)
{
    bool is_quick = run->options->is_quick;
    gpu_merkle_part m = {.c = {.run = run,
                               .name = name,
                               .unit = "ms",
                               .better = "lower",
                               .samples = 1,
                               .has_seed = true,
                               .once = gpu_merkle_once},
                         .sizes = is_quick ? gpu_merkle_sizes_quick : gpu_merkle_sizes,
                         .num_sizes = is_quick ? 2 : 3};
    m.c.part = &m;
    m.num_leaves = m.sizes[m.num_sizes - 1];
    bool fine = gpu_merkle_measure(&m);
    gpu_merkle_free(&m);
    gpu_case_free(&m.c);
    return fine;
}
