/*
 * Kernels that fork beside everything else that happens to jobs: random trees of calls of many jobs
 * at once, large jobs, cancels, deadlines, callbacks, groups, destroy.
 */
#include <sched.h>

#include "tests/runtime/calls.h"

static fixture f;
static const yoke_type *call_type;

static void start_on(uint32_t num_workers)
{
    call_type = calls_start(&f, yoke_options(.num_workers = num_workers));
}

static int start(void **state)
{
    (void)state;
    start_on(2);
    return 0;
}

static int start_with_four(void **state)
{
    (void)state;
    start_on(4);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&f);
    return 0;
}

/* -- random trees ------------------------------------------------------------------------------
 *
 * A node's seed says how many children it has, and how each is called: as a typed task, one without
 * a result, a generic call, or in place. Its value depends on its whole subtree.
 */

#define TREE_CHILDREN_MAX 5

enum { BY_TASK, BY_VOID_TASK, BY_FORK, IN_PLACE, WAYS };

typedef struct node {
    uint64_t seed, value;
    uint32_t depth;
} node;

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t child_seed(uint64_t seed, uint32_t i)
{
    return mix(seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

static uint32_t num_children(uint64_t seed, uint32_t depth)
{
    return depth == 0 ? 0 : (uint32_t)(seed % (TREE_CHILDREN_MAX + 1));
}

/* In the order in which they are joined, which the value tells. */
static uint64_t value_of(uint64_t seed, const node *children, uint32_t count)
{
    uint64_t value = seed;
    while (count-- > 0) {
        value = mix(value) + children[count].value;
    }
    return value;
}

static uint64_t serial_tree(uint64_t seed, uint32_t depth)
{
    node children[TREE_CHILDREN_MAX];
    uint32_t count = num_children(seed, depth);
    for (uint32_t i = 0; i < count; i++) {
        children[i].value = serial_tree(child_seed(seed, i), depth - 1);
    }
    return value_of(seed, children, count);
}

/* Now and then somebody else is let in, and the order of things changes. */
static void disturb(uint64_t seed)
{
    if (seed >> 56 == 0) {
        sched_yield();
    }
    for (uint64_t i = (seed >> 8) % 64; i > 0; i--) {
        atomic_signal_fence(memory_order_seq_cst);
    }
}

YOKE_TASK(uint64_t, tree, uint64_t, uint32_t)
YOKE_TASK_VOID(void_tree, node *)

static void void_tree(yoke_worker *worker, node *n)
{
    n->value = tree(worker, n->seed, n->depth);
}

static void generic_tree(yoke_worker *worker, void *argument)
{
    void_tree(worker, argument);
}

static void tree_fork_child(yoke_worker *worker, node *child, int way)
{
    switch (way) {
    case BY_TASK:
        tree_spawn(worker, &child->value, child->seed, child->depth);
        break;
    case BY_VOID_TASK:
        void_tree_spawn(worker, child);
        break;
    case BY_FORK:
        yoke_fork(worker, generic_tree, child);
        break;
    default:
        child->value = tree(worker, child->seed, child->depth);
    }
}

static void tree_join_child(yoke_worker *worker, node *child, int way)
{
    switch (way) {
    case BY_TASK:
        tree_sync(worker, &child->value);
        break;
    case BY_VOID_TASK:
        void_tree_sync(worker);
        break;
    case BY_FORK:
        yoke_join(worker);
        break;
    default:;
    }
}

static int way_of(const node *child)
{
    return (int)((child->seed >> 32) % WAYS);
}

static uint64_t tree(yoke_worker *worker, uint64_t seed, uint32_t depth)
{
    node children[TREE_CHILDREN_MAX];
    uint32_t count = num_children(seed, depth);
    disturb(seed);
    for (uint32_t i = 0; i < count; i++) {
        children[i] = (node){.seed = child_seed(seed, i), .depth = depth - 1};
        tree_fork_child(worker, &children[i], way_of(&children[i]));
    }
    for (uint32_t i = count; i-- > 0;) {
        tree_join_child(worker, &children[i], way_of(&children[i]));
    }
    return value_of(seed, children, count);
}

#define TREE_DEPTH 8
#define TREE_JOBS 12
#define TREE_ROUNDS 400

typedef struct tree_job {
    call c;
    call *item;
    uint64_t seed, value;
    yoke_job job;
} tree_job;

static void run_tree(yoke_worker *worker, call *self)
{
    tree_job *t = (tree_job *)(void *)self;
    t->value = tree(worker, t->seed, TREE_DEPTH);
}

static void tree_job_init(tree_job *t, uint64_t seed)
{
    *t = (tree_job){.c = {.run = run_tree}, .seed = seed};
    t->item = &t->c;
    t->job = calls_job(call_type, &t->item);
}

static void run_trees(uint64_t *random)
{
    static tree_job trees[TREE_JOBS];
    yoke_group group = {{0}};
    for (int i = 0; i < TREE_JOBS; i++) {
        tree_job_init(&trees[i], fixture_random(random));
        trees[i].job.group = &group;
        assert_int_equal(fixture_submit(&f, &trees[i].job), YOKE_OK);
    }
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
    for (int i = 0; i < TREE_JOBS; i++) {
        assert_int_equal(trees[i].value, serial_tree(trees[i].seed, TREE_DEPTH));
    }
}

static void run_rounds_of_trees(int rounds)
{
    uint64_t random = fixture_seed();
    uint64_t end_ns = fixture_now_ns() + 60 * CALLS_SECOND_NS;
    for (int i = 0; i < rounds || (calls_stats(&f).forks_stolen < 100 && fixture_now_ns() < end_ns);
         i++) {
        run_trees(&random);
    }
    printf("%lu calls were stolen\n", calls_stats(&f).forks_stolen);
    assert_true(calls_stats(&f).forks_stolen >= 100);
}

static void random_trees_of_several_jobs_are_right(void **state)
{
    (void)state;
    run_rounds_of_trees(fixture_is_full() ? 40000 : TREE_ROUNDS);
}

/* Stacks that hold a tree, and not many inside each other. */
static void random_trees_are_right_on_small_stacks(void **state)
{
    (void)state;
    call_type = calls_start_with_small_stacks(&f, 4);
    run_rounds_of_trees(fixture_is_full() ? 40000 : TREE_ROUNDS);
    fixture_stop(&f);
}

/* -- jobs around forks ------------------------------------------------------------------------- */

static void every_item_of_a_large_job_may_fork(void **state)
{
    (void)state;
    enum { N = 300 };
    static tree_job trees[N];
    static call *items[N];
    uint64_t random = fixture_seed();
    for (int i = 0; i < N; i++) {
        tree_job_init(&trees[i], fixture_random(&random));
        items[i] = &trees[i].c;
    }
    yoke_job job = yoke_job(.type = call_type, .in = {items}, .num_items = N);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(trees[i].value, serial_tree(trees[i].seed, TREE_DEPTH));
    }
}

#define CALLS 10

/* An item whose kernel forks so many calls that are held. */
typedef struct many_held {
    call c;
    held calls[CALLS];
} many_held;

static void run_many_held(yoke_worker *worker, call *self)
{
    many_held *many = (many_held *)(void *)self;
    for (int i = 0; i < CALLS; i++) {
        yoke_fork(worker, held_run, &many->calls[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        yoke_join(worker);
    }
    self->result = 1;
}

static bool has_begun(many_held *many)
{
    return atomic_load(&many->calls[CALLS - 1].has_begun) != 0; /* it is joined first */
}

static void let_end(many_held *many)
{
    for (int i = 0; i < CALLS; i++) {
        atomic_store(&many->calls[i].may_end, 1);
    }
}

/* How many of its calls have run. */
static int num_ended(const many_held *many)
{
    int count = 0;
    for (int i = 0; i < CALLS; i++) {
        count += many->calls[i].has_ended;
    }
    return count;
}

static void calls_of_a_canceled_job_run_all_the_same(void **state)
{
    (void)state;
    many_held many = {.c = {.run = run_many_held}};
    call *item = &many.c;
    yoke_job job = calls_job(call_type, &item);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    while (!has_begun(&many)) {
        fixture_sleep_ms(1);
    }
    assert_int_equal(yoke_cancel(f.rt, &job), YOKE_OK);
    let_end(&many);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_CANCELED);
    assert_int_equal(many.c.result, 1);
    assert_int_equal(num_ended(&many), CALLS);
}

/* Two items: the one that has begun goes on, with all its calls; the other, unless a second worker
 * has begun it too, does not run. */
static void run_two_items_until(yoke_job *job, uint64_t deadline_ns, many_held many[2])
{
    static call *items[2];
    for (int i = 0; i < 2; i++) {
        many[i] = (many_held){.c = {.run = run_many_held}};
        items[i] = &many[i].c;
    }
    *job = yoke_job(.type = call_type, .in = {items}, .num_items = 2, .deadline_ns = deadline_ns);
    assert_int_equal(fixture_submit(&f, job), YOKE_OK);
    while (!has_begun(&many[0]) && !has_begun(&many[1])) {
        fixture_sleep_ms(1);
    }
}

static void check_two_items(const many_held many[2])
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(num_ended(&many[i]), many[i].c.result * CALLS);
    }
    assert_true(many[0].c.result + many[1].c.result >= 1);
}

static void calls_of_begun_items_of_a_canceled_job_run_all_the_same(void **state)
{
    (void)state;
    static many_held many[2];
    yoke_job job;
    run_two_items_until(&job, 0, many);
    assert_int_equal(yoke_cancel(f.rt, &job), YOKE_OK);
    let_end(&many[0]);
    let_end(&many[1]);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_CANCELED);
    check_two_items(many);
}

static void calls_of_a_job_past_its_deadline_run_all_the_same(void **state)
{
    (void)state;
    static many_held many[2];
    yoke_job job;
    start_on(1); /* so that one item is left when it passes */
    run_two_items_until(&job, fixture_now_ns() + CALLS_SECOND_NS / 10, many);
    while (fixture_now_ns() <= job.deadline_ns) {
        fixture_sleep_ms(1);
    }
    let_end(&many[0]);
    let_end(&many[1]);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_DEADLINE);
    check_two_items(many);
    assert_int_equal(many[0].c.result + many[1].c.result, 1);
    fixture_stop(&f);
}

typedef struct relay {
    tree_job tree;
    struct relay *next;
    _Atomic int *num_done;
} relay;

static void pass_on(yoke_job *job)
{
    relay *r = job->user;
    if (r->next != NULL) {
        assert_int_equal(fixture_submit(&f, &r->next->tree.job), YOKE_OK);
    }
    atomic_fetch_add(r->num_done, 1);
}

/* Chains of jobs that fork: one is submitted by callbacks, the other waits for groups. */
static void callbacks_and_groups_start_jobs_that_fork(void **state)
{
    (void)state;
    enum { N = 100 };
    static relay relays[N];
    static tree_job trees[N];
    static yoke_group groups[N];
    _Atomic int num_done = 0;
    uint64_t random = fixture_seed();
    memset(groups, 0, sizeof groups);
    for (int i = 0; i < N; i++) {
        tree_job_init(&relays[i].tree, fixture_random(&random));
        relays[i].tree.job.done = pass_on;
        relays[i].tree.job.user = &relays[i];
        relays[i].next = i + 1 < N ? &relays[i + 1] : NULL;
        relays[i].num_done = &num_done;
        tree_job_init(&trees[i], fixture_random(&random));
        trees[i].job.group = &groups[i];
        trees[i].job.after = i > 0 ? &groups[i - 1] : NULL;
    }
    assert_int_equal(fixture_submit(&f, &relays[0].tree.job), YOKE_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(fixture_submit(&f, &trees[i].job), YOKE_OK);
    }
    assert_int_equal(yoke_group_wait(f.rt, &groups[N - 1], YOKE_FOREVER), YOKE_OK);
    while (atomic_load(&num_done) < N) {
        fixture_sleep_ms(1);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(relays[i].tree.value, serial_tree(relays[i].tree.seed, TREE_DEPTH));
        assert_int_equal(trees[i].value, serial_tree(trees[i].seed, TREE_DEPTH));
    }
}

static void destroy_lets_kernels_that_fork_finish(void **state)
{
    (void)state;
    static tree_job trees[TREE_JOBS];
    uint64_t random = fixture_seed();
    int num_ok = 0, num_canceled = 0, rounds = fixture_is_full() ? 1000 : 50;
    for (int round = 0; round < rounds; round++) {
        start_on(3);
        for (int i = 0; i < TREE_JOBS; i++) {
            tree_job_init(&trees[i], fixture_random(&random));
            assert_int_equal(fixture_submit(&f, &trees[i].job), YOKE_OK);
        }
        uint64_t end_ns = fixture_now_ns() + fixture_random(&random) % 1000000;
        while (fixture_now_ns() < end_ns) {
            sched_yield();
        }
        fixture_stop(&f);
        for (int i = 0; i < TREE_JOBS; i++) {
            bool is_ok = trees[i].job.status == YOKE_OK;
            assert_true(is_ok || trees[i].job.status == YOKE_CANCELED);
            assert_int_equal(trees[i].value, is_ok ? serial_tree(trees[i].seed, TREE_DEPTH) : 0);
            num_ok += is_ok;
            num_canceled += !is_ok;
        }
    }
    printf("%d jobs were finished, %d canceled\n", num_ok, num_canceled);
    assert_true(num_ok > 0 && num_canceled > 0);
}

int main(void)
{
#define WITH_TWO(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define WITH_FOUR(test) cmocka_unit_test_setup_teardown(test, start_with_four, stop)
    const struct CMUnitTest tests[] = {
        WITH_FOUR(random_trees_of_several_jobs_are_right),
        cmocka_unit_test(random_trees_are_right_on_small_stacks),
        WITH_FOUR(every_item_of_a_large_job_may_fork),
        WITH_TWO(calls_of_a_canceled_job_run_all_the_same),
        WITH_TWO(calls_of_begun_items_of_a_canceled_job_run_all_the_same),
        cmocka_unit_test(calls_of_a_job_past_its_deadline_run_all_the_same),
        WITH_FOUR(callbacks_and_groups_start_jobs_that_fork),
        cmocka_unit_test(destroy_lets_kernels_that_fork_finish),
    };
    return cmocka_run_group_tests_name("fork_jobs", tests, NULL, NULL);
}
