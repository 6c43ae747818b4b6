/*
 * The bench of the CPU pool: forks and joins, small jobs, round trips, a skewed range, and what an
 * idle runtime costs, by yoke on one and more workers, beside peers from packages and floors.
 *
 * Rows, a case each; "workers=N" in a row's param is who does the work. "engine" is "yoke", a peer
 * with its version, or a floor: "serial" the same work in a plain loop on one thread, "serial xN"
 * the same on N threads at once, each on its own CPU, its figure divided by N.
 *   fib          ns a fork and its join, of calls that do nothing else. "yoke" is the typed form of
 *                yoke/fork.h, "yoke generic" yoke_fork and yoke_join
 *   nqueens      ms of the whole search on a board of 11; "yoke" is the typed form
 *   uts          ns a node of an unbalanced tree; the same
 *   flat_1       ns a job: empty jobs of one item, one submit each, from one host thread, until all
 *                have run; 65536 structs, used again when their group is empty
 *   flat_4       the same from four host threads, which share the structs
 *   flat_bulk    as flat_1, 256 jobs a submit
 *   inside_fork  ns a fork and its join of an empty call, from inside a kernel, 1024 at a time
 *   inside_submit  as flat_1, from inside a kernel
 *   trip_idle    us from submit to the end of the wait, of one job, after 2 ms of sleep. "futex":
 *                two threads, both asleep until woken
 *   trip_hot     the same, one right after the other. "futex spin": who asks spins
 *   start        us from submit to the kernel's first store, for which the host spins, after 2 ms
 *                of sleep
 *   range_front, range_middle, range_back  ms of one job of 200k items, of which one in a hundred
 *                takes 100 times as long; the name says where these lie
 *   range_asleep, range_awake  us of one job of a million empty items, after 2 ms of sleep or right
 *                after the last one
 *   idle_cpu     the percentage of one CPU that all threads of a runtime take, from 2.5 s after
 *                the last job on
 *   idle_wakes   how often they wake up then, a second
 *   idle_park    us of CPU time that a worker takes after its last job until it sleeps, by its own
 *                clock: the most of all workers
 *   long_task    the percentage of one CPU that all other workers take while one runs a long job
 * Rows with the unit "x serial", "x futex", "x peer", "speed-up", "perfect" or "us over" are
 * ratios, or differences, of the rows above them, taken round by round; "x p99" is the ratio of two
 * rows' p99. How they stand against the bars is what the table ends with.
 *
 * Slow peers are given less of the same work where the figure is an item's, and fewer rounds. A
 * peer that runs on fewer workers than it was asked for has that in its param: Debian's StarPU,
 * which is built for at most four CPUs, has four. Results are checked, by the peers too.
 */
#ifndef YOKE_BENCH_POOL_BENCH_H
#define YOKE_BENCH_POOL_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_BENCH_WORKERS_MAX 10 /* different numbers of workers */

typedef struct pool_bench_options {
    uint32_t workers[POOL_BENCH_WORKERS_MAX]; /* of the runtimes, ascending */
    uint32_t num_workers;                     /* how many of them */
    const char *cases;  /* names, or what they begin with, separated by commas; NULL: all */
    const char *policy; /* a policy file's path; NULL: none */
    uint32_t rounds;    /* at least 1; fewer are made where a case's share of the time is over */
    bool is_quick;      /* tiny sizes: tries the bench, measures nothing */
    bool json;
} pool_bench_options;

/* Whether each of the names that `cases` lists is, or begins, a case's. False: *bad is the first
 * that is not, of *bad_bytes bytes. */
bool pool_bench_knows(const char *cases, const char **bad, size_t *bad_bytes);

/*
 * Runs the cases and prints their rows to stdout; without json, at the end, how they stand against
 * the bars. Peers are executables in the folder $YOKE_BENCH_PEERS; what is missing there is left
 * out, with a line on stderr. False: `line` says why; a wrong result is one reason.
 */
bool pool_bench_run(const pool_bench_options *options, char *line, size_t line_bytes);

#endif
