/*
 * Whether a job may be submitted, and what it weighs. See check.h.
 */
#include "check.h"

#include <string.h>

#include "job.h"
#include "resident.h"

#define CHECK_KNOWN_FLAGS ((uint32_t)(YOKE_JOB_CPU | YOKE_JOB_GPU | YOKE_JOB_REAP | YOKE_JOB_HIGH))

typedef struct check_range {
    uintptr_t begin, end;
} check_range;

/* False: it would wrap round the address space. */
static bool check_range_of(const void *data, uint64_t bytes, check_range *range)
{
    range->begin = (uintptr_t)data;
    return !__builtin_add_overflow(range->begin, bytes, &range->end);
}

static bool check_overlap(check_range a, check_range b)
{
    return a.begin < a.end && b.begin < b.end && a.begin < b.end && b.begin < a.end;
}

/* Adds up the bytes of a ragged input. NULL: all is well. */
static const char *check_spans(const yoke_span *spans, uint32_t num_items, check_range out,
                               uint64_t *bytes)
{
    for (uint32_t i = 0; i < num_items; i++) {
        check_range range;
        if (spans[i].data == NULL && spans[i].bytes != 0) {
            return "a span without data";
        }
        if (!check_range_of(spans[i].data, spans[i].bytes, &range)) {
            return "a span is too long";
        }
        if (check_overlap(range, out)) {
            return "an input overlaps the output";
        }
        if (__builtin_add_overflow(*bytes, spans[i].bytes, bytes)) {
            *bytes = UINT64_MAX;
        }
    }
    return NULL;
}

/* Which of the job's inputs are there, a bit for each. */
static uint32_t check_given(const yoke_job *job)
{
    _Static_assert(YOKE_INPUTS_MAX == 4, "all inputs are looked at");
    return (job->in[0] != NULL) | (uint32_t)(job->in[1] != NULL) << 1 |
           (uint32_t)(job->in[2] != NULL) << 2 | (uint32_t)(job->in[3] != NULL) << 3;
}

static const char *check_input(const yoke_job *job, uint32_t k, check_range out,
                               uint64_t *ragged_bytes)
{
    const yoke_type *type = job->type;
    bool ragged = type->in_bytes[k] == YOKE_RAGGED;
    uint64_t stride = ragged ? sizeof(yoke_span) : type->in_bytes[k];
    check_range in;
    if (!check_range_of(job->in[k], job->num_items * stride, &in)) {
        return "an input is too long";
    }
    if (check_overlap(in, out)) {
        return "an input overlaps the output";
    }
    return ragged ? check_spans(job->in[k], job->num_items, out, ragged_bytes) : NULL;
}

static const char *check_buffers(const yoke_job *job, uint64_t *ragged_bytes)
{
    const yoke_type *type = job->type;
    check_range out;
    uint32_t given = check_given(job), wanted = (UINT32_C(1) << type->num_inputs) - 1;
    if (given != wanted) {
        return (wanted & ~given) != 0 ? "an input is missing" : "an input too many";
    }
    if (type->num_inputs == 0 && type->out_bytes == 0) {
        return NULL;
    }
    uint64_t out_bytes = (uint64_t)job->num_items * type->out_bytes;
    if (out_bytes > 0 && job->out == NULL) {
        return "no output";
    }
    if (!check_range_of(job->out, out_bytes, &out)) {
        return "the output is too long";
    }
    const char *what = NULL;
    for (uint32_t k = 0; k < type->num_inputs && what == NULL; k++) {
        what = check_input(job, k, out, ragged_bytes);
    }
    return what;
}

static bool check_array(const void *data, uint64_t num_items, uint64_t stride, check_range *range)
{
    uint64_t bytes;
    return !__builtin_mul_overflow(num_items, stride, &bytes) && check_range_of(data, bytes, range);
}

/* The same for a program type, whose sizes follow from the params. */
static const char *check_program(const yoke_job *job, uint64_t *cost)
{
    yoke_plan plan;
    check_range in, out;
    _Alignas(uint64_t) unsigned char params[YOKE_PARAMS_BYTES_MAX] = {0}; /* the caller's may lie */
    if (job->params_bytes > 0) {                                          /* anywhere */
        memcpy(params, job->params, job->params_bytes);
    }
    if (!type_plan(job->type, params, &plan)) {
        return "params that the type's plan refuses";
    }
    if (plan.out_bytes > 0 && job->out == NULL) {
        return "no output";
    }
    if (!check_array(job->out, job->num_items, plan.out_bytes, &out)) {
        return "the output is too long";
    }
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX; k++) {
        if ((job->in[k] != NULL) != (plan.in_bytes[k] != 0)) {
            return job->in[k] == NULL ? "an input is missing" : "an input too many";
        }
        if (!check_array(job->in[k], job->num_items, plan.in_bytes[k], &in)) {
            return "an input is too long";
        }
        if (check_overlap(in, out)) {
            return "an input overlaps the output";
        }
    }
    if (__builtin_mul_overflow(plan.cost > 0 ? plan.cost : 1, job->num_items, cost)) {
        *cost = UINT64_MAX;
    }
    return NULL;
}

static const char *check_fields(const yoke_runtime *rt, const yoke_job *job)
{
    uint32_t both = YOKE_JOB_CPU | YOKE_JOB_GPU;
    if (job->struct_bytes < sizeof(yoke_job)) {
        return "struct_bytes is not set";
    }
    if (job->type == NULL || job->type->rt != rt) {
        return "the type is not of this runtime";
    }
    if (job->num_items == 0) {
        return "no items";
    }
    if ((job->flags & both) == both) {
        return "both CPU and GPU only";
    }
    if ((job->done != NULL) + (job->group != NULL) + ((job->flags & YOKE_JOB_REAP) != 0) > 1) {
        return "more than one of done, group and YOKE_JOB_REAP";
    }
    if (job->group != NULL && job->group == job->after) {
        return "after its own group";
    }
    if (job->params_bytes != (job->params != NULL ? job->type->params_bytes : 0)) {
        return "params_bytes is not the type's";
    }
    if (job_status(job) >= YOKE_PENDING) { /* or marked: it is in the array twice */
        return "submitted already";
    }
    return NULL;
}

/* Of a plain job without residents only in checked builds: they lie in a line of their own, and
 * nobody reads them. */
static const char *check_residents(const yoke_job *job)
{
    uint32_t num = job->type->num_residents;
#ifndef YOKE_CHECKED
    if (num == 0 && job_is_plain(job)) {
        return NULL;
    }
#endif
    for (uint32_t k = 0; k < YOKE_INPUTS_MAX; k++) {
        const yoke_resident *resident = job->resident[k];
        if ((resident != NULL) != (k < num)) {
            return resident == NULL ? "a resident is missing" : "a resident too many";
        }
        if (resident != NULL && resident->rt != job->type->rt) {
            return "a resident of another runtime";
        }
    }
    return NULL;
}

yoke_status check_job(const yoke_runtime *rt, const yoke_job *job, uint64_t *cost,
                      const char **what)
{
    uint64_t weight = 0; /* bytes of ragged inputs, or what the plan says */
    *what = job == NULL ? "no job" : check_fields(rt, job);
    if (*what == NULL) {
        *what = job->type->program.plan == NULL ? check_buffers(job, &weight)
                                                : check_program(job, &weight);
    }
    if (*what == NULL) {
        *what = check_residents(job);
    }
    if (*what != NULL) {
        return YOKE_INVALID;
    }
    if ((job->flags & YOKE_JOB_GPU) != 0 && atomic_load(&job->type->num_serving) == 0) {
        *what = "no device is ready for the type";
        return YOKE_NO_DEVICE;
    }
    if ((job->flags & ~CHECK_KNOWN_FLAGS) != 0) {
        *what = "a flag that this version does not know";
        return YOKE_UNSUPPORTED;
    }
    if (job_is_plain(job)) { /* nothing depends on it */
        *cost = 1;
        return YOKE_OK;
    }
    *cost = job->cost != 0 ? job->cost : job->type->cost != NULL ? job->type->cost(job) : weight;
    if (*cost == 0) {
        *cost = job->num_items;
    }
    return YOKE_OK;
}
