/*
 * Forks and submits from inside a kernel. Owns the job structs of a case while it runs; the kernels
 * run on workers, one at a time.
 * Always holds: a struct is used again only after its group is empty, for which the host waits,
 * since a worker must not. A wave is timed from its first submit to when the host knows of its end.
 */
#include "pool_parts.h"
#include "pool_tasks.h"

#include <stdio.h>
#include <stdlib.h>

#define POOL_INSIDE_NUM (1u << 20)
#define POOL_INSIDE_NUM_QUICK (1u << 12)
#define POOL_INSIDE_STRUCTS (1u << 12) /* what a worker's deque holds */
#define POOL_INSIDE_STRUCTS_QUICK (1u << 10)

enum { POOL_INSIDE_TYPED, POOL_INSIDE_GENERIC, POOL_INSIDE_SUBMIT };

typedef struct pool_inside {
    pool_case c;
    uint32_t num; /* forks, or jobs */
    uint32_t num_structs;
    yoke_job *structs;
    yoke_group group;
    yoke_runtime *rt;  /* of the run that goes on */
    uint64_t begun_ns; /* the wave that goes on */
    yoke_status status;
} pool_inside;

static bool pool_inside_once_fork(pool_inside *inside, pool_row *row, uint64_t *ns)
{
    pool_run *run = inside->c.run;
    pool_task task = {.num = inside->num};
    pool_runtime_fn fn =
        row->kind == POOL_INSIDE_TYPED ? pool_tasks_empty : pool_tasks_empty_generic;
    uint64_t start_ns = pool_work_now_ns();
    yoke_status status = pool_runtime_call(row->yoke, fn, &task);
    *ns = pool_work_now_ns() - start_ns;
    return pool_run_expect(run, row, status) &&
           (task.result == (long)inside->num ||
            pool_run_fail(run, "%s, %s: %ld of %u calls ran", inside->c.name, row->engine,
                          task.result, inside->num));
}

/* On a worker: a submit for each struct. */
static void pool_inside_wave(yoke_worker *worker, void *context)
{
    (void)worker;
    pool_inside *inside = context;
    inside->begun_ns = pool_work_now_ns();
    for (uint32_t i = 0; i < inside->num_structs && inside->status == YOKE_OK; i++) {
        yoke_job *job = &inside->structs[i];
        inside->status = yoke_submit(inside->rt, &job, 1);
    }
}

static bool pool_inside_once_submit(pool_inside *inside, pool_row *row, uint64_t *ns)
{
    yoke_status status = YOKE_OK;
    inside->rt = row->yoke->rt;
    inside->group = (yoke_group){{0}};
    inside->status = YOKE_OK;
    for (uint32_t i = 0; i < inside->num_structs; i++) {
        inside->structs[i] =
            yoke_job(.type = row->yoke->empty, .num_items = 1, .group = &inside->group);
        inside->structs[i].status = YOKE_CANCELED;
    }
    *ns = 0;
    for (uint32_t done = 0; done < inside->num && status == YOKE_OK; done += inside->num_structs) {
        status = pool_runtime_call(row->yoke, pool_inside_wave, inside);
        yoke_status waited = yoke_group_wait(inside->rt, &inside->group, YOKE_FOREVER);
        *ns += pool_work_now_ns() - inside->begun_ns;
        status = status == YOKE_OK ? inside->status : status;
        status = status == YOKE_OK ? waited : status;
    }
    for (uint32_t i = 0; i < inside->num_structs && status == YOKE_OK; i++) {
        status = inside->structs[i].status;
    }
    return pool_run_expect(inside->c.run, row, status);
}

static bool pool_inside_once(pool_case *c, pool_row *row)
{
    pool_inside *inside = c->part;
    uint64_t ns;
    bool fine = row->kind == POOL_INSIDE_SUBMIT ? pool_inside_once_submit(inside, row, &ns)
                                                : pool_inside_once_fork(inside, row, &ns);
    if (fine) {
        pool_case_sample(c, row, (double)ns / inside->num);
    }
    return fine;
}

static void pool_inside_param(const pool_run *run, const pool_peer *peer, char *text, size_t bytes)
{
    uint32_t quick = POOL_INSIDE_NUM_QUICK;
    snprintf(text, bytes, "%u", run->options->is_quick ? quick : peer->size->jobs);
}

/* bars: on one worker, on two. */
static bool pool_inside_run(pool_inside *inside, const double bars[2])
{
    pool_case *c = &inside->c;
    bool is_quick = c->run->options->is_quick;
    inside->num = is_quick ? POOL_INSIDE_NUM_QUICK : POOL_INSIDE_NUM;
    inside->num_structs = is_quick ? POOL_INSIDE_STRUCTS_QUICK : POOL_INSIDE_STRUCTS;
    inside->structs = calloc(inside->num_structs, sizeof(*inside->structs));
    c->samples = 1;
    c->once = pool_inside_once;
    c->part = inside;
    pool_case_add_peers(c, pool_inside_param);
    bool fine = inside->structs != NULL || pool_run_fail(c->run, "out of memory");
    fine = fine && pool_case_run(c, POOL_CASES_BUDGET_NS);
    for (size_t i = 0; fine && i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        if (row->yoke != NULL) {
            pool_case_at_most(c, row, c->unit, pool_row_p50(row), bars[row->workers == 1 ? 0 : 1]);
        }
    }
    pool_case_free(c);
    free(inside->structs);
    return fine;
}

bool pool_inside_fork(pool_run *run, const char *name)
{
    pool_inside inside = {.c = {.run = run, .name = name, .unit = "ns/fork"}};
    pool_case_add_yoke(&inside.c, POOL_INSIDE_TYPED, "yoke");
    pool_case_add_yoke(&inside.c, POOL_INSIDE_GENERIC, "yoke generic");
    return pool_inside_run(&inside, (double[]){6, 15});
}

bool pool_inside_submit(pool_run *run, const char *name)
{
    pool_inside inside = {.c = {.run = run, .name = name, .unit = "ns/job"}};
    pool_case_add_yoke(&inside.c, POOL_INSIDE_SUBMIT, "yoke");
    return pool_inside_run(&inside, (double[]){30, 40});
}
