/*
 * The step scheduler's search: runs the threads as coroutines, and tries every order of their steps
 * depth first.
 *
 * A coroutine is a stack and the registers that glibc's setjmp keeps; all else that threads can
 * change is the case's shared memory and the store buffers. So a state is copied and put back as
 * bytes, and two states are the same if their bytes are: the registers, the part of each stack that
 * is in use, the buffers, the shared memory. (What stands in dead variables makes some equal states
 * look different; that costs time and no correctness.) Stacks never move, so pointers into them
 * stay right.
 *
 * A thread stops before each operation that another thread could notice or that depends on one: it
 * writes down what it is about to do, and the search does it when it is that thread's turn. A store
 * into the own buffer is neither, so it is done at once, and so is a fence that waits for nothing.
 *
 * Costs about a microsecond and 50 to 100 bytes for each state, and a copy of a state, a few KiB,
 * for each step of the execution that is being tried.
 */
#undef _FORTIFY_SOURCE /* its longjmp takes a jump to another stack for a mistake */

#include "tests/step/step_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_BYTES 65536
#define DEAD_BYTES 1024 /* below a stopped thread's stack: zeroed, so that fewer states differ */

step_thread_state step_threads[STEP_THREADS_MAX];
step_mode step_mode_now;
const step_case *step_case_now;

static _Alignas(64) uint8_t stacks[STEP_THREADS_MAX][STACK_BYTES];
static jmp_buf scheduler;
static unsigned running = STEP_NOBODY;
static bool is_alone;     /* in the case's start or end */
static char failure[256]; /* why; empty: nothing has failed */
static step_result result;

void step_fail(const char *format, ...)
{
    if (failure[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(failure, sizeof failure, format, arguments);
        va_end(arguments);
    }
    if (running != STEP_NOBODY || is_alone) {
        _longjmp(scheduler, 1);
    }
}

unsigned step_self(void)
{
    return running;
}

bool step_sleeps(unsigned thread)
{
    return step_threads[thread].status == STEP_SLEEPING;
}

uint64_t step_peek(const volatile void *address, size_t bytes)
{
    return step_read((const void *)address, bytes);
}

const char *step_mode_name(step_mode mode)
{
    return mode == STEP_TSO ? "TSO" : "PSO";
}

/* -- coroutines -------------------------------------------------------------------------------- */

/* An address just below the caller's frame. */
static __attribute__((noinline)) uint8_t *stack_now(void)
{
    return __builtin_frame_address(0);
}

/* Back to the search, until it is this thread's turn again. */
static __attribute__((noinline)) void stop(void)
{
    step_thread_state *t = &step_threads[running];
    t->stack = stack_now();
    if (_setjmp(t->registers) == 0) {
        _longjmp(scheduler, 1);
    }
}

static void go_on(unsigned thread)
{
    step_thread_state *t = &step_threads[thread];
    running = thread;
    t->num_fresh = 0;
    memset(t->stack - DEAD_BYTES, 0, DEAD_BYTES);
    if (_setjmp(scheduler) == 0) {
        _longjmp(step_threads[running].registers, 1);
    }
    running = STEP_NOBODY;
}

static void run_thread(void)
{
    step_case_now->threads[running].run(step_case_now->shared);
    step_threads[running].status = STEP_DONE;
    stop();
}

/* Runs the thread up to its first operation. */
static void begin(unsigned thread)
{
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks[thread];
    context.uc_stack.ss_size = STACK_BYTES;
    context.uc_link = NULL;
    makecontext(&context, run_thread, 0);
    step_threads[thread].status = STEP_READY;
    running = thread;
    if (_setjmp(scheduler) == 0) {
        setcontext(&context);
    }
    running = STEP_NOBODY;
}

/* Runs the case's start or end. */
static void run_alone(void (*function)(void *shared))
{
    is_alone = true;
    if (_setjmp(scheduler) == 0) {
        function(step_case_now->shared);
    }
    is_alone = false;
}

static uint8_t *stack_end(unsigned thread)
{
    return stacks[thread] + STACK_BYTES;
}

/* -- what threads ask for ---------------------------------------------------------------------- */

/* For steps that are done at once, and are no choice. */
static void note(const step_op *op, bool is_buffered)
{
    if (!step_note(running, op, is_buffered, STEP_NOBODY)) {
        step_fail("more than %d steps", STEP_LENGTH_MAX);
    }
}

/* Has the search do it when it is this thread's turn; returns what was there. */
static uint64_t ask(const step_op *op)
{
    step_threads[running].op = *op;
    stop();
    return step_threads[running].op.result;
}

uint64_t step_load(const volatile void *address, size_t bytes, memory_order order)
{
    if (running == STEP_NOBODY) {
        return step_peek(address, bytes);
    }
    return ask(&(step_op){
        .kind = STEP_LOAD, .order = order, .address = (uint8_t *)address, .bytes = bytes});
}

static void wait_for_stores(void)
{
    step_op op = {.kind = STEP_FENCE, .order = memory_order_seq_cst};
    bool waits = step_threads[running].num_stores > 0;
    note(&op, waits);
    if (waits) {
        ask(&op);
    }
}

void step_store(volatile void *address, size_t bytes, uint64_t value, memory_order order)
{
    step_op op = {.kind = STEP_STORE,
                  .order = order,
                  .address = (uint8_t *)address,
                  .bytes = bytes,
                  .operand = value};
    if (running == STEP_NOBODY) {
        step_write(op.address, bytes, value);
        return;
    }
    step_buffer(running, &op);
    note(&op, true);
    if (order == memory_order_seq_cst && step_mode_now == STEP_TSO) {
        wait_for_stores();
    }
}

uint64_t step_fetch(volatile void *address, size_t bytes, step_update update, uint64_t operand,
                    memory_order order)
{
    if (running == STEP_NOBODY) {
        uint64_t old = step_peek(address, bytes);
        step_write((void *)address, bytes, step_updated(update, old, operand));
        return old;
    }
    return ask(&(step_op){.kind = STEP_FETCH_UPDATE,
                          .update = update,
                          .order = order,
                          .address = (uint8_t *)address,
                          .bytes = bytes,
                          .operand = operand});
}

bool step_compare(volatile void *address, size_t bytes, void *expected, uint64_t desired,
                  memory_order order, memory_order failure_order)
{
    uint64_t wanted = step_read(expected, bytes), found;
    if (running == STEP_NOBODY) {
        found = step_peek(address, bytes);
        step_write((void *)address, bytes, found == wanted ? desired : found);
    } else {
        found = ask(&(step_op){.kind = STEP_COMPARE,
                               .order = order,
                               .failure = failure_order,
                               .address = (uint8_t *)address,
                               .bytes = bytes,
                               .operand = desired,
                               .expected = wanted});
    }
    step_write(expected, bytes, found);
    return found == wanted;
}

void step_fence(memory_order order)
{
    if (running == STEP_NOBODY) {
        return;
    }
    if (order == memory_order_seq_cst) {
        wait_for_stores();
        return;
    }
    note(&(step_op){.kind = STEP_FENCE, .order = order}, false);
    if (order == memory_order_release || order == memory_order_acq_rel) {
        step_hold_back(running);
    }
}

void step_heavy_fence(void)
{
    step_op op = {.kind = STEP_HEAVY_FENCE};
    wait_for_stores();
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) { /* the others' moment may be now */
        op.targets |= (uint64_t)step_has_old_stores(i) << i;
    }
    if (op.targets != 0) {
        ask(&op);
    }
}

void step_wait(_Atomic uint32_t *word, uint32_t expected)
{
    ask(&(step_op){.kind = STEP_WAIT,
                   .address = (uint8_t *)word,
                   .bytes = sizeof *word,
                   .expected = expected});
}

void step_wake_one(_Atomic uint32_t *word)
{
    ask(&(step_op){.kind = STEP_WAKE, .address = (uint8_t *)word, .bytes = sizeof *word});
}

/* -- states as bytes --------------------------------------------------------------------------- */

static uint8_t *copies; /* a stack of states, one for each step of the execution being tried */
static size_t copies_bytes, copies_used;

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void put_aside(const void *bytes, size_t num)
{
    if (copies_used + num > copies_bytes) {
        copies_bytes = 2 * (copies_used + num);
        copies = must(realloc(copies, copies_bytes));
    }
    memcpy(copies + copies_used, bytes, num);
    copies_used += num;
}

static bool is_live(const step_thread_state *t)
{
    return t->status == STEP_READY || t->status == STEP_SLEEPING;
}

/* Returns what take_back wants. */
static size_t put_state_aside(void)
{
    size_t at = copies_used;
    put_aside(step_threads, sizeof step_threads);
    put_aside(step_case_now->shared, step_case_now->shared_bytes);
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) {
        const step_thread_state *t = &step_threads[i];
        if (is_live(t)) {
            put_aside(t->stack, (size_t)(stack_end(i) - t->stack));
        }
    }
    return at;
}

static void take_back(size_t at)
{
    const uint8_t *from = copies + at;
    memcpy(step_threads, from, sizeof step_threads);
    from += sizeof step_threads;
    memcpy(step_case_now->shared, from, step_case_now->shared_bytes);
    from += step_case_now->shared_bytes;
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) {
        const step_thread_state *t = &step_threads[i];
        size_t num = is_live(t) ? (size_t)(stack_end(i) - t->stack) : 0;
        memcpy(stack_end(i) - num, from, num);
        from += num;
    }
}

typedef struct hash {
    uint64_t a, b;
} hash;

/* Two chains with different multipliers. */
static void hash_word(hash *h, uint64_t word)
{
    h->a = (h->a ^ word) * UINT64_C(0x9fb21c651e98df25);
    h->a ^= h->a >> 32;
    h->b = (h->b + word) * UINT64_C(0xd6e8feb86659fd93);
    h->b ^= h->b >> 29;
}

static void hash_bytes(hash *h, const void *bytes, size_t num)
{
    const uint8_t *at = bytes;
    uint64_t word;
    for (; num >= sizeof word; num -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash_word(h, word);
    }
    word = 0;
    memcpy(&word, at, num);
    hash_word(h, word);
}

static hash hash_state(void)
{
    hash h = {1, 2};
    hash_bytes(&h, step_case_now->shared, step_case_now->shared_bytes);
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) {
        const step_thread_state *t = &step_threads[i];
        hash_word(&h, t->status | t->num_stores << 8 | t->num_fresh << 16 | t->fence_at << 24);
        hash_bytes(&h, t->stores, t->num_stores * sizeof t->stores[0]);
        if (is_live(t)) {
            hash_bytes(&h, &t->op, sizeof t->op);
            hash_bytes(&h, t->registers[0].__jmpbuf, sizeof t->registers[0].__jmpbuf);
            hash_bytes(&h, t->stack, (size_t)(stack_end(i) - t->stack));
        }
    }
    return h;
}

/* -- states that were met ---------------------------------------------------------------------- */

typedef struct met_state {
    hash key; /* {0, 0}: none */
    double num_executions;
} met_state;

static met_state *met;
static size_t met_capacity; /* a power of two */

static met_state *met_find(const hash *key)
{
    size_t i = key->a & (met_capacity - 1);
    while ((met[i].key.a | met[i].key.b) != 0 &&
           (met[i].key.a != key->a || met[i].key.b != key->b)) {
        i = (i + 1) & (met_capacity - 1);
    }
    return &met[i];
}

static void met_grow(void)
{
    met_state *old = met;
    size_t old_capacity = met_capacity;
    met_capacity = old == NULL ? 4096 : 2 * old_capacity;
    met = must(calloc(met_capacity, sizeof *met));
    for (size_t i = 0; i < old_capacity; i++) {
        if ((old[i].key.a | old[i].key.b) != 0) {
            *met_find(&old[i].key) = old[i];
        }
    }
    free(old);
}

/* -- the search -------------------------------------------------------------------------------- */

/* Does a step, and what follows from it without a choice. */
static void take(const step_choice *choice)
{
    if (step_schedule_length() + 2 * STEP_STORES_MAX > STEP_LENGTH_MAX) {
        step_fail("more than %d steps", STEP_LENGTH_MAX);
        return;
    }
    if (step_do(choice)) {
        go_on(choice->thread);
    }
    for (unsigned i = 0; i < STEP_THREADS_MAX && failure[0] == '\0'; i++) {
        if (step_is_over(i)) {
            go_on(i);
        }
    }
}

/* Nothing can go on: all have ended, or sleep. */
static void check_end(void)
{
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) {
        step_status status = step_threads[i].status;
        if (status == STEP_READY || (status == STEP_SLEEPING && !step_case_now->may_sleep)) {
            step_fail("%s waits for ever", step_case_now->threads[i].name);
        }
    }
    if (failure[0] == '\0') {
        run_alone(step_case_now->end);
    }
}

static double visit(void);

static double visit_choices(const step_choice *choices, size_t num)
{
    size_t at = put_state_aside(), length = step_schedule_length();
    double num_executions = 0;
    for (size_t i = 0; i < num; i++) {
        if (i > 0) {
            take_back(at);
            step_schedule_cut(length);
        }
        result.num_steps++;
        take(&choices[i]);
        if (failure[0] != '\0') {
            return 0; /* and leaves the schedule as it is, to be printed */
        }
        num_executions += visit();
        if (failure[0] != '\0') {
            return 0;
        }
    }
    copies_used = at;
    return num_executions;
}

/* Tries all that can follow; returns in how many ways it goes to an end. */
static double visit(void)
{
    step_choice choices[STEP_CHOICES_MAX];
    hash key = hash_state();
    if (!step_case_now->no_merging) {
        if (2 * result.num_states >= met_capacity) {
            met_grow();
        }
        met_state *entry = met_find(&key);
        if ((entry->key.a | entry->key.b) != 0) {
            return entry->num_executions;
        }
        entry->key = key;
    }
    if (result.num_states++ >= STEP_STATES_MAX) {
        step_fail("more than %d states", STEP_STATES_MAX);
        return 0;
    }
    double num_executions = 1;
    size_t num = step_list(choices);
    if (num == 0) {
        check_end();
    } else {
        num_executions = visit_choices(choices, num);
    }
    if (!step_case_now->no_merging) {
        met_find(&key)->num_executions = num_executions;
    }
    return num_executions;
}

static void make_first_state(const step_case *c)
{
    step_forget_names();
    step_wraps(NULL, 1);
    step_schedule_cut(0);
    memset(step_threads, 0, sizeof step_threads);
    memset(stacks, 0, sizeof stacks);
    memset(c->shared, 0, c->shared_bytes);
    run_alone(c->start);
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) {
        if (c->threads[i].run != NULL && failure[0] == '\0') {
            begin(i);
        }
    }
}

step_result step_explore(const step_case *c, step_mode mode)
{
    step_case_now = c;
    step_mode_now = mode;
    failure[0] = '\0';
    result = (step_result){.num_states = 0};
    met_grow();
    make_first_state(c);
    if (failure[0] == '\0') {
        result.num_executions = visit();
    }
    free(met);
    met = NULL;
    met_capacity = 0;
    free(copies);
    copies = NULL;
    copies_bytes = copies_used = 0;
    result.failed = failure[0] != '\0';
    if (result.failed && !c->is_quiet) {
        printf("%s, under %s, after:\n", failure, step_mode_name(mode));
        step_schedule_print();
    }
    return result;
}

void step_print(const char *name, step_mode mode, const step_result *r)
{
    printf("%s: %s: %" PRIu64 " states, %" PRIu64 " steps, %.4g executions\n", name,
           step_mode_name(mode), r->num_states, r->num_steps, r->num_executions);
    fflush(stdout);
}

bool step_holds(const char *name, const step_case *c, step_mode mode)
{
    step_result r = step_explore(c, mode);
    step_print(name, mode, &r);
    return !r.failed;
}
