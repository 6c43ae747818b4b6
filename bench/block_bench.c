/*
 * Bench of the whole block. Owns the runtimes and provers of its cases while it runs; one thread.
 * Always holds: every run's answer is compared with the first one's, so no case is quick by doing
 * less. Runtimes live through the bench (start-up is not timed); idle ones sleep.
 */
#include "block_bench.h"

#include "block_peer.h"
#include "rows.h"

#include "cli/clock.h"
#include "cli/prove.h"
#include "cli/start.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BENCH_YOKE_ONE, BLOCK_BENCH_YOKE_MANY, BLOCK_BENCH_PEER_ONE, BLOCK_BENCH_PEER_MANY };
#define BLOCK_BENCH_CASES 4

typedef struct block_bench_case {
    bool is_peer;
    uint32_t threads;
    yoke_runtime *rt; /* yoke's */
    prove *prover;
    double *ms; /* a sample a round */
} block_bench_case;

typedef struct block_bench {
    const block_bench_options *options;
    block_bench_case cases[BLOCK_BENCH_CASES];
    uint32_t num_verified; /* by the first run; all others must agree */
    bool has_answer;
    rows_output output;
    double *ratios; /* scratch, a ratio a round */
    char yoke[16];  /* what yoke's rows have as their engine */
    char *error;
    size_t error_bytes;
} block_bench;

static bool block_bench_fail(block_bench *bench, const char *text)
{
    snprintf(bench->error, bench->error_bytes, "%s", text);
    return false;
}

static bool block_bench_fail_at(block_bench *bench, const block_error *error)
{
    block_error_line(error, bench->error, bench->error_bytes);
    return false;
}

static bool block_bench_open_yoke(block_bench *bench, block_bench_case *c)
{
    start_options start = {.num_workers = c->threads,
                           .engine = bench->options->engine,
                           .policy = bench->options->policy};
    bool is_cpu = start.engine == YOKE_ENGINE_CPU;
    snprintf(bench->yoke, sizeof(bench->yoke), "yoke%s%s", is_cpu ? "" : " ",
             is_cpu ? "" : start_engine_name(&start));
    if (!start_runtime(&c->rt, &start, bench->error, bench->error_bytes)) {
        return false;
    }
    c->prover = prove_create(c->rt);
    return c->prover != NULL || block_bench_fail(bench, "out of memory");
}

static bool block_bench_open(block_bench *bench)
{
    uint32_t many = bench->options->workers;
    for (int i = 0; i < BLOCK_BENCH_CASES; i++) {
        block_bench_case *c = &bench->cases[i];
        c->is_peer = i == BLOCK_BENCH_PEER_ONE || i == BLOCK_BENCH_PEER_MANY;
        c->threads = i == BLOCK_BENCH_YOKE_ONE || i == BLOCK_BENCH_PEER_ONE ? 1 : many;
        c->ms = calloc(bench->options->rounds, sizeof(*c->ms));
        if (c->ms == NULL) {
            return block_bench_fail(bench, "out of memory");
        }
        if (!c->is_peer && !block_bench_open_yoke(bench, c)) {
            return false;
        }
    }
    bench->ratios = calloc(bench->options->rounds, sizeof(*bench->ratios));
    return bench->ratios != NULL || block_bench_fail(bench, "out of memory");
}

static void block_bench_close(block_bench *bench)
{
    for (int i = 0; i < BLOCK_BENCH_CASES; i++) {
        prove_destroy(&bench->cases[i].prover);
        yoke_destroy(&bench->cases[i].rt);
        free(bench->cases[i].ms);
    }
    free(bench->ratios);
}

static bool block_bench_run_once(block_bench *bench, const block_bench_case *c, double *ms)
{
    const block_bench_options *o = bench->options;
    block_error error;
    prove_report report = {.bytes = 0};
    block_peer_result peer = {.num_verified = 0};
    uint64_t start_ns = clock_ns();
    bool fine = c->is_peer
                    ? block_peer_run(o->data, o->bytes, c->threads, &peer, &error)
                    : prove_run(c->prover, o->data, o->bytes, &report, &error) == PROVE_VALID;
    *ms = (double)(clock_ns() - start_ns) / 1e6;
    if (!fine) {
        return block_bench_fail_at(bench, &error);
    }
    uint32_t verified = c->is_peer ? peer.num_verified : report.num_verified;
    if (bench->has_answer && verified != bench->num_verified) {
        snprintf(bench->error, bench->error_bytes, "%s verified %u inputs, yoke %u",
                 c->is_peer ? "the peer" : "yoke", verified, bench->num_verified);
        return false;
    }
    bench->num_verified = verified;
    bench->has_answer = true;
    return true;
}

static bool block_bench_print(block_bench *bench, const char *name, const char *param,
                              const char *unit, const char *engine, double *samples)
{
    rows_row row = {.bench = "block",
                    .name = name,
                    .param = param,
                    .unit = unit,
                    .better = "lower",
                    .engine = engine,
                    .samples = samples,
                    .num_samples = bench->options->rounds};
    return rows_print(&bench->output, &row) || block_bench_fail(bench, "out of memory");
}

/* A row of `over`'s times over `under`'s, round by round; before the times are sorted. */
static bool block_bench_print_ratio(block_bench *bench, const char *name, int over, int under)
{
    char param[32];
    const block_bench_case *cases = bench->cases;
    snprintf(param, sizeof(param), "threads=%u", cases[over].threads);
    for (uint32_t i = 0; i < bench->options->rounds; i++) {
        bench->ratios[i] = cases[over].ms[i] / cases[under].ms[i];
    }
    return block_bench_print(bench, name, param, "ratio",
                             cases[over].is_peer ? "libsecp256k1" : bench->yoke, bench->ratios);
}

static bool block_bench_print_all(block_bench *bench)
{
    bool has_many = bench->options->workers > 1;
    bool fine =
        block_bench_print_ratio(bench, "over_peer", BLOCK_BENCH_YOKE_ONE, BLOCK_BENCH_PEER_ONE);
    if (has_many) {
        fine =
            fine &&
            block_bench_print_ratio(bench, "over_peer", BLOCK_BENCH_YOKE_MANY,
                                    BLOCK_BENCH_PEER_MANY) &&
            block_bench_print_ratio(bench, "scaling", BLOCK_BENCH_YOKE_MANY,
                                    BLOCK_BENCH_YOKE_ONE) &&
            block_bench_print_ratio(bench, "scaling", BLOCK_BENCH_PEER_MANY, BLOCK_BENCH_PEER_ONE);
    }
    for (int i = 0; fine && i < BLOCK_BENCH_CASES; i++) {
        const block_bench_case *c = &bench->cases[i];
        bool is_many = i == BLOCK_BENCH_YOKE_MANY || i == BLOCK_BENCH_PEER_MANY;
        char param[32];
        snprintf(param, sizeof(param), "threads=%u", c->threads);
        if (has_many || !is_many) {
            fine = block_bench_print(bench, "whole_block", param, "ms",
                                     c->is_peer ? "libsecp256k1" : bench->yoke, c->ms);
        }
    }
    return fine;
}

static bool block_bench_measure(block_bench *bench)
{
    double warm_up;
    for (uint32_t round = 0; round <= bench->options->rounds; round++) {
        for (int i = 0; i < BLOCK_BENCH_CASES; i++) {
            block_bench_case *c = &bench->cases[i];
            double *ms = round == 0 ? &warm_up : &c->ms[round - 1];
            if (!block_bench_run_once(bench, c, ms)) {
                return false;
            }
        }
    }
    rows_begin(&bench->output, bench->options->json);
    return block_bench_print_all(bench);
}

static bool block_bench_is_degraded(const block_bench *bench, char *why, size_t why_bytes)
{
    bool degraded = false;
    for (int i = 0; i < BLOCK_BENCH_CASES && !degraded; i++) {
        const block_bench_case *c = &bench->cases[i];
        degraded = !c->is_peer && start_is_degraded(c->rt, bench->options->engine, why, why_bytes);
    }
    return degraded;
}

bool block_bench_run(const block_bench_options *options, bool *degraded, char *line,
                     size_t line_bytes)
{
    block_bench bench = {.options = options, .error = line, .error_bytes = line_bytes};
    bool fine = block_bench_open(&bench) && block_bench_measure(&bench);
    *degraded = fine && block_bench_is_degraded(&bench, line, line_bytes);
    block_bench_close(&bench);
    return fine;
}
