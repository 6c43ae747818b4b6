/*
 * Reports of `yoke block`. Owns nothing; writes to stdout from the calling thread.
 * Always holds: both forms say the same; a number that was not found is left out, not zero.
 * Times are of the run with the median total, so that its stages add up to it.
 */
#include "cli/block_report.h"

#include "cli/bitcoin/hex.h"

#include <jansson.h>

#include <inttypes.h>
#include <stdio.h>

typedef struct block_report_kind {
    const char *key;
    const char *text;
} block_report_kind;

static const block_report_kind block_report_kinds[] = {
#define BLOCK_REPORT_KIND(name, key, text) {key, text},
    SPENDS_KIND_MAP(BLOCK_REPORT_KIND)
#undef BLOCK_REPORT_KIND
};

static double block_report_rate(const prove_report *r, int stage)
{
    uint64_t ns = r->stages[stage].ns;
    return ns > 0 ? (double)r->stages[stage].items * 1e9 / (double)ns : 0;
}

/* How much of a stage's items GPUs ran, in percent; "-" if it has none for the runtime. */
static void block_report_gpu_share(uint64_t cpu, uint64_t gpu, char text[16])
{
    snprintf(text, 16, "-");
    if (cpu + gpu > 0) {
        snprintf(text, 16, "%.1f %%", 100.0 * (double)gpu / (double)(cpu + gpu));
    }
}

static void block_report_print_stages(const block_report *report)
{
    const prove_report *r = &report->found;
    char share[16];
    uint64_t cpu = 0;
    uint64_t gpu = 0;
    printf("%-11s %9s  %-12s %11s %14s %8s\n", "stage", "items", "", "time ms", "items/s",
           "on GPU");
    for (int i = 0; i < PROVE_NUM_STAGES; i++) {
        block_report_gpu_share(r->stages[i].cpu_items, r->stages[i].gpu_items, share);
        printf("%-11s %9" PRIu64 "  %-12s %11.3f %14.0f %8s\n", prove_stage_name(i),
               r->stages[i].items, prove_stage_items(i), (double)r->stages[i].ns / 1e6,
               block_report_rate(r, i), share);
        cpu += r->stages[i].cpu_items;
        gpu += r->stages[i].gpu_items;
    }
    block_report_gpu_share(cpu, gpu, share);
    printf("%-11s %9s  %-12s %11.3f %14s %8s\n", "total", "", "", (double)r->total_ns / 1e6, "",
           share);
    printf("start-up %.3f ms", (double)report->startup_ns / 1e6);
    if (report->repeat > 1) {
        printf("; median of %u runs, %.3f to %.3f ms", report->repeat, (double)report->min_ns / 1e6,
               (double)report->max_ns / 1e6);
    }
    printf("; engine %s, %u worker%s\n\n", report->engine, report->workers,
           report->workers == 1 ? "" : "s");
}

/* Lists the kinds from `first` up to `end`, those that there are. */
static void block_report_print_kinds(const prove_report *r, int first, int end)
{
    const char *separator = " ";
    for (int i = first; i < end; i++) {
        if (r->kinds[i] > 0) {
            printf("%s%u %s", separator, r->kinds[i], block_report_kinds[i].text);
            separator = ", ";
        }
    }
    printf("\n");
}

static void block_report_print_inputs(const prove_report *r)
{
    uint32_t checked = 0;
    for (int i = 0; i < SPENDS_NUM_CHECKED; i++) {
        checked += r->kinds[i];
    }
    if (r->has_coins) {
        printf("  %u of %u inputs proven to spend their coins, with %" PRIu64 " ECDSA checks%s",
               r->num_verified, r->num_inputs, r->stages[PROVE_SIGNATURES].items,
               checked > 0 ? ":" : "");
        block_report_print_kinds(r, 0, SPENDS_NUM_CHECKED);
        printf("  amounts right; fees %" PRIu64 ".%08" PRIu64 " bitcoin\n", r->fees / 100000000,
               r->fees % 100000000);
    } else {
        printf("  %u of %u inputs proven from the block alone: each was signed by the owner of its "
               "key\n",
               r->num_verified, r->num_inputs);
    }
    if (checked < r->num_inputs) {
        printf("  %u not checked%s:", r->num_inputs - checked,
               r->has_coins ? "" : ", as that takes the coins they spend");
        block_report_print_kinds(r, SPENDS_NUM_CHECKED, SPENDS_NUM_KINDS);
    }
}

static const char *block_report_witness_text(prove_witness witness)
{
    switch (witness) {
    case PROVE_WITNESS_NONE:
        return "none";
    case PROVE_WITNESS_UNCHECKED:
        return "not in force";
    case PROVE_WITNESS_RIGHT:
        return "right";
    }
    return "unknown";
}

void block_report_print(const block_report *report)
{
    const prove_report *r = &report->found;
    char hash[65];
    hex_hash(r->hash, hash);
    printf("block %s\n", hash);
    if (r->has_height) {
        printf("height %u, ", r->height);
    }
    printf("version 0x%08x, %u bytes, %u outputs, target 0x%08x\n\n", r->version, r->bytes,
           r->num_outputs, r->bits);
    block_report_print_stages(report);
    printf("valid: %u transactions, Merkle root right, %u%s inputs verified, %u failed\n",
           r->num_txs, r->num_verified, r->has_coins ? "" : " P2PKH", r->num_failed);
    printf("  proof of work met; witness commitment: %s\n", block_report_witness_text(r->witness));
    block_report_print_inputs(r);
    printf("  not proven, as it takes the chain: that the coins exist and are unspent, %sthe "
           "target itself\n",
           r->has_coins ? "" : "amounts, ");
}

static json_t *block_report_facts(const prove_report *r)
{
    char hash[65];
    char root[65];
    hex_hash(r->hash, hash);
    hex_hash(r->merkle_root, root);
    json_t *facts =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "hash", hash,
                  "merkle_root", root, "version", (json_int_t)r->version, "time",
                  (json_int_t)r->time, "bits", (json_int_t)r->bits, "bytes", (json_int_t)r->bytes,
                  "weight", (json_int_t)r->weight, "transactions", (json_int_t)r->num_txs,
                  "witness_transactions", (json_int_t)r->num_witness_txs, "inputs",
                  (json_int_t)r->num_inputs, "outputs", (json_int_t)r->num_outputs);
    if (facts != NULL && r->has_height) {
        json_object_set_new(facts, "height", json_integer(r->height));
    }
    return facts;
}

static json_t *block_report_proven(const prove_report *r)
{
    json_t *checked = json_object();
    json_t *unchecked = json_object();
    for (int i = 0; i < SPENDS_NUM_KINDS; i++) {
        json_object_set_new(i < SPENDS_NUM_CHECKED ? checked : unchecked, block_report_kinds[i].key,
                            json_integer(r->kinds[i]));
    }
    json_t *proven = json_pack(
        "{s:b, s:b, s:s, s:b, s:I, s:I, s:I, s:o, s:o}", "proof_of_work", 1, "merkle_root", 1,
        "witness_commitment", block_report_witness_text(r->witness), "amounts", r->has_coins,
        "inputs_verified", (json_int_t)r->num_verified, "inputs_failed", (json_int_t)r->num_failed,
        "ecdsa_checks", (json_int_t)r->stages[PROVE_SIGNATURES].items, "inputs_checked", checked,
        "inputs_not_checked", unchecked);
    if (proven != NULL && r->has_coins) {
        json_object_set_new(proven, "fees_satoshi", json_integer((json_int_t)r->fees));
    }
    return proven;
}

static json_t *block_report_stages(const prove_report *r)
{
    json_t *stages = json_array();
    for (int i = 0; i < PROVE_NUM_STAGES; i++) {
        json_array_append_new(
            stages,
            json_pack("{s:s, s:I, s:s, s:{s:I, s:I}, s:f, s:f}", "stage", prove_stage_name(i),
                      "items", (json_int_t)r->stages[i].items, "unit", prove_stage_items(i),
                      "items_run_by", "cpu", (json_int_t)r->stages[i].cpu_items, "gpu",
                      (json_int_t)r->stages[i].gpu_items, "seconds", (double)r->stages[i].ns / 1e9,
                      "items_per_second", block_report_rate(r, i)));
    }
    return stages;
}

static json_t *block_report_times(const block_report *report)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:I}", "startup", (double)report->startup_ns / 1e9,
                     "median", (double)report->found.total_ns / 1e9, "min",
                     (double)report->min_ns / 1e9, "max", (double)report->max_ns / 1e9, "runs",
                     (json_int_t)report->repeat);
}

bool block_report_print_json(const block_report *report)
{
    static const char *const verdicts[] = {"valid", "invalid", "not judged"};
    /* File names need not be UTF-8, as JSON's strings must: then the name is left out. */
    json_t *root =
        json_pack("{s:s?, s:s}", "file", report->path, "verdict", verdicts[report->verdict]);
    if (root == NULL) {
        root = json_pack("{s:n, s:s}", "file", "verdict", verdicts[report->verdict]);
    }
    if (report->verdict == PROVE_VALID) {
        json_object_set_new(root, "block", block_report_facts(&report->found));
        json_object_set_new(root, "proven", block_report_proven(&report->found));
        json_object_set_new(root, "stages", block_report_stages(&report->found));
        json_object_set_new(root, "seconds", block_report_times(report));
        json_object_set_new(root, "engine", json_string(report->engine));
        json_object_set_new(root, "workers", json_integer(report->workers));
    } else {
        json_t *error = json_string(report->error);
        json_object_set_new(root, "error", error != NULL ? error : json_null());
    }
    bool printed = root != NULL && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;
    json_decref(root);
    printf("\n");
    return printed;
}
