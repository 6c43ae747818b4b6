/*
 * type.h: a table of good and bad descriptors, the type made from a good one, and the plans of its
 * items.
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

static yoke_status plan(const void *params, yoke_plan *plan)
{
    (void)params;
    (void)plan;
    return YOKE_OK;
}

static void record(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)recorder;
    (void)batch;
}

static const uint32_t spirv[] = {1, 2};

#define SHADER(...)                                                                                \
    {                                                                                              \
        .struct_bytes = sizeof(yoke_gpu_kernel), .spirv = spirv, .spirv_bytes = sizeof spirv,      \
        __VA_ARGS__                                                                                \
    }
#define GPU(...) (&(const yoke_gpu_kernel)SHADER(__VA_ARGS__))
#define SHADERS(...)                                                                               \
    .num_kernels = 2, .kernels = (const yoke_gpu_kernel[])                                         \
    {                                                                                              \
        SHADER(), __VA_ARGS__                                                                      \
    }
#define PROGRAM(...) .program = yoke_program(.plan = plan, __VA_ARGS__)
/* Two shaders, the second of which is broken. */
#define SECOND(...) PROGRAM(.record = record, SHADERS(SHADER(__VA_ARGS__)))

static const yoke_gpu_kernel many_shaders[YOKE_PROGRAM_KERNELS_MAX + 1] = {
    SHADER(), SHADER(), SHADER(), SHADER(), SHADER(), SHADER(), SHADER(), SHADER(), SHADER(),
    SHADER(), SHADER(), SHADER(), SHADER(), SHADER(), SHADER(), SHADER(), SHADER(),
};

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
    GOOD(.name = "residents", .num_residents = YOKE_INPUTS_MAX),
    GOOD(.name = "total", .flags = YOKE_TYPE_TOTAL),
    GOOD(.name = "map", .gpu = GPU(.entry = NAME_OF_63, .local_size = 1024)),
    GOOD(.name = "program", PROGRAM(.record = NULL)),
    GOOD(.name = "program_cpu_kernels_unused", PROGRAM(.kernels = many_shaders)),
    GOOD(.name = "program_gpu", PROGRAM(.record = record, SHADERS(SHADER(.local_size = 1)))),
    GOOD(.name = "program_large", PROGRAM(.record = record, .kernels = many_shaders,
                                          .num_kernels = YOKE_PROGRAM_KERNELS_MAX)),
    GOOD(.name = "program_finish", .params_bytes = 32, .num_residents = 4,
         PROGRAM(.record = record, .finish = kernel, SHADERS(SHADER()))),
    GOOD(.name = "program_later", PROGRAM(.struct_bytes = sizeof(yoke_program) + 8)),
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
    BAD("a flag is not known", .name = "a", .flags = 2),
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
    BAD("too many residents", .name = "a", .num_residents = YOKE_INPUTS_MAX + 1),
    BAD("too many residents", .name = "a", .num_residents = UINT32_MAX, PROGRAM(.flags = 0)),
    BAD("the GPU kernel's struct_bytes is not set", .name = "a", .gpu = GPU(.struct_bytes = 0)),
    BAD("the GPU kernel's struct_bytes is not set", .name = "a",
        .gpu = GPU(.struct_bytes = sizeof(yoke_gpu_kernel) - 1)),
    BAD("a flag of the GPU kernel is not known", .name = "a", .gpu = GPU(.flags = 1)),
    BAD("no SPIR-V", .name = "a", .gpu = GPU(.spirv = NULL)),
    BAD("no SPIR-V", .name = "a", .gpu = GPU(.spirv_bytes = 0)),
    BAD("SPIR-V that is not whole words", .name = "a", .gpu = GPU(.spirv_bytes = 7)),
    BAD("local_size is too large", .name = "a", .gpu = GPU(.local_size = 1025)),
    BAD("a bad entry name", .name = "a", .gpu = GPU(.entry = "")),
    BAD("a bad entry name", .name = "a", .gpu = GPU(.entry = NAME_OF_63 "a")),
    BAD("the program's struct_bytes is not set", .name = "a", PROGRAM(.struct_bytes = 0)),
    BAD("the program's struct_bytes is not set", .name = "a",
        PROGRAM(.struct_bytes = sizeof(yoke_program) - 1)),
    BAD("a flag of the program is not known", .name = "a", PROGRAM(.flags = 1)),
    BAD("a flag of the program is not known", .name = "a", PROGRAM(.flags = 1u << 31)),
    BAD("a program with a kernel or sizes of its own", .name = "a", .gpu = GPU(.flags = 0),
        PROGRAM(.flags = 0)),
    BAD("a program with a kernel or sizes of its own", .name = "a", .in_bytes = {4},
        PROGRAM(.flags = 0)),
    BAD("a program with a kernel or sizes of its own", .name = "a", .out_bytes = 4,
        PROGRAM(.flags = 0)),
    BAD("a gap in in_bytes", .name = "a", .in_bytes = {0, 4}, PROGRAM(.flags = 0)),
    BAD("no plan", .name = "a", PROGRAM(.plan = NULL)),
    BAD("no plan", .name = "a", PROGRAM(.plan = NULL, .record = record, SHADERS(SHADER()))),
    BAD("too many GPU kernels", .name = "a",
        PROGRAM(.record = record, .kernels = many_shaders,
                .num_kernels = YOKE_PROGRAM_KERNELS_MAX + 1)),
    BAD("too many GPU kernels", .name = "a", PROGRAM(.record = record, .num_kernels = UINT32_MAX)),
    BAD("GPU kernels without record, or the other way round", .name = "a",
        PROGRAM(.record = record)),
    BAD("GPU kernels without record, or the other way round", .name = "a",
        PROGRAM(.record = record, .kernels = many_shaders)),
    BAD("GPU kernels without record, or the other way round", .name = "a",
        PROGRAM(SHADERS(SHADER()))),
    BAD("no GPU kernels", .name = "a", PROGRAM(.record = record, .num_kernels = 1)),
    BAD("the GPU kernel's struct_bytes is not set", .name = "a", SECOND(.struct_bytes = 8)),
    BAD("a flag of the GPU kernel is not known", .name = "a", SECOND(.flags = 2)),
    BAD("no SPIR-V", .name = "a", SECOND(.spirv = NULL)),
    BAD("SPIR-V that is not whole words", .name = "a", SECOND(.spirv_bytes = 5)),
    BAD("local_size is too large", .name = "a", SECOND(.local_size = UINT32_MAX)),
    BAD("a bad entry name", .name = "a", SECOND(.entry = "")),
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
    assert_int_equal(atomic_load(&type.grain_cost), 0); /* nothing is learned yet */
    assert_int_equal(atomic_load(&type.num_serving), 0);
    assert_false(type.is_total);
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

static void a_type_that_takes_any_bytes_says_so(void **state)
{
    (void)state;
    static yoke_type type;
    type_init(&type, NULL, yoke_type_desc(.name = "a", .cpu = kernel, .flags = YOKE_TYPE_TOTAL));
    assert_true(type.is_total);
}

static void a_descriptor_tells_its_gpu_kernels(void **state)
{
    (void)state;
    const yoke_gpu_kernel *gpu = GPU(.flags = 0);
    uint32_t num_kernels = 77;
    assert_null(type_desc_kernels(yoke_type_desc(.name = "a"), &num_kernels));
    assert_int_equal(num_kernels, 0);
    assert_ptr_equal(type_desc_kernels(yoke_type_desc(.name = "a", .gpu = gpu), &num_kernels), gpu);
    assert_int_equal(num_kernels, 1);
    const yoke_type_desc *desc =
        yoke_type_desc(.name = "a",
                       PROGRAM(.record = record, .kernels = many_shaders, .num_kernels = 5));
    assert_ptr_equal(type_desc_kernels(desc, &num_kernels), many_shaders);
    assert_int_equal(num_kernels, 5);
}

/* -- plans ------------------------------------------------------------------------------------- */

static void a_map_types_plan_is_its_descriptor(void **state)
{
    (void)state;
    static yoke_type type;
    yoke_plan got, expected = {.in_bytes = {7, sizeof(yoke_span), UINT32_MAX - 1}, .out_bytes = 11};
    type_init(&type, NULL,
              yoke_type_desc(.name = "map", .in_bytes = {7, YOKE_RAGGED, UINT32_MAX - 1},
                             .out_bytes = 11, .cpu = kernel));
    memset(&got, 0xff, sizeof got);
    assert_true(type_plan(&type, NULL, &got));
    assert_memory_equal(&got, &expected, sizeof got);
}

static yoke_plan planned; /* what the next plan is */
static yoke_status planned_status;
static unsigned char seen_params[YOKE_PARAMS_BYTES_MAX];

static yoke_status plan_as_told(const void *params, yoke_plan *plan)
{
    static const yoke_plan nothing;
    assert_memory_equal(plan, &nothing, sizeof nothing);
    assert_int_equal((uintptr_t)params % sizeof(uint64_t), 0);
    memcpy(seen_params, params, sizeof seen_params);
    *plan = planned;
    return planned_status;
}

static void a_programs_plan_is_asked_for_with_its_params_or_zeros(void **state)
{
    (void)state;
    static yoke_type type;
    static const unsigned char zeros[YOKE_PARAMS_BYTES_MAX];
    static const _Alignas(8) unsigned char params[YOKE_PARAMS_BYTES_MAX] =
        "thirty-two bytes of params.....";
    yoke_plan got;
    planned = (yoke_plan){.in_bytes = {1, 2, 3, UINT64_MAX},
                          .out_bytes = 5,
                          .scratch_bytes = {0, 7, 0, 8}, /* its order is free */
                          .cost = 9};
    planned_status = YOKE_OK;
    type_init(&type, NULL,
              yoke_type_desc(.name = "program", .cpu = kernel, .params_bytes = 32,
                             .program = yoke_program(.plan = plan_as_told)));
    memset(&got, 0xff, sizeof got);
    assert_true(type_plan(&type, NULL, &got));
    assert_memory_equal(seen_params, zeros, sizeof zeros);
    assert_memory_equal(&got, &planned, sizeof got);
    assert_true(type_plan(&type, params, &got));
    assert_memory_equal(seen_params, params, sizeof params);
    planned_status = YOKE_INVALID;
    assert_false(type_plan(&type, NULL, &got));
    planned_status = YOKE_KERNEL; /* whatever it is called */
    assert_false(type_plan(&type, NULL, &got));
}

/* A gap would hide an input from the kernels; partial results without a finish would go to the
 * output, which is smaller or larger; a finish without them has nothing to read. */
static void a_plan_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    static const struct {
        yoke_plan plan;
        bool has_finish, is_good;
    } rows[] = {
        {{.in_bytes = {0}}, false, true},
        {{.in_bytes = {4, 4}}, false, true},
        {{.in_bytes = {4, 4, 4, 4}}, false, true},
        {{.in_bytes = {0, 4}}, false, false},
        {{.in_bytes = {4, 0, 4}}, false, false},
        {{.in_bytes = {4, 4, 0, 4}}, false, false},
        {{.in_bytes = {0, 0, 0, 4}}, false, false},
        {{.partial_bytes = 8, .out_bytes = 4}, true, true},
        {{.partial_bytes = 8}, true, true},
        {{.partial_bytes = 8, .out_bytes = 4}, false, false},
        {{.out_bytes = 4}, true, false},
        {{.in_bytes = {0, 4}, .partial_bytes = 8}, true, false},
    };
    planned_status = YOKE_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static yoke_type type;
        yoke_plan got;
        planned = rows[i].plan;
        type_init(
            &type, NULL,
            yoke_type_desc(.name = "program", .cpu = kernel,
                           .program = yoke_program(.plan = plan_as_told,
                                                   .finish = rows[i].has_finish ? kernel : NULL)));
        if (type_plan(&type, NULL, &got) != rows[i].is_good) {
            fail_msg("row %zu", i);
        }
    }
}

static void a_program_type_has_the_program_but_not_the_callers_shaders(void **state)
{
    (void)state;
    static yoke_type type;
    const yoke_type_desc *desc =
        yoke_type_desc(.name = "program", .cpu = kernel, .params_bytes = 8, .num_residents = 2,
                       PROGRAM(.record = record, .finish = kernel, SHADERS(SHADER())));
    type_init(&type, NULL, desc);
    assert_true(type.program.plan == plan);
    assert_true(type.program.record == record);
    assert_true(type.program.finish == kernel);
    assert_null(type.program.kernels); /* they are copied by register.c */
    assert_false(type_has_gpu(&type));
    assert_int_equal(type.num_inputs, 0);
    assert_int_equal(type.out_bytes, 0);
    assert_int_equal(type.num_residents, 2);
    type_init(&type, NULL, yoke_type_desc(.name = "map", .cpu = kernel));
    assert_null(type.program.plan);
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
        cmocka_unit_test(a_type_that_takes_any_bytes_says_so),
        cmocka_unit_test(a_descriptor_tells_its_gpu_kernels),
        cmocka_unit_test(a_map_types_plan_is_its_descriptor),
        cmocka_unit_test(a_programs_plan_is_asked_for_with_its_params_or_zeros),
        cmocka_unit_test(a_plan_that_contradicts_itself_is_refused),
        cmocka_unit_test(a_program_type_has_the_program_but_not_the_callers_shaders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
