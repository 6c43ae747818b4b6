/*
 * The parts of the pool bench, a file each. Each function runs one case, prints its rows, and
 * answers false if run->error is set.
 */
#ifndef YOKE_BENCH_POOL_PARTS_H
#define YOKE_BENCH_POOL_PARTS_H

#include "pool_cases.h"

/* pool_fork.c */
bool pool_fork_fib(pool_run *run, const char *name);
bool pool_fork_queens(pool_run *run, const char *name);
bool pool_fork_tree(pool_run *run, const char *name);

/* pool_flat.c */
bool pool_flat_one(pool_run *run, const char *name);
bool pool_flat_four(pool_run *run, const char *name);
bool pool_flat_bulk(pool_run *run, const char *name);

/* pool_inside.c */
bool pool_inside_fork(pool_run *run, const char *name);
bool pool_inside_submit(pool_run *run, const char *name);

/* pool_trip.c */
bool pool_trip_idle(pool_run *run, const char *name);
bool pool_trip_hot(pool_run *run, const char *name);
bool pool_trip_start(pool_run *run, const char *name);

/* pool_range.c */
bool pool_range_front(pool_run *run, const char *name);
bool pool_range_middle(pool_run *run, const char *name);
bool pool_range_back(pool_run *run, const char *name);
bool pool_range_asleep(pool_run *run, const char *name);
bool pool_range_awake(pool_run *run, const char *name);

/* pool_idle.c */
bool pool_idle_cpu(pool_run *run, const char *name);
bool pool_idle_wakes(pool_run *run, const char *name);
bool pool_idle_park(pool_run *run, const char *name);
bool pool_idle_long_task(pool_run *run, const char *name);

#endif
