/*
 * The submitter's loop.
 *
 * A round settles what is done (retire.c), fills batches from the lanes (fill.c) and sends what is
 * due. It never waits for a device as long as there is something to pack; how it waits else is told
 * in rest.c.
 *
 * What it always keeps: a batch is free, open, in flight or with the workers; when the device is
 * lost or the runtime stops, all of what it holds goes to the workers.
 *
 * Ordering: X1 in lane.c for num_serving; the hand-over of batches is a release store
 * (ready_push_batch_any) and an acquire load of is_free.
 */
#include "submitter.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "compile.h"
#include "copy.h"
#include "fill.h"
#include "lane.h"
#include "rest.h"
#include "retire.h"
#include "seal.h"
#include "surplus.h"

#define SUBMITTER_DRAIN_NS 5000000000

void submitter_set_state(submitter *s, yoke_device_state state, const char *why)
{
    yoke_runtime *rt = s->rt;
    pthread_mutex_lock(&rt->devices_lock);
    s->info.state = state;
    snprintf(s->info.why, sizeof s->info.why, "%s", why != NULL ? why : "");
    pthread_mutex_unlock(&rt->devices_lock);
    atomic_thread_fence(memory_order_seq_cst); /* W1 in waiters.h */
    waiters_wake(&rt->waiters, &rt->devices_found);
    bool is_fine = state != YOKE_DEVICE_LOST;
    const char *name = s->info.name[0] != '\0' ? s->info.name : "no device";
    runtime_log(rt, is_fine ? YOKE_LOG_INFO : YOKE_LOG_WARNING, "%s: %s: %s%s%s", s->info.backend,
                name, yoke_device_state_text(state), why != NULL ? ": " : "",
                why != NULL ? why : "");
}

/* -- types ----------------------------------------------------------------------------------- */

/* Serves no type any more; what waited goes to the workers. */
static void submitter_leave_lanes(submitter *s)
{
    yoke_runtime *rt = s->rt;
    uint32_t num_types = atomic_load(&s->num_compiled);
    for (uint32_t i = 0; i < num_types; i++) {
        if (s->kernels[i] == NULL) {
            continue;
        }
        yoke_type *type = atomic_load(&rt->types[i]);
        surplus_close_submitter(rt, type);
        compile_forget(s, type);
        if (atomic_fetch_sub_explicit(&type->num_serving, 1, memory_order_seq_cst) == 1) {
            atomic_thread_fence(memory_order_seq_cst); /* X1 */
            lane_drain_any(rt, type);
        }
        if (s->held[i] != NULL) {
            lane_return_any(rt, s->held[i]);
            s->held[i] = NULL;
        }
    }
}

/* -- the device ------------------------------------------------------------------------------ */

static bool submitter_stages(submitter *s, const snapshot *tuning, const batch *b)
{
    return tuning->path == POLICY_GPU_PATH_STAGED ||
           (tuning->path == POLICY_GPU_PATH_AUTO &&
            path_is_staged(&s->paths[b->type->index], batch_bytes(b)));
}

static void submitter_tell_memory(submitter *s)
{
    uint64_t taken = s->device.ops->taken(s->device.device);
    atomic_store_explicit(&s->taken_bytes, taken, memory_order_relaxed);
    if (taken > atomic_load_explicit(&s->peak_bytes, memory_order_relaxed)) {
        atomic_store_explicit(&s->peak_bytes, taken, memory_order_relaxed);
    }
}

/* Once a type: the next batch is likely to fail for the same reason. */
static void submitter_complain(submitter *s, const yoke_type *type, const char *mistake)
{
    if (!s->has_complained[type->index]) {
        s->has_complained[type->index] = true;
        runtime_log(s->rt, YOKE_LOG_WARNING,
                    "%s cannot run a batch of %s: %s; the CPU does, and others like it",
                    s->info.name, type->name, mistake);
    }
}

/* Makes the batches ready for the device; those that cannot be go to the workers. Returns how many
 * are left, in front. */
static uint32_t submitter_seal(submitter *s, const snapshot *tuning, batch **due, uint32_t count)
{
    uint32_t num_sealed = 0;
    for (uint32_t i = 0; i < count; i++) {
        batch *b = due[i];
        b->is_staged = submitter_stages(s, tuning, b);
        const char *mistake =
            seal_batch(b, s->kernels[b->type->index], &s->rt->regions, &s->device);
        if (mistake == NULL) {
            due[num_sealed++] = b;
        } else {
            submitter_complain(s, b->type, mistake);
            retire_fail(s, b);
        }
    }
    submitter_tell_memory(s);
    return num_sealed;
}

static yoke_status submitter_send(submitter *s, const snapshot *tuning, batch **due, uint32_t count)
{
    backend_batch batches[BACKEND_SLOTS_MAX];
    uint64_t value = 0;
    count = submitter_seal(s, tuning, due, count);
    if (count == 0) {
        return YOKE_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        batches[i] = seal_for_device(due[i]);
    }
    uint64_t now_ns = base_now_ns();
    yoke_status status = s->device.ops->submit(s->device.device, batches, count, &value);
    for (uint32_t i = 0; i < count; i++) {
        if (status == YOKE_OK || status == YOKE_NO_DEVICE) { /* lost counts as executed */
            due[i]->value = value - (count - 1 - i);
            due[i]->submitted_ns = now_ns;
            retire_count_ahead(due[i], due[i]->cost);
            s->in_flight[s->num_in_flight++] = due[i];
        } else {
            retire_fail(s, due[i]);
        }
    }
    return status == YOKE_NO_DEVICE ? status : YOKE_OK;
}

/* One round over all types: fill, and send what is due. */
static yoke_status submitter_pack(submitter *s, const snapshot *tuning, bool *any)
{
    yoke_runtime *rt = s->rt;
    batch *due[BACKEND_SLOTS_MAX];
    uint32_t num_due = 0, num_types = atomic_load_explicit(&s->num_compiled, memory_order_relaxed);
    uint64_t now_ns = base_now_ns();
    bool is_idle = s->num_in_flight == 0, lingers = false;
    for (uint32_t n = 0; n < num_types; n++) {
        uint32_t i = (s->first_type + n) % num_types;
        if (s->kernels[i] == NULL) {
            continue;
        }
        yoke_type *type = atomic_load_explicit(&rt->types[i], memory_order_relaxed);
        *any |= fill_type(s, type, tuning, &now_ns);
        fill_look_at_lane(s, type, tuning, now_ns);
        batch *b = s->open[i];
        if (b != NULL && batch_is_due(b, now_ns, tuning->wait_us_max * UINT64_C(1000), is_idle)) {
            due[num_due++] = b;
            s->open[i] = NULL;
        } else if (b != NULL && is_idle) {
            lingers = true;
        }
    }
    s->first_type++;
    if (num_due == 0) {
        if (lingers) { /* who brings more may wait for this very CPU */
            sched_yield();
            *any = true;
        }
        return YOKE_OK;
    }
    *any = true;
    return submitter_send(s, tuning, due, num_due);
}

/* -- open, serve, close ---------------------------------------------------------------------- */

/* Threads in yoke_free look again. */
static void submitter_wake_freeing(submitter *s)
{
    atomic_thread_fence(memory_order_seq_cst); /* W1 in waiters.h */
    waiters_wake(&s->rt->waiters, &s->rt->regions);
}

/* What a slot has grown by. */
static void submitter_shrink_slot(submitter *s, batch *b)
{
    scratch_shrink(&b->scratch, &s->device, s->slot_bytes);
    if (b->memory.bytes > s->slot_bytes) {
        batch_set_bytes(b, &s->device, s->slot_bytes);
    }
}

/* For a while there was nothing to do: what slots have grown by is given back, unless nobody else
 * wants it. */
static void submitter_give_back(submitter *s)
{
    uint32_t num_quiets = atomic_load(&s->rt->num_quiets);
    if (num_quiets == s->num_quiets || s->num_in_flight > 0) {
        return;
    }
    s->num_quiets = num_quiets;
    for (uint32_t i = 0; i < s->num_slots && !s->rt->policy.gpu.exclusive; i++) {
        if (atomic_load_explicit(&s->slots[i].is_free, memory_order_acquire)) {
            submitter_shrink_slot(s, &s->slots[i]);
        }
    }
    submitter_tell_memory(s);
}

/* One round: what is done is settled, what is due is sent. */
static yoke_status submitter_round(submitter *s, batch *trial, const snapshot *tuning, bool *any)
{
    yoke_status status = YOKE_OK;
    if (trial != NULL) {
        status = submitter_send(s, tuning, &trial, 1);
    }
    if (atomic_load_explicit(&s->rt->regions.num_freeing, memory_order_relaxed) > 0 &&
        region_let_go(&s->rt->regions, &s->device)) {
        submitter_wake_freeing(s);
    }
    if (status == YOKE_OK) {
        status = retire_done(s, any);
    }
    submitter_give_back(s);
    return status == YOKE_OK ? submitter_pack(s, tuning, any) : status;
}

static yoke_status submitter_serve(submitter *s)
{
    yoke_runtime *rt = s->rt;
    yoke_status status = YOKE_OK;
    while (status == YOKE_OK && !runtime_is_stopping(rt)) {
        bool any = false;
        batch *trial = compile_new_types(s, fill_free_slot(s), &any);
        const snapshot *tuning = snapshot_read_begin(&rt->tuning);
        uint64_t wait_ns = tuning->wait_us_max * UINT64_C(1000);
        status = submitter_round(s, trial, tuning, &any);
        snapshot_read_end();
        if (status == YOKE_OK && !any) {
            if (s->num_in_flight > 0) {
                rest_await(s, wait_ns);
            } else {
                rest_park(s);
            }
        }
    }
    return status;
}

/* What is in flight ends as the device ends it, if it does so in time. */
static yoke_status submitter_drain(submitter *s)
{
    bool any;
    yoke_status status = YOKE_OK;
    if (s->num_in_flight > 0) {
        uint64_t last = s->in_flight[s->num_in_flight - 1]->value;
        s->device.ops->wait(s->device.device, last, SUBMITTER_DRAIN_NS);
        status = retire_done(s, &any);
    }
    return status;
}

static bool submitter_is_in_flight(const submitter *s, const batch *b)
{
    bool found = false;
    for (uint32_t i = 0; i < s->num_in_flight; i++) {
        found |= s->in_flight[i] == b;
    }
    return found;
}

/* Workers read the slots' memory of what they finish or compare; it goes with the device. */
static void submitter_await_workers(submitter *s)
{
    static const struct timespec moment = {.tv_nsec = 50000};
    for (uint32_t i = 0; i < s->num_slots; i++) {
        batch *b = &s->slots[i];
        while ((b->is_run || b->is_trial) && !submitter_is_in_flight(s, b) &&
               !atomic_load_explicit(&b->is_free, memory_order_acquire)) {
            nanosleep(&moment, NULL);
        }
    }
}

/* The device is closed first: only then nothing can write into a job's own memory any more. */
static void submitter_close(submitter *s)
{
    yoke_runtime *rt = s->rt;
    submitter_leave_lanes(s);
    submitter_await_workers(s);
    if (s->trial != NULL) {
        compile_forget(s, (yoke_type *)(uintptr_t)s->trial->type);
        s->trial = NULL;
    }
    bool is_stuck = s->device.ops->close(s->device.device) != YOKE_OK;
    region_forget(&rt->regions, &s->device, is_stuck);
    submitter_wake_freeing(s);
    for (uint32_t i = 0; i < YOKE_TYPES_MAX; i++) {
        if (s->open[i] != NULL) {
            retire_fail(s, s->open[i]);
            s->open[i] = NULL;
        }
    }
    for (uint32_t i = 0; i < s->num_in_flight; i++) {
        retire_count_ahead(s->in_flight[i], 0 - s->in_flight[i]->cost);
        if (!s->in_flight[i]->is_trial) {
            retire_fail(s, s->in_flight[i]);
        }
    }
    s->num_in_flight = 0;
}

/* The device and the slots' memory. */
static yoke_status submitter_open(submitter *s, const backend_open_options *options)
{
    yoke_runtime *rt = s->rt;
    s->num_slots = options->num_slots;
    size_t bytes = ((size_t)rt->policy.limits.staging_mib << 20) / s->num_slots / 4096 * 4096;
    s->slot_bytes = bytes;
    s->slots = runtime_alloc(rt, s->num_slots * sizeof *s->slots);
    if (s->slots == NULL) {
        return YOKE_NO_MEMORY;
    }
    memset(s->slots, 0, s->num_slots * sizeof *s->slots);
    const backend_ops *ops = s->device.ops;
    yoke_status status = ops->open(s->instance, s->instance_index, options, &s->device.device);
    if (status != YOKE_OK) {
        return status;
    }
    for (uint32_t i = 0; i < s->num_slots && status == YOKE_OK; i++) {
        s->slots[i].slot = i;
        s->slots[i].bytes_max = (uint64_t)rt->policy.limits.staging_mib << 20;
        s->slots[i].copy = copy_submitter;
        s->slots[i].copy_context = s;
        atomic_init(&s->slots[i].is_free, true);
        status = ops->alloc(s->device.device, BACKEND_MEMORY_SHARED, bytes, &s->slots[i].memory);
        if (status != YOKE_OK) {
            s->slots[i].memory.bytes = 0;
        } else {
            scratch_grow(&s->slots[i].scratch, &s->device, bytes); /* it can do without */
        }
    }
    if (status != YOKE_OK) {
        submitter_close(s);
    }
    return status;
}

/* Opens the device, or says why not. */
static bool submitter_begin(submitter *s)
{
    yoke_runtime *rt = s->rt;
    char cache_dir[BASE_PATH_BYTES], why[sizeof s->info.why];
    backend_open_options options = {
        .num_slots = rt->policy.gpu.slots_in_flight,
        .memory_bytes_max = (uint64_t)rt->policy.limits.device_mib << 20,
        .is_exclusive = rt->policy.gpu.exclusive,
    };
    if (runtime_is_stopping(rt)) {
        submitter_set_state(s, YOKE_DEVICE_UNUSED, "the runtime is ending");
        return false;
    }
    if (rt->policy.gpu.pipeline_cache) {
        options.cache_dir = base_cache_dir(rt->policy.gpu.pipeline_cache_dir, cache_dir);
    }
    yoke_status status = submitter_open(s, &options);
    if (status != YOKE_OK) {
        snprintf(why, sizeof why, "it could not be opened: %s",
                 status == YOKE_NO_DEVICE ? "the driver has lost it" : yoke_status_text(status));
        submitter_set_state(s, YOKE_DEVICE_LOST, why);
    }
    return status == YOKE_OK;
}

void submitter_main(submitter *s)
{
    if (!submitter_begin(s)) {
        return;
    }
    submitter_set_state(s, YOKE_DEVICE_READY, NULL);
    yoke_status status = submitter_serve(s);
    if (status == YOKE_OK) {
        status = submitter_drain(s);
    }
    submitter_close(s);
    if (status != YOKE_OK) {
        submitter_set_state(s, YOKE_DEVICE_LOST, "the driver lost it; the CPU has taken over");
    }
}

void submitter_free(submitter *s)
{
    yoke_runtime *rt = s->rt;
    runtime_free(rt, s->slots, s->num_slots * sizeof *s->slots);
    runtime_free(rt, s, sizeof *s);
}
