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

#include "base.h"
#include "ring.h"

#define TYPE_LOCAL_SIZE_DEFAULT 64

/* The type's GPU kernel, copied; spirv is NULL if it has none. */
typedef struct type_gpu {
    uint32_t *spirv;
    size_t spirv_bytes;
    uint32_t local_size;
    char entry[YOKE_TYPE_NAME_BYTES_MAX];
} type_gpu;

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
    bool is_ragged; /* some input is */
    char name[YOKE_TYPE_NAME_BYTES_MAX];
    type_gpu gpu;
    ring lane;                    /* only where there is a GPU kernel */
    _Atomic uint32_t num_serving; /* devices whose submitters take from the lane */
    /* What a worker takes at a time, in cost: learned from measured time, a hint (relaxed). */
    _Alignas(BASE_LINE_BYTES) _Atomic uint64_t grain_cost;
};

/* YOKE_OK, or YOKE_INVALID and *what tells which rule the descriptor breaks. */
yoke_status type_check(const yoke_type_desc *desc, const char **what);

/* Fills in a type from a checked descriptor, but for the memory of its GPU side. */
void type_init(yoke_type *type, yoke_runtime *rt, const yoke_type_desc *desc);

#endif
