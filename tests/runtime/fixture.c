/* See fixture.h. */
#include "tests/runtime/fixture.h"

#include <inttypes.h>
#include <pthread.h>
#include <time.h>

#include "runtime/runtime.h"

static _Atomic int fixture_misuse_count;

static void fixture_hook(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    assert_non_null(text);
    atomic_fetch_add(&fixture_misuse_count, 1);
}

int fixture_misuses(void)
{
    return atomic_exchange(&fixture_misuse_count, 0);
}

uint64_t fixture_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void fixture_sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

uint64_t fixture_seed(void)
{
    const char *given = getenv("YOKE_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : fixture_now_ns();
    printf("seed: YOKE_TEST_SEED=%" PRIu64 "\n", seed);
    return seed * 2 + 1;
}

uint64_t fixture_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int fixture_is_full(void)
{
    return getenv("YOKE_TEST_FULL") != NULL;
}

static yoke_status fixture_twice_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    const uint32_t *in = claim->in[0];
    uint32_t *out = claim->out;
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = 2 * in[i];
    }
    return YOKE_OK;
}

static yoke_status fixture_hold_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    fixture_gate *gate = claim->user;
    atomic_fetch_add(&gate->entered, 1);
    while (atomic_load(&gate->open) == 0) {
        fixture_sleep_ms(1);
    }
    return fixture_twice_kernel(worker, claim);
}

static yoke_status fixture_fail_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    const uint32_t *in = claim->in[0];
    for (uint32_t i = 0; i < claim->count; i++) {
        if (in[i] % 2 != 0) {
            return (yoke_status) - (int)in[i];
        }
    }
    return fixture_twice_kernel(worker, claim);
}

static const yoke_type *fixture_register(fixture *f, const char *name, yoke_cpu_kernel cpu,
                                         const yoke_gpu_kernel *gpu)
{
    const yoke_type *type = NULL;
    yoke_status status = yoke_register(f->rt,
                                       yoke_type_desc(.name = name, .in_bytes = {4}, .out_bytes = 4,
                                                      .cpu = cpu, .user = &f->gate, .gpu = gpu),
                                       &type);
    assert_int_equal(status, YOKE_OK);
    return type;
}

void fixture_start_on(fixture *f, const yoke_options *options, const backend_ops *const *backends)
{
    static const backend_ops *const none[] = {NULL};
    static const uint32_t nothing[] = {0};
    const yoke_gpu_kernel *gpu =
        backends != NULL ? yoke_gpu_kernel(.spirv = nothing, .spirv_bytes = sizeof nothing) : NULL;
    const yoke_options *chosen = options != NULL ? options : yoke_options(.num_workers = 2);
    memset(f, 0, sizeof *f);
    yoke_set_assert_hook(fixture_hook);
    fixture_misuses();
    yoke_status status = runtime_create(&f->rt, chosen, backends != NULL ? backends : none);
    assert_int_equal(status, YOKE_OK);
    f->twice = fixture_register(f, "twice", fixture_twice_kernel, gpu);
    f->hold = fixture_register(f, "hold", fixture_hold_kernel, NULL);
    f->fail = fixture_register(f, "fail", fixture_fail_kernel, NULL);
}

void fixture_start(fixture *f, const yoke_options *options)
{
    fixture_start_on(f, options, NULL);
}

void fixture_stop(fixture *f)
{
    fixture_open(f);
    yoke_destroy(&f->rt);
    assert_null(f->rt);
    assert_int_equal(fixture_misuses(), 0);
    yoke_set_assert_hook(NULL);
}

void fixture_await_entered(fixture *f, int count)
{
    while (atomic_load(&f->gate.entered) < count) {
        fixture_sleep_ms(1);
    }
}

void fixture_open(fixture *f)
{
    atomic_store(&f->gate.open, 1);
}

yoke_status fixture_submit(fixture *f, yoke_job *job)
{
    return yoke_submit(f->rt, &job, 1);
}

enum { FIXTURE_THREADS = 4, FIXTURE_JOBS_A_THREAD = FIXTURE_FLOOD_JOBS / FIXTURE_THREADS };

typedef struct fixture_flood {
    fixture *f;
    uint32_t base; /* of the numbers that this thread submits */
    pthread_t thread;
} fixture_flood;

static void *fixture_flood_run(void *argument)
{
    fixture_flood *flood = argument;
    fixture *f = flood->f;
    yoke_job *jobs = calloc(FIXTURE_JOBS_A_THREAD, sizeof *jobs);
    uint32_t *in = calloc(FIXTURE_JOBS_A_THREAD, 4), *out = calloc(FIXTURE_JOBS_A_THREAD, 4);
    yoke_group group = {{0}};
    for (uint32_t i = 0; i < FIXTURE_JOBS_A_THREAD; i++) {
        in[i] = flood->base + i;
        jobs[i] = yoke_job(.type = f->twice, .in = {&in[i]}, .out = &out[i], .num_items = 1,
                           .group = &group);
        while (fixture_submit(f, &jobs[i]) == YOKE_BUSY) {
            fixture_sleep_ms(1);
        }
    }
    assert_int_equal(yoke_group_wait(f->rt, &group, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < FIXTURE_JOBS_A_THREAD; i++) {
        assert_int_equal(out[i], 2 * (flood->base + i));
    }
    free(jobs);
    free(in);
    free(out);
    return NULL;
}

void fixture_submit_from_threads(fixture *f)
{
    fixture_flood floods[FIXTURE_THREADS];
    for (uint32_t t = 0; t < FIXTURE_THREADS; t++) {
        floods[t] = (fixture_flood){.f = f, .base = t * 1000000};
        assert_int_equal(pthread_create(&floods[t].thread, NULL, fixture_flood_run, &floods[t]), 0);
    }
    for (int t = 0; t < FIXTURE_THREADS; t++) {
        pthread_join(floods[t].thread, NULL);
    }
}
