/*
 * Copying to and from a slot's memory: a submitter does small jobs' data alone, and large ones'
 * together with the workers that have nothing else to do.
 */
#ifndef YOKE_COPY_H
#define YOKE_COPY_H

#include "batch.h"

/* A batch_copier; context: the submitter. */
void copy_submitter(void *context, const batch_copy *copies, uint32_t num_copies);

#endif
