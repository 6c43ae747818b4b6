/*
 * Tests of `yoke bench hash`: its rows as users get them, what each run is checked by, and its
 * peers. Its only argument is the path of the command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/hash_cases.h"
#include "bench/hash_peer.h"

#include <jansson.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUM 1000
#define SEED 20

/* What the last run printed. */
static char out[65536];

/* Runs `yoke bench hash` with that behind it, by the shell; returns its exit code. */
static int run(const char *arguments)
{
    char line[256];
    snprintf(line, sizeof(line), "exec \"$YOKE_COMMAND\" bench hash --workers 2 %s", arguments);
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

/* Rows of that case in `out`, and how many rows there are in all. Every row is whole, and its
 * figures make sense; those of the engine named have a device of their own. */
static size_t count_rows(const char *name, const char *gpu_engine, size_t *all)
{
    static char text[sizeof(out)];
    char cpu[256] = "";
    size_t found = 0;
    memcpy(text, out, sizeof(out));
    *all = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *bench, *param, *row_case, *unit, *better, *engine, *device, *kernel, *commit;
        double min, p50, p99;
        int n, seed;
        json_t *row = json_loads(line, 0, NULL);
        assert_non_null(row);
        assert_int_equal(
            json_unpack(
                row, "{s:s, s:s, s:s, s:s, s:s, s:F, s:F, s:F, s:i, s:s, s:s, s:s, s:s, s:i !}",
                "bench", &bench, "case", &row_case, "param", &param, "unit", &unit, "better",
                &better, "min", &min, "p50", &p50, "p99", &p99, "n", &n, "engine", &engine,
                "device", &device, "kernel", &kernel, "commit", &commit, "seed", &seed),
            0);
        assert_string_equal(bench, "hash");
        assert_true(min <= p50 && p50 <= p99 && n >= 1);
        assert_true(min > 0 || strcmp(row_case, "gpu_share") == 0 ||
                    strcmp(row_case, "mean_batch") == 0);
        if (cpu[0] == '\0') {
            snprintf(cpu, sizeof(cpu), "%s", device); /* the CPU's engine comes first */
        }
        bool is_gpu = gpu_engine != NULL && strcmp(engine, gpu_engine) == 0;
        assert_int_equal(is_gpu, strcmp(device, cpu) != 0);
        found += strcmp(row_case, name) == 0;
        *all += 1;
        json_decref(row);
    }
    return found;
}

/* ---------------------------------------------------------------------------------------------
 * The command
 */

static void hash_bench_prints_a_row_for_each_case(void **state)
{
    (void)state;
    size_t all;
    assert_int_equal(run("--quick --json"), 0);
    assert_int_equal(count_rows("one_job", NULL, &all), 2 * 4);
    assert_int_equal(count_rows("one_job_alloc", NULL, &all), 2);
    assert_int_equal(count_rows("over_peer", NULL, &all), 2 * 2);
    assert_int_equal(count_rows("small_jobs", NULL, &all), 2);
    assert_int_equal(count_rows("round_trip", NULL, &all), 2);
    assert_int_equal(all, 18);
}

static void hash_bench_without_the_gpu_it_was_asked_for_is_degraded(void **state)
{
    (void)state;
    size_t all;
    assert_int_equal(run("--quick --json --engine gpu 2>&1 >/dev/null"), 3);
    assert_non_null(strstr(out, "yoke bench: no GPU was used, the CPU did all of it"));
    assert_int_equal(run("--quick --json --engine gpu 2>/dev/null"), 3);
    count_rows("one_job", NULL, &all);
    assert_int_equal(all, 18);
}

static void hash_bench_of_the_cpu_is_what_it_says(void **state)
{
    (void)state;
    size_t all;
    assert_int_equal(run("--quick --json --engine cpu"), 0);
    count_rows("one_job", NULL, &all);
    assert_int_equal(all, 18);
    assert_int_equal(run("--quick --engine cpu"), 0);
    assert_non_null(strstr(out, "hash     round_trip"));
}

static void hash_bench_names_the_device_of_its_gpu_rows(void **state)
{
    (void)state;
    size_t all;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: drivers are not run under a sanitizer\n");
    skip();
#endif
    if (run("--quick --json --engine gpu 2>/dev/null") == 3) {
        print_message("skipped: there is no device here, or this build has no GPU backend\n");
        skip();
    }
    assert_int_equal(count_rows("one_job", "yoke gpu", &all), 2 * 5);
    assert_int_equal(count_rows("one_job_alloc", "yoke gpu", &all), 2 * 2);
    assert_int_equal(count_rows("gpu_share", "yoke gpu", &all), 2 * 2 + 1);
    assert_int_equal(count_rows("mean_batch", "yoke gpu", &all), 1);
    assert_int_equal(count_rows("small_jobs", "yoke gpu", &all), 3);
    assert_int_equal(count_rows("round_trip", "yoke gpu", &all), 3);
}

static void hash_bench_takes_all_engines_where_a_policy_allows_the_device(void **state)
{
    (void)state;
    size_t all;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: drivers are not run under a sanitizer\n");
    skip();
#endif
    char path[PATH_MAX];
    char arguments[PATH_MAX + 64];
    snprintf(path, sizeof(path), "%s/hash_bench_test.yaml",
             getenv("TEST_TMPDIR") != NULL ? getenv("TEST_TMPDIR") : P_tmpdir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("gpu: {software: true}\nrouting: {break_even_cost: 1}\n", file);
    assert_int_equal(fclose(file), 0);
    snprintf(arguments, sizeof(arguments), "--quick --policy '%s' 2>/dev/null", path);
    assert_int_equal(run(arguments), 0);
    if (strstr(out, "no device is ready") != NULL) {
        assert_null(strstr(out, " yoke auto  "));
        print_message("skipped: there is no device here, or this build has no GPU backend\n");
        skip();
    }
    assert_non_null(strstr(out, " yoke auto  "));
    assert_non_null(strstr(out, " yoke gpu  "));
    snprintf(arguments, sizeof(arguments), "--quick --json --engine auto --policy '%s'", path);
    assert_int_equal(run(arguments), 0);
    assert_int_equal(count_rows("one_job", "yoke auto", &all), 2 * 5);
    assert_int_equal(count_rows("gpu_share", "yoke auto", &all), 2 * 2 + 1);
    unlink(path);
}

static void hash_bench_refuses_a_file(void **state)
{
    (void)state;
    assert_int_equal(run("some.raw 2>&1"), 2);
    assert_non_null(strstr(out, "hash takes no file, so not some.raw"));
}

/* ---------------------------------------------------------------------------------------------
 * What a run is checked by
 */

static void wrong_digest_is_found_wherever_it_is(void **state)
{
    (void)state;
    hash_data data;
    size_t wrong = 0;
    assert_true(hash_data_create(&data, NUM, SEED));
    assert_false(hash_data_check(&data, data.out, 0, NUM, &wrong)); /* all zeros */
    assert_int_equal(wrong, 0);
    for (size_t i = 0; i < NUM; i++) {
        size_t byte = i * 32 + i % 32;
        memcpy(data.out, data.digests, NUM * 32);
        assert_true(hash_data_check(&data, data.out, 0, NUM, &wrong));
        data.out[byte] ^= 1;
        assert_false(hash_data_check(&data, data.out, 0, NUM, &wrong));
        assert_int_equal(wrong, i);
        assert_false(hash_data_check(&data, data.out + 32 * i, i, 1, &wrong));
        assert_int_equal(wrong, i);
        assert_true(hash_data_check(&data, data.out, 0, i, &wrong));
    }
    hash_data_destroy(&data);
}

static bool hash_all_but_item_7(void *part, hash_case *c, uint64_t *ns)
{
    hash_run *bench = part;
    *ns = 1;
    memcpy(c->out, bench->data.digests, NUM * 32);
    memcpy(c->out + 32 * 7, bench->data.digests, 32);
    return true;
}

static bool hash_all(void *part, hash_case *c, uint64_t *ns)
{
    hash_run *bench = part;
    *ns = NUM;
    memcpy(c->out, bench->data.digests, NUM * 32);
    return true;
}

static bool hash_in_the_first_round_only(void *part, hash_case *c, uint64_t *ns)
{
    return c->kind++ > 0 || hash_all(part, c, ns);
}

static void run_with_a_wrong_digest_fails_the_bench(void **state)
{
    (void)state;
    char error[128] = "";
    hash_bench_options options = {.rounds = 3};
    hash_run bench = {.options = &options, .error = error, .error_bytes = sizeof(error)};
    assert_true(hash_data_create(&bench.data, NUM, SEED));
    hash_case c = {.name = "one_job", .engine = "liar", .out = bench.data.out};
    hash_cases cases = {.run = &bench, .list = &c, .num = 1, .num_items = NUM, .part = &bench};
    assert_true(hash_cases_start(&cases));
    cases.once = hash_all_but_item_7;
    assert_false(hash_cases_measure(&cases, 1));
    assert_string_equal(error, "one_job, liar, items=1000: the digest of item 7 is wrong");
    cases.once = hash_in_the_first_round_only;
    assert_false(hash_cases_measure(&cases, 1));
    assert_string_equal(error, "one_job, liar, items=1000: the digest of item 0 is wrong");
    cases.once = hash_all;
    assert_true(hash_cases_measure(&cases, 60000000000u));
    assert_int_equal(cases.rounds, 3);
    assert_true(c.samples[2].ns == 1);
    assert_true(hash_cases_measure(&cases, 0)); /* no time: one round all the same */
    assert_int_equal(cases.rounds, 1);
    hash_cases_finish(&cases);
    hash_data_destroy(&bench.data);
}

/* ---------------------------------------------------------------------------------------------
 * The peers
 */

static void loops_hash_every_message(void **state)
{
    (void)state;
    hash_data data;
    size_t wrong = 0;
    uint64_t ns;
    assert_true(hash_data_create(&data, NUM, SEED));
    for (uint32_t threads = 1; threads <= 7; threads++) {
        static const uint32_t at_a_time[] = {1, 7, NUM};
        for (size_t i = 0; i < 3; i++) {
            memset(data.out, 0, NUM * 32);
            assert_true(hash_peer_loop(&data, NUM - 1, at_a_time[i], threads, &ns));
            assert_true(hash_data_check(&data, data.out, 0, NUM - 1, &wrong));
            assert_false(hash_data_check(&data, data.out, 0, NUM, &wrong));
            assert_int_equal(wrong, NUM - 1);
        }
    }
    hash_data_destroy(&data);
}

static void copy_and_server_leave_the_right_digests(void **state)
{
    (void)state;
    hash_data data;
    size_t wrong = 0;
    uint64_t ns;
    assert_true(hash_data_create(&data, NUM, SEED));
    hash_peer_copy(&data, NUM, &ns);
    assert_true(hash_data_check(&data, data.out, 0, NUM, &wrong));
    memset(data.out, 0, NUM * 32);
    hash_peer_server *server = hash_peer_server_create();
    assert_non_null(server);
    for (size_t i = 0; i < NUM; i++) {
        hash_peer_server_call(server, data.messages + 64 * i, data.out + 32 * i);
    }
    hash_peer_server_destroy(&server);
    assert_null(server);
    assert_true(hash_data_check(&data, data.out, 0, NUM, &wrong));
    hash_data_destroy(&data);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hash_bench_prints_a_row_for_each_case, hide_devices),
        cmocka_unit_test_setup(hash_bench_without_the_gpu_it_was_asked_for_is_degraded,
                               hide_devices),
        cmocka_unit_test_setup(hash_bench_of_the_cpu_is_what_it_says, hide_devices),
        cmocka_unit_test_setup(hash_bench_refuses_a_file, hide_devices),
        cmocka_unit_test_setup(hash_bench_names_the_device_of_its_gpu_rows, show_devices),
        cmocka_unit_test_setup(hash_bench_takes_all_engines_where_a_policy_allows_the_device,
                               show_devices),
        cmocka_unit_test(wrong_digest_is_found_wherever_it_is),
        cmocka_unit_test(run_with_a_wrong_digest_fails_the_bench),
        cmocka_unit_test(loops_hash_every_message),
        cmocka_unit_test(copy_and_server_leave_the_right_digests),
    };
    char command[PATH_MAX];
    if (argc != 2 || realpath(argv[1], command) == NULL) {
        fprintf(stderr, "usage: hash_bench_test PATH_OF_YOKE\n");
        return 2;
    }
    setenv("YOKE_COMMAND", command, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
