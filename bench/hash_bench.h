/*
 * The bench of small work: SHA-256 of 64-byte messages, by yoke on each engine and by plain loops
 * over the same CPU kernel, in turns.
 *
 * Rows, a case each; "engine" is "yoke", "yoke gpu", "yoke auto" or a peer:
 *   one_job        ns an item of one large job, from submit to the end of the wait, in ordinary
 *                  memory. Peers: the loop on one thread and on as many as there are workers (that
 *                  already run), and one thread's copy of the job's bytes
 *   one_job_alloc  the same in memory from yoke_alloc
 *   over_peer      yoke's time over that of the quicker loop, on one thread or all, in the same
 *                  round; "alloc" in its param: of one_job_alloc
 *   gpu_share      the percentage of the items that devices ran
 *   small_jobs     ns a job of one item, submitted one by one from four threads, a group a thread.
 *                  Peer: four threads that call the kernel once an item
 *   mean_batch     items a batch had in it, on the engines with devices
 *   round_trip     us from submit to the end of the wait, one item, the runtime asleep before.
 *                  Peer: a thread behind a mutex and a condition variable
 * "device" of a row with devices names them; of the others, the CPU.
 *
 * After each run, outside its time, every digest is compared with what the CPU kernel gives.
 */
#ifndef YOKE_BENCH_HASH_BENCH_H
#define YOKE_BENCH_HASH_BENCH_H

#include <yoke/yoke.h>

typedef struct hash_bench_options {
    uint32_t workers;   /* of each runtime, and the larger number of threads of the loops */
    yoke_engine engine; /* beside the CPU's; YOKE_ENGINE_POLICY: all that have a device */
    const char *policy; /* a policy file's path; NULL: none */
    uint32_t rounds;    /* at most, at least 1; one more round warms up. Fewer where a case's share
                         * of the time, about a minute in all, is over */
    bool is_quick;      /* tiny sizes: tries the bench, measures nothing */
    bool json;
} hash_bench_options;

/*
 * Runs the bench and prints its rows to stdout; a run that would take too long is left out, with a
 * line on stderr, and sizes that half of the memory cannot hold. False: `line` says why; a wrong
 * digest is one reason. *degraded: GPUs were asked for and none is ready; `line` says why.
 */
bool hash_bench_run(const hash_bench_options *options, bool *degraded, char *line,
                    size_t line_bytes);

#endif
