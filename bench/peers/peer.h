/*
 * What the peers of the pool bench share: the command line, the clock, and the cases that are the
 * same for all of them. A peer fills in a peer_engine; what it leaves NULL it has not.
 *
 * `peer CASE WORKERS SAMPLES [PARAM]` prints a sample a line and exits with 0; with 2 if it has no
 * such case. "workers N" on a line of its own says that it runs on N only. `peer name` prints the
 * engine's name.
 *   Threads:  the main one, unless a function says so.
 */
#ifndef YOKE_BENCH_PEERS_PEER_H
#define YOKE_BENCH_PEERS_PEER_H

#include "bench/pool_work.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*peer_fn)(void *context);

typedef struct peer_engine {
    const char *name;
    /* Starts so many workers; returns how many there are. */
    uint32_t (*start)(uint32_t workers);
    void (*stop)(void); /* NULL: nothing to do */

    /* Each runs the work once, checks nothing, and returns its nanoseconds: those in which its
     * workers were at it, not those of getting there. */
    uint64_t (*fib)(long n, long *result);
    uint64_t (*queens)(pool_board board, long *result);
    uint64_t (*tree)(uint64_t node, long *result);
    uint64_t (*flat)(uint32_t num);          /* empty jobs from the main thread, one by one */
    uint64_t (*flat_4)(uint32_t num);        /* from four threads */
    uint64_t (*inside_fork)(uint32_t num);   /* empty forks and joins on a worker */
    uint64_t (*inside_submit)(uint32_t num); /* empty jobs from a worker */
    uint64_t (*range)(const uint32_t *steps, uint64_t *out, uint32_t num);
    uint64_t (*empty)(uint32_t num); /* a range of items without any work */

    /* Runs a task and waits for it. */
    void (*run)(peer_fn fn, void *context);
    /* The same in two halves; in between the main thread works on. */
    void (*launch)(peer_fn fn, void *context);
    void (*finish)(void);
} peer_engine;

#define PEER_WAVE 1024      /* forks before the first is joined, as in yoke's row */
#define PEER_STRUCTS 65536u /* jobs before they are waited for */
#define PEER_THREADS 4      /* of flat_4 */

/* Runs fn(context, 0) ... fn(context, PEER_THREADS - 1) on threads of their own, which start at
 * once; the nanoseconds from the first one's start to the last one's end. */
uint64_t peer_crew_ns(void (*fn)(void *context, uint32_t thread), void *context);

/* The whole of main. */
int peer_main(int argc, char **argv, const peer_engine *engine);

#ifdef __cplusplus
}
#endif
#endif
