/*
 * A case's rows in turns. Owns their samples; one thread.
 * Always holds: a round measures every row once, so that what slows the machine for a while slows
 * all; ratios are taken within a round. Runtimes live through the bench and sleep when it is not
 * their turn; a peer's process lives for its turn only, and warms itself up.
 */
#include "pool_cases.h"

#include "pool_crew.h"
#include "pool_work.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool pool_run_fail(pool_run *run, const char *what, ...)
{
    va_list list;
    va_start(list, what);
    vsnprintf(run->error, run->error_bytes, what, list);
    va_end(list);
    return false;
}

bool pool_run_expect(pool_run *run, const pool_row *row, yoke_status status)
{
    return status == YOKE_OK || pool_run_fail(run, "%s on %u workers: %s", row->engine,
                                              row->workers, yoke_status_text(status));
}

/* ---------------------------------------------------------------------------------------------
 * Rows
 */

/* A case has two other floors, or serial and its crews; two kinds of yoke; and the peers. */
_Static_assert(POOL_ROWS_MAX >= 2 + (3 + POOL_PEERS_MAX) * POOL_BENCH_WORKERS_MAX, "all rows");

static pool_row *pool_case_add(pool_case *c, int kind, uint32_t workers, const char *engine)
{
    pool_row *row = &c->rows[c->num_rows++];
    *row = (pool_row){.kind = kind, .workers = workers};
    snprintf(row->engine, sizeof(row->engine), "%s", engine);
    return row;
}

void pool_case_add_floor(pool_case *c, int kind, uint32_t threads, const char *engine)
{
    pool_case_add(c, kind, threads, engine);
}

void pool_case_add_serial(pool_case *c, int kind, int crew_kind)
{
    const pool_bench_options *o = c->run->options;
    pool_case_add(c, kind, 1, "serial");
    for (uint32_t i = 0; i < o->num_workers; i++) {
        if (o->workers[i] > 1 && o->workers[i] <= pool_crew_num_cpus()) {
            char engine[24];
            snprintf(engine, sizeof(engine), "serial x%u", o->workers[i]);
            pool_case_add(c, crew_kind, o->workers[i], engine);
        }
    }
}

void pool_case_add_yoke(pool_case *c, int kind, const char *engine)
{
    for (uint32_t i = 0; i < c->run->options->num_workers; i++) {
        pool_runtime *yoke = &c->run->runtimes[i];
        pool_case_add(c, kind, yoke->workers, engine)->yoke = yoke;
    }
}

void pool_case_add_peers(pool_case *c, pool_peer_param param)
{
    const pool_bench_options *o = c->run->options;
    for (size_t k = 0; k < c->run->peers.num; k++) {
        const pool_peer *peer = &c->run->peers.list[k];
        for (uint32_t i = 0; i < o->num_workers; i++) {
            pool_row *row = pool_case_add(c, 0, o->workers[i], peer->engine);
            row->peer = peer;
            if (param != NULL) {
                param(c->run, peer, row->peer_param, sizeof(row->peer_param));
            }
        }
    }
}

const pool_row *pool_case_find(const pool_case *c, const char *engine, uint32_t workers)
{
    for (size_t i = 0; i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        if (row->workers == workers && !row->is_left_out && strcmp(row->engine, engine) == 0) {
            return row;
        }
    }
    return NULL;
}

double pool_row_p50(const pool_row *row)
{
    return rows_percentile(row->samples, row->num_samples, 50);
}

double pool_row_p99(const pool_row *row)
{
    return rows_percentile(row->samples, row->num_samples, 99);
}

/* ---------------------------------------------------------------------------------------------
 * Measuring
 */

void pool_case_sample(pool_case *c, pool_row *row, double value)
{
    if (row->num_samples < (size_t)c->samples * c->run->options->rounds) {
        row->samples[row->num_samples++] = value;
    }
}

static int pool_case_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* A peer has its own warm-up and answers for its own result. */
static void pool_case_once_peer(pool_case *c, pool_row *row)
{
    double *samples = &row->samples[row->num_samples];
    pool_peer_answer answer = pool_peer_run(row->peer, c->name, row->workers, row->peer_param,
                                            samples, c->samples, &row->ran);
    row->num_samples += c->samples;
    row->is_left_out = answer != POOL_PEER_FINE;
    if (answer == POOL_PEER_FAILED) {
        fprintf(stderr, "yoke bench: %s: %s fails on %u workers: its row is left out\n", c->name,
                row->engine, row->workers);
    }
}

/* Round 0 warms up: its samples are dropped. */
static bool pool_case_round(pool_case *c, pool_row *row, uint32_t round)
{
    size_t first = row->num_samples;
    if (row->is_left_out || (row->peer != NULL && round == 0)) {
        return true;
    }
    if (row->peer != NULL) {
        pool_case_once_peer(c, row);
    } else if (!c->once(c, row)) {
        return false;
    }
    size_t num = row->num_samples - first;
    if (round == 0) {
        row->num_samples = 0;
    } else if (num > 0) {
        qsort(&row->samples[first], num, sizeof(*row->samples), pool_case_compare);
        row->medians[row->rounds++] = rows_percentile(&row->samples[first], num, 50);
    }
    return true;
}

static bool pool_case_start(pool_case *c)
{
    uint32_t rounds = c->run->options->rounds;
    for (size_t i = 0; i < c->num_rows; i++) {
        pool_row *row = &c->rows[i];
        row->samples = calloc((size_t)rounds * c->samples, sizeof(*row->samples));
        row->medians = calloc(rounds, sizeof(*row->medians));
        if (row->samples == NULL || row->medians == NULL) {
            return pool_run_fail(c->run, "out of memory");
        }
    }
    return true;
}

static bool pool_case_measure(pool_case *c, uint64_t budget_ns)
{
    uint64_t start_ns = pool_work_now_ns(), used_ns = 0;
    uint32_t rounds = c->is_single ? 1 : c->run->options->rounds;
    uint32_t round = c->is_single ? 1 : 0;
    for (; round <= rounds && (round <= 1 || used_ns < 3 * budget_ns); round++) {
        for (size_t i = 0; i < c->num_rows; i++) {
            bool is_over = round > 1 && c->rows[i].peer != NULL && used_ns >= budget_ns;
            if (!is_over && !pool_case_round(c, &c->rows[i], round)) {
                return false;
            }
        }
        used_ns = pool_work_now_ns() - start_ns;
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * Printing
 */

static bool pool_case_print_row(const pool_case *c, const pool_row *row, const char *unit,
                                const char *better, double *samples, size_t num_samples)
{
    char param[40];
    bool is_pool = row->yoke != NULL || row->peer != NULL;
    int used =
        snprintf(param, sizeof(param), "%s=%u", is_pool ? "workers" : "threads", row->workers);
    if (row->ran != 0) {
        snprintf(param + used, sizeof(param) - (size_t)used, ", %u ran", row->ran);
    }
    rows_row printed = {.bench = "pool",
                        .name = c->name,
                        .param = param,
                        .unit = unit,
                        .better = better,
                        .engine = row->engine,
                        .samples = samples,
                        .num_samples = num_samples,
                        .seed = c->seed};
    return rows_print(&c->run->output, &printed) || pool_run_fail(c->run, "out of memory");
}

bool pool_case_run(pool_case *c, uint64_t budget_ns)
{
    if (!pool_case_start(c) || !pool_case_measure(c, budget_ns)) {
        return false;
    }
    for (size_t i = 0; i < c->num_rows; i++) {
        pool_row *row = &c->rows[i];
        if (!row->is_left_out &&
            !pool_case_print_row(c, row, c->unit, "lower", row->samples, row->num_samples)) {
            return false;
        }
    }
    return true;
}

void pool_case_free(pool_case *c)
{
    for (size_t i = 0; i < c->num_rows; i++) {
        free(c->rows[i].samples);
        free(c->rows[i].medians);
    }
}

bool pool_case_print_ratio(pool_case *c, const pool_ratio *ratio, double *p50)
{
    const pool_row *over = ratio->over, *under = ratio->under;
    uint32_t rounds = over->rounds < under->rounds ? over->rounds : under->rounds;
    double *figures = calloc(rounds, sizeof(*figures));
    if (figures == NULL) {
        return pool_run_fail(c->run, "out of memory");
    }
    for (uint32_t i = 0; i < rounds; i++) {
        double difference = over->medians[i] - under->medians[i];
        double quotient = over->medians[i] / under->medians[i] * ratio->scale;
        figures[i] = ratio->is_difference ? difference : quotient;
    }
    bool fine = pool_case_print_row(c, ratio->row, ratio->unit, ratio->better, figures, rounds);
    *p50 = rows_percentile(figures, rounds, 50);
    free(figures);
    return fine;
}

bool pool_case_print_figure(pool_case *c, const pool_row *row, const char *unit, double figure)
{
    return pool_case_print_row(c, row, unit, "lower", &figure, 1);
}

static void pool_case_bar(pool_case *c, const pool_row *row, const char *unit, pool_bar bar)
{
    if (row->workers <= 2) {
        snprintf(bar.what, sizeof(bar.what), "%s, %s, workers=%u: %s", c->name, row->engine,
                 row->workers, unit);
        pool_bars_add(&c->run->bars, &bar);
    }
}

void pool_case_at_most(pool_case *c, const pool_row *row, const char *unit, double value,
                       double limit)
{
    pool_case_bar(c, row, unit, (pool_bar){.value = value, .limit = limit});
}

void pool_case_at_least(pool_case *c, const pool_row *row, const char *unit, double value,
                        double limit, const char *note)
{
    pool_bar bar = {.value = value, .limit = limit, .is_floor = true};
    snprintf(bar.note, sizeof(bar.note), "%s", note);
    pool_case_bar(c, row, unit, bar);
}
