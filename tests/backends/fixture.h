/*
 * What the tests of backends share: an open device of a backend, whose host program counts its
 * memory and keeps its log; two kernels; and batches of them with known answers.
 */
#ifndef YOKE_TESTS_BACKENDS_FIXTURE_H
#define YOKE_TESTS_BACKENDS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/backend.h"

/* A random sequence, the same for the same seed: Marsaglia's xorshift64. */
typedef struct fixture_random {
    uint64_t state; /* never 0 */
} fixture_random;

/* YOKE_TEST_SEED where it is set, else from the clock; prints it. */
uint64_t fixture_seed(void);
fixture_random fixture_random_of(uint64_t seed);
uint64_t fixture_random_next(fixture_random *random);
uint64_t fixture_random_below(fixture_random *random, uint64_t limit);

/* A backend under test. */
typedef struct subject {
    const backend_ops *ops;
    bool reads_spirv;
    void (*lose)(backend_device *device); /* makes an open device lost; NULL: no way to */
    void (*heal)(void);                   /* puts back what `lose` did to later devices; or NULL */
} subject;

/* A host program. */
typedef struct program {
    backend_host host;
    int64_t live_bytes;
    uint32_t num_allocs;
    uint32_t fail_at; /* the allocation that fails, from 1; 0: none */
    uint32_t num_lines;
    char line[512]; /* the last one logged */
} program;

void program_start(program *p);

typedef struct fixture {
    const subject *backend;
    const backend_ops *ops;
    program p;
    backend_instance *instance;
    uint32_t index; /* of the device: a real one before a software one */
    backend_device *device;
    backend_kernel *vector;
    backend_op op; /* what a batch of it is */
} fixture;

/* All of it open, with num_slots slots and the vector kernel; fails the test where it cannot. */
void fixture_open(fixture *f, const subject *backend, uint32_t num_slots);
void fixture_open_instance(fixture *f, const subject *backend);
/* Closes what is open, and sees that no memory is left. */
void fixture_close(fixture *f);

extern const backend_kernel_desc fixture_vector; /* in: 2 × uint32, out: uint32 */
extern const backend_kernel_desc fixture_spans;  /* in: spans of uint64, out: uint64 */

#define VECTOR_PARAMS_BYTES 8

/* A batch of the vector kernel, all in one piece of memory. */
typedef struct vector {
    backend_memory memory;
    uint32_t num_items;
    uint32_t slot;
    backend_block *block;
    uint32_t *a, *b, *out, *params; /* params: add, rounds; for one item or for each */
} vector;

/* Bytes of memory that a batch needs. */
size_t vector_bytes(uint32_t num_items);

/* Lays a batch out in memory it has already got, with inputs that depend on `seed`. own_params:
 * each item has its own. rounds: how slow it is. */
void vector_lay_out(vector *v, uint32_t slot, uint32_t num_items, bool own_params, uint32_t rounds,
                    uint64_t seed);

/* The same in memory of its own. */
void vector_make(fixture *f, vector *v, uint32_t slot, uint32_t num_items, bool own_params,
                 uint32_t rounds, uint64_t seed);
void vector_release(fixture *f, vector *v);

backend_batch vector_batch(fixture *f, const vector *v);

/* How many outputs are wrong. */
uint32_t vector_num_wrong(const vector *v);

/* Submits it alone, waits, and asserts that all is right. */
void vector_run(fixture *f, vector *v);

#define FIXTURE_WAIT_NS (60 * UINT64_C(1000000000)) /* long: a test that needs it has failed */

#endif
