/*
 * Counters, one set for each worker and one for all host threads. The list of them is
 * YOKE_STATS_MAP in yoke.h.
 *
 * A worker's set has one writer, so counting is a load and a store. Readers add up the sets; each
 * value is exact, their sum is exact when nothing runs.
 */
#ifndef YOKE_STATS_H
#define YOKE_STATS_H

#include "base.h"

typedef enum stats_counter {
#define STATS_COUNTER(field, text) STATS_##field,
    YOKE_STATS_MAP(STATS_COUNTER)
#undef STATS_COUNTER
        STATS_COUNTERS
} stats_counter;

typedef struct stats {
    _Alignas(BASE_LINE_BYTES) _Atomic uint64_t of[STATS_COUNTERS];
} stats;

static inline void stats_add_owner(stats *s, stats_counter counter, uint64_t amount)
{
    uint64_t before = atomic_load_explicit(&s->of[counter], memory_order_relaxed);
    atomic_store_explicit(&s->of[counter], before + amount, memory_order_relaxed);
}

static inline void stats_add_any(stats *s, stats_counter counter, uint64_t amount)
{
    atomic_fetch_add_explicit(&s->of[counter], amount, memory_order_relaxed);
}

#endif
