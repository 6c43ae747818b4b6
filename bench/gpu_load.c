/*
 * A load that a device's arithmetic limits: how busy four jobs in flight keep it. Owns messages and
 * raw Vulkan's commands while it runs; one thread beside the runtime's.
 * Always holds: the device's own clock says how long it was busy; a job is submitted again when it
 * has settled, so that four are in flight all the time. All digests are compared at the end.
 */
#include "gpu_parts.h"
#include "hash_data.h"

#include "shaders/sha256_iter.spv.h"

#include "cli/clock.h"

#include <yoke/tasks.h>

#include <string.h>

#define GPU_LOAD_BUDGET_NS UINT64_C(8000000000)
#define GPU_LOAD_TIME_NS UINT64_C(1000000000) /* of a sample */
#define GPU_LOAD_TIME_QUICK_NS UINT64_C(10000000)
#define GPU_LOAD_JOBS 4

enum { GPU_LOAD_RAW, GPU_LOAD_YOKE };
enum { GPU_LOAD_RATE, GPU_LOAD_BUSY };

typedef struct gpu_load_part {
    gpu_case c;
    const yoke_type *type;
    yoke_sha256_iter_params params;
    uint32_t num_items; /* of a job */
    hash_data data;     /* of all jobs; digests are those of the last round */
    uint8_t *alloc_in, *alloc_out;
    gpu_raw_buffer in, out, raw_params;
    gpu_raw_commands *commands[GPU_LOAD_JOBS];
} gpu_load_part;

static uint64_t gpu_load_time_ns(const gpu_load_part *l)
{
    return l->c.run->options->is_quick ? GPU_LOAD_TIME_QUICK_NS : GPU_LOAD_TIME_NS;
}

static void gpu_load_sample(gpu_load_part *l, gpu_row *row, uint64_t jobs, uint64_t ns,
                            uint64_t busy_ns)
{
    double rounds = (double)jobs * l->num_items * l->params.rounds;
    double values[] = {rounds * 1e3 / (double)ns, 100 * (double)busy_ns / (double)ns};
    gpu_case_sample(&l->c, row, values);
}

/* ---------------------------------------------------------------------------------------------
 * yoke
 */

static bool gpu_load_yoke(gpu_load_part *l, gpu_row *row)
{
    yoke_stats before = {.struct_bytes = sizeof(before)};
    yoke_stats after = {.struct_bytes = sizeof(after)};
    yoke_job jobs[GPU_LOAD_JOBS];
    yoke_status status = YOKE_OK;
    uint64_t num = 0, ns = 0;
    for (uint32_t i = 0; i < GPU_LOAD_JOBS; i++) {
        size_t first = (size_t)i * l->num_items;
        jobs[i] =
            yoke_job(.type = l->type, .flags = YOKE_JOB_GPU,
                     .in = {l->alloc_in + first * SHA256_BLOCK_BYTES},
                     .out = l->alloc_out + first * SHA256_DIGEST_BYTES, .num_items = l->num_items,
                     .params = &l->params, .params_bytes = sizeof(l->params));
    }
    yoke_stats_read(row->rt, &before);
    uint64_t start_ns = clock_ns();
    for (; status == YOKE_OK && ns < gpu_load_time_ns(l); num++) {
        yoke_job *job = &jobs[num % GPU_LOAD_JOBS];
        status = num < GPU_LOAD_JOBS ? YOKE_OK : yoke_wait(row->rt, job, YOKE_FOREVER);
        if (status == YOKE_OK) {
            status = yoke_submit(row->rt, &job, 1);
        }
        ns = clock_ns() - start_ns;
    }
    for (uint32_t i = 0; i < GPU_LOAD_JOBS && i < num; i++) {
        yoke_status waited = yoke_wait(row->rt, &jobs[i], YOKE_FOREVER);
        status = status == YOKE_OK ? waited : status;
    }
    ns = clock_ns() - start_ns;
    yoke_stats_read(row->rt, &after);
    gpu_load_sample(l, row, num, ns, after.gpu_busy_ns - before.gpu_busy_ns);
    return gpu_run_expect(l->c.run, row, status);
}

/* ---------------------------------------------------------------------------------------------
 * Raw Vulkan
 */

static void gpu_load_record(gpu_load_part *l)
{
    gpu_raw *raw = l->c.run->raw;
    const gpu_raw_kernel *kernel =
        gpu_raw_compile(raw, (gpu_raw_shader){sha256_iter_spv, sizeof(sha256_iter_spv), 64});
    for (uint32_t i = 0; i < GPU_LOAD_JOBS; i++) {
        size_t first = (size_t)i * l->num_items;
        gpu_raw_block block = {.in = {l->in.address + first * SHA256_BLOCK_BYTES},
                               .out = l->out.address + first * SHA256_DIGEST_BYTES,
                               .params = l->raw_params.address,
                               .num_items = l->num_items};
        l->commands[i] = gpu_raw_record(raw, GPU_RAW_COMPUTE);
        gpu_raw_dispatch(l->commands[i], kernel, gpu_raw_put_block(raw, i, &block), l->num_items);
        gpu_raw_finish(l->commands[i]);
    }
}

static bool gpu_load_raw(gpu_load_part *l, gpu_row *row)
{
    gpu_raw *raw = l->c.run->raw;
    uint64_t values[GPU_LOAD_JOBS] = {0};
    uint64_t num = 0, ns = 0, start_ns = clock_ns();
    for (; gpu_raw_why(raw) == NULL && ns < gpu_load_time_ns(l); num++) {
        uint32_t at = num % GPU_LOAD_JOBS;
        gpu_raw_wait(raw, GPU_RAW_COMPUTE, values[at]);
        values[at] = gpu_raw_submit(raw, &l->commands[at], 1);
        ns = clock_ns() - start_ns;
    }
    for (uint32_t at = 0; at < GPU_LOAD_JOBS; at++) {
        gpu_raw_wait(raw, GPU_RAW_COMPUTE, values[at]);
    }
    ns = clock_ns() - start_ns;
    gpu_load_sample(l, row, num, ns, 0);
    return gpu_run_expect_raw(l->c.run);
}

/* ---------------------------------------------------------------------------------------------
 * The case
 */

static bool gpu_load_once(gpu_case *c, gpu_row *row)
{
    gpu_load_part *l = c->part;
    bool is_raw = row->kind == GPU_LOAD_RAW;
    size_t bytes = (size_t)l->num_items * GPU_LOAD_JOBS * SHA256_DIGEST_BYTES;
    uint8_t *out = is_raw ? l->out.host : l->alloc_out;
    memset(out, 0, bytes);
    return (is_raw ? gpu_load_raw(l, row) : gpu_load_yoke(l, row)) &&
           gpu_run_check(c->run, row, out, l->data.digests, bytes);
}

/* Digests of the messages hashed again and again, by the CPU's runtime. */
static yoke_status gpu_load_by_cpu(gpu_load_part *l)
{
    yoke_runtime *rt;
    yoke_status status = gpu_engine_create(&rt, YOKE_ENGINE_CPU, l->c.run->options->workers, NULL);
    if (status == YOKE_OK) {
        status = yoke_tasks_register_sha256(rt);
    }
    if (status == YOKE_OK) {
        yoke_job job = yoke_job(.type = yoke_type_find(rt, "sha256_iter"), .in = {l->data.messages},
                                .out = l->data.digests, .num_items = l->num_items * GPU_LOAD_JOBS,
                                .params = &l->params, .params_bytes = sizeof(l->params));
        status = gpu_engine_run(rt, &job);
    }
    yoke_destroy(&rt);
    return status;
}

static bool gpu_load_alloc(gpu_load_part *l)
{
    gpu_run *run = l->c.run;
    uint32_t num = l->num_items * GPU_LOAD_JOBS;
    size_t in_bytes = (size_t)num * SHA256_BLOCK_BYTES;
    size_t out_bytes = (size_t)num * SHA256_DIGEST_BYTES;
    l->in = gpu_raw_alloc(run->raw, GPU_RAW_HOST, in_bytes);
    l->out = gpu_raw_alloc(run->raw, GPU_RAW_HOST, out_bytes);
    l->raw_params = gpu_raw_alloc(run->raw, GPU_RAW_HOST, 4096);
    l->alloc_in = yoke_alloc(run->engine.rt, in_bytes);
    l->alloc_out = yoke_alloc(run->engine.rt, out_bytes);
    if (!gpu_run_expect_raw(run)) {
        return false;
    }
    if (l->alloc_in == NULL || l->alloc_out == NULL ||
        !hash_data_create(&l->data, num, run->seed)) {
        return gpu_run_fail(run, "out of memory for %u messages", num);
    }
    memcpy(l->in.host, l->data.messages, in_bytes);
    memcpy(l->alloc_in, l->data.messages, in_bytes);
    memcpy(l->raw_params.host, &l->params, sizeof(l->params));
    gpu_load_record(l);
    yoke_status status = gpu_load_by_cpu(l);
    return status == YOKE_OK ||
           gpu_run_fail(run, "sha256_iter on the CPU: %s", yoke_status_text(status));
}

static bool gpu_load_measure(gpu_load_part *l)
{
    gpu_case *c = &l->c;
    const char *param = "jobs=%u items=%u";
    gpu_row *raw = gpu_case_add(c, GPU_LOAD_RAW, "raw", param, GPU_LOAD_JOBS, l->num_items);
    gpu_row *yoke = gpu_case_add(c, GPU_LOAD_YOKE, "yoke", param, GPU_LOAD_JOBS, l->num_items);
    gpu_row_add(yoke, "busy", "%", "higher");
    if (!gpu_load_alloc(l) || !gpu_case_run(c, GPU_LOAD_BUDGET_NS)) {
        return false;
    }
    gpu_case_at_least(c, yoke, "% busy", gpu_row_p50(yoke, GPU_LOAD_BUSY), 70);
    return gpu_case_over(c, yoke, raw) > 0;
}

bool gpu_load(gpu_run *run, const char *name)
{
    bool is_small = run->options->is_quick || gpu_raw_is_cpu(run->raw);
    gpu_load_part l = {.c = {.run = run,
                             .name = name,
                             .unit = "Mround/s",
                             .better = "higher",
                             .samples = 1,
                             .has_seed = true,
                             .once = gpu_load_once},
                       .type = yoke_type_find(run->engine.rt, "sha256_iter"),
                       .params = {.rounds = is_small ? 16 : 256},
                       .num_items = is_small ? 1024 : 65536};
    l.c.part = &l;
    bool fine = gpu_load_measure(&l);
    gpu_raw_reset(run->raw);
    gpu_raw_free(run->raw, &l.in);
    gpu_raw_free(run->raw, &l.out);
    gpu_raw_free(run->raw, &l.raw_params);
    yoke_free(run->engine.rt, l.alloc_in);
    yoke_free(run->engine.rt, l.alloc_out);
    hash_data_destroy(&l.data);
    gpu_case_free(&l.c);
    return fine;
}
