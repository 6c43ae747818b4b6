/*
 * One item there and back, on a runtime that is asleep. Owns the peer's server thread and the
 * samples; one thread.
 * Always holds: before each trip the caller sleeps for long enough that workers and submitters have
 * parked; engines and the peer take turns, trip by trip.
 */
#include "hash_cases.h"
#include "hash_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/clock.h"

#define HASH_TRIP_SLEEP_NS 1000000
#define HASH_TRIP_WARM_UP 10

typedef struct hash_trip {
    hash_run *run;
    hash_peer_server *server;
    double *us[HASH_ENGINES_MAX + 1]; /* the engines', then the peer's */
    uint32_t num;                     /* of each that were measured */
} hash_trip;

/* A message to hash, where its digest goes, and who does it: the peer if engine is NULL. */
static bool hash_trip_once(hash_trip *trip, const hash_engine *engine, size_t message, double *us)
{
    const hash_data *data = &trip->run->data;
    uint8_t *digest = data->out;
    yoke_status status = YOKE_OK;
    size_t wrong;
    memset(digest, 0, SHA256_DIGEST_BYTES);
    nanosleep(&(struct timespec){.tv_nsec = HASH_TRIP_SLEEP_NS}, NULL);
    const uint8_t *in = data->messages + message * SHA256_BLOCK_BYTES;
    uint64_t start_ns = clock_ns();
    if (engine == NULL) {
        hash_peer_server_call(trip->server, in, digest);
    } else {
        yoke_job job = yoke_job(.type = engine->type, .in = {in}, .out = digest, .num_items = 1);
        yoke_job *jobs = &job;
        status = yoke_submit(engine->rt, &jobs, 1);
        if (status == YOKE_OK) {
            status = yoke_wait(engine->rt, &job, YOKE_FOREVER);
        }
    }
    *us = (double)(clock_ns() - start_ns) / 1e3;
    const char *name = engine != NULL ? engine->name : "condvar";
    if (status != YOKE_OK) {
        return hash_cases_fail(trip->run, "%s: %s", name, yoke_status_text(status));
    }
    return hash_data_check(data, digest, message, 1, &wrong) ||
           hash_cases_fail(trip->run, "round_trip, %s: the digest of item %zu is wrong", name,
                           wrong);
}

static bool hash_trip_measure(hash_trip *trip, uint32_t num_trips, uint64_t budget_ns)
{
    const hash_engines *engines = &trip->run->engines;
    uint64_t end_ns = clock_ns() + budget_ns;
    for (uint32_t i = 0; i < HASH_TRIP_WARM_UP + num_trips; i++) {
        for (uint32_t k = 0; k <= engines->num; k++) {
            const hash_engine *engine = k < engines->num ? &engines->list[k] : NULL;
            double *us = &trip->us[k][i < HASH_TRIP_WARM_UP ? 0 : i - HASH_TRIP_WARM_UP];
            if (!hash_trip_once(trip, engine, i % trip->run->data.num, us)) {
                return false;
            }
        }
        trip->num = i < HASH_TRIP_WARM_UP ? 0 : i - HASH_TRIP_WARM_UP + 1;
        if (trip->num > 0 && clock_ns() >= end_ns) {
            break;
        }
    }
    return true;
}

static bool hash_trip_print(hash_trip *trip)
{
    const hash_engines *engines = &trip->run->engines;
    bool fine = true;
    for (uint32_t k = 0; fine && k <= engines->num; k++) {
        const hash_engine *engine = k < engines->num ? &engines->list[k] : NULL;
        rows_row row = {.bench = "hash",
                        .name = "round_trip",
                        .param = "items=1",
                        .unit = "us",
                        .better = "lower",
                        .engine = engine != NULL ? engine->name : "condvar",
                        .device =
                            engine != NULL && engine->device[0] != '\0' ? engine->device : NULL,
                        .samples = trip->us[k],
                        .num_samples = trip->num,
                        .seed = &trip->run->seed};
        fine = rows_print(&trip->run->output, &row) || hash_cases_fail(trip->run, "out of memory");
    }
    return fine;
}

bool hash_trip_run(hash_run *run, uint32_t num_trips, uint64_t budget_ns)
{
    hash_trip trip = {.run = run, .server = hash_peer_server_create()};
    bool fine = trip.server != NULL;
    for (uint32_t k = 0; k <= run->engines.num; k++) {
        trip.us[k] = calloc(num_trips, sizeof(*trip.us[k]));
        fine = fine && trip.us[k] != NULL;
    }
    fine = fine || hash_cases_fail(run, "out of memory or threads");
    fine = fine && hash_trip_measure(&trip, num_trips, budget_ns) && hash_trip_print(&trip);
    hash_peer_server_destroy(&trip.server);
    for (uint32_t k = 0; k <= run->engines.num; k++) {
        free(trip.us[k]);
    }
    return fine;
}
