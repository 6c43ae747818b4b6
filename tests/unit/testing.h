/*
 * What the unit tests share: a printed seed, random numbers, threads, and a watchdog for tests that
 * would hang where the code is wrong.
 *
 * cmocka's assertions leave a test by longjmp, so only the test's own thread may assert: the others
 * count what went wrong, and the test asserts that it is nothing.
 *
 * Objects aligned to cache lines are static: gcc 12 misplaces them on the stack when
 * AddressSanitizer looks for uses after return.
 */
#ifndef YOKE_TESTS_UNIT_TESTING_H
#define YOKE_TESTS_UNIT_TESTING_H

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define TESTING_MS UINT64_C(1000000) /* in nanoseconds */

static inline uint64_t testing_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The long forms are asked for. */
static inline bool testing_full(void)
{
    return getenv("YOKE_TEST_FULL") != NULL;
}

/* -- random numbers: Marsaglia's xorshift64 ---------------------------------------------------- */

typedef struct testing_random {
    uint64_t state; /* never 0 */
} testing_random;

/* A sequence of its own for each seed and thread. */
static inline testing_random testing_random_of(uint64_t seed, uint64_t thread)
{
    uint64_t state = (seed + thread + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (testing_random){.state = state != 0 ? state : 1};
}

static inline uint64_t testing_random_next(testing_random *random)
{
    uint64_t x = random->state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random->state = x;
    return x;
}

/* From 0 to limit - 1. */
static inline uint64_t testing_random_below(testing_random *random, uint64_t limit)
{
    return (testing_random_next(random) >> 16) % limit;
}

/* YOKE_TEST_SEED where it is set, else from the clock; prints it. */
static inline uint64_t testing_seed(void)
{
    const char *given = getenv("YOKE_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : testing_now_ns();
    printf("seed: YOKE_TEST_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    return seed;
}

/* -- threads ----------------------------------------------------------------------------------- */

static inline void testing_start(pthread_t *thread, void *(*body)(void *), void *context)
{
    assert_int_equal(pthread_create(thread, NULL, body, context), 0);
}

static inline void testing_join(pthread_t thread)
{
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* In a loop that waits for another thread: spins, to see it come within nanoseconds, but lets it
 * run now and then where there are fewer CPUs than threads. */
static inline void testing_relax(unsigned *num_looks)
{
    if (++*num_looks % 1000 == 0) {
        sched_yield();
    }
}

static inline void testing_sleep_ms(unsigned ms)
{
    usleep(ms * 1000);
}

static inline void testing_bark(int signal)
{
    static const char text[] = "watchdog: the test hangs\n";
    (void)signal;
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(1);
}

/* Ends the process as failed unless called again, with 0, within that many seconds. */
static inline void testing_watchdog(unsigned seconds)
{
    signal(SIGALRM, testing_bark);
    alarm(seconds);
}

#endif
