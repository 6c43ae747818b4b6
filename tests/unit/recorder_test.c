/*
 * recorder.h: the rule for barriers as a table and against a model that compares every pair of
 * operations; what each operation says to the device; and every mistake that a record can make.
 */
#include "runtime/recorder.h"

#include "tests/unit/testing.h"

#define IN(k) YOKE_BUFFER_IN(k)
#define RESIDENT(k) YOKE_BUFFER_RESIDENT(k)
#define SCRATCH(k) YOKE_BUFFER_SCRATCH(k)
#define OUT YOKE_BUFFER_OUT

#define BUFFER_BYTES UINT64_C(1000) /* of every buffer that is there */
#define NUM_KERNELS 3

static yoke_recorder r; /* too large for a stack */
static backend_memory memories[RECORDER_BUFFERS];
static const int made_up[NUM_KERNELS];
static backend_kernel *kernels[NUM_KERNELS]; /* never looked into */

static backend_place place_of(uint32_t bit)
{
    memories[bit].address = (bit + 1) * UINT64_C(0x10000);
    memories[bit].bytes = 2 * BUFFER_BYTES;
    return (backend_place){&memories[bit], 64 * bit};
}

/* An empty list; the buffers of `present` are there. */
static void begin(yoke_buffers present)
{
    for (uint32_t i = 0; i < NUM_KERNELS; i++) {
        kernels[i] = (backend_kernel *)(uintptr_t)&made_up[i];
    }
    recorder_begin(&r, kernels, NUM_KERNELS);
    for (uint32_t bit = 0; bit < RECORDER_BUFFERS; bit++) {
        if ((present >> bit & 1) != 0) {
            recorder_set_buffer(&r, 1u << bit, place_of(bit), BUFFER_BYTES);
        }
    }
}

#define ALL ((1u << RECORDER_BUFFERS) - 1)

static void dispatch(yoke_buffers reads, yoke_buffers writes)
{
    yoke_record_dispatch(&r, 0, 1, 1, 1, NULL, 0, reads, writes);
}

/* -- the rule for barriers --------------------------------------------------------------------- */

/* A record in letters: "ij>s" is a dispatch that reads two inputs and writes a scratch buffer, "|"
 * an explicit barrier; a "*" behind an operation says that it has to wait. */
static const struct {
    const char *what, *ops;
} rules[] = {
    {"the first one", "i>s"},
    {"read after write", "i>s s>o*"},
    {"write after read", "s>t i>s*"},
    {"write after write", "i>s j>s*"},
    {"a buffer in place", "s>s s>s*"},
    {"reads share", "s>t s>u s>v s>o"},
    {"inputs are only read", "i>s i>t ij>u"},
    {"residents are only read", "r>s r>t"},
    {"side by side", "i>s j>t"},
    {"both of two", "i>s j>t st>o*"},
    {"one of two", "i>s t>u js>o*"},
    {"a write to one of two", "i>st i>u i>tv*"},
    {"no buffers", "> > i>s >"},
    {"a barrier is for all before it", "i>s j>t s>u* t>v"},
    {"nothing before a barrier is waited for again", "i>s i>t s>u* j>t"},
    {"but what is behind it is", "i>s s>t* t>u* u>o*"},
    {"also the operation that waited", "i>s s>t* i>s* i>t"},
    {"there and back", "s>t t>s* s>t* t>s*"},
    {"an explicit barrier", "i>s | j>t*"},
    {"once", "i>s | j>t* j>u"},
    {"two in a row are one", "i>s | | j>t* j>u"},
    {"one that was needed anyway", "i>s | s>o* j>t"},
    {"one before all", "| i>s s>o*"},
    {"one behind all", "i>s s>o* |"},
    {"before what names nothing", "i>s | >* >"},
};

static yoke_buffers letter(char c)
{
    static const char letters[] = "ijklrstuvo";
    static const yoke_buffers bits[] = {IN(0),      IN(1),      IN(2),      IN(3),      RESIDENT(0),
                                        SCRATCH(0), SCRATCH(1), SCRATCH(2), SCRATCH(3), OUT};
    return bits[strchr(letters, c) - letters];
}

/* Records one operation; returns what follows it. */
static const char *record_letters(const char *at, bool *waits)
{
    yoke_buffers named[2] = {0, 0};
    int side = 0;
    if (*at == '|') {
        yoke_record_barrier(&r);
        return at + 1;
    }
    for (; *at != '\0' && *at != ' ' && *at != '*'; at++) {
        if (*at == '>') {
            side = 1;
        } else {
            named[side] |= letter(*at);
        }
    }
    dispatch(named[0], named[1]);
    *waits = *at == '*';
    return *at == '*' ? at + 1 : at;
}

static void an_operation_waits_where_it_must_and_nowhere_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        begin(ALL);
        for (const char *at = rules[i].ops; *at != '\0'; at += *at == ' ') {
            uint32_t before = r.num_ops;
            bool waits = false;
            at = record_letters(at, &waits);
            if (r.num_ops > before && r.ops[before].waits != waits) {
                fail_msg("%s (%s): operation %u", rules[i].what, rules[i].ops, before + 1);
            }
        }
        assert_null(r.mistake);
    }
}

/* What the model knows of an operation. */
typedef struct modelled {
    yoke_buffers reads, writes;
    bool waits;
} modelled;

static bool model_conflicts(const modelled *a, const modelled *b)
{
    return (a->writes & (b->reads | b->writes)) != 0 || (a->reads & b->writes) != 0;
}

/* Whether ops[count], the next one, waits: some operation that it conflicts with is not behind a
 * barrier yet. */
static bool model_waits(const modelled *ops, uint32_t count, bool is_barrier_due)
{
    bool waits = is_barrier_due && count > 0;
    for (uint32_t i = count; i > 0 && !waits; i--) {
        waits = model_conflicts(&ops[i - 1], &ops[count]);
        if (ops[i - 1].waits) {
            break; /* that barrier was for all before it */
        }
    }
    return waits;
}

static yoke_buffers random_one(testing_random *random, yoke_buffers of)
{
    yoke_buffers one;
    do {
        one = 1u << testing_random_below(random, RECORDER_BUFFERS);
    } while ((one & of) == 0);
    return one;
}

static yoke_buffers random_some(testing_random *random, yoke_buffers of)
{
    yoke_buffers some = 0;
    for (uint64_t n = testing_random_below(random, 3); n > 0; n--) {
        some |= random_one(random, of);
    }
    return some;
}

#define WRITABLE (SCRATCH(0) | SCRATCH(1) | SCRATCH(2) | SCRATCH(3) | OUT)

static void record_random(testing_random *random, modelled *op)
{
    uint64_t kind = testing_random_below(random, 4);
    op->writes = kind < 2 ? random_some(random, WRITABLE) : random_one(random, WRITABLE);
    op->reads = kind < 2 ? random_some(random, ALL) : 0;
    if (kind == 2) {
        op->reads = random_one(random, ALL & ~op->writes);
        yoke_record_copy(&r, op->writes, 4, op->reads, 8, 4);
    } else if (kind == 3) {
        yoke_record_fill(&r, op->writes, 4, 4, 0);
    } else {
        dispatch(op->reads, op->writes);
    }
}

static void every_pair_that_conflicts_has_a_barrier_between_it(void **state)
{
    (void)state;
    static modelled ops[YOKE_PROGRAM_OPS_MAX];
    testing_random random = testing_random_of(testing_seed(), 0);
    uint64_t num_waits = 0, num_all = 0;
    for (int round = 0; round < 2000; round++) {
        bool is_barrier_due = false;
        begin(ALL);
        for (uint32_t i = 0; i < YOKE_PROGRAM_OPS_MAX; i++) {
            if (testing_random_below(&random, 20) == 0) {
                yoke_record_barrier(&r);
                is_barrier_due = true;
            }
            record_random(&random, &ops[i]);
            assert_null(r.mistake);
            assert_int_equal(r.num_ops, i + 1);
            ops[i].waits = model_waits(ops, i, is_barrier_due);
            assert_int_equal(r.ops[i].waits, ops[i].waits);
            is_barrier_due = false;
            num_waits += ops[i].waits;
            num_all++;
        }
    }
    assert_in_range(num_waits, num_all / 10, num_all / 10 * 9); /* both answers are common */
}

/* -- what the device is told ------------------------------------------------------------------- */

static void a_dispatch_is_told_with_its_groups_and_push_constants(void **state)
{
    (void)state;
    unsigned char push[YOKE_PUSH_BYTES_MAX];
    for (size_t i = 0; i < sizeof push; i++) {
        push[i] = (unsigned char)(i + 1);
    }
    begin(ALL);
    yoke_record_dispatch(&r, 2, 1, 65535, 7, push, sizeof push, IN(0), OUT);
    memset(push, 0, sizeof push); /* they were copied */
    yoke_record_dispatch(&r, 0, 65535, 1, 65535, NULL, 0, IN(0), SCRATCH(0));
    assert_null(r.mistake);
    assert_int_equal(r.ops[0].kind, BACKEND_OP_DISPATCH);
    assert_ptr_equal(r.ops[0].kernel, kernels[2]);
    assert_ptr_equal(r.ops[1].kernel, kernels[0]);
    static const uint32_t groups[2][3] = {{1, 65535, 7}, {65535, 1, 65535}};
    assert_memory_equal(r.ops[0].groups, groups[0], sizeof groups[0]);
    assert_memory_equal(r.ops[1].groups, groups[1], sizeof groups[1]);
    assert_int_equal(r.ops[0].push_bytes, sizeof push);
    for (size_t i = 0; i < sizeof push; i++) {
        assert_int_equal(r.ops[0].push[i], i + 1);
    }
    assert_int_equal(r.ops[1].push_bytes, 0);
}

static void copies_and_fills_are_told_by_the_places_of_their_buffers(void **state)
{
    (void)state;
    begin(ALL);
    yoke_record_copy(&r, SCRATCH(1), 12, IN(3), 800, 200); /* up to its very end */
    yoke_record_copy(&r, OUT, 0, RESIDENT(2), 0, BUFFER_BYTES);
    yoke_record_fill(&r, SCRATCH(3), 996, 4, 0xabcdef01);
    assert_null(r.mistake);
    assert_int_equal(r.num_ops, 3);
    assert_int_equal(r.ops[0].kind, BACKEND_OP_COPY);
    assert_int_equal(backend_address(r.ops[0].to), backend_address(place_of(9)) + 12);
    assert_int_equal(backend_address(r.ops[0].from), backend_address(place_of(3)) + 800);
    assert_int_equal(r.ops[0].bytes, 200);
    assert_ptr_equal(r.ops[1].to.memory, &memories[12]);
    assert_ptr_equal(r.ops[1].from.memory, &memories[6]);
    assert_int_equal(r.ops[1].bytes, BUFFER_BYTES);
    assert_int_equal(r.ops[2].kind, BACKEND_OP_FILL);
    assert_int_equal(backend_address(r.ops[2].to), backend_address(place_of(11)) + 996);
    assert_int_equal(r.ops[2].bytes, 4);
    assert_int_equal(r.ops[2].word, 0xabcdef01);
}

/* What a staged batch is made of. */
static void whole_buffers_are_copied_to_other_places_and_back(void **state)
{
    (void)state;
    static const backend_memory far = {.address = 1 << 30, .bytes = 1 << 20};
    const backend_place there = {&far, 512};
    begin(IN(0) | OUT);
    recorder_copy_in(&r, IN(0), there);
    recorder_copy_in(&r, IN(1), there); /* there is none: nothing to do */
    assert_int_equal(r.num_ops, 1);
    yoke_record_barrier(&r);
    recorder_add_items(&r, kernels[1]);
    yoke_record_barrier(&r);
    recorder_copy_out(&r, OUT, there);
    assert_null(r.mistake);
    assert_int_equal(r.num_ops, 3);
    assert_false(r.ops[0].waits);
    assert_ptr_equal(r.ops[0].to.memory, &far);
    assert_int_equal(r.ops[0].to.offset, 512);
    assert_ptr_equal(r.ops[0].from.memory, &memories[0]);
    assert_int_equal(r.ops[0].bytes, BUFFER_BYTES);
    assert_true(r.ops[1].waits);
    assert_int_equal(r.ops[1].kind, BACKEND_OP_ITEMS);
    assert_ptr_equal(r.ops[1].kernel, kernels[1]);
    assert_true(r.ops[2].waits);
    assert_ptr_equal(r.ops[2].to.memory, &memories[12]);
    assert_int_equal(r.ops[2].to.offset, 64 * 12);
    assert_ptr_equal(r.ops[2].from.memory, &far);
    begin(0);
    recorder_copy_out(&r, OUT, there);
    assert_null(r.mistake);
    assert_int_equal(r.num_ops, 0);
}

/* -- mistakes ---------------------------------------------------------------------------------- */

typedef enum mistaken { DISPATCH, COPY, FILL } mistaken;

#define KERNEL "a dispatch of no kernel, or with bad push constants"
#define GROUPS "a dispatch of no workgroups, or of too many in a row"
#define ABSENT "a buffer that the batch does not have"
#define WRITTEN "an input or a resident is written"
#define NO_COPY "a copy between ranges that are not there"
#define NO_FILL "a fill of a range that is not there"

/* The third input, resident and scratch buffer are not there. */
#define THERE (ALL & ~(IN(2) | RESIDENT(2) | SCRATCH(2)))
#define END BUFFER_BYTES

static const unsigned char some_push[YOKE_PUSH_BYTES_MAX + 4];

static const struct mistake_row {
    mistaken kind;
    const char *what;
    uint32_t kernel, groups[3], push_bytes; /* of a dispatch */
    yoke_buffers from, to;                  /* what a dispatch reads and writes */
    uint64_t from_at, to_at, bytes;         /* of a copy, a fill */
    const void *push;
} mistakes[] = {
#define BAD_KERNEL(number, bytes, constants)                                                       \
    {                                                                                              \
        .kind = DISPATCH, .what = KERNEL, .kernel = number, .groups = {1, 1, 1},                   \
        .push_bytes = bytes, .from = IN(0), .to = OUT, .push = constants                           \
    }
    BAD_KERNEL(NUM_KERNELS, 0, NULL),
    BAD_KERNEL(UINT32_MAX, 0, NULL),
    BAD_KERNEL(0, YOKE_PUSH_BYTES_MAX + 4, some_push),
    BAD_KERNEL(0, UINT32_MAX - 3, some_push),
    BAD_KERNEL(0, 1, some_push),
    BAD_KERNEL(0, 54, some_push),
    BAD_KERNEL(0, 4, NULL),
#define BAD_GROUPS(x, y, z)                                                                        \
    {                                                                                              \
        .kind = DISPATCH, .what = GROUPS, .groups = {x, y, z}, .from = IN(0), .to = OUT            \
    }
    BAD_GROUPS(0, 1, 1),
    BAD_GROUPS(1, 0, 1),
    BAD_GROUPS(1, 1, 0),
    BAD_GROUPS(65536, 1, 1),
    BAD_GROUPS(1, 65536, 1),
    BAD_GROUPS(1, 1, UINT32_MAX),
#define BAD_BUFFERS(mistake, reads, writes)                                                        \
    {                                                                                              \
        .kind = DISPATCH, .what = mistake, .groups = {1, 1, 1}, .from = (reads), .to = (writes)    \
    }
    BAD_BUFFERS(ABSENT, IN(0) | IN(2), OUT),
    BAD_BUFFERS(ABSENT, RESIDENT(2), OUT),
    BAD_BUFFERS(ABSENT, SCRATCH(2), OUT),
    BAD_BUFFERS(ABSENT, IN(0), OUT | SCRATCH(2)),
    BAD_BUFFERS(ABSENT, OUT << 1, OUT),
    BAD_BUFFERS(ABSENT, IN(0), 1u << 31),
    BAD_BUFFERS(WRITTEN, IN(0), RESIDENT(0)),
    BAD_BUFFERS(WRITTEN, IN(0), RESIDENT(3) | OUT),
    BAD_BUFFERS(WRITTEN, IN(0), IN(0)),
    BAD_BUFFERS(WRITTEN, SCRATCH(0), OUT | IN(3)),
#define BAD_COPY(mistake, source, source_at, target, target_at, num_bytes)                         \
    {                                                                                              \
        .kind = COPY, .what = mistake, .from = (source), .to = (target), .from_at = (source_at),   \
        .to_at = (target_at), .bytes = (num_bytes)                                                 \
    }
    BAD_COPY(NO_COPY, IN(0), 0, OUT, 0, 0),
    BAD_COPY(NO_COPY, IN(0), 0, OUT, 0, 2),
    BAD_COPY(NO_COPY, IN(0), 0, OUT, 0, END + 4),
    BAD_COPY(NO_COPY, IN(0), 0, OUT, 0, UINT64_MAX - 3),
    BAD_COPY(NO_COPY, IN(0), 1, OUT, 0, 4),
    BAD_COPY(NO_COPY, IN(0), 0, OUT, 2, 4),
    BAD_COPY(NO_COPY, IN(0), END, OUT, 0, 4),
    BAD_COPY(NO_COPY, IN(0), 0, OUT, END, 4),
    BAD_COPY(NO_COPY, IN(0), END - 4, OUT, 0, 8),
    BAD_COPY(NO_COPY, IN(0), 0, OUT, END - 4, 8),
    BAD_COPY(NO_COPY, IN(0), UINT64_MAX - 3, OUT, 0, 4), /* with its bytes: 0 */
    BAD_COPY(NO_COPY, IN(0), 0, OUT, UINT64_MAX - 3, 4),
    BAD_COPY(NO_COPY, IN(0), 4, OUT, 4, UINT64_MAX - 3),
    BAD_COPY(NO_COPY, SCRATCH(0), 0, SCRATCH(0), 100, 4), /* one buffer on both sides */
    BAD_COPY(NO_COPY, IN(0) | IN(1), 0, OUT, 0, 4),
    BAD_COPY(NO_COPY, IN(0), 0, OUT | SCRATCH(0), 0, 4),
    BAD_COPY(NO_COPY, 0, 0, OUT, 0, 4),
    BAD_COPY(NO_COPY, IN(0), 0, 0, 0, 4),
    BAD_COPY(NO_COPY, IN(2), 0, OUT, 0, 4),
    BAD_COPY(NO_COPY, IN(0), 0, SCRATCH(2), 0, 4),
    BAD_COPY(NO_COPY, OUT << 1, 0, OUT, 0, 4),
    BAD_COPY(NO_COPY, IN(0), 0, 1u << 31, 0, 4),
    BAD_COPY(WRITTEN, IN(0), 0, RESIDENT(0), 0, 4),
    BAD_COPY(WRITTEN, SCRATCH(0), 0, IN(0), 0, 4),
#define BAD_FILL(mistake, target, target_at, num_bytes)                                            \
    {                                                                                              \
        .kind = FILL, .what = mistake, .to = (target), .to_at = (target_at), .bytes = (num_bytes)  \
    }
    BAD_FILL(NO_FILL, OUT, 0, 0),
    BAD_FILL(NO_FILL, OUT, 0, 3),
    BAD_FILL(NO_FILL, OUT, 3, 4),
    BAD_FILL(NO_FILL, OUT, 0, END + 4),
    BAD_FILL(NO_FILL, OUT, END, 4),
    BAD_FILL(NO_FILL, OUT, UINT64_MAX - 3, 4),
    BAD_FILL(NO_FILL, OUT, 4, UINT64_MAX - 3),
    BAD_FILL(NO_FILL, 0, 0, 4),
    BAD_FILL(NO_FILL, OUT | SCRATCH(0), 0, 4),
    BAD_FILL(NO_FILL, SCRATCH(2), 0, 4),
    BAD_FILL(NO_FILL, 1u << 31, 0, 4),
    BAD_FILL(WRITTEN, RESIDENT(1), 0, 4),
    BAD_FILL(WRITTEN, IN(1), 0, 4),
};

static void record_row(const struct mistake_row *row)
{
    switch (row->kind) {
    case DISPATCH:
        yoke_record_dispatch(&r, row->kernel, row->groups[0], row->groups[1], row->groups[2],
                             row->push, row->push_bytes, row->from, row->to);
        break;
    case COPY:
        yoke_record_copy(&r, row->to, row->to_at, row->from, row->from_at, row->bytes);
        break;
    case FILL:
        yoke_record_fill(&r, row->to, row->to_at, row->bytes, 0);
    }
}

static void record_good_ones(void)
{
    dispatch(IN(0), SCRATCH(0));
    yoke_record_copy(&r, OUT, 0, SCRATCH(0), 0, 4);
    yoke_record_fill(&r, SCRATCH(1), 0, 4, 0);
    recorder_add_items(&r, kernels[0]);
}

static void each_mistake_is_told_and_ends_the_record(void **state)
{
    (void)state;
    static backend_op before[YOKE_PROGRAM_OPS_MAX];
    const size_t count = sizeof mistakes / sizeof *mistakes;
    for (size_t i = 0; i < count; i++) {
        begin(THERE);
        record_good_ones();
        assert_null(r.mistake);
        assert_int_equal(r.num_ops, 4);
        memcpy(before, r.ops, sizeof before);
        record_row(&mistakes[i]);
        if (r.mistake == NULL || strcmp(r.mistake, mistakes[i].what) != 0) {
            fail_msg("mistake %zu: %s, instead of: %s", i, r.mistake, mistakes[i].what);
        }
        record_good_ones();
        record_row(&mistakes[(i * 7 + 11) % count]); /* another: the first one is kept */
        assert_string_equal(r.mistake, mistakes[i].what);
        assert_int_equal(r.num_ops, 4);
        assert_memory_equal(r.ops, before, sizeof before);
    }
}

static void one_operation_more_than_there_is_room_for_is_a_mistake(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        begin(ALL);
        for (int i = 0; i <= YOKE_PROGRAM_OPS_MAX; i++) {
            assert_null(r.mistake);
            assert_int_equal(r.num_ops, i);
            switch (kind) {
            case 0:
                dispatch(IN(0), OUT);
                break;
            case 1:
                yoke_record_copy(&r, OUT, 0, IN(0), 0, 4);
                break;
            case 2:
                yoke_record_fill(&r, OUT, 0, 4, 0);
                break;
            default:
                recorder_add_items(&r, kernels[0]);
            }
        }
        assert_string_equal(r.mistake, "too many operations");
        assert_int_equal(r.num_ops, YOKE_PROGRAM_OPS_MAX);
    }
}

static void a_record_begins_anew_after_a_mistake(void **state)
{
    (void)state;
    begin(ALL);
    dispatch(IN(0), SCRATCH(0));
    yoke_record_barrier(&r);
    dispatch(0, 1u << 20);
    assert_non_null(r.mistake);
    begin(SCRATCH(0));
    assert_null(r.mistake);
    dispatch(SCRATCH(0), 0);
    assert_null(r.mistake);
    assert_int_equal(r.num_ops, 1);
    assert_false(r.ops[0].waits);
    dispatch(IN(0), 0); /* the buffers are gone too */
    assert_string_equal(r.mistake, ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_waits_where_it_must_and_nowhere_else),
        cmocka_unit_test(every_pair_that_conflicts_has_a_barrier_between_it),
        cmocka_unit_test(a_dispatch_is_told_with_its_groups_and_push_constants),
        cmocka_unit_test(copies_and_fills_are_told_by_the_places_of_their_buffers),
        cmocka_unit_test(whole_buffers_are_copied_to_other_places_and_back),
        cmocka_unit_test(each_mistake_is_told_and_ends_the_record),
        cmocka_unit_test(one_operation_more_than_there_is_room_for_is_a_mistake),
        cmocka_unit_test(a_record_begins_anew_after_a_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
