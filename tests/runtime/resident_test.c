/*
 * Residents: the CPU and every kind of device read the same table, batches keep to one table each,
 * and a resident that is given back is gone from the devices too.
 */
#include "backends/host/host.h"
#include "runtime/runtime.h"
#include "tests/runtime/fixture.h"
#include "tests/runtime/lookup.spv.h"

#define TABLE_NUMBERS 5000 /* not whole pages */

static const backend_ops *const host_only[] = {&host_ops, NULL};

static fixture f;
static const yoke_type *lookup;

static yoke_status lookup_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    const uint32_t *table = claim->resident[0], *in = claim->in[0];
    uint32_t *out = claim->out;
    (void)worker;
    for (uint32_t i = 0; i < claim->count; i++) {
        out[i] = table[in[i]];
    }
    return YOKE_OK;
}

static void start(yoke_engine engine, const backend_ops *const *backends)
{
    yoke_policy policy;
    policy_default(&policy);
    policy.gpu.software = true;
    fixture_start_on(&f, yoke_options(.num_workers = 2, .engine = engine, .policy = &policy),
                     backends);
    const yoke_type_desc *desc =
        yoke_type_desc(.name = "lookup", .in_bytes = {4}, .out_bytes = 4, .cpu = lookup_cpu,
                       .num_residents = 1,
                       .gpu =
                           yoke_gpu_kernel(.spirv = lookup_spv, .spirv_bytes = sizeof(lookup_spv)));
    assert_int_equal(yoke_register(f.rt, desc, &lookup), YOKE_OK);
}

static yoke_resident *make_table(uint32_t factor)
{
    static uint32_t table[TABLE_NUMBERS];
    yoke_resident *resident;
    for (uint32_t i = 0; i < TABLE_NUMBERS; i++) {
        table[i] = i * factor;
    }
    assert_int_equal(yoke_resident_create(f.rt, table, sizeof table, &resident), YOKE_OK);
    memset(table, 0xa5, sizeof table); /* it may go at once */
    return resident;
}

/* Many small jobs and a few large ones, by turns with one table or the other. */
static void run_lookups(void)
{
    enum { JOBS = 3000, ITEMS = JOBS * 4 };
    static uint32_t in[ITEMS], out[ITEMS];
    static yoke_job jobs[JOBS];
    yoke_group group = {{0}};
    yoke_resident *tables[2] = {make_table(3), make_table(7)};
    for (uint32_t i = 0; i < ITEMS; i++) {
        in[i] = i % TABLE_NUMBERS;
        out[i] = 0;
    }
    for (uint32_t i = 0; i < JOBS; i++) {
        yoke_job *job = &jobs[i];
        *job = yoke_job(.type = lookup, .in = {&in[4 * i]}, .out = &out[4 * i],
                        .num_items = i % 3 == 0 ? 1 : 4, .group = &group,
                        .resident = {tables[i / 7 % 2]});
        assert_int_equal(yoke_submit(f.rt, &job, 1), YOKE_OK);
    }
    assert_int_equal(yoke_group_wait(f.rt, &group, YOKE_FOREVER), YOKE_OK);
    for (uint32_t i = 0; i < JOBS; i++) {
        for (uint32_t n = 0; n < jobs[i].num_items; n++) {
            assert_int_equal(out[4 * i + n], in[4 * i + n] * (i / 7 % 2 == 0 ? 3 : 7));
        }
    }
    yoke_resident_free(f.rt, &tables[0]);
    assert_null(tables[0]);
    yoke_resident_free(f.rt, &tables[1]);
}

static void the_cpu_reads_a_resident(void **state)
{
    (void)state;
    start(YOKE_ENGINE_CPU, NULL);
    run_lookups();
    fixture_stop(&f);
}

static uint64_t items_gpu(void)
{
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f.rt, &stats), YOKE_OK);
    return stats.items_gpu;
}

/* On each kind of device, twice: the second pair of tables comes where the first has been. */
static void run_on_devices(const backend_ops *const *backends)
{
    start(YOKE_ENGINE_GPU, backends);
    if (yoke_ready(f.rt, YOKE_FOREVER) != YOKE_OK) {
        fixture_stop(&f);
        printf("no fit device on this machine: skipped\n");
        skip();
    }
    for (int round = 0; round < 2; round++) {
        run_lookups();
    }
    assert_true(items_gpu() > 0);
    fixture_stop(&f);
}

static void a_device_reads_its_own_copy(void **state)
{
    (void)state;
    run_on_devices(host_only);
}

static void a_gpu_reads_its_own_copy(void **state)
{
    (void)state;
    run_on_devices(backends_all);
}

/* -- devices that fail ------------------------------------------------------------------------- */

static _Atomic int num_refused, num_copies;

/* Every other submit has no memory; a copy that did not come along must come again. */
static yoke_status failing_submit(backend_device *device, const backend_batch *batches,
                                  uint32_t num_batches, uint64_t *value)
{
    for (uint32_t i = 0; i < num_batches; i++) {
        atomic_fetch_add(&num_copies, batches[i].ops[0].kind == BACKEND_OP_COPY);
    }
    if (atomic_fetch_add(&num_refused, 1) % 2 == 0) {
        return YOKE_NO_MEMORY;
    }
    return host_ops.submit(device, batches, num_batches, value);
}

static void a_copy_that_was_refused_is_made_again(void **state)
{
    (void)state;
    static backend_ops failing;
    static const backend_ops *const failing_only[] = {&failing, NULL};
    failing = host_ops;
    failing.submit = failing_submit;
    run_on_devices(failing_only);
    assert_true(atomic_load(&num_copies) >= 4);
}

static yoke_status poor_alloc(backend_device *device, backend_memory_kind kind, size_t bytes,
                              backend_memory *memory)
{
    return kind == BACKEND_MEMORY_DEVICE ? YOKE_NO_MEMORY
                                         : host_ops.alloc(device, kind, bytes, memory);
}

static void without_room_on_the_device_the_cpu_does_it(void **state)
{
    (void)state;
    static backend_ops poor;
    static const backend_ops *const poor_only[] = {&poor, NULL};
    poor = host_ops;
    poor.alloc = poor_alloc;
    start(YOKE_ENGINE_GPU, poor_only);
    assert_int_equal(yoke_ready(f.rt, YOKE_FOREVER), YOKE_OK);
    run_lookups();
    assert_int_equal(items_gpu(), 0);
    fixture_stop(&f);
}

/* Where memory cannot be imported, the copy is made from a copy. */
static yoke_status no_import(backend_device *device, void *host, size_t bytes,
                             backend_memory *memory)
{
    (void)device;
    (void)host;
    (void)bytes;
    (void)memory;
    return YOKE_UNSUPPORTED;
}

static void a_device_that_cannot_import_gets_its_copy_too(void **state)
{
    (void)state;
    static backend_ops plain;
    static const backend_ops *const plain_only[] = {&plain, NULL};
    plain = host_ops;
    plain.import = no_import;
    run_on_devices(plain_only);
}

/* -- misuse ------------------------------------------------------------------------------------ */

static void residents_that_do_not_fit_the_type_are_refused(void **state)
{
    (void)state;
    uint32_t in[2] = {1, 2}, out[2];
    fixture other;
    start(YOKE_ENGINE_CPU, NULL);
    yoke_resident *table = make_table(1), *none = NULL;
    yoke_job job = yoke_job(.type = lookup, .in = {in}, .out = out, .num_items = 2);
    assert_int_equal(fixture_submit(&f, &job), YOKE_INVALID); /* none */
    job.resident[0] = job.resident[1] = table;
    assert_int_equal(fixture_submit(&f, &job), YOKE_INVALID); /* one too many */
    job.resident[1] = NULL;
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(2));
    fixture_start(&other, NULL);
    yoke_resident *foreign;
    assert_int_equal(yoke_resident_create(other.rt, in, sizeof in, &foreign), YOKE_OK);
    job.resident[0] = foreign;
    assert_int_equal(fixture_submit(&f, &job), YOKE_INVALID);
    yoke_resident_free(f.rt, &foreign); /* not this runtime's: it stays */
    assert_non_null(foreign);
    yoke_resident_free(other.rt, &foreign);
    assert_int_equal(yoke_resident_create(f.rt, NULL, 4, &none), YOKE_INVALID);
    assert_int_equal(yoke_resident_create(f.rt, in, 0, &none), YOKE_INVALID);
    assert_int_equal(fixture_misuses(), FIXTURE_MISUSES(4));
    yoke_resident_free(f.rt, &none);
    yoke_resident_free(f.rt, NULL);
    job.resident[0] = table;
    assert_int_equal(fixture_submit(&f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f.rt, &job, YOKE_FOREVER), YOKE_OK);
    assert_int_equal(out[1], 2);
    yoke_resident_free(f.rt, &table);
    fixture_stop(&other);
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cpu_reads_a_resident),
        cmocka_unit_test(a_device_reads_its_own_copy),
        cmocka_unit_test(a_gpu_reads_its_own_copy),
        cmocka_unit_test(a_copy_that_was_refused_is_made_again),
        cmocka_unit_test(without_room_on_the_device_the_cpu_does_it),
        cmocka_unit_test(a_device_that_cannot_import_gets_its_copy_too),
        cmocka_unit_test(residents_that_do_not_fit_the_type_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
