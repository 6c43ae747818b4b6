/*
 * What a full batch does on its device: the block of parameters, the residents it brings along, and
 * the list of operations. A submitter's; costs a microsecond, and a program's `record`.
 */
#include "seal.h"

#include <string.h>

static uint64_t seal_array_bytes(const batch *b, uint32_t k)
{
    return b->stride[k] * b->num_items;
}

/* Whether the batch asks to be staged and can be: copies are of whole words, and what follows a
 * mapped array is not ours to read or write. */
static bool seal_can_stage(const batch *b)
{
    bool can = b->is_staged && !b->type->is_ragged;
    for (uint32_t k = 0; k < BATCH_ARRAYS && can; k++) {
        bool is_whole = seal_array_bytes(b, k) % 4 == 0 && b->arrays[k].offset % 4 == 0;
        can = is_whole || (b->mapped >> k & 1) == 0;
    }
    return can;
}

static yoke_buffers seal_bit(uint32_t k)
{
    return k == BATCH_OUT ? YOKE_BUFFER_OUT : YOKE_BUFFER_IN(k);
}

/* The kernel works on copies in the device's own memory. `staged`: where they are. */
static void seal_record_staged(batch *b, backend_kernel *kernel, const backend_place *staged)
{
    yoke_recorder *r = &b->recorder;
    for (uint32_t k = 0; k < BATCH_ARRAYS; k++) {
        uint64_t bytes = (seal_array_bytes(b, k) + 3) / 4 * 4; /* the slack is in nobody's way */
        if (bytes > 0) {
            recorder_set_buffer(r, seal_bit(k), b->arrays[k], bytes);
        }
    }
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX; k++) {
        recorder_copy_in(r, seal_bit(k), staged[k]);
    }
    yoke_record_barrier(r);
    recorder_add_items(r, kernel);
    yoke_record_barrier(r);
    recorder_copy_out(r, YOKE_BUFFER_OUT, staged[BATCH_OUT]);
}

static void seal_record_program(batch *b, const backend_place *scratch)
{
    yoke_recorder *r = &b->recorder;
    for (uint32_t k = 0; k < BATCH_ARRAYS; k++) {
        if (b->stride[k] > 0) {
            recorder_set_buffer(r, seal_bit(k), b->arrays[k], seal_array_bytes(b, k));
        }
    }
    for (uint32_t k = 0; k < YOKE_SCRATCH_MAX; k++) {
        if (b->plan.scratch_bytes[k] > 0) {
            recorder_set_buffer(r, YOKE_BUFFER_SCRATCH(k), scratch[k],
                                b->plan.scratch_bytes[k] * b->num_items);
        }
    }
    const yoke_batch_shape shape = {
        .plan = &b->plan,
        .params = (const char *)b->memory.host + b->params_at,
        .num_items = b->num_items,
        .user = b->type->user,
    };
    b->type->program.record(r, &shape);
}

/* The device's copies of the residents; those that it has not got yet the batch makes first. False:
 * the device has no room. */
static bool seal_bring_residents(batch *b, region_table *regions, const region_device *device)
{
    backend_block *block = b->memory.host;
    for (uint32_t k = 0; k < b->type->num_residents; k++) {
        const yoke_resident *resident = b->residents[k];
        backend_place copy, source;
        if (region_use_copy(regions, device, resident->data, &copy, &source) != YOKE_OK) {
            return false;
        }
        block->resident[k] = backend_address(copy);
        recorder_set_buffer(&b->recorder, YOKE_BUFFER_RESIDENT(k), copy, resident->bytes);
        if (source.memory != NULL) {
            b->copied |= 1u << k;
            recorder_copy(&b->recorder, copy, source, copy.memory->bytes);
        }
    }
    if (b->copied != 0) {
        yoke_record_barrier(&b->recorder);
    }
    return true;
}

/* What a program's items keep on the device while they run. It was there when they joined, but may
 * have been lost since, when more of it was refused. */
static bool seal_has_scratch(batch *b, const region_device *device)
{
    uint64_t bytes = scratch_bytes(b->plan.scratch_bytes, YOKE_SCRATCH_MAX, b->num_items);
    return scratch_grow(&b->scratch, device, bytes);
}

/* The block, for arrays and scratch buffers at these places. */
static void seal_write_block(batch *b, const backend_place *arrays, const backend_place *scratch)
{
    backend_block *block = b->memory.host;
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX; k++) {
        block->in[k] = b->stride[k] > 0 ? backend_address(arrays[k]) : 0;
    }
    block->out = backend_address(arrays[BATCH_OUT]);
    block->params = b->memory.address + b->params_at;
    block->params_stride = b->params_stride;
    block->num_items = b->num_items;
    for (uint32_t k = 0; k < YOKE_SCRATCH_MAX && scratch != NULL; k++) {
        block->scratch[k] = backend_address(scratch[k]);
    }
}

static bool seal_stage(batch *b, const region_device *device)
{
    uint64_t bytes = scratch_bytes(b->stride, BATCH_ARRAYS, b->num_items);
    b->is_staged = seal_can_stage(b) && scratch_grow(&b->scratch, device, bytes);
    return b->is_staged;
}

/* Where the batch's data is for its kernels, into the block; and the list of operations. */
static void seal_record(batch *b, backend_kernel *const *kernels, const region_device *device)
{
    backend_place places[BATCH_ARRAYS];
    if (b->type->program.plan != NULL) {
        b->is_staged = false; /* a program copies what it likes */
        scratch_place(&b->scratch, b->plan.scratch_bytes, YOKE_SCRATCH_MAX, b->num_items, places);
        seal_write_block(b, b->arrays, places);
        seal_record_program(b, places);
    } else if (seal_stage(b, device)) {
        scratch_place(&b->scratch, b->stride, BATCH_ARRAYS, b->num_items, places);
        seal_write_block(b, places, NULL);
        seal_record_staged(b, kernels[0], places);
    } else {
        seal_write_block(b, b->arrays, NULL);
        recorder_add_items(&b->recorder, kernels[0]);
    }
}

const char *seal_batch(batch *b, backend_kernel *const *kernels, region_table *regions,
                       const region_device *device)
{
    backend_block *block = b->memory.host;
    memset(block, 0, sizeof *block);
    recorder_begin(&b->recorder, kernels, b->type->num_kernels);
    if (!seal_bring_residents(b, regions, device)) {
        return "the device has no room for a resident";
    }
    if (!seal_has_scratch(b, device)) {
        return "the device has no room for its scratch";
    }
    uint32_t num_copies = b->recorder.num_ops;
    seal_record(b, kernels, device);
    if (b->recorder.mistake == NULL && b->recorder.num_ops == num_copies) {
        return "nothing was recorded";
    }
    return b->recorder.mistake;
}

backend_batch seal_for_device(const batch *b)
{
    return (backend_batch){
        .slot = b->slot,
        .num_items = b->num_items,
        .block = b->memory.address,
        .block_host = b->memory.host,
        .ops = b->recorder.ops,
        .num_ops = b->recorder.num_ops,
    };
}
