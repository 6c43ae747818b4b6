/*
 * The floor of what is copied: memcpy by one thread or by several at once.
 */
#ifndef YOKE_BENCH_GPU_MEMCPY_H
#define YOKE_BENCH_GPU_MEMCPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gpu_memcpy_part {
    void *to;
    const void *from;
    size_t bytes;
} gpu_memcpy_part;

/* Copies both, each thread its share of either; one thread is the caller's. Threads that have to be
 * started are so before the time begins. False: the system refuses a thread. */
bool gpu_memcpy_run(uint32_t num_threads, const gpu_memcpy_part parts[2], uint64_t *ns);

#endif
