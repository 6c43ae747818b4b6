/*
 * The bounds-checked reader. Owns nothing: pure functions over the caller's buffer and reader, any
 * thread, no allocation.
 * Always holds: `at` never passes `size`, a failed read moves nothing, and the first fault stays.
 * Lengths are compared with what is left, never added to an offset, so no sum can wrap around.
 * Costs one comparison a read.
 */
#include "bytes.h"

uint32_t bytes_get_u32(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
           (uint32_t)data[3] << 24;
}

uint64_t bytes_get_u64(const uint8_t *data)
{
    return (uint64_t)bytes_get_u32(data) | (uint64_t)bytes_get_u32(data + 4) << 32;
}

void bytes_put_u32(uint8_t *data, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        data[i] = (uint8_t)(value >> (8 * i));
    }
}

static void bytes_fail(bytes_reader *reader, bytes_fault fault, const char *field)
{
    if (reader->fault == BYTES_FINE) {
        reader->fault = fault;
        reader->field = field;
    }
}

const uint8_t *bytes_read_view(bytes_reader *reader, uint64_t bytes, const char *field)
{
    if (reader->fault != BYTES_FINE || bytes > bytes_left(reader)) {
        bytes_fail(reader, BYTES_SHORT, field);
        return NULL;
    }
    const uint8_t *view = reader->data + reader->at;
    reader->at += (size_t)bytes;
    return view;
}

uint32_t bytes_read_u32(bytes_reader *reader, const char *field)
{
    const uint8_t *view = bytes_read_view(reader, 4, field);
    return view != NULL ? bytes_get_u32(view) : 0;
}

uint64_t bytes_read_u64(bytes_reader *reader, const char *field)
{
    const uint8_t *view = bytes_read_view(reader, 8, field);
    return view != NULL ? bytes_get_u64(view) : 0;
}

uint64_t bytes_read_compact(bytes_reader *reader, const char *field)
{
    size_t start = reader->at;
    const uint8_t *head = bytes_read_view(reader, 1, field);
    if (head == NULL || *head < 0xfd) {
        return head != NULL ? *head : 0;
    }
    unsigned width = 2u << (*head - 0xfd);
    const uint8_t *body = bytes_read_view(reader, width, field);
    uint64_t value = 0;
    for (unsigned i = 0; body != NULL && i < width; i++) {
        value |= (uint64_t)body[i] << (8 * i);
    }
    uint64_t least = width == 2 ? 0xfd : (uint64_t)1 << (4 * width);
    if (body != NULL && value < least) {
        bytes_fail(reader, BYTES_NOT_SHORTEST, field);
    }
    if (reader->fault != BYTES_FINE) {
        reader->at = start;
        return 0;
    }
    return value;
}

uint64_t bytes_read_varint(bytes_reader *reader, const char *field)
{
    size_t start = reader->at;
    uint64_t value = 0;
    for (;;) {
        const uint8_t *byte = bytes_read_view(reader, 1, field);
        if (byte != NULL && value > UINT64_MAX >> 7) {
            bytes_fail(reader, BYTES_TOO_LARGE, field);
        }
        value = byte != NULL ? value << 7 | (*byte & 0x7f) : 0;
        if (byte != NULL && (*byte & 0x80) != 0 && value++ == UINT64_MAX) {
            bytes_fail(reader, BYTES_TOO_LARGE, field);
        }
        if (reader->fault != BYTES_FINE) {
            reader->at = start;
            return 0;
        }
        if ((*byte & 0x80) == 0) {
            return value;
        }
    }
}

size_t bytes_put_compact(uint8_t *data, uint64_t value)
{
    if (value < 0xfd) {
        data[0] = (uint8_t)value;
        return 1;
    }
    unsigned order = value <= UINT16_MAX ? 0 : value <= UINT32_MAX ? 1 : 2;
    unsigned width = 2u << order;
    data[0] = (uint8_t)(0xfd + order);
    for (unsigned i = 0; i < width; i++) {
        data[1 + i] = (uint8_t)(value >> (8 * i));
    }
    return 1 + width;
}
