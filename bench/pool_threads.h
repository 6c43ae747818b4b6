/*
 * What threads of this process have cost so far: CPU time and wake-ups.
 *   Threads:  any; a set is its owner's.
 */
#ifndef YOKE_BENCH_POOL_THREADS_H
#define YOKE_BENCH_POOL_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define POOL_THREADS_MAX 1024

typedef struct pool_threads {
    int ids[POOL_THREADS_MAX];
    size_t num;
} pool_threads;

/* All threads of the process but its first. False: the system does not say, or there are more than
 * POOL_THREADS_MAX. */
bool pool_threads_list(pool_threads *all);

/* Takes out of `all` what is in `old`. */
void pool_threads_subtract(pool_threads *all, const pool_threads *old);

/* The CPU time of one, by its clock. 0: it has ended. */
uint64_t pool_threads_cpu_ns(int id);

/* Of all of them together. */
uint64_t pool_threads_all_cpu_ns(const pool_threads *threads);

/* How often they went to sleep and so were woken again, all together. False: one has ended. */
bool pool_threads_wakes(const pool_threads *threads, uint64_t *wakes);

#ifdef __cplusplus
}
#endif
#endif
