/*
 * Create, destroy, and the runtime's memory and log.
 *
 * All memory comes through the caller's allocator: at create and register, and when the controller
 * and the submitters open devices. Threads begin in yoke_create and have ended when yoke_destroy
 * returns.
 */
#include "runtime.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller.h"
#include "job.h"
#include "ready.h"
#include "register.h"
#include "run.h"
#include "submitter.h"
#include "worker.h"

#define RUNTIME_LOG_BYTES_MAX 256
#define RUNTIME_STACK_BYTES_MIN (64 * 1024)

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

void *runtime_alloc(yoke_runtime *rt, size_t bytes)
{
    return rt->allocator.alloc(rt->allocator.user, bytes, BASE_LINE_BYTES);
}

void runtime_free(yoke_runtime *rt, void *memory, size_t bytes)
{
    if (memory != NULL) {
        rt->allocator.free(rt->allocator.user, memory, bytes);
    }
}

void runtime_log(const yoke_runtime *rt, yoke_log_level level, const char *format, ...)
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

/* -- options --------------------------------------------------------------------------------- */

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
    uint32_t known = YOKE_SUBMIT_WAITS | YOKE_REQUIRE_GPU;
    bool half = (options->allocator.alloc == NULL) != (options->allocator.free == NULL);
    return options->struct_bytes < sizeof(yoke_options) ? "struct_bytes is not set"
           : (options->flags & ~known) != 0             ? "a flag is not known"
           : options->num_workers > YOKE_WORKERS_MAX    ? "too many workers"
           : options->max_jobs > YOKE_JOBS_MAX          ? "max_jobs is too large"
           : options->engine > YOKE_ENGINE_GPU          ? "an engine that is not known"
           : half                                       ? "half an allocator"
                                                        : NULL;
}

void runtime_override(const yoke_runtime *rt, yoke_policy *policy)
{
    const runtime_overrides *over = &rt->overrides;
    if (over->num_workers != 0) {
        policy->workers.count = over->num_workers;
    }
    if (over->max_jobs != 0) {
        policy->limits.jobs = over->max_jobs;
    }
    switch (over->engine) {
    case YOKE_ENGINE_POLICY:
        break;
    case YOKE_ENGINE_AUTO:
        policy->routing.mode = POLICY_ROUTING_MODE_AUTO;
        break;
    case YOKE_ENGINE_CPU:
        policy->routing.mode = POLICY_ROUTING_MODE_CPU_ONLY;
        break;
    case YOKE_ENGINE_GPU:
        policy->routing.mode = POLICY_ROUTING_MODE_GPU_ONLY;
        policy->gpu.software = true;
        break;
    }
}

/* The policy to begin with: the caller's or the defaults, with what the other options override. */
static void runtime_choose_policy(yoke_runtime *rt, const yoke_options *options)
{
    rt->overrides = (runtime_overrides){options->num_workers, options->max_jobs, options->engine};
    if (options->policy != NULL) {
        rt->policy = *options->policy;
    } else {
        policy_default(&rt->policy);
    }
    runtime_override(rt, &rt->policy);
}

/* -- create ---------------------------------------------------------------------------------- */

static size_t runtime_slots_bytes(const yoke_runtime *rt)
{
    return rt->max_jobs * sizeof(ring_slot);
}

static size_t runtime_sleepers_bytes(const yoke_runtime *rt)
{
    return rt->num_workers * sizeof(park_sleeper);
}

static size_t runtime_frames_bytes(const yoke_runtime *rt)
{
    return rt->num_workers * FRAMES_ARRAY * sizeof(yoke_frame);
}

static size_t runtime_workers_bytes(const yoke_runtime *rt)
{
    return rt->num_workers * sizeof(yoke_worker);
}

static void runtime_init_tuning(yoke_runtime *rt)
{
    snapshot_set_policy(&rt->snapshots[0], &rt->policy);
    snapshot_init(&rt->tuning, &rt->snapshots[0]);
}

/* The caller's log, or nothing, for backends. */
static void runtime_backend_log(void *user, yoke_log_level level, const char *line)
{
    runtime_log(user, level, "%s", line);
}

static void runtime_free_queues(yoke_runtime *rt)
{
    runtime_free(rt, rt->inbox.slots, runtime_slots_bytes(rt));
    runtime_free(rt, rt->inbox_high.slots, runtime_slots_bytes(rt));
    runtime_free(rt, rt->park.sleepers, runtime_sleepers_bytes(rt));
    runtime_free(rt, rt->frames, runtime_frames_bytes(rt));
    runtime_free(rt, rt->workers, runtime_workers_bytes(rt));
}

static yoke_status runtime_init_topology(yoke_runtime *rt)
{
    _Static_assert((int)TOPOLOGY_NONE == POLICY_WORKERS_PINNING_NONE &&
                       (int)TOPOLOGY_CORES == POLICY_WORKERS_PINNING_CORES &&
                       (int)TOPOLOGY_NUMA == POLICY_WORKERS_PINNING_NUMA,
                   "the policy's words are the topology's");
    topology_pinning pinning = (topology_pinning)rt->policy.workers.pinning;
    yoke_status status = topology_init(&rt->topology, &rt->allocator, pinning, rt->num_workers);
    if (status == YOKE_SYSTEM) {
        runtime_log(rt, YOKE_LOG_WARNING, "the machine's cores cannot be read: nothing is pinned");
        status = topology_init(&rt->topology, &rt->allocator, TOPOLOGY_NONE, rt->num_workers);
    }
    return status;
}

/* Everything but the threads; rt is zeroed but for its allocator. */
static yoke_status runtime_init(yoke_runtime *rt, const yoke_options *options,
                                const backend_ops *const *backends)
{
    static const backend_ops *const no_backends[] = {NULL};
    runtime_choose_policy(rt, options);
    bool cpu_only = rt->policy.routing.mode == POLICY_ROUTING_MODE_CPU_ONLY;
    rt->num_workers =
        rt->policy.workers.count != 0 ? rt->policy.workers.count : topology_default_workers();
    rt->max_jobs = runtime_round_up_to_power_of_two(rt->policy.limits.jobs);
    if (topology_default_workers() > 1) { /* else who looks again keeps the others from running */
        rt->spin_ns = rt->policy.workers.spin_us * UINT64_C(1000);
    }
    rt->submit_waits = (options->flags & YOKE_SUBMIT_WAITS) != 0;
    rt->log = options->log;
    rt->log_user = options->log_user;
    rt->backends = cpu_only ? no_backends : backends;
    rt->backend_host = (backend_host){rt->allocator, runtime_backend_log, rt};

    rt->inbox.slots = runtime_alloc(rt, runtime_slots_bytes(rt));
    rt->inbox_high.slots = runtime_alloc(rt, runtime_slots_bytes(rt));
    rt->park.sleepers = runtime_alloc(rt, runtime_sleepers_bytes(rt));
    rt->frames = runtime_alloc(rt, runtime_frames_bytes(rt));
    rt->workers = runtime_alloc(rt, runtime_workers_bytes(rt));
    if (rt->inbox.slots == NULL || rt->inbox_high.slots == NULL || rt->park.sleepers == NULL ||
        rt->frames == NULL || rt->workers == NULL) {
        runtime_free_queues(rt);
        return YOKE_NO_MEMORY;
    }
    yoke_status status = runtime_init_topology(rt);
    if (status != YOKE_OK) {
        runtime_free_queues(rt);
        return status;
    }
    ring_init(&rt->inbox, rt->inbox.slots, rt->max_jobs);
    ring_init(&rt->inbox_high, rt->inbox_high.slots, rt->max_jobs);
    park_init(&rt->park, rt->park.sleepers, rt->num_workers);
    for (uint32_t i = 0; i < YOKE_DEVICES_MAX; i++) {
        crew_init(&rt->crews[i]);
    }
    park_init(&rt->gpu_park, rt->gpu_sleepers, YOKE_DEVICES_MAX);
    waiters_init(&rt->waiters, rt->spin_ns);
    completion_init(&rt->completion);
    group_table_init(&rt->groups);
    region_table_init(&rt->regions);
    runtime_init_tuning(rt);
    reload_init(&rt->reload);
    pthread_mutex_init(&rt->types_lock, NULL);
    pthread_mutex_init(&rt->devices_lock, NULL);
    for (uint32_t i = 0; i < rt->num_workers; i++) {
        worker_init(&rt->workers[i], rt, i, rt->frames + i * (size_t)FRAMES_ARRAY);
    }
    return YOKE_OK;
}

static void runtime_finish(yoke_runtime *rt)
{
    for (uint32_t i = 0; i < rt->num_devices; i++) {
        submitter_free(rt->submitters[i]);
    }
    register_finish(rt);
    pthread_mutex_destroy(&rt->devices_lock);
    pthread_mutex_destroy(&rt->types_lock);
    reload_finish(&rt->reload);
    region_table_finish(&rt->regions, &rt->allocator);
    group_table_finish(&rt->groups);
    completion_finish(&rt->completion);
    topology_finish(&rt->topology, &rt->allocator);
    runtime_free_queues(rt);
}

static void *runtime_worker_thread(void *argument)
{
    worker_main(argument);
    return NULL;
}

static void *runtime_controller_thread(void *argument)
{
    controller_main(argument);
    return NULL;
}

static int runtime_start_thread(pthread_t *thread, const pthread_attr_t *attributes,
                                void *(*body)(void *), void *argument, const char *name)
{
    int error = pthread_create(thread, attributes, body, argument);
    if (error == 0) {
        pthread_setname_np(*thread, name);
    }
    return error;
}

/* A worker's stack: the policy's size, or the system's; it learns which. */
static int runtime_choose_stack(yoke_runtime *rt, pthread_attr_t *attributes)
{
    int error = pthread_attr_init(attributes);
    if (error != 0) {
        return error;
    }
    size_t wanted = rt->policy.workers.stack_kib * (size_t)1024;
    if (wanted != 0) {
        wanted = wanted < RUNTIME_STACK_BYTES_MIN ? RUNTIME_STACK_BYTES_MIN : wanted;
        error = pthread_attr_setstacksize(attributes, wanted);
    }
    pthread_attr_getstacksize(attributes, &rt->stack_bytes);
    return error;
}

/* Starts the workers and the controller; tells how many workers run, also when it fails. */
static yoke_status runtime_start_threads(yoke_runtime *rt, uint32_t *num_started)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: the host keeps its signals */
    pthread_attr_t attributes;
    *num_started = 0;
    int error = runtime_choose_stack(rt, &attributes);
    while (error == 0 && *num_started < rt->num_workers) {
        yoke_worker *worker = &rt->workers[*num_started];
        char name[32];
        snprintf(name, sizeof name, "yoke-w%u", (unsigned)worker->index);
        error =
            runtime_start_thread(&worker->thread, &attributes, runtime_worker_thread, worker, name);
        *num_started += error == 0;
        if (error == 0 &&
            topology_bind_any(&rt->topology, worker->index, worker->thread) != YOKE_OK) {
            runtime_log(rt, YOKE_LOG_WARNING, "worker %u cannot be pinned",
                        (unsigned)worker->index);
        }
    }
    if (error == 0) {
        error =
            runtime_start_thread(&rt->controller, NULL, runtime_controller_thread, rt, "yoke-ctl");
    }
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        runtime_log(rt, YOKE_LOG_ERROR, "a thread did not start, after %u of %u workers: %s",
                    (unsigned)*num_started, (unsigned)rt->num_workers, strerror(error));
        return YOKE_SYSTEM;
    }
    return YOKE_OK;
}

static void runtime_stop_workers(yoke_runtime *rt, uint32_t num_started)
{
    atomic_store(&rt->stopping, true);
    atomic_store(&rt->leaving, true);
    park_wake_all_any(&rt->park);
    for (uint32_t i = 0; i < num_started; i++) {
        pthread_join(rt->workers[i].thread, NULL);
    }
}

yoke_status runtime_create(yoke_runtime **out, const yoke_options *options,
                           const backend_ops *const *backends)
{
    yoke_allocator allocator = options->allocator;
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
    yoke_status status = runtime_init(rt, options, backends);
    if (status == YOKE_OK) {
        status = runtime_start_threads(rt, &num_started);
        if (status != YOKE_OK) {
            runtime_stop_workers(rt, num_started);
            runtime_finish(rt);
        }
    }
    if (status != YOKE_OK) {
        allocator.free(allocator.user, rt, sizeof *rt);
        return status;
    }
    runtime_log(rt, YOKE_LOG_INFO, "yoke %s: %u workers", yoke_version(),
                (unsigned)rt->num_workers);
    if ((options->flags & YOKE_REQUIRE_GPU) != 0) {
        status = yoke_ready(rt, YOKE_FOREVER);
        if (status != YOKE_OK) {
            yoke_destroy(&rt);
        }
    }
    *out = rt;
    return status;
}

yoke_status yoke_create(yoke_runtime **out, const yoke_options *options)
{
    if (out == NULL) {
        return base_misuse("nowhere to put the runtime");
    }
    *out = NULL;
    const yoke_options *chosen = options != NULL ? options : yoke_options(.flags = 0);
    const char *what = runtime_check_options(chosen);
    return what != NULL ? base_misuse(what) : runtime_create(out, chosen, backends_all);
}

/* -- destroy --------------------------------------------------------------------------------- */

/* First those that hand work to the workers, then the workers. */
static void runtime_stop_threads(yoke_runtime *rt)
{
    atomic_store(&rt->stopping, true);
    controller_ring_any(rt);
    pthread_join(rt->controller, NULL);
    park_wake_all_any(&rt->gpu_park);
    for (uint32_t i = 0; i < rt->num_devices; i++) {
        if (rt->submitters[i]->has_thread) {
            pthread_join(rt->submitters[i]->thread, NULL);
        }
    }
    for (uint32_t n = 0; rt->backends[n] != NULL && n < RUNTIME_BACKENDS_MAX; n++) {
        if (rt->instances[n] != NULL) {
            rt->backends[n]->close_instance(rt->instances[n]);
        }
    }
    runtime_stop_workers(rt, rt->num_workers);
}

/* Cancels jobs, linked, and what their settling releases. */
static void runtime_cancel_jobs(yoke_runtime *rt, yoke_job *job)
{
    while (job != NULL) {
        yoke_job *next = job_core_of(job)->next;
        run_ticket(&rt->workers[0], job); /* the runtime is stopping: it runs no item */
        if (rt->workers[0].held.group != NULL) {
            settle_tell(rt, &rt->workers[0].held);
        }
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
    runtime_stop_threads(rt);
    /* The workers have drained every queue. What is left waits for groups that never empty. */
    yoke_worker *before = worker_self();
    worker_become(&rt->workers[0]);
    yoke_job *job;
    while ((job = group_take_all(&rt->groups)) != NULL || (job = ready_take_any(rt)) != NULL) {
        runtime_cancel_jobs(rt, job);
    }
    worker_become(before);
    yoke_allocator allocator = rt->allocator;
    runtime_finish(rt);
    allocator.free(allocator.user, rt, sizeof *rt);
    *out = NULL;
}
