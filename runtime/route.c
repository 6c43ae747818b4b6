/*
 * Routing: a job goes where it will be done first.
 *
 * What waits before it is not known by cost, only by number: it counts as if all of it were like
 * the job itself. With that, the workers will be done after so much time, and a GPU after the trip
 * and so much time, by the lines that were learned of the type. A job of several items is given to
 * both, unless the workers alone are done before a GPU has made the trip; how much of it a GPU then
 * claims is route_share's to say. When the lane is full the workers take the surplus; who insists
 * on a GPU is told YOKE_BUSY by submit.
 *
 * Until something is learned of both engines the policy's break-even stands for it: a batch is
 * worth the trip when so much cost waits.
 */
#include "route.h"

#include <yoke/yoke.h>

static uint64_t route_multiply(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static bool route_is_known(const snapshot_type *learned)
{
    return learned != NULL && learned->cpu.slope != 0 && learned->gpu.slope != 0;
}

/* Whether a GPU is worth the trip. */
static bool route_is_worth(const route_input *input, const snapshot *tuning)
{
    uint64_t waiting = route_multiply(input->cost, input->backlog + 1);
    if (!route_is_known(input->learned)) {
        return waiting >= tuning->break_even_cost;
    }
    uint64_t cpu_ns = model_time_ns(input->learned->cpu, waiting);
    if (input->num_items > 1) {
        return cpu_ns > input->learned->gpu.fixed_ns;
    }
    uint64_t on_gpu = route_multiply(input->cost, input->lane + 1);
    return !__builtin_add_overflow(on_gpu, input->ahead, &on_gpu) &&
           model_time_ns(input->learned->gpu, on_gpu) < cpu_ns;
}

route route_decide(const route_input *input, const snapshot *tuning)
{
    if (!input->is_served || (input->flags & YOKE_JOB_CPU) != 0) {
        return ROUTE_CPU;
    }
    if ((input->flags & YOKE_JOB_GPU) != 0 || tuning->mode == POLICY_ROUTING_MODE_GPU_ONLY) {
        return ROUTE_GPU;
    }
    if (tuning->mode == POLICY_ROUTING_MODE_CPU_ONLY || !input->has_room ||
        !route_is_worth(input, tuning)) {
        return ROUTE_CPU;
    }
    return input->num_items > 1 ? ROUTE_BOTH : ROUTE_GPU;
}

/* With c for the cost left, both end together when
 * begin + gpu.fixed + gpu.slope share c = cpu.slope (1 - share) c,
 * where the GPU begins after what is ahead, itself a batch. */
uint32_t route_share(const snapshot_type *learned, uint64_t cost_left, uint64_t cost_ahead)
{
    if (!route_is_known(learned)) {
        return ROUTE_SHARE_ALL;
    }
    double begin = cost_ahead > 0 ? (double)model_time_ns(learned->gpu, cost_ahead) : 0;
    double cpu = (double)model_time_ns(learned->cpu, cost_left);
    double gpu = (double)model_time_ns(learned->gpu, cost_left) - (double)learned->gpu.fixed_ns;
    begin += (double)learned->gpu.fixed_ns;
    return cpu <= begin ? 0 : (uint32_t)((cpu - begin) / (cpu + gpu) * ROUTE_SHARE_ALL);
}

uint64_t route_min_cost(const snapshot_type *learned, const snapshot *tuning)
{
    return route_is_known(learned) ? 0 : tuning->break_even_cost;
}
