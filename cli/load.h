/*
 * Loads files: a block as raw bytes, hex digits, or hex digits in double quotes; coins as raw
 * bytes.
 */
#ifndef YOKE_CLI_LOAD_H
#define YOKE_CLI_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct load_result {
    uint8_t *data; /* the raw block, or the coins; load_free frees it */
    size_t bytes;
    char error[256]; /* one line without the path, if loading failed */
} load_result;

/* The file a command without FILE reads: $YOKE_BLOCK, else what `./dev setup` fetches. */
const char *load_default_path(void);

/* False if the file cannot be read, is longer than any block, is empty, or is broken hex. */
bool load_block(const char *path, load_result *result);

/* False if the file cannot be read, or is longer than the coins of any block. */
bool load_coins(const char *path, load_result *result);

void load_free(load_result *result);

#endif
