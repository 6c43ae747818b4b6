/*
 * The pipeline cache on disk: written with the first kernel, read by the next device, and never in
 * the way: whatever is wrong with the file or its folder costs one line in the log.
 */
#include "backends/vulkan/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/vulkan/device.h"
#include "backends/vulkan/vulkan.h"
#include "tests/backends/fixture.h"

static const subject vulkan = {.ops = &vulkan_ops, .reads_spirv = true};

static char folder[256], path[512];

/* -- a folder for each test -------------------------------------------------------------------- */

/* Sets `path` to the file of a device. */
static void name_file_of(const uint8_t uuid[16])
{
    int length = snprintf(path, sizeof path, "%s/pipelines-", folder);
    for (int i = 0; i < 16; i++) {
        length += snprintf(path + length, sizeof path - (size_t)length, "%02x", uuid[i]);
    }
    snprintf(path + length, sizeof path - (size_t)length, ".bin");
}

static void make_folder_for(const uint8_t uuid[16])
{
    const char *base = getenv("TEST_TMPDIR");
    snprintf(folder, sizeof folder, "%s/cache.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    name_file_of(uuid);
}

static int make_folder(void **state)
{
    (void)state;
    fixture f;
    backend_info info;
    fixture_open_instance(&f, &vulkan);
    f.ops->info(f.instance, f.index, &info);
    fixture_close(&f);
    make_folder_for(info.uuid);
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

/* -- a driver that is quick ------------------------------------------------------------------- */

/* What the driver was given when its cache was made, and what it gives out. */
static uint8_t given[4096], kept[4096];
static size_t given_bytes, kept_bytes;

static VKAPI_ATTR VkResult VKAPI_CALL create_cache(VkDevice of,
                                                   const VkPipelineCacheCreateInfo *info,
                                                   const VkAllocationCallbacks *allocator,
                                                   VkPipelineCache *cache)
{
    (void)of;
    (void)allocator;
    given_bytes = info->initialDataSize;
    assert_true(given_bytes <= sizeof given);
    if (given_bytes > 0) {
        memcpy(given, info->pInitialData, given_bytes);
    }
    *cache = (VkPipelineCache)(uintptr_t)1;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL get_data(VkDevice of, VkPipelineCache cache, size_t *size,
                                               void *data)
{
    (void)of;
    (void)cache;
    *size = kept_bytes;
    if (data != NULL) {
        memcpy(data, kept, kept_bytes);
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL destroy_cache(VkDevice of, VkPipelineCache cache,
                                                const VkAllocationCallbacks *allocator)
{
    (void)of;
    (void)cache;
    (void)allocator;
}

static uint32_t num_quick_lines;
static char quick_line[512]; /* the last one */

static void keep_quick_line(void *user, yoke_log_level level, const char *line)
{
    (void)user;
    (void)level;
    num_quick_lines++;
    snprintf(quick_line, sizeof quick_line, "%s", line);
}

static program quick_program;
static backend_instance quick_instance;
static vulkan_probe quick_probe;

/* Of it, the kernel counts as compiled: there is something to save. */
static backend_device quick_device(void)
{
    static uint64_t kernel;
    program_start(&quick_program);
    quick_instance.host = quick_program.host;
    quick_instance.host.log = keep_quick_line; /* does not print: they are many */
    num_quick_lines = 0;
    backend_device device = {
        .instance = &quick_instance,
        .probe = &quick_probe,
        .kernels = (backend_kernel *)&kernel,
    };
    device.vk.vkCreatePipelineCache = create_cache;
    device.vk.vkGetPipelineCacheData = get_data;
    device.vk.vkDestroyPipelineCache = destroy_cache;
    return device;
}

/* Opens the cache, and saves if told to; returns how many lines it cost. */
static uint32_t quick_lines_of(bool saves)
{
    backend_device device = quick_device();
    assert_int_equal(vulkan_cache_open(&device, folder), YOKE_OK);
    if (saves) {
        vulkan_cache_save(&device);
    }
    assert_int_equal(quick_program.live_bytes, 0);
    return num_quick_lines;
}

static int make_quick_folder(void **state)
{
    (void)state;
    quick_probe = (vulkan_probe){.vendor = 0x10de, .driver_version = 580};
    for (uint8_t i = 0; i < VK_UUID_SIZE; i++) {
        quick_probe.info.uuid[i] = i;
        quick_probe.driver_uuid[i] = (uint8_t)(0x40 + i);
        quick_probe.cache_uuid[i] = (uint8_t)(0x80 + i);
    }
    kept_bytes = 500;
    for (size_t i = 0; i < kept_bytes; i++) {
        kept[i] = (uint8_t)(i * 7);
    }
    make_folder_for(quick_probe.info.uuid);
    return 0;
}

/* Writes a good file and reads it into `bytes`; returns its length. */
static size_t write_good_file(void)
{
    assert_int_equal(quick_lines_of(true), 0);
    size_t length = read_file();
    assert_int_equal(length, sizeof(vulkan_cache_head) + kept_bytes);
    return length;
}

/* Changes a byte of the file where it lies: quicker than to write it anew. */
static void put_byte(size_t at, uint8_t value)
{
    int file = open(path, O_WRONLY);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, &value, 1, (off_t)at), 1);
    assert_int_equal(close(file), 0);
}

static void assert_refused(uint32_t num_lines)
{
    given_bytes = 1;
    uint32_t found = quick_lines_of(false);
    assert_int_equal(given_bytes, 0);
    assert_int_equal(found, num_lines);
}

/* -- what a file must be ----------------------------------------------------------------------- */

static void the_driver_gets_back_what_it_gave(void **state)
{
    (void)state;
    write_good_file();
    assert_int_equal(quick_lines_of(false), 0);
    assert_int_equal(given_bytes, kept_bytes);
    assert_memory_equal(given, kept, kept_bytes);
}

/* FIPS 180-4's example: "abc". */
static void the_header_has_the_sha256_of_the_data(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                       0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                       0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                       0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    vulkan_cache_head head;
    memcpy(kept, "abc", 3);
    kept_bytes = 3;
    write_good_file();
    memcpy(&head, bytes, sizeof head);
    assert_memory_equal(head.sha256, expected, sizeof expected);
}

static void every_other_value_of_every_byte_of_the_header_is_refused(void **state)
{
    (void)state;
    write_good_file();
    for (size_t at = 0; at < sizeof(vulkan_cache_head); at++) {
        for (uint32_t change = 1; change < 256; change++) {
            uint8_t value = (uint8_t)(bytes[at] ^ change);
            bool is_older = at == offsetof(vulkan_cache_head, version) && value == 1;
            put_byte(at, value);
            assert_refused(is_older ? 0 : 1);
        }
        put_byte(at, bytes[at]);
    }
    assert_int_equal(quick_lines_of(false), 0);
    assert_int_equal(given_bytes, kept_bytes);
}

static void every_change_of_a_byte_of_the_data_is_refused(void **state)
{
    (void)state;
    size_t length = write_good_file();
    for (size_t at = sizeof(vulkan_cache_head); at < length; at++) {
        for (uint32_t change = 1; change < 512; change *= 2) { /* each bit, and then all */
            put_byte(at, (uint8_t)(bytes[at] ^ (change < 256 ? change : 255)));
            assert_refused(1);
        }
        put_byte(at, bytes[at]);
    }
    assert_int_equal(quick_lines_of(false), 0);
    assert_int_equal(given_bytes, kept_bytes);
}

static void every_other_length_is_refused(void **state)
{
    (void)state;
    size_t length = write_good_file();
    for (size_t longer = length + 64; longer > length; longer--) {
        assert_int_equal(truncate(path, (off_t)longer), 0); /* with zeros */
        assert_refused(1);
    }
    for (size_t cut = length; cut > 0; cut--) {
        assert_int_equal(truncate(path, (off_t)cut - 1), 0);
        assert_refused(1);
    }
}

static void noise_is_refused(void **state)
{
    (void)state;
    fixture_random random = fixture_random_of(fixture_seed());
    size_t length = write_good_file();
    for (int round = 0; round < 1000; round++) {
        uint64_t changes = 1 + fixture_random_below(&random, 20);
        read_file();
        for (uint64_t i = 0; i < changes; i++) {
            bytes[fixture_random_below(&random, length)] ^=
                (uint8_t)(1 + fixture_random_below(&random, 255));
        }
        size_t cut =
            fixture_random_below(&random, 2) == 0 ? length : fixture_random_below(&random, length);
        write_file(bytes, cut);
        given_bytes = 1;
        (void)quick_lines_of(false);
        /* Changes may have undone each other. */
        assert_true(given_bytes == 0 || (cut == length && memcmp(given, kept, kept_bytes) == 0));
        unlink(path);
        assert_int_equal(quick_lines_of(true), 0);
    }
}

static void a_file_of_another_driver_or_device_is_refused(void **state)
{
    (void)state;
    uint8_t *const fields[] = {(uint8_t *)&quick_probe.vendor,
                               (uint8_t *)&quick_probe.driver_version, &quick_probe.driver_uuid[15],
                               &quick_probe.cache_uuid[0]};
    size_t length = write_good_file();
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        *fields[i] ^= 1;
        assert_refused(1);
        assert_non_null(strstr(quick_line, "is another driver's: ignored"));
        *fields[i] ^= 1;
    }
    quick_probe.info.uuid[7] ^= 1;
    name_file_of(quick_probe.info.uuid);
    write_file(bytes, length);
    assert_refused(1);
    assert_non_null(strstr(quick_line, "is another driver's: ignored"));
}

/* Version 1: a header of 88 bytes with FNV-1a. */
static void a_file_of_version_1_is_ignored_without_a_word_and_replaced(void **state)
{
    (void)state;
    static const size_t lengths[] = {12, 88, 90, 112, 88 + 500};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t old[88 + 500] = "YOKEPIPE\1";
        write_file(old, lengths[i]);
        assert_refused(0);
        assert_int_equal(quick_lines_of(true), 0);
        assert_int_equal(quick_lines_of(false), 0);
        assert_int_equal(given_bytes, kept_bytes);
    }
}

static void a_file_of_a_later_version_is_ignored_with_one_line(void **state)
{
    (void)state;
    size_t length = write_good_file();
    bytes[offsetof(vulkan_cache_head, version)] = VULKAN_CACHE_VERSION + 1;
    write_file(bytes, length);
    assert_refused(1);
    assert_non_null(strstr(quick_line, "is another version's: ignored"));
}

static void a_link_in_place_of_the_file_is_replaced(void **state)
{
    (void)state;
    char other[1024];
    struct stat about;
    size_t length = write_good_file();
    snprintf(other, sizeof other, "%s/other", folder);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_refused(1);
    assert_non_null(strstr(quick_line, ".bin is a symbolic link: ignored"));
    assert_int_equal(quick_lines_of(true), 1);
    assert_int_equal(lstat(path, &about), 0);
    assert_true(S_ISREG(about.st_mode));
    assert_int_equal(about.st_size, length);
    assert_int_equal(quick_lines_of(false), 0);
}

/* -- with a real driver ------------------------------------------------------------------------ */

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
    assert_int_equal(lines_of(below, 2), 1); /* for two kernels */
    assert_int_equal(lines_of(path, 2), 1);
    assert_int_equal(num_files(), 1);
}

static void a_folder_that_leads_in_a_circle_costs_one_line(void **state)
{
    (void)state;
    char one[512], other[512], below[1024];
    snprintf(one, sizeof one, "%s/one", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    assert_int_equal(symlink(one, other), 0);
    assert_int_equal(symlink(other, one), 0);
    snprintf(below, sizeof below, "%s/below", one);
    assert_int_equal(lines_of(one, 2), 1);
    assert_int_equal(lines_of(below, 2), 1);
    assert_int_equal(num_files(), 2);
}

static void a_path_that_is_too_long_costs_one_line(void **state)
{
    (void)state;
    static char name[2 * PATH_MAX];
    memset(name, 'a', sizeof name - 1);
    assert_int_equal(lines_of(name, 2), 1);
}

#define QUICK_TEST(test) cmocka_unit_test_setup_teardown(test, make_quick_folder, remove_folder)
#define CACHE_TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUICK_TEST(the_driver_gets_back_what_it_gave),
        QUICK_TEST(the_header_has_the_sha256_of_the_data),
        QUICK_TEST(every_other_value_of_every_byte_of_the_header_is_refused),
        QUICK_TEST(every_change_of_a_byte_of_the_data_is_refused),
        QUICK_TEST(every_other_length_is_refused),
        QUICK_TEST(noise_is_refused),
        QUICK_TEST(a_file_of_another_driver_or_device_is_refused),
        QUICK_TEST(a_file_of_version_1_is_ignored_without_a_word_and_replaced),
        QUICK_TEST(a_file_of_a_later_version_is_ignored_with_one_line),
        QUICK_TEST(a_link_in_place_of_the_file_is_replaced),
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
        CACHE_TEST(a_folder_that_leads_in_a_circle_costs_one_line),
        CACHE_TEST(a_path_that_is_too_long_costs_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
