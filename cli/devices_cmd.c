/*
 * `yoke devices`: lists what the runtime finds, and why it uses or leaves it.
 * Owns the runtime it starts; the main thread only.
 * Always holds: exit 0 also where there is no device: that is an answer. A policy that cannot be
 * read ends with 1. Only the list goes to stdout.
 * Costs a driver's start, and the compilation of every kernel.
 */
#include "cli/cli.h"
#include "cli/start.h"

#include <jansson.h>

#include <getopt.h>
#include <string.h>

typedef struct devices_cmd_options {
    start_options start;
    bool json;
    bool help;
} devices_cmd_options;

typedef struct devices_cmd_list {
    yoke_device devices[YOKE_DEVICES_MAX];
    size_t num;
    size_t num_ready;
    uint32_t workers;
} devices_cmd_list;

static int devices_cmd_parse(devices_cmd_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"policy", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            return cli_bad_option(&devices_command, option, argv);
        }
        o->start.policy = option == 'p' ? optarg : o->start.policy;
        o->json = o->json || option == 'j';
        o->help = o->help || option == 'h';
    }
    return optind == argc ? CLI_DONE : cli_misuse(&devices_command, "it takes no %s", argv[optind]);
}

static bool devices_cmd_find(const devices_cmd_options *o, devices_cmd_list *list, char *error,
                             size_t error_bytes)
{
    yoke_runtime *rt = NULL;
    if (!start_runtime(&rt, &o->start, error, error_bytes)) {
        return false;
    }
    yoke_stats stats = {.struct_bytes = sizeof(stats)};
    yoke_stats_read(rt, &stats);
    list->workers = stats.num_workers;
    list->num = yoke_devices(rt, list->devices, YOKE_DEVICES_MAX);
    list->num = list->num < YOKE_DEVICES_MAX ? list->num : YOKE_DEVICES_MAX;
    for (size_t i = 0; i < list->num; i++) {
        list->num_ready += list->devices[i].state == YOKE_DEVICE_READY;
    }
    yoke_destroy(&rt);
    return true;
}

/* What the policy's gpu.devices counts: the fit ones, in the order in which they were found. */
static bool devices_cmd_has_index(const yoke_device *device)
{
    return device->state != YOKE_DEVICE_UNFIT;
}

static void devices_cmd_uuid(const yoke_device *device, char text[37])
{
    static const uint8_t groups[] = {4, 2, 2, 2, 6};
    const uint8_t *byte = device->uuid;
    for (size_t g = 0; g < sizeof(groups); g++) {
        if (g > 0) {
            *text++ = '-';
        }
        for (uint8_t i = 0; i < groups[g]; i++) {
            text += sprintf(text, "%02x", *byte++);
        }
    }
}

static void devices_cmd_print_one(const yoke_device *d, unsigned index)
{
    char uuid[37];
    printf("%s: %s", d->backend, yoke_device_state_text(d->state));
    if (d->why[0] != '\0') {
        printf(": %s", d->why);
    }
    printf("\n");
    if (d->name[0] == '\0') {
        return;
    }
    devices_cmd_uuid(d, uuid);
    if (devices_cmd_has_index(d)) {
        printf("  index   %u\n", index);
    }
    printf("  name    %s\n  uuid    %s\n  driver  %s\n  memory  %llu MiB\n", d->name, uuid,
           d->driver, (unsigned long long)(d->memory_bytes >> 20));
}

static void devices_cmd_print(const devices_cmd_list *list)
{
    unsigned index = 0;
    for (size_t i = 0; i < list->num; i++) {
        devices_cmd_print_one(&list->devices[i], index);
        index += devices_cmd_has_index(&list->devices[i]);
    }
    const char *end = list->workers == 1 ? "" : "s";
    if (list->num_ready == 0) {
        printf("no GPU is used: the CPU does everything, with %u worker%s\n", list->workers, end);
    } else {
        printf("%zu device%s ready, beside the CPU with %u worker%s\n", list->num_ready,
               list->num_ready == 1 ? "" : "s", list->workers, end);
    }
}

/* What a driver calls itself need not be UTF-8, as JSON's strings must: then it is left out. */
static json_t *devices_cmd_text(const char *text)
{
    json_t *value = text[0] != '\0' ? json_string(text) : NULL;
    return value != NULL ? value : json_null();
}

static bool devices_cmd_print_json(const devices_cmd_list *list)
{
    json_t *devices = json_array();
    json_int_t num_fit = 0;
    for (size_t i = 0; i < list->num; i++) {
        const yoke_device *d = &list->devices[i];
        char uuid[37];
        devices_cmd_uuid(d, uuid);
        json_t *index = devices_cmd_has_index(d) ? json_integer(num_fit++) : json_null();
        json_array_append_new(
            devices, json_pack("{s:s, s:o, s:o, s:o, s:s, s:I, s:s, s:o}", "backend", d->backend,
                               "index", index, "name", devices_cmd_text(d->name), "driver",
                               devices_cmd_text(d->driver), "uuid", uuid, "memory_bytes",
                               (json_int_t)d->memory_bytes, "state",
                               yoke_device_state_text(d->state), "why", devices_cmd_text(d->why)));
    }
    json_t *root = json_pack("{s:o, s:I, s:I}", "devices", devices, "ready",
                             (json_int_t)list->num_ready, "workers", (json_int_t)list->workers);
    bool printed = root != NULL && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;
    json_decref(root);
    printf("\n");
    return printed;
}

static int devices_cmd(int argc, char **argv)
{
    devices_cmd_options o = {.json = false};
    devices_cmd_list list = {.num = 0};
    char error[512];
    int code = devices_cmd_parse(&o, argc, argv);
    if (code != CLI_DONE) {
        return code;
    }
    if (o.help) {
        cli_print_help(stdout, &devices_command);
        return CLI_DONE;
    }
    if (!devices_cmd_find(&o, &list, error, sizeof(error))) {
        return cli_fail(&devices_command, "%s", error);
    }
    if (!o.json) {
        devices_cmd_print(&list);
    } else if (!devices_cmd_print_json(&list)) {
        return cli_fail(&devices_command, "the JSON output could not be made");
    }
    return cli_finish_output(&devices_command);
}

const cli_command devices_command = {
    .name = "devices",
    .usage = "[--policy POLICY] [--json]",
    .summary = "list GPUs and other devices, and why each is used or not",
    .details = "  --policy FILE  a policy file, for the runtime\n"
               "  --json         print one JSON object\n"
               "\n"
               "Waits until every device is open and has compiled all kernels, or is given up.\n"
               "The policy's gpu.devices takes the index, the uuid, or a piece of the name.\n",
    .run = devices_cmd,
};
