/*
 * The host backend, whole: one file, the verbs in the order of backend.h.
 *
 * The device's submitter owns everything of a device. What always holds: batches `done + 1` to
 * `submitted` are queued, the one with value v at v modulo BACKEND_SLOTS_MAX; at most num_slots of
 * them, since each has a slot of its own. Costs nothing but the kernels: a submit copies its
 * batches, and a batch is one call of its kernel, or one for each item where items have params of
 * their own.
 *
 * It has no shaders, so it runs no dispatch of a program's: it refuses to compile what has no CPU
 * kernel. Its memory is all one kind, and its operations run one after the other.
 */
#include "host.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backends/service.h"

#define HOST_ALIGN 4096
#define HOST_OPS_MAX 16 /* of a batch: copies in, the kernel, copies out */

struct backend_instance {
    backend_host host;
};

struct backend_kernel {
    backend_kernel *next;
    yoke_cpu_kernel cpu;
    void *user;
    uint32_t in_bytes[YOKE_INPUTS_MAX];
    uint32_t out_bytes;
};

/* What memory->handle points at: memory that close has to free if nobody did. */
typedef struct host_memory {
    uint64_t taken; /* bytes that stand for the device's own */
    struct host_memory *next;
    void *allocated; /* NULL: imported */
    size_t bytes;
} host_memory;

typedef struct host_batch {
    backend_batch batch; /* but for its ops, which are copied: */
    backend_op ops[HOST_OPS_MAX];
} host_batch;

struct backend_device {
    backend_instance *instance;
    uint32_t num_slots;
    bool is_lost;
    uint64_t submitted, done; /* values */
    host_batch queue[BACKEND_SLOTS_MAX];
    uint64_t times_ns[BACKEND_SLOTS_MAX][2]; /* by slot: begin, end */
    backend_kernel *kernels;
    host_memory *memories;
    uint64_t memory_taken;
};

_Static_assert(sizeof(backend_span) == sizeof(yoke_span) &&
                   offsetof(backend_span, bytes) == offsetof(yoke_span, bytes) &&
                   sizeof(void *) == sizeof(uint64_t),
               "a kernel reads a block's spans as yoke_span");

/* -- instance ---------------------------------------------------------------------------------- */

static yoke_status host_open_instance(const backend_host *host, backend_instance **instance,
                                      uint32_t *count, char *why_not)
{
    (void)why_not;
    *instance = service_alloc(host, sizeof **instance);
    if (*instance == NULL) {
        return YOKE_NO_MEMORY;
    }
    (*instance)->host = *host;
    *count = 1;
    return YOKE_OK;
}

static void host_close_instance(backend_instance *instance)
{
    backend_host host = instance->host;
    service_free(&host, instance, sizeof *instance);
}

static void host_info(const backend_instance *instance, uint32_t index, backend_info *info)
{
    (void)instance;
    (void)index;
    *info = (backend_info){
        .name = "host",
        .driver = "yoke",
        .uuid = "yoke host device",
        .memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE),
        .is_cpu = true,
        .is_fit = true,
    };
}

/* -- device ------------------------------------------------------------------------------------ */

static yoke_status host_open(backend_instance *instance, uint32_t index,
                             const backend_open_options *options, backend_device **device)
{
    if (index != 0 || options->num_slots == 0 || options->num_slots > BACKEND_SLOTS_MAX) {
        return YOKE_INVALID;
    }
    *device = service_alloc(&instance->host, sizeof **device);
    if (*device == NULL) {
        return YOKE_NO_MEMORY;
    }
    (*device)->instance = instance;
    (*device)->num_slots = options->num_slots;
    return YOKE_OK;
}

static yoke_status host_compile(backend_device *device, const backend_kernel_desc *desc,
                                backend_kernel **kernel)
{
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    if (desc->cpu == NULL) {
        return YOKE_INVALID;
    }
    backend_kernel *made = service_alloc(&device->instance->host, sizeof *made);
    if (made == NULL) {
        return YOKE_NO_MEMORY;
    }
    made->cpu = desc->cpu;
    made->user = desc->user;
    memcpy(made->in_bytes, desc->in_bytes, sizeof made->in_bytes);
    made->out_bytes = desc->out_bytes;
    made->next = device->kernels;
    device->kernels = made;
    *kernel = made;
    return YOKE_OK;
}

void host_lose(backend_device *device)
{
    device->is_lost = true;
}

/* -- memory ------------------------------------------------------------------------------------ */

static yoke_status host_keep(backend_device *device, void *bytes_at, size_t bytes, void *allocated,
                             backend_memory *memory)
{
    host_memory *kept = service_alloc(&device->instance->host, sizeof *kept);
    if (kept == NULL) {
        return YOKE_NO_MEMORY;
    }
    *kept = (host_memory){.next = device->memories, .allocated = allocated, .bytes = bytes};
    device->memories = kept;
    *memory = (backend_memory){
        .host = bytes_at, .address = (uintptr_t)bytes_at, .bytes = bytes, .handle = kept};
    return YOKE_OK;
}

static yoke_status host_alloc(backend_device *device, backend_memory_kind kind, size_t bytes,
                              backend_memory *memory)
{
    const yoke_allocator *allocator = &device->instance->host.allocator;
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    if (bytes == 0) {
        return YOKE_INVALID;
    }
    void *allocated = allocator->alloc(allocator->user, bytes, HOST_ALIGN);
    if (allocated == NULL) {
        return YOKE_NO_MEMORY;
    }
    yoke_status status = host_keep(device, allocated, bytes, allocated, memory);
    if (status != YOKE_OK) {
        allocator->free(allocator->user, allocated, bytes);
    } else if (kind == BACKEND_MEMORY_DEVICE) {
        memory->host = NULL; /* as on a real device */
        device->memories->taken = bytes;
        device->memory_taken += bytes;
    }
    return status;
}

static yoke_status host_import(backend_device *device, void *host, size_t bytes,
                               backend_memory *memory)
{
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    if (bytes == 0 || bytes % HOST_ALIGN != 0 || (uintptr_t)host % HOST_ALIGN != 0) {
        return YOKE_INVALID;
    }
    return host_keep(device, host, bytes, NULL, memory);
}

static void host_release(backend_device *device, backend_memory *memory)
{
    const backend_host *host = &device->instance->host;
    host_memory *kept = memory->handle, **link = &device->memories;
    while (*link != kept) {
        link = &(*link)->next;
    }
    *link = kept->next;
    device->memory_taken -= kept->taken;
    service_free(host, kept->allocated, kept->bytes);
    service_free(host, kept, sizeof *kept);
    *memory = (backend_memory){0};
}

static uint64_t host_taken(const backend_device *device)
{
    return device->memory_taken;
}

/* -- batches ----------------------------------------------------------------------------------- */

static uint64_t host_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool host_is_inside(backend_place place, uint64_t bytes)
{
    return place.memory != NULL && place.offset <= place.memory->bytes && bytes > 0 &&
           bytes % 4 == 0 && place.offset % 4 == 0 && bytes <= place.memory->bytes - place.offset;
}

static bool host_is_valid(const backend_device *device, const backend_batch *batch)
{
    bool is_valid = batch->slot < device->num_slots && batch->num_items > 0 && batch->num_ops > 0 &&
                    batch->num_ops <= HOST_OPS_MAX;
    for (uint32_t i = 0; i < batch->num_ops && is_valid; i++) {
        const backend_op *op = &batch->ops[i];
        is_valid = op->kind == BACKEND_OP_ITEMS ||
                   (op->kind == BACKEND_OP_FILL && host_is_inside(op->to, op->bytes)) ||
                   (op->kind == BACKEND_OP_COPY && host_is_inside(op->to, op->bytes) &&
                    host_is_inside(op->from, op->bytes));
    }
    return is_valid;
}

static yoke_status host_submit(backend_device *device, const backend_batch *batches,
                               uint32_t num_batches, uint64_t *value)
{
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    if (num_batches == 0 || device->submitted - device->done + num_batches > device->num_slots) {
        return YOKE_INVALID;
    }
    for (uint32_t i = 0; i < num_batches; i++) {
        if (!host_is_valid(device, &batches[i])) {
            return YOKE_INVALID;
        }
    }
    for (uint32_t i = 0; i < num_batches; i++) {
        device->submitted++;
        host_batch *queued = &device->queue[device->submitted % BACKEND_SLOTS_MAX];
        queued->batch = batches[i];
        memcpy(queued->ops, batches[i].ops, batches[i].num_ops * sizeof *batches[i].ops);
    }
    *value = device->submitted;
    return YOKE_OK;
}

static yoke_status host_run_some(const backend_kernel *kernel, const backend_block *block,
                                 uint32_t first, uint32_t count)
{
    static const uint8_t no_params[YOKE_PARAMS_BYTES_MAX];
    yoke_claim claim = {.first = first, .count = count, .params = no_params, .user = kernel->user};
    for (int k = 0; k < YOKE_INPUTS_MAX; k++) {
        uint64_t bytes = kernel->in_bytes[k];
        uint64_t stride = bytes == YOKE_RAGGED ? sizeof(yoke_span) : bytes;
        claim.in[k] = (const void *)(uintptr_t)(block->in[k] + first * stride);
    }
    for (int k = 0; k < YOKE_INPUTS_MAX; k++) {
        claim.resident[k] = (const void *)(uintptr_t)block->resident[k];
    }
    claim.out = (void *)(uintptr_t)(block->out + (uint64_t)first * kernel->out_bytes);
    if (block->params != 0) {
        uint64_t params = block->params + (uint64_t)first * block->params_stride;
        claim.params = (const void *)(uintptr_t)params;
    }
    return kernel->cpu(NULL, &claim);
}

static yoke_status host_run_items(const backend_batch *batch, const backend_kernel *kernel)
{
    const backend_block *block = batch->block_host;
    uint32_t count = block->params_stride != 0 ? 1 : batch->num_items;
    yoke_status status = YOKE_OK;
    for (uint32_t i = 0; i < batch->num_items && status == YOKE_OK; i += count) {
        status = host_run_some(kernel, block, i, count);
    }
    return status;
}

static char *host_at(backend_place place)
{
    return (char *)(uintptr_t)(place.memory->address + place.offset);
}

static yoke_status host_run_op(const backend_batch *batch, const backend_op *op)
{
    if (op->kind == BACKEND_OP_ITEMS) {
        return host_run_items(batch, op->kernel);
    }
    if (op->kind == BACKEND_OP_COPY) {
        memcpy(host_at(op->to), host_at(op->from), op->bytes);
        return YOKE_OK;
    }
    for (uint64_t i = 0; i < op->bytes; i += sizeof op->word) {
        memcpy(host_at(op->to) + i, &op->word, sizeof op->word);
    }
    return YOKE_OK;
}

static void host_run_oldest(backend_device *device)
{
    const host_batch *oldest = &device->queue[(device->done + 1) % BACKEND_SLOTS_MAX];
    uint64_t began_ns = host_now_ns();
    yoke_status status = YOKE_OK;
    for (uint32_t i = 0; i < oldest->batch.num_ops && status == YOKE_OK; i++) {
        status = host_run_op(&oldest->batch, &oldest->ops[i]);
    }
    if (status != YOKE_OK) {
        service_log(&device->instance->host, YOKE_LOG_WARNING,
                    "host: a kernel failed (status %d): the device counts as lost", (int)status);
        device->is_lost = true;
        return;
    }
    device->times_ns[oldest->batch.slot][0] = began_ns;
    device->times_ns[oldest->batch.slot][1] = host_now_ns();
    device->done++;
}

static yoke_status host_times(backend_device *device, uint32_t slot, uint64_t *begin_ns,
                              uint64_t *end_ns)
{
    *begin_ns = device->times_ns[slot][0];
    *end_ns = device->times_ns[slot][1];
    return device->is_lost ? YOKE_NO_DEVICE : YOKE_OK;
}

static yoke_status host_completed(backend_device *device, uint64_t *value)
{
    if (!device->is_lost && device->done < device->submitted) {
        host_run_oldest(device);
    }
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    *value = device->done;
    return YOKE_OK;
}

static yoke_status host_wait(backend_device *device, uint64_t value, uint64_t timeout_ns)
{
    uint64_t began = host_now_ns();
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    if (value > device->submitted) {
        return YOKE_INVALID;
    }
    while (device->done < value) {
        if (host_now_ns() - began >= timeout_ns) {
            return YOKE_TIMEOUT;
        }
        host_run_oldest(device);
        if (device->is_lost) {
            return YOKE_NO_DEVICE;
        }
    }
    return YOKE_OK;
}

/* -- close ------------------------------------------------------------------------------------- */

static yoke_status host_close(backend_device *device)
{
    backend_instance *instance = device->instance;
    while (!device->is_lost && device->done < device->submitted) {
        host_run_oldest(device);
    }
    while (device->memories != NULL) {
        backend_memory memory = {.handle = device->memories};
        host_release(device, &memory);
    }
    while (device->kernels != NULL) {
        backend_kernel *kernel = device->kernels;
        device->kernels = kernel->next;
        service_free(&instance->host, kernel, sizeof *kernel);
    }
    service_free(&instance->host, device, sizeof *device);
    return YOKE_OK;
}

const backend_ops host_ops = {
    .name = "host",
    .open_instance = host_open_instance,
    .close_instance = host_close_instance,
    .info = host_info,
    .open = host_open,
    .close = host_close,
    .compile = host_compile,
    .alloc = host_alloc,
    .import = host_import,
    .release = host_release,
    .taken = host_taken,
    .submit = host_submit,
    .completed = host_completed,
    .times = host_times,
    .wait = host_wait,
};
