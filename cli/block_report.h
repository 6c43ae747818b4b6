/*
 * Prints what a run over a block found, for people or as one JSON object.
 */
#ifndef YOKE_CLI_BLOCK_REPORT_H
#define YOKE_CLI_BLOCK_REPORT_H

#include "cli/prove.h"

/* A report and the circumstances of its run. */
typedef struct block_report {
    const char *path;
    const char *engine; /* what was asked for; the stages say what ran where */
    uint32_t workers;
    uint32_t repeat;     /* runs done */
    uint64_t startup_ns; /* of the runtime, before the first run */
    uint64_t min_ns;     /* of all runs */
    uint64_t max_ns;
    prove_report found; /* of the run whose total time is the median */
    prove_verdict verdict;
    const char *error; /* a line, unless the verdict is PROVE_VALID */
} block_report;

/* For a valid block: stages, verdict, what was proven and what not, on stdout. */
void block_report_print(const block_report *report);

/* One JSON object on stdout, whatever the verdict. False: out of memory. */
bool block_report_print_json(const block_report *report);

#endif
