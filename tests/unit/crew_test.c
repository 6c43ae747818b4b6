/*
 * crew.h: every piece of every crew runs once, by whoever helps, and the owner sees what all have
 * written.
 */
#include "runtime/crew.h"

#include <pthread.h>
#include <sched.h>

#include "tests/unit/testing.h"

#define PIECES_MAX 40
#define HELPERS 3
#define HELPED 64
#define CREWS 20000
#define CREWS_FULL 400000

static crew shared;
static _Atomic bool is_over;
static _Atomic uint64_t num_helped;
static uint32_t written[PIECES_MAX]; /* not atomic: tsan sees a broken C1 or C2 */

static void write_piece(void *context, uint32_t piece)
{
    const uint32_t *crew_number = context;
    written[piece] += *crew_number;
}

static void *help(void *argument)
{
    (void)argument;
    while (!atomic_load(&is_over)) {
        if (crew_help_any(&shared)) {
            atomic_fetch_add_explicit(&num_helped, 1, memory_order_relaxed);
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void finish(void)
{
    while (crew_help_any(&shared)) {
    }
    while (!crew_is_done_owner(&shared)) {
        sched_yield();
    }
}

static void one_thread_runs_every_piece_in_order(void **state)
{
    (void)state;
    uint32_t number = 7;
    crew_init(&shared);
    assert_false(crew_has_pieces_any(&shared));
    assert_false(crew_help_any(&shared));
    assert_true(crew_is_done_owner(&shared));
    memset(written, 0, sizeof written);
    crew_begin_owner(&shared, write_piece, &number, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(crew_has_pieces_any(&shared));
        assert_false(crew_is_done_owner(&shared));
        assert_true(crew_help_any(&shared));
        assert_int_equal(written[i], 7);
        assert_int_equal(written[i + 1], 0);
    }
    assert_false(crew_help_any(&shared));
    assert_true(crew_is_done_owner(&shared));
}

static void count(void *context, uint32_t piece)
{
    uint64_t *sum = context;
    *sum += piece;
}

static void as_many_pieces_as_can_be_are_handed_out(void **state)
{
    (void)state;
    uint64_t sum = 0;
    crew_init(&shared);
    for (int i = 0; i < 2; i++) {
        crew_begin_owner(&shared, count, &sum, CREW_PIECES_MAX);
        finish();
    }
    assert_int_equal(sum, UINT64_C(2) * CREW_PIECES_MAX * (CREW_PIECES_MAX - 1) / 2);
}

static void every_piece_of_many_crews_runs_once(void **state)
{
    (void)state;
    pthread_t helpers[HELPERS];
    testing_random random = testing_random_of(testing_seed(), 0);
    uint32_t num_crews = testing_full() ? CREWS_FULL : CREWS;
    crew_init(&shared);
    for (int i = 0; i < HELPERS; i++) {
        assert_int_equal(pthread_create(&helpers[i], NULL, help, NULL), 0);
    }
    for (uint32_t n = 1; n <= num_crews; n++) {
        uint32_t num_pieces = 1 + (uint32_t)testing_random_below(&random, PIECES_MAX);
        memset(written, 0, sizeof written);
        crew_begin_owner(&shared, write_piece, &n, num_pieces);
        while (n % HELPED == 0 && crew_next(atomic_load(&shared.word)) == 0) {
            sched_yield(); /* this one begins with help */
        }
        finish();
        for (uint32_t i = 0; i < PIECES_MAX; i++) {
            assert_int_equal(written[i], i < num_pieces ? n : 0);
        }
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < HELPERS; i++) {
        pthread_join(helpers[i], NULL);
    }
    assert_true(atomic_load(&num_helped) >= num_crews / HELPED);
    printf("%lu pieces by helpers\n", (unsigned long)num_helped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_runs_every_piece_in_order),
        cmocka_unit_test(as_many_pieces_as_can_be_are_handed_out),
        cmocka_unit_test(every_piece_of_many_crews_runs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
