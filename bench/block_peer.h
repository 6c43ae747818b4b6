/*
 * The peer of `yoke block`: what one would write without a job runtime. A loop over libsecp256k1,
 * its inputs split evenly over threads that are started for it; nettle hashes. It makes the same
 * checks as cli/prove.h on blocks without witnesses, and takes strict DER signatures only.
 */
#ifndef YOKE_BENCH_BLOCK_PEER_H
#define YOKE_BENCH_BLOCK_PEER_H

#include "cli/bitcoin/block.h"

#define BLOCK_PEER_THREADS_MAX 256

typedef struct block_peer_result {
    uint32_t num_verified;
    uint32_t num_failed;
} block_peer_result;

/* Runs all checks. False, with *error set, if the block is refused or the machine fails it. */
bool block_peer_run(const uint8_t *data, size_t bytes, uint32_t num_threads,
                    block_peer_result *result, block_error *error);

#endif
