/*
 * OpenMP tasks, built once for gcc's runtime and once for LLVM's. Owns nothing: the team is the
 * runtime's. The main thread is one of the workers, and enters a parallel region for each run.
 * Always holds: OpenMP has no way in from a thread outside the team, so it has no jobs from host
 * threads; its round trip is a parallel region's. Timing starts inside the region.
 */
#include "peer.h"

#include <omp.h>
#include <stdio.h>

#define OMP_PEER_CHUNK 64 /* items; of 10 us each at most that is little beside the whole */

static uint32_t omp_peer_start(uint32_t workers)
{
    omp_set_dynamic(0);
    omp_set_num_threads((int)workers);
    return workers;
}

static long omp_peer_fib_task(long n)
{
    long a, b;
    if (n < 2) {
        return n;
    }
#pragma omp task shared(a) firstprivate(n)
    a = omp_peer_fib_task(n - 1);
    b = omp_peer_fib_task(n - 2);
#pragma omp taskwait
    return a + b;
}

static uint64_t omp_peer_fib(long n, long *result)
{
    uint64_t ns = 0;
#pragma omp parallel
#pragma omp single
    {
        uint64_t start_ns = pool_work_now_ns();
        *result = omp_peer_fib_task(n);
        ns = pool_work_now_ns() - start_ns;
    }
    return ns;
}

static long omp_peer_queens_task(pool_board board)
{
    long counts[POOL_WORK_QUEENS_MAX] = {0};
    long sum = 0;
    if (board.used == board.size) {
        return 1;
    }
    for (int row = 0; row < board.size; row++) {
        pool_board next;
        if (pool_work_place(&board, row, &next)) {
#pragma omp task shared(counts) firstprivate(row, next)
            counts[row] = omp_peer_queens_task(next);
        }
    }
#pragma omp taskwait
    for (int row = 0; row < board.size; row++) {
        sum += counts[row];
    }
    return sum;
}

static uint64_t omp_peer_queens(pool_board board, long *result)
{
    uint64_t ns = 0;
#pragma omp parallel
#pragma omp single
    {
        uint64_t start_ns = pool_work_now_ns();
        *result = omp_peer_queens_task(board);
        ns = pool_work_now_ns() - start_ns;
    }
    return ns;
}

static long omp_peer_tree_task(uint64_t node)
{
    uint64_t hash = pool_work_node(node);
    long counts[POOL_WORK_CHILDREN];
    long sum = 1;
    if (pool_work_is_leaf(hash)) {
        return sum;
    }
    for (uint32_t i = 0; i < POOL_WORK_CHILDREN; i++) {
#pragma omp task shared(counts) firstprivate(hash, i)
        counts[i] = omp_peer_tree_task(pool_work_child(hash, i));
    }
#pragma omp taskwait
    for (uint32_t i = 0; i < POOL_WORK_CHILDREN; i++) {
        sum += counts[i];
    }
    return sum;
}

static uint64_t omp_peer_tree(uint64_t node, long *result)
{
    uint64_t ns = 0;
#pragma omp parallel
#pragma omp single
    {
        uint64_t start_ns = pool_work_now_ns();
        *result = omp_peer_tree_task(node);
        ns = pool_work_now_ns() - start_ns;
    }
    return ns;
}

static uint64_t omp_peer_inside_fork(uint32_t num)
{
    uint64_t ns = 0;
#pragma omp parallel
#pragma omp single
    {
        uint64_t start_ns = pool_work_now_ns();
        for (uint32_t done = 0; done < num; done += PEER_WAVE) {
            for (uint32_t i = 0; i < PEER_WAVE; i++) {
#pragma omp task
                {
                    __asm__ volatile("" ::: "memory");
                }
            }
#pragma omp taskwait
        }
        ns = pool_work_now_ns() - start_ns;
    }
    return ns;
}

static uint64_t omp_peer_range(const uint32_t *steps, uint64_t *out, uint32_t num)
{
    uint64_t start_ns = pool_work_now_ns();
#pragma omp parallel for schedule(dynamic, OMP_PEER_CHUNK)
    for (uint32_t i = 0; i < num; i++) {
        pool_work_items(&steps[i], &out[i], i, 1);
    }
    return pool_work_now_ns() - start_ns;
}

static uint64_t omp_peer_empty(uint32_t num)
{
    uint64_t start_ns = pool_work_now_ns();
#pragma omp parallel for schedule(dynamic, OMP_PEER_CHUNK)
    for (uint32_t i = 0; i < num; i++) {
        __asm__ volatile("");
    }
    return pool_work_now_ns() - start_ns;
}

static void omp_peer_run(peer_fn fn, void *context)
{
#pragma omp parallel
#pragma omp single
    fn(context);
}

int main(int argc, char **argv)
{
    char name[32];
#ifdef __clang__
    snprintf(name, sizeof(name), "libomp %d", __clang_major__);
#else
    snprintf(name, sizeof(name), "libgomp %d", __GNUC__);
#endif
    peer_engine engine = {.name = name,
                          .start = omp_peer_start,
                          .fib = omp_peer_fib,
                          .queens = omp_peer_queens,
                          .tree = omp_peer_tree,
                          .inside_fork = omp_peer_inside_fork,
                          .range = omp_peer_range,
                          .empty = omp_peer_empty,
                          .run = omp_peer_run};
    return peer_main(argc, argv, &engine);
}
