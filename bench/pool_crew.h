/*
 * Plain threads that begin at once: host threads that submit, and the floor of serial runs side by
 * side.
 */
#ifndef YOKE_BENCH_POOL_CREW_H
#define YOKE_BENCH_POOL_CREW_H

#include <stdbool.h>
#include <stdint.h>

#define POOL_CREW_MAX 256

/* The CPUs that this process may run on. */
uint32_t pool_crew_num_cpus(void);

/*
 * Runs work(context, 0) ... work(context, num_threads - 1), each on a thread of its own; if pinned,
 * thread i on the i-th CPU, beginning again with the first where there are fewer. *ns is the time
 * from the first one's start to the last one's end; starting the threads is not in it.
 * False: the system refuses a thread; then no work is run.
 */
bool pool_crew_run(uint32_t num_threads, bool is_pinned,
                   void (*work)(void *context, uint32_t thread), void *context, uint64_t *ns);

#endif
