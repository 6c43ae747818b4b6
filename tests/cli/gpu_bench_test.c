/*
 * Tests of `yoke bench gpu`: its rows as users get them, what each run is checked by, and raw
 * Vulkan, its floor. Its only argument is the path of the command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/gpu_bench.h"

#ifdef GPU_BENCH_DEVICES
#include "bench/gpu_map.h"
#include "bench/gpu_memcpy.h"
#include "bench/gpu_parts.h"
#endif

#include <jansson.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEED 20

/* What the last run printed. */
static char out[1 << 18];

/* Runs `yoke bench gpu` with that behind it, by the shell; returns its exit code. */
static int run(const char *arguments)
{
    char line[256];
    snprintf(line, sizeof(line), "exec \"$YOKE_COMMAND\" bench gpu --workers 2 %s", arguments);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    size_t size = fread(out, 1, sizeof(out) - 1, pipe);
    out[size] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A Vulkan loader that is sent to a file which is not there finds no device. */
static int hide_devices(void **state)
{
    (void)state;
    return setenv("VK_DRIVER_FILES", "/nowhere.json", 1) |
           setenv("VK_ICD_FILENAMES", "/nowhere.json", 1);
}

static int show_devices(void **state)
{
    (void)state;
    return unsetenv("VK_DRIVER_FILES") | unsetenv("VK_ICD_FILENAMES");
}

/* Runs it, or skips the test where there is nothing to run on. */
static void run_on_a_device(const char *arguments)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: drivers are not run under a sanitizer\n");
    skip();
#endif
    int code = run(arguments);
    if (code == 3) {
        print_message("skipped: there is no device here, or this build has no GPU backend\n");
        skip();
    }
    assert_int_equal(code, 0);
}

/* Rows of `out` that have these; NULL: any. Every row is whole, its figures are in order, and those
 * of yoke and of raw Vulkan have a device that is not the floors'. */
static size_t count_rows(const char *name, const char *engine, const char *unit)
{
    static char text[sizeof(out)], cpu[256], gpu[256];
    size_t found = 0;
    memcpy(text, out, sizeof(out));
    cpu[0] = gpu[0] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *bench, *param, *row_case, *row_unit, *better, *row_engine, *device, *kernel,
            *commit;
        double min, p50, p99;
        json_t *seed;
        int n;
        json_t *row = json_loads(line, 0, NULL);
        assert_non_null(row);
        assert_int_equal(
            json_unpack(
                row, "{s:s, s:s, s:s, s:s, s:s, s:F, s:F, s:F, s:i, s:s, s:s, s:s, s:s, s:o !}",
                "bench", &bench, "case", &row_case, "param", &param, "unit", &row_unit, "better",
                &better, "min", &min, "p50", &p50, "p99", &p99, "n", &n, "engine", &row_engine,
                "device", &device, "kernel", &kernel, "commit", &commit, "seed", &seed),
            0);
        assert_string_equal(bench, "gpu");
        assert_true(min > 0 && min <= p50 && p50 <= p99 && n >= 1);
        bool is_gpu = strncmp(row_engine, "raw", 3) == 0 ||
                      (strcmp(row_engine, "yoke") == 0 && strcmp(param, "engine=cpu") != 0);
        char *known = is_gpu ? gpu : cpu;
        assert_true(known[0] == '\0' || strcmp(known, device) == 0);
        snprintf(known, sizeof(cpu), "%s", device);
        found += (name == NULL || strcmp(row_case, name) == 0) &&
                 (engine == NULL || strcmp(row_engine, engine) == 0) &&
                 (unit == NULL || strcmp(row_unit, unit) == 0);
        json_decref(row);
    }
    assert_string_not_equal(cpu, gpu);
    return found;
}

/* ---------------------------------------------------------------------------------------------
 * The command
 */

static void gpu_bench_prints_a_row_for_each_case(void **state)
{
    (void)state;
    static const struct {
        const char *name, *engine, *unit;
        size_t num;
    } rows[] = {
        {"start_create", "yoke", "us", 2},
        {"start_cold", "raw", "ms", 1},
        {"start_cold", "yoke", "ms", 1},
        {"start_warm", "yoke", "x raw", 1},
        {"empty_awake", "raw", "us", 1},
        {"empty_awake", "yoke", "us", 1},
        {"empty_parked", "raw", "us", 1},
        {"empty_parked", "futex", "us", 1},
        {"empty_parked", "yoke", "us", 1},
        {"rate", "raw", "batches/s", 5},
        {"rate", "yoke", "batches/s", 4},
        {"rate", "yoke", "x raw", 1},
        {"transfer", "raw copy", "GB/s", 2 * 3},
        {"transfer", "raw shader", "GB/s", 2 * 3},
        {"transfer", "yoke", "GB/s", 2 * 2},
        {"transfer", "memcpy x2", "GB/s", 2},
        {"coalesce", "raw x1", "Mitem/s", 1},
        {"coalesce", "yoke", "Mitem/s", 3},
        {"cpu_item", "yoke", "ns/item", 3},
        {"mean_batch", "yoke", "items", 3},
        {"sha256", "raw zero-copy", "Mitem/s", 2},
        {"sha256", "raw staged", "Mitem/s", 2},
        {"sha256", "raw resident", "Mitem/s", 2},
        {"sha256", "yoke", "Mitem/s", 2 * 2},
        {"merkle", "raw", "ms", 2},
        {"merkle", "yoke", "ms", 2 * 2},
        {"merkle", "yoke cpu", "ms", 2 * 2},
        {"field_add", "raw staged", "ms", 2},
        {"field_add", "yoke", "ms", 2 * 2 + 2},
        {"field_mul", "yoke", "ms", 2},
        {"field_one_shot", "yoke", "ms", 1},
        {"field_one_shot", "raw", "ms", 1},
        {"load", "raw", "Mround/s", 1},
        {"load", "yoke", "Mround/s", 1},
        {"busy", "yoke", "%", 1},
    };
    run_on_a_device("--quick --json 2>/dev/null");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t num = count_rows(rows[i].name, rows[i].engine, rows[i].unit);
        if (num != rows[i].num) {
            fail_msg("%zu rows of %s, %s, %s", num, rows[i].name, rows[i].engine, rows[i].unit);
        }
    }
}

static void gpu_bench_runs_the_cases_that_are_named(void **state)
{
    (void)state;
    run_on_a_device("--quick --json --case empty,start_create 2>/dev/null");
    assert_int_equal(count_rows("empty_awake", NULL, NULL), 3);
    assert_int_equal(count_rows("empty_parked", NULL, NULL), 3);
    assert_int_equal(count_rows("start_create", NULL, NULL), 2);
    assert_int_equal(count_rows(NULL, NULL, NULL), 3 + 3 + 2);
}

static void gpu_bench_ends_with_the_bars(void **state)
{
    (void)state;
    run_on_a_device("--quick --case empty");
    assert_non_null(strstr(out, "gpu      empty_awake "));
    assert_non_null(strstr(out, "\nempty_awake, yoke, items=1: x raw "));
    assert_non_null(strstr(out, "\nempty_parked, yoke, items=1: us; raw and futex "));
    assert_non_null(strstr(out, " of 2 bars are met\n"));
    assert_int_equal(run("--quick --json --case empty 2>&1 >/dev/null"), 0);
    assert_non_null(strstr(out, "a quick run measures nothing"));
    assert_non_null(strstr(out, " of 2 bars are met\n"));
}

static void gpu_bench_without_a_device_is_degraded(void **state)
{
    (void)state;
    assert_int_equal(run("--quick 2>&1 >/dev/null"), 3);
    assert_non_null(strstr(out, "yoke bench: no device was measured: "));
    assert_int_equal(run("--quick 2>/dev/null"), 3);
    assert_string_equal(out, "");
    assert_int_equal(run("--quick --json --engine gpu 2>/dev/null"), 3);
    assert_string_equal(out, "");
}

static void gpu_bench_refuses_what_it_cannot_do(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *message;
    } wrong[] = {
        {"some.raw", "gpu takes no file, so not some.raw"},
        {"--case empty,trips", "gpu has no case trips"},
        {"--case empt", "gpu has no case empt"},
        {"--case empty,", "gpu has no case "},
        {"--engine cpu", "gpu is about devices, so no other engine"},
        {"--engine auto", "gpu is about devices, so no other engine"},
        {"--workers 1,2", "--workers is a number"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), "%s 2>&1", wrong[i].arguments);
        assert_int_equal(run(line), 2);
        assert_non_null(strstr(out, wrong[i].message));
    }
    assert_int_equal(run("--policy /nowhere.yaml 2>&1"), 1);
}

static void names_of_cases_are_known_whole_or_up_to_a_line(void **state)
{
    (void)state;
    const char *bad;
    size_t bad_bytes;
    assert_true(gpu_bench_knows("start", &bad, &bad_bytes));
    assert_true(gpu_bench_knows("start_cold,field,load", &bad, &bad_bytes));
    assert_false(gpu_bench_knows("start_", &bad, &bad_bytes));
    assert_false(gpu_bench_knows("load,,rate", &bad, &bad_bytes));
    assert_int_equal(bad_bytes, 0);
    assert_false(gpu_bench_knows("load,start_c,rate", &bad, &bad_bytes));
    assert_int_equal(bad_bytes, strlen("start_c"));
    assert_memory_equal(bad, "start_c,rate", 12);
}

#ifdef GPU_BENCH_DEVICES
/* ---------------------------------------------------------------------------------------------
 * Rows
 */

/* A run without a device, whose runtime has none to give work to. */
static void begin(gpu_run *bench, const gpu_bench_options *options, char *error, size_t bytes)
{
    *bench = (gpu_run){.options = options, .error = error, .error_bytes = bytes};
    rows_begin(&bench->output, true);
    assert_int_equal(
        yoke_create(&bench->engine.rt, yoke_options(.num_workers = 1, .engine = YOKE_ENGINE_CPU)),
        YOKE_OK);
}

static bool sample_as_told(gpu_case *c, gpu_row *row)
{
    double *next = c->part;
    for (uint32_t i = 0; i < c->samples; i++) {
        double values[] = {*next, 10 * *next};
        gpu_case_sample(c, row, values);
        *next += 1;
    }
    return row->kind == 0 || gpu_run_fail(c->run, "told to");
}

static void rows_take_turns_and_the_first_round_warms_up(void **state)
{
    (void)state;
    char error[128] = "";
    gpu_bench_options options = {.workers = 1, .rounds = 2, .json = true};
    double next = 1;
    gpu_run bench;
    gpu_row *a, *b;
    begin(&bench, &options, error, sizeof(error));
    bench.raw = NULL;
    gpu_case c = {.run = &bench,
                  .name = "told",
                  .unit = "us",
                  .better = "lower",
                  .samples = 2,
                  .part = &next};
    a = gpu_case_add(&c, 0, "a", "items=%u", 1u);
    b = gpu_case_add(&c, 0, "b", "items=%u", 1u);
    gpu_row_add(b, "other", "s", "lower");
    c.once = sample_as_told;
    assert_true(gpu_case_run(&c, 1)); /* no time: one round, after 1 to 4 to warm up */
    assert_int_equal(a->num_samples, 2);
    assert_true(gpu_row_p50(a, 0) == 5 && gpu_row_p50(b, 0) == 7 && gpu_row_p50(b, 1) == 70);
    assert_true(gpu_case_over(&c, b, a) == 7.0 / 5.0);
    assert_ptr_equal(gpu_case_find(&c, "b", "items=1"), b);
    assert_null(gpu_case_find(&c, "b", "items=2"));
    gpu_case_at_most(&c, a, "us", 4, 4);
    gpu_case_at_least(&c, b, "x", 1, 2);
    assert_int_equal(bench.bars.num, 2);
    assert_string_equal(bench.bars.list[1].what, "told, b, items=1: x");
    assert_true(pool_bars_is_met(&bench.bars.list[0]) && !pool_bars_is_met(&bench.bars.list[1]));
    gpu_case_free(&c);
    yoke_destroy(&bench.engine.rt);
}

static void row_that_fails_ends_the_case(void **state)
{
    (void)state;
    char error[128] = "";
    gpu_bench_options options = {.workers = 1, .rounds = 2, .json = true};
    double next = 1;
    gpu_run bench;
    begin(&bench, &options, error, sizeof(error));
    gpu_case c = {.run = &bench,
                  .name = "told",
                  .unit = "us",
                  .better = "lower",
                  .samples = 1,
                  .once = sample_as_told,
                  .part = &next};
    gpu_case_add(&c, 1, "a", "items=1");
    assert_false(gpu_case_run(&c, UINT64_C(60000000000)));
    assert_string_equal(error, "told to");
    gpu_case_free(&c);
    yoke_destroy(&bench.engine.rt);
}

static yoke_status run_nothing(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_OK;
}

/* What a device failed and the CPU ran instead says nothing of the device. */
static void items_that_the_cpu_ran_fail_the_case(void **state)
{
    (void)state;
    char error[128] = "";
    gpu_bench_options options = {.workers = 1, .rounds = 1, .json = true};
    double next = 1;
    gpu_run bench;
    const yoke_type *type;
    begin(&bench, &options, error, sizeof(error));
    yoke_runtime *rt = bench.engine.rt;
    assert_int_equal(
        yoke_register(rt, yoke_type_desc(.name = "nothing", .cpu = run_nothing), &type), YOKE_OK);
    yoke_job job = yoke_job(.type = type, .num_items = 3);
    assert_int_equal(gpu_engine_run(rt, &job), YOKE_OK);
    gpu_case c = {.run = &bench,
                  .name = "told",
                  .unit = "us",
                  .better = "lower",
                  .samples = 1,
                  .once = sample_as_told,
                  .part = &next};
    gpu_case_add(&c, 0, "a", "items=1");
    assert_false(gpu_case_run(&c, 1));
    assert_string_equal(error, "told: the CPU ran 3 items that were the device's");
    gpu_case_free(&c);
    yoke_destroy(&bench.engine.rt);
}

static void wrong_byte_is_found_wherever_it_is(void **state)
{
    (void)state;
    char error[128], wanted[128];
    uint8_t right[100], got[100];
    gpu_run bench = {.error = error, .error_bytes = sizeof(error)};
    gpu_row row = {.engine = "liar", .param = "items=1"};
    memset(right, 7, sizeof(right));
    for (size_t i = 0; i < sizeof(right); i++) {
        memcpy(got, right, sizeof(got));
        assert_true(gpu_run_check(&bench, &row, got, right, sizeof(right)));
        got[i] ^= 1;
        assert_false(gpu_run_check(&bench, &row, got, right, sizeof(right)));
        snprintf(wanted, sizeof(wanted), "liar, items=1: byte %zu of the result is wrong", i);
        assert_string_equal(error, wanted);
        assert_true(gpu_run_check(&bench, &row, got, right, i));
    }
}

static void memcpy_by_any_number_of_threads_copies_all(void **state)
{
    (void)state;
    static uint8_t from[100003], to[2][sizeof(from)];
    for (size_t i = 0; i < sizeof(from); i++) {
        from[i] = (uint8_t)(i * 31 >> 3 | 1);
    }
    for (uint32_t threads = 1; threads <= 7; threads++) {
        uint64_t ns = 0;
        const gpu_memcpy_part parts[2] = {{to[0], from, sizeof(from)},
                                          {to[1], from + 1, sizeof(from) - 5}};
        memset(to, 0, sizeof(to));
        assert_true(gpu_memcpy_run(threads, parts, &ns));
        assert_true(ns > 0);
        assert_memory_equal(to[0], from, sizeof(from));
        assert_memory_equal(to[1], from + 1, sizeof(from) - 5);
        assert_int_equal(to[1][sizeof(from) - 5], 0);
    }
}

/* ---------------------------------------------------------------------------------------------
 * On a device
 */

typedef struct device_run {
    gpu_bench_options options;
    gpu_run bench;
    char error[256];
    gpu_raw_options raw; /* of what is open */
} device_run;

/* A runtime with a device, and raw Vulkan on the same; skips where there is none. */
static void open_device(device_run *d)
{
    char why[GPU_RAW_WHY_BYTES] = "";
    yoke_runtime *rt;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: drivers are not run under a sanitizer\n");
    skip();
#endif
    *d = (device_run){.options = {.workers = 2, .rounds = 1, .is_quick = true, .json = true}};
    d->bench = (gpu_run){
        .options = &d->options, .seed = SEED, .error = d->error, .error_bytes = sizeof(d->error)};
    rows_begin(&d->bench.output, true);
    assert_int_equal(yoke_create(&rt, yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU)),
                     YOKE_OK);
    if (yoke_ready(rt, YOKE_FOREVER) != YOKE_OK) {
        yoke_destroy(&rt);
        print_message("skipped: there is no device here\n");
        skip();
    }
    assert_int_equal(gpu_engine_open(&d->bench.engine, rt), YOKE_OK);
    d->raw = (gpu_raw_options){.uuid = d->bench.engine.uuid};
    if (!gpu_raw_open(&d->bench.raw, &d->raw, why)) {
        fail_msg("%s", why);
    }
}

static void close_device(device_run *d)
{
    gpu_raw_close(&d->bench.raw);
    assert_null(d->bench.raw);
    yoke_destroy(&d->bench.engine.rt);
}

/* A job of bench_copy by every row there is, against what it is told to want. */
static bool run_map(device_run *d, uint8_t *in, const uint8_t *wanted, int which)
{
    enum { ITEMS = 500 };
    gpu_map map = {.c = {.run = &d->bench, .name = "copy", .unit = "ms", .better = "lower"},
                   .type = d->bench.engine.copy,
                   .ways = {.shader = gpu_engine_copy_shader(),
                            .num_inputs = 1,
                            .in_bytes = {GPU_ENGINE_ITEM_BYTES},
                            .out_bytes = GPU_ENGINE_ITEM_BYTES},
                   .in = {in},
                   .wanted = wanted,
                   .num_items = ITEMS,
                   .is_time = true};
    gpu_map_add_raw(&map, ITEMS, true);
    gpu_map_add_yoke(&map, ITEMS / 4, 4, true);
    gpu_map_add_yoke(&map, ITEMS / 4, 4, false);
    if (which >= 0) {
        map.c.rows[0] = map.c.rows[which];
        map.c.num_rows = 1;
    }
    bool fine = gpu_map_run(&map, 1);
    gpu_map_free(&map);
    return fine;
}

static void wrong_result_of_any_way_fails_the_bench(void **state)
{
    (void)state;
    static const size_t bytes = 500 * GPU_ENGINE_ITEM_BYTES;
    device_run d;
    open_device(&d);
    uint8_t *in = malloc(bytes), *wanted = malloc(bytes);
    assert_true(in != NULL && wanted != NULL);
    for (size_t i = 0; i < bytes; i++) {
        in[i] = wanted[i] = (uint8_t)(i * 7 >> 2 | 1);
    }
    assert_true(run_map(&d, in, wanted, -1));
    wanted[bytes - 1] ^= 0x80;
    for (int which = 0; which < 5; which++) {
        d.error[0] = '\0';
        assert_false(run_map(&d, in, wanted, which));
        assert_non_null(strstr(d.error, ": byte 31999 of the result is wrong"));
    }
    wanted[bytes - 1] ^= 0x80;
    assert_true(run_map(&d, in, wanted, -1));
    free(in);
    free(wanted);
    close_device(&d);
}

static void raw_vulkan_copies_on_either_queue_in_order(void **state)
{
    (void)state;
    device_run d;
    open_device(&d);
    gpu_raw *raw = d.bench.raw;
    gpu_raw_buffer a = gpu_raw_alloc(raw, GPU_RAW_HOST, 4096);
    gpu_raw_buffer b = gpu_raw_alloc(raw, GPU_RAW_DEVICE, 4096);
    gpu_raw_buffer c = gpu_raw_alloc(raw, GPU_RAW_HOST, 4096);
    for (int queue = 0; queue < GPU_RAW_QUEUES; queue++) {
        gpu_raw_commands *commands = gpu_raw_record(raw, (gpu_raw_queue)queue);
        gpu_raw_copy(commands, &a, &b, 4096);
        gpu_raw_barrier(commands);
        gpu_raw_copy(commands, &b, &c, 4096);
        gpu_raw_finish(commands);
        for (int i = 1; i <= 3; i++) { /* recorded once, run again and again */
            memset(a.host, 16 * queue + i, 4096);
            uint64_t value = gpu_raw_submit(raw, &commands, 1);
            if (i == 1) {
                gpu_raw_wait(raw, (gpu_raw_queue)queue, value);
            } else {
                gpu_raw_spin(raw, (gpu_raw_queue)queue, value);
            }
            assert_null(gpu_raw_why(raw));
            assert_memory_equal(c.host, a.host, 4096);
        }
    }
    gpu_raw_reset(raw);
    gpu_raw_free(raw, &a);
    gpu_raw_free(raw, &b);
    gpu_raw_free(raw, &c);
    close_device(&d);
}

static void raw_vulkan_keeps_its_first_failure(void **state)
{
    (void)state;
    char why[GPU_RAW_WHY_BYTES] = "";
    static const uint8_t nobody[16] = {1, 2, 3};
    device_run d;
    gpu_raw *other;
    open_device(&d);
    gpu_raw *raw = d.bench.raw;
    assert_false(gpu_raw_open(&other, &(gpu_raw_options){.uuid = nobody}, why));
    assert_null(other);
    assert_string_equal(why, "Vulkan does not list the device that yoke uses");
    gpu_raw_buffer huge = gpu_raw_alloc(raw, GPU_RAW_DEVICE, SIZE_MAX / 4);
    assert_null(huge.buffer);
    assert_non_null(gpu_raw_why(raw));
    snprintf(why, sizeof(why), "%s", gpu_raw_why(raw));
    gpu_raw_buffer small = gpu_raw_alloc(raw, GPU_RAW_HOST, 4096);
    assert_null(small.buffer);
    gpu_raw_commands *commands = gpu_raw_record(raw, GPU_RAW_COMPUTE);
    gpu_raw_dispatch(commands, gpu_raw_compile(raw, gpu_engine_copy_shader()),
                     gpu_raw_put_block(raw, 0, &(gpu_raw_block){.num_items = 1}), 1);
    gpu_raw_finish(commands);
    gpu_raw_run(raw, commands);
    assert_string_equal(gpu_raw_why(raw), why);
    assert_false(gpu_run_expect_raw(&d.bench));
    assert_non_null(strstr(d.error, why));
    close_device(&d);
}
#endif

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gpu_bench_prints_a_row_for_each_case, show_devices),
        cmocka_unit_test_setup(gpu_bench_runs_the_cases_that_are_named, show_devices),
        cmocka_unit_test_setup(gpu_bench_ends_with_the_bars, show_devices),
        cmocka_unit_test_setup(gpu_bench_without_a_device_is_degraded, hide_devices),
        cmocka_unit_test_setup(gpu_bench_refuses_what_it_cannot_do, hide_devices),
        cmocka_unit_test(names_of_cases_are_known_whole_or_up_to_a_line),
#ifdef GPU_BENCH_DEVICES
        cmocka_unit_test(rows_take_turns_and_the_first_round_warms_up),
        cmocka_unit_test(row_that_fails_ends_the_case),
        cmocka_unit_test(items_that_the_cpu_ran_fail_the_case),
        cmocka_unit_test(wrong_byte_is_found_wherever_it_is),
        cmocka_unit_test(memcpy_by_any_number_of_threads_copies_all),
        cmocka_unit_test_setup(wrong_result_of_any_way_fails_the_bench, show_devices),
        cmocka_unit_test_setup(raw_vulkan_copies_on_either_queue_in_order, show_devices),
        cmocka_unit_test_setup(raw_vulkan_keeps_its_first_failure, show_devices),
#endif
    };
    char command[PATH_MAX];
    if (argc != 2 || realpath(argv[1], command) == NULL) {
        fprintf(stderr, "usage: gpu_bench_test PATH_OF_YOKE\n");
        return 2;
    }
    setenv("YOKE_COMMAND", command, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
