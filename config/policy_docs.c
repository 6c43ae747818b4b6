/*
 * Writes, from the policy's table, the files that describe it: `policy_docs readme` is README.md,
 * `policy_docs default` is default.yaml. Owns nothing; one thread, stdout.
 * Always holds: every key is in both. A test compares both with what is in the repository.
 * Costs nothing to speak of; run by hand when the table changes.
 */
#include "runtime/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DOCS_COLUMNS 100

static void docs_print_value(const yoke_policy *policy, const policy_key *key)
{
    switch (key->kind) {
    case POLICY_BOOL:
        printf("%s", policy_number(policy, key) != 0 ? "true" : "false");
        break;
    case POLICY_ENUM:
        printf("%s", key->words[policy_number(policy, key)]);
        break;
    case POLICY_TEXT:
    case POLICY_LIST:
        printf("\"%s\"", policy_text(policy, key));
        break;
    default:
        printf("%" PRIu64, policy_number(policy, key));
    }
}

static void docs_print_range(const policy_key *key)
{
    switch (key->kind) {
    case POLICY_BOOL:
        printf("true or false");
        break;
    case POLICY_ENUM:
        for (uint64_t i = 0; i <= key->max; i++) {
            printf("%s%s", i == 0 ? "" : i < key->max ? ", " : " or ", key->words[i]);
        }
        break;
    case POLICY_TEXT:
        printf("at most %" PRIu64 " bytes", key->max);
        break;
    case POLICY_LIST:
        printf("names separated by commas, at most %" PRIu64 " bytes", key->max);
        break;
    default:
        printf("%" PRIu64 " to %" PRIu64, key->min, key->max);
    }
}

/* Prints text as comment lines, broken between words, each with `indent` blanks before it. */
static void docs_print_comment(int indent, const char *text)
{
    int column = printf("%*s#", indent, "");
    while (*text != '\0') {
        int bytes = (int)strcspn(text, " ");
        if (column + 1 + bytes > DOCS_COLUMNS) {
            printf("\n");
            column = printf("%*s#", indent, "");
        }
        column += printf(" %.*s", bytes, text);
        text += bytes + strspn(text + bytes, " ");
    }
    printf("\n");
}

static void docs_print_yaml_key(const yoke_policy *policy, const policy_key *key)
{
    docs_print_comment(2, key->text);
    printf("  # ");
    docs_print_range(key);
    printf("%s%s; %s\n  %s: ", key->unit[0] != '\0' ? " " : "", key->unit,
           key->is_live ? "live" : "restart", key->name);
    docs_print_value(policy, key);
    printf("\n");
}

static void docs_print_yaml(const yoke_policy *policy)
{
    docs_print_comment(0, "yoke's policy with every key at its default; a file needs only what it "
                          "changes. README.md says more. Made by policy_docs from "
                          "runtime/policy.h.");
    for (size_t i = 0; i < POLICY_NUM_SECTIONS; i++) {
        printf("\n");
        docs_print_comment(0, policy_sections[i].text);
        printf("%s:\n", policy_sections[i].name);
        for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
            if (strcmp(policy_keys[k].section, policy_sections[i].name) == 0) {
                docs_print_yaml_key(policy, &policy_keys[k]);
            }
        }
    }
}

static const char docs_opening[] =
    "# The policy file\n"
    "\n"
    "What a user may set of yoke, as YAML: sections of keys. Every section and every key may be "
    "left out and then has its default; `{}` is all defaults. A host program reads a file with "
    "`yoke_policy_read` and hands it to `yoke_create`, or to `yoke_policy_load` while the runtime "
    "runs; the command takes `--policy FILE`, and `yoke policy check FILE` tells whether a file is "
    "right. The files here are installed too, in share/yoke/policies (`pkg-config "
    "--variable=policydir yoke`).\n"
    "\n"
    "| file | for |\n"
    "|---|---|\n"
    "| [default.yaml](default.yaml) | every key at its default: a list to start from |\n"
    "| [low_latency.yaml](low_latency.yaml) | answers soon: small batches that hardly wait |\n"
    "| [throughput.yaml](throughput.yaml) | much work, nobody waits for a single job: large "
    "batches, more of them in flight |\n"
    "| [cpu_only.yaml](cpu_only.yaml) | no GPU, whatever the machine has |\n"
    "\n"
    "## Rules\n"
    "\n"
    "- One document of at most 64 KiB, in UTF-8: a mapping of sections, each a mapping of keys to "
    "single values. No anchors, aliases or tags.\n"
    "- Names not listed here are errors, and so is a name given twice.\n"
    "- Numbers are decimal digits, nothing else; booleans are `true` and `false`. Text that YAML "
    "reads as null, a boolean or a number (`no`, `12`, `~`) has to stand in quotes.\n"
    "- Several names are one text with commas, not a YAML list: `devices: \"0,radeon\"`.\n"
    "- The first thing that is wrong is told in one line, `FILE:LINE: section.key: what`, and "
    "nothing changes.\n"
    "- *Cost* is how much a job weighs, in the unit of its type: items, or bytes for types with "
    "ragged inputs, unless the type counts otherwise.\n"
    "- *restart*: read when a runtime is created. *live*: `yoke_policy_load` changes it while jobs "
    "run; of the others it says in the log that they stay.\n";

static void docs_print_readme(const yoke_policy *policy)
{
    printf("%s", docs_opening);
    for (size_t i = 0; i < POLICY_NUM_SECTIONS; i++) {
        printf("\n## %s\n\n%s.\n\n", policy_sections[i].name, policy_sections[i].text);
        printf("| key | default | allowed | unit | when | what |\n|---|---|---|---|---|---|\n");
        for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
            const policy_key *key = &policy_keys[k];
            if (strcmp(key->section, policy_sections[i].name) == 0) {
                printf("| `%s` | `", key->name);
                docs_print_value(policy, key);
                printf("` | ");
                docs_print_range(key);
                printf(" | %s | %s | %s |\n", key->unit, key->is_live ? "live" : "restart",
                       key->text);
            }
        }
    }
    printf("\nThis file and default.yaml are made from the table in `runtime/policy.h` by "
           "`policy_docs`.\n");
}

int main(int argc, char **argv)
{
    yoke_policy policy;
    policy_default(&policy);
    if (argc == 2 && strcmp(argv[1], "readme") == 0) {
        docs_print_readme(&policy);
    } else if (argc == 2 && strcmp(argv[1], "default") == 0) {
        docs_print_yaml(&policy);
    } else {
        fprintf(stderr, "usage: policy_docs readme|default\n");
        return 2;
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
