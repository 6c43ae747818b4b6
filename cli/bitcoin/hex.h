/*
 * Hex digits to bytes and back.
 */
#ifndef YOKE_CLI_BITCOIN_HEX_H
#define YOKE_CLI_BITCOIN_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether data is meant as text of hex digits, bare or in double quotes as a JSON string, with
 * white space around: told by its first 8 characters after white space and quote. A raw block
 * cannot start so: its version and previous hash would have to be eight ASCII digits in a row.
 */
bool hex_is_text(const uint8_t *data, size_t bytes);

/*
 * Decodes such text in place; *bytes becomes the number of bytes decoded.
 * On failure *bad is the index of the first character that does not belong, or that of the last
 * digit if their number is odd; the data is then partly decoded.
 */
bool hex_decode(uint8_t *data, size_t *bytes, size_t *bad);

/* Writes a hash as Bitcoin shows it: 64 digits, last byte first, and a zero byte. */
void hex_hash(const uint8_t hash[32], char text[65]);

#endif
