/*
 * VkPipelineCache with a file behind it.
 *
 * The submitter's thread; several processes may share the folder: a file is written under another
 * name and renamed, so a reader sees one whole file or the other, and the last writer wins. What
 * always holds: the driver gets only data that was written by the same driver for the same device
 * and has its SHA-256, from a file that belongs to this user and that nobody else may write.
 * Nothing here can fail the caller but want of memory: all else is one log line.
 *
 * Costs a read of the file when a device opens, and a write for each kernel that was not in it.
 * There is no fsync: what a power cut leaves behind has a wrong hash or length.
 */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"

_Static_assert(VULKAN_CACHE_SHA256_BYTES == SHA256_DIGEST_SIZE, "the header's field");

static void vulkan_cache_hash(const void *data, size_t bytes,
                              uint8_t hash[VULKAN_CACHE_SHA256_BYTES])
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, bytes, data);
    sha256_digest(&context, SHA256_DIGEST_SIZE, hash);
}

static bool vulkan_cache_has_hash(const void *data, const vulkan_cache_head *head)
{
    uint8_t hash[VULKAN_CACHE_SHA256_BYTES];
    vulkan_cache_hash(data, head->data_bytes, hash);
    return memcmp(hash, head->sha256, sizeof hash) == 0;
}

static vulkan_cache_head vulkan_cache_head_of(const vulkan_probe *probe)
{
    vulkan_cache_head head = {
        .magic = {'Y', 'O', 'K', 'E', 'P', 'I', 'P', 'E'},
        .version = VULKAN_CACHE_VERSION,
        .vendor = probe->vendor,
        .driver_version = probe->driver_version,
    };
    memcpy(head.device_uuid, probe->info.uuid, VK_UUID_SIZE);
    memcpy(head.driver_uuid, probe->driver_uuid, VK_UUID_SIZE);
    memcpy(head.cache_uuid, probe->cache_uuid, VK_UUID_SIZE);
    return head;
}

/* -- reading ----------------------------------------------------------------------------------- */

static bool vulkan_cache_read_all(int file, void *to, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = read(file, (uint8_t *)to + done, bytes - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

#define CACHE_OLD "" /* a fault that nobody needs to hear of */

/* The magic and the version, which every version of the file begins with. */
static const char *vulkan_cache_read_version(int file, vulkan_cache_head *head,
                                             const vulkan_cache_head *expected)
{
    if (!vulkan_cache_read_all(file, head, offsetof(vulkan_cache_head, vendor)) ||
        memcmp(head->magic, expected->magic, sizeof head->magic) != 0) {
        return "is damaged";
    }
    if (head->version != expected->version) {
        return head->version == 1 ? CACHE_OLD : "is another version's";
    }
    return NULL;
}

/* What is wrong with the open file, or NULL: then head is read and tells how many bytes follow. */
static const char *vulkan_cache_read_head(const vulkan_probe *probe, int file,
                                          vulkan_cache_head *head)
{
    vulkan_cache_head expected = vulkan_cache_head_of(probe);
    const size_t begun = offsetof(vulkan_cache_head, vendor);
    struct stat about;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
        return "is not a file";
    }
    if (about.st_uid != geteuid() || (about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return "can be written by others";
    }
    const char *fault = vulkan_cache_read_version(file, head, &expected);
    if (fault != NULL) {
        return fault;
    }
    if (!vulkan_cache_read_all(file, (uint8_t *)head + begun, sizeof *head - begun) ||
        head->data_bytes > VULKAN_CACHE_BYTES_MAX ||
        head->data_bytes + sizeof *head != (uint64_t)about.st_size) {
        return "is damaged";
    }
    if (memcmp(head, &expected, offsetof(vulkan_cache_head, data_bytes)) != 0) {
        return "is another driver's";
    }
    return NULL;
}

static void vulkan_cache_ignore(const backend_device *device, const char *fault)
{
    service_log(&device->instance->host, YOKE_LOG_WARNING, "vulkan: pipeline cache %s %s: ignored",
                device->cache.path, fault);
}

/* The file does not open. Where there is none, all is well, or the folder is wrong: then it is the
 * writing that fails, and says so. */
static void vulkan_cache_ignore_closed(const backend_device *device, int error)
{
    struct stat about;
    char why[128], fault[160];
    if (lstat(device->cache.path, &about) != 0) {
        return;
    }
    if (S_ISLNK(about.st_mode)) {
        vulkan_cache_ignore(device, "is a symbolic link");
        return;
    }
    snprintf(fault, sizeof fault, "cannot be read (%s)", strerror_r(error, why, sizeof why));
    vulkan_cache_ignore(device, fault);
}

/* The file's data, *bytes of them, to be freed by the caller; NULL: none that can be used. */
static void *vulkan_cache_load(backend_device *device, size_t *bytes)
{
    const backend_host *host = &device->instance->host;
    vulkan_cache_head head;
    void *data = NULL;
    int file = open(device->cache.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) {
        vulkan_cache_ignore_closed(device, errno);
        return NULL;
    }
    const char *fault = vulkan_cache_read_head(device->probe, file, &head);
    if (fault == NULL && head.data_bytes > 0) {
        data = service_alloc(host, head.data_bytes);
        if (data != NULL && (!vulkan_cache_read_all(file, data, head.data_bytes) ||
                             !vulkan_cache_has_hash(data, &head))) {
            fault = "is damaged";
            service_free(host, data, head.data_bytes);
            data = NULL;
        }
    }
    close(file);
    if (fault != NULL && fault[0] != '\0') {
        vulkan_cache_ignore(device, fault);
    }
    *bytes = data != NULL ? head.data_bytes : 0;
    return data;
}

/* -- opening ----------------------------------------------------------------------------------- */

static void vulkan_cache_name(backend_device *device, const char *folder)
{
    vulkan_cache *cache = &device->cache;
    char uuid[2 * VK_UUID_SIZE + 1];
    for (size_t i = 0; i < VK_UUID_SIZE; i++) {
        snprintf(&uuid[2 * i], 3, "%02x", device->probe->info.uuid[i]);
    }
    int folder_bytes = snprintf(cache->folder, sizeof cache->folder, "%s", folder);
    int path_bytes = snprintf(cache->path, sizeof cache->path, "%s/pipelines-%s.bin", folder, uuid);
    if (folder_bytes >= PATH_MAX || path_bytes >= PATH_MAX - 8) { /* room for ".XXXXXX" */
        service_log(&device->instance->host, YOKE_LOG_WARNING,
                    "vulkan: the pipeline cache's path is too long: it is not stored");
        cache->path[0] = '\0';
    }
}

yoke_status vulkan_cache_open(backend_device *device, const char *folder)
{
    size_t bytes = 0;
    void *data = NULL;
    if (folder != NULL) {
        vulkan_cache_name(device, folder);
    }
    if (device->cache.path[0] != '\0') {
        data = vulkan_cache_load(device, &bytes);
    }
    const VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = bytes,
        .pInitialData = data,
    };
    VkResult result =
        device->vk.vkCreatePipelineCache(device->device, &info, NULL, &device->cache.cache);
    service_free(&device->instance->host, data, bytes);
    device->cache.stored_bytes = bytes;
    return vulkan_device_result(device, result, "vkCreatePipelineCache");
}

/* -- writing ----------------------------------------------------------------------------------- */

static bool vulkan_cache_write_all(int file, const void *from, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t put = write(file, (const uint8_t *)from + done, bytes - done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return false;
        }
        done += (size_t)put;
    }
    return true;
}

/* Makes the folder and those above it. */
static bool vulkan_cache_make_folder(const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", folder);
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0700);
            *at = '/';
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* errno tells why not. mkostemp makes the file with mode 0600. */
static bool vulkan_cache_write(const vulkan_cache *cache, const vulkan_cache_head *head,
                               const void *data)
{
    char path[PATH_MAX];
    if (!vulkan_cache_make_folder(cache->folder)) {
        return false;
    }
    snprintf(path, sizeof path, "%.*s.XXXXXX", PATH_MAX - 8, cache->path);
    int file = mkostemp(path, O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool is_written = vulkan_cache_write_all(file, head, sizeof *head) &&
                      vulkan_cache_write_all(file, data, head->data_bytes);
    is_written = close(file) == 0 && is_written;
    if (!is_written || rename(path, cache->path) != 0) {
        int error = errno;
        unlink(path);
        errno = error;
        return false;
    }
    return true;
}

static void vulkan_cache_give_up(backend_device *device, const char *why)
{
    service_log(&device->instance->host, YOKE_LOG_WARNING,
                "vulkan: pipeline cache %s is not stored, so the next start compiles again: %s",
                device->cache.path, why);
    device->cache.is_silent = true;
}

static void vulkan_cache_save_data(backend_device *device, size_t bytes, void *data)
{
    vulkan_cache *cache = &device->cache;
    VkResult result = device->vk.vkGetPipelineCacheData(device->device, cache->cache, &bytes, data);
    if (vulkan_device_result(device, result, "vkGetPipelineCacheData") != YOKE_OK) {
        return;
    }
    vulkan_cache_head head = vulkan_cache_head_of(device->probe);
    head.data_bytes = bytes;
    vulkan_cache_hash(data, bytes, head.sha256);
    if (!vulkan_cache_write(cache, &head, data)) {
        char why[128];
        vulkan_cache_give_up(device, strerror_r(errno, why, sizeof why));
        return;
    }
    cache->stored_bytes = bytes;
}

void vulkan_cache_save(backend_device *device)
{
    vulkan_cache *cache = &device->cache;
    const backend_host *host = &device->instance->host;
    size_t bytes = 0;
    if (cache->path[0] == '\0' || cache->is_silent || device->is_lost || device->kernels == NULL) {
        return;
    }
    VkResult result = device->vk.vkGetPipelineCacheData(device->device, cache->cache, &bytes, NULL);
    if (vulkan_device_result(device, result, "vkGetPipelineCacheData") != YOKE_OK ||
        bytes == cache->stored_bytes) {
        return;
    }
    if (bytes > VULKAN_CACHE_BYTES_MAX) {
        vulkan_cache_give_up(device, "it has outgrown its limit");
        return;
    }
    void *data = service_alloc(host, bytes);
    if (data != NULL) {
        vulkan_cache_save_data(device, bytes, data);
        service_free(host, data, bytes);
    }
}

void vulkan_cache_close(backend_device *device)
{
    if (device->cache.cache != VK_NULL_HANDLE) {
        vulkan_cache_save(device);
        device->vk.vkDestroyPipelineCache(device->device, device->cache.cache, NULL);
    }
}
