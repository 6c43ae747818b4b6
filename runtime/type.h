/*
 * Registered types: immutable after registration, but for the learned grain, the lane and the
 * number of devices that serve it.
 *
 * The lane is the bounded queue of tickets that wait for a GPU: one for each type, shared by all
 * devices, so that the one that is free takes the next. Its producers are those that route jobs,
 * its consumers the submitters.
 *
 * Threads: the table of types is behind a mutex; a type itself is read by anybody.
 */
#ifndef YOKE_TYPE_H
#define YOKE_TYPE_H

#include <yoke/program.h>

#include "base.h"
#include "ring.h"

#define TYPE_LOCAL_SIZE_DEFAULT 64

/* A GPU kernel, copied. */
typedef struct type_kernel {
    uint32_t *spirv;
    size_t spirv_bytes;
    uint32_t local_size;
    char entry[YOKE_TYPE_NAME_BYTES_MAX];
} type_kernel;

struct yoke_type {
    yoke_runtime *rt;
    uint32_t index; /* in order of registration */
    yoke_cpu_kernel cpu;
    uint64_t (*cost)(const yoke_job *job);
    void *user;
    uint32_t in_bytes[YOKE_INPUTS_MAX];
    uint32_t num_inputs;
    uint32_t out_bytes;
    uint32_t params_bytes;
    uint32_t num_residents;
    bool is_special; /* it has residents or a plan */
    bool is_ragged;  /* some input is */
    bool is_total;   /* YOKE_TYPE_TOTAL */
    char name[YOKE_TYPE_NAME_BYTES_MAX];
    uint32_t num_kernels; /* of a map type 0 or 1; 0: it runs on the CPU only */
    type_kernel *kernels;
    yoke_program program;         /* of a program type; else its plan is NULL */
    ring lane;                    /* only where there is a GPU kernel */
    _Atomic uint64_t ahead_cost;  /* of batches that devices are at; a hint (relaxed) */
    _Atomic uint32_t num_serving; /* devices whose submitters take from the lane */
    /* What a worker takes at a time, in cost: learned from measured time, a hint (relaxed). 0: not
     * yet. */
    _Alignas(BASE_LINE_BYTES) _Atomic uint64_t grain_cost;
};

static inline bool type_has_gpu(const yoke_type *type)
{
    return type->num_kernels > 0;
}

/* What an item is: of a map type always the same, with a yoke_span for each ragged input; of a
 * program type what its plan says for the params (NULL: zeros). False: there is no such problem. */
bool type_plan(const yoke_type *type, const void *params, yoke_plan *plan);

/* YOKE_OK, or YOKE_INVALID and *what tells which rule the descriptor breaks. */
yoke_status type_check(const yoke_type_desc *desc, const char **what);

/* The GPU kernels of a checked descriptor; NULL: none. */
const yoke_gpu_kernel *type_desc_kernels(const yoke_type_desc *desc, uint32_t *num_kernels);

/* Fills in a type from a checked descriptor, but for its GPU kernels and its lane. */
void type_init(yoke_type *type, yoke_runtime *rt, const yoke_type_desc *desc);

#endif
