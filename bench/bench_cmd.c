/*
 * `yoke bench NAME`: runs a bench and prints its rows. Owns the table of benches; main thread only.
 * It stands here and not in cli/ because benches lie above the command's own parts; main.c knows
 * only bench_command, by its declaration in cli.h.
 * Always holds: only rows go to stdout; all options have been read before a bench starts.
 */
#include "block_bench.h"
#include "gpu_bench.h"
#include "hash_bench.h"
#include "pool_bench.h"

#include "cli/cli.h"
#include "cli/load.h"
#include "cli/start.h"

#include <yoke/yoke.h>

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define BENCH_CMD_ROUNDS 11
#define BENCH_CMD_ROUNDS_QUICK 2
#define BENCH_CMD_ROUNDS_MAX 1000

typedef struct bench_cmd_options {
    const char *path;    /* NULL: the bench's default */
    start_options start; /* num_workers: of the several; YOKE_ENGINE_POLICY: the bench's default */
    const char *workers; /* as it was given; NULL: it was not */
    const char *cases;   /* NULL: all */
    uint32_t rounds;
    bool is_quick;
    bool json;
    bool help;
} bench_cmd_options;

typedef struct bench_cmd_entry {
    const char *name;
    int (*run)(const bench_cmd_options *options);
} bench_cmd_entry;

/* The exit code of a bench that has printed its rows. */
static int bench_cmd_finish(bool degraded, const char *why)
{
    int code = degraded ? cli_degraded(&bench_command, why) : CLI_DONE;
    int written = cli_finish_output(&bench_command);
    return written == CLI_DONE ? code : written;
}

static int bench_cmd_block(const bench_cmd_options *o)
{
    const char *path = o->path != NULL ? o->path : load_default_path();
    load_result file;
    char line[512];
    bool degraded = false;
    if (!load_block(path, &file)) {
        return cli_fail(&bench_command, "%s: %s", path, file.error);
    }
    block_bench_options options = {
        .data = file.data,
        .bytes = file.bytes,
        .workers = o->start.num_workers,
        .engine = o->start.engine != YOKE_ENGINE_POLICY ? o->start.engine : YOKE_ENGINE_CPU,
        .policy = o->start.policy,
        .rounds = o->rounds,
        .json = o->json};
    bool fine = block_bench_run(&options, &degraded, line, sizeof(line));
    load_free(&file);
    if (!fine) {
        return cli_fail(&bench_command, "%s: %s", path, line);
    }
    return bench_cmd_finish(degraded, line);
}

static int bench_cmd_hash(const bench_cmd_options *o)
{
    char line[512];
    bool degraded = false;
    if (o->path != NULL) {
        return cli_misuse(&bench_command, "hash takes no file, so not %s", o->path);
    }
    hash_bench_options options = {.workers = o->start.num_workers,
                                  .engine = o->start.engine,
                                  .policy = o->start.policy,
                                  .rounds = o->rounds,
                                  .is_quick = o->is_quick,
                                  .json = o->json};
    if (!hash_bench_run(&options, &degraded, line, sizeof(line))) {
        return cli_fail(&bench_command, "%s", line);
    }
    return bench_cmd_finish(degraded, line);
}

/* The numbers of workers that the option lists; without it 1, 2, 4 ... and the default. */
static int bench_cmd_pool_workers(const bench_cmd_options *o, pool_bench_options *options)
{
    const char *next = o->workers;
    uint32_t *last = options->workers;
    for (uint32_t n = 1; next == NULL && n < o->start.num_workers; n *= 2) {
        *last++ = n;
    }
    if (next == NULL) {
        *last++ = o->start.num_workers;
    }
    while (next != NULL) {
        char word[16];
        size_t bytes = strcspn(next, ",");
        snprintf(word, sizeof(word), "%.*s", (int)bytes, next);
        if (last == options->workers + POOL_BENCH_WORKERS_MAX || bytes >= sizeof(word) ||
            !cli_parse_number(word, 1, YOKE_WORKERS_MAX, last) ||
            (last > options->workers && *last <= last[-1])) {
            return cli_misuse(&bench_command,
                              "--workers of pool is at most %d ascending numbers from 1 to %d, "
                              "with commas between, not %s",
                              POOL_BENCH_WORKERS_MAX, YOKE_WORKERS_MAX, o->workers);
        }
        last++;
        next = next[bytes] != '\0' ? next + bytes + 1 : NULL;
    }
    options->num_workers = (uint32_t)(last - options->workers);
    return CLI_DONE;
}

static int bench_cmd_pool(const bench_cmd_options *o)
{
    char line[512];
    const char *bad;
    size_t bad_bytes;
    pool_bench_options options = {.policy = o->start.policy,
                                  .cases = o->cases,
                                  .rounds = o->rounds,
                                  .is_quick = o->is_quick,
                                  .json = o->json};
    if (o->path != NULL) {
        return cli_misuse(&bench_command, "pool takes no file, so not %s", o->path);
    }
    if (o->cases != NULL && !pool_bench_knows(o->cases, &bad, &bad_bytes)) {
        return cli_misuse(&bench_command, "pool has no case %.*s", (int)bad_bytes, bad);
    }
    int code = bench_cmd_pool_workers(o, &options);
    if (code != CLI_DONE) {
        return code;
    }
    if (!pool_bench_run(&options, line, sizeof(line))) {
        return cli_fail(&bench_command, "%s", line);
    }
    return bench_cmd_finish(false, NULL);
}

static int bench_cmd_gpu(const bench_cmd_options *o)
{
    char line[512];
    const char *bad;
    size_t bad_bytes;
    bool degraded = false;
    gpu_bench_options options = {.workers = o->start.num_workers,
                                 .policy = o->start.policy,
                                 .cases = o->cases,
                                 .rounds = o->rounds,
                                 .is_quick = o->is_quick,
                                 .json = o->json};
    if (o->path != NULL) {
        return cli_misuse(&bench_command, "gpu takes no file, so not %s", o->path);
    }
    if (o->cases != NULL && !gpu_bench_knows(o->cases, &bad, &bad_bytes)) {
        return cli_misuse(&bench_command, "gpu has no case %.*s", (int)bad_bytes, bad);
    }
    if (o->start.engine == YOKE_ENGINE_CPU || o->start.engine == YOKE_ENGINE_AUTO) {
        return CLI_DONE; /* of all benches, one of those that are not about that engine */
    }
    if (!gpu_bench_run(&options, &degraded, line, sizeof(line))) {
        return cli_fail(&bench_command, "%s", line);
    }
    return bench_cmd_finish(degraded, line);
}

static const bench_cmd_entry bench_cmd_entries[] = {{"block", bench_cmd_block},
                                                    {"gpu", bench_cmd_gpu},
                                                    {"hash", bench_cmd_hash},
                                                    {"pool", bench_cmd_pool}};

/* As many workers as this process may run on CPUs. */
static uint32_t bench_cmd_num_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&set);
    return count < YOKE_WORKERS_MAX ? (uint32_t)count : YOKE_WORKERS_MAX;
}

static int bench_cmd_set(bench_cmd_options *o, int option, const char *value)
{
    switch (option) {
    case 'w':
        o->workers = value;
        if (strchr(value, ',') != NULL) {
            break; /* a list, for those that take one */
        }
        return start_set_option(&o->start, &bench_command, option, value);
    case 'e':
    case 'p':
        return start_set_option(&o->start, &bench_command, option, value);
    case 'c':
        o->cases = value;
        break;
    case 'r':
        if (!cli_parse_number(value, 1, BENCH_CMD_ROUNDS_MAX, &o->rounds)) {
            return cli_misuse(&bench_command, "--rounds is a number from 1 to %d, not %s",
                              BENCH_CMD_ROUNDS_MAX, value);
        }
        break;
    case 'q':
        o->is_quick = true;
        o->rounds = BENCH_CMD_ROUNDS_QUICK;
        break;
    case 'j':
        o->json = true;
        break;
    default:
        o->help = true;
    }
    return CLI_DONE;
}

static int bench_cmd_parse(bench_cmd_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"engine", required_argument, NULL, 'e'},
        {"policy", required_argument, NULL, 'p'},
        {"workers", required_argument, NULL, 'w'},
        {"rounds", required_argument, NULL, 'r'},
        {"case", required_argument, NULL, 'c'},
        {"quick", no_argument, NULL, 'q'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            return cli_bad_option(&bench_command, option, argv);
        }
        int code = bench_cmd_set(o, option, optarg);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (argc - optind > 2) {
        return cli_misuse(&bench_command, "one file at a time, not also %s", argv[optind + 2]);
    }
    return CLI_DONE;
}

/* Options that do not go with the bench of that name, or with all of them. */
static int bench_cmd_check(bench_cmd_options *o, const char *name)
{
    bool is_pool = name != NULL && strcmp(name, "pool") == 0;
    bool is_gpu = name != NULL && strcmp(name, "gpu") == 0;
    if (o->cases != NULL && !is_pool && !is_gpu) {
        return cli_misuse(&bench_command, "--case is for pool and gpu");
    }
    if (o->workers != NULL && strchr(o->workers, ',') != NULL && !is_pool) {
        return start_set_option(&o->start, &bench_command, 'w', o->workers);
    }
    if (is_pool && o->start.engine != YOKE_ENGINE_POLICY && o->start.engine != YOKE_ENGINE_CPU) {
        return cli_misuse(&bench_command, "pool is about the CPU, so no other engine");
    }
    if (is_gpu && o->start.engine != YOKE_ENGINE_POLICY && o->start.engine != YOKE_ENGINE_GPU) {
        return cli_misuse(&bench_command, "gpu is about devices, so no other engine");
    }
    return CLI_DONE;
}

/* Runs the bench of that name, or all where there is none. */
static int bench_cmd_run(bench_cmd_options *o, const char *name, const char *path)
{
    bool found = false;
    bool is_asked =
        name != NULL || o->start.engine == YOKE_ENGINE_GPU; /* for a GPU, if it counts */
    int worst = bench_cmd_check(o, name);
    if (worst != CLI_DONE) {
        return worst;
    }
    o->path = path;
    for (size_t i = 0; i < sizeof(bench_cmd_entries) / sizeof(bench_cmd_entries[0]); i++) {
        if (name == NULL || strcmp(bench_cmd_entries[i].name, name) == 0) {
            int code = bench_cmd_entries[i].run(o);
            if (code != CLI_DONE && code != CLI_DEGRADED) {
                return code;
            }
            worst = code == CLI_DEGRADED && is_asked ? code : worst;
            found = true;
        }
    }
    return found ? worst : cli_misuse(&bench_command, "there is no bench %s", name);
}

static int bench_cmd(int argc, char **argv)
{
    bench_cmd_options o = {
        .start = {.num_workers = bench_cmd_num_cpus(), .engine = YOKE_ENGINE_POLICY},
        .rounds = BENCH_CMD_ROUNDS};
    int code = bench_cmd_parse(&o, argc, argv);
    if (code != CLI_DONE) {
        return code;
    }
    if (o.help) {
        cli_print_help(stdout, &bench_command);
        return CLI_DONE;
    }
    return bench_cmd_run(&o, optind < argc ? argv[optind] : NULL,
                         optind + 1 < argc ? argv[optind + 1] : NULL);
}

const cli_command bench_command = {
    .name = "bench",
    .usage = "[NAME [FILE]] [--engine auto|cpu|gpu] [--policy POLICY] [--workers N] [--case CASES] "
             "[--rounds N] [--quick] [--json]",
    .summary = "measure yoke beside its peers",
    .details =
        "Without a NAME all benches run:\n"
        "  block          a whole block, by yoke and by a plain loop over libsecp256k1, on one\n"
        "                 thread and on N; FILE as in `yoke block`\n"
        "  gpu            what yoke adds to raw Vulkan, and what a device is worth: starting,\n"
        "                 empty batches, transfers, small jobs, hashing, trees, field elements; "
        "about\n"
        "                 two minutes\n"
        "  hash           SHA-256 of 64-byte messages, by yoke and by a plain loop: one large "
        "job,\n"
        "                 many small ones, one there and back; about a minute\n"
        "  pool           the CPU pool: forks, small jobs, round trips, a skewed range, and what\n"
        "                 idling costs, beside other runtimes (those in $YOKE_BENCH_PEERS; ./dev\n"
        "                 bench pool builds them); some minutes\n"
        "  --engine E     cpu, auto or gpu: of yoke's rows in block, by default cpu, what the "
        "peer\n"
        "                 has too; in hash beside the CPU's, by default all that have a GPU. A\n"
        "                 software device is taken by gpu by name, or where the policy says so\n"
        "  --policy FILE  a policy file for yoke's runtimes\n"
        "  --workers N    the larger number of threads; default: one for each CPU. In pool the\n"
        "                 numbers to be tried, as in 1,2,8; default: 1, 2, 4 ... and all CPUs\n"
        "  --case CASES   separated by commas. Of gpu: start, empty, rate, transfer, coalesce, "
        "sha256,\n"
        "                 merkle, field, load. Of pool: fib, nqueens, uts, flat, inside, trip, "
        "start,\n"
        "                 range, idle, long_task. Or one of a kind, as flat_1\n"
        "  --rounds N     rounds, each running every case once; default: 11. All but block make "
        "fewer\n"
        "                 where time is short\n"
        "  --quick        2 rounds of tiny sizes: tries the bench, measures nothing\n"
        "  --json         print rows as JSON objects, one a line\n",
    .run = bench_cmd,
};
