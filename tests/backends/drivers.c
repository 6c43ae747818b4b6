/*
 * For tests that open Vulkan under a sanitizer: tells it what is lavapipe's and not ours. It leaks
 * some 128 bytes a device, and with time stamps its threads take fences down that others have just
 * unlocked. Linked in, it works by itself. (The backend keeps drivers loaded; a leak in a library
 * that is gone would have no name to be suppressed by.)
 */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libvulkan_lvp.so\n";
}

const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "race:libvulkan_lvp.so\n";
}
