/*
 * Filling batches from the lanes. A submitter's thread.
 */
#ifndef YOKE_FILL_H
#define YOKE_FILL_H

#include "submitter.h"

/* A slot whose batch may be opened, or NULL. */
batch *fill_free_slot(submitter *s);

/* Whether the submitter holds a ticket of the type that it can use now. */
bool fill_has_held(const submitter *s, uint32_t type);

/* Fills the type's open batch from its lane, and opens one if need be; whether anything was taken:
 * then *now_ns moves on. */
bool fill_type(submitter *s, yoke_type *type, const snapshot *tuning, uint64_t *now_ns);

/* Whether tickets wait because every slot is taken: for longer than they should, and the workers
 * may have them. */
void fill_look_at_lane(submitter *s, const yoke_type *type, const snapshot *tuning,
                       uint64_t now_ns);

#endif
