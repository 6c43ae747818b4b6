/*
 * What the tests of fork and join share: jobs whose items are calls of functions, and forked calls
 * that another worker holds.
 */
#ifndef YOKE_TESTS_CALLS_H
#define YOKE_TESTS_CALLS_H

#include <yoke/fork.h>

#include "tests/runtime/fixture.h"

#define CALLS_SECOND_NS UINT64_C(1000000000)

/* What an item of the type `call` runs. */
typedef struct call {
    void (*run)(yoke_worker *worker, struct call *self);
    long argument;
    long result;
} call;

/* A runtime, and the type `call` whose items are pointers to calls; as fixture_start. */
const yoke_type *calls_start(fixture *f, const yoke_options *options);

/* The same with stacks that are too small for much: CALLS_STACK_KIB. */
const yoke_type *calls_start_with_small_stacks(fixture *f, uint32_t num_workers);

#if defined __SANITIZE_THREAD__
#define CALLS_STACK_KIB 4096 /* what it keeps of each thread lies in the stack: nearly a MiB */
#elif defined __SANITIZE_ADDRESS__
#define CALLS_STACK_KIB 256 /* frames of instrumented code are larger */
#else
#define CALLS_STACK_KIB 64
#endif

/* A job of one call; *item holds what its input points at. */
yoke_job calls_job(const yoke_type *type, call **item);

/* Runs it in a job, and waits. */
void calls_run(fixture *f, const yoke_type *type, call *c);

yoke_stats calls_stats(fixture *f);

/* A forked call that another worker takes, and what is known of it. */
typedef struct held {
    _Atomic int has_begun;
    _Atomic int may_end;
    int sleep_ms; /* before it ends */
    int has_ended;
    uint32_t worker; /* that runs it */
} held;

/* What is forked: waits until it may end. */
void held_run(yoke_worker *worker, void *argument);

/* Forks fn(worker, h), which sets has_begun, and waits until another worker has begun it. */
void held_fork(yoke_worker *worker, void (*fn)(yoke_worker *, void *), held *h);

/* On the host: waits until it has begun. */
void held_await(held *h);

#endif
