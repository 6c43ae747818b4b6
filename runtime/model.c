/*
 * Least squares over samples whose weight fades by a 16th with each new one. Where all costs are
 * about alike the line cannot be told: then all of the time counts as slope, which is right for
 * such costs, and for smaller ones too hopeful; they will tell.
 *
 * In double: fits are made once a batch, and the sums of squares of 64-bit costs fit nothing else.
 */
#include "model.h"

#define MODEL_FADE (15.0 / 16.0)
#define MODEL_SAMPLES_MIN 2.5 /* weight of three samples */

static bool model_is_known(const model *m)
{
    return m->weight > MODEL_SAMPLES_MIN;
}

/* The line's two numbers, in ns. */
static void model_solve(const model *m, double *fixed, double *slope)
{
    double spread = m->weight * m->cost_cost - m->cost * m->cost;
    *slope = m->time / m->cost;
    *fixed = 0;
    if (spread > 1e-3 * m->cost * m->cost) { /* the costs differ by a few percent at least */
        double fitted = (m->weight * m->cost_time - m->cost * m->time) / spread;
        double rest = (m->time - fitted * m->cost) / m->weight;
        if (fitted > 0 && rest >= 0) {
            *slope = fitted;
            *fixed = rest;
        } else if (fitted <= 0) { /* larger is no slower: all of it is the trip */
            *fixed = m->time / m->weight;
            *slope = 0;
        }
    }
}

void model_add(model *m, uint64_t cost, uint64_t time_ns)
{
    double x = cost > 0 ? (double)cost : 1, y = (double)time_ns;
    if (model_is_known(m)) {
        double fixed, slope;
        model_solve(m, &fixed, &slope);
        double most = MODEL_SPIKE * (fixed + slope * x);
        y = y < most ? y : most;
    }
    m->weight = m->weight * MODEL_FADE + 1;
    m->cost = m->cost * MODEL_FADE + x;
    m->time = m->time * MODEL_FADE + y;
    m->cost_cost = m->cost_cost * MODEL_FADE + x * x;
    m->cost_time = m->cost_time * MODEL_FADE + x * y;
}

model_line model_fit(const model *m)
{
    double fixed, slope;
    if (!model_is_known(m)) {
        return (model_line){0};
    }
    model_solve(m, &fixed, &slope);
    slope = slope * (double)(1u << MODEL_ONE_BITS) + 1;
    return (model_line){
        .fixed_ns = fixed < 1e15 ? (uint64_t)fixed : (uint64_t)1e15,
        .slope = slope < 1e18 ? (uint64_t)slope : (uint64_t)1e18,
    };
}
