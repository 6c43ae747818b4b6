/*
 * What the parts of the step scheduler share: the threads' states, which step.c copies and
 * compares, and the schedule so far.
 *
 * step.c runs the coroutines and tries the orders; step_memory.c is the model of memory: which
 * steps are possible and what they do; step_schedule.c keeps the schedule, to print it.
 */
#ifndef YOKE_TESTS_STEP_WORLD_H
#define YOKE_TESTS_STEP_WORLD_H

#include <setjmp.h>

#include "tests/step/step.h"

typedef enum step_kind {
    STEP_LOAD,
    STEP_STORE,
    STEP_FETCH_UPDATE,
    STEP_COMPARE,
    STEP_FENCE, /* seq_cst: until the thread's buffer is empty */
    STEP_HEAVY_FENCE,
    STEP_WAIT,
    STEP_WAKE,
    STEP_WOKEN,
    STEP_DRAIN, /* only in schedules: no thread asks for it */
} step_kind;

/* What a thread is about to do. */
typedef struct step_op {
    step_kind kind;
    step_update update;
    memory_order order;
    memory_order failure; /* of a compare-exchange that fails */
    uint64_t bytes;
    uint8_t *address;
    uint64_t operand;  /* what is stored, added ... */
    uint64_t expected; /* by a compare-exchange or a futex */
    uint64_t result;   /* what was there */
    uint64_t targets;  /* of a heavy fence: a bit for each thread it has still to reach */
} step_op;

/* A store that waits. Whole words, so that it can be hashed. */
typedef struct step_store_entry {
    uint8_t *address;
    uint64_t value;
    uint16_t bytes;
    uint16_t num_before; /* the first so many entries of the buffer must be out before it */
    uint16_t is_seq_cst;
    uint16_t is_update; /* of a read-modify-write: nobody else may write there now */
} step_store_entry;

typedef enum step_status { STEP_ABSENT, STEP_READY, STEP_SLEEPING, STEP_DONE } step_status;

typedef struct step_thread_state {
    jmp_buf registers;
    uint8_t *stack; /* the lowest address in use */
    step_status status;
    step_op op; /* when READY or SLEEPING */
    uint64_t num_stores;
    uint64_t
        num_fresh; /* the last so many were stored without a choice when to: see step_memory.c */
    uint64_t fence_at; /* PSO: the stores before the last release fence that are not out yet */
    step_store_entry stores[STEP_STORES_MAX]; /* oldest first */
} step_thread_state;

/* A step that is possible: a thread's operation, or a store of its that comes out. */
typedef struct step_choice {
    uint8_t thread;
    bool drains;
    uint8_t which; /* the store; or whom a heavy fence reaches or a wake-up wakes */
} step_choice;

#define STEP_NOBODY 255
#define STEP_CHOICES_MAX (STEP_THREADS_MAX * (STEP_STORES_MAX + STEP_THREADS_MAX))

/* -- step.c ------------------------------------------------------------------------------------ */

extern step_thread_state step_threads[STEP_THREADS_MAX];
extern step_mode step_mode_now;
extern const step_case *step_case_now;

/* -- step_memory.c ----------------------------------------------------------------------------- */

uint64_t step_read(const void *address, size_t bytes);
void step_write(void *address, size_t bytes, uint64_t value);
uint64_t step_updated(step_update update, uint64_t old, uint64_t operand);

/* Puts a store into the thread's buffer. */
void step_buffer(unsigned thread, const step_op *op);

/* A release fence, when PSO. */
void step_hold_back(unsigned thread);

/* All steps that are possible; returns how many. */
size_t step_list(step_choice choices[STEP_CHOICES_MAX]);

/* Does one. True: the thread goes on. Others may go on too: step_is_over says. */
bool step_do(const step_choice *choice);

/* Whether a heavy fence has to reach the thread: some store is surely older than the fence. */
bool step_has_old_stores(unsigned thread);

/* A fence that the thread waits in has nothing to wait for any more. */
bool step_is_over(unsigned thread);

/* -- step_schedule.c --------------------------------------------------------------------------- */

/* Notes what a thread did; `which` as in step_choice. False: the schedule is too long. */
bool step_note(unsigned thread, const step_op *op, bool is_buffered, unsigned which);

size_t step_schedule_length(void);
void step_schedule_cut(size_t length);
void step_schedule_print(void);
void step_forget_names(void);

#endif
