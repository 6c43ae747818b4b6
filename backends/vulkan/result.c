/*
 * VkResult to yoke_status. Pure but for a log line on the errors that are nobody's expectation.
 * Any thread; costs a switch.
 */
#include "result.h"

yoke_status vulkan_result(const backend_host *host, VkResult result, const char *call)
{
    switch (result) {
    case VK_SUCCESS:
        return YOKE_OK;
    case VK_NOT_READY:
    case VK_TIMEOUT:
        return YOKE_TIMEOUT;
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS:
    case VK_ERROR_MEMORY_MAP_FAILED:
    case VK_ERROR_FRAGMENTATION:
        return YOKE_NO_MEMORY;
    case VK_ERROR_DEVICE_LOST:
        return YOKE_NO_DEVICE;
    case VK_ERROR_INVALID_SHADER_NV:
        return YOKE_INVALID;
    case VK_ERROR_INCOMPATIBLE_DRIVER:
    case VK_ERROR_INVALID_EXTERNAL_HANDLE:
        return YOKE_UNSUPPORTED;
    default:
        if (host == NULL) {
            return YOKE_UNSUPPORTED;
        }
        service_log(host, YOKE_LOG_WARNING, "vulkan: %s failed (VkResult %d)", call, (int)result);
        return YOKE_UNSUPPORTED;
    }
}
