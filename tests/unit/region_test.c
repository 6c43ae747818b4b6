/*
 * region.h over a device that only counts: who may use memory and at which address, when it is
 * given back, and devices that use it in their own threads while others free it.
 */
#include "runtime/region.h"

#include <sys/mman.h>

#include "tests/unit/testing.h"

#define PAGE UINT64_C(4096)
#define DEVICE_OFFSET (UINT64_C(1) << 40) /* a device sees memory this much higher, per index */

/* -- a device and an allocator that count ------------------------------------------------------ */

typedef struct counting_device {
    region_device device;
    bool refuses;
    int num_imports, num_imported; /* asked for; and in force */
} counting_device;

static yoke_status count_import(backend_device *device, void *host, size_t bytes,
                                backend_memory *memory)
{
    counting_device *counts = (counting_device *)(void *)device;
    counts->num_imports++;
    if (counts->refuses) {
        return YOKE_UNSUPPORTED;
    }
    assert_int_equal((uintptr_t)host % PAGE, 0);
    assert_int_equal(bytes % PAGE, 0);
    counts->num_imported++;
    *memory = (backend_memory){
        .host = host,
        .address = (uintptr_t)host + DEVICE_OFFSET * (counts->device.index + 1),
        .bytes = bytes,
    };
    return YOKE_OK;
}

static void count_release(backend_device *device, backend_memory *memory)
{
    counting_device *counts = (counting_device *)(void *)device;
    assert_true(memory->bytes > 0);
    counts->num_imported--;
    *memory = (backend_memory){0};
}

static const backend_ops counting_ops = {.import = count_import, .release = count_release};

static _Atomic int num_allocated;
static bool is_out_of_memory;

static void *count_alloc(void *user, size_t bytes, size_t align)
{
    assert_ptr_equal(user, &num_allocated);
    if (is_out_of_memory) {
        return NULL;
    }
    void *memory = aligned_alloc(align, (bytes + align - 1) / align * align);
    assert_non_null(memory);
    atomic_fetch_add(&num_allocated, 1);
    return memory;
}

static void count_free(void *user, void *memory, size_t bytes)
{
    assert_ptr_equal(user, &num_allocated);
    memset(memory, 0xa5, bytes);
    free(memory);
    atomic_fetch_sub(&num_allocated, 1);
}

static const yoke_allocator allocator = {count_alloc, count_free, &num_allocated};
static region_table table;
static counting_device devices[2];

static void start_device(uint32_t index)
{
    devices[index] = (counting_device){
        .device = {.index = index,
                   .ops = &counting_ops,
                   .device = (backend_device *)(void *)&devices[index]},
    };
}

static int start(void **state)
{
    (void)state;
    region_table_init(&table);
    start_device(0);
    start_device(1);
    is_out_of_memory = false;
    return 0;
}

static int finish(void **state)
{
    (void)state;
    region_table_finish(&table, &allocator);
    assert_int_equal(atomic_load(&num_allocated), 0);
    return 0;
}

static void *alloc(size_t bytes)
{
    char *memory = region_alloc(&table, &allocator, bytes);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % PAGE, 0);
    return memory;
}

static bool is_mapped(const void *memory)
{
    unsigned char in_core;
    return mincore((void *)((uintptr_t)memory / PAGE * PAGE), 1, &in_core) == 0;
}

static bool use(uint32_t index, const void *memory, size_t bytes, region **used)
{
    backend_place place;
    bool usable = region_use(&table, &devices[index].device, memory, bytes, &place, used);
    if (usable) {
        assert_int_equal(backend_address(place), (uintptr_t)memory + DEVICE_OFFSET * (index + 1));
    }
    return usable;
}

/* -- memory ------------------------------------------------------------------------------------ */

static void memory_is_zeroed_whole_pages_and_gone_when_freed(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, PAGE - 1, PAGE, PAGE + 1, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t whole = (sizes[i] + PAGE - 1) / PAGE * PAGE;
        unsigned char *memory = alloc(sizes[i]);
        for (size_t at = 0; at < whole; at++) {
            assert_int_equal(memory[at], 0);
            memory[at] = 1;
        }
        assert_true(is_mapped(memory + whole - 1));
        region *r = region_begin_free(&table, memory, false);
        assert_non_null(r);
        assert_true(region_is_unused(&table, r));
        region_unmap(&table, &allocator, r);
        assert_false(is_mapped(memory));
        assert_false(is_mapped(memory + whole - 1));
    }
    assert_int_equal(atomic_load(&num_allocated), 0);
}

static void what_cannot_be_had_is_not_given(void **state)
{
    (void)state;
    assert_null(region_alloc(&table, &allocator, 0));
    assert_null(region_alloc(&table, &allocator, SIZE_MAX));
    assert_null(region_alloc(&table, &allocator, SIZE_MAX - PAGE + 1));
    assert_null(region_alloc(&table, &allocator, SIZE_MAX / 2)); /* more than an address space */
    is_out_of_memory = true;
    assert_null(region_alloc(&table, &allocator, 1));
    is_out_of_memory = false;
    assert_int_equal(atomic_load(&num_allocated), 0);
}

static void only_the_beginning_of_a_region_can_be_freed_and_once(void **state)
{
    (void)state;
    char *first = alloc(2 * PAGE), *second = alloc(PAGE);
    assert_null(region_begin_free(&table, first + PAGE, false));
    assert_null(region_begin_free(&table, first + 1, false));
    assert_null(region_begin_free(&table, &table, false));
    assert_null(region_begin_free(&table, NULL, false));
    assert_int_equal(atomic_load(&table.num_freeing), 0);
    region *r = region_begin_free(&table, first, false);
    assert_non_null(r);
    assert_null(region_begin_free(&table, first, false)); /* it is on its way already */
    assert_int_equal(atomic_load(&table.num_freeing), 1);
    region *s = region_begin_free(&table, second, false);
    assert_non_null(s);
    assert_int_equal(atomic_load(&table.num_freeing), 2);
    region_unmap(&table, &allocator, r);
    region_unmap(&table, &allocator, s);
    assert_int_equal(atomic_load(&table.num_freeing), 0);
    assert_null(region_begin_free(&table, first, false));
}

static void what_is_not_freed_goes_with_the_table(void **state)
{
    (void)state;
    char *memory[3] = {alloc(1), alloc(PAGE * 3), alloc(PAGE)};
    region_table_finish(&table, &allocator);
    assert_int_equal(atomic_load(&num_allocated), 0);
    for (int i = 0; i < 3; i++) {
        assert_false(is_mapped(memory[i]));
    }
    region_table_init(&table);
}

/* -- use --------------------------------------------------------------------------------------- */

static void a_range_is_usable_if_all_of_it_lies_in_one_region(void **state)
{
    (void)state;
    char *memory = alloc(4 * PAGE);
    const struct {
        ptrdiff_t at;
        size_t bytes;
        bool usable;
    } rows[] = {
        {0, 1, true},
        {0, 4 * PAGE, true},
        {0, 4 * PAGE + 1, false},
        {1, 4 * PAGE - 1, true},
        {1, 4 * PAGE, false},
        {4 * PAGE - 1, 1, true},
        {4 * PAGE - 1, 2, false},
        {-1, 1, false},
        {-1, 2, false},
        {17, 100, true},
        {0, SIZE_MAX, false},
        {17, SIZE_MAX - 16, false}, /* its end is its beginning less one */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        region *used = NULL;
        bool usable = use(0, memory + rows[i].at, rows[i].bytes, &used);
        if (usable != rows[i].usable) {
            fail_msg("row %zu: %d", i, usable);
        }
        if (usable) {
            region_unuse(&table, used);
        }
    }
    int on_the_stack;
    region *used;
    assert_false(use(0, &on_the_stack, sizeof on_the_stack, &used));
    assert_int_equal(devices[0].num_imports, 1); /* the first time it was met */
}

static void each_device_imports_for_itself_at_its_own_address(void **state)
{
    (void)state;
    char *memory = alloc(PAGE), *other = alloc(PAGE);
    region *used[4];
    assert_true(use(0, memory, PAGE, &used[0]));
    assert_true(use(1, memory + 8, 16, &used[1]));
    assert_true(use(1, memory, PAGE, &used[2]));
    assert_true(use(1, other, PAGE, &used[3]));
    assert_ptr_equal(used[0], used[1]);
    assert_ptr_not_equal(used[0], used[3]);
    assert_int_equal(devices[0].num_imports, 1);
    assert_int_equal(devices[1].num_imports, 2);
    for (int i = 0; i < 4; i++) {
        region_unuse(&table, used[i]);
    }
}

static void a_device_that_refuses_is_asked_once_for_each_region(void **state)
{
    (void)state;
    char *memory = alloc(PAGE), *other = alloc(PAGE);
    region *used;
    devices[0].refuses = true;
    for (int i = 0; i < 3; i++) {
        assert_false(use(0, memory, 8, &used));
    }
    assert_int_equal(devices[0].num_imports, 1);
    assert_false(use(0, other, 8, &used));
    assert_int_equal(devices[0].num_imports, 2);
    assert_true(use(1, memory, 8, &used)); /* what one refuses, another may take */
    region_unuse(&table, used);
    region *r = region_begin_free(&table, other, false);
    assert_true(region_is_unused(&table, r)); /* what was refused holds nothing up */
    region_unmap(&table, &allocator, r);
}

/* -- freeing ----------------------------------------------------------------------------------- */

static void a_region_is_unused_when_no_batch_and_no_device_has_it(void **state)
{
    (void)state;
    char *memory = alloc(PAGE);
    region *used, *again;
    assert_true(use(0, memory, 8, &used));
    assert_true(use(0, memory, 8, &used));
    assert_true(use(1, memory, 8, &used));
    region_unuse(&table, used); /* devices 0 and 1 know it, two uses are left */
    assert_false(region_let_go(&table, &devices[0].device)); /* nobody frees it */
    region *r = region_begin_free(&table, memory, false);
    assert_ptr_equal(r, used);
    assert_false(use(0, memory, 8, &again)); /* out of use */
    assert_false(region_let_go(&table, &devices[0].device));
    region_unuse(&table, r);
    assert_false(region_let_go(&table, &devices[0].device));
    assert_false(region_is_unused(&table, r));
    region_unuse(&table, r);
    assert_false(region_is_unused(&table, r)); /* both have it imported */
    assert_true(region_let_go(&table, &devices[0].device));
    assert_false(region_let_go(&table, &devices[0].device)); /* once */
    assert_false(region_is_unused(&table, r));
    assert_true(region_let_go(&table, &devices[1].device));
    assert_true(region_is_unused(&table, r));
    region_unmap(&table, &allocator, r);
    assert_int_equal(devices[0].num_imported, 0);
    assert_int_equal(devices[1].num_imported, 0);
}

static void devices_let_go_of_what_is_freed_and_nothing_else(void **state)
{
    (void)state;
    char *kept = alloc(PAGE), *freed = alloc(PAGE);
    region *used;
    assert_true(use(0, kept, 8, &used));
    region_unuse(&table, used);
    assert_true(use(0, freed, 8, &used));
    region_unuse(&table, used);
    region *r = region_begin_free(&table, freed, false);
    assert_true(region_let_go(&table, &devices[0].device));
    assert_int_equal(devices[0].num_imported, 1);
    region_unmap(&table, &allocator, r);
    assert_true(use(0, kept, 8, &used));
    assert_int_equal(devices[0].num_imports, 2); /* still known */
    region_unuse(&table, used);
}

static void a_closed_device_has_nothing_imported_and_releases_nothing(void **state)
{
    (void)state;
    char *memory = alloc(PAGE);
    region *used;
    assert_true(use(0, memory, 8, &used));
    assert_true(use(1, memory, 8, &used));
    region_unuse(&table, used);
    region_unuse(&table, used);
    region_forget(&table, &devices[0].device, false);
    assert_int_equal(devices[0].num_imported, 1); /* it went with the device */
    region *r = region_begin_free(&table, memory, false);
    assert_false(region_let_go(&table, &devices[0].device));
    assert_false(region_is_unused(&table, r)); /* device 1 is still there */
    region_forget(&table, &devices[1].device, false);
    assert_true(region_is_unused(&table, r));
    region_unmap(&table, &allocator, r);
    assert_false(is_mapped(memory));
}

static void a_closed_device_does_not_end_the_uses_of_its_batches(void **state)
{
    (void)state;
    char *memory = alloc(PAGE);
    region *used;
    assert_true(use(0, memory, 8, &used));
    region_forget(&table, &devices[0].device, false);
    region *r = region_begin_free(&table, memory, false);
    assert_false(region_is_unused(&table, r)); /* the batch is still to be handed to the workers */
    region_unuse(&table, used);
    assert_true(region_is_unused(&table, r));
    region_unmap(&table, &allocator, r);
}

/* Gives back what the table must not. */
static void assert_left_mapped(char *memory)
{
    assert_true(is_mapped(memory));
    memory[0] = 1; /* as the device might */
    assert_int_equal(munmap(memory, PAGE), 0);
}

static void pages_that_a_stuck_device_knows_are_never_given_back(void **state)
{
    (void)state;
    char *known = alloc(PAGE), *unknown = alloc(PAGE), *left = alloc(PAGE);
    region *used;
    assert_true(use(0, known, 8, &used));
    region_unuse(&table, used);
    assert_true(use(0, left, 8, &used));
    region_unuse(&table, used);
    assert_true(use(1, unknown, 8, &used));
    region_unuse(&table, used);
    region_forget(&table, &devices[0].device, true);
    region_forget(&table, &devices[1].device, false);
    region *r = region_begin_free(&table, known, false);
    assert_true(region_is_unused(&table, r)); /* yoke_free does not hang with the device */
    region_unmap(&table, &allocator, r);
    assert_left_mapped(known);
    r = region_begin_free(&table, unknown, false);
    region_unmap(&table, &allocator, r);
    assert_false(is_mapped(unknown));
    region_table_finish(&table, &allocator);
    assert_left_mapped(left);
    assert_int_equal(atomic_load(&num_allocated), 0);
    region_table_init(&table);
}

/* -- devices at work while memory is freed ------------------------------------------------------
 */

enum { PLACES = 4, ROUNDS = 1000, REGION_BYTES = 2 * PAGE };

static _Atomic(char *) places[PLACES]; /* memory that may be in use, or freed already */
static _Atomic bool is_over;

typedef struct user {
    pthread_t thread;
    uint32_t index; /* the device's */
    uint64_t seed;
    _Atomic uint64_t num_used, num_refused, num_let_go;
} user;

static bool has_done_all(const user *u)
{
    return atomic_load(&u->num_used) > 0 && atomic_load(&u->num_let_go) > 0;
}

/* Writes where only this device writes; that crashes if the memory went away under the use. */
static void use_a_place(user *u, testing_random *random)
{
    char *memory = atomic_load(&places[testing_random_below(random, PLACES)]);
    backend_place place;
    region *used;
    if (!region_use(&table, &devices[u->index].device, memory, REGION_BYTES, &place, &used)) {
        u->num_refused++;
        return;
    }
    assert_int_equal(backend_address(place), (uintptr_t)memory + DEVICE_OFFSET * (u->index + 1));
    for (size_t at = u->index; at < REGION_BYTES; at += 512) {
        memory[at]++;
    }
    region_unuse(&table, used);
    u->num_used++;
}

static void *use_places(void *argument)
{
    user *u = argument;
    testing_random random = testing_random_of(u->seed, u->index);
    while (!atomic_load(&is_over)) {
        use_a_place(u, &random);
        if (atomic_load(&table.num_freeing) > 0) {
            u->num_let_go += region_let_go(&table, &devices[u->index].device);
        }
    }
    return NULL;
}

/* As yoke_free, but that it looks again and again instead of sleeping. */
static void free_slowly(char *memory)
{
    unsigned num_looks = 0;
    region *r = region_begin_free(&table, memory, false);
    assert_non_null(r);
    while (!region_is_unused(&table, r)) {
        testing_relax(&num_looks);
    }
    region_unmap(&table, &allocator, r);
}

static void memory_never_goes_away_under_a_device_that_uses_it(void **state)
{
    (void)state;
    user users[2];
    uint64_t seed = testing_seed();
    testing_random random = testing_random_of(seed, 2);
    testing_watchdog(120);
    for (int i = 0; i < PLACES; i++) {
        atomic_store(&places[i], alloc(REGION_BYTES));
    }
    for (uint32_t i = 0; i < 2; i++) {
        users[i] = (user){.index = i, .seed = seed};
        testing_start(&users[i].thread, use_places, &users[i]);
    }
    for (int round = 0; round < ROUNDS || !has_done_all(&users[0]) || !has_done_all(&users[1]);
         round++) { /* at least so often, and until both have had their turn */
        uint64_t place = testing_random_below(&random, PLACES);
        free_slowly(atomic_load(&places[place]));
        atomic_store(&places[place], alloc(REGION_BYTES));
    }
    atomic_store(&is_over, true);
    for (uint32_t i = 0; i < 2; i++) {
        testing_join(users[i].thread);
        printf("device %u: %" PRIu64 " uses, %" PRIu64 " refused, let go %" PRIu64 " times\n", i,
               atomic_load(&users[i].num_used), atomic_load(&users[i].num_refused),
               atomic_load(&users[i].num_let_go));
        region_forget(&table, &devices[i].device, false);
        assert_true(devices[i].num_imported <= PLACES); /* the rest was released */
    }
    for (int i = 0; i < PLACES; i++) {
        free_slowly(atomic_load(&places[i]));
    }
    testing_watchdog(0);
    assert_int_equal(atomic_load(&num_allocated), 0);
}

static void memory_of_the_callers_is_pinned_and_left_alone(void **state)
{
    (void)state;
    char *memory = aligned_alloc(PAGE, 4 * PAGE), *yokes = alloc(PAGE);
    region *used;
    assert_int_equal(region_pin(&table, &allocator, memory + 100, PAGE), YOKE_OK);
    assert_int_equal(region_pin(&table, &allocator, memory + 100, 1), YOKE_INVALID);
    assert_int_equal(region_pin(&table, &allocator, yokes + 100, 1), YOKE_INVALID);
    assert_int_equal(region_pin(&table, &allocator, memory, SIZE_MAX), YOKE_INVALID);
    assert_int_equal(region_pin(&table, &allocator, memory + PAGE + 100, PAGE), YOKE_OK);
    assert_true(use(0, memory + 100, PAGE, &used));
    assert_false(use(0, memory + 100, 2 * PAGE, &used));         /* in two of them */
    assert_null(region_begin_free(&table, memory + 100, false)); /* not yoke_alloc's */
    region *r = region_begin_free(&table, memory + 100, true);
    assert_non_null(r);
    assert_false(region_is_unused(&table, r));
    region_unuse(&table, used);
    region_let_go(&table, &devices[0].device);
    assert_true(region_is_unused(&table, r));
    assert_true(region_unmap(&table, &allocator, r));
    memset(memory, 1, 4 * PAGE); /* it is still there */
    assert_int_equal(region_pin(&table, &allocator, memory + 100, 2 * PAGE), YOKE_OK);
    region_table_finish(&table, &allocator); /* what is still pinned is left alone too */
    region_table_init(&table);
    memset(memory, 1, 4 * PAGE);
    free(memory);
}

int main(void)
{
#define ON_TABLE(test) cmocka_unit_test_setup_teardown(test, start, finish)
    const struct CMUnitTest tests[] = {
        ON_TABLE(memory_is_zeroed_whole_pages_and_gone_when_freed),
        ON_TABLE(what_cannot_be_had_is_not_given),
        ON_TABLE(only_the_beginning_of_a_region_can_be_freed_and_once),
        ON_TABLE(what_is_not_freed_goes_with_the_table),
        ON_TABLE(a_range_is_usable_if_all_of_it_lies_in_one_region),
        ON_TABLE(each_device_imports_for_itself_at_its_own_address),
        ON_TABLE(a_device_that_refuses_is_asked_once_for_each_region),
        ON_TABLE(a_region_is_unused_when_no_batch_and_no_device_has_it),
        ON_TABLE(devices_let_go_of_what_is_freed_and_nothing_else),
        ON_TABLE(a_closed_device_has_nothing_imported_and_releases_nothing),
        ON_TABLE(a_closed_device_does_not_end_the_uses_of_its_batches),
        ON_TABLE(memory_of_the_callers_is_pinned_and_left_alone),
        ON_TABLE(pages_that_a_stuck_device_knows_are_never_given_back),
        ON_TABLE(memory_never_goes_away_under_a_device_that_uses_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
