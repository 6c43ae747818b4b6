/*
 * What starting costs: yoke_create alone, and all the way to a device that is ready. Owns a folder
 * for compiled kernels while a case runs; one thread beside the runtimes'.
 * Always holds: each start is one of a whole runtime, or of a whole instance, in a process that has
 * loaded the drivers already: the first start of a process takes longer by what the system needs to
 * load them. Each ready runtime has hashed right before it is destroyed, outside its time.
 */
#include "gpu_parts.h"

#include "cli/clock.h"
#include "tasks/sha256/sha256.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GPU_START_BUDGET_NS UINT64_C(8000000000)
#define GPU_START_ITEMS 64

enum { GPU_START_YOKE, GPU_START_RAW };

typedef struct gpu_start {
    gpu_case c;
    bool is_cold;
    char folder[128];
    void *cache; /* raw Vulkan's; NULL: nothing is kept yet */
    size_t cache_bytes;
} gpu_start;

/* ---------------------------------------------------------------------------------------------
 * The folder
 */

static bool gpu_start_make_folder(gpu_start *start)
{
    const char *parent = getenv("TMPDIR");
    int length = snprintf(start->folder, sizeof(start->folder), "%s/yoke-bench-XXXXXX",
                          parent != NULL ? parent : "/tmp");
    if (length >= (int)sizeof(start->folder) || mkdtemp(start->folder) == NULL) {
        start->folder[0] = '\0';
        return gpu_run_fail(start->c.run, "there is no room for a folder in $TMPDIR");
    }
    return true;
}

static void gpu_start_empty_folder(const gpu_start *start)
{
    DIR *folder = opendir(start->folder);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* ---------------------------------------------------------------------------------------------
 * Starts
 */

static yoke_status gpu_start_hash(yoke_runtime *rt, const yoke_type *type, bool *is_right)
{
    uint8_t messages[GPU_START_ITEMS * SHA256_BLOCK_BYTES];
    uint8_t digests[GPU_START_ITEMS * SHA256_DIGEST_BYTES];
    uint8_t wanted[sizeof(digests)];
    for (size_t i = 0; i < sizeof(messages); i++) {
        messages[i] = (uint8_t)(i * i >> 3);
    }
    memset(digests, 0, sizeof(digests));
    yoke_job job = yoke_job(.type = type, .flags = YOKE_JOB_GPU, .in = {messages}, .out = digests,
                            .num_items = GPU_START_ITEMS);
    yoke_status status = gpu_engine_run(rt, &job);
    sha256_path_best()->hash64(wanted, messages, GPU_START_ITEMS, false);
    *is_right = memcmp(digests, wanted, sizeof(wanted)) == 0;
    return status;
}

static bool gpu_start_yoke(gpu_start *start, const gpu_row *row, double *ms)
{
    gpu_run *run = start->c.run;
    char policy[256];
    yoke_runtime *rt;
    const yoke_type *type;
    bool is_right = false;
    if (start->is_cold) {
        gpu_start_empty_folder(start);
    }
    snprintf(policy, sizeof(policy), "gpu: {pipeline_cache_dir: \"%s\"}\n", start->folder);
    uint64_t start_ns = clock_ns();
    yoke_status status = gpu_engine_create(&rt, YOKE_ENGINE_GPU, run->options->workers, policy);
    if (status == YOKE_OK) {
        status = gpu_engine_sha256(rt, &type);
    }
    if (status == YOKE_OK) {
        status = yoke_ready(rt, GPU_ENGINE_READY_NS);
    }
    *ms = (double)(clock_ns() - start_ns) / 1e6;
    if (status == YOKE_OK) {
        status = gpu_start_hash(rt, type, &is_right);
    }
    yoke_destroy(&rt);
    return gpu_run_expect(run, row, status) &&
           (is_right || gpu_run_fail(run, "%s: the digests are wrong", start->c.name));
}

static bool gpu_start_raw(gpu_start *start, double *ms)
{
    gpu_run *run = start->c.run;
    gpu_raw_options options = {.uuid = run->engine.uuid};
    gpu_raw *raw;
    char why[GPU_RAW_WHY_BYTES];
    if (!start->is_cold) {
        options.cache = start->cache;
        options.cache_bytes = start->cache_bytes;
    }
    uint64_t start_ns = clock_ns();
    if (!gpu_raw_open(&raw, &options, why)) {
        return gpu_run_fail(run, "raw Vulkan: %s", why);
    }
    gpu_raw_compile(raw, gpu_engine_sha256_shader());
    *ms = (double)(clock_ns() - start_ns) / 1e6;
    if (!start->is_cold && start->cache == NULL) {
        start->cache = gpu_raw_cache_read(raw, &start->cache_bytes);
    }
    const char *failure = gpu_raw_why(raw);
    bool fine = failure == NULL || gpu_run_fail(run, "raw Vulkan: %s", failure);
    gpu_raw_close(&raw);
    return fine;
}

static bool gpu_start_once(gpu_case *c, gpu_row *row)
{
    double ms;
    if (row->kind == GPU_START_RAW ? !gpu_start_raw(c->part, &ms)
                                   : !gpu_start_yoke(c->part, row, &ms)) {
        return false;
    }
    gpu_case_sample(c, row, &ms);
    return true;
}

static bool gpu_start_run(gpu_run *run, const char *name, bool is_cold)
{
    gpu_start start = {.c = {.run = run,
                             .name = name,
                             .unit = "ms",
                             .better = "lower",
                             .samples = 1,
                             .once = gpu_start_once},
                       .is_cold = is_cold};
    start.c.part = &start;
    gpu_row *raw = gpu_case_add(&start.c, GPU_START_RAW, "raw", "types=1");
    gpu_row *yoke = gpu_case_add(&start.c, GPU_START_YOKE, "yoke", "types=1");
    bool fine = gpu_start_make_folder(&start) && gpu_case_run(&start.c, GPU_START_BUDGET_NS);
    if (fine) {
        fine = gpu_case_over(&start.c, yoke, raw) > 0;
    }
    if (start.folder[0] != '\0') {
        gpu_start_empty_folder(&start);
        rmdir(start.folder);
    }
    free(start.cache);
    gpu_case_free(&start.c);
    return fine;
}

bool gpu_start_cold(gpu_run *run, const char *name)
{
    return gpu_start_run(run, name, true);
}

bool gpu_start_warm(gpu_run *run, const char *name)
{
    return gpu_start_run(run, name, false);
}

/* ---------------------------------------------------------------------------------------------
 * yoke_create alone
 */

static bool gpu_start_create_once(gpu_case *c, gpu_row *row)
{
    yoke_runtime *rt;
    uint64_t start_ns = clock_ns();
    yoke_status status = yoke_create(&rt, yoke_options(.num_workers = c->run->options->workers,
                                                       .engine = (yoke_engine)row->kind));
    double us = (double)(clock_ns() - start_ns) / 1e3;
    yoke_destroy(&rt);
    gpu_case_sample(c, row, &us);
    return gpu_run_expect(c->run, row, status);
}

bool gpu_start_create(gpu_run *run, const char *name)
{
    gpu_case c = {.run = run,
                  .name = name,
                  .unit = "us",
                  .better = "lower",
                  .samples = 1,
                  .once = gpu_start_create_once};
    gpu_case_add(&c, YOKE_ENGINE_GPU, "yoke", "engine=gpu");
    gpu_case_add(&c, YOKE_ENGINE_CPU, "yoke", "engine=cpu")->is_cpu = true;
    bool fine = gpu_case_run(&c, GPU_START_BUDGET_NS);
    gpu_case_free(&c);
    return fine;
}
