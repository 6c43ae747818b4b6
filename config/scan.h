/*
 * Reads a policy file's text as YAML events and checks everything about it: one document, a mapping
 * of sections, each a mapping of keys to scalars; only known names, each once; no anchors, aliases
 * or tags; every value of its key's type and in its range. Finds the lines as well.
 *
 * What it accepts, libcyaml can be trusted with: see loader.h.
 */
#ifndef YOKE_CONFIG_SCAN_H
#define YOKE_CONFIG_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/policy.h"

/* Where messages go: one line, "FILE:LINE: section.key: what", of at most message_bytes. */
typedef struct scan_report {
    const char *file;
    char *message; /* may be NULL if message_bytes is 0 */
    size_t message_bytes;
} scan_report;

/* Writes a message; line 0: about the file as a whole; what is a printf format. Control characters
 * become question marks: a message is one line, whatever it quotes. */
void scan_say(const scan_report *report, size_t line, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * lines[k] is set to the line (from 1) of key k, 0 if the key is not there.
 *   Fails:    YOKE_INVALID, YOKE_NO_MEMORY, with a message.
 */
yoke_status scan_policy(const char *text, size_t bytes, const scan_report *report,
                        size_t lines[POLICY_NUM_KEYS]);

#endif
