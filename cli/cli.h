/*
 * What the commands of `yoke` share: the table they stand in, exit codes, messages.
 */
#ifndef YOKE_CLI_CLI_H
#define YOKE_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CLI_DONE = 0,
    CLI_FAILED = 1,   /* the work could not be done, or its answer is no */
    CLI_USAGE = 2,    /* the command line is wrong */
    CLI_DEGRADED = 3, /* done, but not as asked: a GPU was asked for and none was used */
};

typedef struct cli_command {
    const char *name;
    const char *usage;                 /* behind the name */
    const char *summary;               /* one line */
    const char *details;               /* the options, a line each, and what else help should say */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit code */
} cli_command;

extern const cli_command block_command;   /* block_cmd.c */
extern const cli_command devices_command; /* devices_cmd.c */
extern const cli_command bench_command;   /* bench/bench_cmd.c */
extern const cli_command policy_command;  /* policy_cmd.c */

/* Prints a command's whole help. */
void cli_print_help(FILE *stream, const cli_command *command);

/* Prints "yoke NAME: ..." as one line on stderr; what is a printf format. Returns CLI_FAILED. */
int cli_fail(const cli_command *command, const char *what, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, for work that was done by another engine than asked. Returns CLI_DEGRADED. */
int cli_degraded(const cli_command *command, const char *why);

/* The same as cli_fail, and a line on how the command is used. Returns CLI_USAGE. */
int cli_misuse(const cli_command *command, const char *what, ...)
    __attribute__((format(printf, 2, 3)));

/* For getopt_long's '?' and ':': says which option is wrong. Returns CLI_USAGE. */
int cli_bad_option(const cli_command *command, int answer, char **argv);

/* Reads a decimal number from min to max, digits only. */
bool cli_parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *value);

/* Ends what was printed to stdout; CLI_FAILED, with a message, if it could not all be written. */
int cli_finish_output(const cli_command *command);

#endif
