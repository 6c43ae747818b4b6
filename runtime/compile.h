/*
 * Compiling the types' GPU kernels on a device. Its submitter's thread.
 */
#ifndef YOKE_COMPILE_H
#define YOKE_COMPILE_H

#include "submitter.h"

/* Gives every type its turn that was registered since. `slot`: a free one, for a trial; NULL: none
 * is free. *any becomes true if anything was done. If a trial is to be sent to the device it is
 * returned, else NULL. */
batch *compile_new_types(submitter *s, batch *slot, bool *any);

/* The trial could not be sent, or has not come back: the device does not serve its type. */
void compile_trial_failed(submitter *s);

/* The device serves the type no longer. */
void compile_forget(submitter *s, yoke_type *type);

#endif
