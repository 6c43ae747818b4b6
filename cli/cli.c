/*
 * Messages and parsing that the commands share. Owns nothing; the main thread only.
 * Always holds: messages go to stderr, one line each, starting with the command's name; stdout has
 * only what was asked for.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void cli_print_help(FILE *stream, const cli_command *command)
{
    fprintf(stream, "usage: yoke %s %s\n\n%s\n\n%s", command->name, command->usage,
            command->summary, command->details);
}

static void cli_print_line(const cli_command *command, const char *what, va_list list)
{
    char line[1024];
    vsnprintf(line, sizeof(line), what, list);
    fprintf(stderr, "yoke %s: %s\n", command->name, line);
}

int cli_fail(const cli_command *command, const char *what, ...)
{
    va_list list;
    va_start(list, what);
    cli_print_line(command, what, list);
    va_end(list);
    return CLI_FAILED;
}

int cli_degraded(const cli_command *command, const char *why)
{
    fprintf(stderr, "yoke %s: %s\n", command->name, why);
    return CLI_DEGRADED;
}

int cli_misuse(const cli_command *command, const char *what, ...)
{
    va_list list;
    va_start(list, what);
    cli_print_line(command, what, list);
    va_end(list);
    fprintf(stderr, "usage: yoke %s %s\n", command->name, command->usage);
    return CLI_USAGE;
}

int cli_bad_option(const cli_command *command, int answer, char **argv)
{
    /* The word that getopt has just passed, unless that stands on a short option in a group. */
    const char *word = argv[optind - 1];
    if (answer == ':') {
        return cli_misuse(command, "%s needs a value", word);
    }
    if (optopt == 0) {
        return cli_misuse(command, "%s is no option", word);
    }
    if (strncmp(word, "--", 2) == 0 && strchr(word, '=') != NULL) {
        return cli_misuse(command, "%s: this option takes no value", word);
    }
    return cli_misuse(command, "-%c is no option", optopt);
}

bool cli_parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *value)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 10 || text[digits] != '\0') {
        return false;
    }
    unsigned long long number = strtoull(text, NULL, 10);
    *value = (uint32_t)number;
    return number >= min && number <= max;
}

int cli_finish_output(const cli_command *command)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail(command, "cannot write the output: %s", strerror(errno));
    }
    return CLI_DONE;
}
