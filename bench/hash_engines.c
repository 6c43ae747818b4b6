/*
 * Runtimes of the hash bench. Owns them from open to close; one thread.
 * Always holds: all live at once, so that rounds can take turns; idle ones sleep. Costs a start of
 * the GPU drivers for each of two runtimes.
 */
#include "hash_engines.h"

#include "cli/start.h"

#include <stdio.h>

static const char *const hash_engines_names[] = {
    [YOKE_ENGINE_AUTO] = "yoke auto", [YOKE_ENGINE_CPU] = "yoke", [YOKE_ENGINE_GPU] = "yoke gpu"};

static void hash_engines_find_device(hash_engine *engine)
{
    yoke_device devices[YOKE_DEVICES_MAX];
    size_t num = yoke_devices(engine->rt, devices, YOKE_DEVICES_MAX);
    size_t used = 0;
    engine->device[0] = '\0';
    for (size_t i = 0; i < num && i < YOKE_DEVICES_MAX && used < sizeof(engine->device); i++) {
        if (devices[i].state == YOKE_DEVICE_READY) {
            used += (size_t)snprintf(engine->device + used, sizeof(engine->device) - used, "%s%s",
                                     used > 0 ? " + " : "", devices[i].name);
        }
    }
}

/* Starts the next engine of the list; it is not counted yet. */
static bool hash_engines_start(hash_engines *engines, const hash_engines_options *o,
                               yoke_engine kind, char *error, size_t error_bytes)
{
    hash_engine *engine = &engines->list[engines->num];
    start_options start = {.num_workers = o->num_workers, .engine = kind, .policy = o->policy};
    *engine = (hash_engine){.kind = kind, .name = hash_engines_names[kind]};
    if (!start_runtime(&engine->rt, &start, error, error_bytes)) {
        return false;
    }
    engine->type = yoke_type_find(engine->rt, "sha256");
    hash_engines_find_device(engine);
    return true;
}

bool hash_engines_open(hash_engines *engines, const hash_engines_options *o, char *error,
                       size_t error_bytes)
{
    bool all = o->engine == YOKE_ENGINE_POLICY;
    *engines = (hash_engines){.num = 0};
    if (!hash_engines_start(engines, o, YOKE_ENGINE_CPU, error, error_bytes)) {
        return false;
    }
    engines->num++;
    if (all || o->engine == YOKE_ENGINE_AUTO) {
        hash_engine *engine = &engines->list[engines->num];
        if (!hash_engines_start(engines, o, YOKE_ENGINE_AUTO, error, error_bytes)) {
            return false;
        }
        engines->has_none = all && engine->device[0] == '\0';
        engines->num += !engines->has_none;
        if (engines->has_none) {
            yoke_destroy(&engine->rt);
        }
    }
    if (o->engine == YOKE_ENGINE_GPU || (all && !engines->has_none)) {
        hash_engine *engine = &engines->list[engines->num];
        if (!hash_engines_start(engines, o, YOKE_ENGINE_GPU, error, error_bytes)) {
            return false;
        }
        if (engine->device[0] != '\0') {
            engines->num++;
        } else {
            engines->is_degraded =
                start_is_degraded(engine->rt, YOKE_ENGINE_GPU, engines->why, sizeof(engines->why));
            yoke_destroy(&engine->rt);
        }
    }
    return true;
}

void hash_engines_close(hash_engines *engines)
{
    for (uint32_t i = 0; i < engines->num; i++) {
        yoke_destroy(&engines->list[i].rt);
    }
}
