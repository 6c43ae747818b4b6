/*
 * Elements of the base field of BLS12-381 to calculate with: every pair of edges, then random ones.
 */
#ifndef YOKE_TESTS_TASKS_ELEMENT_H
#define YOKE_TESTS_TASKS_ELEMENT_H

#include <stdint.h>

#include "tests/tasks/support.h"

#define ELEMENT_BYTES 48

/* So many edges there are; the pairs of them have the numbers below ELEMENT_EDGE_PAIRS. */
#define ELEMENT_EDGES 20
#define ELEMENT_EDGE_PAIRS (ELEMENT_EDGES * ELEMENT_EDGES)

#define ELEMENT_EDGES_BELOW 13 /* the first ones, which are below p */
#define ELEMENT_ONE 7          /* the number of 2^384 modulo p: 1 in Montgomery form */

/* Edge number `index`. */
void element_edge(uint32_t index, uint8_t element[ELEMENT_BYTES]);

/* A random element below p. */
void element_random(support_random *random, uint8_t element[ELEMENT_BYTES]);

/* Pair number `index`. Of the random ones a quarter is not reduced, and a quarter has limbs of
 * zeros and ones. */
void element_pair(support_random *random, uint32_t index, uint8_t a[ELEMENT_BYTES],
                  uint8_t b[ELEMENT_BYTES]);

#endif
