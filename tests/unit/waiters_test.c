/*
 * waiters.h: wake-ups before, during and after a wait, time-outs, and addresses that share a
 * bucket. What would hang if a wake-up were lost runs under a watchdog.
 */
#include "runtime/waiters.h"

#include <sched.h>

#include "tests/unit/testing.h"

#define STRESS_ROUNDS 20000
#define STRESS_ROUNDS_FULL 1000000

static waiters table;

/* Something to wait for, and how often the waiter has looked at it. */
typedef struct flag {
    _Atomic uint32_t up;
    _Atomic uint32_t num_looks;
} flag;

static bool flag_is_up(void *context)
{
    flag *f = context;
    atomic_fetch_add_explicit(&f->num_looks, 1, memory_order_relaxed);
    return atomic_load(&f->up) != 0;
}

static waiters_bucket *bucket_of(const void *what)
{
    return &table.buckets[base_hash_address(what, WAITERS_BUCKETS)];
}

static void raise_flag(flag *f)
{
    atomic_store(&f->up, 1);
    waiters_wake(&table, f);
}

typedef struct sleeper {
    flag *f;
    uint64_t deadline_ns;
    bool holds;
    _Atomic bool back;
    pthread_t thread;
} sleeper;

static void *sleep_on_flag(void *context)
{
    sleeper *s = context;
    s->holds = waiters_wait(&table, s->f, flag_is_up, s->f, s->deadline_ns);
    atomic_store(&s->back, true);
    return NULL;
}

static void start(sleeper *s, flag *f)
{
    *s = (sleeper){.f = f, .deadline_ns = YOKE_FOREVER};
    testing_start(&s->thread, sleep_on_flag, s);
}

/* Until that many threads wait at the flag's address, or at one that shares its bucket. */
static void wait_for_waiting(flag *f, uint32_t num_waiting)
{
    while (atomic_load(&bucket_of(f)->num_waiting) != num_waiting) {
        sched_yield();
    }
}

static int set_up(void **state)
{
    (void)state;
    waiters_init(&table, 1000);
    testing_watchdog(60);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testing_watchdog(0);
    return 0;
}

static void a_result_that_is_there_already_needs_no_sleep(void **state)
{
    (void)state;
    flag f = {.up = 1};
    assert_true(waiters_wait(&table, &f, flag_is_up, &f, YOKE_FOREVER));
    assert_int_equal(atomic_load(&f.num_looks), 1);
}

static void a_wake_up_with_nobody_there_leaves_no_trace(void **state)
{
    (void)state;
    flag f = {.up = 0};
    waiters_wake(&table, &f);
    assert_int_equal(atomic_load(&bucket_of(&f)->epoch), 0);
    assert_int_equal(atomic_load(&bucket_of(&f)->num_waiting), 0);
}

static void a_sleeping_waiter_is_woken(void **state)
{
    (void)state;
    static flag f;
    static sleeper s;
    start(&s, &f);
    wait_for_waiting(&f, 1);
    testing_sleep_ms(20); /* most likely asleep by now */
    assert_false(atomic_load(&s.back));
    raise_flag(&f);
    testing_join(s.thread);
    assert_true(s.holds);
    assert_int_equal(atomic_load(&bucket_of(&f)->num_waiting), 0);
}

static void a_wake_up_for_nothing_sends_the_waiter_back_to_sleep(void **state)
{
    (void)state;
    static flag f;
    static sleeper s;
    start(&s, &f);
    wait_for_waiting(&f, 1);
    testing_sleep_ms(20);
    uint32_t before = atomic_load(&f.num_looks);
    waiters_wake(&table, &f);
    while (atomic_load(&f.num_looks) == before) { /* it was woken and looked */
        sched_yield();
    }
    testing_sleep_ms(20);
    assert_false(atomic_load(&s.back));
    raise_flag(&f);
    testing_join(s.thread);
    assert_true(s.holds);
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    flag f = {.up = 0};
    uint64_t begun_ns = testing_now_ns(), deadline_ns = begun_ns + 30 * TESTING_MS;
    assert_false(waiters_wait(&table, &f, flag_is_up, &f, deadline_ns));
    uint64_t now_ns = testing_now_ns();
    assert_true(now_ns >= deadline_ns);
    assert_true(now_ns < deadline_ns + 20000 * TESTING_MS); /* the machine may be busy */
    assert_int_equal(atomic_load(&bucket_of(&f)->num_waiting), 0);
}

static void a_deadline_that_has_passed_is_still_one_look(void **state)
{
    (void)state;
    flag down = {.up = 0}, up = {.up = 1};
    assert_false(waiters_wait(&table, &down, flag_is_up, &down, 0));
    assert_false(waiters_wait(&table, &down, flag_is_up, &down, testing_now_ns()));
    assert_true(waiters_wait(&table, &up, flag_is_up, &up, 0));
}

static void a_wake_up_after_the_time_out_finds_nobody(void **state)
{
    (void)state;
    flag f = {.up = 0};
    assert_false(waiters_wait(&table, &f, flag_is_up, &f, testing_now_ns() + TESTING_MS));
    raise_flag(&f);
    assert_int_equal(atomic_load(&bucket_of(&f)->epoch), 0);
    assert_true(waiters_wait(&table, &f, flag_is_up, &f, 0));
}

/* Not up yet; but when the waiter has announced itself, it is raised right after this look. */
static bool flag_is_raised_after_the_look(void *context)
{
    flag *f = context;
    bool up = flag_is_up(f);
    if (!up && atomic_load(&bucket_of(f)->num_waiting) > 0) {
        raise_flag(f);
    }
    return up;
}

static void a_wake_up_between_the_look_and_the_sleep_is_not_missed(void **state)
{
    (void)state;
    flag f = {.up = 0};
    assert_true(waiters_wait(&table, &f, flag_is_raised_after_the_look, &f, YOKE_FOREVER));
}

static void two_waiters_at_one_address_are_both_woken(void **state)
{
    (void)state;
    static flag f;
    static sleeper s[2];
    start(&s[0], &f);
    start(&s[1], &f);
    wait_for_waiting(&f, 2);
    testing_sleep_ms(20);
    raise_flag(&f);
    testing_join(s[0].thread);
    testing_join(s[1].thread);
    assert_true(s[0].holds && s[1].holds);
    assert_int_equal(atomic_load(&bucket_of(&f)->num_waiting), 0);
}

static void addresses_in_one_bucket_wake_each_other_for_nothing_only(void **state)
{
    (void)state;
    static flag flags[WAITERS_BUCKETS + 1]; /* so two of them must share a bucket */
    static sleeper s[2];
    flag *first = NULL, *second = NULL;
    for (int i = 0; i <= WAITERS_BUCKETS && second == NULL; i++) {
        for (int k = 0; k < i && second == NULL; k++) {
            if (bucket_of(&flags[i]) == bucket_of(&flags[k])) {
                first = &flags[k];
                second = &flags[i];
            }
        }
    }
    assert_non_null(second);
    start(&s[0], first);
    start(&s[1], second);
    wait_for_waiting(first, 2);
    testing_sleep_ms(20);
    raise_flag(first);
    testing_join(s[0].thread);
    assert_true(s[0].holds);
    testing_sleep_ms(20);
    assert_false(atomic_load(&s[1].back));
    assert_int_equal(atomic_load(&bucket_of(second)->num_waiting), 1);
    raise_flag(second);
    testing_join(s[1].thread);
    assert_true(s[1].holds);
}

/* -- a ball between two threads, each of which sleeps until it has it -----------------------------
 */

typedef struct game {
    _Atomic uint32_t turn; /* even: the first player's */
    uint32_t num_rounds;
} game;

typedef struct player {
    game *g;
    uint32_t parity;
    testing_random random;
} player;

static bool turn_is_mine(void *context)
{
    player *p = context;
    return atomic_load(&p->g->turn) % 2 == p->parity;
}

static void *play(void *context)
{
    player *p = context;
    for (uint32_t i = 0; i < p->g->num_rounds; i++) {
        waiters_wait(&table, p->g, turn_is_mine, p, YOKE_FOREVER);
        /* As long as the other looks before it sleeps, so as to meet it on its way there. */
        for (uint64_t k = testing_random_below(&p->random, 8000); k > 0; k--) {
            __asm__ volatile("");
        }
        atomic_fetch_add(&p->g->turn, 1);
        waiters_wake(&table, p->g);
    }
    return NULL;
}

static void no_wake_up_is_lost_between_two_threads(void **state)
{
    (void)state;
    static game g;
    static player players[2];
    pthread_t threads[2];
    uint64_t seed = testing_seed();
    testing_watchdog(testing_full() ? 600 : 60);
    g.num_rounds = testing_full() ? STRESS_ROUNDS_FULL : STRESS_ROUNDS;
    for (uint32_t i = 0; i < 2; i++) {
        players[i] = (player){.g = &g, .parity = i, .random = testing_random_of(seed, i)};
        testing_start(&threads[i], play, &players[i]);
    }
    testing_join(threads[0]);
    testing_join(threads[1]);
    assert_int_equal(atomic_load(&g.turn), 2 * g.num_rounds);
    assert_int_equal(atomic_load(&bucket_of(&g)->num_waiting), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_result_that_is_there_already_needs_no_sleep),
        TEST(a_wake_up_with_nobody_there_leaves_no_trace),
        TEST(a_sleeping_waiter_is_woken),
        TEST(a_wake_up_for_nothing_sends_the_waiter_back_to_sleep),
        TEST(a_wait_ends_at_its_deadline_and_not_before),
        TEST(a_deadline_that_has_passed_is_still_one_look),
        TEST(a_wake_up_after_the_time_out_finds_nobody),
        TEST(a_wake_up_between_the_look_and_the_sleep_is_not_missed),
        TEST(two_waiters_at_one_address_are_both_woken),
        TEST(addresses_in_one_bucket_wake_each_other_for_nothing_only),
        TEST(no_wake_up_is_lost_between_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
