/*
 * Project Wycheproof's ECDSA vectors for secp256k1 and SHA-256, read from
 * $YOKE_TEST_DATA/wycheproof/ecdsa_secp256k1_sha256_test.json; without that file, all is skipped.
 *
 * Digests come from sha256_message, verdicts from the secp256k1_verify kernel. "valid" must be
 * valid and "invalid" must not be. "acceptable" stands in older editions of the file for encodings
 * that are not DER but that some take: strict DER must call them malformed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <yoke/tasks.h>

#include "tasks/sha256/sha256.h"
#include "tests/tasks/support.h"
#include "tests/tasks/verify.h"

#define BYTES_MAX 8192

typedef struct vector {
    const char *result;
    bool bad_encoding; /* the file says that the signature is not DER */
    uint8_t digest[32];
    uint8_t key[65];
    uint8_t signature[BYTES_MAX];
    size_t signature_bytes;
} vector;

typedef void (*vector_check)(const vector *vector, long long id);

static size_t hex(const json_t *object, const char *key, uint8_t *out, size_t max_bytes)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    size_t bytes = support_unhex(text, strlen(text), out, max_bytes);
    assert_true(bytes != SIZE_MAX);
    return bytes;
}

static bool flagged(const json_t *test, const char *flag)
{
    size_t i;
    json_t *value;
    json_array_foreach(json_object_get(test, "flags"), i, value)
    {
        if (strcmp(json_string_value(value), flag) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *load_vectors(void)
{
    char path[4096];
    const char *data = getenv("YOKE_TEST_DATA");
    if (data == NULL) {
        print_message("skipped: YOKE_TEST_DATA is not set\n");
        skip();
    }
    int chars =
        snprintf(path, sizeof(path), "%s/wycheproof/ecdsa_secp256k1_sha256_test.json", data);
    assert_in_range(chars, 1, sizeof(path) - 1);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL && json_error_code(&error) == json_error_cannot_open_file) {
        print_message("skipped: there is no %s\n", path);
        skip();
    }
    if (root == NULL) {
        fail_msg("%s:%d: %s", path, error.line, error.text);
    }
    return root;
}

static void read_vector(vector *vector, const json_t *test)
{
    static uint8_t message[BYTES_MAX];
    size_t message_bytes = hex(test, "msg", message, sizeof(message));
    sha256_message(sha256_path_best(), vector->digest, message, message_bytes, false);
    vector->signature_bytes = hex(test, "sig", vector->signature, sizeof(vector->signature));
    vector->result = json_string_value(json_object_get(test, "result"));
    assert_non_null(vector->result);
    vector->bad_encoding = flagged(test, "InvalidEncoding") ||
                           flagged(test, "InvalidTypesInSignature") ||
                           flagged(test, "BerEncodedSignature");
}

static void for_each_vector(vector_check check)
{
    static vector vector;
    json_t *root = load_vectors();
    json_t *group, *test;
    size_t i, j;
    long long count = 0;
    json_array_foreach(json_object_get(root, "testGroups"), i, group)
    {
        size_t bytes = hex(json_object_get(group, "publicKey"), "uncompressed", vector.key,
                           sizeof(vector.key));
        assert_int_equal(bytes, sizeof(vector.key));
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            read_vector(&vector, test);
            check(&vector, json_integer_value(json_object_get(test, "tcId")));
            count++;
        }
    }
    assert_true(count > 0);
    assert_int_equal(count, json_integer_value(json_object_get(root, "numberOfTests")));
    json_decref(root);
}

static int verify_vector(const vector *vector, uint32_t encoding, bool compress)
{
    uint8_t key[65];
    memcpy(key, vector->key, sizeof(key));
    if (compress) {
        key[0] = 0x02 | (key[64] & 1);
    }
    return verify(encoding, 0, vector->digest, key, compress ? 33 : 65, vector->signature,
                  vector->signature_bytes);
}

static void check_strict(const vector *vector, long long id)
{
    int verdict = verify_vector(vector, YOKE_SECP256K1_DER, false);
    bool ok;
    if (strcmp(vector->result, "valid") == 0) {
        ok = verdict == YOKE_SECP256K1_VALID;
    } else if (strcmp(vector->result, "acceptable") == 0 || vector->bad_encoding) {
        ok = verdict == YOKE_SECP256K1_MALFORMED;
    } else {
        ok = verdict == YOKE_SECP256K1_INVALID || verdict == YOKE_SECP256K1_MALFORMED;
    }
    if (!ok) {
        fail_msg("tcId %lld, %s: verdict %d", id, vector->result, verdict);
    }
    assert_int_equal(verify_vector(vector, YOKE_SECP256K1_DER, true), verdict);
}

/* Whatever strict DER finds well-formed, lax DER must judge alike. */
static void check_lax(const vector *vector, long long id)
{
    int strict = verify_vector(vector, YOKE_SECP256K1_DER, false);
    int lax = verify_vector(vector, YOKE_SECP256K1_DER_LAX, false);
    if (strict != YOKE_SECP256K1_MALFORMED && lax != strict) {
        fail_msg("tcId %lld, %s: strict %d, lax %d", id, vector->result, strict, lax);
    }
}

static void strict_der_verdicts_are_wycheproofs(void **state)
{
    (void)state;
    for_each_vector(check_strict);
}

static void lax_der_verdicts_are_the_strict_ones_where_the_encoding_is_strict(void **state)
{
    (void)state;
    for_each_vector(check_lax);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_der_verdicts_are_wycheproofs),
        cmocka_unit_test(lax_der_verdicts_are_the_strict_ones_where_the_encoding_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
