/*
 * Reads a SPIR-V module's header and walks its instructions once.
 *
 * Pure; costs one pass over the module. It finds what goes wrong in practice: a file that is not
 * SPIR-V or is cut off, the wrong entry point, a workgroup size that the dispatch would not fit, a
 * capability that the device has not or yoke has not enabled. It is not a validator: shaders of
 * this repository are checked by spirv-val when they are built.
 *
 * Source: Khronos, SPIR-V specification 1.5, sections 2.3 (layout of a module) and 3.
 */
#include "spirv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    SPIRV_MAGIC = 0x07230203,
    SPIRV_VERSION_MIN = 0x00010000,
    SPIRV_VERSION_MAX = 0x00010500, /* what Vulkan 1.2 takes */
    SPIRV_HEADER_WORDS = 5,

    SPIRV_OP_MEMORY_MODEL = 14,
    SPIRV_OP_ENTRY_POINT = 15,
    SPIRV_OP_EXECUTION_MODE = 16,
    SPIRV_OP_CAPABILITY = 17,
    SPIRV_OP_FUNCTION = 54,
    SPIRV_OP_FUNCTION_END = 56,

    SPIRV_ADDRESSING_PHYSICAL_STORAGE_64 = 5348,
    SPIRV_MODEL_COMPUTE = 5,
    SPIRV_MODE_LOCAL_SIZE = 17,
};

typedef struct spirv_walk {
    const vulkan_spirv_rules *rules;
    char *why;
    bool has_addresses;
    bool has_entry;
    uint32_t entry; /* its id */
    bool has_local_size;
    bool has_body; /* the entry point's function is there */
    bool in_function;
} spirv_walk;

__attribute__((format(printf, 2, 3))) static bool spirv_refuse(char *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, VULKAN_SPIRV_WHY_BYTES, format, args);
    va_end(args);
    return false;
}

static bool spirv_capability(spirv_walk *w, const uint32_t *op, uint32_t num_words)
{
    for (uint32_t i = 0; num_words == 2 && i < w->rules->num_capabilities; i++) {
        if (w->rules->capabilities[i] == op[1]) {
            return true;
        }
    }
    return spirv_refuse(w->why, "it needs SPIR-V capability %u, which is not enabled here",
                        num_words == 2 ? op[1] : 0);
}

/* Literal strings end with a zero byte inside their words. */
static void spirv_entry_point(spirv_walk *w, const uint32_t *op, uint32_t num_words)
{
    if (num_words < 4 || op[1] != SPIRV_MODEL_COMPUTE) {
        return;
    }
    const char *name = (const char *)&op[3];
    size_t room = (num_words - 3) * sizeof op[0], bytes = strnlen(name, room);
    if (bytes < room && strcmp(name, w->rules->entry) == 0) {
        w->has_entry = true;
        w->entry = op[2];
    }
}

/* Entry points come before execution modes in a module, so the id is known by now. */
static bool spirv_execution_mode(spirv_walk *w, const uint32_t *op, uint32_t num_words)
{
    if (num_words != 6 || !w->has_entry || op[1] != w->entry || op[2] != SPIRV_MODE_LOCAL_SIZE) {
        return true;
    }
    w->has_local_size = true;
    if (op[3] != w->rules->local_size || op[4] != 1 || op[5] != 1) {
        return spirv_refuse(w->why, "its workgroups are %u x %u x %u; registered as %u", op[3],
                            op[4], op[5], w->rules->local_size);
    }
    return true;
}

static bool spirv_instruction(spirv_walk *w, const uint32_t *op, uint32_t num_words)
{
    switch (op[0] & 0xffff) {
    case SPIRV_OP_CAPABILITY:
        return spirv_capability(w, op, num_words);
    case SPIRV_OP_MEMORY_MODEL:
        w->has_addresses = num_words == 3 && op[1] == SPIRV_ADDRESSING_PHYSICAL_STORAGE_64;
        return true;
    case SPIRV_OP_ENTRY_POINT:
        spirv_entry_point(w, op, num_words);
        return true;
    case SPIRV_OP_EXECUTION_MODE:
        return spirv_execution_mode(w, op, num_words);
    case SPIRV_OP_FUNCTION:
        w->in_function = true;
        w->has_body = w->has_body || (num_words == 5 && w->has_entry && op[2] == w->entry);
        return true;
    case SPIRV_OP_FUNCTION_END:
        w->in_function = false;
        return true;
    default:
        return true;
    }
}

static bool spirv_header(const uint32_t *words, size_t num_bytes, char *why)
{
    if (words == NULL || num_bytes % sizeof words[0] != 0 ||
        num_bytes < SPIRV_HEADER_WORDS * sizeof words[0] || words[0] != SPIRV_MAGIC) {
        return spirv_refuse(why, "it is not SPIR-V");
    }
    if (words[1] < SPIRV_VERSION_MIN || words[1] > SPIRV_VERSION_MAX) {
        return spirv_refuse(why, "it is SPIR-V %u.%u; 1.0 to 1.5 are taken", words[1] >> 16,
                            words[1] >> 8 & 0xff);
    }
    if (words[3] == 0 || words[4] != 0) {
        return spirv_refuse(why, "its SPIR-V header is damaged");
    }
    return true;
}

bool vulkan_spirv_is_sound(const uint32_t *words, size_t num_bytes, const vulkan_spirv_rules *rules,
                           char *why)
{
    spirv_walk w = {.rules = rules, .why = why};
    if (!spirv_header(words, num_bytes, why)) {
        return false;
    }
    size_t num_words = num_bytes / sizeof words[0];
    for (size_t at = SPIRV_HEADER_WORDS; at < num_words; at += words[at] >> 16) {
        size_t length = words[at] >> 16;
        if (length == 0 || length > num_words - at) {
            return spirv_refuse(why, "it is cut off or damaged at word %zu", at);
        }
        if (!spirv_instruction(&w, &words[at], (uint32_t)length)) {
            return false;
        }
    }
    if (!w.has_addresses) {
        return spirv_refuse(why, "it does not use buffer device addresses");
    }
    if (!w.has_entry) {
        return spirv_refuse(why, "it has no compute entry point \"%s\"", rules->entry);
    }
    if (!w.has_local_size) {
        return spirv_refuse(why, "its workgroup size is not a constant");
    }
    if (!w.has_body || w.in_function) {
        return spirv_refuse(why, "it is cut off");
    }
    return true;
}
