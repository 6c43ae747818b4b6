/*
 * The policy loader: a file to a yoke_policy. Its public functions, yoke_policy_read and
 * yoke_policy_free, are in yoke.h; what the file may say is in README.md beside this file.
 */
#ifndef YOKE_CONFIG_LOADER_H
#define YOKE_CONFIG_LOADER_H

#include <stddef.h>

#include <yoke/yoke.h>

#define LOADER_BYTES_MAX 65536 /* a longer file is refused */

/*
 * As yoke_policy_read, of bytes in memory; messages call them `name`. `text` needs no final zero.
 *   Owns:     *policy is the caller's, until yoke_policy_free; NULL on failure.
 *   Fails:    YOKE_INVALID, YOKE_NO_MEMORY.
 */
yoke_status loader_parse(yoke_policy **policy, const char *text, size_t bytes, const char *name,
                         char *message, size_t message_bytes);

#endif
