/*
 * The floor of a round trip: a thread that sleeps until it is asked, and answers at once.
 *   Threads:  one asks.
 */
#ifndef YOKE_BENCH_POOL_FUTEX_H
#define YOKE_BENCH_POOL_FUTEX_H

#include <stdbool.h>

typedef struct pool_futex pool_futex;

/* is_spinning: who asks spins for the answer, and need not be woken. NULL: the system refuses. */
pool_futex *pool_futex_create(bool is_spinning);

/* There and back. */
void pool_futex_ask(pool_futex *futex);

/* *futex becomes NULL; NULL does nothing. */
void pool_futex_destroy(pool_futex **futex);

#endif
