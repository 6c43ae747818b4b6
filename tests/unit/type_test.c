/*
 * type.h: a table of good and bad descriptors, and the type made from a good one.
 */
#include "runtime/type.h"

#include "tests/unit/testing.h"

#define NAME_OF_63 "abcdefghijklmnopqrstuvwxyz0123456789_abcdefghijklmnopqrstuvwxyz"

_Static_assert(sizeof NAME_OF_63 == YOKE_TYPE_NAME_BYTES_MAX, "63 characters and the zero");

static yoke_status kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_OK;
}

static uint64_t cost(const yoke_job *job)
{
    return job->num_items;
}

#define GOOD(...)                                                                                  \
    {                                                                                              \
        .struct_bytes = sizeof(yoke_type_desc), .cpu = kernel, __VA_ARGS__                         \
    }

static const yoke_type_desc good[] = {
    GOOD(.name = "a"),
    GOOD(.name = "_"),
    GOOD(.name = "0"),
    GOOD(.name = NAME_OF_63),
    GOOD(.name = "no_inputs", .out_bytes = 8),
    GOOD(.name = "no_output", .in_bytes = {8}),
    GOOD(.name = "all_inputs", .in_bytes = {1, YOKE_RAGGED, 3, YOKE_RAGGED}),
    GOOD(.name = "huge_items", .in_bytes = {YOKE_RAGGED - 1}, .out_bytes = YOKE_RAGGED - 1),
    GOOD(.name = "params", .params_bytes = YOKE_PARAMS_BYTES_MAX),
    GOOD(.name = "a_later_version", .struct_bytes = sizeof(yoke_type_desc) + 8),
};

typedef struct bad_row {
    yoke_type_desc desc;
    const char *what;
} bad_row;

#define BAD(what, ...)                                                                             \
    {                                                                                              \
        GOOD(__VA_ARGS__), what                                                                    \
    }

static const bad_row bad[] = {
    BAD("struct_bytes is not set", .name = "a", .struct_bytes = 0),
    BAD("struct_bytes is not set", .name = "a", .struct_bytes = sizeof(yoke_type_desc) - 1),
    BAD("a flag is not known", .name = "a", .flags = 1),
    BAD("a flag is not known", .name = "a", .flags = 1u << 31),
    BAD("a bad type name", .name = NULL),
    BAD("a bad type name", .name = ""),
    BAD("a bad type name", .name = "Sha256"),
    BAD("a bad type name", .name = "sha-256"),
    BAD("a bad type name", .name = "sha 256"),
    BAD("a bad type name", .name = "sha256\n"),
    BAD("a bad type name", .name = "`"), /* beside a, z, 0, 9 and _ in ASCII */
    BAD("a bad type name", .name = "{"),
    BAD("a bad type name", .name = "/"),
    BAD("a bad type name", .name = ":"),
    BAD("a bad type name", .name = "\xc3\xa9t\xc3\xa9"),
    BAD("a bad type name", .name = NAME_OF_63 "a"),
    BAD("a bad type name", .name = NAME_OF_63 NAME_OF_63),
    BAD("no CPU kernel", .name = "a", .cpu = NULL),
    BAD("params_bytes is too large", .name = "a", .params_bytes = YOKE_PARAMS_BYTES_MAX + 1),
    BAD("params_bytes is too large", .name = "a", .params_bytes = UINT32_MAX),
    BAD("a gap in in_bytes", .name = "a", .in_bytes = {0, 1}),
    BAD("a gap in in_bytes", .name = "a", .in_bytes = {1, 0, 1}),
    BAD("a gap in in_bytes", .name = "a", .in_bytes = {1, 1, 0, YOKE_RAGGED}),
    BAD("a gap in in_bytes", .name = "a", .in_bytes = {0, 0, 0, 1}),
    BAD("out_bytes cannot be ragged", .name = "a", .out_bytes = YOKE_RAGGED),
};

static void good_descriptors_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const char *what = "untouched";
        if (type_check(&good[i], &what) != YOKE_OK) {
            fail_msg("good[%zu], %s: %s", i, good[i].name, what);
        }
    }
}

static void each_bad_descriptor_is_refused_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *what = NULL;
        if (type_check(&bad[i].desc, &what) != YOKE_INVALID || what == NULL) {
            fail_msg("bad[%zu] was accepted instead of: %s", i, bad[i].what);
        }
        if (strcmp(what, bad[i].what) != 0) {
            fail_msg("bad[%zu]: %s, instead of: %s", i, what, bad[i].what);
        }
    }
}

static void no_descriptor_is_refused(void **state)
{
    (void)state;
    const char *what = NULL;
    assert_int_equal(type_check(NULL, &what), YOKE_INVALID);
    assert_string_equal(what, "no type descriptor");
}

static void a_name_without_an_end_is_read_no_further_than_its_limit(void **state)
{
    (void)state;
    char *name = malloc(YOKE_TYPE_NAME_BYTES_MAX); /* the sanitizers watch what comes after */
    const char *what = NULL;
    assert_non_null(name);
    memset(name, 'a', YOKE_TYPE_NAME_BYTES_MAX);
    const yoke_type_desc *desc = yoke_type_desc(.name = name, .cpu = kernel);
    assert_int_equal(type_check(desc, &what), YOKE_INVALID);
    assert_string_equal(what, "a bad type name");
    free(name);
}

static void a_type_is_what_its_descriptor_says(void **state)
{
    (void)state;
    char name[] = NAME_OF_63;
    int user, runtime;
    yoke_runtime *rt = (yoke_runtime *)&runtime; /* only its address is kept */
    static yoke_type type;
    memset(&type, 0xff, sizeof type);
    type_init(&type, rt,
              yoke_type_desc(.name = name, .in_bytes = {7, YOKE_RAGGED, 9}, .out_bytes = 11,
                             .params_bytes = 13, .cpu = kernel, .cost = cost, .user = &user));
    memset(name, 'x', sizeof name); /* the name was copied */
    assert_string_equal(type.name, NAME_OF_63);
    assert_ptr_equal(type.rt, rt);
    assert_ptr_equal(type.user, &user);
    assert_true(type.cpu == kernel);
    assert_true(type.cost == cost);
    assert_int_equal(type.num_inputs, 3);
    assert_int_equal(type.in_bytes[0], 7);
    assert_int_equal(type.in_bytes[1], YOKE_RAGGED);
    assert_int_equal(type.in_bytes[2], 9);
    assert_int_equal(type.in_bytes[3], 0);
    assert_int_equal(type.out_bytes, 11);
    assert_int_equal(type.params_bytes, 13);
    assert_true(atomic_load(&type.grain_cost) > 0);
}

static void inputs_are_counted_from_none_to_all(void **state)
{
    (void)state;
    for (uint32_t count = 0; count <= YOKE_INPUTS_MAX; count++) {
        yoke_type_desc desc = GOOD(.name = "a");
        static yoke_type type;
        for (uint32_t k = 0; k < count; k++) {
            desc.in_bytes[k] = 5;
        }
        type_init(&type, NULL, &desc);
        assert_int_equal(type.num_inputs, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_descriptors_are_accepted),
        cmocka_unit_test(each_bad_descriptor_is_refused_with_its_reason),
        cmocka_unit_test(no_descriptor_is_refused),
        cmocka_unit_test(a_name_without_an_end_is_read_no_further_than_its_limit),
        cmocka_unit_test(a_type_is_what_its_descriptor_says),
        cmocka_unit_test(inputs_are_counted_from_none_to_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
