/*
 * The device bench's plan: its cases, and the runtime and the raw device they share. Owns both
 * while it runs; one thread.
 * Always holds: yoke and raw Vulkan use the same device, found by its UUID. Each case ends with its
 * share of the time; all of them take about two minutes on a GPU.
 */
#include "gpu_bench.h"

#include "gpu_parts.h"

#include "cli/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPU_BENCH_SEED 64

/* A build without GPU backends has no device, so it never gets to a case. */
#ifdef GPU_BENCH_DEVICES
#define GPU_BENCH_PART(part) part
#else
#define GPU_BENCH_PART(part) NULL
#endif

typedef struct gpu_bench_case {
    const char *name;
    bool (*run)(gpu_run *run, const char *name);
} gpu_bench_case;

static const gpu_bench_case gpu_bench_cases[] = {
    {"start_create", GPU_BENCH_PART(gpu_start_create)},
    {"start_cold", GPU_BENCH_PART(gpu_start_cold)},
    {"start_warm", GPU_BENCH_PART(gpu_start_warm)},
    {"empty_awake", GPU_BENCH_PART(gpu_empty_awake)},
    {"empty_parked", GPU_BENCH_PART(gpu_empty_parked)},
    {"rate", GPU_BENCH_PART(gpu_rate)},
    {"transfer", GPU_BENCH_PART(gpu_transfer)},
    {"coalesce", GPU_BENCH_PART(gpu_coalesce)},
    {"sha256", GPU_BENCH_PART(gpu_sha256)},
    {"merkle", GPU_BENCH_PART(gpu_merkle)},
    {"field_add", GPU_BENCH_PART(gpu_field_add)},
    {"field_mul", GPU_BENCH_PART(gpu_field_mul)},
    {"field_one_shot", GPU_BENCH_PART(gpu_field_one_shot)},
    {"load", GPU_BENCH_PART(gpu_load)},
};

#define GPU_BENCH_CASES (sizeof(gpu_bench_cases) / sizeof(gpu_bench_cases[0]))

/* ---------------------------------------------------------------------------------------------
 * Which cases
 */

/* Whether the word is the name or what comes before a _ in it. */
static bool gpu_bench_fits(const char *name, const char *word, size_t bytes)
{
    return bytes > 0 && strncmp(name, word, bytes) == 0 &&
           (name[bytes] == '\0' || name[bytes] == '_');
}

bool gpu_bench_knows(const char *cases, const char **bad, size_t *bad_bytes)
{
    for (*bad = cases;; *bad += *bad_bytes + 1) {
        bool is_known = false;
        *bad_bytes = strcspn(*bad, ",");
        for (size_t i = 0; i < GPU_BENCH_CASES; i++) {
            is_known = is_known || gpu_bench_fits(gpu_bench_cases[i].name, *bad, *bad_bytes);
        }
        if (!is_known || (*bad)[*bad_bytes] == '\0') {
            return is_known;
        }
    }
}

/* ---------------------------------------------------------------------------------------------
 * The run
 */

/* Two drivers' names for it: NVIDIA's, Mesa's. */
static void gpu_bench_forget_compiled(void)
{
    setenv("__GL_SHADER_DISK_CACHE", "0", 0);
    setenv("MESA_SHADER_CACHE_DISABLE", "true", 0);
}

#ifdef GPU_BENCH_DEVICES
static bool gpu_bench_is_wanted(const char *cases, const char *name)
{
    bool is_wanted = cases == NULL;
    for (const char *word = cases; !is_wanted && word != NULL;) {
        size_t bytes = strcspn(word, ",");
        is_wanted = gpu_bench_fits(name, word, bytes);
        word = word[bytes] != '\0' ? word + bytes + 1 : NULL;
    }
    return is_wanted;
}

static void gpu_bench_print_bars(const gpu_run *run)
{
    FILE *file = run->options->json ? stderr : stdout;
    if (run->bars.num > 0 && (run->options->is_quick || gpu_raw_is_cpu(run->raw))) {
        fprintf(file, "\n%s: the bars are here to be seen only\n",
                run->options->is_quick ? "a quick run measures nothing"
                                       : "this device is the CPU's software");
    }
    pool_bars_write(&run->bars, file);
}

static bool gpu_bench_measure(gpu_run *run, yoke_runtime *rt)
{
    const gpu_bench_options *o = run->options;
    const gpu_raw_options options = {.uuid = run->engine.uuid};
    char why[GPU_RAW_WHY_BYTES];
    yoke_status status = gpu_engine_open(&run->engine, rt);
    if (status != YOKE_OK) {
        return gpu_run_fail(run, "a type is refused: %s", yoke_status_text(status));
    }
    if (!gpu_raw_open(&run->raw, &options, why)) {
        return gpu_run_fail(run, "raw Vulkan: %s", why);
    }
    rows_begin(&run->output, o->json);
    for (size_t i = 0; i < GPU_BENCH_CASES; i++) {
        const gpu_bench_case *c = &gpu_bench_cases[i];
        if (gpu_bench_is_wanted(o->cases, c->name) && !c->run(run, c->name)) {
            return false;
        }
        fflush(stdout);
    }
    gpu_bench_print_bars(run);
    return true;
}
#endif

/* One line on why there is nothing to measure. */
static void gpu_bench_explain(yoke_runtime *rt, char *line, size_t line_bytes)
{
    yoke_device device;
    if (yoke_devices(rt, &device, 1) == 0) {
        snprintf(line, line_bytes, "no device was measured: there is none");
        return;
    }
    const char *why = device.why[0] != '\0' ? device.why : yoke_device_state_text(device.state);
    snprintf(line, line_bytes, "no device was measured: %s: %s",
             device.name[0] != '\0' ? device.name : device.backend, why);
}

bool gpu_bench_run(const gpu_bench_options *options, bool *degraded, char *line, size_t line_bytes)
{
    yoke_runtime *rt;
    start_options start = {
        .num_workers = options->workers, .engine = YOKE_ENGINE_GPU, .policy = options->policy};
    bool fine = true;
    gpu_bench_forget_compiled();
    if (!start_runtime(&rt, &start, line, line_bytes)) {
        return false;
    }
    *degraded = yoke_ready(rt, 0) != YOKE_OK; /* it was waited for */
    if (*degraded) {
        gpu_bench_explain(rt, line, line_bytes);
    } else {
#ifdef GPU_BENCH_DEVICES
        gpu_run run = {
            .options = options, .seed = GPU_BENCH_SEED, .error = line, .error_bytes = line_bytes};
        fine = gpu_bench_measure(&run, rt);
        gpu_raw_close(&run.raw);
#endif
    }
    yoke_destroy(&rt);
    return fine;
}
