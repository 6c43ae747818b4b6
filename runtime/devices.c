/*
 * What host threads may ask of the devices: whether they are ready, what became of them, and memory
 * that they can use in place. No Vulkan object is touched here: the submitters do that.
 */
#include "submitter.h"
#include "worker.h"

static bool devices_are_settled(void *context)
{
    yoke_runtime *rt = context;
    if (!atomic_load(&rt->devices_found)) {
        return false;
    }
    uint32_t num_types = atomic_load(&rt->num_types);
    bool settled = true;
    pthread_mutex_lock(&rt->devices_lock);
    for (uint32_t i = 0; i < rt->num_devices; i++) {
        submitter *s = rt->submitters[i];
        settled &=
            s->info.state != YOKE_DEVICE_OPENING &&
            (s->info.state != YOKE_DEVICE_READY || atomic_load(&s->num_compiled) >= num_types);
    }
    pthread_mutex_unlock(&rt->devices_lock);
    return settled;
}

static bool devices_any_ready(yoke_runtime *rt)
{
    bool ready = false;
    pthread_mutex_lock(&rt->devices_lock);
    for (uint32_t i = 0; i < rt->num_devices; i++) {
        ready |= rt->submitters[i]->info.state == YOKE_DEVICE_READY;
    }
    pthread_mutex_unlock(&rt->devices_lock);
    return ready;
}

yoke_status yoke_ready(yoke_runtime *rt, uint64_t timeout_ns)
{
    if (rt == NULL || (worker_self() != NULL && worker_self()->rt == rt)) {
        return base_misuse("no runtime, or a wait on a worker");
    }
    if (!waiters_wait(&rt->waiters, &rt->devices_found, devices_are_settled, rt,
                      waiters_deadline_ns(timeout_ns))) {
        return YOKE_TIMEOUT;
    }
    return devices_any_ready(rt) ? YOKE_OK : YOKE_NO_DEVICE;
}

size_t yoke_devices(yoke_runtime *rt, yoke_device *devices, size_t max_devices)
{
    if (rt == NULL || (devices == NULL && max_devices > 0)) {
        (void)base_misuse("no runtime, or nowhere to put devices");
        return 0;
    }
    pthread_mutex_lock(&rt->devices_lock);
    size_t count = rt->num_devices;
    for (size_t i = 0; i < count && i < max_devices; i++) {
        const submitter *s = rt->submitters[i];
        devices[i] = s->info;
        devices[i].memory_taken_bytes = atomic_load_explicit(&s->taken_bytes, memory_order_relaxed);
        devices[i].memory_peak_bytes = atomic_load_explicit(&s->peak_bytes, memory_order_relaxed);
    }
    pthread_mutex_unlock(&rt->devices_lock);
    return count;
}

void *yoke_alloc(yoke_runtime *rt, size_t bytes)
{
    if (rt == NULL || bytes == 0) {
        (void)base_misuse("no runtime, or no bytes");
        return NULL;
    }
    return region_alloc(&rt->regions, &rt->allocator, bytes);
}

typedef struct devices_freeing {
    region_table *table;
    region *region;
} devices_freeing;

static bool devices_let_go(void *context)
{
    devices_freeing *freeing = context;
    return region_is_unused(freeing->table, freeing->region);
}

/* Takes a region from the caller and from all devices. */
static yoke_status devices_take_back(yoke_runtime *rt, void *memory, bool is_pinned)
{
    devices_freeing freeing = {NULL, NULL};
    if (rt != NULL) {
        freeing =
            (devices_freeing){&rt->regions, region_begin_free(&rt->regions, memory, is_pinned)};
    }
    if (freeing.region == NULL) {
        return base_misuse(is_pinned ? "not pinned memory" : "not memory of yoke_alloc");
    }
    park_wake_all_any(&rt->gpu_park);
    waiters_wait(&rt->waiters, &rt->regions, devices_let_go, &freeing, YOKE_FOREVER);
    return region_unmap(&rt->regions, &rt->allocator, freeing.region) ? YOKE_OK : YOKE_TIMEOUT;
}

void yoke_free(yoke_runtime *rt, void *memory)
{
    if (memory != NULL) {
        (void)devices_take_back(rt, memory, false);
    }
}

yoke_status yoke_pin(yoke_runtime *rt, void *memory, size_t bytes)
{
    if (rt == NULL || memory == NULL || bytes == 0) {
        return base_misuse("no runtime, or no memory to pin");
    }
    yoke_status status = region_pin(&rt->regions, &rt->allocator, memory, bytes);
    return status == YOKE_INVALID ? base_misuse("memory that is pinned or yoke's already") : status;
}

yoke_status yoke_unpin(yoke_runtime *rt, void *memory)
{
    return devices_take_back(rt, memory, true);
}
