/*
 * Forked calls: running stolen ones, and waiting for one in a join. The public half is yoke/fork.h,
 * the stack of frames is frames.h.
 *
 * A frame's state, while others know it:
 *     0        nobody has taken it, or its thief is just about to say so
 *     STOLEN   runs on another worker, whose index is in the state too
 *     WAITED   the same, and the owner sleeps in the park until it has run
 *     ALONE    the same, and the owner sleeps on the state itself
 *     DONE     has run; its result is in the frame
 *
 * Ordering ledger
 *   T1  result before done    fork_run_stolen: exchange of state (seq_cst)    fork_is_done: load
 *       (acquire)
 *       if broken: the joining worker reads the result half-written.
 *   T2  who sleeps is woken    fork_wait_*: compare-exchange STOLEN -> WAITED or ALONE;
 *       fork_run_stolen: exchange to DONE (seq_cst). One word, so one of them sees the other; and
 *       at a second sleep, when WAITED stands already, P1 and P2 of park.h order the exchange and
 *       what the thief then reads of the sleeper against the announcement and the look at the frame
 *       if broken: the owner sleeps for ever in its join.
 */
#ifndef YOKE_FORK_INTERNAL_H
#define YOKE_FORK_INTERNAL_H

#include "worker.h"

enum {
    FORK_STOLEN = 1,
    FORK_WAITED = 2,
    FORK_ALONE = 3,
    FORK_DONE = 4,
    FORK_KINDS = 7,
    FORK_MISUSED = 8, /* beside DONE: the call's own forks and joins did not pair up */
};

/* What forks and joins of a kernel, or of a stolen call, are counted against. */
typedef struct fork_scope {
    yoke_frame *base;
    bool is_misused;
} fork_scope;

/* Before a kernel or a stolen call runs. */
static inline fork_scope fork_enter_worker(yoke_worker *worker)
{
    frames *f = &worker->frames;
    fork_scope outer = {f->base, f->is_misused};
    f->base = f->top;
    f->is_misused = false;
    return outer;
}

/* The slow half of fork_leave_worker: forks that were not joined are given up. */
void fork_give_up_worker(yoke_worker *worker);

/* After it has returned. False: its forks and joins did not pair up. */
static inline bool fork_leave_worker(yoke_worker *worker, fork_scope outer)
{
    frames *f = &worker->frames;
    if (f->top != f->base || f->num_inline != 0) {
        fork_give_up_worker(worker);
        f->is_misused = true;
    }
    bool is_good = !f->is_misused;
    f->base = outer.base;
    f->is_misused = outer.is_misused;
    return is_good;
}

/* Runs a frame that the worker has stolen. */
void fork_run_stolen(yoke_worker *worker, yoke_frame *frame);

/* Whether a stolen frame has run. */
static inline bool fork_is_done(const yoke_frame *frame)
{
    return (__atomic_load_n(&frame->state, __ATOMIC_ACQUIRE) & FORK_KINDS) == FORK_DONE; /* T1 */
}

/* The owner, about to sleep in the park, asks to be woken. False: it need not sleep. */
bool fork_ask_to_be_woken(yoke_frame *frame, uint32_t owner);

#endif
