/*
 * The task packs as a host program meets them: registered in a running runtime, found by name,
 * submitted as jobs. Digests are compared with nettle's, verdicts with what was signed, and
 * elements with each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include <yoke/tasks.h>

#include "tests/tasks/element.h"
#include "tests/tasks/signature.h"
#include "tests/tasks/support.h"

static const char *const type_names[] = {
    "sha256",           "sha256_ragged",    "sha256d",          "sha256d_ragged",
    "sha256_iter",      "secp256k1_verify", "bls12_381_fp_add", "bls12_381_fp_sub",
    "bls12_381_fp_mul", "merkle_sha256",    "merkle_sha256d",
};

static int start(void **state)
{
    yoke_runtime *rt;
    if (yoke_create(&rt, yoke_options(.num_workers = 3, .engine = YOKE_ENGINE_CPU)) != YOKE_OK) {
        return -1;
    }
    *state = rt;
    return 0;
}

static int stop(void **state)
{
    yoke_runtime *rt = *state;
    yoke_destroy(&rt);
    return 0;
}

static void run(yoke_runtime *rt, yoke_job *job)
{
    assert_non_null(job->type);
    assert_int_equal(yoke_submit(rt, &job, 1), YOKE_OK);
    assert_int_equal(yoke_wait(rt, job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(job->status, YOKE_OK);
}

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

static void registering_all_packs_makes_every_type_known_by_its_name(void **state)
{
    yoke_runtime *rt = *state;
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        assert_null(yoke_type_find(rt, type_names[i]));
    }
    assert_int_equal(yoke_tasks_register_all(rt), YOKE_OK);
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        assert_non_null(yoke_type_find(rt, type_names[i]));
    }
}

/* In checked builds, taking a name twice is also reported as misuse, which aborts by default. */
static void ignore_misuse(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    (void)text;
}

static void registering_a_pack_twice_is_invalid(void **state)
{
    yoke_runtime *rt = *state;
    yoke_set_assert_hook(ignore_misuse);
    assert_int_equal(yoke_tasks_register_sha256(rt), YOKE_OK);
    assert_int_equal(yoke_tasks_register_sha256(rt), YOKE_INVALID);
    assert_int_equal(yoke_tasks_register_secp256k1(rt), YOKE_OK);
    assert_int_equal(yoke_tasks_register_secp256k1(rt), YOKE_INVALID);
    assert_int_equal(yoke_tasks_register_bls12_381(rt), YOKE_OK);
    assert_int_equal(yoke_tasks_register_bls12_381(rt), YOKE_INVALID);
    assert_int_equal(yoke_tasks_register_merkle(rt), YOKE_OK);
    assert_int_equal(yoke_tasks_register_merkle(rt), YOKE_INVALID);
    assert_int_equal(yoke_tasks_register_all(rt), YOKE_INVALID);
    yoke_set_assert_hook(NULL);
}

static void fixed_hash_jobs_give_nettles_digests(void **state)
{
    enum { COUNT = 10001 };
    yoke_runtime *rt = *state;
    support_random random = support_random_start();
    uint8_t *messages = malloc(COUNT * 64), *digests = malloc(COUNT * 32), expected[32];
    assert_non_null(messages);
    assert_non_null(digests);
    support_random_fill(&random, messages, COUNT * 64);
    assert_int_equal(yoke_tasks_register_all(rt), YOKE_OK);
    for (int twice = 0; twice <= 1; twice++) {
        memset(digests, 0, COUNT * 32);
        yoke_job job = yoke_job(.type = yoke_type_find(rt, twice ? "sha256d" : "sha256"),
                                .in = {messages}, .out = digests, .num_items = COUNT);
        run(rt, &job);
        for (size_t i = 0; i < COUNT; i++) {
            reference(expected, messages + 64 * i, 64, twice);
            assert_memory_equal(digests + 32 * i, expected, 32);
        }
    }
    free(messages);
    free(digests);
}

static void ragged_hash_jobs_give_nettles_digests(void **state)
{
    enum { COUNT = 1000, BYTES_MAX = 2000 };
    yoke_runtime *rt = *state;
    support_random random = support_random_start();
    static uint8_t data[COUNT + BYTES_MAX], digests[COUNT * 32];
    static yoke_span messages[COUNT];
    uint8_t expected[32];
    support_random_fill(&random, data, sizeof(data));
    for (size_t i = 0; i < COUNT; i++) {
        messages[i] = (yoke_span){data + i, support_random_below(&random, BYTES_MAX + 1)};
    }
    assert_int_equal(yoke_tasks_register_all(rt), YOKE_OK);
    for (int twice = 0; twice <= 1; twice++) {
        memset(digests, 0, sizeof(digests));
        yoke_job job =
            yoke_job(.type = yoke_type_find(rt, twice ? "sha256d_ragged" : "sha256_ragged"),
                     .in = {messages}, .out = digests, .num_items = COUNT);
        run(rt, &job);
        for (size_t i = 0; i < COUNT; i++) {
            reference(expected, messages[i].data, messages[i].bytes, twice);
            assert_memory_equal(digests + 32 * i, expected, 32);
        }
    }
}

static void iterated_hash_jobs_run_the_rounds_of_their_params_or_one(void **state)
{
    enum { COUNT = 301 };
    yoke_runtime *rt = *state;
    support_random random = support_random_start();
    static uint8_t messages[COUNT * 64], digests[COUNT * 32];
    uint8_t expected[32];
    support_random_fill(&random, messages, sizeof(messages));
    assert_int_equal(yoke_tasks_register_sha256(rt), YOKE_OK);
    for (uint32_t rounds = 0; rounds <= 5; rounds++) {
        yoke_sha256_iter_params params = {rounds};
        yoke_job job = yoke_job(.type = yoke_type_find(rt, "sha256_iter"), .in = {messages},
                                .out = digests, .num_items = COUNT);
        if (rounds > 0) {
            job.params = &params;
            job.params_bytes = sizeof(params);
        }
        memset(digests, 0, sizeof(digests));
        run(rt, &job);
        for (size_t i = 0; i < COUNT; i++) {
            reference(expected, messages + 64 * i, 64, false);
            for (uint32_t k = 1; k < rounds; k++) {
                reference(expected, expected, 32, false);
            }
            assert_memory_equal(digests + 32 * i, expected, 32);
        }
    }
}

enum { NUM_ELEMENTS = 5001 };
typedef uint8_t elements[NUM_ELEMENTS * ELEMENT_BYTES];

static void run_on_elements(yoke_runtime *rt, const char *name, const elements a, const elements b,
                            elements out)
{
    yoke_job job = yoke_job(.type = yoke_type_find(rt, name), .in = {a, b}, .out = out,
                            .num_items = NUM_ELEMENTS);
    run(rt, &job);
}

/* (a - b)(a + b) = aa - bb, which no two of the types can get right in the place of each other. */
static void field_jobs_calculate_in_a_field(void **state)
{
    yoke_runtime *rt = *state;
    support_random random = support_random_start();
    static elements a, b, sums, differences, products, a_squares, b_squares, expected;
    for (uint32_t i = 0; i < NUM_ELEMENTS; i++) {
        element_pair(&random, i, a + i * ELEMENT_BYTES, b + i * ELEMENT_BYTES);
    }
    assert_int_equal(yoke_tasks_register_bls12_381(rt), YOKE_OK);
    run_on_elements(rt, "bls12_381_fp_add", a, b, sums);
    run_on_elements(rt, "bls12_381_fp_sub", a, b, differences);
    run_on_elements(rt, "bls12_381_fp_mul", differences, sums, products);
    run_on_elements(rt, "bls12_381_fp_mul", a, a, a_squares);
    run_on_elements(rt, "bls12_381_fp_mul", b, b, b_squares);
    run_on_elements(rt, "bls12_381_fp_sub", a_squares, b_squares, expected);
    assert_memory_equal(products, expected, sizeof(products));
}

enum { NUM_SIGNATURES = 40, NUM_CHECKS = 2000 };

/* Signatures by a few keys, each item with one of them: as it is, of another digest, or cut. */
typedef struct checks {
    signature_case made[NUM_SIGNATURES];
    uint8_t der[NUM_SIGNATURES][SIGNATURE_DER_BYTES_MAX];
    size_t der_bytes[NUM_SIGNATURES];
    uint8_t digests[NUM_CHECKS * 32];
    yoke_span keys[NUM_CHECKS];
    yoke_span compact[NUM_CHECKS];
    yoke_span ders[NUM_CHECKS];
    uint8_t expected[NUM_CHECKS];
} checks;

static void make_checks(checks *checks, support_random *random)
{
    for (size_t i = 0; i < NUM_SIGNATURES; i++) {
        checks->made[i] = signature_make(random);
        checks->der_bytes[i] = signature_der(checks->der[i], checks->made[i].rs);
    }
    for (size_t i = 0; i < NUM_CHECKS; i++) {
        size_t from = support_random_below(random, NUM_SIGNATURES);
        const signature_case *made = &checks->made[from];
        checks->expected[i] = (uint8_t)support_random_below(random, 3);
        size_t cut = checks->expected[i] == YOKE_SECP256K1_MALFORMED;
        memcpy(checks->digests + 32 * i, made->digest, 32);
        checks->digests[32 * i] ^= checks->expected[i] == YOKE_SECP256K1_INVALID;
        checks->keys[i] =
            (yoke_span){i % 2 ? made->compressed : made->uncompressed,
                        i % 2 ? sizeof(made->compressed) : sizeof(made->uncompressed)};
        checks->compact[i] = (yoke_span){made->rs, sizeof(made->rs) - cut};
        checks->ders[i] = (yoke_span){checks->der[from], checks->der_bytes[from] - cut};
    }
}

static void signature_jobs_give_each_item_its_verdict_in_every_encoding(void **state)
{
    yoke_runtime *rt = *state;
    support_random random = support_random_start();
    static checks checks;
    static uint8_t verdicts[NUM_CHECKS];
    make_checks(&checks, &random);
    assert_int_equal(yoke_tasks_register_all(rt), YOKE_OK);
    for (uint32_t encoding = YOKE_SECP256K1_DER; encoding <= YOKE_SECP256K1_DER_LAX; encoding++) {
        const yoke_span *signatures =
            encoding == YOKE_SECP256K1_COMPACT ? checks.compact : checks.ders;
        yoke_secp256k1_params params = {encoding, YOKE_SECP256K1_LOW_S};
        yoke_job job =
            yoke_job(.type = yoke_type_find(rt, "secp256k1_verify"),
                     .in = {checks.digests, checks.keys, signatures}, .out = verdicts,
                     .num_items = NUM_CHECKS, .params = &params, .params_bytes = sizeof(params));
        memset(verdicts, 0xee, sizeof(verdicts));
        run(rt, &job);
        assert_memory_equal(verdicts, checks.expected, sizeof(verdicts));
    }
}

static void signature_job_without_params_means_der_and_any_s(void **state)
{
    yoke_runtime *rt = *state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t der[SIGNATURE_DER_BYTES_MAX], verdict = 0xee;
    signature_negate_s(made.rs);
    yoke_span key = {made.compressed, sizeof(made.compressed)};
    yoke_span signature = {der, signature_der(der, made.rs)};
    assert_int_equal(yoke_tasks_register_secp256k1(rt), YOKE_OK);
    yoke_job job = yoke_job(.type = yoke_type_find(rt, "secp256k1_verify"),
                            .in = {made.digest, &key, &signature}, .out = &verdict, .num_items = 1);
    run(rt, &job);
    assert_int_equal(verdict, YOKE_SECP256K1_VALID);
}

static void signature_job_with_an_unknown_encoding_fails(void **state)
{
    yoke_runtime *rt = *state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t verdict;
    yoke_span key = {made.compressed, sizeof(made.compressed)};
    yoke_span signature = {made.rs, sizeof(made.rs)};
    yoke_secp256k1_params params = {.encoding = 3};
    assert_int_equal(yoke_tasks_register_secp256k1(rt), YOKE_OK);
    yoke_job job = yoke_job(.type = yoke_type_find(rt, "secp256k1_verify"),
                            .in = {made.digest, &key, &signature}, .out = &verdict, .num_items = 1,
                            .params = &params, .params_bytes = sizeof(params));
    yoke_job *jobs[] = {&job};
    assert_int_equal(yoke_submit(rt, jobs, 1), YOKE_OK);
    assert_int_equal(yoke_wait(rt, &job, YOKE_FOREVER), YOKE_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registering_all_packs_makes_every_type_known_by_its_name,
                                        start, stop),
        cmocka_unit_test_setup_teardown(registering_a_pack_twice_is_invalid, start, stop),
        cmocka_unit_test_setup_teardown(fixed_hash_jobs_give_nettles_digests, start, stop),
        cmocka_unit_test_setup_teardown(ragged_hash_jobs_give_nettles_digests, start, stop),
        cmocka_unit_test_setup_teardown(iterated_hash_jobs_run_the_rounds_of_their_params_or_one,
                                        start, stop),
        cmocka_unit_test_setup_teardown(field_jobs_calculate_in_a_field, start, stop),
        cmocka_unit_test_setup_teardown(signature_jobs_give_each_item_its_verdict_in_every_encoding,
                                        start, stop),
        cmocka_unit_test_setup_teardown(signature_job_without_params_means_der_and_any_s, start,
                                        stop),
        cmocka_unit_test_setup_teardown(signature_job_with_an_unknown_encoding_fails, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
