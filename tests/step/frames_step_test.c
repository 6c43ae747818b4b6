/*
 * frames.h in every order of its atomic operations: a worker that forks and joins beside one and
 * two thieves.
 *
 * Built once for each of several FRAMES_CAPACITY, so small that calls run in place for want of
 * room. The worker's part is every sequence of so many forks and joins, and joins of what is left.
 * A call is a number in its frame, atomic and relaxed, so that it shows whether a thief gets the
 * frame before it is written. Somebody is always hungry: each fork that asks makes frames public.
 */
#include "tests/step/step_atomics.h"

#include "runtime/frames.h"

#include "tests/unit/testing.h"

#define FORKS_MAX 8
#define DONE 1 /* a stolen frame's state; fork.c has more of them */

typedef struct world {
    frames f;
    yoke_frame array[FRAMES_ARRAY];
    uint32_t forked, run; /* a bit for each call */
} world;

typedef struct setting {
    unsigned num_thieves;
    unsigned num_steals; /* of each thief */
    unsigned num_operations;
} setting;

static world shared;
static const setting *now;
static unsigned forks; /* bit i says whether the worker's i-th operation is a fork */

static _Atomic uint64_t *number_in(yoke_frame *frame)
{
    return (_Atomic uint64_t *)(void *)frame->bytes;
}

static void run(world *w, uint64_t number)
{
    step_expect(number < FORKS_MAX && (w->forked >> number & 1) != 0);
    step_expect((w->run >> number & 1) == 0);
    w->run |= 1u << number;
}

static void steal(void *context)
{
    world *w = context;
    for (unsigned i = 0; i < now->num_steals; i++) {
        yoke_frame *frame = frames_steal_any(&w->f);
        if (frame != NULL) {
            uint64_t number = atomic_load_explicit(number_in(frame), memory_order_relaxed);
            run(w, number);
            atomic_store_explicit(number_in(frame), number + 100, memory_order_relaxed);
            __atomic_exchange_n(&frame->state, DONE, __ATOMIC_ACQ_REL); /* as fork_run_stolen */
        }
    }
}

/* As fork_answer, where somebody is always hungry. */
static void answer(world *w)
{
    if (frames_owes_answer_owner(&w->f)) {
        frames_answer_owner(&w->f);
        frames_publish_owner(&w->f);
    }
}

/* As a task's spawn and yoke_fork_slow_1. */
static void fork_call(world *w, uint64_t number)
{
    yoke_worker *worker = (yoke_worker *)(void *)&w->f;
    yoke_frame *frame = w->f.top;
    atomic_store_explicit(number_in(frame), number, memory_order_relaxed);
    w->forked |= 1u << number;
    if (yoke_fork_is_pushed(worker, frame)) {
        return;
    }
    if (frames_push_owner(&w->f)) {
        frames_publish_owner(&w->f);
    } else {
        answer(w);
        run(w, number);
    }
}

/* The newest frame has been stolen: as fork_join_stolen. */
static void join_stolen(world *w, uint64_t number)
{
    yoke_frame *frame = w->f.top - 1;
    while (__atomic_load_n(&frame->state, __ATOMIC_ACQUIRE) != DONE) {
    }
    step_expect(atomic_load_explicit(number_in(frame), memory_order_relaxed) == number + 100);
    step_expect((w->run >> number & 1) != 0);
    __atomic_store_n(&frame->state, 0, __ATOMIC_RELAXED);
    frames_pop_stolen_owner(&w->f);
}

/* As a task's sync and yoke_join_slow_1. */
static void join_call(world *w, uint64_t number)
{
    yoke_frame *frame = yoke_fork_pop((yoke_worker *)(void *)&w->f);
    if (frame == NULL) {
        if (w->f.num_inline > 0) {
            frames_pop_inline_owner(&w->f);
            step_expect((w->run >> number & 1) != 0);
            return;
        }
        if (!frames_take_back_owner(&w->f)) {
            join_stolen(w, number);
            return;
        }
        frame = --w->f.top;
        answer(w);
    }
    step_expect(atomic_load_explicit(number_in(frame), memory_order_relaxed) == number);
    run(w, number);
}

static void own(void *context)
{
    world *w = context;
    uint8_t open[FORKS_MAX]; /* calls that are forked and not joined */
    unsigned num_open = 0;
    uint8_t next = 0;
    for (unsigned i = 0; i < now->num_operations; i++) {
        if ((forks >> i & 1) != 0) {
            open[num_open++] = next;
            fork_call(w, next++);
        } else {
            join_call(w, open[--num_open]);
        }
    }
    while (num_open > 0) {
        join_call(w, open[--num_open]);
    }
}

static void start(void *context)
{
    world *w = context;
    frames_init(&w->f, w->array);
    step_name(&w->f.shared, "shared");
    step_name(&w->f.limit, "limit");
}

static void every_call_has_run(void *context)
{
    world *w = context;
    step_expect(w->run == w->forked);
    step_expect(w->f.top == w->array);
    step_expect(frames_looks_empty_any(&w->f));
}

/* No join without a fork. */
static bool is_sequence(void)
{
    unsigned num_open = 0;
    for (unsigned i = 0; i < now->num_operations; i++) {
        if ((forks >> i & 1) == 0 && num_open-- == 0) {
            return false;
        } else if ((forks >> i & 1) != 0) {
            num_open++;
        }
    }
    return true;
}

static void explore(const char *name, const setting *which)
{
    step_case c = {.shared = &shared,
                   .shared_bytes = sizeof shared,
                   .start = start,
                   .threads = {{"worker", own}, {"thief 1", steal}},
                   .end = every_call_has_run};
    now = which;
    if (now->num_thieves == 2) {
        c.threads[2] = (step_thread){"thief 2", steal};
    }
    for (step_mode mode = STEP_TSO; mode <= STEP_PSO; mode++) {
        step_result sum = {.num_states = 0};
        for (forks = 0; forks < 1u << now->num_operations; forks++) {
            if (is_sequence()) {
                step_result r = step_explore(&c, mode);
                assert_false(r.failed);
                sum.num_states += r.num_states;
                sum.num_steps += r.num_steps;
                sum.num_executions += r.num_executions;
            }
        }
        step_print(name, mode, &sum);
    }
}

static void every_call_runs_once_beside_a_thief(void **state)
{
    (void)state;
    static const setting settings[] = {{1, 1, 7}, {1, 2, 6}};
    explore(__func__, &settings[0]);
    explore(__func__, &settings[1]);
}

static void every_call_runs_once_beside_two_thieves(void **state)
{
    (void)state;
    static const setting settings[] = {{2, 1, 5}, {2, 2, 5}};
    explore(__func__, &settings[0]);
    if (testing_full()) {
        explore(__func__, &settings[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_runs_once_beside_a_thief),
        cmocka_unit_test(every_call_runs_once_beside_two_thieves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
