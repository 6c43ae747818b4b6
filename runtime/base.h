/*
 * Small things that every file of the runtime may use: limits, misuse reports, the clock and the
 * futex. The only door to the operating system besides threads (runtime.c) and eventfd
 * (completion.c).
 */
#ifndef YOKE_BASE_H
#define YOKE_BASE_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <yoke/yoke.h>

#define BASE_LINE_BYTES 64 /* what two threads must not share when one of them writes */

/* A caller broke a rule of yoke.h: trips the hook in checked builds; evaluates to YOKE_INVALID. */
#ifdef YOKE_CHECKED
#define base_misuse(text) base_misuse_at(__FILE__, __LINE__, text)
yoke_status base_misuse_at(const char *file, int line, const char *text);
#else
#define base_misuse(text) YOKE_INVALID
#endif

static inline uint64_t base_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void base_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The folder for files that yoke may keep: `wanted`, or if that is "", yoke's in the user's cache
 * folder. NULL: there is none. The only place where the library reads the environment. */
#define BASE_PATH_BYTES 512
const char *base_cache_dir(const char *wanted, char path[BASE_PATH_BYTES]);

/* Spreads addresses over a table of `size` places; size is a power of two. */
static inline uint32_t base_hash_address(const void *address, uint32_t size)
{
    return (uint32_t)(((uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (size - 1);
}

/* Sleeps while *word == expected, until CLOCK_MONOTONIC passes deadline_ns (YOKE_FOREVER: no
 * limit). May return early for no reason. */
static inline void base_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    struct timespec t = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                         .tv_nsec = (long)(deadline_ns % 1000000000u)};
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
            deadline_ns == YOKE_FOREVER ? NULL : &t, NULL, FUTEX_BITSET_MATCH_ANY);
}

static inline void base_futex_wake(_Atomic uint32_t *word, int num_threads)
{
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, num_threads, NULL, NULL, 0);
}

#endif
