/*
 * Tests of the block file loader: every form decodes to the same bytes, memory is bounded, and a
 * file that is no file is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bitcoin/block.h"
#include "cli/load.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[PATH_MAX];

static void write_text(const char *text, size_t bytes)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void every_form_loads_as_the_same_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
    } forms[] = {{"\x01\x02\x03\x04\xff", 5},
                 {"01020304fF", 10},
                 {"\"01020304ff\"", 12},
                 {"  01020304ff\n", 13}};
    for (size_t i = 0; i < 4; i++) {
        load_result result;
        write_text(forms[i].text, forms[i].bytes);
        assert_true(load_block(path, &result));
        assert_int_equal(result.bytes, 5);
        assert_memory_equal(result.data, "\x01\x02\x03\x04\xff", 5);
        load_free(&result);
        assert_null(result.data);
    }
}

static void largest_block_in_hex_loads_and_a_longer_file_does_not(void **state)
{
    (void)state;
    size_t size = 2 * (size_t)BLOCK_BYTES_MAX;
    char *text = malloc(size + 5000);
    load_result result;
    memset(text, 'a', size + 5000);
    write_text(text, size);
    assert_true(load_block(path, &result));
    assert_int_equal(result.bytes, BLOCK_BYTES_MAX);
    assert_int_equal(result.data[BLOCK_BYTES_MAX - 1], 0xaa);
    load_free(&result);
    write_text(text, size + 5000);
    assert_false(load_block(path, &result));
    assert_null(result.data);
    assert_non_null(strstr(result.error, "longer than"));
    free(text);
}

static void odd_number_of_digits_is_told_with_its_place(void **state)
{
    (void)state;
    load_result result;
    write_text("0102030405060", 13);
    assert_false(load_block(path, &result));
    assert_string_equal(result.error, "the hex digits break off at character 12 of the file");
}

static void pipe_loads_as_a_file_does(void **state)
{
    (void)state;
    char command[PATH_MAX + 64];
    load_result result;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(command, sizeof(command), "(printf 0102; sleep 0.1; printf 0304ff) >'%s' &", path);
    assert_int_equal(system(command), 0);
    assert_true(load_block(path, &result));
    assert_int_equal(result.bytes, 5);
    load_free(&result);
    unlink(path);
}

static void directory_empty_and_missing_files_are_refused(void **state)
{
    (void)state;
    load_result result;
    assert_false(load_block("/", &result));
    assert_string_equal(result.error, "Is a directory");
    write_text("", 0);
    assert_false(load_block(path, &result));
    assert_string_equal(result.error, "the file is empty");
    unlink(path);
    assert_false(load_block(path, &result));
    assert_string_equal(result.error, "No such file or directory");
}

static void coins_load_as_they_are(void **state)
{
    (void)state;
    load_result result;
    write_text("0102", 4); /* not taken for hex digits */
    assert_true(load_coins(path, &result));
    assert_int_equal(result.bytes, 4);
    assert_memory_equal(result.data, "0102", 4);
    load_free(&result);
    write_text("", 0);
    assert_true(load_coins(path, &result)); /* the parser says what is missing */
    assert_int_equal(result.bytes, 0);
    load_free(&result);
    assert_false(load_coins("/", &result));
    assert_null(result.data);
    assert_string_equal(result.error, "Is a directory");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_loads_as_the_same_bytes),
        cmocka_unit_test(largest_block_in_hex_loads_and_a_longer_file_does_not),
        cmocka_unit_test(odd_number_of_digits_is_told_with_its_place),
        cmocka_unit_test(pipe_loads_as_a_file_does),
        cmocka_unit_test(directory_empty_and_missing_files_are_refused),
        cmocka_unit_test(coins_load_as_they_are),
    };
    const char *base = getenv("TEST_TMPDIR");
    snprintf(path, sizeof(path), "%s/load_test.%d", base != NULL ? base : P_tmpdir, (int)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
