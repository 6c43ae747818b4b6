/*
 * The host backend: CPU kernels behind the table of a GPU API. For tests of everything above the
 * table without a GPU, and to show what a new backend has to do.
 *
 * One device, "host". Addresses are pointers. A submit only queues: completed() runs the oldest
 * batch, if there is one, and wait() runs batches up to the value asked for, both on the thread
 * that calls. So between submit and them a batch really is in flight.
 *
 * What differs from a GPU: a batch that has begun runs to its end, so wait() may be late by one
 * batch, and completed() takes as long as one; and a kernel may fail, which loses the device, so
 * that its jobs run again on the CPU and get their status there.
 */
#ifndef YOKE_BACKENDS_HOST_H
#define YOKE_BACKENDS_HOST_H

#include "backends/backend.h"

extern const backend_ops host_ops;

/* For tests: from now on the device is lost; what was in flight never completes.
 *   Threads:  the device's submitter. */
void host_lose(backend_device *device);

#endif
