/*
 * Scalars of the policy file: types and ranges. Owns nothing; pure, any thread.
 * Always holds: what passes here has one reading only, which libcyaml shares, and that reading is
 * in the key's range.
 * Costs a pass over the scalar.
 * Source of the words that need quotes: the type repository of YAML 1.1 (null, bool, int, float).
 */
#include "value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define VALUE_SHOWN_BYTES_MAX 60

static bool value_equals(const value_scalar *value, const char *word)
{
    return value->bytes == strlen(word) && memcmp(value->text, word, value->bytes) == 0;
}

static bool value_read_number(const value_scalar *value, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < value->bytes; i++) {
        unsigned digit = (unsigned char)value->text[i] - (unsigned)'0';
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *number = *number * 10 + digit;
    }
    return value->bytes == 1 || (value->bytes > 1 && value->text[0] != '0');
}

static bool value_is_number(const policy_key *key, const value_scalar *value)
{
    uint64_t number;
    return value->is_plain && value_read_number(value, &number) &&
           policy_number_is_good(key, number);
}

static bool value_is_word(const policy_key *key, const value_scalar *value)
{
    for (uint64_t i = 0; i <= key->max; i++) {
        if (value_equals(value, key->words[i])) {
            return true;
        }
    }
    return false;
}

/* Whether a plain scalar is null, a boolean or a number to YAML 1.1, or nearly a number. */
static bool value_needs_quotes(const value_scalar *value)
{
    static const char *const words[] = {"",    "~", "null", "true", "false", "yes",   "no",   "on",
                                        "off", "y", "n",    ".nan", ".inf",  "+.inf", "-.inf"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(value->text, words[i]) == 0) {
            return true;
        }
    }
    const char *digits = value->text + strspn(value->text, "+-.");
    return *digits >= '0' && *digits <= '9' &&
           digits[strspn(digits, "0123456789abcdefABCDEFxo+-._:")] == '\0';
}

static bool value_is_good(const policy_key *key, const value_scalar *value)
{
    switch (key->kind) {
    case POLICY_BOOL:
        return value->is_plain && (value_equals(value, "true") || value_equals(value, "false"));
    case POLICY_ENUM:
        return value_is_word(key, value);
    case POLICY_TEXT:
    case POLICY_LIST:
        return policy_text_is_good(key, value->text, value->bytes) &&
               !(value->is_plain && value_needs_quotes(value));
    default:
        return value_is_number(key, value);
    }
}

int value_shown_bytes(const char *text, size_t bytes)
{
    if (bytes <= VALUE_SHOWN_BYTES_MAX) {
        return (int)bytes;
    }
    int shown = VALUE_SHOWN_BYTES_MAX;
    while (shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80) {
        shown--;
    }
    return shown;
}

bool value_check(const policy_key *key, const value_scalar *value, char *why, size_t why_bytes)
{
    if (value_is_good(key, value)) {
        return true;
    }
    char allowed[128];
    policy_describe(key, allowed, sizeof(allowed));
    const char *more = value->bytes > VALUE_SHOWN_BYTES_MAX ? "..." : "";
    const char *mark = value->is_plain ? "" : "\"";
    if (value->is_plain && value->bytes == 0) {
        snprintf(why, why_bytes, "must be %s, not empty", allowed);
    } else if (key->kind == POLICY_LIST && value->bytes <= key->max &&
               !policy_list_is_good(value->text)) {
        snprintf(why, why_bytes, "an empty name in %s%.*s%s%s; a comma stands between two names",
                 mark, value_shown_bytes(value->text, value->bytes), value->text, more, mark);
    } else if (policy_is_text(key) && value->bytes <= key->max && value->is_plain) {
        snprintf(why, why_bytes, "must be text: %.*s%s has to stand in quotes",
                 value_shown_bytes(value->text, value->bytes), value->text, more);
    } else {
        snprintf(why, why_bytes, "must be %s, not %s%.*s%s%s", allowed, mark,
                 value_shown_bytes(value->text, value->bytes), value->text, more, mark);
    }
    return false;
}
