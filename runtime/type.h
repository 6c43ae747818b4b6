/*
 * Registered types: immutable after registration, but for the learned grain.
 *
 * Threads: the table of types is behind a mutex; a type itself is read by anybody.
 */
#ifndef YOKE_TYPE_H
#define YOKE_TYPE_H

#include "base.h"

struct yoke_type {
    yoke_runtime *rt;
    yoke_type *next; /* in the runtime's table */
    yoke_cpu_kernel cpu;
    uint64_t (*cost)(const yoke_job *job);
    void *user;
    uint32_t in_bytes[YOKE_INPUTS_MAX];
    uint32_t num_inputs;
    uint32_t out_bytes;
    uint32_t params_bytes;
    char name[YOKE_TYPE_NAME_BYTES_MAX];
    /* What a worker takes at a time, in cost: learned from measured time, a hint (relaxed). */
    _Alignas(BASE_LINE_BYTES) _Atomic uint64_t grain_cost;
};

/* YOKE_OK, or YOKE_INVALID and *what tells which rule the descriptor breaks. */
yoke_status type_check(const yoke_type_desc *desc, const char **what);

/* Fills in a type from a checked descriptor. */
void type_init(yoke_type *type, yoke_runtime *rt, const yoke_type_desc *desc);

#endif
