/*
 * Cases in turns. Owns their samples; one thread.
 * Always holds: outputs are zeroed before a run and all compared after it, both outside its time; a
 * round runs every case once, so that what slows the machine for a while slows all.
 */
#include "hash_cases.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"

bool hash_cases_fail(hash_run *run, const char *what, ...)
{
    va_list list;
    va_start(list, what);
    vsnprintf(run->error, run->error_bytes, what, list);
    va_end(list);
    return false;
}

bool hash_cases_start(hash_cases *cases)
{
    uint32_t rounds = cases->run->options->rounds;
    for (size_t i = 0; i < cases->num; i++) {
        hash_case *c = &cases->list[i];
        c->samples = calloc(rounds, sizeof(*c->samples));
        c->scratch = calloc(rounds, sizeof(*c->scratch));
        if (c->samples == NULL || c->scratch == NULL) {
            return hash_cases_fail(cases->run, "out of memory");
        }
    }
    return true;
}

void hash_cases_finish(hash_cases *cases)
{
    for (size_t i = 0; i < cases->num; i++) {
        free(cases->list[i].samples);
        free(cases->list[i].scratch);
    }
}

static bool hash_cases_once(hash_cases *cases, hash_case *c, hash_sample *sample)
{
    yoke_stats before = {.struct_bytes = sizeof(before)};
    yoke_stats after = {.struct_bytes = sizeof(after)};
    uint64_t ns = 0;
    size_t wrong = 0;
    memset(c->out, 0, (size_t)cases->num_items * SHA256_DIGEST_BYTES);
    if (c->yoke != NULL) {
        yoke_stats_read(c->yoke->rt, &before);
    }
    if (!cases->once(cases->part, c, &ns)) {
        return false;
    }
    if (c->yoke != NULL) {
        yoke_stats_read(c->yoke->rt, &after);
    }
    if (!hash_data_check(&cases->run->data, c->out, 0, cases->num_items, &wrong)) {
        return hash_cases_fail(cases->run, "%s, %s, items=%u: the digest of item %zu is wrong",
                               c->name, c->engine, cases->num_items, wrong);
    }
    double gpu = (double)(after.items_gpu - before.items_gpu);
    double batches = (double)(after.batches - before.batches);
    *sample = (hash_sample){.ns = (double)ns / cases->num_items,
                            .batch_items = batches > 0 ? gpu / batches : 0,
                            .gpu_percent = 100 * gpu / cases->num_items};
    return true;
}

bool hash_cases_measure(hash_cases *cases, uint64_t budget_ns)
{
    uint64_t end_ns = clock_ns() + budget_ns;
    uint32_t rounds = cases->run->options->rounds;
    cases->rounds = 0;
    for (uint32_t round = 0; round <= rounds && (round <= 1 || clock_ns() < end_ns); round++) {
        for (size_t i = 0; i < cases->num; i++) {
            hash_case *c = &cases->list[i];
            hash_sample warm_up;
            hash_sample *sample = round == 0 ? &warm_up : &c->samples[round - 1];
            if (!c->is_left_out && !hash_cases_once(cases, c, sample)) {
                return false;
            }
        }
        cases->rounds = round;
    }
    return true;
}

bool hash_cases_print(const hash_cases *cases, const hash_case *c, const hash_case *base,
                      hash_cases_figure figure, rows_row row)
{
    for (uint32_t i = 0; i < cases->rounds; i++) {
        c->scratch[i] = figure(&c->samples[i], base != NULL ? &base->samples[i] : NULL);
    }
    row.bench = "hash";
    row.engine = c->engine;
    row.device = c->yoke != NULL && c->yoke->device[0] != '\0' ? c->yoke->device : NULL;
    row.samples = c->scratch;
    row.num_samples = cases->rounds;
    row.seed = &cases->run->seed;
    return rows_print(&cases->run->output, &row) || hash_cases_fail(cases->run, "out of memory");
}

double hash_cases_ns(const hash_sample *sample, const hash_sample *base)
{
    (void)base;
    return sample->ns;
}

double hash_cases_ratio(const hash_sample *sample, const hash_sample *base)
{
    return sample->ns / base->ns;
}

double hash_cases_batch(const hash_sample *sample, const hash_sample *base)
{
    (void)base;
    return sample->batch_items;
}

double hash_cases_share(const hash_sample *sample, const hash_sample *base)
{
    (void)base;
    return sample->gpu_percent;
}
