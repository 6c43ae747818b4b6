/*
 * Copies by several threads. Owns them for one call.
 */
#include "gpu_memcpy.h"

#include "pool_crew.h"

#include "cli/clock.h"

#include <string.h>

typedef struct gpu_memcpy {
    const gpu_memcpy_part *parts;
    uint32_t num_threads;
} gpu_memcpy;

/* Shares begin on lines. */
static size_t gpu_memcpy_begin(size_t bytes, uint32_t thread, uint32_t num_threads)
{
    return thread == num_threads ? bytes : bytes / num_threads * thread / 64 * 64;
}

static void gpu_memcpy_share(void *context, uint32_t thread)
{
    const gpu_memcpy *m = context;
    for (int i = 0; i < 2; i++) {
        const gpu_memcpy_part *part = &m->parts[i];
        size_t begin = gpu_memcpy_begin(part->bytes, thread, m->num_threads);
        size_t end = gpu_memcpy_begin(part->bytes, thread + 1, m->num_threads);
        memcpy((char *)part->to + begin, (const char *)part->from + begin, end - begin);
        __asm__ volatile("" ::
                             : "memory"); /* what is overwritten next must be copied all the same */
    }
}

bool gpu_memcpy_run(uint32_t num_threads, const gpu_memcpy_part parts[2], uint64_t *ns)
{
    gpu_memcpy m = {parts, num_threads};
    if (num_threads > 1) {
        return pool_crew_run(num_threads, false, gpu_memcpy_share, &m, ns);
    }
    uint64_t start_ns = clock_ns();
    gpu_memcpy_share(&m, 0);
    *ns = clock_ns() - start_ns;
    return true;
}
