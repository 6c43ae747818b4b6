/*
 * The bench of devices: what yoke adds to raw Vulkan, and what a device is worth with both.
 *
 * Rows, a case each; "engine" is "yoke"; "raw" and the like: Vulkan by hand, on the same device and
 * with the same shaders; or a floor of the CPU's. "alloc" in a row's param: the memory is from
 * yoke_alloc; "ordinary": from malloc, so that it is copied.
 *   start_create   us of yoke_create alone, devices being opened behind it
 *   start_cold     ms from yoke_create to yoke_ready with one type, nothing compiled before; "raw":
 *                  an instance, a device and that type's pipeline
 *   start_warm     the same with what the run before has kept
 *   empty_awake    us of one job of one item, there and back, one right after the other; the host
 *                  looks with yoke_poll. "raw": a dispatch that was recorded before, spun for
 *   empty_parked   the same after 2 ms of sleep; the host waits with yoke_wait. "raw": it sleeps
 *                  in the driver; "futex": two threads, there and back, asleep until woken
 *   rate           batches a second, of one job each, by slots; "raw": by what is in flight
 *   transfer       GB/s of each direction: in, out, or both at once. "raw copy": by the queue that
 *                  also computes; "raw copy queue": by one that only copies; "raw shader": by a
 *                  shader that reads or writes the host's memory; "yoke": by a type that copies;
 *                  "memcpy": the bytes of both, by one thread or as many as there are workers
 *   coalesce       million items a second: jobs of one item, one submit each, from so many host
 *                  threads. "raw x1": one thread that packs them itself
 *   sha256         million items of 64 bytes a second, one job. "raw zero-copy": the shader reads
 *                  and writes the host's memory; "raw staged": copied there and back; "raw
 *                  resident": on the device alone, by its own clock; "memcpy": an item's bytes
 *   merkle         ms a tree of 32-byte leaves; "raw": the sha256 shader, level by level; "yoke
 *                  cpu": the runtime's workers
 *   field_add, field_mul   ms of a job of elements of BLS12-381's base field, or of four at once
 *                  ("items=4x16384"); floors as of sha256
 *   field_one_shot ms of such a job with all that is around it: create, ready, destroy; "raw":
 *                  instance, device, pipeline and buffers, with the cache of an earlier run
 *   load           million rounds of SHA-256 a second, four jobs of sha256_iter in flight
 *   busy           the percentage of that time that the device was busy, by its own clock
 *   cpu_item, cpu_gb, cores, mean_batch   of the rows above them: CPU time of the process, all
 *                  threads, an item (ns) or a GB of input (s); as a share of the time (cores);
 *                  items a batch had in it
 * Rows with the unit "x raw" are ratios of rows above, taken round by round.
 *
 * The rows of a device have its name; a software device is a CPU, and its rows say nothing of GPUs.
 * Every result is compared with what the CPU gives; one that is wrong ends the bench.
 */
#ifndef YOKE_BENCH_GPU_BENCH_H
#define YOKE_BENCH_GPU_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gpu_bench_options {
    uint32_t workers;   /* of each runtime, and the larger number of threads of the floors */
    const char *cases;  /* names, or what they begin with, separated by commas; NULL: all */
    const char *policy; /* a policy file's path; NULL: none. start and rate have their own */
    uint32_t rounds;    /* at least 1; fewer are made where a case's share of the time is over */
    bool is_quick;      /* tiny sizes: tries the bench, measures nothing */
    bool json;
} gpu_bench_options;

/* Whether each of the names that `cases` lists is, or begins, a case's. False: *bad is the first
 * that is not, of *bad_bytes bytes. */
bool gpu_bench_knows(const char *cases, const char **bad, size_t *bad_bytes);

/*
 * Runs the cases and prints their rows to stdout; at the end, how they stand against the bars: with
 * json on stderr. The drivers' own caches on disk are switched off for the process, so that cold is
 * cold. False: `line` says why; a wrong result is one reason. *degraded: no device is ready, so
 * nothing was measured; `line` says why.
 */
bool gpu_bench_run(const gpu_bench_options *options, bool *degraded, char *line, size_t line_bytes);

#endif
