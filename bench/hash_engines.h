/*
 * The runtimes that the hash bench measures: one for each engine.
 */
#ifndef YOKE_BENCH_HASH_ENGINES_H
#define YOKE_BENCH_HASH_ENGINES_H

#include <yoke/yoke.h>

#include <stdbool.h>
#include <stdint.h>

#define HASH_ENGINES_MAX 3

typedef struct hash_engine {
    yoke_engine kind;
    const char *name; /* "yoke", "yoke gpu", "yoke auto": the rows' engine */
    char device[512]; /* names of the devices that are ready; empty: only the CPU's workers run */
    yoke_runtime *rt;
    const yoke_type *type; /* sha256 */
} hash_engine;

typedef struct hash_engines {
    hash_engine list[HASH_ENGINES_MAX]; /* the CPU's first */
    uint32_t num;
    bool is_degraded; /* the GPU engine was asked for, and there is no device for it */
    bool has_none;    /* engines with devices were left out: none is ready */
    char why[512];    /* if is_degraded: one line */
} hash_engines;

typedef struct hash_engines_options {
    yoke_engine engine; /* YOKE_ENGINE_POLICY: all */
    const char *policy; /* a policy file's path; NULL: none */
    uint32_t num_workers;
} hash_engines_options;

/*
 * The CPU's always; auto and gpu if asked for by name, or if all are and a device is ready for auto
 * (so that software devices, which the runtime's gpu engine takes too, are measured only where they
 * are asked for: by --engine gpu, or by the policy). gpu is left out if no device is ready.
 * False: `error` holds one line; close it all the same.
 */
bool hash_engines_open(hash_engines *engines, const hash_engines_options *options, char *error,
                       size_t error_bytes);

void hash_engines_close(hash_engines *engines);

#endif
