/*
 * The recorder's list, and its rule for barriers.
 *
 * An operation waits for those before it if it reads or writes a buffer that one of them has
 * written since the last barrier, or writes one that one of them has read. A barrier is for
 * everything, so after it nothing is to be waited for. Whole buffers count, not ranges: where that
 * is too coarse a program takes another scratch buffer.
 *
 * What always holds: after a mistake nothing more is recorded.
 */
#include "recorder.h"

#include <string.h>

/* Inputs may be the job's own memory, and the CPU may have to run it again; residents are shared.
 */
#define RECORDER_READ_ONLY (YOKE_BUFFER_SCRATCH(0) - 1)

void recorder_begin(yoke_recorder *r, backend_kernel *const *kernels, uint32_t num_kernels)
{
    memset(r, 0, offsetof(yoke_recorder, ops));
    r->kernels = kernels;
    r->num_kernels = num_kernels;
}

void recorder_set_buffer(yoke_recorder *r, yoke_buffers buffer, backend_place place, uint64_t bytes)
{
    r->buffers[__builtin_ctz(buffer)] = (recorder_buffer){place, bytes};
}

/* NULL: the first mistake is kept, and the list stays as it is. */
static backend_op *recorder_fail(yoke_recorder *r, const char *mistake)
{
    r->mistake = r->mistake != NULL ? r->mistake : mistake;
    return NULL;
}

static yoke_buffers recorder_present(const yoke_recorder *r)
{
    yoke_buffers present = 0;
    for (uint32_t i = 0; i < RECORDER_BUFFERS; i++) {
        present |= r->buffers[i].bytes > 0 ? 1u << i : 0;
    }
    return present;
}

/* The next operation, with its barrier; NULL after a mistake. */
static backend_op *recorder_add(yoke_recorder *r, backend_op_kind kind, yoke_buffers reads,
                                yoke_buffers writes)
{
    if (r->mistake != NULL) {
        return NULL;
    }
    if (r->num_ops == YOKE_PROGRAM_OPS_MAX) {
        return recorder_fail(r, "too many operations");
    }
    if (((reads | writes) & ~recorder_present(r)) != 0) {
        return recorder_fail(r, "a buffer that the batch does not have");
    }
    if ((writes & RECORDER_READ_ONLY) != 0) {
        return recorder_fail(r, "an input or a resident is written");
    }
    bool waits =
        r->is_barrier_due || (reads & r->written) != 0 || (writes & (r->read | r->written)) != 0;
    if (waits) {
        r->read = r->written = 0;
        r->is_barrier_due = false;
    }
    r->read |= reads;
    r->written |= writes;
    backend_op *op = &r->ops[r->num_ops];
    memset(op, 0, sizeof *op);
    op->kind = kind;
    op->waits = waits && r->num_ops > 0;
    r->num_ops++;
    return op;
}

void recorder_add_items(yoke_recorder *r, backend_kernel *kernel)
{
    backend_op *op = recorder_add(r, BACKEND_OP_ITEMS, 0, 0);
    if (op != NULL) {
        op->kernel = kernel;
    }
}

void yoke_record_dispatch(yoke_recorder *r, uint32_t kernel, uint32_t groups_x, uint32_t groups_y,
                          uint32_t groups_z, const void *push, uint32_t push_bytes,
                          yoke_buffers reads, yoke_buffers writes)
{
    const uint32_t groups[3] = {groups_x, groups_y, groups_z};
    bool has_bad_push =
        push_bytes > YOKE_PUSH_BYTES_MAX || push_bytes % 4 != 0 || (push_bytes > 0 && push == NULL);
    if (kernel >= r->num_kernels || has_bad_push) {
        recorder_fail(r, "a dispatch of no kernel, or with bad push constants");
        return;
    }
    for (int i = 0; i < 3; i++) {
        if (groups[i] == 0 || groups[i] > BACKEND_GROUPS_MAX) {
            recorder_fail(r, "a dispatch of no workgroups, or of too many in a row");
            return;
        }
    }
    backend_op *op = recorder_add(r, BACKEND_OP_DISPATCH, reads, writes);
    if (op != NULL) {
        op->kernel = r->kernels[kernel];
        memcpy(op->groups, groups, sizeof groups);
        op->push_bytes = push_bytes;
        if (push_bytes > 0) {
            memcpy(op->push, push, push_bytes);
        }
    }
}

static void recorder_copy_whole(yoke_recorder *r, yoke_buffers reads, yoke_buffers writes,
                                backend_place to, backend_place from, uint64_t bytes)
{
    backend_op *op = bytes > 0 ? recorder_add(r, BACKEND_OP_COPY, reads, writes) : NULL;
    if (op != NULL) {
        op->to = to;
        op->from = from;
        op->bytes = bytes;
    }
}

void recorder_copy(yoke_recorder *r, backend_place to, backend_place from, uint64_t bytes)
{
    recorder_copy_whole(r, 0, 0, to, from, bytes);
}

void recorder_copy_in(yoke_recorder *r, yoke_buffers buffer, backend_place to)
{
    const recorder_buffer *of = &r->buffers[__builtin_ctz(buffer)];
    recorder_copy_whole(r, buffer, 0, to, of->place, of->bytes);
}

void recorder_copy_out(yoke_recorder *r, yoke_buffers buffer, backend_place from)
{
    const recorder_buffer *of = &r->buffers[__builtin_ctz(buffer)];
    recorder_copy_whole(r, 0, buffer, of->place, from, of->bytes);
}

/* The place of a range of one buffer; false: there is no such range. */
static bool recorder_find(yoke_recorder *r, yoke_buffers buffer, uint64_t offset, uint64_t bytes,
                          backend_place *place)
{
    if (__builtin_popcount(buffer) != 1 || buffer >> RECORDER_BUFFERS != 0) {
        return false;
    }
    const recorder_buffer *found = &r->buffers[__builtin_ctz(buffer)];
    *place = found->place;
    place->offset += offset;
    return bytes > 0 && bytes % 4 == 0 && offset % 4 == 0 && bytes <= found->bytes &&
           offset <= found->bytes - bytes;
}

void yoke_record_copy(yoke_recorder *r, yoke_buffers to, uint64_t to_offset, yoke_buffers from,
                      uint64_t from_offset, uint64_t bytes)
{
    backend_place to_place, from_place;
    if (to == from || !recorder_find(r, to, to_offset, bytes, &to_place) ||
        !recorder_find(r, from, from_offset, bytes, &from_place)) {
        recorder_fail(r, "a copy between ranges that are not there");
        return;
    }
    recorder_copy_whole(r, from, to, to_place, from_place, bytes);
}

void yoke_record_fill(yoke_recorder *r, yoke_buffers to, uint64_t offset, uint64_t bytes,
                      uint32_t word)
{
    backend_place place;
    if (!recorder_find(r, to, offset, bytes, &place)) {
        recorder_fail(r, "a fill of a range that is not there");
        return;
    }
    backend_op *op = recorder_add(r, BACKEND_OP_FILL, 0, to);
    if (op != NULL) {
        op->to = place;
        op->bytes = bytes;
        op->word = word;
    }
}

void yoke_record_barrier(yoke_recorder *r)
{
    r->is_barrier_due = true;
}
