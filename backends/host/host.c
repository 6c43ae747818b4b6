/*
 * The host backend, whole: one file, the verbs in the order of backend.h.
 *
 * The device's submitter owns everything of a device. What always holds: batches `done + 1` to
 * `submitted` are queued, the one with value v at v modulo BACKEND_SLOTS_MAX; at most num_slots of
 * them, since each has a slot of its own. Costs nothing but the kernels: a submit copies its
 * batches, 32 bytes each, and a batch is one call of its kernel, or one for each item where items
 * have params of their own.
 */
#include "host.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backends/service.h"

#define HOST_ALIGN 4096

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
    struct host_memory *next;
    void *allocated; /* NULL: imported */
    size_t bytes;
} host_memory;

struct backend_device {
    backend_instance *instance;
    uint32_t num_slots;
    bool is_lost;
    uint64_t submitted, done; /* values */
    backend_batch queue[BACKEND_SLOTS_MAX];
    backend_kernel *kernels;
    host_memory *memories;
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

static yoke_status host_alloc(backend_device *device, size_t bytes, backend_memory *memory)
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
    service_free(host, kept->allocated, kept->bytes);
    service_free(host, kept, sizeof *kept);
    *memory = (backend_memory){0};
}

/* -- batches ----------------------------------------------------------------------------------- */

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
        if (batches[i].slot >= device->num_slots || batches[i].num_items == 0) {
            return YOKE_INVALID;
        }
    }
    for (uint32_t i = 0; i < num_batches; i++) {
        device->submitted++;
        device->queue[device->submitted % BACKEND_SLOTS_MAX] = batches[i];
    }
    *value = device->submitted;
    return YOKE_OK;
}

static yoke_status host_run_items(const backend_batch *batch, uint32_t first, uint32_t count)
{
    static const uint8_t no_params[YOKE_PARAMS_BYTES_MAX];
    const backend_kernel *kernel = batch->kernel;
    const backend_block *block = batch->block_host;
    yoke_claim claim = {.first = first, .count = count, .params = no_params, .user = kernel->user};
    for (int k = 0; k < YOKE_INPUTS_MAX; k++) {
        uint64_t bytes = kernel->in_bytes[k];
        uint64_t stride = bytes == YOKE_RAGGED ? sizeof(yoke_span) : bytes;
        claim.in[k] = (const void *)(uintptr_t)(block->in[k] + first * stride);
    }
    claim.out = (void *)(uintptr_t)(block->out + (uint64_t)first * kernel->out_bytes);
    if (block->params != 0) {
        uint64_t params = block->params + (uint64_t)first * block->params_stride;
        claim.params = (const void *)(uintptr_t)params;
    }
    return kernel->cpu(NULL, &claim);
}

static void host_run_oldest(backend_device *device)
{
    const backend_batch *batch = &device->queue[(device->done + 1) % BACKEND_SLOTS_MAX];
    bool params_differ = batch->block_host->params_stride != 0;
    uint32_t count = params_differ ? 1 : batch->num_items;
    yoke_status status = YOKE_OK;
    for (uint32_t i = 0; i < batch->num_items && status == YOKE_OK; i += count) {
        status = host_run_items(batch, i, count);
    }
    if (status != YOKE_OK) {
        service_log(&device->instance->host, YOKE_LOG_WARNING,
                    "host: a kernel failed (status %d): the device counts as lost", (int)status);
        device->is_lost = true;
        return;
    }
    device->done++;
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

static uint64_t host_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
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
    .submit = host_submit,
    .completed = host_completed,
    .wait = host_wait,
};
