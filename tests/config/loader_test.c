/*
 * Tests of the policy loader: what it takes, and for everything it must not take the whole line
 * that it says, with file, line, key and what is allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/loader.h"
#include "config/scan.h"
#include "runtime/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char message[1024];

static yoke_status parse(const char *text, size_t bytes, yoke_policy **policy)
{
    memset(message, 'x', sizeof(message) - 1);
    *policy = (yoke_policy *)&message; /* must be set, whatever the answer */
    yoke_status status = loader_parse(policy, text, bytes, "p.yaml", message, sizeof(message));
    assert_int_equal(*policy != NULL, status == YOKE_OK);
    return status;
}

static void assert_refused_bytes(const char *text, size_t bytes, const char *line)
{
    yoke_policy *policy;
    if (parse(text, bytes, &policy) != YOKE_INVALID || strcmp(message, line) != 0) {
        fail_msg("of:\n%s\nexpected: %s\nsaid:     %s", text, line, message);
    }
}

static void assert_refused(const char *text, const char *line)
{
    assert_refused_bytes(text, strlen(text), line);
}

static yoke_policy *parse_good(const char *text)
{
    yoke_policy *policy;
    if (parse(text, strlen(text), &policy) != YOKE_OK) {
        fail_msg("of:\n%s\nsaid: %s", text, message);
    }
    return policy;
}

/* For each: `key: value` on line 4 of a file that is right but for it. */
static void assert_value_refused(const char *section, const char *key, const char *value,
                                 const char *what)
{
    char text[1024];
    char line[1024];
    snprintf(text, sizeof(text), "# one\n\n%s:\n  %s: %s\n", section, key, value);
    snprintf(line, sizeof(line), "p.yaml:4: %s.%s: %s", section, key, what);
    assert_refused(text, line);
}

static void assert_count_refused(const char *value)
{
    char what[200];
    snprintf(what, sizeof(what), "must be a whole number from 0 to 256, not %s", value);
    assert_value_refused("workers", "count", value, what);
}

/* ---------------------------------------------------------------------------------- accepted */

static void an_empty_mapping_is_all_defaults(void **state)
{
    (void)state;
    const char *texts[] = {"{}",
                           "--- {}\n",
                           "{}\n...\n",
                           "# hello\n{}\n",
                           "gpu: {}\nlimits: {}\n",
                           "%YAML 1.1\n---\n{}\n",
                           "\xef\xbb\xbf{}\n",
                           "{}\r\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        yoke_policy defaults;
        policy_default(&defaults);
        yoke_policy *policy = parse_good(texts[i]);
        for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
            const policy_key *key = &policy_keys[k];
            assert_memory_equal((char *)policy + key->offset, (char *)&defaults + key->offset,
                                key->bytes);
        }
        yoke_policy_free(&policy);
        assert_null(policy);
    }
}

static void what_the_file_says_goes_over_the_defaults(void **state)
{
    (void)state;
    yoke_policy *p = parse_good("workers: {count: 256}\n"
                                "gpu:\n"
                                "  devices: 'H200, 1'\n"
                                "  slots_in_flight: 16\n"
                                "  software: true\n"
                                "  exclusive: true\n"
                                "  pipeline_cache: false\n"
                                "  pipeline_cache_dir: \"/var/cache/a b\"\n"
                                "routing:\n"
                                "  mode: gpu_only\n"
                                "  break_even_cost: 1099511627776\n"
                                "batching:\n"
                                "  target_start: 1\n"
                                "limits:\n"
                                "  jobs: 2\n"
                                "  device_mib: 16777216\n");
    assert_int_equal(p->workers.count, 256);
    assert_string_equal(p->gpu.devices, "H200, 1");
    assert_int_equal(p->gpu.slots_in_flight, 16);
    assert_true(p->gpu.software);
    assert_true(p->gpu.exclusive);
    assert_false(p->gpu.pipeline_cache);
    assert_string_equal(p->gpu.pipeline_cache_dir, "/var/cache/a b");
    assert_int_equal(p->routing.mode, POLICY_ROUTING_MODE_GPU_ONLY);
    assert_int_equal(p->routing.break_even_cost, UINT64_C(1) << 40);
    assert_int_equal(p->batching.target_start, 1);
    assert_int_equal(p->batching.wait_us_max, 200);
    assert_int_equal(p->limits.jobs, 2);
    assert_int_equal(p->limits.staging_mib, 64);
    assert_int_equal(p->limits.device_mib, 16777216);
    yoke_policy_free(&p);
}

/* Writes every key at `number` (text: as many letters), whichever bound that is. */
static void bounds_text(char *text, size_t text_bytes, bool is_max)
{
    const char *section = "";
    size_t used = 0;
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        const policy_key *key = &policy_keys[k];
        uint64_t number = is_max ? key->max : key->min;
        if (strcmp(section, key->section) != 0) {
            section = key->section;
            used += (size_t)snprintf(text + used, text_bytes - used, "%s:\n", section);
        }
        used += (size_t)snprintf(text + used, text_bytes - used, "  %s: ", key->name);
        if (policy_is_text(key)) {
            char letters[POLICY_TEXT_BYTES_MAX + 1] = "";
            memset(letters, 'z', number);
            used += (size_t)snprintf(text + used, text_bytes - used, "\"%s\"\n", letters);
        } else if (key->kind == POLICY_BOOL || key->kind == POLICY_ENUM) {
            const char *const bools[] = {"false", "true"};
            const char *const *words = key->kind == POLICY_BOOL ? bools : key->words;
            used += (size_t)snprintf(text + used, text_bytes - used, "%s\n", words[number]);
        } else {
            used += (size_t)snprintf(text + used, text_bytes - used, "%llu\n",
                                     (unsigned long long)number);
        }
    }
    assert_true(used < text_bytes);
}

static void every_key_can_be_set_to_its_bounds(void **state)
{
    (void)state;
    for (int is_max = 0; is_max < 2; is_max++) {
        char text[4096];
        bounds_text(text, sizeof(text), is_max);
        yoke_policy *policy = parse_good(text);
        for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
            const policy_key *key = &policy_keys[k];
            uint64_t found =
                policy_is_text(key) ? strlen(policy_text(policy, key)) : policy_number(policy, key);
            assert_int_equal(found, is_max ? key->max : key->min);
        }
        yoke_policy_free(&policy);
    }
}

static void text_may_be_quoted_or_plain(void **state)
{
    (void)state;
    const struct {
        const char *written;
        const char *meant;
    } cases[] = {{"/x", "/x"},       {"~/x", "~/x"}, {"\"12\"", "12"}, {"'no'", "no"},
                 {"cache", "cache"}, {"a b", "a b"}, {"''", ""},       {"x.1", "x.1"},
                 {"cafe1", "cafe1"}, {"./1", "./1"}, {"'~'", "~"},     {"\"\\u00fc\"", "\xc3\xbc"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "gpu: {pipeline_cache_dir: %s}\n", cases[i].written);
        yoke_policy *policy = parse_good(text);
        assert_string_equal(policy->gpu.pipeline_cache_dir, cases[i].meant);
        yoke_policy_free(&policy);
    }
}

/* ------------------------------------------------------------------------------ wrong values */

static void a_number_is_decimal_digits_in_range_and_nothing_else(void **state)
{
    (void)state;
    const char *values[] = {"257",
                            "-1",
                            "+1",
                            "1.5",
                            "1.0",
                            "1e2",
                            ".nan",
                            "NaN",
                            ".inf",
                            "-.inf",
                            "inf",
                            "0x10",
                            "010",
                            "00",
                            "0o7",
                            "1 2",
                            "1_0",
                            "1:30",
                            "four",
                            "true",
                            "null",
                            "~",
                            "\"1\"",
                            "4294967297",
                            "18446744073709551616",
                            "18446744073709551617",
                            "99999999999999999999999999999"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_count_refused(values[i]);
    }
    assert_value_refused("workers", "count", "'1'",
                         "must be a whole number from 0 to 256, not \"1\"");
    assert_value_refused("workers", "count", "", "must be a whole number from 0 to 256, not empty");
    assert_value_refused("workers", "count", "[1]",
                         "must be a whole number from 0 to 256, not a list");
    assert_value_refused("workers", "count", "{a: 1}",
                         "must be a whole number from 0 to 256, not a mapping");
    assert_value_refused("workers", "count", "1\n    2",
                         "must be a whole number from 0 to 256, not 1 2");
    assert_value_refused("workers", "count", "|\n    1\n",
                         "must be a whole number from 0 to 256, not \"1?\"");
}

static void every_number_is_refused_one_beyond_its_bounds(void **state)
{
    (void)state;
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        const policy_key *key = &policy_keys[k];
        if (key->kind != POLICY_U32 && key->kind != POLICY_U64) {
            continue;
        }
        char allowed[128];
        policy_describe(key, allowed, sizeof(allowed));
        const long long wrong[] = {(long long)key->max + 1, (long long)key->min - 1};
        for (size_t i = 0; i < 2; i++) {
            char value[32];
            char what[200];
            snprintf(value, sizeof(value), "%lld", wrong[i]);
            snprintf(what, sizeof(what), "must be %s, not %s", allowed, value);
            assert_value_refused(key->section, key->name, value, what);
        }
    }
}

static void a_boolean_is_true_or_false(void **state)
{
    (void)state;
    const char *values[] = {"yes", "no", "on", "True", "FALSE", "1", "0", "~", "\"true\"", "truee"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char what[200];
        snprintf(what, sizeof(what), "must be true or false, not %s", values[i]);
        assert_value_refused("gpu", "software", values[i], what);
    }
    assert_value_refused("gpu", "software", "", "must be true or false, not empty");
    assert_value_refused("gpu", "software", "[true]", "must be true or false, not a list");
}

static void a_mode_is_one_of_its_words(void **state)
{
    (void)state;
    const char *values[] = {"gpu", "0", "AUTO", "cpu_onlyy", "cpu_onl", "null"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char what[200];
        snprintf(what, sizeof(what), "must be one of auto, cpu_only, gpu_only, not %s", values[i]);
        assert_value_refused("routing", "mode", values[i], what);
    }
    assert_value_refused("routing", "mode", "",
                         "must be one of auto, cpu_only, gpu_only, not empty");
    assert_value_refused("routing", "mode", "\"auto\\0\"",
                         "must be one of auto, cpu_only, gpu_only, not \"auto\"");
}

static void text_that_yaml_reads_otherwise_needs_quotes(void **state)
{
    (void)state;
    const char *values[] = {"~",  "null", "NULL", "true", "False", "yes",  "no",    "off",
                            "12", "-1.5", "0x1f", "1e9",  ".5",    ".nan", "-.inf", "1_000"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char what[200];
        snprintf(what, sizeof(what), "must be text: %s has to stand in quotes", values[i]);
        assert_value_refused("gpu", "pipeline_cache_dir", values[i], what);
    }
}

static void names_may_be_quoted_or_plain(void **state)
{
    (void)state;
    const struct {
        const char *written, *meant;
    } cases[] = {{"\"0\"", "0"},
                 {"'0,1'", "0,1"},
                 {"llvmpipe", "llvmpipe"},
                 {"0,1", "0,1"},
                 {"H200 NVL, 1", "H200 NVL, 1"},
                 {"''", ""},
                 {"\"a, b\"", "a, b"},
                 {"NVIDIA H200", "NVIDIA H200"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "gpu:\n  devices: %s\n", cases[i].written);
        yoke_policy *policy = parse_good(text);
        assert_string_equal(policy->gpu.devices, cases[i].meant);
        yoke_policy_free(&policy);
    }
}

#define LIST_RULE                                                                                  \
    "must be names separated by commas, none of them empty, at most 255 bytes without control "    \
    "characters, not "

static void no_name_of_a_list_is_empty(void **state)
{
    (void)state;
    const char *values[] = {"0,", "',0'", "0,,1", "'0, ,1'", "\" \"", "','"};
    const char *shown[] = {"0,", "\",0\"", "0,,1", "\"0, ,1\"", "\" \"", "\",\""};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char what[200];
        snprintf(what, sizeof(what), "an empty name in %s; a comma stands between two names",
                 shown[i]);
        assert_value_refused("gpu", "devices", values[i], what);
    }
    assert_value_refused("gpu", "devices", "[0, 1]", LIST_RULE "a list");
    assert_value_refused("gpu", "devices", "", LIST_RULE "empty");
    assert_value_refused("gpu", "devices", "\"a\\nb\"", LIST_RULE "\"a?b\"");
    assert_value_refused("gpu", "devices", "0", "must be text: 0 has to stand in quotes");
    assert_value_refused("gpu", "devices", "6d657361-3232-2e33-2e36-000000000000",
                         "must be text: 6d657361-3232-2e33-2e36-000000000000 has to stand in "
                         "quotes");
}

#define TEXT_RULE "must be text of at most 255 bytes without control characters, not "
#define TEN "aaaaaaaaaa"
#define SIXTY TEN TEN TEN TEN TEN TEN

static void text_is_one_short_line(void **state)
{
    (void)state;
    assert_value_refused("gpu", "pipeline_cache_dir", "", TEXT_RULE "empty");
    assert_value_refused("gpu", "pipeline_cache_dir", "[a]", TEXT_RULE "a list");
    assert_value_refused("gpu", "pipeline_cache_dir", "\"a\\0b\"", TEXT_RULE "\"a\"");
    assert_value_refused("gpu", "pipeline_cache_dir", "\"a\\nb\"", TEXT_RULE "\"a?b\"");
    assert_value_refused("gpu", "pipeline_cache_dir", "\"\\e[2J\\x9b\\x7f\"",
                         TEXT_RULE "\"?[2J\xc2??\"");
    assert_value_refused("gpu", "pipeline_cache_dir", SIXTY SIXTY SIXTY SIXTY TEN "123456",
                         TEXT_RULE SIXTY "...");
    /* Two bytes a letter, from an odd place: none is cut in half. */
    assert_value_refused("gpu", "pipeline_cache_dir",
                         "\"\\n" TEN TEN TEN TEN TEN "aaaaaaa\\u00fc\\u00fc" SIXTY "\"",
                         TEXT_RULE "\"?" TEN TEN TEN TEN TEN "aaaaaaa\xc3\xbc...\"");
}

/* --------------------------------------------------------------------------- wrong structure */

static void names_are_known_and_stand_once(void **state)
{
    (void)state;
    assert_refused("gpu:\n  software: true\n  slot_in_flight: 4\n",
                   "p.yaml:3: gpu.slot_in_flight: unknown key; the nearest is gpu.slots_in_flight");
    assert_refused("gpu:\n  jobs: 4\n",
                   "p.yaml:2: gpu.jobs: unknown key; the nearest is limits.jobs");
    assert_refused("gpu: {}\n\nbatchin:\n  a: 1\n",
                   "p.yaml:3: batchin: unknown section; the nearest is batching");
    assert_refused("wait_us_max: 5\n",
                   "p.yaml:1: wait_us_max: unknown section; the nearest is batching.wait_us_max");
    assert_refused("<<: {}\n", "p.yaml:1: <<: unknown section; the nearest is gpu");
    assert_refused("GPU: {}\n", "p.yaml:1: GPU: unknown section; the nearest is gpu");
    assert_refused("\"gpu\\0\": {}\n", "p.yaml:1: gpu: unknown section; the nearest is gpu");
    assert_refused("gpu:\n  software: true\n\n  software: true\n",
                   "p.yaml:4: gpu.software: given twice; first on line 2");
    assert_refused("gpu:\n  software: true\n\"gpu\": {}\n",
                   "p.yaml:3: gpu: given twice; first on line 1");
    assert_refused("? [a]\n: b\n", "p.yaml:1: the name of a section must be a word, not a list");
    assert_refused("gpu:\n  ? {a: b}\n  : 4\n",
                   "p.yaml:2: gpu: the name of a key must be a word, not a mapping");
}

static void a_name_of_any_length_is_told(void **state)
{
    (void)state;
    yoke_policy *policy;
    char text[1100];
    for (size_t bytes = 1; bytes < 1000; bytes++) {
        memset(text, 's', bytes);
        strcpy(text + bytes, ": {}\n");
        assert_int_equal(parse(text, strlen(text), &policy), YOKE_INVALID);
        assert_non_null(strstr(message, ": unknown section; the nearest is "));
    }
}

static void anchors_aliases_and_tags_are_refused(void **state)
{
    (void)state;
    assert_refused("gpu: &a\n  software: true\n",
                   "p.yaml:1: gpu: an anchor (&a); anchors are not allowed");
    assert_refused("gpu:\n  software: &b true\n",
                   "p.yaml:2: gpu.software: an anchor (&b); anchors are not allowed");
    assert_refused("&c gpu: {}\n", "p.yaml:1: an anchor (&c); anchors are not allowed");
    assert_refused("--- &d\ngpu: {}\n", "p.yaml:1: an anchor (&d); anchors are not allowed");
    assert_refused("gpu: {}\nrouting: *a\n",
                   "p.yaml:2: routing: an alias (*a); aliases are not allowed");
    assert_refused("gpu:\n  software: *b\n",
                   "p.yaml:2: gpu.software: an alias (*b); aliases are not allowed");
    assert_refused("gpu:\n  software: !!bool true\n",
                   "p.yaml:2: gpu.software: a tag (tag:yaml.org,2002:bool); tags are not allowed");
    assert_refused("gpu:\n  slots_in_flight: ! 4\n",
                   "p.yaml:2: gpu.slots_in_flight: a tag (!); tags are not allowed");
    assert_refused("\ngpu: !x {}\n", "p.yaml:2: gpu: a tag (!x); tags are not allowed");
    assert_refused("workers:\n  count: !y [1]\n",
                   "p.yaml:2: workers.count: a tag (!y); tags are not allowed");
}

static void a_policy_is_exactly_one_document(void **state)
{
    (void)state;
    const char *nothing = "p.yaml:1: nothing but blanks and comments; {} stands for all defaults";
    assert_refused("", nothing);
    assert_refused("\n \n", nothing);
    assert_refused("# one\n# two\n", nothing);
    assert_refused("gpu: {}\n---\ngpu: {}\n", "p.yaml:2: a second document; a policy is one");
    assert_refused("gpu: {}\n...\n\n---\n", "p.yaml:4: a second document; a policy is one");
    assert_refused("gpu: {}\n...\nlimits: {}\n",
                   "p.yaml:3: not YAML: did not find expected <document start>");
}

static void the_root_and_every_section_is_a_mapping(void **state)
{
    (void)state;
    assert_refused("---\n", "p.yaml:2: must be a mapping of sections, not empty");
    assert_refused("null\n", "p.yaml:1: must be a mapping of sections, not a single value");
    assert_refused("- gpu\n", "p.yaml:1: must be a mapping of sections, not a list");
    assert_refused("\n12\n", "p.yaml:2: must be a mapping of sections, not a single value");
    assert_refused("gpu:\nlimits: {}\n",
                   "p.yaml:1: gpu: must be a mapping of keys to values, not empty");
    assert_refused("gpu: ~\n",
                   "p.yaml:1: gpu: must be a mapping of keys to values, not a single value");
    assert_refused("gpu:\n  - software: true\n",
                   "p.yaml:2: gpu: must be a mapping of keys to values, not a list");
}

static void deep_nesting_is_refused_where_it_gets_too_deep(void **state)
{
    (void)state;
    static char text[LOADER_BYTES_MAX];
    memset(text, '[', sizeof(text));
    assert_refused_bytes(text, sizeof(text) - 1,
                         "p.yaml:1: must be a mapping of sections, not a list");
    memcpy(text, "\ngpu: {software: ", 17);
    assert_refused_bytes(text, sizeof(text) - 1,
                         "p.yaml:2: gpu.software: must be true or false, not a list");
    for (size_t i = 0; i + 2 <= sizeof(text); i += 2) {
        memcpy(text + i, "- ", 2);
    }
    assert_refused_bytes(text, sizeof(text) - 1,
                         "p.yaml:1: must be a mapping of sections, not a list");
    memset(text, '{', sizeof(text));
    assert_refused_bytes(text, sizeof(text) - 1,
                         "p.yaml:1: the name of a section must be a word, not a mapping");
}

static void bytes_that_are_not_yaml_are_refused_on_their_line(void **state)
{
    (void)state;
    assert_refused("gpu:\n  software: true\n  \xff: 1\n",
                   "p.yaml:3: not YAML: invalid leading UTF-8 octet");
    assert_refused("gpu: {}\n\n# \xc3(\n", "p.yaml:3: not YAML: invalid trailing UTF-8 octet");
    assert_refused("gpu: {}\n# \xc3", "p.yaml:2: not YAML: incomplete UTF-8 octet sequence");
    assert_refused("gpu: {}\n# \x1b[2J\n",
                   "p.yaml:2: not YAML: control characters are not allowed");
    assert_refused_bytes("gpu: {}\n\0\n", 10,
                         "p.yaml:2: not YAML: control characters are not allowed");
    assert_refused_bytes("\xff\xfe{\0}\0", 6, "p.yaml:1: not YAML: invalid leading UTF-8 octet");
    assert_refused("gpu:\n\tsoftware: true\n",
                   "p.yaml:2: not YAML: found character that cannot start any token (a tab; indent "
                   "with spaces)");
    assert_refused("gpu:\n  software: true\n slots_in_flight: 4\n",
                   "p.yaml:3: not YAML: did not find expected key");
    assert_refused("\ngpu: @\n", "p.yaml:2: not YAML: found character that cannot start any token");
}

static void a_file_over_64_kib_is_refused_on_the_line_where_it_gets_so_long(void **state)
{
    (void)state;
    static char text[65 * 1024];
    memset(text, '#', sizeof(text));
    memcpy(text, "gpu: {}\n", 8);
    text[LOADER_BYTES_MAX - 1] = '\n';
    yoke_policy *policy;
    assert_int_equal(parse(text, LOADER_BYTES_MAX, &policy), YOKE_OK);
    yoke_policy_free(&policy);
    assert_refused_bytes(text, LOADER_BYTES_MAX + 1,
                         "p.yaml:3: here the file gets longer than 65536 bytes");
    assert_refused_bytes(text, sizeof(text),
                         "p.yaml:3: here the file gets longer than 65536 bytes");
}

/* ------------------------------------------------------------------------------- robustness */

static void a_file_cut_anywhere_is_a_policy_or_one_line(void **state)
{
    (void)state;
    char text[4096];
    bounds_text(text, sizeof(text), true);
    size_t good = 0;
    for (size_t bytes = 0; bytes <= strlen(text); bytes++) {
        yoke_policy *policy;
        if (parse(text, bytes, &policy) == YOKE_OK) {
            assert_int_equal(policy_check(policy, NULL, 0), YOKE_OK);
            good++;
        } else {
            assert_memory_equal(message, "p.yaml:", 7);
            assert_null(strchr(message, '\n'));
        }
        yoke_policy_free(&policy);
    }
    assert_in_range(good, POLICY_NUM_KEYS, strlen(text) / 2);
}

static void a_message_is_cut_to_its_room(void **state)
{
    (void)state;
    for (size_t room = 1; room < 40; room++) {
        char line[64];
        yoke_policy *policy;
        memset(line, 'x', sizeof(line));
        assert_int_equal(loader_parse(&policy, "gpu: 4\n", 7, "p.yaml", line, room), YOKE_INVALID);
        assert_int_equal(strlen(line), room - 1);
        assert_int_equal(line[room], 'x');
    }
    yoke_policy *policy;
    assert_int_equal(loader_parse(&policy, "gpu: 4\n", 7, "p.yaml", NULL, 0), YOKE_INVALID);
}

/* -------------------------------------------------------------------------------------- files */

static int num_files;
static char **files;

static void all_shipped_files_load(void **state)
{
    (void)state;
    assert_int_equal(num_files, 4);
    for (int i = 0; i < num_files; i++) {
        yoke_policy *policy;
        if (yoke_policy_read(&policy, files[i], message, sizeof(message)) != YOKE_OK) {
            fail_msg("%s", message);
        }
        assert_int_equal(policy_check(policy, NULL, 0), YOKE_OK);
        bool is_cpu_only = strstr(files[i], "cpu_only") != NULL;
        assert_int_equal(policy->routing.mode == POLICY_ROUTING_MODE_CPU_ONLY, is_cpu_only);
        yoke_policy_free(&policy);
    }
}

static void default_yaml_names_every_key_and_loads_as_the_defaults(void **state)
{
    (void)state;
    for (int i = 0; i < num_files; i++) {
        if (strstr(files[i], "default.yaml") == NULL) {
            continue;
        }
        yoke_policy defaults;
        yoke_policy *policy;
        policy_default(&defaults);
        assert_int_equal(yoke_policy_read(&policy, files[i], NULL, 0), YOKE_OK);
        for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
            const policy_key *key = &policy_keys[k];
            assert_memory_equal((char *)policy + key->offset, (char *)&defaults + key->offset,
                                key->bytes);
        }
        yoke_policy_free(&policy);
        return;
    }
    fail_msg("default.yaml is not among the files");
}

/* What each shipped file says, all of it: a key, and whether its value is more than the default or
 * less (of a word: further down in the list of words). */
static const struct {
    const char *file, *key;
    int sign;
} differences[] = {
    {"low_latency.yaml", "routing.break_even_cost", 1},
    {"low_latency.yaml", "batching.target_start", -1},
    {"low_latency.yaml", "batching.wait_us_max", -1},
    {"throughput.yaml", "gpu.slots_in_flight", 1},
    {"throughput.yaml", "batching.target_start", 1},
    {"throughput.yaml", "batching.wait_us_max", 1},
    {"throughput.yaml", "limits.jobs", 1},
    {"throughput.yaml", "limits.staging_mib", 1},
    {"cpu_only.yaml", "routing.mode", 1},
};

static int expected_sign(const char *file, const policy_key *key)
{
    char name[64];
    snprintf(name, sizeof(name), "%s.%s", key->section, key->name);
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        if (strcmp(differences[i].file, file) == 0 && strcmp(differences[i].key, name) == 0) {
            return differences[i].sign;
        }
    }
    return 0;
}

/* On which line a file sets each key; 0: it does not. */
static void find_lines(const char *path, size_t lines[POLICY_NUM_KEYS])
{
    static char text[LOADER_BYTES_MAX];
    const scan_report report = {.file = path, .message = message, .message_bytes = sizeof(message)};
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof(text), file);
    fclose(file);
    assert_int_equal(scan_policy(text, bytes, &report, lines), YOKE_OK);
}

static void every_other_file_sets_what_it_is_for_and_nothing_as_it_is_anyway(void **state)
{
    (void)state;
    size_t num_set = 0;
    yoke_policy defaults;
    policy_default(&defaults);
    for (int i = 0; i < num_files; i++) {
        const char *name = strrchr(files[i], '/');
        name = name != NULL ? name + 1 : files[i];
        size_t lines[POLICY_NUM_KEYS];
        yoke_policy *policy;
        find_lines(files[i], lines);
        assert_int_equal(yoke_policy_read(&policy, files[i], NULL, 0), YOKE_OK);
        for (size_t k = 0; k < POLICY_NUM_KEYS && strcmp(name, "default.yaml") != 0; k++) {
            const policy_key *key = &policy_keys[k];
            int expected = expected_sign(name, key), sign = 0;
            if (!policy_is_same(policy, &defaults, key)) {
                bool is_more = policy_number(policy, key) > policy_number(&defaults, key);
                sign = is_more ? 1 : -1;
            }
            if (sign != expected || (lines[k] != 0) != (sign != 0)) {
                fail_msg("%s:%zu: %s.%s", name, lines[k], key->section, key->name);
            }
            num_set += sign != 0;
        }
        yoke_policy_free(&policy);
    }
    assert_int_equal(num_set, sizeof(differences) / sizeof(differences[0]));
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    yoke_policy *policy = (yoke_policy *)&message;
    assert_int_equal(yoke_policy_read(&policy, "/no/such/file", message, sizeof(message)),
                     YOKE_SYSTEM);
    assert_null(policy);
    assert_string_equal(message, "/no/such/file: No such file or directory");
    assert_int_equal(yoke_policy_read(&policy, "/", message, sizeof(message)), YOKE_SYSTEM);
    assert_string_equal(message, "/: Is a directory");
}

static void a_file_is_read_in_whole_and_no_further_than_its_limit(void **state)
{
    (void)state;
    char path[256];
    const char *folder = getenv("TEST_TMPDIR");
    snprintf(path, sizeof(path), "%s/policy.XXXXXX", folder != NULL ? folder : P_tmpdir);
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, INT64_C(1) << 30), 0); /* a hole, all zeros */
    assert_int_equal(pwrite(file, "gpu:\n  software: 2\n", 19, 0), 19);
    char line[512];
    yoke_policy *policy;
    snprintf(line, sizeof(line), "%s:3: here the file gets longer than 65536 bytes", path);
    assert_int_equal(yoke_policy_read(&policy, path, message, sizeof(message)), YOKE_INVALID);
    assert_string_equal(message, line);
    assert_int_equal(ftruncate(file, 19), 0);
    snprintf(line, sizeof(line), "%s:2: gpu.software: must be true or false, not 2", path);
    assert_int_equal(yoke_policy_read(&policy, path, message, sizeof(message)), YOKE_INVALID);
    assert_string_equal(message, line);
    assert_null(policy);
    close(file);
    unlink(path);
}

static void hook(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    (void)text;
}

static void missing_arguments_are_refused(void **state)
{
    (void)state;
    yoke_set_assert_hook(hook);
    yoke_policy *policy = (yoke_policy *)&message;
    assert_int_equal(yoke_policy_read(NULL, "/", message, sizeof(message)), YOKE_INVALID);
    assert_int_equal(yoke_policy_read(&policy, NULL, message, sizeof(message)), YOKE_INVALID);
    assert_null(policy);
    assert_int_equal(yoke_policy_read(&policy, "/", NULL, 1), YOKE_INVALID);
    yoke_set_assert_hook(NULL);
    yoke_policy_free(NULL);
    yoke_policy_free(&policy);
}

int main(int argc, char **argv)
{
    num_files = argc - 1;
    files = argv + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_mapping_is_all_defaults),
        cmocka_unit_test(what_the_file_says_goes_over_the_defaults),
        cmocka_unit_test(every_key_can_be_set_to_its_bounds),
        cmocka_unit_test(text_may_be_quoted_or_plain),
        cmocka_unit_test(a_number_is_decimal_digits_in_range_and_nothing_else),
        cmocka_unit_test(every_number_is_refused_one_beyond_its_bounds),
        cmocka_unit_test(a_boolean_is_true_or_false),
        cmocka_unit_test(a_mode_is_one_of_its_words),
        cmocka_unit_test(names_may_be_quoted_or_plain),
        cmocka_unit_test(no_name_of_a_list_is_empty),
        cmocka_unit_test(text_that_yaml_reads_otherwise_needs_quotes),
        cmocka_unit_test(text_is_one_short_line),
        cmocka_unit_test(names_are_known_and_stand_once),
        cmocka_unit_test(a_name_of_any_length_is_told),
        cmocka_unit_test(anchors_aliases_and_tags_are_refused),
        cmocka_unit_test(a_policy_is_exactly_one_document),
        cmocka_unit_test(the_root_and_every_section_is_a_mapping),
        cmocka_unit_test(deep_nesting_is_refused_where_it_gets_too_deep),
        cmocka_unit_test(bytes_that_are_not_yaml_are_refused_on_their_line),
        cmocka_unit_test(a_file_over_64_kib_is_refused_on_the_line_where_it_gets_so_long),
        cmocka_unit_test(a_file_cut_anywhere_is_a_policy_or_one_line),
        cmocka_unit_test(a_message_is_cut_to_its_room),
        cmocka_unit_test(all_shipped_files_load),
        cmocka_unit_test(default_yaml_names_every_key_and_loads_as_the_defaults),
        cmocka_unit_test(every_other_file_sets_what_it_is_for_and_nothing_as_it_is_anyway),
        cmocka_unit_test(a_file_that_cannot_be_read_says_why),
        cmocka_unit_test(a_file_is_read_in_whole_and_no_further_than_its_limit),
        cmocka_unit_test(missing_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
