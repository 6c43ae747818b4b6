/*
 * fib, queens, tree and empty calls as forks and joins. Owns nothing; runs on workers.
 * Always holds: a parallel form makes the calls that the serial form makes, each forked but the
 * last of fib.
 */
#include "pool_tasks.h"

#include <yoke/fork.h>

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------------
 * fib
 */

YOKE_TASK(long, pool_fib, long)
static long pool_fib(yoke_worker *worker, long n)
{
    if (n < 2) {
        return n;
    }
    long a;
    pool_fib_spawn(worker, &a, n - 1);
    long b = pool_fib(worker, n - 2);
    pool_fib_sync(worker, &a);
    return a + b;
}

void pool_tasks_fib(yoke_worker *worker, void *task)
{
    pool_task *t = task;
    t->result = pool_fib(worker, t->n);
}

typedef struct pool_fib_call {
    long n;
    long result;
} pool_fib_call;

static void pool_fib_generic(yoke_worker *worker, void *argument)
{
    pool_fib_call *call = argument;
    if (call->n < 2) {
        call->result = call->n;
        return;
    }
    pool_fib_call a = {.n = call->n - 1}, b = {.n = call->n - 2};
    yoke_fork(worker, pool_fib_generic, &a);
    pool_fib_generic(worker, &b);
    yoke_join(worker);
    call->result = a.result + b.result;
}

void pool_tasks_fib_generic(yoke_worker *worker, void *task)
{
    pool_task *t = task;
    pool_fib_call call = {.n = t->n};
    pool_fib_generic(worker, &call);
    t->result = call.result;
}

void pool_tasks_fib_serial(pool_task *task)
{
    task->result = pool_work_fib(task->n);
}

/* ---------------------------------------------------------------------------------------------
 * Queens
 */

YOKE_TASK(long, pool_queens, pool_board)
static long pool_queens(yoke_worker *worker, pool_board board)
{
    long counts[POOL_WORK_QUEENS_MAX];
    int forked = 0;
    long sum = 0;
    if (board.used == board.size) {
        return 1;
    }
    for (int row = 0; row < board.size; row++) {
        pool_board next;
        if (pool_work_place(&board, row, &next)) {
            pool_queens_spawn(worker, &counts[forked++], next);
        }
    }
    while (forked > 0) {
        pool_queens_sync(worker, &counts[--forked]);
        sum += counts[forked];
    }
    return sum;
}

void pool_tasks_queens(yoke_worker *worker, void *task)
{
    pool_task *t = task;
    t->result = pool_queens(worker, t->board);
}

void pool_tasks_queens_serial(pool_task *task)
{
    task->result = pool_work_queens(task->board);
}

/* ---------------------------------------------------------------------------------------------
 * The tree
 */

YOKE_TASK(long, pool_tree_node, uint64_t)
static long pool_tree_node(yoke_worker *worker, uint64_t node)
{
    uint64_t hash = pool_work_node(node);
    long counts[POOL_WORK_CHILDREN];
    long sum = 1;
    if (pool_work_is_leaf(hash)) {
        return sum;
    }
    for (uint32_t i = 0; i < POOL_WORK_CHILDREN; i++) {
        pool_tree_node_spawn(worker, &counts[i], pool_work_child(hash, i));
    }
    for (uint32_t i = POOL_WORK_CHILDREN; i-- > 0;) {
        pool_tree_node_sync(worker, &counts[i]);
        sum += counts[i];
    }
    return sum;
}

void pool_tasks_tree(yoke_worker *worker, void *task)
{
    pool_task *t = task;
    t->result = pool_tree_node(worker, t->node);
}

void pool_tasks_tree_serial(pool_task *task)
{
    task->result = pool_work_tree(task->node);
}

/* ---------------------------------------------------------------------------------------------
 * Empty calls
 */

typedef struct pool_count {
    alignas(64) uint64_t calls; /* on one worker */
} pool_count;

YOKE_TASK_VOID(pool_touch, pool_count *)
static void pool_touch(yoke_worker *worker, pool_count *counts)
{
    counts[yoke_worker_index(worker)].calls++;
}

static void pool_touch_generic(yoke_worker *worker, void *counts)
{
    pool_touch(worker, counts);
}

static void pool_touch_waves(yoke_worker *worker, uint64_t num, pool_count *counts)
{
    for (uint64_t done = 0; done < num; done += POOL_TASKS_WAVE) {
        for (uint32_t i = 0; i < POOL_TASKS_WAVE; i++) {
            pool_touch_spawn(worker, counts);
        }
        for (uint32_t i = 0; i < POOL_TASKS_WAVE; i++) {
            pool_touch_sync(worker);
        }
    }
}

static void pool_touch_waves_generic(yoke_worker *worker, uint64_t num, pool_count *counts)
{
    for (uint64_t done = 0; done < num; done += POOL_TASKS_WAVE) {
        for (uint32_t i = 0; i < POOL_TASKS_WAVE; i++) {
            yoke_fork(worker, pool_touch_generic, counts);
        }
        for (uint32_t i = 0; i < POOL_TASKS_WAVE; i++) {
            yoke_join(worker);
        }
    }
}

/* Runs the waves, and adds up the calls that workers counted. */
static void pool_touch_all(yoke_worker *worker, pool_task *task, bool is_generic)
{
    pool_count counts[YOKE_WORKERS_MAX];
    memset(counts, 0, sizeof(counts));
    if (is_generic) {
        pool_touch_waves_generic(worker, task->num, counts);
    } else {
        pool_touch_waves(worker, task->num, counts);
    }
    task->result = 0;
    for (uint32_t i = 0; i < YOKE_WORKERS_MAX; i++) {
        task->result += (long)counts[i].calls;
    }
}

void pool_tasks_empty(yoke_worker *worker, void *task)
{
    pool_touch_all(worker, task, false);
}

void pool_tasks_empty_generic(yoke_worker *worker, void *task)
{
    pool_touch_all(worker, task, true);
}
