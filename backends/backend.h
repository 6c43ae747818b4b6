/*
 * What a GPU API must offer: one table of functions. `vulkan` is the real one; `host` runs the CPU
 * kernels behind the same table, for tests and as the template for another API.
 *
 * An instance finds devices; a device has memory, kernels and a queue of batches. A batch is a list
 * of operations over num_items items: for most types one dispatch of one kernel. Where its inputs
 * and outputs lie is told by a block of parameters in device-visible memory (backend_block below),
 * whose address the kernels get. Batches complete in the order of submission. Each gets a value of
 * the device's timeline, counting up from 1: it is complete when the device has reached that value,
 * and what it wrote can then be read by the host.
 *
 * Threads: instance functions by one thread at a time. Device functions by the device's submitter
 * thread alone, but for those marked otherwise. Statuses: YOKE_OK; YOKE_NO_DEVICE: the device is
 * lost, only close may follow (a submit that answers so counts as executed); YOKE_NO_MEMORY: try
 * less; YOKE_TIMEOUT: as each verb says; YOKE_UNSUPPORTED; YOKE_INVALID: a kernel that the API
 * refuses. After YOKE_NO_DEVICE every verb answers YOKE_NO_DEVICE.
 *
 * Includes nothing of the runtime's but the public header.
 */
#ifndef YOKE_BACKENDS_BACKEND_H
#define YOKE_BACKENDS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yoke/program.h>

#define BACKEND_NAME_BYTES 256
#define BACKEND_WHY_BYTES 160
#define BACKEND_SLOTS_MAX 16

typedef struct backend_instance backend_instance; /* each backend's own */
typedef struct backend_device backend_device;
typedef struct backend_kernel backend_kernel;

/* What the runtime offers to a backend. */
typedef struct backend_host {
    yoke_allocator allocator; /* for everything that outlives a call */
    void (*log)(void *user, yoke_log_level level, const char *line); /* never NULL */
    void *log_user;
} backend_host;

/* A device as it was found. */
typedef struct backend_info {
    char name[BACKEND_NAME_BYTES];   /* "NVIDIA H200" */
    char driver[BACKEND_NAME_BYTES]; /* "NVIDIA 580.65.06" */
    uint8_t uuid[16];
    uint64_t memory_bytes; /* the device's own */
    bool is_cpu;           /* a software device: for tests, not for speed */
    bool is_fit;
    char why_not[BACKEND_WHY_BYTES]; /* if it is not fit: the first thing missing */
} backend_info;

typedef struct backend_open_options {
    uint32_t num_slots;    /* batches in flight, 1 to BACKEND_SLOTS_MAX */
    const char *cache_dir; /* where pipelines may be stored; NULL: nowhere */
    /* Of the device's own memory: at most so many bytes are taken; 0: as the driver's budget says.
     * Not exclusive: others use the device too, and are left half of what is free. */
    uint64_t memory_bytes_max;
    bool is_exclusive;
} backend_open_options;

typedef enum backend_memory_kind {
    BACKEND_MEMORY_SHARED, /* the host reads and writes it, coherent */
    BACKEND_MEMORY_DEVICE, /* the device's own, quick for it; the host does not see it */
} backend_memory_kind;

/* Memory that the device sees, and the host too unless it is the device's own; at different
 * addresses. */
typedef struct backend_memory {
    void *host; /* NULL: the device's own */
    uint64_t address;
    size_t bytes;
    void *handle; /* the backend's */
} backend_memory;

typedef struct backend_kernel_desc {
    const char *name;      /* the type's, for messages */
    const uint32_t *spirv; /* read during compile only; may be NULL for the host backend */
    size_t spirv_bytes;
    const char *entry;     /* "main" */
    uint32_t local_size;   /* invocations a workgroup, as the shader declares */
    const yoke_type *type; /* for the host backend: */
    yoke_cpu_kernel cpu;   /* gets a NULL worker there, so it must not ask for its index */
    void *user;
    uint32_t in_bytes[YOKE_INPUTS_MAX];
    uint32_t out_bytes;
} backend_kernel_desc;

/*
 * The block of parameters, as kernels see it: shaders/yoke.glsl declares the same. All addresses
 * are the device's. Ragged input k is an array of backend_span.
 */
typedef struct backend_block {
    uint64_t in[YOKE_INPUTS_MAX];
    uint64_t out;
    uint64_t params; /* of item i: params + i * params_stride */
    uint64_t resident[YOKE_INPUTS_MAX];
    uint32_t num_items;
    uint32_t params_stride; /* 0: all items share one */
    uint64_t scratch[YOKE_SCRATCH_MAX];
    uint64_t reserved;
} backend_block;

typedef struct backend_span {
    uint64_t address; /* 8-byte aligned; readable up to the next multiple of 8 */
    uint64_t bytes;
} backend_span;

_Static_assert(sizeof(backend_block) == 128, "shaders/yoke.glsl has the same layout");
_Static_assert(sizeof(backend_span) == 16, "shaders/yoke.glsl has the same layout");

/* A place in a device's memory. */
typedef struct backend_place {
    const backend_memory *memory;
    uint64_t offset;
} backend_place;

static inline uint64_t backend_address(backend_place place)
{
    return place.memory->address + place.offset;
}

typedef enum backend_op_kind {
    BACKEND_OP_ITEMS,    /* kernel: an invocation for each of the batch's items */
    BACKEND_OP_DISPATCH, /* kernel: groups[] workgroups */
    BACKEND_OP_COPY,     /* bytes from `from` to `to`, which do not overlap */
    BACKEND_OP_FILL,     /* bytes at `to` with `word`, over and over */
} backend_op_kind;

/* Operations of a batch run in order, but one begins before another has ended unless it waits. */
typedef struct backend_op {
    backend_op_kind kind;
    bool waits; /* for all operations before it, and sees what they wrote */
    backend_kernel *kernel;
    uint32_t groups[3];  /* 1 to BACKEND_GROUPS_MAX each */
    uint32_t push_bytes; /* of push constants, behind the block's address; a multiple of 4 */
    unsigned char push[YOKE_PUSH_BYTES_MAX];
    backend_place to, from;
    uint64_t bytes; /* a multiple of 4, as offsets are; at least 4 */
    uint32_t word;
} backend_op;

#define BACKEND_GROUPS_MAX 65535u

typedef struct backend_batch {
    uint32_t slot;                   /* below num_slots; no other batch in flight has it */
    uint32_t num_items;              /* at least 1 */
    uint64_t block;                  /* device address of its backend_block */
    const backend_block *block_host; /* the same, at its host address */
    const backend_op *ops;           /* read during submit only */
    uint32_t num_ops;                /* at least 1 */
} backend_batch;

typedef struct backend_ops {
    const char *name; /* "vulkan" */

    /* -- instance: blocks for up to a second (loads the driver) -- */

    /* Looks for devices. YOKE_OK with *count 0 and YOKE_UNSUPPORTED (no such API here: why_not says
     * why, BACKEND_WHY_BYTES) both mean that there are none. Only after YOKE_OK: close. */
    yoke_status (*open_instance)(const backend_host *host, backend_instance **instance,
                                 uint32_t *count, char *why_not);
    void (*close_instance)(backend_instance *instance); /* after all its devices */
    void (*info)(const backend_instance *instance, uint32_t index, backend_info *info);

    /* -- device -- */

    /* Opens a fit device. Blocks. A device may be opened again after close. */
    yoke_status (*open)(backend_instance *instance, uint32_t index,
                        const backend_open_options *options, backend_device **device);
    /* Waits for what is in flight, frees everything. Kernels and memory of the device are gone with
     * it. YOKE_TIMEOUT: gave up after some seconds; the device may still write to memory that was
     * imported, so that must never be handed back. */
    yoke_status (*close)(backend_device *device);

    /* Blocks for as long as the driver compiles. The kernel lives as long as the device. */
    yoke_status (*compile)(backend_device *device, const backend_kernel_desc *desc,
                           backend_kernel **kernel);

    /* Memory for batches, 4096-byte aligned; contents are undefined. */
    yoke_status (*alloc)(backend_device *device, backend_memory_kind kind, size_t bytes,
                         backend_memory *memory);
    /* Lets the device see memory of the host's: 4096-byte aligned, whole pages. YOKE_UNSUPPORTED
     * where the API cannot. */
    yoke_status (*import)(backend_device *device, void *host, size_t bytes, backend_memory *memory);
    /* Gives back either; no batch in flight uses it. */
    void (*release)(backend_device *device, backend_memory *memory);
    /* How many bytes of its own memory are taken. */
    uint64_t (*taken)(const backend_device *device);

    /* Submits batches in one call of the API, all or none; *value is the last one's, the others
     * have those before it. Does not wait for the device. YOKE_INVALID: no batch, more than there
     * are slots, an operation outside its bounds, or one that does not fit the device's numbering
     * of items (near 2^32 of them). */
    yoke_status (*submit)(backend_device *device, const backend_batch *batches,
                          uint32_t num_batches, uint64_t *value);
    /* How far the device has come. Does not block. */
    yoke_status (*completed)(backend_device *device, uint64_t *value);
    /* When the slot's last batch, which is complete, began and ended, on a clock of the device's
     * own. A batch may begin before the last one has ended. YOKE_UNSUPPORTED: it cannot tell. Does
     * not block. */
    yoke_status (*times)(backend_device *device, uint32_t slot, uint64_t *begin_ns,
                         uint64_t *end_ns);
    /* Waits until it has come to `value`; YOKE_TIMEOUT after timeout_ns; YOKE_INVALID if nothing
     * that was submitted reaches it. */
    yoke_status (*wait)(backend_device *device, uint64_t value, uint64_t timeout_ns);
} backend_ops;

/* The backends of this build, best first; NULL ends the list. A build without GPUs has none. */
extern const backend_ops *const backends_all[];

#endif
