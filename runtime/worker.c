/*
 * The worker's loop: own deque, released jobs, inbox, stealing, parking.
 *
 * A worker looks at its own deque first (newest first: its data is warm), then takes what groups
 * have released or devices handed back, then a handful from the inbox, then the oldest ticket or
 * forked call of another worker. With nothing anywhere it searches for about as long as waking it
 * would take (workers.spin_us), then parks by the rules of park.h and costs nothing.
 *
 * Jobs of high priority have an inbox of their own, which is looked at before every ticket, and
 * between the grains of a large job. After WORKER_HIGH_IN_A_ROW of them another ticket goes first.
 */
#include "worker.h"

#include <sched.h>

#include "fork.h"
#include "job.h"
#include "ready.h"
#include "run.h"
#include "surplus.h"

#define WORKER_INBOX_CHUNK 64
#define WORKER_STEAL_MAX 16
#define WORKER_OFFER_NS UINT64_C(30000) /* several times what waking a worker takes */
#define WORKER_GATHER 4
#define WORKER_GATHER_ROUNDS 24
#define WORKER_IMPATIENCE 64
#define WORKER_OLDEST_FIRST 64
#define WORKER_ROUNDS_PER_CLOCK 16

/* What a worker has found: one of the four, or none of them. */
typedef struct worker_work {
    yoke_job *ticket;
    yoke_frame *frame; /* stolen */
    batch *handed;
    crew *crew;
} worker_work;

static _Thread_local yoke_worker *worker_current;

yoke_worker *worker_self(void)
{
    return worker_current;
}

void worker_become(yoke_worker *worker)
{
    worker_current = worker;
}

void worker_init(yoke_worker *worker, yoke_runtime *rt, uint32_t index, yoke_frame *frames)
{
    frames_init(&worker->frames, frames);
    deque_init(&worker->tickets);
    for (int i = 0; i < STATS_COUNTERS; i++) {
        atomic_init(&worker->stats.of[i], 0);
    }
    worker->rt = rt;
    worker->index = index;
    worker->random = index * 2654435761u + 1;
    worker->turn = 0;
    worker->high_in_a_row = 0;
    worker->impatience = 0;
    worker->held = (settle_held){0};
    worker->stack_low = 0;
    worker->offered_ns = 0;
    atomic_init(&worker->is_searching, false);
    atomic_init(&worker->is_moved, false);
}

uint32_t yoke_worker_index(const yoke_worker *worker)
{
    return worker->index;
}

/* -- finding work ---------------------------------------------------------------------------- */

/* One batch that was handed over; the others are left to other workers. */
static batch *worker_take_batch(yoke_worker *worker)
{
    batch *handed = ready_take_batches_any(worker->rt);
    if (handed == NULL) {
        return NULL;
    }
    for (batch *rest = handed->next; rest != NULL;) {
        batch *next = rest->next;
        ready_push_batch_any(worker->rt, rest);
        rest = next;
    }
    return handed;
}

/* A chunk of a ring: the oldest to run, the rest into the own deque, where it can be stolen. */
static yoke_job *worker_take_chunk(yoke_worker *worker, ring *inbox, size_t max)
{
    yoke_runtime *rt = worker->rt;
    void *tickets[WORKER_INBOX_CHUNK];
    size_t count =
        ring_pop_any(inbox, tickets, deque_has_space_owner(&worker->tickets, max) ? max : 1);
    if (count == 0) {
        return NULL;
    }
    yoke_job *oldest = NULL;
    for (size_t i = count; i-- > 0;) {
        if (tickets[i] == NULL) { /* of a submit that was refused in the end */
            continue;
        }
        __builtin_prefetch(tickets[i], 1); /* its status will be written */
        if (oldest != NULL) {
            deque_push_owner(&worker->tickets, oldest);
        }
        oldest = tickets[i];
    }
    if (count > 1) {
        park_wake_one_any(&rt->park);
    }
    runtime_made_room_any(rt);
    return oldest;
}

/* While another thread submits job after job, a worker that takes each at once has both wait for
 * the same cache lines all the time. So where there are only a few it lets more gather first; but
 * if none come within that moment, it does not try again for a while, for then somebody waits for
 * just these. */
static bool worker_lets_gather(yoke_worker *worker)
{
    if (worker->impatience > 0) {
        worker->impatience--;
        return false;
    }
    for (int i = 0; i < WORKER_GATHER_ROUNDS; i++) {
        base_cpu_relax();
    }
    return true;
}

/* What has gathered meanwhile. */
static void worker_learn_to_wait(yoke_worker *worker, uint64_t count)
{
    if (count < WORKER_GATHER) {
        worker->impatience = WORKER_IMPATIENCE;
    }
}

static yoke_job *worker_take_inbox(yoke_worker *worker)
{
    yoke_runtime *rt = worker->rt;
    if (!ring_has_published_any(&rt->inbox, 0)) {
        return NULL;
    }
    if (!ring_has_published_any(&rt->inbox, WORKER_INBOX_CHUNK / 2) && worker_lets_gather(worker)) {
        worker_learn_to_wait(worker, ring_count_any(&rt->inbox));
    }
    uint64_t fair = ring_count_any(&rt->inbox) / rt->num_workers + 1;
    return worker_take_chunk(worker, &rt->inbox,
                             fair < WORKER_INBOX_CHUNK ? fair : WORKER_INBOX_CHUNK);
}

/* One at a time: the others stay where every worker finds them first. */
static yoke_job *worker_take_high(yoke_worker *worker)
{
    if (!runtime_has_high_any(worker->rt)) {
        return NULL;
    }
    return worker_take_chunk(worker, &worker->rt->inbox_high, 1);
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

/* The oldest ticket of that worker, and of many a few more, which go into the own deque: each look
 * at the victim's takes cache lines from it that it waits for at its next push. */
static yoke_job *worker_steal_tickets(yoke_worker *worker, deque *victim)
{
    if (deque_looks_empty_any(victim)) {
        return NULL;
    }
    if (deque_count_any(victim) < WORKER_STEAL_MAX && worker_lets_gather(worker)) {
        worker_learn_to_wait(worker, deque_count_any(victim));
    }
    yoke_job *oldest = deque_steal_any(victim);
    if (oldest == NULL) {
        return NULL;
    }
    size_t half = deque_count_any(victim) / 2, stolen = 1;
    void *ticket;
    while (stolen < half && stolen < WORKER_STEAL_MAX &&
           (ticket = deque_steal_any(victim)) != NULL) {
        deque_push_owner(&worker->tickets, ticket); /* a thief's own deque is empty */
        stolen++;
    }
    stats_add_owner(&worker->stats, STATS_tickets_stolen, stolen);
    return oldest;
}

static bool worker_steal_from(yoke_worker *worker, yoke_worker *victim, worker_work *found)
{
    found->ticket = worker_steal_tickets(worker, &victim->tickets);
    if (found->ticket == NULL) {
        found->frame = frames_steal_any(&victim->frames);
        stats_add_owner(&worker->stats, STATS_forks_stolen, found->frame != NULL);
    }
    return found->ticket != NULL || found->frame != NULL;
}

/* From any other worker, the nearest first; among those equally far it starts anywhere. */
static bool worker_steal(yoke_worker *worker, worker_work *found)
{
    yoke_runtime *rt = worker->rt;
    topology_victims victims = topology_victims_any(&rt->topology, worker->index);
    worker->random = worker->random * 1664525u + 1013904223u;
    uint32_t begin = 0;
    for (int distance = 0; distance < TOPOLOGY_DISTANCES; distance++) {
        uint32_t count = victims.ends[distance] - begin;
        uint32_t at = count > 0 ? (worker->random >> 8) % count : 0;
        for (uint32_t i = 0; i < count; i++) {
            yoke_worker *victim = &rt->workers[victims.order[begin + at]];
            if (worker_steal_from(worker, victim, found)) {
                return true;
            }
            at = at + 1 < count ? at + 1 : 0;
        }
        begin = victims.ends[distance];
    }
    return false;
}

/* Whether work lies anywhere; after a seq_cst fence (P1 in park.h). */
static bool worker_work_is_visible(yoke_runtime *rt)
{
    if (!ring_looks_empty_any(&rt->inbox) || !ring_looks_empty_any(&rt->inbox_high) ||
        !ready_looks_empty_any(rt) || surplus_is_there_any(rt)) {
        return true;
    }
    for (uint32_t i = 0; i < rt->num_workers; i++) {
        if (!deque_looks_empty_any(&rt->workers[i].tickets) ||
            !frames_looks_empty_any(&rt->workers[i].frames)) {
            return true;
        }
    }
    return false;
}

/* -- searching and parking ------------------------------------------------------------------- */

/* What a worker waits for besides work: its frame, or the runtime's end. */
static bool worker_is_called(yoke_worker *worker, const yoke_frame *awaited)
{
    return awaited != NULL ? fork_is_done(awaited)
                           : atomic_load_explicit(&worker->rt->leaving, memory_order_acquire);
}

/* Looks everywhere once. */
static bool worker_look(yoke_worker *worker, worker_work *found)
{
    found->handed = worker_take_batch(worker);
    if (found->handed != NULL) {
        return true;
    }
    found->crew = ready_find_crew_any(worker->rt);
    if (found->crew != NULL) {
        return true;
    }
    found->ticket = worker_take_high(worker);
    if (found->ticket == NULL) {
        found->ticket = worker_take_ready(worker);
    }
    if (found->ticket == NULL) {
        found->ticket = worker_take_inbox(worker);
    }
    if (found->ticket == NULL) {
        found->ticket = surplus_take_any(worker->rt);
        stats_add_owner(&worker->stats, STATS_tickets_surplus, found->ticket != NULL);
    }
    return found->ticket != NULL || worker_steal(worker, found);
}

typedef enum worker_result { WORKER_FOUND, WORKER_CALLED, WORKER_TIRED } worker_result;

/* As a searcher: looks everywhere until it finds something, its frame has run, the runtime ends and
 * nothing is left, or the time is over. */
static worker_result worker_search(yoke_worker *worker, const yoke_frame *awaited,
                                   worker_work *found)
{
    uint64_t end_ns = 0;
    for (uint32_t round = 1;; round++) {
        bool is_called = worker_is_called(worker, awaited);
        if (is_called && awaited != NULL) {
            return WORKER_CALLED;
        }
        if (worker_look(worker, found)) {
            return WORKER_FOUND;
        }
        if (is_called) { /* before the look: after the call no more work comes */
            return WORKER_CALLED;
        }
        if (round % WORKER_ROUNDS_PER_CLOCK == 0) {
            uint64_t now_ns = base_now_ns();
            end_ns = end_ns == 0 ? now_ns + worker->rt->spin_ns : end_ns;
            if (now_ns >= end_ns) {
                return WORKER_TIRED;
            }
            sched_yield(); /* who is about to bring work may wait for this CPU */
        }
        base_cpu_relax();
    }
}

/* Whether the worker may sleep: looked at after it has announced that it will. */
static bool worker_may_sleep(yoke_worker *worker, yoke_frame *awaited)
{
    return !worker_work_is_visible(worker->rt) && !worker_is_called(worker, awaited) &&
           (awaited == NULL || fork_ask_to_be_woken(awaited, worker->index));
}

void worker_offer_stands(yoke_worker *worker, uint64_t now_ns)
{
    yoke_runtime *rt = worker->rt;
    if (worker->offered_ns == 0 || now_ns - worker->offered_ns < WORKER_OFFER_NS ||
        atomic_load_explicit(&rt->leaving, memory_order_acquire)) { /* they may have ended */
        return;
    }
    worker->offered_ns = now_ns;
    for (uint32_t i = 0; i < rt->num_workers; i++) {
        yoke_worker *other = &rt->workers[i];
        bool is_looking = atomic_load_explicit(&other->is_searching, memory_order_relaxed) ||
                          park_is_starting_any(&rt->park, i);
        if (other != worker && is_looking && topology_push_off_any(&rt->topology, other->thread)) {
            atomic_store_explicit(&other->is_moved, true, memory_order_relaxed);
            return;
        }
    }
}

/* Back to all CPUs, if it was moved. */
static void worker_settle_down(yoke_worker *worker)
{
    if (atomic_load_explicit(&worker->is_moved, memory_order_relaxed)) {
        atomic_store_explicit(&worker->is_moved, false, memory_order_relaxed);
        topology_let_go_any(&worker->rt->topology, worker->thread);
    }
}

/* Announced -> searching, either at once or after a sleep. */
static void worker_sleep(yoke_worker *worker, yoke_frame *awaited)
{
    park *p = &worker->rt->park;
    if (!worker_may_sleep(worker, awaited)) {
        park_retract_worker(p, worker->index);
        sched_yield(); /* whoever is to publish what is announced may wait for this CPU */
        return;
    }
    atomic_store_explicit(&worker->is_searching, false, memory_order_relaxed);
    stats_add_owner(&worker->stats, STATS_parks, 1);
    park_sleep_worker(p, worker->index);
    stats_add_owner(&worker->stats, STATS_wakes, 1);
    worker_settle_down(worker);
    atomic_store_explicit(&worker->is_searching, true, memory_order_relaxed);
    worker->impatience += worker->impatience == 0; /* somebody waits for what woke it */
}

/* Searches, and sleeps when there is nothing. False: it was called, and found nothing. */
static bool worker_search_or_park(yoke_worker *worker, yoke_frame *awaited, worker_work *found)
{
    yoke_runtime *rt = worker->rt;
    worker_result result;
    worker_settle_down(worker);
    atomic_store_explicit(&worker->is_searching, true, memory_order_relaxed);
    park_search_worker(&rt->park);
    while ((result = worker_search(worker, awaited, found)) == WORKER_TIRED) {
        park_announce_worker(&rt->park, worker->index);
        worker_sleep(worker, awaited);
    }
    atomic_store_explicit(&worker->is_searching, false, memory_order_relaxed);
    if (park_found_worker(&rt->park) && worker_work_is_visible(rt)) {
        park_wake_one_any(&rt->park);
    }
    worker_settle_down(worker);
    return result == WORKER_FOUND;
}

/* The newest of the worker's own tickets. */
static yoke_job *worker_pop(yoke_worker *worker)
{
    return worker->rt->num_workers == 1 ? deque_pop_alone_owner(&worker->tickets)
                                        : deque_pop_owner(&worker->tickets);
}

/* The next work without searching. Now and then what is oldest goes first, in the shared queues
 * and in the own deque by turns, so that callbacks that keep submitting starve nobody. */
static bool worker_take(yoke_worker *worker, worker_work *found)
{
    uint32_t turn = worker->turn++ % (2 * WORKER_OLDEST_FIRST);
    if (ready_has_batch_any(worker->rt)) { /* before all else, for it has waited longest */
        found->handed = worker_take_batch(worker);
        if (found->handed != NULL) {
            return true;
        }
    }
    found->crew = ready_find_crew_any(worker->rt); /* a device waits for what it copies */
    if (found->crew != NULL) {
        return true;
    }
    if (worker->high_in_a_row < WORKER_HIGH_IN_A_ROW) {
        found->ticket = worker_take_high(worker);
    }
    worker->high_in_a_row = found->ticket != NULL ? worker->high_in_a_row + 1 : 0;
    if (found->ticket != NULL) {
        return true;
    }
    if (turn == 0) {
        found->ticket = deque_steal_any(&worker->tickets);
    } else if (turn != WORKER_OLDEST_FIRST) {
        found->ticket = worker_pop(worker);
    }
    if (found->ticket == NULL) {
        found->ticket = worker_take_ready(worker);
    }
    if (found->ticket == NULL) {
        found->ticket = worker_take_inbox(worker);
    }
    if (found->ticket == NULL) {
        found->ticket = worker_pop(worker);
    }
    return found->ticket != NULL;
}

/* -- the loop -------------------------------------------------------------------------------- */

static void worker_run(yoke_worker *worker, const worker_work *found)
{
    if (found->ticket != NULL) {
        run_ticket(worker, found->ticket);
    } else if (found->frame != NULL) {
        fork_run_stolen(worker, found->frame);
    } else if (found->crew != NULL) {
        while (crew_help_any(found->crew)) {
        }
    } else {
        run_batch(worker, found->handed);
    }
}

/* What is finished of a group is told at once, unless the next thing to run is of that group too:
 * then the group cannot be empty before. */
static void worker_tell_group(yoke_worker *worker, const worker_work *next)
{
    if (worker->held.group != NULL &&
        (next->ticket == NULL || next->ticket->group != worker->held.group)) {
        settle_tell(worker->rt, &worker->held);
    }
}

void worker_help(yoke_worker *worker, yoke_frame *awaited)
{
    worker_work found = {0};
    worker_tell_group(worker, &found);
    if (worker_take(worker, &found) || worker_search_or_park(worker, awaited, &found)) {
        worker_run(worker, &found);
        worker_tell_group(worker, &(worker_work){0});
    }
}

void worker_main(yoke_worker *worker)
{
    worker_become(worker);
    /* The half of the stack that is left to what a join runs and its kernel calls. */
    worker->stack_low = (uintptr_t)__builtin_frame_address(0) - worker->rt->stack_bytes / 2;
    for (;;) {
        worker_work found = {0};
        bool is_at_hand = worker_take(worker, &found);
        worker_tell_group(worker, &found);
        worker_settle_down(worker);
        if (!is_at_hand && !worker_search_or_park(worker, NULL, &found)) {
            break;
        }
        worker_run(worker, &found);
    }
    worker_become(NULL);
}
