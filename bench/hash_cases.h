/*
 * What the parts of the hash bench share: cases that take turns, and how their rows are printed.
 *   Threads:  one.
 */
#ifndef YOKE_BENCH_HASH_CASES_H
#define YOKE_BENCH_HASH_CASES_H

#include "hash_bench.h"
#include "hash_data.h"
#include "hash_engines.h"
#include "rows.h"

typedef struct hash_run {
    const hash_bench_options *options;
    hash_engines engines;
    hash_data data;
    rows_output output;
    uint64_t seed;
    char *error;
    size_t error_bytes;
} hash_run;

/* What one run of a case gives. */
typedef struct hash_sample {
    double ns;          /* an item, or a job of one */
    double batch_items; /* a batch, on average; 0: there was none */
    double gpu_percent; /* of the items */
} hash_sample;

typedef struct hash_case {
    const char *name;        /* the rows' case */
    char engine[24];         /* the rows' engine */
    const hash_engine *yoke; /* NULL: a peer */
    int kind;                /* the part's own */
    bool is_left_out;        /* it would take too long */
    double expected_ns;      /* an item, from the last size; 0: unknown */
    const uint8_t *in;       /* of one run */
    uint8_t *out;            /* zeroed before each run */
    hash_sample *samples;    /* one a round */
    double *scratch;         /* a figure a round, to print */
} hash_case;

typedef struct hash_cases {
    hash_run *run;
    hash_case *list;
    size_t num;
    uint32_t num_items; /* of one run */
    uint32_t rounds;    /* that were measured */
    /* Runs a case once; *ns is the whole run's. False: run->error is set. */
    bool (*once)(void *part, hash_case *c, uint64_t *ns);
    void *part;
} hash_cases;

/* Sets run->error; false. */
bool hash_cases_fail(hash_run *run, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* Gets memory for the cases' samples. False: out of memory; finish it all the same. */
bool hash_cases_start(hash_cases *cases);

void hash_cases_finish(hash_cases *cases);

/* Runs every case once to warm up, then once a round, for `rounds` rounds or until budget_ns have
 * passed, but for one round at least; checks every digest. */
bool hash_cases_measure(hash_cases *cases, uint64_t budget_ns);

/* A figure of a sample, to print; of `base` too where the figure is a ratio. */
typedef double (*hash_cases_figure)(const hash_sample *sample, const hash_sample *base);

/* Prints a row of a case, from one figure a round; base: the case a ratio is over, or NULL. */
bool hash_cases_print(const hash_cases *cases, const hash_case *c, const hash_case *base,
                      hash_cases_figure figure, rows_row row);

/* Figures. */
double hash_cases_ns(const hash_sample *sample, const hash_sample *base);
double hash_cases_ratio(const hash_sample *sample, const hash_sample *base);
double hash_cases_batch(const hash_sample *sample, const hash_sample *base);
double hash_cases_share(const hash_sample *sample, const hash_sample *base);

typedef struct hash_size {
    uint32_t num_items;
    uint64_t budget_ns;
} hash_size;

/* The three parts; each prints its rows. False: run->error is set. The sizes go up; budget_ns ends
 * a part before all its rounds, or trips, are made. */
bool hash_large_run(hash_run *run, const hash_size *sizes, size_t num_sizes);
bool hash_small_run(hash_run *run, uint32_t num_jobs, uint64_t budget_ns);
bool hash_trip_run(hash_run *run, uint32_t num_trips, uint64_t budget_ns);

#endif
