/*
 * Rows of results: what every bench prints, as a table or as one JSON object a line.
 *
 * A row: bench, case, param, unit, better (lower or higher), min, p50, p99, n (samples), engine
 * (who did the work: yoke or a peer), device (the machine's CPU, or what the row names), kernel
 * (the operating system's), commit ($YOKE_COMMIT, else unknown), seed (null where nothing is
 * random). Threads:  one at a time.
 */
#ifndef YOKE_BENCH_ROWS_H
#define YOKE_BENCH_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rows_row {
    const char *bench;
    const char *name; /* the case; peers' rows have the same */
    const char *param;
    const char *unit;
    const char *better;
    const char *engine;
    const char *device;   /* NULL: the machine's CPU */
    double *samples;      /* sorted by rows_print */
    size_t num_samples;   /* at least 1 */
    const uint64_t *seed; /* NULL: none */
} rows_row;

typedef struct rows_output {
    bool json;
    char device[96];
    char kernel[80];
    const char *commit;
} rows_output;

/* Looks up the machine and, for a table, prints its head. */
void rows_begin(rows_output *output, bool json);

/* Prints one row to stdout. False: out of memory. */
bool rows_print(const rows_output *output, const rows_row *row);

/* The sample that `percent` of 100 do not exceed (nearest rank); samples sorted, at least one. */
double rows_percentile(const double *samples, size_t num, unsigned percent);

#endif
