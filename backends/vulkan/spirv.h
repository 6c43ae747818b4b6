/*
 * A look through a SPIR-V module before a driver gets it: drivers trust what they are given.
 */
#ifndef YOKE_BACKENDS_VULKAN_SPIRV_H
#define YOKE_BACKENDS_VULKAN_SPIRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VULKAN_SPIRV_WHY_BYTES 160

typedef struct vulkan_spirv_rules {
    const char *entry;            /* the module has a compute entry point of that name, */
    uint32_t local_size;          /* whose workgroups are this × 1 × 1, */
    const uint32_t *capabilities; /* and declares none but these */
    uint32_t num_capabilities;
} vulkan_spirv_rules;

/* Whether it keeps the rules; if not, why (VULKAN_SPIRV_WHY_BYTES) says the first thing wrong.
 * Pure; reads no byte behind num_bytes. */
bool vulkan_spirv_is_sound(const uint32_t *words, size_t num_bytes, const vulkan_spirv_rules *rules,
                           char *why);

#endif
