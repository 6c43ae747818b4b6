/*
 * What becomes of batches that a device has had. Its submitter's thread.
 */
#ifndef YOKE_RETIRE_H
#define YOKE_RETIRE_H

#include "submitter.h"

/* Settles the batches that the device has come to; *any becomes true if there were some.
 * YOKE_NO_DEVICE: it is lost. */
yoke_status retire_done(submitter *s, bool *any);

/* The device did not run it: the workers do. It is out of the device's reach already. */
void retire_fail(submitter *s, batch *b);

/* All of the job has run, here or elsewhere. */
void retire_settle(submitter *s, yoke_job *job);

/* So much more cost of the batch's type, modulo 2^64, is with devices. */
void retire_count_ahead(const batch *b, uint64_t cost);

/* Since when the device has had nothing to do before the batch. */
uint64_t retire_begun_ns(const submitter *s, const batch *b);

#endif
