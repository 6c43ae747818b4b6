/* Create and destroy: options, failures on the way, what destroy does with work in flight. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "tests/runtime/fixture.h"

/* -- an allocator that counts, and fails at the nth call -------------------------------------- */

typedef struct counted {
    int calls, fail_at; /* fails at the call of that number; 0: never */
    long live_bytes;
} counted;

static void *counted_alloc(void *user, size_t bytes, size_t align)
{
    counted *c = user;
    void *memory;
    if (++c->calls == c->fail_at || posix_memalign(&memory, align, bytes) != 0) {
        return NULL;
    }
    memset(memory, 0xa5, bytes); /* nobody may rely on zeroes */
    c->live_bytes += (long)bytes;
    return memory;
}

static void counted_free(void *user, void *memory, size_t bytes)
{
    ((counted *)user)->live_bytes -= (long)bytes;
    free(memory);
}

static void every_allocation_that_fails_fails_create_and_leaks_nothing(void **state)
{
    (void)state;
    counted c = {0};
    yoke_options options = *yoke_options(.num_workers = 2, .max_jobs = 16,
                                         .allocator = {counted_alloc, counted_free, &c});
    yoke_runtime *rt;
    int needed = 0;
    for (int fail_at = 1; needed == 0; fail_at++) {
        c = (counted){.fail_at = fail_at};
        options.engine = YOKE_ENGINE_CPU;
        yoke_status status = yoke_create(&rt, &options);
        if (status == YOKE_OK) {
            needed = c.calls;
            yoke_destroy(&rt);
        } else {
            assert_int_equal(status, YOKE_NO_MEMORY);
            assert_null(rt);
        }
        assert_int_equal(c.live_bytes, 0);
    }
    assert_true(needed >= 1);
}

static yoke_status no_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_OK;
}

static void a_type_that_finds_no_memory_is_not_registered(void **state)
{
    (void)state;
    counted c = {0};
    fixture f;
    fixture_start(&f,
                  yoke_options(.num_workers = 1, .allocator = {counted_alloc, counted_free, &c}));
    c.fail_at = c.calls + 1;
    const yoke_type *type = NULL;
    yoke_type_desc desc = *yoke_type_desc(.name = "more", .in_bytes = {4}, .cpu = no_kernel);
    assert_int_equal(yoke_register(f.rt, &desc, &type), YOKE_NO_MEMORY);
    assert_null(yoke_type_find(f.rt, "more"));
    assert_int_equal(yoke_register(f.rt, &desc, &type), YOKE_OK);
    fixture_stop(&f);
    assert_int_equal(c.live_bytes, 0);
}

/* -- threads --------------------------------------------------------------------------------- */

/* How many threads are named yoke-w*, and what the last of them blocks. */
static int count_workers(unsigned long long *blocked_signals)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[300], line[200];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        int is_worker = 0;
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            is_worker |= strncmp(line, "Name:\tyoke-w", 12) == 0;
            if (is_worker) {
                sscanf(line, "SigBlk: %llx", blocked_signals);
            }
        }
        count += is_worker;
        if (file != NULL) {
            fclose(file);
        }
    }
    closedir(dir);
    return count;
}

static void workers_are_named_and_block_signals_and_end_with_the_runtime(void **state)
{
    (void)state;
    unsigned long long blocked = 0;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    fixture f;
    fixture_start(&f, yoke_options(.num_workers = 3));
    assert_int_equal(count_workers(&blocked), 3);
    assert_true((blocked >> (SIGTERM - 1)) & 1);
    assert_true((blocked >> (SIGINT - 1)) & 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
    fixture_stop(&f);
    assert_int_equal(count_workers(&blocked), 0);
}

static void defaults_give_at_least_one_worker(void **state)
{
    (void)state;
    yoke_runtime *rt;
    assert_int_equal(yoke_create(&rt, NULL), YOKE_OK);
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(rt, &stats), YOKE_OK);
    assert_true(stats.num_workers >= 1 && stats.num_workers <= YOKE_WORKERS_MAX);
    yoke_destroy(&rt);
    yoke_destroy(&rt); /* NULL now: does nothing */
    yoke_destroy(NULL);
}

static void the_largest_runtime_starts_and_stops(void **state)
{
    (void)state;
    fixture f;
    fixture_start(&f, yoke_options(.num_workers = YOKE_WORKERS_MAX, .max_jobs = YOKE_JOBS_MAX));
    uint32_t in = 4, out;
    yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    fixture_stop(&f);
}

/* pthread_create, but for a thread that is refused: the linker sends our calls here. */
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static int refuse_after = -1;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    if (refuse_after == 0) {
        return EAGAIN;
    }
    refuse_after -= refuse_after > 0;
    return __real_pthread_create(thread, attributes, body, argument);
}

typedef struct logged {
    int errors, infos;
} logged;

static void count_log(void *user, yoke_log_level level, const char *line)
{
    logged *l = user;
    assert_null(strchr(line, '\n'));
    l->errors += level == YOKE_LOG_ERROR;
    l->infos += level == YOKE_LOG_INFO;
}

static void a_thread_that_is_refused_fails_create_and_stops_the_others(void **state)
{
    (void)state;
    counted c = {0};
    logged l = {0};
    yoke_runtime *rt;
    for (refuse_after = 0; refuse_after < 4;) { /* three workers, then the controller */
        int granted = refuse_after;
        yoke_status status = yoke_create(
            &rt, yoke_options(.num_workers = 3, .engine = YOKE_ENGINE_CPU, .log = count_log,
                              .log_user = &l, .allocator = {counted_alloc, counted_free, &c}));
        assert_int_equal(status, YOKE_SYSTEM);
        assert_null(rt);
        assert_int_equal(c.live_bytes, 0);
        refuse_after = granted + 1;
    }
    refuse_after = -1;
    assert_int_equal(l.errors, 4);
    assert_int_equal(yoke_create(&rt, yoke_options(.num_workers = 3, .engine = YOKE_ENGINE_CPU,
                                                   .log = count_log, .log_user = &l)),
                     YOKE_OK);
    assert_int_equal(l.infos, 1);
    yoke_destroy(&rt);
}

/* -- destroy with work in flight --------------------------------------------------------------- */

static void *open_gate_soon(void *argument)
{
    fixture_sleep_ms(20);
    fixture_open(argument);
    return NULL;
}

static void count_done(yoke_job *job)
{
    _Atomic int *calls = job->user;
    atomic_fetch_add(calls, 1);
}

static void destroy_finishes_what_runs_and_cancels_the_rest(void **state)
{
    (void)state;
    enum { N = 40 };
    fixture f;
    fixture_start(&f, yoke_options(.num_workers = 1));
    uint32_t in = 1, held = 0, out[N] = {0};
    _Atomic int calls = 0;
    yoke_group group = {{0}};
    yoke_job holder =
        yoke_job(.type = f.hold, .in = {&in}, .out = &held, .num_items = 1, .group = &group);
    assert_int_equal(fixture_submit(&f, &holder), YOKE_OK);
    fixture_await_entered(&f, 1);
    yoke_job jobs[N];
    for (int i = 0; i < N; i++) {
        jobs[i] =
            yoke_job(.type = f.twice, .in = {&in}, .out = &out[i], .num_items = 1, .user = &calls,
                     .done = i % 4 == 1 ? count_done : NULL, .group = i % 4 == 2 ? &group : NULL,
                     .flags = (i % 4 == 3 ? YOKE_JOB_REAP : 0) | (i % 3 == 0 ? YOKE_JOB_HIGH : 0),
                     .after = i % 8 == 0 ? &group : NULL);
        assert_int_equal(fixture_submit(&f, &jobs[i]), YOKE_OK);
    }
    pthread_t opener;
    pthread_create(&opener, NULL, open_gate_soon, &f);
    yoke_destroy(&f.rt);
    pthread_join(opener, NULL);
    assert_int_equal(holder.status, YOKE_OK);
    assert_int_equal(held, 2);
    for (int i = 0; i < N; i++) {
        assert_true(jobs[i].status == YOKE_CANCELED || jobs[i].status == YOKE_DEPENDENCY);
        assert_int_equal(out[i], 0);
    }
    assert_int_equal(atomic_load(&calls), N / 4);
    assert_int_equal(group.reserved[0], 0); /* empty */
}

static void submit_to(yoke_job *job)
{
    fixture *f = job->user;
    yoke_job again =
        yoke_job(.type = f->twice, .in = {job->in[0]}, .out = job->out, .num_items = 1);
    assert_int_equal(fixture_submit(f, &again), YOKE_CANCELED);
    atomic_fetch_add(&f->gate.entered, 1);
}

static void a_callback_during_destroy_cannot_submit(void **state)
{
    (void)state;
    fixture f;
    fixture_start(&f, yoke_options(.num_workers = 1));
    uint32_t in = 1, out, held;
    yoke_job holder = yoke_job(.type = f.hold, .in = {&in}, .out = &held, .num_items = 1);
    yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1,
                            .done = submit_to, .user = &f);
    assert_int_equal(fixture_submit(&f, &holder), YOKE_OK);
    fixture_await_entered(&f, 1);
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    pthread_t opener;
    pthread_create(&opener, NULL, open_gate_soon, &f);
    yoke_runtime *rt = f.rt;
    yoke_destroy(&rt);
    pthread_join(opener, NULL);
    assert_int_equal(atomic_load(&f.gate.entered), 2);
    assert_int_equal(job.status, YOKE_CANCELED);
}

/* Two jobs that each wait for the other's group, made possible by a third that held both empty. */
static void groups_that_never_empty_are_canceled_by_destroy(void **state)
{
    (void)state;
    fixture f;
    fixture_start(&f, NULL);
    uint32_t in = 1, out[3];
    _Atomic int calls = 0;
    yoke_group g1 = {{0}}, g2 = {{0}};
    yoke_job third =
        yoke_job(.type = f.hold, .in = {&in}, .out = &out[2], .num_items = 1, .group = &g2);
    yoke_job a = yoke_job(.type = f.twice, .in = {&in}, .out = &out[0], .num_items = 1,
                          .group = &g1, .after = &g2);
    yoke_job b = yoke_job(.type = f.twice, .in = {&in}, .out = &out[1], .num_items = 1,
                          .group = &g2, .after = &g1);
    yoke_job c = yoke_job(.type = f.twice, .in = {&in}, .out = &out[1], .num_items = 1,
                          .done = count_done, .user = &calls, .after = &g1);
    assert_int_equal(fixture_submit(&f, &third), YOKE_OK);
    assert_int_equal(fixture_submit(&f, &a), YOKE_OK);
    assert_int_equal(fixture_submit(&f, &b), YOKE_OK);
    assert_int_equal(fixture_submit(&f, &c), YOKE_OK);
    fixture_open(&f);
    assert_int_equal(yoke_group_wait(f.rt, &g1, 20000000), YOKE_TIMEOUT);
    fixture_stop(&f);
    assert_int_equal(a.status, YOKE_CANCELED);
    assert_int_equal(b.status, YOKE_CANCELED);
    assert_int_equal(c.status, YOKE_CANCELED);
    assert_int_equal(third.status, YOKE_OK);
    assert_int_equal(atomic_load(&calls), 1);
    assert_int_equal(g1.reserved[0] | g2.reserved[0], 0);
}

static void several_runtimes_live_beside_each_other(void **state)
{
    (void)state;
    fixture f[3];
    uint32_t in = 6, out[3];
    yoke_job jobs[3];
    for (int i = 0; i < 3; i++) {
        fixture_start(&f[i], NULL);
        jobs[i] = yoke_job(.type = f[i].twice, .in = {&in}, .out = &out[i], .num_items = 1);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture_submit(&f[i], &jobs[i]), YOKE_OK);
    }
    assert_int_equal(yoke_wait(f[0].rt, &jobs[0], YOKE_FOREVER), YOKE_OK);
    fixture_stop(&f[0]);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(yoke_wait(f[i].rt, &jobs[i], YOKE_FOREVER), YOKE_OK);
        fixture_stop(&f[i]);
    }
}

static void create_and_destroy_in_turn(void **state)
{
    (void)state;
    int rounds = fixture_is_full() ? 10000 : 300;
    for (int i = 0; i < rounds; i++) {
        fixture f;
        fixture_start(&f, yoke_options(.num_workers = 2, .max_jobs = 16));
        uint32_t in = (uint32_t)i, out;
        yoke_job job = yoke_job(.type = f.twice, .in = {&in}, .out = &out, .num_items = 1);
        assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
        if (i % 2 == 0) {
            assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
            assert_int_equal(out, 2 * in);
        }
        fixture_stop(&f);
        assert_int_not_equal(job.status, YOKE_PENDING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_that_fails_fails_create_and_leaks_nothing),
        cmocka_unit_test(a_type_that_finds_no_memory_is_not_registered),
        cmocka_unit_test(workers_are_named_and_block_signals_and_end_with_the_runtime),
        cmocka_unit_test(defaults_give_at_least_one_worker),
        cmocka_unit_test(the_largest_runtime_starts_and_stops),
        cmocka_unit_test(a_thread_that_is_refused_fails_create_and_stops_the_others),
        cmocka_unit_test(destroy_finishes_what_runs_and_cancels_the_rest),
        cmocka_unit_test(a_callback_during_destroy_cannot_submit),
        cmocka_unit_test(groups_that_never_empty_are_canceled_by_destroy),
        cmocka_unit_test(several_runtimes_live_beside_each_other),
        cmocka_unit_test(create_and_destroy_in_turn),
    };
    return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
