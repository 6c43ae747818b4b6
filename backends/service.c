/*
 * Memory and log of the host program, as every backend uses them. Keeps nothing of its own, so it
 * is as free of threads as the host's functions are. Costs a clear of what is allocated: backends
 * allocate when they open and compile, not when they submit.
 */
#include "service.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SERVICE_ALIGN 64

void *service_alloc(const backend_host *host, size_t bytes)
{
    void *memory = host->allocator.alloc(host->allocator.user, bytes, SERVICE_ALIGN);
    if (memory != NULL) {
        memset(memory, 0, bytes);
    }
    return memory;
}

void service_free(const backend_host *host, void *memory, size_t bytes)
{
    if (memory != NULL) {
        host->allocator.free(host->allocator.user, memory, bytes);
    }
}

void service_log(const backend_host *host, yoke_log_level level, const char *format, ...)
{
    char line[SERVICE_LOG_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    host->log(host->log_user, level, line);
}
