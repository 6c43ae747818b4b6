/*
 * Which devices the policy's gpu.devices names.
 *
 * A name of the list is, in this order: an index, if it is digits alone, but for 32 of them; a
 * UUID, if it is 32 hexadecimal digits, with dashes anywhere; else a piece of the device's name.
 * Capitals are as good as small letters (of ASCII). A name may mean several devices. Pure, any
 * thread.
 */
#ifndef YOKE_CHOOSE_H
#define YOKE_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHOOSE_UUID_BYTES 16

/* A fit device. */
typedef struct choose_device {
    const char *name;
    const uint8_t *uuid; /* CHOOSE_UUID_BYTES of them */
    uint32_t index;      /* among the fit devices, in the order in which they were found */
} choose_device;

/* Whether one name of a list means the device. */
bool choose_means(const char *name, size_t bytes, const choose_device *device);

/* Whether any name of the list does; "" has none. */
bool choose_names(const char *list, const choose_device *device);

#endif
