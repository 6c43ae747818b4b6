/*
 * What a program's `record` calls (yoke/program.h): a list of a batch's operations, with barriers
 * where one needs what another did.
 *
 * Threads: a batch's, so one at a time. Pure but for the list: no device is touched.
 */
#ifndef YOKE_RECORDER_H
#define YOKE_RECORDER_H

#include "backends/backend.h"

#define RECORDER_BUFFERS 13 /* bits of yoke_buffers */

typedef struct recorder_buffer {
    backend_place place;
    uint64_t bytes; /* of all items; 0: there is none */
} recorder_buffer;

struct yoke_recorder {
    backend_kernel *const *kernels;
    uint32_t num_kernels;
    recorder_buffer buffers[RECORDER_BUFFERS];
    yoke_buffers read, written; /* since the last barrier */
    bool is_barrier_due;
    const char *mistake; /* the first one; NULL: none */
    uint32_t num_ops;
    backend_op ops[YOKE_PROGRAM_OPS_MAX];
};

/* Empty, without buffers. The kernels must outlive it. */
void recorder_begin(yoke_recorder *r, backend_kernel *const *kernels, uint32_t num_kernels);

/* `buffer`: one bit. */
void recorder_set_buffer(yoke_recorder *r, yoke_buffers buffer, backend_place place,
                         uint64_t bytes);

/* One kernel over the batch's items: all there is for a map type. */
void recorder_add_items(yoke_recorder *r, backend_kernel *kernel);

/* A copy between places that no buffer names; a barrier is to follow. */
void recorder_copy(yoke_recorder *r, backend_place to, backend_place from, uint64_t bytes);

/* A whole buffer from its place to another, and back; nothing if there is no such buffer. */
void recorder_copy_in(yoke_recorder *r, yoke_buffers buffer, backend_place to);
void recorder_copy_out(yoke_recorder *r, yoke_buffers buffer, backend_place from);

#endif
