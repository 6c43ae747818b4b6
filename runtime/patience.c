/*
 * The guess is a line through the shortest batch and the smoothed time for a unit of cost. The
 * shortest is forgotten slowly, so that a device that has become slower is believed.
 */
#include "patience.h"

#define PATIENCE_EARLY_NS UINT64_C(60000) /* wake up so long before: a wake-up, and some error */
#define PATIENCE_LOOK_NS UINT64_C(20000)
#define PATIENCE_SHORT_NS UINT64_C(100000) /* no batch shorter than this is slept for */

void patience_learn(patience *p, uint64_t cost, uint64_t took_ns)
{
    uint64_t ns = took_ns < UINT64_C(1) << 50 ? took_ns : UINT64_C(1) << 50;
    uint64_t now = ns * 1000 / (cost > 0 ? cost : 1) + 1;
    p->ps_cost = p->ps_cost == 0 ? now : (3 * p->ps_cost + now + 2) / 4;
    if (p->least_ns == 0 || ns < p->least_ns) {
        p->least_ns = ns;
    } else {
        p->least_ns += (ns - p->least_ns) / 64;
    }
}

uint64_t patience_guess_ns(const patience *p, uint64_t cost)
{
    uint64_t ns;
    if (__builtin_mul_overflow(p->ps_cost, cost, &ns)) {
        ns = UINT64_MAX;
    }
    ns /= 1000;
    return ns > p->least_ns ? ns : p->least_ns;
}

patience_advice patience_advise(uint64_t guess_ns, uint64_t age_ns, bool has_next)
{
    uint64_t slack_ns = guess_ns / 4 > PATIENCE_LOOK_NS ? guess_ns / 4 : PATIENCE_LOOK_NS;
    uint64_t late_ns = guess_ns + slack_ns; /* by then it should be done */
    if (guess_ns > PATIENCE_SHORT_NS && has_next) {
        return (patience_advice){.sleep_ns = UINT64_MAX};
    }
    if (age_ns >= late_ns) {
        return (patience_advice){.sleep_ns = UINT64_MAX};
    }
    if (guess_ns > PATIENCE_SHORT_NS && age_ns + PATIENCE_EARLY_NS < guess_ns) {
        return (patience_advice){.sleep_ns = guess_ns - PATIENCE_EARLY_NS - age_ns,
                                 .look_ns = PATIENCE_EARLY_NS + slack_ns};
    }
    return (patience_advice){.look_ns = late_ns - age_ns};
}
