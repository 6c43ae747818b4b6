/*
 * `yoke block`: reads a block and perhaps its coins, proves what they can prove, reports.
 * Owns the runtime it starts; the main thread only.
 * Always holds: exit 0 means that everything checked holds, 3 the same but that no GPU did any of
 * it though one was asked for. A bad block or an unreadable file ends with 1 and one line on stderr
 * that says what is wrong and where; with --json, stdout still gets one object. Nothing else goes
 * to stdout.
 * Costs: start-up, devices and all, is timed apart from the runs; coins are read before them.
 */
#include "cli/block_report.h"
#include "cli/cli.h"
#include "cli/clock.h"
#include "cli/load.h"
#include "cli/progress.h"
#include "cli/start.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_CMD_REPEAT_MAX 10000

typedef struct block_cmd_options {
    const char *path;
    const char *coins_path; /* NULL: none */
    start_options start;
    uint32_t repeat;
    bool json;
    bool help;
} block_cmd_options;

static int block_cmd_set(block_cmd_options *o, int option, const char *value)
{
    switch (option) {
    case 'e':
    case 'p':
    case 'w':
        return start_set_option(&o->start, &block_command, option, value);
    case 'c':
        o->coins_path = value;
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
        {"engine", required_argument, NULL, 'e'}, {"policy", required_argument, NULL, 'p'},
        {"coins", required_argument, NULL, 'c'},  {"workers", required_argument, NULL, 'w'},
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

/* What a run of the command works on, and what it comes to. */
typedef struct block_cmd_work {
    load_result file;
    load_result coins_file;
    coins coins;
    block_report report;
    char error[512];    /* one line, unless the verdict is PROVE_VALID */
    char degraded[512]; /* one line, if no GPU ran what one was asked for; else empty */
} block_cmd_work;

/* Sets the error that a file has. Always returns false. */
static bool block_cmd_error(block_cmd_work *work, const char *path, const char *line)
{
    snprintf(work->error, sizeof(work->error), "%s: %s", path, line);
    return false;
}

/* Everything between loaded files and a filled report; broken if the machine fails it. */
static void block_cmd_prove(const block_cmd_options *o, block_cmd_work *work)
{
    yoke_runtime *rt = NULL;
    block_report *report = &work->report;
    block_error error = {.what = "out of memory", .offset = SIZE_MAX};
    uint64_t start_ns = clock_ns();
    if (!start_runtime(&rt, &o->start, work->error, sizeof(work->error))) {
        return;
    }
    prove *p = prove_create(rt);
    prove_report *runs = calloc(o->repeat, sizeof(*runs));
    report->startup_ns = clock_ns() - start_ns;
    yoke_stats stats = {.struct_bytes = sizeof(stats)};
    yoke_stats_read(rt, &stats);
    report->workers = stats.num_workers;
    if (p != NULL && runs != NULL) {
        prove_set_coins(p, o->coins_path != NULL ? &work->coins : NULL);
        block_cmd_run(p, o, &work->file, runs, report, &error);
        start_is_degraded(rt, o->start.engine, work->degraded, sizeof(work->degraded));
    }
    if (report->verdict != PROVE_VALID) {
        char line[320];
        block_error_line(&error, line, sizeof(line));
        block_cmd_error(work, o->path, line);
    }
    free(runs);
    prove_destroy(&p);
    yoke_destroy(&rt);
}

/* Reads what the command line names; false, with the error, if that does not work. */
static bool block_cmd_load(const block_cmd_options *o, block_cmd_work *work)
{
    char line[256];
    if (!load_block(o->path, &work->file)) {
        return block_cmd_error(work, o->path, work->file.error);
    }
    if (o->coins_path == NULL) {
        return true;
    }
    if (!load_coins(o->coins_path, &work->coins_file)) {
        return block_cmd_error(work, o->coins_path, work->coins_file.error);
    }
    return coins_parse(&work->coins, work->coins_file.data, work->coins_file.bytes, line,
                       sizeof(line)) ||
           block_cmd_error(work, o->coins_path, line);
}

/* Prints the report, or the line that says why there is none. */
static int block_cmd_report(const block_cmd_options *o, const block_cmd_work *work)
{
    const block_report *report = &work->report;
    int code = CLI_DONE;
    if (report->verdict != PROVE_VALID) {
        code = cli_fail(&block_command, "%s", work->error);
    } else if (work->degraded[0] != '\0') {
        code = cli_degraded(&block_command, work->degraded);
    }
    if (o->json && !block_report_print_json(report)) {
        code = cli_fail(&block_command, "the JSON output could not be made");
    }
    if (!o->json && report->verdict == PROVE_VALID) {
        block_report_print(report);
    }
    int written = cli_finish_output(&block_command);
    return written == CLI_DONE ? code : written;
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
    block_cmd_work work = {
        .report = {.path = o.path, .engine = start_engine_name(&o.start), .verdict = PROVE_BROKEN}};
    work.report.error = work.error;
    if (block_cmd_load(&o, &work)) {
        block_cmd_prove(&o, &work);
    }
    code = block_cmd_report(&o, &work);
    coins_finish(&work.coins);
    load_free(&work.coins_file);
    load_free(&work.file);
    return code;
}

const cli_command block_command = {
    .name = "block",
    .usage = "[FILE] [--coins COINS] [--engine auto|cpu|gpu] [--policy POLICY] [--workers N] "
             "[--repeat N] [--json]",
    .summary = "prove of a Bitcoin block what it and the coins it spends can prove",
    .details =
        "  FILE           a block, raw or as hex digits, at most 4 000 000 bytes decoded;\n"
        "                 default: $YOKE_BLOCK, else ./.cache/block-357238.json\n"
        "  --coins COINS  the coins that the block spends: a count, then outpoint and coin of\n"
        "                 each, in Bitcoin Core's compressed form\n"
        "  --engine E     auto: what suits best (the default); cpu: the CPU only; gpu: GPUs\n"
        "                 wherever they can\n"
        "  --policy FILE  a policy file for the runtime\n"
        "  --workers N    CPU workers, 1 to 256; default: one for each CPU\n"
        "  --repeat N     run N times (at most 10000) in one runtime, report the median\n"
        "  --json         print one JSON object\n"
        "\n"
        "Checked: proof of work, txids, Merkle root, witness commitment, and the signature of\n"
        "every input whose script is exactly a signature and a public key. Such an input is\n"
        "taken to spend a P2PKH coin of that key; a signature that holds proves that the key's\n"
        "owner signed this spend. Coins themselves are not looked up, except those that the\n"
        "block itself makes.\n"
        "\n"
        "With the coins: the signatures of every input of a P2PKH, P2PK or multisig coin, and\n"
        "of a P2SH coin with such a script; that every input has its coin and no two the same;\n"
        "that no transaction pays more than it takes in, nor the coinbase more than subsidy and\n"
        "fees. Inputs of other coins, and with witnesses, are counted and not checked.\n"
        "\n"
        "Exit status 3: all holds, but a GPU was asked for and none was used.\n",
    .run = block_cmd,
};
