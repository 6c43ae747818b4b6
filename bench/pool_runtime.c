/*
 * Runtimes of the pool bench and their types. Owns a runtime from open to close; one thread.
 * Always holds: a runtime's threads are those that came up while it was opened, so several runtimes
 * can live at once and each be watched by itself.
 */
#include "pool_runtime.h"

#include "pool_work.h"

#include "cli/start.h"

#include <stdio.h>
#include <string.h>

typedef struct pool_runtime_params {
    pool_runtime_fn fn;
    void *context;
} pool_runtime_params;

static yoke_status pool_runtime_run(yoke_worker *worker, const yoke_claim *claim)
{
    pool_runtime_params params;
    memcpy(&params, claim->params, sizeof(params));
    params.fn(worker, params.context);
    return YOKE_OK;
}

yoke_status pool_runtime_empty(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    (void)claim;
    return YOKE_OK;
}

yoke_status pool_runtime_items(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    pool_work_items(claim->in[0], claim->out, claim->first, claim->count);
    return YOKE_OK;
}

static yoke_status pool_runtime_register(pool_runtime *r)
{
    const yoke_type_desc *call =
        yoke_type_desc(.name = "pool_call", .params_bytes = sizeof(pool_runtime_params),
                       .cpu = pool_runtime_run);
    const yoke_type_desc *empty = yoke_type_desc(.name = "pool_empty", .cpu = pool_runtime_empty);
    const yoke_type_desc *items =
        yoke_type_desc(.name = "pool_items", .in_bytes = {sizeof(uint32_t)},
                       .out_bytes = sizeof(uint64_t), .cpu = pool_runtime_items);
    yoke_status status = yoke_register(r->rt, call, &r->call);
    if (status == YOKE_OK) {
        status = yoke_register(r->rt, empty, &r->empty);
    }
    if (status == YOKE_OK) {
        status = yoke_register(r->rt, items, &r->items);
    }
    return status;
}

bool pool_runtime_open(pool_runtime *runtime, uint32_t workers, const char *policy, char *error,
                       size_t error_bytes)
{
    start_options start = {.num_workers = workers, .engine = YOKE_ENGINE_CPU, .policy = policy};
    pool_threads before;
    *runtime = (pool_runtime){.workers = workers};
    bool listed = pool_threads_list(&before);
    if (!start_runtime(&runtime->rt, &start, error, error_bytes)) {
        return false;
    }
    yoke_status status = pool_runtime_register(runtime);
    if (status != YOKE_OK) {
        snprintf(error, error_bytes, "a type is refused: %s", yoke_status_text(status));
        return false;
    }
    if (!listed || !pool_threads_list(&runtime->threads)) {
        snprintf(error, error_bytes, "/proc/self/task cannot be read");
        return false;
    }
    pool_threads_subtract(&runtime->threads, &before);
    return true;
}

void pool_runtime_close(pool_runtime *runtime)
{
    yoke_destroy(&runtime->rt);
}

yoke_status pool_runtime_launch(pool_runtime *runtime, yoke_job *job, pool_runtime_fn fn,
                                void *context)
{
    pool_runtime_params params = {.fn = fn, .context = context};
    *job = yoke_job(.type = runtime->call, .num_items = 1, .params = &params,
                    .params_bytes = sizeof(params));
    return yoke_submit(runtime->rt, &job, 1);
}

yoke_status pool_runtime_call(pool_runtime *runtime, pool_runtime_fn fn, void *context)
{
    yoke_job job;
    yoke_status status = pool_runtime_launch(runtime, &job, fn, context);
    return status == YOKE_OK ? yoke_wait(runtime->rt, &job, YOKE_FOREVER) : status;
}
