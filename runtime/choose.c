/*
 * Matches the names of a list with a device. Owns nothing; pure, any thread.
 * Always holds: reads no further than the name's bytes, which need not end with a zero, and the
 * device's own; what a name is told for (index, UUID, piece) depends on the name alone.
 * Costs a search of the device's name for each name of the list; run once for each device found.
 */
#include "choose.h"

#include <string.h>

#include "policy.h"

/* By hand: tolower and isxdigit follow the host's locale. */
static char choose_lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

/* A hexadecimal digit's value; 16: it is none. */
static uint8_t choose_hex(char digit)
{
    char lower = choose_lower(digit);
    if (lower >= '0' && lower <= '9') {
        return (uint8_t)(lower - '0');
    }
    return lower >= 'a' && lower <= 'f' ? (uint8_t)(lower - 'a' + 10) : 16;
}

static bool choose_read_uuid(const char *name, size_t bytes, uint8_t uuid[CHOOSE_UUID_BYTES])
{
    size_t digits = 0;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t value = choose_hex(name[i]);
        if (name[i] == '-') {
            continue;
        }
        if (value > 15 || digits == (size_t)2 * CHOOSE_UUID_BYTES) {
            return false;
        }
        uuid[digits / 2] = (uint8_t)(digits % 2 == 0 ? value << 4 : uuid[digits / 2] | value);
        digits++;
    }
    return digits == (size_t)2 * CHOOSE_UUID_BYTES;
}

/* A number that is too large is none that a device has. */
static bool choose_read_index(const char *name, size_t bytes, uint32_t *index)
{
    *index = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
        uint32_t digit = (uint32_t)(name[i] - '0');
        *index = *index > (UINT32_MAX - digit) / 10 ? UINT32_MAX : *index * 10 + digit;
    }
    return bytes > 0;
}

static bool choose_has_piece(const char *text, const char *piece, size_t bytes)
{
    size_t text_bytes = strlen(text);
    for (size_t from = 0; from + bytes <= text_bytes; from++) {
        size_t same = 0;
        while (same < bytes && choose_lower(text[from + same]) == choose_lower(piece[same])) {
            same++;
        }
        if (same == bytes) {
            return true;
        }
    }
    return false;
}

bool choose_means(const char *name, size_t bytes, const choose_device *device)
{
    uint8_t uuid[CHOOSE_UUID_BYTES];
    uint32_t index;
    if (choose_read_uuid(name, bytes, uuid)) {
        return memcmp(uuid, device->uuid, sizeof uuid) == 0;
    }
    if (choose_read_index(name, bytes, &index)) {
        return index == device->index;
    }
    return bytes > 0 && choose_has_piece(device->name, name, bytes);
}

bool choose_names(const char *list, const choose_device *device)
{
    const char *name;
    size_t bytes;
    while ((name = policy_list_next(&list, &bytes)) != NULL) {
        if (choose_means(name, bytes, device)) {
            return true;
        }
    }
    return false;
}
