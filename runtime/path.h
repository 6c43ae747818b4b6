/*
 * Which way the data of a map type's batches takes: the kernel reads and writes the host's memory
 * directly, or copies in the device's own memory (staged). What is better depends on the kernel and
 * on the device, so it is measured: a pure rule, one of it for each type on each device.
 */
#ifndef YOKE_PATH_H
#define YOKE_PATH_H

#include <stdbool.h>
#include <stdint.h>

#define PATH_BYTES_MIN UINT64_C(65536) /* of a batch; for less, copies are not worth commands */
#define PATH_TRIES 3                   /* of each way, before one is preferred */
#define PATH_RETRY 61                  /* every so many batches the other way is tried again, */
#define PATH_FAR 64                    /* or so many times that, if it is so many times slower */

/* Zero at first. [1]: staged. */
typedef struct path {
    uint32_t num[2];          /* batches measured */
    uint64_t fs_byte[2];      /* femtoseconds a byte, smoothed */
    uint32_t num_since_retry; /* batches of which it was chosen which way they go */
} path;

/* How the next batch of so many bytes should go. */
bool path_is_staged(path *p, uint64_t bytes);

/* A batch that went this way kept the device busy for so long. */
void path_learn(path *p, bool is_staged, uint64_t bytes, uint64_t busy_ns);

#endif
