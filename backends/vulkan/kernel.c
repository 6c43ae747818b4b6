/*
 * Compiles kernels. The submitter's thread; a kernel lives as long as its device. Costs what the
 * driver takes, 1 to 400 ms, or about 1 ms out of the pipeline cache, which is written back when it
 * has grown.
 *
 * No descriptor sets, and no specialisation: the layout is the same for all kernels, and the local
 * size is the shader's own.
 */
#include "kernel.h"

#include "spirv.h"

static yoke_status vulkan_kernel_check(backend_device *device, const backend_kernel_desc *desc)
{
    const vulkan_probe *probe = device->probe;
    const backend_host *host = &device->instance->host;
    char why[VULKAN_SPIRV_WHY_BYTES];
    const vulkan_spirv_rules rules = {
        .entry = desc->entry,
        .local_size = desc->local_size,
        .capabilities = probe->capabilities,
        .num_capabilities = probe->num_capabilities,
    };
    if (!vulkan_spirv_is_sound(desc->spirv, desc->spirv_bytes, &rules, why)) {
        service_log(host, YOKE_LOG_WARNING, "vulkan: the GPU kernel of %s is refused: %s",
                    desc->name, why);
        return YOKE_INVALID;
    }
    if (desc->local_size == 0 || desc->local_size > probe->local_size_max) {
        service_log(host, YOKE_LOG_WARNING,
                    "vulkan: the GPU kernel of %s is refused: workgroups of %u; 1 to %u are taken",
                    desc->name, desc->local_size, probe->local_size_max);
        return YOKE_INVALID;
    }
    return YOKE_OK;
}

static yoke_status vulkan_kernel_create(backend_device *device, const backend_kernel_desc *desc,
                                        VkPipeline *pipeline)
{
    VkShaderModule module;
    const VkShaderModuleCreateInfo code = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = desc->spirv_bytes,
        .pCode = desc->spirv,
    };
    VkResult result = device->vk.vkCreateShaderModule(device->device, &code, NULL, &module);
    yoke_status status = vulkan_device_result(device, result, "vkCreateShaderModule");
    if (status != YOKE_OK) {
        return status;
    }
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage =
            {
                .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = module,
                .pName = desc->entry,
            },
        .layout = device->layout,
    };
    result = device->vk.vkCreateComputePipelines(device->device, device->cache.cache, 1, &info,
                                                 NULL, pipeline);
    device->vk.vkDestroyShaderModule(device->device, module, NULL);
    return vulkan_device_result(device, result, "vkCreateComputePipelines");
}

yoke_status vulkan_kernel_compile(backend_device *device, const backend_kernel_desc *desc,
                                  backend_kernel **kernel)
{
    if (device->is_lost) {
        return YOKE_NO_DEVICE;
    }
    yoke_status status = vulkan_kernel_check(device, desc);
    if (status != YOKE_OK) {
        return status;
    }
    const backend_host *host = &device->instance->host;
    backend_kernel *made = service_alloc(host, sizeof *made);
    if (made == NULL) {
        return YOKE_NO_MEMORY;
    }
    status = vulkan_kernel_create(device, desc, &made->pipeline);
    if (status != YOKE_OK) {
        service_free(host, made, sizeof *made);
        return status == YOKE_UNSUPPORTED ? YOKE_INVALID : status;
    }
    made->local_size = desc->local_size;
    made->next = device->kernels;
    device->kernels = made;
    vulkan_cache_save(device);
    *kernel = made;
    return YOKE_OK;
}

void vulkan_kernel_destroy_all(backend_device *device)
{
    for (backend_kernel *kernel = device->kernels; kernel != NULL; kernel = kernel->next) {
        device->vk.vkDestroyPipeline(device->device, kernel->pipeline, NULL);
    }
}

void vulkan_kernel_free_all(backend_device *device)
{
    while (device->kernels != NULL) {
        backend_kernel *kernel = device->kernels;
        device->kernels = kernel->next;
        service_free(&device->instance->host, kernel, sizeof *kernel);
    }
}
