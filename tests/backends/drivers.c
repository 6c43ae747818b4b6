/*
 * For tests that open Vulkan under LeakSanitizer: tells it that lavapipe leaks some 128 bytes a
 * device, which is not ours. Linked in, it works by itself.
 *
 * lavapipe is kept loaded from the start: a leak in a library that is gone has no name to be
 * suppressed by, and the backend keeps a driver only once a device of it was open.
 */
#include <dlfcn.h>

#define DRIVERS_LAVAPIPE "libvulkan_lvp.so"

const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:" DRIVERS_LAVAPIPE "\n";
}

__attribute__((constructor)) static void drivers_keep(void)
{
    dlopen(DRIVERS_LAVAPIPE, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
}
