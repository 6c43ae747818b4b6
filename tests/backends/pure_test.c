/*
 * What the Vulkan backend decides without a device: which SPIR-V it takes, which memory, how a
 * dispatch is laid out, what a VkResult means.
 */
#include "backends/vulkan/probe.h"
#include "backends/vulkan/record.h"
#include "backends/vulkan/result.h"
#include "backends/vulkan/spirv.h"
#include "tests/backends/fixture.h"
#include "tests/backends/vector.spv.h"

/* -- SPIR-V ------------------------------------------------------------------------------------ */

#define OP(code, length) ((uint32_t)(length) << 16 | (code))
#define MAIN 4 /* the entry point's id */

/* The least that is sound: capabilities, addressing, an entry point and its function. */
static const uint32_t sound[] = {
    0x07230203, 0x00010500, 0,    9,          0,    /* 0: header: id bound 9 */
    OP(17, 2),  1,                                  /* 5: Capability Shader */
    OP(17, 2),  5347,                               /* 7: PhysicalStorageBufferAddresses */
    OP(14, 3),  5348,       1,                      /* 9: PhysicalStorageBuffer64 GLSL450 */
    OP(15, 5),  5,          MAIN, 0x6e69616d, 0,    /* 12: GLCompute MAIN "main" */
    OP(16, 6),  MAIN,       17,   64,         1, 1, /* 17: LocalSize 64 1 1 */
    OP(54, 5),  2,          MAIN, 0,          3, OP(248, 2),
    5,          OP(253, 1), /* 23: Function, Label, Return */
    OP(56, 1),              /* 31: FunctionEnd */
};
enum { SOUND_WORDS = sizeof sound / sizeof sound[0] };

static const uint32_t capabilities[] = {1, 5347, 11};
static const vulkan_spirv_rules rules = {
    .entry = "main",
    .local_size = 64,
    .capabilities = capabilities,
    .num_capabilities = 3,
};

static void assert_unsound(const uint32_t *words, size_t num_bytes, const char *expected)
{
    char why[VULKAN_SPIRV_WHY_BYTES] = "";
    assert_false(vulkan_spirv_is_sound(words, num_bytes, &rules, why));
    if (strstr(why, expected) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", expected, why);
    }
}

static void a_sound_module_is_taken(void **state)
{
    (void)state;
    char why[VULKAN_SPIRV_WHY_BYTES];
    assert_true(vulkan_spirv_is_sound(sound, sizeof sound, &rules, why));
    assert_true(vulkan_spirv_is_sound(vector_spv, vector_spv_bytes, &rules, why));
}

static void each_wrong_word_is_told(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t word;
        const char *why;
    } wrong[] = {
        {0, 0x03022307, "not SPIR-V"}, /* the other byte order */
        {0, 0, "not SPIR-V"},
        {1, 0x00010600, "SPIR-V 1.6"},
        {1, 0x00000900, "SPIR-V 0.9"},
        {3, 0, "header is damaged"},
        {4, 1, "header is damaged"},
        {5, OP(17, 0), "damaged at word 5"},
        {5, OP(17, 1), "capability 0"},
        {5, OP(17, 1000), "damaged at word 5"},
        {6, 12, "capability 12"},
        {6, UINT32_MAX, "capability 4294967295"},
        {10, 0, "buffer device addresses"}, /* Logical */
        {13, 4, "no compute entry point"},  /* Fragment */
        {15, 0x6f69616d, "no compute entry point \"main\""},
        {16, 0x61616161, "no compute entry point"}, /* a name without an end */
        {18, 7, "not a constant"},                  /* of another function */
        {19, 38, "not a constant"},                 /* LocalSizeId */
        {20, 63, "63 x 1 x 1"},
        {21, 2, "64 x 2 x 1"},
        {22, 2, "64 x 1 x 2"},
        {25, 8, "cut off"}, /* the function is another's */
        {31, OP(253, 1), "cut off"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint32_t words[SOUND_WORDS];
        memcpy(words, sound, sizeof sound);
        words[wrong[i].at] = wrong[i].word;
        assert_unsound(words, sizeof words, wrong[i].why);
    }
}

/* Each in memory of exactly its size, so that AddressSanitizer sees a read behind its end. */
static void a_module_that_is_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof sound; bytes++) {
        uint32_t *words = malloc(bytes + (bytes == 0));
        assert_non_null(words);
        memcpy(words, sound, bytes);
        assert_unsound(words, bytes, "");
        free(words);
    }
    assert_unsound(NULL, 0, "not SPIR-V");
}

static void noise_is_refused_and_read_no_further_than_its_end(void **state)
{
    (void)state;
    fixture_random random = fixture_random_of(fixture_seed());
    char why[VULKAN_SPIRV_WHY_BYTES];
    for (int round = 0; round < 20000; round++) {
        size_t num_words = 1 + fixture_random_below(&random, 60);
        uint32_t *words = malloc(num_words * 4);
        assert_non_null(words);
        for (size_t i = 0; i < num_words; i++) { /* short instructions, so that it goes on */
            bool is_op = fixture_random_below(&random, 2) == 0;
            uint32_t code = 14 + (uint32_t)fixture_random_below(&random, 4);
            uint32_t length = 1 + (uint32_t)fixture_random_below(&random, 6);
            words[i] = is_op ? OP(code, length) : (uint32_t)fixture_random_below(&random, 20);
        }
        for (size_t i = 0; i < num_words && i < 5; i++) {
            words[i] = sound[i];
        }
        assert_false(vulkan_spirv_is_sound(words, num_words * 4, &rules, why));
        assert_true(strlen(why) > 0);
        free(words);
    }
}

/* -- the dispatch ------------------------------------------------------------------------------ */

static void a_plane_covers_all_items_and_little_more(void **state)
{
    (void)state;
    static const struct {
        uint32_t num_items, local_size, x, y;
    } planes[] = {
        {1, 64, 1, 1},
        {64, 64, 1, 1},
        {65, 64, 2, 1},
        {65535, 1, 65535, 1},
        {65536, 1, 32768, 2},
        {65535 * 64, 64, 65535, 1},
        {65535 * 64 + 1, 64, 32768, 2},
        {1u << 30, 64, 65281, 257},
    };
    for (size_t i = 0; i < sizeof planes / sizeof planes[0]; i++) {
        uint32_t x, y;
        assert_true(vulkan_record_plane(planes[i].num_items, planes[i].local_size, &x, &y));
        assert_int_equal(x, planes[i].x);
        assert_int_equal(y, planes[i].y);
    }
    fixture_random random = fixture_random_of(fixture_seed());
    for (int round = 0; round < 100000; round++) {
        uint32_t num_items = 1 + (uint32_t)(fixture_random_next(&random) >> (34 + round % 20));
        uint32_t local_size = 1 + (uint32_t)fixture_random_below(&random, 256), x, y;
        assert_true(vulkan_record_plane(num_items, local_size, &x, &y));
        uint64_t covered = (uint64_t)x * y * local_size;
        assert_true(covered >= num_items);
        assert_true(covered - num_items < (uint64_t)local_size * (y + 1));
        assert_in_range(x, 1, 65535);
        assert_in_range(y, 1, 65535);
    }
}

static void what_no_plane_holds_is_refused(void **state)
{
    (void)state;
    uint32_t x, y;
    assert_false(vulkan_record_plane(0, 64, &x, &y));
    assert_false(vulkan_record_plane(UINT32_MAX, 1, &x, &y));  /* more than 65535 rows */
    assert_false(vulkan_record_plane(UINT32_MAX, 64, &x, &y)); /* item numbers would wrap */
}

/* -- memory types ------------------------------------------------------------------------------ */

#define LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define COHERENT (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
#define CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT
#define UNKNOWN 0x40

static void the_memory_that_the_host_reads_fastest_is_chosen(void **state)
{
    (void)state;
    static const struct {
        VkMemoryPropertyFlags flags[5];
        uint32_t type_bits, chosen;
    } rows[] = {
        {{LOCAL, 0, COHERENT, COHERENT | CACHED, LOCAL | COHERENT}, 0x1f, 3}, /* a discrete GPU */
        {{LOCAL, 0, COHERENT, COHERENT | CACHED, LOCAL | COHERENT}, 0x17, 2},
        {{LOCAL, 0, COHERENT, COHERENT | CACHED, LOCAL | COHERENT}, 0x13, 4},
        {{LOCAL, 0, COHERENT, COHERENT | CACHED, LOCAL | COHERENT}, 0x03, UINT32_MAX},
        {{LOCAL | COHERENT | CACHED}, 0x01, 0}, /* a software one */
        {{LOCAL | COHERENT | CACHED}, 0x00, UINT32_MAX},
        {{COHERENT | CACHED | UNKNOWN, COHERENT}, 0x03, 1},
        {{VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | CACHED, LOCAL | COHERENT}, 0x03, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        VkPhysicalDeviceMemoryProperties memory = {.memoryTypeCount = 5};
        for (int t = 0; t < 5; t++) {
            memory.memoryTypes[t].propertyFlags = rows[i].flags[t];
        }
        assert_int_equal(vulkan_probe_memory_type(&memory, rows[i].type_bits), rows[i].chosen);
    }
}

/* -- results ----------------------------------------------------------------------------------- */

static void each_result_has_its_status(void **state)
{
    (void)state;
    static const struct {
        VkResult result;
        yoke_status status;
        uint32_t num_lines;
    } rows[] = {
        {VK_SUCCESS, YOKE_OK, 0},
        {VK_NOT_READY, YOKE_TIMEOUT, 0},
        {VK_TIMEOUT, YOKE_TIMEOUT, 0},
        {VK_ERROR_OUT_OF_HOST_MEMORY, YOKE_NO_MEMORY, 0},
        {VK_ERROR_OUT_OF_DEVICE_MEMORY, YOKE_NO_MEMORY, 0},
        {VK_ERROR_TOO_MANY_OBJECTS, YOKE_NO_MEMORY, 0},
        {VK_ERROR_DEVICE_LOST, YOKE_NO_DEVICE, 0},
        {VK_ERROR_INVALID_SHADER_NV, YOKE_INVALID, 0},
        {VK_ERROR_INVALID_EXTERNAL_HANDLE, YOKE_UNSUPPORTED, 0},
        {VK_ERROR_INCOMPATIBLE_DRIVER, YOKE_UNSUPPORTED, 0},
        {VK_ERROR_INITIALIZATION_FAILED, YOKE_UNSUPPORTED, 1},
        {VK_ERROR_UNKNOWN, YOKE_UNSUPPORTED, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        program p;
        program_start(&p);
        assert_int_equal(vulkan_result(&p.host, rows[i].result, "vkCall"), rows[i].status);
        assert_int_equal(p.num_lines, rows[i].num_lines);
        assert_true(p.num_lines == 0 || strstr(p.line, "vkCall") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_module_is_taken),
        cmocka_unit_test(each_wrong_word_is_told),
        cmocka_unit_test(a_module_that_is_cut_off_anywhere_is_refused),
        cmocka_unit_test(noise_is_refused_and_read_no_further_than_its_end),
        cmocka_unit_test(a_plane_covers_all_items_and_little_more),
        cmocka_unit_test(what_no_plane_holds_is_refused),
        cmocka_unit_test(the_memory_that_the_host_reads_fastest_is_chosen),
        cmocka_unit_test(each_result_has_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
