/*
 * CPUs: counting them, placing workers on them, binding threads to them.
 *
 * The one file that knows hwloc and control groups. A topology is written by the thread that calls
 * topology_init and read-only from then on, so nothing here is locked or atomic. What workers are
 * bound to is always a part of what the thread that made them may run on, and never empty.
 *
 * Workers are placed close together: the first fill one last-level cache, then the next one of the
 * same node, then the next node. They pass tickets and share jobs all the time, and a line that
 * travels inside a cache costs a fraction of one that crosses the machine. Who wants the bandwidth
 * of every node with few workers asks for NUMA, which deals them out.
 *
 * Cost: counting takes a system call and some small files, tens of microseconds; hwloc takes
 * milliseconds, and is only asked for CORES and NUMA. The victims take a byte for each pair of
 * workers, at most 64 KiB.
 */
#include "topology.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <hwloc.h>

#define TOPOLOGY_PATH_BYTES 4096
#define TOPOLOGY_CGROUPS_BYTES 16384

_Static_assert(YOKE_WORKERS_MAX - 1 <= UINT8_MAX, "a worker's index and its victims fit in a byte");

/* -- control groups ---------------------------------------------------------------------------- */

/* The file's beginning as a string; false if there is none. */
static bool topology_read_file(int folder, const char *name, char *text, size_t bytes)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    size_t used = 0;
    ssize_t got;
    while (used < bytes - 1 && (got = read(fd, text + used, bytes - 1 - used)) > 0) {
        used += (size_t)got;
    }
    close(fd);
    text[used] = '\0';
    return used > 0;
}

/* Takes a whole number off the text; false if it does not begin with one or it is too large. */
static bool topology_take_number(const char **text, uint64_t *number)
{
    const char *begin = *text;
    *number = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(**text - '0'), number)) {
            return false;
        }
    }
    return *text > begin;
}

static bool topology_is_end(const char *text)
{
    return *text == '\0' || (*text == '\n' && text[1] == '\0');
}

static uint32_t topology_round_up(uint64_t quota, uint64_t period)
{
    if (quota == 0 || period == 0) {
        return TOPOLOGY_NO_QUOTA;
    }
    uint64_t cpus = (quota - 1) / period + 1;
    return cpus < TOPOLOGY_NO_QUOTA ? (uint32_t)cpus : TOPOLOGY_NO_QUOTA;
}

/* A group's own quota, version 2: "150000 100000", or "max 100000". */
static uint32_t topology_quota_v2(int folder)
{
    char text[64];
    const char *at = text;
    uint64_t quota, period;
    bool good = topology_read_file(folder, "cpu.max", text, sizeof text) &&
                topology_take_number(&at, &quota) && *at++ == ' ' &&
                topology_take_number(&at, &period) && topology_is_end(at);
    return good ? topology_round_up(quota, period) : TOPOLOGY_NO_QUOTA;
}

static bool topology_read_number(int folder, const char *name, uint64_t *number)
{
    char text[64];
    const char *at = text;
    return topology_read_file(folder, name, text, sizeof text) &&
           topology_take_number(&at, number) && topology_is_end(at);
}

/* A group's own quota, version 1: two files; the quota is -1 where there is none. */
static uint32_t topology_quota_v1(int folder)
{
    uint64_t quota, period;
    bool good = topology_read_number(folder, "cpu.cfs_quota_us", &quota) &&
                topology_read_number(folder, "cpu.cfs_period_us", &period);
    return good ? topology_round_up(quota, period) : TOPOLOGY_NO_QUOTA;
}

typedef struct topology_text {
    const char *at;
    size_t bytes;
} topology_text;

/* The least quota of the group `path` below root/mount and of all groups above it. */
static uint32_t topology_quota_up(const char *root, topology_text mount, topology_text path,
                                  uint32_t (*quota_of)(int folder))
{
    char folder[TOPOLOGY_PATH_BYTES];
    bool leads_out = memmem(path.at, path.bytes, "/..", 3) != NULL; /* of our namespace */
    int path_bytes = leads_out ? 0 : (int)path.bytes;
    int top = snprintf(folder, sizeof folder, "%s/%.*s", root, (int)mount.bytes, mount.at);
    if (top < 0 || (size_t)top >= sizeof folder) {
        return TOPOLOGY_NO_QUOTA;
    }
    /* Too long a path ends in a name that is not there; what it lies in is. */
    snprintf(folder + top, sizeof folder - (size_t)top, "%.*s", path_bytes, path.at);
    uint32_t least = TOPOLOGY_NO_QUOTA;
    for (char *end = folder; end != NULL;) {
        int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            uint32_t quota = quota_of(fd);
            least = quota < least ? quota : least;
            close(fd);
        }
        end = strrchr(folder + top, '/');
        if (end != NULL) {
            *end = '\0';
        }
    }
    return least;
}

/* Whether a list such as "cpu,cpuacct" has the word cpu. */
static bool topology_has_cpu(topology_text list)
{
    for (const char *at = list.at, *end = list.at + list.bytes; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t bytes = (size_t)((comma != NULL ? comma : end) - at);
        if (bytes == 3 && memcmp(at, "cpu", 3) == 0) {
            return true;
        }
        at += bytes + 1;
    }
    return false;
}

/* One line: "4:cpu,cpuacct:/path", of version 2 "0::/path". */
static uint32_t topology_quota_line(const char *root, topology_text line)
{
    const char *end = line.at + line.bytes;
    const char *first = memchr(line.at, ':', line.bytes);
    const char *second = first != NULL ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;
    if (second == NULL) {
        return TOPOLOGY_NO_QUOTA;
    }
    topology_text list = {first + 1, (size_t)(second - first - 1)};
    topology_text path = {second + 1, (size_t)(end - second - 1)};
    if (list.bytes == 0) {
        topology_text hybrid = {"unified", 7};
        uint32_t quota = topology_quota_up(root, list, path, topology_quota_v2);
        uint32_t other = topology_quota_up(root, hybrid, path, topology_quota_v2);
        return quota < other ? quota : other;
    }
    if (!topology_has_cpu(list)) {
        return TOPOLOGY_NO_QUOTA;
    }
    topology_text alone = {"cpu", 3};
    uint32_t quota = topology_quota_up(root, list, path, topology_quota_v1);
    uint32_t other = topology_quota_up(root, alone, path, topology_quota_v1);
    return quota < other ? quota : other;
}

uint32_t topology_quota(const char *root, const char *cgroups)
{
    uint32_t least = TOPOLOGY_NO_QUOTA;
    while (*cgroups != '\0') {
        topology_text line = {cgroups, strcspn(cgroups, "\n")};
        uint32_t quota = topology_quota_line(root, line);
        least = quota < least ? quota : least;
        cgroups += line.bytes + (cgroups[line.bytes] == '\n');
    }
    return least;
}

/* -- how many workers -------------------------------------------------------------------------- */

yoke_status topology_allowed(topology_set *allowed)
{
    memset(allowed, 0, sizeof *allowed);
    int error = sched_getaffinity(0, sizeof allowed->parts, allowed->parts);
    return error == 0 ? YOKE_OK : YOKE_SYSTEM;
}

uint32_t topology_count(uint32_t num_cpus, uint32_t quota)
{
    uint32_t count = num_cpus < quota ? num_cpus : quota;
    return count < 1 ? 1 : count > YOKE_WORKERS_MAX ? YOKE_WORKERS_MAX : count;
}

uint32_t topology_default_workers(void)
{
    topology_set allowed;
    char cgroups[TOPOLOGY_CGROUPS_BYTES];
    if (topology_allowed(&allowed) != YOKE_OK) {
        return 1; /* the caller can still say how many it wants */
    }
    uint32_t quota = topology_read_file(AT_FDCWD, "/proc/self/cgroup", cgroups, sizeof cgroups)
                         ? topology_quota("/sys/fs/cgroup", cgroups)
                         : TOPOLOGY_NO_QUOTA;
    return topology_count(topology_set_count(&allowed), quota);
}

/* -- what the machine looks like --------------------------------------------------------------- */

bool topology_prepare(struct hwloc_topology *machine)
{
    /* Disallowed CPUs are left out by topology_fill, which knows the thread's own limits. To look
     * at a CPU from itself, hwloc would bind the calling thread to each in turn: the system's files
     * must do. */
    unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED |
                          HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING |
                          HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
                          HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
    /* CPUs and nodes are always there. Groups keep the CPUs of a node together where nothing else
     * does. Devices are left out. */
    return hwloc_topology_set_flags(machine, flags) == 0 &&
           hwloc_topology_set_all_types_filter(machine, HWLOC_TYPE_FILTER_KEEP_NONE) == 0 &&
           hwloc_topology_set_cache_types_filter(machine, HWLOC_TYPE_FILTER_KEEP_ALL) == 0 &&
           hwloc_topology_set_type_filter(machine, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL) ==
               0 &&
           hwloc_topology_set_type_filter(machine, HWLOC_OBJ_GROUP,
                                          HWLOC_TYPE_FILTER_KEEP_STRUCTURE) == 0;
}

/* Nodes hang on what they are near to: the nearest has the fewest CPUs, where one of slower or
 * faster memory spans several. */
static uint32_t topology_node_on(hwloc_obj_t around, unsigned number)
{
    for (hwloc_obj_t node = around->memory_first_child; node != NULL; node = node->next_sibling) {
        if (hwloc_bitmap_isset(node->cpuset, number)) {
            return (uint32_t)node->gp_index;
        }
    }
    return TOPOLOGY_UNKNOWN;
}

static topology_place topology_place_of(hwloc_obj_t cpu)
{
    topology_place place = {
        .core = (uint32_t)cpu->gp_index, /* where cores are not known, each CPU is one */
        .cache = TOPOLOGY_UNKNOWN,
        .node = TOPOLOGY_UNKNOWN,
    };
    for (hwloc_obj_t around = cpu; around != NULL; around = around->parent) {
        if (around->type == HWLOC_OBJ_CORE) {
            place.core = (uint32_t)around->gp_index;
        } else if (hwloc_obj_type_is_dcache(around->type)) {
            place.cache = (uint32_t)around->gp_index; /* the outermost stays */
        }
        if (place.node == TOPOLOGY_UNKNOWN) {
            place.node = topology_node_on(around, cpu->os_index);
        }
    }
    return place;
}

uint32_t topology_fill(struct hwloc_topology *machine, const topology_set *allowed,
                       topology_cpu *cpus)
{
    uint32_t count = 0;
    hwloc_obj_t cpu = NULL;
    while ((cpu = hwloc_get_next_obj_by_type(machine, HWLOC_OBJ_PU, cpu)) != NULL) {
        if (!topology_set_has(allowed, cpu->os_index)) {
            continue;
        }
        topology_place at = topology_place_of(cpu);
        bool is_same_core = count > 0 && cpus[count - 1].at.core == at.core;
        cpus[count] = (topology_cpu){
            .number = cpu->os_index,
            .thread = is_same_core ? cpus[count - 1].thread + 1 : 0,
            .at = at,
        };
        count++;
    }
    return count;
}

/* The allowed CPUs of this machine; 0: hwloc cannot tell. */
static uint32_t topology_read(const topology_set *allowed, topology_cpu *cpus)
{
    hwloc_topology_t machine;
    if (hwloc_topology_init(&machine) != 0) {
        return 0;
    }
    bool is_loaded = topology_prepare(machine) && hwloc_topology_load(machine) == 0;
    uint32_t count = is_loaded ? topology_fill(machine, allowed, cpus) : 0;
    hwloc_topology_destroy(machine);
    return count;
}

/* -- decisions --------------------------------------------------------------------------------- */

/* Round after round over the cores: in round n those that have a CPU number n. */
static void topology_place_on_cores(const topology_cpu *cpus, uint32_t num_cpus,
                                    topology_place *places, uint32_t num_workers)
{
    uint32_t worker = 0;
    while (worker < num_workers) {
        bool is_over = false;
        for (uint32_t thread = 0; !is_over && worker < num_workers; thread++) {
            is_over = true;
            for (uint32_t i = 0; i < num_cpus && worker < num_workers; i++) {
                if (cpus[i].thread == thread) {
                    places[worker++] = cpus[i].at;
                    is_over = false;
                }
            }
        }
    }
}

void topology_place_workers(topology_pinning pinning, const topology_cpu *cpus, uint32_t num_cpus,
                            topology_place *places, uint32_t num_workers)
{
    if (pinning == TOPOLOGY_CORES && num_cpus > 0) {
        topology_place_on_cores(cpus, num_cpus, places, num_workers);
        return;
    }
    for (uint32_t i = 0; i < num_workers; i++) {
        places[i] = (topology_place){TOPOLOGY_UNKNOWN, TOPOLOGY_UNKNOWN, TOPOLOGY_UNKNOWN};
        if (pinning == TOPOLOGY_NUMA && num_cpus > 0) {
            places[i].node = cpus[(uint64_t)i * num_cpus / num_workers].at.node;
        }
    }
}

void topology_add_cpus(const topology_cpu *cpus, uint32_t num_cpus, const topology_place *place,
                       topology_set *set)
{
    for (uint32_t i = 0; i < num_cpus; i++) {
        bool is_in = place->core != TOPOLOGY_UNKNOWN ? cpus[i].at.core == place->core
                                                     : cpus[i].at.node == place->node;
        if (is_in) {
            topology_set_add(set, cpus[i].number);
        }
    }
}

static bool topology_same(uint32_t a, uint32_t b)
{
    return a == b && a != TOPOLOGY_UNKNOWN;
}

topology_distance topology_distance_of(const topology_place *a, const topology_place *b)
{
    if (topology_same(a->core, b->core)) {
        return TOPOLOGY_SAME_CORE;
    }
    int steps = !topology_same(a->cache, b->cache) + !topology_same(a->node, b->node);
    return (topology_distance)(TOPOLOGY_NEAR + steps);
}

void topology_order_victims(const topology_place *places, uint32_t num_workers, uint32_t worker,
                            uint8_t *order, uint8_t ends[TOPOLOGY_DISTANCES])
{
    uint32_t count = 0;
    for (uint32_t distance = 0; distance < TOPOLOGY_DISTANCES; distance++) {
        for (uint32_t step = 1; step < num_workers; step++) {
            uint32_t victim = (worker + step) % num_workers;
            if (topology_distance_of(&places[worker], &places[victim]) == distance) {
                order[count++] = (uint8_t)victim;
            }
        }
        ends[distance] = (uint8_t)count;
    }
}

/* -- a runtime's topology ---------------------------------------------------------------------- */

static yoke_status topology_take_block(topology *t, const yoke_allocator *allocator,
                                       uint32_t num_cpus)
{
    size_t cpus_bytes = num_cpus * sizeof(topology_cpu);
    size_t places_bytes = t->num_workers * sizeof(topology_place);
    size_t row_bytes = TOPOLOGY_DISTANCES + t->num_workers - 1;
    t->block_bytes = cpus_bytes + places_bytes + t->num_workers * row_bytes;
    t->block = allocator->alloc(allocator->user, t->block_bytes, BASE_LINE_BYTES);
    if (t->block == NULL) {
        return YOKE_NO_MEMORY;
    }
    t->cpus = t->block;
    t->places = (topology_place *)(void *)((char *)t->block + cpus_bytes);
    t->rows = (uint8_t *)t->block + cpus_bytes + places_bytes;
    return YOKE_OK;
}

yoke_status topology_init(topology *t, const yoke_allocator *allocator, topology_pinning pinning,
                          uint32_t num_workers)
{
    *t = (topology){.pinning = pinning, .num_workers = num_workers};
    yoke_status status = topology_allowed(&t->allowed);
    uint32_t num_cpus = pinning != TOPOLOGY_NONE ? topology_set_count(&t->allowed) : 0;
    if (status == YOKE_OK || pinning == TOPOLOGY_NONE) {
        status = topology_take_block(t, allocator, num_cpus);
    }
    if (status != YOKE_OK) {
        return status;
    }
    if (pinning != TOPOLOGY_NONE) {
        t->num_cpus = topology_read(&t->allowed, t->cpus);
        if (t->num_cpus == 0) {
            topology_finish(t, allocator);
            return YOKE_SYSTEM;
        }
    }
    topology_place_workers(pinning, t->cpus, t->num_cpus, t->places, num_workers);
    for (uint32_t i = 0; i < num_workers; i++) {
        uint8_t *ends = t->rows + (size_t)i * (TOPOLOGY_DISTANCES + num_workers - 1);
        topology_order_victims(t->places, num_workers, i, ends + TOPOLOGY_DISTANCES, ends);
    }
    return YOKE_OK;
}

void topology_finish(topology *t, const yoke_allocator *allocator)
{
    allocator->free(allocator->user, t->block, t->block_bytes);
}

yoke_status topology_bind_any(const topology *t, uint32_t worker, pthread_t thread)
{
    if (t->pinning == TOPOLOGY_NONE) {
        return YOKE_OK;
    }
    topology_set set = {0};
    topology_add_cpus(t->cpus, t->num_cpus, &t->places[worker], &set);
    int error = pthread_setaffinity_np(thread, sizeof set.parts, set.parts);
    return error == 0 ? YOKE_OK : YOKE_SYSTEM;
}

bool topology_push_off_any(const topology *t, pthread_t thread)
{
    int cpu = sched_getcpu();
    if (t->pinning != TOPOLOGY_NONE || cpu < 0 || !topology_set_has(&t->allowed, (uint32_t)cpu) ||
        topology_set_count(&t->allowed) == 1) {
        return false;
    }
    topology_set others;
    if (pthread_getaffinity_np(thread, sizeof others.parts, others.parts) != 0 ||
        memcmp(&others, &t->allowed, sizeof others) != 0) {
        return false; /* moved already, or bound by somebody else */
    }
    CPU_CLR(cpu % CPU_SETSIZE, &others.parts[cpu / CPU_SETSIZE]);
    return pthread_setaffinity_np(thread, sizeof others.parts, others.parts) == 0;
}

void topology_let_go_any(const topology *t, pthread_t thread)
{
    (void)pthread_setaffinity_np(thread, sizeof t->allowed.parts, t->allowed.parts);
}
