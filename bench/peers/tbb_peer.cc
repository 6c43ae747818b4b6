/*
 * oneTBB. Owns an arena of so many slots. In the cases with forks the main thread takes one of
 * them; in those with jobs from host threads it has none and stays outside.
 * Always holds: a task group's wait is the join; jobs from host threads are enqueued.
 */
#include "peer.h"

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <tbb/version.h>

#include <memory>
#include <stdio.h>

static std::unique_ptr<tbb::global_control> tbb_peer_control;
static std::unique_ptr<tbb::task_arena> tbb_peer_inside; /* main takes a slot */
static std::unique_ptr<tbb::task_arena> tbb_peer_outside;
static tbb::task_group *tbb_peer_group; /* of the task that was launched */

static uint32_t tbb_peer_start(uint32_t workers)
{
    /* threads in all: the main one, which may stay outside, and so many workers */
    tbb_peer_control = std::make_unique<tbb::global_control>(
        tbb::global_control::max_allowed_parallelism, workers + 1);
    tbb_peer_inside = std::make_unique<tbb::task_arena>((int)workers, 1);
    tbb_peer_outside = std::make_unique<tbb::task_arena>((int)workers, 0);
    return workers;
}

static void tbb_peer_stop()
{
    tbb_peer_inside.reset();
    tbb_peer_outside.reset();
    tbb_peer_control.reset();
}

/* Runs it inside the arena; the nanoseconds it took there. */
template <typename F> static uint64_t tbb_peer_time(const F &fn)
{
    uint64_t ns = 0;
    tbb_peer_inside->execute([&] {
        uint64_t start_ns = pool_work_now_ns();
        fn();
        ns = pool_work_now_ns() - start_ns;
    });
    return ns;
}

static long tbb_peer_fib_task(long n)
{
    if (n < 2) {
        return n;
    }
    long a, b;
    tbb::task_group group;
    group.run([&a, n] { a = tbb_peer_fib_task(n - 1); });
    b = tbb_peer_fib_task(n - 2);
    group.wait();
    return a + b;
}

static uint64_t tbb_peer_fib(long n, long *result)
{
    return tbb_peer_time([&] { *result = tbb_peer_fib_task(n); });
}

static long tbb_peer_queens_task(pool_board board)
{
    long counts[POOL_WORK_QUEENS_MAX] = {0};
    long sum = 0;
    if (board.used == board.size) {
        return 1;
    }
    tbb::task_group group;
    for (int row = 0; row < board.size; row++) {
        pool_board next;
        if (pool_work_place(&board, row, &next)) {
            long *count = &counts[row];
            group.run([count, next] { *count = tbb_peer_queens_task(next); });
        }
    }
    group.wait();
    for (int row = 0; row < board.size; row++) {
        sum += counts[row];
    }
    return sum;
}

static uint64_t tbb_peer_queens(pool_board board, long *result)
{
    return tbb_peer_time([&] { *result = tbb_peer_queens_task(board); });
}

static long tbb_peer_tree_task(uint64_t node)
{
    uint64_t hash = pool_work_node(node);
    long counts[POOL_WORK_CHILDREN];
    long sum = 1;
    if (pool_work_is_leaf(hash)) {
        return sum;
    }
    tbb::task_group group;
    for (uint32_t i = 0; i < POOL_WORK_CHILDREN; i++) {
        long *count = &counts[i];
        uint64_t child = pool_work_child(hash, i);
        group.run([count, child] { *count = tbb_peer_tree_task(child); });
    }
    group.wait();
    for (uint32_t i = 0; i < POOL_WORK_CHILDREN; i++) {
        sum += counts[i];
    }
    return sum;
}

static uint64_t tbb_peer_tree(uint64_t node, long *result)
{
    return tbb_peer_time([&] { *result = tbb_peer_tree_task(node); });
}

/* One host thread's jobs, in waves. */
static void tbb_peer_submit(uint32_t num, uint32_t wave)
{
    for (uint32_t done = 0; done < num; done += wave) {
        tbb::task_group group;
        for (uint32_t i = 0; i < wave && done + i < num; i++) {
            tbb_peer_outside->enqueue(group.defer([] {}));
        }
        group.wait();
    }
}

static uint64_t tbb_peer_flat(uint32_t num)
{
    uint64_t start_ns = pool_work_now_ns();
    tbb_peer_submit(num, PEER_STRUCTS);
    return pool_work_now_ns() - start_ns;
}

static void tbb_peer_member(void *context, uint32_t)
{
    tbb_peer_submit(*(uint32_t *)context / PEER_THREADS, PEER_STRUCTS / PEER_THREADS);
}

static uint64_t tbb_peer_flat_4(uint32_t num)
{
    return peer_crew_ns(tbb_peer_member, &num);
}

static uint64_t tbb_peer_inside_fork(uint32_t num)
{
    return tbb_peer_time([&] {
        for (uint32_t done = 0; done < num; done += PEER_WAVE) {
            tbb::task_group group;
            for (uint32_t i = 0; i < PEER_WAVE; i++) {
                group.run([] {});
            }
            group.wait();
        }
    });
}

static uint64_t tbb_peer_inside_submit(uint32_t num)
{
    return tbb_peer_time([&] {
        for (uint32_t done = 0; done < num; done += PEER_STRUCTS) {
            tbb::task_group group;
            for (uint32_t i = 0; i < PEER_STRUCTS && done + i < num; i++) {
                group.run([] {});
            }
            group.wait();
        }
    });
}

static uint64_t tbb_peer_range(const uint32_t *steps, uint64_t *out, uint32_t num)
{
    return tbb_peer_time([&] {
        tbb::parallel_for(tbb::blocked_range<uint32_t>(0, num),
                          [=](const tbb::blocked_range<uint32_t> &part) {
                              pool_work_items(steps + part.begin(), out + part.begin(),
                                              part.begin(), (uint32_t)part.size());
                          });
    });
}

static uint64_t tbb_peer_empty(uint32_t num)
{
    return tbb_peer_time([&] {
        tbb::parallel_for(tbb::blocked_range<uint32_t>(0, num),
                          [](const tbb::blocked_range<uint32_t> &) {});
    });
}

static void tbb_peer_launch(peer_fn fn, void *context)
{
    tbb_peer_group = new tbb::task_group;
    tbb_peer_outside->enqueue(tbb_peer_group->defer([=] { fn(context); }));
}

static void tbb_peer_finish()
{
    tbb_peer_group->wait();
    delete tbb_peer_group;
}

static void tbb_peer_run(peer_fn fn, void *context)
{
    tbb::task_group group;
    tbb_peer_outside->enqueue(group.defer([=] { fn(context); }));
    group.wait();
}

int main(int argc, char **argv)
{
    char name[32];
    snprintf(name, sizeof(name), "oneTBB %d.%d", TBB_VERSION_MAJOR, TBB_VERSION_MINOR);
    peer_engine engine = {};
    engine.name = name;
    engine.start = tbb_peer_start;
    engine.stop = tbb_peer_stop;
    engine.fib = tbb_peer_fib;
    engine.queens = tbb_peer_queens;
    engine.tree = tbb_peer_tree;
    engine.flat = tbb_peer_flat;
    engine.flat_4 = tbb_peer_flat_4;
    engine.inside_fork = tbb_peer_inside_fork;
    engine.inside_submit = tbb_peer_inside_submit;
    engine.range = tbb_peer_range;
    engine.empty = tbb_peer_empty;
    engine.run = tbb_peer_run;
    engine.launch = tbb_peer_launch;
    engine.finish = tbb_peer_finish;
    return peer_main(argc, argv, &engine);
}
