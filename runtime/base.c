/*
 * Status names and texts, the version, and the hook that misuse trips in checked builds.
 *
 * The hook is the only mutable thing in libyoke that belongs to the process and not to a runtime:
 * misuse may be found before there is a runtime to ask. It is one atomic pointer.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

static void base_default_hook(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    (void)text;
    abort();
}

static _Atomic(yoke_assert_hook) base_hook = base_default_hook;

void yoke_set_assert_hook(yoke_assert_hook hook)
{
    atomic_store(&base_hook, hook != NULL ? hook : base_default_hook);
}

#ifdef YOKE_CHECKED
yoke_status base_misuse_at(const char *file, int line, const char *text)
{
    atomic_load (&base_hook)(file, line, text);
    return YOKE_INVALID;
}
#endif

const char *yoke_status_name(yoke_status status)
{
    switch (status) {
#define BASE_NAME(name, value, text)                                                               \
    case YOKE_##name:                                                                              \
        return #name;
        YOKE_STATUS_MAP(BASE_NAME)
    }
    return "UNKNOWN";
}

const char *yoke_status_text(yoke_status status)
{
    switch (status) {
#define BASE_TEXT(name, value, text)                                                               \
    case YOKE_##name:                                                                              \
        return text;
        YOKE_STATUS_MAP(BASE_TEXT)
    }
    return "not a status of this version";
}

const char *yoke_device_state_text(yoke_device_state state)
{
    switch (state) {
#define BASE_DEVICE_TEXT(name, text)                                                               \
    case YOKE_DEVICE_##name:                                                                       \
        return text;
        YOKE_DEVICE_STATE_MAP(BASE_DEVICE_TEXT)
    }
    return "unknown";
}

const char *base_cache_dir(const char *wanted, char path[BASE_PATH_BYTES])
{
    const char *cache = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    int bytes = 0;
    if (wanted[0] != '\0') {
        bytes = snprintf(path, BASE_PATH_BYTES, "%s", wanted);
    } else if (cache != NULL && cache[0] == '/') {
        bytes = snprintf(path, BASE_PATH_BYTES, "%s/yoke", cache);
    } else if (home != NULL && home[0] == '/') {
        bytes = snprintf(path, BASE_PATH_BYTES, "%s/.cache/yoke", home);
    }
    return bytes > 0 && bytes < BASE_PATH_BYTES ? path : NULL;
}

const char *yoke_version(void)
{
    return "0.1.0";
}
