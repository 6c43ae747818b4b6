/*
 * Ping-pong over two futexes. Owns the thread that answers.
 * Always holds: nobody looks twice before sleeping and nobody wakes whom it need not: there is no
 * less that two threads can do.
 *
 * Ordering ledger
 *   X1  the question, or the answer, before who reads it goes on    ask, answer: store (release)
 *       load (acquire)
 *       if broken: the measured path would be no round trip.
 */
#include "pool_futex.h"

#include "pool_work.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define POOL_FUTEX_END UINT32_MAX

struct pool_futex {
    alignas(128) _Atomic uint32_t question; /* the last one's number; POOL_FUTEX_END: go */
    alignas(128) _Atomic uint32_t answer;
    bool is_spinning;
    pthread_t thread;
};

static void pool_futex_sleep(_Atomic uint32_t *word, uint32_t while_it_is)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_it_is, NULL, NULL, 0);
}

static void pool_futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Sleeps until the word is another than it was. */
static uint32_t pool_futex_await(_Atomic uint32_t *word, uint32_t was)
{
    uint32_t is;
    while ((is = atomic_load_explicit(word, memory_order_acquire)) == was) { /* X1 */
        pool_futex_sleep(word, was);
    }
    return is;
}

static void *pool_futex_run(void *argument)
{
    pool_futex *f = argument;
    uint32_t last = 0;
    while ((last = pool_futex_await(&f->question, last)) != POOL_FUTEX_END) {
        atomic_store_explicit(&f->answer, last, memory_order_release); /* X1 */
        if (!f->is_spinning) {
            pool_futex_wake(&f->answer);
        }
    }
    return NULL;
}

pool_futex *pool_futex_create(bool is_spinning)
{
    pool_futex *f = aligned_alloc(alignof(pool_futex), sizeof(*f));
    if (f == NULL) {
        return NULL;
    }
    *f = (pool_futex){.is_spinning = is_spinning};
    if (pthread_create(&f->thread, NULL, pool_futex_run, f) != 0) {
        free(f);
        return NULL;
    }
    return f;
}

static void pool_futex_put(pool_futex *f, uint32_t question)
{
    atomic_store_explicit(&f->question, question, memory_order_release); /* X1 */
    pool_futex_wake(&f->question);
}

void pool_futex_ask(pool_futex *futex)
{
    uint32_t last = atomic_load_explicit(&futex->question, memory_order_relaxed);
    pool_futex_put(futex, last + 1);
    if (!futex->is_spinning) {
        pool_futex_await(&futex->answer, last);
        return;
    }
    while (atomic_load_explicit(&futex->answer, memory_order_acquire) == last) { /* X1 */
        pool_work_relax();
    }
}

void pool_futex_destroy(pool_futex **futex)
{
    pool_futex *f = *futex;
    if (f != NULL) {
        pool_futex_put(f, POOL_FUTEX_END);
        pthread_join(f->thread, NULL);
        free(f);
        *futex = NULL;
    }
}
