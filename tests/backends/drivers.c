/*
 * For tests that open Vulkan under LeakSanitizer: tells it that lavapipe leaks some 128 bytes a
 * device, which is not ours. Linked in, it works by itself. (The backend keeps drivers loaded; a
 * leak in a library that is gone would have no name to be suppressed by.)
 */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libvulkan_lvp.so\n";
}
