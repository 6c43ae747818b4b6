/*
 * What a scalar of the policy file may look like, key by key. Pure.
 *
 * Stricter than YAML 1.1 and than libcyaml, so that neither can read a value in another way than
 * it was meant: numbers are decimal digits without sign, separators or a leading zero (which would
 * make them octal), booleans are true and false, and text that YAML would take for null, a boolean
 * or a number has to be quoted.
 */
#ifndef YOKE_CONFIG_VALUE_H
#define YOKE_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/policy.h"

typedef struct value_scalar {
    const char *text; /* ends with a zero; may contain others */
    size_t bytes;
    bool is_plain; /* not quoted, nor a block of text */
} value_scalar;

/* How many bytes of a text a message shows: few, and never half a character of UTF-8. */
int value_shown_bytes(const char *text, size_t bytes);

/*
 * Whether the key may have this value: type and range. If not, `why` gets what it must be and what
 * it is: "must be a whole number from 2 to 16, not 1.5".
 */
bool value_check(const policy_key *key, const value_scalar *value, char *why, size_t why_bytes);

#endif
