/*
 * The peers' cases. Owns nothing but what a case allocates; the main thread.
 * Always holds: a result is checked before its sample is printed, and a wrong one ends the process
 * with 1; each case runs once, or sleeps for long enough, before the first sample; an alarm ends
 * what hangs.
 */
#include "peer.h"

#include "bench/pool_crew.h"
#include "bench/pool_threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PEER_ALARM_S 120
#define PEER_GAP_NS 2000000
#define PEER_SETTLE_NS 300000000 /* by then whoever is to sleep does */
/* Until the system has moved two threads that it began on one CPU to two. */
#define PEER_HOT_WARM_UP_NS UINT64_C(30000000)

enum { PEER_DONE = 0, PEER_WRONG = 1, PEER_HAS_NONE = 2 };

typedef struct peer_request {
    const peer_engine *engine;
    const char *name; /* the case */
    uint32_t samples;
    const char *param;
    uint32_t num; /* the param as a number */
} peer_request;

typedef struct peer_case {
    const char *name;
    int (*run)(const peer_request *request);
} peer_case;

uint64_t peer_crew_ns(void (*fn)(void *context, uint32_t thread), void *context)
{
    uint64_t ns;
    if (!pool_crew_run(PEER_THREADS, false, fn, context, &ns)) {
        exit(PEER_WRONG);
    }
    return ns;
}

static void peer_sleep(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u),
                            .tv_nsec = (long)(ns % 1000000000u)};
    nanosleep(&left, NULL);
}

/* sample < 0: it warms up. False: the result is wrong. */
static bool peer_print(int64_t sample, uint64_t ns, double units, bool is_right)
{
    if (!is_right) {
        fprintf(stderr, "a result is wrong\n");
        return false;
    }
    if (sample >= 0) {
        printf("%.6f\n", (double)ns / units);
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * Work with a result
 */

static int peer_fib(const peer_request *r)
{
    if (r->engine->fib == NULL) {
        return PEER_HAS_NONE;
    }
    for (int64_t i = -1; i < r->samples; i++) {
        long result = 0;
        uint64_t ns = r->engine->fib(r->num, &result);
        bool is_right = result == pool_work_fib_answer(r->num);
        if (!peer_print(i, ns, (double)pool_work_fib_forks(r->num), is_right)) {
            return PEER_WRONG;
        }
    }
    return PEER_DONE;
}

static int peer_queens(const peer_request *r)
{
    if (r->engine->queens == NULL) {
        return PEER_HAS_NONE;
    }
    for (int64_t i = -1; i < r->samples; i++) {
        long result = 0;
        uint64_t ns = r->engine->queens((pool_board){.size = (uint8_t)r->num}, &result);
        if (!peer_print(i, ns, 1e6, result == pool_work_queens_answer((int)r->num))) {
            return PEER_WRONG;
        }
    }
    return PEER_DONE;
}

static int peer_tree(const peer_request *r)
{
    const pool_tree *tree = strcmp(r->param, "full") == 0    ? &pool_work_tree_full
                            : strcmp(r->param, "small") == 0 ? &pool_work_tree_small
                                                             : &pool_work_tree_tiny;
    if (r->engine->tree == NULL) {
        return PEER_HAS_NONE;
    }
    for (int64_t i = -1; i < r->samples; i++) {
        long result = 0;
        uint64_t ns = r->engine->tree(tree->root, &result);
        if (!peer_print(i, ns, (double)tree->num_nodes, (uint64_t)result == tree->num_nodes)) {
            return PEER_WRONG;
        }
    }
    return PEER_DONE;
}

static int peer_range(const peer_request *r)
{
    pool_place place = strcmp(r->name, "range_front") == 0    ? POOL_FRONT
                       : strcmp(r->name, "range_middle") == 0 ? POOL_MIDDLE
                                                              : POOL_BACK;
    if (r->engine->range == NULL) {
        return PEER_HAS_NONE;
    }
    uint32_t *steps = calloc(r->num, sizeof(*steps));
    uint64_t *out = calloc(r->num, sizeof(*out));
    bool fine = steps != NULL && out != NULL;
    uint64_t sum = 0;
    if (fine) {
        pool_work_fill(steps, r->num, place);
        pool_work_items(steps, out, 0, r->num);
        sum = pool_work_sum(out, r->num);
    }
    for (int64_t i = -1; fine && i < r->samples; i++) {
        memset(out, 0, r->num * sizeof(*out));
        uint64_t ns = r->engine->range(steps, out, r->num);
        fine = peer_print(i, ns, 1e6, pool_work_sum(out, r->num) == sum);
    }
    free(steps);
    free(out);
    return fine ? PEER_DONE : PEER_WRONG;
}

/* ---------------------------------------------------------------------------------------------
 * Empty jobs, forks and items
 */

static int peer_empty_jobs(const peer_request *r, uint64_t (*run)(uint32_t num))
{
    if (run == NULL) {
        return PEER_HAS_NONE;
    }
    for (int64_t i = -1; i < r->samples; i++) {
        peer_print(i, run(r->num), r->num, true);
    }
    return PEER_DONE;
}

static int peer_flat(const peer_request *r)
{
    return peer_empty_jobs(r, r->engine->flat);
}

static int peer_flat_4(const peer_request *r)
{
    return peer_empty_jobs(r, r->engine->flat_4);
}

static int peer_inside_fork(const peer_request *r)
{
    return peer_empty_jobs(r, r->engine->inside_fork);
}

static int peer_inside_submit(const peer_request *r)
{
    return peer_empty_jobs(r, r->engine->inside_submit);
}

static int peer_range_empty(const peer_request *r)
{
    bool is_asleep = strcmp(r->name, "range_asleep") == 0;
    if (r->engine->empty == NULL) {
        return PEER_HAS_NONE;
    }
    for (int64_t i = -1; i < r->samples; i++) {
        if (is_asleep) {
            peer_sleep(PEER_GAP_NS);
        }
        peer_print(i, r->engine->empty(r->num), 1e3, true);
    }
    return PEER_DONE;
}

/* ---------------------------------------------------------------------------------------------
 * Trips
 */

static void peer_nothing(void *context)
{
    (void)context;
}

static int peer_trip(const peer_request *r)
{
    bool is_hot = strcmp(r->name, "trip_hot") == 0;
    if (r->engine->run == NULL) {
        return PEER_HAS_NONE;
    }
    uint64_t begun_ns = pool_work_now_ns(), unseen_ns = is_hot ? PEER_HOT_WARM_UP_NS : 0;
    for (int64_t i = -1; i < r->samples; i += pool_work_now_ns() - begun_ns >= unseen_ns) {
        if (!is_hot) {
            peer_sleep(PEER_GAP_NS);
        }
        uint64_t start_ns = pool_work_now_ns();
        r->engine->run(peer_nothing, NULL);
        peer_print(i, pool_work_now_ns() - start_ns, 1e3, true);
    }
    return PEER_DONE;
}

static void peer_store(void *context)
{
    __atomic_store_n((int *)context, 1, __ATOMIC_RELEASE);
}

static int peer_start(const peer_request *r)
{
    if (r->engine->launch == NULL) {
        return PEER_HAS_NONE;
    }
    for (int64_t i = -1; i < r->samples; i++) {
        int flag = 0;
        peer_sleep(PEER_GAP_NS);
        uint64_t start_ns = pool_work_now_ns();
        r->engine->launch(peer_store, &flag);
        while (__atomic_load_n(&flag, __ATOMIC_ACQUIRE) == 0) {
            pool_work_relax();
        }
        peer_print(i, pool_work_now_ns() - start_ns, 1e3, true);
        r->engine->finish();
    }
    return PEER_DONE;
}

/* ---------------------------------------------------------------------------------------------
 * Idle; the param is milliseconds
 */

static uint64_t peer_own_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Every worker has something to do, so that all are there. */
static void peer_stir(const peer_request *r)
{
    for (int i = 0; i < 64; i++) {
        r->engine->run(peer_nothing, NULL);
    }
    peer_sleep(PEER_SETTLE_NS);
}

/* All threads but the main one, which calls this. */
static uint64_t peer_others_ns(void)
{
    pool_threads threads;
    return pool_threads_list(&threads) ? pool_threads_all_cpu_ns(&threads) : 0;
}

static int peer_idle_cpu(const peer_request *r)
{
    peer_stir(r);
    for (uint32_t i = 0; i < r->samples; i++) {
        uint64_t before_ns = peer_others_ns(), start_ns = pool_work_now_ns();
        peer_sleep(r->num * UINT64_C(1000000));
        uint64_t used_ns = peer_others_ns() - before_ns;
        peer_print(i, used_ns, (double)(pool_work_now_ns() - start_ns) / 100, true);
    }
    return PEER_DONE;
}

static int peer_idle_wakes(const peer_request *r)
{
    pool_threads threads;
    uint64_t before, after;
    peer_stir(r);
    for (uint32_t i = 0; i < r->samples; i++) {
        if (!pool_threads_list(&threads) || !pool_threads_wakes(&threads, &before)) {
            return PEER_WRONG;
        }
        peer_sleep(r->num * UINT64_C(1000000));
        if (!pool_threads_wakes(&threads, &after)) {
            return PEER_WRONG;
        }
        peer_print(i, after - before, r->num / 1e3, true);
    }
    return PEER_DONE;
}

typedef struct peer_long {
    uint64_t ns, cpu_ns;
} peer_long;

static void peer_spin(void *context)
{
    peer_long *task = context;
    uint64_t start_ns = pool_work_now_ns(), before_ns = peer_own_cpu_ns();
    while (pool_work_now_ns() - start_ns < task->ns) {
        pool_work_relax();
    }
    task->cpu_ns = peer_own_cpu_ns() - before_ns;
}

/* One worker has the task; the main thread sleeps, and does not count. */
static uint64_t peer_long_launched(const peer_engine *engine, peer_long *task)
{
    uint64_t before_ns = peer_others_ns();
    engine->launch(peer_spin, task);
    peer_sleep(task->ns + task->ns / 10);
    uint64_t others_ns = peer_others_ns() - before_ns;
    engine->finish();
    return others_ns;
}

/* The main thread is a worker too, and counts. */
static uint64_t peer_long_run(const peer_engine *engine, peer_long *task)
{
    uint64_t before_ns = peer_others_ns() + peer_own_cpu_ns();
    engine->run(peer_spin, task);
    return peer_others_ns() + peer_own_cpu_ns() - before_ns;
}

static int peer_long_task(const peer_request *r)
{
    for (uint32_t i = 0; i < r->samples; i++) {
        peer_long task = {.ns = r->num * UINT64_C(1000000)};
        peer_sleep(PEER_SETTLE_NS);
        uint64_t all_ns = r->engine->launch != NULL ? peer_long_launched(r->engine, &task)
                                                    : peer_long_run(r->engine, &task);
        uint64_t others_ns = all_ns > task.cpu_ns ? all_ns - task.cpu_ns : 0;
        peer_print(i, others_ns, (double)task.ns / 100, true);
    }
    return PEER_DONE;
}

/* ---------------------------------------------------------------------------------------------
 * The command
 */

static const peer_case peer_cases[] = {
    {"fib", peer_fib},
    {"nqueens", peer_queens},
    {"uts", peer_tree},
    {"flat_1", peer_flat},
    {"flat_4", peer_flat_4},
    {"inside_fork", peer_inside_fork},
    {"inside_submit", peer_inside_submit},
    {"trip_idle", peer_trip},
    {"trip_hot", peer_trip},
    {"start", peer_start},
    {"range_front", peer_range},
    {"range_middle", peer_range},
    {"range_back", peer_range},
    {"range_asleep", peer_range_empty},
    {"range_awake", peer_range_empty},
    {"idle_cpu", peer_idle_cpu},
    {"idle_wakes", peer_idle_wakes},
    {"long_task", peer_long_task},
};

static int peer_run(const peer_request *request, uint32_t workers)
{
    const peer_engine *engine = request->engine;
    for (size_t i = 0; i < sizeof(peer_cases) / sizeof(peer_cases[0]); i++) {
        if (strcmp(peer_cases[i].name, request->name) == 0) {
            uint32_t ran = engine->start(workers);
            if (ran != workers) {
                printf("workers %u\n", ran);
            }
            int code = peer_cases[i].run(request);
            if (engine->stop != NULL) {
                engine->stop();
            }
            return code;
        }
    }
    return PEER_HAS_NONE;
}

int peer_main(int argc, char **argv, const peer_engine *engine)
{
    if (argc == 2 && strcmp(argv[1], "name") == 0) {
        puts(engine->name);
        return PEER_DONE;
    }
    if (argc < 4) {
        fprintf(stderr, "usage: %s CASE WORKERS SAMPLES [PARAM]\n", argv[0]);
        return PEER_WRONG;
    }
    alarm(PEER_ALARM_S);
    peer_request request = {.engine = engine,
                            .name = argv[1],
                            .samples = (uint32_t)strtoul(argv[3], NULL, 10),
                            .param = argc > 4 ? argv[4] : ""};
    request.num = (uint32_t)strtoul(request.param, NULL, 10);
    return peer_run(&request, (uint32_t)strtoul(argv[2], NULL, 10));
}
