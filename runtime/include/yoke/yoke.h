/*
 * yoke: an embeddable job runtime.
 *
 * A host program registers task types, fills in yoke_job structs that it owns, and submits them.
 * Work-stealing CPU workers and, where there are any, GPUs run the jobs: small jobs of one type
 * travel to a GPU together in one batch. Results land in the caller's own memory.
 *
 * How to read this file: statuses, then types, then the job, then lifecycle, submit and wait,
 * groups, completion queue, statistics. Ten minutes, top to bottom.
 *
 * Each comment may carry four tags. Where a tag is absent, this default holds:
 *   Threads:  any thread may call, at the same time as any other call on the same runtime.
 *   Blocks:   never.
 *   Owns:     the caller keeps everything it passes in; it may free or reuse it after the call.
 *   Fails:    cannot fail.
 *
 * Structs that a caller fills in start with `struct_bytes`. Make them with the macro of the same
 * name, which sets it: `yoke_options(.num_workers = 4)`. Every field left out is zero, and zero
 * always means the documented default.
 */
#ifndef YOKE_YOKE_H
#define YOKE_YOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised by one whenever a program written for the last value would have to change. */
#define YOKE_API_VERSION 1

/* ---------------------------------------------------------------------------------------------
 * Statuses
 */

/* X(name, value, text) */
#define YOKE_STATUS_MAP(X)                                                                         \
    X(OK, 0, "done")                                                                               \
    X(PENDING, 1, "submitted and not settled yet")                                                 \
    X(INVALID, -1, "an argument is wrong, or the call is not allowed here")                        \
    X(BUSY, -2, "a bounded queue is full; nothing was submitted")                                  \
    X(CANCELED, -3, "canceled before all of it had run")                                           \
    X(DEADLINE, -4, "the deadline passed before all of it had run")                                \
    X(DEPENDENCY, -5, "a job of the group it had to come after did not succeed")                   \
    X(TIMEOUT, -6, "the wait ended before the job did")                                            \
    X(NO_DEVICE, -7, "it asked for a GPU and none is fit to use")                                  \
    X(NO_MEMORY, -8, "out of memory")                                                              \
    X(SYSTEM, -9, "the operating system refused a thread or a descriptor")                         \
    X(KERNEL, -10, "the CPU kernel failed")                                                        \
    X(UNSUPPORTED, -11, "this build or this version has no such feature")

typedef enum yoke_status {
#define YOKE_STATUS_ENUM(name, value, text) YOKE_##name = value,
    YOKE_STATUS_MAP(YOKE_STATUS_ENUM)
#undef YOKE_STATUS_ENUM
} yoke_status;

/* A short name ("BUSY") and a sentence for a status; never NULL, also for unknown values. */
const char *yoke_status_name(yoke_status status);
const char *yoke_status_text(yoke_status status);

/* ---------------------------------------------------------------------------------------------
 * Task types
 */

typedef struct yoke_runtime yoke_runtime;   /* workers and queues; create, destroy */
typedef struct yoke_type yoke_type;         /* a registered type; lives as long as its runtime */
typedef struct yoke_worker yoke_worker;     /* the thread that runs a kernel */
typedef struct yoke_resident yoke_resident; /* a constant kept on devices */
typedef struct yoke_policy yoke_policy;     /* a policy file, read */
typedef struct yoke_job yoke_job;

#define YOKE_INPUTS_MAX 4
#define YOKE_PARAMS_BYTES_MAX 32
#define YOKE_TYPE_NAME_BYTES_MAX 64 /* with the final zero */

/* One item of a ragged input: `bytes` bytes at `data`; `data` may be NULL if bytes is 0. */
typedef struct yoke_span {
    const void *data;
    uint64_t bytes;
} yoke_span;

/* As a type's in_bytes[k]: input k is ragged, and a job's in[k] is an array of yoke_span. Items
 * with a span of more than 2 MiB run on the CPU always. */
#define YOKE_RAGGED UINT32_MAX

/*
 * A range of a job's items that a kernel is asked to run: items first to first + count - 1 of the
 * job. in[k] and out already point at item `first`; in[k] is a `const yoke_span *` where ragged.
 */
typedef struct yoke_claim {
    const void *in[YOKE_INPUTS_MAX];
    void *out;
    uint32_t first;
    uint32_t count;
    const void *params; /* the type's params_bytes bytes; never NULL, zeros if the job had none */
    void *user;         /* the type's */
    const void *resident[YOKE_INPUTS_MAX]; /* the residents' bytes, in host memory */
} yoke_claim;

/*
 * A CPU kernel: computes the claim's outputs from its inputs.
 * A kernel is pure: it may run twice on the same items, at the same time, into different memory.
 * It reads its inputs, writes its count × out_bytes bytes of output, and nothing else that a
 * second run would see.
 *   Threads:  called on any worker, on several at once for different claims of one job.
 *   Blocks:   must not wait for another job.
 *   Fails:    any status but YOKE_OK and YOKE_PENDING becomes the job's status; the rest of the
 *             job is not run.
 */
typedef yoke_status (*yoke_cpu_kernel)(yoke_worker *worker, const yoke_claim *claim);

/*
 * A GPU kernel of a map type: one Vulkan compute shader that computes one item an invocation and
 * gives the same bytes as the CPU kernel. Written against shaders/yoke.glsl (installed as
 * share/yoke/shaders/yoke.glsl), compiled to SPIR-V 1.5 or older; may use 64-bit integers and
 * buffer references. Everything here is copied at register.
 */
typedef struct yoke_gpu_kernel {
    uint32_t struct_bytes;
    uint32_t flags; /* none is defined: 0 */
    const uint32_t *spirv;
    size_t spirv_bytes;
    const char *entry;   /* NULL: "main"; at most 63 bytes */
    uint32_t local_size; /* invocations in a workgroup, as the shader declares; 0: 64 */
} yoke_gpu_kernel;
#ifndef __cplusplus
#define yoke_gpu_kernel(...)                                                                       \
    (&(const yoke_gpu_kernel){.struct_bytes = sizeof(yoke_gpu_kernel), __VA_ARGS__})
#endif

enum {
    YOKE_TYPE_TOTAL = 1u << 0, /* the kernels take any bytes as items and params. Then a device
                                * serves the type only after its kernel has given the same bytes
                                * as the CPU kernel for a few made-up items, zeros and noise */
};

/*
 * Describes a type. An item of a map type reads in_bytes[k] bytes from each input k and writes
 * out_bytes bytes.
 */
typedef struct yoke_type_desc {
    uint32_t struct_bytes;
    uint32_t flags;   /* YOKE_TYPE_* */
    const char *name; /* 1 to 63 of a-z, 0-9 and _; unique within the runtime; copied */
    uint32_t in_bytes[YOKE_INPUTS_MAX]; /* bytes an item, or YOKE_RAGGED; a 0 ends the list */
    uint32_t out_bytes;                 /* bytes an item; 0: no output */
    uint32_t params_bytes;              /* bytes of a job's params; 0 to YOKE_PARAMS_BYTES_MAX */
    yoke_cpu_kernel cpu;                /* required */
    /* How much a job weighs, in a unit of the type's own: what a worker takes at a time is sized by
     * it. Pure, quick; called on the submitting thread after the job was checked.
     * NULL: the bytes of all ragged inputs, or, if none is ragged, the number of items. */
    uint64_t (*cost)(const yoke_job *job);
    void *user;                 /* handed to the kernel in its claim; must outlive the runtime */
    const yoke_gpu_kernel *gpu; /* NULL: the type runs on the CPU only */
    const struct yoke_program *program; /* yoke/program.h: an item is a whole problem, whose size
                                         * follows from the params; NULL: a map type */
    uint32_t num_residents;             /* how many a job names: resident[0] and so on; 0: none */
} yoke_type_desc;
#ifndef __cplusplus
#define yoke_type_desc(...)                                                                        \
    (&(const yoke_type_desc){.struct_bytes = sizeof(yoke_type_desc), __VA_ARGS__})
#endif

/*
 * Adds a type to a runtime, before or while jobs run. *type lives until the runtime is destroyed.
 * Devices compile its GPU kernel in the background, and try it (YOKE_TYPE_TOTAL); until then the
 * CPU runs its jobs. Fails:    YOKE_INVALID: a bad descriptor, or the name is taken.
 * YOKE_NO_MEMORY. YOKE_BUSY: YOKE_TYPES_MAX are registered.
 */
yoke_status yoke_register(yoke_runtime *rt, const yoke_type_desc *desc, const yoke_type **type);

/* The type of that name, or NULL. */
const yoke_type *yoke_type_find(yoke_runtime *rt, const char *name);

/* Its index, from 0 to the number of workers less one; for a kernel's per-worker scratch. */
uint32_t yoke_worker_index(const yoke_worker *worker);

/* ---------------------------------------------------------------------------------------------
 * Jobs and groups
 */

/* A W3C trace id, carried along for the host; all zero: none. */
typedef struct yoke_trace_id {
    uint8_t bytes[16];
} yoke_trace_id;

/*
 * A set of jobs to wait for, or to start others after. Caller-owned; zero it before its first use.
 * It must stay valid while a job that names it is not settled. Its status is the first failure
 * among its jobs and stays until the caller zeroes the group again (only while it is empty).
 */
typedef struct yoke_group {
    uint64_t reserved[2];
} yoke_group;

enum {
    YOKE_JOB_CPU = 1u << 0,  /* run on the CPU only */
    YOKE_JOB_GPU = 1u << 1,  /* run on a GPU; refused where none is ready; the CPU runs what a GPU
                              * has failed */
    YOKE_JOB_REAP = 1u << 2, /* on settling goes to the runtime's completion queue: yoke_reap */
    YOKE_JOB_HIGH = 1u << 3, /* workers take it before other jobs, also between the grains of a
                              * large one; after 16 of them in a row another job has its turn. What
                              * comes out of `after`, or back from a device, is taken as any job */
};

/*
 * A job: num_items items of one type, one completion. Caller-owned: submitting copies nothing but
 * params and allocates nothing.
 *
 * From a successful submit until it is settled, the caller must not touch the job, change its
 * inputs, or touch its output; params may go at once. Once settled the runtime never touches any
 * of them again, and the job may be submitted again as it is.
 *
 * How the caller learns that it settled is one of four: `done`, `group`, YOKE_JOB_REAP or, with
 * none of these, yoke_wait or yoke_poll.
 *
 * 256 bytes. The hot fields come first.
 */
struct yoke_job {
    uint32_t struct_bytes;
    uint32_t flags; /* YOKE_JOB_* */
    const yoke_type *type;
    const void *in[YOKE_INPUTS_MAX]; /* num_items × in_bytes[k] bytes each, or num_items spans */
    void *out;                       /* num_items × out_bytes; must not overlap any input */
    uint32_t num_items;              /* at least 1 */
    yoke_status status; /* YOKE_PENDING from submit to settle, then the result; `out` is defined
                         * only under YOKE_OK. Read it once the job is known to be settled. */

    yoke_group *group;           /* counted in at submit and out when settled */
    yoke_group *after;           /* starts when this group is empty and OK; if it is empty and
                                  * not OK the job does not run: YOKE_DEPENDENCY */
    void (*done)(yoke_job *job); /* called once, on a worker (or by yoke_destroy), after `status`
                                  * is set; may submit, and free or reuse the job; must not wait */
    void *user;                  /* the caller's */
    const void *params;          /* copied at submit; NULL: all zero */
    uint32_t params_bytes;       /* the type's params_bytes; 0 with params NULL */
    uint32_t reserved0;          /* the runtime's */
    uint64_t cost;               /* 0: the type computes it */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; looked at whenever items are claimed; 0: none */

    const yoke_resident *resident[YOKE_INPUTS_MAX]; /* the type's num_residents, then NULL */
    yoke_trace_id trace;
    uint64_t reserved[10]; /* the runtime's; zero before the first submit */
};
#ifndef __cplusplus
#define yoke_job(...) ((yoke_job){.struct_bytes = sizeof(yoke_job), __VA_ARGS__})
#endif

/* ---------------------------------------------------------------------------------------------
 * Lifecycle
 */

/* Where the runtime gets its memory: at create and register, never between. align is a power of
 * two; bytes is what was asked for. */
typedef struct yoke_allocator {
    void *(*alloc)(void *user, size_t bytes, size_t align); /* NULL when out of memory */
    void (*free)(void *user, void *memory, size_t bytes);
    void *user;
} yoke_allocator;

typedef enum yoke_log_level { YOKE_LOG_INFO, YOKE_LOG_WARNING, YOKE_LOG_ERROR } yoke_log_level;

#define YOKE_WORKERS_MAX 256
#define YOKE_JOBS_MAX (1u << 20)

#define YOKE_DEVICES_MAX 16
#define YOKE_TYPES_MAX 256

enum {
    YOKE_SUBMIT_WAITS = 1u << 0, /* a full queue makes a host thread wait instead of YOKE_BUSY */
    YOKE_REQUIRE_GPU = 1u << 1,  /* create waits for the devices, and fails if none is ready */
};

/* Which engines run jobs. */
typedef enum yoke_engine {
    YOKE_ENGINE_POLICY, /* as the policy says; without one: auto */
    YOKE_ENGINE_AUTO,   /* the CPU, and GPUs where the waiting work is worth a batch */
    YOKE_ENGINE_CPU,    /* the CPU only; no device is opened */
    YOKE_ENGINE_GPU,    /* GPUs wherever a type has a GPU kernel and a device is ready, software
                         * devices included; else the CPU */
} yoke_engine;

typedef struct yoke_options {
    uint32_t struct_bytes;
    uint32_t flags;       /* YOKE_SUBMIT_WAITS, YOKE_REQUIRE_GPU */
    uint32_t num_workers; /* 1 to YOKE_WORKERS_MAX; 0: the policy's, or one for each CPU this thread
                           * may run on */
    uint32_t max_jobs;    /* jobs that wait in the runtime for a worker, as many that wait for a
                           * group, and as many (16384 at most) of each type that wait for a GPU;
                           * rounded up to a power of two; 0: the policy's, or 65536; at most
                           * YOKE_JOBS_MAX */
    yoke_allocator allocator; /* all NULL: libc. Called by yoke's threads too while devices open */
    /* One line of text, no newline; on any thread, must not call the runtime. NULL: nothing is
     * logged. The library itself prints nothing. */
    void (*log)(void *user, yoke_log_level level, const char *line);
    void *log_user;
    const yoke_policy *policy; /* read during create only; NULL: all defaults */
    yoke_engine engine;        /* overrides the routing.mode of every policy */
} yoke_options;
#ifndef __cplusplus
#define yoke_options(...) (&(const yoke_options){.struct_bytes = sizeof(yoke_options), __VA_ARGS__})
#endif

/*
 * Starts a runtime and its threads (yoke-w0, yoke-w1, ...: workers; yoke-gpu0, ...: a submitter for
 * each device; yoke-ctl: the controller; they block every signal). GPUs open in the background
 * while the CPU serves: see yoke_ready. options may be NULL: all defaults. On failure *rt is NULL
 * and nothing is left behind.
 *   Fails:    YOKE_INVALID, YOKE_NO_MEMORY, YOKE_SYSTEM; YOKE_NO_DEVICE with YOKE_REQUIRE_GPU.
 */
yoke_status yoke_create(yoke_runtime **rt, const yoke_options *options);

/*
 * Waits until every device is open or given up, and has compiled the types registered so far.
 *   Threads:  not from a worker.
 *   Blocks:   yes, up to timeout_ns nanoseconds; a first start of a driver may take seconds.
 *   Fails:    YOKE_NO_DEVICE: no device is ready; yoke_devices says why. YOKE_TIMEOUT.
 */
yoke_status yoke_ready(yoke_runtime *rt, uint64_t timeout_ns);

/*
 * Ends a runtime: items that a kernel has begun are finished, everything else settles as
 * YOKE_CANCELED (callbacks run, groups empty), threads end, memory is freed, *rt becomes NULL.
 * A job of which only part had run counts as canceled. Does nothing if rt or *rt is NULL.
 *   Threads:  not from a worker; no other call may be running or come later, but for calls from
 *             done callbacks (yoke_submit then answers YOKE_CANCELED).
 *   Blocks:   until the kernels that are running return.
 */
void yoke_destroy(yoke_runtime **rt);

/* ---------------------------------------------------------------------------------------------
 * Policy files and devices
 */

/*
 * Reads a policy file: config/README.md lists its keys. *policy is for yoke_options; NULL on
 * failure, and `message` (may be NULL) then holds one line: file, line, key, what is wrong.
 *   Owns:     the policy is the caller's, until yoke_policy_free.
 *   Fails:    YOKE_INVALID: the file's content. YOKE_SYSTEM: it cannot be read. YOKE_NO_MEMORY.
 */
yoke_status yoke_policy_read(yoke_policy **policy, const char *path, char *message,
                             size_t message_bytes);

/*
 * Puts a policy in force while jobs run: of the keys that config/README.md calls live. Returns once
 * they are, so that every later submit goes by them; jobs that wait in a queue stay there. A
 * changed key that is read at create only stays as it was, with a warning in the log, and the
 * options of yoke_create override this policy as they did the first. A runtime created with
 * cpu_only has no devices, whatever is loaded later.
 *   Threads:  not from a worker; loads at the same time are taken one after the other.
 *   Blocks:   for a moment; while the runtime still looks for devices, until it has found them.
 *   Owns:     the policy is not kept.
 *   Fails:    YOKE_INVALID: a value is out of its range; nothing changes. YOKE_CANCELED: the
 *             runtime is being destroyed.
 */
yoke_status yoke_policy_load(yoke_runtime *rt, const yoke_policy *policy);

/* Frees a policy; *policy becomes NULL. Does nothing if policy or *policy is NULL. */
void yoke_policy_free(yoke_policy **policy);

/* X(name, text) */
#define YOKE_DEVICE_STATE_MAP(X)                                                                   \
    X(OPENING, "opening")                                                                          \
    X(READY, "ready")                                                                              \
    X(UNFIT, "not fit")                                                                            \
    X(UNUSED, "not used")                                                                          \
    X(LOST, "lost")

typedef enum yoke_device_state {
#define YOKE_DEVICE_STATE_ENUM(name, text) YOKE_DEVICE_##name,
    YOKE_DEVICE_STATE_MAP(YOKE_DEVICE_STATE_ENUM)
#undef YOKE_DEVICE_STATE_ENUM
} yoke_device_state;

/* "ready"; never NULL. */
const char *yoke_device_state_text(yoke_device_state state);

typedef struct yoke_device {
    char backend[16]; /* "vulkan" */
    char name[256];   /* "NVIDIA H200"; empty where the backend itself is missing */
    char driver[256]; /* and its version */
    uint8_t uuid[16];
    uint64_t memory_bytes;
    uint64_t memory_taken_bytes; /* of these, taken by this runtime now, and at most ever */
    uint64_t memory_peak_bytes;
    yoke_device_state state;
    char why[160]; /* unless ready: the reason */
} yoke_device;

/* Lists what was found, at most max_devices of them; returns how many there are. Complete once
 * yoke_ready has returned. A backend that is missing altogether has one entry that says why. */
size_t yoke_devices(yoke_runtime *rt, yoke_device *devices, size_t max_devices);

/* ---------------------------------------------------------------------------------------------
 * Memory
 */

/*
 * Memory that every device can use in place: jobs whose inputs and output lie in it need not be
 * copied on their way to a GPU. Page-aligned, zeroed; works without any device too.
 *   Fails:    NULL: out of memory.
 */
void *yoke_alloc(yoke_runtime *rt, size_t bytes);

/*
 * Gives it back; NULL does nothing.
 *   Threads:  not from a worker.
 *   Blocks:   until no device uses it any more. Its jobs must have settled.
 */
void yoke_free(yoke_runtime *rt, void *memory);

/*
 * Lets devices use memory of the caller's in place, as if it had come from yoke_alloc: for what
 * others have allocated. Costs a device about a millisecond for each GiB when it first meets it;
 * the pages stay in memory meanwhile. Where a device cannot import it, jobs are copied as before.
 *   Owns:     the memory is the caller's and must not be freed before yoke_unpin.
 *   Fails:    YOKE_INVALID: no memory, or it is pinned or yoke's already.
 *             YOKE_NO_MEMORY.
 */
yoke_status yoke_pin(yoke_runtime *rt, void *memory, size_t bytes);

/*
 * Ends that; `memory` as it was given to yoke_pin.
 *   Threads:  not from a worker.
 *   Blocks:   until no device uses it any more. Its jobs must have settled.
 *   Fails:    YOKE_INVALID: it is not pinned. YOKE_TIMEOUT: a device that hangs may write to it as
 *             long as the process lives, so its pages must not be used for anything else.
 */
yoke_status yoke_unpin(yoke_runtime *rt, void *memory);

/*
 * Makes a resident: a constant that jobs read besides their inputs, such as a table or the points
 * of an MSM. Its bytes are copied; a device gets a copy into its own memory with the first batch
 * that needs it, and again should the device be lost and come back. CPU kernels read the host's.
 *   Owns:     the resident is the caller's, until yoke_resident_free; data may go at once.
 *   Fails:    YOKE_INVALID: no data, or no bytes. YOKE_NO_MEMORY.
 */
yoke_status yoke_resident_create(yoke_runtime *rt, const void *data, size_t bytes,
                                 yoke_resident **resident);

/*
 * Gives it back; *resident becomes NULL. Does nothing if resident or *resident is NULL.
 *   Threads:  not from a worker; before yoke_destroy.
 *   Blocks:   until no device has it any more. Its jobs must have settled.
 */
void yoke_resident_free(yoke_runtime *rt, yoke_resident **resident);

/* ---------------------------------------------------------------------------------------------
 * Submit, wait, cancel
 */

#define YOKE_FOREVER UINT64_MAX

/*
 * Hands num_jobs jobs to the runtime, all or none. On failure the jobs are as they were.
 * From a kernel or a done callback too: then the jobs go to that worker's own deque.
 *   Blocks:   only if the queue is full, the option YOKE_SUBMIT_WAITS is set, and the caller is
 *             not a worker.
 *   Owns:     the jobs and their buffers are the runtime's until settled; the array is not.
 *   Fails:    YOKE_INVALID: a job is malformed, of another runtime's type, submitted already, in
 *             the array twice, or more than one of done, group and YOKE_JOB_REAP is set.
 *             YOKE_BUSY: no room for all of them. YOKE_NO_DEVICE: YOKE_JOB_GPU, and no device
 *             is ready for that type.
 *             YOKE_UNSUPPORTED: a flag that this version does not know.
 *             YOKE_CANCELED: the runtime is being destroyed.
 */
yoke_status yoke_submit(yoke_runtime *rt, yoke_job *const *jobs, size_t num_jobs);

/* Whether a job without done, group and YOKE_JOB_REAP is settled (or was never submitted); its
 * status is then valid, and it may be freed. */
bool yoke_poll(const yoke_job *job);

/*
 * Waits until a job without done, group and YOKE_JOB_REAP is settled, or for timeout_ns
 * nanoseconds (YOKE_FOREVER: no limit).
 *   Threads:  not from a worker; several threads may wait for one job if none frees it.
 *   Blocks:   yes.
 *   Fails:    the job's status; YOKE_TIMEOUT; YOKE_INVALID on a worker.
 */
yoke_status yoke_wait(yoke_runtime *rt, const yoke_job *job, uint64_t timeout_ns);

/*
 * Waits until a group is empty. Returns its status: YOKE_OK, or the first failure of its jobs.
 *   Threads:  not from a worker; several threads may wait for one group if none frees it.
 *   Blocks:   yes.
 *   Fails:    the group's status; YOKE_TIMEOUT; YOKE_INVALID on a worker.
 */
yoke_status yoke_group_wait(yoke_runtime *rt, const yoke_group *group, uint64_t timeout_ns);

/*
 * Asks for a job to be stopped. Items that no kernel has begun will not run; the job then settles
 * as YOKE_CANCELED, unless it failed or finished first. Its status tells which.
 *   Threads:  only while the job is submitted or the caller keeps it: the runtime cannot know
 *             whether a job that settled has been freed. On a settled job it does nothing.
 *   Fails:    YOKE_INVALID: NULL.
 */
yoke_status yoke_cancel(yoke_runtime *rt, yoke_job *job);

/* ---------------------------------------------------------------------------------------------
 * Completion queue, for event loops
 */

/*
 * A descriptor that is readable while the completion queue may hold jobs; the same one at every
 * call. Poll it, do not read it; yoke_reap resets it.
 *   Owns:     the runtime's, closed by yoke_destroy.
 *   Fails:    -1: the system has no descriptor to give.
 */
int yoke_event_fd(yoke_runtime *rt);

/* Takes up to max_jobs settled YOKE_JOB_REAP jobs, oldest first; returns how many. */
size_t yoke_reap(yoke_runtime *rt, yoke_job **jobs, size_t max_jobs);

/* ---------------------------------------------------------------------------------------------
 * Statistics
 */

/* X(field, text): all counted since create. */
#define YOKE_STATS_MAP(X)                                                                          \
    X(jobs_submitted, "jobs accepted by yoke_submit")                                              \
    X(jobs_settled, "jobs that are settled, whatever their status")                                \
    X(jobs_ok, "of these, with YOKE_OK")                                                           \
    X(jobs_canceled, "of these, with YOKE_CANCELED")                                               \
    X(jobs_deadline, "of these, with YOKE_DEADLINE")                                               \
    X(jobs_dependency, "of these, with YOKE_DEPENDENCY")                                           \
    X(items_run, "items that CPU kernels ran")                                                     \
    X(claims_run, "calls of CPU kernels")                                                          \
    X(items_gpu, "items that GPU kernels ran")                                                     \
    X(batches, "batches that GPUs ran")                                                            \
    X(batches_failed, "batches that a GPU failed, whose items the CPU then ran")                   \
    X(batches_in_place, "batches that used the job's own memory, without a copy")                  \
    X(batches_staged, "batches that a GPU ran on copies in its own memory")                        \
    X(gpu_busy_ns, "nanoseconds that GPUs took for batches, of all GPUs that can tell")            \
    X(tickets_stolen, "tickets a worker took from another worker's deque")                         \
    X(tickets_surplus, "tickets that workers took from a lane because no device had room")         \
    X(tickets_shared, "extra tickets pushed for hungry workers")                                   \
    X(parks, "times a worker went to sleep")                                                       \
    X(wakes, "times a worker was woken for new work")                                              \
    X(forks_stolen, "forked calls a worker took from another worker")

typedef struct yoke_stats {
    uint32_t struct_bytes;
    uint32_t num_workers;
#define YOKE_STATS_FIELD(field, text) uint64_t field;
    YOKE_STATS_MAP(YOKE_STATS_FIELD)
#undef YOKE_STATS_FIELD
} yoke_stats;

/*
 * Reads the counters; each is exact once the runtime is quiet, and may lag by a moment before.
 * Set stats->struct_bytes to sizeof(yoke_stats) first; no more than that is written.
 *   Fails:    YOKE_INVALID.
 */
yoke_status yoke_stats_read(yoke_runtime *rt, yoke_stats *stats);

/* ---------------------------------------------------------------------------------------------
 * Misuse
 */

/*
 * In builds with YOKE_CHECKED, a call that breaks a rule of this file also trips this hook, with
 * the place in yoke and what was wrong; NULL puts back the default, which aborts. In other builds
 * the hook is never called, and the call just answers YOKE_INVALID where it can be seen.
 */
typedef void (*yoke_assert_hook)(const char *file, int line, const char *text);
void yoke_set_assert_hook(yoke_assert_hook hook);

/* "0.1.0". */
const char *yoke_version(void);

#ifdef __cplusplus
}
#endif
#endif
