/*
 * Program types: work that takes several dispatches on a GPU, such as a Merkle tree, an MSM or an
 * NTT. An item is a whole problem, and its size follows from the job's params.
 *
 * A map type (yoke.h) says how many bytes an item has and gives one shader, a function of one item.
 * A program type gives instead
 *   - `plan`: how large an item of given params is, and what it takes to run it;
 *   - several shaders, and `record`, which says in what order they run on a batch of items;
 *   - its CPU kernel, as every type; it may fork (yoke/fork.h);
 *   - perhaps `finish`, the last step of what a GPU has begun, on a CPU worker.
 *
 *     static yoke_status plan(const void *params, yoke_plan *plan)
 *     {
 *         const my_params *p = params;
 *         plan->in_bytes[0] = p->num_rows * 32;
 *         plan->out_bytes = 32;
 *         plan->scratch_bytes[0] = p->num_rows * 32;
 *         return p->num_rows > 0 ? YOKE_OK : YOKE_INVALID;
 *     }
 *
 *     static void record(yoke_recorder *recorder, const yoke_batch_shape *batch)
 *     {
 *         yoke_record_dispatch(recorder, 0, groups, 1, 1, &push, sizeof push,
 *                              YOKE_BUFFER_IN(0), YOKE_BUFFER_SCRATCH(0));
 *         yoke_record_dispatch(recorder, 1, 1, 1, 1, NULL, 0,
 *                              YOKE_BUFFER_SCRATCH(0), YOKE_BUFFER_OUT);
 *     }
 *
 * A batch holds items of equal params only, from one or several jobs; each input is one array of
 * all items, and so are the output and each scratch buffer.
 */
#ifndef YOKE_PROGRAM_H
#define YOKE_PROGRAM_H

#include <yoke/yoke.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YOKE_SCRATCH_MAX 4
#define YOKE_PROGRAM_KERNELS_MAX 16
#define YOKE_PROGRAM_OPS_MAX 256 /* what one batch may record */
#define YOKE_PUSH_BYTES_MAX 56

/* What an item of given params is. Zeroed before `plan` is called. */
typedef struct yoke_plan {
    uint64_t in_bytes[YOKE_INPUTS_MAX];       /* an item of each input; none after a 0 */
    uint64_t out_bytes;                       /* an item of the output */
    uint64_t scratch_bytes[YOKE_SCRATCH_MAX]; /* device memory an item needs while it runs */
    uint64_t partial_bytes; /* what a GPU writes for an item in place of its output: above 0 where
                             * there is a `finish`, and only there */
    uint64_t cost;          /* of an item; 0: 1 */
} yoke_plan;

/* What is to be recorded. */
typedef struct yoke_batch_shape {
    const yoke_plan *plan;
    const void *params; /* the type's params_bytes bytes */
    uint32_t num_items; /* at least 1 */
    void *user;         /* the type's */
} yoke_batch_shape;

typedef struct yoke_recorder yoke_recorder;

/* The buffers of a batch, as bits of a set. Output means the partial results where there are any.
 */
typedef uint32_t yoke_buffers;
#define YOKE_BUFFER_IN(k) (1u << (k))
#define YOKE_BUFFER_RESIDENT(k) (1u << (4 + (k)))
#define YOKE_BUFFER_SCRATCH(k) (1u << (8 + (k)))
#define YOKE_BUFFER_OUT (1u << 12)

/*
 * Describes a program type's other half; goes into yoke_type_desc.program, whose in_bytes,
 * out_bytes and gpu are then zero. Copied at register, the shaders too.
 */
typedef struct yoke_program {
    uint32_t struct_bytes;
    uint32_t flags; /* none is defined: 0 */
    /* What an item of these params is (the type's params_bytes bytes; zeros if the job had none).
     * Pure and quick; any thread, at submit and later.
     * Fails: YOKE_INVALID: there is no such problem; the job is refused, as it is if the plan
     * breaks a rule above. */
    yoke_status (*plan)(const void *params, yoke_plan *plan);
    /* Says what a GPU does with a batch. Pure; on a submitter's thread. NULL: the CPU only. */
    void (*record)(yoke_recorder *recorder, const yoke_batch_shape *batch);
    const yoke_gpu_kernel *kernels; /* numbered from 0; a pipeline each */
    uint32_t num_kernels;           /* at most YOKE_PROGRAM_KERNELS_MAX; 0 with record NULL */
    /* The last step of what a GPU has begun: claim->in[0] is the partial results, the rest as for
     * the CPU kernel; the job's other inputs are not there. On a worker; may fork.
     * NULL: the GPU writes the output. */
    yoke_cpu_kernel finish;
} yoke_program;
#ifndef __cplusplus
#define yoke_program(...) (&(const yoke_program){.struct_bytes = sizeof(yoke_program), __VA_ARGS__})
#endif

/*
 * Recording. Operations run in the order in which they are recorded. Each names the buffers it
 * reads and writes, and where one needs what an earlier one wrote (or overwrites what an earlier
 * one reads or writes) the recorder puts a barrier between them. Inputs and residents must not be
 * written: they may be the caller's memory, and the batch may be run again. A barrier costs some
 * microseconds: what is independent should lie in different buffers, and be recorded side by side.
 *
 * Shaders are written against shaders/yoke.glsl. The push constants begin with the address of the
 * batch's block; `push` follows it, and the shader declares it with YOKE_PUSH.
 *
 * A mistake (a kernel, a buffer or a range that is not there, too many operations) is kept by the
 * recorder: the batch goes to the CPU, and the log says why.
 */
void yoke_record_dispatch(yoke_recorder *recorder, uint32_t kernel, uint32_t groups_x,
                          uint32_t groups_y, uint32_t groups_z, const void *push,
                          uint32_t push_bytes, yoke_buffers reads, yoke_buffers writes);

/* Offsets and sizes in bytes, multiples of 4; one buffer on each side. */
void yoke_record_copy(yoke_recorder *recorder, yoke_buffers to, uint64_t to_offset,
                      yoke_buffers from, uint64_t from_offset, uint64_t bytes);

/* Fills with a word, over and over. */
void yoke_record_fill(yoke_recorder *recorder, yoke_buffers to, uint64_t offset, uint64_t bytes,
                      uint32_t word);

/* For what the recorder cannot see: everything before it is done before anything after it. */
void yoke_record_barrier(yoke_recorder *recorder);

#ifdef __cplusplus
}
#endif
#endif
