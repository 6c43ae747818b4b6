/*
 * Runtime start-up for the command. Owns nothing: the runtime is the caller's to destroy; a policy
 * is freed once the runtime has read it. Any thread; the log line is written on threads of yoke's.
 * Always holds: on failure nothing is left behind; memory that the allocator hook gave goes back
 * through the same hook, with its size.
 * Costs thread creation and, where there is one, a GPU driver's start, which may take seconds;
 * jemalloc is called at create, register, open and destroy only.
 */
#include "cli/start.h"

#include <yoke/tasks.h>

#include <stdio.h>
#include <string.h>

#define START_READY_NS 60000000000u

#ifdef YOKE_JEMALLOC
#include <jemalloc/jemalloc.h>

static void *start_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    return mallocx(bytes, MALLOCX_ALIGN(align));
}

static void start_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)
        bytes; /* which size class it is depends on the alignment too, and that is not told here */
    if (memory != NULL) {
        dallocx(memory, 0);
    }
}

static const yoke_allocator start_allocator = {.alloc = start_alloc, .free = start_free};
#else
/* Under a sanitizer: libc's, which it watches. */
static const yoke_allocator start_allocator = {.alloc = NULL};
#endif

static const char *const start_engines[] = {
    [YOKE_ENGINE_AUTO] = "auto", [YOKE_ENGINE_CPU] = "cpu", [YOKE_ENGINE_GPU] = "gpu"};

static bool start_parse_engine(const char *text, yoke_engine *engine)
{
    for (int i = YOKE_ENGINE_AUTO; i <= YOKE_ENGINE_GPU; i++) {
        if (strcmp(text, start_engines[i]) == 0) {
            *engine = (yoke_engine)i;
            return true;
        }
    }
    return false;
}

int start_set_option(start_options *o, const cli_command *command, int option, const char *value)
{
    if (option == 'e' && !start_parse_engine(value, &o->engine)) {
        return cli_misuse(command, "--engine is auto, cpu or gpu, not %s", value);
    }
    if (option == 'w' && !cli_parse_number(value, 1, YOKE_WORKERS_MAX, &o->num_workers)) {
        return cli_misuse(command, "--workers is a number from 1 to %d, not %s", YOKE_WORKERS_MAX,
                          value);
    }
    if (option == 'p') {
        o->policy = value;
    }
    return CLI_DONE;
}

const char *start_engine_name(const start_options *o)
{
    if (o->engine == YOKE_ENGINE_POLICY) {
        return o->policy != NULL ? "policy" : start_engines[YOKE_ENGINE_AUTO];
    }
    return start_engines[o->engine];
}

static void start_log(void *user, yoke_log_level level, const char *line)
{
    (void)user;
    if (level != YOKE_LOG_INFO) {
        fprintf(stderr, "yoke: %s\n", line);
    }
}

static yoke_status start_create(yoke_runtime **rt, const start_options *o,
                                const yoke_policy *policy)
{
    yoke_status status =
        yoke_create(rt, yoke_options(.flags = YOKE_SUBMIT_WAITS, .num_workers = o->num_workers,
                                     .allocator = start_allocator, .log = start_log,
                                     .policy = policy, .engine = o->engine));
    if (status == YOKE_OK) {
        status = yoke_tasks_register_all(*rt);
        if (status != YOKE_OK) {
            yoke_destroy(rt);
        }
    }
    return status;
}

bool start_runtime(yoke_runtime **rt, const start_options *o, char *error, size_t error_bytes)
{
    yoke_policy *policy = NULL;
    *rt = NULL;
    if (o->policy != NULL && yoke_policy_read(&policy, o->policy, error, error_bytes) != YOKE_OK) {
        return false;
    }
    yoke_status status = start_create(rt, o, policy);
    yoke_policy_free(&policy);
    if (status != YOKE_OK) {
        snprintf(error, error_bytes, "the runtime does not start: %s", yoke_status_text(status));
        return false;
    }
    if (o->engine != YOKE_ENGINE_CPU) {
        yoke_ready(*rt, START_READY_NS);
    }
    return true;
}

/* One line on the devices: the first that is ready, else what keeps each from being used. */
static void start_explain(yoke_runtime *rt, char *why, size_t why_bytes)
{
    yoke_device devices[YOKE_DEVICES_MAX];
    size_t num = yoke_devices(rt, devices, YOKE_DEVICES_MAX);
    size_t used = (size_t)snprintf(why, why_bytes, "no GPU was used, the CPU did all of it");
    if (num == 0) {
        snprintf(why + used, why_bytes - used, ": there is none");
    }
    for (size_t i = 0; i < num && i < YOKE_DEVICES_MAX && used < why_bytes; i++) {
        const yoke_device *d = &devices[i];
        const char *name = d->name[0] != '\0' ? d->name : d->backend;
        const char *reason = d->state == YOKE_DEVICE_READY ? "ready, but no batch ran on it"
                             : d->why[0] != '\0'           ? d->why
                                                           : yoke_device_state_text(d->state);
        used += (size_t)snprintf(why + used, why_bytes - used, "%s %s: %s", i == 0 ? ":" : ";",
                                 name, reason);
    }
}

bool start_is_degraded(yoke_runtime *rt, yoke_engine engine, char *why, size_t why_bytes)
{
    yoke_stats stats = {.struct_bytes = sizeof(stats)};
    if (engine != YOKE_ENGINE_GPU || yoke_stats_read(rt, &stats) != YOKE_OK ||
        stats.items_gpu > 0) {
        why[0] = '\0';
        return false;
    }
    start_explain(rt, why, why_bytes);
    return true;
}
