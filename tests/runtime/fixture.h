/*
 * What the tests of the public API share: a runtime of two workers, a few small types, a gate that
 * holds a worker inside a kernel, and a misuse hook that counts.
 */
#ifndef YOKE_TESTS_FIXTURE_H
#define YOKE_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <yoke/yoke.h>

#include "backends/backend.h"

/* Holds kernels of the type `gate` until it is opened. */
typedef struct fixture_gate {
    _Atomic int open;
    _Atomic int entered;
} fixture_gate;

typedef struct fixture {
    yoke_runtime *rt;
    fixture_gate gate;
    const yoke_type *twice; /* uint32_t x -> uint32_t 2x */
    const yoke_type *hold;  /* as twice, but waits for the gate; counts the items it was given */
    const yoke_type *fail;  /* as twice, but a claim with an odd item fails with that item's code */
} fixture;

/* A runtime without devices; options NULL: two workers and the defaults. */
void fixture_start(fixture *f, const yoke_options *options);

/* The same with devices of these backends. `twice` has a GPU kernel then,
 * which only backends that run the CPU kernel can take. */
void fixture_start_on(fixture *f, const yoke_options *options, const backend_ops *const *backends);
void fixture_stop(fixture *f);

/* Waits until `count` kernels are held; opens the gate. */
void fixture_await_entered(fixture *f, int count);
void fixture_open(fixture *f);

/* Submits one job. */
yoke_status fixture_submit(fixture *f, yoke_job *job);

/* Four threads submit `twice` jobs of one item, in all FIXTURE_FLOOD_JOBS; checks every result. */
#define FIXTURE_FLOOD_JOBS 100000
void fixture_submit_from_threads(fixture *f);

/* How often misuse was found since the last call: checked builds count, others find none. */
int fixture_misuses(void);
#ifdef YOKE_CHECKED
#define FIXTURE_MISUSES(n) (n)
#else
#define FIXTURE_MISUSES(n) 0
#endif

uint64_t fixture_now_ns(void);
void fixture_sleep_ms(int ms);

/* The seed of a random test: $YOKE_TEST_SEED or the clock; printed. */
uint64_t fixture_seed(void);
uint64_t fixture_random(uint64_t *state);

/* Whether the long forms were asked for. */
int fixture_is_full(void);

#endif
