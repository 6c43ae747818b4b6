/*
 * Packing, and the question when a batch closes. The layout is told in batch.h.
 *
 * Costs: a compare-exchange for each claim (none for a job of one item, whose ticket is its claim)
 * and a copy of its inputs. Nothing is allocated but more scratch for a slot, when a program or a
 * staged batch needs more than any before it in that slot.
 */
#include "batch.h"

#include <string.h>

#define BATCH_ALIGN 64
#define BATCH_SPAN_ALIGN 8
#define BATCH_ITEM_ALIGN 16 /* what kernels may rely on for the first item of an array */
#define BATCH_GAPS (sizeof(backend_block) + (YOKE_INPUTS_MAX + 3) * BATCH_ALIGN)
#define BATCH_PAGE 4096
#define BATCH_SCRATCH_BYTES (UINT64_C(64) << 20) /* for more than one item */

static size_t batch_align(size_t bytes, size_t align)
{
    return (bytes + align - 1) / align * align;
}

static uint64_t batch_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* -- layout ---------------------------------------------------------------------------------- */

static size_t batch_params_stride(const yoke_type *type)
{
    return batch_align(type->params_bytes, 8);
}

/* What an item takes in the arrays that are not mapped, and of the params. */
static uint64_t batch_item_bytes(const yoke_type *type, const uint64_t stride[BATCH_ARRAYS],
                                 uint32_t mapped)
{
    uint64_t item = batch_params_stride(type);
    for (uint32_t k = 0; k < BATCH_ARRAYS; k++) {
        uint64_t more = (mapped >> k & 1) != 0 ? 0 : stride[k];
        item = more > UINT64_MAX - item ? UINT64_MAX : item + more;
    }
    return item;
}

/* How many items the arrays that are not mapped have room for. */
static uint32_t batch_room_for(const yoke_type *type, const uint64_t stride[BATCH_ARRAYS],
                               uint32_t mapped, size_t bytes)
{
    size_t room = type->is_ragged ? bytes / 2 : bytes; /* the other half is for the data */
    uint64_t item = batch_item_bytes(type, stride, mapped);
    if (room < BATCH_GAPS) {
        return 0;
    }
    return item == 0 ? UINT32_MAX : (uint32_t)batch_min((room - BATCH_GAPS) / item, UINT32_MAX);
}

static void batch_strides(const yoke_plan *plan, uint64_t stride[BATCH_ARRAYS])
{
    memcpy(stride, plan->in_bytes, sizeof plan->in_bytes);
    stride[BATCH_OUT] = plan->partial_bytes > 0 ? plan->partial_bytes : plan->out_bytes;
}

uint32_t batch_capacity(const yoke_type *type, size_t bytes)
{
    yoke_plan plan;
    uint64_t stride[BATCH_ARRAYS];
    type_plan(type, NULL, &plan);
    batch_strides(&plan, stride);
    return batch_room_for(type, stride, 0, bytes);
}

/* A place for an array in the slot's memory; *at is where the next begins. */
static void batch_place(batch *b, uint32_t k, size_t *at)
{
    if ((b->mapped >> k & 1) == 0) {
        *at = batch_align(*at, BATCH_ALIGN);
        b->arrays[k] = (backend_place){&b->memory, *at};
        *at += b->max_items * b->stride[k];
    }
}

/* Of an empty batch, whose plan and mapped arrays are known. */
static void batch_lay_out(batch *b)
{
    size_t at = sizeof(backend_block);
    b->max_items = batch_room_for(b->type, b->stride, b->mapped, b->memory.bytes);
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX; k++) {
        batch_place(b, k, &at);
    }
    b->params_at = at = batch_align(at, BATCH_ALIGN);
    at += b->max_items * batch_params_stride(b->type);
    batch_place(b, BATCH_OUT, &at);
    b->data_at = batch_align(at, BATCH_ALIGN);
}

void batch_open(batch *b, const yoke_type *type, uint64_t target_cost, uint64_t now_ns)
{
    b->type = type;
    b->num_items = 0;
    b->num_claims = 0;
    b->max_items = UINT32_MAX;
    b->params_stride = 0;
    b->cost = 0;
    b->target_cost = target_cost;
    b->min_cost = 0;
    b->opened_ns = now_ns;
    b->quiet_looks = 0;
    b->learned = (snapshot_type){0};
    b->ahead_cost = 0;
    b->packed_ns = 0;
    b->mapped = 0;
    b->data_used = 0;
    b->is_closed = false;
    b->is_staged = false;
    b->is_run = false;
    b->is_trial = false;
    b->num_used = 0;
    b->copied = 0;
    if (type->program.plan == NULL) {
        type_plan(type, NULL, &b->plan);
        batch_strides(&b->plan, b->stride);
        batch_lay_out(b);
    }
}

static char *batch_at(const batch *b, size_t offset)
{
    return (char *)b->memory.host + offset;
}

/* -- when it closes -------------------------------------------------------------------------- */

bool batch_is_full(const batch *b)
{
    bool has_room = b->num_items == 0 || (b->mapped == 0 && b->num_items < b->max_items);
    return !has_room || b->is_closed || b->cost >= b->target_cost ||
           b->num_claims == BATCH_CLAIMS_MAX;
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
        if (span > BATCH_SPAN_BYTES_MAX) {
            return UINT64_MAX;
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

/* How many more items the scratch has room for, which grows for them; at most `count`. */
static uint32_t batch_room_in_scratch(batch *b, const region_device *device, uint32_t count)
{
    while (count > 0) {
        uint64_t items = (uint64_t)b->num_items + count;
        uint64_t bytes = scratch_bytes(b->plan.scratch_bytes, YOKE_SCRATCH_MAX, items);
        bool is_modest = bytes <= BATCH_SCRATCH_BYTES || items == 1;
        if (bytes == 0 || (is_modest && scratch_grow(&b->scratch, device, bytes))) {
            break;
        }
        count /= 2;
    }
    return count;
}

/* -- in place -------------------------------------------------------------------------------- */

static void batch_unuse(batch *b, region_table *regions)
{
    while (b->num_used > 0) {
        region_unuse(regions, b->used[--b->num_used]);
    }
}

/* Points an array at the job's own, if the device sees all of that. */
static bool batch_map_one(batch *b, uint32_t k, const yoke_job *job, uint32_t first,
                          region_table *regions, const region_device *device)
{
    const void *memory = k == BATCH_OUT ? job->out : job->in[k];
    uint64_t bytes = job->num_items * b->stride[k];
    backend_place place;
    if (b->stride[k] == 0 || (k == BATCH_OUT && b->plan.partial_bytes > 0) ||
        !region_use(regions, device, memory, bytes, &place, &b->used[b->num_used])) {
        return false;
    }
    place.offset += first * b->stride[k];
    if (backend_address(place) % BATCH_ITEM_ALIGN != 0) {
        region_unuse(regions, b->used[b->num_used]);
        return false;
    }
    b->arrays[k] = place;
    b->num_used++;
    return true;
}

/* Maps what can be mapped of a large job that would have an empty batch for itself. */
static void batch_map(batch *b, const yoke_job *job, uint32_t first, region_table *regions,
                      const region_device *device)
{
    uint64_t item_bytes = 0;
    for (uint32_t k = 0; k < BATCH_ARRAYS; k++) {
        item_bytes += b->stride[k];
    }
    if (b->num_items > 0 || b->type->is_ragged ||
        (job->num_items - first) * item_bytes < BATCH_MAP_BYTES_MIN) {
        return;
    }
    for (uint32_t k = 0; k < BATCH_ARRAYS; k++) {
        b->mapped |= (uint32_t)batch_map_one(b, k, job, first, regions, device) << k;
    }
    if (b->mapped != 0) {
        batch_lay_out(b);
    }
}

/* Nothing came of it. */
static void batch_unmap(batch *b, region_table *regions)
{
    if (b->mapped != 0 && b->num_items == 0) {
        batch_unuse(b, regions);
        b->mapped = 0;
        batch_lay_out(b);
    }
}

/* -- packing --------------------------------------------------------------------------------- */

/* Where item `item` of an array that is not mapped lies. */
static char *batch_item(const batch *b, uint32_t k, uint32_t item)
{
    return batch_at(b, b->arrays[k].offset + item * b->stride[k]);
}

static void batch_pack_spans(batch *b, uint32_t k, const yoke_span *spans, uint32_t count)
{
    backend_span *packed = (backend_span *)(void *)batch_item(b, k, b->num_items);
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
    batch_copy copies[YOKE_INPUTS_MAX];
    uint32_t num_copies = 0;
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX; k++) {
        size_t stride = b->stride[k];
        if (stride == 0 || (b->mapped >> k & 1) != 0) {
            continue;
        }
        if (b->type->in_bytes[k] == YOKE_RAGGED) {
            batch_pack_spans(b, k, (const yoke_span *)job->in[k] + first, count);
        } else {
            copies[num_copies++] =
                (batch_copy){batch_item(b, k, b->num_items),
                             (const char *)job->in[k] + first * stride, count * stride};
        }
    }
    b->copy(b->copy_context, copies, num_copies);
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
    batch_pack_inputs(b, job, first, count);
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

bool batch_set_bytes(batch *b, const region_device *device, uint64_t bytes)
{
    backend_memory memory;
    if (device->ops->alloc(device->device, BACKEND_MEMORY_SHARED, bytes, &memory) != YOKE_OK) {
        return false;
    }
    device->ops->release(device->device, &b->memory);
    b->memory = memory;
    return true;
}

/* A problem that does not fit into the slot's memory gets more for itself, within bounds. */
static void batch_make_room(batch *b, const region_device *device)
{
    uint64_t item = batch_item_bytes(b->type, b->stride, b->mapped);
    if (b->num_items > 0 || b->max_items > 0 || device == NULL || item > b->bytes_max) {
        return;
    }
    uint64_t bytes = (BATCH_GAPS + item + BATCH_PAGE - 1) / BATCH_PAGE * BATCH_PAGE;
    if (bytes <= b->bytes_max && batch_set_bytes(b, device, bytes)) {
        batch_lay_out(b);
    }
}

/* How many items from `first` on a batch takes that is not full. */
static uint32_t batch_take(batch *b, yoke_job *job, uint32_t first, region_table *regions,
                           const region_device *device)
{
    if (regions != NULL) {
        batch_map(b, job, first, regions, device);
    }
    if (b->type->program.plan == NULL) {
        return batch_room(b, job, first);
    }
    batch_make_room(b, device);
    return batch_room_in_scratch(b, device, batch_room(b, job, first));
}

/* Of a job that the workers have a ticket of too, no more than a GPU will have done when they have
 * done the rest. `mine`: how many of its items the batch has already. */
static uint32_t batch_fair(const batch *b, yoke_job *job, uint32_t mine, uint32_t room)
{
    uint64_t items = (uint64_t)mine + job_unclaimed_any(job);
    if ((job_marks(job) & JOB_IS_SHARED) == 0) {
        return room;
    }
    uint64_t share = route_share(&b->learned, items * job_core_of(job)->item_cost, b->ahead_cost);
    uint64_t fair = (items * share + ROUTE_SHARE_ALL - 1) / ROUTE_SHARE_ALL;
    return fair > mine ? (uint32_t)batch_min(room, fair - mine) : 0;
}

/* Claims from a job of several items; what another engine took meanwhile is not ours. */
static batch_added batch_add_many(batch *b, yoke_job *job, region_table *regions,
                                  const region_device *device)
{
    uint32_t mine = 0;
    while (job_unclaimed_any(job) > 0) {
        uint32_t first = job_front_any(job), room = 0, count = 0;
        if (!batch_is_full(b)) {
            room = batch_take(b, job, first, regions, device);
            uint32_t fair = batch_fair(b, job, mine, room);
            if (room > 0 && fair == 0) { /* the workers do the rest sooner */
                batch_unmap(b, regions);
                return BATCH_TOOK_FAIR;
            }
            count = room > 0 ? job_claim_front_any(job, first, fair) : 0;
        }
        if (count > 0) {
            batch_join(b, job, first, count);
            mine += count;
            continue;
        }
        batch_unmap(b, regions);
        if (room == 0) {
            return batch_no_room(b);
        }
    }
    return BATCH_TOOK_ALL;
}

/* A batch has one set of residents, and of a program type problems of one kind. The first job says
 * which. */
static bool batch_is_alike(batch *b, yoke_job *job)
{
    size_t residents_bytes = b->type->num_residents * sizeof *b->residents;
    bool is_program = b->type->program.plan != NULL;
    if (b->num_items > 0) {
        const void *params = batch_at(b, b->params_at);
        return memcmp(b->residents, job->resident, residents_bytes) == 0 &&
               (!is_program || memcmp(params, job_params(job), b->type->params_bytes) == 0);
    }
    memcpy(b->residents, job->resident, residents_bytes);
    if (!is_program) {
        return true;
    }
    type_plan(b->type, job_params(job), &b->plan); /* submit has seen that it has one */
    batch_strides(&b->plan, b->stride);
    batch_lay_out(b);
    return true;
}

batch_added batch_add(batch *b, yoke_job *job, region_table *regions, const region_device *device)
{
    if (batch_is_full(b)) {
        return BATCH_TOOK_PART;
    }
    if (!batch_is_alike(b, job)) {
        return batch_no_room(b);
    }
    if (job->num_items > 1) {
        return batch_add_many(b, job, regions, device);
    }
    if (batch_take(b, job, 0, regions, device) == 0) {
        batch_unmap(b, regions);
        return batch_no_room(b);
    }
    batch_join(b, job, 0, 1);
    return BATCH_TOOK_ALL;
}

/* -- back from the device -------------------------------------------------------------------- */

void batch_close(batch *b, region_table *regions, const region_device *device, bool is_done)
{
    batch_unuse(b, regions);
    for (uint32_t k = 0; k < b->type->num_residents && b->copied != 0; k++) {
        if ((b->copied >> k & 1) != 0) {
            region_copied(regions, device, b->residents[k]->data, is_done);
        }
    }
    b->copied = 0;
}

uint64_t batch_bytes(const batch *b)
{
    uint64_t bytes = b->data_used;
    for (uint32_t k = 0; k < BATCH_ARRAYS; k++) {
        bytes += b->stride[k] * b->num_items;
    }
    return bytes;
}

const void *batch_partial(const batch *b, uint32_t at)
{
    return batch_item(b, BATCH_OUT, at);
}

void batch_unpack(const batch *b, const batch_claim *claim, uint32_t at)
{
    size_t stride = b->stride[BATCH_OUT];
    if (stride > 0 && (b->mapped >> BATCH_OUT & 1) == 0) {
        const batch_copy copy = {(char *)claim->job->out + claim->first * stride,
                                 batch_item(b, BATCH_OUT, at), claim->count * stride};
        b->copy(b->copy_context, &copy, 1);
    }
}
