/*
 * The policy: what a user may set, each key written down once.
 *
 * YOKE_POLICY_MAP is the only place that knows the keys. From it come the struct, the defaults, the
 * range checks, the loader's schema, config/default.yaml and config/README.md.
 *   SECTION(section, text)                                         opens a section
 *   KEY(section, name, kind, min, max, default, unit, when, text)  a key of it
 *   END(section)                                                   closes it
 * kind: U32, U64, BOOL, TEXT, LIST (text, names separated by commas), or ENUM, whose words are in
 * POLICY_<SECTION>_<NAME>_MAP; min and max bound the number, of TEXT and LIST the length in bytes.
 * when: RESTART: read by yoke_create only; LIVE: may change while the runtime runs. text: without a
 * full stop.
 *
 * Nothing here reads YAML, allocates or has state.
 */
#ifndef YOKE_POLICY_H
#define YOKE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yoke/yoke.h>

#define POLICY_TEXT_BYTES_MAX 255
#define POLICY_COST_MAX (UINT64_C(1) << 40)
#define POLICY_DEVICE_MIB_MAX (1u << 24)

/* X(NAME, word) */
#define POLICY_ROUTING_MODE_MAP(X)                                                                 \
    X(AUTO, "auto")                                                                                \
    X(CPU_ONLY, "cpu_only")                                                                        \
    X(GPU_ONLY, "gpu_only")

#define POLICY_GPU_PATH_MAP(X)                                                                     \
    X(AUTO, "auto")                                                                                \
    X(DIRECT, "direct")                                                                            \
    X(STAGED, "staged")

#define POLICY_WORKERS_PINNING_MAP(X)                                                              \
    X(NONE, "none")                                                                                \
    X(CORES, "cores")                                                                              \
    X(NUMA, "numa")

/* clang-format off */
#define YOKE_POLICY_MAP(SECTION, KEY, END)                                                         \
    SECTION(workers, "The CPU workers")                                                            \
    KEY(workers, count, U32, 0, YOKE_WORKERS_MAX, 0, "threads", RESTART,                           \
        "CPU workers; 0: one for each CPU that the process may run on, within the quota of its "   \
        "control group")                                                                           \
    KEY(workers, pinning, ENUM, 0, POLICY_NUM_WORKERS_PINNINGS - 1, POLICY_WORKERS_PINNING_NONE,   \
        "", RESTART,                                                                               \
        "none: the system moves workers as it likes; cores: each is bound to a core, neighbours "  \
        "first; numa: each to the CPUs of a NUMA node. Bound workers steal from near ones first. " \
        "Finding the cores takes milliseconds at create, and two processes find the same ones")    \
    KEY(workers, spin_us, U32, 0, 10000, 20, "microseconds", RESTART,                              \
        "how long a worker with nothing to do, or a thread that waits for a job, looks again "     \
        "before it sleeps: about what waking it takes")                                            \
    KEY(workers, stack_kib, U32, 0, 1048576, 0, "KiB", RESTART,                                    \
        "stack of a worker; at least 64; 0: the system's default")                                 \
    END(workers)                                                                                   \
    SECTION(gpu, "The devices")                                                                    \
    KEY(gpu, devices, LIST, 0, POLICY_TEXT_BYTES_MAX, "", "", RESTART,                             \
        "which devices are used, separated by commas: each by its index or its UUID, as `yoke "    \
        "devices` prints them, or by a piece of its name, capitals or not (digits alone are an "   \
        "index). What is named is used even if it is a software device; \"\": every fit device, "  \
        "software devices if gpu.software is true")                                                \
    KEY(gpu, slots_in_flight, U32, 2, 16, 4, "batches", RESTART,                                   \
        "batches that a device may have in flight")                                                \
    KEY(gpu, software, BOOL, 0, 1, false, "", RESTART,                                             \
        "use software devices such as lavapipe too: for tests, they are slower than the CPU "      \
        "workers")                                                                                 \
    KEY(gpu, path, ENUM, 0, POLICY_NUM_GPU_PATHS - 1, POLICY_GPU_PATH_AUTO, "", LIVE,              \
        "how a batch's data reaches the device: direct: it reads and writes the host's memory; "   \
        "staged: through copies in its own memory; auto: measured for each type")                  \
    KEY(gpu, exclusive, BOOL, 0, 1, false, "", RESTART,                                            \
        "whether the devices are yoke's alone: it may take all of the memory that it is granted, " \
        "and keep it; false: others use them too, so it takes at most half of what is free, and "  \
        "gives it back when idle")                                                                 \
    KEY(gpu, pipeline_cache, BOOL, 0, 1, true, "", RESTART,                                        \
        "keep compiled kernels on disk, so that the next start is quicker")                        \
    KEY(gpu, pipeline_cache_dir, TEXT, 0, POLICY_TEXT_BYTES_MAX, "", "", RESTART,              \
        "the folder for them; \"\": one in the user's cache folder")                               \
    END(gpu)                                                                                       \
    SECTION(routing, "Which engine runs a job")                                                    \
    KEY(routing, mode, ENUM, 0, POLICY_NUM_ROUTING_MODES - 1, POLICY_ROUTING_MODE_AUTO, "", LIVE,  \
        "auto: the CPU, and GPUs where the waiting work is worth a batch; cpu_only; gpu_only: a "  \
        "GPU wherever a type has a GPU kernel and a device is ready. A runtime that is created "   \
        "with cpu_only opens no device, then or later")                                            \
    KEY(routing, break_even_cost, U64, 1, POLICY_COST_MAX, 32768, "cost", LIVE,                     \
        "auto: the cost below which waiting work is not worth a GPU batch")                        \
    END(routing)                                                                                   \
    SECTION(batching, "When a batch closes and goes to a device")                                  \
    KEY(batching, target_start, U64, 1, POLICY_COST_MAX, 65536, "cost", LIVE,                      \
        "the cost at which a batch closes")                                                        \
    KEY(batching, wait_us_max, U32, 0, 1000000, 200, "microseconds", LIVE,                         \
        "how long the oldest work of a batch may wait for more to join it")                        \
    END(batching)                                                                                  \
    SECTION(limits, "What the runtime may use")                                                    \
    KEY(limits, jobs, U32, 2, YOKE_JOBS_MAX, 65536, "jobs", RESTART,                               \
        "jobs that may wait in the runtime; rounded up to a power of two")                         \
    KEY(limits, staging_mib, U32, 1, 4096, 64, "MiB", RESTART,                                     \
        "host memory for the batches in flight on each device; one large problem may take as much "  \
        "for itself")                                    \
    KEY(limits, device_mib, U32, 0, POLICY_DEVICE_MIB_MAX, 0, "MiB", RESTART,                      \
        "memory of its own that yoke may take on each device; 0: what the driver grants, less an " \
        "eighth that stays free")                                                                  \
    END(limits)
/* clang-format on */

typedef enum policy_routing_mode {
#define POLICY_ENUMERATOR(name, word) POLICY_ROUTING_MODE_##name,
    POLICY_ROUTING_MODE_MAP(POLICY_ENUMERATOR)
#undef POLICY_ENUMERATOR
        POLICY_NUM_ROUTING_MODES,
} policy_routing_mode;

typedef enum policy_workers_pinning {
#define POLICY_ENUMERATOR(name, word) POLICY_WORKERS_PINNING_##name,
    POLICY_WORKERS_PINNING_MAP(POLICY_ENUMERATOR)
#undef POLICY_ENUMERATOR
        POLICY_NUM_WORKERS_PINNINGS,
} policy_workers_pinning;

typedef enum policy_gpu_path {
#define POLICY_ENUMERATOR(name, word) POLICY_GPU_PATH_##name,
    POLICY_GPU_PATH_MAP(POLICY_ENUMERATOR)
#undef POLICY_ENUMERATOR
        POLICY_NUM_GPU_PATHS,
} policy_gpu_path;

#define POLICY_FIELD_U32(section, name) uint32_t name;
#define POLICY_FIELD_U64(section, name) uint64_t name;
#define POLICY_FIELD_BOOL(section, name) bool name;
#define POLICY_FIELD_ENUM(section, name) policy_##section##_##name name;
#define POLICY_FIELD_TEXT(section, name) char name[POLICY_TEXT_BYTES_MAX + 1];
#define POLICY_FIELD_LIST(section, name) POLICY_FIELD_TEXT(section, name)

/* One struct for each section, named after it: policy->gpu.slots_in_flight. */
struct yoke_policy {
#define POLICY_SECTION(section, text) struct {
#define POLICY_KEY(section, name, kind, ...) POLICY_FIELD_##kind(section, name)
#define POLICY_END(section)                                                                        \
    }                                                                                              \
    section;
    YOKE_POLICY_MAP(POLICY_SECTION, POLICY_KEY, POLICY_END)
#undef POLICY_SECTION
#undef POLICY_KEY
#undef POLICY_END
};

#define POLICY_NONE(...)
#define POLICY_PLUS_ONE(...) +1
enum {
    POLICY_NUM_SECTIONS = 0 YOKE_POLICY_MAP(POLICY_PLUS_ONE, POLICY_NONE, POLICY_NONE),
    POLICY_NUM_KEYS = 0 YOKE_POLICY_MAP(POLICY_NONE, POLICY_PLUS_ONE, POLICY_NONE),
};
#undef POLICY_NONE
#undef POLICY_PLUS_ONE

typedef enum policy_kind {
    POLICY_U32,
    POLICY_U64,
    POLICY_BOOL,
    POLICY_ENUM,
    POLICY_TEXT,
    POLICY_LIST,
} policy_kind;

/* A row of the table. */
typedef struct policy_key {
    const char *section;
    const char *name;
    const char *unit; /* "": none */
    const char *text;
    const char *const *words; /* of ENUM: max + 1 of them */
    uint64_t min;
    uint64_t max;
    uint32_t offset; /* of the field in struct yoke_policy, and its size */
    uint32_t bytes;
    policy_kind kind;
    bool is_live;
} policy_key;

typedef struct policy_section {
    const char *name;
    const char *text;
} policy_section;

/* Both in the table's order: the keys of a section stand together. */
extern const policy_key policy_keys[POLICY_NUM_KEYS];
extern const policy_section policy_sections[POLICY_NUM_SECTIONS];

/* Every key at its default. */
void policy_default(yoke_policy *policy);

/*
 * Whether every key is in its range. `message` (may be NULL if message_bytes is 0) gets a line on
 * the first that is not.
 *   Fails:    YOKE_INVALID.
 */
yoke_status policy_check(const yoke_policy *policy, char *message, size_t message_bytes);

/* Whether a key's value is text: TEXT or LIST. */
bool policy_is_text(const policy_key *key);

/* The value of a key that is not text: of BOOL 0 or 1, of ENUM the index of its word. */
uint64_t policy_number(const yoke_policy *policy, const policy_key *key);

/* The value of a key that is text. */
const char *policy_text(const yoke_policy *policy, const policy_key *key);

/* Whether a key has the same value in both. */
bool policy_is_same(const yoke_policy *a, const yoke_policy *b, const policy_key *key);

/* Whether a key that is not text may have this value. */
bool policy_number_is_good(const policy_key *key, uint64_t number);

/* Whether a key that is text may have this value: its length, and no control characters (ASCII's),
 * so that it fits in a line and in a C string; of a LIST its names too. text[bytes] is zero unless
 * bytes is too many. */
bool policy_text_is_good(const policy_key *key, const char *text, size_t bytes);

/*
 * The names of a LIST: the next one without the blanks around it, its length in *bytes; *at, at
 * first the list, moves on. NULL: there is no more. Of a list without an empty name it gives all;
 * "" has none.
 */
const char *policy_list_next(const char **at, size_t *bytes);

/* Whether no name of a LIST is empty. */
bool policy_list_is_good(const char *list);

/* Writes what a key may be: "a whole number from 2 to 16", "one of auto, cpu_only, gpu_only". */
void policy_describe(const policy_key *key, char *text, size_t text_bytes);

#endif
