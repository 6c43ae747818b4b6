/*
 * Merkle tree steps. Owns nothing; pure over the caller's level, any thread.
 * Always holds: only the place for the padding is written, and twins are told before padding
 * makes some. Costs one comparison a pair.
 */
#include "merkle.h"

#include <string.h>

bool merkle_has_twins(const uint8_t *level, size_t num, size_t *pair)
{
    for (size_t i = 0; i < num / 2; i++) {
        if (memcmp(level + 64 * i, level + 64 * i + 32, 32) == 0) {
            *pair = i;
            return true;
        }
    }
    return false;
}

size_t merkle_pad(uint8_t *level, size_t num)
{
    if (num % 2 != 0) {
        memcpy(level + 32 * num, level + 32 * (num - 1), 32);
    }
    return (num + 1) / 2;
}
