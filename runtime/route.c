/*
 * Routing, first form: a fixed break-even.
 *
 * A batch is worth its overhead when enough cost waits for it. One large job is enough by itself,
 * and is then given to both engines. Small ones are enough when so many wait that, if they are all
 * like this one, their cost reaches the break-even; until then the workers are quicker. When the
 * lane is full the workers take the surplus; who insists on a GPU is told YOKE_BUSY by submit.
 */
#include "route.h"

#include <yoke/yoke.h>

route route_decide(const route_input *input, const snapshot *tuning)
{
    if (!input->is_served || (input->flags & YOKE_JOB_CPU) != 0) {
        return ROUTE_CPU;
    }
    if ((input->flags & YOKE_JOB_GPU) != 0 || tuning->mode == POLICY_ROUTING_MODE_GPU_ONLY) {
        return ROUTE_GPU;
    }
    if (tuning->mode == POLICY_ROUTING_MODE_CPU_ONLY || !input->has_room) {
        return ROUTE_CPU;
    }
    uint64_t waiting;
    if (__builtin_mul_overflow(input->cost, input->backlog + 1, &waiting)) {
        waiting = UINT64_MAX;
    }
    if (waiting < tuning->break_even_cost) {
        return ROUTE_CPU;
    }
    return input->num_items > 1 ? ROUTE_BOTH : ROUTE_GPU;
}
