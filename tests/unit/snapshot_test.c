/*
 * snapshot.h: readers see one whole snapshot or the next, and one that was replaced is nobody's any
 * more: the publisher scribbles over it and frees it at once, which asan and tsan watch. And what
 * of a policy is in them.
 */
#include "runtime/snapshot.h"

#include "tests/unit/testing.h"

#define PUBLICATIONS 10000
#define READERS 3

static snapshot_cell cell;
static _Atomic bool is_over;
static _Atomic uint32_t num_reading; /* readers that have begun */

/* The n-th snapshot: every value follows from n, and none is as in another one. */
static void fill(snapshot *s, uint64_t n)
{
    *s = (snapshot){
        .mode = (policy_routing_mode)(n % POLICY_NUM_ROUTING_MODES),
        .wait_us_max = (uint32_t)n + 1,
        .break_even_cost = 2 * n + 1,
        .target_cost = 3 * n + 1,
        .window = n,
        .window_ns = 5 * n + 1,
        .window_jobs = 7 * n + 1,
        .window_items_cpu = 11 * n + 1,
        .window_items_gpu = 13 * n + 1,
        .window_batches = 17 * n + 1,
    };
}

static bool is_whole(const snapshot *s)
{
    uint64_t n = s->window;
    return s->mode == (policy_routing_mode)(n % POLICY_NUM_ROUTING_MODES) &&
           s->wait_us_max == (uint32_t)n + 1 && s->break_even_cost == 2 * n + 1 &&
           s->target_cost == 3 * n + 1 && s->window_ns == 5 * n + 1 &&
           s->window_jobs == 7 * n + 1 && s->window_items_cpu == 11 * n + 1 &&
           s->window_items_gpu == 13 * n + 1 && s->window_batches == 17 * n + 1;
}

static snapshot *make(uint64_t n)
{
    snapshot *s = malloc(sizeof *s);
    assert_non_null(s);
    fill(s, n);
    return s;
}

static void scribble_and_free(snapshot *s)
{
    memset(s, 0xa5, sizeof *s);
    free(s);
}

/* -- what a policy says ------------------------------------------------------------------------ */

/* The value of a key becomes another one that is allowed, or of a text a longer one. */
static void change(yoke_policy *policy, const policy_key *key)
{
    char *field = (char *)policy + key->offset;
    uint64_t number = policy_is_text(key) ? 0 : policy_number(policy, key);
    uint64_t other = number == key->max ? number - 1 : number + 1;
    if (policy_is_text(key)) {
        strcpy(field, "other");
    } else {
        memcpy(field, &other, key->bytes); /* little-endian, like all that yoke runs on */
    }
    assert_int_equal(policy_check(policy, NULL, 0), YOKE_OK);
}

static void a_policy_sets_every_live_key_and_no_other(void **state)
{
    (void)state;
    static snapshot before, after;
    yoke_policy policy;
    policy_default(&policy);
    memset(&before, 0, sizeof before);
    snapshot_set_policy(&before, &policy);
    uint32_t num_live = 0;
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        const policy_key *key = &policy_keys[k];
        policy_default(&policy);
        change(&policy, key);
        memset(&after, 0, sizeof after);
        snapshot_set_policy(&after, &policy);
        bool is_changed = memcmp(&before, &after, sizeof before) != 0;
        if (is_changed != key->is_live) {
            fail_msg("%s.%s: %s", key->section, key->name, is_changed ? "changes it" : "lost");
        }
        num_live += key->is_live;
    }
    assert_true(num_live > 0 && num_live < POLICY_NUM_KEYS);
}

static void a_policy_leaves_the_last_window_as_it_was(void **state)
{
    (void)state;
    snapshot s;
    yoke_policy policy;
    policy_default(&policy);
    fill(&s, 1000);
    snapshot_set_policy(&s, &policy);
    assert_int_equal(s.mode, policy.routing.mode);
    assert_int_equal(s.path, policy.gpu.path);
    assert_int_equal(s.wait_us_max, policy.batching.wait_us_max);
    assert_int_equal(s.break_even_cost, policy.routing.break_even_cost);
    assert_int_equal(s.target_cost, policy.batching.target_start);
    s.mode = (policy_routing_mode)(1000 % POLICY_NUM_ROUTING_MODES);
    s.wait_us_max = 1001;
    s.break_even_cost = 2001;
    s.target_cost = 3001;
    assert_true(is_whole(&s));
}

/* -- one thread -------------------------------------------------------------------------------- */

static void what_was_published_is_read_and_what_was_before_comes_back(void **state)
{
    (void)state;
    snapshot first, second, third;
    fill(&first, 1);
    fill(&second, 2);
    fill(&third, 3);
    snapshot_init(&cell, &first);
    assert_ptr_equal(snapshot_read_begin(&cell), &first);
    snapshot_read_end();
    assert_ptr_equal(snapshot_publish(&cell, &second), &first);
    assert_ptr_equal(snapshot_read_begin(&cell), &second);
    snapshot_read_end();
    assert_ptr_equal(snapshot_publish(&cell, &third), &second);
    assert_ptr_equal(snapshot_publish(&cell, &first), &third); /* one may come again */
    const snapshot *read = snapshot_read_begin(&cell);
    assert_int_equal(read->window, 1);
    assert_true(is_whole(read));
    snapshot_read_end();
}

/* -- a publisher against a reader that stays -------------------------------------------------- */

static _Atomic bool holds, may_go, is_published;

static void *hold_a_snapshot(void *unused)
{
    const snapshot *read = snapshot_read_begin(&cell);
    atomic_store(&holds, true);
    while (!atomic_load(&may_go)) {
        sched_yield();
    }
    bool whole = is_whole(read); /* long since replaced, but not yet given back */
    snapshot_read_end();
    return whole ? unused : NULL;
}

static void *publish_a_second(void *before)
{
    *(snapshot **)before = snapshot_publish(&cell, make(2));
    atomic_store(&is_published, true);
    return NULL;
}

static void a_publisher_waits_for_who_still_reads(void **state)
{
    (void)state;
    pthread_t reader, publisher;
    snapshot *before = NULL;
    void *whole;
    testing_watchdog(60);
    snapshot_init(&cell, make(1));
    testing_start(&reader, hold_a_snapshot, &cell);
    while (!atomic_load(&holds)) {
        sched_yield();
    }
    testing_start(&publisher, publish_a_second, &before);
    for (uint64_t now = 0; now != 2;) { /* the new one is in force at once */
        now = snapshot_read_begin(&cell)->window;
        snapshot_read_end();
    }
    testing_sleep_ms(50);
    assert_false(atomic_load(&is_published));
    atomic_store(&may_go, true);
    assert_int_equal(pthread_join(reader, &whole), 0);
    assert_non_null(whole);
    testing_join(publisher);
    testing_watchdog(0);
    assert_int_equal(before->window, 1);
    scribble_and_free(before);
    scribble_and_free(atomic_load(&cell.current));
}

/* -- a publisher against readers that come and go ---------------------------------------------- */

typedef struct reader {
    pthread_t thread;
    uint64_t num_reads, num_seen; /* of these, how many snapshots were new to it */
    bool is_broken;
} reader;

static void read_once(reader *r, uint64_t *last)
{
    const snapshot *read = snapshot_read_begin(&cell);
    r->is_broken |= !is_whole(read) || read->window < *last;
    r->num_seen += read->window > *last;
    *last = read->window;
    r->num_reads++;
    snapshot_read_end();
}

static void *read_until_the_end(void *argument)
{
    reader *r = argument;
    uint64_t last = 0;
    atomic_fetch_add(&num_reading, 1);
    while (!atomic_load(&is_over)) {
        read_once(r, &last);
        if (r->num_reads % 16 == 0) {
            sched_yield(); /* where there are fewer CPUs than threads, a publisher waits for all */
        }
    }
    read_once(r, &last); /* what was published last */
    r->is_broken |= last != PUBLICATIONS;
    return NULL;
}

static void *read_a_little(void *argument)
{
    uint64_t last = 0;
    for (int i = 0; i < 10; i++) {
        read_once(argument, &last);
    }
    return NULL;
}

/* Threads that yoke has never seen, each for a moment. */
static void *read_in_new_threads(void *argument)
{
    reader *r = argument;
    atomic_fetch_add(&num_reading, 1);
    while (!atomic_load(&is_over)) {
        pthread_t thread;
        testing_start(&thread, read_a_little, r);
        testing_join(thread);
    }
    return NULL;
}

static void readers_see_whole_snapshots_in_order_while_they_are_replaced(void **state)
{
    (void)state;
    reader readers[READERS + 1] = {0};
    testing_watchdog(120);
    snapshot_init(&cell, make(0));
    for (int i = 0; i < READERS; i++) {
        testing_start(&readers[i].thread, read_until_the_end, &readers[i]);
    }
    testing_start(&readers[READERS].thread, read_in_new_threads, &readers[READERS]);
    while (atomic_load(&num_reading) < READERS + 1) {
        sched_yield();
    }
    for (uint64_t n = 1; n <= PUBLICATIONS; n++) {
        snapshot *before = snapshot_publish(&cell, make(n));
        assert_int_equal(before->window, n - 1);
        scribble_and_free(before);
    }
    atomic_store(&is_over, true);
    uint64_t num_reads = 0, num_seen = 0;
    for (int i = 0; i <= READERS; i++) {
        testing_join(readers[i].thread);
        assert_false(readers[i].is_broken);
        num_reads += readers[i].num_reads;
        num_seen += readers[i].num_seen;
    }
    testing_watchdog(0);
    printf("%" PRIu64 " reads, %" PRIu64 " snapshots seen\n", num_reads, num_seen);
    assert_true(num_seen > READERS); /* they did read while it went on */
    scribble_and_free(atomic_load(&cell.current));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_sets_every_live_key_and_no_other),
        cmocka_unit_test(a_policy_leaves_the_last_window_as_it_was),
        cmocka_unit_test(what_was_published_is_read_and_what_was_before_comes_back),
        cmocka_unit_test(a_publisher_waits_for_who_still_reads),
        cmocka_unit_test(readers_see_whole_snapshots_in_order_while_they_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
