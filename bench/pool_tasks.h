/*
 * The pool bench's work in yoke's two ways of forking, and in none.
 */
#ifndef YOKE_BENCH_POOL_TASKS_H
#define YOKE_BENCH_POOL_TASKS_H

#include "pool_work.h"

#include <yoke/yoke.h>

/* What is to be done, and what came out. */
typedef struct pool_task {
    long n;           /* of fib */
    pool_board board; /* of the queens */
    uint64_t node;    /* the tree's root */
    uint64_t num;     /* forks of an empty call: a multiple of POOL_TASKS_WAVE */
    long result;
} pool_task;

/* On a worker; the context is a pool_task. */
void pool_tasks_fib(yoke_worker *worker, void *task);
void pool_tasks_fib_generic(yoke_worker *worker, void *task);
void pool_tasks_queens(yoke_worker *worker, void *task);
void pool_tasks_tree(yoke_worker *worker, void *task);

/* The serial forms, on any thread. */
void pool_tasks_fib_serial(pool_task *task);
void pool_tasks_queens_serial(pool_task *task);
void pool_tasks_tree_serial(pool_task *task);

/* Fork a call that only counts itself `num` times, POOL_TASKS_WAVE of them before the first is
 * joined; the result is the count. */
#define POOL_TASKS_WAVE 1024
void pool_tasks_empty(yoke_worker *worker, void *task);
void pool_tasks_empty_generic(yoke_worker *worker, void *task);

#endif
