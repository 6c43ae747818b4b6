/*
 * Running a ticket: claims, the kernel's call, grains, and who settles.
 *
 * A large job is not cut up when it is submitted. Its ticket's holder claims a grain at a time, and
 * pushes another ticket for the same job only while some worker has nothing to do. Grains are sized
 * by measured time: 2 us for each worker, so that all of them together claim no more often than the
 * job's one word can bear, and at most 50 us. A claim costs a compare-exchange and a clock read,
 * about a hundredth of the smallest grain. What is found to be slower than it was gets a smaller
 * grain at once: where costs are uneven, only the first grain that meets the expensive items is too
 * large. A cancel or a deadline is noticed, and a job of high priority let through, between grains.
 */
#include "run.h"

#include <string.h>

#include "fork.h"
#include "job.h"
#include "resident.h"
#include "settle.h"
#include "trial.h"

#define RUN_GRAIN_NS_MAX UINT64_C(50000)
#define RUN_GRAIN_NS_A_WORKER UINT64_C(2000)
#define RUN_SHARE_NS UINT64_C(10000) /* about what waking a worker takes */
#define RUN_SAMPLE 16 /* of so many jobs of one item that a GPU could have, one is timed */
#define RUN_GRAIN_COST_MAX (UINT64_C(1) << 40)

/* Why the job must not go on, or YOKE_OK. now_ns is looked at only if the job has a deadline. */
static yoke_status run_stop_status(yoke_worker *worker, yoke_job *job, uint64_t now_ns)
{
    if (runtime_is_stopping(worker->rt)) {
        job_stop_any(job, YOKE_CANCELED);
    } else if (job->deadline_ns != 0 && now_ns >= job->deadline_ns) {
        job_stop_any(job, YOKE_DEADLINE);
    }
    return job_stop_status(job);
}

/* Residents, and where a program's items lie. Apart, so that plain jobs need not make room for it.
 */
static __attribute__((noinline)) void run_aim_special(yoke_claim *claim, const yoke_job *job)
{
    yoke_plan plan;
    for (uint32_t k = 0; k < job->type->num_residents; k++) {
        claim->resident[k] = job->resident[k]->data;
    }
    if (job->type->program.plan == NULL) {
        return;
    }
    type_plan(job->type, claim->params, &plan); /* submit has seen that it has one */
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX && plan.in_bytes[k] != 0; k++) {
        claim->in[k] = (const char *)job->in[k] + claim->first * plan.in_bytes[k];
    }
    claim->out = plan.out_bytes == 0 ? NULL : (char *)job->out + claim->first * plan.out_bytes;
}

/* The part of the job that a kernel is asked to run. Inline: a plain job costs some ten ns. */
static inline void run_aim(yoke_claim *claim, const yoke_job *job, uint32_t first, uint32_t count)
{
    const yoke_type *type = job->type;
    memset(claim->in, 0, sizeof claim->in); /* field by field: all at once is a slow `rep stos` */
    memset(claim->resident, 0, sizeof claim->resident);
    claim->out = NULL;
    claim->first = first;
    claim->count = count;
    claim->params = job_params(job);
    claim->user = type->user;
    if (type->is_special) {
        run_aim_special(claim, job);
    }
    for (uint32_t k = 0; k < type->num_inputs; k++) {
        size_t stride = type->in_bytes[k] == YOKE_RAGGED ? sizeof(yoke_span) : type->in_bytes[k];
        claim->in[k] = (const char *)job->in[k] + first * stride;
    }
    if (type->out_bytes > 0) {
        claim->out = (char *)job->out + (size_t)first * type->out_bytes;
    }
}

static inline yoke_status run_call(yoke_worker *worker, yoke_cpu_kernel kernel,
                                   const yoke_claim *claim)
{
    fork_scope scope = fork_enter_worker(worker);
    yoke_status status = kernel(worker, claim);
    if (!fork_leave_worker(worker, scope)) {
        return base_misuse("a kernel's forks and joins do not pair up");
    }
    return status == YOKE_PENDING ? YOKE_KERNEL : status;
}

static yoke_status run_kernel(yoke_worker *worker, yoke_job *job, uint32_t first, uint32_t count)
{
    yoke_claim claim;
    run_aim(&claim, job, first, count);
    stats_add_owner(&worker->stats, STATS_claims_run, 1);
    stats_add_owner(&worker->stats, STATS_items_run, count);
    return run_call(worker, job->type->cpu, &claim);
}

uint64_t run_grain_ns(const yoke_runtime *rt)
{
    uint64_t ns = rt->num_workers * RUN_GRAIN_NS_A_WORKER;
    return rt->num_workers == 1 || ns > RUN_GRAIN_NS_MAX ? RUN_GRAIN_NS_MAX : ns;
}

/* How many items to claim: a grain, less towards the job's end if others can share it. */
static uint32_t run_grain_items(yoke_worker *worker, yoke_job *job)
{
    uint64_t cost = atomic_load_explicit(&job->type->grain_cost, memory_order_relaxed);
    uint64_t grain = cost / job_core_of(job)->item_cost;
    uint32_t num_workers = worker->rt->num_workers;
    if (num_workers > 1) {
        uint64_t fair = job_unclaimed_any(job) / (2 * num_workers);
        uint64_t least = grain / 8;
        fair = fair > least ? fair : least;
        grain = grain < fair ? grain : fair;
    }
    return grain == 0 ? 1 : grain > UINT32_MAX ? UINT32_MAX : (uint32_t)grain;
}

/* Learns from a claim of `count` items that took that long: at most by a factor of two upwards, for
 * the next items may be dearer, and not at all if it is about right, for the line is shared. */
static void run_learn_grain(const yoke_runtime *rt, yoke_job *job, uint32_t count, uint64_t took_ns)
{
    _Atomic uint64_t *grain_cost = &((yoke_type *)(uintptr_t)job->type)->grain_cost;
    uint64_t grain = atomic_load_explicit(grain_cost, memory_order_relaxed);
    uint64_t cost = count * job_core_of(job)->item_cost, wanted;
    if (__builtin_mul_overflow(cost, run_grain_ns(rt), &wanted)) {
        wanted = UINT64_MAX;
    }
    wanted /= took_ns + 1;
    uint64_t most = grain > 0 ? 2 * grain : 2;
    wanted = wanted > most ? most : wanted;
    wanted = wanted < 1 ? 1 : wanted > RUN_GRAIN_COST_MAX ? RUN_GRAIN_COST_MAX : wanted;
    if (wanted > grain + grain / 4 || wanted < grain - grain / 4) {
        atomic_store_explicit(grain_cost, wanted, memory_order_relaxed);
    }
}

/* One item, one ticket: nobody else can claim it. */
static void run_one(yoke_worker *worker, yoke_job *job)
{
    bool is_sample = worker->turn % RUN_SAMPLE == 0 && type_has_gpu(job->type);
    uint64_t now_ns = job->deadline_ns != 0 || is_sample ? base_now_ns() : 0;
    yoke_status status = run_stop_status(worker, job, now_ns);
    if (status == YOKE_OK) {
        status = run_kernel(worker, job, 0, 1);
        if (is_sample) {
            run_learn_grain(worker->rt, job, 1, base_now_ns() - now_ns);
        }
        yoke_status stop = job_stop_status(job); /* the first failure wins */
        status = stop != YOKE_OK ? stop : status;
    }
    settle_worker(worker->rt, &worker->stats, &worker->held, job, status);
}

/* Whether what nobody has claimed is worth waking a worker for, by what was learned. */
static bool run_is_worth_sharing(const yoke_runtime *rt, yoke_job *job)
{
    uint64_t grain = atomic_load_explicit(&job->type->grain_cost, memory_order_relaxed), left;
    return __builtin_mul_overflow(job_unclaimed_any(job), job_core_of(job)->item_cost, &left) ||
           __builtin_mul_overflow(left, run_grain_ns(rt), &left) ||
           left > (grain > 0 ? grain : 1) * RUN_SHARE_NS;
}

/* While some worker has nothing to do and this one nothing to give but this job: one more ticket.
 */
static void run_share(yoke_worker *worker, yoke_job *job, uint64_t now_ns)
{
    yoke_runtime *rt = worker->rt;
    if (!park_has_hungry_any(&rt->park) || !deque_looks_empty_any(&worker->tickets) ||
        !run_is_worth_sharing(rt, job)) {
        return;
    }
    job_add_ticket_any(job);
    deque_push_owner(&worker->tickets, job); /* it was empty: there is room */
    worker->offered_ns = now_ns;
    stats_add_owner(&worker->stats, STATS_tickets_shared, 1);
    park_wake_one_any(&rt->park);
}

/* Between grains: whether the ticket that was shared is still there. */
static void run_look_after_offer(yoke_worker *worker, uint64_t now_ns)
{
    if (worker->offered_ns == 0) {
        return;
    }
    if (deque_looks_empty_any(&worker->tickets)) {
        worker->offered_ns = 0;
    } else {
        worker_offer_stands(worker, now_ns);
    }
}

/* Between grains, while a job of high priority waits: the ticket goes back into the deque, from
 * which it comes next. False: there is no need, or no room. */
static bool run_lets_through(yoke_worker *worker, yoke_job *job)
{
    return worker->high_in_a_row < WORKER_HIGH_IN_A_ROW && runtime_has_high_any(worker->rt) &&
           job_unclaimed_any(job) > 0 && deque_push_owner(&worker->tickets, job);
}

static void run_many(yoke_worker *worker, yoke_job *job)
{
    uint64_t now_ns = base_now_ns(), finished = 0, tickets = 1;
    worker->offered_ns = 0;
    while (tickets > 0 &&
           job_unclaimed_any(job) > 0) { /* looked at first: what has all run is never stopped */
        bool stopped = run_stop_status(worker, job, now_ns) != YOKE_OK;
        uint32_t want = stopped ? UINT32_MAX : run_grain_items(worker, job), first;
        uint32_t count = job_claim_back_any(job, want, &first);
        if (count > 0 && !stopped) {
            run_share(worker, job, now_ns);
            yoke_status status = run_kernel(worker, job, first, count);
            if (status != YOKE_OK) {
                job_stop_any(job, status);
            }
            uint64_t begun_ns = now_ns;
            now_ns = base_now_ns();
            run_learn_grain(worker->rt, job, count, now_ns - begun_ns);
            run_look_after_offer(worker, now_ns);
        }
        finished += count;
        if (run_lets_through(worker, job)) {
            tickets = 0;
        }
    }
    if (finished + tickets > 0 && job_finish_any(job, finished + tickets)) {
        settle_worker(worker->rt, &worker->stats, &worker->held, job, job_stop_status(job));
    }
}

void run_ticket(yoke_worker *worker, yoke_job *job)
{
    if ((job_marks(job) & JOB_IS_RUN) != 0) {
        settle_worker(worker->rt, &worker->stats, &worker->held, job, job_stop_status(job));
    } else if (job->num_items == 1) {
        run_one(worker, job);
    } else {
        run_many(worker, job);
    }
}

/* The last step of what a device has begun; `at`: the place of the claim's first item in the batch.
 */
static yoke_status run_finish(yoke_worker *worker, const batch *b, const batch_claim *part,
                              uint32_t at)
{
    yoke_claim claim;
    run_aim(&claim, part->job, part->first, part->count);
    memset(claim.in, 0, sizeof claim.in);
    claim.in[0] = batch_partial(b, at);
    return run_call(worker, part->job->type->program.finish, &claim);
}

/* A claim of a batch that was handed over. */
static void run_claimed(yoke_worker *worker, const batch *b, const batch_claim *claim, uint32_t at)
{
    yoke_job *job = claim->job;
    if (worker->held.group != NULL && worker->held.group != job->group) {
        settle_tell(worker->rt, &worker->held);
    }
    if (run_stop_status(worker, job, base_now_ns()) == YOKE_OK) {
        yoke_status status = b->is_run ? run_finish(worker, b, claim, at)
                                       : run_kernel(worker, job, claim->first, claim->count);
        if (status != YOKE_OK) {
            job_stop_any(job, status);
        }
    }
    if (job->num_items == 1 || job_finish_any(job, claim->count)) {
        settle_worker(worker->rt, &worker->stats, &worker->held, job, job_stop_status(job));
    }
}

/* A CPU kernel that fails on made-up items says nothing about the device's. */
static void run_trial(yoke_worker *worker, batch *b)
{
    yoke_span spans[YOKE_INPUTS_MAX][TRIAL_ITEMS];
    yoke_claim claim = trial_claim(b, spans);
    yoke_status status = run_call(worker, b->type->cpu, &claim);
    b->trial_differs = status == YOKE_OK ? trial_compare(b) : TRIAL_ITEMS;
}

void run_batch(yoke_worker *worker, batch *handed)
{
    uint32_t at = 0;
    if (handed->is_trial) {
        run_trial(worker, handed);
    }
    for (uint32_t i = 0; i < handed->num_claims; i++) {
        uint32_t count = handed->claims[i].count; /* once it is run, the job may be gone */
        run_claimed(worker, handed, &handed->claims[i], at);
        at += count;
    }
    atomic_store(&handed->is_free, true);     /* seq_cst: against a submitter that parks (P1) */
    park_wake_all_any(&worker->rt->gpu_park); /* its submitter may have no other slot */
}
