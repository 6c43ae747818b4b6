/*
 * The progress bar. Owns the terminal's current line between draw and clear; one thread.
 * Always holds: nothing is written unless progress_is_wanted said so to the caller.
 * Costs one write to stderr a draw.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#define PROGRESS_WIDTH 40

bool progress_is_wanted(void)
{
    return isatty(STDERR_FILENO) == 1;
}

void progress_draw(const char *label, uint64_t done, uint64_t total)
{
    static const char full[] = "########################################";
    int filled = total > 0 ? (int)(done * PROGRESS_WIDTH / total) : 0;
    fprintf(stderr, "\r%-10s [%.*s%*s] %llu of %llu", label, filled, full, PROGRESS_WIDTH - filled,
            "", (unsigned long long)done, (unsigned long long)total);
    fflush(stderr);
}

void progress_clear(void)
{
    fputs("\r\033[K", stderr);
}
