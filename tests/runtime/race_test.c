/*
 * Cancel, deadline, split, wait and settle, all against each other.
 *
 * Host threads submit jobs of random size, deadline and way of completion, while another thread
 * cancels jobs at random. Every job must settle exactly once, with a status that one of the racers
 * gave it; under OK every item has run exactly once and left its result; otherwise none ran twice.
 */
#include <pthread.h>

#include "tests/runtime/fixture.h"

enum { SUBMITTERS = 2, SLOTS = 64, ITEMS_MAX = 40 };

/* A job that is used again and again, and what its kernel and its completion leave behind. */
typedef struct slot {
    yoke_job job;
    uint32_t in[ITEMS_MAX];
    uint64_t out[ITEMS_MAX];
    _Atomic uint32_t runs[ITEMS_MAX];
    _Atomic uint32_t settled; /* by callback or reap */
} slot;

typedef struct submitter {
    slot slots[SLOTS];
    yoke_group group;
    uint64_t random;
    int rounds;
    long ok, canceled, deadline;
} submitter;

static fixture f;
static const yoke_type *race_type;
static submitter submitters[SUBMITTERS];
static _Atomic int finished;

static yoke_status race_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const uint32_t *in = claim->in[0];
    uint64_t *out = claim->out;
    slot *s;
    memcpy(&s, claim->params, sizeof s);
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = (uint64_t)in[i] * in[i];
        atomic_fetch_add_explicit(&s->runs[claim->first + i], 1, memory_order_relaxed);
    }
    return YOKE_OK;
}

static void race_done(yoke_job *job)
{
    slot *s = job->user;
    atomic_fetch_add(&s->settled, 1);
}

enum { BY_WAIT, BY_GROUP, BY_DONE, BY_REAP, COMPLETIONS };

static void slot_prepare(slot *s, submitter *by)
{
    uint64_t r = fixture_random(&by->random);
    uint32_t num_items = (r & 1) != 0 ? 1 : 1 + (uint32_t)(r >> 8) % ITEMS_MAX;
    int completion = (int)((r >> 32) % COMPLETIONS);
    for (uint32_t i = 0; i < num_items; i++) {
        s->in[i] = (uint32_t)(r >> 20) + i;
        s->out[i] = 0;
        atomic_store_explicit(&s->runs[i], 0, memory_order_relaxed);
    }
    atomic_store(&s->settled, 0);
    s->job.num_items = num_items;
    s->job.group = completion == BY_GROUP ? &by->group : NULL;
    s->job.done = completion == BY_DONE ? race_done : NULL;
    s->job.flags = completion == BY_REAP ? YOKE_JOB_REAP : 0;
    s->job.deadline_ns = (r >> 40) % 4 == 0 ? fixture_now_ns() + (r >> 44) % 20000 : 0;
}

static void reap_some(void)
{
    yoke_job *reaped[16];
    size_t count = yoke_reap(f.rt, reaped, 16);
    for (size_t i = 0; i < count; i++) {
        race_done(reaped[i]);
    }
}

static void slot_await(slot *s, submitter *by)
{
    if (s->job.group != NULL) {
        yoke_group_wait(f.rt, &by->group, YOKE_FOREVER);
    } else if (s->job.done != NULL || (s->job.flags & YOKE_JOB_REAP) != 0) {
        while (atomic_load(&s->settled) == 0) {
            reap_some();
        }
    } else {
        while (yoke_wait(f.rt, &s->job, fixture_random(&by->random) % 30000) == YOKE_TIMEOUT) {
        }
    }
}

static void slot_check(slot *s, submitter *by)
{
    yoke_status status = s->job.status;
    by->ok += status == YOKE_OK;
    by->canceled += status == YOKE_CANCELED;
    by->deadline += status == YOKE_DEADLINE;
    assert_true(status == YOKE_OK || status == YOKE_CANCELED ||
                (status == YOKE_DEADLINE && s->job.deadline_ns != 0));
    assert_true(atomic_load(&s->settled) <= 1);
    for (uint32_t i = 0; i < s->job.num_items; i++) {
        uint32_t runs = atomic_load_explicit(&s->runs[i], memory_order_relaxed);
        assert_true(runs == 1 || (runs == 0 && status != YOKE_OK));
        assert_true(status != YOKE_OK || s->out[i] == (uint64_t)s->in[i] * s->in[i]);
    }
}

static void *submit_rounds(void *argument)
{
    submitter *by = argument;
    for (int round = 0; round < by->rounds; round++) {
        size_t count = 1 + fixture_random(&by->random) % SLOTS;
        yoke_job *refs[SLOTS];
        by->group = (yoke_group){{0}};
        for (size_t i = 0; i < count; i++) {
            slot_prepare(&by->slots[i], by);
            refs[i] = &by->slots[i].job;
        }
        size_t bulk = count / 2; /* half in one call, half one by one */
        while (bulk > 0 && yoke_submit(f.rt, refs, bulk) == YOKE_BUSY) {
        }
        for (size_t i = bulk; i < count; i++) {
            while (yoke_submit(f.rt, &refs[i], 1) == YOKE_BUSY) {
            }
        }
        for (size_t i = 0; i < count; i++) {
            slot_await(&by->slots[i], by);
            slot_check(&by->slots[i], by);
        }
    }
    return NULL;
}

static void *cancel_at_random(void *argument)
{
    uint64_t random = *(uint64_t *)argument;
    while (atomic_load(&finished) == 0) {
        uint64_t r = fixture_random(&random);
        yoke_cancel(f.rt, &submitters[r % SUBMITTERS].slots[(r >> 8) % SLOTS].job);
        for (uint64_t pause = (r >> 32) % 200; pause > 0; pause--) {
            atomic_signal_fence(memory_order_seq_cst);
        }
    }
    return NULL;
}

static void every_job_settles_once_whoever_wins(void **state)
{
    (void)state;
    const char *races = getenv("YOKE_TEST_RACES");
    long wanted = races != NULL ? atol(races) : fixture_is_full() ? 10000000 : 1000000;
    uint64_t seed = fixture_seed();
    fixture_start(&f, yoke_options(.num_workers = 2, .max_jobs = 128));
    assert_int_equal(
        yoke_register(f.rt,
                      yoke_type_desc(.name = "race", .in_bytes = {4}, .out_bytes = 8,
                                     .params_bytes = sizeof(void *), .cpu = race_kernel),
                      &race_type),
        YOKE_OK);
    static slot *params[SUBMITTERS][SLOTS];
    pthread_t threads[SUBMITTERS], canceler;
    for (int t = 0; t < SUBMITTERS; t++) {
        submitter *by = &submitters[t];
        by->random = seed + 2 * (uint64_t)t;
        by->rounds = (int)(wanted / SUBMITTERS / (SLOTS / 2));
        for (int i = 0; i < SLOTS; i++) {
            slot *s = &by->slots[i];
            params[t][i] = s;
            s->job = yoke_job(.type = race_type, .in = {s->in}, .out = s->out, .user = s,
                              .params = &params[t][i], .params_bytes = sizeof(void *));
        }
    }
    pthread_create(&canceler, NULL, cancel_at_random, &seed);
    for (int t = 0; t < SUBMITTERS; t++) {
        pthread_create(&threads[t], NULL, submit_rounds, &submitters[t]);
    }
    long ok = 0, canceled = 0, deadline = 0;
    for (int t = 0; t < SUBMITTERS; t++) {
        pthread_join(threads[t], NULL);
        ok += submitters[t].ok;
        canceled += submitters[t].canceled;
        deadline += submitters[t].deadline;
    }
    atomic_store(&finished, 1);
    pthread_join(canceler, NULL);
    printf("jobs: %ld ok, %ld canceled, %ld past their deadline\n", ok, canceled, deadline);
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    assert_int_equal(stats.jobs_submitted, ok + canceled + deadline);
    assert_int_equal(stats.jobs_settled, stats.jobs_submitted);
    assert_int_equal(stats.jobs_ok, ok);
    assert_true(ok > 0 && canceled > 0 && deadline > 0); /* each racer won sometimes */
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_job_settles_once_whoever_wins)};
    return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
