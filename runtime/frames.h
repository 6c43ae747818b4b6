/*
 * A worker's stack of forked calls, of which thieves may take the oldest.
 *
 * Frames lie in one array, in the order in which they were forked:
 *     [0, top)       stolen, and not yet joined
 *     [top, split)   public: thieves take from the top end, the owner takes back from the other
 *     [split, head)  the owner's alone
 * A fork and its join cost no atomic read-modify-write and no fence as long as they stay private,
 * which is nearly always: frames are made public only when somebody is hungry, half of the private
 * ones at a time, oldest first. top and split share one word, and every change of it that others
 * could dispute is a compare-exchange. A thief reads a frame only once it owns it, so it does not
 * matter if the word has had the same value before.
 *
 * Source: direct task stack and private tasks of Faxén, "Efficient work stealing for fine grained
 * parallelism" (ICPP 2010); the split of van Dijk and van de Pol, "Lace" (MuCoCoS 2014).
 *
 * How a thief asks for more: it sets `limit` to NULL. The owner looks at `limit` at every fork
 * anyway, for the end of the array, and at every join, for it may have forked all it had before the
 * thief came. It answers when it has something to give.
 *
 * Needs nothing but C11 and yoke/fork.h's layout. FRAMES_CAPACITY is the number of frames.
 *
 * Threads: *_owner by the worker whose stack it is, *_any by any thread.
 *
 * Ordering ledger
 *   F1  a frame before it is public    publish_owner: fetch_add of shared (seq_cst, so release)
 *       steal_any: compare-exchange of shared (acquire)
 *       if broken: a thief runs a half-written frame.
 *   F2  who gets a frame    publish_owner, take_back_owner, steal_any: read-modify-writes of shared
 *       if broken: owner and thief run the same frame.
 *   F3  the question against its answer    answer_owner: store limit, fence (seq_cst), then the
 *       caller looks who is hungry    ask_any: the caller counts as hungry, fence (seq_cst), store
 *       limit = NULL
 *       if broken: the owner overwrites the question and has not seen who asked; frames stay
 *       private while somebody is hungry, until the next thief asks. For the same reason nothing is
 *       answered by who has nothing to give: the question stands.
 *   F4  frames published before the look at sleepers    publish_owner: fetch_add (seq_cst); then
 *       P1 of park.h.
 */
#ifndef YOKE_FRAMES_H
#define YOKE_FRAMES_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yoke/fork.h>

#ifndef FRAMES_CAPACITY
#define FRAMES_CAPACITY YOKE_FORKS_MAX
#endif
#define FRAMES_CHUNK 64 /* so many get their state at a time: memory is touched only as used */

typedef struct frames {
    /* the owner's; the first two and limit are known to yoke/fork.h */
    yoke_frame *top;     /* the next free one */
    yoke_frame *bound;   /* &first[split]; while calls run in place, above every frame */
    yoke_frame *base;    /* top when the kernel or call that runs now began */
    yoke_frame *ready;   /* frames below it have a state */
    uint32_t num_inline; /* calls that found no room and ran in place, not joined */
    uint32_t split;
    bool is_misused; /* by the kernel or call that runs now */
    /* everybody's: rarely written */
    alignas(64) _Atomic(yoke_frame *) limit;
    _Atomic uint64_t shared; /* top | split << 32 */
    yoke_frame *first;       /* constant */
} frames;

_Static_assert(offsetof(frames, top) == offsetof(yoke_fork_head, top), "the ABI of yoke/fork.h");
_Static_assert(offsetof(frames, bound) == offsetof(yoke_fork_head, bound),
               "the ABI of yoke/fork.h");
_Static_assert(offsetof(frames, limit) == offsetof(yoke_fork_head, limit),
               "the ABI of yoke/fork.h");
_Static_assert(sizeof(yoke_frame) == 64, "a frame is a cache line");

/* One more than the capacity: a fork writes the frame before it knows whether there is room. */
#define FRAMES_ARRAY (FRAMES_CAPACITY + 1)

static inline void frames_init(frames *f, yoke_frame *first)
{
    f->top = f->bound = f->base = f->ready = f->first = first;
    f->num_inline = 0;
    f->split = 0;
    f->is_misused = false;
    atomic_init(&f->limit, NULL);
    atomic_init(&f->shared, 0);
}

static inline uint64_t frames_word(uint32_t top, uint32_t split)
{
    return top | (uint64_t)split << 32;
}

/* While calls run in place every join must ask. */
static inline void frames_set_split_owner(frames *f, uint32_t split)
{
    f->split = split;
    f->bound = f->num_inline > 0 ? f->first + FRAMES_ARRAY : f->first + split;
}

static inline uint32_t frames_num_private_owner(const frames *f)
{
    return (uint32_t)(f->top - f->first) - f->split;
}

/* Whether a thief asks, and there is something to give. */
static inline bool frames_owes_answer_owner(frames *f)
{
    return atomic_load_explicit(&f->limit, memory_order_relaxed) == NULL &&
           frames_num_private_owner(f) > 0;
}

/* The question is taken; the caller then looks whether anybody is hungry, and publishes. */
static inline void frames_answer_owner(frames *f)
{
    atomic_store_explicit(&f->limit, f->ready, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* F3 */
}

/* Keeps the frame that was written at the top, and answers. False: there is no room, the call runs
 * in place and counts as forked. */
static inline bool frames_push_owner(frames *f)
{
    yoke_frame *end = f->first + FRAMES_CAPACITY;
    if (f->top == end) {
        f->num_inline++;
        frames_set_split_owner(f, f->split);
        return false;
    }
    if (f->top == f->ready) {
        ptrdiff_t left = end - f->ready;
        for (ptrdiff_t i = 0; i < FRAMES_CHUNK && i < left; i++) {
            (f->ready++)->state = 0;
        }
    }
    f->top++;
    frames_answer_owner(f);
    return true;
}

/* Makes half of the private frames public, at least one. False: there is none. */
static inline bool frames_publish_owner(frames *f)
{
    uint32_t num_private = frames_num_private_owner(f);
    if (num_private == 0) {
        return false;
    }
    uint32_t count = (num_private + 1) / 2;
    atomic_fetch_add_explicit(&f->shared, (uint64_t)count << 32, memory_order_seq_cst); /* F1 F2 */
    frames_set_split_owner(f, f->split + count);
    return true;
}

/* Takes public frames back, down to the newest one at least and half of them if there are more.
 * True: the newest frame is private. False: it has been stolen, and so have all below it. */
static inline bool frames_take_back_owner(frames *f)
{
    uint32_t newest = (uint32_t)(f->top - f->first) - 1, top, split;
    if (newest >= f->split) {
        return true;
    }
    uint64_t word = atomic_load_explicit(&f->shared, memory_order_relaxed);
    do {
        top = (uint32_t)word;
        if (top > newest) {
            return false;
        }
        split = top + (newest - top) / 2;
    } while (!atomic_compare_exchange_weak_explicit(&f->shared, &word, frames_word(top, split),
                                                    memory_order_relaxed,
                                                    memory_order_relaxed)); /* F2 */
    frames_set_split_owner(f, split);
    if (split == top) {
        atomic_store_explicit(&f->limit, NULL, memory_order_relaxed); /* nothing is public now */
    }
    return true;
}

/* Takes the newest frame off, which was stolen and has run; nothing is public then. */
static inline void frames_pop_stolen_owner(frames *f)
{
    f->top--;
    uint32_t head = (uint32_t)(f->top - f->first);
    atomic_store_explicit(&f->shared, frames_word(head, head), memory_order_relaxed);
    frames_set_split_owner(f, head);
}

/* One call that ran in place is joined. */
static inline void frames_pop_inline_owner(frames *f)
{
    f->num_inline--;
    frames_set_split_owner(f, f->split);
}

/* The owner is to make more public at its next fork or join. The caller counts as hungry (F3). */
static inline void frames_ask_any(frames *f)
{
    if (atomic_load_explicit(&f->limit, memory_order_relaxed) != NULL) {
        atomic_thread_fence(memory_order_seq_cst); /* F3 */
        atomic_store_explicit(&f->limit, NULL, memory_order_relaxed);
    }
}

/* The oldest public frame, which is then the caller's to run; or NULL. May come back empty-handed
 * when another thread takes the frame it was after. */
static inline yoke_frame *frames_steal_any(frames *f)
{
    uint64_t word = atomic_load_explicit(&f->shared, memory_order_relaxed);
    uint32_t top = (uint32_t)word, split = (uint32_t)(word >> 32);
    if (top >= split) {
        frames_ask_any(f);
        return NULL;
    }
    if (!atomic_compare_exchange_strong_explicit(&f->shared, &word, frames_word(top + 1, split),
                                                 memory_order_acquire,
                                                 memory_order_relaxed)) { /* F1 F2 */
        return NULL;
    }
    if (top + 1 == split) {
        frames_ask_any(f);
    }
    return &f->first[top];
}

/* A hint, as deque_looks_empty_any. */
static inline bool frames_looks_empty_any(frames *f)
{
    uint64_t word = atomic_load_explicit(&f->shared, memory_order_relaxed);
    return (uint32_t)word >= (uint32_t)(word >> 32);
}

#endif
