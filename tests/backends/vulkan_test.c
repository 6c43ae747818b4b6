/*
 * The conformance suite on the Vulkan backend: on a GPU where there is one, else on lavapipe. It
 * fails where there is neither.
 */
#include "backends/vulkan/vulkan.h"

#include "tests/backends/conformance.h"

int main(void)
{
    static const subject vulkan = {.ops = &vulkan_ops, .reads_spirv = true};
    return conformance_run(&vulkan);
}
