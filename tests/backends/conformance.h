/*
 * What every backend must do: one suite, run against each.
 */
#ifndef YOKE_TESTS_BACKENDS_CONFORMANCE_H
#define YOKE_TESTS_BACKENDS_CONFORMANCE_H

#include "tests/backends/fixture.h"

/* Runs the whole suite; returns how many tests failed. */
int conformance_run(const subject *backend);

/* operations.c's part of it. */
int operations_run(const subject *backend, uint64_t from_seed);

#endif
