/*
 * What a type descriptor must look like, and the type made from it. Pure: no memory, no locks;
 * the table of types is runtime.c's.
 */
#include "type.h"

#include <string.h>

static bool type_name_is_good(const char *name)
{
    size_t bytes = 0;
    for (; name[bytes] != '\0'; bytes++) {
        char c = name[bytes];
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (!good || bytes + 1 >= YOKE_TYPE_NAME_BYTES_MAX) {
            return false;
        }
    }
    return bytes > 0;
}

static const char *type_check_gpu(const yoke_gpu_kernel *gpu)
{
    bool has_name = gpu->entry == NULL ||
                    (gpu->entry[0] != '\0' && strlen(gpu->entry) < YOKE_TYPE_NAME_BYTES_MAX);
    return gpu->struct_bytes < sizeof(yoke_gpu_kernel) ? "the GPU kernel's struct_bytes is not set"
           : gpu->flags != 0                           ? "a flag of the GPU kernel is not known"
           : gpu->spirv == NULL || gpu->spirv_bytes == 0 ? "no SPIR-V"
           : gpu->spirv_bytes % 4 != 0                   ? "SPIR-V that is not whole words"
           : gpu->local_size > 1024                      ? "local_size is too large"
           : !has_name                                   ? "a bad entry name"
                                                         : NULL;
}

yoke_status type_check(const yoke_type_desc *desc, const char **what)
{
    *what = desc == NULL                                           ? "no type descriptor"
            : desc->struct_bytes < sizeof(yoke_type_desc)          ? "struct_bytes is not set"
            : desc->flags != 0                                     ? "a flag is not known"
            : desc->name == NULL || !type_name_is_good(desc->name) ? "a bad type name"
            : desc->cpu == NULL                                    ? "no CPU kernel"
            : desc->params_bytes > YOKE_PARAMS_BYTES_MAX           ? "params_bytes is too large"
            : desc->out_bytes == YOKE_RAGGED                       ? "out_bytes cannot be ragged"
            : desc->gpu != NULL                                    ? type_check_gpu(desc->gpu)
                                                                   : NULL;
    for (int k = 1; *what == NULL && k < YOKE_INPUTS_MAX; k++) {
        if (desc->in_bytes[k] != 0 && desc->in_bytes[k - 1] == 0) {
            *what = "a gap in in_bytes";
        }
    }
    return *what == NULL ? YOKE_OK : YOKE_INVALID;
}

void type_init(yoke_type *type, yoke_runtime *rt, const yoke_type_desc *desc)
{
    memset(type, 0, sizeof *type);
    type->rt = rt;
    type->cpu = desc->cpu;
    type->cost = desc->cost;
    type->user = desc->user;
    while (type->num_inputs < YOKE_INPUTS_MAX && desc->in_bytes[type->num_inputs] != 0) {
        type->in_bytes[type->num_inputs] = desc->in_bytes[type->num_inputs];
        type->is_ragged |= desc->in_bytes[type->num_inputs] == YOKE_RAGGED;
        type->num_inputs++;
    }
    type->out_bytes = desc->out_bytes;
    type->params_bytes = desc->params_bytes;
    strcpy(type->name, desc->name);
    atomic_init(&type->grain_cost, 1);
    atomic_init(&type->num_serving, 0);
    if (desc->gpu != NULL) {
        uint32_t local_size = desc->gpu->local_size;
        type->gpu.spirv_bytes = desc->gpu->spirv_bytes;
        type->gpu.local_size = local_size != 0 ? local_size : TYPE_LOCAL_SIZE_DEFAULT;
        strcpy(type->gpu.entry, desc->gpu->entry != NULL ? desc->gpu->entry : "main");
    }
}
