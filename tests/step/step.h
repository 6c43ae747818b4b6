/*
 * The step scheduler: runs a few small threads of C code in every order that their atomic
 * operations can take, and checks each end. It is for code that is short, lock-free and hard to
 * test by chance.
 *
 * A test includes step_atomics.h first and then the code as it is; the atomic operations of that
 * code become calls of this library. A case names the memory that the threads share, how it begins,
 * the threads, and what must hold when nothing can go on. Threads are coroutines of one real
 * thread; between two operations a thread runs undisturbed.
 *
 * Two models of memory. In both, each thread has a buffer. Its stores wait there, it alone sees
 * them, and that one of them reaches memory is a step of its own.
 *   STEP_TSO
 *       What x86-64 does. The buffer is a queue; a seq_cst store or fence and every
 *       read-modify-write wait until it is empty. So a missing seq_cst fence shows, and a missing
 *       release does not.
 *   STEP_PSO
 *       Nearer to arm64. A relaxed store may overtake stores to other addresses; a release store
 *       waits for all before it; a release fence holds back what comes after it until what came
 *       before it is out. A read-modify-write may do its store late, too, and until then nobody
 *       else writes that address; it waits for the stores before it only if it is a release. A
 *       seq_cst load waits for the thread's seq_cst stores, a seq_cst fence for all its stores.
 *
 * Not modelled, in either:
 *   - Loads that are done early or late. So an acquire that should be there and is not, and a fence
 *     between two loads, never show.
 *   - Memory accesses that are not atomic: they happen at once, together with the atomic operation
 *     before them.
 *   - Stores that some threads see before others do.
 *   - compare_exchange_weak that fails for no reason; a futex wait that ends for no reason.
 *   - Atomic objects that overlap in part: these are refused.
 *
 * The search merges states: where two orders lead to the same memory, buffers and stacks, what
 * follows is tried once. States are told apart by 128 bits of hash. A loop that waits for another
 * thread is no problem, but one that can go on for ever is not found; only a run of more than
 * STEP_LENGTH_MAX different steps counts as endless.
 *
 * Threads may touch nothing but the shared memory and their stack, and call nothing that keeps a
 * state (no malloc, no printf). Everything is static here: one exploration at a time.
 */
#ifndef YOKE_TESTS_STEP_H
#define YOKE_TESTS_STEP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STEP_THREADS_MAX 4
#define STEP_STORES_MAX 16      /* that wait in one buffer */
#define STEP_LENGTH_MAX 4000    /* of one execution, in steps */
#define STEP_STATES_MAX 4000000 /* a case with more is too large to be a test */

typedef enum step_mode { STEP_TSO, STEP_PSO } step_mode;

typedef struct step_thread {
    const char *name;
    void (*run)(void *shared); /* NULL: there is no such thread */
} step_thread;

typedef struct step_case {
    void *shared; /* all memory that the threads write; zeroed, then start is called */
    size_t shared_bytes;
    void (*start)(void *shared);
    step_thread threads[STEP_THREADS_MAX];
    void (*end)(void *shared); /* checks a state in which nothing can go on */
    bool may_sleep;            /* a thread that sleeps in step_wait then is no failure */
    bool no_merging;           /* try every order, also those that lead to the same states */
    bool is_quiet;             /* print no schedule on failure */
} step_case;

typedef struct step_result {
    bool failed;
    uint64_t num_states;   /* different ones */
    uint64_t num_steps;    /* tried: from one state to the next */
    double num_executions; /* different orders, from start to end, that these stand for; more where
                            * threads can go round in circles */
} step_result;

/* Tries everything. On failure prints why, and the schedule that leads there. */
step_result step_explore(const step_case *c, step_mode mode);

void step_print(const char *name, step_mode mode, const step_result *counts);

/* Both. False: it failed. */
bool step_holds(const char *name, const step_case *c, step_mode mode);

const char *step_mode_name(step_mode mode);

/* -- for a case's functions -------------------------------------------------------------------- */

/* In `start`: what schedules call that address. The name must stay. */
void step_name(const volatile void *address, const char *name);

/* In `start`, for one counter of the case: only its remainder matters, so it may be kept below
 * `modulus`. Where threads can go round in circles a counter would make each round a new state. */
void step_wraps(const volatile void *counter, uint64_t modulus);

/* Fails the case, unless it has failed already; none of its functions comes back from it. */
void step_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define step_expect(condition)                                                                     \
    ((condition) ? (void)0 : step_fail("%s:%d: not so: %s", __FILE__, __LINE__, #condition))

/* Which of the case's threads this is. */
unsigned step_self(void);

/* In `end`: that thread sleeps. */
bool step_sleeps(unsigned thread);

/* A futex: sleeps if *word == expected, until somebody wakes it. Both wait until the thread's
 * stores are out, as system calls of that kind do. */
void step_wait(_Atomic uint32_t *word, uint32_t expected);
void step_wake_one(_Atomic uint32_t *word);

/* A seq_cst fence here, and on each other thread at some moment before this returns: membarrier. */
void step_heavy_fence(void);

/* What is in memory now, whatever waits in buffers; no step. */
uint64_t step_peek(const volatile void *address, size_t bytes);

/* -- what step_atomics.h makes of atomic operations -------------------------------------------- */

/* Outside of threads, in `start` and `end`, all are done at once. */

typedef enum step_update {
    STEP_EXCHANGE,
    STEP_ADD,
    STEP_SUB,
    STEP_AND,
    STEP_OR,
    STEP_XOR,
} step_update;

uint64_t step_load(const volatile void *address, size_t bytes, memory_order order);
void step_store(volatile void *address, size_t bytes, uint64_t value, memory_order order);
uint64_t step_fetch(volatile void *address, size_t bytes, step_update update, uint64_t operand,
                    memory_order order);
bool step_compare(volatile void *address, size_t bytes, void *expected, uint64_t desired,
                  memory_order order, memory_order failure);
void step_fence(memory_order order);

#endif
