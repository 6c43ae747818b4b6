/*
 * The slow halves of fork and join. The fast ones are inline in yoke/fork.h.
 *
 * A join whose frame was stolen helps its thief first ("leapfrogging": what the thief has made
 * public mostly descends from the very call that is waited for, so the stack stays about as deep as
 * the serial program's). With nothing there, and half of the stack left, it takes any work, like an
 * idle worker, and parks like one. With less it only helps the thief, and sleeps on the frame; with
 * a quarter left it only sleeps.
 *
 * Source of leapfrogging: Wagner and Calder, "Leapfrogging" (PPoPP 1993).
 */
#include "fork.h"

#include <sched.h>

#define FORK_LEAPS 64 /* looks at the thief before looking elsewhere: a few microseconds */

static bool fork_is_hungry_elsewhere(yoke_worker *worker)
{
    return worker->rt->num_workers > 1 && park_has_hungry_any(&worker->rt->park);
}

/* After an answer (F3): some of what is private goes to who is hungry. */
static void fork_publish(yoke_worker *worker)
{
    if (fork_is_hungry_elsewhere(worker) && frames_publish_owner(&worker->frames)) {
        worker->offered_ns = base_now_ns();
        park_wake_one_any(&worker->rt->park);
    }
}

static void fork_answer(yoke_worker *worker)
{
    if (frames_owes_answer_owner(&worker->frames)) {
        frames_answer_owner(&worker->frames);
        fork_publish(worker);
    }
}

int yoke_fork_slow_1(yoke_worker *worker)
{
    if (!frames_push_owner(&worker->frames)) {
        fork_answer(worker); /* of what was forked before */
        return 0;
    }
    fork_publish(worker);
    return 1;
}

/* -- stolen calls ---------------------------------------------------------------------------- */

static uint32_t fork_state(uint32_t kind, uint32_t thief, uint32_t owner)
{
    return kind | thief << 8 | owner << 16;
}

void fork_run_stolen(yoke_worker *worker, yoke_frame *frame)
{
    __atomic_store_n(&frame->state, fork_state(FORK_STOLEN, worker->index, 0), __ATOMIC_RELAXED);
    fork_scope outer = fork_enter_worker(worker);
    frame->run(worker, frame);
    uint32_t done = fork_leave_worker(worker, outer) ? FORK_DONE : FORK_DONE | FORK_MISUSED;
    uint32_t before = __atomic_exchange_n(&frame->state, done, __ATOMIC_SEQ_CST); /* T1 T2 */
    if ((before & FORK_KINDS) == FORK_WAITED) {
        park_wake_worker_any(&worker->rt->park, before >> 16);
    } else if ((before & FORK_KINDS) == FORK_ALONE) {
        base_futex_wake((_Atomic uint32_t *)&frame->state, 1);
    }
}

/* From STOLEN to a kind that asks to be woken; true also if it was asked before. */
static bool fork_ask(yoke_frame *frame, uint32_t kind, uint32_t owner, uint32_t *asked)
{
    uint32_t state = __atomic_load_n(&frame->state, __ATOMIC_RELAXED);
    *asked = fork_state(kind, (state >> 8) & 0xff, owner);
    if (state == *asked) {
        return true;
    }
    return (state & FORK_KINDS) == FORK_STOLEN &&
           __atomic_compare_exchange_n(&frame->state, &state, *asked, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED); /* T2 */
}

bool fork_ask_to_be_woken(yoke_frame *frame, uint32_t owner)
{
    uint32_t asked;
    return fork_ask(frame, FORK_WAITED, owner, &asked);
}

/* -- waiting in a join ----------------------------------------------------------------------- */

/* Runs a call that the frame's thief has made public. False: there is none. */
static bool fork_leap(yoke_worker *worker, const yoke_frame *frame)
{
    uint32_t state = __atomic_load_n(&frame->state, __ATOMIC_RELAXED);
    if ((state & FORK_KINDS) == 0 || (state & FORK_KINDS) == FORK_DONE) {
        return false; /* the thief has not said who it is, or has gone */
    }
    yoke_worker *thief = &worker->rt->workers[(state >> 8) & 0xff];
    yoke_frame *next = frames_steal_any(&thief->frames);
    if (next == NULL) {
        return false;
    }
    stats_add_owner(&worker->stats, STATS_forks_stolen, 1);
    fork_run_stolen(worker, next);
    return true;
}

/* With too little stack to take anything else. */
static void fork_wait_alone(yoke_frame *frame)
{
    uint32_t asked;
    if (fork_ask(frame, FORK_ALONE, 0, &asked)) {
        base_futex_wait((_Atomic uint32_t *)&frame->state, asked, YOKE_FOREVER);
    } else {
        sched_yield(); /* its thief is about to say who it is, or that it is done */
    }
}

static void fork_wait(yoke_worker *worker, yoke_frame *frame)
{
    uint32_t leaps = 0;
    while (!fork_is_done(frame)) {
        if (worker_has_stack_for_leaps(worker) && fork_leap(worker, frame)) {
            leaps = 0;
        } else if (leaps < FORK_LEAPS) {
            leaps++;
            base_cpu_relax();
        } else if (worker_has_stack(worker)) {
            worker_help(worker, frame);
        } else {
            fork_wait_alone(frame);
        }
    }
}

/* The newest frame was stolen: waits until it has run, and takes it off. */
static yoke_frame *fork_join_stolen(yoke_worker *worker)
{
    frames *f = &worker->frames;
    yoke_frame *frame = f->top - 1;
    fork_wait(worker, frame);
    f->is_misused |= (frame->state & FORK_MISUSED) != 0;
    frame->state = 0;
    frame->run = NULL;
    frames_pop_stolen_owner(f);
    return frame;
}

yoke_frame *yoke_join_slow_1(yoke_worker *worker)
{
    frames *f = &worker->frames;
    if (f->num_inline > 0) {
        frames_pop_inline_owner(f);
        return NULL;
    }
    if (f->top == f->base) {
        f->is_misused = true;
        return NULL;
    }
    if (frames_take_back_owner(f)) {
        yoke_frame *frame = --f->top;
        if (worker->offered_ns != 0) {
            worker_offer_stands(worker, base_now_ns());
        }
        fork_answer(worker);
        return frame;
    }
    worker->offered_ns = 0;
    return fork_join_stolen(worker);
}

void fork_give_up_worker(yoke_worker *worker)
{
    frames *f = &worker->frames;
    while (f->num_inline > 0) {
        frames_pop_inline_owner(f);
    }
    while (f->top != f->base) {
        if (frames_take_back_owner(f)) {
            f->top--;
        } else {
            fork_join_stolen(worker);
        }
    }
}

/* -- the generic form ------------------------------------------------------------------------ */

typedef struct __attribute__((may_alias)) fork_call {
    void (*fn)(yoke_worker *worker, void *argument);
    void *argument;
} fork_call;

static void fork_run_call(yoke_worker *worker, yoke_frame *frame)
{
    fork_call *call = (fork_call *)(void *)frame->bytes;
    call->fn(worker, call->argument);
}

void yoke_fork(yoke_worker *worker, void (*fn)(yoke_worker *worker, void *argument), void *argument)
{
    yoke_frame *frame = worker->frames.top;
    fork_call *call = (fork_call *)(void *)frame->bytes;
    frame->run = fork_run_call;
    call->fn = fn;
    call->argument = argument;
    if (!yoke_fork_is_pushed(worker, frame) && !yoke_fork_slow_1(worker)) {
        fn(worker, argument);
    }
}

void yoke_join(yoke_worker *worker)
{
    yoke_frame *frame = yoke_fork_pop(worker);
    if (__builtin_expect(frame == NULL, 0)) {
        frame = yoke_join_slow_1(worker);
        if (frame == NULL || frame->run == NULL) {
            return;
        }
    }
    frame->run(worker, frame);
}
