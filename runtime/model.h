/*
 * How long work takes: a line, time = fixed + slope × cost, through samples that fade.
 *
 * Pure; one thread's.
 */
#ifndef YOKE_MODEL_H
#define YOKE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* Faded sums of the samples. Zero at first. */
typedef struct model {
    double weight, cost, time, cost_cost, cost_time;
} model;

typedef struct model_line {
    uint64_t fixed_ns;
    uint64_t slope; /* of a unit of cost, in 2^-MODEL_ONE_BITS ns; 0: nothing is known */
} model_line;

#define MODEL_ONE_BITS 20

/* Work of so much cost took so long. A sample far above the line counts as MODEL_SPIKE times it: it
 * says more about the moment than about the work. */
#define MODEL_SPIKE 4
void model_add(model *m, uint64_t cost, uint64_t time_ns);

model_line model_fit(const model *m);

/* By a line that is known; UINT64_MAX: more than can be told. */
static inline uint64_t model_time_ns(model_line line, uint64_t cost)
{
    uint64_t time;
    return __builtin_mul_overflow(line.slope, cost, &time)
               ? UINT64_MAX
               : line.fixed_ns + (time >> MODEL_ONE_BITS);
}

#endif
