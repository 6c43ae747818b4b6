/*
 * seal.h: what a packed batch tells its device: of a map type one kernel, directly or on copies in
 * the device's own memory; of a program what it records, with the buffers that its plan promises;
 * and residents, which the first batch that needs them brings along.
 */
#include "runtime/seal.h"

#include "runtime/type.h"
#include "tests/unit/testing.h"

#define PAGE UINT64_C(4096)
#define SLOT_BYTES (1 << 20)
#define SLOT_ADDRESS (UINT64_C(1) << 40)  /* where the device sees the slot */
#define DEVICE_OFFSET (UINT64_C(1) << 41) /* how much higher it sees imported memory */
#define OWN_ADDRESS (UINT64_C(1) << 50)   /* where its own memory begins */
#define TARGET_MAX (UINT64_C(1) << 40)

static batch b; /* too large for a stack */
static yoke_type type;
static const int made_up[2];
static backend_kernel *kernels[2]; /* never looked into */
static region_table regions;

static yoke_status kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_OK;
}

/* -- a device ---------------------------------------------------------------------------------- */

static uint64_t own_bytes;   /* its own memory that is left */
static uint64_t own_address; /* where the next of it is */
static bool refuses_import;

static yoke_status seal_alloc(backend_device *device, backend_memory_kind kind, size_t bytes,
                              backend_memory *memory)
{
    (void)device;
    if (bytes > own_bytes) {
        return YOKE_NO_MEMORY;
    }
    own_bytes -= bytes;
    void *host = kind == BACKEND_MEMORY_SHARED ? malloc(bytes) : NULL;
    *memory = (backend_memory){host, own_address, bytes, host};
    own_address += (bytes + PAGE - 1) / PAGE * PAGE;
    return YOKE_OK;
}

static yoke_status seal_import(backend_device *device, void *host, size_t bytes,
                               backend_memory *memory)
{
    (void)device;
    if (refuses_import) {
        return YOKE_UNSUPPORTED;
    }
    *memory = (backend_memory){host, (uintptr_t)host + DEVICE_OFFSET, bytes, NULL};
    return YOKE_OK;
}

static void seal_release(backend_device *device, backend_memory *memory)
{
    (void)device;
    own_bytes += memory->address >= OWN_ADDRESS ? memory->bytes : 0;
    free(memory->handle);
    *memory = (backend_memory){0};
}

static const backend_ops own_ops = {
    .alloc = seal_alloc, .import = seal_import, .release = seal_release};
static const region_device device = {.index = 3, .ops = &own_ops};

static void *libc_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void libc_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(memory);
}

static const yoke_allocator libc_allocator = {libc_alloc, libc_free, NULL};

static void copy_all(void *context, const batch_copy *copies, uint32_t num_copies)
{
    (void)context;
    for (uint32_t i = 0; i < num_copies; i++) {
        memcpy(copies[i].to, copies[i].from, copies[i].bytes);
    }
}

/* A device with so much memory, and an empty slot. */
static void begin(uint64_t bytes)
{
    own_bytes = bytes;
    own_address = OWN_ADDRESS;
    refuses_import = false;
    kernels[0] = (backend_kernel *)(uintptr_t)&made_up[0];
    kernels[1] = (backend_kernel *)(uintptr_t)&made_up[1];
    region_table_init(&regions);
    b = (batch){.copy = copy_all,
                .slot = 5,
                .memory = {aligned_alloc(PAGE, SLOT_BYTES), SLOT_ADDRESS, SLOT_BYTES, NULL}};
    assert_non_null(b.memory.host);
    memset(b.memory.host, 0xa5, SLOT_BYTES);
}

static void end(void)
{
    batch_close(&b, &regions, &device, true);
    if (b.scratch.memory.bytes > 0) {
        seal_release(NULL, &b.scratch.memory);
    }
    region_forget(&regions, &device, false);
    region_table_finish(&regions, &libc_allocator);
    free(b.memory.host);
}

/* -- batches ----------------------------------------------------------------------------------- */

static uint32_t numbers_in[100000], numbers_out[100000];

static void make_map(uint32_t in0, uint32_t in1, uint32_t out)
{
    type_init(
        &type, NULL,
        yoke_type_desc(.name = "map", .cpu = kernel, .in_bytes = {in0, in1}, .out_bytes = out));
    type.num_kernels = 1;
}

static void begin_job(yoke_job *job)
{
    job_core *core = job_core_of(job);
    core->item_cost = 1;
    memset(core->params, 0, sizeof core->params);
    if (job->params != NULL) {
        memcpy(core->params, job->params, job->type->params_bytes);
    }
    job_begin_submitter(job);
    job_add_first_ticket_submitter(job);
}

/* The batch holds that job and nothing else. */
static void pack_job(yoke_job *job)
{
    begin_job(job);
    batch_open(&b, &type, TARGET_MAX, 0);
    assert_int_equal(batch_add(&b, job, &regions, &device), BATCH_TOOK_ALL);
    assert_int_equal(b.num_items, job->num_items);
}

static void pack(uint32_t num_items)
{
    yoke_job job = yoke_job(.type = &type, .in = {numbers_in, numbers_in}, .out = numbers_out,
                            .num_items = num_items);
    pack_job(&job);
}

static const char *seal(void)
{
    return seal_batch(&b, kernels, &regions, &device);
}

static const backend_block *block(void)
{
    return b.memory.host;
}

static const backend_op *op(uint32_t i)
{
    assert_in_range(i, 0, b.recorder.num_ops - 1);
    return &b.recorder.ops[i];
}

static void check_copy(uint32_t i, uint64_t to, uint64_t from, uint64_t bytes, bool waits)
{
    assert_int_equal(op(i)->kind, BACKEND_OP_COPY);
    assert_int_equal(backend_address(op(i)->to), to);
    assert_int_equal(backend_address(op(i)->from), from);
    assert_int_equal(op(i)->bytes, bytes);
    assert_int_equal(op(i)->waits, waits);
}

static void check_items(uint32_t i, bool waits)
{
    assert_int_equal(op(i)->kind, BACKEND_OP_ITEMS);
    assert_ptr_equal(op(i)->kernel, kernels[0]);
    assert_int_equal(op(i)->waits, waits);
}

/* -- map types --------------------------------------------------------------------------------- */

static void a_batch_that_is_not_staged_is_one_kernel_on_the_slot(void **state)
{
    (void)state;
    begin(1 << 20);
    make_map(4, 0, 8);
    pack(9);
    assert_null(seal());
    backend_batch told = seal_for_device(&b);
    assert_int_equal(told.slot, 5);
    assert_int_equal(told.num_items, 9);
    assert_int_equal(told.block, SLOT_ADDRESS);
    assert_ptr_equal(told.block_host, b.memory.host);
    assert_ptr_equal(told.ops, b.recorder.ops);
    assert_int_equal(told.num_ops, 1);
    check_items(0, false);
    assert_int_equal(block()->in[0], SLOT_ADDRESS + b.arrays[0].offset);
    assert_int_equal(block()->in[1], 0);
    assert_int_equal(block()->out, SLOT_ADDRESS + b.arrays[BATCH_OUT].offset);
    assert_int_equal(block()->num_items, 9);
    for (int k = 0; k < YOKE_SCRATCH_MAX; k++) {
        assert_int_equal(block()->scratch[k], 0);
        assert_int_equal(block()->resident[k], 0);
    }
    assert_int_equal(block()->reserved, 0);
    assert_int_equal(b.scratch.memory.bytes, 0);
    end();
}

/* Copies in side by side, the kernel on the copies, the copy out; whole words, each array aligned
 * and beside the others. */
static void a_staged_batch_works_on_copies(void **state)
{
    (void)state;
    static const struct {
        uint32_t in0, in1, out, num_items;
    } rows[] = {{4, 8, 4, 100}, {4, 0, 4, 1},     {3, 5, 7, 1},   {3, 5, 7, 2},      {1, 1, 1, 1},
                {1, 2, 3, 333}, {64, 0, 32, 500}, {256, 0, 0, 3}, {1000, 1001, 1, 7}};
    begin(1 << 22);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        make_map(rows[i].in0, rows[i].in1, rows[i].out);
        pack(rows[i].num_items);
        b.is_staged = true;
        assert_null(seal());
        assert_true(b.is_staged);
        uint64_t end_at = b.scratch.memory.address, bytes;
        uint32_t n = 0;
        for (uint32_t k = 0; k < 2; k++) {
            if (b.stride[k] == 0) {
                assert_int_equal(block()->in[k], 0);
                continue;
            }
            bytes = (b.stride[k] * rows[i].num_items + 3) / 4 * 4;
            check_copy(n++, block()->in[k], SLOT_ADDRESS + b.arrays[k].offset, bytes, false);
            assert_int_equal(block()->in[k] % 256, 0);
            assert_true(block()->in[k] >= end_at);
            end_at = block()->in[k] + bytes;
        }
        check_items(n++, true);
        if (rows[i].out > 0) {
            bytes = (b.stride[BATCH_OUT] * rows[i].num_items + 3) / 4 * 4;
            check_copy(n++, SLOT_ADDRESS + b.arrays[BATCH_OUT].offset, block()->out, bytes, true);
            assert_int_equal(block()->out % 256, 0);
            assert_true(block()->out >= end_at);
            end_at = block()->out + bytes;
        }
        assert_int_equal(b.recorder.num_ops, n);
        assert_true(end_at <= b.scratch.memory.address + b.scratch.memory.bytes);
    }
    end();
}

static void what_the_device_has_no_memory_for_goes_directly(void **state)
{
    (void)state;
    begin(10000);
    make_map(4, 0, 4);
    for (uint32_t num_items = 1000; num_items <= 3000; num_items += 2000) {
        pack(num_items);
        b.is_staged = true;
        assert_null(seal());
        assert_int_equal(b.is_staged, num_items == 1000);
        assert_int_equal(b.recorder.num_ops, num_items == 1000 ? 3 : 1);
        assert_int_equal(block()->in[0] >= OWN_ADDRESS, num_items == 1000);
    }
    end();
}

static void ragged_batches_are_never_staged(void **state)
{
    (void)state;
    begin(1 << 22);
    type_init(
        &type, NULL,
        yoke_type_desc(.name = "ragged", .cpu = kernel, .in_bytes = {YOKE_RAGGED}, .out_bytes = 4));
    type.num_kernels = 1;
    const yoke_span spans[3] = {{numbers_in, 40}, {numbers_in, 4}, {NULL, 0}};
    yoke_job job = yoke_job(.type = &type, .in = {spans}, .out = numbers_out, .num_items = 3);
    pack_job(&job);
    b.is_staged = true;
    assert_null(seal());
    assert_false(b.is_staged);
    assert_int_equal(b.recorder.num_ops, 1);
    check_items(0, false);
    end();
}

/* Arrays of the job's own are copied from and to where they are, if they are whole words: what
 * follows them is not ours to read or write. */
static void mapped_arrays_are_staged_if_they_are_whole_words(void **state)
{
    (void)state;
    enum { ITEMS = BATCH_MAP_BYTES_MIN };
    static const struct {
        uint32_t in, out, num_items;
        bool can;
    } rows[] = {
        {4, 4, ITEMS, true},      {1, 4, ITEMS, true},      {1, 4, ITEMS + 1, false},
        {4, 1, ITEMS + 1, false}, {4, 3, ITEMS + 2, false}, {1, 3, ITEMS + 4, true},
    };
    begin(1 << 24);
    char *in = region_alloc(&regions, &libc_allocator, 8 * ITEMS);
    char *out = region_alloc(&regions, &libc_allocator, 8 * ITEMS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        make_map(rows[i].in, 0, rows[i].out);
        yoke_job job = yoke_job(.type = &type, .in = {in + 16}, .out = out + 32,
                                .num_items = rows[i].num_items);
        pack_job(&job);
        assert_int_equal(b.mapped, 1 | 1u << BATCH_OUT);
        b.is_staged = true;
        assert_null(seal());
        if (b.is_staged != rows[i].can) {
            fail_msg("row %zu: %d", i, b.is_staged);
        }
        uint64_t in_at = (uintptr_t)in + DEVICE_OFFSET + 16;
        uint64_t out_at = (uintptr_t)out + DEVICE_OFFSET + 32;
        if (rows[i].can) {
            check_copy(0, block()->in[0], in_at, (uint64_t)rows[i].in * rows[i].num_items, false);
            check_items(1, true);
            check_copy(2, out_at, block()->out, (uint64_t)rows[i].out * rows[i].num_items, true);
        } else {
            assert_int_equal(b.recorder.num_ops, 1);
            assert_int_equal(block()->in[0], in_at);
            assert_int_equal(block()->out, out_at);
        }
        batch_close(&b, &regions, &device, true);
    }
    end();
}

/* -- programs ---------------------------------------------------------------------------------- */

static yoke_plan planned;
static void (*record_next)(yoke_recorder *recorder, const yoke_batch_shape *batch);
static int user;

static yoke_status plan_as_told(const void *params, yoke_plan *plan)
{
    (void)params;
    *plan = planned;
    return YOKE_OK;
}

static void record_as_told(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    record_next(recorder, batch);
}

static void make_program(const yoke_plan *plan, bool has_finish,
                         void (*record)(yoke_recorder *recorder, const yoke_batch_shape *batch))
{
    planned = *plan;
    record_next = record;
    type_init(&type, NULL,
              yoke_type_desc(.name = "program", .cpu = kernel, .params_bytes = 8, .user = &user,
                             .program = yoke_program(.plan = plan_as_told, .record = record_as_told,
                                                     .finish = has_finish ? kernel : NULL)));
    type.num_kernels = 2;
}

static void pack_problems(uint32_t num_items)
{
    yoke_job job = yoke_job(.type = &type, .in = {numbers_in}, .out = numbers_out,
                            .num_items = num_items, .params = "eight...", .params_bytes = 8);
    pack_job(&job);
}

#define IN YOKE_BUFFER_IN(0)
#define OUT YOKE_BUFFER_OUT
#define SCRATCH(k) YOKE_BUFFER_SCRATCH(k)

static void record_steps(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    assert_memory_equal(batch->plan, &planned, sizeof planned);
    assert_memory_equal(batch->params, "eight...", 8);
    assert_int_equal(batch->num_items, 7);
    assert_ptr_equal(batch->user, &user);
    yoke_record_dispatch(recorder, 1, 7, 1, 1, NULL, 0, IN, SCRATCH(1) | SCRATCH(3));
    yoke_record_copy(recorder, SCRATCH(1), 100, SCRATCH(3), 0, 204);
    yoke_record_fill(recorder, OUT, 80, 4, 9); /* the end of seven outputs of 12 bytes */
}

static void a_program_records_what_runs_on_the_buffers_of_its_plan(void **state)
{
    (void)state;
    const yoke_plan plan = {.in_bytes = {20}, .out_bytes = 12, .scratch_bytes = {0, 1000, 0, 52}};
    begin(1 << 20);
    make_program(&plan, false, record_steps);
    pack_problems(7);
    b.is_staged = true; /* a program copies for itself */
    assert_null(seal());
    assert_false(b.is_staged);
    assert_int_equal(b.recorder.num_ops, 3);
    assert_int_equal(op(0)->kind, BACKEND_OP_DISPATCH);
    assert_ptr_equal(op(0)->kernel, kernels[1]);
    assert_false(op(0)->waits);
    check_copy(1, block()->scratch[1] + 100, block()->scratch[3], 204, true);
    assert_int_equal(op(2)->kind, BACKEND_OP_FILL);
    assert_int_equal(backend_address(op(2)->to), block()->out + 80);
    assert_false(op(2)->waits);
    uint64_t first = b.scratch.memory.address, end_at = first + b.scratch.memory.bytes;
    assert_int_equal(block()->scratch[1] % 256, 0);
    assert_int_equal(block()->scratch[3] % 256, 0);
    assert_true(block()->scratch[1] >= first);
    assert_true(block()->scratch[3] >= block()->scratch[1] + 7 * 1000);
    assert_true(block()->scratch[3] + 7 * 52 <= end_at);
    assert_int_equal(block()->in[0], SLOT_ADDRESS + b.arrays[0].offset);
    assert_int_equal(block()->out, SLOT_ADDRESS + b.arrays[BATCH_OUT].offset);
    assert_int_equal(block()->params, SLOT_ADDRESS + b.params_at);
    assert_int_equal(block()->params_stride, 0);
    assert_int_equal(block()->num_items, 7);
    end();
}

static void record_partial(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)batch;
    yoke_record_fill(recorder, OUT, 0, 3 * 40, 1); /* all of three partial results */
}

static void the_output_of_a_program_with_a_finish_is_the_partial_results(void **state)
{
    (void)state;
    const yoke_plan plan = {.in_bytes = {4}, .out_bytes = 4, .partial_bytes = 40};
    begin(0);
    make_program(&plan, true, record_partial);
    pack_problems(3);
    assert_null(seal());
    assert_int_equal(block()->out, SLOT_ADDRESS + b.arrays[BATCH_OUT].offset);
    assert_ptr_equal(batch_partial(&b, 2),
                     (char *)b.memory.host + b.arrays[BATCH_OUT].offset + 2 * 40);
    make_program(&plan, true, record_partial);
    pack_problems(2); /* one less: now the fill is too long */
    assert_string_equal(seal(), "a fill of a range that is not there");
    end();
}

static void record_nothing(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)recorder;
    (void)batch;
}

static void record_barrier(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)batch;
    yoke_record_barrier(recorder);
}

static void record_absent_scratch(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)batch;
    yoke_record_fill(recorder, OUT, 0, 4, 1);
    yoke_record_dispatch(recorder, 0, 1, 1, 1, NULL, 0, IN, SCRATCH(0));
}

static void record_absent_input(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)batch;
    yoke_record_fill(recorder, OUT, 0, 4, 1);
    yoke_record_dispatch(recorder, 0, 1, 1, 1, NULL, 0, YOKE_BUFFER_IN(1), OUT);
}

static void record_absent_kernel(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)batch;
    yoke_record_dispatch(recorder, 2, 1, 1, 1, NULL, 0, IN, OUT);
}

static void record_past_the_items(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    yoke_record_copy(recorder, OUT, 0, IN, 0, (batch->num_items + 1) * UINT64_C(4));
}

static void what_is_wrong_with_a_record_is_told(void **state)
{
    (void)state;
    static const struct {
        void (*record)(yoke_recorder *recorder, const yoke_batch_shape *batch);
        const char *what;
    } rows[] = {
        {record_nothing, "nothing was recorded"},
        {record_barrier, "nothing was recorded"},
        {record_absent_scratch, "a buffer that the batch does not have"},
        {record_absent_input, "a buffer that the batch does not have"},
        {record_absent_kernel, "a dispatch of no kernel, or with bad push constants"},
        {record_past_the_items, "a copy between ranges that are not there"},
    };
    const yoke_plan plan = {.in_bytes = {4}, .out_bytes = 8, .scratch_bytes = {0, 8}};
    begin(1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        make_program(&plan, false, rows[i].record);
        pack_problems(5);
        const char *what = seal();
        assert_non_null(what);
        assert_string_equal(what, rows[i].what);
    }
    end();
}

/* -- residents --------------------------------------------------------------------------------- */

static yoke_resident residents[2];

static void make_residents(void)
{
    static const size_t bytes[] = {100, 10000};
    for (int k = 0; k < 2; k++) {
        void *data = region_alloc_resident(&regions, &libc_allocator, bytes[k]);
        residents[k] = (yoke_resident){.data = data, .bytes = bytes[k]};
    }
}

static void pack_with_residents(void)
{
    type.num_residents = 2;
    yoke_job job = yoke_job(.type = &type, .in = {numbers_in}, .out = numbers_out, .num_items = 5,
                            .resident = {&residents[0], &residents[1]},
                            .params = type.params_bytes == 8 ? "eight..." : NULL,
                            .params_bytes = type.params_bytes);
    pack_job(&job);
}

static void the_first_batch_brings_the_residents_along(void **state)
{
    (void)state;
    begin(1 << 20);
    make_map(4, 0, 4);
    make_residents();
    for (int is_staged = 0; is_staged < 2; is_staged++) {
        uint64_t copies[2];
        for (int round = 0; round < 3; round++) {
            pack_with_residents();
            b.is_staged = is_staged;
            assert_null(seal());
            uint32_t num_copies = round == 0 && is_staged == 0 ? 2 : 0;
            for (uint32_t k = 0; k < num_copies; k++) {
                uint64_t whole = (residents[k].bytes + PAGE - 1) / PAGE * PAGE;
                check_copy(k, block()->resident[k], (uintptr_t)residents[k].data + DEVICE_OFFSET,
                           whole, false);
            }
            assert_int_equal(b.recorder.num_ops, num_copies + (is_staged ? 3 : 1));
            assert_true(num_copies == 0 || op(2)->waits);
            for (int k = 0; k < 2; k++) {
                assert_true(block()->resident[k] >= OWN_ADDRESS);
                copies[k] = round == 0 ? block()->resident[k] : copies[k];
                assert_int_equal(block()->resident[k], copies[k]);
            }
            batch_close(&b, &regions, &device, true);
        }
    }
    end();
}

static void residents_that_did_not_arrive_are_brought_again(void **state)
{
    (void)state;
    begin(1 << 20);
    make_map(4, 0, 4);
    make_residents();
    for (int round = 0; round < 4; round++) {
        pack_with_residents();
        assert_null(seal());
        assert_int_equal(b.recorder.num_ops, round < 3 ? 3 : 1);
        batch_close(&b, &regions, &device, round >= 2); /* the first two fail */
    }
    end();
}

/* A device that cannot import copies from memory of its own that the host sees. */
static void residents_reach_a_device_that_cannot_import(void **state)
{
    (void)state;
    begin(1 << 20);
    make_map(4, 0, 4);
    make_residents();
    refuses_import = true;
    pack_with_residents();
    assert_null(seal());
    assert_int_equal(b.recorder.num_ops, 3);
    for (uint32_t k = 0; k < 2; k++) {
        assert_non_null(op(k)->from.memory->host);
        assert_memory_equal(op(k)->from.memory->host, residents[k].data, residents[k].bytes);
    }
    end();
}

static void a_resident_for_which_there_is_no_room_is_told(void **state)
{
    (void)state;
    begin(4096); /* for the small one */
    make_map(4, 0, 4);
    make_residents();
    for (int round = 0; round < 3; round++) {
        pack_with_residents();
        assert_string_equal(seal(), "the device has no room for a resident");
        batch_close(&b, &regions, &device, false);
    }
    own_bytes = 1 << 20; /* others have given some back */
    pack_with_residents();
    assert_null(seal());
    assert_int_equal(b.recorder.num_ops, 3);
    end();
}

static void record_with_resident(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)batch;
    yoke_record_copy(recorder, OUT, 0, YOKE_BUFFER_RESIDENT(0), 80, 20);
    yoke_record_dispatch(recorder, 0, 1, 1, 1, NULL, 0, YOKE_BUFFER_RESIDENT(1), SCRATCH(0));
}

static void record_resident_too_long(yoke_recorder *recorder, const yoke_batch_shape *batch)
{
    (void)batch;
    yoke_record_copy(recorder, OUT, 0, YOKE_BUFFER_RESIDENT(0), 84, 20);
}

static void programs_name_residents_as_buffers(void **state)
{
    (void)state;
    const yoke_plan plan = {.in_bytes = {4}, .out_bytes = 20, .scratch_bytes = {4}};
    begin(1 << 20);
    make_program(&plan, false, record_with_resident);
    make_residents();
    pack_with_residents();
    assert_null(seal());
    assert_int_equal(b.recorder.num_ops, 4);
    check_copy(2, block()->out, block()->resident[0] + 80, 20, true); /* behind their arrival */
    assert_false(op(3)->waits);
    batch_close(&b, &regions, &device, true);
    record_next = record_resident_too_long; /* 100 bytes, whatever the pages hold */
    pack_with_residents();
    assert_string_equal(seal(), "a copy between ranges that are not there");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_that_is_not_staged_is_one_kernel_on_the_slot),
        cmocka_unit_test(a_staged_batch_works_on_copies),
        cmocka_unit_test(what_the_device_has_no_memory_for_goes_directly),
        cmocka_unit_test(ragged_batches_are_never_staged),
        cmocka_unit_test(mapped_arrays_are_staged_if_they_are_whole_words),
        cmocka_unit_test(a_program_records_what_runs_on_the_buffers_of_its_plan),
        cmocka_unit_test(the_output_of_a_program_with_a_finish_is_the_partial_results),
        cmocka_unit_test(what_is_wrong_with_a_record_is_told),
        cmocka_unit_test(the_first_batch_brings_the_residents_along),
        cmocka_unit_test(residents_that_did_not_arrive_are_brought_again),
        cmocka_unit_test(residents_reach_a_device_that_cannot_import),
        cmocka_unit_test(a_resident_for_which_there_is_no_room_is_told),
        cmocka_unit_test(programs_name_residents_as_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
