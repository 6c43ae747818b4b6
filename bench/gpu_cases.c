/*
 * A case's rows in turns. Owns their samples; one thread.
 * Always holds: a round measures every row once, so that what slows the machine for a while slows
 * all; ratios are taken within a round.
 */
#include "gpu_cases.h"

#include "cli/clock.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool gpu_run_fail(gpu_run *run, const char *what, ...)
{
    va_list list;
    va_start(list, what);
    vsnprintf(run->error, run->error_bytes, what, list);
    va_end(list);
    return false;
}

bool gpu_run_expect(gpu_run *run, const gpu_row *row, yoke_status status)
{
    return status == YOKE_OK ||
           gpu_run_fail(run, "%s, %s: %s", row->engine, row->param, yoke_status_text(status));
}

bool gpu_run_expect_raw(gpu_run *run)
{
    const char *why = run->raw != NULL ? gpu_raw_why(run->raw) : NULL;
    return why == NULL || gpu_run_fail(run, "raw Vulkan: %s", why);
}

bool gpu_run_check(gpu_run *run, const gpu_row *row, const void *got, const void *wanted,
                   size_t num)
{
    const unsigned char *a = got, *b = wanted;
    size_t at = 0;
    if (memcmp(a, b, num) == 0) {
        return true;
    }
    while (a[at] == b[at]) {
        at++;
    }
    return gpu_run_fail(run, "%s, %s: byte %zu of the result is wrong", row->engine, row->param,
                        at);
}

uint64_t gpu_run_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------------------------------------
 * Rows
 */

void gpu_row_add(gpu_row *row, const char *name, const char *unit, const char *better)
{
    row->figures[row->num_figures++] = (gpu_figure){.name = name, .unit = unit, .better = better};
}

gpu_row *gpu_case_add(gpu_case *c, int kind, const char *engine, const char *param, ...)
{
    va_list list;
    gpu_row *row = &c->rows[c->num_rows++];
    *row = (gpu_row){.kind = kind, .rt = c->run->engine.rt};
    snprintf(row->engine, sizeof(row->engine), "%s", engine);
    va_start(list, param);
    vsnprintf(row->param, sizeof(row->param), param, list);
    va_end(list);
    gpu_row_add(row, c->name, c->unit, c->better);
    return row;
}

const gpu_row *gpu_case_find(const gpu_case *c, const char *engine, const char *param)
{
    for (size_t i = 0; i < c->num_rows; i++) {
        const gpu_row *row = &c->rows[i];
        if (strcmp(row->engine, engine) == 0 && strcmp(row->param, param) == 0) {
            return row;
        }
    }
    return NULL;
}

double gpu_row_p50(const gpu_row *row, size_t figure)
{
    return rows_percentile(row->figures[figure].samples, row->num_samples, 50);
}

/* ---------------------------------------------------------------------------------------------
 * Measuring
 */

void gpu_case_sample(gpu_case *c, gpu_row *row, const double *values)
{
    if (row->num_samples < (size_t)c->samples * c->run->options->rounds) {
        for (size_t i = 0; i < row->num_figures; i++) {
            row->figures[i].samples[row->num_samples] = values[i];
        }
        row->num_samples++;
    }
}

static int gpu_case_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Round 0 warms up: its samples are dropped. */
static bool gpu_case_round(gpu_case *c, gpu_row *row, uint32_t round)
{
    size_t first = row->num_samples;
    if (!c->once(c, row) || !gpu_run_expect_raw(c->run)) {
        return false;
    }
    if (round == 0) {
        row->num_samples = 0;
        return true;
    }
    size_t num = row->num_samples - first;
    for (size_t i = 0; i < row->num_figures && num > 0; i++) {
        double *samples = &row->figures[i].samples[first];
        qsort(samples, num, sizeof(*samples), gpu_case_compare);
        row->figures[i].medians[row->rounds] = rows_percentile(samples, num, 50);
    }
    row->rounds += num > 0;
    return true;
}

static bool gpu_case_start(gpu_case *c)
{
    uint32_t rounds = c->run->options->rounds;
    for (size_t i = 0; i < c->num_rows; i++) {
        for (size_t k = 0; k < c->rows[i].num_figures; k++) {
            gpu_figure *figure = &c->rows[i].figures[k];
            figure->samples = calloc((size_t)rounds * c->samples, sizeof(*figure->samples));
            figure->medians = calloc(rounds, sizeof(*figure->medians));
            if (figure->samples == NULL || figure->medians == NULL) {
                return gpu_run_fail(c->run, "out of memory");
            }
        }
    }
    return true;
}

static bool gpu_case_measure(gpu_case *c, uint64_t budget_ns)
{
    uint64_t end_ns = clock_ns() + budget_ns;
    uint32_t rounds = c->run->options->rounds;
    for (uint32_t round = 0; round <= rounds && (round <= 1 || clock_ns() < end_ns); round++) {
        for (size_t i = 0; i < c->num_rows; i++) {
            if (!gpu_case_round(c, &c->rows[i], round)) {
                return false;
            }
        }
    }
    return true;
}

/* A device that fails leaves its work to the CPU: then there is nothing to compare. */
static bool gpu_case_check_engine(gpu_case *c)
{
    yoke_stats stats = {.struct_bytes = sizeof(stats)};
    yoke_status status = yoke_stats_read(c->run->engine.rt, &stats);
    if (status != YOKE_OK || stats.items_run > 0) {
        return gpu_run_fail(c->run, "%s: the CPU ran %llu items that were the device's", c->name,
                            (unsigned long long)stats.items_run);
    }
    return true;
}

void gpu_case_free(gpu_case *c)
{
    for (size_t i = 0; i < c->num_rows; i++) {
        for (size_t k = 0; k < c->rows[i].num_figures; k++) {
            free(c->rows[i].figures[k].samples);
            free(c->rows[i].figures[k].medians);
        }
    }
}

/* ---------------------------------------------------------------------------------------------
 * Printing
 */

static bool gpu_case_print(gpu_case *c, const gpu_row *row, const gpu_figure *figure,
                           size_t num_samples)
{
    gpu_run *run = c->run;
    rows_row printed = {.bench = "gpu",
                        .name = figure->name,
                        .param = row->param,
                        .unit = figure->unit,
                        .better = figure->better,
                        .engine = row->engine,
                        .device = row->is_cpu ? NULL : run->engine.device,
                        .samples = figure->samples,
                        .num_samples = num_samples,
                        .seed = c->has_seed ? &run->seed : NULL};
    return rows_print(&run->output, &printed) || gpu_run_fail(run, "out of memory");
}

bool gpu_case_run(gpu_case *c, uint64_t budget_ns)
{
    bool fine = gpu_case_start(c) && gpu_case_measure(c, budget_ns) && gpu_case_check_engine(c);
    for (size_t i = 0; fine && i < c->num_rows; i++) {
        const gpu_row *row = &c->rows[i];
        for (size_t k = 0; fine && k < row->num_figures; k++) {
            fine = gpu_case_print(c, row, &row->figures[k], row->num_samples);
        }
    }
    return fine;
}

double gpu_case_over(gpu_case *c, const gpu_row *row, const gpu_row *raw)
{
    uint32_t rounds = row->rounds < raw->rounds ? row->rounds : raw->rounds;
    gpu_figure ratio = {.name = c->name,
                        .unit = "x raw",
                        .better = c->better,
                        .samples = calloc(rounds, sizeof(*ratio.samples))};
    double p50 = NAN;
    if (ratio.samples == NULL) {
        gpu_run_fail(c->run, "out of memory");
        return p50;
    }
    for (uint32_t i = 0; i < rounds; i++) {
        ratio.samples[i] = row->figures[0].medians[i] / raw->figures[0].medians[i];
    }
    if (gpu_case_print(c, row, &ratio, rounds)) {
        p50 = rows_percentile(ratio.samples, rounds, 50);
    }
    free(ratio.samples);
    return p50;
}

static void gpu_case_bar(gpu_case *c, const gpu_row *row, const char *unit, pool_bar bar)
{
    snprintf(bar.what, sizeof(bar.what), "%s, %s, %s: %s", c->name, row->engine, row->param, unit);
    pool_bars_add(&c->run->bars, &bar);
}

void gpu_case_at_most(gpu_case *c, const gpu_row *row, const char *unit, double value, double limit)
{
    gpu_case_bar(c, row, unit, (pool_bar){.value = value, .limit = limit});
}

void gpu_case_at_least(gpu_case *c, const gpu_row *row, const char *unit, double value,
                       double limit)
{
    gpu_case_bar(c, row, unit, (pool_bar){.value = value, .limit = limit, .is_floor = true});
}
