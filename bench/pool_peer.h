/*
 * Peers of the pool bench: other runtimes, each in an executable of its own (bench/peers), because
 * two of them define the same symbols and some never stop spinning.
 *
 * `peer CASE WORKERS SAMPLES [PARAM]` prints a sample a line, in the case's unit, and exits with 0;
 * with 2 if it has no such case. Before the samples it may print "workers N": it ran on so many
 * only. `peer name` prints what its rows have as their engine.
 *   Threads:  one.
 */
#ifndef YOKE_BENCH_POOL_PEER_H
#define YOKE_BENCH_POOL_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_PEERS_MAX 4
#define POOL_PEER_TREES 3

/* How much a peer is given to do, so that all need about the same time: what a fork or a job costs
 * them differs by a thousand. Figures are per fork, job or node. */
typedef struct pool_peer_size {
    const char *file; /* in the folder of peers */
    uint32_t fib;     /* fib of this */
    uint32_t jobs;    /* small jobs in all */
    const char *tree; /* "full" or "small" */
} pool_peer_size;

typedef struct pool_peer {
    const pool_peer_size *size;
    char path[512];
    char engine[24];
} pool_peer;

typedef struct pool_peers {
    pool_peer list[POOL_PEERS_MAX];
    size_t num;
} pool_peers;

/* Finds the peers of a folder (NULL: there is none), and says on stderr which are missing. */
void pool_peers_find(pool_peers *peers, const char *folder);

typedef enum pool_peer_answer {
    POOL_PEER_FINE,
    POOL_PEER_HAS_NONE, /* no such case */
    POOL_PEER_FAILED,   /* it ended in another way, or did not print as many samples as asked */
} pool_peer_answer;

/* Runs a peer for a case. Its samples go to samples[0 .. num_samples - 1]; *ran is the number of
 * workers it had, if it said so. */
pool_peer_answer pool_peer_run(const pool_peer *peer, const char *name, uint32_t workers,
                               const char *param, double *samples, uint32_t num_samples,
                               uint32_t *ran);

#endif
