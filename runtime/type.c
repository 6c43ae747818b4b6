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

const yoke_gpu_kernel *type_desc_kernels(const yoke_type_desc *desc, uint32_t *num_kernels)
{
    *num_kernels = desc->program != NULL ? desc->program->num_kernels : desc->gpu != NULL;
    return desc->program != NULL ? desc->program->kernels : desc->gpu;
}

static const char *type_check_kernels(const yoke_type_desc *desc)
{
    uint32_t num_kernels;
    const yoke_gpu_kernel *kernels = type_desc_kernels(desc, &num_kernels);
    const char *what = num_kernels > 0 && kernels == NULL ? "no GPU kernels" : NULL;
    for (uint32_t i = 0; i < num_kernels && what == NULL; i++) {
        what = type_check_gpu(&kernels[i]);
    }
    return what;
}

static const char *type_check_program(const yoke_type_desc *desc)
{
    const yoke_program *program = desc->program;
    return program == NULL                                ? NULL
           : program->struct_bytes < sizeof(yoke_program) ? "the program's struct_bytes is not set"
           : program->flags != 0                          ? "a flag of the program is not known"
           : desc->gpu != NULL || desc->in_bytes[0] != 0 || desc->out_bytes != 0
               ? "a program with a kernel or sizes of its own"
           : program->plan == NULL                           ? "no plan"
           : program->num_kernels > YOKE_PROGRAM_KERNELS_MAX ? "too many GPU kernels"
           : (program->record != NULL) != (program->num_kernels > 0)
               ? "GPU kernels without record, or the other way round"
               : NULL;
}

yoke_status type_check(const yoke_type_desc *desc, const char **what)
{
    *what = desc == NULL                                           ? "no type descriptor"
            : desc->struct_bytes < sizeof(yoke_type_desc)          ? "struct_bytes is not set"
            : (desc->flags & ~(uint32_t)YOKE_TYPE_TOTAL) != 0      ? "a flag is not known"
            : desc->name == NULL || !type_name_is_good(desc->name) ? "a bad type name"
            : desc->cpu == NULL                                    ? "no CPU kernel"
            : desc->params_bytes > YOKE_PARAMS_BYTES_MAX           ? "params_bytes is too large"
            : desc->out_bytes == YOKE_RAGGED                       ? "out_bytes cannot be ragged"
            : desc->num_residents > YOKE_INPUTS_MAX                ? "too many residents"
                                                                   : type_check_program(desc);
    if (*what == NULL) {
        *what = type_check_kernels(desc);
    }
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
    type->num_residents = desc->num_residents;
    type->is_special = desc->num_residents > 0 || desc->program != NULL;
    type->is_total = (desc->flags & YOKE_TYPE_TOTAL) != 0;
    strcpy(type->name, desc->name);
    atomic_init(&type->grain_cost, 0);
    atomic_init(&type->ahead_cost, 0);
    atomic_init(&type->num_serving, 0);
    if (desc->program != NULL) {
        type->program = *desc->program;
        type->program.kernels = NULL; /* the caller's */
    }
}

/* A plan keeps the rules that type_check has for the descriptors of map types: no gap between the
 * inputs; and there are partial results where there is a `finish` for them, and nowhere else. */
static bool type_plan_is_sound(const yoke_type *type, const yoke_plan *plan)
{
    bool has_gap = false;
    for (int k = 1; k < YOKE_INPUTS_MAX; k++) {
        has_gap |= plan->in_bytes[k] != 0 && plan->in_bytes[k - 1] == 0;
    }
    return !has_gap && (plan->partial_bytes > 0) == (type->program.finish != NULL);
}

bool type_plan(const yoke_type *type, const void *params, yoke_plan *plan)
{
    static const _Alignas(uint64_t) unsigned char zeros[YOKE_PARAMS_BYTES_MAX];
    memset(plan, 0, sizeof *plan);
    if (type->program.plan != NULL) {
        params = params != NULL ? params : zeros;
        return type->program.plan(params, plan) == YOKE_OK && type_plan_is_sound(type, plan);
    }
    for (uint32_t k = 0; k < type->num_inputs; k++) {
        bool ragged = type->in_bytes[k] == YOKE_RAGGED;
        plan->in_bytes[k] = ragged ? sizeof(yoke_span) : type->in_bytes[k];
    }
    plan->out_bytes = type->out_bytes;
    return true;
}
