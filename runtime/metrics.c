/*
 * Adding up the counters of all threads: workers, submitters, hosts. What is counted, and by whom,
 * is told in stats.h.
 */
#include <string.h>

#include "submitter.h"
#include "worker.h"

static uint64_t metrics_read(const stats *s, stats_counter counter)
{
    return atomic_load_explicit(&s->of[counter], memory_order_relaxed);
}

uint64_t runtime_count(yoke_runtime *rt, stats_counter counter)
{
    uint64_t sum = metrics_read(&rt->host_stats, counter);
    for (uint32_t i = 0; i < rt->num_workers; i++) {
        sum += metrics_read(&rt->workers[i].stats, counter);
    }
    pthread_mutex_lock(&rt->devices_lock);
    for (uint32_t i = 0; i < rt->num_devices; i++) {
        sum += metrics_read(&rt->submitters[i]->stats, counter);
    }
    pthread_mutex_unlock(&rt->devices_lock);
    if (counter == STATS_jobs_submitted) {
        sum += ring_reserved_any(&rt->inbox) + ring_reserved_any(&rt->inbox_high);
    }
    return sum;
}

yoke_status yoke_stats_read(yoke_runtime *rt, yoke_stats *out)
{
    if (rt == NULL || out == NULL || out->struct_bytes < sizeof(uint64_t)) {
        return base_misuse("no runtime, no room for statistics, or struct_bytes is not set");
    }
    yoke_stats all = {.struct_bytes = out->struct_bytes, .num_workers = rt->num_workers};
#define METRICS_COUNT(field, text) all.field = runtime_count(rt, STATS_##field);
    YOKE_STATS_MAP(METRICS_COUNT)
#undef METRICS_COUNT
    memcpy(out, &all, out->struct_bytes < sizeof all ? out->struct_bytes : sizeof all);
    return YOKE_OK;
}
