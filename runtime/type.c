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

yoke_status type_check(const yoke_type_desc *desc, const char **what)
{
    *what = desc == NULL                                           ? "no type descriptor"
            : desc->struct_bytes < sizeof(yoke_type_desc)          ? "struct_bytes is not set"
            : desc->flags != 0                                     ? "a flag is not known"
            : desc->name == NULL || !type_name_is_good(desc->name) ? "a bad type name"
            : desc->cpu == NULL                                    ? "no CPU kernel"
            : desc->params_bytes > YOKE_PARAMS_BYTES_MAX           ? "params_bytes is too large"
                                                                   : NULL;
    if (*what != NULL) {
        return YOKE_INVALID;
    }
    for (int k = 1; k < YOKE_INPUTS_MAX; k++) {
        if (desc->in_bytes[k] != 0 && desc->in_bytes[k - 1] == 0) {
            *what = "a gap in in_bytes";
            return YOKE_INVALID;
        }
    }
    if (desc->out_bytes == YOKE_RAGGED) {
        *what = "out_bytes cannot be ragged";
        return YOKE_INVALID;
    }
    return YOKE_OK;
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
        type->num_inputs++;
    }
    type->out_bytes = desc->out_bytes;
    type->params_bytes = desc->params_bytes;
    strcpy(type->name, desc->name);
    atomic_init(&type->grain_cost, 1);
}
