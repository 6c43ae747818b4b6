/*
 * Bars. Owns nothing; one thread, writes to where it is told.
 */
#include "pool_bars.h"

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

void pool_bars_write(const pool_bars *bars, FILE *file)
{
    size_t num_met = 0;
    if (bars->num > 0) {
        fprintf(file, "\n%-63s %10s    %10s\n", "bar (medians, but where it says p99)", "value",
                "bar");
    }
    for (size_t i = 0; i < bars->num; i++) {
        const pool_bar *bar = &bars->list[i];
        bool is_met = pool_bars_is_met(bar);
        num_met += is_met;
        fprintf(file, "%-63s %10.3f %s %10.3f  %s%s%s\n", bar->what, bar->value,
                bar->is_floor ? ">=" : "<=", bar->limit, is_met ? "met" : "MISSED",
                bar->note[0] != '\0' ? "  " : "", bar->note);
    }
    if (bars->num > 0) {
        fprintf(file, "%zu of %zu bars are met\n", num_met, bars->num);
    }
}

void pool_bars_print(const pool_bars *bars)
{
    pool_bars_write(bars, stdout);
}
