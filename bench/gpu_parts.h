/*
 * The parts of the device bench, a file each. Each function runs one case, or several, prints their
 * rows, and answers false if run->error is set.
 */
#ifndef YOKE_BENCH_GPU_PARTS_H
#define YOKE_BENCH_GPU_PARTS_H

#include "gpu_cases.h"

/* gpu_start.c */
bool gpu_start_create(gpu_run *run, const char *name);
bool gpu_start_cold(gpu_run *run, const char *name);
bool gpu_start_warm(gpu_run *run, const char *name);

/* gpu_empty.c */
bool gpu_empty_awake(gpu_run *run, const char *name);
bool gpu_empty_parked(gpu_run *run, const char *name);

/* gpu_rate.c */
bool gpu_rate(gpu_run *run, const char *name);

/* gpu_transfer.c */
bool gpu_transfer(gpu_run *run, const char *name);

/* gpu_coalesce.c */
bool gpu_coalesce(gpu_run *run, const char *name);

/* gpu_sha256.c */
bool gpu_sha256(gpu_run *run, const char *name);

/* gpu_merkle.c */
bool gpu_merkle(gpu_run *run, const char *name);

/* gpu_field.c */
bool gpu_field_add(gpu_run *run, const char *name);
bool gpu_field_mul(gpu_run *run, const char *name);
bool gpu_field_one_shot(gpu_run *run, const char *name);

/* gpu_load.c */
bool gpu_load(gpu_run *run, const char *name);

#endif
