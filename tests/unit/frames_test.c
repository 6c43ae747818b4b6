/*
 * frames.h against a model, in every sequence of operations, and against thieves.
 *
 * Built once for each of several FRAMES_CAPACITY. The small ones run full all the time, and only
 * they are small enough to be copied at each step of the exhaustive test; the largest is more than
 * one chunk of frames and no multiple of it.
 */
#include "runtime/frames.h"

#include "tests/unit/testing.h"

#define HISTORY_STEPS 9
#define CALLS_MAX (HISTORY_STEPS > FRAMES_CAPACITY ? HISTORY_STEPS : FRAMES_CAPACITY)

/* What the tests call: a number, in the frame's bytes. Never called itself. */
static void call(yoke_worker *worker, yoke_frame *frame)
{
    (void)worker;
    (void)frame;
}

static uint64_t number_in(const yoke_frame *frame)
{
    uint64_t number;
    memcpy(&number, frame->bytes, sizeof number);
    return number;
}

/* yoke/fork.h's half works on the beginning of a yoke_worker, which is its frames. */
static yoke_worker *as_worker(frames *f)
{
    return (yoke_worker *)(void *)f;
}

/* A fork: false if there is no room. *is_slow: it had to ask the runtime. */
static bool fork_owner(frames *f, uint64_t number, bool *is_slow)
{
    yoke_frame *frame = f->top;
    frame->run = call;
    memcpy(frame->bytes, &number, sizeof number);
    *is_slow = !yoke_fork_is_pushed(as_worker(f), frame);
    return !*is_slow || frames_push_owner(f);
}

typedef enum how {
    FAST,       /* the frame was the owner's alone */
    TAKEN_BACK, /* it was public, or a thief asked for others */
    IN_PLACE,   /* there is none: the call has run */
    STOLEN,     /* it is on the top, for who waits until it has run */
} how;

/* The first half of a join. */
static how join_owner(frames *f, yoke_frame **frame)
{
    *frame = yoke_fork_pop(as_worker(f));
    if (*frame != NULL) {
        return FAST;
    }
    if (f->num_inline > 0) {
        frames_pop_inline_owner(f);
        return IN_PLACE;
    }
    bool is_taken_back = frames_take_back_owner(f);
    f->top -= is_taken_back;
    *frame = is_taken_back ? f->top : f->top - 1;
    if (is_taken_back && frames_owes_answer_owner(f)) {
        frames_answer_owner(f);
    }
    return is_taken_back ? TAKEN_BACK : STOLEN;
}

/* -- one thread -------------------------------------------------------------------------------- */

static frames f;
static yoke_frame array[FRAMES_ARRAY];

static void start(void)
{
    memset(array, 0xa5, sizeof array); /* nobody may rely on zeroes */
    frames_init(&f, array);
}

static how join(void)
{
    yoke_frame *frame;
    return join_owner(&f, &frame);
}

static void fork_so_many(uint64_t count)
{
    bool is_slow;
    for (uint64_t i = 0; i < count; i++) {
        assert_true(fork_owner(&f, i, &is_slow));
        assert_int_equal(f.top[-1].state, 0);
    }
}

static void new_frames_are_empty_and_the_first_fork_asks(void **state)
{
    (void)state;
    bool is_slow;
    start();
    assert_true(frames_looks_empty_any(&f));
    assert_false(frames_publish_owner(&f));
    assert_null(frames_steal_any(&f));
    assert_true(fork_owner(&f, 0, &is_slow));
    assert_true(is_slow);
    assert_true(frames_looks_empty_any(&f)); /* private */
    assert_null(frames_steal_any(&f));
}

static void what_finds_no_room_is_joined_first_and_costs_no_frame(void **state)
{
    (void)state;
    bool is_slow;
    yoke_frame *frame;
    start();
    fork_so_many(FRAMES_CAPACITY);
    for (int i = 0; i < 3; i++) {
        assert_false(fork_owner(&f, 1000, &is_slow));
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(join(), IN_PLACE);
    }
    for (uint64_t i = FRAMES_CAPACITY; i-- > 0;) {
        assert_int_equal(join_owner(&f, &frame), FAST);
        assert_int_equal(number_in(frame), i);
    }
    assert_ptr_equal(f.top, array);
}

static void all_of_a_full_stack_can_be_made_public_and_stolen(void **state)
{
    (void)state;
    start();
    fork_so_many(FRAMES_CAPACITY);
    while (frames_publish_owner(&f)) {
    }
    for (uint64_t i = 0; i < FRAMES_CAPACITY; i++) {
        assert_false(frames_looks_empty_any(&f));
        yoke_frame *frame = frames_steal_any(&f);
        assert_ptr_equal(frame, &array[i]);
        assert_int_equal(number_in(frame), i);
    }
    assert_null(frames_steal_any(&f));
    for (uint64_t i = FRAMES_CAPACITY; i-- > 0;) {
        assert_int_equal(join(), STOLEN);
        frames_pop_stolen_owner(&f);
        assert_ptr_equal(f.top, &array[i]);
    }
}

static void a_question_makes_the_next_fork_ask_and_only_that(void **state)
{
    (void)state;
    bool is_slow;
    start();
    for (int i = 0; i < 3; i++) {
        assert_true(fork_owner(&f, 0, &is_slow));
        assert_int_equal(is_slow, i == 0);
        assert_int_equal(join(), FAST);
    }
    frames_ask_any(&f);
    frames_ask_any(&f);
    for (int i = 0; i < 3; i++) {
        assert_true(fork_owner(&f, 0, &is_slow));
        assert_int_equal(is_slow, i == 0);
        assert_int_equal(join(), FAST);
    }
}

#if FRAMES_CAPACITY <= 4
/* What the frames should be: the calls forked, oldest first; of these the first ones are stolen,
 * then come the public ones, then the owner's. */
typedef struct model {
    uint64_t calls[CALLS_MAX];
    uint32_t num_stolen, num_public, num_private;
    uint32_t num_in_place;
    bool is_asked; /* forks and joins ask the runtime, until one has something to give */
    uint64_t next;
} model;

static model m;
static uint64_t num_histories;

static uint32_t num_kept(void)
{
    return m.num_stolen + m.num_public + m.num_private;
}

static bool do_fork(void)
{
    bool has_room = num_kept() < FRAMES_CAPACITY, is_slow;
    assert_int_equal(fork_owner(&f, m.next, &is_slow), has_room);
    assert_int_equal(is_slow, m.is_asked || !has_room);
    if (has_room) {
        m.is_asked = m.is_asked && !is_slow;
        m.calls[num_kept()] = m.next;
        m.num_private++;
        assert_int_equal(f.top[-1].state, 0);
    } else {
        m.num_in_place++;
    }
    m.next++;
    return true;
}

static bool do_publish(void)
{
    uint32_t count = (m.num_private + 1) / 2;
    assert_int_equal(frames_publish_owner(&f), count > 0);
    m.num_private -= count;
    m.num_public += count;
    return true;
}

/* Nothing is left but what is public: the newest of it is taken back, and half of the others. */
static how model_take_back(void)
{
    uint32_t kept = (m.num_public - 1) / 2;
    m.num_private = m.num_public - kept;
    m.num_public = kept;
    m.is_asked |= kept == 0;
    return TAKEN_BACK;
}

static bool do_join(void)
{
    how expected;
    yoke_frame *frame;
    if (num_kept() + m.num_in_place == 0) {
        return false;
    }
    if (m.num_in_place > 0) {
        expected = IN_PLACE;
        m.num_in_place--;
    } else if (m.num_public + m.num_private > 0) {
        expected = m.num_private == 0 ? model_take_back() : m.is_asked ? TAKEN_BACK : FAST;
        m.num_private--;
        m.is_asked = m.is_asked && m.num_private == 0;
    } else {
        expected = STOLEN;
        m.num_stolen--;
    }
    assert_int_equal(join_owner(&f, &frame), expected);
    if (expected != IN_PLACE) {
        assert_int_equal(number_in(frame), m.calls[num_kept()]);
    }
    if (expected == STOLEN) {
        frame->state = 0; /* the thief's mark, taken off by who joins */
        frames_pop_stolen_owner(&f);
    }
    return true;
}

static bool do_steal(void)
{
    yoke_frame *frame = frames_steal_any(&f);
    if (m.num_public == 0) {
        assert_null(frame);
    } else {
        assert_non_null(frame);
        assert_int_equal(number_in(frame), m.calls[m.num_stolen]);
        assert_ptr_equal(frame->run, call);
        frame->state = 1;
        m.num_stolen++;
        m.num_public--;
    }
    m.is_asked |= m.num_public == 0;
    return true;
}

static bool do_ask(void)
{
    frames_ask_any(&f);
    m.is_asked = true;
    return true;
}

static void check(void)
{
    assert_ptr_equal(f.top, &array[num_kept()]);
    assert_int_equal(frames_looks_empty_any(&f), m.num_public == 0);
    assert_int_equal(f.split, m.num_stolen + m.num_public);
    for (uint32_t i = 0; i < num_kept(); i++) {
        assert_int_equal(number_in(&array[i]), m.calls[i]);
    }
}

/* Tries every operation after that step, and all that can follow. */
static void explore(int step)
{
    static bool (*const operations[])(void) = {do_fork, do_publish, do_join, do_steal, do_ask};
    if (step == HISTORY_STEPS) {
        num_histories++;
        return;
    }
    yoke_frame array_before[FRAMES_ARRAY];
    frames f_before;
    model m_before = m;
    memcpy(array_before, array, sizeof array);
    memcpy(&f_before, &f, sizeof f);
    for (int i = 0; i < 5; i++) {
        if (operations[i]()) {
            check();
            explore(step + 1);
        }
        memcpy(array, array_before, sizeof array);
        memcpy(&f, &f_before, sizeof f);
        m = m_before;
    }
}

static void every_history_agrees_with_the_model(void **state)
{
    (void)state;
    start();
    m = (model){.is_asked = true};
    num_histories = 0;
    explore(0);
    print_message("%" PRIu64 " histories\n", num_histories);
    assert_true(num_histories > 200000);
}
#endif

/* -- an owner and two thieves ------------------------------------------------------------------ */

#define STRESS_CALLS 200000
#define STRESS_STOLEN 1u
#define STRESS_DONE 2u

typedef struct stress {
    frames f;
    yoke_frame array[FRAMES_ARRAY];
    uint8_t runs[STRESS_CALLS]; /* each written by the one that runs the call, without atomics */
    uint64_t seed;
    pthread_barrier_t start;
    atomic_bool done;
    _Atomic uint32_t num_stolen;
    _Atomic uint32_t num_wrong; /* frames that a thief found half-written */
    uint32_t num_lost;          /* results that were not there */
} stress;

static uint64_t result_of(uint64_t number)
{
    return number * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static void run_call(stress *s, yoke_frame *frame)
{
    uint64_t number = number_in(frame), result = result_of(number);
    if (number >= STRESS_CALLS || frame->run != call) {
        atomic_fetch_add(&s->num_wrong, 1);
        return;
    }
    s->runs[number]++;
    memcpy(frame->bytes, &result, sizeof result);
}

static void *thief(void *context)
{
    stress *s = context;
    pthread_barrier_wait(&s->start);
    while (!atomic_load(&s->done)) {
        yoke_frame *frame = frames_steal_any(&s->f);
        if (frame != NULL) {
            __atomic_store_n(&frame->state, STRESS_STOLEN, __ATOMIC_RELAXED);
            run_call(s, frame);
            atomic_fetch_add_explicit(&s->num_stolen, 1, memory_order_relaxed);
            __atomic_store_n(&frame->state, STRESS_DONE, __ATOMIC_RELEASE);
        }
    }
    return NULL;
}

/* Joins the newest call, whose number is known: runs it here unless somebody else does. */
static void stress_join(stress *s, uint64_t number)
{
    yoke_frame *frame;
    unsigned num_looks = 0;
    how way = join_owner(&s->f, &frame);
    if (way == IN_PLACE) {
        return;
    }
    if (way != STOLEN) {
        run_call(s, frame);
    }
    while (way == STOLEN && __atomic_load_n(&frame->state, __ATOMIC_ACQUIRE) != STRESS_DONE) {
        testing_relax(&num_looks);
    }
    s->num_lost += number_in(frame) != result_of(number);
    if (way == STOLEN) {
        frame->state = 0;
        frames_pop_stolen_owner(&s->f);
    }
}

static void stress_fork(stress *s, uint64_t number)
{
    bool is_slow;
    if (!fork_owner(&s->f, number, &is_slow)) {
        s->runs[number]++; /* in place */
    } else if (is_slow) {
        frames_publish_owner(&s->f);
    }
}

/* Forks and joins a few at a time, so that the stack is nearly empty most of the time, and runs
 * full where it is small: that is where the owner and the thieves meet. */
static void *owner(void *context)
{
    stress *s = context;
    testing_random random = testing_random_of(s->seed, 0);
    static uint64_t open[STRESS_CALLS]; /* numbers of the calls forked and not joined */
    uint64_t next = 0, num_open = 0;
    pthread_barrier_wait(&s->start);
    while (next < STRESS_CALLS || num_open > 0) {
        for (uint64_t n = testing_random_below(&random, 6); n > 0 && next < STRESS_CALLS; n--) {
            open[num_open++] = next;
            stress_fork(s, next++);
        }
        if (s->f.num_inline == 0 && testing_random_below(&random, 4) == 0) {
            frames_publish_owner(&s->f);
        }
        for (uint64_t n = testing_random_below(&random, 7); n > 0 && num_open > 0; n--) {
            stress_join(s, open[--num_open]);
        }
        if (testing_random_below(&random, 512) == 0) {
            sched_yield(); /* lets the thieves in where there are fewer CPUs than threads */
        }
    }
    atomic_store(&s->done, true);
    return NULL;
}

static void run_round(stress *s, uint64_t seed)
{
    pthread_t threads[3];
    memset(s->runs, 0, sizeof s->runs);
    memset(s->array, 0xa5, sizeof s->array);
    frames_init(&s->f, s->array);
    s->seed = seed;
    s->num_lost = 0;
    atomic_init(&s->done, false);
    atomic_init(&s->num_wrong, 0);
    pthread_barrier_init(&s->start, NULL, 3);
    testing_start(&threads[0], owner, s);
    testing_start(&threads[1], thief, s);
    testing_start(&threads[2], thief, s);
    for (int i = 0; i < 3; i++) {
        testing_join(threads[i]);
    }
    pthread_barrier_destroy(&s->start);
    assert_int_equal(atomic_load(&s->num_wrong), 0);
    assert_int_equal(s->num_lost, 0);
    for (size_t i = 0; i < STRESS_CALLS; i++) {
        assert_int_equal(s->runs[i], 1);
    }
    assert_true(frames_looks_empty_any(&s->f));
    assert_ptr_equal(s->f.top, s->array);
}

static void each_call_runs_once_at_its_owner_or_a_thief(void **state)
{
    (void)state;
    static stress s;
    uint64_t seed = testing_seed();
    int num_rounds = testing_full() ? 100 : 3;
    testing_watchdog(testing_full() ? 600 : 60);
    for (int i = 0; i < num_rounds; i++) {
        run_round(&s, seed + (uint64_t)i);
    }
    testing_watchdog(0);
    printf("%u of %u calls were stolen\n", atomic_load(&s.num_stolen),
           (unsigned)num_rounds * STRESS_CALLS);
    assert_true(atomic_load(&s.num_stolen) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_frames_are_empty_and_the_first_fork_asks),
        cmocka_unit_test(what_finds_no_room_is_joined_first_and_costs_no_frame),
        cmocka_unit_test(all_of_a_full_stack_can_be_made_public_and_stolen),
        cmocka_unit_test(a_question_makes_the_next_fork_ask_and_only_that),
#if FRAMES_CAPACITY <= 4
        cmocka_unit_test(every_history_agrees_with_the_model),
#endif
        cmocka_unit_test(each_call_runs_once_at_its_owner_or_a_thief),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
