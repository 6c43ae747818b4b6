/*
 * Compiling the types' GPU kernels on a device. Its submitter's thread.
 */
#ifndef YOKE_COMPILE_H
#define YOKE_COMPILE_H

#include "submitter.h"

/* Gives every type that was registered since its turn. False: there was none. */
bool compile_new_types(submitter *s);

/* The device serves the type no longer. */
void compile_forget(submitter *s, yoke_type *type);

#endif
