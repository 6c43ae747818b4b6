/*
 * The harness of the parity tests, on the table of functions that a backend offers.
 *
 * Owns the device, one kernel, and one piece of shared memory a run: the block of parameters, the
 * inputs, params, the output, then the bytes of ragged items, laid out anew for each batch. Inputs
 * begin at odd multiples of 16 and ragged items at any multiple of 8, as a packer may put them. In
 * every other batch each item has params of its own, in the others all share one. Around the
 * output, and from the end of a ragged item to the next multiple of 8, lies a filler: kernels must
 * not write the one or depend on the other. One thread; everything is freed by the end of a run.
 */
#include "tests/parity/parity.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/backend.h"

#define PARITY_MEMORY_BYTES (64u << 20)
#define PARITY_BATCH_ITEMS_MAX 16384u
#define PARITY_GUARD_BYTES 64u
#define PARITY_FILLER 0xa5
#define PARITY_WAIT_NS (120u * UINT64_C(1000000000))

typedef struct parity {
    const parity_type *type;
    support_random *random;
    const backend_ops *ops;
    backend_device *device;
    backend_kernel *kernel;
    backend_memory memory;
    backend_info info;

    /* of the batch that is being made */
    size_t in_at[YOKE_INPUTS_MAX]; /* offsets into memory */
    size_t params_at;
    bool params_differ; /* each item has its own */
    size_t out_at;
    size_t free_at;
    yoke_span *spans[YOKE_INPUTS_MAX]; /* of ragged inputs: the same items at host addresses */
    uint8_t *scratch[YOKE_INPUTS_MAX]; /* where a ragged item is made */
    uint8_t *expected;
    uint32_t first; /* number of its first item */
    uint32_t count;

    parity_result result;
} parity;

static char parity_complaint[4096];

__attribute__((format(printf, 2, 3))) static void parity_complain(parity *p, const char *format,
                                                                  ...)
{
    if (p->result.complaint != NULL) {
        return;
    }
    int length = snprintf(parity_complaint, sizeof(parity_complaint), "%s on %s: ", p->type->name,
                          p->info.name);
    va_list args;
    va_start(args, format);
    vsnprintf(parity_complaint + length, sizeof(parity_complaint) - (size_t)length, format, args);
    va_end(args);
    p->result.complaint = parity_complaint;
}

/* ---------------------------------------------------------------------------------------------
 * Items
 */

static bool parity_is_input(const parity_type *type, uint32_t k)
{
    return k < YOKE_INPUTS_MAX && type->in_bytes[k] != 0;
}

static size_t parity_params_stride(const parity_type *type)
{
    return (type->params_bytes + 7u) / 8 * 8;
}

/* Reserves bytes at an odd multiple of 16. */
static size_t parity_reserve(parity *p, size_t bytes)
{
    size_t at = (p->free_at + 31) / 32 * 32 + 16;
    p->free_at = at + bytes;
    return at;
}

/* Reserves the arrays of a batch of at most max_items items. */
static void parity_layout(parity *p, uint32_t max_items)
{
    p->free_at = sizeof(backend_block);
    for (uint32_t k = 0; parity_is_input(p->type, k); k++) {
        bool ragged = p->type->in_bytes[k] == YOKE_RAGGED;
        size_t item_bytes = ragged ? sizeof(backend_span) : p->type->in_bytes[k];
        p->in_at[k] = parity_reserve(p, max_items * item_bytes);
    }
    p->params_at = parity_reserve(p, max_items * parity_params_stride(p->type));
    p->params_differ = p->type->params_bytes > 0 && p->result.num_batches % 2 == 0;
    p->free_at += PARITY_GUARD_BYTES;
    p->out_at = parity_reserve(p, (size_t)max_items * p->type->out_bytes);
    p->free_at += PARITY_GUARD_BYTES;
}

/* Appends a ragged item's bytes, and fills up to the next multiple of 8. */
static size_t parity_append(parity *p, const uint8_t *data, uint64_t bytes)
{
    size_t at = (p->free_at + 7) / 8 * 8;
    uint8_t *memory = p->memory.host;
    memcpy(memory + at, data, bytes);
    p->free_at = at + bytes;
    while (p->free_at % 8 != 0) {
        memory[p->free_at++] = PARITY_FILLER;
    }
    return at;
}

/* Makes one more item of the batch. */
static void parity_add_item(parity *p)
{
    uint8_t *memory = p->memory.host;
    parity_item item = {0};
    item.params = memory + p->params_at + p->count * parity_params_stride(p->type);
    for (uint32_t k = 0; parity_is_input(p->type, k); k++) {
        bool ragged = p->type->in_bytes[k] == YOKE_RAGGED;
        item.data[k] =
            ragged ? p->scratch[k] : memory + p->in_at[k] + (size_t)p->count * p->type->in_bytes[k];
    }
    p->type->generate(p->random, p->first + p->count, &item);
    for (uint32_t k = 0; parity_is_input(p->type, k); k++) {
        if (p->type->in_bytes[k] == YOKE_RAGGED) {
            size_t at = parity_append(p, item.data[k], item.bytes[k]);
            backend_span *spans = (backend_span *)(memory + p->in_at[k]);
            spans[p->count] = (backend_span){p->memory.address + at, item.bytes[k]};
            p->spans[k][p->count] = (yoke_span){memory + at, item.bytes[k]};
        }
    }
    p->count++;
}

static bool parity_has_room(const parity *p)
{
    return p->free_at + YOKE_INPUTS_MAX * (PARITY_RAGGED_BYTES_MAX + 8u) <= p->memory.bytes;
}

/* ---------------------------------------------------------------------------------------------
 * Batches
 */

/* Runs the items from `first` on, which share their params. */
static yoke_status parity_run_claim(parity *p, uint32_t first, uint32_t count)
{
    static const uint8_t no_params[YOKE_PARAMS_BYTES_MAX];
    const parity_type *type = p->type;
    uint8_t *memory = p->memory.host;
    yoke_claim claim = {.out = p->expected + (size_t)first * type->out_bytes,
                        .first = first,
                        .count = count,
                        .params = no_params,
                        .user = (void *)type->user}; /* as the runtime hands it over */
    if (type->params_bytes > 0) {
        claim.params = memory + p->params_at + first * parity_params_stride(type);
    }
    for (uint32_t k = 0; parity_is_input(type, k); k++) {
        bool ragged = type->in_bytes[k] == YOKE_RAGGED;
        claim.in[k] = ragged ? (const void *)(p->spans[k] + first)
                             : memory + p->in_at[k] + (size_t)first * type->in_bytes[k];
    }
    return type->cpu(NULL, &claim);
}

static yoke_status parity_run_cpu(parity *p)
{
    yoke_status status = YOKE_OK;
    uint32_t step = p->params_differ ? 1 : p->count;
    for (uint32_t first = 0; first < p->count && status == YOKE_OK; first += step) {
        status = parity_run_claim(p, first, step);
    }
    return status;
}

static yoke_status parity_run_gpu(parity *p)
{
    backend_block *block = p->memory.host;
    *block = (backend_block){.out = p->memory.address + p->out_at,
                             .params = p->memory.address + p->params_at,
                             .num_items = p->count};
    if (p->params_differ) {
        block->params_stride = (uint32_t)parity_params_stride(p->type);
    }
    for (uint32_t k = 0; parity_is_input(p->type, k); k++) {
        block->in[k] = p->memory.address + p->in_at[k];
    }
    const backend_op op = {.kind = BACKEND_OP_ITEMS, .kernel = p->kernel};
    backend_batch batch = {.ops = &op,
                           .num_ops = 1,
                           .num_items = p->count,
                           .block = p->memory.address,
                           .block_host = block};
    uint64_t value;
    yoke_status status = p->ops->submit(p->device, &batch, 1, &value);
    return status == YOKE_OK ? p->ops->wait(p->device, value, PARITY_WAIT_NS) : status;
}

static void parity_hex(char *text, size_t room, const uint8_t *bytes, uint64_t num_bytes)
{
    size_t length = 0;
    text[0] = 0;
    for (uint64_t i = 0; i < num_bytes && length + 6 < room; i++) {
        length += (size_t)snprintf(text + length, room - length, "%02x", bytes[i]);
    }
    if (length / 2 < num_bytes) {
        snprintf(text + length, room - length, "...");
    }
}

static void parity_complain_of(parity *p, uint32_t i)
{
    const uint8_t *memory = p->memory.host;
    uint32_t out_bytes = p->type->out_bytes;
    char text[2048], hex[300];
    size_t length = 0;
    for (uint32_t k = 0; parity_is_input(p->type, k); k++) {
        uint64_t bytes = p->type->in_bytes[k];
        const uint8_t *data = memory + p->in_at[k] + i * bytes;
        if (p->type->in_bytes[k] == YOKE_RAGGED) {
            bytes = p->spans[k][i].bytes;
            data = p->spans[k][i].data;
        }
        parity_hex(hex, sizeof(hex), data, bytes);
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   "\n  in[%" PRIu32 "], %" PRIu64 " bytes: %s", k, bytes, hex);
    }
    if (p->type->params_bytes > 0) {
        size_t at = p->params_at + (p->params_differ ? i * parity_params_stride(p->type) : 0);
        parity_hex(hex, sizeof(hex), memory + at, p->type->params_bytes);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "\n  params: %s", hex);
    }
    parity_hex(hex, sizeof(hex), p->expected + (size_t)i * out_bytes, out_bytes);
    length += (size_t)snprintf(text + length, sizeof(text) - length, "\n  CPU: %s", hex);
    parity_hex(hex, sizeof(hex), memory + p->out_at + (size_t)i * out_bytes, out_bytes);
    snprintf(text + length, sizeof(text) - length, "\n  GPU: %s", hex);
    parity_complain(p, "item %" PRIu32 ", the %" PRIu32 "th of a batch of %" PRIu32 ":%s",
                    p->first + i, i, p->count, text);
}

static void parity_compare(parity *p)
{
    const uint8_t *out = (const uint8_t *)p->memory.host + p->out_at;
    size_t out_bytes = p->type->out_bytes;
    for (uint32_t i = 0; i < p->count; i++) {
        if (memcmp(out + i * out_bytes, p->expected + i * out_bytes, out_bytes) != 0) {
            p->result.num_wrong++;
            parity_complain_of(p, i);
        }
    }
    for (size_t i = 1; i <= PARITY_GUARD_BYTES; i++) {
        size_t after = p->count * out_bytes + i - 1;
        if (*(out - i) != PARITY_FILLER || out[after] != PARITY_FILLER) {
            parity_complain(p, "wrote outside the output of a batch of %" PRIu32, p->count);
        }
    }
}

/* Makes, runs and compares a batch of at most max_items items. */
static void parity_batch(parity *p, uint32_t max_items)
{
    parity_layout(p, max_items);
    memset((uint8_t *)p->memory.host + p->out_at - PARITY_GUARD_BYTES, PARITY_FILLER,
           (size_t)max_items * p->type->out_bytes + 2 * PARITY_GUARD_BYTES);
    p->count = 0;
    while (p->count < max_items && parity_has_room(p)) {
        parity_add_item(p);
    }
    yoke_status cpu = parity_run_cpu(p);
    yoke_status gpu = parity_run_gpu(p);
    if (cpu != YOKE_OK || gpu != YOKE_OK) {
        parity_complain(p, "CPU kernel: %s, GPU kernel: %s", yoke_status_name(cpu),
                        yoke_status_name(gpu));
        return;
    }
    parity_compare(p);
    p->first += p->count;
    p->result.num_batches++;
    p->result.num_items += p->count;
}

/* ---------------------------------------------------------------------------------------------
 * Devices
 */

static void *parity_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void parity_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(memory);
}

static void parity_log(void *user, yoke_log_level level, const char *line)
{
    (void)user;
    (void)level;
    printf("  %s\n", line);
}

static void parity_run_batches(parity *p, uint32_t num_items)
{
    /* Around a workgroup's size and around the device's; the first takes all edge cases in one. */
    static const uint32_t sizes[] = {4096, 1,   2,   63,   64,
                                     65,   127, 128, 1000, PARITY_BATCH_ITEMS_MAX};
    p->first = 0;
    for (size_t i = 0; p->first < num_items && p->result.complaint == NULL; i++) {
        uint32_t size = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
        parity_batch(p, size < num_items - p->first ? size : num_items - p->first);
    }
}

/* Runs all items on an open device. */
static void parity_run_open(parity *p, uint32_t num_items)
{
    const parity_type *type = p->type;
    backend_kernel_desc desc = {.name = type->name,
                                .spirv = type->spirv,
                                .spirv_bytes = type->spirv_bytes,
                                .entry = "main",
                                .local_size = type->local_size,
                                .cpu = type->cpu,
                                .user = (void *)type->user,
                                .out_bytes = type->out_bytes};
    memcpy(desc.in_bytes, type->in_bytes, sizeof(desc.in_bytes));
    yoke_status compiled = p->ops->compile(p->device, &desc, &p->kernel);
    yoke_status allocated =
        p->ops->alloc(p->device, BACKEND_MEMORY_SHARED, PARITY_MEMORY_BYTES, &p->memory);
    if (compiled != YOKE_OK || allocated != YOKE_OK) {
        parity_complain(p, "compile: %s, memory: %s", yoke_status_name(compiled),
                        yoke_status_name(allocated));
        return;
    }
    p->expected = malloc((size_t)PARITY_BATCH_ITEMS_MAX * type->out_bytes);
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX; k++) {
        p->spans[k] = malloc(PARITY_BATCH_ITEMS_MAX * sizeof(yoke_span));
        p->scratch[k] = malloc(PARITY_RAGGED_BYTES_MAX);
    }
    parity_run_batches(p, num_items);
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX; k++) {
        free(p->spans[k]);
        free(p->scratch[k]);
    }
    free(p->expected);
    p->ops->release(p->device, &p->memory);
}

static void parity_run_backend(parity *p, uint32_t num_items)
{
    backend_host host = {.allocator = {.alloc = parity_alloc, .free = parity_free},
                         .log = parity_log};
    backend_open_options options = {.num_slots = 1};
    backend_instance *instance;
    uint32_t count;
    char why_not[BACKEND_WHY_BYTES];
    if (p->ops->open_instance(&host, &instance, &count, why_not) != YOKE_OK) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        p->ops->info(instance, i, &p->info);
        if (!p->info.is_fit) {
            continue;
        }
        yoke_status status = p->ops->open(instance, i, &options, &p->device);
        if (status != YOKE_OK) {
            parity_complain(p, "open: %s", yoke_status_name(status));
            continue;
        }
        parity_run_open(p, num_items);
        if (p->ops->close(p->device) != YOKE_OK) {
            parity_complain(p, "it did not close");
        }
        p->result.num_devices++;
    }
    p->ops->close_instance(instance);
}

parity_result parity_run(const parity_type *type, support_random *random, uint32_t num_items)
{
    parity p = {.type = type, .random = random};
    for (size_t i = 0; backends_all[i] != NULL; i++) {
        p.ops = backends_all[i];
        parity_run_backend(&p, num_items);
    }
    return p.result;
}
