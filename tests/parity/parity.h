/*
 * Holds a GPU kernel against the CPU kernel of the same type: both run on the same items, in memory
 * that host and device share, and every output byte must be equal.
 *
 * One thread. Runs on every device that is fit; a machine without one is told by num_devices.
 */
#ifndef YOKE_TESTS_PARITY_PARITY_H
#define YOKE_TESTS_PARITY_PARITY_H

#include <stdint.h>

#include <yoke/yoke.h>

#include "tests/tasks/support.h"

/* A ragged item may be this long. */
#define PARITY_RAGGED_BYTES_MAX (1u << 20)

/* Where a generator writes one item. */
typedef struct parity_item {
    uint8_t *data[YOKE_INPUTS_MAX];  /* room for in_bytes[k], or PARITY_RAGGED_BYTES_MAX */
    uint64_t bytes[YOKE_INPUTS_MAX]; /* of each ragged input: to be set */
    uint8_t *params;                 /* room for params_bytes; of some batches the first item's
                                      * serve all */
} parity_item;

/* A type, its two kernels, and where its items come from. */
typedef struct parity_type {
    const char *name;
    const uint32_t *spirv;
    size_t spirv_bytes;
    uint32_t local_size;
    uint32_t in_bytes[YOKE_INPUTS_MAX]; /* as in yoke_type_desc */
    uint32_t out_bytes;
    uint32_t params_bytes;
    yoke_cpu_kernel cpu; /* called without a worker */
    const void *user;
    /* Makes item number `index`; the low numbers are for edge cases. */
    void (*generate)(support_random *random, uint32_t index, parity_item *item);
} parity_type;

typedef struct parity_result {
    uint32_t num_devices; /* fit devices, each of which ran all items */
    uint32_t num_batches;
    uint64_t num_items;
    uint64_t num_wrong;    /* items whose outputs differ */
    const char *complaint; /* the first thing that went wrong, or NULL; valid until the next run */
} parity_result;

/* Runs num_items items on each device, in batches of many sizes, until the first complaint. */
parity_result parity_run(const parity_type *type, support_random *random, uint32_t num_items);

#endif
