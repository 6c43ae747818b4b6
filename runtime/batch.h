/*
 * A batch: claims of one type, from one or many jobs, packed into a slot's memory for one trip to a
 * device.
 *
 * The slot's memory is laid out when the batch opens, or for a program type, whose sizes follow
 * from the params, when the first item joins:
 *
 *     block | in[0] | in[1] ... | params | out | ragged data
 *
 * each array with room for max_items. A job's items join with one claim from the front of the job.
 * Of a large claim, arrays that lie in yoke_alloc memory are not copied: they are mapped, the block
 * points at them, and the batch is that claim alone.
 *
 * A batch of a map type is one kernel over its items; it reads and writes the arrays where they
 * are, or, if it is staged, copies of them in the device's own memory. What a program's batch does
 * its type records (yoke/program.h).
 *
 * Threads: a batch belongs to its submitter; once handed over, to the worker that runs its claims
 * or finishes them, until it is marked free again.
 */
#ifndef YOKE_BATCH_H
#define YOKE_BATCH_H

#include "backends/backend.h"
#include "job.h"
#include "recorder.h"
#include "region.h"
#include "resident.h"
#include "route.h"
#include "scratch.h"

#define BATCH_CLAIMS_MAX 4096
#define BATCH_MAP_BYTES_MIN (256 * 1024)
/* A ragged item that is longer runs on the CPU: one invocation would be at it for tens of
 * milliseconds, and everybody else in the batch would wait. (Besides, llvmpipe leaves a shader's
 * loops after 65535 turns.) */
#define BATCH_SPAN_BYTES_MAX (UINT64_C(2) << 20)
#define BATCH_QUIET_LOOKS 64 /* a few microseconds */
#define BATCH_OUT YOKE_INPUTS_MAX
#define BATCH_ARRAYS (YOKE_INPUTS_MAX + 1) /* the inputs and the output */

typedef struct batch_claim {
    yoke_job *job;
    uint32_t first, count;
} batch_claim;

typedef struct batch_copy {
    void *to;
    const void *from;
    size_t bytes;
} batch_copy;

/* Makes the copies, which do not overlap. */
typedef void (*batch_copier)(void *context, const batch_copy *copies, uint32_t num_copies);

typedef struct batch {
    batch_copier copy; /* set before the batch is used for the first time */
    void *copy_context;
    backend_memory memory; /* the slot's */
    uint64_t bytes_max;    /* what it may grow to for a program's one large problem */
    scratch scratch;       /* the slot's */
    uint32_t slot;
    _Atomic bool is_free; /* the submitter may open it */
    const yoke_type *type;
    yoke_plan plan; /* what an item is */
    uint32_t num_items, max_items;
    uint32_t num_claims;
    uint32_t params_stride; /* 0 while all jobs have the same */
    uint64_t cost, target_cost;
    uint64_t
        min_cost; /* 0, or what an idle device is not worth waking for: the submitter's to set */
    uint64_t opened_ns;
    snapshot_type learned; /* of the type, when the batch was opened: the submitter's to set */
    uint64_t ahead_cost;   /* what the device has to do before it: the same */
    uint32_t quiet_looks;  /* since something joined */
    uint64_t value;        /* on the device's timeline, once submitted */
    uint64_t submitted_ns, packed_ns;   /* when; and how long packing took */
    uint64_t stride[BATCH_ARRAYS];      /* bytes of an item; 0: there is no such array */
    backend_place arrays[BATCH_ARRAYS]; /* where each begins */
    uint32_t mapped;                    /* a bit for each array that is the job's own memory */
    size_t params_at, data_at;          /* offsets in the slot's memory */
    size_t data_used;
    bool is_closed;         /* the next item does not fit */
    bool is_staged;         /* of a map type: the submitter's to set */
    bool is_run;            /* by the device: the workers have to finish it */
    bool is_trial;          /* it has no claims (trial.h) */
    uint32_t trial_differs; /* what a trial has come to: the first item that differs */
    const yoke_resident *residents[YOKE_INPUTS_MAX]; /* the first job's; all have the same */
    uint32_t copied;            /* a bit for each resident that the batch copies to the device */
    region *used[BATCH_ARRAYS]; /* of mapped arrays */
    uint32_t num_used;
    struct batch *next; /* among those handed over */
    yoke_recorder recorder;
    batch_claim claims[BATCH_CLAIMS_MAX];
} batch;

/* How many items of a map type a memory of that size holds; 0: the type does not fit. */
uint32_t batch_capacity(const yoke_type *type, size_t bytes);

/* A free batch becomes an open one, with nothing in it. It takes items until their cost reaches
 * target_cost. */
void batch_open(batch *b, const yoke_type *type, uint64_t target_cost, uint64_t now_ns);

/* Gives a free batch's slot another memory, of so many bytes. False: the one it has stays. */
bool batch_set_bytes(batch *b, const region_device *device, uint64_t bytes);

typedef enum batch_added {
    BATCH_TOOK_ALL,  /* the job has nothing left to claim */
    BATCH_TOOK_PART, /* the batch has no room for more, the job may have more */
    BATCH_TOOK_FAIR, /* its share: the workers, who have a ticket too, do the rest sooner */
    BATCH_TOO_LARGE, /* the job's next item does not fit in an empty batch */
} batch_added;

/* Claims and packs as many of the job's items as there is room for. */
batch_added batch_add(batch *b, yoke_job *job, region_table *regions, const region_device *device);

/* Whether it takes no more items. */
bool batch_is_full(const batch *b);

/* Whether an open batch should go to the device now: it is full; or its first item has waited long
 * enough; or the device has nothing to do, the batch is worth its while (min_cost), and nobody
 * seems to bring more: a claim that is alone goes when the next look finds nothing, several wait
 * for a few looks, for more are likely on their way. Pure. */
bool batch_is_due(const batch *b, uint64_t now_ns, uint64_t wait_ns_max, bool device_is_idle);

/* What its inputs and outputs take. */
uint64_t batch_bytes(const batch *b);

/* Copies a claim's outputs to its job; `at`: the place of the claim's first item in the batch. */
void batch_unpack(const batch *b, const batch_claim *claim, uint32_t at);

/* What the device wrote for that item and those after it, for the program's finish. */
const void *batch_partial(const batch *b, uint32_t at);

/* The device is done with it, or never had it: lets go of the job's own memory and tells whether
 * residents came to the device. */
void batch_close(batch *b, region_table *regions, const region_device *device, bool is_done);

#endif
