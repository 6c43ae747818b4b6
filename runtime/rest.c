/*
 * A submitter with nothing to pack. With batches in flight it waits for the oldest, looking or
 * asleep (patience.h), at most until an open batch may fall due; with none in flight an open batch
 * goes at once, so what is left is to park by the rules of park.h.
 */
#include "rest.h"

#include <sched.h>

#include "fill.h"
#include "retire.h"

#define REST_WAIT_NS_MAX 1000000
#define REST_WAIT_NS_MIN 20000 /* less is not worth going to sleep for */
#define REST_LOOKS_PER_CLOCK 32

static bool rest_sees_work(submitter *s)
{
    yoke_runtime *rt = s->rt;
    uint32_t num_compiled = atomic_load_explicit(&s->num_compiled, memory_order_relaxed);
    bool has_slot = fill_free_slot(s) != NULL; /* if not, the worker that frees one wakes us */
    bool may_compile = s->trial == NULL ? has_slot && atomic_load(&rt->num_types) != num_compiled
                                        : atomic_load(&s->trial->is_free);
    bool may_give_back = s->num_in_flight == 0 && atomic_load(&rt->num_quiets) != s->num_quiets;
    if (runtime_is_stopping(rt) || may_compile || may_give_back ||
        atomic_load(&rt->regions.num_freeing) > 0) {
        return true;
    }
    for (uint32_t i = 0; i < num_compiled && has_slot; i++) {
        yoke_type *type = atomic_load_explicit(&rt->types[i], memory_order_relaxed);
        if (s->kernels[i] != NULL && (fill_has_held(s, i) || !ring_looks_empty_any(&type->lane))) {
            return true;
        }
    }
    return false;
}

/* Whether tickets wait in any lane, also in those that this device does not serve. `reserved`: how
 * many places of lanes have ever been. */
static bool rest_sees_tickets(submitter *s, uint64_t *reserved)
{
    yoke_runtime *rt = s->rt;
    uint32_t num_types = atomic_load(&rt->num_types);
    bool any = false;
    *reserved = 0;
    for (uint32_t i = 0; i < num_types; i++) {
        yoke_type *type = atomic_load(&rt->types[i]);
        if (type_has_gpu(type)) {
            *reserved += ring_reserved_any(&type->lane);
            any |= !ring_looks_empty_any(&type->lane);
        }
    }
    return any;
}

/* Of tickets that wait the others are told, for this device may not be able to take them. Once for
 * all that have come so far: two that have no slot would else wake each other for ever. Who gets a
 * slot, or serves a type, later looks by itself. */
static void rest_pass_on(submitter *s)
{
    uint64_t reserved;
    park *p = &s->rt->gpu_park;
    if (rest_sees_tickets(s, &reserved) && reserved != s->passed_on &&
        atomic_load(&p->num_parked) > 0) {
        s->passed_on = reserved;
        park_wake_all_any(p);
    }
}

void rest_park(submitter *s)
{
    park *p = &s->rt->gpu_park;
    park_search_worker(p);
    park_announce_worker(p, s->device.index);
    if (rest_sees_work(s)) {
        park_retract_worker(p, s->device.index);
    } else {
        rest_pass_on(s);
        park_sleep_worker(p, s->device.index);
    }
    if (park_found_worker(p)) {
        rest_pass_on(s);
    }
}

/* Looks until the batch is done, there is something to pack, or the time is over. */
static void rest_look(submitter *s, uint64_t awaited, uint64_t end_ns)
{
    uint64_t value = 0;
    for (uint32_t round = 1;; round++) {
        yoke_status status = s->device.ops->completed(s->device.device, &value);
        if (status != YOKE_OK || value >= awaited || rest_sees_work(s)) {
            return;
        }
        if (round % REST_LOOKS_PER_CLOCK == 0) {
            if (base_now_ns() >= end_ns) {
                return;
            }
            sched_yield(); /* a software device, or who brings work, may wait for this CPU */
        }
        base_cpu_relax();
    }
}

void rest_await(submitter *s, uint64_t wait_ns)
{
    const batch *oldest = s->in_flight[0];
    uint64_t now_ns = base_now_ns(), begun_ns = retire_begun_ns(s, oldest);
    uint64_t guess_ns = patience_guess_ns(&s->patience[oldest->type->index], oldest->cost);
    patience_advice advice =
        patience_advise(guess_ns, now_ns > begun_ns ? now_ns - begun_ns : 0, s->num_in_flight > 1);
    uint64_t most_ns = wait_ns > REST_WAIT_NS_MAX   ? REST_WAIT_NS_MAX
                       : wait_ns < REST_WAIT_NS_MIN ? REST_WAIT_NS_MIN
                                                    : wait_ns;
    if (advice.sleep_ns == 0) {
        rest_look(s, oldest->value, now_ns + (advice.look_ns < most_ns ? advice.look_ns : most_ns));
        return;
    }
    s->device.ops->wait(s->device.device, oldest->value,
                        advice.sleep_ns < most_ns ? advice.sleep_ns : most_ns);
}
