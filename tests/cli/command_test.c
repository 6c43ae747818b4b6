/*
 * Tests of the command `yoke` as users run it: exit codes, one clear line on stderr, nothing but
 * the answer on stdout. Its only argument is the path of the command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEIGHT 500000

static char command[PATH_MAX];
static char folder[PATH_MAX - 64]; /* an empty one, and the working directory of every run */

/* What the last run gave. */
static int code;
static char out[65536];
static char err[4096];

static void read_back(const char *name, char *text, size_t text_bytes)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, text_bytes - 1, file);
    text[size] = '\0';
    fclose(file);
    unlink(path);
}

static void redirect(const char *name, int fd)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, fd) < 0) {
        _exit(99);
    }
}

/* Whether runs may find the devices of this machine: a Vulkan loader that is sent to a file which
 * is not there finds none. */
static bool devices_are_visible;

/* For tests that need them. A driver's own threads and memory are nothing that a sanitizer should
 * judge, and it would. */
static void show_devices(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: drivers are not run under a sanitizer\n");
    skip();
#endif
    devices_are_visible = true;
}

static int hide_devices(void **state)
{
    (void)state;
    devices_are_visible = false;
    return 0;
}

/* Runs the command with the arguments given, up to a NULL; $YOKE_BLOCK as `block`, if not NULL. */
static void run_with(const char *block, ...)
{
    char *arguments[16] = {command};
    va_list list;
    va_start(list, block);
    for (size_t i = 1; i < 15; i++) {
        arguments[i] = va_arg(list, char *);
        if (arguments[i] == NULL) {
            break;
        }
    }
    va_end(list);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        unsetenv("YOKE_BLOCK");
        if (block != NULL) {
            setenv("YOKE_BLOCK", block, 1);
        }
        if (!devices_are_visible) {
            setenv("VK_DRIVER_FILES", "/nowhere.json", 1);
            setenv("VK_ICD_FILENAMES", "/nowhere.json", 1);
        }
        redirect("out", STDOUT_FILENO);
        redirect("err", STDERR_FILENO);
        if (chdir(folder) == 0) {
            execv(command, arguments);
        }
        _exit(99);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    code = WEXITSTATUS(status);
    read_back("out", out, sizeof(out));
    read_back("err", err, sizeof(err));
}

#define run(...) run_with(NULL, __VA_ARGS__, NULL)

static void assert_one_line(const char *text)
{
    const char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_string_equal(end, "\n");
}

static void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

/* Exit 1, nothing on stdout, and exactly that line. */
static void assert_failed(const char *line)
{
    assert_int_equal(code, 1);
    assert_string_equal(out, "");
    assert_one_line(err);
    assert_contains(err, line);
}

/* Exit 2, nothing on stdout; the line, then how the command is used. */
static void assert_misused(const char *line)
{
    assert_int_equal(code, 2);
    assert_string_equal(out, "");
    assert_contains(err, line);
    assert_contains(err, "usage: yoke ");
}

static void write_file(const char *name, const void *data, size_t bytes)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static builder_block built;
static builder_bytes bytes;

static void write_hex(const char *name, const char *before, const char *after)
{
    static char text[2 * BUILDER_BLOCK_BYTES_MAX + 16];
    size_t size = (size_t)sprintf(text, "%s", before);
    for (size_t i = 0; i < bytes.size; i++) {
        size += (size_t)sprintf(text + size, "%02x", bytes.data[i]);
    }
    size += (size_t)sprintf(text + size, "%s", after);
    write_file(name, text, size);
}

static int make_files(void **state)
{
    (void)state;
    builder_sample(&built, HEIGHT);
    builder_write(&built, &bytes);
    write_file("sample.raw", bytes.data, bytes.size);
    write_hex("sample.hex", "", "");
    write_hex("sample.json", "\"", "\"\n");
    write_hex("broken.hex", "", "0");
    write_file("cut.raw", bytes.data, bytes.size - 5);
    write_file("empty", "", 0);
    write_file("text",
               "This is a file of text, and no block. This is a file of text, and no "
               "block. It is long enough for a header, though.\n",
               117);
    built.txs[1].inputs[4].script.data[50] ^= 4;
    built.txs[0].num_outputs = 1;
    builder_commit(&built);
    builder_write(&built, &bytes);
    write_file("forged.raw", bytes.data, bytes.size);
    builder_key key = builder_make_key(1, true);
    builder_start(&built, HEIGHT);
    builder_add_input(&built.txs[1], (const uint8_t[32]){1}, 0);
    builder_add_output(&built.txs[1], 1, &key);
    builder_sign(&built.txs[1], 0, &key, 1);
    built.num_txs = 2;
    builder_write(&built, &bytes);
    write_file("plain.raw", bytes.data, bytes.size);
    return 0;
}

static json_t *parse_output(void)
{
    json_error_t error;
    json_t *root = json_loads(out, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        fail_msg("%s in:\n%s", error.text, out);
    }
    return root;
}

/* ---------------------------------------------------------------------------------------------
 * The command as such
 */

static void help_and_version_go_to_stdout(void **state)
{
    (void)state;
    run("help");
    assert_int_equal(code, 0);
    assert_string_equal(err, "");
    assert_contains(out, "block");
    assert_contains(out, "bench");
    run("help", "block");
    assert_int_equal(code, 0);
    assert_contains(out, "--workers");
    run("block", "--help");
    assert_int_equal(code, 0);
    assert_contains(out, "--repeat");
    run("devices", "--help");
    assert_int_equal(code, 0);
    assert_contains(out, "--json");
    run("bench", "--help");
    assert_int_equal(code, 0);
    assert_contains(out, "--rounds");
    run("--version");
    assert_int_equal(code, 0);
    assert_int_equal(strncmp(out, "yoke ", 5), 0);
    assert_one_line(out);
}

static void no_command_and_unknown_commands_are_misuse(void **state)
{
    (void)state;
    run_with(NULL, NULL);
    assert_misused("block");
    run("blok");
    assert_int_equal(code, 2);
    assert_string_equal(out, "");
    assert_one_line(err);
    assert_contains(err, "unknown command blok");
    run("help", "blok");
    assert_int_equal(code, 2);
    assert_one_line(err);
}

static void wrong_options_are_misuse(void **state)
{
    (void)state;
    run("block", "--fast");
    assert_misused("--fast is no option");
    run("block", "-x");
    assert_misused("-x is no option");
    run("block", "--json", "-xy");
    assert_misused("-x is no option");
    run("block", "--workers");
    assert_misused("--workers needs a value");
    run("block", "--json=yes");
    assert_misused("--json=yes: this option takes no value");
    run("block", "--workers", "0");
    assert_misused("--workers is a number from 1 to 256, not 0");
    run("block", "--workers", "257");
    assert_misused("not 257");
    run("block", "--workers", "2x");
    assert_misused("not 2x");
    run("block", "--workers", "-1");
    assert_misused("not -1");
    run("block", "--repeat", "99999999999999999999");
    assert_misused("--repeat is a number from 1 to 10000");
    run("block", "--engine", "tpu");
    assert_misused("--engine is auto, cpu or gpu, not tpu");
    run("bench", "--engine", "CPU");
    assert_misused("--engine is auto, cpu or gpu, not CPU");
    run("block", "--coins");
    assert_misused("--coins needs a value");
    run("devices", "all");
    assert_misused("it takes no all");
    run("devices", "--all");
    assert_misused("--all is no option");
    run("block", "sample.raw", "sample.hex");
    assert_misused("one file at a time, not also sample.hex");
    run("bench", "speed");
    assert_misused("there is no bench speed");
    run("bench", "block", "--rounds", "0");
    assert_misused("--rounds is a number from 1 to 1000, not 0");
}

/* ---------------------------------------------------------------------------------------------
 * yoke block
 */

static void verdict_is_printed_for_every_form_of_file(void **state)
{
    (void)state;
    static const char *const names[] = {"sample.raw", "sample.hex", "sample.json"};
    for (size_t i = 0; i < 3; i++) {
        run("block", names[i], "--workers", "2", "--engine", "cpu");
        assert_int_equal(code, 0);
        assert_string_equal(err, "");
        assert_contains(out, "valid: 6 transactions, Merkle root right, 13 P2PKH inputs verified, "
                             "0 failed\n");
        assert_contains(out, "signatures");
        assert_contains(out, "2 workers");
        assert_contains(out, "4 not checked, as that takes the coins they spend: 2 with a witness, "
                             "1 with an empty script, 1 with another script\n");
    }
}

static void json_output_is_one_object_with_every_stage(void **state)
{
    (void)state;
    static const char *const stages[] = {"parse",   "header",    "txids",     "merkle",
                                         "witness", "sighashes", "signatures"};
    run("block", "sample.raw", "--json", "--engine", "cpu", "--workers", "1", "--repeat", "4");
    assert_int_equal(code, 0);
    assert_string_equal(err, "");
    json_t *root = parse_output();
    const char *verdict = NULL;
    const char *witness = NULL;
    const char *engine = NULL;
    int txs = 0, verified = 0, failed = -1, workers = 0, runs = 0, pow = 0, merkle = 0, height = 0;
    double median = 0, min = 0, max = 0;
    json_t *list = NULL;
    assert_int_equal(
        json_unpack(root,
                    "{s:s, s:s, s:i, s:{s:i, s:i}, s:{s:b, s:b, s:s, s:i, s:i}, s:o, s:{s:F, s:F, "
                    "s:F, s:i}}",
                    "verdict", &verdict, "engine", &engine, "workers", &workers, "block",
                    "transactions", &txs, "height", &height, "proven", "proof_of_work", &pow,
                    "merkle_root", &merkle, "witness_commitment", &witness, "inputs_verified",
                    &verified, "inputs_failed", &failed, "stages", &list, "seconds", "median",
                    &median, "min", &min, "max", &max, "runs", &runs),
        0);
    assert_string_equal(verdict, "valid");
    assert_string_equal(witness, "right");
    assert_string_equal(engine, "cpu");
    assert_int_equal(workers, 1);
    assert_int_equal(txs, BUILDER_SAMPLE_TXS);
    assert_int_equal(height, HEIGHT);
    assert_int_equal(verified, BUILDER_SAMPLE_VERIFIED);
    assert_int_equal(failed, 0);
    assert_int_equal(runs, 4);
    assert_true(pow && merkle);
    assert_true(0 < min && min <= median && median <= max);
    assert_int_equal(json_array_size(list), 7);
    double sum = 0;
    for (size_t i = 0; i < 7; i++) {
        json_t *stage = json_array_get(list, i);
        assert_string_equal(json_string_value(json_object_get(stage, "stage")), stages[i]);
        sum += json_number_value(json_object_get(stage, "seconds"));
    }
    assert_true(sum > 0 && sum <= median);
    json_decref(root);
}

static void bad_block_is_one_line_with_its_place(void **state)
{
    (void)state;
    run("block", "cut.raw");
    assert_failed("yoke block: cut.raw: transaction 5, input 2, byte ");
    assert_contains(err, ": the block ends inside the number of witness items\n");
    run("block", "forged.raw");
    assert_failed("yoke block: forged.raw: transaction 1, input 4, byte ");
    assert_contains(err, ": the signature does not hold (1 of 13 inputs fail)\n");
    run("block", "text");
    assert_failed("yoke block: text: byte 80: the number of transactions is ");
    run("block", "broken.hex");
    assert_failed("yoke block: broken.hex: the hex digits break off at character ");
}

static void bad_block_is_a_json_object_too(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *verdict;
        const char *error;
    } cases[] = {{"forged.raw", "invalid", "transaction 1, input 4, byte "},
                 {"empty", "not judged", "the file is empty"}};
    for (size_t i = 0; i < 2; i++) {
        run("block", cases[i].file, "--json");
        assert_int_equal(code, 1);
        assert_one_line(err);
        json_t *root = parse_output();
        assert_string_equal(json_string_value(json_object_get(root, "verdict")), cases[i].verdict);
        assert_contains(json_string_value(json_object_get(root, "error")), cases[i].error);
        json_decref(root);
    }
}

static void unreadable_files_are_one_line(void **state)
{
    (void)state;
    run("block", "empty");
    assert_failed("yoke block: empty: the file is empty");
    run("block", "missing");
    assert_failed("yoke block: missing: No such file or directory");
    run("block", ".");
    assert_failed("yoke block: .: Is a directory");
    run("block", "/dev/zero");
    assert_failed("yoke block: /dev/zero: longer than 8004096 bytes: not a block");
    if (geteuid() != 0) { /* root reads everything */
        char path[PATH_MAX];
        write_file("secret", "x", 1);
        snprintf(path, sizeof(path), "%s/secret", folder);
        assert_int_equal(chmod(path, 0), 0);
        run("block", "secret");
        assert_failed("yoke block: secret: Permission denied");
    }
}

static void default_file_is_the_variable_then_the_fetched_block(void **state)
{
    (void)state;
    run("block");
    assert_failed("yoke block: ./.cache/block-357238.json: No such file or directory (./dev setup "
                  "fetches it)");
    run_with("sample.hex", "block", NULL);
    assert_int_equal(code, 0);
    assert_contains(out, "valid: 6 transactions");
    run_with("nowhere", "block", NULL);
    assert_failed("yoke block: nowhere: No such file or directory\n");
}

static void full_disk_is_told(void **state)
{
    (void)state;
    char line[2 * PATH_MAX];
    snprintf(line, sizeof(line), "cd '%s' && '%s' block sample.raw --engine cpu >/dev/full 2>err",
             folder, command);
    int status = system(line);
    read_back("err", err, sizeof(err));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_one_line(err);
    assert_contains(err, "yoke block: cannot write the output: ");
}

/* ---------------------------------------------------------------------------------------------
 * yoke block --coins
 */

static builder_coin coins[2];

/* A block of a P2PKH input and one of a P2SH coin of 1 of 2 keys, signed by the first. */
static int make_paid_files(void **state)
{
    (void)state;
    builder_key keys[2] = {builder_make_key(1, true), builder_make_key(2, true)};
    builder_script redeem;
    builder_start(&built, HEIGHT);
    built.txs[0].outputs[0].value = 1250000000 + 900;
    builder_tx *tx = &built.txs[1];
    built.num_txs = 2;
    builder_multisig(1, keys, 2, &redeem);
    for (uint32_t i = 0; i < 2; i++) {
        coins[i] = (builder_coin){.txid = {(uint8_t)(i + 1)}, .height = 9, .amount = 500};
        builder_add_input(tx, coins[i].txid, 0);
    }
    builder_p2pkh(&keys[0], &coins[0].script);
    builder_p2sh(&redeem, &coins[1].script);
    builder_add_output(tx, 100, &keys[1]);
    builder_sign(tx, 0, &keys[0], 1);
    tx->inputs[1].script.data[tx->inputs[1].script.size++] = 0;
    builder_push_signature(tx, 1, &keys[0], &redeem, 1);
    builder_push(&tx->inputs[1].script, redeem.data, redeem.size);
    builder_write(&built, &bytes);
    write_file("paid.raw", bytes.data, bytes.size);
    builder_write_coins(coins, 2, &bytes);
    write_file("paid.coins", bytes.data, bytes.size);
    write_file("cut.coins", bytes.data, bytes.size - 1);
    builder_write_coins(coins, 1, &bytes);
    write_file("one.coins", bytes.data, bytes.size);
    return 0;
}

static void coins_prove_every_input_and_the_amounts(void **state)
{
    (void)state;
    run("block", "paid.raw", "--coins", "paid.coins", "--engine", "cpu");
    assert_int_equal(code, 0);
    assert_string_equal(err, "");
    assert_contains(out, "valid: 2 transactions, Merkle root right, 2 inputs verified, 0 failed\n");
    assert_contains(out,
                    "  2 of 2 inputs proven to spend their coins, with 3 ECDSA checks: 1 P2PKH, "
                    "1 P2SH\n  amounts right; fees 0.00000900 bitcoin\n");
    run("block", "paid.raw", "--engine", "cpu"); /* without them */
    assert_int_equal(code, 0);
    assert_contains(out, "1 P2PKH inputs verified, 0 failed\n");
    assert_contains(out,
                    "1 not checked, as that takes the coins they spend: 1 with another script");
}

static void coins_are_in_the_json_output_too(void **state)
{
    (void)state;
    int verified = 0, checks = 0, amounts = 0, p2pkh = 0, p2sh = 0, fees = 0;
    run("block", "paid.raw", "--coins", "paid.coins", "--engine", "cpu", "--json");
    assert_int_equal(code, 0);
    json_t *root = parse_output();
    assert_int_equal(json_unpack(root, "{s:{s:i, s:i, s:b, s:{s:i, s:i}, s:i}}", "proven",
                                 "inputs_verified", &verified, "ecdsa_checks", &checks, "amounts",
                                 &amounts, "inputs_checked", "p2pkh", &p2pkh, "p2sh", &p2sh,
                                 "fees_satoshi", &fees),
                     0);
    assert_int_equal(verified, 2);
    assert_int_equal(checks, 3);
    assert_true(amounts);
    assert_int_equal(p2pkh, 1);
    assert_int_equal(p2sh, 1);
    assert_int_equal(fees, 900);
    json_decref(root);
}

static void coins_that_are_not_the_blocks_are_told(void **state)
{
    (void)state;
    run("block", "paid.raw", "--coins", "one.coins");
    assert_failed("yoke block: paid.raw: transaction 1, input 1, byte ");
    assert_contains(err,
                    ": the coins file lacks the coin that the input spends, 00000000000000000000"
                    "00000000000000000000000000000000000000000002:0\n");
    run("block", "paid.raw", "--coins", "one.coins", "--json");
    assert_int_equal(code, 1);
    json_t *root = parse_output();
    assert_string_equal(json_string_value(json_object_get(root, "verdict")), "not judged");
    json_decref(root);
    run("block", "paid.raw", "--coins", "cut.coins");
    assert_failed("yoke block: cut.coins: byte ");
    assert_contains(err, ": coin 1: the coins file ends inside a compressed script\n");
    run("block", "paid.raw", "--coins", "empty");
    assert_failed("yoke block: empty: byte 0: the coins file ends inside the number of coins\n");
    run("block", "paid.raw", "--coins", "missing");
    assert_failed("yoke block: missing: No such file or directory\n");
    run("block", "paid.raw", "--coins", "/dev/zero");
    assert_failed("yoke block: /dev/zero: longer than ");
}

/* ---------------------------------------------------------------------------------------------
 * Engines, policies and devices
 */

static void gpu_that_is_not_there_is_done_by_the_cpu_with_status_3(void **state)
{
    (void)state;
    run("block", "sample.raw", "--engine", "gpu");
    assert_int_equal(code, 3);
    assert_contains(out, "valid: 6 transactions");
    assert_contains(out, "engine gpu, ");
    assert_one_line(err);
    assert_contains(err, "yoke block: no GPU was used, the CPU did all of it: ");
    run("block", "forged.raw", "--engine", "gpu");
    assert_int_equal(code, 1); /* that it does not hold matters more */
    run("block", "sample.raw", "--engine", "auto");
    assert_int_equal(code, 0);
    assert_contains(out, "valid: 6 transactions");
    run("bench", "block", "plain.raw", "--engine", "gpu", "--workers", "1", "--rounds", "1",
        "--json");
    assert_int_equal(code, 3);
    assert_contains(err, "yoke bench: no GPU was used, the CPU did all of it: ");
    assert_contains(out, "\"yoke gpu\"");
}

/* What a report says of who did the work and how long it took, taken out. */
static json_t *without_shares_and_times(json_t *root)
{
    size_t i;
    json_t *stage;
    json_object_del(root, "engine");
    json_object_del(root, "seconds");
    json_array_foreach(json_object_get(root, "stages"), i, stage)
    {
        json_object_del(stage, "seconds");
        json_object_del(stage, "items_per_second");
        json_object_del(stage, "items_run_by");
    }
    return root;
}

static void every_engine_gives_the_same_answer(void **state)
{
    (void)state;
    static const char *const engines[] = {"cpu", "auto", "gpu"};
    json_t *first = NULL;
    show_devices();
    for (size_t i = 0; i < 3; i++) {
        json_int_t on_cpu = 0, on_gpu = 0;
        size_t k;
        json_t *stage;
        run("block", "sample.raw", "--json", "--workers", "2", "--engine", engines[i]);
        assert_true(code == 0 || (code == 3 && i == 2));
        json_t *root = parse_output();
        assert_string_equal(json_string_value(json_object_get(root, "engine")), engines[i]);
        json_array_foreach(json_object_get(root, "stages"), k, stage)
        {
            json_t *by = json_object_get(stage, "items_run_by");
            on_cpu += json_integer_value(json_object_get(by, "cpu"));
            on_gpu += json_integer_value(json_object_get(by, "gpu"));
        }
        assert_int_equal(on_gpu > 0, i == 2 ? code == 0 : i == 1 && on_gpu > 0);
        /* Headers, txids, Merkle pairs, witnesses, digests less the one "one", checks. */
        assert_int_equal(on_cpu + on_gpu, 1 + 6 + 6 + 9 + 12 + 13);
        without_shares_and_times(root);
        if (first == NULL) {
            first = root;
            continue;
        }
        assert_true(json_equal(first, root));
        json_decref(root);
    }
    json_decref(first);
}

static void policy_is_read_and_a_bad_one_is_one_line(void **state)
{
    (void)state;
    write_file("cpu.yaml", "routing: {mode: cpu_only}\n", 26);
    write_file("bad.yaml", "gpu:\n  slots_in_flight: 1\n", 26);
    run("block", "sample.raw", "--policy", "cpu.yaml");
    assert_int_equal(code, 0);
    assert_contains(out, "engine policy, ");
    run("block", "sample.raw", "--policy", "cpu.yaml", "--engine", "cpu", "--json");
    assert_int_equal(code, 0);
    run("block", "sample.raw", "--policy", "bad.yaml");
    assert_failed("yoke block: bad.yaml:2: gpu.slots_in_flight: ");
    run("block", "sample.raw", "--policy", "missing.yaml");
    assert_failed("yoke block: missing.yaml: ");
    run("bench", "block", "plain.raw", "--policy", "bad.yaml");
    assert_failed("bad.yaml:2: gpu.slots_in_flight: ");
    run("devices", "--policy", "bad.yaml");
    assert_failed("yoke devices: bad.yaml:2: gpu.slots_in_flight: ");
}

static void devices_says_plainly_that_there_is_none(void **state)
{
    (void)state;
    run("devices");
    assert_int_equal(code, 0);
    assert_contains(out, "no GPU is used: the CPU does everything, with ");
    run("devices", "--json");
    assert_int_equal(code, 0);
    json_t *root = parse_output();
    json_t *list = json_object_get(root, "devices");
    assert_true(json_is_array(list));
    assert_int_equal(json_integer_value(json_object_get(root, "ready")), 0);
    assert_true(json_integer_value(json_object_get(root, "workers")) >= 1);
    json_decref(root);
}

static void devices_of_this_machine_are_listed(void **state)
{
    (void)state;
    show_devices();
    run("devices", "--json");
    assert_int_equal(code, 0);
    json_t *root = parse_output();
    json_t *device;
    size_t i;
    json_int_t ready = 0, num_fit = 0;
    json_array_foreach(json_object_get(root, "devices"), i, device)
    {
        json_t *index = json_object_get(device, "index");
        const char *text = json_string_value(json_object_get(device, "state"));
        assert_non_null(text);
        assert_non_null(json_string_value(json_object_get(device, "backend")));
        assert_int_equal(json_string_length(json_object_get(device, "uuid")), 36);
        assert_int_equal(json_is_integer(index), strcmp(text, "not fit") != 0);
        assert_true(json_is_null(index) || json_integer_value(index) == num_fit++);
        bool is_ready = strcmp(text, "ready") == 0;
        assert_true(is_ready || json_is_string(json_object_get(device, "why")));
        ready += is_ready;
    }
    assert_int_equal(json_integer_value(json_object_get(root, "ready")), ready);
    json_decref(root);
}

/* Runs with a policy that names a device, and expects the device at that place to be ready. */
static void assert_named_is_ready(const char *name, size_t place)
{
    char text[400];
    int size = snprintf(text, sizeof(text), "gpu:\n  devices: \"%s\"\n", name);
    write_file("named.yaml", text, (size_t)size);
    run("devices", "--policy", "named.yaml", "--json");
    assert_int_equal(code, 0);
    assert_string_equal(err, "");
    json_t *root = parse_output();
    json_t *device = json_array_get(json_object_get(root, "devices"), place);
    assert_string_equal(json_string_value(json_object_get(device, "state")), "ready");
    json_decref(root);
}

static void what_devices_prints_names_a_device_in_the_policy(void **state)
{
    (void)state;
    show_devices();
    run("devices", "--json");
    json_t *root = parse_output();
    json_t *device;
    size_t i;
    json_array_foreach(json_object_get(root, "devices"), i, device)
    {
        json_t *index = json_object_get(device, "index");
        char digits[24];
        if (!json_is_integer(index)) {
            continue;
        }
        snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(index));
        assert_named_is_ready(digits, i);
        assert_named_is_ready(json_string_value(json_object_get(device, "uuid")), i);
        run("devices");
        assert_contains(out, digits);
        assert_contains(out, json_string_value(json_object_get(device, "uuid")));
    }
    json_decref(root);
}

static void a_name_in_the_policy_that_no_device_has_is_one_line(void **state)
{
    (void)state;
    static const char absent[] = "gpu: {devices: No Such Card}\n";
    static const char comma[] = "gpu:\n  devices: \"0,\"\n";
    write_file("absent.yaml", absent, sizeof(absent) - 1);
    run("devices", "--policy", "absent.yaml");
    assert_int_equal(code, 0);
    assert_contains(out, "no GPU is used: the CPU does everything, with ");
    assert_one_line(err);
    assert_contains(err, "yoke: the policy's gpu.devices names \"No Such Card\", but the fit "
                         "devices are: none");
    write_file("comma.yaml", comma, sizeof(comma) - 1);
    run("devices", "--policy", "comma.yaml");
    assert_failed("yoke devices: comma.yaml:2: gpu.devices: an empty name in \"0,\"");
}

/* ---------------------------------------------------------------------------------------------
 * yoke bench
 */

static void bench_prints_a_row_for_each_case(void **state)
{
    (void)state;
    run("bench", "block", "plain.raw", "--workers", "2", "--rounds", "3", "--json");
    assert_int_equal(code, 0);
    assert_string_equal(err, "");
    size_t rows = 0;
    size_t whole = 0;
    for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *name = NULL;
        const char *engine = NULL;
        const char *better = NULL;
        double min = 0, p50 = 0, p99 = 0;
        int n = 0;
        json_t *row = json_loads(line, 0, NULL);
        assert_non_null(row);
        assert_int_equal(json_unpack(row, "{s:s, s:s, s:s, s:F, s:F, s:F, s:i}", "case", &name,
                                     "engine", &engine, "better", &better, "min", &min, "p50", &p50,
                                     "p99", &p99, "n", &n),
                         0);
        assert_true(0 < min && min <= p50 && p50 <= p99);
        assert_int_equal(n, 3);
        assert_string_equal(better, "lower");
        assert_true(strcmp(engine, "yoke") == 0 || strcmp(engine, "libsecp256k1") == 0);
        whole += strcmp(name, "whole_block") == 0;
        rows++;
        json_decref(row);
    }
    assert_int_equal(whole, 4);
    assert_int_equal(rows, 8);
}

static void bench_refuses_a_bad_block(void **state)
{
    (void)state;
    run("bench", "block", "forged.raw");
    assert_failed("yoke bench: forged.raw: transaction 1, input 4, byte ");
    run("bench", "--rounds", "1"); /* all of them, on the default file */
    assert_failed("yoke bench: ./.cache/block-357238.json: No such file or directory");
    run("bench", "block", "missing");
    assert_failed("yoke bench: missing: No such file or directory");
}

/* ---------------------------------------------------------------------------------------------
 * policy
 */

static void policy_check_says_ok_or_one_line(void **state)
{
    (void)state;
    write_file("good.yaml", "routing: {mode: cpu_only}\n", 26);
    write_file("wrong.yaml", "gpu:\n  slots_in_flight: 1\n", 26);
    run("policy", "check", "good.yaml");
    assert_int_equal(code, 0);
    assert_string_equal(out, "good.yaml: ok\n");
    assert_string_equal(err, "");
    run("policy", "check", "wrong.yaml");
    assert_failed("wrong.yaml:2: gpu.slots_in_flight: must be a whole number from 2 to 16, not 1");
    run("policy", "check", "empty");
    assert_failed("empty:1: nothing but blanks and comments");
    run("policy", "check", "missing.yaml");
    assert_failed("missing.yaml: No such file or directory");
}

static void policy_check_prints_a_json_object_too(void **state)
{
    (void)state;
    const char *file;
    const char *error;
    int ok;
    run("policy", "check", "--json", "good.yaml");
    assert_int_equal(code, 0);
    json_t *root = parse_output();
    assert_int_equal(json_unpack(root, "{s:s, s:b !}", "file", &file, "ok", &ok), 0);
    assert_string_equal(file, "good.yaml");
    assert_true(ok);
    json_decref(root);

    run("policy", "check", "wrong.yaml", "--json");
    assert_int_equal(code, 1);
    assert_one_line(err);
    root = parse_output();
    assert_int_equal(
        json_unpack(root, "{s:s, s:b, s:s !}", "file", &file, "ok", &ok, "error", &error), 0);
    assert_false(ok);
    assert_memory_equal(error, err, strlen(error));
    json_decref(root);
}

static void policy_misused_says_how_it_is_used(void **state)
{
    (void)state;
    run("policy");
    assert_misused("yoke policy: what to do?");
    run("policy", "chekc", "good.yaml");
    assert_misused("yoke policy: check is all it does, not chekc");
    run("policy", "check");
    assert_misused("yoke policy: check takes one file");
    run("policy", "check", "good.yaml", "wrong.yaml");
    assert_misused("yoke policy: check takes one file");
    run("policy", "check", "--yaml");
    assert_misused("yoke policy: --yaml is no option");
    run("policy", "--help");
    assert_int_equal(code, 0);
    assert_contains(out, "config/README.md");
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_and_version_go_to_stdout),
        cmocka_unit_test(no_command_and_unknown_commands_are_misuse),
        cmocka_unit_test(wrong_options_are_misuse),
        cmocka_unit_test(verdict_is_printed_for_every_form_of_file),
        cmocka_unit_test(json_output_is_one_object_with_every_stage),
        cmocka_unit_test(bad_block_is_one_line_with_its_place),
        cmocka_unit_test(bad_block_is_a_json_object_too),
        cmocka_unit_test(unreadable_files_are_one_line),
        cmocka_unit_test(default_file_is_the_variable_then_the_fetched_block),
        cmocka_unit_test(full_disk_is_told),
        cmocka_unit_test_setup(coins_prove_every_input_and_the_amounts, make_paid_files),
        cmocka_unit_test(coins_are_in_the_json_output_too),
        cmocka_unit_test(coins_that_are_not_the_blocks_are_told),
        cmocka_unit_test(gpu_that_is_not_there_is_done_by_the_cpu_with_status_3),
        cmocka_unit_test_teardown(every_engine_gives_the_same_answer, hide_devices),
        cmocka_unit_test(policy_is_read_and_a_bad_one_is_one_line),
        cmocka_unit_test(devices_says_plainly_that_there_is_none),
        cmocka_unit_test_teardown(devices_of_this_machine_are_listed, hide_devices),
        cmocka_unit_test_teardown(what_devices_prints_names_a_device_in_the_policy, hide_devices),
        cmocka_unit_test(a_name_in_the_policy_that_no_device_has_is_one_line),
        cmocka_unit_test(bench_prints_a_row_for_each_case),
        cmocka_unit_test(bench_refuses_a_bad_block),
        cmocka_unit_test(policy_check_says_ok_or_one_line),
        cmocka_unit_test(policy_check_prints_a_json_object_too),
        cmocka_unit_test(policy_misused_says_how_it_is_used),
    };
    const char *base = getenv("TEST_TMPDIR");
    if (argc != 2 || realpath(argv[1], command) == NULL) {
        fprintf(stderr, "usage: command_test PATH_OF_YOKE\n");
        return 2;
    }
    snprintf(folder, sizeof(folder), "%s/command_test.XXXXXX", base != NULL ? base : P_tmpdir);
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 2;
    }
    return cmocka_run_group_tests(tests, make_files, NULL);
}
