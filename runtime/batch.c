/*
 * Packing, and the question when a batch closes. The layout is told in batch.h.
 *
 * Costs: a compare-exchange for each claim (none for a job of one item, whose ticket is its claim)
 * and a copy of its inputs; nothing is allocated.
 */
#include "batch.h"

#include <string.h>

#define BATCH_ALIGN 64
#define BATCH_SPAN_ALIGN 8
#define BATCH_ITEM_ALIGN 16 /* what kernels may rely on for the first item of an array */

static size_t batch_align(size_t bytes, size_t align)
{
    return (bytes + align - 1) / align * align;
}

static uint64_t batch_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* -- layout ---------------------------------------------------------------------------------- */

static size_t batch_in_stride(const yoke_type *type, uint32_t k)
{
    return type->in_bytes[k] == YOKE_RAGGED ? sizeof(backend_span) : type->in_bytes[k];
}

static size_t batch_params_stride(const yoke_type *type)
{
    return batch_align(type->params_bytes, 8);
}

uint32_t batch_capacity(const yoke_type *type, size_t bytes)
{
    size_t room = type->is_ragged ? bytes / 2 : bytes; /* the other half is for the data */
    size_t gaps = sizeof(backend_block) + (YOKE_INPUTS_MAX + 3) * BATCH_ALIGN;
    size_t stride = type->out_bytes + batch_params_stride(type);
    for (uint32_t k = 0; k < type->num_inputs; k++) {
        stride += batch_in_stride(type, k);
    }
    if (room < gaps) {
        return 0;
    }
    return stride == 0 ? UINT32_MAX : (uint32_t)batch_min((room - gaps) / stride, UINT32_MAX);
}

void batch_open(batch *b, const yoke_type *type, uint64_t target_cost, uint64_t now_ns)
{
    b->type = type;
    b->num_items = 0;
    b->num_claims = 0;
    b->max_items = batch_capacity(type, b->memory.bytes);
    b->params_stride = 0;
    b->cost = 0;
    b->target_cost = target_cost;
    b->min_cost = 0;
    b->opened_ns = now_ns;
    b->quiet_looks = 0;
    b->data_used = 0;
    b->in_place = false;
    b->is_closed = false;
    b->num_used = 0;
    size_t at = sizeof(backend_block);
    for (uint32_t k = 0; k < type->num_inputs; k++) {
        b->in_at[k] = at = batch_align(at, BATCH_ALIGN);
        at += b->max_items * batch_in_stride(type, k);
    }
    b->params_at = at = batch_align(at, BATCH_ALIGN);
    at += b->max_items * batch_params_stride(type);
    b->out_at = at = batch_align(at, BATCH_ALIGN);
    b->data_at = batch_align(at + (size_t)b->max_items * type->out_bytes, BATCH_ALIGN);
}

static char *batch_at(const batch *b, size_t offset)
{
    return (char *)b->memory.host + offset;
}

/* -- when it closes -------------------------------------------------------------------------- */

bool batch_is_full(const batch *b)
{
    return b->in_place || b->is_closed || b->cost >= b->target_cost ||
           b->num_items == b->max_items || b->num_claims == BATCH_CLAIMS_MAX;
}

bool batch_is_due(const batch *b, uint64_t now_ns, uint64_t wait_ns_max, bool device_is_idle)
{
    uint32_t enough = b->num_claims > 1 ? BATCH_QUIET_LOOKS : 1;
    bool is_quiet = b->quiet_looks >= enough && b->cost >= b->min_cost;
    return b->num_items > 0 && (batch_is_full(b) || now_ns - b->opened_ns >= wait_ns_max ||
                                (device_is_idle && is_quiet));
}

/* -- what fits ------------------------------------------------------------------------------- */

/* The bytes that the item's ragged inputs take in the data. */
static uint64_t batch_item_data_bytes(const yoke_type *type, const yoke_job *job, uint32_t item)
{
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < type->num_inputs; k++) {
        if (type->in_bytes[k] != YOKE_RAGGED) {
            continue;
        }
        uint64_t span = ((const yoke_span *)job->in[k])[item].bytes;
        if (span > UINT32_MAX) {
            return UINT64_MAX; /* far more than any slot */
        }
        bytes += batch_align(span, BATCH_SPAN_ALIGN);
    }
    return bytes;
}

/* How many items from `first` on there is room for, in a batch that is not full. */
static uint32_t batch_room(const batch *b, yoke_job *job, uint32_t first)
{
    uint64_t missing = (b->target_cost - b->cost) / job_core_of(job)->item_cost;
    uint64_t room = batch_min(b->max_items - b->num_items, job->num_items - first);
    room = batch_min(room, missing > 0 ? missing : 1);
    if (!b->type->is_ragged) {
        return (uint32_t)room;
    }
    uint64_t data = b->memory.bytes - b->data_at - b->data_used;
    uint32_t count = 0;
    while (count < room) {
        uint64_t bytes = batch_item_data_bytes(b->type, job, first + count);
        if (bytes > data) {
            break;
        }
        data -= bytes;
        count++;
    }
    return count;
}

/* -- in place -------------------------------------------------------------------------------- */

void batch_close(batch *b, region_table *regions)
{
    while (b->num_used > 0) {
        region_unuse(regions, b->used[--b->num_used]);
    }
}

static bool batch_use(batch *b, region_table *regions, const region_device *device,
                      const void *memory, size_t bytes, uint64_t *address)
{
    if (!region_use(regions, device, memory, bytes, address, &b->used[b->num_used])) {
        return false;
    }
    b->num_used++;
    return *address % BATCH_ITEM_ALIGN == 0;
}

/* Points the block at the job's own buffers, if they are large and the device sees all of them. */
static bool batch_map(batch *b, const yoke_job *job, uint32_t first, uint32_t count,
                      region_table *regions, const region_device *device)
{
    const yoke_type *type = b->type;
    uint64_t item_bytes = type->in_bytes[0] + (uint64_t)type->out_bytes;
    if (b->num_items > 0 || type->is_ragged || count * item_bytes < BATCH_IN_PLACE_BYTES_MIN) {
        return false;
    }
    bool mapped = true;
    for (uint32_t k = 0; k < type->num_inputs && mapped; k++) {
        size_t stride = type->in_bytes[k];
        mapped = batch_use(b, regions, device, (const char *)job->in[k] + first * stride,
                           count * stride, &b->in_address[k]);
    }
    if (mapped && type->out_bytes > 0) {
        mapped = batch_use(b, regions, device, (char *)job->out + (size_t)first * type->out_bytes,
                           (size_t)count * type->out_bytes, &b->out_address);
    }
    if (!mapped) {
        batch_close(b, regions);
    }
    return mapped;
}

/* -- packing --------------------------------------------------------------------------------- */

static void batch_pack_spans(batch *b, uint32_t k, const yoke_span *spans, uint32_t count)
{
    backend_span *packed = (backend_span *)(void *)batch_at(b, b->in_at[k]) + b->num_items;
    for (uint32_t i = 0; i < count; i++) {
        size_t at = b->data_at + b->data_used;
        packed[i] = (backend_span){b->memory.address + at, spans[i].bytes};
        if (spans[i].bytes > 0) {
            memcpy(batch_at(b, at), spans[i].data, spans[i].bytes);
        }
        b->data_used += batch_align(spans[i].bytes, BATCH_SPAN_ALIGN);
    }
}

static void batch_pack_inputs(batch *b, const yoke_job *job, uint32_t first, uint32_t count)
{
    const yoke_type *type = b->type;
    for (uint32_t k = 0; k < type->num_inputs; k++) {
        if (type->in_bytes[k] == YOKE_RAGGED) {
            batch_pack_spans(b, k, (const yoke_span *)job->in[k] + first, count);
        } else {
            size_t stride = type->in_bytes[k];
            memcpy(batch_at(b, b->in_at[k] + b->num_items * stride),
                   (const char *)job->in[k] + first * stride, count * stride);
        }
    }
}

/* The first job's params serve all; when another's differ, each item gets its own. */
static void batch_pack_params(batch *b, yoke_job *job, uint32_t count)
{
    size_t stride = batch_params_stride(b->type);
    const void *params = job_params(job);
    char *packed = batch_at(b, b->params_at);
    if (b->num_items == 0) {
        memcpy(packed, params, b->type->params_bytes);
        return;
    }
    if (b->params_stride == 0 && memcmp(packed, params, b->type->params_bytes) == 0) {
        return;
    }
    for (uint32_t i = 1; b->params_stride == 0 && i < b->num_items; i++) {
        memcpy(packed + i * stride, packed, stride);
    }
    b->params_stride = (uint32_t)stride;
    for (uint32_t i = b->num_items; i < b->num_items + count; i++) {
        memcpy(packed + i * stride, params, b->type->params_bytes);
    }
}

/* Claimed items become the batch's. */
static void batch_join(batch *b, yoke_job *job, uint32_t first, uint32_t count)
{
    if (!b->in_place) {
        batch_pack_inputs(b, job, first, count);
    }
    if (b->type->params_bytes > 0) {
        batch_pack_params(b, job, count);
    }
    b->claims[b->num_claims++] = (batch_claim){job, first, count};
    b->num_items += count;
    b->cost += count * job_core_of(job)->item_cost;
}

/* The job's next item does not fit: the batch goes as it is, or the item fits in none. */
static batch_added batch_no_room(batch *b)
{
    b->is_closed = b->num_items > 0;
    return b->num_items == 0 ? BATCH_TOO_LARGE : BATCH_TOOK_PART;
}

/* Claims from a job of several items; what another engine took meanwhile is not ours. */
static batch_added batch_add_many(batch *b, yoke_job *job, region_table *regions,
                                  const region_device *device)
{
    while (job_unclaimed_any(job) > 0) {
        uint32_t first = job_front_any(job);
        uint32_t room = batch_is_full(b) ? 0 : batch_room(b, job, first);
        if (room == 0) {
            return batch_no_room(b);
        }
        uint32_t count = job_claim_front_any(job, first, room);
        if (count > 0) {
            b->in_place = batch_map(b, job, first, count, regions, device);
            batch_join(b, job, first, count);
        }
    }
    return BATCH_TOOK_ALL;
}

batch_added batch_add(batch *b, yoke_job *job, region_table *regions, const region_device *device)
{
    if (batch_is_full(b)) {
        return BATCH_TOOK_PART;
    }
    if (job->num_items > 1) {
        return batch_add_many(b, job, regions, device);
    }
    if (batch_room(b, job, 0) == 0) {
        return batch_no_room(b);
    }
    batch_join(b, job, 0, 1);
    return BATCH_TOOK_ALL;
}

/* -- to the device and back ------------------------------------------------------------------ */

void batch_seal(batch *b)
{
    backend_block *block = b->memory.host;
    memset(block, 0, sizeof *block);
    for (uint32_t k = 0; k < b->type->num_inputs; k++) {
        block->in[k] = b->in_place ? b->in_address[k] : b->memory.address + b->in_at[k];
    }
    block->out = b->in_place ? b->out_address : b->memory.address + b->out_at;
    block->params = b->memory.address + b->params_at;
    block->params_stride = b->params_stride;
    block->num_items = b->num_items;
}

backend_batch batch_for_device(const batch *b, backend_kernel *kernel)
{
    return (backend_batch){
        .kernel = kernel,
        .slot = b->slot,
        .num_items = b->num_items,
        .block = b->memory.address,
        .block_host = b->memory.host,
    };
}

void batch_unpack(const batch *b, const batch_claim *claim, uint32_t at)
{
    size_t stride = b->type->out_bytes;
    if (stride > 0 && !b->in_place) {
        memcpy((char *)claim->job->out + claim->first * stride,
               batch_at(b, b->out_at + at * stride), claim->count * stride);
    }
}
