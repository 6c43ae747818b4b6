/*
 * Batches that are done, in the order in which they were sent: what they took is learned, outputs
 * are unpacked, jobs settled, and the slot is free again. A job with a callback is settled by a
 * worker, the others here. A batch that its device did not run goes to the workers, and so does one
 * whose last step is theirs.
 *
 * A submitter's thread. Costs a copy of the outputs, and for each job what settling costs.
 */
#include "retire.h"

#include <string.h>

#include "compile.h"
#include "ready.h"
#include "settle.h"

void retire_settle(submitter *s, yoke_job *job)
{
    if (job->done != NULL) { /* callbacks run on workers */
        job_mark_any(job, JOB_IS_RUN);
        ready_push_any(s->rt, job);
    } else {
        settle(s->rt, &s->stats, NULL, job, job_stop_status(job));
    }
}

uint64_t retire_begun_ns(const submitter *s, const batch *b)
{
    return b->submitted_ns > s->done_ns ? b->submitted_ns : s->done_ns;
}

/* How long the batch kept the device from others: what overlaps the one before counts once. */
static void retire_count_time(submitter *s, const batch *b)
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
static void retire_learn(submitter *s, const batch *b, uint64_t took_ns)
{
    uint32_t i = b->type->index;
    patience_learn(&s->patience[i], b->cost, took_ns);
    model_add(&s->models[i], b->cost, took_ns + b->packed_ns);
    model_line line = model_fit(&s->models[i]);
    atomic_store_explicit(&s->lines[i].fixed_ns, line.fixed_ns, memory_order_relaxed);
    atomic_store_explicit(&s->lines[i].slope, line.slope, memory_order_relaxed);
}

void retire_count_ahead(const batch *b, uint64_t cost)
{
    yoke_type *type = (yoke_type *)(uintptr_t)b->type; /* ours to count in */
    atomic_fetch_add_explicit(&type->ahead_cost, cost, memory_order_relaxed);
}

static void retire_batch(submitter *s, batch *b)
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
    retire_count_time(s, b);
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
            retire_settle(s, job);
        }
    }
    atomic_store_explicit(&b->is_free, true, memory_order_release);
}

void retire_fail(submitter *s, batch *b)
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

yoke_status retire_done(submitter *s, bool *any)
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
        retire_learn(s, done[0], now_ns - retire_begun_ns(s, done[0]));
    }
    s->done_ns = now_ns;
    for (uint32_t i = 0; i < count; i++) {
        retire_count_ahead(done[i], 0 - done[i]->cost);
        retire_batch(s, done[i]);
    }
    *any = true;
    return YOKE_OK;
}
