/*
 * Proof of work. Owns nothing; pure, any thread, constant time and memory.
 * Always holds: a target that is negative, zero or wider than 256 bits is never met. The order of
 * the three tests is that of Bitcoin's consensus: a mantissa of zero is zero whatever its sign.
 * Costs tens of nanoseconds.
 * Source: the "compact" encoding of the difficulty bits, as Bitcoin's consensus code reads it.
 */
#include "pow.h"

#include <string.h>

pow_result pow_target(uint32_t bits, uint8_t target[32])
{
    uint32_t exponent = bits >> 24;
    uint32_t mantissa = bits & 0x7fffff;
    memset(target, 0, 32);
    /* With an exponent below 3 the low bytes of the mantissa fall off, before its zero is judged.
     */
    if (exponent < 3) {
        mantissa >>= 8 * (3 - exponent);
    }
    if (mantissa == 0) {
        return POW_ZERO;
    }
    if ((bits & 0x800000) != 0) {
        return POW_NEGATIVE;
    }
    uint32_t shift = exponent < 3 ? 0 : exponent - 3;
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t byte = (uint8_t)(mantissa >> (8 * i));
        if (byte != 0 && shift + i >= 32) {
            return POW_OVERFLOW;
        }
        if (byte != 0) {
            target[shift + i] = byte;
        }
    }
    return POW_MET;
}

pow_result pow_check(const uint8_t hash[32], uint32_t bits)
{
    uint8_t target[32];
    pow_result result = pow_target(bits, target);
    if (result != POW_MET) {
        return result;
    }
    for (int i = 31; i >= 0; i--) {
        if (hash[i] != target[i]) {
            return hash[i] < target[i] ? POW_MET : POW_MISSED;
        }
    }
    return POW_MET;
}

const char *pow_text(pow_result result)
{
    switch (result) {
    case POW_MET:
        return "the header's hash meets its target";
    case POW_MISSED:
        return "the header's hash is above its target: no proof of work";
    case POW_NEGATIVE:
        return "the header's target is negative";
    case POW_ZERO:
        return "the header's target is zero";
    case POW_OVERFLOW:
        return "the header's target is wider than 256 bits";
    }
    return "unknown";
}
