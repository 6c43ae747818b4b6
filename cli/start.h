/*
 * Starts the runtime of a command: jemalloc as its allocator, all task packs, submits that wait,
 * the engine and the policy that the command line asks for.
 */
#ifndef YOKE_CLI_START_H
#define YOKE_CLI_START_H

#include <yoke/yoke.h>

#include "cli/cli.h"

typedef struct start_options {
    uint32_t num_workers; /* 0: the runtime's choice */
    yoke_engine engine;
    const char *policy; /* a policy file's path; NULL: none */
} start_options;

/*
 * Also waits until the devices are open and have compiled the packs' kernels, unless the engine is
 * the CPU; up to a minute. That none is ready is no failure. What the runtime logs as a warning or
 * an error goes to stderr, a line each.
 * False: *rt is NULL, and `error` holds one line.
 */
bool start_runtime(yoke_runtime **rt, const start_options *options, char *error,
                   size_t error_bytes);

/* Takes --engine ('e'), --policy ('p') or --workers ('w') of a command. CLI_DONE, or CLI_USAGE
 * after a line on what is wrong. */
int start_set_option(start_options *options, const cli_command *command, int option,
                     const char *value);

/* The word for what was asked for; "policy" where a policy is to say. */
const char *start_engine_name(const start_options *options);

/*
 * Whether GPUs were asked for and ran nothing; `why` is then one line that says why, else
 * empty.
 * For a runtime whose jobs have settled.
 */
bool start_is_degraded(yoke_runtime *rt, yoke_engine engine, char *why, size_t why_bytes);

#endif
