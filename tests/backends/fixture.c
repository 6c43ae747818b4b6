/*
 * The fixture of the tests of backends. Each test's own thread opens, uses and closes; the counts
 * of a program are plain, so a program serves one thread.
 */
#include "tests/backends/fixture.h"

#include <time.h>

#include "tests/backends/spans.spv.h"
#include "tests/backends/vector.spv.h"

/* -- random numbers ---------------------------------------------------------------------------- */

uint64_t fixture_seed(void)
{
    const char *given = getenv("YOKE_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)now.tv_nsec;
    printf("seed: YOKE_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

fixture_random fixture_random_of(uint64_t seed)
{
    uint64_t state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (fixture_random){.state = state != 0 ? state : 1};
}

uint64_t fixture_random_next(fixture_random *random)
{
    uint64_t x = random->state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random->state = x;
    return x;
}

uint64_t fixture_random_below(fixture_random *random, uint64_t limit)
{
    return (fixture_random_next(random) >> 16) % limit;
}

/* -- the host program -------------------------------------------------------------------------- */

#define PROGRAM_ALLOC_BYTES_MAX (UINT64_C(1) << 32)

static void *program_alloc(void *user, size_t bytes, size_t align)
{
    program *p = user;
    void *memory;
    p->num_allocs++;
    if (p->num_allocs == p->fail_at || bytes > PROGRAM_ALLOC_BYTES_MAX ||
        posix_memalign(&memory, align, bytes) != 0) {
        return NULL;
    }
    p->live_bytes += (int64_t)bytes;
    return memory;
}

static void program_free(void *user, void *memory, size_t bytes)
{
    program *p = user;
    p->live_bytes -= (int64_t)bytes;
    free(memory);
}

static void program_log(void *user, yoke_log_level level, const char *line)
{
    program *p = user;
    p->num_lines++;
    snprintf(p->line, sizeof p->line, "%s", line);
    printf("log %d: %s\n", (int)level, line);
}

void program_start(program *p)
{
    *p = (program){
        .host = {.allocator = {program_alloc, program_free, p}, .log = program_log, .log_user = p},
    };
}

/* -- kernels ----------------------------------------------------------------------------------- */

static uint32_t vector_answer(uint32_t a, uint32_t b, const uint32_t *params)
{
    uint32_t value = a + b + params[0];
    for (uint32_t r = 0; r < params[1]; r++) {
        value = value * 1664525u + 1013904223u;
    }
    return value;
}

static yoke_status vector_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    const uint32_t *a = claim->in[0], *b = claim->in[1];
    uint32_t *out = claim->out;
    (void)worker;
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = vector_answer(a[i], b[i], claim->params);
    }
    return YOKE_OK;
}

static yoke_status spans_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    const yoke_span *spans = claim->in[0];
    uint64_t *out = claim->out;
    (void)worker;
    for (uint32_t i = 0; i < claim->count; i++) {
        const uint64_t *numbers = spans[i].data;
        out[i] = 0;
        for (uint64_t k = 0; k < spans[i].bytes / 8; k++) {
            out[i] += numbers[k];
        }
    }
    return YOKE_OK;
}

const backend_kernel_desc fixture_vector = {
    .name = "vector",
    .spirv = vector_spv,
    .spirv_bytes = vector_spv_bytes,
    .entry = "main",
    .local_size = 64,
    .cpu = vector_cpu,
    .in_bytes = {4, 4},
    .out_bytes = 4,
};

const backend_kernel_desc fixture_spans = {
    .name = "spans",
    .spirv = spans_spv,
    .spirv_bytes = spans_spv_bytes,
    .entry = "main",
    .local_size = 32,
    .cpu = spans_cpu,
    .in_bytes = {YOKE_RAGGED},
    .out_bytes = 8,
};

/* -- opening ----------------------------------------------------------------------------------- */

static uint32_t fixture_choose(const fixture *f, uint32_t count)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        backend_info info;
        f->ops->info(f->instance, i, &info);
        if (info.is_fit && (best == UINT32_MAX || !info.is_cpu)) {
            best = i;
            if (!info.is_cpu) {
                break;
            }
        }
    }
    return best;
}

void fixture_open_instance(fixture *f, const subject *backend)
{
    uint32_t count = 0;
    char why_not[BACKEND_WHY_BYTES] = "";
    *f = (fixture){.backend = backend, .ops = backend->ops};
    program_start(&f->p);
    if (f->ops->open_instance(&f->p.host, &f->instance, &count, why_not) != YOKE_OK) {
        fail_msg("%s is not there: %s", f->ops->name, why_not);
    }
    f->index = fixture_choose(f, count);
    if (f->index == UINT32_MAX) {
        fail_msg("none of %u devices is fit", count);
    }
}

void fixture_open(fixture *f, const subject *backend, uint32_t num_slots)
{
    const backend_open_options options = {.num_slots = num_slots};
    fixture_open_instance(f, backend);
    assert_int_equal(f->ops->open(f->instance, f->index, &options, &f->device), YOKE_OK);
    assert_int_equal(f->ops->compile(f->device, &fixture_vector, &f->vector), YOKE_OK);
}

void fixture_close(fixture *f)
{
    if (f->device != NULL) {
        assert_int_equal(f->ops->close(f->device), YOKE_OK);
    }
    f->ops->close_instance(f->instance);
    assert_int_equal(f->p.live_bytes, 0);
}

/* -- batches ----------------------------------------------------------------------------------- */

static size_t vector_round(size_t bytes)
{
    return (bytes + 255) & ~(size_t)255;
}

size_t vector_bytes(uint32_t num_items)
{
    return vector_round(sizeof(backend_block)) + 3 * vector_round((size_t)num_items * 4) +
           (size_t)num_items * VECTOR_PARAMS_BYTES;
}

void vector_lay_out(vector *v, uint32_t slot, uint32_t num_items, bool own_params, uint32_t rounds,
                    uint64_t seed)
{
    fixture_random random = fixture_random_of(seed + slot);
    size_t numbers = vector_round((size_t)num_items * 4), at = vector_round(sizeof(backend_block));
    uint8_t *host = v->memory.host;
    uint64_t address = v->memory.address;
    uint32_t num_params = own_params ? num_items : 1;
    v->slot = slot;
    v->num_items = num_items;
    v->block = (backend_block *)host;
    v->a = (uint32_t *)(host + at);
    v->b = (uint32_t *)(host + at + numbers);
    v->out = (uint32_t *)(host + at + 2 * numbers);
    v->params = (uint32_t *)(host + at + 3 * numbers);
    *v->block = (backend_block){
        .in = {address + at, address + at + numbers},
        .out = address + at + 2 * numbers,
        .params = address + at + 3 * numbers,
        .num_items = num_items,
        .params_stride = own_params ? VECTOR_PARAMS_BYTES : 0,
    };
    for (uint32_t i = 0; i < num_items; i++) {
        v->a[i] = (uint32_t)fixture_random_next(&random);
        v->b[i] = (uint32_t)fixture_random_next(&random);
    }
    for (uint32_t i = 0; i < num_params; i++) {
        v->params[2 * i] = (uint32_t)fixture_random_next(&random);
        v->params[2 * i + 1] = rounds;
    }
    memset(v->out, 0xa5, (size_t)num_items * 4);
}

void vector_make(fixture *f, vector *v, uint32_t slot, uint32_t num_items, bool own_params,
                 uint32_t rounds, uint64_t seed)
{
    assert_int_equal(
        f->ops->alloc(f->device, BACKEND_MEMORY_SHARED, vector_bytes(num_items), &v->memory),
        YOKE_OK);
    vector_lay_out(v, slot, num_items, own_params, rounds, seed);
}

void vector_release(fixture *f, vector *v)
{
    f->ops->release(f->device, &v->memory);
}

backend_batch vector_batch(fixture *f, const vector *v)
{
    f->op = (backend_op){.kind = BACKEND_OP_ITEMS, .kernel = f->vector};
    return (backend_batch){
        .ops = &f->op,
        .num_ops = 1,
        .slot = v->slot,
        .num_items = v->num_items,
        .block = v->memory.address,
        .block_host = v->block,
    };
}

uint32_t vector_num_wrong(const vector *v)
{
    uint32_t num_wrong = 0, step = v->block->params_stride / 4;
    for (uint32_t i = 0; i < v->num_items; i++) {
        uint32_t expected = vector_answer(v->a[i], v->b[i], &v->params[(size_t)i * step]);
        num_wrong += v->out[i] != expected;
    }
    return num_wrong;
}

void vector_run(fixture *f, vector *v)
{
    uint64_t value = 0;
    backend_batch batch = vector_batch(f, v);
    assert_int_equal(f->ops->submit(f->device, &batch, 1, &value), YOKE_OK);
    assert_int_equal(f->ops->wait(f->device, value, FIXTURE_WAIT_NS), YOKE_OK);
    assert_int_equal(vector_num_wrong(v), 0);
}
