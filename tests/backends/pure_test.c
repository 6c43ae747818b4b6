/*
 * What the Vulkan backend decides without a device: which SPIR-V it takes, which memory and how
 * much of it, how a dispatch is laid out, what a VkResult means. One test asks the drivers of this
 * machine for their budgets.
 */
#include <dlfcn.h>

#include "backends/vulkan/instance.h"
#include "backends/vulkan/probe.h"
#include "backends/vulkan/record.h"
#include "backends/vulkan/result.h"
#include "backends/vulkan/spirv.h"
#include "backends/vulkan/vulkan.h"
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

/* -- how much memory --------------------------------------------------------------------------- */

#define GIB(n) ((uint64_t)(n) << 30)

static void the_policy_and_the_budget_bound_what_may_be_taken(void **state)
{
    (void)state;
    static const struct {
        uint64_t budget, used, own, limit;
        bool is_exclusive;
        uint64_t may;
    } rows[] = {
        /* All of the budget but an eighth. */
        {GIB(80), 0, 0, 0, true, GIB(70)},
        {GIB(80), GIB(10), 0, 0, true, GIB(60)},
        {GIB(80), GIB(10), GIB(10), 0, true, GIB(60)},
        {GIB(80), GIB(70), GIB(70), 0, true, 0},
        {GIB(80), GIB(75), GIB(3), 0, true, 0},
        {GIB(80), GIB(90), GIB(3), 0, true, 0}, /* others have come since */
        {0, 0, 0, 0, true, 0},
        /* A limit, as far as it is free. */
        {GIB(80), 0, 0, GIB(4), true, GIB(4)},
        {GIB(80), GIB(20), GIB(3), GIB(4), true, GIB(1)},
        {GIB(80), GIB(20), GIB(5), GIB(4), true, 0},
        {GIB(80), GIB(78), 0, GIB(4), true, GIB(2)},
        {GIB(80), GIB(80), 0, GIB(4), true, 0},
        {GIB(80), 0, 0, GIB(99), true, GIB(80)},
        /* Half of what would be free without its own. */
        {GIB(80), 0, 0, 0, false, GIB(40)},
        {GIB(80), GIB(20), GIB(20), 0, false, GIB(20)},
        {GIB(80), GIB(40), GIB(40), 0, false, 0},
        {GIB(80), GIB(60), GIB(60), 0, false, 0},
        {GIB(80), GIB(40), 0, 0, false, GIB(20)},
        {GIB(80), GIB(60), 0, 0, false, GIB(10)},
        {GIB(80), GIB(68), 0, 0, false, GIB(2)}, /* here the eighth is more than the half */
        {GIB(80), GIB(72), 0, 0, false, 0},
        /* Both. */
        {GIB(80), 0, 0, GIB(4), false, GIB(4)},
        {GIB(80), 0, 0, GIB(60), false, GIB(40)},
        {GIB(80), GIB(76), 0, GIB(4), false, GIB(2)},
        /* Whatever a driver may say. */
        {UINT64_MAX, 0, 0, 0, true, UINT64_MAX - UINT64_MAX / 8},
        {UINT64_MAX, 0, UINT64_MAX, 0, false, 0},
        {0, UINT64_MAX, 0, UINT64_MAX, true, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vulkan_heap heap = {rows[i].budget, rows[i].used, rows[i].own, rows[i].limit,
                            rows[i].is_exclusive};
        uint64_t may = vulkan_probe_may_take(&heap);
        if (may != rows[i].may) {
            fail_msg("row %zu: %llu bytes, not %llu", i, (unsigned long long)may,
                     (unsigned long long)rows[i].may);
        }
    }
}

static void who_has_taken_what_it_may_may_take_no_more(void **state)
{
    (void)state;
    fixture_random random = fixture_random_of(fixture_seed());
    for (int round = 0; round < 100000; round++) {
        uint64_t scale = GIB(1) << fixture_random_below(&random, 8);
        vulkan_heap heap = {
            .budget = fixture_random_below(&random, scale),
            .own = fixture_random_below(&random, scale / 2),
            .limit = fixture_random_below(&random, 2) * fixture_random_below(&random, scale),
            .is_exclusive = fixture_random_below(&random, 2) == 0,
        };
        heap.used = heap.own + fixture_random_below(&random, scale / 2);
        uint64_t may = vulkan_probe_may_take(&heap);
        assert_true(may == 0 || heap.used + may <= heap.budget);
        assert_true(may == 0 || heap.limit == 0 || heap.own + may <= heap.limit);
        heap.used += may;
        heap.own += may;
        assert_in_range(vulkan_probe_may_take(&heap), 0, 1); /* a byte lost in halving */
    }
}

static VKAPI_ATTR void VKAPI_CALL tell_budget(VkPhysicalDevice physical,
                                              VkPhysicalDeviceMemoryProperties2 *memory)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget = memory->pNext;
    assert_null(physical);
    assert_int_equal(memory->sType, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2);
    assert_int_equal(budget->sType, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT);
    assert_null(budget->pNext);
    budget->heapBudget[0] = GIB(3);
    budget->heapBudget[1] = GIB(32);
    budget->heapUsage[1] = GIB(6);
}

static void the_budget_is_that_of_the_heap_of_the_type(void **state)
{
    (void)state;
    vulkan_probe probe = {.has_budget = true,
                          .memory = {.memoryTypeCount = 2,
                                     .memoryTypes = {{.heapIndex = 1}, {.heapIndex = 0}},
                                     .memoryHeapCount = 2,
                                     .memoryHeaps = {{.size = GIB(2)}, {.size = GIB(40)}}}};
    vulkan_heap heap = {.own = GIB(4), .is_exclusive = true};
    assert_int_equal(vulkan_probe_budget(&probe, tell_budget, 0, &heap), GIB(22));
    assert_int_equal(heap.budget, GIB(32));
    assert_int_equal(heap.used, GIB(6));
    heap = (vulkan_heap){.is_exclusive = true};
    assert_int_equal(vulkan_probe_budget(&probe, tell_budget, 1, &heap), GIB(2) - GIB(2) / 8);
    assert_int_equal(heap.budget, GIB(2)); /* no heap has more than its size */
    heap = (vulkan_heap){.own = GIB(4), .is_exclusive = true};
    probe.has_budget = false; /* then the heap's size, and what is known to be taken */
    assert_int_equal(vulkan_probe_budget(&probe, NULL, 0, &heap), GIB(31));
    assert_int_equal(heap.budget, GIB(40));
    assert_int_equal(heap.used, GIB(4));
}

static PFN_vkGetPhysicalDeviceMemoryProperties2 real_read(const vulkan_loader *loader)
{
    void *symbol = dlsym(loader->library, "vkGetPhysicalDeviceMemoryProperties2");
    PFN_vkGetPhysicalDeviceMemoryProperties2 read;
    memcpy(&read, &symbol, sizeof read);
    return read;
}

static void every_heap_of_this_machine_has_a_budget(void **state)
{
    (void)state;
    static const subject vulkan = {.ops = &vulkan_ops, .reads_spirv = true};
    fixture f;
    fixture_open_instance(&f, &vulkan);
    PFN_vkGetPhysicalDeviceMemoryProperties2 read = real_read(&f.instance->loader);
    assert_non_null(read);
    for (uint32_t i = 0; i < f.instance->num_devices; i++) {
        const vulkan_probe *probe = &f.instance->devices[i];
        for (uint32_t type = 0; type < probe->memory.memoryTypeCount && probe->info.is_fit;
             type++) {
            uint32_t index = probe->memory.memoryTypes[type].heapIndex;
            vulkan_heap heap = {.is_exclusive = true};
            uint64_t may = vulkan_probe_budget(probe, read, type, &heap);
            printf("%s: heap %u: %llu MiB (%s), used %llu MiB, may take %llu MiB\n",
                   probe->info.name, index, (unsigned long long)(heap.budget >> 20),
                   probe->has_budget ? "the driver's budget" : "its size",
                   (unsigned long long)(heap.used >> 20), (unsigned long long)(may >> 20));
            assert_in_range(heap.budget, 1, probe->memory.memoryHeaps[index].size);
            assert_in_range(may, 0, heap.budget);
        }
    }
    fixture_close(&f);
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
        cmocka_unit_test(the_policy_and_the_budget_bound_what_may_be_taken),
        cmocka_unit_test(who_has_taken_what_it_may_may_take_no_more),
        cmocka_unit_test(the_budget_is_that_of_the_heap_of_the_type),
        cmocka_unit_test(every_heap_of_this_machine_has_a_budget),
        cmocka_unit_test(each_result_has_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
