/*
 * The policy's defaults, ranges and rows, all expanded from YOKE_POLICY_MAP.
 * Owns constants only; pure, any thread.
 * Always holds: the defaults pass the check; a policy that passes it can be used without another
 * look at its ranges.
 * Costs a walk over some twenty keys; called when a policy is read.
 */
#include "policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define POLICY_WORD(name, word) word,
static const char *const policy_workers_pinning_words[] = {POLICY_WORKERS_PINNING_MAP(POLICY_WORD)};
static const char *const policy_routing_mode_words[] = {POLICY_ROUTING_MODE_MAP(POLICY_WORD)};
static const char *const policy_gpu_path_words[] = {POLICY_GPU_PATH_MAP(POLICY_WORD)};
#undef POLICY_WORD

#define POLICY_WORDS_U32(section, name) NULL
#define POLICY_WORDS_U64(section, name) NULL
#define POLICY_WORDS_BOOL(section, name) NULL
#define POLICY_WORDS_ENUM(section, name) policy_##section##_##name##_words
#define POLICY_WORDS_TEXT(section, name) NULL
#define POLICY_WORDS_LIST(section, name) NULL

#define POLICY_IS_RESTART false
#define POLICY_IS_LIVE true

#define POLICY_NONE(...)

#define POLICY_ROW(section_, name_, kind_, min_, max_, default_, unit_, when_, text_)              \
    {                                                                                              \
        .section = #section_,                                                                      \
        .name = #name_,                                                                            \
        .unit = unit_,                                                                             \
        .text = text_,                                                                             \
        .words = POLICY_WORDS_##kind_(section_, name_),                                            \
        .min = min_,                                                                               \
        .max = max_,                                                                               \
        .offset = offsetof(yoke_policy, section_.name_),                                           \
        .bytes = sizeof(((yoke_policy *)NULL)->section_.name_),                                    \
        .kind = POLICY_##kind_,                                                                    \
        .is_live = POLICY_IS_##when_,                                                              \
    },

const policy_key policy_keys[POLICY_NUM_KEYS] = {
    YOKE_POLICY_MAP(POLICY_NONE, POLICY_ROW, POLICY_NONE)};

#define POLICY_SECTION_ROW(section, text) {#section, text},
const policy_section policy_sections[POLICY_NUM_SECTIONS] = {
    YOKE_POLICY_MAP(POLICY_SECTION_ROW, POLICY_NONE, POLICY_NONE)};

#define POLICY_DEFAULT(section_, name_, kind_, min_, max_, default_, ...)                          \
    .section_.name_ = default_,
static const yoke_policy policy_defaults = {
    YOKE_POLICY_MAP(POLICY_NONE, POLICY_DEFAULT, POLICY_NONE)};

_Static_assert(sizeof(policy_routing_mode) == sizeof(uint32_t) &&
                   sizeof(policy_workers_pinning) == sizeof(uint32_t) &&
                   sizeof(policy_gpu_path) == sizeof(uint32_t),
               "policy_number reads them as one");

void policy_default(yoke_policy *policy)
{
    *policy = policy_defaults;
}

bool policy_is_text(const policy_key *key)
{
    return key->kind == POLICY_TEXT || key->kind == POLICY_LIST;
}

uint64_t policy_number(const yoke_policy *policy, const policy_key *key)
{
    const void *field = policy_text(policy, key);
    switch (key->kind) {
    case POLICY_U64:
        return *(const uint64_t *)field;
    case POLICY_BOOL: /* as a byte: what is wrong in a bool must be seen, not undefined */
        return *(const unsigned char *)field;
    default:
        return *(const uint32_t *)field;
    }
}

const char *policy_text(const yoke_policy *policy, const policy_key *key)
{
    return (const char *)policy + key->offset;
}

bool policy_is_same(const yoke_policy *a, const yoke_policy *b, const policy_key *key)
{
    return policy_is_text(key) ? strcmp(policy_text(a, key), policy_text(b, key)) == 0
                               : policy_number(a, key) == policy_number(b, key);
}

static void policy_describe_words(const policy_key *key, char *text, size_t text_bytes)
{
    int used = snprintf(text, text_bytes, "one of");
    for (uint64_t i = 0; i <= key->max && used > 0 && (size_t)used < text_bytes; i++) {
        used += snprintf(text + used, text_bytes - (size_t)used, "%s %s", i == 0 ? "" : ",",
                         key->words[i]);
    }
}

void policy_describe(const policy_key *key, char *text, size_t text_bytes)
{
    switch (key->kind) {
    case POLICY_BOOL:
        snprintf(text, text_bytes, "true or false");
        break;
    case POLICY_ENUM:
        policy_describe_words(key, text, text_bytes);
        break;
    case POLICY_TEXT:
        snprintf(text, text_bytes, "text of at most %" PRIu64 " bytes without control characters",
                 key->max);
        break;
    case POLICY_LIST:
        snprintf(text, text_bytes,
                 "names separated by commas, none of them empty, at most %" PRIu64
                 " bytes without control characters",
                 key->max);
        break;
    default:
        snprintf(text, text_bytes, "a whole number from %" PRIu64 " to %" PRIu64, key->min,
                 key->max);
    }
}

bool policy_number_is_good(const policy_key *key, uint64_t number)
{
    return number >= key->min && number <= key->max;
}

const char *policy_list_next(const char **at, size_t *bytes)
{
    const char *name = *at;
    if (*name == '\0') {
        return NULL;
    }
    size_t length = strcspn(name, ",");
    *at = name + length + (name[length] == ',');
    for (; length > 0 && *name == ' '; length--) {
        name++;
    }
    while (length > 0 && name[length - 1] == ' ') {
        length--;
    }
    *bytes = length;
    return name;
}

bool policy_list_is_good(const char *list)
{
    size_t bytes = 1;
    bool is_good = list[0] == '\0' || list[strlen(list) - 1] != ',';
    while (is_good && policy_list_next(&list, &bytes) != NULL) {
        is_good = bytes > 0;
    }
    return is_good;
}

bool policy_text_is_good(const policy_key *key, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f) {
            return false;
        }
    }
    return bytes >= key->min && bytes <= key->max &&
           (key->kind != POLICY_LIST || policy_list_is_good(text));
}

static bool policy_key_is_good(const yoke_policy *policy, const policy_key *key)
{
    if (policy_is_text(key)) {
        const char *text = policy_text(policy, key);
        return policy_text_is_good(key, text, strnlen(text, key->bytes));
    }
    return policy_number_is_good(key, policy_number(policy, key));
}

yoke_status policy_check(const yoke_policy *policy, char *message, size_t message_bytes)
{
    for (size_t i = 0; i < POLICY_NUM_KEYS; i++) {
        const policy_key *key = &policy_keys[i];
        if (!policy_key_is_good(policy, key)) {
            char allowed[128];
            policy_describe(key, allowed, sizeof(allowed));
            snprintf(message, message_bytes, "%s.%s: must be %s", key->section, key->name, allowed);
            return YOKE_INVALID;
        }
    }
    return YOKE_OK;
}
