/*
 * A bounds-checked reader over a byte buffer.
 *
 * The reader is sticky: the first read that fails is remembered with its offset, and every read
 * after it gives zero and changes nothing. So a parser may read several fields and look once.
 *   Threads:  one at a time for a reader; the buffer is only read.
 *   Owns:     nothing; views point into the buffer and live as long as it does.
 */
#ifndef YOKE_CLI_BITCOIN_BYTES_H
#define YOKE_CLI_BITCOIN_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum bytes_fault {
    BYTES_FINE,
    BYTES_SHORT,        /* the buffer ends inside the field */
    BYTES_NOT_SHORTEST, /* a CompactSize that a shorter form could have held */
    BYTES_TOO_LARGE,    /* a VARINT of more than 64 bits */
} bytes_fault;

typedef struct bytes_reader {
    const uint8_t *data;
    size_t size;
    size_t at; /* the next byte to read; where the failing field starts once fault is set */
    bytes_fault fault;
    const char *field; /* the field that failed */
} bytes_reader;

/* Little-endian numbers at an address that is known to hold them. */
uint32_t bytes_get_u32(const uint8_t *data);
uint64_t bytes_get_u64(const uint8_t *data);
void bytes_put_u32(uint8_t *data, uint32_t value);

/* How many bytes are left. */
static inline size_t bytes_left(const bytes_reader *reader)
{
    return reader->size - reader->at;
}

/* `field` names what is read, for messages: a string that outlives the reader. */
uint32_t bytes_read_u32(bytes_reader *reader, const char *field);
uint64_t bytes_read_u64(bytes_reader *reader, const char *field);

/* Bitcoin's CompactSize: 1, 3, 5 or 9 bytes; only the shortest form is accepted. */
uint64_t bytes_read_compact(bytes_reader *reader, const char *field);

/*
 * Bitcoin Core's VARINT (serialize.h): groups of seven bits, most significant first, all but the
 * last with the top bit set and one subtracted, so that every number has one form. At most 10
 * bytes.
 */
uint64_t bytes_read_varint(bytes_reader *reader, const char *field);

/* A view of `bytes` bytes, or NULL. */
const uint8_t *bytes_read_view(bytes_reader *reader, uint64_t bytes, const char *field);

/* Writes a CompactSize (at most 9 bytes) and returns its length. */
size_t bytes_put_compact(uint8_t *data, uint64_t value);

#endif
