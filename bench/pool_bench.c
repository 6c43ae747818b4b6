/*
 * The pool bench's plan: its cases, and the runtimes they share. Owns the runtimes while it runs;
 * one thread.
 * Always holds: all runtimes live at once, so that rounds can take turns; idle ones sleep. Each
 * case ends with its share of the time: some seconds, with peers up to twenty.
 */
#include "pool_bench.h"

#include "pool_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct pool_bench_case {
    const char *name;
    bool (*run)(pool_run *run, const char *name);
} pool_bench_case;

static const pool_bench_case pool_bench_cases[] = {
    {"fib", pool_fork_fib},
    {"nqueens", pool_fork_queens},
    {"uts", pool_fork_tree},
    {"flat_1", pool_flat_one},
    {"flat_4", pool_flat_four},
    {"flat_bulk", pool_flat_bulk},
    {"inside_fork", pool_inside_fork},
    {"inside_submit", pool_inside_submit},
    {"trip_idle", pool_trip_idle},
    {"trip_hot", pool_trip_hot},
    {"start", pool_trip_start},
    {"range_front", pool_range_front},
    {"range_middle", pool_range_middle},
    {"range_back", pool_range_back},
    {"range_asleep", pool_range_asleep},
    {"range_awake", pool_range_awake},
    {"idle_cpu", pool_idle_cpu},
    {"idle_wakes", pool_idle_wakes},
    {"idle_park", pool_idle_park},
    {"long_task", pool_idle_long_task},
};

#define POOL_BENCH_CASES (sizeof(pool_bench_cases) / sizeof(pool_bench_cases[0]))

/* Whether the word is the name or what comes before a _ in it. */
static bool pool_bench_fits(const char *name, const char *word, size_t bytes)
{
    return bytes > 0 && strncmp(name, word, bytes) == 0 &&
           (name[bytes] == '\0' || name[bytes] == '_');
}

static bool pool_bench_is_known(const char *word, size_t bytes)
{
    for (size_t i = 0; i < POOL_BENCH_CASES; i++) {
        if (pool_bench_fits(pool_bench_cases[i].name, word, bytes)) {
            return true;
        }
    }
    return false;
}

bool pool_bench_knows(const char *cases, const char **bad, size_t *bad_bytes)
{
    for (const char *word = cases;; word += *bad_bytes + 1) {
        *bad = word;
        *bad_bytes = strcspn(word, ",");
        if (!pool_bench_is_known(word, *bad_bytes)) {
            return false;
        }
        if (word[*bad_bytes] == '\0') {
            return true;
        }
    }
}

static bool pool_bench_is_wanted(const char *cases, const char *name)
{
    if (cases == NULL) {
        return true;
    }
    for (const char *word = cases;;) {
        size_t bytes = strcspn(word, ",");
        if (pool_bench_fits(name, word, bytes)) {
            return true;
        }
        if (word[bytes] == '\0') {
            return false;
        }
        word += bytes + 1;
    }
}

static bool pool_bench_measure(pool_run *run)
{
    const pool_bench_options *o = run->options;
    for (size_t i = 0; i < POOL_BENCH_CASES; i++) {
        const pool_bench_case *c = &pool_bench_cases[i];
        if (pool_bench_is_wanted(o->cases, c->name) && !c->run(run, c->name)) {
            return false;
        }
        fflush(stdout);
    }
    if (!o->json && o->is_quick) {
        printf("\na quick run measures nothing: the bars are here to be seen only\n");
    }
    if (!o->json) {
        pool_bars_print(&run->bars);
    }
    return true;
}

bool pool_bench_run(const pool_bench_options *options, char *line, size_t line_bytes)
{
    pool_run run = {.options = options, .error = line, .error_bytes = line_bytes};
    bool fine = true;
    pool_peers_find(&run.peers, getenv("YOKE_BENCH_PEERS"));
    rows_begin(&run.output, options->json);
    for (uint32_t i = 0; fine && i < options->num_workers; i++) {
        fine = pool_runtime_open(&run.runtimes[i], options->workers[i], options->policy, line,
                                 line_bytes);
    }
    fine = fine && pool_bench_measure(&run);
    for (uint32_t i = 0; i < options->num_workers; i++) {
        pool_runtime_close(&run.runtimes[i]);
    }
    return fine;
}
