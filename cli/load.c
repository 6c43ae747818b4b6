/*
 * The file loader. Owns the buffer it returns until load_free; one thread at a time for a
 * result, otherwise any thread.
 * Always holds: never more is read than a block, or its coins, can have, whatever the file says its
 * size is (it may be a pipe, or grow). The file is read, not mapped: a mapped file that is cut
 * short while it is used would end the process with a signal. Costs one pass of reads, and one to
 * decode hex, in place.
 */
#include "cli/load.h"

#include "cli/bitcoin/block.h"
#include "cli/bitcoin/coins.h"
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

/* Reads to the end of the file, or to one byte more than it may have. `what`: it is meant to be. */
static bool load_all(int fd, load_result *result, size_t bytes_max, const char *what)
{
    size_t room = 0;
    while (result->bytes <= bytes_max) {
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
    snprintf(result->error, sizeof(result->error), "longer than %zu bytes: not %s", bytes_max,
             what);
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

static bool load_raw(const char *path, load_result *result, size_t bytes_max, const char *what)
{
    int fd = -1;
    *result = (load_result){.data = NULL};
    if (!load_open(path, &fd, result)) {
        return false;
    }
    bool loaded = load_all(fd, result, bytes_max, what);
    close(fd);
    return loaded;
}

/* Passes on whether it worked; if not, nothing stays but the error. */
static bool load_end(load_result *result, bool loaded)
{
    if (!loaded) {
        free(result->data);
        result->data = NULL;
    }
    return loaded;
}

bool load_block(const char *path, load_result *result)
{
    return load_end(result,
                    load_raw(path, result, LOAD_BYTES_MAX, "a block") && load_decode(result));
}

bool load_coins(const char *path, load_result *result)
{
    return load_end(result, load_raw(path, result, COINS_BYTES_MAX, "the coins of a block"));
}

void load_free(load_result *result)
{
    free(result->data);
    *result = (load_result){.data = NULL};
}
