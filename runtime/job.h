/*
 * The runtime's half of a job: claims, pending count, first failure.
 *
 * One mechanism serves splitting, balancing, cancelling and ending:
 *   claims   the job's unclaimed items [front, back) in one word. Workers claim from the back,
 *            GPUs from the front.
 *   pending  items not finished + tickets that name the job. Whoever takes it to zero settles the
 *            job; since a ticket counts, a job cannot be settled, and so freed, under a queue.
 *   marks    holds `stop`, the first status that is not OK: of a kernel, a cancel, a deadline, a
 *            dependency, the runtime's end. Once set, whoever claims next claims all that is left
 *            and runs none. Nearly always 0, and then only read.
 * A job of one item has one ticket and never a second, so its ticket is its claim: it needs neither
 * claims nor pending, and no read-modify-write. If its type has no GPU kernel and it has no params,
 * nothing but its first two cache lines is touched, and of these only the status is written.
 *
 * Threads: *_submitter by the submitting thread, before the job is published in a queue; the claims
 * and job_add_ticket_any by a thread that holds a ticket; job_stop_any by a ticket's holder or the
 * job's owner.
 *
 * Ordering ledger
 *   J1  outputs before settling    job_finish_any: fetch_sub (acq_rel)
 *       if broken: the host, woken by one worker, reads another worker's output half-written.
 *   J2  result before the owner goes on
 *       job_publish_status: store status (release; seq_cst where W1 in waiters.h needs it)
 *       job_status: load (seq_cst)
 *       if broken: the host sees OK before the output; a waiter sleeps for ever.
 *   claims: relaxed. A claim only says who runs what; the data came with the ticket (Q1, R1) and
 *   goes with pending (J1). marks: relaxed, for the same reason; a kernel's failure is ordered by
 * J1.
 */
#ifndef YOKE_JOB_H
#define YOKE_JOB_H

#include <stddef.h>

#include "base.h"
#include "type.h"

/* Overlays yoke_job.reserved; `claims` to `params` fill the job's last cache line. */
typedef struct __attribute__((may_alias)) job_core {
    uint64_t item_cost; /* average, at least 1; set where job_is_plain does not hold */
    uint64_t unused;
    _Atomic uint64_t claims;  /* front | back << 32 */
    _Atomic uint64_t pending; /* both for jobs that are not plain */
    union {
        yoke_job *next; /* in the one list the job is in: deferred, ready, completed */
        uint64_t route; /* during yoke_submit, if its type has a GPU kernel: where it is to go */
    };
    uint64_t lane_position; /* during yoke_submit: where its ticket goes in the lane */
    unsigned char params[YOKE_PARAMS_BYTES_MAX]; /* if the job has params */
} job_core;

_Static_assert(sizeof(yoke_job) == 256, "the job's size is part of the ABI");
_Static_assert(sizeof(job_core) == sizeof(((yoke_job *)0)->reserved), "the core fills its room");
_Static_assert(offsetof(yoke_job, group) == 64, "the hot fields fill the first line");
_Static_assert(offsetof(yoke_job, reserved) + offsetof(job_core, claims) == 192,
               "the claims begin the last line");

static inline job_core *job_core_of(yoke_job *job)
{
    return (job_core *)(void *)job->reserved;
}

/* yoke_job.reserved0: */
#define JOB_STOP UINT32_C(0xff)          /* the status that stops it, negated */
#define JOB_IS_RUN (UINT32_C(1) << 8)    /* every item has run: only to be settled, on a worker */
#define JOB_IS_SHARED (UINT32_C(1) << 9) /* the workers have a ticket, besides those in lanes */

/* One item, and no GPU can have it: its one ticket is all there is to know. */
static inline bool job_is_plain(const yoke_job *job)
{
    return job->num_items == 1 && !type_has_gpu(job->type);
}

/* What the kernel gets: the job's params, copied, or zeros. */
static inline const void *job_params(const yoke_job *job)
{
    static const _Alignas(uint64_t) unsigned char none[YOKE_PARAMS_BYTES_MAX];
    return job->params_bytes == 0 ? none : job_core_of((yoke_job *)(uintptr_t)job)->params;
}

/* The status field is the caller's plain enum; the runtime reads and writes it atomically. */
static inline yoke_status job_status(const yoke_job *job)
{
    return __atomic_load_n(&job->status, __ATOMIC_SEQ_CST); /* J2 */
}

/* The runtime's last access to a job that a host thread may be waiting for; waiters_wake follows.
 */
static inline void job_publish_status_to_waiters(yoke_job *job, yoke_status status)
{
    __atomic_store_n(&job->status, status, __ATOMIC_SEQ_CST); /* J2 */
}

/* The same where something else (a callback, a group, the completion queue) tells the owner. */
static inline void job_publish_status(yoke_job *job, yoke_status status)
{
    __atomic_store_n(&job->status, status, __ATOMIC_RELEASE); /* J2 */
}

static inline uint32_t job_marks(const yoke_job *job)
{
    return __atomic_load_n(&job->reserved0, __ATOMIC_RELAXED);
}

/* Returns the marks before. */
static inline uint32_t job_mark_any(yoke_job *job, uint32_t mark)
{
    return __atomic_fetch_or(&job->reserved0, mark, __ATOMIC_RELAXED);
}

/* Before anything of it is published: no ticket yet, no failure. */
static inline void job_begin_submitter(yoke_job *job)
{
    job_core *core = job_core_of(job);
    if (job_marks(job) != 0) {
        __atomic_store_n(&job->reserved0, 0, __ATOMIC_RELAXED);
    }
    if (!job_is_plain(job)) {
        atomic_store_explicit(&core->claims, (uint64_t)job->num_items << 32, memory_order_relaxed);
        atomic_store_explicit(&core->pending, (uint64_t)job->num_items, memory_order_relaxed);
    }
}

static inline yoke_status job_stop_status(const yoke_job *job)
{
    return (yoke_status)(-(int)(job_marks(job) & JOB_STOP));
}

/* Sets the job's failure unless there is one. */
static inline void job_stop_any(yoke_job *job, yoke_status status)
{
    uint32_t marks = job_marks(job);
    while ((marks & JOB_STOP) == 0 &&
           !__atomic_compare_exchange_n(&job->reserved0, &marks, marks | (uint32_t)(-(int)status),
                                        false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* Items that nobody has claimed. */
static inline uint32_t job_unclaimed_any(yoke_job *job)
{
    uint64_t word = atomic_load_explicit(&job_core_of(job)->claims, memory_order_relaxed);
    return (uint32_t)(word >> 32) - (uint32_t)word;
}

/* Claims up to `want` items from the back: their number, 0 when none is left, and the first. */
static inline uint32_t job_claim_back_any(yoke_job *job, uint32_t want, uint32_t *first)
{
    _Atomic uint64_t *claims = &job_core_of(job)->claims;
    uint64_t word = atomic_load_explicit(claims, memory_order_relaxed);
    uint32_t front, back, count;
    do {
        front = (uint32_t)word;
        back = (uint32_t)(word >> 32);
        count = want < back - front ? want : back - front;
        if (count == 0) {
            return 0;
        }
    } while (!atomic_compare_exchange_weak_explicit(claims, &word,
                                                    front | (uint64_t)(back - count) << 32,
                                                    memory_order_relaxed, memory_order_relaxed));
    *first = back - count;
    return count;
}

/* The first item that nobody has claimed from the front. */
static inline uint32_t job_front_any(yoke_job *job)
{
    return (uint32_t)atomic_load_explicit(&job_core_of(job)->claims, memory_order_relaxed);
}

/* Claims up to `want` items from the front, if that is still `first`: their number, or 0. */
static inline uint32_t job_claim_front_any(yoke_job *job, uint32_t first, uint32_t want)
{
    _Atomic uint64_t *claims = &job_core_of(job)->claims;
    uint64_t word = atomic_load_explicit(claims, memory_order_relaxed);
    uint32_t count;
    do {
        uint32_t left = (uint32_t)(word >> 32) - (uint32_t)word;
        count = (uint32_t)word != first ? 0 : want < left ? want : left;
        if (count == 0) {
            return 0;
        }
    } while (!atomic_compare_exchange_weak_explicit(claims, &word, word + count,
                                                    memory_order_relaxed, memory_order_relaxed));
    return count;
}

/* Before a ticket is published: by the submitting thread, or by a holder of another. */
static inline void job_add_ticket_any(yoke_job *job)
{
    atomic_fetch_add_explicit(&job_core_of(job)->pending, 1, memory_order_relaxed);
}

/* The same for the first one, when nobody else knows the job yet. */
static inline void job_add_first_ticket_submitter(yoke_job *job)
{
    if (!job_is_plain(job)) {
        atomic_store_explicit(&job_core_of(job)->pending, (uint64_t)job->num_items + 1,
                              memory_order_relaxed);
    }
}

/* Gives back finished items and tickets. True: they were the last, the caller settles. */
static inline bool job_finish_any(yoke_job *job, uint64_t items_and_tickets)
{
    uint64_t before = atomic_fetch_sub_explicit(&job_core_of(job)->pending, items_and_tickets,
                                                memory_order_acq_rel); /* J1 */
    return before == items_and_tickets;
}

#endif
