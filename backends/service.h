/*
 * What backends share: memory and log of the host program, through backend_host.
 *
 * Any thread that the backend_host allows. Memory comes zeroed and aligned to 64 bytes.
 */
#ifndef YOKE_BACKENDS_SERVICE_H
#define YOKE_BACKENDS_SERVICE_H

#include "backend.h"

#define SERVICE_LOG_BYTES_MAX 512

/* NULL when out of memory. */
void *service_alloc(const backend_host *host, size_t bytes);

/* bytes: as it was allocated; memory may be NULL. */
void service_free(const backend_host *host, void *memory, size_t bytes);

/* One line, cut at SERVICE_LOG_BYTES_MAX - 1 bytes. */
__attribute__((format(printf, 3, 4))) void
service_log(const backend_host *host, yoke_log_level level, const char *format, ...);

#endif
