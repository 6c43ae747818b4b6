/*
 * The machine's CPUs: how many workers it is worth, what each worker is bound to, and whom it
 * steals from first.
 *
 * Everything that decides is pure and works on a plain array of CPUs; one function makes that array
 * from hwloc, and hwloc's own memory is given back before it returns. With TOPOLOGY_NONE hwloc is
 * not called at all: it takes milliseconds, and tens of them when its files are cold.
 *
 * Threads: a topology is filled in by yoke_create and only read after that, by any thread.
 */
#ifndef YOKE_TOPOLOGY_H
#define YOKE_TOPOLOGY_H

#include <pthread.h>
#include <sched.h>

#include "base.h"

#define TOPOLOGY_CPUS_MAX 16384 /* twice what Linux can be built for */
#define TOPOLOGY_UNKNOWN UINT32_MAX
#define TOPOLOGY_NO_QUOTA UINT32_MAX

struct hwloc_topology;

/* What workers are bound to. */
typedef enum topology_pinning {
    TOPOLOGY_NONE,  /* nothing: the system moves them as it likes */
    TOPOLOGY_CORES, /* each to one core, that is to the CPUs of it that this process may use */
    TOPOLOGY_NUMA,  /* each to the CPUs of one NUMA node */
} topology_pinning;

/* -- sets of CPUs ------------------------------------------------------------------------------ */

/* A set of CPUs, by the system's numbers; zero it before its first use. */
typedef struct topology_set {
    cpu_set_t parts[TOPOLOGY_CPUS_MAX / CPU_SETSIZE];
} topology_set;

static inline void topology_set_add(topology_set *set, uint32_t cpu)
{
    CPU_SET(cpu % CPU_SETSIZE, &set->parts[cpu / CPU_SETSIZE]);
}

static inline bool topology_set_has(const topology_set *set, uint32_t cpu)
{
    return cpu < TOPOLOGY_CPUS_MAX &&
           CPU_ISSET(cpu % CPU_SETSIZE, &set->parts[cpu / CPU_SETSIZE]) != 0;
}

static inline uint32_t topology_set_count(const topology_set *set)
{
    return (uint32_t)CPU_COUNT_S(sizeof set->parts, set->parts);
}

/* The CPUs that the calling thread may run on, and so may those that it starts.
 *   Fails:    YOKE_SYSTEM. */
yoke_status topology_allowed(topology_set *allowed);

/* -- how many workers -------------------------------------------------------------------------- */

/*
 * The CPUs' worth of time that control groups leave this process, rounded up, or TOPOLOGY_NO_QUOTA:
 * the least of its own group and all that this lies in. `cgroups` is the text of /proc/self/cgroup,
 * `root` the folder where control groups are mounted: version 2 on it or on its unified/, version 1
 * on a folder for each controller. What is missing or makes no sense limits nothing. Inside a
 * container the text may name folders that only the host sees; the nearest that exist count.
 *   Blocks:   reads a few small files.
 */
uint32_t topology_quota(const char *root, const char *cgroups);

/* The workers for that many CPUs under a quota: 1 to YOKE_WORKERS_MAX. */
uint32_t topology_count(uint32_t num_cpus, uint32_t quota);

/*
 * The workers where nobody says how many: one for each CPU that the calling thread may run on,
 * within the quota of its control groups.
 *   Blocks:   reads a few small files.
 */
uint32_t topology_default_workers(void);

/* -- what the machine looks like --------------------------------------------------------------- */

/* Where something is. Equal numbers mean the same core, last-level cache, NUMA node; but
 * TOPOLOGY_UNKNOWN is near nothing. The numbers themselves mean nothing. */
typedef struct topology_place {
    uint32_t core;
    uint32_t cache;
    uint32_t node;
} topology_place;

/* One CPU: a core, or a hardware thread of one. */
typedef struct topology_cpu {
    uint32_t number; /* the system's */
    uint32_t thread; /* counts the core's CPUs that are listed, from 0 */
    topology_place at;
} topology_cpu;

/* Says what of the machine to look at; before hwloc_topology_load.
 *   Fails:    false: hwloc refuses. */
bool topology_prepare(struct hwloc_topology *machine);

/*
 * Lists the allowed CPUs of a loaded machine, near ones next to each other: hardware threads,
 * cores, caches, nodes. `cpus` has room for every CPU of the set. Returns how many it lists: a CPU
 * that hwloc does not know is left out.
 */
uint32_t topology_fill(struct hwloc_topology *machine, const topology_set *allowed,
                       topology_cpu *cpus);

/* -- decisions, pure --------------------------------------------------------------------------- */

/*
 * Places num_workers workers on CPUs that topology_fill has listed.
 *   CORES: one worker on each core, neighbouring cores first; then a second on each that has a
 *          second hardware thread, and so on; when every CPU has one, again from the first.
 *   NUMA:  as many on each node as its share of the CPUs, to the nearest one above or below.
 *   NONE:  nowhere: all is unknown, and `cpus` is not looked at.
 * With no CPUs everything is unknown as well.
 */
void topology_place_workers(topology_pinning pinning, const topology_cpu *cpus, uint32_t num_cpus,
                            topology_place *places, uint32_t num_workers);

/* Adds the CPUs that a worker in this place is bound to: its core's, or if that is unknown its
 * node's. */
void topology_add_cpus(const topology_cpu *cpus, uint32_t num_cpus, const topology_place *place,
                       topology_set *set);

/* How far apart two workers are. Where a cache spans nodes (a processor that is split into
 * several), its other node is as far as the same node's other caches. */
typedef enum topology_distance {
    TOPOLOGY_SAME_CORE,
    TOPOLOGY_NEAR, /* the same cache and the same node */
    TOPOLOGY_APART,
    TOPOLOGY_FAR, /* neither, or not known */
    TOPOLOGY_DISTANCES,
} topology_distance;

topology_distance topology_distance_of(const topology_place *a, const topology_place *b);

/* Whom a worker steals from: the num_workers - 1 others, the nearest first. Those at distance d are
 * order[ends[d - 1]] to order[ends[d] - 1], where ends[-1] stands for 0; among them the one with
 * the next index comes first, so that thieves begin with different victims. */
typedef struct topology_victims {
    const uint8_t *order;
    const uint8_t *ends; /* TOPOLOGY_DISTANCES of them; the last is num_workers - 1 */
} topology_victims;

/* Fills in both arrays for one worker; num_workers is at most YOKE_WORKERS_MAX. */
void topology_order_victims(const topology_place *places, uint32_t num_workers, uint32_t worker,
                            uint8_t *order, uint8_t ends[TOPOLOGY_DISTANCES]);

/* -- a runtime's topology ---------------------------------------------------------------------- */

typedef struct topology {
    topology_pinning pinning;
    topology_set allowed; /* empty if it could not be read */
    uint32_t num_cpus;
    uint32_t num_workers;
    topology_cpu *cpus;     /* none with TOPOLOGY_NONE */
    topology_place *places; /* one a worker */
    uint8_t *rows;          /* one a worker: ends, then order */
    void *block;            /* the three arrays */
    size_t block_bytes;
} topology;

/*
 * Places num_workers workers on the CPUs that the calling thread may run on. With CORES and NUMA it
 * loads hwloc, which takes its time, opens its plugins and has environment variables of its own
 * (HWLOC_*); what they claim cannot lead out of the allowed CPUs.
 *   Owns:     one block from the allocator, until topology_finish.
 *   Fails:    YOKE_NO_MEMORY; YOKE_SYSTEM: the CPUs could not be read, which TOPOLOGY_NONE does not
 *             need. There is nothing to finish then.
 */
yoke_status topology_init(topology *t, const yoke_allocator *allocator, topology_pinning pinning,
                          uint32_t num_workers);
void topology_finish(topology *t, const yoke_allocator *allocator);

/*
 * Binds a thread as worker `worker` is to be bound; with TOPOLOGY_NONE does nothing. The thread may
 * have started.
 *   Threads:  any thread.
 *   Fails:    YOKE_SYSTEM: the system refuses; the thread is bound as it was.
 */
yoke_status topology_bind_any(const topology *t, uint32_t worker, pthread_t thread);

/*
 * Moves an unbound thread off the CPU that the calling thread runs on; topology_let_go_any lets it
 * run everywhere again. Nothing is done with CORES and NUMA, where there is only one CPU, or to a
 * thread that somebody else has bound.
 *   Threads:  any thread.
 *   Fails:    false: it was not moved.
 */
bool topology_push_off_any(const topology *t, pthread_t thread);
void topology_let_go_any(const topology *t, pthread_t thread);

/* The arrays belong to the topology and never change. */
static inline topology_victims topology_victims_any(const topology *t, uint32_t worker)
{
    const uint8_t *ends = t->rows + (size_t)worker * (TOPOLOGY_DISTANCES + t->num_workers - 1);
    return (topology_victims){.order = ends + TOPOLOGY_DISTANCES, .ends = ends};
}

#endif
