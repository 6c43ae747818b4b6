/*
 * One job there and back, and only there. Owns the floor's thread while a case runs; one thread.
 * Always holds: before an idle trip the caller sleeps for 2 ms, by when every worker is parked; a
 * hot one follows the last at once, after some that are not counted. Costs two readings of the
 * clock in each trip, of which about one is in its time.
 */
#include "pool_futex.h"
#include "pool_parts.h"
#include "pool_work.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define POOL_TRIP_SLEEP_NS 2000000
#define POOL_TRIP_BUDGET_NS (2 * POOL_CASES_BUDGET_NS)
#define POOL_TRIP_IDLE_TRIPS 50 /* a round */
#define POOL_TRIP_HOT_TRIPS 500
#define POOL_TRIP_QUICK_TRIPS 5
/* Until the system has moved two threads that it began on one CPU to two. */
#define POOL_TRIP_WARM_UP_NS UINT64_C(30000000)

enum { POOL_TRIP_YOKE, POOL_TRIP_FUTEX, POOL_TRIP_FUTEX_SPIN };

typedef struct pool_trip {
    pool_case c;
    pool_futex *futex, *futex_spin;
    bool is_hot;
    bool is_start; /* the time ends with the kernel's first store */
} pool_trip;

static void pool_trip_sleep(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POOL_TRIP_SLEEP_NS}, NULL);
}

static yoke_status pool_trip_empty(pool_row *row, uint64_t *ns)
{
    yoke_job job = yoke_job(.type = row->yoke->empty, .num_items = 1);
    yoke_job *jobs = &job;
    uint64_t start_ns = pool_work_now_ns();
    yoke_status status = yoke_submit(row->yoke->rt, &jobs, 1);
    if (status == YOKE_OK) {
        status = yoke_wait(row->yoke->rt, &job, YOKE_FOREVER);
    }
    *ns = pool_work_now_ns() - start_ns;
    return status;
}

static void pool_trip_store(yoke_worker *worker, void *context)
{
    (void)worker;
    atomic_store_explicit((atomic_int *)context, 1, memory_order_release);
}

static yoke_status pool_trip_to_start(pool_row *row, uint64_t *ns)
{
    atomic_int flag = 0;
    yoke_job job;
    uint64_t start_ns = pool_work_now_ns();
    yoke_status status = pool_runtime_launch(row->yoke, &job, pool_trip_store, &flag);
    if (status != YOKE_OK) {
        return status;
    }
    while (atomic_load_explicit(&flag, memory_order_acquire) == 0) {
        pool_work_relax();
    }
    *ns = pool_work_now_ns() - start_ns;
    return yoke_wait(row->yoke->rt, &job, YOKE_FOREVER);
}

static yoke_status pool_trip_make(pool_trip *trip, pool_row *row, uint64_t *ns)
{
    if (row->yoke != NULL) {
        return trip->is_start ? pool_trip_to_start(row, ns) : pool_trip_empty(row, ns);
    }
    pool_futex *futex = row->kind == POOL_TRIP_FUTEX ? trip->futex : trip->futex_spin;
    uint64_t start_ns = pool_work_now_ns();
    pool_futex_ask(futex);
    *ns = pool_work_now_ns() - start_ns;
    return YOKE_OK;
}

static bool pool_trip_once(pool_case *c, pool_row *row)
{
    pool_trip *trip = c->part;
    uint64_t unseen_ns = trip->is_hot && !c->run->options->is_quick ? POOL_TRIP_WARM_UP_NS : 0;
    uint64_t begun_ns = pool_work_now_ns();
    for (uint32_t i = 0; i < c->samples;) {
        uint64_t ns = 0;
        if (!trip->is_hot) {
            pool_trip_sleep();
        }
        if (!pool_run_expect(c->run, row, pool_trip_make(trip, row, &ns))) {
            return false;
        }
        if (pool_work_now_ns() - begun_ns >= unseen_ns) {
            pool_case_sample(c, row, (double)ns / 1e3);
            i++;
        }
    }
    return true;
}

static bool pool_trip_run(pool_trip *trip, uint32_t trips)
{
    pool_case *c = &trip->c;
    c->unit = "us";
    c->samples = c->run->options->is_quick ? POOL_TRIP_QUICK_TRIPS : trips;
    c->once = pool_trip_once;
    c->part = trip;
    if (!trip->is_start) {
        pool_case_add_floor(c, POOL_TRIP_FUTEX, 2, "futex");
    }
    if (trip->is_start || trip->is_hot) {
        pool_case_add_floor(c, POOL_TRIP_FUTEX_SPIN, 2, "futex spin");
    }
    pool_case_add_yoke(c, POOL_TRIP_YOKE, "yoke");
    pool_case_add_peers(c, NULL);
    trip->futex = pool_futex_create(false);
    trip->futex_spin = pool_futex_create(true);
    bool fine = (trip->futex != NULL && trip->futex_spin != NULL) ||
                pool_run_fail(c->run, "the system refuses a thread");
    fine = fine && pool_case_run(c, POOL_TRIP_BUDGET_NS);
    pool_futex_destroy(&trip->futex);
    pool_futex_destroy(&trip->futex_spin);
    return fine;
}

/* Yoke's p50 and p99 over the floor's. */
static bool pool_trip_print(pool_trip *trip)
{
    pool_case *c = &trip->c;
    const pool_row *futex = pool_case_find(c, "futex", 2);
    for (size_t i = 0; i < c->num_rows; i++) {
        const pool_row *row = &c->rows[i];
        double p50, p99;
        if (row->yoke == NULL) {
            continue;
        }
        pool_ratio ratio = {.unit = "x futex",
                            .better = "lower",
                            .row = row,
                            .over = row,
                            .under = futex,
                            .scale = 1};
        p99 = pool_row_p99(row) / pool_row_p99(futex);
        if (!pool_case_print_ratio(c, &ratio, &p50) ||
            !pool_case_print_figure(c, row, "x p99", p99)) {
            return false;
        }
        pool_case_at_most(c, row, "p50, x that of futex", p50, 1.15);
        pool_case_at_most(c, row, "p99, x that of futex", p99, 1.5);
    }
    return true;
}

bool pool_trip_idle(pool_run *run, const char *name)
{
    pool_trip trip = {.c = {.run = run, .name = name}};
    bool fine = pool_trip_run(&trip, POOL_TRIP_IDLE_TRIPS) && pool_trip_print(&trip);
    pool_case_free(&trip.c);
    return fine;
}

bool pool_trip_hot(pool_run *run, const char *name)
{
    pool_trip trip = {.c = {.run = run, .name = name}, .is_hot = true};
    bool fine = pool_trip_run(&trip, POOL_TRIP_HOT_TRIPS);
    for (size_t i = 0; fine && i < trip.c.num_rows; i++) {
        const pool_row *row = &trip.c.rows[i];
        if (row->yoke != NULL) {
            pool_case_at_most(&trip.c, row, "us", pool_row_p50(row), 0.3);
        }
    }
    pool_case_free(&trip.c);
    return fine;
}

bool pool_trip_start(pool_run *run, const char *name)
{
    pool_trip trip = {.c = {.run = run, .name = name}, .is_start = true};
    bool fine = pool_trip_run(&trip, POOL_TRIP_IDLE_TRIPS);
    pool_case_free(&trip.c);
    return fine;
}
