/*
 * The submitter's loop.
 *
 * It never waits for a device as long as there is something to pack. With batches in flight it
 * waits for the oldest, looking or asleep (patience.h), at most until an open batch falls due; with
 * none in flight an open batch goes at once, so what is left is to park by the rules of park.h.
 *
 * What it always keeps: a ticket taken from a lane is in `held`, or its job's items are in a batch,
 * or both; a batch is free, open, in flight or failed; when the device is lost or the runtime
 * stops, all of it goes to the workers. A job with a callback is settled by a worker, the others
 * here.
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
#include "lane.h"
#include "ready.h"
#include "seal.h"
#include "settle.h"
#include "surplus.h"

#define SUBMITTER_LOOKS_PER_CLOCK 32
#define SUBMITTER_WAIT_NS_MAX 1000000
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

/* -- settling -------------------------------------------------------------------------------- */

static void submitter_settle(submitter *s, yoke_job *job)
{
    if (job->done != NULL) { /* callbacks run on workers */
        job_mark_any(job, JOB_IS_RUN);
        ready_push_any(s->rt, job);
    } else {
        settle(s->rt, &s->stats, NULL, job, job_stop_status(job));
    }
}

/* Since when the device has had nothing to do before the batch. */
static uint64_t submitter_begun_ns(const submitter *s, const batch *b)
{
    return b->submitted_ns > s->done_ns ? b->submitted_ns : s->done_ns;
}

/* How long the batch kept the device from others: what overlaps the one before counts once. */
static void submitter_count_time(submitter *s, const batch *b)
{
    uint64_t begin_ns, end_ns;
    if (s->device.ops->times(s->device.device, b->slot, &begin_ns, &end_ns) != YOKE_OK) {
        return;
    }
    begin_ns = begin_ns > s->busy_until_ns ? begin_ns : s->busy_until_ns;
    uint64_t busy_ns = end_ns > begin_ns ? end_ns - begin_ns : 0;
    s->busy_until_ns = end_ns;
    stats_add_owner(&s->stats, STATS_gpu_busy_ns, busy_ns);
    path_learn(&s->paths[b->type->index], b->is_staged, batch_bytes(b), busy_ns);
}

/* What a batch takes in all: with the device, and to be packed. */
static void submitter_learn(submitter *s, const batch *b, uint64_t took_ns)
{
    uint32_t i = b->type->index;
    patience_learn(&s->patience[i], b->cost, took_ns);
    model_add(&s->models[i], b->cost, took_ns + b->packed_ns);
    model_line line = model_fit(&s->models[i]);
    atomic_store_explicit(&s->lines[i].fixed_ns, line.fixed_ns, memory_order_relaxed);
    atomic_store_explicit(&s->lines[i].slope, line.slope, memory_order_relaxed);
}

static void submitter_complete(submitter *s, batch *b)
{
    uint32_t at = 0;
    if (b->is_trial) {
        ready_push_batch_any(s->rt, b);
        return;
    }
    stats_add_owner(&s->stats, STATS_batches, 1);
    stats_add_owner(&s->stats, STATS_batches_in_place, b->mapped != 0);
    stats_add_owner(&s->stats, STATS_batches_staged, b->is_staged);
    stats_add_owner(&s->stats, STATS_items_gpu, b->num_items);
    submitter_count_time(s, b);
    batch_close(b, &s->rt->regions, &s->device, true);
    if (b->type->program.finish != NULL) {
        b->is_run = true;
        ready_push_batch_any(s->rt, b);
        return;
    }
    for (uint32_t i = 0; i < b->num_claims; i++) {
        batch_claim *claim = &b->claims[i];
        yoke_job *job = claim->job;
        batch_unpack(b, claim, at);
        at += claim->count;
        if (job->num_items == 1 || job_finish_any(job, claim->count)) {
            submitter_settle(s, job);
        }
    }
    atomic_store_explicit(&b->is_free, true, memory_order_release);
}

/* The device did not run it: the workers do. It is out of the device's reach already. */
static void submitter_fail(submitter *s, batch *b)
{
    if (b->is_trial) {
        atomic_store_explicit(&b->is_free, true, memory_order_relaxed);
        compile_trial_failed(s);
        return;
    }
    stats_add_owner(&s->stats, STATS_batches_failed, 1);
    batch_close(b, &s->rt->regions, &s->device, false);
    ready_push_batch_any(s->rt, b);
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

/* -- filling --------------------------------------------------------------------------------- */

static batch *submitter_free_slot(submitter *s)
{
    for (uint32_t i = 0; i < s->num_slots; i++) {
        batch *b = &s->slots[i];
        if (atomic_load_explicit(&b->is_free, memory_order_acquire)) {
            return b;
        }
    }
    return NULL;
}

/* The next job for the type: the one held, or a ticket from the lane. */
static yoke_job *submitter_take(submitter *s, yoke_type *type)
{
    yoke_job *job = s->held[type->index];
    if (job != NULL) {
        s->held[type->index] = NULL;
        return job;
    }
    return lane_take_any(s->rt, type);
}

/* A job that must not run is the workers' to settle. */
static bool submitter_turns_away(yoke_job *job, uint64_t now_ns)
{
    if (job->deadline_ns != 0 && now_ns >= job->deadline_ns) {
        job_stop_any(job, YOKE_DEADLINE);
    }
    return job_stop_status(job) != YOKE_OK;
}

/* Adds the job to the type's open batch. False: the batch takes no more. */
static bool submitter_add(submitter *s, batch *b, yoke_job *job)
{
    yoke_runtime *rt = s->rt;
    if (job->num_items > 1 || (job->flags & YOKE_JOB_GPU) != 0) {
        b->min_cost = 0; /* it was worth the trip, or insists: what is left of it must not wait */
    }
    switch (batch_add(b, job, &rt->regions, &s->device)) {
    case BATCH_TOOK_ALL:
        if (job->num_items > 1 && job_finish_any(job, 1)) {
            submitter_settle(s, job); /* others have run it all */
        }
        return true;
    case BATCH_TOO_LARGE:
        lane_return_any(rt, job);
        return true;
    case BATCH_TOOK_PART:
        lane_share_any(rt, job);
        s->held[b->type->index] = job;
    }
    return false;
}

/* The cost of the type's batches that the device has to do first. */
static uint64_t submitter_ahead(const submitter *s, const yoke_type *type)
{
    uint64_t cost = 0;
    for (uint32_t i = 0; i < s->num_in_flight; i++) {
        cost += s->in_flight[i]->type == type ? s->in_flight[i]->cost : 0;
    }
    return cost;
}

/* Fills the type's open batch from its lane; returns whether anything was taken. */
static bool submitter_fill(submitter *s, yoke_type *type, const snapshot *tuning, uint64_t now_ns)
{
    batch **open = &s->open[type->index];
    if (*open == NULL && s->held[type->index] == NULL && ring_looks_empty_any(&type->lane)) {
        return false;
    }
    if (*open == NULL) {
        batch *b = submitter_free_slot(s);
        if (b == NULL) {
            return false;
        }
        batch_open(b, type, tuning->target_cost, now_ns);
        b->learned = tuning->types[type->index];
        if (tuning->mode == POLICY_ROUTING_MODE_AUTO) { /* the CPU would do as well: wait */
            b->min_cost = route_break_even(&b->learned, tuning);
        }
        atomic_store_explicit(&b->is_free, false, memory_order_relaxed);
        *open = b;
    }
    bool any = false;
    yoke_job *job;
    (*open)->ahead_cost = submitter_ahead(s, type);
    while (!batch_is_full(*open) && (job = submitter_take(s, type)) != NULL) {
        any = true;
        if (submitter_turns_away(job, now_ns)) {
            lane_return_any(s->rt, job);
        } else if (!submitter_add(s, *open, job)) {
            break;
        }
    }
    (*open)->quiet_looks = any ? 0 : (*open)->quiet_looks + 1;
    if (any) {
        (*open)->packed_ns += base_now_ns() - now_ns;
    }
    if ((*open)->num_items == 0) { /* nothing came of it */
        atomic_store_explicit(&(*open)->is_free, true, memory_order_relaxed);
        *open = NULL;
    }
    return any;
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
            runtime_log(s->rt, YOKE_LOG_WARNING, "%s cannot run a batch of %s: %s; the CPU does",
                        s->info.name, b->type->name, mistake);
            submitter_fail(s, b);
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
            s->in_flight[s->num_in_flight++] = due[i];
        } else {
            submitter_fail(s, due[i]);
        }
    }
    return status == YOKE_NO_DEVICE ? status : YOKE_OK;
}

/* Whether tickets wait because every slot is taken: for longer than they should, and the workers
 * may have them. */
static void submitter_look_at_lane(submitter *s, const yoke_type *type, const snapshot *tuning,
                                   uint64_t now_ns)
{
    uint64_t *since_ns = &s->stuck_ns[type->index];
    bool is_stuck = s->open[type->index] == NULL && submitter_free_slot(s) == NULL &&
                    tuning->mode == POLICY_ROUTING_MODE_AUTO &&
                    !ring_looks_empty_any(&((yoke_type *)(uintptr_t)type)->lane);
    if (!is_stuck) {
        *since_ns = 0;
        surplus_close_submitter(s->rt, type);
    } else if (*since_ns == 0) {
        *since_ns = now_ns;
    } else if (now_ns - *since_ns >= tuning->wait_us_max * UINT64_C(1000)) {
        surplus_open_submitter(s->rt, type);
    }
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
        *any |= submitter_fill(s, type, tuning, now_ns);
        submitter_look_at_lane(s, type, tuning, now_ns);
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

/* Completes the batches that the device has come to. */
static yoke_status submitter_reap(submitter *s, bool *any)
{
    uint64_t value;
    if (s->num_in_flight == 0) {
        return YOKE_OK;
    }
    yoke_status status = s->device.ops->completed(s->device.device, &value);
    if (status != YOKE_OK) {
        return YOKE_NO_DEVICE;
    }
    uint32_t count = 0;
    while (count < s->num_in_flight && s->in_flight[count]->value <= value) {
        count++;
    }
    if (count == 0) {
        return YOKE_OK;
    }
    batch *done[BACKEND_SLOTS_MAX];
    memcpy(done, s->in_flight, count * sizeof *done);
    s->num_in_flight -= count;
    memmove(s->in_flight, s->in_flight + count, s->num_in_flight * sizeof *s->in_flight);
    uint64_t now_ns = base_now_ns();
    if (count == 1 && !done[0]->is_trial) { /* of several at once none tells how long it took */
        submitter_learn(s, done[0], now_ns - submitter_begun_ns(s, done[0]));
    }
    s->done_ns = now_ns;
    for (uint32_t i = 0; i < count; i++) {
        submitter_complete(s, done[i]);
    }
    *any = true;
    return YOKE_OK;
}

/* -- resting --------------------------------------------------------------------------------- */

static bool submitter_sees_work(submitter *s)
{
    yoke_runtime *rt = s->rt;
    uint32_t num_compiled = atomic_load_explicit(&s->num_compiled, memory_order_relaxed);
    bool may_compile = s->trial == NULL ? atomic_load(&rt->num_types) != num_compiled
                                        : atomic_load(&s->trial->is_free);
    if (runtime_is_stopping(rt) || may_compile || atomic_load(&rt->regions.num_freeing) > 0 ||
        atomic_load(&rt->num_quiets) != s->num_quiets) {
        return true;
    }
    bool has_slot = submitter_free_slot(s) != NULL; /* if not, the worker that frees one wakes us */
    for (uint32_t i = 0; i < num_compiled && has_slot; i++) {
        yoke_type *type = atomic_load_explicit(&rt->types[i], memory_order_relaxed);
        if (s->kernels[i] != NULL && (s->held[i] != NULL || !ring_looks_empty_any(&type->lane))) {
            return true;
        }
    }
    return false;
}

/* Whether tickets wait in any lane, also in those that this device does not serve. */
static bool submitter_sees_tickets(submitter *s)
{
    yoke_runtime *rt = s->rt;
    uint32_t num_types = atomic_load(&rt->num_types);
    for (uint32_t i = 0; i < num_types; i++) {
        yoke_type *type = atomic_load(&rt->types[i]);
        if (type_has_gpu(type) && !ring_looks_empty_any(&type->lane)) {
            return true;
        }
    }
    return false;
}

/* Nothing to pack and nothing in flight. Who trusted this searcher may have had work for another
 * device. */
static void submitter_park(submitter *s)
{
    park *p = &s->rt->gpu_park;
    park_search_worker(p);
    park_announce_worker(p, s->device.index);
    if (submitter_sees_work(s)) {
        park_retract_worker(p, s->device.index);
    } else {
        if (submitter_sees_tickets(s)) {
            park_wake_one_any(p);
        }
        park_sleep_worker(p, s->device.index);
    }
    if (park_found_worker(p) && submitter_sees_tickets(s)) {
        park_wake_one_any(p);
    }
}

/* Looks until the batch is done, there is something to pack, or the time is over. */
static void submitter_look(submitter *s, uint64_t awaited, uint64_t end_ns)
{
    uint64_t value = 0;
    for (uint32_t round = 1;; round++) {
        yoke_status status = s->device.ops->completed(s->device.device, &value);
        if (status != YOKE_OK || value >= awaited || submitter_sees_work(s)) {
            return;
        }
        if (round % SUBMITTER_LOOKS_PER_CLOCK == 0) {
            if (base_now_ns() >= end_ns) {
                return;
            }
            sched_yield(); /* a software device, or who brings work, may wait for this CPU */
        }
        base_cpu_relax();
    }
}

/* Until the oldest batch is done, or an open one may fall due. */
static void submitter_await(submitter *s, uint64_t wait_ns)
{
    const batch *oldest = s->in_flight[0];
    uint64_t now_ns = base_now_ns(), begun_ns = submitter_begun_ns(s, oldest);
    uint64_t guess_ns = patience_guess_ns(&s->patience[oldest->type->index], oldest->cost);
    patience_advice advice =
        patience_advise(guess_ns, now_ns > begun_ns ? now_ns - begun_ns : 0, s->num_in_flight > 1);
    if (advice.sleep_ns == 0) {
        submitter_look(s, oldest->value, now_ns + advice.look_ns);
        return;
    }
    uint64_t timeout_ns = wait_ns < SUBMITTER_WAIT_NS_MAX ? wait_ns : SUBMITTER_WAIT_NS_MAX;
    timeout_ns = timeout_ns < advice.sleep_ns ? timeout_ns : advice.sleep_ns;
    s->device.ops->wait(s->device.device, oldest->value, timeout_ns);
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
        status = submitter_reap(s, any);
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
        batch *trial = compile_new_types(s, submitter_free_slot(s), &any);
        const snapshot *tuning = snapshot_read_begin(&rt->tuning);
        uint64_t wait_ns = tuning->wait_us_max * UINT64_C(1000);
        status = submitter_round(s, trial, tuning, &any);
        snapshot_read_end();
        if (status == YOKE_OK && !any) {
            if (s->num_in_flight > 0) {
                submitter_await(s, wait_ns);
            } else {
                submitter_park(s);
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
        status = submitter_reap(s, &any);
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
            submitter_fail(s, s->open[i]);
            s->open[i] = NULL;
        }
    }
    for (uint32_t i = 0; i < s->num_in_flight; i++) {
        if (!s->in_flight[i]->is_trial) {
            submitter_fail(s, s->in_flight[i]);
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
