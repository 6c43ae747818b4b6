/*
 * The pipeline cache, in memory and on disk.
 *
 * One file a device, `pipelines-<device UUID>.bin` in the folder given: a header
 * (vulkan_cache_head) and the driver's data. Losing it costs time, never an answer. A file of an
 * older version is left alone until a new one takes its place, without a word.
 */
#ifndef YOKE_BACKENDS_VULKAN_CACHE_H
#define YOKE_BACKENDS_VULKAN_CACHE_H

#include "backends/backend.h"

#include <limits.h>
#include <volk.h>

#define VULKAN_CACHE_BYTES_MAX (16u << 20) /* of the driver's data */
#define VULKAN_CACHE_VERSION 2             /* 1 had another checksum and a shorter header */
#define VULKAN_CACHE_SHA256_BYTES 32

typedef struct vulkan_cache_head {
    char magic[8]; /* "YOKEPIPE" */
    uint32_t version;
    uint32_t vendor, driver_version;
    uint32_t reserved;
    uint8_t device_uuid[VK_UUID_SIZE], driver_uuid[VK_UUID_SIZE], cache_uuid[VK_UUID_SIZE];
    uint64_t data_bytes;
    uint8_t sha256[VULKAN_CACHE_SHA256_BYTES]; /* of the data: finds damage, not malice */
} vulkan_cache_head;

_Static_assert(sizeof(vulkan_cache_head) == 112, "no padding: every byte of it is compared");

typedef struct vulkan_cache {
    VkPipelineCache cache;
    size_t stored_bytes; /* of data in the file, as far as we know */
    bool is_silent;      /* it could not be written: said once, not tried again */
    char folder[PATH_MAX];
    char path[PATH_MAX]; /* empty: not on disk */
} vulkan_cache;

/* Reads the file into a new cache; a file that is missing, damaged or foreign leaves it empty. */
yoke_status vulkan_cache_open(backend_device *device, const char *folder);

/* Writes the file if a kernel was compiled and the cache has grown since. */
void vulkan_cache_save(backend_device *device);

/* Saves and destroys. */
void vulkan_cache_close(backend_device *device);

#endif
