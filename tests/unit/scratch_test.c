/*
 * scratch.h: how it grows on devices with little memory, that it does not ask in vain twice, and
 * where buffers lie in it.
 */
#include "runtime/scratch.h"

#include "tests/unit/testing.h"

/* A device with so much memory of its own. */
static uint64_t left_bytes;
static uint32_t num_asked;

static yoke_status own_alloc(backend_device *device, backend_memory_kind kind, size_t bytes,
                             backend_memory *memory)
{
    (void)device;
    assert_int_equal(kind, BACKEND_MEMORY_DEVICE);
    num_asked++;
    if (bytes > left_bytes) {
        memory->bytes = bytes; /* whatever is in it then must not count */
        return YOKE_NO_MEMORY;
    }
    left_bytes -= bytes;
    *memory = (backend_memory){.address = UINT64_C(1) << 40, .bytes = bytes};
    return YOKE_OK;
}

static void own_release(backend_device *device, backend_memory *memory)
{
    (void)device;
    assert_int_not_equal(memory->bytes, 0);
    left_bytes += memory->bytes;
    *memory = (backend_memory){0};
}

static const backend_ops own_ops = {.alloc = own_alloc, .release = own_release};
static const region_device device = {.ops = &own_ops};

static void a_scratch_grows_to_a_power_of_two_or_to_what_there_is(void **state)
{
    (void)state;
    static const struct {
        uint64_t own_bytes, asked, has; /* 0: refused */
    } rows[] = {
        {1 << 20, 1, 1},
        {1 << 20, 2, 2},
        {1 << 20, 3, 4},
        {1 << 20, 4096, 4096},
        {1 << 20, 4097, 8192},
        {10000, 5000, 8192},
        {8000, 5000, 5000},
        {5000, 5000, 5000},
        {4999, 5000, 0},
        {0, 1, 0},
        {1 << 20, 1 << 20, 1 << 20},
        {1 << 20, (1 << 20) + 1, 0},
        {UINT64_MAX, INT64_MAX, UINT64_C(1) << 63},
        {UINT64_MAX, UINT64_C(1) << 63, 0}, /* more than can be */
        {UINT64_MAX, UINT64_MAX, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scratch s = {.refused_bytes = 0};
        left_bytes = rows[i].own_bytes;
        if (scratch_grow(&s, &device, rows[i].asked) != (rows[i].has != 0) ||
            s.memory.bytes != rows[i].has) {
            fail_msg("row %zu: %zu bytes", i, s.memory.bytes);
        }
        assert_int_equal(left_bytes, rows[i].own_bytes - rows[i].has);
    }
}

static void what_it_has_is_not_asked_for(void **state)
{
    (void)state;
    scratch s = {.refused_bytes = 0};
    left_bytes = 1 << 20;
    assert_true(scratch_grow(&s, NULL, 0)); /* without a device too */
    assert_false(scratch_grow(&s, NULL, 1));
    assert_true(scratch_grow(&s, &device, 1000));
    num_asked = 0;
    for (uint64_t bytes = 0; bytes <= 1024; bytes++) {
        assert_true(scratch_grow(&s, &device, bytes));
    }
    assert_int_equal(num_asked, 0);
    assert_true(scratch_grow(&s, &device, 1025)); /* the old one goes first */
    assert_int_equal(left_bytes, (1 << 20) - 2048);
}

static void what_was_refused_is_not_asked_for_again(void **state)
{
    (void)state;
    scratch s = {.refused_bytes = 0};
    left_bytes = 10000;
    assert_true(scratch_grow(&s, &device, 4000));
    assert_false(scratch_grow(&s, &device, 20000));
    num_asked = 0;
    for (int i = 0; i < 100; i++) {
        assert_false(scratch_grow(&s, &device, 20000 + (uint64_t)i * i * i));
    }
    assert_int_equal(num_asked, 0);
    assert_true(scratch_grow(&s, &device, 9000)); /* less is */
    assert_int_equal(s.memory.bytes, 9000);
    left_bytes = 1 << 20; /* others have given back some of theirs */
    scratch_shrink(&s, &device, 16384);
    assert_int_equal(s.memory.bytes, 9000);
    assert_true(scratch_grow(&s, &device, 20000));
}

static void what_it_has_grown_by_is_given_back(void **state)
{
    (void)state;
    scratch s = {.refused_bytes = 0};
    left_bytes = 1 << 20;
    assert_true(scratch_grow(&s, &device, 100000));
    scratch_shrink(&s, &device, 5000);
    assert_int_equal(s.memory.bytes, 8192);
    assert_int_equal(left_bytes, (1 << 20) - 8192);
    num_asked = 0;
    scratch_shrink(&s, &device, 5000);
    assert_int_equal(num_asked, 0);
    scratch_shrink(&s, &device, 0);
    assert_int_equal(s.memory.bytes, 0);
    assert_int_equal(left_bytes, 1 << 20);
}

static void buffers_lie_side_by_side_and_what_is_too_much_is_told(void **state)
{
    (void)state;
    static const struct {
        uint64_t item_bytes[5], num_items, bytes;
    } rows[] = {
        {{0}, 100, 0},
        {{1, 0, 0, 0, 1}, 1, 512},
        {{256, 256}, 1, 512},
        {{257, 1, 255}, 1, 1024},
        {{3, 0, 5}, 1000, 3072 + 5120},
        {{UINT64_C(1) << 50, 1}, 1, (UINT64_C(1) << 50) + 256},
        {{UINT64_MAX}, 1, UINT64_MAX},
        {{UINT64_MAX}, 2, UINT64_MAX},
        {{UINT64_C(1) << 32}, UINT64_C(1) << 32, UINT64_MAX}, /* 0 in 64 bits */
        {{0, 0, 0, 0, UINT64_C(1) << 62}, 1, UINT64_MAX},
        {{UINT64_C(1) << 61, UINT64_C(1) << 61, UINT64_C(1) << 61}, 7, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scratch s = {.refused_bytes = 0};
        backend_place places[5];
        uint64_t at = 0;
        uint64_t bytes = scratch_bytes(rows[i].item_bytes, 5, rows[i].num_items);
        if (bytes != rows[i].bytes) {
            fail_msg("row %zu: %" PRIu64 " bytes", i, bytes);
        }
        if (bytes == UINT64_MAX) {
            continue;
        }
        scratch_place(&s, rows[i].item_bytes, 5, rows[i].num_items, places);
        for (int k = 0; k < 5; k++) {
            assert_ptr_equal(places[k].memory, &s.memory);
            assert_int_equal(places[k].offset % 256, 0);
            assert_true(places[k].offset >= at);
            at = places[k].offset + rows[i].item_bytes[k] * rows[i].num_items;
        }
        assert_true(at <= bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scratch_grows_to_a_power_of_two_or_to_what_there_is),
        cmocka_unit_test(what_it_has_is_not_asked_for),
        cmocka_unit_test(what_was_refused_is_not_asked_for_again),
        cmocka_unit_test(what_it_has_grown_by_is_given_back),
        cmocka_unit_test(buffers_lie_side_by_side_and_what_is_too_much_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
