/*
 * VkResult to yoke_status: the one place that knows what an error of Vulkan's means here.
 */
#ifndef YOKE_BACKENDS_VULKAN_RESULT_H
#define YOKE_BACKENDS_VULKAN_RESULT_H

#include "backends/service.h"

#include <volk.h>

/*
 * YOKE_OK; YOKE_TIMEOUT: not yet; YOKE_NO_MEMORY: try less; YOKE_NO_DEVICE: lost;
 * YOKE_INVALID: the driver refuses the shader; YOKE_UNSUPPORTED: anything else, it will not do it.
 * Logs what nobody expects and no status tells apart, with the name of the call; a loss is logged
 * by vulkan_device_result, once. host NULL: logs nothing, for the caller says it otherwise.
 */
yoke_status vulkan_result(const backend_host *host, VkResult result, const char *call);

#endif
