/*
 * `yoke block`: reads a block, proves what the block alone can prove, reports.
 * Owns the runtime it starts; the main thread only.
 * Always holds: exit 0 means that everything checked holds. A bad block or an unreadable file ends
 * with 1 and one line on stderr that says what is wrong and where; with --json, stdout still gets
 * one object. Nothing else goes to stdout.
 * Costs: start-up is timed apart from the runs.
 */
#include "cli/block_report.h"
#include "cli/cli.h"
#include "cli/clock.h"
#include "cli/load.h"
#include "cli/progress.h"
#include "cli/start.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_CMD_REPEAT_MAX 10000

typedef struct block_cmd_options {
    const char *path;
    uint32_t workers; /* 0: the runtime's choice */
    uint32_t repeat;
    bool cpu_only;
    bool json;
    bool help;
} block_cmd_options;

static int block_cmd_set(block_cmd_options *o, int option, const char *value)
{
    switch (option) {
    case 'e':
        o->cpu_only = strcmp(value, "cpu") == 0;
        if (!o->cpu_only && strcmp(value, "auto") != 0) {
            return cli_misuse(&block_command, "--engine is auto or cpu, not %s", value);
        }
        break;
    case 'w':
        if (!cli_parse_number(value, 1, YOKE_WORKERS_MAX, &o->workers)) {
            return cli_misuse(&block_command, "--workers is a number from 1 to %d, not %s",
                              YOKE_WORKERS_MAX, value);
        }
        break;
    case 'r':
        if (!cli_parse_number(value, 1, BLOCK_CMD_REPEAT_MAX, &o->repeat)) {
            return cli_misuse(&block_command, "--repeat is a number from 1 to %d, not %s",
                              BLOCK_CMD_REPEAT_MAX, value);
        }
        break;
    case 'j':
        o->json = true;
        break;
    default:
        o->help = true;
    }
    return CLI_DONE;
}

static int block_cmd_parse(block_cmd_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"engine", required_argument, NULL, 'e'}, {"workers", required_argument, NULL, 'w'},
        {"repeat", required_argument, NULL, 'r'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            return cli_bad_option(&block_command, option, argv);
        }
        int code = block_cmd_set(o, option, optarg);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (argc - optind > 1) {
        return cli_misuse(&block_command, "one file at a time, not also %s", argv[optind + 1]);
    }
    o->path = optind < argc ? argv[optind] : load_default_path();
    return CLI_DONE;
}

static void block_cmd_progress(void *user, prove_stage stage, uint64_t done, uint64_t total)
{
    *(bool *)user = true;
    progress_draw(prove_stage_name(stage), done, total);
}

static int block_cmd_compare(const void *left, const void *right)
{
    uint64_t a = ((const prove_report *)left)->total_ns;
    uint64_t b = ((const prove_report *)right)->total_ns;
    return (a > b) - (a < b);
}

/* Runs the prover up to o->repeat times and keeps the run with the median time. */
static void block_cmd_run(prove *p, const block_cmd_options *o, const load_result *file,
                          prove_report *runs, block_report *report, block_error *error)
{
    bool drawn = false;
    if (progress_is_wanted()) {
        prove_set_progress(p, block_cmd_progress, &drawn);
    }
    report->verdict = PROVE_VALID;
    while (report->verdict == PROVE_VALID && report->repeat < o->repeat) {
        report->verdict = prove_run(p, file->data, file->bytes, &runs[report->repeat], error);
        report->repeat++;
    }
    if (drawn) {
        progress_clear();
    }
    if (report->verdict == PROVE_VALID) {
        qsort(runs, report->repeat, sizeof(*runs), block_cmd_compare);
        report->min_ns = runs[0].total_ns;
        report->found = runs[report->repeat / 2];
        report->max_ns = runs[report->repeat - 1].total_ns;
    }
}

/* Everything between a loaded file and a filled report; broken if the machine fails it. */
static void block_cmd_prove(const block_cmd_options *o, const load_result *file,
                            block_report *report, block_error *error)
{
    yoke_runtime *rt = NULL;
    uint64_t start_ns = clock_ns();
    report->verdict = PROVE_BROKEN;
    yoke_status status = start_runtime(&rt, o->workers);
    if (status != YOKE_OK) {
        block_error_set(error, SIZE_MAX, BLOCK_NOWHERE, BLOCK_NOWHERE,
                        "the runtime does not start: %s", yoke_status_text(status));
        return;
    }
    prove *p = prove_create(rt, o->cpu_only ? YOKE_JOB_CPU : 0);
    prove_report *runs = calloc(o->repeat, sizeof(*runs));
    report->startup_ns = clock_ns() - start_ns;
    yoke_stats stats = {.struct_bytes = sizeof(stats)};
    yoke_stats_read(rt, &stats);
    report->workers = stats.num_workers;
    if (p != NULL && runs != NULL) {
        block_cmd_run(p, o, file, runs, report, error);
    } else {
        block_error_set(error, SIZE_MAX, BLOCK_NOWHERE, BLOCK_NOWHERE, "out of memory");
    }
    free(runs);
    prove_destroy(&p);
    yoke_destroy(&rt);
}

/* Prints the report, or the line that says why there is none. */
static int block_cmd_report(const block_cmd_options *o, const block_report *report)
{
    int code = CLI_DONE;
    if (report->verdict != PROVE_VALID) {
        code = cli_fail(&block_command, "%s: %s", o->path, report->error);
    }
    if (o->json && !block_report_print_json(report)) {
        code = cli_fail(&block_command, "the JSON output could not be made");
    }
    if (!o->json && report->verdict == PROVE_VALID) {
        block_report_print(report);
    }
    int written = cli_finish_output(&block_command);
    return code != CLI_DONE ? code : written;
}

static int block_cmd(int argc, char **argv)
{
    block_cmd_options o = {.repeat = 1};
    int code = block_cmd_parse(&o, argc, argv);
    if (code != CLI_DONE) {
        return code;
    }
    if (o.help) {
        cli_print_help(stdout, &block_command);
        return CLI_DONE;
    }
    block_report report = {.path = o.path, .engine = "cpu", .verdict = PROVE_BROKEN};
    load_result file;
    block_error error = {.what = ""};
    char line[320];
    if (load_block(o.path, &file)) {
        block_cmd_prove(&o, &file, &report, &error);
        block_error_line(&error, line, sizeof(line));
        report.error = line;
        load_free(&file);
    } else {
        report.error = file.error;
    }
    return block_cmd_report(&o, &report);
}

const cli_command block_command = {
    .name = "block",
    .usage = "[FILE] [--engine auto|cpu] [--workers N] [--repeat N] [--json]",
    .summary = "prove of a Bitcoin block what the block alone can prove",
    .details =
        "  FILE           a block, raw or as hex digits, at most 4 000 000 bytes decoded;\n"
        "                 default: $YOKE_BLOCK, else ./.cache/block-357238.json\n"
        "  --engine E     auto: what suits best (the default); cpu: the CPU only\n"
        "  --workers N    CPU workers, 1 to 256; default: one for each CPU\n"
        "  --repeat N     run N times (at most 10000) in one runtime, report the median\n"
        "  --json         print one JSON object\n"
        "\n"
        "Checked: proof of work, txids, Merkle root, witness commitment, and the signature of\n"
        "every input whose script is exactly a signature and a public key. Such an input is\n"
        "taken to spend a P2PKH coin of that key; a signature that holds proves that the key's\n"
        "owner signed this spend. Coins themselves are not looked up, except those that the\n"
        "block itself makes.\n",
    .run = block_cmd,
};
