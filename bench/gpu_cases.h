/*
 * What the parts of the device bench share: a case's rows, which take turns, and how they are
 * printed, compared and held against bars.
 *   Threads:  one.
 */
#ifndef YOKE_BENCH_GPU_CASES_H
#define YOKE_BENCH_GPU_CASES_H

#include "gpu_bench.h"
#include "gpu_engine.h"
#include "gpu_raw.h"
#include "pool_bars.h"
#include "rows.h"

#define GPU_ROWS_MAX 64 /* of a case */
#define GPU_FIGURES_MAX 4

typedef struct gpu_run {
    const gpu_bench_options *options;
    gpu_engine engine;
    gpu_raw *raw;
    rows_output output;
    pool_bars bars;
    uint64_t seed;
    char *error;
    size_t error_bytes;
} gpu_run;

typedef struct gpu_figure {
    const char *name; /* the rows' case */
    const char *unit;
    const char *better;
    double *samples;
    double *medians; /* of each round's samples */
} gpu_figure;

/* Somebody who does the work; a printed row for each of its figures, the case's own first. */
typedef struct gpu_row {
    char engine[24];
    char param[40];
    bool is_cpu; /* done by the machine's CPU */
    int kind;    /* the part's own, with what follows */
    uint32_t size, jobs;
    bool is_alloc;
    yoke_runtime *rt;
    gpu_figure figures[GPU_FIGURES_MAX];
    size_t num_figures;
    size_t num_samples; /* of each figure */
    uint32_t rounds;
} gpu_row;

typedef struct gpu_case gpu_case;

struct gpu_case {
    gpu_run *run;
    const char *name;
    const char *unit;
    const char *better;
    uint32_t samples; /* of a row, a round */
    bool has_seed;    /* the work is random, from the run's seed */
    /* Measures a row for a round: gpu_case_sample for each sample. False: run->error is set. */
    bool (*once)(gpu_case *c, gpu_row *row);
    void *part;
    gpu_row rows[GPU_ROWS_MAX];
    size_t num_rows;
};

/* Sets run->error; false. */
bool gpu_run_fail(gpu_run *run, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* True if the status is YOKE_OK; else sets run->error. */
bool gpu_run_expect(gpu_run *run, const gpu_row *row, yoke_status status);

/* True if all of raw Vulkan's calls went well; else sets run->error. */
bool gpu_run_expect_raw(gpu_run *run);

/* True if `num` bytes are as they should be; else sets run->error. */
bool gpu_run_check(gpu_run *run, const gpu_row *row, const void *got, const void *wanted,
                   size_t num);

/* CPU time of all of the process's threads. */
uint64_t gpu_run_cpu_ns(void);

/* Adds a row with its first figure; param is a printf format. Never NULL. */
gpu_row *gpu_case_add(gpu_case *c, int kind, const char *engine, const char *param, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds a figure to a row. */
void gpu_row_add(gpu_row *row, const char *name, const char *unit, const char *better);

/* Adds a sample, of each figure, to a row that is being measured. */
void gpu_case_sample(gpu_case *c, gpu_row *row, const double *values);

/*
 * Measures all rows: a round to warm up, then rounds until options->rounds are made or the budget
 * is over, but one at least. Then prints the rows. Fails if the GPU runtime's CPU kernels have run
 * an item meanwhile. Free the case afterwards, whatever it returned.
 */
bool gpu_case_run(gpu_case *c, uint64_t budget_ns);

void gpu_case_free(gpu_case *c);

/* The row of that engine and param; NULL: none. */
const gpu_row *gpu_case_find(const gpu_case *c, const char *engine, const char *param);

/* The median of its figure of that index. After the case ran. */
double gpu_row_p50(const gpu_row *row, size_t figure);

/* Prints a row's first figure over another's, taken round by round, in the unit "x raw"; the
 * median of these. NAN, and run->error is set: out of memory. */
double gpu_case_over(gpu_case *c, const gpu_row *row, const gpu_row *raw);

/* Hold a figure of a row, in that unit, against a bar. */
void gpu_case_at_most(gpu_case *c, const gpu_row *row, const char *unit, double value,
                      double limit);
void gpu_case_at_least(gpu_case *c, const gpu_row *row, const char *unit, double value,
                       double limit);

#endif
