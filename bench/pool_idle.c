/*
 * What a runtime costs that has nothing, or not enough, to do. Owns nothing but a case while it
 * runs; one thread.
 * Always holds: a runtime's threads are told apart from all others, so the other runtimes and the
 * bench itself count for nothing. A peer is asked for its whole process.
 * Costs a second, or some, of sleep a sample.
 */
#include "pool_parts.h"
#include "pool_work.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POOL_IDLE_MS 1000
#define POOL_IDLE_MS_QUICK 20
#define POOL_IDLE_PEER 10    /* a peer's windows are shorter by this */
#define POOL_IDLE_WINDOWS 10 /* of a row; each is a sample */
#define POOL_IDLE_SETTLE_NS                                                                        \
    UINT64_C(2500000000)  /* the controller's window after the last job's                          \
                           */
#define POOL_IDLE_JOBS 64 /* before the workers are watched going to sleep */
#define POOL_IDLE_PARKS 100
#define POOL_IDLE_PARK_NS 10000000 /* by then they sleep */

static uint32_t pool_idle_ms(const pool_run *run)
{
    return run->options->is_quick ? POOL_IDLE_MS_QUICK : POOL_IDLE_MS;
}

static void pool_idle_sleep(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u),
                            .tv_nsec = (long)(ns % 1000000000u)};
    nanosleep(&left, NULL);
}

/* The caller's. */
static uint64_t pool_idle_own_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* So that it has worked, and has had the time to go to sleep. */
static yoke_status pool_idle_stir(pool_row *row)
{
    yoke_job jobs[POOL_IDLE_JOBS];
    yoke_job *list[POOL_IDLE_JOBS];
    yoke_group group = {{0}};
    for (int i = 0; i < POOL_IDLE_JOBS; i++) {
        jobs[i] = yoke_job(.type = row->yoke->empty, .num_items = 1, .group = &group);
        list[i] = &jobs[i];
    }
    yoke_status status = yoke_submit(row->yoke->rt, list, POOL_IDLE_JOBS);
    return status == YOKE_OK ? yoke_group_wait(row->yoke->rt, &group, YOKE_FOREVER) : status;
}

static void pool_idle_param(const pool_run *run, const pool_peer *peer, char *text, size_t bytes)
{
    (void)peer;
    snprintf(text, bytes, "%u", pool_idle_ms(run) / POOL_IDLE_PEER);
}

/* A round and no more: its windows follow each other. */
static bool pool_idle_run(pool_case *c, uint32_t samples, const char *bar_unit, double bar)
{
    c->samples = c->run->options->is_quick ? 1 : samples;
    c->is_single = true;
    pool_case_add_yoke(c, 0, "yoke");
    pool_case_add_peers(c, pool_idle_param);
    bool fine = pool_case_run(c, 0);
    for (size_t i = 0; fine && i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        if (row->yoke != NULL) {
            pool_case_at_most(c, row, bar_unit, pool_row_p99(row), bar);
        }
    }
    pool_case_free(c);
    return fine;
}

/* ---------------------------------------------------------------------------------------------
 * Nothing to do
 */

/* What threads have used so far; false: the system does not say. */
typedef bool (*pool_idle_count)(const pool_threads *threads, uint64_t *count);

static bool pool_idle_count_cpu(const pool_threads *threads, uint64_t *count)
{
    *count = pool_threads_all_cpu_ns(threads);
    return true;
}

/* A window for all runtimes at once. */
static bool pool_idle_window(pool_case *c, pool_idle_count count, double scale)
{
    uint64_t before[POOL_BENCH_WORKERS_MAX], after[POOL_BENCH_WORKERS_MAX];
    uint32_t num = c->run->options->num_workers;
    bool fine = true;
    uint64_t start_ns = pool_work_now_ns();
    for (uint32_t i = 0; i < num; i++) {
        fine = fine && count(&c->run->runtimes[i].threads, &before[i]);
    }
    pool_idle_sleep((uint64_t)pool_idle_ms(c->run) * 1000000u);
    for (uint32_t i = 0; i < num; i++) {
        fine = fine && count(&c->run->runtimes[i].threads, &after[i]);
    }
    double ns = (double)(pool_work_now_ns() - start_ns);
    for (uint32_t i = 0; fine && i < num; i++) {
        pool_case_sample(c, &c->rows[i], (double)(after[i] - before[i]) * scale / ns);
    }
    return fine || pool_run_fail(c->run, "/proc/self/task cannot be read");
}

/* The first row's turn, which is all rows'. */
static bool pool_idle_windows(pool_case *c, const pool_row *row, pool_idle_count count,
                              double scale)
{
    if (row != &c->rows[0]) {
        return true;
    }
    for (uint32_t i = 0; i < c->run->options->num_workers; i++) {
        if (!pool_run_expect(c->run, &c->rows[i], pool_idle_stir(&c->rows[i]))) {
            return false;
        }
    }
    pool_idle_sleep(c->run->options->is_quick ? POOL_IDLE_PARK_NS : POOL_IDLE_SETTLE_NS);
    bool fine = true;
    for (uint32_t i = 0; fine && i < c->samples; i++) {
        fine = pool_idle_window(c, count, scale);
    }
    return fine;
}

static bool pool_idle_once_cpu(pool_case *c, pool_row *row)
{
    return pool_idle_windows(c, row, pool_idle_count_cpu, 100);
}

bool pool_idle_cpu(pool_run *run, const char *name)
{
    pool_case c = {.run = run, .name = name, .unit = "% CPU", .once = pool_idle_once_cpu};
    return pool_idle_run(&c, POOL_IDLE_WINDOWS, "% CPU (p99)", 0.01);
}

static bool pool_idle_once_wakes(pool_case *c, pool_row *row)
{
    return pool_idle_windows(c, row, pool_threads_wakes, 1e9);
}

bool pool_idle_wakes(pool_run *run, const char *name)
{
    pool_case c = {.run = run, .name = name, .unit = "wakes/s", .once = pool_idle_once_wakes};
    return pool_idle_run(&c, POOL_IDLE_WINDOWS, "wakes/s (p99)", 0);
}

/* ---------------------------------------------------------------------------------------------
 * Going to sleep
 */

/* A worker's clock when it had run a job; the last one's is left standing. */
typedef struct pool_idle_stamp {
    alignas(64) int thread; /* 0: it has run none */
    uint64_t cpu_ns;
} pool_idle_stamp;

static void pool_idle_put_stamp(yoke_worker *worker, void *context)
{
    pool_idle_stamp *stamp = (pool_idle_stamp *)context + yoke_worker_index(worker);
    stamp->thread = (int)syscall(SYS_gettid);
    stamp->cpu_ns = pool_idle_own_cpu_ns();
}

/* Jobs that leave stamps; the host waits for each, so the last is the last. */
static yoke_status pool_idle_stamp_all(pool_row *row, pool_idle_stamp *stamps)
{
    yoke_status status = YOKE_OK;
    for (int i = 0; i < POOL_IDLE_JOBS && status == YOKE_OK; i++) {
        status = pool_runtime_call(row->yoke, pool_idle_put_stamp, stamps);
    }
    return status;
}

/* By CPU time, not by the clock: who was pushed off its CPU meanwhile has not spun longer. Workers
 * that ran nothing count from before the first job. */
static bool pool_idle_once_park(pool_case *c, pool_row *row)
{
    const pool_threads *threads = &row->yoke->threads;
    for (uint32_t i = 0; i < c->samples; i++) {
        pool_idle_stamp stamps[YOKE_WORKERS_MAX];
        uint64_t since_ns[POOL_THREADS_MAX], most_ns = 0;
        memset(stamps, 0, sizeof(stamps));
        for (size_t k = 0; k < threads->num; k++) {
            since_ns[k] = pool_threads_cpu_ns(threads->ids[k]);
        }
        yoke_status status = pool_idle_stamp_all(row, stamps);
        pool_idle_sleep(POOL_IDLE_PARK_NS);
        for (size_t k = 0; k < threads->num; k++) {
            for (size_t w = 0; w < YOKE_WORKERS_MAX; w++) {
                bool is_its = stamps[w].thread == threads->ids[k];
                since_ns[k] = is_its ? stamps[w].cpu_ns : since_ns[k];
            }
            uint64_t ns = pool_threads_cpu_ns(threads->ids[k]) - since_ns[k];
            most_ns = ns > most_ns ? ns : most_ns;
        }
        if (!pool_run_expect(c->run, row, status)) {
            return false;
        }
        pool_case_sample(c, row, (double)most_ns / 1e3);
    }
    return true;
}

bool pool_idle_park(pool_run *run, const char *name)
{
    pool_case c = {.run = run, .name = name, .unit = "us", .once = pool_idle_once_park};
    return pool_idle_run(&c, POOL_IDLE_PARKS, "us of CPU time (p99)", 100);
}

/* ---------------------------------------------------------------------------------------------
 * One long task
 */

typedef struct pool_idle_task {
    uint64_t ns;     /* how long it is to run */
    uint64_t cpu_ns; /* what its worker took meanwhile */
} pool_idle_task;

static void pool_idle_spin(yoke_worker *worker, void *context)
{
    (void)worker;
    pool_idle_task *task = context;
    uint64_t start_ns = pool_work_now_ns(), before_ns = pool_idle_own_cpu_ns();
    while (pool_work_now_ns() - start_ns < task->ns) {
        pool_work_relax();
    }
    task->cpu_ns = pool_idle_own_cpu_ns() - before_ns;
}

static bool pool_idle_once_long(pool_case *c, pool_row *row)
{
    uint64_t ns = (uint64_t)pool_idle_ms(c->run) * 1000000u;
    for (uint32_t i = 0; i < c->samples; i++) {
        pool_idle_task task = {.ns = ns};
        pool_idle_sleep(POOL_IDLE_PARK_NS);
        uint64_t before_ns = pool_threads_all_cpu_ns(&row->yoke->threads);
        yoke_status status = pool_runtime_call(row->yoke, pool_idle_spin, &task);
        uint64_t all_ns = pool_threads_all_cpu_ns(&row->yoke->threads) - before_ns;
        if (!pool_run_expect(c->run, row, status)) {
            return false;
        }
        pool_case_sample(c, row, 100.0 * ((double)all_ns - (double)task.cpu_ns) / (double)ns);
    }
    return true;
}

bool pool_idle_long_task(pool_run *run, const char *name)
{
    pool_case c = {.run = run, .name = name, .unit = "% CPU", .once = pool_idle_once_long};
    return pool_idle_run(&c, POOL_IDLE_WINDOWS / 3, "% CPU (p99)", 0.05);
}
