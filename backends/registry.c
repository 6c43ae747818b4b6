/*
 * The list of backends, best first: what this build was made with. Constant, any thread reads it.
 * The host backend is not in it: it would run a CPU kernel on the CPU by a longer way. Tests hand
 * it in themselves.
 */
#include "backend.h"

#ifdef BACKENDS_VULKAN
#include "backends/vulkan/vulkan.h"
#endif

const backend_ops *const backends_all[] = {
#ifdef BACKENDS_VULKAN
    &vulkan_ops,
#endif
    NULL,
};
