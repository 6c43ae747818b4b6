/*
 * check.h: a table that breaks each rule of a job once, overlaps in every position, and costs.
 * And what only yoke_submit shows: a host thread that waits for room gets it.
 */
#include "runtime/check.h"

#include <sched.h>

#include "runtime/job.h"
#include "runtime/resident.h"
#include "runtime/runtime.h"
#include "runtime/type.h"
#include "tests/unit/testing.h"

#define ITEMS 4

static yoke_runtime *const rt = (yoke_runtime *)(uintptr_t)64; /* only their addresses matter */
static yoke_runtime *const other_rt = (yoke_runtime *)(uintptr_t)128;

static yoke_status kernel(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_OK;
}

static uint64_t cost_answer;
static int num_cost_calls;

static uint64_t cost(const yoke_job *job)
{
    (void)job;
    num_cost_calls++;
    return cost_answer;
}

/* Two inputs of 8 and 2 bytes an item, 4 bytes of output, 16 of params. */
static yoke_type pair;
/* One ragged input, 4 bytes of output. */
static yoke_type ragged;
/* Two ragged inputs and one that is not; no output. */
static yoke_type reader;
/* No inputs, 4 bytes of output; its own cost. */
static yoke_type source;
/* The largest items. */
static yoke_type huge;
static yoke_type stranger;
/* Two residents and nothing else. */
static yoke_type holder;
/* A program, whose params say what its items are; the same with a cost of its own. */
static yoke_type problem, weighed;

typedef struct problem_params {
    uint64_t in_bytes[2], out_bytes;
    uint32_t cost;
    bool is_refused, has_partial;
} problem_params;

_Static_assert(sizeof(problem_params) == YOKE_PARAMS_BYTES_MAX, "all there is room for");

static yoke_status plan(const void *params, yoke_plan *plan)
{
    const problem_params *p = params;
    memcpy(plan->in_bytes, p->in_bytes, sizeof p->in_bytes);
    plan->out_bytes = p->out_bytes;
    plan->scratch_bytes[0] = UINT64_MAX; /* the batch's to look at */
    plan->partial_bytes = p->has_partial;
    plan->cost = p->cost;
    return p->is_refused ? YOKE_INVALID : YOKE_OK;
}

static int make_types(void **state)
{
    (void)state;
    const uint32_t largest = YOKE_RAGGED - 1;
    type_init(&pair, rt,
              yoke_type_desc(.name = "pair", .cpu = kernel, .in_bytes = {8, 2}, .out_bytes = 4,
                             .params_bytes = 16));
    type_init(
        &ragged, rt,
        yoke_type_desc(.name = "ragged", .cpu = kernel, .in_bytes = {YOKE_RAGGED}, .out_bytes = 4));
    type_init(
        &reader, rt,
        yoke_type_desc(.name = "reader", .cpu = kernel, .in_bytes = {YOKE_RAGGED, 3, YOKE_RAGGED}));
    type_init(&source, rt,
              yoke_type_desc(.name = "source", .cpu = kernel, .out_bytes = 4, .cost = cost));
    type_init(
        &huge, rt,
        yoke_type_desc(.name = "huge", .cpu = kernel, .in_bytes = {largest}, .out_bytes = largest));
    type_init(&stranger, other_rt,
              yoke_type_desc(.name = "stranger", .cpu = kernel, .out_bytes = 4));
    type_init(&holder, rt, yoke_type_desc(.name = "holder", .cpu = kernel, .num_residents = 2));
    type_init(&problem, rt,
              yoke_type_desc(.name = "problem", .cpu = kernel,
                             .params_bytes = sizeof(problem_params),
                             .program = yoke_program(.plan = plan)));
    type_init(&weighed, rt,
              yoke_type_desc(.name = "weighed", .cpu = kernel, .cost = cost,
                             .params_bytes = sizeof(problem_params),
                             .program = yoke_program(.plan = plan)));
    return 0;
}

static uint64_t in0[ITEMS];
static uint16_t in1[ITEMS];
static uint32_t out[ITEMS];
static const uint8_t params[16];
static const yoke_span no_spans[ITEMS];
static const yoke_span span_without_data[ITEMS] = {[3] = {NULL, 1}};
static const yoke_span span_round_the_end[ITEMS] = {[2] = {in0, UINT64_MAX - 100}};
static const yoke_resident mine = {.rt = (yoke_runtime *)(uintptr_t)64};
static const yoke_resident strangers = {.rt = (yoke_runtime *)(uintptr_t)128};
static yoke_group group;
static yoke_group other_group;

static void done(yoke_job *job)
{
    (void)job;
}

/* -- the table --------------------------------------------------------------------------------- */

#define AT(address) ((void *)(uintptr_t)(address))
#define PAIR .type = &pair, .in = {in0, in1}, .out = out, .num_items = ITEMS
#define RAGGED .type = &ragged, .out = out, .num_items = ITEMS
#define SOURCE .type = &source, .out = out, .num_items = ITEMS
#define JOB(...)                                                                                   \
    {                                                                                              \
        .struct_bytes = sizeof(yoke_job), __VA_ARGS__                                              \
    }
/* A job of problems of these sizes; what it has is said behind them. */
#define SIZES(...)                                                                                 \
    .params = &(const problem_params){__VA_ARGS__}, .params_bytes = sizeof(problem_params)
#define PROBLEM(sizes, ...) JOB(.type = &problem, .num_items = ITEMS, sizes, __VA_ARGS__)

typedef struct row {
    yoke_job job;
    yoke_status status;
    const char *what; /* NULL under YOKE_OK */
} row;

#define HOLDER .type = &holder, .num_items = 1

static const row good[] = {
    {JOB(PAIR), YOKE_OK, NULL},
    {JOB(PAIR, .num_items = 1), YOKE_OK, NULL},
    {JOB(PAIR, .struct_bytes = sizeof(yoke_job) + 64), YOKE_OK, NULL},
    {JOB(PAIR, .flags = YOKE_JOB_CPU), YOKE_OK, NULL},
    {JOB(PAIR, .flags = YOKE_JOB_HIGH), YOKE_OK, NULL},
    {JOB(PAIR, .flags = YOKE_JOB_REAP), YOKE_OK, NULL},
    {JOB(PAIR, .flags = YOKE_JOB_REAP | YOKE_JOB_CPU), YOKE_OK, NULL},
    {JOB(PAIR, .done = done), YOKE_OK, NULL},
    {JOB(PAIR, .group = &group), YOKE_OK, NULL},
    {JOB(PAIR, .group = &group, .after = &other_group), YOKE_OK, NULL},
    {JOB(PAIR, .done = done, .after = &group), YOKE_OK, NULL},
    {JOB(PAIR, .params = params, .params_bytes = 16), YOKE_OK, NULL},
    {JOB(PAIR, .in = {in0, in0}), YOKE_OK, NULL},        /* inputs may overlap each other */
    {JOB(PAIR, .status = YOKE_CANCELED), YOKE_OK, NULL}, /* settled, and submitted again */
    {JOB(PAIR, .status = YOKE_KERNEL), YOKE_OK, NULL},
    {JOB(PAIR, .deadline_ns = 1), YOKE_OK, NULL}, /* long ago; found out when it is claimed */
    {JOB(RAGGED, .in = {no_spans}), YOKE_OK, NULL},
    {JOB(.type = &reader, .in = {no_spans, in0, no_spans}, .num_items = ITEMS), YOKE_OK, NULL},
    {JOB(HOLDER, .resident = {&mine, &mine}), YOKE_OK, NULL},
    {JOB(SOURCE), YOKE_OK, NULL},
    {JOB(SOURCE, .params = params), YOKE_OK, NULL}, /* none of its bytes are read */
    {JOB(.type = &huge, .in = {AT(8)}, .out = AT(UINT64_C(1) << 63), .num_items = 1), YOKE_OK,
     NULL},
    {PROBLEM(SIZES(.in_bytes = {8, 2}, .out_bytes = 4), .in = {in0, in1}, .out = out), YOKE_OK,
     NULL},
    {PROBLEM(SIZES(.in_bytes = {8, 8}, .out_bytes = 4), .in = {in0, in0}, .out = out), YOKE_OK,
     NULL},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4), .in = {in0}, .out = out), YOKE_OK, NULL},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 0), .in = {in0}), YOKE_OK, NULL},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 0), .in = {in0}, .out = in0), YOKE_OK,
     NULL}, /* of no bytes */
    {PROBLEM(SIZES(.in_bytes = {0}, .out_bytes = 4), .out = out), YOKE_OK, NULL},
    {PROBLEM(SIZES(.in_bytes = {0}, .out_bytes = 0)), YOKE_OK, NULL},
    {JOB(.type = &problem, .num_items = ITEMS), YOKE_OK, NULL}, /* params are zeros */
    {PROBLEM(SIZES(.in_bytes = {UINT64_C(1) << 60}, .out_bytes = 4), .in = {AT(8)},
             .out = AT(UINTPTR_MAX - 16)),
     YOKE_OK, NULL},
};

static const row bad[] = {
    {JOB(PAIR, .struct_bytes = 0), YOKE_INVALID, "struct_bytes is not set"},
    {JOB(PAIR, .struct_bytes = sizeof(yoke_job) - 1), YOKE_INVALID, "struct_bytes is not set"},
    {JOB(PAIR, .type = NULL), YOKE_INVALID, "the type is not of this runtime"},
    {JOB(SOURCE, .type = &stranger), YOKE_INVALID, "the type is not of this runtime"},
    {JOB(PAIR, .num_items = 0), YOKE_INVALID, "no items"},
    {JOB(PAIR, .flags = YOKE_JOB_CPU | YOKE_JOB_GPU), YOKE_INVALID, "both CPU and GPU only"},
    {JOB(PAIR, .done = done, .group = &group), YOKE_INVALID,
     "more than one of done, group and YOKE_JOB_REAP"},
    {JOB(PAIR, .done = done, .flags = YOKE_JOB_REAP), YOKE_INVALID,
     "more than one of done, group and YOKE_JOB_REAP"},
    {JOB(PAIR, .group = &group, .flags = YOKE_JOB_REAP), YOKE_INVALID,
     "more than one of done, group and YOKE_JOB_REAP"},
    {JOB(PAIR, .done = done, .group = &group, .flags = YOKE_JOB_REAP), YOKE_INVALID,
     "more than one of done, group and YOKE_JOB_REAP"},
    {JOB(PAIR, .group = &group, .after = &group), YOKE_INVALID, "after its own group"},
    {JOB(PAIR, .params = params), YOKE_INVALID, "params_bytes is not the type's"},
    {JOB(PAIR, .params = params, .params_bytes = 15), YOKE_INVALID,
     "params_bytes is not the type's"},
    {JOB(PAIR, .params = params, .params_bytes = 17), YOKE_INVALID,
     "params_bytes is not the type's"},
    {JOB(PAIR, .params_bytes = 16), YOKE_INVALID, "params_bytes is not the type's"},
    {JOB(SOURCE, .params = params, .params_bytes = 1), YOKE_INVALID,
     "params_bytes is not the type's"},
    {JOB(PAIR, .status = YOKE_PENDING), YOKE_INVALID, "submitted already"},
    {JOB(PAIR, .out = NULL), YOKE_INVALID, "no output"},
    {JOB(SOURCE, .out = AT(UINTPTR_MAX - 14)), YOKE_INVALID, "the output is too long"},
    {JOB(.type = &huge, .in = {AT(8)}, .out = AT(16), .num_items = UINT32_MAX), YOKE_INVALID,
     "an input overlaps the output"},
    {JOB(.type = &huge, .in = {AT(8)}, .out = AT(UINT64_C(1) << 36), .num_items = UINT32_MAX),
     YOKE_INVALID, "the output is too long"},
    {JOB(PAIR, .in = {NULL, in1}), YOKE_INVALID, "an input is missing"},
    {JOB(PAIR, .in = {in0}), YOKE_INVALID, "an input is missing"},
    {JOB(PAIR, .in = {in0, in1, in1}), YOKE_INVALID, "an input too many"},
    {JOB(PAIR, .in = {in0, in1, NULL, in1}), YOKE_INVALID, "an input too many"},
    {JOB(SOURCE, .in = {in0}), YOKE_INVALID, "an input too many"},
    {JOB(RAGGED), YOKE_INVALID, "an input is missing"},
    {JOB(PAIR, .in = {AT(UINTPTR_MAX - 30), in1}), YOKE_INVALID, "an input is too long"},
    {JOB(RAGGED, .in = {AT(UINTPTR_MAX - 62)}), YOKE_INVALID, "an input is too long"},
    {JOB(RAGGED, .in = {span_without_data}), YOKE_INVALID, "a span without data"},
    {JOB(RAGGED, .in = {span_round_the_end}), YOKE_INVALID, "a span is too long"},
    {JOB(.type = &reader, .in = {no_spans, in0, span_without_data}, .num_items = ITEMS),
     YOKE_INVALID, "a span without data"},
    {JOB(PAIR, .flags = YOKE_JOB_GPU), YOKE_NO_DEVICE, "no device is ready for the type"},
    {JOB(PAIR, .flags = 1u << 4), YOKE_UNSUPPORTED, "a flag that this version does not know"},
    {JOB(PAIR, .flags = 1u << 31), YOKE_UNSUPPORTED, "a flag that this version does not know"},
    {JOB(PAIR, .resident = {AT(8)}), YOKE_INVALID, "a resident too many"},
    {JOB(PAIR, .resident = {NULL, NULL, NULL, AT(8)}), YOKE_INVALID, "a resident too many"},
    {JOB(HOLDER), YOKE_INVALID, "a resident is missing"},
    {JOB(HOLDER, .resident = {&mine}), YOKE_INVALID, "a resident is missing"},
    {JOB(HOLDER, .resident = {NULL, &mine}), YOKE_INVALID, "a resident is missing"},
    {JOB(HOLDER, .resident = {&mine, &mine, &mine}), YOKE_INVALID, "a resident too many"},
    {JOB(HOLDER, .resident = {&mine, &strangers}), YOKE_INVALID, "a resident of another runtime"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4, .is_refused = true), .in = {in0}, .out = out),
     YOKE_INVALID, "params that the type's plan refuses"},
    {PROBLEM(SIZES(.in_bytes = {0, 8}, .out_bytes = 4), .in = {NULL, in0}, .out = out),
     YOKE_INVALID, "params that the type's plan refuses"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4, .has_partial = true), .in = {in0}, .out = out),
     YOKE_INVALID, "params that the type's plan refuses"},
    {PROBLEM(SIZES(.in_bytes = {8, 2}, .out_bytes = 4), .in = {in0}, .out = out), YOKE_INVALID,
     "an input is missing"},
    {PROBLEM(SIZES(.in_bytes = {8, 2}, .out_bytes = 4), .in = {NULL, in1}, .out = out),
     YOKE_INVALID, "an input is missing"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4), .in = {in0, in1}, .out = out), YOKE_INVALID,
     "an input too many"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4), .in = {in0, NULL, NULL, in1}, .out = out),
     YOKE_INVALID, "an input too many"},
    {PROBLEM(SIZES(.in_bytes = {0}, .out_bytes = 4), .in = {in0}, .out = out), YOKE_INVALID,
     "an input too many"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4), .in = {in0}), YOKE_INVALID, "no output"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4), .in = {in0}, .out = AT(UINTPTR_MAX - 14)),
     YOKE_INVALID, "the output is too long"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = UINT64_MAX), .in = {in0}, .out = AT(8)),
     YOKE_INVALID, "the output is too long"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = (UINT64_C(1) << 62) + 1), .in = {in0},
             .out = AT(8)),
     YOKE_INVALID, "the output is too long"}, /* four times that is 4, in 64 bits */
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4), .in = {AT(UINTPTR_MAX - 30)}, .out = out),
     YOKE_INVALID, "an input is too long"},
    {PROBLEM(SIZES(.in_bytes = {UINT64_MAX}, .out_bytes = 4), .in = {AT(8)}, .out = out),
     YOKE_INVALID, "an input is too long"},
    {PROBLEM(SIZES(.in_bytes = {8, UINT64_C(1) << 62}, .out_bytes = 4), .in = {in0, AT(8)},
             .out = out),
     YOKE_INVALID, "an input is too long"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4), .in = {in0}, .out = out, .params_bytes = 31),
     YOKE_INVALID, "params_bytes is not the type's"},
    {PROBLEM(SIZES(.in_bytes = {8}, .out_bytes = 4), .in = {in0}, .out = out,
             .flags = YOKE_JOB_GPU),
     YOKE_NO_DEVICE, "no device is ready for the type"},
    /* Malformed is the first thing to tell, whatever it asks for. */
    {JOB(PAIR, .flags = YOKE_JOB_GPU, .out = NULL), YOKE_INVALID, "no output"},
    {JOB(PAIR, .flags = 1u << 4, .in = {in0}), YOKE_INVALID, "an input is missing"},
};

static void check_row(const row *r, const char *table, size_t i)
{
    uint64_t ignored;
    const char *what = "";
    yoke_job job = r->job;
    yoke_status status = check_job(rt, &job, &ignored, &what);
    if (status != r->status) {
        fail_msg("%s[%zu] (%s): %s", table, i, r->what != NULL ? r->what : "good",
                 yoke_status_name(status));
    }
    if (what == NULL || r->what == NULL ? what != r->what : strcmp(what, r->what) != 0) {
        fail_msg("%s[%zu]: %s, instead of: %s", table, i, what, r->what);
    }
    assert_memory_equal(&job, &r->job, sizeof job); /* it is only read */
}

static void good_jobs_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        check_row(&good[i], "good", i);
    }
}

static void each_broken_rule_is_refused_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_row(&bad[i], "bad", i);
    }
}

static void no_job_is_refused(void **state)
{
    (void)state;
    uint64_t ignored;
    const char *what = NULL;
    assert_int_equal(check_job(rt, NULL, &ignored, &what), YOKE_INVALID);
    assert_string_equal(what, "no job");
}

/* -- overlaps ------------------------------------------------------------------------------------
 */

static yoke_status check(const yoke_job *job)
{
    uint64_t ignored;
    const char *what = NULL;
    yoke_status status = check_job(rt, job, &ignored, &what);
    if (status == YOKE_INVALID) {
        assert_string_equal(what, "an input overlaps the output");
    }
    return status;
}

/* Items of 8 bytes in and 4 out, two of them: 16 bytes at `in`, 8 at `out_at`. */
static void an_input_may_touch_the_output_and_not_overlap_it(void **state)
{
    (void)state;
    static uint8_t memory[64];
    for (int at = 0; at <= 48; at++) {
        yoke_job job =
            yoke_job(.type = &pair, .in = {memory + at, in1}, .out = memory + 24, .num_items = 2);
        bool apart = at + 16 <= 24 || at >= 24 + 8;
        assert_int_equal(check(&job), apart ? YOKE_OK : YOKE_INVALID);
        job.in[0] = in0; /* the same with the second input, of 4 bytes */
        job.in[1] = memory + at;
        apart = at + 4 <= 24 || at >= 24 + 8;
        assert_int_equal(check(&job), apart ? YOKE_OK : YOKE_INVALID);
    }
}

static void a_span_may_touch_the_output_and_not_overlap_it(void **state)
{
    (void)state;
    static uint8_t memory[64];
    for (int bytes = 1; bytes <= 24; bytes++) {
        for (int at = 0; at + bytes <= 64; at++) {
            const yoke_span spans[2] = {{in0, 8}, {memory + at, (uint64_t)bytes}};
            yoke_job job =
                yoke_job(.type = &ragged, .in = {spans}, .out = memory + 28, .num_items = 2);
            bool apart = at + bytes <= 28 || at >= 28 + 8;
            assert_int_equal(check(&job), apart ? YOKE_OK : YOKE_INVALID);
        }
    }
}

/* Two items of as many bytes as the params say. */
static void a_programs_arrays_overlap_by_what_its_plan_says(void **state)
{
    (void)state;
    static uint8_t memory[64];
    for (uint64_t in_bytes = 1; in_bytes <= 8; in_bytes++) {
        for (uint64_t out_bytes = 0; out_bytes <= 8; out_bytes++) {
            const problem_params sizes[] = {
                {.in_bytes = {in_bytes}, .out_bytes = out_bytes},
                {.in_bytes = {4, in_bytes}, .out_bytes = out_bytes},
            };
            for (uint64_t at = 0; at + 2 * in_bytes <= 64; at++) {
                bool apart = at + 2 * in_bytes <= 24 || at >= 24 + 2 * out_bytes || out_bytes == 0;
                yoke_job job =
                    yoke_job(.type = &problem, .in = {memory + at}, .out = memory + 24,
                             .num_items = 2, .params = &sizes[0], .params_bytes = sizeof sizes[0]);
                assert_int_equal(check(&job), apart ? YOKE_OK : YOKE_INVALID);
                job.in[0] = in0;
                job.in[1] = memory + at;
                job.params = &sizes[1];
                assert_int_equal(check(&job), apart ? YOKE_OK : YOKE_INVALID);
            }
        }
    }
}

/* They are copied, so they need not be aligned; a plan that reads numbers gets them aligned. */
static void params_may_lie_at_any_address(void **state)
{
    (void)state;
    const problem_params sizes = {.in_bytes = {8}, .out_bytes = 4};
    for (size_t at = 0; at < 8; at++) {
        _Alignas(8) unsigned char bytes[sizeof sizes + 8];
        memcpy(bytes + at, &sizes, sizeof sizes);
        yoke_job job = yoke_job(.type = &problem, .in = {in0}, .out = out, .num_items = 2,
                                .params = bytes + at, .params_bytes = sizeof sizes);
        assert_int_equal(check(&job), YOKE_OK);
    }
}

static void an_empty_span_overlaps_nothing(void **state)
{
    (void)state;
    for (int at = 0; at <= (int)sizeof out; at++) {
        const yoke_span spans[ITEMS] = {{(const char *)out + at, 0}};
        yoke_job job = yoke_job(RAGGED, .in = {spans});
        assert_int_equal(check(&job), YOKE_OK);
    }
}

static void an_output_of_no_bytes_overlaps_nothing(void **state)
{
    (void)state;
    yoke_job job = yoke_job(.type = &reader, .in = {no_spans, in0, no_spans}, .out = in0 + 1,
                            .num_items = ITEMS);
    assert_int_equal(check(&job), YOKE_OK);
}

static void the_array_of_spans_must_not_overlap_the_output(void **state)
{
    (void)state;
    yoke_span spans[ITEMS] = {{in0, 8}};
    for (size_t at = 0; at < sizeof spans; at += 4) {
        yoke_job job = yoke_job(RAGGED, .in = {spans}, .out = (char *)spans + at);
        assert_int_equal(check(&job), YOKE_INVALID);
    }
    yoke_job job = yoke_job(RAGGED, .in = {spans}, .out = spans + ITEMS);
    assert_int_equal(check(&job), YOKE_OK);
}

/* -- costs
 * ------------------------------------------------------------------------------------------ */

static uint64_t cost_of(const yoke_job *job)
{
    uint64_t answer = 0;
    const char *what = NULL;
    assert_int_equal(check_job(rt, job, &answer, &what), YOKE_OK);
    return answer;
}

static void a_job_weighs_its_items_if_no_input_is_ragged(void **state)
{
    (void)state;
    yoke_job job = yoke_job(PAIR);
    assert_int_equal(cost_of(&job), ITEMS);
}

static void a_ragged_job_weighs_the_bytes_of_all_its_ragged_inputs(void **state)
{
    (void)state;
    const yoke_span first[ITEMS] = {{in0, 1}, {in0, 2}, {NULL, 0}, {in0, 4}};
    const yoke_span second[ITEMS] = {{in0, 10}, {in0, 20}, {in0, 0}, {in0, 30}};
    yoke_job one = yoke_job(RAGGED, .in = {first});
    yoke_job two = yoke_job(.type = &reader, .in = {first, in0, second}, .num_items = ITEMS);
    assert_int_equal(cost_of(&one), 7);
    assert_int_equal(cost_of(&two), 67);
}

static void a_ragged_job_of_empty_spans_still_weighs_something(void **state)
{
    (void)state;
    yoke_job job = yoke_job(RAGGED, .in = {no_spans});
    assert_true(cost_of(&job) >= 1);
}

static void bytes_beyond_64_bits_weigh_the_most_there_is(void **state)
{
    (void)state;
    /* Never read: check_job only adds up. No output, so nothing can overlap. */
    const yoke_span spans[ITEMS] = {{AT(8), UINT64_MAX - 8}, {AT(8), 7}, {AT(8), 5}, {AT(8), 0}};
    yoke_job job = yoke_job(.type = &reader, .in = {spans, in0, no_spans}, .num_items = ITEMS);
    assert_int_equal(cost_of(&job), UINT64_MAX);
    job.num_items = 2; /* 2^64 - 2: not yet too many */
    assert_int_equal(cost_of(&job), UINT64_MAX - 1);
}

static void a_program_weighs_what_its_plan_says_for_each_item(void **state)
{
    (void)state;
    static const struct {
        uint32_t item_cost, num_items;
        uint64_t cost;
    } rows[] = {{0, 1, 1}, {0, 7, 7}, {1, 7, 7}, {1000, 7, 7000}, {UINT32_MAX, UINT32_MAX, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const problem_params sizes = {.cost = rows[i].item_cost};
        yoke_job job = yoke_job(.type = &problem, .num_items = rows[i].num_items, .params = &sizes,
                                .params_bytes = sizeof sizes);
        problem.num_kernels = 1; /* so that no job is plain */
        assert_int_equal(cost_of(&job),
                         rows[i].cost != 0 ? rows[i].cost : (uint64_t)UINT32_MAX * UINT32_MAX);
        job.cost = 5; /* the job itself knows better */
        assert_int_equal(cost_of(&job), 5);
        problem.num_kernels = 0;
    }
    const problem_params sizes = {.cost = 1000};
    yoke_job job =
        yoke_job(.type = &weighed, .num_items = 3, .params = &sizes, .params_bytes = sizeof sizes);
    cost_answer = 9; /* so does the type's function */
    assert_int_equal(cost_of(&job), 9);
}

static void the_types_cost_function_weighs_a_job_that_does_not_say(void **state)
{
    (void)state;
    yoke_job job = yoke_job(SOURCE);
    num_cost_calls = 0;
    cost_answer = 123;
    assert_int_equal(cost_of(&job), 123);
    assert_int_equal(num_cost_calls, 1);
    cost_answer = UINT64_MAX;
    assert_int_equal(cost_of(&job), UINT64_MAX);
    cost_answer = 0;
    assert_true(cost_of(&job) >= 1);
}

static void a_job_that_says_its_cost_is_believed_and_nothing_is_called(void **state)
{
    (void)state;
    num_cost_calls = 0;
    yoke_job job = yoke_job(SOURCE, .cost = 9);
    assert_int_equal(cost_of(&job), 9);
    job.cost = UINT64_MAX;
    assert_int_equal(cost_of(&job), UINT64_MAX);
    assert_int_equal(num_cost_calls, 0);
}

static void the_cost_of_a_refused_job_is_not_asked_for(void **state)
{
    (void)state;
    uint64_t ignored;
    const char *what;
    yoke_job job = yoke_job(SOURCE, .out = NULL);
    num_cost_calls = 0;
    check_job(rt, &job, &ignored, &what);
    job = yoke_job(SOURCE, .flags = YOKE_JOB_GPU);
    check_job(rt, &job, &ignored, &what);
    assert_int_equal(num_cost_calls, 0);
}

/* -- waiting for room
 * -------------------------------------------------------------------------------- */

/* A runtime whose one worker is held in a kernel, and which has no room for what a host submits. */
typedef struct full {
    yoke_runtime *rt;
    const yoke_type *blocks, *quick;
    yoke_group group;
    yoke_job held, fills, late;
    _Atomic bool begun, may_end;
    _Atomic bool submitted;
    yoke_status status;
    pthread_t thread;
} full;

static yoke_status block(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    full *f = claim->user;
    atomic_store(&f->begun, true);
    while (!atomic_load(&f->may_end)) {
        sched_yield();
    }
    return YOKE_OK;
}

static void *submit_late(void *context)
{
    full *f = context;
    yoke_job *jobs[] = {&f->late};
    f->status = yoke_submit(f->rt, jobs, 1);
    atomic_store(&f->submitted, true);
    return NULL;
}

/* after: the jobs that fill the room, and the late one, wait for the group of the held one. */
static void run_full(full *f, bool after)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(
        yoke_create(&f->rt, yoke_options(.num_workers = 1, .max_jobs = 1, .engine = YOKE_ENGINE_CPU,
                                         .flags = YOKE_SUBMIT_WAITS)),
        YOKE_OK);
    yoke_register(f->rt, yoke_type_desc(.name = "blocks", .cpu = block, .user = f), &f->blocks);
    yoke_register(f->rt, yoke_type_desc(.name = "quick", .cpu = kernel), &f->quick);
    yoke_group *group_after = after ? &f->group : NULL;
    f->held = yoke_job(.type = f->blocks, .num_items = 1, .group = &f->group);
    f->fills = yoke_job(.type = f->quick, .num_items = 1, .after = group_after);
    f->late = f->fills;
    yoke_job *held[] = {&f->held}, *fills[] = {&f->fills};
    assert_int_equal(yoke_submit(f->rt, held, 1), YOKE_OK);
    while (!atomic_load(&f->begun)) {
        sched_yield();
    }
    assert_int_equal(yoke_submit(f->rt, fills, 1), YOKE_OK);
    testing_start(&f->thread, submit_late, f);
    testing_sleep_ms(50); /* it sleeps by now */
    assert_false(atomic_load(&f->submitted));
    atomic_store(&f->may_end, true);
    for (int i = 0; i < 500 && !atomic_load(&f->submitted); i++) {
        testing_sleep_ms(10);
    }
    assert_true(atomic_load(&f->submitted)); /* if not, nobody will ever wake it */
    testing_join(f->thread);
    assert_int_equal(f->status, YOKE_OK);
    assert_int_equal(yoke_wait(f->rt, &f->late, YOKE_FOREVER), YOKE_OK);
    yoke_destroy(&f->rt);
}

static void a_host_that_waits_for_room_in_the_inbox_is_woken(void **state)
{
    (void)state;
    static full f;
    run_full(&f, false);
}

static void a_host_that_waits_for_room_among_deferred_jobs_is_woken(void **state)
{
    (void)state;
    static full f;
    run_full(&f, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_jobs_are_accepted),
        cmocka_unit_test(each_broken_rule_is_refused_with_its_reason),
        cmocka_unit_test(no_job_is_refused),
        cmocka_unit_test(an_input_may_touch_the_output_and_not_overlap_it),
        cmocka_unit_test(a_span_may_touch_the_output_and_not_overlap_it),
        cmocka_unit_test(a_programs_arrays_overlap_by_what_its_plan_says),
        cmocka_unit_test(params_may_lie_at_any_address),
        cmocka_unit_test(an_empty_span_overlaps_nothing),
        cmocka_unit_test(an_output_of_no_bytes_overlaps_nothing),
        cmocka_unit_test(the_array_of_spans_must_not_overlap_the_output),
        cmocka_unit_test(a_job_weighs_its_items_if_no_input_is_ragged),
        cmocka_unit_test(a_ragged_job_weighs_the_bytes_of_all_its_ragged_inputs),
        cmocka_unit_test(a_ragged_job_of_empty_spans_still_weighs_something),
        cmocka_unit_test(bytes_beyond_64_bits_weigh_the_most_there_is),
        cmocka_unit_test(a_program_weighs_what_its_plan_says_for_each_item),
        cmocka_unit_test(the_types_cost_function_weighs_a_job_that_does_not_say),
        cmocka_unit_test(a_job_that_says_its_cost_is_believed_and_nothing_is_called),
        cmocka_unit_test(the_cost_of_a_refused_job_is_not_asked_for),
        cmocka_unit_test(a_host_that_waits_for_room_in_the_inbox_is_woken),
        cmocka_unit_test(a_host_that_waits_for_room_among_deferred_jobs_is_woken),
    };
    return cmocka_run_group_tests(tests, make_types, NULL);
}
