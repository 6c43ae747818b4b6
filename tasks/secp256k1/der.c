/*
 * Decodes ECDSA signatures from strict and from lax DER into r and s; der.h says what each form is.
 *
 * Owns nothing and keeps nothing: a reader (what is left of the input) lives on the stack of each
 * call. What always holds: a reader only ever shrinks, and every length is compared with what is
 * left before it is used, so no input can make a decoder read outside of it.
 *
 * Signatures are public; nothing here needs to run in constant time.
 */
#include "tasks/secp256k1/der.h"

#include <string.h>

#define DER_TAG_INTEGER 0x02
#define DER_TAG_SEQUENCE 0x30

/* BIP 66's 9 to 73 bytes, less the hash type. */
#define DER_STRICT_BYTES_MIN 8
#define DER_STRICT_BYTES_MAX 72

#define DER_LAX_LENGTH_BYTES_MAX 3

#define DER_SCALAR_BYTES 32

typedef struct der_reader {
    const uint8_t *data;
    size_t bytes;
} der_reader;

/* Cuts the first `bytes` bytes off the reader; false if there are fewer. */
static bool der_take(der_reader *reader, size_t bytes, der_reader *taken)
{
    if (bytes > reader->bytes) {
        return false;
    }
    *taken = (der_reader){reader->data, bytes};
    reader->bytes -= bytes;
    if (bytes > 0) { /* an empty reader's data may be NULL */
        reader->data += bytes;
    }
    return true;
}

static bool der_take_byte(der_reader *reader, uint8_t *byte)
{
    der_reader taken;
    if (!der_take(reader, 1, &taken)) {
        return false;
    }
    *byte = taken.data[0];
    return true;
}

static bool der_take_tag(der_reader *reader, uint8_t tag)
{
    uint8_t byte;
    return der_take_byte(reader, &byte) && byte == tag;
}

static void der_skip_zeros(der_reader *reader)
{
    while (reader->bytes > 0 && reader->data[0] == 0) {
        reader->data++;
        reader->bytes--;
    }
}

/* Writes an unsigned integer of any length as 32 bytes: the largest number if it does not fit. */
static void der_scalar(der_reader integer, uint8_t scalar[DER_SCALAR_BYTES])
{
    der_skip_zeros(&integer);
    if (integer.bytes > DER_SCALAR_BYTES) {
        memset(scalar, 0xff, DER_SCALAR_BYTES);
        return;
    }
    memset(scalar, 0, DER_SCALAR_BYTES);
    if (integer.bytes > 0) {
        memcpy(scalar + DER_SCALAR_BYTES - integer.bytes, integer.data, integer.bytes);
    }
}

static bool der_take_integer_strict(der_reader *reader, der_reader *integer)
{
    uint8_t bytes;
    if (!der_take_tag(reader, DER_TAG_INTEGER) || !der_take_byte(reader, &bytes) ||
        !der_take(reader, bytes, integer) || bytes == 0) {
        return false;
    }
    const uint8_t *data = integer->data;
    bool negative = data[0] & 0x80;
    bool padded = bytes > 1 && data[0] == 0 && !(data[1] & 0x80);
    return !negative && !padded;
}

bool der_parse_strict(const uint8_t *data, size_t bytes, uint8_t rs[DER_RS_BYTES])
{
    /* With so few bytes a length that is not in the short form (0x80 and above) is always longer
     * than what is left, so the checks of lengths refuse it. */
    if (bytes < DER_STRICT_BYTES_MIN || bytes > DER_STRICT_BYTES_MAX) {
        return false;
    }
    der_reader reader = {data, bytes};
    der_reader r, s;
    uint8_t sequence_bytes;
    if (!der_take_tag(&reader, DER_TAG_SEQUENCE) || !der_take_byte(&reader, &sequence_bytes) ||
        sequence_bytes != reader.bytes || !der_take_integer_strict(&reader, &r) ||
        !der_take_integer_strict(&reader, &s) || reader.bytes != 0) {
        return false;
    }
    der_scalar(r, rs);
    der_scalar(s, rs + DER_SCALAR_BYTES);
    return true;
}

/* A length octet that says "long form" tells in its low bits how many octets follow. */
static bool der_take_length_octets(der_reader *reader, uint8_t *first, der_reader *rest)
{
    return der_take_byte(reader, first) &&
           der_take(reader, *first & 0x80 ? *first & 0x7f : 0, rest);
}

static bool der_take_integer_lax(der_reader *reader, der_reader *integer)
{
    uint8_t first;
    der_reader rest;
    if (!der_take_tag(reader, DER_TAG_INTEGER) || !der_take_length_octets(reader, &first, &rest)) {
        return false;
    }
    if (!(first & 0x80)) {
        return der_take(reader, first, integer);
    }
    der_skip_zeros(&rest);
    if (rest.bytes > DER_LAX_LENGTH_BYTES_MAX) {
        return false;
    }
    size_t bytes = 0;
    for (size_t i = 0; i < rest.bytes; i++) {
        bytes = bytes << 8 | rest.data[i];
    }
    return der_take(reader, bytes, integer);
}

bool der_parse_lax(const uint8_t *data, size_t bytes, uint8_t rs[DER_RS_BYTES])
{
    der_reader reader = {data, bytes};
    der_reader r, s, skipped;
    uint8_t first;
    if (!der_take_tag(&reader, DER_TAG_SEQUENCE) ||
        !der_take_length_octets(&reader, &first, &skipped) || !der_take_integer_lax(&reader, &r) ||
        !der_take_integer_lax(&reader, &s)) {
        return false;
    }
    der_scalar(r, rs);
    der_scalar(s, rs + DER_SCALAR_BYTES);
    return true;
}
