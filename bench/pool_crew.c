/*
 * Threads that start together. Owns the threads of a crew for one call; any thread.
 * Always holds: they spin at the gate, so that they leave it within a cache line's travel of each
 * other where each has a CPU, and yield, so that they get there where some have none.
 *
 * Ordering ledger
 *   G1  everything before the gate opens    pool_crew_run: store gate (release)    member: load
 * gate (acquire) if broken: a thread works on what the caller has not finished preparing.
 */
#include "pool_crew.h"

#include "pool_work.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { POOL_CREW_CLOSED, POOL_CREW_OPEN, POOL_CREW_OFF };

typedef struct pool_crew {
    void (*work)(void *context, uint32_t thread);
    void *context;
    bool is_pinned;
    atomic_uint num_ready;
    atomic_int gate; /* POOL_CREW_OFF: a thread was refused, the others return at once */
} pool_crew;

typedef struct pool_crew_member {
    pool_crew *crew;
    uint32_t index;
    uint64_t start_ns, end_ns;
    pthread_t thread;
} pool_crew_member;

uint32_t pool_crew_num_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    return (uint32_t)CPU_COUNT(&set);
}

/* If the system refuses it runs where it is; the row then shows it. */
static void pool_crew_pin(uint32_t index)
{
    cpu_set_t set, one;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return;
    }
    uint32_t wanted = index % (uint32_t)CPU_COUNT(&set);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set) && wanted-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof(one), &one);
            return;
        }
    }
}

static void *pool_crew_member_run(void *argument)
{
    pool_crew_member *m = argument;
    pool_crew *crew = m->crew;
    int gate;
    if (crew->is_pinned) {
        pool_crew_pin(m->index);
    }
    atomic_fetch_add_explicit(&crew->num_ready, 1, memory_order_relaxed);
    do {
        sched_yield();
        gate = atomic_load_explicit(&crew->gate, memory_order_acquire); /* G1 */
    } while (gate == POOL_CREW_CLOSED);
    m->start_ns = pool_work_now_ns();
    if (gate == POOL_CREW_OPEN) {
        crew->work(crew->context, m->index);
    }
    m->end_ns = pool_work_now_ns();
    return NULL;
}

bool pool_crew_run(uint32_t num_threads, bool is_pinned,
                   void (*work)(void *context, uint32_t thread), void *context, uint64_t *ns)
{
    pool_crew crew = {.work = work, .context = context, .is_pinned = is_pinned};
    pool_crew_member *members = calloc(num_threads, sizeof(*members));
    uint32_t started = 0;
    bool fine = members != NULL;
    while (fine && started < num_threads) {
        members[started] = (pool_crew_member){.crew = &crew, .index = started};
        fine = pthread_create(&members[started].thread, NULL, pool_crew_member_run,
                              &members[started]) == 0;
        started += fine;
    }
    while (fine && atomic_load_explicit(&crew.num_ready, memory_order_relaxed) < num_threads) {
        sched_yield();
    }
    int gate = fine ? POOL_CREW_OPEN : POOL_CREW_OFF;
    atomic_store_explicit(&crew.gate, gate, memory_order_release); /* G1 */
    uint64_t first_ns = UINT64_MAX, last_ns = 0;
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(members[i].thread, NULL);
        first_ns = members[i].start_ns < first_ns ? members[i].start_ns : first_ns;
        last_ns = members[i].end_ns > last_ns ? members[i].end_ns : last_ns;
    }
    *ns = fine ? last_ns - first_ns : 0;
    free(members);
    return fine;
}
