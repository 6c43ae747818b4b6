/*
 * One job of many items. Owns, for each size, memory from each engine's yoke_alloc; one thread
 * beside the loop's and the runtimes'.
 * Always holds: all cases of a size hash the same messages. A case that, going by the size before,
 * would take more than a quarter of the size's time for one run is left out, and that is said.
 */
#include "hash_cases.h"
#include "hash_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"

enum { HASH_LARGE_JOB, HASH_LARGE_LOOP_ONE, HASH_LARGE_LOOP_MANY, HASH_LARGE_COPY };
#define HASH_LARGE_CASES_MAX (2 * HASH_ENGINES_MAX + 3)

typedef struct hash_large {
    hash_run *run;
    hash_cases cases;
    hash_case list[HASH_LARGE_CASES_MAX];
    hash_case best; /* the quicker loop of each round: what ratios are over */
} hash_large;

static bool hash_large_job(hash_large *large, const hash_case *c, uint64_t *ns)
{
    yoke_job job = yoke_job(.type = c->yoke->type, .in = {c->in}, .out = c->out,
                            .num_items = large->cases.num_items);
    yoke_job *jobs = &job;
    uint64_t start_ns = clock_ns();
    yoke_status status = yoke_submit(c->yoke->rt, &jobs, 1);
    if (status == YOKE_OK) {
        status = yoke_wait(c->yoke->rt, &job, YOKE_FOREVER);
    }
    *ns = clock_ns() - start_ns;
    return status == YOKE_OK ||
           hash_cases_fail(large->run, "%s: %s", c->engine, yoke_status_text(status));
}

static bool hash_large_once(void *part, hash_case *c, uint64_t *ns)
{
    hash_large *large = part;
    uint32_t num = large->cases.num_items;
    uint32_t threads = c->kind == HASH_LARGE_LOOP_MANY ? large->run->options->workers : 1;
    switch (c->kind) {
    case HASH_LARGE_JOB:
        return hash_large_job(large, c, ns);
    case HASH_LARGE_COPY:
        hash_peer_copy(&large->run->data, num, ns);
        return true;
    default:
        return hash_peer_loop(&large->run->data, num, num, threads, ns) ||
               hash_cases_fail(large->run, "the system refuses %u threads", threads);
    }
}

static hash_case *hash_large_add(hash_large *large, const char *name, int kind, const char *engine)
{
    hash_case *c = &large->list[large->cases.num++];
    *c = (hash_case){
        .name = name, .kind = kind, .in = large->run->data.messages, .out = large->run->data.out};
    snprintf(c->engine, sizeof(c->engine), "%s", engine);
    return c;
}

static void hash_large_add_all(hash_large *large)
{
    const hash_engines *engines = &large->run->engines;
    uint32_t threads = large->run->options->workers;
    char many[24];
    for (uint32_t i = 0; i < 2 * engines->num; i++) {
        const hash_engine *engine = &engines->list[i / 2];
        const char *name = i % 2 == 0 ? "one_job" : "one_job_alloc";
        hash_large_add(large, name, HASH_LARGE_JOB, engine->name)->yoke = engine;
    }
    hash_large_add(large, "one_job", HASH_LARGE_LOOP_ONE, "loop x1");
    if (threads > 1) {
        snprintf(many, sizeof(many), "loop x%u", threads);
        hash_large_add(large, "one_job", HASH_LARGE_LOOP_MANY, many);
    }
    hash_large_add(large, "one_job", HASH_LARGE_COPY, "memcpy x1");
}

static bool hash_large_is_alloc(const hash_case *c)
{
    return strcmp(c->name, "one_job_alloc") == 0;
}

/* Memory from yoke_alloc for this size, and which cases would take too long. */
static bool hash_large_prepare(hash_large *large, const hash_size *size)
{
    large->cases.num_items = size->num_items;
    for (size_t i = 0; i < large->cases.num; i++) {
        hash_case *c = &large->list[i];
        double ns = c->expected_ns * size->num_items;
        bool is_too_long = ns > (double)size->budget_ns / 4 && !large->run->options->is_quick;
        c->is_left_out = c->is_left_out || is_too_long;
        if (c->is_left_out) {
            fprintf(stderr, "yoke bench: %s, %s, items=%u: left out, a run would take %.1f s\n",
                    c->name, c->engine, size->num_items, ns / 1e9);
        } else if (hash_large_is_alloc(c)) {
            size_t in_bytes = (size_t)size->num_items * SHA256_BLOCK_BYTES;
            uint8_t *in = yoke_alloc(c->yoke->rt, in_bytes);
            c->in = in;
            c->out = yoke_alloc(c->yoke->rt, (size_t)size->num_items * SHA256_DIGEST_BYTES);
            if (in == NULL || c->out == NULL) {
                return hash_cases_fail(large->run, "out of memory");
            }
            memcpy(in, large->run->data.messages, in_bytes);
        }
    }
    return true;
}

static void hash_large_clear(hash_large *large)
{
    for (size_t i = 0; i < large->cases.num; i++) {
        hash_case *c = &large->list[i];
        if (hash_large_is_alloc(c)) {
            yoke_free(c->yoke->rt, (void *)c->in);
            yoke_free(c->yoke->rt, c->out);
            c->in = NULL;
            c->out = NULL;
        }
    }
}

static void hash_large_find_best(hash_large *large)
{
    hash_case *best = &large->best;
    best->is_left_out = true;
    for (size_t i = 0; i < large->cases.num; i++) {
        const hash_case *c = &large->list[i];
        bool is_loop = c->kind == HASH_LARGE_LOOP_ONE || c->kind == HASH_LARGE_LOOP_MANY;
        if (!is_loop || c->is_left_out) {
            continue;
        }
        for (uint32_t round = 0; round < large->cases.rounds; round++) {
            double ns = c->samples[round].ns;
            double *best_ns = &best->samples[round].ns;
            *best_ns = best->is_left_out || ns < *best_ns ? ns : *best_ns;
        }
        best->is_left_out = false;
    }
}

static bool hash_large_print(hash_large *large, hash_case *c)
{
    const hash_cases *cases = &large->cases;
    char param[32];
    snprintf(param, sizeof(param), "items=%u", cases->num_items);
    if (!hash_cases_print(
            cases, c, NULL, hash_cases_ns,
            (rows_row){.name = c->name, .param = param, .unit = "ns/item", .better = "lower"})) {
        return false;
    }
    c->expected_ns = c->scratch[0]; /* printing has sorted them */
    if (c->yoke == NULL) {
        return true;
    }
    snprintf(param, sizeof(param), "items=%u%s", cases->num_items,
             hash_large_is_alloc(c) ? " alloc" : "");
    rows_row share = {.name = "gpu_share", .param = param, .unit = "%", .better = "higher"};
    rows_row ratio = {.name = "over_peer", .param = param, .unit = "ratio", .better = "lower"};
    return (large->best.is_left_out ||
            hash_cases_print(cases, c, &large->best, hash_cases_ratio, ratio)) &&
           (c->yoke->kind == YOKE_ENGINE_CPU ||
            hash_cases_print(cases, c, NULL, hash_cases_share, share));
}

static bool hash_large_run_size(hash_large *large, const hash_size *size)
{
    bool fine =
        hash_large_prepare(large, size) && hash_cases_measure(&large->cases, size->budget_ns);
    hash_large_find_best(large);
    for (size_t i = 0; fine && i < large->cases.num; i++) {
        fine = large->list[i].is_left_out || hash_large_print(large, &large->list[i]);
    }
    hash_large_clear(large);
    return fine;
}

bool hash_large_run(hash_run *run, const hash_size *sizes, size_t num_sizes)
{
    hash_large large = {.run = run};
    hash_large_add_all(&large);
    large.cases.run = run;
    large.cases.list = large.list;
    large.cases.once = hash_large_once;
    large.cases.part = &large;
    large.best.samples = calloc(run->options->rounds, sizeof(*large.best.samples));
    bool fine = hash_cases_start(&large.cases) &&
                (large.best.samples != NULL || hash_cases_fail(run, "out of memory"));
    for (size_t i = 0; fine && i < num_sizes; i++) {
        fine = hash_large_run_size(&large, &sizes[i]);
    }
    hash_cases_finish(&large.cases);
    free(large.best.samples);
    return fine;
}
