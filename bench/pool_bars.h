/*
 * Bars: what a bench holds yoke to, and how a run stands against it.
 */
#ifndef YOKE_BENCH_POOL_BARS_H
#define YOKE_BENCH_POOL_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define POOL_BARS_MAX 64

typedef struct pool_bar {
    char what[96]; /* case, engine, param, unit */
    char note[32]; /* what the reader should know beside; may be empty */
    double value;
    double limit;
    bool is_floor; /* the value is to be at least the limit, not at most */
} pool_bar;

typedef struct pool_bars {
    pool_bar list[POOL_BARS_MAX];
    size_t num; /* those beyond POOL_BARS_MAX are not kept */
} pool_bars;

/* A copy of the bar is kept. */
void pool_bars_add(pool_bars *bars, const pool_bar *bar);

bool pool_bars_is_met(const pool_bar *bar);

/* Writes a line for each bar, and how many are met; nothing if there is none. */
void pool_bars_write(const pool_bars *bars, FILE *file);

/* The same, to stdout. */
void pool_bars_print(const pool_bars *bars);

#endif
