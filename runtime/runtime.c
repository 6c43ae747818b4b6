/*
 * Create, destroy, the table of types, statistics, and the runtime's memory.
 *
 * All memory is taken here, at create and register, through the caller's allocator. Threads begin
 * in yoke_create and have ended when yoke_destroy returns.
 */
#include "runtime.h"

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "type.h"
#include "worker.h"

#define RUNTIME_JOBS_DEFAULT 65536
#define RUNTIME_LOG_BYTES_MAX 256

/* -- memory and log -------------------------------------------------------------------------- */

static void *runtime_libc_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    void *memory;
    return posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes) == 0
               ? memory
               : NULL;
}

static void runtime_libc_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(memory);
}

static void *runtime_alloc(yoke_runtime *rt, size_t bytes)
{
    return rt->allocator.alloc(rt->allocator.user, bytes, BASE_LINE_BYTES);
}

static void runtime_free(yoke_runtime *rt, void *memory, size_t bytes)
{
    if (memory != NULL) {
        rt->allocator.free(rt->allocator.user, memory, bytes);
    }
}

__attribute__((format(printf, 3, 4))) static void
runtime_log(const yoke_runtime *rt, yoke_log_level level, const char *format, ...)
{
    if (rt->log == NULL) {
        return;
    }
    char line[RUNTIME_LOG_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    rt->log(rt->log_user, level, line);
}

/* -- create ---------------------------------------------------------------------------------- */

static uint32_t runtime_usable_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1; /* more than CPU_SETSIZE of them: the caller says how many it wants */
    }
    int count = CPU_COUNT(&set);
    return count > YOKE_WORKERS_MAX ? YOKE_WORKERS_MAX : (uint32_t)count;
}

static uint32_t runtime_round_up_to_power_of_two(uint32_t value)
{
    uint32_t power = 1;
    while (power < value) {
        power *= 2;
    }
    return power;
}

static const char *runtime_check_options(const yoke_options *options)
{
    bool half = (options->allocator.alloc == NULL) != (options->allocator.free == NULL);
    return options->struct_bytes < sizeof(yoke_options)           ? "struct_bytes is not set"
           : (options->flags & ~(uint32_t)YOKE_SUBMIT_WAITS) != 0 ? "a flag is not known"
           : options->num_workers > YOKE_WORKERS_MAX              ? "too many workers"
           : options->max_jobs > YOKE_JOBS_MAX                    ? "max_jobs is too large"
           : half                                                 ? "half an allocator"
                                                                  : NULL;
}

static size_t runtime_slots_bytes(const yoke_runtime *rt)
{
    return rt->max_jobs * sizeof(ring_slot);
}

static size_t runtime_sleepers_bytes(const yoke_runtime *rt)
{
    return rt->num_workers * sizeof(park_sleeper);
}

static size_t runtime_workers_bytes(const yoke_runtime *rt)
{
    return rt->num_workers * sizeof(yoke_worker);
}

/* Everything but the threads. */
static yoke_status runtime_init(yoke_runtime *rt, const yoke_options *options)
{
    uint32_t max_jobs = options->max_jobs != 0 ? options->max_jobs : RUNTIME_JOBS_DEFAULT;
    rt->num_workers = options->num_workers != 0 ? options->num_workers : runtime_usable_cpus();
    rt->max_jobs = runtime_round_up_to_power_of_two(max_jobs);
    rt->submit_waits = (options->flags & YOKE_SUBMIT_WAITS) != 0;
    rt->log = options->log;
    rt->log_user = options->log_user;

    ring_slot *slots = runtime_alloc(rt, runtime_slots_bytes(rt));
    park_sleeper *sleepers = runtime_alloc(rt, runtime_sleepers_bytes(rt));
    rt->workers = runtime_alloc(rt, runtime_workers_bytes(rt));
    if (slots == NULL || sleepers == NULL || rt->workers == NULL) {
        runtime_free(rt, slots, runtime_slots_bytes(rt));
        runtime_free(rt, sleepers, runtime_sleepers_bytes(rt));
        runtime_free(rt, rt->workers, runtime_workers_bytes(rt));
        return YOKE_NO_MEMORY;
    }
    ring_init(&rt->inbox, slots, rt->max_jobs);
    park_init(&rt->park, sleepers, rt->num_workers);
    waiters_init(&rt->waiters);
    completion_init(&rt->completion);
    group_table_init(&rt->groups);
    pthread_mutex_init(&rt->types_lock, NULL);
    for (uint32_t i = 0; i < rt->num_workers; i++) {
        worker_init(&rt->workers[i], rt, i);
    }
    return YOKE_OK;
}

static void runtime_finish(yoke_runtime *rt)
{
    while (rt->types != NULL) {
        yoke_type *type = rt->types;
        rt->types = type->next;
        runtime_free(rt, type, sizeof *type);
    }
    pthread_mutex_destroy(&rt->types_lock);
    group_table_finish(&rt->groups);
    completion_finish(&rt->completion);
    runtime_free(rt, rt->inbox.slots, runtime_slots_bytes(rt));
    runtime_free(rt, rt->park.sleepers, runtime_sleepers_bytes(rt));
    runtime_free(rt, rt->workers, runtime_workers_bytes(rt));
}

static void *runtime_thread(void *argument)
{
    worker_main(argument);
    return NULL;
}

/* Starts the workers; on failure those that run are stopped by runtime_stop_threads. */
static yoke_status runtime_start_threads(yoke_runtime *rt, uint32_t *num_started)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: the host keeps its signals */
    int error = 0;
    for (*num_started = 0; *num_started < rt->num_workers && error == 0;) {
        yoke_worker *worker = &rt->workers[*num_started];
        error = pthread_create(&worker->thread, NULL, runtime_thread, worker);
        if (error == 0) {
            char name[32];
            snprintf(name, sizeof name, "yoke-w%u", (unsigned)worker->index);
            pthread_setname_np(worker->thread, name);
            (*num_started)++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        runtime_log(rt, YOKE_LOG_ERROR, "yoke: worker %u of %u did not start: %s",
                    (unsigned)*num_started, (unsigned)rt->num_workers, strerror(error));
        return YOKE_SYSTEM;
    }
    return YOKE_OK;
}

static void runtime_stop_threads(yoke_runtime *rt, uint32_t num_started)
{
    atomic_store(&rt->stopping, true);
    park_wake_all_any(&rt->park);
    for (uint32_t i = 0; i < num_started; i++) {
        pthread_join(rt->workers[i].thread, NULL);
    }
}

yoke_status yoke_create(yoke_runtime **out, const yoke_options *options)
{
    if (out == NULL) {
        return base_misuse("nowhere to put the runtime");
    }
    *out = NULL;
    const yoke_options *chosen = options != NULL ? options : yoke_options(.flags = 0);
    const char *what = runtime_check_options(chosen);
    if (what != NULL) {
        return base_misuse(what);
    }
    yoke_allocator allocator = chosen->allocator;
    if (allocator.alloc == NULL) {
        allocator = (yoke_allocator){runtime_libc_alloc, runtime_libc_free, NULL};
    }
    yoke_runtime *rt = allocator.alloc(allocator.user, sizeof *rt, BASE_LINE_BYTES);
    if (rt == NULL) {
        return YOKE_NO_MEMORY;
    }
    memset(rt, 0, sizeof *rt);
    rt->allocator = allocator;
    uint32_t num_started;
    yoke_status status = runtime_init(rt, chosen);
    if (status == YOKE_OK) {
        status = runtime_start_threads(rt, &num_started);
        if (status == YOKE_OK) {
            runtime_log(rt, YOKE_LOG_INFO, "yoke %s: %u workers", yoke_version(),
                        (unsigned)rt->num_workers);
            *out = rt;
            return YOKE_OK;
        }
        runtime_stop_threads(rt, num_started);
        runtime_finish(rt);
    }
    allocator.free(allocator.user, rt, sizeof *rt);
    return status;
}

/* -- destroy --------------------------------------------------------------------------------- */

/* Cancels jobs, linked, and what their settling releases. */
static void runtime_cancel_jobs(yoke_runtime *rt, yoke_job *job)
{
    while (job != NULL) {
        yoke_job *next = job_core_of(job)->next;
        worker_run(&rt->workers[0], job); /* the runtime is stopping: it runs no item */
        job = next;
    }
}

void yoke_destroy(yoke_runtime **out)
{
    yoke_runtime *rt = out != NULL ? *out : NULL;
    if (rt == NULL) {
        return;
    }
    if (worker_self() != NULL && worker_self()->rt == rt) {
        (void)base_misuse("destroyed from a worker");
        return;
    }
    runtime_stop_threads(rt, rt->num_workers);
    /* The workers have drained every queue. What is left waits for groups that never empty. */
    yoke_worker *before = worker_self();
    worker_become(&rt->workers[0]);
    yoke_job *job;
    while ((job = group_take_all(&rt->groups)) != NULL ||
           (job = worker_take_released_any(rt)) != NULL) {
        runtime_cancel_jobs(rt, job);
    }
    worker_become(before);
    yoke_allocator allocator = rt->allocator;
    runtime_finish(rt);
    allocator.free(allocator.user, rt, sizeof *rt);
    *out = NULL;
}

/* -- types ----------------------------------------------------------------------------------- */

static yoke_type *runtime_find_type_locked(yoke_runtime *rt, const char *name)
{
    yoke_type *type = rt->types;
    while (type != NULL && strcmp(type->name, name) != 0) {
        type = type->next;
    }
    return type;
}

yoke_status yoke_register(yoke_runtime *rt, const yoke_type_desc *desc, const yoke_type **out)
{
    const char *what = rt == NULL ? "no runtime" : NULL;
    if (what != NULL || type_check(desc, &what) != YOKE_OK) {
        return base_misuse(what);
    }
    yoke_type *type = runtime_alloc(rt, sizeof *type);
    if (type == NULL) {
        return YOKE_NO_MEMORY;
    }
    type_init(type, rt, desc);
    pthread_mutex_lock(&rt->types_lock);
    bool taken = runtime_find_type_locked(rt, desc->name) != NULL;
    if (!taken) {
        type->next = rt->types;
        rt->types = type;
    }
    pthread_mutex_unlock(&rt->types_lock);
    if (taken) {
        runtime_free(rt, type, sizeof *type);
        return base_misuse("the type's name is taken");
    }
    if (out != NULL) {
        *out = type;
    }
    return YOKE_OK;
}

const yoke_type *yoke_type_find(yoke_runtime *rt, const char *name)
{
    if (rt == NULL || name == NULL) {
        (void)base_misuse("no name to find a type by");
        return NULL;
    }
    pthread_mutex_lock(&rt->types_lock);
    const yoke_type *type = runtime_find_type_locked(rt, name);
    pthread_mutex_unlock(&rt->types_lock);
    return type;
}

/* -- statistics ------------------------------------------------------------------------------ */

static uint64_t runtime_count(yoke_runtime *rt, stats_counter counter)
{
    uint64_t sum = atomic_load_explicit(&rt->host_stats.of[counter], memory_order_relaxed);
    for (uint32_t i = 0; i < rt->num_workers; i++) {
        sum += atomic_load_explicit(&rt->workers[i].stats.of[counter], memory_order_relaxed);
    }
    return sum;
}

yoke_status yoke_stats_read(yoke_runtime *rt, yoke_stats *out)
{
    if (rt == NULL || out == NULL || out->struct_bytes < sizeof(uint64_t)) {
        return base_misuse("no runtime, no room for statistics, or struct_bytes is not set");
    }
    yoke_stats all = {.struct_bytes = out->struct_bytes, .num_workers = rt->num_workers};
#define RUNTIME_COUNT(field, text) all.field = runtime_count(rt, STATS_##field);
    YOKE_STATS_MAP(RUNTIME_COUNT)
#undef RUNTIME_COUNT
    memcpy(out, &all, out->struct_bytes < sizeof all ? out->struct_bytes : sizeof all);
    return YOKE_OK;
}
