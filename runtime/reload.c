/*
 * yoke_policy_load.
 *
 * The loading thread lends its policy to the controller, rings, and waits until it is in force; so
 * nothing is allocated, and when the call returns every later submit goes by the new values. Only
 * live keys reach the snapshot: of the others the runtime keeps what it was created with, which is
 * what a loaded policy is compared with. What yoke_create's options override stays overridden.
 *
 * A load changes no job: what is in a queue, a lane or a batch stays there. It costs two switches
 * of threads and a grace period of RCU: some 10 us, and 10 ms more when a thread is not running in
 * the middle of a read. Readers notice nothing.
 */
#include "reload.h"

#include "controller.h"
#include "runtime.h"
#include "worker.h"

#define RELOAD_MESSAGE_BYTES 200

void reload_init(reload *r)
{
    pthread_mutex_init(&r->lock, NULL);
    atomic_init(&r->posted, NULL);
    atomic_init(&r->is_over, false);
}

void reload_finish(reload *r)
{
    pthread_mutex_destroy(&r->lock);
}

/* -- the controller's half ------------------------------------------------------------------- */

snapshot *reload_take_controller(yoke_runtime *rt, snapshot *spare)
{
    const yoke_policy *policy = atomic_load(&rt->reload.posted); /* L1 */
    if (policy == NULL) {
        return spare;
    }
    *spare = *atomic_load(&rt->tuning.current);
    snapshot_set_policy(spare, policy);
    spare = snapshot_publish(&rt->tuning, spare);
    atomic_store(&rt->reload.posted, NULL); /* L2: the policy is the loading thread's again */
    waiters_wake(&rt->waiters, &rt->reload);
    return spare;
}

void reload_end_controller(yoke_runtime *rt)
{
    atomic_store(&rt->reload.is_over, true); /* L2 */
    waiters_wake(&rt->waiters, &rt->reload);
}

/* -- the host's half ------------------------------------------------------------------------- */

static bool reload_is_answered(void *context)
{
    reload *r = context;
    return atomic_load(&r->posted) == NULL || atomic_load(&r->is_over); /* L2 */
}

static yoke_status reload_post(yoke_runtime *rt, const yoke_policy *policy)
{
    reload *r = &rt->reload;
    pthread_mutex_lock(&r->lock);
    atomic_store(&r->posted, policy); /* L1 */
    controller_ring_any(rt);
    waiters_wait(&rt->waiters, r, reload_is_answered, r, YOKE_FOREVER);
    bool is_taken = atomic_exchange(&r->posted, NULL) == NULL;
    pthread_mutex_unlock(&r->lock);
    return is_taken ? YOKE_OK : YOKE_CANCELED;
}

/* A line for each key that would need another runtime. */
static void reload_warn(const yoke_runtime *rt, const yoke_policy *policy)
{
    for (size_t i = 0; i < POLICY_NUM_KEYS; i++) {
        const policy_key *key = &policy_keys[i];
        if (!key->is_live && !policy_is_same(&rt->policy, policy, key)) {
            runtime_log(rt, YOKE_LOG_WARNING,
                        "the policy's %s.%s is read at create only: it stays as it was",
                        key->section, key->name);
        }
    }
    if (rt->policy.routing.mode == POLICY_ROUTING_MODE_CPU_ONLY &&
        policy->routing.mode != POLICY_ROUTING_MODE_CPU_ONLY) {
        runtime_log(rt, YOKE_LOG_WARNING,
                    "the policy's routing.mode was cpu_only at create, so no device was opened: "
                    "the CPU does all");
    }
}

yoke_status yoke_policy_load(yoke_runtime *rt, const yoke_policy *policy)
{
    if (rt == NULL || policy == NULL || (worker_self() != NULL && worker_self()->rt == rt)) {
        return base_misuse("no runtime, no policy, or a wait on a worker");
    }
    char message[RELOAD_MESSAGE_BYTES];
    if (policy_check(policy, message, sizeof message) != YOKE_OK) {
        runtime_log(rt, YOKE_LOG_WARNING, "a policy is not loaded: %s", message);
        return YOKE_INVALID;
    }
    yoke_policy chosen = *policy;
    runtime_override(rt, &chosen);
    yoke_status status = reload_post(rt, &chosen);
    if (status == YOKE_OK) {
        runtime_log(rt, YOKE_LOG_INFO, "a new policy is in force");
        reload_warn(rt, &chosen);
    }
    return status;
}
