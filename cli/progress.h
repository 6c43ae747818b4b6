/*
 * A progress bar on stderr, only when that is a terminal.
 */
#ifndef YOKE_CLI_PROGRESS_H
#define YOKE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

bool progress_is_wanted(void);

/* Draws the bar over the current line; total may be 0. */
void progress_draw(const char *label, uint64_t done, uint64_t total);

/* Takes the bar away again. */
void progress_clear(void);

#endif
