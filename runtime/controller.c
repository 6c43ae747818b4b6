/*
 * Devices first, then windows, and policies as they are loaded. While jobs come, a window is folded
 * every second; after a window without any, the controller sleeps without a time-out until the next
 * submit or the next policy.
 *
 * To look for devices is the driver's work and takes it up to a second; once destroy has begun, the
 * call that is running is the last, and no submitter is started.
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

#include "choose.h"
#include "reload.h"
#include "run.h"
#include "submitter.h"

#define CONTROLLER_WINDOW_NS 1000000000
#define CONTROLLER_FOUND_BYTES 160 /* of a line that lists devices */

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

/* What a name of the policy's gpu.devices is compared with. Unfit devices have no index. */
static choose_device controller_as_chosen(const yoke_device *info, uint32_t index)
{
    return (choose_device){.name = info->name, .uuid = info->uuid, .index = index};
}

/* The next fit device from place *at of the table, which moves on; NULL: there is no more. Only the
 * controller writes what it reads, but for the state: that becomes UNFIT by the controller alone.
 */
static const yoke_device *controller_next_fit(yoke_runtime *rt, uint32_t *at)
{
    const yoke_device *found = NULL;
    pthread_mutex_lock(&rt->devices_lock);
    while (*at < rt->num_devices && found == NULL) {
        const yoke_device *info = &rt->submitters[(*at)++]->info;
        found = info->state != YOKE_DEVICE_UNFIT ? info : NULL;
    }
    pthread_mutex_unlock(&rt->devices_lock);
    return found;
}

static uint32_t controller_num_fit(yoke_runtime *rt)
{
    uint32_t count = 0;
    for (uint32_t at = 0; controller_next_fit(rt, &at) != NULL;) {
        count++;
    }
    return count;
}

static const char *controller_why_unused(yoke_runtime *rt, const backend_info *found,
                                         const choose_device *device)
{
    const char *list = rt->policy.gpu.devices;
    if (list[0] != '\0') {
        return choose_names(list, device) ? NULL : "the policy's gpu.devices does not name it";
    }
    return found->is_cpu && !rt->policy.gpu.software
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
    uint32_t num_fit = controller_num_fit(rt);
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
    choose_device device = controller_as_chosen(&s->info, num_fit);
    const char *why = controller_why_unused(rt, &info, &device);
    if (!info.is_fit) {
        submitter_set_state(s, YOKE_DEVICE_UNFIT, info.why_not);
    } else if (why != NULL) {
        submitter_set_state(s, YOKE_DEVICE_UNUSED, why);
    } else if (!runtime_is_stopping(rt)) {
        controller_start(s);
    }
}

/* "0 NVIDIA H200, 1 llvmpipe", as far as there is room. */
static void controller_list_fit(yoke_runtime *rt, char text[CONTROLLER_FOUND_BYTES])
{
    const yoke_device *info;
    int used = snprintf(text, CONTROLLER_FOUND_BYTES, "none");
    for (uint32_t at = 0, index = 0; (info = controller_next_fit(rt, &at)) != NULL; index++) {
        used = index == 0 ? 0 : used;
        if (used < CONTROLLER_FOUND_BYTES) {
            used += snprintf(text + used, CONTROLLER_FOUND_BYTES - (size_t)used, "%s%u %s",
                             index > 0 ? ", " : "", (unsigned)index, info->name);
        }
    }
}

static bool controller_any_meant(yoke_runtime *rt, const char *name, size_t bytes)
{
    const yoke_device *info;
    for (uint32_t at = 0, index = 0; (info = controller_next_fit(rt, &at)) != NULL; index++) {
        choose_device device = controller_as_chosen(info, index);
        if (choose_means(name, bytes, &device)) {
            return true;
        }
    }
    return false;
}

/* A line for each name of the policy's that means no device. */
static void controller_warn_of_names(yoke_runtime *rt)
{
    const char *list = rt->policy.gpu.devices, *name;
    size_t bytes;
    while ((name = policy_list_next(&list, &bytes)) != NULL) {
        if (!controller_any_meant(rt, name, bytes)) {
            char found[CONTROLLER_FOUND_BYTES];
            controller_list_fit(rt, found);
            runtime_log(rt, YOKE_LOG_WARNING,
                        "the policy's gpu.devices names \"%.*s\", but the fit devices are: %s",
                        (int)bytes, name, found);
        }
    }
}

/* What one backend finds, or that it finds nothing. */
static void controller_look(yoke_runtime *rt, uint32_t n)
{
    const backend_ops *ops = rt->backends[n];
    char why_not[BACKEND_WHY_BYTES] = "";
    uint32_t count = 0;
    yoke_status status = ops->open_instance(&rt->backend_host, &rt->instances[n], &count, why_not);
    if (status != YOKE_OK) {
        rt->instances[n] = NULL;
    }
    if (status != YOKE_OK || count == 0) {
        submitter *s = controller_add(rt, ops);
        if (s != NULL) {
            controller_publish(rt, s);
            const char *why = status == YOKE_OK ? "it finds no device" : yoke_status_text(status);
            submitter_set_state(s, YOKE_DEVICE_UNFIT, why_not[0] != '\0' ? why_not : why);
        }
    }
    for (uint32_t i = 0; i < count && status == YOKE_OK; i++) {
        controller_add_device(rt, ops, rt->instances[n], i);
    }
}

static void controller_find_devices(yoke_runtime *rt)
{
    for (uint32_t n = 0; rt->backends[n] != NULL && n < RUNTIME_BACKENDS_MAX; n++) {
        if (runtime_is_stopping(rt)) {
            return;
        }
        controller_look(rt, n);
    }
    controller_warn_of_names(rt);
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

/* All workers together, by the grain that they have learned. */
static model_line controller_cpu_line(const yoke_runtime *rt, const yoke_type *type)
{
    uint64_t grain = atomic_load_explicit(&type->grain_cost, memory_order_relaxed);
    return grain == 0
               ? (model_line){0}
               : (model_line){
                     .slope = (run_grain_ns(rt) << MODEL_ONE_BITS) / grain / rt->num_workers + 1};
}

/* All devices together: the shortest trip, and the sum of their rates. */
static model_line controller_gpu_line(yoke_runtime *rt, const yoke_type *type)
{
    model_line all = {.fixed_ns = UINT64_MAX};
    double rate = 0;
    pthread_mutex_lock(&rt->devices_lock);
    for (uint32_t i = 0; i < rt->num_devices; i++) {
        submitter *s = rt->submitters[i];
        uint64_t fixed_ns =
            atomic_load_explicit(&s->lines[type->index].fixed_ns, memory_order_relaxed);
        uint64_t slope = atomic_load_explicit(&s->lines[type->index].slope, memory_order_relaxed);
        if (slope != 0 && s->info.state == YOKE_DEVICE_READY) {
            all.fixed_ns = fixed_ns < all.fixed_ns ? fixed_ns : all.fixed_ns;
            rate += 1 / (double)slope;
        }
    }
    pthread_mutex_unlock(&rt->devices_lock);
    all.slope = rate > 0 ? (uint64_t)(1 / rate) + 1 : 0;
    return all;
}

static void controller_learn(yoke_runtime *rt, snapshot *next)
{
    uint32_t num_types = atomic_load_explicit(&rt->num_types, memory_order_acquire);
    for (uint32_t i = 0; i < num_types; i++) {
        const yoke_type *type = atomic_load_explicit(&rt->types[i], memory_order_acquire);
        if (type_has_gpu(type)) {
            next->types[i].cpu = controller_cpu_line(rt, type);
            next->types[i].gpu = controller_gpu_line(rt, type);
        }
    }
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
    controller_learn(rt, spare);
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

/* Sleeps until the window ends, or, after a quiet one, until work comes; unless the bell rings. */
static void controller_sleep(yoke_runtime *rt, uint32_t bell, bool is_quiet,
                             const controller_counts *begin)
{
    if (!is_quiet) {
        base_futex_wait(&rt->controller_bell, bell, begin->at_ns + CONTROLLER_WINDOW_NS);
        return;
    }
    atomic_store(&rt->controller_sleeps, true); /* K1 */
    atomic_thread_fence(memory_order_seq_cst);
    if (runtime_count(rt, STATS_jobs_submitted) == begin->submitted && !runtime_is_stopping(rt)) {
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
        uint32_t bell = atomic_load(&rt->controller_bell); /* L1 of reload.h */
        spare = reload_take_controller(rt, spare);
        if (runtime_is_stopping(rt)) {
            break;
        }
        controller_sleep(rt, bell, is_quiet, &before);
        controller_counts now = controller_count(rt);
        if (now.at_ns - before.at_ns >= CONTROLLER_WINDOW_NS) {
            is_quiet = now.submitted == before.submitted && now.jobs >= now.submitted;
            if (is_quiet) { /* submitters give back what they do not need */
                atomic_fetch_add(&rt->num_quiets, 1);
                park_wake_all_any(&rt->gpu_park);
            }
            spare = controller_fold(rt, spare, &before, &now);
            before = now;
        } else {
            is_quiet = false;
        }
    }
    reload_end_controller(rt);
}
