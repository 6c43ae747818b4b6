/*
 * A batch of one item, there and back: what yoke adds to a dispatch. Owns raw Vulkan's commands and
 * the thread of the futex floor while a case runs; one thread beside the runtime's.
 * Always holds: before a parked trip the caller sleeps for 2 ms, by when the submitter has parked;
 * an awake one follows the last at once, after some that are not counted. Every item's answer is
 * looked at.
 */
#include "gpu_parts.h"
#include "pool_futex.h"
#include "pool_work.h"

#include "cli/clock.h"

#include <time.h>

#define GPU_EMPTY_BUDGET_NS UINT64_C(4000000000)
#define GPU_EMPTY_SLEEP_NS 2000000
#define GPU_EMPTY_AWAKE_TRIPS 1000 /* a round */
#define GPU_EMPTY_PARKED_TRIPS 100
#define GPU_EMPTY_QUICK_TRIPS 5
#define GPU_EMPTY_WARM_UP_TRIPS 20

enum { GPU_EMPTY_YOKE, GPU_EMPTY_RAW, GPU_EMPTY_FUTEX };

typedef struct gpu_empty {
    gpu_case c;
    bool is_parked;
    pool_futex *futex;
    gpu_raw_buffer words; /* the item's at its begin, its answer's 64 bytes on */
    gpu_raw_commands *commands;
    uint32_t next; /* the next item */
} gpu_empty;

static uint64_t gpu_empty_yoke(gpu_empty *e, yoke_status *status, uint32_t *answer)
{
    const gpu_engine *engine = &e->c.run->engine;
    uint32_t item = e->next;
    yoke_job job = yoke_job(.type = engine->add_one, .flags = YOKE_JOB_GPU, .in = {&item},
                            .out = answer, .num_items = 1);
    yoke_job *jobs = &job;
    uint64_t start_ns = clock_ns();
    *status = yoke_submit(engine->rt, &jobs, 1);
    if (*status == YOKE_OK && e->is_parked) {
        *status = yoke_wait(engine->rt, &job, YOKE_FOREVER);
    } else if (*status == YOKE_OK) {
        while (!yoke_poll(&job)) {
            pool_work_relax();
        }
        *status = job.status;
    }
    return clock_ns() - start_ns;
}

static uint64_t gpu_empty_raw(gpu_empty *e, uint32_t *answer)
{
    gpu_raw *raw = e->c.run->raw;
    uint32_t *words = e->words.host;
    uint64_t start_ns = clock_ns();
    words[0] = e->next;
    uint64_t value = gpu_raw_submit(raw, &e->commands, 1);
    if (e->is_parked) {
        gpu_raw_wait(raw, GPU_RAW_COMPUTE, value);
    } else {
        gpu_raw_spin(raw, GPU_RAW_COMPUTE, value);
    }
    *answer = words[16];
    return clock_ns() - start_ns;
}

static uint64_t gpu_empty_futex(gpu_empty *e, uint32_t *answer)
{
    uint64_t start_ns = clock_ns();
    pool_futex_ask(e->futex);
    *answer = e->next + 1;
    return clock_ns() - start_ns;
}

static bool gpu_empty_trip(gpu_empty *e, const gpu_row *row, double *us)
{
    yoke_status status = YOKE_OK;
    uint32_t answer = 0;
    uint64_t ns;
    e->next++;
    if (e->is_parked) {
        nanosleep(&(struct timespec){.tv_nsec = GPU_EMPTY_SLEEP_NS}, NULL);
    }
    switch (row->kind) {
    case GPU_EMPTY_YOKE:
        ns = gpu_empty_yoke(e, &status, &answer);
        break;
    case GPU_EMPTY_RAW:
        ns = gpu_empty_raw(e, &answer);
        break;
    default:
        ns = gpu_empty_futex(e, &answer);
    }
    *us = (double)ns / 1e3;
    return gpu_run_expect_raw(e->c.run) && gpu_run_expect(e->c.run, row, status) &&
           (answer == e->next + 1 || gpu_run_fail(e->c.run, "%s, %s: %u + 1 is not %u", e->c.name,
                                                  row->engine, e->next, answer));
}

static bool gpu_empty_once(gpu_case *c, gpu_row *row)
{
    gpu_empty *e = c->part;
    double us;
    for (uint32_t i = 0; !e->is_parked && i < GPU_EMPTY_WARM_UP_TRIPS; i++) {
        if (!gpu_empty_trip(e, row, &us)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < c->samples; i++) {
        if (!gpu_empty_trip(e, row, &us)) {
            return false;
        }
        gpu_case_sample(c, row, &us);
    }
    return true;
}

/* The commands are recorded once: that is the least. */
static bool gpu_empty_prepare(gpu_empty *e)
{
    gpu_run *run = e->c.run;
    gpu_raw *raw = run->raw;
    e->words = gpu_raw_alloc(raw, GPU_RAW_HOST, 4096);
    uint64_t block = gpu_raw_put_block(
        raw, 0,
        &(gpu_raw_block){.in = {e->words.address}, .out = e->words.address + 64, .num_items = 1});
    e->commands = gpu_raw_record(raw, GPU_RAW_COMPUTE);
    gpu_raw_dispatch(e->commands, gpu_raw_compile(raw, gpu_engine_add_one_shader()), block, 1);
    gpu_raw_finish(e->commands);
    e->futex = pool_futex_create(false);
    return gpu_run_expect_raw(run) &&
           (e->futex != NULL || gpu_run_fail(run, "the system refuses a thread"));
}

static bool gpu_empty_run(gpu_empty *e, uint32_t trips)
{
    gpu_case *c = &e->c;
    c->samples = c->run->options->is_quick ? GPU_EMPTY_QUICK_TRIPS : trips;
    c->once = gpu_empty_once;
    c->part = e;
    bool fine = gpu_empty_prepare(e) && gpu_case_run(c, GPU_EMPTY_BUDGET_NS);
    pool_futex_destroy(&e->futex);
    gpu_raw_reset(c->run->raw);
    gpu_raw_free(c->run->raw, &e->words);
    return fine;
}

bool gpu_empty_awake(gpu_run *run, const char *name)
{
    gpu_empty e = {.c = {.run = run, .name = name, .unit = "us", .better = "lower"}};
    gpu_row *raw = gpu_case_add(&e.c, GPU_EMPTY_RAW, "raw", "items=1");
    gpu_row *yoke = gpu_case_add(&e.c, GPU_EMPTY_YOKE, "yoke", "items=1");
    bool fine = gpu_empty_run(&e, GPU_EMPTY_AWAKE_TRIPS);
    if (fine) {
        double ratio = gpu_case_over(&e.c, yoke, raw);
        gpu_case_at_most(&e.c, yoke, "x raw", ratio, 1.15);
        fine = ratio > 0;
    }
    gpu_case_free(&e.c);
    return fine;
}

bool gpu_empty_parked(gpu_run *run, const char *name)
{
    gpu_empty e = {.c = {.run = run, .name = name, .unit = "us", .better = "lower"},
                   .is_parked = true};
    gpu_row *raw = gpu_case_add(&e.c, GPU_EMPTY_RAW, "raw", "items=1");
    gpu_row *yoke = gpu_case_add(&e.c, GPU_EMPTY_YOKE, "yoke", "items=1");
    gpu_row *futex = gpu_case_add(&e.c, GPU_EMPTY_FUTEX, "futex", "threads=2");
    futex->is_cpu = true;
    bool fine = gpu_empty_run(&e, GPU_EMPTY_PARKED_TRIPS);
    if (fine) { /* there and back is two wakes: the submitter's and the host's */
        gpu_case_at_most(&e.c, yoke, "us; raw and futex", gpu_row_p50(yoke, 0),
                         gpu_row_p50(raw, 0) + gpu_row_p50(futex, 0));
    }
    gpu_case_free(&e.c);
    return fine;
}
