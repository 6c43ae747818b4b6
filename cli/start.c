/*
 * Runtime start-up for the command. Owns nothing: the runtime is the caller's to destroy.
 * Any thread. Always holds: on failure nothing is left behind; memory that the allocator hook gave
 * goes back through the same hook, with its size.
 * Costs thread creation; jemalloc is called at create, register and destroy only.
 */
#include "cli/start.h"

#include <yoke/tasks.h>

#ifdef YOKE_JEMALLOC
#include <jemalloc/jemalloc.h>

static void *start_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    return mallocx(bytes, MALLOCX_ALIGN(align));
}

static void start_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    if (memory != NULL) {
        sdallocx(memory, bytes, 0);
    }
}

static const yoke_allocator start_allocator = {.alloc = start_alloc, .free = start_free};
#else
/* Under a sanitizer: libc's, which it watches. */
static const yoke_allocator start_allocator = {.alloc = NULL};
#endif

yoke_status start_runtime(yoke_runtime **rt, uint32_t num_workers)
{
    yoke_status status =
        yoke_create(rt, yoke_options(.flags = YOKE_SUBMIT_WAITS, .num_workers = num_workers,
                                     .allocator = start_allocator));
    if (status == YOKE_OK) {
        status = yoke_tasks_register_all(*rt);
        if (status != YOKE_OK) {
            yoke_destroy(rt);
        }
    }
    return status;
}
