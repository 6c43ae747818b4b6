/*
 * Fork and join through the public headers: results, parameters, and more calls than there is room
 * for, on any number of workers. (Joins that wait are in join_test.c, misuse in misuse_test.c.)
 */
#include "tests/runtime/calls.h"

static fixture f;
static const yoke_type *call_type;

static void start_on(uint32_t num_workers)
{
    call_type = calls_start(&f, yoke_options(.num_workers = num_workers));
}

/* -- results --------------------------------------------------------------------------------- */

/* Runs it again and again until thieves have taken calls; with one worker there are none. */
static void run_until_stolen(call *c, long expected)
{
    bool has_thieves = calls_stats(&f).num_workers > 1;
    uint64_t end_ns = fixture_now_ns() + 60 * CALLS_SECOND_NS;
    int rounds = 0;
    do {
        c->result = -1;
        calls_run(&f, call_type, c);
        assert_int_equal(c->result, expected);
        rounds++;
    } while (rounds < 3 ||
             (has_thieves && calls_stats(&f).forks_stolen == 0 && fixture_now_ns() < end_ns));
    assert_int_equal(calls_stats(&f).forks_stolen > 0, has_thieves);
}

static void check_with_1_2_4_and_8_workers(void (*run)(yoke_worker *, call *), long argument,
                                           long expected)
{
    for (uint32_t num_workers = 1; num_workers <= 8; num_workers *= 2) {
        call c = {run, argument, 0};
        start_on(num_workers);
        run_until_stolen(&c, expected);
        fixture_stop(&f);
    }
}

YOKE_TASK(long, fib, long)
static long fib(yoke_worker *worker, long n)
{
    if (n < 2) {
        return n;
    }
    long a;
    fib_spawn(worker, &a, n - 1);
    long b = fib(worker, n - 2);
    fib_sync(worker, &a);
    return a + b;
}

static void run_fib(yoke_worker *worker, call *self)
{
    self->result = fib(worker, self->argument);
}

static void typed_fib_is_right_on_any_number_of_workers(void **state)
{
    (void)state;
    check_with_1_2_4_and_8_workers(run_fib, 23, 28657);
}

static void generic_fib(yoke_worker *worker, void *argument)
{
    call *self = argument;
    if (self->argument < 2) {
        self->result = self->argument;
        return;
    }
    call a = {.argument = self->argument - 1}, b = {.argument = self->argument - 2};
    yoke_fork(worker, generic_fib, &a);
    generic_fib(worker, &b);
    yoke_join(worker);
    self->result = a.result + b.result;
}

static void run_generic_fib(yoke_worker *worker, call *self)
{
    generic_fib(worker, self);
}

static void generic_fib_is_right_on_any_number_of_workers(void **state)
{
    (void)state;
    check_with_1_2_4_and_8_workers(run_generic_fib, 23, 28657);
}

/* Ways to put a queen into each row that is left: a set of columns each for those that are taken,
 * and for those that the diagonals take in the next row. */
YOKE_TASK(long, queens, uint32_t, uint32_t, uint32_t, uint32_t)
static long queens(yoke_worker *worker, uint32_t all, uint32_t columns, uint32_t left,
                   uint32_t right)
{
    if (columns == all) {
        return 1;
    }
    long ways[32], sum = 0;
    int count = 0;
    for (uint32_t free = all & ~(columns | left | right); free != 0; free &= free - 1) {
        uint32_t queen = free & (~free + 1);
        queens_spawn(worker, &ways[count++], all, columns | queen, (left | queen) << 1,
                     (right | queen) >> 1);
    }
    while (count-- > 0) {
        queens_sync(worker, &ways[count]);
        sum += ways[count];
    }
    return sum;
}

static void run_queens(yoke_worker *worker, call *self)
{
    self->result = queens(worker, (1u << self->argument) - 1, 0, 0, 0);
}

static void eleven_queens_stand_in_2680_ways(void **state)
{
    (void)state;
    check_with_1_2_4_and_8_workers(run_queens, 11, 2680);
}

YOKE_TASK(long, sum, const int *, size_t)
static long sum(yoke_worker *worker, const int *values, size_t count)
{
    if (count <= 16) {
        long all = 0;
        for (size_t i = 0; i < count; i++) {
            all += values[i];
        }
        return all;
    }
    long first;
    sum_spawn(worker, &first, values, count / 2);
    long rest = sum(worker, values + count / 2, count - count / 2);
    sum_sync(worker, &first);
    return first + rest;
}

static int summands[100003];

static void run_sum(yoke_worker *worker, call *self)
{
    self->result = sum(worker, summands, (size_t)self->argument);
}

static void an_array_is_added_up_by_halves(void **state)
{
    (void)state;
    long expected = 0, count = sizeof summands / sizeof summands[0];
    for (long i = 0; i < count; i++) {
        summands[i] = (int)(i * i % 1009) - 500;
        expected += summands[i];
    }
    check_with_1_2_4_and_8_workers(run_sum, count, expected);
}

/* -- parameters and results of every kind -----------------------------------------------------
 *
 * Each of these counts the leaves of a tree of that depth, and hands its other arguments on: where
 * one arrives changed, the count is wrong.
 */

#define DEPTH 9
#define LEAVES (1 << DEPTH)
#define WRONG (-1000000)

YOKE_TASK(unsigned char, one, unsigned char)
static unsigned char one(yoke_worker *worker, unsigned char n)
{
    unsigned char a;
    if (n == 0) {
        return 1;
    }
    one_spawn(worker, &a, n - 1);
    unsigned char b = one(worker, n - 1);
    one_sync(worker, &a);
    return (unsigned char)(a + b);
}

YOKE_TASK(uint64_t, two, uint64_t, unsigned char)
static uint64_t two(yoke_worker *worker, uint64_t big, unsigned char n)
{
    uint64_t a;
    if (n == 0) {
        return big == UINT64_C(0xfedcba9876543210);
    }
    two_spawn(worker, &a, big, n - 1);
    uint64_t b = two(worker, big, n - 1);
    two_sync(worker, &a);
    return a + b;
}

typedef struct six_longs {
    long of[6];
} six_longs;
_Static_assert(sizeof(six_longs) == YOKE_FORK_BYTES_MAX, "the largest result there may be");

YOKE_TASK(six_longs, three, short, unsigned, long)
static six_longs three(yoke_worker *worker, short small, unsigned n, long big)
{
    six_longs a, b = {{1, small, (long)small * small, big, -big, 0}};
    if (n == 0) {
        return b;
    }
    three_spawn(worker, &a, small, n - 1, big);
    b = three(worker, small, n - 1, big);
    three_sync(worker, &a);
    for (int i = 0; i < 6; i++) {
        b.of[i] += a.of[i];
    }
    return b;
}

YOKE_TASK(double, four, float, double, int, char)
static double four(yoke_worker *worker, float x, double y, int n, char c)
{
    double a;
    if (n == 0) {
        return x == 0.5f && y == 1e300 && c == 'c' ? 1 : WRONG;
    }
    four_spawn(worker, &a, x, y, n - 1, c);
    double b = four(worker, x, y, n - 1, c);
    four_sync(worker, &a);
    return a + b;
}

/* The result is as aligned as any may be. */
YOKE_TASK(__int128, five, char, short, int, long, const void *)
static __int128 five(yoke_worker *worker, char a, short b, int n, long d, const void *e)
{
    __int128 first;
    if (n == 0) {
        return a == -1 && b == -2 && d == -4 && e == (const void *)&f ? (__int128)1 << 64 : WRONG;
    }
    five_spawn(worker, &first, a, b, n - 1, d, e);
    __int128 second = five(worker, a, b, n - 1, d, e);
    five_sync(worker, &first);
    return first + second;
}

YOKE_TASK(void *, six, long, long, long, long, long, long)
static void *six(yoke_worker *worker, long n, long b, long c, long d, long e, long g)
{
    void *first;
    if (n == 0) {
        bool is_right = b == 2 && c == 3 && d == 4 && e == 5 && g == 6;
        return (void *)(intptr_t)(is_right ? 1 : WRONG);
    }
    six_spawn(worker, &first, n - 1, b, c, d, e, g);
    void *second = six(worker, n - 1, b, c, d, e, g);
    six_sync(worker, &first);
    return (void *)((intptr_t)first + (intptr_t)second);
}

static void run_one(yoke_worker *worker, call *self)
{
    self->result = one(worker, (unsigned char)self->argument);
}

static void run_two(yoke_worker *worker, call *self)
{
    self->result = (long)two(worker, UINT64_C(0xfedcba9876543210), (unsigned char)self->argument);
}

static void run_three(yoke_worker *worker, call *self)
{
    six_longs sums = three(worker, -3, (unsigned)self->argument, 1L << 40);
    long n = sums.of[0];
    bool is_right = sums.of[1] == -3 * n && sums.of[2] == 9 * n && sums.of[3] == n << 40 &&
                    sums.of[4] == -(n << 40) && sums.of[5] == 0;
    self->result = is_right ? n : WRONG;
}

static void run_four(yoke_worker *worker, call *self)
{
    self->result = (long)four(worker, 0.5f, 1e300, (int)self->argument, 'c');
}

static void run_five(yoke_worker *worker, call *self)
{
    self->result = (long)(five(worker, -1, -2, (int)self->argument, -4, &f) >> 64);
}

static void run_six(yoke_worker *worker, call *self)
{
    self->result = (long)(intptr_t)six(worker, self->argument, 2, 3, 4, 5, 6);
}

static void results_of_1_to_48_bytes_and_1_to_6_parameters_arrive(void **state)
{
    (void)state;
    check_with_1_2_4_and_8_workers(run_one, DEPTH, LEAVES % 256);
    check_with_1_2_4_and_8_workers(run_two, DEPTH, LEAVES);
    check_with_1_2_4_and_8_workers(run_three, DEPTH, LEAVES);
    check_with_1_2_4_and_8_workers(run_four, DEPTH, LEAVES);
    check_with_1_2_4_and_8_workers(run_five, DEPTH, LEAVES);
    check_with_1_2_4_and_8_workers(run_six, DEPTH, LEAVES);
}

YOKE_TASK_VOID(void_one, call *)
static void void_one(yoke_worker *worker, call *self)
{
    call a = {.argument = self->argument - 1}, b = a;
    self->result = 1;
    if (self->argument > 0) {
        void_one_spawn(worker, &a);
        void_one(worker, &b);
        void_one_sync(worker);
        self->result = a.result + b.result;
    }
}

YOKE_TASK_VOID(void_two, long *, int)
static void void_two(yoke_worker *worker, long *out, int n)
{
    long a = 0, b = 1;
    if (n > 0) {
        void_two_spawn(worker, &a, n - 1);
        void_two(worker, &b, n - 1);
        void_two_sync(worker);
    }
    *out = a + b;
}

YOKE_TASK_VOID(void_three, long *, char, int)
static void void_three(yoke_worker *worker, long *out, char c, int n)
{
    long a = 0, b = c == 'c' ? 1 : WRONG;
    if (n > 0) {
        void_three_spawn(worker, &a, c, n - 1);
        void_three(worker, &b, c, n - 1);
        void_three_sync(worker);
    }
    *out = a + b;
}

YOKE_TASK_VOID(void_four, long *, double, char, int)
static void void_four(yoke_worker *worker, long *out, double x, char c, int n)
{
    long a = 0, b = x == 0.25 && c == 'c' ? 1 : WRONG;
    if (n > 0) {
        void_four_spawn(worker, &a, x, c, n - 1);
        void_four(worker, &b, x, c, n - 1);
        void_four_sync(worker);
    }
    *out = a + b;
}

YOKE_TASK_VOID(void_five, long *, double, char, int, short)
static void void_five(yoke_worker *worker, long *out, double x, char c, int n, short s)
{
    long a = 0, b = x == 0.25 && c == 'c' && s == -7 ? 1 : WRONG;
    if (n > 0) {
        void_five_spawn(worker, &a, x, c, n - 1, s);
        void_five(worker, &b, x, c, n - 1, s);
        void_five_sync(worker);
    }
    *out = a + b;
}

YOKE_TASK_VOID(void_six, long *, double, char, int, short, uint64_t)
static void void_six(yoke_worker *worker, long *out, double x, char c, int n, short s, uint64_t u)
{
    long a = 0, b = x == 0.25 && c == 'c' && s == -7 && u == UINT64_MAX ? 1 : WRONG;
    if (n > 0) {
        void_six_spawn(worker, &a, x, c, n - 1, s, u);
        void_six(worker, &b, x, c, n - 1, s, u);
        void_six_sync(worker);
    }
    *out = a + b;
}

static void run_void_one(yoke_worker *worker, call *self)
{
    void_one(worker, self);
}

static void run_void_two(yoke_worker *worker, call *self)
{
    void_two(worker, &self->result, (int)self->argument);
}

static void run_void_three(yoke_worker *worker, call *self)
{
    void_three(worker, &self->result, 'c', (int)self->argument);
}

static void run_void_four(yoke_worker *worker, call *self)
{
    void_four(worker, &self->result, 0.25, 'c', (int)self->argument);
}

static void run_void_five(yoke_worker *worker, call *self)
{
    void_five(worker, &self->result, 0.25, 'c', (int)self->argument, -7);
}

static void run_void_six(yoke_worker *worker, call *self)
{
    void_six(worker, &self->result, 0.25, 'c', (int)self->argument, -7, UINT64_MAX);
}

static void tasks_without_a_result_get_1_to_6_parameters(void **state)
{
    (void)state;
    check_with_1_2_4_and_8_workers(run_void_one, DEPTH, LEAVES);
    check_with_1_2_4_and_8_workers(run_void_two, DEPTH, LEAVES);
    check_with_1_2_4_and_8_workers(run_void_three, DEPTH, LEAVES);
    check_with_1_2_4_and_8_workers(run_void_four, DEPTH, LEAVES);
    check_with_1_2_4_and_8_workers(run_void_five, DEPTH, LEAVES);
    check_with_1_2_4_and_8_workers(run_void_six, DEPTH, LEAVES);
}

static void run_mixed_joins(yoke_worker *worker, call *self)
{
    long a = 0, b = 0, not_stored = 0;
    call c = {.argument = DEPTH};
    void_two_spawn(worker, &a, DEPTH);
    fib_spawn(worker, &not_stored, 5);
    yoke_fork(worker, generic_fib, &c);
    void_two_spawn(worker, &b, DEPTH);
    yoke_join(worker); /* b */
    yoke_join(worker);
    yoke_join(worker); /* the result of a typed task comes with its own sync only */
    void_two_sync(worker);
    self->result = c.result == 34 && a == b ? a : WRONG;
}

static void the_generic_join_joins_typed_tasks_too(void **state)
{
    (void)state;
    check_with_1_2_4_and_8_workers(run_mixed_joins, DEPTH, LEAVES);
}

/* -- more calls than there is room for -------------------------------------------------------- */

#define MANY (3 * YOKE_FORKS_MAX)
#define SUM_TO(n) ((long)(n) * ((n) + 1) / 2)

static _Atomic long num_run; /* leaves that have run */

YOKE_TASK(long, leaf, long)
static long leaf(yoke_worker *worker, long n)
{
    (void)worker;
    atomic_fetch_add_explicit(&num_run, 1, memory_order_relaxed);
    return n;
}

YOKE_TASK_VOID(void_leaf, long *, long)
static void void_leaf(yoke_worker *worker, long *out, long n)
{
    *out = leaf(worker, n);
}

static void generic_leaf(yoke_worker *worker, void *argument)
{
    long *out = argument;
    *out = leaf(worker, *out);
}

static long deep(yoke_worker *worker, long n)
{
    long a, b = 0;
    leaf_spawn(worker, &a, n);
    if (n > 1) {
        b = deep(worker, n - 1);
    }
    leaf_sync(worker, &a);
    return a + b;
}

static long void_deep(yoke_worker *worker, long n)
{
    long a, b = 0;
    void_leaf_spawn(worker, &a, n);
    if (n > 1) {
        b = void_deep(worker, n - 1);
    }
    void_leaf_sync(worker);
    return a + b;
}

static long generic_deep(yoke_worker *worker, long n)
{
    long a = n, b = 0;
    yoke_fork(worker, generic_leaf, &a);
    if (n > 1) {
        b = generic_deep(worker, n - 1);
    }
    yoke_join(worker);
    return a + b;
}

static void run_deep(yoke_worker *worker, call *self)
{
    self->result = deep(worker, self->argument) + void_deep(worker, self->argument) +
                   generic_deep(worker, self->argument);
}

static void recursion_may_go_deeper_than_there_is_room_for(void **state)
{
    (void)state;
    enum { N = YOKE_FORKS_MAX + 1000 };
    check_with_1_2_4_and_8_workers(run_deep, N, 3 * SUM_TO(N));
}

static long leaves[MANY];

/* How many leaves have run when all are forked: with one worker, those that found no room. */
static long num_run_in_place;

static long add_up_leaves(void)
{
    long all = 0;
    for (long i = 0; i < MANY; i++) {
        all += leaves[i];
    }
    return all;
}

static void run_flat(yoke_worker *worker, call *self)
{
    atomic_store(&num_run, 0);
    for (long i = 0; i < MANY; i++) {
        leaf_spawn(worker, &leaves[i], i + 1);
    }
    num_run_in_place = atomic_load(&num_run);
    for (long i = MANY; i-- > 0;) {
        leaf_sync(worker, &leaves[i]);
    }
    self->result = add_up_leaves();
}

static void run_void_flat(yoke_worker *worker, call *self)
{
    atomic_store(&num_run, 0);
    for (long i = 0; i < MANY; i++) {
        void_leaf_spawn(worker, &leaves[i], i + 1);
    }
    num_run_in_place = atomic_load(&num_run);
    for (long i = MANY; i-- > 0;) {
        void_leaf_sync(worker);
    }
    self->result = add_up_leaves();
}

static void run_generic_flat(yoke_worker *worker, call *self)
{
    atomic_store(&num_run, 0);
    for (long i = 0; i < MANY; i++) {
        leaves[i] = i + 1;
        yoke_fork(worker, generic_leaf, &leaves[i]);
    }
    num_run_in_place = atomic_load(&num_run);
    for (long i = MANY; i-- > 0;) {
        yoke_join(worker);
    }
    self->result = add_up_leaves();
}

static void calls_that_find_no_room_run_at_once_in_place(void **state)
{
    (void)state;
    void (*const runs[])(yoke_worker *, call *) = {run_flat, run_void_flat, run_generic_flat};
    start_on(1);
    for (int i = 0; i < 3; i++) {
        call c = {.run = runs[i]};
        calls_run(&f, call_type, &c);
        assert_int_equal(c.result, SUM_TO(MANY));
        assert_int_equal(num_run_in_place, MANY - YOKE_FORKS_MAX);
        assert_int_equal(atomic_load(&num_run), MANY);
    }
    fixture_stop(&f);
    for (int i = 0; i < 3; i++) {
        check_with_1_2_4_and_8_workers(runs[i], 0, SUM_TO(MANY));
        assert_int_equal(atomic_load(&num_run), MANY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_fib_is_right_on_any_number_of_workers),
        cmocka_unit_test(generic_fib_is_right_on_any_number_of_workers),
        cmocka_unit_test(eleven_queens_stand_in_2680_ways),
        cmocka_unit_test(an_array_is_added_up_by_halves),
        cmocka_unit_test(results_of_1_to_48_bytes_and_1_to_6_parameters_arrive),
        cmocka_unit_test(tasks_without_a_result_get_1_to_6_parameters),
        cmocka_unit_test(the_generic_join_joins_typed_tasks_too),
        cmocka_unit_test(recursion_may_go_deeper_than_there_is_room_for),
        cmocka_unit_test(calls_that_find_no_room_run_at_once_in_place),
    };
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
