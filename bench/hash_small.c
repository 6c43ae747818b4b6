/*
 * Many jobs of one item, from four host threads at once. Owns the job structs; the threads live for
 * one run each.
 * Always holds: a thread uses its structs again only after its group is empty; every job is a
 * submit of its own.
 */
#include "hash_cases.h"
#include "hash_peer.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_SMALL_THREADS 4
#define HASH_SMALL_STRUCTS 16384 /* of each thread */

typedef struct hash_small {
    hash_run *run;
    hash_cases cases;
    hash_case list[HASH_ENGINES_MAX + 1];
    yoke_job *structs;       /* HASH_SMALL_THREADS × HASH_SMALL_STRUCTS */
    const hash_engine *yoke; /* of the run that goes on */
    yoke_group groups[HASH_SMALL_THREADS];
    atomic_int failed; /* the first failure's status; 0: none */
} hash_small;

/* As many jobs as there are structs, from message `first` on. */
static yoke_status hash_small_submit(const hash_small *small, yoke_job *structs, size_t first,
                                     uint32_t num)
{
    const hash_data *data = &small->run->data;
    yoke_status status = YOKE_OK;
    for (uint32_t i = 0; i < num && status == YOKE_OK; i++) {
        yoke_job *job = &structs[i];
        job->in[0] = data->messages + (first + i) * SHA256_BLOCK_BYTES;
        job->out = data->out + (first + i) * SHA256_DIGEST_BYTES;
        status = yoke_submit(small->yoke->rt, &job, 1);
    }
    return status;
}

static void hash_small_work(void *context, uint32_t thread)
{
    hash_small *small = context;
    yoke_job *structs = &small->structs[thread * HASH_SMALL_STRUCTS];
    yoke_status status = YOKE_OK;
    uint32_t first;
    uint32_t num = hash_peer_share(small->cases.num_items, thread, HASH_SMALL_THREADS, &first);
    while (num > 0 && status == YOKE_OK) {
        uint32_t part = num < HASH_SMALL_STRUCTS ? num : HASH_SMALL_STRUCTS;
        status = hash_small_submit(small, structs, first, part);
        yoke_status waited = yoke_group_wait(small->yoke->rt, &small->groups[thread], YOKE_FOREVER);
        status = status == YOKE_OK ? waited : status;
        first += part;
        num -= part;
    }
    int none = 0;
    if (status != YOKE_OK) {
        atomic_compare_exchange_strong_explicit(&small->failed, &none, status, memory_order_relaxed,
                                                memory_order_relaxed);
    }
}

static bool hash_small_once(void *part, hash_case *c, uint64_t *ns)
{
    hash_small *small = part;
    uint32_t num = small->cases.num_items;
    bool started;
    if (c->yoke == NULL) {
        started = hash_peer_loop(&small->run->data, num, 1, HASH_SMALL_THREADS, ns);
    } else {
        small->yoke = c->yoke;
        for (uint32_t i = 0; i < HASH_SMALL_THREADS * HASH_SMALL_STRUCTS; i++) {
            yoke_group *group = &small->groups[i / HASH_SMALL_STRUCTS];
            *group = (yoke_group){{0}};
            small->structs[i] = yoke_job(.type = c->yoke->type, .num_items = 1, .group = group);
        }
        started = hash_peer_crew(HASH_SMALL_THREADS, hash_small_work, small, ns);
    }
    int failed = atomic_load_explicit(&small->failed, memory_order_relaxed);
    if (failed != YOKE_OK) {
        return hash_cases_fail(small->run, "%s: %s", c->engine,
                               yoke_status_text((yoke_status)failed));
    }
    return started ||
           hash_cases_fail(small->run, "the system refuses %u threads", HASH_SMALL_THREADS);
}

static void hash_small_add(hash_small *small, const hash_engine *engine)
{
    hash_case *c = &small->list[small->cases.num++];
    *c = (hash_case){.name = "small_jobs", .yoke = engine, .out = small->run->data.out};
    snprintf(c->engine, sizeof(c->engine), "%s", engine != NULL ? engine->name : "loop x4");
}

static bool hash_small_print(const hash_small *small, const hash_case *c)
{
    const hash_cases *cases = &small->cases;
    char param[32];
    snprintf(param, sizeof(param), "jobs=%u", cases->num_items);
    rows_row ns = {.name = c->name, .param = param, .unit = "ns/job", .better = "lower"};
    rows_row batch = {.name = "mean_batch", .param = param, .unit = "items", .better = "higher"};
    rows_row share = {.name = "gpu_share", .param = param, .unit = "%", .better = "higher"};
    bool has_devices = c->yoke != NULL && c->yoke->kind != YOKE_ENGINE_CPU;
    return hash_cases_print(cases, c, NULL, hash_cases_ns, ns) &&
           (!has_devices || (hash_cases_print(cases, c, NULL, hash_cases_batch, batch) &&
                             hash_cases_print(cases, c, NULL, hash_cases_share, share)));
}

bool hash_small_run(hash_run *run, uint32_t num_jobs, uint64_t budget_ns)
{
    hash_small small = {.run = run};
    small.cases = (hash_cases){.run = run,
                               .list = small.list,
                               .num_items = num_jobs,
                               .once = hash_small_once,
                               .part = &small};
    for (uint32_t i = 0; i < run->engines.num; i++) {
        hash_small_add(&small, &run->engines.list[i]);
    }
    hash_small_add(&small, NULL);
    small.structs = calloc(HASH_SMALL_THREADS * HASH_SMALL_STRUCTS, sizeof(*small.structs));
    bool fine = small.structs != NULL || hash_cases_fail(run, "out of memory");
    fine = fine && hash_cases_start(&small.cases) && hash_cases_measure(&small.cases, budget_ns);
    for (size_t i = 0; fine && i < small.cases.num; i++) {
        fine = hash_small_print(&small, &small.list[i]);
    }
    hash_cases_finish(&small.cases);
    free(small.structs);
    return fine;
}
