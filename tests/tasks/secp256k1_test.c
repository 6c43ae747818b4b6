/*
 * The secp256k1_verify kernel, called directly: which of the three verdicts it gives, for genuine
 * signatures in every form, and for keys and signatures that are wrong in one way at a time.
 * Signatures are made by libsecp256k1 on the spot; no data outside this file is needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <yoke/tasks.h>

#include "tasks/secp256k1/secp256k1_pack.h"
#include "tests/tasks/signature.h"
#include "tests/tasks/support.h"
#include "tests/tasks/verify.h"

enum {
    INVALID = YOKE_SECP256K1_INVALID,
    VALID = YOKE_SECP256K1_VALID,
    MALFORMED = YOKE_SECP256K1_MALFORMED,
    DER = YOKE_SECP256K1_DER,
    COMPACT = YOKE_SECP256K1_COMPACT,
    DER_LAX = YOKE_SECP256K1_DER_LAX,
    LOW_S = YOKE_SECP256K1_LOW_S,
};

/* Verifies r and s under the compressed key in all three encodings, which must agree. */
static int verify_rs(const signature_case *made, uint32_t flags, const uint8_t rs[64])
{
    uint8_t der[SIGNATURE_DER_BYTES_MAX];
    size_t bytes = signature_der(der, rs);
    int verdict = verify(COMPACT, flags, made->digest, made->compressed, 33, rs, 64);
    assert_int_equal(verify(DER, flags, made->digest, made->compressed, 33, der, bytes), verdict);
    assert_int_equal(verify(DER_LAX, flags, made->digest, made->compressed, 33, der, bytes),
                     verdict);
    return verdict;
}

static int verify_key(const signature_case *made, const void *key, size_t key_bytes)
{
    return verify(COMPACT, 0, made->digest, key, key_bytes, made->rs, 64);
}

static void genuine_signature_is_valid_in_every_encoding_under_every_form_of_the_key(void **state)
{
    (void)state;
    support_random random = support_random_start();
    for (int i = 0; i < 20; i++) {
        signature_case made = signature_make(&random);
        assert_int_equal(verify_rs(&made, 0, made.rs), VALID);
        assert_int_equal(verify_key(&made, made.compressed, 33), VALID);
        assert_int_equal(verify_key(&made, made.uncompressed, 65), VALID);
        assert_int_equal(verify_key(&made, made.hybrid, 65), VALID);
    }
}

static void any_changed_bit_of_digest_or_signature_makes_it_invalid(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    for (size_t bit = 0; bit < 256; bit++) {
        signature_case changed = made;
        changed.digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(verify_key(&changed, made.compressed, 33), INVALID);
    }
    for (size_t bit = 0; bit < 512; bit++) {
        uint8_t rs[64];
        memcpy(rs, made.rs, sizeof(rs));
        rs[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(verify_rs(&made, 0, rs), INVALID);
    }
}

static void signature_under_another_key_is_invalid(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    signature_case other = signature_make(&random);
    assert_int_equal(verify_key(&made, other.compressed, 33), INVALID);
    assert_int_equal(verify_key(&made, other.uncompressed, 65), INVALID);
    made.compressed[0] ^= 1; /* the point with the same x and the other y */
    assert_int_equal(verify_key(&made, made.compressed, 33), INVALID);
}

static void high_s_is_valid_unless_low_s_is_asked_for(void **state)
{
    (void)state;
    support_random random = support_random_start();
    for (int i = 0; i < 20; i++) {
        signature_case made = signature_make(&random);
        uint8_t high[64];
        memcpy(high, made.rs, sizeof(high));
        signature_negate_s(high);
        assert_int_equal(verify_rs(&made, 0, high), VALID);
        assert_int_equal(verify_rs(&made, LOW_S, high), INVALID);
        assert_int_equal(verify_rs(&made, LOW_S, made.rs), VALID);
    }
}

static void r_or_s_of_zero_or_not_below_the_order_is_invalid_not_malformed(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t numbers[4][32] = {{0}};
    memcpy(numbers[1], signature_order, 32);
    memcpy(numbers[2], signature_order, 32);
    numbers[2][31]++;
    memset(numbers[3], 0xff, 32);
    for (size_t i = 0; i < 4; i++) {
        for (unsigned which = 1; which <= 3; which++) { /* r, s, both */
            uint8_t rs[64];
            memcpy(rs, made.rs, sizeof(rs));
            if (which & 1) {
                memcpy(rs, numbers[i], 32);
            }
            if (which & 2) {
                memcpy(rs + 32, numbers[i], 32);
            }
            assert_int_equal(verify_rs(&made, 0, rs), INVALID);
            assert_int_equal(verify_rs(&made, LOW_S, rs), INVALID);
        }
    }
}

static void r_or_s_that_needs_more_than_32_bytes_is_invalid_not_malformed(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    while (made.rs[32] == 0) { /* s must need all of its 32 bytes; being low, it is positive */
        made = signature_make(&random);
    }
    uint8_t large[33] = {1}, der[SIGNATURE_DER_BYTES_MAX];
    memcpy(large + 1, made.rs, 32);
    size_t bytes = signature_sequence(der, large, 33, made.rs + 32, 32);
    assert_int_equal(verify(DER, 0, made.digest, made.compressed, 33, der, bytes), INVALID);
    assert_int_equal(verify(DER_LAX, 0, made.digest, made.compressed, 33, der, bytes), INVALID);
    memcpy(large + 1, made.rs + 32, 32);
    bytes = signature_sequence(der, large, 33, large, 33);
    assert_int_equal(verify(DER, 0, made.digest, made.compressed, 33, der, bytes), INVALID);
    assert_int_equal(verify(DER_LAX, 0, made.digest, made.compressed, 33, der, bytes), INVALID);
}

static void looser_der_is_valid_as_lax_and_malformed_as_strict(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t padded[40] = {0}, der[SIGNATURE_DER_BYTES_MAX];
    memcpy(padded + 8, made.rs, 32);
    size_t bytes = signature_sequence(der, padded, 40, made.rs + 32, 32);
    assert_int_equal(verify(DER, 0, made.digest, made.compressed, 33, der, bytes), MALFORMED);
    assert_int_equal(verify(DER_LAX, 0, made.digest, made.compressed, 33, der, bytes), VALID);

    bytes = signature_der(der, made.rs);
    der[bytes] = 0x01; /* as a script's hash type, left on by mistake */
    assert_int_equal(verify(DER, 0, made.digest, made.compressed, 33, der, bytes + 1), MALFORMED);
    assert_int_equal(verify(DER_LAX, 0, made.digest, made.compressed, 33, der, bytes + 1), VALID);
}

static void der_signature_cut_at_any_byte_is_malformed(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t der[SIGNATURE_DER_BYTES_MAX];
    size_t bytes = signature_der(der, made.rs);
    for (size_t cut = 0; cut < bytes; cut++) {
        assert_int_equal(verify(DER, 0, made.digest, made.compressed, 33, der, cut), MALFORMED);
        assert_int_equal(verify(DER_LAX, 0, made.digest, made.compressed, 33, der, cut), MALFORMED);
    }
}

static void compact_signature_of_any_length_but_64_is_malformed(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t signature[130] = {0};
    memcpy(signature, made.rs, 64);
    for (size_t bytes = 0; bytes <= sizeof(signature); bytes++) {
        assert_int_equal(verify(COMPACT, 0, made.digest, made.compressed, 33, signature, bytes),
                         bytes == 64 ? VALID : MALFORMED);
    }
}

static void key_of_any_length_but_its_own_is_malformed(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t compressed[70] = {0}, uncompressed[70] = {0};
    memcpy(compressed, made.compressed, 33);
    memcpy(uncompressed, made.uncompressed, 65);
    for (size_t bytes = 0; bytes <= 70; bytes++) {
        assert_int_equal(verify_key(&made, compressed, bytes), bytes == 33 ? VALID : MALFORMED);
        assert_int_equal(verify_key(&made, uncompressed, bytes), bytes == 65 ? VALID : MALFORMED);
    }
}

static void key_with_any_other_first_byte_is_malformed(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    for (unsigned first = 0; first < 256; first++) {
        uint8_t compressed[33], full[65];
        memcpy(compressed, made.compressed, 33);
        memcpy(full, made.uncompressed, 65);
        compressed[0] = full[0] = (uint8_t)first;
        int expected = first == made.compressed[0]      ? VALID
                       : first == 0x02 || first == 0x03 ? INVALID
                                                        : MALFORMED;
        assert_int_equal(verify_key(&made, compressed, 33), expected);
        /* A hybrid key with the wrong parity is malformed, not another key. */
        expected = first == 0x04 || first == made.hybrid[0] ? VALID : MALFORMED;
        assert_int_equal(verify_key(&made, full, 65), expected);
    }
}

static void key_that_is_no_point_of_the_curve_is_malformed(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    const uint8_t none[] = {0, 5}; /* x³ + 7 is not a square for these x */
    for (size_t i = 0; i < sizeof(none); i++) {
        uint8_t key[33] = {0x02};
        key[32] = none[i];
        assert_int_equal(verify_key(&made, key, 33), MALFORMED);
        key[0] = 0x03;
        assert_int_equal(verify_key(&made, key, 33), MALFORMED);
    }
    for (size_t bit = 8; bit < 8 * 65; bit++) {
        uint8_t key[65];
        memcpy(key, made.uncompressed, 65);
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(verify_key(&made, key, 65), MALFORMED);
    }
    const uint8_t zero[65] = {0x04};
    assert_int_equal(verify_key(&made, zero, 65), MALFORMED);
}

static void key_with_x_not_below_the_prime_is_malformed(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t key[33] = {0x02};
    key[32] = 1; /* x = 1 is on the curve */
    assert_int_equal(verify_key(&made, key, 33), INVALID);
    /* The prime plus one, 2^256 - 2^32 - 976: the same x, but for the range. */
    memset(key + 1, 0xff, 32);
    memcpy(key + 29, "\xff\xff\xfc\x30", 4);
    key[28] = 0xfe;
    assert_int_equal(verify_key(&made, key, 33), MALFORMED);
    memset(key + 1, 0xff, 32);
    assert_int_equal(verify_key(&made, key, 33), MALFORMED);
}

static void malformed_key_is_reported_whatever_the_signature(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t zeros[64] = {0};
    assert_int_equal(verify(COMPACT, 0, made.digest, zeros, 33, zeros, 64), MALFORMED);
    assert_int_equal(verify(COMPACT, 0, made.digest, NULL, 0, made.rs, 64), MALFORMED);
    assert_int_equal(verify(COMPACT, 0, made.digest, NULL, 0, NULL, 0), MALFORMED);
}

static void unknown_encoding_or_flag_fails_the_claim(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    assert_int_equal(verify(3, 0, made.digest, made.compressed, 33, made.rs, 64), -1);
    assert_int_equal(verify(UINT32_MAX, 0, made.digest, made.compressed, 33, made.rs, 64), -1);
    for (unsigned bit = 1; bit < 32; bit++) {
        assert_int_equal(verify(COMPACT, 1u << bit, made.digest, made.compressed, 33, made.rs, 64),
                         -1);
    }
}

static void span_with_bytes_but_no_data_fails_the_claim(void **state)
{
    (void)state;
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    yoke_secp256k1_params params = {COMPACT, 0};
    yoke_span key = {made.compressed, 33}, signature = {made.rs, 64}, nowhere = {NULL, 64};
    uint8_t verdict;
    yoke_claim claim = {
        .in = {made.digest, &nowhere, &signature},
        .out = &verdict,
        .count = 1,
        .params = &params,
    };
    assert_int_equal(secp256k1_pack_verify(NULL, &claim), YOKE_INVALID);
    claim.in[1] = &key;
    claim.in[2] = &nowhere;
    assert_int_equal(secp256k1_pack_verify(NULL, &claim), YOKE_INVALID);
    claim.in[2] = &signature;
    assert_int_equal(secp256k1_pack_verify(NULL, &claim), YOKE_OK);
}

static void each_item_of_a_claim_gets_its_own_verdict(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    support_random random = support_random_start();
    signature_case made = signature_make(&random);
    uint8_t wrong[64], digests[COUNT * 32], verdicts[COUNT + 1], expected[COUNT];
    yoke_span keys[COUNT], signatures[COUNT];
    memcpy(wrong, made.rs, sizeof(wrong));
    wrong[40] ^= 1;
    for (size_t i = 0; i < COUNT; i++) {
        expected[i] = (uint8_t)support_random_below(&random, 3);
        memcpy(digests + 32 * i, made.digest, 32);
        keys[i] = (yoke_span){i % 2 ? made.compressed : made.uncompressed, i % 2 ? 33 : 65};
        signatures[i] =
            (yoke_span){expected[i] == VALID ? made.rs : wrong, expected[i] == MALFORMED ? 63 : 64};
    }
    yoke_secp256k1_params params = {COMPACT, 0};
    yoke_claim claim = {
        .in = {digests, keys, signatures},
        .out = verdicts,
        .count = COUNT,
        .params = &params,
    };
    verdicts[COUNT] = 0xa5;
    assert_int_equal(secp256k1_pack_verify(NULL, &claim), YOKE_OK);
    assert_memory_equal(verdicts, expected, COUNT);
    assert_int_equal(verdicts[COUNT], 0xa5);
}

static void random_bytes_are_never_valid_and_never_abort(void **state)
{
    (void)state;
    support_random random = support_random_start();
    for (int i = 0; i < 20000; i++) {
        uint8_t digest[32], key[80], signature[80];
        support_random_fill(&random, digest, sizeof(digest));
        support_random_fill(&random, key, sizeof(key));
        support_random_fill(&random, signature, sizeof(signature));
        /* Mostly plausible lengths and first bytes, or nothing gets past the first check. */
        size_t key_bytes = support_random_below(&random, 80);
        if (support_random_below(&random, 4) > 0) {
            key_bytes = 33;
            key[0] = (uint8_t)(2 + support_random_below(&random, 2));
        }
        size_t signature_bytes = support_random_below(&random, 80);
        uint32_t encoding = (uint32_t)support_random_below(&random, 3);
        if (encoding == COMPACT && support_random_below(&random, 4) > 0) {
            signature_bytes = 64;
        }
        int verdict = verify(encoding, (uint32_t)support_random_below(&random, 2), digest, key,
                             key_bytes, signature, signature_bytes);
        assert_true(verdict == INVALID || verdict == MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_signature_is_valid_in_every_encoding_under_every_form_of_the_key),
        cmocka_unit_test(any_changed_bit_of_digest_or_signature_makes_it_invalid),
        cmocka_unit_test(signature_under_another_key_is_invalid),
        cmocka_unit_test(high_s_is_valid_unless_low_s_is_asked_for),
        cmocka_unit_test(r_or_s_of_zero_or_not_below_the_order_is_invalid_not_malformed),
        cmocka_unit_test(r_or_s_that_needs_more_than_32_bytes_is_invalid_not_malformed),
        cmocka_unit_test(looser_der_is_valid_as_lax_and_malformed_as_strict),
        cmocka_unit_test(der_signature_cut_at_any_byte_is_malformed),
        cmocka_unit_test(compact_signature_of_any_length_but_64_is_malformed),
        cmocka_unit_test(key_of_any_length_but_its_own_is_malformed),
        cmocka_unit_test(key_with_any_other_first_byte_is_malformed),
        cmocka_unit_test(key_that_is_no_point_of_the_curve_is_malformed),
        cmocka_unit_test(key_with_x_not_below_the_prime_is_malformed),
        cmocka_unit_test(malformed_key_is_reported_whatever_the_signature),
        cmocka_unit_test(unknown_encoding_or_flag_fails_the_claim),
        cmocka_unit_test(span_with_bytes_but_no_data_fails_the_claim),
        cmocka_unit_test(each_item_of_a_claim_gets_its_own_verdict),
        cmocka_unit_test(random_bytes_are_never_valid_and_never_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
