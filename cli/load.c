/*
 * The block file loader. Owns the buffer it returns until load_free; one thread at a time for a
 * result, otherwise any thread.
 * Always holds: never more than LOAD_BYTES_MAX bytes are read, whatever the file says its size is
 * (it may be a pipe, or grow). The file is read, not mapped: a mapped file that is cut short while
 * it is used would end the process with a signal.
 * Costs one pass of reads, and one to decode hex, in place.
 */
#include "cli/load.h"

#include "cli/bitcoin/block.h"
#include "cli/bitcoin/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOAD_DEFAULT_PATH "./.cache/block-357238.json"

/* Two digits a byte, and a page for quotes and white space. */
#define LOAD_BYTES_MAX (2 * (size_t)BLOCK_BYTES_MAX + 4096)
#define LOAD_BYTES_FIRST ((size_t)1 << 20)

const char *load_default_path(void)
{
    const char *path = getenv("YOKE_BLOCK");
    return path != NULL && path[0] != '\0' ? path : LOAD_DEFAULT_PATH;
}

static bool load_fail(load_result *result, const char *text)
{
    snprintf(result->error, sizeof(result->error), "%s", text);
    return false;
}

/* Reads to the end of the file, or to one byte more than it may have. */
static bool load_all(int fd, load_result *result)
{
    size_t room = 0;
    while (result->bytes <= LOAD_BYTES_MAX) {
        if (result->bytes == room) {
            room = room == 0 ? LOAD_BYTES_FIRST : 2 * room;
            uint8_t *grown = realloc(result->data, room);
            if (grown == NULL) {
                return load_fail(result, "out of memory");
            }
            result->data = grown;
        }
        ssize_t got = read(fd, result->data + result->bytes, room - result->bytes);
        if (got < 0 && errno != EINTR) {
            return load_fail(result, strerror(errno));
        }
        if (got == 0) {
            return true;
        }
        result->bytes += got > 0 ? (size_t)got : 0;
    }
    snprintf(result->error, sizeof(result->error), "longer than %zu bytes: not a block",
             LOAD_BYTES_MAX);
    return false;
}

static bool load_decode(load_result *result)
{
    size_t bad = 0;
    if (result->bytes == 0) {
        return load_fail(result, "the file is empty");
    }
    if (hex_is_text(result->data, result->bytes) &&
        !hex_decode(result->data, &result->bytes, &bad)) {
        snprintf(result->error, sizeof(result->error),
                 "the hex digits break off at character %zu of the file", bad);
        return false;
    }
    return true;
}

static bool load_open(const char *path, int *fd, load_result *result)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0) {
        return true;
    }
    bool is_default = errno == ENOENT && strcmp(path, LOAD_DEFAULT_PATH) == 0;
    snprintf(result->error, sizeof(result->error), "%s%s", strerror(errno),
             is_default ? " (./dev setup fetches it)" : "");
    return false;
}

bool load_block(const char *path, load_result *result)
{
    int fd = -1;
    *result = (load_result){.data = NULL};
    if (!load_open(path, &fd, result)) {
        return false;
    }
    bool loaded = load_all(fd, result) && load_decode(result);
    close(fd);
    if (!loaded) {
        free(result->data);
        result->data = NULL;
    }
    return loaded;
}

void load_free(load_result *result)
{
    free(result->data);
    *result = (load_result){.data = NULL};
}
