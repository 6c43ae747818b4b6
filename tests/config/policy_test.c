/*
 * Tests of the policy's table: defaults, ranges, descriptions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/policy.h"

#include <stdio.h>
#include <string.h>

/* Puts a number into the field of a key; cuts it to the field's size. */
static void set_number(yoke_policy *policy, const policy_key *key, uint64_t number)
{
    uint32_t number32 = (uint32_t)number;
    unsigned char byte = (unsigned char)number;
    const void *from = key->bytes == 8   ? (void *)&number
                       : key->bytes == 4 ? (void *)&number32
                                         : (void *)&byte;
    memcpy((char *)policy + key->offset, from, key->bytes);
}

static void defaults_are_those_documented_and_pass(void **state)
{
    (void)state;
    yoke_policy p;
    policy_default(&p);
    assert_int_equal(p.workers.count, 0);
    assert_string_equal(p.gpu.devices, "");
    assert_int_equal(p.gpu.slots_in_flight, 4);
    assert_false(p.gpu.software);
    assert_false(p.gpu.exclusive);
    assert_true(p.gpu.pipeline_cache);
    assert_string_equal(p.gpu.pipeline_cache_dir, "");
    assert_int_equal(p.routing.mode, POLICY_ROUTING_MODE_AUTO);
    assert_int_equal(p.routing.break_even_cost, 32768);
    assert_int_equal(p.batching.target_start, 65536);
    assert_int_equal(p.batching.wait_us_max, 200);
    assert_int_equal(p.limits.jobs, 65536);
    assert_int_equal(p.limits.staging_mib, 64);
    assert_int_equal(p.limits.device_mib, 0);
    assert_int_equal(policy_check(&p, NULL, 0), YOKE_OK);
}

static void every_number_passes_at_its_bounds_and_fails_beyond_them(void **state)
{
    (void)state;
    int beyond = 0;
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        const policy_key *key = &policy_keys[k];
        if (policy_is_text(key)) {
            continue;
        }
        yoke_policy p;
        policy_default(&p);
        set_number(&p, key, key->min);
        assert_int_equal(policy_number(&p, key), key->min);
        assert_int_equal(policy_check(&p, NULL, 0), YOKE_OK);
        set_number(&p, key, key->max);
        assert_int_equal(policy_number(&p, key), key->max);
        assert_int_equal(policy_check(&p, NULL, 0), YOKE_OK);

        char message[200];
        char start[80];
        snprintf(start, sizeof(start), "%s.%s: must be ", key->section, key->name);
        const uint64_t wrong[] = {key->max + 1, key->min - 1};
        for (size_t i = 0; i < (key->min > 0 ? 2 : 1); i++) {
            set_number(&p, key, wrong[i]);
            assert_int_equal(policy_check(&p, message, sizeof(message)), YOKE_INVALID);
            assert_memory_equal(message, start, strlen(start));
            beyond++;
        }
    }
    assert_true(beyond > POLICY_NUM_KEYS);
}

static void text_without_an_end_or_with_control_characters_fails(void **state)
{
    (void)state;
    yoke_policy p;
    char message[200];
    policy_default(&p);
    memset(p.gpu.pipeline_cache_dir, 'a', POLICY_TEXT_BYTES_MAX);
    assert_int_equal(policy_check(&p, NULL, 0), YOKE_OK);
    p.gpu.pipeline_cache_dir[POLICY_TEXT_BYTES_MAX] = 'a';
    assert_int_equal(policy_check(&p, message, sizeof(message)), YOKE_INVALID);
    assert_string_equal(message, "gpu.pipeline_cache_dir: must be text of at most 255 bytes "
                                 "without control characters");
    strcpy(p.gpu.pipeline_cache_dir, "a\nb");
    assert_int_equal(policy_check(&p, NULL, 0), YOKE_INVALID);
}

static void a_list_is_read_name_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *list, *names; /* each name in its own brackets */
    } rows[] = {
        {"", ""},
        {"0", "[0]"},
        {"0,1", "[0][1]"},
        {" 0 , H200 NVL ", "[0][H200 NVL]"},
        {"a b,  c", "[a b][c]"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *at = rows[i].list, *name;
        char names[64] = "";
        size_t bytes, used = 0;
        while ((name = policy_list_next(&at, &bytes)) != NULL) {
            used +=
                (size_t)snprintf(names + used, sizeof(names) - used, "[%.*s]", (int)bytes, name);
        }
        assert_string_equal(names, rows[i].names);
        assert_true(policy_list_is_good(rows[i].list));
        assert_ptr_equal(at, rows[i].list + strlen(rows[i].list));
    }
}

static void a_list_with_an_empty_name_fails(void **state)
{
    (void)state;
    const char *lists[] = {",", "0,", ",0", "0,,1", " ", "0, ", " ,0", "0, ,1", "0,1,,"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        yoke_policy p;
        char message[200];
        policy_default(&p);
        strcpy(p.gpu.devices, lists[i]);
        assert_false(policy_list_is_good(lists[i]));
        assert_int_equal(policy_check(&p, message, sizeof(message)), YOKE_INVALID);
        assert_string_equal(message, "gpu.devices: must be names separated by commas, none of them "
                                     "empty, at most 255 bytes without control characters");
    }
}

static void descriptions_fit_and_are_cut_where_they_do_not(void **state)
{
    (void)state;
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        char whole[128];
        policy_describe(&policy_keys[k], whole, sizeof(whole));
        assert_in_range(strlen(whole), 5, sizeof(whole) - 2);
        for (size_t bytes = 1; bytes <= strlen(whole); bytes++) {
            char part[128];
            memset(part, 'x', sizeof(part));
            policy_describe(&policy_keys[k], part, bytes);
            assert_int_equal(strlen(part), bytes - 1);
            assert_memory_equal(part, whole, bytes - 1);
            assert_int_equal(part[bytes], 'x');
        }
    }
}

static void every_key_belongs_to_a_section_and_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        size_t homes = 0;
        for (size_t i = 0; i < POLICY_NUM_SECTIONS; i++) {
            homes += strcmp(policy_keys[k].section, policy_sections[i].name) == 0;
        }
        assert_int_equal(homes, 1);
        for (size_t other = 0; other < k; other++) {
            assert_false(strcmp(policy_keys[k].section, policy_keys[other].section) == 0 &&
                         strcmp(policy_keys[k].name, policy_keys[other].name) == 0);
        }
        assert_true(strlen(policy_keys[k].section) + 1 + strlen(policy_keys[k].name) < 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_documented_and_pass),
        cmocka_unit_test(every_number_passes_at_its_bounds_and_fails_beyond_them),
        cmocka_unit_test(text_without_an_end_or_with_control_characters_fails),
        cmocka_unit_test(a_list_is_read_name_by_name),
        cmocka_unit_test(a_list_with_an_empty_name_fails),
        cmocka_unit_test(descriptions_fit_and_are_cut_where_they_do_not),
        cmocka_unit_test(every_key_belongs_to_a_section_and_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
