/*
 * A worker: a thread with a deque of tickets and a stack of forked calls, that runs both and
 * settles jobs.
 *
 * Threads: the owner's side of deque and frames and the counters belong to the worker's thread
 * (and, after the threads have ended, to yoke_destroy).
 */
#ifndef YOKE_WORKER_H
#define YOKE_WORKER_H

#include "deque.h"
#include "frames.h"
#include "runtime.h"
#include "settle.h"

/* So many tickets of high priority go before one other. */
#define WORKER_HIGH_IN_A_ROW 16

struct yoke_worker {
    frames frames; /* first: yoke/fork.h knows its beginning */
    deque tickets;
    stats stats;
    yoke_runtime *rt;
    uint32_t index;
    uint32_t random; /* where the next search for a victim starts */
    uint32_t turn;   /* tickets taken */
    uint32_t high_in_a_row;
    uint32_t impatience; /* so many chunks are taken from the inbox without letting any gather */
    settle_held held;    /* finished jobs that their group does not know of yet */
    uint64_t offered_ns; /* since when a ticket or frames are there for hungry workers; 0: none */
    uintptr_t stack_low; /* below this address it only helps those it waits for */
    _Atomic bool is_searching;
    _Atomic bool is_moved; /* off some CPU: to be let go when it runs */
    pthread_t thread;
};

_Static_assert(offsetof(yoke_worker, frames) == 0, "the ABI of yoke/fork.h");

/* The worker that the calling thread is, or NULL. */
yoke_worker *worker_self(void);

/* Makes the calling thread a worker, or with NULL a host thread again. */
void worker_become(yoke_worker *worker);

/* frames: FRAMES_ARRAY of them, the caller's. */
void worker_init(yoke_worker *worker, yoke_runtime *rt, uint32_t index, yoke_frame *frames);

/* The thread's body: takes and runs tickets until the runtime stops and none is left. */
void worker_main(yoke_worker *worker);

/* While the worker waits for a stolen frame of its own: runs whatever it finds, once, or sleeps
 * until there is something or the frame has run. */
void worker_help(yoke_worker *worker, yoke_frame *awaited);

/* What the worker has offered (worker->offered_ns) nobody has taken yet, though somebody is hungry.
 * After a while that means that a hungry worker is not running: it waits for the very CPU that this
 * one keeps busy, and the system may take milliseconds to notice. So it is moved to the others. */
void worker_offer_stands(yoke_worker *worker, uint64_t now_ns);

/* Whether there is stack enough to run any other work inside this one: half of it. */
static inline bool worker_has_stack(const yoke_worker *worker)
{
    return (uintptr_t)__builtin_frame_address(0) > worker->stack_low;
}

/* The same for calls of the thief that it waits for: a quarter. */
static inline bool worker_has_stack_for_leaps(const yoke_worker *worker)
{
    return (uintptr_t)__builtin_frame_address(0) > worker->stack_low - worker->rt->stack_bytes / 4;
}

#endif
