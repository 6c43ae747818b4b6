/*
 * Many jobs of one item for a device, from one and more host threads. Owns the structs, the
 * messages and raw Vulkan's buffers while it runs; the host threads live for one sample each.
 * Always holds: every job is a submit of its own; a thread uses its structs again only after its
 * group is empty. Every digest is looked at.
 */
#include "gpu_parts.h"
#include "hash_data.h"
#include "pool_crew.h"

#include "cli/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPU_COALESCE_BUDGET_NS UINT64_C(8000000000)
#define GPU_COALESCE_JOBS (1u << 20) /* of a sample */
#define GPU_COALESCE_JOBS_QUICK 2048u
#define GPU_COALESCE_STRUCTS (1u << 16) /* of all threads */
#define GPU_COALESCE_LOT 16384u         /* messages that raw Vulkan has in a dispatch */
#define GPU_COALESCE_LOTS 2             /* in flight */

enum { GPU_COALESCE_YOKE, GPU_COALESCE_RAW };

typedef struct gpu_coalesce_part {
    gpu_case c;
    const yoke_type *type;
    uint32_t num;     /* jobs of a sample */
    uint32_t threads; /* of the sample that is taken */
    hash_data data;
    yoke_job *structs;
    yoke_group groups[POOL_CREW_MAX];
    atomic_int failed; /* the first failure's status; 0: none */
    gpu_raw_buffer in[GPU_COALESCE_LOTS], out[GPU_COALESCE_LOTS];
    gpu_raw_commands *commands[GPU_COALESCE_LOTS];
} gpu_coalesce_part;

/* ---------------------------------------------------------------------------------------------
 * yoke
 */

static yoke_status gpu_coalesce_submit(const gpu_coalesce_part *p, yoke_job *structs,
                                       uint32_t first, uint32_t num)
{
    yoke_runtime *rt = p->c.run->engine.rt;
    yoke_status status = YOKE_OK;
    for (uint32_t i = 0; i < num && status == YOKE_OK; i++) {
        yoke_job *job = &structs[i];
        job->in[0] = p->data.messages + (size_t)(first + i) * SHA256_BLOCK_BYTES;
        job->out = p->data.out + (size_t)(first + i) * SHA256_DIGEST_BYTES;
        status = yoke_submit(rt, &job, 1);
    }
    return status;
}

static void gpu_coalesce_work(void *context, uint32_t thread)
{
    gpu_coalesce_part *p = context;
    uint32_t num_structs = GPU_COALESCE_STRUCTS / p->threads;
    yoke_job *structs = &p->structs[thread * num_structs];
    uint32_t num = p->num / p->threads, first = thread * num;
    yoke_status status = YOKE_OK;
    while (num > 0 && status == YOKE_OK) {
        uint32_t part = num < num_structs ? num : num_structs;
        status = gpu_coalesce_submit(p, structs, first, part);
        yoke_status waited = yoke_group_wait(p->c.run->engine.rt, &p->groups[thread], YOKE_FOREVER);
        status = status == YOKE_OK ? waited : status;
        first += part;
        num -= part;
    }
    int none = 0;
    if (status != YOKE_OK) {
        atomic_compare_exchange_strong_explicit(&p->failed, &none, status, memory_order_relaxed,
                                                memory_order_relaxed);
    }
}

static void gpu_coalesce_fill(gpu_coalesce_part *p, uint32_t threads)
{
    p->threads = threads;
    for (uint32_t i = 0; i < GPU_COALESCE_STRUCTS; i++) {
        yoke_group *group = &p->groups[i / (GPU_COALESCE_STRUCTS / p->threads)];
        *group = (yoke_group){{0}};
        p->structs[i] =
            yoke_job(.type = p->type, .flags = YOKE_JOB_GPU, .num_items = 1, .group = group);
    }
}

static bool gpu_coalesce_yoke(gpu_coalesce_part *p, const gpu_row *row, uint64_t *ns)
{
    gpu_run *run = p->c.run;
    if (!pool_crew_run(p->threads, false, gpu_coalesce_work, p, ns)) {
        return gpu_run_fail(run, "the system refuses %u threads", p->threads);
    }
    int failed = atomic_load_explicit(&p->failed, memory_order_relaxed);
    return gpu_run_expect(run, row, (yoke_status)failed);
}

/* ---------------------------------------------------------------------------------------------
 * Raw Vulkan: one thread that packs messages one by one and hands the digests out one by one
 */

static bool gpu_coalesce_prepare(gpu_coalesce_part *p)
{
    gpu_raw *raw = p->c.run->raw;
    const gpu_raw_kernel *kernel = gpu_raw_compile(raw, gpu_engine_sha256_shader());
    uint32_t num = p->num < GPU_COALESCE_LOT ? p->num : GPU_COALESCE_LOT;
    for (uint32_t i = 0; i < GPU_COALESCE_LOTS; i++) {
        p->in[i] = gpu_raw_alloc(raw, GPU_RAW_HOST, num * SHA256_BLOCK_BYTES);
        p->out[i] = gpu_raw_alloc(raw, GPU_RAW_HOST, num * SHA256_DIGEST_BYTES);
        gpu_raw_block block = {
            .in = {p->in[i].address}, .out = p->out[i].address, .num_items = num};
        p->commands[i] = gpu_raw_record(raw, GPU_RAW_COMPUTE);
        gpu_raw_dispatch(p->commands[i], kernel, gpu_raw_put_block(raw, i, &block), num);
        gpu_raw_finish(p->commands[i]);
    }
    return gpu_run_expect_raw(p->c.run);
}

static void gpu_coalesce_pack(gpu_coalesce_part *p, uint32_t lot, uint32_t first, uint32_t num)
{
    uint8_t *packed = p->in[lot].host;
    for (uint32_t i = 0; i < num; i++) {
        memcpy(packed + (size_t)i * SHA256_BLOCK_BYTES,
               p->data.messages + (size_t)(first + i) * SHA256_BLOCK_BYTES, SHA256_BLOCK_BYTES);
    }
}

static void gpu_coalesce_unpack(gpu_coalesce_part *p, uint32_t lot, uint32_t first, uint32_t num)
{
    const uint8_t *packed = p->out[lot].host;
    for (uint32_t i = 0; i < num; i++) {
        memcpy(p->data.out + (size_t)(first + i) * SHA256_DIGEST_BYTES,
               packed + (size_t)i * SHA256_DIGEST_BYTES, SHA256_DIGEST_BYTES);
    }
}

static void gpu_coalesce_raw(gpu_coalesce_part *p, uint64_t *ns)
{
    gpu_raw *raw = p->c.run->raw;
    uint32_t lot = p->num < GPU_COALESCE_LOT ? p->num : GPU_COALESCE_LOT;
    uint32_t lots = p->num / lot;
    uint64_t values[GPU_COALESCE_LOTS] = {0};
    uint64_t start_ns = clock_ns();
    for (uint32_t i = 0; i < lots + GPU_COALESCE_LOTS; i++) {
        uint32_t at = i % GPU_COALESCE_LOTS;
        if (i >= GPU_COALESCE_LOTS && i - GPU_COALESCE_LOTS < lots) {
            gpu_raw_spin(raw, GPU_RAW_COMPUTE, values[at]);
            gpu_coalesce_unpack(p, at, (i - GPU_COALESCE_LOTS) * lot, lot);
        }
        if (i < lots) {
            gpu_coalesce_pack(p, at, i * lot, lot);
            values[at] = gpu_raw_submit(raw, &p->commands[at], 1);
        }
    }
    *ns = clock_ns() - start_ns;
}

/* ---------------------------------------------------------------------------------------------
 * The case
 */

static bool gpu_coalesce_once(gpu_case *c, gpu_row *row)
{
    gpu_coalesce_part *p = c->part;
    yoke_stats before = {.struct_bytes = sizeof(before)};
    yoke_stats after = {.struct_bytes = sizeof(after)};
    uint64_t ns = 0;
    memset(p->data.out, 0, (size_t)p->num * SHA256_DIGEST_BYTES);
    if (row->kind == GPU_COALESCE_YOKE) {
        gpu_coalesce_fill(p, row->size);
    }
    yoke_stats_read(row->rt, &before);
    uint64_t cpu_ns = gpu_run_cpu_ns();
    if (row->kind == GPU_COALESCE_RAW) {
        gpu_coalesce_raw(p, &ns);
    } else if (!gpu_coalesce_yoke(p, row, &ns)) {
        return false;
    }
    cpu_ns = gpu_run_cpu_ns() - cpu_ns;
    yoke_stats_read(row->rt, &after);
    uint64_t batches =
        row->kind == GPU_COALESCE_RAW ? p->num / GPU_COALESCE_LOT : after.batches - before.batches;
    double values[] = {(double)p->num * 1e3 / (double)ns, (double)cpu_ns / p->num,
                       (double)p->num / (double)(batches > 0 ? batches : 1)};
    gpu_case_sample(c, row, values);
    return gpu_run_expect_raw(c->run) && gpu_run_check(c->run, row, p->data.out, p->data.digests,
                                                       (size_t)p->num * SHA256_DIGEST_BYTES);
}

static void gpu_coalesce_add(gpu_coalesce_part *p)
{
    static const uint32_t threads[] = {1, 4, 16};
    gpu_case_add(&p->c, GPU_COALESCE_RAW, "raw x1", "threads=1");
    for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
        gpu_case_add(&p->c, GPU_COALESCE_YOKE, "yoke", "threads=%u", threads[i])->size = threads[i];
    }
    for (size_t i = 0; i < p->c.num_rows; i++) {
        gpu_row_add(&p->c.rows[i], "cpu_item", "ns/item", "lower");
        gpu_row_add(&p->c.rows[i], "mean_batch", "items", "higher");
    }
}

static bool gpu_coalesce_run(gpu_coalesce_part *p)
{
    gpu_run *run = p->c.run;
    p->num = run->options->is_quick ? GPU_COALESCE_JOBS_QUICK : GPU_COALESCE_JOBS;
    p->type = yoke_type_find(run->engine.rt, "sha256");
    p->structs = calloc(GPU_COALESCE_STRUCTS, sizeof(*p->structs));
    if (!hash_data_create(&p->data, p->num, run->seed) || p->structs == NULL) {
        return gpu_run_fail(run, "out of memory");
    }
    gpu_coalesce_add(p);
    if (!gpu_coalesce_prepare(p) || !gpu_case_run(&p->c, GPU_COALESCE_BUDGET_NS)) {
        return false;
    }
    const gpu_row *four = gpu_case_find(&p->c, "yoke", "threads=4");
    gpu_case_at_least(&p->c, four, p->c.unit, gpu_row_p50(four, 0), 10);
    return true;
}

bool gpu_coalesce(gpu_run *run, const char *name)
{
    gpu_coalesce_part p = {.c = {.run = run,
                                 .name = name,
                                 .unit = "Mitem/s",
                                 .better = "higher",
                                 .samples = 1,
                                 .has_seed = true,
                                 .once = gpu_coalesce_once}};
    p.c.part = &p;
    bool fine = gpu_coalesce_run(&p);
    gpu_raw_reset(run->raw);
    for (uint32_t i = 0; i < GPU_COALESCE_LOTS; i++) {
        gpu_raw_free(run->raw, &p.in[i]);
        gpu_raw_free(run->raw, &p.out[i]);
    }
    hash_data_destroy(&p.data);
    free(p.structs);
    gpu_case_free(&p.c);
    return fine;
}
