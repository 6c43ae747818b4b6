/*
 * The SHA-256 paths and the kernels of the sha256 pack, each on every path this CPU can run: NIST's
 * vectors (Debian's python3-cryptography-vectors), and nettle's SHA-256 as an independent
 * reference. The kernels are called directly, with claims made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <nettle/sha2.h>

#include <yoke/tasks.h>

#include "tasks/sha256/sha256.h"
#include "tasks/sha256/sha256_pack.h"
#include "tests/tasks/support.h"

#define VECTORS "/usr/lib/python3/dist-packages/cryptography_vectors/hashes/SHA2/"

/* Bytes around an output that must stay as they were. */
#define GUARD_BYTES 64
#define GUARD 0xa5

static void reference(uint8_t digest[32], const void *data, size_t bytes, bool twice)
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, bytes, data);
    sha256_digest(&ctx, 32, digest);
    if (twice) {
        sha256_update(&ctx, 32, digest);
        sha256_digest(&ctx, 32, digest);
    }
}

static FILE *open_vectors(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("%s is missing: install python3-cryptography-vectors", path);
    }
    return file;
}

/* If line is "key = value", decodes value, hex, into out and returns its bytes; else SIZE_MAX. */
static size_t hex_field(const char *line, const char *key, uint8_t *out, size_t max_bytes)
{
    size_t key_chars = strlen(key);
    if (strncmp(line, key, key_chars) != 0 || strncmp(line + key_chars, " = ", 3) != 0) {
        return SIZE_MAX;
    }
    const char *value = line + key_chars + 3;
    size_t bytes = support_unhex(value, strcspn(value, "\r\n"), out, max_bytes);
    assert_true(bytes != SIZE_MAX);
    return bytes;
}

/* Hashes each message of a NIST file; returns how many there were. */
static size_t run_messages(const sha256_path *path, const char *file_name)
{
    static uint8_t message[1 << 14];
    uint8_t expected[32], digest[32];
    char *line = NULL;
    size_t line_room = 0, count = 0;
    unsigned long long bits = 0;
    FILE *file = open_vectors(file_name);
    while (getline(&line, &line_room, file) >= 0) {
        if (sscanf(line, "Len = %llu", &bits) == 1) {
            assert_int_equal(bits % 8, 0);
            continue;
        }
        hex_field(line, "Msg", message, sizeof(message));
        if (hex_field(line, "MD", expected, sizeof(expected)) == sizeof(expected)) {
            sha256_message(path, digest, message, bits / 8, false);
            assert_memory_equal(digest, expected, sizeof(digest));
            count++;
        }
    }
    free(line);
    fclose(file);
    return count;
}

static void nist_short_and_long_messages_hash_right_on_every_path(void **state)
{
    (void)state;
    for (size_t i = 0; sha256_path_at(i) != NULL; i++) {
        assert_int_equal(run_messages(sha256_path_at(i), VECTORS "SHA256ShortMsg.rsp"), 65);
        assert_int_equal(run_messages(sha256_path_at(i), VECTORS "SHA256LongMsg.rsp"), 64);
    }
}

/* One step of NIST's chain (SHAVS 6.4): 1000 times the hash of the last three digests. */
static void monte_carlo_step(const sha256_path *path, uint8_t seed[32])
{
    uint8_t last[3][32];
    for (size_t i = 0; i < 3; i++) {
        memcpy(last[i], seed, 32);
    }
    for (size_t i = 0; i < 1000; i++) {
        uint8_t digest[32];
        sha256_message(path, digest, last, sizeof(last), false);
        memmove(last[0], last[1], 64);
        memcpy(last[2], digest, 32);
    }
    memcpy(seed, last[2], 32);
}

static void run_monte_carlo(const sha256_path *path)
{
    uint8_t seed[32], expected[32];
    char *line = NULL;
    size_t line_room = 0, count = 0;
    FILE *file = open_vectors(VECTORS "SHA256Monte.rsp");
    while (getline(&line, &line_room, file) >= 0) {
        hex_field(line, "Seed", seed, sizeof(seed));
        if (hex_field(line, "MD", expected, sizeof(expected)) == sizeof(expected)) {
            monte_carlo_step(path, seed);
            assert_memory_equal(seed, expected, sizeof(seed));
            count++;
        }
    }
    free(line);
    fclose(file);
    assert_int_equal(count, 100);
}

static void nist_monte_carlo_chain_is_right_on_every_path(void **state)
{
    (void)state;
    for (size_t i = 0; sha256_path_at(i) != NULL; i++) {
        run_monte_carlo(sha256_path_at(i));
    }
}

static void sha_ni_path_is_there_exactly_where_the_kernel_says_so(void **state)
{
    (void)state;
#if defined(__x86_64__)
    bool has_sha = false;
    char *line = NULL;
    size_t line_room = 0;
    FILE *file = fopen("/proc/cpuinfo", "r");
    assert_non_null(file);
    while (!has_sha && getline(&line, &line_room, file) >= 0) {
        has_sha = strncmp(line, "flags", 5) == 0 && strstr(line, " sha_ni") != NULL;
    }
    free(line);
    fclose(file);
    if (!has_sha) {
        print_message("this CPU has no SHA extensions: only the portable path is tested\n");
    }
    assert_ptr_equal(sha256_path_best(), has_sha ? &sha256_shani : &sha256_portable);
#else
    assert_ptr_equal(sha256_path_best(), &sha256_portable);
#endif
}

static void every_length_up_to_300_agrees_with_nettle_at_every_alignment(void **state)
{
    (void)state;
    support_random random = support_random_start();
    uint8_t expected[32], digest[32];
    for (size_t i = 0; sha256_path_at(i) != NULL; i++) {
        for (size_t bytes = 0; bytes <= 300; bytes++) {
            /* On the heap and exactly as long, so that a sanitizer sees any byte read beyond. */
            size_t offset = bytes % 17;
            uint8_t *message = malloc(offset + bytes);
            assert_true(message != NULL || offset + bytes == 0);
            support_random_fill(&random, message + offset, bytes);
            for (int twice = 0; twice <= 1; twice++) {
                reference(expected, message + offset, bytes, twice);
                sha256_message(sha256_path_at(i), digest, message + offset, bytes, twice);
                assert_memory_equal(digest, expected, sizeof(digest));
            }
            free(message);
        }
    }
}

/* Runs a kernel on a path; out is surrounded by guard bytes that must survive. */
static void run_with_params(yoke_cpu_kernel kernel, const sha256_path *path, const void *in,
                            uint32_t count, const void *params, uint8_t *digests)
{
    size_t out_bytes = (size_t)count * 32;
    uint8_t *room = malloc(out_bytes + 2 * GUARD_BYTES + 1);
    assert_non_null(room);
    uint8_t *out = room + GUARD_BYTES + 1; /* at an odd address */
    memset(room, GUARD, out_bytes + 2 * GUARD_BYTES + 1);
    yoke_claim claim = {
        .in = {in},
        .out = out,
        .count = count,
        .params = params,
        .user = (void *)path,
    };
    assert_int_equal(kernel(NULL, &claim), YOKE_OK);
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        assert_int_equal(out[-1 - (ptrdiff_t)i], GUARD);
        assert_int_equal(out[out_bytes + i], GUARD);
    }
    memcpy(digests, out, out_bytes);
    free(room);
}

static void run_kernel(yoke_cpu_kernel kernel, const sha256_path *path, const void *in,
                       uint32_t count, uint8_t *digests)
{
    run_with_params(kernel, path, in, count, "", digests);
}

static void fixed_items_agree_with_nettle_in_odd_and_even_counts(void **state)
{
    (void)state;
    enum { COUNT_MAX = 33 };
    support_random random = support_random_start();
    uint8_t messages[COUNT_MAX * 64 + 1], digests[COUNT_MAX * 32], expected[32];
    for (size_t i = 0; sha256_path_at(i) != NULL; i++) {
        for (uint32_t count = 1; count <= COUNT_MAX; count++) {
            const uint8_t *in = messages + count % 2; /* at odd addresses too */
            support_random_fill(&random, messages, sizeof(messages));
            for (int twice = 0; twice <= 1; twice++) {
                run_kernel(twice ? sha256_pack_fixed_double : sha256_pack_fixed, sha256_path_at(i),
                           in, count, digests);
                for (size_t j = 0; j < count; j++) {
                    reference(expected, in + 64 * j, 64, twice);
                    assert_memory_equal(digests + 32 * j, expected, 32);
                }
            }
        }
    }
}

/* The digest of a 64-byte message, hashed again and again. */
static void reference_chain(uint8_t digest[32], const uint8_t *message, uint32_t rounds)
{
    reference(digest, message, 64, false);
    for (uint32_t i = 1; i < rounds; i++) {
        reference(digest, digest, 32, false);
    }
}

static void iterated_items_are_the_ends_of_their_chains(void **state)
{
    (void)state;
    enum { COUNT_MAX = 5 };
    static const uint32_t all_rounds[] = {1, 2, 3, 4, 100};
    support_random random = support_random_start();
    uint8_t messages[COUNT_MAX * 64 + 1], digests[COUNT_MAX * 32], expected[32];
    for (size_t i = 0; sha256_path_at(i) != NULL; i++) {
        for (uint32_t j = 0; j < COUNT_MAX * sizeof(all_rounds) / sizeof(all_rounds[0]); j++) {
            uint32_t count = 1 + j % COUNT_MAX;
            yoke_sha256_iter_params params = {all_rounds[j / COUNT_MAX]};
            const uint8_t *in = messages + count % 2; /* at odd addresses too */
            support_random_fill(&random, messages, sizeof(messages));
            run_with_params(sha256_pack_iter, sha256_path_at(i), in, count, &params, digests);
            for (size_t k = 0; k < count; k++) {
                reference_chain(expected, in + 64 * k, params.rounds);
                assert_memory_equal(digests + 32 * k, expected, 32);
            }
        }
    }
}

static void no_rounds_mean_one_and_too_many_mean_the_most(void **state)
{
    (void)state;
    static const uint32_t rounds[][2] = {{0, 1},
                                         {YOKE_SHA256_ROUNDS_MAX, YOKE_SHA256_ROUNDS_MAX},
                                         {YOKE_SHA256_ROUNDS_MAX + 1, YOKE_SHA256_ROUNDS_MAX},
                                         {UINT32_MAX, YOKE_SHA256_ROUNDS_MAX}};
    uint8_t message[64] = "a chain", digest[32], expected[32];
    for (size_t i = 0; sha256_path_at(i) != NULL; i++) {
        for (size_t j = 0; j < sizeof(rounds) / sizeof(rounds[0]); j++) {
            yoke_sha256_iter_params params = {rounds[j][0]};
            run_with_params(sha256_pack_iter, sha256_path_at(i), message, 1, &params, digest);
            reference_chain(expected, message, rounds[j][1]);
            assert_memory_equal(digest, expected, sizeof(digest));
        }
    }
}

static void ragged_items_agree_with_nettle_empty_ones_included(void **state)
{
    (void)state;
    enum { COUNT = 200, BYTES_MAX = 1000 };
    support_random random = support_random_start();
    static uint8_t data[COUNT + BYTES_MAX], digests[COUNT * 32];
    yoke_span messages[COUNT];
    uint8_t expected[32];
    support_random_fill(&random, data, sizeof(data));
    for (size_t j = 0; j < COUNT; j++) {
        messages[j] = (yoke_span){data + j, support_random_below(&random, BYTES_MAX + 1)};
    }
    messages[COUNT / 2] = (yoke_span){NULL, 0};
    for (size_t i = 0; sha256_path_at(i) != NULL; i++) {
        for (int twice = 0; twice <= 1; twice++) {
            run_kernel(twice ? sha256_pack_ragged_double : sha256_pack_ragged, sha256_path_at(i),
                       messages, COUNT, digests);
            for (size_t j = 0; j < COUNT; j++) {
                reference(expected, j == COUNT / 2 ? data : messages[j].data, messages[j].bytes,
                          twice);
                assert_memory_equal(digests + 32 * j, expected, 32);
            }
        }
    }
}

static void span_with_bytes_but_no_data_fails_the_claim(void **state)
{
    (void)state;
    yoke_span message = {NULL, 1};
    uint8_t digest[32];
    yoke_claim claim = {
        .in = {&message},
        .out = digest,
        .count = 1,
        .params = "",
        .user = (void *)sha256_path_best(),
    };
    assert_int_equal(sha256_pack_ragged(NULL, &claim), YOKE_INVALID);
    assert_int_equal(sha256_pack_ragged_double(NULL, &claim), YOKE_INVALID);
}

/* Hashes one ragged item of so many bytes, almost all zero, on the paths from `first_path` on. */
static void check_large_item(size_t bytes, size_t first_path)
{
    /* Zero pages that are only read cost no memory. */
    uint8_t *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(data, MAP_FAILED);
    data[0] = 1;
    data[bytes / 2] = 2;
    data[bytes - 1] = 3;

    uint8_t expected[32], digest[32];
    yoke_span message = {data, bytes};
    reference(expected, data, bytes, false);
    for (size_t i = first_path; sha256_path_at(i) != NULL; i++) {
        run_kernel(sha256_pack_ragged, sha256_path_at(i), &message, 1, digest);
        assert_memory_equal(digest, expected, sizeof(digest));
    }
    munmap(data, bytes);
}

static void length_of_more_than_32_bits_goes_into_the_padding(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    print_message("skipped: ThreadSanitizer keeps a multiple of what is read\n");
    skip();
#endif
    size_t best = 0;
    while (sha256_path_at(best + 1) != NULL) {
        best++;
    }
    check_large_item((UINT64_C(1) << 29) + 5, best);
}

static void item_of_more_than_4_gib_is_hashed_to_its_end(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    print_message("skipped: ThreadSanitizer keeps a multiple of what is read\n");
    skip();
#endif
    if (getenv("YOKE_TEST_FULL") == NULL) {
        print_message("skipped: it hashes 4 GiB on every path; YOKE_TEST_FULL=1 runs it\n");
        skip();
    }
    check_large_item((UINT64_C(1) << 32) + 77, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_short_and_long_messages_hash_right_on_every_path),
        cmocka_unit_test(nist_monte_carlo_chain_is_right_on_every_path),
        cmocka_unit_test(sha_ni_path_is_there_exactly_where_the_kernel_says_so),
        cmocka_unit_test(every_length_up_to_300_agrees_with_nettle_at_every_alignment),
        cmocka_unit_test(fixed_items_agree_with_nettle_in_odd_and_even_counts),
        cmocka_unit_test(iterated_items_are_the_ends_of_their_chains),
        cmocka_unit_test(no_rounds_mean_one_and_too_many_mean_the_most),
        cmocka_unit_test(ragged_items_agree_with_nettle_empty_ones_included),
        cmocka_unit_test(span_with_bytes_but_no_data_fails_the_claim),
        cmocka_unit_test(length_of_more_than_32_bits_goes_into_the_padding),
        cmocka_unit_test(item_of_more_than_4_gib_is_hashed_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
