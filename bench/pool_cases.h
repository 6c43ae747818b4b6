/*
 * What the parts of the pool bench share: a case's rows, which take turns, and how they are
 * printed, compared and held against bars.
 *   Threads:  one.
 */
#ifndef YOKE_BENCH_POOL_CASES_H
#define YOKE_BENCH_POOL_CASES_H

#include "pool_bars.h"
#include "pool_bench.h"
#include "pool_peer.h"
#include "pool_runtime.h"
#include "rows.h"

#define POOL_ROWS_MAX 96
#define POOL_CASES_BUDGET_NS UINT64_C(6000000000) /* of a case, with its peers */

typedef struct pool_run {
    const pool_bench_options *options;
    pool_runtime runtimes[POOL_BENCH_WORKERS_MAX]; /* one for each number of workers */
    pool_peers peers;
    rows_output output;
    pool_bars bars;
    char *error;
    size_t error_bytes;
} pool_run;

/* One row of a case: somebody who does the work. */
typedef struct pool_row {
    char engine[24];
    uint32_t workers;   /* or a floor's threads */
    uint32_t ran;       /* workers that ran, where a peer has fewer than it was asked for; else 0 */
    int kind;           /* the part's own */
    pool_runtime *yoke; /* NULL: a floor, or a peer */
    const pool_peer *peer; /* NULL: it runs in this process */
    char peer_param[32];
    double *samples;
    size_t num_samples;
    double *medians; /* of each round's samples */
    uint32_t rounds; /* that were measured */
    bool is_left_out;
} pool_row;

typedef struct pool_case pool_case;

struct pool_case {
    pool_run *run;
    const char *name;
    const char *unit;
    uint32_t samples; /* of a row, a round */
    const uint64_t *seed;
    bool is_single; /* one round, without a warm-up */
    /* Measures a row for a round: pool_case_sample for each sample. False: run->error is set. */
    bool (*once)(pool_case *c, pool_row *row);
    void *part;
    pool_row rows[POOL_ROWS_MAX];
    size_t num_rows;
};

/* Sets run->error; false. */
bool pool_run_fail(pool_run *run, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* True if the status is YOKE_OK; else sets run->error. */
bool pool_run_expect(pool_run *run, const pool_row *row, yoke_status status);

/* Adds a row of a floor, which has so many threads. */
void pool_case_add_floor(pool_case *c, int kind, uint32_t threads, const char *engine);

/* Adds "serial", and "serial xN" for every number of workers above 1 for which there are CPUs. */
void pool_case_add_serial(pool_case *c, int kind, int crew_kind);

/* Adds rows of yoke on every number of workers. */
void pool_case_add_yoke(pool_case *c, int kind, const char *engine);

/* What a peer is to do; NULL: there is nothing to say. */
typedef void (*pool_peer_param)(const pool_run *run, const pool_peer *peer, char *text,
                                size_t bytes);

/* Adds rows of every peer on every number of workers. */
void pool_case_add_peers(pool_case *c, pool_peer_param param);

/* Adds a sample to a row that is being measured. */
void pool_case_sample(pool_case *c, pool_row *row, double value);

/*
 * Measures all rows: a round to warm up, then a sample, or samples, a round, for options->rounds
 * rounds. When the budget is over peers, which take most of the time, make no more rounds, and
 * after three times the budget nobody does; but all make one at least. Then prints the rows. A peer
 * that has not the case, or fails, is left out. Free the case afterwards, whatever it returned.
 */
bool pool_case_run(pool_case *c, uint64_t budget_ns);

void pool_case_free(pool_case *c);

/* The row of that engine and number of workers, or threads; NULL: none, or it was left out. */
const pool_row *pool_case_find(const pool_case *c, const char *engine, uint32_t workers);

/* A figure that compares two rows, in each round that both have. */
typedef struct pool_ratio {
    const char *unit;
    const char *better;
    const pool_row *row; /* whose engine and param the figure has */
    const pool_row *over, *under;
    double scale;
    bool is_difference; /* over - under, not over / under * scale */
} pool_ratio;

/* Prints a row of it; *p50 is its median. False: out of memory. */
bool pool_case_print_ratio(pool_case *c, const pool_ratio *ratio, double *p50);

/* Prints a row of one figure. False: out of memory. */
bool pool_case_print_figure(pool_case *c, const pool_row *row, const char *unit, double figure);

/* Hold a figure of a row, in that unit, against a bar; on 1 and 2 workers only, which is what bars
 * are for. The note is printed beside it; may be empty. */
void pool_case_at_most(pool_case *c, const pool_row *row, const char *unit, double value,
                       double limit);
void pool_case_at_least(pool_case *c, const pool_row *row, const char *unit, double value,
                        double limit, const char *note);

/* The row's median over all rounds; the sample that 99 of 100 do not exceed. After the case ran. */
double pool_row_p50(const pool_row *row);
double pool_row_p99(const pool_row *row);

#endif
