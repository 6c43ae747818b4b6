/*
 * The task type vector_add: adds pairs of 32-bit numbers, wrapping around.
 *
 *   in[0], in[1]   uint32_t an item
 *   out            uint32_t an item
 */
#ifndef VECTOR_ADD_H
#define VECTOR_ADD_H

#include <yoke/yoke.h>

/* Registers the type; *type lives as long as the runtime. Fails as yoke_register does. */
yoke_status vector_add_register(yoke_runtime *rt, const yoke_type **type);

/* Its CPU kernel, for tests that hold the GPU kernel against it. */
yoke_status vector_add_cpu(yoke_worker *worker, const yoke_claim *claim);

#endif
