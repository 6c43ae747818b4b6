/*
 * The worker's loop: own deque, released jobs, inbox, stealing, parking; and running a ticket.
 *
 * A worker looks at its own deque first (newest first: its data is warm), then takes what groups
 * have released or devices handed back, then a handful from the inbox, then the oldest ticket of
 * another worker. With nothing anywhere it searches a little longer, then parks by the rules of
 * park.h and costs nothing.
 *
 * A large job is not cut up when it is submitted. Its ticket's holder claims a grain at a time, and
 * pushes another ticket for the same job only while some worker has nothing to do. Grains are sized
 * by measured time, so that a claim's cost (a compare-exchange and a clock read) stays under a
 * thousandth of the work, and a cancel or a deadline is noticed within about 50 us of it.
 */
#include "worker.h"

#include "job.h"
#include "ready.h"
#include "settle.h"

#define WORKER_INBOX_CHUNK 16
#define WORKER_OLDEST_FIRST 64
#define WORKER_SEARCH_ROUNDS 32
#define WORKER_GRAIN_NS UINT64_C(50000)
#define WORKER_GRAIN_COST_MAX (UINT64_C(1) << 40)

static _Thread_local yoke_worker *worker_current;

yoke_worker *worker_self(void)
{
    return worker_current;
}

void worker_become(yoke_worker *worker)
{
    worker_current = worker;
}

void worker_init(yoke_worker *worker, yoke_runtime *rt, uint32_t index)
{
    deque_init(&worker->tickets);
    for (int i = 0; i < STATS_COUNTERS; i++) {
        atomic_init(&worker->stats.of[i], 0);
    }
    worker->rt = rt;
    worker->index = index;
    worker->random = index * 2654435761u + 1;
    worker->turn = 0;
}

uint32_t yoke_worker_index(const yoke_worker *worker)
{
    return worker->index;
}

/* -- running a ticket ------------------------------------------------------------------------ */

/* Why the job must not go on, or YOKE_OK. now_ns is looked at only if the job has a deadline. */
static yoke_status worker_stop_status(yoke_worker *worker, yoke_job *job, uint64_t now_ns)
{
    if (runtime_is_stopping(worker->rt)) {
        job_stop_any(job, YOKE_CANCELED);
    } else if (job->deadline_ns != 0 && now_ns >= job->deadline_ns) {
        job_stop_any(job, YOKE_DEADLINE);
    }
    return job_stop_status(job);
}

static yoke_status worker_call_kernel(yoke_worker *worker, yoke_job *job, uint32_t first,
                                      uint32_t count)
{
    const yoke_type *type = job->type;
    yoke_claim claim = {
        .out = type->out_bytes == 0 ? NULL : (char *)job->out + (size_t)first * type->out_bytes,
        .first = first,
        .count = count,
        .params = job_core_of(job)->params,
        .user = type->user,
    };
    for (uint32_t k = 0; k < type->num_inputs; k++) {
        size_t stride = type->in_bytes[k] == YOKE_RAGGED ? sizeof(yoke_span) : type->in_bytes[k];
        claim.in[k] = (const char *)job->in[k] + first * stride;
    }
    stats_add_owner(&worker->stats, STATS_claims_run, 1);
    stats_add_owner(&worker->stats, STATS_items_run, count);
    yoke_status status = type->cpu(worker, &claim);
    return status == YOKE_PENDING ? YOKE_KERNEL : status;
}

/* One item, one ticket: nobody else can claim it. */
static void worker_run_one(yoke_worker *worker, yoke_job *job)
{
    uint64_t now_ns = job->deadline_ns != 0 ? base_now_ns() : 0;
    yoke_status status = worker_stop_status(worker, job, now_ns);
    if (status == YOKE_OK) {
        status = worker_call_kernel(worker, job, 0, 1);
        yoke_status stop = job_stop_status(job); /* the first failure wins */
        status = stop != YOKE_OK ? stop : status;
    }
    settle(worker->rt, &worker->stats, job, status);
}

/* How many items to claim: a grain, less towards the job's end if others can share it. */
static uint32_t worker_grain_items(yoke_worker *worker, yoke_job *job)
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

/* Learns from a claim of `count` items that took that long: at most by a factor of two at a time,
 * for a claim may have been interrupted, and not at all if it is about right, for the line is
 * shared. */
static void worker_learn_grain(yoke_job *job, uint32_t count, uint64_t took_ns)
{
    _Atomic uint64_t *grain_cost = &((yoke_type *)(uintptr_t)job->type)->grain_cost;
    uint64_t grain = atomic_load_explicit(grain_cost, memory_order_relaxed);
    uint64_t cost = count * job_core_of(job)->item_cost, wanted;
    if (__builtin_mul_overflow(cost, WORKER_GRAIN_NS, &wanted)) {
        wanted = UINT64_MAX;
    }
    wanted /= took_ns + 1;
    wanted = wanted > 2 * grain ? 2 * grain : wanted < grain / 2 ? grain / 2 : wanted;
    wanted = wanted < 1 ? 1 : wanted > WORKER_GRAIN_COST_MAX ? WORKER_GRAIN_COST_MAX : wanted;
    if (wanted > grain + grain / 4 || wanted < grain - grain / 4) {
        atomic_store_explicit(grain_cost, wanted, memory_order_relaxed);
    }
}

/* While some worker has nothing to do and this one nothing to give but this job: one more ticket.
 */
static void worker_share(yoke_worker *worker, yoke_job *job)
{
    yoke_runtime *rt = worker->rt;
    if (job_unclaimed_any(job) == 0 || !park_has_hungry_any(&rt->park) ||
        !deque_looks_empty_any(&worker->tickets)) {
        return;
    }
    job_add_ticket_any(job);
    deque_push_owner(&worker->tickets, job); /* it was empty: there is room */
    stats_add_owner(&worker->stats, STATS_tickets_shared, 1);
    park_wake_one_any(&rt->park);
}

static void worker_run_many(yoke_worker *worker, yoke_job *job)
{
    uint64_t now_ns = base_now_ns(), finished = 0;
    while (job_unclaimed_any(job) > 0) { /* looked at first: what has all run is never stopped */
        bool stopped = worker_stop_status(worker, job, now_ns) != YOKE_OK;
        uint32_t want = stopped ? UINT32_MAX : worker_grain_items(worker, job), first;
        uint32_t count = job_claim_back_any(job, want, &first);
        if (count > 0 && !stopped) {
            worker_share(worker, job);
            yoke_status status = worker_call_kernel(worker, job, first, count);
            if (status != YOKE_OK) {
                job_stop_any(job, status);
            }
            uint64_t begun_ns = now_ns;
            now_ns = base_now_ns();
            worker_learn_grain(job, count, now_ns - begun_ns);
        }
        finished += count;
    }
    if (job_finish_any(job, finished + 1)) {
        settle(worker->rt, &worker->stats, job, job_stop_status(job));
    }
}

void worker_run(yoke_worker *worker, yoke_job *job)
{
    if (job_core_of(job)->is_run != 0) {
        settle(worker->rt, &worker->stats, job, job_stop_status(job));
    } else if (job->num_items == 1) {
        worker_run_one(worker, job);
    } else {
        worker_run_many(worker, job);
    }
}

/* A device has failed the batch: its claims are run here, and its slot is free again. */
static void worker_run_failed(yoke_worker *worker, batch *failed)
{
    for (uint32_t i = 0; i < failed->num_claims; i++) {
        batch_claim *claim = &failed->claims[i];
        yoke_job *job = claim->job;
        if (worker_stop_status(worker, job, base_now_ns()) == YOKE_OK) {
            yoke_status status = worker_call_kernel(worker, job, claim->first, claim->count);
            if (status != YOKE_OK) {
                job_stop_any(job, status);
            }
        }
        if (job->num_items == 1 || job_finish_any(job, claim->count)) {
            settle(worker->rt, &worker->stats, job, job_stop_status(job));
        }
    }
    atomic_store_explicit(&failed->is_free, true, memory_order_release);
    park_wake_all_any(&worker->rt->gpu_park); /* its submitter may have no other slot */
}

/* -- finding a ticket ------------------------------------------------------------------------ */

/* One batch that a device has failed; the others are left to other workers. */
static batch *worker_take_failed(yoke_worker *worker)
{
    batch *failed = ready_take_failed_any(worker->rt);
    for (batch *rest = failed != NULL ? failed->next : NULL; rest != NULL;) {
        batch *next = rest->next;
        ready_push_failed_any(worker->rt, rest);
        rest = next;
    }
    return failed;
}

/* A chunk from the inbox: the oldest to run, the rest into the own deque, where it can be stolen.
 */
static yoke_job *worker_take_inbox(yoke_worker *worker)
{
    yoke_runtime *rt = worker->rt;
    void *tickets[WORKER_INBOX_CHUNK];
    size_t room = deque_space_owner(&worker->tickets) + 1;
    size_t count =
        ring_pop_any(&rt->inbox, tickets, room < WORKER_INBOX_CHUNK ? room : WORKER_INBOX_CHUNK);
    if (count == 0) {
        return NULL;
    }
    for (size_t i = count - 1; i > 0; i--) {
        deque_push_owner(&worker->tickets, tickets[i]);
    }
    if (count > 1) {
        park_wake_one_any(&rt->park);
    }
    runtime_made_room_any(rt);
    return tickets[0];
}

static yoke_job *worker_take_ready(yoke_worker *worker)
{
    yoke_runtime *rt = worker->rt;
    yoke_job *first = ready_take_any(rt);
    if (first == NULL) {
        return NULL;
    }
    yoke_job *rest = job_core_of(first)->next;
    bool any_pushed = false;
    while (rest != NULL) {
        yoke_job *next = job_core_of(rest)->next; /* read first: a thief may run and free it */
        if (!deque_push_owner(&worker->tickets, rest)) {
            break;
        }
        any_pushed = true;
        rest = next;
    }
    if (rest != NULL) {
        ready_push_list_any(rt, rest);
    } else if (any_pushed) {
        park_wake_one_any(&rt->park);
    }
    return first;
}

static yoke_job *worker_steal(yoke_worker *worker)
{
    yoke_runtime *rt = worker->rt;
    worker->random = worker->random * 1664525u + 1013904223u;
    uint32_t start = (worker->random >> 8) % rt->num_workers;
    for (uint32_t i = 0; i < rt->num_workers; i++) {
        yoke_worker *victim = &rt->workers[(start + i) % rt->num_workers];
        if (victim == worker) {
            continue;
        }
        yoke_job *job = deque_steal_any(&victim->tickets);
        if (job != NULL) {
            stats_add_owner(&worker->stats, STATS_tickets_stolen, 1);
            return job;
        }
    }
    return NULL;
}

/* Whether a ticket lies anywhere; after a seq_cst fence (P1 in park.h). */
static bool worker_work_is_visible(yoke_runtime *rt)
{
    if (!ring_looks_empty_any(&rt->inbox) || !ready_looks_empty_any(rt)) {
        return true;
    }
    for (uint32_t i = 0; i < rt->num_workers; i++) {
        if (!deque_looks_empty_any(&rt->workers[i].tickets)) {
            return true;
        }
    }
    return false;
}

/* As a searcher; but who runs something is none, or nobody would be woken meanwhile. */
static void worker_search_failed(yoke_worker *worker)
{
    yoke_runtime *rt = worker->rt;
    batch *failed = worker_take_failed(worker);
    if (failed == NULL) {
        return;
    }
    if (park_found_worker(&rt->park) && worker_work_is_visible(rt)) {
        park_wake_one_any(&rt->park);
    }
    worker_run_failed(worker, failed);
    park_search_worker(&rt->park);
}

/* As a searcher: looks everywhere a few times. */
static yoke_job *worker_search(yoke_worker *worker)
{
    for (int round = 0; round < WORKER_SEARCH_ROUNDS; round++) {
        worker_search_failed(worker);
        yoke_job *job = worker_take_ready(worker);
        job = job != NULL ? job : worker_take_inbox(worker);
        job = job != NULL ? job : worker_steal(worker);
        if (job != NULL) {
            return job;
        }
        base_cpu_relax();
    }
    return NULL;
}

static bool worker_may_leave(yoke_runtime *rt)
{
    return atomic_load_explicit(&rt->leaving, memory_order_acquire);
}

/* Searches, and sleeps when there is nothing. NULL: the runtime ends and nothing is left. */
static yoke_job *worker_search_or_park(yoke_worker *worker)
{
    yoke_runtime *rt = worker->rt;
    park_search_worker(&rt->park);
    for (;;) {
        yoke_job *job = worker_search(worker);
        if (job != NULL || worker_may_leave(rt)) {
            if (park_found_worker(&rt->park) && worker_work_is_visible(rt)) {
                park_wake_one_any(&rt->park);
            }
            return job;
        }
        park_announce_worker(&rt->park, worker->index);
        if (worker_work_is_visible(rt) || worker_may_leave(rt)) {
            park_retract_worker(&rt->park, worker->index);
        } else {
            stats_add_owner(&worker->stats, STATS_parks, 1);
            park_sleep_worker(&rt->park, worker->index);
            stats_add_owner(&worker->stats, STATS_wakes, 1);
        }
    }
}

/* The next ticket without searching. Now and then what is oldest goes first, in the shared queues
 * and in the own deque by turns, so that callbacks that keep submitting starve nobody. */
static yoke_job *worker_take(yoke_worker *worker)
{
    uint32_t turn = worker->turn++ % (2 * WORKER_OLDEST_FIRST);
    yoke_job *job = NULL;
    batch *failed = worker_take_failed(worker); /* before all else, for it has waited longest */
    if (failed != NULL) {
        worker_run_failed(worker, failed);
    }
    if (turn == 0) {
        job = deque_steal_any(&worker->tickets);
    } else if (turn != WORKER_OLDEST_FIRST) {
        job = deque_pop_owner(&worker->tickets);
    }
    job = job != NULL ? job : worker_take_ready(worker);
    job = job != NULL ? job : worker_take_inbox(worker);
    return job != NULL ? job : deque_pop_owner(&worker->tickets);
}

void worker_main(yoke_worker *worker)
{
    worker_become(worker);
    for (;;) {
        yoke_job *job = worker_take(worker);
        job = job != NULL ? job : worker_search_or_park(worker);
        if (job == NULL) {
            break;
        }
        worker_run(worker, job);
    }
    worker_become(NULL);
}
