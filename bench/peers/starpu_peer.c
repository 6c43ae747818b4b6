/*
 * StarPU on CPUs only, with its default scheduler. Owns what it gives a task as its argument.
 * Always holds: a StarPU task cannot wait for others, so the parallel forms only go down, and their
 * results are added up in a counter; waiting for all tasks is the join.
 * Costs: its workers spin, all of the time. Debian builds it for at most four CPUs: it then runs on
 * four workers, whatever it was asked for, and says so here by its own count.
 */
#include "peer.h"

#include <starpu.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct starpu_peer_call {
    peer_fn fn;
    void *context;
} starpu_peer_call;

static long starpu_peer_sum; /* of results, by all workers; atomic */

static uint32_t starpu_peer_start(uint32_t workers)
{
    struct starpu_conf conf;
    setenv("STARPU_SILENT", "1", 0); /* not a word about calibration */
    starpu_conf_init(&conf);
    conf.ncpus = (int)workers;
    conf.ncuda = 0;
    conf.nopencl = 0;
    if (starpu_init(&conf) != 0) {
        fprintf(stderr, "starpu_init fails\n");
        exit(1);
    }
    return starpu_cpu_worker_get_count();
}

static void starpu_peer_stop(void)
{
    starpu_shutdown();
}

/* The argument is the task's, which frees it, unless it is NULL. */
static void starpu_peer_submit(struct starpu_codelet *codelet, void *argument, size_t bytes,
                               bool is_waited_for)
{
    struct starpu_task *task = starpu_task_create();
    task->cl = codelet;
    task->cl_arg = argument;
    task->cl_arg_size = bytes;
    task->cl_arg_free = argument != NULL;
    task->synchronous = is_waited_for;
    if (starpu_task_submit(task) != 0) {
        fprintf(stderr, "starpu_task_submit fails\n");
        exit(1);
    }
}

static void *starpu_peer_copy(const void *argument, size_t bytes)
{
    void *copy = malloc(bytes);
    if (copy == NULL) {
        exit(1);
    }
    return memcpy(copy, argument, bytes);
}

static void starpu_peer_add(long value)
{
    __atomic_fetch_add(&starpu_peer_sum, value, __ATOMIC_RELAXED);
}

/* Submits a task and waits until there is none; the nanoseconds of that. */
static uint64_t starpu_peer_time(struct starpu_codelet *codelet, const void *argument, size_t bytes,
                                 long *result)
{
    __atomic_store_n(&starpu_peer_sum, 0, __ATOMIC_RELAXED);
    uint64_t start_ns = pool_work_now_ns();
    starpu_peer_submit(codelet, starpu_peer_copy(argument, bytes), bytes, false);
    starpu_task_wait_for_all();
    uint64_t ns = pool_work_now_ns() - start_ns;
    *result = __atomic_load_n(&starpu_peer_sum, __ATOMIC_RELAXED);
    return ns;
}

static void starpu_peer_fib_task(void *buffers[], void *argument);
static struct starpu_codelet starpu_peer_fib_codelet = {.cpu_funcs = {starpu_peer_fib_task}};

static void starpu_peer_fib_task(void *buffers[], void *argument)
{
    (void)buffers;
    long n = *(long *)argument;
    for (; n >= 2; n -= 2) {
        long next = n - 1;
        void *copy = starpu_peer_copy(&next, sizeof(next));
        starpu_peer_submit(&starpu_peer_fib_codelet, copy, sizeof(next), false);
    }
    starpu_peer_add(n);
}

static uint64_t starpu_peer_fib(long n, long *result)
{
    return starpu_peer_time(&starpu_peer_fib_codelet, &n, sizeof(n), result);
}

static void starpu_peer_queens_task(void *buffers[], void *argument);
static struct starpu_codelet starpu_peer_queens_codelet = {.cpu_funcs = {starpu_peer_queens_task}};

static void starpu_peer_queens_task(void *buffers[], void *argument)
{
    (void)buffers;
    const pool_board *board = argument;
    if (board->used == board->size) {
        starpu_peer_add(1);
        return;
    }
    for (int row = 0; row < board->size; row++) {
        pool_board next;
        if (pool_work_place(board, row, &next)) {
            void *copy = starpu_peer_copy(&next, sizeof(next));
            starpu_peer_submit(&starpu_peer_queens_codelet, copy, sizeof(next), false);
        }
    }
}

static uint64_t starpu_peer_queens(pool_board board, long *result)
{
    return starpu_peer_time(&starpu_peer_queens_codelet, &board, sizeof(board), result);
}

static void starpu_peer_tree_task(void *buffers[], void *argument);
static struct starpu_codelet starpu_peer_tree_codelet = {.cpu_funcs = {starpu_peer_tree_task}};

static void starpu_peer_tree_task(void *buffers[], void *argument)
{
    (void)buffers;
    uint64_t hash = pool_work_node(*(uint64_t *)argument);
    starpu_peer_add(1);
    for (uint32_t i = 0; !pool_work_is_leaf(hash) && i < POOL_WORK_CHILDREN; i++) {
        uint64_t child = pool_work_child(hash, i);
        void *copy = starpu_peer_copy(&child, sizeof(child));
        starpu_peer_submit(&starpu_peer_tree_codelet, copy, sizeof(child), false);
    }
}

static uint64_t starpu_peer_tree(uint64_t node, long *result)
{
    return starpu_peer_time(&starpu_peer_tree_codelet, &node, sizeof(node), result);
}

static void starpu_peer_empty_task(void *buffers[], void *argument)
{
    (void)buffers;
    (void)argument;
}

static struct starpu_codelet starpu_peer_empty_codelet = {.cpu_funcs = {starpu_peer_empty_task}};

/* On whatever thread calls it; does not wait. */
static void starpu_peer_submit_empty(uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        starpu_peer_submit(&starpu_peer_empty_codelet, NULL, 0, false);
    }
}

static uint64_t starpu_peer_flat(uint32_t num)
{
    uint64_t start_ns = pool_work_now_ns();
    starpu_peer_submit_empty(num);
    starpu_task_wait_for_all();
    return pool_work_now_ns() - start_ns;
}

static void starpu_peer_member(void *context, uint32_t thread)
{
    (void)thread;
    starpu_peer_submit_empty(*(uint32_t *)context / PEER_THREADS);
    starpu_task_wait_for_all();
}

static uint64_t starpu_peer_flat_4(uint32_t num)
{
    return peer_crew_ns(starpu_peer_member, &num);
}

static void starpu_peer_inside_task(void *buffers[], void *argument)
{
    (void)buffers;
    starpu_peer_submit_empty(*(uint32_t *)argument);
}

static struct starpu_codelet starpu_peer_inside_codelet = {.cpu_funcs = {starpu_peer_inside_task}};

static uint64_t starpu_peer_inside_submit(uint32_t num)
{
    long none;
    return starpu_peer_time(&starpu_peer_inside_codelet, &num, sizeof(num), &none);
}

static void starpu_peer_call_task(void *buffers[], void *argument)
{
    (void)buffers;
    const starpu_peer_call *call = argument;
    call->fn(call->context);
}

static struct starpu_codelet starpu_peer_call_codelet = {.cpu_funcs = {starpu_peer_call_task}};

static void starpu_peer_run(peer_fn fn, void *context)
{
    starpu_peer_call call = {fn, context};
    void *copy = starpu_peer_copy(&call, sizeof(call));
    starpu_peer_submit(&starpu_peer_call_codelet, copy, sizeof(call), true);
}

static void starpu_peer_launch(peer_fn fn, void *context)
{
    starpu_peer_call call = {fn, context};
    void *copy = starpu_peer_copy(&call, sizeof(call));
    starpu_peer_submit(&starpu_peer_call_codelet, copy, sizeof(call), false);
}

static void starpu_peer_finish(void)
{
    starpu_task_wait_for_all();
}

int main(int argc, char **argv)
{
    char name[32];
    int major, minor, release;
    starpu_get_version(&major, &minor, &release);
    snprintf(name, sizeof(name), "StarPU %d.%d.%d", major, minor, release);
    peer_engine engine = {.name = name,
                          .start = starpu_peer_start,
                          .stop = starpu_peer_stop,
                          .fib = starpu_peer_fib,
                          .queens = starpu_peer_queens,
                          .tree = starpu_peer_tree,
                          .flat = starpu_peer_flat,
                          .flat_4 = starpu_peer_flat_4,
                          .inside_submit = starpu_peer_inside_submit,
                          .run = starpu_peer_run,
                          .launch = starpu_peer_launch,
                          .finish = starpu_peer_finish};
    return peer_main(argc, argv, &engine);
}
