/*
 * Bytes to a device and back, by every way there is. Owns memory of each kind while it runs; one
 * thread beside the runtime's and the floors'.
 * Always holds: a way is tried into memory that holds something else, and what has arrived is
 * compared with what was sent, all of it, outside the time.
 */
#include "gpu_memcpy.h"
#include "gpu_parts.h"
#include "hash_data.h"
#include "pool_work.h"

#include "cli/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPU_TRANSFER_BUDGET_NS UINT64_C(15000000000)
#define GPU_TRANSFER_TIME_NS UINT64_C(3000000) /* of a sample, at least */
#define GPU_TRANSFER_ARRAYS 8

static const uint32_t gpu_transfer_sizes[] = {1u << 16, 1u << 20, 1u << 24, 1u << 28};
#define GPU_TRANSFER_SIZES (sizeof(gpu_transfer_sizes) / sizeof(gpu_transfer_sizes[0]))
#define GPU_TRANSFER_SIZES_QUICK 2

/* A row's kind: who does it, times GPU_TRANSFER_WAYS, and in which direction. */
enum {
    GPU_TRANSFER_COPY, /* raw Vulkan's are the first three */
    GPU_TRANSFER_COPY_QUEUE,
    GPU_TRANSFER_SHADER,
    GPU_TRANSFER_ALLOC, /* yoke's the next two */
    GPU_TRANSFER_ORDINARY,
    GPU_TRANSFER_MEMCPY,
    GPU_TRANSFER_MEMCPY_MANY,
};
enum { GPU_TRANSFER_IN, GPU_TRANSFER_OUT, GPU_TRANSFER_BOTH, GPU_TRANSFER_WAYS };

typedef struct gpu_transfer_part {
    gpu_case c;
    const gpu_raw_kernel *kernel;
    uint32_t bytes;                      /* of each array */
    uint8_t *ordinary_in, *ordinary_out; /* ordinary_in is what is sent, by all */
    uint8_t *alloc_in, *alloc_out;
    gpu_raw_buffer host_in, host_out;
    gpu_raw_buffer device, other; /* other: where both directions go at once, the one in */
} gpu_transfer_part;

static int gpu_transfer_who(const gpu_row *row)
{
    return row->kind / GPU_TRANSFER_WAYS;
}

static int gpu_transfer_way(const gpu_row *row)
{
    return row->kind % GPU_TRANSFER_WAYS;
}

static bool gpu_transfer_is_raw(const gpu_row *row)
{
    return gpu_transfer_who(row) <= GPU_TRANSFER_SHADER;
}

/* ---------------------------------------------------------------------------------------------
 * Raw Vulkan
 */

static gpu_raw_commands *gpu_transfer_by_copy(gpu_transfer_part *t, gpu_raw_queue queue,
                                              const gpu_raw_buffer *from, const gpu_raw_buffer *to,
                                              uint32_t bytes)
{
    gpu_raw_commands *commands = gpu_raw_record(t->c.run->raw, queue);
    gpu_raw_copy(commands, from, to, bytes);
    gpu_raw_finish(commands);
    return commands;
}

static gpu_raw_commands *gpu_transfer_by_shader(gpu_transfer_part *t, const gpu_raw_buffer *from,
                                                const gpu_raw_buffer *to, uint32_t bytes)
{
    gpu_raw *raw = t->c.run->raw;
    gpu_raw_block block = {
        .in = {from->address}, .out = to->address, .num_items = bytes / GPU_ENGINE_ITEM_BYTES};
    gpu_raw_commands *commands = gpu_raw_record(raw, GPU_RAW_COMPUTE);
    gpu_raw_dispatch(commands, t->kernel, gpu_raw_put_block(raw, 0, &block), block.num_items);
    gpu_raw_finish(commands);
    return commands;
}

/* Copies at once, outside the time. */
static void gpu_transfer_move(gpu_transfer_part *t, const gpu_raw_buffer *from,
                              const gpu_raw_buffer *to, uint32_t bytes)
{
    gpu_raw_run(t->c.run->raw, gpu_transfer_by_copy(t, GPU_RAW_COMPUTE, from, to, bytes));
}

/* In: into the device's memory; out: from there. Both: in on one queue and out on the other, or
 * through a shader from host to host. Records one list of commands, or two to run at once. */
static void gpu_transfer_record(gpu_transfer_part *t, const gpu_row *row,
                                gpu_raw_commands *lists[2])
{
    int way = gpu_transfer_way(row), who = gpu_transfer_who(row);
    const gpu_raw_buffer *from = way == GPU_TRANSFER_OUT ? &t->device : &t->host_in;
    const gpu_raw_buffer *to = way == GPU_TRANSFER_IN ? &t->device : &t->host_out;
    lists[1] = NULL;
    if (who == GPU_TRANSFER_SHADER) {
        lists[0] = gpu_transfer_by_shader(t, from, to, row->size);
    } else if (way == GPU_TRANSFER_BOTH) {
        lists[0] = gpu_transfer_by_copy(t, GPU_RAW_COPY, from, &t->other, row->size);
        lists[1] = gpu_transfer_by_copy(t, GPU_RAW_COMPUTE, &t->device, to, row->size);
    } else {
        gpu_raw_queue queue = who == GPU_TRANSFER_COPY ? GPU_RAW_COMPUTE : GPU_RAW_COPY;
        lists[0] = gpu_transfer_by_copy(t, queue, from, to, row->size);
    }
}

static bool gpu_transfer_raw(gpu_transfer_part *t, gpu_raw_commands *const lists[2])
{
    gpu_raw *raw = t->c.run->raw;
    if (lists[1] == NULL) {
        gpu_raw_run(raw, lists[0]);
    } else {
        uint64_t in = gpu_raw_submit(raw, &lists[0], 1);
        uint64_t out = gpu_raw_submit(raw, &lists[1], 1);
        gpu_raw_spin(raw, GPU_RAW_COPY, in);
        gpu_raw_spin(raw, GPU_RAW_COMPUTE, out);
    }
    return gpu_run_expect_raw(t->c.run);
}

/* ---------------------------------------------------------------------------------------------
 * yoke and memcpy
 */

static bool gpu_transfer_yoke(gpu_transfer_part *t, const gpu_row *row)
{
    bool is_alloc = gpu_transfer_who(row) == GPU_TRANSFER_ALLOC;
    yoke_job job = yoke_job(.type = t->c.run->engine.copy, .flags = YOKE_JOB_GPU,
                            .in = {is_alloc ? t->alloc_in : t->ordinary_in},
                            .out = is_alloc ? t->alloc_out : t->ordinary_out,
                            .num_items = row->size / GPU_ENGINE_ITEM_BYTES);
    return gpu_run_expect(t->c.run, row, gpu_engine_run(row->rt, &job));
}

/* In and out again, as a job from ordinary memory is copied. */
static bool gpu_transfer_memcpy(gpu_transfer_part *t, const gpu_row *row, uint64_t *ns)
{
    gpu_run *run = t->c.run;
    bool is_many = gpu_transfer_who(row) == GPU_TRANSFER_MEMCPY_MANY;
    const gpu_memcpy_part parts[2] = {{t->alloc_out, t->ordinary_in, row->size},
                                      {t->ordinary_out, t->alloc_in, row->size}};
    return gpu_memcpy_run(is_many ? run->options->workers : 1, parts, ns) ||
           gpu_run_fail(run, "the system refuses threads");
}

/* ---------------------------------------------------------------------------------------------
 * A sample
 */

/* Where the bytes arrive at last. */
static uint8_t *gpu_transfer_end(const gpu_transfer_part *t, const gpu_row *row)
{
    if (gpu_transfer_is_raw(row)) {
        return t->host_out.host;
    }
    return gpu_transfer_who(row) == GPU_TRANSFER_ALLOC ? t->alloc_out : t->ordinary_out;
}

/* Something else into all memory that is written; the right bytes into the device's, where they
 * are sent from there. */
static void gpu_transfer_prepare(gpu_transfer_part *t, const gpu_row *row)
{
    memset(gpu_transfer_end(t, row), 0xee, row->size);
    if (gpu_transfer_is_raw(row)) {
        bool is_in = gpu_transfer_way(row) == GPU_TRANSFER_IN;
        gpu_transfer_move(t, is_in ? &t->host_out : &t->host_in, &t->device, row->size);
        gpu_transfer_move(t, &t->host_out, &t->other, row->size);
    }
}

static bool gpu_transfer_check(gpu_transfer_part *t, const gpu_row *row, bool is_both)
{
    gpu_run *run = t->c.run;
    const uint8_t *end = gpu_transfer_end(t, row);
    if (gpu_transfer_is_raw(row) && gpu_transfer_way(row) == GPU_TRANSFER_IN) {
        gpu_transfer_move(t, &t->device, &t->host_out, row->size);
    }
    if (!gpu_run_expect_raw(run) || !gpu_run_check(run, row, end, t->ordinary_in, row->size)) {
        return false;
    }
    if (is_both) {
        memset(t->host_out.host, 0xee, row->size);
        gpu_transfer_move(t, &t->other, &t->host_out, row->size);
    }
    return gpu_run_expect_raw(run) && gpu_run_check(run, row, end, t->ordinary_in, row->size);
}

static bool gpu_transfer_move_once(gpu_transfer_part *t, const gpu_row *row,
                                   gpu_raw_commands *const lists[2], uint64_t *ns)
{
    if (gpu_transfer_who(row) >= GPU_TRANSFER_MEMCPY) {
        return gpu_transfer_memcpy(t, row, ns);
    }
    uint64_t start_ns = clock_ns();
    bool fine = gpu_transfer_is_raw(row) ? gpu_transfer_raw(t, lists) : gpu_transfer_yoke(t, row);
    *ns = clock_ns() - start_ns;
    return fine;
}

static bool gpu_transfer_once(gpu_case *c, gpu_row *row)
{
    gpu_transfer_part *t = c->part;
    gpu_raw_commands *lists[2] = {NULL, NULL};
    uint64_t sum_ns = 0, times = 0;
    gpu_transfer_prepare(t, row);
    if (gpu_transfer_is_raw(row)) {
        gpu_transfer_record(t, row, lists);
    }
    do {
        uint64_t ns = 0;
        if (!gpu_transfer_move_once(t, row, lists, &ns)) {
            return false;
        }
        sum_ns += ns;
        times++;
    } while (sum_ns < GPU_TRANSFER_TIME_NS && !c->run->options->is_quick);
    double rate = (double)row->size * (double)times / (double)sum_ns;
    gpu_case_sample(c, row, &rate);
    bool fine = gpu_transfer_check(t, row, lists[1] != NULL);
    gpu_raw_reset(c->run->raw);
    return fine;
}

/* ---------------------------------------------------------------------------------------------
 * The case
 */

static void gpu_transfer_add(gpu_transfer_part *t, int who, int way, const char *engine,
                             uint32_t bytes)
{
    static const char *const ways[] = {"in", "out", "both"};
    const char *memory = who == GPU_TRANSFER_ALLOC      ? " alloc"
                         : who == GPU_TRANSFER_ORDINARY ? " ordinary"
                                                        : "";
    gpu_row *row = gpu_case_add(&t->c, who * GPU_TRANSFER_WAYS + way, engine, "%uKiB %s%s",
                                bytes / 1024, ways[way], memory);
    row->size = bytes;
    row->is_cpu = who >= GPU_TRANSFER_MEMCPY;
}

static void gpu_transfer_add_size(gpu_transfer_part *t, uint32_t bytes)
{
    uint32_t workers = t->c.run->options->workers;
    char many[24];
    for (int way = 0; way < GPU_TRANSFER_WAYS; way++) {
        gpu_transfer_add(t, GPU_TRANSFER_COPY, way, "raw copy", bytes);
        gpu_transfer_add(t, GPU_TRANSFER_SHADER, way, "raw shader", bytes);
        if (gpu_raw_has_copy_queue(t->c.run->raw) && way != GPU_TRANSFER_BOTH) {
            gpu_transfer_add(t, GPU_TRANSFER_COPY_QUEUE, way, "raw copy queue", bytes);
        }
    }
    gpu_transfer_add(t, GPU_TRANSFER_ALLOC, GPU_TRANSFER_BOTH, "yoke", bytes);
    gpu_transfer_add(t, GPU_TRANSFER_ORDINARY, GPU_TRANSFER_BOTH, "yoke", bytes);
    gpu_transfer_add(t, GPU_TRANSFER_MEMCPY, GPU_TRANSFER_BOTH, "memcpy x1", bytes);
    if (workers > 1) {
        snprintf(many, sizeof(many), "memcpy x%u", workers);
        gpu_transfer_add(t, GPU_TRANSFER_MEMCPY_MANY, GPU_TRANSFER_BOTH, many, bytes);
    }
}

/* As many sizes as half of the memory has room for. */
static void gpu_transfer_add_sizes(gpu_transfer_part *t)
{
    uint64_t available = hash_data_memory_available();
    size_t num = t->c.run->options->is_quick ? GPU_TRANSFER_SIZES_QUICK : GPU_TRANSFER_SIZES;
    for (size_t i = 0; i < num; i++) {
        uint64_t bytes = gpu_transfer_sizes[i];
        if (available > 0 && bytes * GPU_TRANSFER_ARRAYS > available / 2) {
            fprintf(stderr, "yoke bench: transfer, bytes=%llu: left out, too little memory\n",
                    (unsigned long long)bytes);
            continue;
        }
        gpu_transfer_add_size(t, (uint32_t)bytes);
        t->bytes = (uint32_t)bytes;
    }
}

static bool gpu_transfer_alloc(gpu_transfer_part *t)
{
    gpu_run *run = t->c.run;
    gpu_raw *raw = run->raw;
    t->kernel = gpu_raw_compile(raw, gpu_engine_copy_shader());
    t->ordinary_in = malloc(t->bytes);
    t->ordinary_out = malloc(t->bytes);
    t->alloc_in = yoke_alloc(run->engine.rt, t->bytes);
    t->alloc_out = yoke_alloc(run->engine.rt, t->bytes);
    t->host_in = gpu_raw_alloc(raw, GPU_RAW_HOST, t->bytes);
    t->host_out = gpu_raw_alloc(raw, GPU_RAW_HOST, t->bytes);
    t->device = gpu_raw_alloc(raw, GPU_RAW_DEVICE, t->bytes);
    t->other = gpu_raw_alloc(raw, GPU_RAW_DEVICE, t->bytes);
    if (!gpu_run_expect_raw(run)) {
        return false;
    }
    if (t->ordinary_in == NULL || t->ordinary_out == NULL || t->alloc_in == NULL ||
        t->alloc_out == NULL) {
        return gpu_run_fail(run, "out of memory");
    }
    for (uint32_t at = 0; at < t->bytes; at += sizeof(uint64_t)) {
        uint64_t word = pool_work_hash(run->seed + at, 1);
        memcpy(t->ordinary_in + at, &word, sizeof(word));
    }
    memcpy(t->alloc_in, t->ordinary_in, t->bytes);
    memcpy(t->host_in.host, t->ordinary_in, t->bytes);
    return true;
}

static void gpu_transfer_free(gpu_transfer_part *t)
{
    gpu_run *run = t->c.run;
    gpu_raw_reset(run->raw);
    gpu_raw_free(run->raw, &t->host_in);
    gpu_raw_free(run->raw, &t->host_out);
    gpu_raw_free(run->raw, &t->device);
    gpu_raw_free(run->raw, &t->other);
    yoke_free(run->engine.rt, t->alloc_in);
    yoke_free(run->engine.rt, t->alloc_out);
    free(t->ordinary_in);
    free(t->ordinary_out);
}

/* A job in yoke's memory beside a shader that does the same. */
static bool gpu_transfer_print(gpu_transfer_part *t)
{
    bool fine = true;
    for (size_t i = 0; fine && i < t->c.num_rows; i++) {
        const gpu_row *row = &t->c.rows[i];
        char param[40];
        if (gpu_transfer_who(row) == GPU_TRANSFER_ALLOC) {
            snprintf(param, sizeof(param), "%uKiB both", row->size / 1024);
            fine = gpu_case_over(&t->c, row, gpu_case_find(&t->c, "raw shader", param)) > 0;
        }
    }
    return fine;
}

bool gpu_transfer(gpu_run *run, const char *name)
{
    gpu_transfer_part t = {.c = {.run = run,
                                 .name = name,
                                 .unit = "GB/s",
                                 .better = "higher",
                                 .samples = 1,
                                 .has_seed = true,
                                 .once = gpu_transfer_once}};
    t.c.part = &t;
    gpu_transfer_add_sizes(&t);
    bool fine = gpu_transfer_alloc(&t) && gpu_case_run(&t.c, GPU_TRANSFER_BUDGET_NS) &&
                gpu_transfer_print(&t);
    gpu_transfer_free(&t);
    gpu_case_free(&t.c);
    return fine;
}
