/*
 * Submit, steal, run, pack and settle allocate nothing: counted in the C library's allocator
 * itself, for all threads, between create and destroy. Plain builds only: a sanitizer has an
 * allocator of its own.
 */
#include <pthread.h>

#include "backends/host/host.h"
#include "tests/runtime/fixture.h"

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);

static _Atomic long allocations;

void *malloc(size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_realloc(memory, bytes);
}

int posix_memalign(void **memory, size_t align, size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    *memory = __libc_memalign(align, bytes);
    return *memory == NULL;
}

void *aligned_alloc(size_t align, size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_memalign(align, bytes);
}

enum { JOBS = 20000, LARGE = 1000000 };

static const backend_ops *const host_only[] = {&host_ops, NULL};

static fixture f;
static yoke_job jobs[JOBS];
static uint32_t in[LARGE], out[LARGE];

static void resubmit(yoke_job *job)
{
    job->done = NULL;
    job->flags = YOKE_JOB_REAP | YOKE_JOB_CPU; /* a full lane would refuse it */
    assert_int_equal(fixture_submit(&f, job), YOKE_OK);
}

/* Every kind of completion, from a host thread and from a worker, deferred jobs and large ones. */
static void run_a_mix(void)
{
    yoke_group group = {{0}}, fan = {{0}};
    yoke_job large =
        yoke_job(.type = f.twice, .in = {in}, .out = out, .num_items = LARGE, .group = &group);
    assert_int_equal(fixture_submit(&f, &large), YOKE_OK);
    size_t to_reap = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] =
            yoke_job(.type = f.twice, .in = {&in[i]}, .out = &out[i], .num_items = 1,
                     .group = i % 4 == 0 ? &fan : NULL, .after = i % 8 == 0 ? &group : NULL,
                     .done = i % 4 == 1 ? resubmit : NULL, .flags = i % 4 == 2 ? YOKE_JOB_REAP : 0);
        to_reap += i % 4 == 1 || i % 4 == 2;
        while (fixture_submit(&f, &jobs[i]) == YOKE_BUSY) {
        }
    }
    assert_int_equal(yoke_group_wait(f.rt, &fan, YOKE_FOREVER), YOKE_OK);
    for (int i = 3; i < JOBS; i += 4) {
        assert_int_equal(yoke_wait(f.rt, &jobs[i], YOKE_FOREVER), YOKE_OK);
    }
    yoke_job *reaped[64];
    while (to_reap > 0) {
        to_reap -= yoke_reap(f.rt, reaped, 64);
    }
}

static void nothing_is_allocated_between_create_and_destroy(void **state)
{
    (void)state;
    long at_start = atomic_load(&allocations);
    fixture_start_on(&f, yoke_options(.num_workers = 2, .engine = YOKE_ENGINE_GPU), host_only);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    assert_true(atomic_load(&allocations) > at_start); /* the counting works */
    for (int round = 0; round < 5; round++) {
        long before = atomic_load(&allocations);
        run_a_mix();
        assert_int_equal(atomic_load(&allocations) - before, 0);
    }
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    assert_true(stats.items_run > 0 && stats.items_gpu > 0);
    printf("%lu jobs, %lu stolen tickets, %lu shared tickets, %lu parks, %lu batches: "
           "0 allocations\n",
           stats.jobs_settled, stats.tickets_stolen, stats.tickets_shared, stats.parks,
           stats.batches);
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_allocated_between_create_and_destroy),
    };
    return cmocka_run_group_tests_name("no_malloc", tests, NULL, NULL);
}
