/*
 * `yoke policy check`: whether a policy file is right. Owns the policy it reads; the main thread
 * only.
 * Always holds: exit 0 means that yoke_create would take the file. A wrong or unreadable one ends
 * with 1 and one line on stderr, in the form that editors jump to (FILE:LINE: ...), so without the
 * command's name before it; with --json, stdout still gets one object.
 * Costs some microseconds; starts no runtime.
 */
#include "cli/cli.h"

#include <yoke/yoke.h>

#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

typedef struct policy_cmd_options {
    const char *path;
    bool json;
    bool help;
} policy_cmd_options;

static int policy_cmd_parse(policy_cmd_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            return cli_bad_option(&policy_command, option, argv);
        }
        o->json |= option == 'j';
        o->help |= option == 'h';
    }
    if (o->help) {
        return CLI_DONE;
    }
    if (optind == argc) {
        return cli_misuse(&policy_command, "what to do? There is: check FILE");
    }
    if (strcmp(argv[optind], "check") != 0) {
        return cli_misuse(&policy_command, "check is all it does, not %s", argv[optind]);
    }
    if (argc - optind != 2) {
        return cli_misuse(&policy_command, "check takes one file");
    }
    o->path = argv[optind + 1];
    return CLI_DONE;
}

/* File names need not be UTF-8, as JSON's strings must: what has a wrong one is left out. */
static bool policy_cmd_print_json(const char *path, const char *error)
{
    json_t *root = json_object();
    json_t *file = json_string(path);
    json_object_set_new(root, "file", file != NULL ? file : json_null());
    json_object_set_new(root, "ok", json_boolean(error == NULL));
    if (error != NULL) {
        json_t *text = json_string(error);
        json_object_set_new(root, "error", text != NULL ? text : json_null());
    }
    bool printed = root != NULL && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;
    json_decref(root);
    printf("\n");
    return printed;
}

static int policy_cmd_check(const policy_cmd_options *o)
{
    char message[PATH_MAX + 512];
    yoke_policy *policy;
    yoke_status status = yoke_policy_read(&policy, o->path, message, sizeof(message));
    yoke_policy_free(&policy);
    if (status != YOKE_OK) {
        fprintf(stderr, "%s\n", message);
    }
    if (o->json && !policy_cmd_print_json(o->path, status == YOKE_OK ? NULL : message)) {
        return cli_fail(&policy_command, "the JSON output could not be made");
    }
    if (!o->json && status == YOKE_OK) {
        printf("%s: ok\n", o->path);
    }
    int written = cli_finish_output(&policy_command);
    return status != YOKE_OK ? CLI_FAILED : written;
}

static int policy_cmd(int argc, char **argv)
{
    policy_cmd_options o = {.path = NULL};
    int code = policy_cmd_parse(&o, argc, argv);
    if (code == CLI_DONE && o.help) {
        cli_print_help(stdout, &policy_command);
    } else if (code == CLI_DONE) {
        code = policy_cmd_check(&o);
    }
    return code;
}

const cli_command policy_command = {
    .name = "policy",
    .usage = "check FILE [--json]",
    .summary = "check a policy file",
    .details = "  check FILE     a YAML file; config/README.md lists its sections and keys\n"
               "  --json         print one JSON object\n"
               "\n"
               "Prints \"FILE: ok\" and ends with 0, or says on stderr in one line what is wrong\n"
               "first, and where, and ends with 1.\n",
    .run = policy_cmd,
};
