/*
 * The bench of the main job: a whole block, by yoke and by a plain loop over libsecp256k1, each on
 * one thread and on several, in turns.
 *
 * Rows: "whole_block", the time of one run in ms; "scaling", several threads' time over one's; and
 * "over_peer", yoke's time over the peer's. Ratios are of two runs of the same round, so what slows
 * the machine for a while slows both.
 */
#ifndef YOKE_BENCH_BLOCK_BENCH_H
#define YOKE_BENCH_BLOCK_BENCH_H

#include <yoke/yoke.h>

typedef struct block_bench_options {
    const uint8_t *data; /* a raw block */
    size_t bytes;
    uint32_t workers; /* of the several; 1 leaves the one out of it */
    yoke_engine
        engine; /* of yoke's cases; their rows say "yoke" for the CPU, "yoke gpu" and so on */
    const char *policy; /* a policy file's path; NULL: none */
    uint32_t rounds;    /* at least 1; one more round warms up */
    bool json;
} block_bench_options;

/*
 * Runs the bench and prints its rows to stdout. False: `line` says why. *degraded: GPUs were asked
 * for, and none ran anything in one of yoke's cases; `line` says why.
 */
bool block_bench_run(const block_bench_options *options, bool *degraded, char *line,
                     size_t line_bytes);

#endif
