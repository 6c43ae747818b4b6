/*
 * One job of many items: skewed, and empty. Owns the items while a case runs; one thread.
 * Always holds: every result is checked against the plain loop's; outputs are zeroed before a run,
 * outside its time.
 */
#include "pool_crew.h"
#include "pool_parts.h"
#include "pool_work.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POOL_RANGE_ITEMS 200000
#define POOL_RANGE_ITEMS_QUICK 2000
#define POOL_RANGE_EMPTY 1000000
#define POOL_RANGE_EMPTY_SAMPLES 50
#define POOL_RANGE_EMPTY_SAMPLES_QUICK 3
#define POOL_RANGE_SLEEP_NS 2000000

enum { POOL_RANGE_SERIAL, POOL_RANGE_CREW, POOL_RANGE_YOKE };

typedef struct pool_range {
    pool_case c;
    uint32_t num;
    uint32_t *steps;
    uint64_t *out; /* num for each of as many threads as a crew has */
    uint64_t sum;  /* of the results that are right */
    uint32_t num_outs;
    bool is_asleep; /* a sleep comes before each run */
} pool_range;

/* ---------------------------------------------------------------------------------------------
 * Skewed
 */

static void pool_range_member(void *context, uint32_t thread)
{
    pool_range *range = context;
    yoke_claim claim = {
        .in = {range->steps}, .out = range->out + (size_t)thread * range->num, .count = range->num};
    pool_runtime_items(NULL, &claim);
}

static bool pool_range_check(pool_range *range, const pool_row *row, uint32_t num_outs)
{
    for (uint32_t i = 0; i < num_outs; i++) {
        if (pool_work_sum(range->out + (size_t)i * range->num, range->num) != range->sum) {
            return pool_run_fail(range->c.run, "%s, %s: the results are wrong", range->c.name,
                                 row->engine);
        }
    }
    return true;
}

static yoke_status pool_range_once_yoke(pool_range *range, pool_row *row, uint64_t *ns)
{
    yoke_job job = yoke_job(.type = row->yoke->items, .in = {range->steps}, .out = range->out,
                            .num_items = range->num);
    yoke_job *jobs = &job;
    uint64_t start_ns = pool_work_now_ns();
    yoke_status status = yoke_submit(row->yoke->rt, &jobs, 1);
    if (status == YOKE_OK) {
        status = yoke_wait(row->yoke->rt, &job, YOKE_FOREVER);
    }
    *ns = pool_work_now_ns() - start_ns;
    return status;
}

static bool pool_range_once(pool_case *c, pool_row *row)
{
    pool_range *range = c->part;
    bool is_crew = row->kind == POOL_RANGE_CREW;
    uint32_t num_outs = is_crew ? row->workers : 1;
    uint64_t ns = 0;
    memset(range->out, 0, (size_t)num_outs * range->num * sizeof(*range->out));
    if (row->kind == POOL_RANGE_YOKE) {
        if (!pool_run_expect(c->run, row, pool_range_once_yoke(range, row, &ns))) {
            return false;
        }
    } else if (!is_crew) {
        uint64_t start_ns = pool_work_now_ns();
        pool_range_member(range, 0);
        ns = pool_work_now_ns() - start_ns;
    } else if (!pool_crew_run(row->workers, true, pool_range_member, range, &ns)) {
        return pool_run_fail(c->run, "the system refuses %u threads", row->workers);
    }
    pool_case_sample(c, row, (double)ns / 1e6 / num_outs); /* a crew did it so many times */
    return pool_range_check(range, row, num_outs);
}

/* The serial time over N times the row's: 1 is what N workers can do at most. */
static bool pool_range_print_perfect(pool_range *range)
{
    pool_case *c = &range->c;
    const pool_row *serial = pool_case_find(c, "serial", 1);
    char note[64] = ""; /* what two threads get that have nothing to do with each other */
    for (size_t i = 0; i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        double p50;
        if (row == serial || row->is_left_out) {
            continue;
        }
        pool_ratio ratio = {.unit = "perfect",
                            .better = "higher",
                            .row = row,
                            .over = serial,
                            .under = row,
                            .scale = 1.0 / row->workers};
        if (!pool_case_print_ratio(c, &ratio, &p50)) {
            return false;
        }
        if (row->workers == 2 && row->kind == POOL_RANGE_CREW && row->peer == NULL) {
            snprintf(note, sizeof(note), "%s: %.3f", row->engine, p50);
        }
        if (row->workers == 2 && row->yoke != NULL) {
            pool_case_at_least(c, row, "of perfect", p50, 0.95, note);
        }
    }
    return true;
}

static bool pool_range_prepare(pool_range *range, pool_place place)
{
    const pool_bench_options *o = range->c.run->options;
    uint32_t cpus = pool_crew_num_cpus();
    uint32_t most = o->workers[o->num_workers - 1];
    range->num_outs = most < cpus ? most : cpus;
    range->steps = calloc(range->num, sizeof(*range->steps));
    range->out = calloc((size_t)range->num_outs * range->num, sizeof(*range->out));
    if (range->steps == NULL || range->out == NULL) {
        return pool_run_fail(range->c.run, "out of memory");
    }
    pool_work_fill(range->steps, range->num, place);
    pool_range_member(range, 0);
    range->sum = pool_work_sum(range->out, range->num);
    return true;
}

static void pool_range_param(const pool_run *run, const pool_peer *peer, char *text, size_t bytes)
{
    (void)peer;
    snprintf(text, bytes, "%d", run->options->is_quick ? POOL_RANGE_ITEMS_QUICK : POOL_RANGE_ITEMS);
}

static bool pool_range_run(pool_run *run, const char *name, pool_place place)
{
    pool_range range = {
        .c = {.run = run, .name = name, .unit = "ms", .samples = 1, .once = pool_range_once},
        .num = run->options->is_quick ? POOL_RANGE_ITEMS_QUICK : POOL_RANGE_ITEMS};
    pool_case *c = &range.c;
    c->part = &range;
    pool_case_add_serial(c, POOL_RANGE_SERIAL, POOL_RANGE_CREW);
    pool_case_add_yoke(c, POOL_RANGE_YOKE, "yoke");
    pool_case_add_peers(c, pool_range_param);
    bool fine = pool_range_prepare(&range, place) && pool_case_run(c, POOL_CASES_BUDGET_NS) &&
                pool_range_print_perfect(&range);
    pool_case_free(c);
    free(range.steps);
    free(range.out);
    return fine;
}

bool pool_range_front(pool_run *run, const char *name)
{
    return pool_range_run(run, name, POOL_FRONT);
}

bool pool_range_middle(pool_run *run, const char *name)
{
    return pool_range_run(run, name, POOL_MIDDLE);
}

bool pool_range_back(pool_run *run, const char *name)
{
    return pool_range_run(run, name, POOL_BACK);
}

/* ---------------------------------------------------------------------------------------------
 * Empty
 */

static yoke_status pool_range_empty(pool_row *row, uint64_t *ns)
{
    yoke_cpu_kernel volatile kernel = pool_runtime_empty;
    yoke_claim claim = {.count = POOL_RANGE_EMPTY};
    yoke_job job = yoke_job(.num_items = POOL_RANGE_EMPTY);
    yoke_job *jobs = &job;
    yoke_status status;
    uint64_t start_ns;
    if (row->yoke == NULL) {
        start_ns = pool_work_now_ns();
        status = kernel(NULL, &claim);
    } else {
        job.type = row->yoke->empty;
        start_ns = pool_work_now_ns();
        status = yoke_submit(row->yoke->rt, &jobs, 1);
        status = status == YOKE_OK ? yoke_wait(row->yoke->rt, &job, YOKE_FOREVER) : status;
    }
    *ns = pool_work_now_ns() - start_ns;
    return status;
}

static bool pool_range_once_empty(pool_case *c, pool_row *row)
{
    pool_range *range = c->part;
    for (uint32_t i = 0; i < c->samples; i++) {
        uint64_t ns;
        if (range->is_asleep) {
            nanosleep(&(struct timespec){.tv_nsec = POOL_RANGE_SLEEP_NS}, NULL);
        }
        if (!pool_run_expect(c->run, row, pool_range_empty(row, &ns))) {
            return false;
        }
        pool_case_sample(c, row, (double)ns / 1e3);
    }
    return true;
}

static bool pool_range_print_over(pool_case *c)
{
    const pool_row *serial = pool_case_find(c, "serial", 1);
    for (size_t i = 0; i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        double p50;
        if (row->yoke == NULL) {
            continue;
        }
        pool_ratio ratio = {.unit = "us over",
                            .better = "lower",
                            .row = row,
                            .over = row,
                            .under = serial,
                            .is_difference = true};
        if (!pool_case_print_ratio(c, &ratio, &p50)) {
            return false;
        }
        pool_case_at_most(c, row, "us over a plain call", p50, 20);
    }
    return true;
}

static void pool_range_param_empty(const pool_run *run, const pool_peer *peer, char *text,
                                   size_t bytes)
{
    (void)run;
    (void)peer;
    snprintf(text, bytes, "%d", POOL_RANGE_EMPTY);
}

static bool pool_range_run_empty(pool_run *run, const char *name, bool is_asleep)
{
    bool is_quick = run->options->is_quick;
    pool_range range = {
        .c = {.run = run, .name = name, .unit = "us", .once = pool_range_once_empty},
        .is_asleep = is_asleep};
    pool_case *c = &range.c;
    c->part = &range;
    c->samples = is_quick ? POOL_RANGE_EMPTY_SAMPLES_QUICK : POOL_RANGE_EMPTY_SAMPLES;
    pool_case_add_floor(c, POOL_RANGE_SERIAL, 1, "serial");
    pool_case_add_yoke(c, POOL_RANGE_YOKE, "yoke");
    pool_case_add_peers(c, pool_range_param_empty);
    bool fine = pool_case_run(c, POOL_CASES_BUDGET_NS) && pool_range_print_over(c);
    pool_case_free(c);
    return fine;
}

bool pool_range_asleep(pool_run *run, const char *name)
{
    return pool_range_run_empty(run, name, true);
}

bool pool_range_awake(pool_run *run, const char *name)
{
    return pool_range_run_empty(run, name, false);
}
