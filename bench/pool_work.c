/*
 * Serial forms of the pool bench's work. Owns nothing; any thread.
 * Always holds: they are the parallel forms without the parallelism. Nothing is inlined into its
 * callers, so that a call stands where the others fork; beyond that the compiler does with them
 * what it does with any program. They begin at a cache line, since where fib happens to lie is
 * worth an eighth of its time.
 */
#include "pool_work.h"

#define POOL_WORK_FLOOR __attribute__((noinline, aligned(64)))

/* Found by trying roots from 1 on for trees of the size wanted. */
const pool_tree pool_work_tree_full = {.root = 5468, .num_nodes = 1452777};
const pool_tree pool_work_tree_small = {.root = 14670, .num_nodes = 57041};
const pool_tree pool_work_tree_tiny = {.root = 375, .num_nodes = 1953};

POOL_WORK_FLOOR long pool_work_fib(long n)
{
    if (n < 2) {
        return n;
    }
    long a = pool_work_fib(n - 1);
    long b = pool_work_fib(n - 2);
    return a + b;
}

long pool_work_fib_answer(long n)
{
    long value = 0, next = 1;
    for (long i = 0; i < n; i++) {
        long sum = value + next;
        value = next;
        next = sum;
    }
    return value;
}

uint64_t pool_work_fib_forks(long n)
{
    return (uint64_t)pool_work_fib_answer(n + 1) - 1;
}

POOL_WORK_FLOOR long pool_work_queens(pool_board board)
{
    if (board.used == board.size) {
        return 1;
    }
    long sum = 0;
    for (int row = 0; row < board.size; row++) {
        pool_board next;
        if (pool_work_place(&board, row, &next)) {
            sum += pool_work_queens(next);
        }
    }
    return sum;
}

long pool_work_queens_answer(int size)
{
    static const long answers[] = {1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200};
    return answers[size];
}

POOL_WORK_FLOOR long pool_work_tree(uint64_t node)
{
    uint64_t hash = pool_work_node(node);
    long sum = 1;
    if (!pool_work_is_leaf(hash)) {
        for (uint32_t i = 0; i < POOL_WORK_CHILDREN; i++) {
            sum += pool_work_tree(pool_work_child(hash, i));
        }
    }
    return sum;
}

void pool_work_fill(uint32_t *steps, uint32_t num, pool_place place)
{
    uint32_t heavy = num / 100;
    uint32_t first = place == POOL_FRONT ? 0 : place == POOL_BACK ? num - heavy : (num - heavy) / 2;
    for (uint32_t i = 0; i < num; i++) {
        steps[i] = i - first < heavy ? POOL_WORK_HEAVY_STEPS : POOL_WORK_LIGHT_STEPS;
    }
}

uint64_t pool_work_sum(const uint64_t *out, uint32_t num)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < num; i++) {
        sum = pool_work_hash(sum ^ out[i], 1);
    }
    return sum;
}
