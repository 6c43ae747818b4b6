/* See calls.h. */
#include "tests/runtime/calls.h"

#include <sched.h>

#include "runtime/policy.h"

static yoke_status calls_kernel(yoke_worker *worker, const yoke_claim *claim)
{
    call *const *calls = claim->in[0];
    for (uint32_t i = 0; i < claim->count; i++) {
        calls[i]->run(worker, calls[i]);
    }
    return YOKE_OK;
}

const yoke_type *calls_start(fixture *f, const yoke_options *options)
{
    const yoke_type *type = NULL;
    fixture_start(f, options);
    assert_int_equal(yoke_register(f->rt,
                                   yoke_type_desc(.name = "call", .in_bytes = {sizeof(call *)},
                                                  .cpu = calls_kernel),
                                   &type),
                     YOKE_OK);
    return type;
}

const yoke_type *calls_start_with_small_stacks(fixture *f, uint32_t num_workers)
{
    yoke_policy policy;
    policy_default(&policy);
    policy.workers.stack_kib = CALLS_STACK_KIB;
    return calls_start(f, yoke_options(.num_workers = num_workers, .policy = &policy));
}

yoke_job calls_job(const yoke_type *type, call **item)
{
    return yoke_job(.type = type, .in = {item}, .num_items = 1);
}

void calls_run(fixture *f, const yoke_type *type, call *c)
{
    yoke_job job = calls_job(type, &c);
    assert_int_equal(fixture_submit(f, &job), YOKE_OK);
    assert_int_equal(yoke_wait(f->rt, &job, YOKE_FOREVER), YOKE_OK);
}

yoke_stats calls_stats(fixture *f)
{
    yoke_stats stats = {.struct_bytes = sizeof stats};
    assert_int_equal(yoke_stats_read(f->rt, &stats), YOKE_OK);
    return stats;
}

void held_run(yoke_worker *worker, void *argument)
{
    held *h = argument;
    h->worker = yoke_worker_index(worker);
    atomic_store(&h->has_begun, 1);
    while (atomic_load(&h->may_end) == 0) {
        fixture_sleep_ms(1);
    }
    fixture_sleep_ms(h->sleep_ms);
    h->has_ended++;
}

static void held_do_nothing(yoke_worker *worker, void *argument)
{
    (void)worker;
    (void)argument;
}

/* A worker gives what it has forked away when it forks: so it forks again, until somebody has come
 * who is hungry. */
void held_fork(yoke_worker *worker, void (*fn)(yoke_worker *, void *), held *h)
{
    yoke_fork(worker, fn, h);
    while (atomic_load(&h->has_begun) == 0) {
        yoke_fork(worker, held_do_nothing, NULL);
        yoke_join(worker);
        sched_yield();
    }
}

void held_await(held *h)
{
    while (atomic_load(&h->has_begun) == 0) {
        fixture_sleep_ms(1);
    }
}
