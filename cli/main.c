/*
 * yoke: the command. Owns the table of commands; one thread.
 * Always holds: `yoke` alone, an unknown command and a wrong option end with 2 and a usage on
 * stderr; help and version go to stdout and end with 0.
 */
#include "cli/cli.h"

#include <yoke/yoke.h>

#include <string.h>

static const cli_command *const main_commands[] = {&block_command, &bench_command, &devices_command,
                                                   &policy_command};

#define MAIN_NUM_COMMANDS (sizeof(main_commands) / sizeof(main_commands[0]))

static void main_print_usage(FILE *stream)
{
    fprintf(stream, "usage: yoke COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < MAIN_NUM_COMMANDS; i++) {
        fprintf(stream, "  %-8s %s\n", main_commands[i]->name, main_commands[i]->summary);
    }
    fprintf(stream, "  %-8s %s\n  %-8s %s\n", "help", "this, or `yoke help COMMAND`", "--version",
            "the version of yoke");
    fprintf(stream, "\nexit status: 0 done, 1 failed, 2 wrong usage, 3 done, but by the CPU "
                    "though a GPU was asked for\n");
}

static const cli_command *main_find(const char *name)
{
    for (size_t i = 0; i < MAIN_NUM_COMMANDS; i++) {
        if (strcmp(main_commands[i]->name, name) == 0) {
            return main_commands[i];
        }
    }
    return NULL;
}

static int main_unknown(const char *name)
{
    fprintf(stderr, "yoke: unknown command %s; `yoke help` lists them\n", name);
    return CLI_USAGE;
}

static int main_help(int argc, char **argv)
{
    if (argc < 3) {
        main_print_usage(stdout);
        return CLI_DONE;
    }
    const cli_command *command = main_find(argv[2]);
    if (command == NULL) {
        return main_unknown(argv[2]);
    }
    cli_print_help(stdout, command);
    return CLI_DONE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        main_print_usage(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        return main_help(argc, argv);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("yoke %s\n", yoke_version());
        return CLI_DONE;
    }
    const cli_command *command = main_find(argv[1]);
    return command != NULL ? command->run(argc - 1, argv + 1) : main_unknown(argv[1]);
}
