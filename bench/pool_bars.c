/*
 * Bars. Owns nothing; one thread, writes to stdout.
 */
#include "pool_bars.h"

#include <stdio.h>

void pool_bars_add(pool_bars *bars, const pool_bar *bar)
{
    if (bars->num < POOL_BARS_MAX) {
        bars->list[bars->num++] = *bar;
    }
}

bool pool_bars_is_met(const pool_bar *bar)
{
    return bar->is_floor ? bar->value >= bar->limit : bar->value <= bar->limit;
}

void pool_bars_print(const pool_bars *bars)
{
    size_t num_met = 0;
    if (bars->num > 0) {
        printf("\n%-63s %10s    %10s\n", "bar (medians, but where it says p99)", "value", "bar");
    }
    for (size_t i = 0; i < bars->num; i++) {
        const pool_bar *bar = &bars->list[i];
        bool is_met = pool_bars_is_met(bar);
        num_met += is_met;
        printf("%-63s %10.3f %s %10.3f  %s%s%s\n", bar->what, bar->value,
               bar->is_floor ? ">=" : "<=", bar->limit, is_met ? "met" : "MISSED",
               bar->note[0] != '\0' ? "  " : "", bar->note);
    }
    if (bars->num > 0) {
        printf("%zu of %zu bars are met\n", num_met, bars->num);
    }
}
