/*
 * Turns C11's atomic operations into steps of the step scheduler. Include it before the code under
 * test, which stays as it is: its own <stdatomic.h> has been included then and is skipped.
 *
 * Objects of 1, 2, 4 and 8 bytes: integers, bool, pointers. Operators on atomic objects (x++, x =
 * 1, reading x by name) and compilers' __atomic builtins are not seen: the code must not use them.
 */
#ifndef YOKE_TESTS_STEP_ATOMICS_H
#define YOKE_TESTS_STEP_ATOMICS_H

#include <stdatomic.h>

#include "tests/step/step.h"

#undef atomic_init
#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_weak_explicit
#undef atomic_fetch_add
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_and
#undef atomic_fetch_and_explicit
#undef atomic_fetch_or
#undef atomic_fetch_or_explicit
#undef atomic_fetch_xor
#undef atomic_fetch_xor_explicit
#undef atomic_thread_fence

/* The type of what `object` points at, without _Atomic: the comma takes the value. */
#define STEP_TYPE(object) __typeof__((void)0, *(object))
#define STEP_BITS(object, value) ((uint64_t)(STEP_TYPE(object))(value))
/* A statement, since its value may stay unused. */
#define STEP_FETCH(object, update, operand, order)                                                 \
    ({                                                                                             \
        (STEP_TYPE(object))                                                                        \
            step_fetch((object), sizeof *(object), (update), STEP_BITS(object, operand), (order)); \
    })

#define atomic_load_explicit(object, order)                                                        \
    ((STEP_TYPE(object))step_load((object), sizeof *(object), (order)))
#define atomic_store_explicit(object, value, order)                                                \
    step_store((object), sizeof *(object), STEP_BITS(object, value), (order))
#define atomic_exchange_explicit(object, value, order)                                             \
    STEP_FETCH(object, STEP_EXCHANGE, value, order)
#define atomic_compare_exchange_strong_explicit(object, expected, value, order, failure)           \
    step_compare((object), sizeof *(object), (expected), STEP_BITS(object, value), (order),        \
                 (failure))
#define atomic_compare_exchange_weak_explicit atomic_compare_exchange_strong_explicit
#define atomic_fetch_add_explicit(object, value, order) STEP_FETCH(object, STEP_ADD, value, order)
#define atomic_fetch_sub_explicit(object, value, order) STEP_FETCH(object, STEP_SUB, value, order)
#define atomic_fetch_and_explicit(object, value, order) STEP_FETCH(object, STEP_AND, value, order)
#define atomic_fetch_or_explicit(object, value, order) STEP_FETCH(object, STEP_OR, value, order)
#define atomic_fetch_xor_explicit(object, value, order) STEP_FETCH(object, STEP_XOR, value, order)
#define atomic_thread_fence(order) step_fence(order)

#define atomic_init(object, value) atomic_store_explicit(object, value, memory_order_relaxed)
#define atomic_load(object) atomic_load_explicit(object, memory_order_seq_cst)
#define atomic_store(object, value) atomic_store_explicit(object, value, memory_order_seq_cst)
#define atomic_exchange(object, value) atomic_exchange_explicit(object, value, memory_order_seq_cst)
#define atomic_compare_exchange_strong(object, expected, value)                                    \
    atomic_compare_exchange_strong_explicit(object, expected, value, memory_order_seq_cst,         \
                                            memory_order_seq_cst)
#define atomic_compare_exchange_weak atomic_compare_exchange_strong
#define atomic_fetch_add(object, value)                                                            \
    atomic_fetch_add_explicit(object, value, memory_order_seq_cst)
#define atomic_fetch_sub(object, value)                                                            \
    atomic_fetch_sub_explicit(object, value, memory_order_seq_cst)
#define atomic_fetch_and(object, value)                                                            \
    atomic_fetch_and_explicit(object, value, memory_order_seq_cst)
#define atomic_fetch_or(object, value) atomic_fetch_or_explicit(object, value, memory_order_seq_cst)
#define atomic_fetch_xor(object, value)                                                            \
    atomic_fetch_xor_explicit(object, value, memory_order_seq_cst)

/* Headers for C++ hosts have no <stdatomic.h>, and use these on objects that are not _Atomic. */
#define __atomic_load_n(object, order) atomic_load_explicit(object, order)
#define __atomic_store_n(object, value, order) atomic_store_explicit(object, value, order)
#define __atomic_exchange_n(object, value, order) atomic_exchange_explicit(object, value, order)
#define __atomic_compare_exchange_n(object, expected, value, weak, order, failure)                 \
    atomic_compare_exchange_strong_explicit(object, expected, value, order, failure)

#endif
