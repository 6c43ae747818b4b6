/*
 * The work of the pool bench, the same for yoke, for the serial floor and for the peers: the serial
 * forms, and the steps that the parallel forms are made of.
 *   Threads:  any; nothing is shared.
 */
#ifndef YOKE_BENCH_POOL_WORK_H
#define YOKE_BENCH_POOL_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As clock_ns of cli/clock.h, for the peers too, which are built without the command. */
static inline uint64_t pool_work_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* In a loop that spins. */
static inline void pool_work_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* ---------------------------------------------------------------------------------------------
 * fib: nothing but calls
 */

long pool_work_fib(long n);

/* Its value, quickly; and how many of its calls make two more: the forks of a parallel form. */
long pool_work_fib_answer(long n);
uint64_t pool_work_fib_forks(long n);

/* ---------------------------------------------------------------------------------------------
 * n queens: short tasks of different lengths
 */

#define POOL_WORK_QUEENS_MAX 14

/* The rows of the queens in the first `used` columns of a board; small enough to be handed on by
 * value. */
typedef struct pool_board {
    uint8_t size;
    uint8_t used;
    int8_t rows[POOL_WORK_QUEENS_MAX];
} pool_board;

/* A copy of the board with one queen more. False: two of its queens are in each other's way; all
 * pairs are looked at, as in the OpenMP task benchmarks (BOTS). */
static inline bool pool_work_place(const pool_board *board, int row, pool_board *next)
{
    int used = board->used + 1;
    *next = *board;
    next->used = (uint8_t)used;
    next->rows[used - 1] = (int8_t)row;
    for (int i = 0; i < used; i++) {
        int first = next->rows[i];
        for (int k = i + 1; k < used; k++) {
            int second = next->rows[k];
            if (second == first || second == first + (k - i) || second == first - (k - i)) {
                return false;
            }
        }
    }
    return true;
}

/* The number of ways to fill the board; a call for every board that place makes. */
long pool_work_queens(pool_board board);

/* That of an empty board of 1 to 12 columns, from a table. */
long pool_work_queens_answer(int size);

/* ---------------------------------------------------------------------------------------------
 * An unbalanced tree, and items of chosen length
 */

/* splitmix64's step, `times` times, each depending on the last: about 4 ns each. */
static inline uint64_t pool_work_hash(uint64_t value, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        value += UINT64_C(0x9e3779b97f4a7c15);
        value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
        value ^= value >> 31;
    }
    return value;
}

/*
 * A binomial tree as in UTS (Olivier and others, LCPC 2006): a node has 8 children with a chance
 * of 0.124875, else none, so the tree as a whole says nothing about any part of it. What a node is
 * follows from a hash: SHA-1 in UTS, here 24 steps of splitmix64, which take about as long.
 */
#define POOL_WORK_CHILDREN 8
#define POOL_WORK_NODE_STEPS 24

typedef struct pool_tree {
    uint64_t root;
    uint64_t num_nodes;
} pool_tree;

extern const pool_tree pool_work_tree_full;  /* 100 to 200 ms */
extern const pool_tree pool_work_tree_small; /* a twentieth of that, for slow peers */
extern const pool_tree pool_work_tree_tiny;  /* to try a bench */

/* What decides about a node; the node's whole work. */
static inline uint64_t pool_work_node(uint64_t node)
{
    return pool_work_hash(node, POOL_WORK_NODE_STEPS);
}

/* Whether it has children, and the child of that index. */
static inline bool pool_work_is_leaf(uint64_t hash)
{
    return (double)(hash >> 11) * 0x1p-53 >= 0.124875;
}

static inline uint64_t pool_work_child(uint64_t hash, uint32_t index)
{
    return hash + index;
}

/* The number of nodes below and with that one; a call a node. */
long pool_work_tree(uint64_t node);

/* ---------------------------------------------------------------------------------------------
 * A range of items, of which one in a hundred is a hundred times as long
 */

#define POOL_WORK_LIGHT_STEPS 24   /* about 100 ns */
#define POOL_WORK_HEAVY_STEPS 2400 /* about 10 us */

typedef enum pool_place { POOL_FRONT, POOL_MIDDLE, POOL_BACK } pool_place;

/* Each item's steps; the heavy ones lie together. */
void pool_work_fill(uint32_t *steps, uint32_t num, pool_place place);

/* Runs items first to first + count - 1; steps and out already point at the first. */
static inline void pool_work_items(const uint32_t *steps, uint64_t *out, uint32_t first,
                                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = pool_work_hash(first + i, steps[i]);
    }
}

/* Of all the items' outputs; differs if one is wrong, but for one in 2^64. */
uint64_t pool_work_sum(const uint64_t *out, uint32_t num);

#ifdef __cplusplus
}
#endif
#endif
