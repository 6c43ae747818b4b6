/*
 * Loads policy files: reads the bytes, has scan.c check them, has libcyaml fill a struct by a
 * schema made from YOKE_POLICY_MAP, and puts what the file gave over the defaults.
 * Owns nothing that outlives a call but the policy it hands out; no globals that change; any
 * thread.
 * Always holds: on failure *policy is NULL. libcyaml alone would accept "1 2" as 1, octal numbers,
 * values out of range, an empty file and a second document; so it only ever sees what scan.c
 * passed, and what it made of it is checked once more.
 * Costs two passes over at most 64 KiB. Memory is libc's: a policy is read before there is a
 * runtime, and with it an allocator.
 */
#include "loader.h"

#include "runtime/base.h"
#include "runtime/policy.h"
#include "scan.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOADER_WORD(name, word) {word, POLICY_WORKERS_PINNING_##name},
static const cyaml_strval_t loader_workers_pinning_words[] = {
    POLICY_WORKERS_PINNING_MAP(LOADER_WORD)};
#undef LOADER_WORD
#define LOADER_WORD(name, word) {word, POLICY_GPU_PATH_##name},
static const cyaml_strval_t loader_gpu_path_words[] = {POLICY_GPU_PATH_MAP(LOADER_WORD)};
#undef LOADER_WORD
#define LOADER_WORD(name, word) {word, POLICY_ROUTING_MODE_##name},
static const cyaml_strval_t loader_routing_mode_words[] = {POLICY_ROUTING_MODE_MAP(LOADER_WORD)};
#undef LOADER_WORD

#define LOADER_FIELD_U32(section, name)                                                            \
    CYAML_FIELD_UINT(#name, CYAML_FLAG_OPTIONAL, yoke_policy, section.name)
#define LOADER_FIELD_U64(section, name) LOADER_FIELD_U32(section, name)
#define LOADER_FIELD_BOOL(section, name)                                                           \
    CYAML_FIELD_BOOL(#name, CYAML_FLAG_OPTIONAL, yoke_policy, section.name)
#define LOADER_FIELD_TEXT(section, name)                                                           \
    CYAML_FIELD_STRING(#name, CYAML_FLAG_OPTIONAL, yoke_policy, section.name, 0)
#define LOADER_FIELD_LIST(section, name) LOADER_FIELD_TEXT(section, name)
#define LOADER_FIELD_ENUM(section, name)                                                           \
    CYAML_FIELD_ENUM(#name, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, yoke_policy, section.name,    \
                     loader_##section##_##name##_words,                                            \
                     sizeof(loader_##section##_##name##_words) / sizeof(cyaml_strval_t))

#define LOADER_NONE(...)

/* clang-format off */
/* loader_gpu_fields and so on. Offsets are those in yoke_policy: each section's mapping is at 0. */
#define LOADER_SECTION(section, text)                                                              \
    static const cyaml_schema_field_t loader_##section##_fields[] = {
#define LOADER_KEY(section, name, kind, ...) LOADER_FIELD_##kind(section, name),
#define LOADER_END(section) CYAML_FIELD_END };
YOKE_POLICY_MAP(LOADER_SECTION, LOADER_KEY, LOADER_END)
/* clang-format on */

#define LOADER_SECTION_FIELD(section, text)                                                        \
    {.key = #section,                                                                              \
     .value = {CYAML_VALUE_MAPPING(CYAML_FLAG_OPTIONAL, yoke_policy, loader_##section##_fields)}},
static const cyaml_schema_field_t loader_sections[] = {
    YOKE_POLICY_MAP(LOADER_SECTION_FIELD, LOADER_NONE, LOADER_NONE) CYAML_FIELD_END};

static const cyaml_schema_value_t loader_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, yoke_policy, loader_sections)};

/* Has libcyaml read the text: *given has what is in it, and zeros. */
static yoke_status loader_fill(yoke_policy **given, const cyaml_config_t *config, const char *text,
                               size_t bytes, const scan_report *report)
{
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text, bytes, config, &loader_schema,
                                        (cyaml_data_t **)given, NULL);
    if (error == CYAML_OK) {
        return YOKE_OK;
    }
    scan_say(report, 0, "libcyaml cannot load it: %s", cyaml_strerror(error));
    return error == CYAML_ERR_OOM ? YOKE_NO_MEMORY : YOKE_INVALID;
}

/* Fills in a policy: the defaults, and over them the keys that the file has. */
static yoke_status loader_build(yoke_policy *policy, const char *text, size_t bytes,
                                const size_t *lines, const scan_report *report)
{
    const cyaml_config_t config = {.mem_fn = cyaml_mem, .flags = CYAML_CFG_NO_ALIAS};
    yoke_policy *given = NULL;
    yoke_status status = loader_fill(&given, &config, text, bytes, report);
    if (status != YOKE_OK) {
        return status;
    }
    policy_default(policy);
    for (size_t k = 0; k < POLICY_NUM_KEYS; k++) {
        const policy_key *key = &policy_keys[k];
        if (lines[k] != 0) {
            memcpy((char *)policy + key->offset, (const char *)given + key->offset, key->bytes);
        }
    }
    cyaml_free(&config, &loader_schema, given, 0);
    char why[256];
    status = policy_check(policy, why, sizeof(why));
    if (status != YOKE_OK) {
        scan_say(report, 0, "libcyaml read it wrong: %s", why);
    }
    return status;
}

yoke_status loader_parse(yoke_policy **policy, const char *text, size_t bytes, const char *name,
                         char *message, size_t message_bytes)
{
    const scan_report report = {.file = name, .message = message, .message_bytes = message_bytes};
    size_t lines[POLICY_NUM_KEYS];
    *policy = NULL;
    if (bytes > LOADER_BYTES_MAX) {
        size_t line = 1;
        for (size_t i = 0; i < LOADER_BYTES_MAX; i++) {
            line += text[i] == '\n';
        }
        scan_say(&report, line, "here the file gets longer than %d bytes", LOADER_BYTES_MAX);
        return YOKE_INVALID;
    }
    yoke_status status = scan_policy(text, bytes, &report, lines);
    if (status != YOKE_OK) {
        return status;
    }
    yoke_policy *made = malloc(sizeof(*made));
    if (made == NULL) {
        scan_say(&report, 0, "out of memory");
        return YOKE_NO_MEMORY;
    }
    status = loader_build(made, text, bytes, lines, &report);
    if (status != YOKE_OK) {
        free(made);
        return status;
    }
    *policy = made;
    return YOKE_OK;
}

/* Reads up to `room` bytes of a file; how many, or -1 and errno. */
static ssize_t loader_read(const char *path, char *text, size_t room)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return -1;
    }
    size_t bytes = 0;
    ssize_t got = 1;
    while (got != 0 && bytes < room) {
        got = read(file, text + bytes, room - bytes);
        if (got < 0 && errno != EINTR) {
            break;
        }
        bytes += got > 0 ? (size_t)got : 0;
    }
    int error = errno;
    close(file);
    errno = error;
    return got < 0 ? -1 : (ssize_t)bytes;
}

yoke_status yoke_policy_read(yoke_policy **policy, const char *path, char *message,
                             size_t message_bytes)
{
    if (policy != NULL) {
        *policy = NULL;
    }
    if (policy == NULL || path == NULL || (message == NULL && message_bytes > 0)) {
        return base_misuse("yoke_policy_read needs a policy, a path, and room for its message");
    }
    const scan_report report = {.file = path, .message = message, .message_bytes = message_bytes};
    const size_t room = LOADER_BYTES_MAX + 1; /* a byte more tells that the file is too long */
    char *text = malloc(room);
    if (text == NULL) {
        scan_say(&report, 0, "out of memory");
        return YOKE_NO_MEMORY;
    }
    yoke_status status = YOKE_SYSTEM;
    ssize_t bytes = loader_read(path, text, room);
    if (bytes >= 0) {
        status = loader_parse(policy, text, (size_t)bytes, path, message, message_bytes);
    } else {
        char why[128];
        scan_say(&report, 0, "%s", strerror_r(errno, why, sizeof(why)));
    }
    free(text);
    return status;
}

void yoke_policy_free(yoke_policy **policy)
{
    if (policy != NULL) {
        free(*policy);
        *policy = NULL;
    }
}
