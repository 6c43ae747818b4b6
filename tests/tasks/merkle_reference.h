/*
 * Merkle trees from their definition: slow, and with nothing in common with the pack but its flags.
 */
#ifndef YOKE_TESTS_TASKS_MERKLE_REFERENCE_H
#define YOKE_TESTS_TASKS_MERKLE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The nodes above num_leaves leaves; of one leaf 1, the leaf itself. */
size_t merkle_reference_nodes(uint32_t num_leaves);

/* All of them, from the level above the leaves to the root; flags: YOKE_MERKLE_ODD_*. */
void merkle_reference_build(uint8_t *above, const uint8_t *leaves, uint32_t num_leaves,
                            uint32_t flags, bool twice);

#endif
