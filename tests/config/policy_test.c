/*
 * Tests of the policy's table: defaults, ranges, units, descriptions.
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

static const policy_key *find_key(const char *name)
{
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        char full[64];
        snprintf(full, sizeof(full), "%s.%s", policy_keys[k].section, policy_keys[k].name);
        if (strcmp(full, name) == 0) {
            return &policy_keys[k];
        }
    }
    return NULL;
}

/* Once more, so that nobody changes one by mistake. */
static void every_default_is_the_one_that_is_meant(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint64_t number;
        const char *text;
    } rows[] = {
        {.key = "workers.count", .number = 0},
        {.key = "workers.pinning", .number = POLICY_WORKERS_PINNING_NONE},
        {.key = "workers.spin_us", .number = 20},
        {.key = "workers.stack_kib", .number = 0},
        {.key = "gpu.devices", .text = ""},
        {.key = "gpu.slots_in_flight", .number = 4},
        {.key = "gpu.software", .number = false},
        {.key = "gpu.path", .number = POLICY_GPU_PATH_AUTO},
        {.key = "gpu.exclusive", .number = false},
        {.key = "gpu.pipeline_cache", .number = true},
        {.key = "gpu.pipeline_cache_dir", .text = ""},
        {.key = "routing.mode", .number = POLICY_ROUTING_MODE_AUTO},
        {.key = "routing.break_even_cost", .number = 32768},
        {.key = "batching.target_start", .number = 65536},
        {.key = "batching.wait_us_max", .number = 200},
        {.key = "limits.jobs", .number = 65536},
        {.key = "limits.staging_mib", .number = 64},
        {.key = "limits.device_mib", .number = 0},
    };
    yoke_policy p;
    policy_default(&p);
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), POLICY_NUM_KEYS);
    for (size_t i = 0; i < POLICY_NUM_KEYS; i++) {
        const policy_key *key = find_key(rows[i].key);
        assert_non_null(key);
        if (rows[i].text != NULL) {
            assert_string_equal(policy_text(&p, key), rows[i].text);
        } else {
            assert_int_equal(policy_number(&p, key), rows[i].number);
        }
    }
    assert_int_equal(policy_check(&p, NULL, 0), YOKE_OK);
}

static bool is_a_text(const char *text)
{
    size_t bytes = strlen(text);
    return bytes >= 10 && text[bytes - 1] != '.' && text[bytes - 1] != ' ' &&
           strpbrk(text, "\n|") == NULL; /* nor what would end a row of README.md */
}

static void every_key_has_a_text_a_good_default_and_a_unit_if_it_is_a_number(void **state)
{
    (void)state;
    yoke_policy p;
    policy_default(&p);
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        const policy_key *key = &policy_keys[k];
        bool is_number = key->kind == POLICY_U32 || key->kind == POLICY_U64;
        bool is_good = policy_is_text(key)
                           ? policy_text_is_good(key, policy_text(&p, key),
                                                 strnlen(policy_text(&p, key), key->bytes))
                           : policy_number_is_good(key, policy_number(&p, key));
        if (!is_a_text(key->text) || !is_good || is_number != (key->unit[0] != '\0') ||
            key->min > key->max) {
            fail_msg("%s.%s: text, default, unit or range", key->section, key->name);
        }
    }
    for (size_t i = 0; i < POLICY_NUM_SECTIONS; i++) {
        assert_true(is_a_text(policy_sections[i].text));
    }
}

static void a_key_is_the_same_only_where_its_value_is(void **state)
{
    (void)state;
    yoke_policy a, b;
    policy_default(&a);
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        size_t end = policy_is_text(&policy_keys[k]); /* a byte, which stays zero */
        policy_default(&b);
        memset((char *)&b + policy_keys[k].offset, 'x', policy_keys[k].bytes - end);
        for (size_t other = 0; other < POLICY_NUM_KEYS; other++) {
            assert_int_equal(policy_is_same(&a, &b, &policy_keys[other]), other != k);
        }
    }
    strcpy(a.gpu.devices, "0");
    strcpy(b.gpu.devices, "0\0 what was there before");
    b.gpu.devices[2] = 'x'; /* behind the end nothing counts */
    assert_true(policy_is_same(&a, &b, find_key("gpu.devices")));
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
        cmocka_unit_test(every_default_is_the_one_that_is_meant),
        cmocka_unit_test(every_key_has_a_text_a_good_default_and_a_unit_if_it_is_a_number),
        cmocka_unit_test(a_key_is_the_same_only_where_its_value_is),
        cmocka_unit_test(every_number_passes_at_its_bounds_and_fails_beyond_them),
        cmocka_unit_test(text_without_an_end_or_with_control_characters_fails),
        cmocka_unit_test(a_list_is_read_name_by_name),
        cmocka_unit_test(a_list_with_an_empty_name_fails),
        cmocka_unit_test(descriptions_fit_and_are_cut_where_they_do_not),
        cmocka_unit_test(every_key_belongs_to_a_section_and_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
