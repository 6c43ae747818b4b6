/*
 * Forks and joins: fib, queens, and an unbalanced tree. Owns nothing but a case while it runs; one
 * thread.
 * Always holds: the serial floor makes the same calls. Several serial runs side by side say what
 * the machine gives to N threads just now: no pool can speed up more than they do.
 */
#include "pool_crew.h"
#include "pool_parts.h"
#include "pool_tasks.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define POOL_FORK_FIB 36
#define POOL_FORK_FIB_QUICK 15
#define POOL_FORK_QUEENS 11
#define POOL_FORK_QUEENS_QUICK 6

enum { POOL_FORK_SERIAL, POOL_FORK_CREW, POOL_FORK_TYPED, POOL_FORK_GENERIC };

typedef struct pool_fork {
    pool_case c;
    pool_task task; /* what every run does */
    void (*serial)(pool_task *task);
    pool_runtime_fn typed, generic;
    long answer;
    double units; /* a run's forks, nodes, or nanoseconds a millisecond */
    double bar_serial, bar_generic, bar_speed_up; /* 0: none */
    atomic_bool is_wrong;                         /* a crew's */
} pool_fork;

static void pool_fork_member(void *context, uint32_t thread)
{
    (void)thread;
    pool_fork *fork = context;
    pool_task task = fork->task;
    fork->serial(&task);
    if (task.result != fork->answer) {
        atomic_store_explicit(&fork->is_wrong, true, memory_order_relaxed);
    }
}

static bool pool_fork_once(pool_case *c, pool_row *row)
{
    pool_fork *fork = c->part;
    pool_task task = fork->task;
    yoke_status status = YOKE_OK;
    uint64_t ns;
    if (row->kind == POOL_FORK_CREW) {
        if (!pool_crew_run(row->workers, true, pool_fork_member, fork, &ns)) {
            return pool_run_fail(c->run, "the system refuses %u threads", row->workers);
        }
        ns /= row->workers; /* so many runs were made */
        task.result =
            atomic_load_explicit(&fork->is_wrong, memory_order_relaxed) ? -1 : fork->answer;
    } else {
        uint64_t start_ns = pool_work_now_ns();
        if (row->kind == POOL_FORK_SERIAL) {
            fork->serial(&task);
        } else {
            pool_runtime_fn fn = row->kind == POOL_FORK_TYPED ? fork->typed : fork->generic;
            status = pool_runtime_call(row->yoke, fn, &task);
        }
        ns = pool_work_now_ns() - start_ns;
    }
    if (!pool_run_expect(c->run, row, status)) {
        return false;
    }
    pool_case_sample(c, row, (double)ns / fork->units);
    return task.result == fork->answer ||
           pool_run_fail(c->run, "%s, %s: %ld is wrong, %ld is right", c->name, row->engine,
                         task.result, fork->answer);
}

/* Every engine on one worker over the serial run. */
static bool pool_fork_print_serial(pool_fork *fork)
{
    pool_case *c = &fork->c;
    const pool_row *serial = pool_case_find(c, "serial", 1);
    for (size_t i = 0; i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        double p50;
        if (row->workers != 1 || row->is_left_out || row == serial) {
            continue;
        }
        pool_ratio ratio = {.unit = "x serial",
                            .better = "lower",
                            .row = row,
                            .over = row,
                            .under = serial,
                            .scale = 1};
        if (!pool_case_print_ratio(c, &ratio, &p50)) {
            return false;
        }
        if (row->kind == POOL_FORK_TYPED && fork->bar_serial > 0) {
            pool_case_at_most(c, row, "x serial", p50, fork->bar_serial);
        }
        if (row->kind == POOL_FORK_GENERIC) {
            /* so many times the serial call, or nanoseconds: whichever is more */
            double ns = fork->bar_generic / pool_row_p50(serial);
            pool_case_at_most(c, row, "x serial (6 ns will do)", p50,
                              ns > fork->bar_generic ? ns : fork->bar_generic);
        }
    }
    return true;
}

/* Every engine on more workers over itself on one, and the crews over one serial run. */
static bool pool_fork_print_speed_ups(pool_fork *fork)
{
    pool_case *c = &fork->c;
    char note[64] = ""; /* what two threads get that have nothing to do with each other */
    for (size_t i = 0; i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        bool is_crew = row->peer == NULL && row->kind == POOL_FORK_CREW;
        const pool_row *one = pool_case_find(c, is_crew ? "serial" : row->engine, 1);
        double p50;
        if (row->workers == 1 || row->is_left_out || one == NULL) {
            continue;
        }
        pool_ratio ratio = {.unit = "speed-up",
                            .better = "higher",
                            .row = row,
                            .over = one,
                            .under = row,
                            .scale = 1};
        if (!pool_case_print_ratio(c, &ratio, &p50)) {
            return false;
        }
        if (is_crew && row->workers == 2) {
            snprintf(note, sizeof(note), "%s: %.3f", row->engine, p50);
        }
        if (row->workers == 2 && row->yoke != NULL && row->kind == POOL_FORK_TYPED) {
            pool_case_at_least(c, row, "speed-up", p50, fork->bar_speed_up, note);
        }
    }
    return true;
}

static bool pool_fork_run(pool_fork *fork, pool_run *run, const char *name, const char *unit,
                          pool_peer_param param)
{
    pool_case *c = &fork->c;
    c->run = run;
    c->name = name;
    c->unit = unit;
    c->samples = 1;
    c->once = pool_fork_once;
    c->part = fork;
    pool_case_add_serial(c, POOL_FORK_SERIAL, POOL_FORK_CREW);
    pool_case_add_yoke(c, POOL_FORK_TYPED, "yoke");
    if (fork->generic != NULL) {
        pool_case_add_yoke(c, POOL_FORK_GENERIC, "yoke generic");
    }
    pool_case_add_peers(c, param);
    bool fine = pool_case_run(c, POOL_CASES_BUDGET_NS) && pool_fork_print_serial(fork) &&
                pool_fork_print_speed_ups(fork);
    pool_case_free(c);
    return fine;
}

/* ---------------------------------------------------------------------------------------------
 * The cases
 */

static void pool_fork_param_fib(const pool_run *run, const pool_peer *peer, char *text,
                                size_t bytes)
{
    uint32_t quick = POOL_FORK_FIB_QUICK;
    snprintf(text, bytes, "%u", run->options->is_quick ? quick : peer->size->fib);
}

bool pool_fork_fib(pool_run *run, const char *name)
{
    long n = run->options->is_quick ? POOL_FORK_FIB_QUICK : POOL_FORK_FIB;
    pool_fork fork = {.task = {.n = n},
                      .serial = pool_tasks_fib_serial,
                      .typed = pool_tasks_fib,
                      .generic = pool_tasks_fib_generic,
                      .answer = pool_work_fib_answer(n),
                      .units = (double)pool_work_fib_forks(n),
                      .bar_serial = 1.5,
                      .bar_generic = 6,
                      .bar_speed_up = 1.95};
    return pool_fork_run(&fork, run, name, "ns/fork", pool_fork_param_fib);
}

static uint32_t pool_fork_board_size(const pool_run *run)
{
    return run->options->is_quick ? POOL_FORK_QUEENS_QUICK : POOL_FORK_QUEENS;
}

static void pool_fork_param_queens(const pool_run *run, const pool_peer *peer, char *text,
                                   size_t bytes)
{
    (void)peer;
    snprintf(text, bytes, "%u", pool_fork_board_size(run));
}

bool pool_fork_queens(pool_run *run, const char *name)
{
    uint32_t size = pool_fork_board_size(run);
    pool_fork fork = {.task = {.board = {.size = (uint8_t)size}},
                      .serial = pool_tasks_queens_serial,
                      .typed = pool_tasks_queens,
                      .answer = pool_work_queens_answer((int)size),
                      .units = 1e6,
                      .bar_serial = 1.05,
                      .bar_speed_up = 1.95};
    return pool_fork_run(&fork, run, name, "ms", pool_fork_param_queens);
}

static void pool_fork_param_tree(const pool_run *run, const pool_peer *peer, char *text,
                                 size_t bytes)
{
    snprintf(text, bytes, "%s", run->options->is_quick ? "tiny" : peer->size->tree);
}

bool pool_fork_tree(pool_run *run, const char *name)
{
    const pool_tree *tree = run->options->is_quick ? &pool_work_tree_tiny : &pool_work_tree_full;
    pool_fork fork = {.c = {.seed = &tree->root},
                      .task = {.node = tree->root},
                      .serial = pool_tasks_tree_serial,
                      .typed = pool_tasks_tree,
                      .answer = (long)tree->num_nodes,
                      .units = (double)tree->num_nodes,
                      .bar_speed_up = 1.95};
    return pool_fork_run(&fork, run, name, "ns/node", pool_fork_param_tree);
}
