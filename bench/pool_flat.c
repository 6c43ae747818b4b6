/*
 * Small jobs from host threads. Owns the job structs while a case runs; its host threads live for
 * one run each.
 * Always holds: a struct is used again only after its group is empty; every job is a submit of its
 * own, but in flat_bulk; statuses are looked at afterwards, outside the time.
 */
#include "pool_crew.h"
#include "pool_parts.h"
#include "pool_work.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define POOL_FLAT_JOBS (1u << 20)
#define POOL_FLAT_JOBS_QUICK (1u << 12)
#define POOL_FLAT_STRUCTS (1u << 16)
#define POOL_FLAT_STRUCTS_QUICK (1u << 10)
#define POOL_FLAT_THREADS 4
#define POOL_FLAT_BULK 256

enum { POOL_FLAT_SERIAL, POOL_FLAT_YOKE };

typedef struct pool_flat {
    pool_case c;
    uint32_t num_jobs, num_structs; /* of all threads */
    uint32_t num_threads;
    uint32_t at_a_time;
    yoke_job *structs;
    yoke_job **list; /* of pointers to them, in order: what yoke_submit takes */
    yoke_group groups[POOL_FLAT_THREADS];
    yoke_runtime *rt;  /* of the run that goes on */
    atomic_int status; /* the first that was not YOKE_OK */
} pool_flat;

static void pool_flat_keep(pool_flat *flat, yoke_status status)
{
    int fine = YOKE_OK;
    if (status != YOKE_OK) {
        atomic_compare_exchange_strong_explicit(&flat->status, &fine, status, memory_order_relaxed,
                                                memory_order_relaxed);
    }
}

/* One thread's part: waves of as many jobs as it has structs. */
static void pool_flat_work(void *context, uint32_t thread)
{
    pool_flat *flat = context;
    uint32_t structs = flat->num_structs / flat->num_threads;
    uint32_t waves = flat->num_jobs / flat->num_structs;
    yoke_job **list = &flat->list[thread * structs];
    yoke_status status = YOKE_OK;
    for (uint32_t wave = 0; wave < waves && status == YOKE_OK; wave++) {
        for (uint32_t i = 0; i < structs && status == YOKE_OK; i += flat->at_a_time) {
            status = yoke_submit(flat->rt, &list[i], flat->at_a_time);
        }
        yoke_status waited = yoke_group_wait(flat->rt, &flat->groups[thread], YOKE_FOREVER);
        status = status == YOKE_OK ? waited : status;
    }
    pool_flat_keep(flat, status);
}

/* The structs as a host fills them in; then the wave's statuses tell that all of them ran. */
static void pool_flat_prepare(pool_flat *flat, const yoke_type *type)
{
    for (uint32_t i = 0; i < flat->num_structs; i++) {
        yoke_group *group = &flat->groups[i / (flat->num_structs / flat->num_threads)];
        flat->structs[i] = yoke_job(.type = type, .num_items = 1, .group = group);
        flat->structs[i].status = YOKE_CANCELED;
        flat->list[i] = &flat->structs[i];
        *group = (yoke_group){{0}};
    }
}

static bool pool_flat_once_yoke(pool_flat *flat, pool_row *row, uint64_t *ns)
{
    pool_run *run = flat->c.run;
    flat->rt = row->yoke->rt;
    pool_flat_prepare(flat, row->yoke->empty);
    if (flat->num_threads == 1) {
        uint64_t start_ns = pool_work_now_ns();
        pool_flat_work(flat, 0);
        *ns = pool_work_now_ns() - start_ns;
    } else if (!pool_crew_run(flat->num_threads, false, pool_flat_work, flat, ns)) {
        return pool_run_fail(run, "the system refuses %u threads", flat->num_threads);
    }
    for (uint32_t i = 0; i < flat->num_structs; i++) {
        pool_flat_keep(flat, flat->structs[i].status);
    }
    int status = atomic_load_explicit(&flat->status, memory_order_relaxed);
    return pool_run_expect(run, row, (yoke_status)status);
}

/* The same structs, each handed to the kernel by a plain call. */
static void pool_flat_once_serial(pool_flat *flat, uint64_t *ns)
{
    yoke_cpu_kernel volatile kernel = pool_runtime_empty;
    uint64_t start_ns = pool_work_now_ns();
    for (uint32_t i = 0; i < flat->num_jobs; i++) {
        yoke_job *job = &flat->structs[i % flat->num_structs];
        yoke_claim claim = {.count = job->num_items, .user = job->user};
        job->status = kernel(NULL, &claim);
    }
    *ns = pool_work_now_ns() - start_ns;
}

static bool pool_flat_once(pool_case *c, pool_row *row)
{
    pool_flat *flat = c->part;
    uint64_t ns;
    if (row->kind == POOL_FLAT_SERIAL) {
        pool_flat_once_serial(flat, &ns);
    } else if (!pool_flat_once_yoke(flat, row, &ns)) {
        return false;
    }
    pool_case_sample(c, row, (double)ns / flat->num_jobs);
    return true;
}

/* The peer on so many workers that takes least; NULL: there is none. */
static const pool_row *pool_flat_best_peer(const pool_case *c, uint32_t workers)
{
    const pool_row *best = NULL;
    for (size_t i = 0; i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        if (row->peer != NULL && row->workers == workers && !row->is_left_out &&
            (best == NULL || pool_row_p50(row) < pool_row_p50(best))) {
            best = row;
        }
    }
    return best;
}

/* How many times as long the best peer takes; and the bars. */
static bool pool_flat_print(pool_flat *flat, const double bars[3])
{
    pool_case *c = &flat->c;
    for (size_t i = 0; i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        const pool_row *peer = pool_flat_best_peer(c, row->workers);
        double p50;
        if (row->yoke == NULL) {
            continue;
        }
        if (bars[0] > 0) {
            pool_case_at_most(c, row, "ns/job", pool_row_p50(row), bars[row->workers == 1 ? 0 : 1]);
        }
        pool_ratio ratio = {.unit = "x peer",
                            .better = "higher",
                            .row = row,
                            .over = peer,
                            .under = row,
                            .scale = 1};
        if (peer != NULL && !pool_case_print_ratio(c, &ratio, &p50)) {
            return false;
        }
        if (peer != NULL && bars[2] > 0) {
            pool_case_at_least(c, row, "x faster than the best peer", p50, bars[2], peer->engine);
        }
    }
    return true;
}

static void pool_flat_param(const pool_run *run, const pool_peer *peer, char *text, size_t bytes)
{
    uint32_t quick = POOL_FLAT_JOBS_QUICK;
    snprintf(text, bytes, "%u", run->options->is_quick ? quick : peer->size->jobs);
}

/* bars: ns a job on one worker, on two, times the best peer's; 0: none. */
static bool pool_flat_run(pool_run *run, const char *name, uint32_t num_threads, uint32_t at_a_time,
                          const double bars[3])
{
    bool is_quick = run->options->is_quick;
    pool_flat flat = {
        .c = {.run = run, .name = name, .unit = "ns/job", .samples = 1, .once = pool_flat_once},
        .num_jobs = is_quick ? POOL_FLAT_JOBS_QUICK : POOL_FLAT_JOBS,
        .num_structs = is_quick ? POOL_FLAT_STRUCTS_QUICK : POOL_FLAT_STRUCTS,
        .num_threads = num_threads,
        .at_a_time = at_a_time};
    flat.c.part = &flat;
    flat.structs = calloc(flat.num_structs, sizeof(*flat.structs));
    flat.list = calloc(flat.num_structs, sizeof(yoke_job *));
    bool fine = flat.structs != NULL && flat.list != NULL;
    fine = fine || pool_run_fail(run, "out of memory");
    if (num_threads == 1) {
        pool_case_add_floor(&flat.c, POOL_FLAT_SERIAL, 1, "serial");
    }
    pool_case_add_yoke(&flat.c, POOL_FLAT_YOKE, "yoke");
    pool_case_add_peers(&flat.c, pool_flat_param);
    fine = fine && pool_case_run(&flat.c, POOL_CASES_BUDGET_NS) && pool_flat_print(&flat, bars);
    pool_case_free(&flat.c);
    free(flat.list);
    free(flat.structs);
    return fine;
}

bool pool_flat_one(pool_run *run, const char *name)
{
    return pool_flat_run(run, name, 1, 1, (double[]){30, 35, 4});
}

bool pool_flat_four(pool_run *run, const char *name)
{
    return pool_flat_run(run, name, POOL_FLAT_THREADS, 1, (double[]){0, 0, 0});
}

bool pool_flat_bulk(pool_run *run, const char *name)
{
    return pool_flat_run(run, name, 1, POOL_FLAT_BULK, (double[]){15, 15, 0});
}
