/*
 * topology.h: quotas in folders made up for it, machines made up by hwloc, placing and victims on
 * those and on random ones, and threads bound on the machine that runs the test.
 *
 * The three functions of hwloc below stand before its own and call them, so that a test can see
 * whether hwloc was asked at all, whether everything was given back, and what happens if it fails.
 */
#include "runtime/topology.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include <hwloc.h>

#include "tests/unit/testing.h"

#define CPUS_MAX 4096
#define NO_QUOTA TOPOLOGY_NO_QUOTA

/* -- hwloc, watched ---------------------------------------------------------------------------- */

static int num_machines, num_machines_made;
static bool loading_fails;

/* The function of that name that the process would have without this file. */
static void *next_function(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    assert_non_null(function);
    return function;
}

int hwloc_topology_init(hwloc_topology_t *machine)
{
    int (*real)(hwloc_topology_t *);
    *(void **)&real = next_function("hwloc_topology_init");
    int error = real(machine);
    num_machines += error == 0;
    num_machines_made += error == 0;
    return error;
}

int hwloc_topology_load(hwloc_topology_t machine)
{
    int (*real)(hwloc_topology_t);
    *(void **)&real = next_function("hwloc_topology_load");
    return loading_fails ? -1 : real(machine);
}

void hwloc_topology_destroy(hwloc_topology_t machine)
{
    void (*real)(hwloc_topology_t);
    *(void **)&real = next_function("hwloc_topology_destroy");
    real(machine);
    num_machines--;
}

/* -- machines made up -------------------------------------------------------------------------- */

static topology_cpu cpus[CPUS_MAX];
static topology_set every_cpu;

static uint32_t fill(const char *description, const topology_set *allowed)
{
    hwloc_topology_t machine;
    assert_int_equal(hwloc_topology_init(&machine), 0);
    assert_int_equal(hwloc_topology_set_synthetic(machine, description), 0);
    assert_true(topology_prepare(machine));
    assert_int_equal(hwloc_topology_load(machine), 0);
    uint32_t count = topology_fill(machine, allowed, cpus);
    hwloc_topology_destroy(machine);
    assert_true(count <= CPUS_MAX);
    return count;
}

/* How many different cores, caches or nodes there are among the CPUs. */
#define NUM_DIFFERENT(what, count)                                                                 \
    num_different(&cpus[0].at.what, sizeof cpus[0] / sizeof(uint32_t), count)

static uint32_t num_different(const uint32_t *values, size_t stride, uint32_t count)
{
    uint32_t different = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = true;
        for (uint32_t j = 0; j < i && is_new; j++) {
            is_new = values[j * stride] != values[i * stride];
        }
        different += is_new;
    }
    return different;
}

typedef struct machine_row {
    const char *description;
    uint32_t num_cpus, num_cores, num_caches, num_nodes;
} machine_row;

static const machine_row machines[] = {
    {"pu:1", 1, 1, 1, 1},
    {"core:1 pu:1", 1, 1, 1, 1},
    {"core:4 pu:1", 4, 4, 1, 1},
    {"numa:2 core:8 pu:2", 32, 16, 1, 2},
    {"numa:2 l3:1 core:8 pu:2", 32, 16, 2, 2},
    {"pack:2 l3:4 core:4 pu:1", 32, 32, 8, 1},
    {"pack:1 l3:8 l2:8 core:1 pu:1", 64, 64, 8, 1},
    {"pack:2 numa:2 l3:2 core:2 pu:4", 64, 16, 8, 4},
    {"core:4 l1d:1 pu:2", 8, 4, 4, 1},
    {"l2:4 core:2 pu:1", 8, 8, 4, 1},
    {"l3:1 numa:2 core:4 pu:2", 16, 8, 1, 2}, /* one cache for two nodes */
    {"pack:2 [numa] [numa] core:4 pu:1", 8, 8, 1, 2},
    {"[numa] pack:2 [numa] core:4 pu:1", 8, 8, 1, 2}, /* one node spans the other two */
    {"numa:3 core:1000 pu:1", 3000, 3000, 1, 3},      /* more than CPU_SETSIZE */
};

static void a_machine_is_listed_with_its_cores_caches_and_nodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        const machine_row *row = &machines[i];
        uint32_t count = fill(row->description, &every_cpu);
        if (count != row->num_cpus || NUM_DIFFERENT(core, count) != row->num_cores ||
            NUM_DIFFERENT(cache, count) != row->num_caches ||
            NUM_DIFFERENT(node, count) != row->num_nodes) {
            fail_msg("%s: %u CPUs, %u cores, %u caches, %u nodes", row->description, count,
                     NUM_DIFFERENT(core, count), NUM_DIFFERENT(cache, count),
                     NUM_DIFFERENT(node, count));
        }
    }
    assert_int_equal(num_machines, 0);
}

static void every_cpu_is_listed_once_and_its_cores_cpus_are_numbered(void **state)
{
    (void)state;
    uint32_t count = fill("numa:2 core:8 pu:3", &every_cpu);
    topology_set seen = {0};
    for (uint32_t i = 0; i < count; i++) {
        assert_false(topology_set_has(&seen, cpus[i].number));
        topology_set_add(&seen, cpus[i].number);
        assert_int_equal(cpus[i].thread, i % 3);
        assert_int_equal(cpus[i].at.core, cpus[i - i % 3].at.core);
    }
    assert_int_equal(topology_set_count(&seen), 48);
}

static void caches_of_other_levels_are_not_the_last(void **state)
{
    (void)state;
    uint32_t count = fill("l3:2 l2:2 l1i:2 l1d:1 core:1 pu:1", &every_cpu);
    assert_int_equal(count, 8);
    assert_int_equal(NUM_DIFFERENT(cache, count), 2);
    assert_int_equal(cpus[0].at.cache, cpus[3].at.cache);
    assert_int_not_equal(cpus[0].at.cache, TOPOLOGY_UNKNOWN);
    fill("core:2 l1i:1 pu:1", &every_cpu); /* a cache for instructions only is none */
    assert_int_equal(cpus[0].at.cache, TOPOLOGY_UNKNOWN);
}

static void only_allowed_cpus_are_listed(void **state)
{
    (void)state;
    static const uint32_t wanted[] = {1, 4, 5, 30, 31};
    topology_set allowed = {0};
    for (size_t i = 0; i < 5; i++) {
        topology_set_add(&allowed, wanted[i]);
    }
    topology_set_add(&allowed, 32); /* the machine does not have these two */
    topology_set_add(&allowed, TOPOLOGY_CPUS_MAX - 1);
    assert_int_equal(fill("numa:2 core:8 pu:2", &allowed), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(cpus[i].number, wanted[i]);
    }
    assert_int_equal(cpus[0].thread, 0); /* the only one of its core that is listed */
    assert_int_equal(cpus[1].thread, 0);
    assert_int_equal(cpus[2].thread, 1);
    topology_set none = {0};
    assert_int_equal(fill("numa:2 core:8 pu:2", &none), 0);
}

static void a_set_holds_cpus_beyond_the_systems_own_type(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {0, 63, 64, 1023, 1024, 1025, 5000, TOPOLOGY_CPUS_MAX - 1};
    topology_set set = {0};
    for (uint32_t i = 0; i < 8; i++) {
        assert_false(topology_set_has(&set, numbers[i]));
        topology_set_add(&set, numbers[i]);
        assert_true(topology_set_has(&set, numbers[i]));
        assert_int_equal(topology_set_count(&set), i + 1);
        assert_true(CPU_ISSET_S(numbers[i], sizeof set.parts, set.parts)); /* as the system reads */
    }
    assert_false(topology_set_has(&set, TOPOLOGY_CPUS_MAX));
    assert_false(topology_set_has(&set, UINT32_MAX));
}

/* -- quotas ------------------------------------------------------------------------------------ */

static char root[64];

static void make_root(void)
{
    const char *folder = getenv("TEST_TMPDIR");
    snprintf(root, sizeof root, "/tmp/topology.XXXXXX");
    if (folder != NULL && strlen(folder) + sizeof "/topology.XXXXXX" <= sizeof root) {
        snprintf(root, sizeof root, "%s/topology.XXXXXX", folder);
    }
    assert_non_null(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_root(void)
{
    assert_int_equal(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Writes root/path and the folders it lies in. */
static void write_file(const char *path, const char *text)
{
    char full[8192];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

typedef struct quota_row {
    const char *cgroups; /* of the process */
    const char *files[4][2];
    uint32_t expected;
} quota_row;

#define V1_FILES(folder, quota, period)                                                            \
    {folder "/cpu.cfs_quota_us", quota},                                                           \
    {                                                                                              \
        folder "/cpu.cfs_period_us", period                                                        \
    }

static const quota_row quotas[] = {
    /* version 2: the value, rounded up */
    {"0::/a\n", {{"a/cpu.max", "200000 100000\n"}}, 2},
    {"0::/a\n", {{"a/cpu.max", "200001 100000\n"}}, 3},
    {"0::/a\n", {{"a/cpu.max", "150000 100000\n"}}, 2},
    {"0::/a\n", {{"a/cpu.max", "1000 100000\n"}}, 1},
    {"0::/a\n", {{"a/cpu.max", "100000 100000"}}, 1},
    {"0::/a\n", {{"a/cpu.max", "6400000 100000\n"}}, 64},
    {"0::/a\n", {{"a/cpu.max", "1 18446744073709551615\n"}}, 1},
    {"0::/a\n", {{"a/cpu.max", "18446744073709551615 1\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "4294967295 1\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "4294967294 1\n"}}, 4294967294},
    {"0::/a\n", {{"a/cpu.max", "max 100000\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "max\n"}}, NO_QUOTA},

    /* missing, or not as the kernel writes it */
    {"0::/a\n", {{"a/other", ""}}, NO_QUOTA},
    {"0::/a\n", {{"other", ""}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", ""}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "100000\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "100000 \n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", " 100000 100000\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "100000 100000 1\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "100000 100000\n\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "-100000 100000\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "+100000 100000\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "0x10 100000\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "100000 -1\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "0 100000\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "0 18446744073709551615\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "100000 0\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "18446744073709551616 100000\n"}}, NO_QUOTA},
    {"0::/a\n", {{"a/cpu.max", "18446744073709551619 100000\n"}}, NO_QUOTA}, /* 3 in 64 bits */
    {"0::/a\n", {{"a/cpu.max", "18446744073709651610 100000\n"}}, NO_QUOTA}, /* 99994 */
    {"", {{"cpu.max", "100000 100000\n"}}, NO_QUOTA},
    {"\n\n", {{"cpu.max", "100000 100000\n"}}, NO_QUOTA},
    {"0:\n0\n:\n", {{"cpu.max", "100000 100000\n"}}, NO_QUOTA},
    {"0::", {{"cpu.max", "100000 100000\n"}}, 1},

    /* the group's own, and every one that it lies in, up to the mount */
    {"0::/a/b/c\n", {{"a/b/c/cpu.max", "300000 100000\n"}}, 3},
    {"0::/a/b/c\n", {{"a/b/cpu.max", "300000 100000\n"}}, 3},
    {"0::/a/b/c\n", {{"a/cpu.max", "300000 100000\n"}}, 3},
    {"0::/a/b/c\n", {{"cpu.max", "300000 100000\n"}}, 3},
    {"0::/a/b\n", {{"a/b/c/cpu.max", "300000 100000\n"}}, NO_QUOTA},
    {"0::/a/b\n", {{"b/cpu.max", "300000 100000\n"}}, NO_QUOTA},
    {"0::/a/bc\n", {{"a/b/cpu.max", "300000 100000\n"}}, NO_QUOTA},
    {"0::/a/b\n", {{"a/b/cpu.max", "800000 100000\n"}, {"a/cpu.max", "400000 200000\n"}}, 2},
    {"0::/a/b\n", {{"a/b/cpu.max", "200000 100000\n"}, {"a/cpu.max", "800000 100000\n"}}, 2},
    {"0::/a/b\n", {{"a/b/cpu.max", "max 100000\n"}, {"a/cpu.max", "800000 100000\n"}}, 8},
    {"0::/a/b\n", {{"a/b/cpu.max", "nonsense\n"}, {"a/cpu.max", "800000 100000\n"}}, 8},
    {"0::/a:b/c d\n", {{"a:b/c d/cpu.max", "300000 100000\n"}}, 3},
    {"0::/a (deleted)\n", {{"cpu.max", "300000 100000\n"}}, 3},

    /* in a container: its own group is the mount, or the path is the host's, or leads out */
    {"0::/\n", {{"cpu.max", "300000 100000\n"}}, 3},
    {"0::/\n", {{"a/cpu.max", "300000 100000\n"}}, NO_QUOTA},
    {"0::/docker/0123\n", {{"cpu.max", "300000 100000\n"}}, 3},
    {"0::/x/../a\n", {{"a/cpu.max", "100000 100000\n"}, {"x/y", ""}}, NO_QUOTA},
    {"0::/..\n", {{"cpu.max", "300000 100000\n"}}, 3},

    /* version 1: the controllers share a folder, or a link has one's name */
    {"3:cpu,cpuacct:/a\n", {V1_FILES("cpu,cpuacct/a", "250000\n", "100000\n")}, 3},
    {"3:cpu,cpuacct:/a\n", {V1_FILES("cpu/a", "250000\n", "100000\n")}, 3},
    {"3:cpuacct,cpu:/a\n", {V1_FILES("cpuacct,cpu/a", "250000\n", "100000\n")}, 3},
    {"3:cpu:/\n", {V1_FILES("cpu", "250000\n", "100000\n")}, 3},
    {"3:cpu:/a/b\n", {V1_FILES("cpu/a", "250000\n", "100000\n")}, 3},
    {"3:cpu:/a\n",
     {V1_FILES("cpu/a", "250000\n", "100000\n"), V1_FILES("cpu", "50000\n", "100000\n")},
     1},
    {"3:cpu:/docker/0123\n", {V1_FILES("cpu", "250000\n", "50000\n")}, 5},
    {"3:cpu:/a\n", {V1_FILES("cpu/a", "-1\n", "100000\n")}, NO_QUOTA},
    {"3:cpu:/a\n", {V1_FILES("cpu/a", "0\n", "100000\n")}, NO_QUOTA},
    {"3:cpu:/a\n", {V1_FILES("cpu/a", "100000\n", "0\n")}, NO_QUOTA},
    {"3:cpu:/a\n", {V1_FILES("cpu/a", "", "100000\n")}, NO_QUOTA},
    {"3:cpu:/a\n", {V1_FILES("cpu/a", "100000 1\n", "100000\n")}, NO_QUOTA},
    {"3:cpu:/a\n", {{"cpu/a/cpu.cfs_quota_us", "100000\n"}}, NO_QUOTA},
    {"3:cpu:/a\n", {{"cpu/a/cpu.cfs_period_us", "100000\n"}}, NO_QUOTA},
    {"3:cpu:/a\n", {{"cpu/a/cpu.max", "100000 100000\n"}}, NO_QUOTA},
    {"0::/a\n", {V1_FILES("a", "100000\n", "100000\n")}, NO_QUOTA},
    {"3:cpuacct:/a\n", {V1_FILES("cpuacct/a", "100000\n", "100000\n")}, NO_QUOTA},
    {"3:cpuset:/a\n", {V1_FILES("cpu/a", "100000\n", "100000\n")}, NO_QUOTA},
    {"3:name=cpu:/a\n", {V1_FILES("cpu/a", "100000\n", "100000\n")}, NO_QUOTA},

    /* both, and several lines: the least counts */
    {"9:name=systemd:/s\n3:cpu,cpuacct:/a\n1:memory:/m\n0::/a",
     {V1_FILES("cpu,cpuacct/a", "400000\n", "100000\n")},
     4},
    {"3:cpu:/a\n0::/a\n",
     {V1_FILES("cpu/a", "400000\n", "100000\n"), {"unified/a/cpu.max", "200000 100000\n"}},
     2},
    {"0::/a\n3:cpu:/a\n",
     {V1_FILES("cpu/a", "200000\n", "100000\n"), {"unified/a/cpu.max", "400000 100000\n"}},
     2},
};

static void quotas_are_read_as_control_groups_mean_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof quotas / sizeof *quotas; i++) {
        make_root();
        for (size_t k = 0; k < 4 && quotas[i].files[k][0] != NULL; k++) {
            write_file(quotas[i].files[k][0], quotas[i].files[k][1]);
        }
        uint32_t quota = topology_quota(root, quotas[i].cgroups);
        remove_root();
        if (quota != quotas[i].expected) {
            fail_msg("row %zu, %s: %u instead of %u", i, quotas[i].cgroups, quota,
                     quotas[i].expected);
        }
    }
}

/* What lies above too long a path still counts; nothing is written past a buffer. */
static void paths_of_any_length_are_survived(void **state)
{
    (void)state;
    static char cgroups[20000];
    make_root();
    write_file("a/cpu.max", "300000 100000\n");
    for (size_t bytes = 4000; bytes < sizeof cgroups - 8; bytes += bytes < 4200 ? 1 : 997) {
        size_t used = (size_t)sprintf(cgroups, "0::/a/");
        memset(cgroups + used, 'x', bytes - used);
        for (size_t at = used + 200; at < bytes; at += 200) {
            cgroups[at] = '/';
        }
        cgroups[bytes] = '\0';
        assert_int_equal(topology_quota(root, cgroups), 3);
    }
    memset(cgroups, 'r', sizeof cgroups - 1); /* nor does too long a root hurt */
    assert_int_equal(topology_quota(cgroups, "0::/a\n"), NO_QUOTA);
    remove_root();
}

static void a_root_that_is_not_there_limits_nothing(void **state)
{
    (void)state;
    assert_int_equal(topology_quota("/nonexistent", "0::/a\n3:cpu:/a\n"), NO_QUOTA);
}

static void workers_are_as_many_as_cpus_and_quota_allow(void **state)
{
    (void)state;
    static const uint32_t rows[][3] = {
        {1, NO_QUOTA, 1},
        {2, NO_QUOTA, 2},
        {2, 1, 1},
        {2, 2, 2},
        {2, 3, 2},
        {64, 63, 63},
        {0, NO_QUOTA, 1},
        {0, 5, 1},
        {5, 0, 1},
        {255, NO_QUOTA, 255},
        {256, NO_QUOTA, 256},
        {257, NO_QUOTA, 256},
        {16384, 9, 9},
        {16384, 300, YOKE_WORKERS_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(topology_count(rows[i][0], rows[i][1]), rows[i][2]);
    }
}

/* -- placing ----------------------------------------------------------------------------------- */

static topology_place places[YOKE_WORKERS_MAX];

/* The CPU that a worker on a machine without hardware threads is bound to. */
static uint32_t only_cpu(uint32_t num_cpus, uint32_t worker)
{
    topology_set set = {0};
    topology_add_cpus(cpus, num_cpus, &places[worker], &set);
    assert_int_equal(topology_set_count(&set), 1);
    for (uint32_t i = 0; i < num_cpus; i++) {
        if (topology_set_has(&set, cpus[i].number)) {
            return cpus[i].number;
        }
    }
    fail();
    return 0;
}

static void expect_set(uint32_t num_cpus, uint32_t worker, uint32_t first, uint32_t count)
{
    topology_set set = {0};
    topology_add_cpus(cpus, num_cpus, &places[worker], &set);
    assert_int_equal(topology_set_count(&set), count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(topology_set_has(&set, first + i));
    }
}

static void workers_on_cores_fill_one_cache_after_the_other(void **state)
{
    (void)state;
    uint32_t count = fill("pack:2 l3:4 core:4 pu:1", &every_cpu);
    topology_place_workers(TOPOLOGY_CORES, cpus, count, places, 70);
    for (uint32_t i = 0; i < 70; i++) {
        assert_int_equal(only_cpu(count, i), i % 32);
    }
}

static void second_hardware_threads_come_after_every_core(void **state)
{
    (void)state;
    uint32_t count = fill("numa:2 core:8 pu:2", &every_cpu);
    topology_place_workers(TOPOLOGY_CORES, cpus, count, places, 40);
    for (uint32_t i = 0; i < 40; i++) {
        expect_set(count, i, i % 16 * 2, 2);
    }
}

/* CPUs 0 and 1 are a core, 2 to 4 of the next are allowed in part, 6 and 7 are the last. */
static void cores_with_fewer_allowed_cpus_get_fewer_workers(void **state)
{
    (void)state;
    static const uint32_t first[] = {0, 3, 6, 0, 6, 0, 3, 6, 0, 6, 0};
    static const uint32_t width[] = {2, 1, 2, 2, 2, 2, 1, 2, 2, 2, 2};
    topology_set allowed = {0};
    static const uint32_t numbers[] = {0, 1, 3, 6, 7};
    for (size_t i = 0; i < 5; i++) {
        topology_set_add(&allowed, numbers[i]);
    }
    assert_int_equal(fill("core:4 pu:2", &allowed), 5);
    topology_place_workers(TOPOLOGY_CORES, cpus, 5, places, 11);
    for (uint32_t i = 0; i < 11; i++) {
        expect_set(5, i, first[i], width[i]);
    }
}

static void workers_on_nodes_are_dealt_by_the_nodes_sizes(void **state)
{
    (void)state;
    uint32_t count = fill("numa:2 core:8 pu:2", &every_cpu);
    topology_place_workers(TOPOLOGY_NUMA, cpus, count, places, 5);
    for (uint32_t i = 0; i < 5; i++) {
        expect_set(count, i, i < 3 ? 0 : 16, 16);
    }
    topology_set allowed = {0}; /* four CPUs of the first node, twelve of the second */
    for (uint32_t i = 0; i < 16; i++) {
        topology_set_add(&allowed, i < 4 ? i : 12 + i);
    }
    assert_int_equal(fill("numa:2 core:8 pu:2", &allowed), 16);
    topology_place_workers(TOPOLOGY_NUMA, cpus, 16, places, 8);
    for (uint32_t i = 0; i < 8; i++) {
        expect_set(16, i, i < 2 ? 0 : 16, i < 2 ? 4 : 12);
    }
    topology_place_workers(TOPOLOGY_NUMA, cpus, 16, places, 32);
    expect_set(16, 7, 0, 4);
    expect_set(16, 8, 16, 12);
    topology_place_workers(TOPOLOGY_NUMA, cpus, 16, places, 1);
    expect_set(16, 0, 0, 4);
}

static void workers_without_pinning_or_cpus_are_nowhere(void **state)
{
    (void)state;
    uint32_t count = fill("core:4 pu:2", &every_cpu);
    for (topology_pinning pinning = TOPOLOGY_NONE; pinning <= TOPOLOGY_NUMA; pinning++) {
        memset(places, 0, sizeof places);
        topology_place_workers(pinning, cpus, pinning == TOPOLOGY_NONE ? count : 0, places, 3);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(places[i].core, TOPOLOGY_UNKNOWN);
            assert_int_equal(places[i].cache, TOPOLOGY_UNKNOWN);
            assert_int_equal(places[i].node, TOPOLOGY_UNKNOWN);
        }
    }
}

/* -- victims ----------------------------------------------------------------------------------- */

static uint8_t order[YOKE_WORKERS_MAX];
static uint8_t ends[TOPOLOGY_DISTANCES];

static void expect_victims(uint32_t num_workers, uint32_t worker, const uint8_t *expected,
                           const uint8_t *expected_ends)
{
    topology_order_victims(places, num_workers, worker, order, ends);
    assert_memory_equal(order, expected, num_workers - 1);
    assert_memory_equal(ends, expected_ends, TOPOLOGY_DISTANCES);
}

#define VICTIMS(...) ((const uint8_t[]){__VA_ARGS__})

static void victims_are_core_then_cache_then_node_then_the_rest(void **state)
{
    (void)state;
    uint32_t count = fill("numa:2 l3:2 core:2 pu:1", &every_cpu);
    topology_place_workers(TOPOLOGY_CORES, cpus, count, places, 10); /* 8 and 9 on cores 0 and 1 */
    expect_victims(10, 0, VICTIMS(8, 1, 9, 2, 3, 4, 5, 6, 7), VICTIMS(1, 3, 5, 9));
    expect_victims(10, 3, VICTIMS(2, 8, 9, 0, 1, 4, 5, 6, 7), VICTIMS(0, 1, 5, 9));
    expect_victims(10, 5, VICTIMS(4, 6, 7, 8, 9, 0, 1, 2, 3), VICTIMS(0, 1, 3, 9));
    expect_victims(10, 9, VICTIMS(1, 0, 8, 2, 3, 4, 5, 6, 7), VICTIMS(1, 3, 5, 9));
}

static void in_a_split_processor_the_own_node_comes_first(void **state)
{
    (void)state;
    uint32_t count = fill("pack:2 l3:1 numa:2 core:2 pu:1", &every_cpu);
    topology_place_workers(TOPOLOGY_CORES, cpus, count, places, 8);
    expect_victims(8, 2, VICTIMS(3, 0, 1, 4, 5, 6, 7), VICTIMS(0, 1, 3, 7));
    expect_victims(8, 1, VICTIMS(0, 2, 3, 4, 5, 6, 7), VICTIMS(0, 1, 3, 7));
}

static void workers_bound_to_nodes_know_only_nodes(void **state)
{
    (void)state;
    uint32_t count = fill("numa:2 l3:2 core:2 pu:2", &every_cpu);
    topology_place_workers(TOPOLOGY_NUMA, cpus, count, places, 5);
    expect_victims(5, 1, VICTIMS(2, 0, 3, 4), VICTIMS(0, 0, 2, 4));
    expect_victims(5, 4, VICTIMS(3, 0, 1, 2), VICTIMS(0, 0, 1, 4));
}

static void without_pinning_each_begins_with_the_next_one(void **state)
{
    (void)state;
    topology_place_workers(TOPOLOGY_NONE, NULL, 0, places, 4);
    expect_victims(4, 0, VICTIMS(1, 2, 3), VICTIMS(0, 0, 0, 3));
    expect_victims(4, 2, VICTIMS(3, 0, 1), VICTIMS(0, 0, 0, 3));
    expect_victims(1, 0, VICTIMS(0), VICTIMS(0, 0, 0, 0));
}

static void what_is_not_known_is_near_nothing(void **state)
{
    (void)state;
    const topology_place nowhere = {TOPOLOGY_UNKNOWN, TOPOLOGY_UNKNOWN, TOPOLOGY_UNKNOWN};
    const topology_place somewhere = {1, TOPOLOGY_UNKNOWN, 1}, beside = {2, TOPOLOGY_UNKNOWN, 1};
    assert_int_equal(topology_distance_of(&nowhere, &nowhere), TOPOLOGY_FAR);
    assert_int_equal(topology_distance_of(&nowhere, &somewhere), TOPOLOGY_FAR);
    assert_int_equal(topology_distance_of(&somewhere, &beside), TOPOLOGY_APART);
    assert_int_equal(topology_distance_of(&somewhere, &somewhere), TOPOLOGY_SAME_CORE);
}

/* -- random machines --------------------------------------------------------------------------- */

static uint32_t random_machine(testing_random *random, topology_set *allowed)
{
    char description[128];
    uint32_t count = 0;
    snprintf(description, sizeof description, "pack:%u numa:%u l3:%u core:%u pu:%u",
             (unsigned)testing_random_below(random, 2) + 1,
             (unsigned)testing_random_below(random, 3) + 1,
             (unsigned)testing_random_below(random, 3) + 1,
             (unsigned)testing_random_below(random, 5) + 1,
             (unsigned)testing_random_below(random, 3) + 1);
    while (count == 0) {
        memset(allowed, 0, sizeof *allowed);
        uint64_t kept = testing_random_below(random, 4) + 1; /* of four */
        for (uint32_t i = 0; i < 300; i++) {
            if (testing_random_below(random, 4) < kept) {
                topology_set_add(allowed, i);
            }
        }
        count = fill(description, allowed);
    }
    return count;
}

/* Each worker has some CPUs, all of them allowed, and of one core or one node. */
static void check_sets(topology_pinning pinning, const topology_set *allowed, uint32_t count,
                       uint32_t num_workers)
{
    for (uint32_t worker = 0; worker < num_workers; worker++) {
        topology_set set = {0};
        topology_add_cpus(cpus, count, &places[worker], &set);
        assert_true(topology_set_count(&set) > 0);
        uint32_t core = TOPOLOGY_UNKNOWN, node = TOPOLOGY_UNKNOWN, in = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (!topology_set_has(&set, cpus[i].number)) {
                continue;
            }
            assert_true(topology_set_has(allowed, cpus[i].number));
            assert_true(in == 0 || node == cpus[i].at.node);
            assert_true(in == 0 || pinning == TOPOLOGY_NUMA || core == cpus[i].at.core);
            core = cpus[i].at.core;
            node = cpus[i].at.node;
            in++;
        }
        assert_int_equal(in, topology_set_count(&set)); /* and no CPU that is not listed */
    }
}

/* A core gets a worker for each of its CPUs before any gets more; nodes get their share. */
static void check_shares(topology_pinning pinning, uint32_t count, uint32_t num_workers)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t core_cpus = 0, core_workers = 0, node_cpus = 0, node_workers = 0;
        for (uint32_t j = 0; j < count; j++) {
            core_cpus += cpus[j].at.core == cpus[i].at.core;
            node_cpus += cpus[j].at.node == cpus[i].at.node;
        }
        for (uint32_t j = 0; j < num_workers; j++) {
            core_workers += places[j].core == cpus[i].at.core;
            node_workers += places[j].node == cpus[i].at.node;
        }
        if (pinning == TOPOLOGY_CORES) {
            uint32_t rounds = num_workers / count;
            assert_in_range(core_workers, rounds * core_cpus, (rounds + 1) * core_cpus);
        } else {
            uint32_t product = num_workers * node_cpus;
            assert_in_range(node_workers, product / count, (product + count - 1) / count);
        }
    }
}

static void check_victims(uint32_t num_workers)
{
    for (uint32_t worker = 0; worker < num_workers; worker++) {
        bool seen[YOKE_WORKERS_MAX] = {0};
        topology_order_victims(places, num_workers, worker, order, ends);
        assert_int_equal(ends[TOPOLOGY_DISTANCES - 1], num_workers - 1);
        uint32_t at = 0;
        for (uint32_t distance = 0; distance < TOPOLOGY_DISTANCES; distance++) {
            uint32_t before = 0; /* steps from the worker: they grow within a distance */
            for (; at < ends[distance]; at++) {
                uint32_t victim = order[at], steps = (victim + num_workers - worker) % num_workers;
                assert_true(victim < num_workers && victim != worker && !seen[victim]);
                seen[victim] = true;
                assert_true(steps > before);
                before = steps;
                assert_int_equal(topology_distance_of(&places[worker], &places[victim]), distance);
            }
            assert_int_equal(at, ends[distance]);
        }
    }
}

static void on_any_machine_sets_shares_and_victims_are_right(void **state)
{
    (void)state;
    testing_random random = testing_random_of(testing_seed(), 0);
    int rounds = testing_full() ? 2000 : 60;
    for (int round = 0; round < rounds; round++) {
        topology_set allowed;
        uint32_t count = random_machine(&random, &allowed);
        uint32_t most = round % 8 == 0 ? YOKE_WORKERS_MAX : 40;
        uint32_t num_workers = 1 + (uint32_t)testing_random_below(&random, most);
        for (topology_pinning pinning = TOPOLOGY_CORES; pinning <= TOPOLOGY_NUMA; pinning++) {
            topology_place_workers(pinning, cpus, count, places, num_workers);
            check_sets(pinning, &allowed, count, num_workers);
            check_shares(pinning, count, num_workers);
            check_victims(num_workers);
        }
    }
}

static void each_victim_is_first_for_one_thief_while_all_are_alike(void **state)
{
    (void)state;
    topology_place_workers(TOPOLOGY_NONE, NULL, 0, places, YOKE_WORKERS_MAX);
    bool seen[YOKE_WORKERS_MAX] = {0};
    for (uint32_t worker = 0; worker < YOKE_WORKERS_MAX; worker++) {
        topology_order_victims(places, YOKE_WORKERS_MAX, worker, order, ends);
        assert_false(seen[order[0]]);
        seen[order[0]] = true;
    }
    check_victims(YOKE_WORKERS_MAX);
}

/* -- this machine ------------------------------------------------------------------------------ */

static size_t bytes_taken;
static bool is_out_of_memory;

static void *count_alloc(void *user, size_t bytes, size_t align)
{
    assert_ptr_equal(user, &bytes_taken);
    void *memory = is_out_of_memory ? NULL : aligned_alloc(align, (bytes + align - 1) & -align);
    bytes_taken += memory != NULL ? bytes : 0;
    return memory;
}

static void count_free(void *user, void *memory, size_t bytes)
{
    assert_ptr_equal(user, &bytes_taken);
    bytes_taken -= bytes;
    free(memory);
}

static const yoke_allocator allocator = {count_alloc, count_free, &bytes_taken};

static _Atomic bool may_leave;

static void *wait_for_the_end(void *context)
{
    (void)context;
    unsigned num_looks = 0;
    while (!atomic_load(&may_leave)) {
        testing_relax(&num_looks);
    }
    return NULL;
}

/* Binds a thread as each of the workers in turn, and sees where the system says it may run. */
static void bind_all(const topology *t, const topology_set *allowed)
{
    pthread_t thread;
    atomic_store(&may_leave, false);
    testing_start(&thread, wait_for_the_end, NULL);
    for (uint32_t i = 0; i < t->num_workers; i++) {
        topology_set bound = {0}, expected = {0};
        assert_int_equal(topology_bind_any(t, i, thread), YOKE_OK);
        assert_int_equal(pthread_getaffinity_np(thread, sizeof bound.parts, bound.parts), 0);
        if (t->pinning == TOPOLOGY_NONE) {
            expected = *allowed;
        } else {
            topology_add_cpus(t->cpus, t->num_cpus, &t->places[i], &expected);
        }
        assert_memory_equal(&bound, &expected, sizeof bound);
    }
    atomic_store(&may_leave, true);
    testing_join(thread);
}

static void threads_are_bound_within_what_their_maker_may_use(void **state)
{
    (void)state;
    topology_set allowed;
    assert_int_equal(topology_allowed(&allowed), YOKE_OK);
    uint32_t num_cpus = topology_set_count(&allowed);
    assert_true(num_cpus > 0);
    uint32_t num_workers = num_cpus < 100 ? 2 * num_cpus + 1 : YOKE_WORKERS_MAX;
    for (topology_pinning pinning = TOPOLOGY_NONE; pinning <= TOPOLOGY_NUMA; pinning++) {
        topology t;
        assert_int_equal(topology_init(&t, &allocator, pinning, num_workers), YOKE_OK);
        assert_int_equal(t.num_cpus, pinning == TOPOLOGY_NONE ? 0 : num_cpus);
        for (uint32_t i = 0; i < t.num_cpus; i++) {
            assert_true(topology_set_has(&allowed, t.cpus[i].number));
        }
        bind_all(&t, &allowed);
        topology_finish(&t, &allocator);
        assert_int_equal(bytes_taken, 0);
    }
    assert_int_equal(num_machines, 0);
}

static void a_thread_bound_to_one_cpu_makes_workers_for_that_one(void **state)
{
    (void)state;
    topology_set allowed, one = {0};
    assert_int_equal(topology_allowed(&allowed), YOKE_OK);
    uint32_t cpu = TOPOLOGY_CPUS_MAX;
    while (cpu > 0 && !topology_set_has(&allowed, --cpu)) {
    }
    topology_set_add(&one, cpu);
    assert_int_equal(sched_setaffinity(0, sizeof one.parts, one.parts), 0);
    uint32_t num_workers = topology_default_workers();
    topology t[2];
    yoke_status status[2] = {topology_init(&t[0], &allocator, TOPOLOGY_CORES, 3),
                             topology_init(&t[1], &allocator, TOPOLOGY_NUMA, 3)};
    assert_int_equal(sched_setaffinity(0, sizeof allowed.parts, allowed.parts), 0);
    assert_int_equal(num_workers, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(status[i], YOKE_OK);
        assert_int_equal(t[i].num_cpus, 1);
        assert_int_equal(t[i].cpus[0].number, cpu);
        bind_all(&t[i], &allowed);
        topology_finish(&t[i], &allocator);
    }
}

static void workers_by_default_are_what_cpus_and_quota_allow(void **state)
{
    (void)state;
    topology_set allowed;
    assert_int_equal(topology_allowed(&allowed), YOKE_OK);
    static char cgroups[65536];
    FILE *file = fopen("/proc/self/cgroup", "r");
    if (file != NULL) {
        cgroups[fread(cgroups, 1, sizeof cgroups - 1, file)] = '\0';
        fclose(file);
    }
    uint32_t quota = topology_quota("/sys/fs/cgroup", cgroups);
    assert_int_equal(topology_default_workers(),
                     topology_count(topology_set_count(&allowed), quota));
}

static void without_pinning_hwloc_is_not_called(void **state)
{
    (void)state;
    int before = num_machines_made;
    topology t;
    assert_true(topology_default_workers() > 0);
    assert_int_equal(topology_init(&t, &allocator, TOPOLOGY_NONE, YOKE_WORKERS_MAX), YOKE_OK);
    assert_int_equal(topology_bind_any(&t, 0, pthread_self()), YOKE_OK);
    topology_finish(&t, &allocator);
    assert_int_equal(num_machines_made, before);
    assert_int_equal(topology_init(&t, &allocator, TOPOLOGY_CORES, 1), YOKE_OK);
    topology_finish(&t, &allocator);
    assert_int_equal(num_machines_made, before + 1); /* so the watch sees */
}

static void a_runtimes_rows_are_those_of_the_pure_function(void **state)
{
    (void)state;
    for (uint32_t num_workers = 1; num_workers <= YOKE_WORKERS_MAX; num_workers += 51) {
        topology t;
        assert_int_equal(topology_init(&t, &allocator, TOPOLOGY_CORES, num_workers), YOKE_OK);
        for (uint32_t i = 0; i < num_workers; i++) {
            topology_victims victims = topology_victims_any(&t, i);
            topology_order_victims(t.places, num_workers, i, order, ends);
            assert_memory_equal(victims.order, order, num_workers - 1);
            assert_memory_equal(victims.ends, ends, TOPOLOGY_DISTANCES);
        }
        topology_finish(&t, &allocator);
    }
}

static void failures_are_told_and_leave_nothing(void **state)
{
    (void)state;
    topology t;
    is_out_of_memory = true;
    for (topology_pinning pinning = TOPOLOGY_NONE; pinning <= TOPOLOGY_NUMA; pinning++) {
        assert_int_equal(topology_init(&t, &allocator, pinning, 4), YOKE_NO_MEMORY);
    }
    is_out_of_memory = false;
    loading_fails = true;
    assert_int_equal(topology_init(&t, &allocator, TOPOLOGY_CORES, 4), YOKE_SYSTEM);
    assert_int_equal(topology_init(&t, &allocator, TOPOLOGY_NUMA, 4), YOKE_SYSTEM);
    loading_fails = false;
    assert_int_equal(bytes_taken, 0);
    assert_int_equal(num_machines, 0);
}

static void a_binding_that_the_system_refuses_is_told(void **state)
{
    (void)state;
    topology t;
    topology_set before, after;
    assert_int_equal(topology_allowed(&before), YOKE_OK);
    assert_int_equal(topology_init(&t, &allocator, TOPOLOGY_NUMA, 1), YOKE_OK);
    t.num_cpus = 1;
    t.cpus[0].number = TOPOLOGY_CPUS_MAX - 1; /* no machine has it */
    t.places[0] = t.cpus[0].at;
    assert_int_equal(topology_bind_any(&t, 0, pthread_self()), YOKE_SYSTEM);
    topology_finish(&t, &allocator);
    assert_int_equal(topology_allowed(&after), YOKE_OK);
    assert_memory_equal(&before, &after, sizeof before);
}

/* -- main -------------------------------------------------------------------------------------- */

int main(void)
{
    for (uint32_t i = 0; i < TOPOLOGY_CPUS_MAX; i++) {
        topology_set_add(&every_cpu, i);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_is_listed_with_its_cores_caches_and_nodes),
        cmocka_unit_test(every_cpu_is_listed_once_and_its_cores_cpus_are_numbered),
        cmocka_unit_test(caches_of_other_levels_are_not_the_last),
        cmocka_unit_test(only_allowed_cpus_are_listed),
        cmocka_unit_test(a_set_holds_cpus_beyond_the_systems_own_type),
        cmocka_unit_test(quotas_are_read_as_control_groups_mean_them),
        cmocka_unit_test(paths_of_any_length_are_survived),
        cmocka_unit_test(a_root_that_is_not_there_limits_nothing),
        cmocka_unit_test(workers_are_as_many_as_cpus_and_quota_allow),
        cmocka_unit_test(workers_on_cores_fill_one_cache_after_the_other),
        cmocka_unit_test(second_hardware_threads_come_after_every_core),
        cmocka_unit_test(cores_with_fewer_allowed_cpus_get_fewer_workers),
        cmocka_unit_test(workers_on_nodes_are_dealt_by_the_nodes_sizes),
        cmocka_unit_test(workers_without_pinning_or_cpus_are_nowhere),
        cmocka_unit_test(victims_are_core_then_cache_then_node_then_the_rest),
        cmocka_unit_test(in_a_split_processor_the_own_node_comes_first),
        cmocka_unit_test(workers_bound_to_nodes_know_only_nodes),
        cmocka_unit_test(without_pinning_each_begins_with_the_next_one),
        cmocka_unit_test(what_is_not_known_is_near_nothing),
        cmocka_unit_test(on_any_machine_sets_shares_and_victims_are_right),
        cmocka_unit_test(each_victim_is_first_for_one_thief_while_all_are_alike),
        cmocka_unit_test(threads_are_bound_within_what_their_maker_may_use),
        cmocka_unit_test(a_thread_bound_to_one_cpu_makes_workers_for_that_one),
        cmocka_unit_test(workers_by_default_are_what_cpus_and_quota_allow),
        cmocka_unit_test(without_pinning_hwloc_is_not_called),
        cmocka_unit_test(a_runtimes_rows_are_those_of_the_pure_function),
        cmocka_unit_test(failures_are_told_and_leave_nothing),
        cmocka_unit_test(a_binding_that_the_system_refuses_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
