/*
 * The pipeline cache on disk: written with the first kernel, read by the next device, and never in
 * the way: whatever is wrong with the file or its folder costs one line in the log.
 */
#include "backends/vulkan/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/vulkan/vulkan.h"
#include "tests/backends/fixture.h"

static const subject vulkan = {.ops = &vulkan_ops, .reads_spirv = true};

static char folder[256], path[512];

/* -- a folder for each test -------------------------------------------------------------------- */

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TEST_TMPDIR");
    fixture f;
    backend_info info;
    snprintf(folder, sizeof folder, "%s/cache.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    fixture_open_instance(&f, &vulkan);
    f.ops->info(f.instance, f.index, &info);
    fixture_close(&f);
    int length = snprintf(path, sizeof path, "%s/pipelines-", folder);
    for (int i = 0; i < 16; i++) {
        length += snprintf(path + length, sizeof path - (size_t)length, "%02x", info.uuid[i]);
    }
    snprintf(path + length, sizeof path - (size_t)length, ".bin");
    return 0;
}

static int remove_folder(void **state)
{
    char command[512];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static uint32_t num_files(void)
{
    uint32_t count = 0;
    DIR *opened = opendir(folder);
    assert_non_null(opened);
    for (struct dirent *at = readdir(opened); at != NULL; at = readdir(opened)) {
        count += at->d_name[0] != '.';
    }
    closedir(opened);
    return count;
}

/* Opens a device with that folder, compiles num_kernels, closes; returns how many lines it cost. */
static uint32_t lines_of(const char *in, uint32_t num_kernels)
{
    fixture f;
    const backend_open_options options = {.num_slots = 1, .cache_dir = in};
    fixture_open_instance(&f, &vulkan);
    assert_int_equal(f.ops->open(f.instance, f.index, &options, &f.device), YOKE_OK);
    for (uint32_t i = 0; i < num_kernels; i++) {
        const backend_kernel_desc *desc = i == 0 ? &fixture_vector : &fixture_spans;
        assert_int_equal(f.ops->compile(f.device, desc, &f.vector), YOKE_OK);
    }
    uint32_t num_lines = f.p.num_lines;
    fixture_close(&f);
    assert_int_equal(f.p.num_lines, num_lines); /* nothing to add on the way out */
    return num_lines;
}

/* -- the file's bytes -------------------------------------------------------------------------- */

#define FILE_BYTES_MAX (1 << 20)

static uint8_t bytes[FILE_BYTES_MAX];

static size_t read_file(void)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return length;
}

static void write_file(const void *from, size_t length)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, from, length), length);
    assert_int_equal(close(file), 0);
}

/* -- tests ------------------------------------------------------------------------------------- */

static void the_first_kernel_writes_the_file_for_its_user_alone(void **state)
{
    (void)state;
    struct stat about;
    fixture f;
    vulkan_cache_head head;
    const backend_open_options options = {.num_slots = 1, .cache_dir = folder};
    fixture_open_instance(&f, &vulkan);
    assert_int_equal(f.ops->open(f.instance, f.index, &options, &f.device), YOKE_OK);
    assert_int_equal(num_files(), 0);
    assert_int_equal(f.ops->compile(f.device, &fixture_vector, &f.vector), YOKE_OK);
    assert_int_equal(stat(path, &about), 0); /* before close: a killed program keeps it */
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(num_files(), 1);
    fixture_close(&f);
    assert_true(read_file() > sizeof head);
    memcpy(&head, bytes, sizeof head);
    assert_memory_equal(head.magic, "YOKEPIPE", 8);
    assert_int_equal(head.data_bytes + sizeof head, read_file());
}

static void a_stored_cache_is_read_without_a_word(void **state)
{
    (void)state;
    assert_int_equal(lines_of(folder, 2), 0);
    assert_int_equal(lines_of(folder, 2), 0);
    assert_int_equal(num_files(), 1);
}

static void folders_are_made_where_they_are_missing(void **state)
{
    (void)state;
    char deep[512], found[1024];
    struct stat about;
    snprintf(deep, sizeof deep, "%s/some/way/down", folder);
    assert_int_equal(lines_of(deep, 1), 0);
    snprintf(found, sizeof found, "%s%s", deep, strrchr(path, '/'));
    assert_int_equal(stat(found, &about), 0);
    assert_int_equal(stat(deep, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
}

static void a_file_that_is_cut_off_anywhere_is_ignored_with_one_line(void **state)
{
    (void)state;
    assert_int_equal(lines_of(folder, 1), 0);
    size_t length = read_file(), step = length > 300 ? length / 300 : 1;
    for (size_t cut = 0; cut < length; cut += step) {
        write_file(bytes, cut);
        assert_int_equal(lines_of(folder, 0), 1);
    }
}

static void a_file_with_a_wrong_byte_anywhere_is_ignored_with_one_line(void **state)
{
    (void)state;
    assert_int_equal(lines_of(folder, 1), 0);
    size_t length = read_file(), step = length > 300 ? length / 300 : 1;
    for (size_t at = 0; at < length; at += step) {
        bytes[at] ^= 0x40;
        write_file(bytes, length);
        assert_int_equal(lines_of(folder, 0), 1);
        bytes[at] ^= 0x40;
    }
}

static void a_damaged_file_is_replaced_by_a_good_one(void **state)
{
    (void)state;
    write_file("no cache", 8);
    assert_int_equal(lines_of(folder, 1), 1);
    assert_int_equal(lines_of(folder, 1), 0);
    assert_int_equal(num_files(), 1);
}

static void a_file_larger_than_its_limit_is_ignored_with_one_line(void **state)
{
    (void)state;
    vulkan_cache_head head;
    assert_int_equal(lines_of(folder, 1), 0);
    read_file();
    memcpy(&head, bytes, sizeof head);
    head.data_bytes = VULKAN_CACHE_BYTES_MAX + 1;
    write_file(&head, sizeof head);
    assert_int_equal(truncate(path, (off_t)(sizeof head + head.data_bytes)), 0);
    assert_int_equal(lines_of(folder, 0), 1);
}

static void a_file_that_others_may_write_is_ignored_with_one_line(void **state)
{
    (void)state;
    assert_int_equal(lines_of(folder, 1), 0);
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(lines_of(folder, 0), 1);
    assert_int_equal(chmod(path, 0602), 0);
    assert_int_equal(lines_of(folder, 0), 1);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(lines_of(folder, 0), 0);
}

static void what_is_not_a_file_is_ignored_with_one_line(void **state)
{
    (void)state;
    char other[1024];
    assert_int_equal(lines_of(folder, 1), 0);
    snprintf(other, sizeof other, "%s/other", folder);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(lines_of(folder, 0), 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(lines_of(folder, 0), 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(lines_of(folder, 0), 1);
}

/* A file in the way, since a superuser writes where a mode forbids it. */
static void a_folder_that_cannot_be_written_costs_one_line(void **state)
{
    (void)state;
    char below[1024];
    write_file("", 0);
    snprintf(below, sizeof below, "%s/below", path);
    assert_int_equal(lines_of(below, 2), 2); /* one to read, one to write, for two kernels */
    assert_int_equal(num_files(), 1);
}

static void a_path_that_is_too_long_costs_one_line(void **state)
{
    (void)state;
    static char name[2 * PATH_MAX];
    memset(name, 'a', sizeof name - 1);
    assert_int_equal(lines_of(name, 2), 1);
}

#define CACHE_TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_TEST(the_first_kernel_writes_the_file_for_its_user_alone),
        CACHE_TEST(a_stored_cache_is_read_without_a_word),
        CACHE_TEST(folders_are_made_where_they_are_missing),
        CACHE_TEST(a_file_that_is_cut_off_anywhere_is_ignored_with_one_line),
        CACHE_TEST(a_file_with_a_wrong_byte_anywhere_is_ignored_with_one_line),
        CACHE_TEST(a_damaged_file_is_replaced_by_a_good_one),
        CACHE_TEST(a_file_larger_than_its_limit_is_ignored_with_one_line),
        CACHE_TEST(a_file_that_others_may_write_is_ignored_with_one_line),
        CACHE_TEST(what_is_not_a_file_is_ignored_with_one_line),
        CACHE_TEST(a_folder_that_cannot_be_written_costs_one_line),
        CACHE_TEST(a_path_that_is_too_long_costs_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
