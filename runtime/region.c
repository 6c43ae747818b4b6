/*
 * Regions and their imports. The life of a region is told in region.h.
 *
 * One mutex guards everything; it is taken once for each large buffer of a batch, and on alloc and
 * free. Importing happens under it, the first time a device meets a region.
 */
#include "region.h"

#include <string.h>
#include <sys/mman.h>

#define REGION_PAGE_BYTES 4096

struct region {
    region *next;
    void *memory; /* as the caller knows it */
    char *host;   /* whole pages */
    size_t bytes;
    uint32_t num_uses; /* by batches, of any device */
    bool is_freeing;
    bool is_resident;
    bool is_pinned;                    /* the caller's memory */
    bool is_stuck;                     /* a device that never finished may still write into it */
    bool is_refused[YOKE_DEVICES_MAX]; /* the device cannot import it: asked once */
    backend_memory imported[YOKE_DEVICES_MAX]; /* bytes 0: not imported */
    backend_memory copies[YOKE_DEVICES_MAX];   /* in the device's own memory; bytes 0: none */
    bool is_copied[YOKE_DEVICES_MAX];          /* by a batch that was submitted */
};

void region_table_init(region_table *table)
{
    pthread_mutex_init(&table->lock, NULL);
    table->first = NULL;
    atomic_init(&table->num_freeing, 0);
}

static void region_dispose(region *r, const yoke_allocator *allocator)
{
    if (!r->is_stuck && !r->is_pinned) {
        munmap(r->host, r->bytes);
    }
    allocator->free(allocator->user, r, sizeof *r);
}

void region_table_finish(region_table *table, const yoke_allocator *allocator)
{
    while (table->first != NULL) {
        region *r = table->first;
        table->first = r->next;
        region_dispose(r, allocator);
    }
    pthread_mutex_destroy(&table->lock);
}

static region *region_new(const yoke_allocator *allocator, size_t bytes)
{
    region *r = allocator->alloc(allocator->user, sizeof *r, BASE_LINE_BYTES);
    if (r != NULL) {
        memset(r, 0, sizeof *r);
        r->bytes = bytes;
    }
    return r;
}

static void region_add_locked(region_table *table, region *r)
{
    r->next = table->first;
    table->first = r;
}

static void *region_make(region_table *table, const yoke_allocator *allocator, size_t bytes,
                         bool is_resident)
{
    size_t whole = (bytes + REGION_PAGE_BYTES - 1) / REGION_PAGE_BYTES * REGION_PAGE_BYTES;
    region *r = whole < bytes || bytes == 0 ? NULL : region_new(allocator, whole);
    if (r == NULL) {
        return NULL;
    }
    r->is_resident = is_resident;
    r->memory = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->memory == MAP_FAILED) {
        allocator->free(allocator->user, r, sizeof *r);
        return NULL;
    }
    r->host = r->memory;
    pthread_mutex_lock(&table->lock);
    region_add_locked(table, r);
    pthread_mutex_unlock(&table->lock);
    return r->host;
}

void *region_alloc(region_table *table, const yoke_allocator *allocator, size_t bytes)
{
    return region_make(table, allocator, bytes, false);
}

void *region_alloc_resident(region_table *table, const yoke_allocator *allocator, size_t bytes)
{
    return region_make(table, allocator, bytes, true);
}

/* Whether the pages are yoke's, or that very memory is pinned. Pinned memories may share pages: two
 * blocks of malloc's often do. */
static bool region_is_taken_locked(const region_table *table, const region *pinned)
{
    const region *r = table->first;
    while (r != NULL && (r->is_pinned ? r->memory != pinned->memory
                                      : r->host >= pinned->host + pinned->bytes ||
                                            pinned->host >= r->host + r->bytes)) {
        r = r->next;
    }
    return r != NULL;
}

yoke_status region_pin(region_table *table, const yoke_allocator *allocator, void *memory,
                       size_t bytes)
{
    uintptr_t begin = (uintptr_t)memory / REGION_PAGE_BYTES * REGION_PAGE_BYTES, end;
    if (__builtin_add_overflow((uintptr_t)memory, bytes + REGION_PAGE_BYTES - 1, &end) ||
        bytes > SIZE_MAX / 2) {
        return YOKE_INVALID;
    }
    size_t whole = end / REGION_PAGE_BYTES * REGION_PAGE_BYTES - begin;
    region *r = region_new(allocator, whole);
    if (r == NULL) {
        return YOKE_NO_MEMORY;
    }
    r->memory = memory;
    r->host = (char *)begin;
    r->is_pinned = true;
    pthread_mutex_lock(&table->lock);
    bool is_taken = region_is_taken_locked(table, r);
    if (!is_taken) {
        region_add_locked(table, r);
    }
    pthread_mutex_unlock(&table->lock);
    if (is_taken) {
        allocator->free(allocator->user, r, sizeof *r);
    }
    return is_taken ? YOKE_INVALID : YOKE_OK;
}

region *region_begin_free(region_table *table, void *memory, bool is_pinned)
{
    pthread_mutex_lock(&table->lock);
    region *r = table->first;
    while (r != NULL && (r->memory != memory || r->is_pinned != is_pinned || r->is_freeing)) {
        r = r->next;
    }
    if (r != NULL) {
        r->is_freeing = true;
        atomic_fetch_add(&table->num_freeing, 1);
    }
    pthread_mutex_unlock(&table->lock);
    return r;
}

bool region_is_unused(region_table *table, region *r)
{
    pthread_mutex_lock(&table->lock);
    bool is_unused = r->num_uses == 0;
    for (int i = 0; i < YOKE_DEVICES_MAX; i++) {
        is_unused &= r->imported[i].bytes == 0 && r->copies[i].bytes == 0;
    }
    pthread_mutex_unlock(&table->lock);
    return is_unused;
}

bool region_unmap(region_table *table, const yoke_allocator *allocator, region *r)
{
    pthread_mutex_lock(&table->lock);
    region **link = &table->first;
    while (*link != r) {
        link = &(*link)->next;
    }
    *link = r->next;
    atomic_fetch_sub(&table->num_freeing, 1);
    bool is_stuck = r->is_stuck;
    pthread_mutex_unlock(&table->lock);
    region_dispose(r, allocator);
    return !is_stuck;
}

static region *region_find_locked(region_table *table, const char *memory, size_t bytes)
{
    region *r = table->first;
    while (r != NULL && (r->is_freeing || memory < r->host || bytes > r->bytes ||
                         (size_t)(memory - r->host) > r->bytes - bytes)) {
        r = r->next;
    }
    return r;
}

static bool region_import_locked(region *r, const region_device *device)
{
    backend_memory *imported = &r->imported[device->index];
    bool *is_refused = &r->is_refused[device->index];
    if (imported->bytes == 0 && !*is_refused &&
        device->ops->import(device->device, r->host, r->bytes, imported) != YOKE_OK) {
        imported->bytes = 0;
        *is_refused = true;
    }
    return imported->bytes != 0;
}

bool region_use(region_table *table, const region_device *device, const void *memory, size_t bytes,
                backend_place *place, region **used)
{
    pthread_mutex_lock(&table->lock);
    region *r = region_find_locked(table, memory, bytes);
    bool usable = r != NULL && !r->is_resident && region_import_locked(r, device);
    if (usable) {
        r->num_uses++;
        *used = r;
        place->memory = &r->imported[device->index];
        place->offset = (uint64_t)((const char *)memory - r->host);
    }
    pthread_mutex_unlock(&table->lock);
    return usable;
}

void region_unuse(region_table *table, region *r)
{
    pthread_mutex_lock(&table->lock);
    r->num_uses--;
    pthread_mutex_unlock(&table->lock);
}

/* Where a device copies from: the region itself, or, if it cannot be imported, a copy that the
 * device does see. */
static yoke_status region_source_locked(region *r, const region_device *device)
{
    backend_memory *source = &r->imported[device->index];
    if (region_import_locked(r, device)) {
        return YOKE_OK;
    }
    yoke_status status =
        device->ops->alloc(device->device, BACKEND_MEMORY_SHARED, r->bytes, source);
    if (status == YOKE_OK) {
        memcpy(source->host, r->host, r->bytes);
    } else {
        source->bytes = 0;
    }
    return status;
}

yoke_status region_use_copy(region_table *table, const region_device *device, const void *memory,
                            backend_place *copy, backend_place *source)
{
    yoke_status status = YOKE_OK;
    *source = (backend_place){0};
    pthread_mutex_lock(&table->lock);
    region *r = region_find_locked(table, memory, 1);
    if (r == NULL) { /* freed too early */
        pthread_mutex_unlock(&table->lock);
        return YOKE_INVALID;
    }
    backend_memory *made = &r->copies[device->index];
    if (made->bytes == 0) {
        status = device->ops->alloc(device->device, BACKEND_MEMORY_DEVICE, r->bytes, made);
        made->bytes = status == YOKE_OK ? made->bytes : 0;
    }
    if (status == YOKE_OK && !r->is_copied[device->index]) {
        status = region_source_locked(r, device);
        source->memory = status == YOKE_OK ? &r->imported[device->index] : NULL;
        r->is_copied[device->index] = status == YOKE_OK;
    }
    copy->memory = made;
    copy->offset = 0;
    pthread_mutex_unlock(&table->lock);
    return status;
}

/* The device lets go of a memory of the region; whether there was one. */
static bool region_release(const region_device *device, backend_memory *memory)
{
    bool is_there = memory->bytes != 0;
    if (is_there) {
        device->ops->release(device->device, memory);
        memory->bytes = 0;
    }
    return is_there;
}

void region_copied(region_table *table, const region_device *device, const void *memory,
                   bool is_done)
{
    pthread_mutex_lock(&table->lock);
    region *r = region_find_locked(table, memory, 1);
    if (r != NULL) {
        r->is_copied[device->index] = is_done;
        region_release(device, &r->imported[device->index]);
    }
    pthread_mutex_unlock(&table->lock);
}

bool region_let_go(region_table *table, const region_device *device)
{
    bool released = false;
    pthread_mutex_lock(&table->lock);
    for (region *r = table->first; r != NULL; r = r->next) {
        if (r->is_freeing && r->num_uses == 0) {
            released |= region_release(device, &r->imported[device->index]);
            released |= region_release(device, &r->copies[device->index]);
        }
    }
    pthread_mutex_unlock(&table->lock);
    return released;
}

void region_forget(region_table *table, const region_device *device, bool is_stuck)
{
    pthread_mutex_lock(&table->lock);
    for (region *r = table->first; r != NULL; r = r->next) {
        r->is_stuck |= is_stuck && r->imported[device->index].bytes != 0;
        r->imported[device->index].bytes = 0;
        r->copies[device->index].bytes = 0;
        r->is_copied[device->index] = false;
    }
    pthread_mutex_unlock(&table->lock);
}
