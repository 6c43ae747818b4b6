/*
 * Starts the runtime of a command: jemalloc as its allocator, all task packs, submits that wait.
 */
#ifndef YOKE_CLI_START_H
#define YOKE_CLI_START_H

#include <yoke/yoke.h>

/*
 * num_workers: 0: the runtime's choice. On failure *rt is NULL.
 *   Fails:    as yoke_create and yoke_register.
 */
yoke_status start_runtime(yoke_runtime **rt, uint32_t num_workers);

#endif
