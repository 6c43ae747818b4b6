/*
 * A crew: one thread has a call to make for each of a number of pieces, and others help with it. A
 * submitter copies large jobs so, with the workers' help.
 *
 * Pieces are handed out by one word: the next piece, how many there are, and a generation, so that
 * who looked at an earlier crew takes nothing of this one by mistake. While somebody holds a piece
 * the owner does not return, so what a piece is stays as it was.
 *
 * Needs nothing but C11.
 *
 * Threads: *_owner by the one that begins and finishes; crew_help_any by any, also before the first
 * crew and after the last.
 *
 * Ordering ledger
 *   C1  what a piece is before the piece    begin_owner: store word (release)    help_any:
 *       compare-exchange of word (acquire)
 *       if broken: a helper runs a piece of the crew before.
 *   C2  pieces before the owner goes on    help_any: add to num_done (release)
 *       finish_owner: load num_done (acquire)
 *       if broken: the owner reads what a piece has written only half.
 *   For who sleeps: begin_owner comes before the look at sleepers (P1 in park.h).
 */
#ifndef YOKE_CREW_H
#define YOKE_CREW_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CREW_PIECES_MAX 65535u

typedef struct crew {
    alignas(64) _Atomic uint64_t word; /* next | end << 16 | generation << 32 */
    _Atomic uint32_t num_done;
    uint32_t num_pieces;
    void (*run)(void *context, uint32_t piece);
    void *context;
} crew;

static inline void crew_init(crew *c)
{
    atomic_init(&c->word, 0);
    atomic_init(&c->num_done, 0);
    c->num_pieces = 0;
    c->run = NULL;
    c->context = NULL;
}

static inline uint32_t crew_next(uint64_t word)
{
    return (uint32_t)word & 0xffff;
}

static inline uint32_t crew_end(uint64_t word)
{
    return (uint32_t)word >> 16;
}

/* Whether there is a piece to take; a hint. */
static inline bool crew_has_pieces_any(crew *c)
{
    uint64_t word = atomic_load_explicit(&c->word, memory_order_relaxed);
    return crew_next(word) < crew_end(word);
}

/* Hands out num_pieces pieces, 1 to CREW_PIECES_MAX: run(context, piece) for each. */
static inline void crew_begin_owner(crew *c, void (*run)(void *context, uint32_t piece),
                                    void *context, uint32_t num_pieces)
{
    uint64_t word = atomic_load_explicit(&c->word, memory_order_relaxed);
    uint64_t generation = (word >> 32) + 1;
    c->run = run;
    c->context = context;
    c->num_pieces = num_pieces;
    atomic_store_explicit(&c->num_done, 0, memory_order_relaxed);
    atomic_store_explicit(&c->word, generation << 32 | (uint64_t)num_pieces << 16,
                          memory_order_release); /* C1 */
}

/* Runs one piece. False: there is none left to take. */
static inline bool crew_help_any(crew *c)
{
    uint64_t word = atomic_load_explicit(&c->word, memory_order_relaxed);
    do {
        if (crew_next(word) >= crew_end(word)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&c->word, &word, word + 1, memory_order_acquire,
                                                    memory_order_relaxed)); /* C1 */
    c->run(c->context, crew_next(word));
    atomic_fetch_add_explicit(&c->num_done, 1, memory_order_release); /* C2 */
    return true;
}

/* Whether all pieces have run; then begin_owner may follow. */
static inline bool crew_is_done_owner(crew *c)
{
    return atomic_load_explicit(&c->num_done, memory_order_acquire) == c->num_pieces; /* C2 */
}

#endif
