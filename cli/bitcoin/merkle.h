/*
 * The steps of Bitcoin's Merkle tree around the hashing, which the caller does: a level is `num`
 * hashes of 32 bytes in a row, and the next one is the double SHA-256 of each pair.
 */
#ifndef YOKE_CLI_BITCOIN_MERKLE_H
#define YOKE_CLI_BITCOIN_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether two hashes that are about to be paired are equal. As an odd last hash is paired with
 * itself, a block can be given a second form, with its last transactions listed twice, that has
 * the same root (CVE-2012-2459). Such a form is not the block: it has to be refused.
 * Look at every level, before padding. *pair is the index of the first pair that is equal.
 */
bool merkle_has_twins(const uint8_t *level, size_t num, size_t *pair);

/*
 * Pads a level of more than one hash to whole pairs, by repeating the last hash if num is odd, and
 * returns the number of pairs. The level must have room for num + 1 hashes.
 */
size_t merkle_pad(uint8_t *level, size_t num);

#endif
