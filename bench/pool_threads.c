/*
 * Threads as Linux sees them, in /proc/self/task and by their CPU clocks. Owns nothing; any thread.
 * Always holds: looking at a thread does not wake it. Costs a few system calls a thread.
 */
#include "pool_threads.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool pool_threads_list(pool_threads *all)
{
    DIR *folder = opendir("/proc/self/task");
    const struct dirent *entry;
    bool fine = folder != NULL;
    all->num = 0;
    while (fine && (entry = readdir(folder)) != NULL) {
        int id = atoi(entry->d_name); /* 0 for "." and ".." */
        if (id <= 0 || id == getpid()) {
            continue;
        }
        fine = all->num < POOL_THREADS_MAX;
        if (fine) {
            all->ids[all->num++] = id;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return fine;
}

static bool pool_threads_has(const pool_threads *threads, int id)
{
    for (size_t i = 0; i < threads->num; i++) {
        if (threads->ids[i] == id) {
            return true;
        }
    }
    return false;
}

void pool_threads_subtract(pool_threads *all, const pool_threads *old)
{
    size_t kept = 0;
    for (size_t i = 0; i < all->num; i++) {
        if (!pool_threads_has(old, all->ids[i])) {
            all->ids[kept++] = all->ids[i];
        }
    }
    all->num = kept;
}

/* As pthread_getcpuclockid makes it; that function wants a pthread_t, which only the thread's
 * creator has. */
static clockid_t pool_threads_clock(int id)
{
    return (clockid_t)(~(unsigned)id << 3 | 6u);
}

uint64_t pool_threads_cpu_ns(int id)
{
    struct timespec now;
    if (clock_gettime(pool_threads_clock(id), &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t pool_threads_all_cpu_ns(const pool_threads *threads)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < threads->num; i++) {
        sum += pool_threads_cpu_ns(threads->ids[i]);
    }
    return sum;
}

bool pool_threads_wakes(const pool_threads *threads, uint64_t *wakes)
{
    static const char key[] = "voluntary_ctxt_switches:";
    *wakes = 0;
    for (size_t i = 0; i < threads->num; i++) {
        char path[64], line[256];
        bool found = false;
        snprintf(path, sizeof(path), "/proc/self/task/%d/status", threads->ids[i]);
        FILE *file = fopen(path, "r");
        while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
            if (strncmp(line, key, sizeof(key) - 1) == 0) {
                *wakes += strtoull(line + sizeof(key) - 1, NULL, 10);
                found = true;
            }
        }
        if (file != NULL) {
            fclose(file);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}
