/*
 * Tests of `yoke bench pool`: its rows as users get them, its peers' protocol, and the parts that
 * its figures rest on. Its only argument is the path of the command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/pool_bars.h"
#include "bench/pool_bench.h"
#include "bench/pool_cases.h"
#include "bench/pool_crew.h"
#include "bench/pool_futex.h"
#include "bench/pool_peer.h"
#include "bench/pool_threads.h"
#include "bench/pool_work.h"

#include <jansson.h>

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the last run printed. */
static char out[1 << 18];

/* Runs `yoke bench` with that behind it, by the shell; returns its exit code. */
static int run(const char *arguments)
{
    char line[256];
    snprintf(line, sizeof(line), "exec \"$YOKE_COMMAND\" bench %s", arguments);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    size_t size = fread(out, 1, sizeof(out) - 1, pipe);
    out[size] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Rows of `out` that have these; NULL: any. Every row is whole, and its figures are in order. */
static size_t count_rows(const char *name, const char *engine, const char *unit, const char *param)
{
    static char text[sizeof(out)];
    size_t found = 0;
    memcpy(text, out, sizeof(out));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *bench, *row_param, *row_case, *row_unit, *better, *row_engine, *device, *kernel,
            *commit;
        double min, p50, p99;
        json_t *seed;
        int n;
        json_t *row = json_loads(line, 0, NULL);
        assert_non_null(row);
        assert_int_equal(
            json_unpack(row,
                        "{s:s, s:s, s:s, s:s, s:s, s:F, s:F, s:F, s:i, s:s, s:s, s:s, s:s, s:o !}",
                        "bench", &bench, "case", &row_case, "param", &row_param, "unit", &row_unit,
                        "better", &better, "min", &min, "p50", &p50, "p99", &p99, "n", &n, "engine",
                        &row_engine, "device", &device, "kernel", &kernel, "commit", &commit,
                        "seed", &seed),
            0);
        assert_string_equal(bench, "pool");
        assert_true(min <= p50 && p50 <= p99 && n >= 1);
        found += (name == NULL || strcmp(row_case, name) == 0) &&
                 (engine == NULL || strcmp(row_engine, engine) == 0) &&
                 (unit == NULL || strcmp(row_unit, unit) == 0) &&
                 (param == NULL || strcmp(row_param, param) == 0);
        json_decref(row);
    }
    return found;
}

/* ---------------------------------------------------------------------------------------------
 * The command
 */

static void pool_bench_prints_a_row_for_each_case(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "fib",         "nqueens",      "uts",        "flat_1",       "flat_4",
        "flat_bulk",   "inside_fork",  "trip_idle",  "trip_hot",     "start",
        "range_front", "range_middle", "range_back", "range_asleep", "range_awake",
        "idle_cpu",    "idle_wakes",   "idle_park",  "long_task",    "inside_submit",
    };
    size_t in_cases = 0;
    assert_int_equal(run("pool --quick --json --workers 1,2 2>/dev/null"), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(count_rows(cases[i], "yoke", NULL, "workers=1") >= 1);
        assert_true(count_rows(cases[i], "yoke", NULL, "workers=2") >= 1);
        in_cases += count_rows(cases[i], NULL, NULL, NULL);
    }
    assert_int_equal(in_cases, count_rows(NULL, NULL, NULL, NULL));
    assert_int_equal(count_rows("fib", "yoke generic", "x serial", "workers=1"), 1);
    assert_int_equal(count_rows("fib", "yoke", "speed-up", "workers=2"), 1);
    assert_int_equal(count_rows("uts", "serial", "ns/node", "threads=1"), 1);
    assert_int_equal(count_rows("range_back", "yoke", "perfect", "workers=2"), 1);
    assert_int_equal(count_rows("trip_idle", "futex", "us", "threads=2"), 1);
    assert_int_equal(count_rows("trip_idle", "yoke", "x futex", NULL), 2);
    assert_int_equal(count_rows("trip_idle", "yoke", "x p99", NULL), 2);
    assert_int_equal(count_rows("range_awake", "yoke", "us over", NULL), 2);
}

static void pool_bench_runs_the_cases_that_are_named(void **state)
{
    (void)state;
    assert_int_equal(run("pool --quick --json --workers 2 --case flat,inside_fork 2>/dev/null"), 0);
    assert_int_equal(count_rows("flat_1", "yoke", NULL, NULL), 1);
    assert_int_equal(count_rows("flat_4", "yoke", NULL, NULL), 1);
    assert_int_equal(count_rows("flat_bulk", "yoke", NULL, NULL), 1);
    assert_int_equal(count_rows("inside_fork", "yoke", NULL, NULL), 1);
    assert_int_equal(count_rows("inside_fork", "yoke generic", NULL, NULL), 1);
    assert_int_equal(count_rows(NULL, NULL, NULL, "workers=1"), 0);
    assert_int_equal(count_rows(NULL, NULL, NULL, NULL), 5 + 2); /* and a plain loop's */
}

static void pool_bench_table_ends_with_the_bars(void **state)
{
    (void)state;
    assert_int_equal(run("pool --quick --workers 1,2 --case fib,idle_cpu 2>&1"), 0);
    assert_non_null(strstr(out, "YOKE_BENCH_PEERS is not set"));
    assert_non_null(strstr(out, "pool     fib "));
    assert_non_null(strstr(out, "\nfib, yoke, workers=1: x serial "));
    assert_non_null(strstr(out, "\nfib, yoke, workers=2: speed-up "));
    assert_non_null(strstr(out, "\nidle_cpu, yoke, workers=2: % CPU (p99) "));
    assert_non_null(strstr(out, " of 5 bars are met\n"));
}

static void pool_bench_refuses_what_it_cannot_do(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *message;
    } wrong[] = {
        {"pool some.raw", "pool takes no file, so not some.raw"},
        {"pool --case fib,trips", "pool has no case trips"},
        {"pool --case fi", "pool has no case fi"},
        {"pool --case fib,", "pool has no case "},
        {"pool --workers 2,1", "not 2,1"},
        {"pool --workers 1,1", "not 1,1"},
        {"pool --workers 1,,2", "not 1,,2"},
        {"pool --workers 1,257", "not 1,257"},
        {"pool --workers 1,2,3,4,5,6,7,8,9,10,11", "at most 10 ascending numbers"},
        {"pool --engine gpu", "pool is about the CPU"},
        {"hash --case fib", "--case is for pool"},
        {"--case fib", "--case is for pool"},
        {"hash --workers 1,2", "--workers is a number from 1 to 256, not 1,2"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char arguments[128];
        snprintf(arguments, sizeof(arguments), "%s 2>&1", wrong[i].arguments);
        assert_int_equal(run(arguments), 2);
        assert_non_null(strstr(out, wrong[i].message));
    }
}

/* ---------------------------------------------------------------------------------------------
 * Peers
 */

static char folder[PATH_MAX];

static void write_peer(const char *name, const char *script)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static int make_folder(void **state)
{
    (void)state;
    const char *place = getenv("TEST_TMPDIR") != NULL ? getenv("TEST_TMPDIR") : P_tmpdir;
    snprintf(folder, sizeof(folder), "%s/pool_bench_test.XXXXXX", place);
    return mkdtemp(folder) == NULL || setenv("YOKE_BENCH_PEERS", folder, 1) != 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char line[PATH_MAX + 16];
    snprintf(line, sizeof(line), "rm -rf '%s'", folder);
    return unsetenv("YOKE_BENCH_PEERS") | system(line);
}

static void peers_have_rows_of_their_own(void **state)
{
    (void)state;
    write_peer("tbb_peer", "[ $1 = name ] && echo Good 1.0 && exit 0\n"
                           "[ $2 = 2 ] && echo workers 1\n"
                           "i=0; while [ $i -lt $3 ]; do echo 7.5; i=$((i + 1)); done");
    write_peer("gomp_peer", "[ $1 = name ] && echo None 1.0 && exit 0; exit 2");
    write_peer("llvm_omp_peer", "[ $1 = name ] && echo Bad 1.0 && exit 0\necho 1\nexit 1");
    assert_int_equal(run("pool --quick --json --workers 1,2 --case fib,trip_idle 2>/dev/null"), 0);
    assert_int_equal(count_rows("fib", "Good 1.0", "ns/fork", "workers=1"), 1);
    assert_int_equal(count_rows("fib", "Good 1.0", "ns/fork", "workers=2, 1 ran"), 1);
    assert_int_equal(count_rows("fib", "Good 1.0", "x serial", "workers=1"), 1);
    assert_int_equal(count_rows("fib", "Good 1.0", "speed-up", NULL), 1);
    assert_int_equal(count_rows("trip_idle", "Good 1.0", "us", NULL), 2);
    assert_int_equal(count_rows(NULL, "None 1.0", NULL, NULL), 0);
    assert_int_equal(count_rows(NULL, "Bad 1.0", NULL, NULL), 0);
    assert_int_equal(run("pool --quick --json --workers 1 --case fib 2>&1 >/dev/null"), 0);
    assert_non_null(strstr(out, "fib: Bad 1.0 fails on 1 workers"));
    assert_null(strstr(out, "None"));
    assert_non_null(strstr(out, "/starpu_peer does not run: its rows are left out"));
}

static void flat_jobs_are_compared_with_the_best_peer(void **state)
{
    (void)state;
    write_peer("tbb_peer", "[ $1 = name ] && echo Slow && exit 0; echo 2000000");
    write_peer("gomp_peer", "[ $1 = name ] && echo Quick && exit 0; echo 1000000");
    assert_int_equal(run("pool --quick --workers 1 --case flat_1 2>/dev/null"), 0);
    const char *bar = strstr(out, "flat_1, yoke, workers=1: x faster than the best peer");
    assert_non_null(bar);
    assert_int_equal(strncmp(strstr(bar, "met") + 3, "  Quick\n", 8), 0);
}

static void peer_that_prints_another_number_of_samples_fails(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        pool_peer_answer answer;
    } peers[] = {
        {"echo 1; echo 2; echo 3", POOL_PEER_FINE},
        {"echo workers 4; echo 1; echo 2; echo 3", POOL_PEER_FINE},
        {"echo 1; echo 2", POOL_PEER_FAILED},
        {"echo 1; echo 2; echo 3; echo 4", POOL_PEER_FAILED},
        {"echo 1; echo two; echo 3", POOL_PEER_FAILED},
        {"echo 1; echo 2; echo 3; exit 1", POOL_PEER_FAILED},
        {"echo 1; echo 2; echo 3; kill -9 $$", POOL_PEER_FAILED},
        {"exit 2", POOL_PEER_HAS_NONE},
    };
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        pool_peer peer = {.size = NULL};
        double samples[3] = {0};
        uint32_t ran = 0;
        write_peer("tbb_peer", peers[i].script);
        snprintf(peer.path, sizeof(peer.path), "%.400s/tbb_peer", folder);
        assert_int_equal(pool_peer_run(&peer, "fib", 2, "20", samples, 3, &ran), peers[i].answer);
        assert_int_equal(ran, i == 1 ? 4 : 0);
        assert_true(peers[i].answer != POOL_PEER_FINE || (samples[0] == 1 && samples[2] == 3));
    }
}

/* ---------------------------------------------------------------------------------------------
 * The work
 */

static void serial_work_has_the_right_answers(void **state)
{
    (void)state;
    for (int n = 0; n <= 20; n++) {
        assert_int_equal(pool_work_fib(n), pool_work_fib_answer(n));
    }
    assert_int_equal(pool_work_fib_answer(20), 6765);
    assert_int_equal(pool_work_fib_forks(2), 1);
    assert_int_equal(pool_work_fib_forks(4), 4); /* of 4, 3, 2 and 2 */
    for (uint8_t size = 1; size <= 8; size++) {
        assert_int_equal(pool_work_queens((pool_board){.size = size}),
                         pool_work_queens_answer(size));
    }
    assert_int_equal(pool_work_tree(pool_work_tree_tiny.root), pool_work_tree_tiny.num_nodes);
    assert_int_equal(pool_work_tree(pool_work_tree_small.root), pool_work_tree_small.num_nodes);
    assert_int_equal(pool_work_tree(pool_work_tree_full.root), pool_work_tree_full.num_nodes);
}

static void tree_hangs_on_one_of_the_root_s_children(void **state)
{
    (void)state;
    uint64_t hash = pool_work_node(pool_work_tree_full.root);
    long largest = 0;
    assert_false(pool_work_is_leaf(hash));
    for (uint32_t i = 0; i < POOL_WORK_CHILDREN; i++) {
        long nodes = pool_work_tree(pool_work_child(hash, i));
        largest = nodes > largest ? nodes : largest;
    }
    assert_true((uint64_t)largest > pool_work_tree_full.num_nodes / 100 * 99);
}

static void heavy_items_lie_where_they_should(void **state)
{
    (void)state;
    static const uint32_t first[] = {[POOL_FRONT] = 0, [POOL_MIDDLE] = 495, [POOL_BACK] = 990};
    uint32_t steps[1000];
    for (int place = POOL_FRONT; place <= POOL_BACK; place++) {
        pool_work_fill(steps, 1000, (pool_place)place);
        for (uint32_t i = 0; i < 1000; i++) {
            bool is_heavy = i >= first[place] && i < first[place] + 10;
            assert_int_equal(steps[i], is_heavy ? POOL_WORK_HEAVY_STEPS : POOL_WORK_LIGHT_STEPS);
        }
    }
}

static void sum_tells_a_wrong_result(void **state)
{
    (void)state;
    uint32_t steps[100];
    uint64_t results[100];
    pool_work_fill(steps, 100, POOL_FRONT);
    pool_work_items(steps, results, 0, 60);
    pool_work_items(steps + 60, results + 60, 60, 40);
    uint64_t sum = pool_work_sum(results, 100);
    assert_int_equal(results[70], pool_work_hash(70, steps[70]));
    for (size_t i = 0; i < 100; i++) {
        results[i] ^= 1;
        assert_true(pool_work_sum(results, 100) != sum);
        results[i] ^= 1;
    }
    assert_true(pool_work_sum(results, 100) == sum);
}

/* ---------------------------------------------------------------------------------------------
 * Threads
 */

static atomic_uint crew_runs[8];

static void crew_count(void *context, uint32_t thread)
{
    assert_ptr_equal(context, crew_runs);
    atomic_fetch_add(&crew_runs[thread], 1);
}

static void crew_runs_each_member_once(void **state)
{
    (void)state;
    uint64_t ns = 0;
    memset(crew_runs, 0, sizeof(crew_runs));
    for (uint32_t is_pinned = 0; is_pinned < 2; is_pinned++) {
        assert_true(pool_crew_run(8, is_pinned != 0, crew_count, crew_runs, &ns));
        for (uint32_t i = 0; i < 8; i++) {
            assert_int_equal(atomic_load(&crew_runs[i]), is_pinned + 1);
        }
        assert_true(ns > 0 && ns < UINT64_C(60000000000));
    }
    assert_true(pool_crew_num_cpus() >= 1);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static atomic_int phase; /* 0: sleep now and then; 1: spin; 2: end */

static void *toss(void *argument)
{
    while (atomic_load(&phase) < 2) {
        if (atomic_load(&phase) == 0) {
            pause_ms(1);
        }
    }
    return argument;
}

static void threads_are_told_apart_and_watched(void **state)
{
    (void)state;
    pool_threads before, now, none;
    uint64_t wakes, later;
    pthread_t thread;
    atomic_store(&phase, 0);
    assert_true(pool_threads_list(&before));
    assert_int_equal(pthread_create(&thread, NULL, toss, NULL), 0);
    assert_true(pool_threads_list(&now));
    none = now;
    pool_threads_subtract(&none, &now);
    assert_int_equal(none.num, 0);
    pool_threads_subtract(&now, &before);
    assert_int_equal(now.num, 1);
    assert_true(now.ids[0] != getpid());

    assert_true(pool_threads_wakes(&now, &wakes));
    do { /* it sleeps for a millisecond at a time */
        pause_ms(1);
        assert_true(pool_threads_wakes(&now, &later));
    } while (later < wakes + 5);
    uint64_t cpu_ns = pool_threads_all_cpu_ns(&now);
    assert_int_equal(pool_threads_cpu_ns(now.ids[0]) > 0, cpu_ns > 0);
    atomic_store(&phase, 1);
    do {
        pause_ms(1);
    } while (pool_threads_all_cpu_ns(&now) < cpu_ns + 5000000);
    atomic_store(&phase, 2);
    pthread_join(thread, NULL);
}

static void futex_answers_every_question(void **state)
{
    (void)state;
    for (int is_spinning = 0; is_spinning < 2; is_spinning++) {
        pool_futex *futex = pool_futex_create(is_spinning != 0);
        assert_non_null(futex);
        for (int i = 0; i < 1000; i++) {
            pool_futex_ask(futex);
        }
        pool_futex_destroy(&futex);
        assert_null(futex);
    }
    pool_futex *none = NULL;
    pool_futex_destroy(&none);
}

/* ---------------------------------------------------------------------------------------------
 * Cases
 */

static char turns[64]; /* the rows' kinds, in the order in which they were measured */

/* Row 'a' takes 1, 2, 3 ..., row 'b' twice as long. */
static bool take_turn(pool_case *c, pool_row *row)
{
    const int *num_fine = c->part;
    size_t num = strlen(turns);
    turns[num] = (char)row->kind;
    turns[num + 1] = '\0';
    double value = (double)(num / 2 + 1);
    pool_case_sample(c, row, row->kind == 'a' ? value : 2 * value);
    return (int)num < *num_fine || pool_run_fail(c->run, "turn %zu is wrong", num);
}

static void rows_take_turns_after_a_warm_up(void **state)
{
    (void)state;
    static const struct {
        uint32_t rounds;
        uint64_t budget_ns;
        bool is_single;
        int num_fine;
        const char *turns;
        size_t num_samples;
    } runs[] = {
        {3, 60000000000u, false, 99, "abababab", 3},
        {1, 60000000000u, false, 99, "abab", 1},
        {3, 0, false, 99, "abab", 1},
        {3, 60000000000u, true, 99, "ab", 1},
        {3, 60000000000u, false, 2, "aba", 0},
    };
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        char error[64] = "";
        pool_bench_options options = {.rounds = runs[i].rounds};
        pool_run bench = {.options = &options, .error = error, .error_bytes = sizeof(error)};
        int num_fine = runs[i].num_fine;
        pool_case c = {.run = &bench,
                       .name = "turns",
                       .unit = "us",
                       .samples = 1,
                       .is_single = runs[i].is_single,
                       .once = take_turn,
                       .part = &num_fine};
        turns[0] = '\0';
        rows_begin(&bench.output, false);
        pool_case_add_floor(&c, 'a', 1, "one");
        pool_case_add_floor(&c, 'b', 1, "two");
        assert_int_equal(pool_case_run(&c, runs[i].budget_ns), num_fine == 99);
        assert_string_equal(error, num_fine == 99 ? "" : "turn 2 is wrong");
        assert_string_equal(turns, runs[i].turns);
        assert_int_equal(c.rows[1].num_samples, runs[i].num_samples);
        pool_case_free(&c);
    }
}

static void ratios_are_taken_round_by_round(void **state)
{
    (void)state;
    char error[64] = "";
    int num_fine = 99;
    double p50 = 0;
    pool_bench_options options = {.rounds = 5};
    pool_run bench = {.options = &options, .error = error, .error_bytes = sizeof(error)};
    pool_case c = {.run = &bench, .name = "ratio", .unit = "us", .samples = 1, .once = take_turn};
    c.part = &num_fine;
    turns[0] = '\0';
    rows_begin(&bench.output, false);
    pool_case_add_floor(&c, 'a', 1, "one");
    pool_case_add_floor(&c, 'b', 2, "two");
    assert_true(pool_case_run(&c, 60000000000u));
    const pool_row *one = pool_case_find(&c, "one", 1), *two = pool_case_find(&c, "two", 2);
    assert_ptr_equal(two, &c.rows[1]);
    assert_null(pool_case_find(&c, "two", 1));
    assert_true(pool_row_p50(one) == 4 && pool_row_p99(two) == 12); /* of 2 to 6, and 4 to 12 */
    pool_ratio ratio = {.unit = "x", .better = "lower", .row = two, .over = two, .under = one};
    ratio.scale = 0.5;
    assert_true(pool_case_print_ratio(&c, &ratio, &p50) && p50 == 1);
    ratio.is_difference = true;
    assert_true(pool_case_print_ratio(&c, &ratio, &p50) && p50 == 4);
    pool_case_at_most(&c, one, "us", 4, 4);
    pool_case_at_least(&c, two, "x", 1, 2, "beside");
    assert_int_equal(bench.bars.num, 2);
    assert_string_equal(bench.bars.list[1].what, "ratio, two, workers=2: x");
    assert_true(pool_bars_is_met(&bench.bars.list[0]) && !pool_bars_is_met(&bench.bars.list[1]));
    pool_case_free(&c);
}

/* ---------------------------------------------------------------------------------------------
 * Bars
 */

static void bars_are_met_at_their_limit(void **state)
{
    (void)state;
    assert_true(pool_bars_is_met(&(pool_bar){.value = 2, .limit = 2}));
    assert_false(pool_bars_is_met(&(pool_bar){.value = 2.001, .limit = 2}));
    assert_true(pool_bars_is_met(&(pool_bar){.value = 2, .limit = 2, .is_floor = true}));
    assert_false(pool_bars_is_met(&(pool_bar){.value = 1.999, .limit = 2, .is_floor = true}));
    pool_bars bars = {.num = 0};
    for (int i = 0; i < POOL_BARS_MAX + 3; i++) {
        pool_bars_add(&bars, &(pool_bar){.value = i});
    }
    assert_int_equal(bars.num, POOL_BARS_MAX);
    assert_true(bars.list[POOL_BARS_MAX - 1].value == POOL_BARS_MAX - 1);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_bench_prints_a_row_for_each_case),
        cmocka_unit_test(pool_bench_runs_the_cases_that_are_named),
        cmocka_unit_test(pool_bench_table_ends_with_the_bars),
        cmocka_unit_test(pool_bench_refuses_what_it_cannot_do),
        cmocka_unit_test_setup_teardown(peers_have_rows_of_their_own, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(flat_jobs_are_compared_with_the_best_peer, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(peer_that_prints_another_number_of_samples_fails,
                                        make_folder, remove_folder),
        cmocka_unit_test(serial_work_has_the_right_answers),
        cmocka_unit_test(tree_hangs_on_one_of_the_root_s_children),
        cmocka_unit_test(heavy_items_lie_where_they_should),
        cmocka_unit_test(sum_tells_a_wrong_result),
        cmocka_unit_test(crew_runs_each_member_once),
        cmocka_unit_test(threads_are_told_apart_and_watched),
        cmocka_unit_test(futex_answers_every_question),
        cmocka_unit_test(rows_take_turns_after_a_warm_up),
        cmocka_unit_test(ratios_are_taken_round_by_round),
        cmocka_unit_test(bars_are_met_at_their_limit),
    };
    char command[PATH_MAX];
    if (argc != 2 || realpath(argv[1], command) == NULL) {
        fprintf(stderr, "usage: pool_bench_test PATH_OF_YOKE\n");
        return 2;
    }
    unsetenv("YOKE_BENCH_PEERS");
    setenv("YOKE_COMMAND", command, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
