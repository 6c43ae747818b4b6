/*
 * Hex decoding. Owns nothing; pure over the caller's buffer, any thread, no allocation.
 * Always holds: decoding in place is safe as the two digits of a byte are read before it is
 * written, at or before the first of them. Costs a few comparisons a digit.
 */
#include "hex.h"

#include <stdio.h>

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    uint8_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool hex_is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t hex_skip_space(const uint8_t *data, size_t bytes, size_t at)
{
    while (at < bytes && hex_is_space(data[at])) {
        at++;
    }
    return at;
}

bool hex_is_text(const uint8_t *data, size_t bytes)
{
    size_t at = hex_skip_space(data, bytes, 0);
    if (at < bytes && data[at] == '"') {
        at++;
    }
    if (bytes - at < 8) {
        return false;
    }
    for (size_t i = 0; i < 8; i++) {
        if (hex_digit(data[at + i]) < 0) {
            return false;
        }
    }
    return true;
}

bool hex_decode(uint8_t *data, size_t *bytes, size_t *bad)
{
    size_t at = hex_skip_space(data, *bytes, 0);
    bool is_quoted = at < *bytes && data[at] == '"';
    at += is_quoted;
    size_t decoded = 0;
    while (at < *bytes && hex_digit(data[at]) >= 0) {
        if (at + 1 >= *bytes || hex_digit(data[at + 1]) < 0) {
            *bad = at;
            return false;
        }
        data[decoded++] = (uint8_t)(hex_digit(data[at]) << 4 | hex_digit(data[at + 1]));
        at += 2;
    }
    if (is_quoted && (at == *bytes || data[at] != '"')) {
        *bad = at;
        return false;
    }
    at += is_quoted;
    at = hex_skip_space(data, *bytes, at);
    *bad = at;
    bool ends_here = at == *bytes;
    *bytes = decoded;
    return ends_here;
}

void hex_hash(const uint8_t hash[32], char text[65])
{
    for (int i = 0; i < 32; i++) {
        snprintf(text + 2 * i, 3, "%02x", hash[31 - i]);
    }
}
