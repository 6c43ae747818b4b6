/*
 * Tests of script recognition: pushes, signature and key, P2PKH, the height of BIP 34.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bitcoin/script.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void pushes_of_every_form_are_read(void **state)
{
    (void)state;
    static const uint8_t script[] = {0x00, 0x02, 7,    8, 0x4c, 1, 9, 0x4d, 1,
                                     0,    10,   0x4e, 1, 0,    0, 0, 11};
    static const uint32_t lengths[] = {0, 2, 1, 1, 1};
    static const uint8_t firsts[] = {0, 7, 9, 10, 11};
    size_t at = 0;
    script_view push;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        assert_true(script_next_push(script, sizeof(script), &at, &push));
        assert_int_equal(push.bytes, lengths[i]);
        assert_true(push.bytes == 0 || push.data[0] == firsts[i]);
    }
    assert_int_equal(at, sizeof(script));
    assert_false(script_next_push(script, sizeof(script), &at, &push));
}

static void push_past_the_end_and_other_operations_are_refused(void **state)
{
    (void)state;
    static const uint8_t scripts[][6] = {
        {0x06, 1, 2, 3, 4, 5},
        {0x4c, 5, 1, 2, 3, 4},
        {0x4d, 4, 0, 1, 2, 3},
        {0x4e, 2, 0, 0, 0, 1},
        {0x4e, 0xff, 0xff, 0xff, 0xff, 1},
        {0x4f},
        {0x51},
        {0xac},
    };
    for (size_t i = 0; i < COUNT(scripts); i++) {
        size_t at = 0;
        script_view push;
        assert_false(script_next_push(scripts[i], sizeof(scripts[i]), &at, &push));
        assert_int_equal(at, 0);
    }
    /* The length bytes themselves cut off. */
    for (uint8_t opcode = 0x4c; opcode <= 0x4e; opcode++) {
        size_t at = 0;
        script_view push;
        assert_false(script_next_push(&opcode, 1, &at, &push));
    }
}

/* A script of a push of `signature` bytes that start with 0x30, and one of `key` bytes. */
static size_t make_claim(uint8_t *script, uint8_t signature, uint8_t key, uint8_t key_start)
{
    memset(script, 0, 256);
    script[0] = signature;
    script[1] = 0x30;
    script[signature] = 0x81;
    script[1 + signature] = key;
    script[2 + signature] = key_start;
    return 2 + (size_t)signature + key;
}

static void signature_and_key_are_recognised(void **state)
{
    (void)state;
    static const struct {
        uint8_t signature;
        uint8_t key;
        uint8_t start;
        bool is_claim;
    } cases[] = {
        {71, 33, 2, true},  {9, 33, 3, true},   {73, 65, 4, true},  {72, 65, 6, true},
        {72, 65, 7, true},  {72, 33, 4, false}, {72, 65, 2, false}, {72, 65, 5, false},
        {72, 34, 2, false}, {8, 33, 2, false},  {72, 33, 0, false}, {72, 64, 4, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t script[256];
        script_claim claim;
        size_t bytes = make_claim(script, cases[i].signature, cases[i].key, cases[i].start);
        assert_int_equal(script_is_claim(script, bytes, &claim), cases[i].is_claim);
        if (cases[i].is_claim) {
            assert_int_equal(claim.hash_type, 0x81);
            assert_int_equal(claim.signature.bytes, cases[i].signature - 1);
            assert_int_equal(claim.key.bytes, cases[i].key);
            assert_false(script_is_claim(script, bytes - 1, &claim));
            assert_false(script_is_claim(script, bytes + 1, &claim));
            script[1] = 0x31;
            assert_false(script_is_claim(script, bytes, &claim));
        }
    }
}

static void p2pkh_script_is_written_and_recognised(void **state)
{
    (void)state;
    uint8_t script[SCRIPT_P2PKH_BYTES];
    uint8_t hash[SCRIPT_HASH160_BYTES];
    /* The key of the secret 1, compressed, and its well-known hash. */
    static const uint8_t key[33] = {0x02, 0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac,
                                    0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07, 0x02,
                                    0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2,
                                    0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98};
    static const uint8_t expected[20] = {0x75, 0x1e, 0x76, 0xe8, 0x19, 0x91, 0x96,
                                         0xd4, 0x54, 0x94, 0x1c, 0x45, 0xd1, 0xb3,
                                         0xa3, 0x23, 0xf1, 0x43, 0x3b, 0xd6};
    script_hash160(key, sizeof(key), hash);
    assert_memory_equal(hash, expected, sizeof(expected));
    script_p2pkh(hash, script);
    assert_memory_equal(script_p2pkh_hash(script, sizeof(script)), hash, sizeof(hash));
    assert_null(script_p2pkh_hash(script, sizeof(script) - 1));
    for (size_t i = 0; i < sizeof(script); i++) {
        bool is_frame = i < 3 || i >= 23;
        script[i] ^= 1;
        assert_true((script_p2pkh_hash(script, sizeof(script)) == NULL) == is_frame);
        script[i] ^= 1;
    }
}

static void coinbase_height_is_read_in_its_shortest_form_only(void **state)
{
    (void)state;
    static const struct {
        uint8_t script[8];
        size_t bytes;
        bool is_height;
        uint32_t height;
    } cases[] = {
        {{0x03, 0x7f, 0x4f, 0x06, 0x37}, 5, true, 413567},
        {{0x00}, 1, true, 0},
        {{0x51}, 1, true, 1},
        {{0x60, 0xff}, 2, true, 16},
        {{0x01, 0x11}, 2, true, 17},
        {{0x01, 0x7f}, 2, true, 127},
        {{0x02, 0x80, 0x00}, 3, true, 128},
        {{0x04, 0xff, 0xff, 0xff, 0x7f}, 5, true, INT32_MAX},
        {{0x01, 0x05}, 2, false, 0},          /* OP_5 is shorter */
        {{0x01, 0x80}, 2, false, 0},          /* negative */
        {{0x02, 0x7f, 0x00}, 3, false, 0},    /* padded */
        {{0x01, 0x00}, 2, false, 0},          /* padded zero */
        {{0x4c, 0x01, 0x11}, 3, false, 0},    /* a longer push */
        {{0x05, 1, 2, 3, 4, 5}, 6, false, 0}, /* too large */
        {{0x03, 0x7f, 0x4f}, 3, false, 0},    /* cut short */
        {{0x61}, 1, false, 0},
        {{0}, 0, false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t height = 0;
        assert_int_equal(script_height(cases[i].script, cases[i].bytes, &height),
                         cases[i].is_height);
        assert_int_equal(height, cases[i].height);
    }
}

/* ---------------------------------------------------------------------------------------------
 * Elements and forms
 */

static void elements_are_counted_skipped_and_read(void **state)
{
    (void)state;
    /* Nothing, -1, 1, 16, two bytes, one byte by OP_PUSHDATA1. */
    static const uint8_t script[] = {0x00, 0x4f, 0x51, 0x60, 0x02, 7, 8, 0x4c, 1, 9};
    static const uint32_t lengths[] = {0, 1, 1, 1, 2, 1};
    static const uint8_t firsts[] = {0, 0x81, 1, 16, 7, 9};
    uint32_t count = 0;
    assert_true(script_count_elements(script, sizeof(script), &count));
    assert_int_equal(count, COUNT(lengths));
    for (uint32_t i = 0; i < count; i++) {
        script_view rest = script_skip_elements(script, sizeof(script), i);
        script_view element;
        size_t at = 0;
        assert_true(script_next_element(rest.data, rest.bytes, &at, &element));
        assert_int_equal(element.bytes, lengths[i]);
        assert_true(element.bytes == 0 || element.data[0] == firsts[i]);
    }
    assert_int_equal(script_skip_elements(script, sizeof(script), count).bytes, 0);
    assert_true(script_count_elements(script, 0, &count));
    assert_int_equal(count, 0);
    for (size_t size = 5; size < 7; size++) {
        assert_false(script_count_elements(script, size, &count));
    }
    assert_false(script_count_elements((const uint8_t[]){0x51, 0xac}, 2, &count));
    assert_false(script_count_elements((const uint8_t[]){0x50}, 1, &count));
}

static void element_may_have_520_bytes_and_no_more(void **state)
{
    (void)state;
    uint8_t script[3 + SCRIPT_ELEMENT_BYTES_MAX + 1] = {0x4d};
    for (uint32_t bytes = SCRIPT_ELEMENT_BYTES_MAX; bytes < SCRIPT_ELEMENT_BYTES_MAX + 2; bytes++) {
        uint32_t count;
        script[1] = (uint8_t)bytes;
        script[2] = (uint8_t)(bytes >> 8);
        assert_int_equal(script_count_elements(script, 3 + bytes, &count),
                         bytes == SCRIPT_ELEMENT_BYTES_MAX);
    }
}

/* m-of-n over keys that are compressed and not, by turns; `said` is the n in the script. */
static size_t make_multisig(uint8_t *script, uint8_t m, uint8_t keys, uint8_t said)
{
    size_t at = 0;
    script[at++] = (uint8_t)(0x50 + m);
    for (uint8_t i = 0; i < keys; i++) {
        script[at] = i % 2 == 0 ? 33 : 65;
        script[at + 1] = i % 2 == 0 ? 3 : 4;
        at += 1u + script[at];
    }
    script[at++] = (uint8_t)(0x50 + said);
    script[at++] = 0xae;
    return at;
}

static void multisig_is_recognised_for_every_m_and_n(void **state)
{
    (void)state;
    uint8_t script[SCRIPT_FORM_BYTES_MAX + 100] = {0};
    for (uint8_t n = 1; n <= 17; n++) {
        for (uint8_t m = 0; m <= 17; m++) {
            size_t bytes = make_multisig(script, m, n, n);
            script_form form = script_form_of(script, bytes);
            bool is_right = n <= 16 && m >= 1 && m <= n;
            assert_int_equal(form.kind, is_right ? SCRIPT_MULTISIG : SCRIPT_OTHER);
            assert_int_equal(form.num_keys, is_right ? n : 0);
            assert_int_equal(form.num_signatures, is_right ? m : 0);
            assert_true(!is_right || form.keys.data == script + 1);
        }
    }
    size_t bytes = make_multisig(script, 1, 3, 2);
    assert_int_equal(script_form_of(script, bytes).kind, SCRIPT_OTHER);
    bytes = make_multisig(script, 2, 3, 3);
    for (size_t size = 0; size < bytes; size++) {
        /* 2 and a first key alone could as well be a witness program of version 2. */
        assert_int_equal(script_form_of(script, size).kind,
                         size == 35 ? SCRIPT_WITNESS : SCRIPT_OTHER);
    }
    script[2] = 5; /* no key starts so */
    assert_int_equal(script_form_of(script, bytes).kind, SCRIPT_OTHER);
}

static void other_forms_are_recognised(void **state)
{
    (void)state;
    uint8_t script[80] = {0};
    uint8_t hash[20];
    memset(hash, 7, sizeof(hash));
    script_p2pkh(hash, script);
    script_form form = script_form_of(script, SCRIPT_P2PKH_BYTES);
    assert_int_equal(form.kind, SCRIPT_P2PKH);
    assert_ptr_equal(form.hash, script + 3);
    assert_int_equal(form.num_signatures, 1);
    script_p2sh(hash, script);
    form = script_form_of(script, SCRIPT_P2SH_BYTES);
    assert_int_equal(form.kind, SCRIPT_P2SH);
    assert_ptr_equal(form.hash, script + 2);
    assert_int_equal(form.num_signatures, 0);
    assert_int_equal(script_form_of(script, SCRIPT_P2SH_BYTES - 1).kind, SCRIPT_OTHER);
    script[0] = 33;
    script[1] = 2;
    script[34] = 0xac;
    form = script_form_of(script, 35);
    assert_int_equal(form.kind, SCRIPT_P2PK);
    assert_int_equal(form.num_keys, 1);
    assert_int_equal(script_form_of(script, 34).kind, SCRIPT_OTHER);
    script[34] = 0xad;
    assert_int_equal(script_form_of(script, 35).kind, SCRIPT_OTHER);
}

static void witness_program_is_a_version_and_2_to_40_bytes(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 60; bytes++) {
        uint8_t script[64] = {0x00, (uint8_t)bytes};
        bool is_program = bytes >= 2 && bytes <= 40;
        assert_int_equal(script_form_of(script, 2 + bytes).kind,
                         is_program ? SCRIPT_WITNESS : SCRIPT_OTHER);
        script[0] = 0x60;
        assert_int_equal(script_form_of(script, 2 + bytes).kind,
                         is_program ? SCRIPT_WITNESS : SCRIPT_OTHER);
        script[0] = 0x61;
        assert_int_equal(script_form_of(script, 2 + bytes).kind, SCRIPT_OTHER);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_of_every_form_are_read),
        cmocka_unit_test(push_past_the_end_and_other_operations_are_refused),
        cmocka_unit_test(signature_and_key_are_recognised),
        cmocka_unit_test(p2pkh_script_is_written_and_recognised),
        cmocka_unit_test(coinbase_height_is_read_in_its_shortest_form_only),
        cmocka_unit_test(elements_are_counted_skipped_and_read),
        cmocka_unit_test(element_may_have_520_bytes_and_no_more),
        cmocka_unit_test(multisig_is_recognised_for_every_m_and_n),
        cmocka_unit_test(other_forms_are_recognised),
        cmocka_unit_test(witness_program_is_a_version_and_2_to_40_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
