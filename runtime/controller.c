/*
 * Devices first, then windows. While jobs come, a window is folded every second; after a window
 * without any, the controller sleeps without a time-out until the next submit.
 *
 * Ordering ledger
 *   K1  a submit against falling asleep
 *       controller: store controller_sleeps (seq_cst), fence (seq_cst), load the number of jobs
 *       submit: count the job (by R3 of ring.h, or before a seq_cst fence), load controller_sleeps
 *       (seq_cst)
 *       if broken: windows are not folded until the submit after the next.
 */
#include "controller.h"

#include <stdio.h>
#include <string.h>

#include "submitter.h"

#define CONTROLLER_WINDOW_NS 1000000000

/* -- devices --------------------------------------------------------------------------------- */

static void *controller_submitter_thread(void *argument)
{
    submitter_main(argument);
    return NULL;
}

/* A new entry in the table of devices; NULL: the table or the memory is full. */
static submitter *controller_add(yoke_runtime *rt, const backend_ops *ops)
{
    submitter *s = rt->num_devices < YOKE_DEVICES_MAX ? runtime_alloc(rt, sizeof *s) : NULL;
    if (s == NULL) {
        runtime_log(rt, YOKE_LOG_WARNING, "no room for another device");
        return NULL;
    }
    memset(s, 0, sizeof *s);
    s->rt = rt;
    s->device.ops = ops;
    s->device.index = rt->num_devices;
    s->info.state = YOKE_DEVICE_OPENING;
    snprintf(s->info.backend, sizeof s->info.backend, "%s", ops->name);
    return s;
}

static void controller_publish(yoke_runtime *rt, submitter *s)
{
    pthread_mutex_lock(&rt->devices_lock);
    rt->submitters[rt->num_devices++] = s;
    pthread_mutex_unlock(&rt->devices_lock);
}

static const char *controller_why_unused(yoke_runtime *rt, const backend_info *info)
{
    return info->is_cpu && !rt->policy.gpu.software
               ? "a software device, and the policy's gpu.software is false"
               : NULL;
}

static void controller_start(submitter *s)
{
    char name[32];
    int error = pthread_create(&s->thread, NULL, controller_submitter_thread, s);
    if (error != 0) {
        submitter_set_state(s, YOKE_DEVICE_LOST, "its thread did not start");
        return;
    }
    s->has_thread = true;
    snprintf(name, sizeof name, "yoke-gpu%u", (unsigned)s->device.index);
    pthread_setname_np(s->thread, name);
}

static void controller_add_device(yoke_runtime *rt, const backend_ops *ops,
                                  backend_instance *instance, uint32_t index)
{
    backend_info info;
    submitter *s = controller_add(rt, ops);
    if (s == NULL) {
        return;
    }
    ops->info(instance, index, &info);
    s->instance = instance;
    s->instance_index = index;
    snprintf(s->info.name, sizeof s->info.name, "%s", info.name);
    snprintf(s->info.driver, sizeof s->info.driver, "%s", info.driver);
    memcpy(s->info.uuid, info.uuid, sizeof s->info.uuid);
    s->info.memory_bytes = info.memory_bytes;
    controller_publish(rt, s);
    const char *why = controller_why_unused(rt, &info);
    if (!info.is_fit) {
        submitter_set_state(s, YOKE_DEVICE_UNFIT, info.why_not);
    } else if (why != NULL) {
        submitter_set_state(s, YOKE_DEVICE_UNUSED, why);
    } else {
        controller_start(s);
    }
}

static void controller_find_devices(yoke_runtime *rt)
{
    for (uint32_t n = 0; rt->backends[n] != NULL && n < RUNTIME_BACKENDS_MAX; n++) {
        const backend_ops *ops = rt->backends[n];
        char why_not[BACKEND_WHY_BYTES] = "";
        uint32_t count = 0;
        yoke_status status =
            ops->open_instance(&rt->backend_host, &rt->instances[n], &count, why_not);
        if (status != YOKE_OK) {
            rt->instances[n] = NULL;
        }
        if (status != YOKE_OK || count == 0) {
            submitter *s = controller_add(rt, ops);
            if (s != NULL) {
                controller_publish(rt, s);
                submitter_set_state(s, YOKE_DEVICE_UNFIT,
                                    why_not[0] != '\0' ? why_not : "it finds no device");
            }
        }
        for (uint32_t i = 0; i < count && status == YOKE_OK; i++) {
            controller_add_device(rt, ops, rt->instances[n], i);
        }
    }
    atomic_store(&rt->devices_found, true);
    waiters_wake(&rt->waiters, &rt->devices_found);
}

/* -- windows --------------------------------------------------------------------------------- */

typedef struct controller_counts {
    uint64_t submitted, jobs, items_cpu, items_gpu, batches, gpu_busy_ns, at_ns;
} controller_counts;

static controller_counts controller_count(yoke_runtime *rt)
{
    return (controller_counts){
        .submitted = runtime_count(rt, STATS_jobs_submitted),
        .jobs = runtime_count(rt, STATS_jobs_settled),
        .items_cpu = runtime_count(rt, STATS_items_run),
        .items_gpu = runtime_count(rt, STATS_items_gpu),
        .batches = runtime_count(rt, STATS_batches),
        .gpu_busy_ns = runtime_count(rt, STATS_gpu_busy_ns),
        .at_ns = base_now_ns(),
    };
}

/* The snapshot of the next window; `spare` is the one that is not in force. */
static snapshot *controller_fold(yoke_runtime *rt, snapshot *spare, const controller_counts *before,
                                 const controller_counts *now)
{
    const snapshot *current = atomic_load(&rt->tuning.current);
    *spare = *current;
    spare->window++;
    spare->window_ns = now->at_ns - before->at_ns;
    spare->window_jobs = now->jobs - before->jobs;
    spare->window_items_cpu = now->items_cpu - before->items_cpu;
    spare->window_items_gpu = now->items_gpu - before->items_gpu;
    spare->window_batches = now->batches - before->batches;
    spare->window_gpu_busy_ns = now->gpu_busy_ns - before->gpu_busy_ns;
    return snapshot_publish(&rt->tuning, spare);
}

void controller_ring_any(yoke_runtime *rt)
{
    atomic_fetch_add(&rt->controller_bell, 1);
    base_futex_wake(&rt->controller_bell, 1);
}

void controller_notice_any(yoke_runtime *rt)
{
    if (atomic_load_explicit(&rt->controller_sleeps, memory_order_seq_cst) && /* K1 */
        atomic_exchange(&rt->controller_sleeps, false)) {
        controller_ring_any(rt);
    }
}

/* Sleeps a window long, or, after a quiet one, until work comes. */
static void controller_sleep(yoke_runtime *rt, uint32_t bell, bool is_quiet, uint64_t num_submitted)
{
    if (!is_quiet) {
        base_futex_wait(&rt->controller_bell, bell, base_now_ns() + CONTROLLER_WINDOW_NS);
        return;
    }
    atomic_store(&rt->controller_sleeps, true); /* K1 */
    atomic_thread_fence(memory_order_seq_cst);
    if (runtime_count(rt, STATS_jobs_submitted) == num_submitted && !runtime_is_stopping(rt)) {
        base_futex_wait(&rt->controller_bell, bell, YOKE_FOREVER);
    }
    atomic_store(&rt->controller_sleeps, false);
}

void controller_main(yoke_runtime *rt)
{
    controller_find_devices(rt);
    snapshot *spare = &rt->snapshots[1];
    controller_counts before = controller_count(rt);
    bool is_quiet = before.submitted == 0;
    while (!runtime_is_stopping(rt)) {
        uint32_t bell = atomic_load(&rt->controller_bell);
        if (runtime_is_stopping(rt)) {
            break;
        }
        controller_sleep(rt, bell, is_quiet, before.submitted);
        controller_counts now = controller_count(rt);
        if (now.at_ns - before.at_ns >= CONTROLLER_WINDOW_NS) {
            is_quiet = now.submitted == before.submitted && now.jobs >= now.submitted;
            spare = controller_fold(rt, spare, &before, &now);
            before = now;
        } else {
            is_quiet = false;
        }
    }
}
