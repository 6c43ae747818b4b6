/*
 * Opens libvulkan.so.1 and an instance, and looks up the instance's functions.
 *
 * One thread at a time for an instance. Each instance opens the library anew (the linker counts)
 * and keeps its functions in its own struct, so several runtimes and the host's own use of Vulkan
 * do not meet. The loader reads the environment itself (which drivers, which layers); this file
 * does not. Costs 1 to 300 ms: the loader opens every driver that is installed.
 */
#include "loader.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "result.h"

const char *vulkan_loader_library = "libvulkan.so.1";

/* dlsym gives void *, which ISO C does not convert to a function pointer. */
static PFN_vkGetInstanceProcAddr vulkan_loader_door(void *library)
{
    void *symbol = dlsym(library, "vkGetInstanceProcAddr");
    PFN_vkGetInstanceProcAddr get;
    memcpy(&get, &symbol, sizeof get);
    return get;
}

static yoke_status vulkan_loader_refuse(char *why_not, const char *text)
{
    snprintf(why_not, BACKEND_WHY_BYTES, "%s", text);
    return YOKE_UNSUPPORTED;
}

/* A loader without the function speaks Vulkan 1.0. */
static uint32_t vulkan_loader_version(PFN_vkGetInstanceProcAddr get)
{
    uint32_t version = VK_API_VERSION_1_0;
    PFN_vkEnumerateInstanceVersion read =
        (PFN_vkEnumerateInstanceVersion)get(NULL, "vkEnumerateInstanceVersion");
    if (read == NULL || read(&version) != VK_SUCCESS) {
        return VK_API_VERSION_1_0;
    }
    return version;
}

static yoke_status vulkan_loader_find_functions(vulkan_loader *loader,
                                                PFN_vkGetInstanceProcAddr get, char *why_not)
{
#define VULKAN_LOADER_FIND(name)                                                                   \
    loader->name = (PFN_##name)get(loader->instance, #name);                                       \
    if (loader->name == NULL) {                                                                    \
        return vulkan_loader_refuse(why_not, "the Vulkan loader lacks " #name);                    \
    }
    VULKAN_LOADER_FUNCTIONS(VULKAN_LOADER_FIND)
#undef VULKAN_LOADER_FIND
    return YOKE_OK;
}

static yoke_status vulkan_loader_start(vulkan_loader *loader, char *why_not)
{
    PFN_vkGetInstanceProcAddr get = vulkan_loader_door(loader->library);
    PFN_vkCreateInstance create =
        get != NULL ? (PFN_vkCreateInstance)get(NULL, "vkCreateInstance") : NULL;
    if (create == NULL) {
        return vulkan_loader_refuse(why_not, "libvulkan.so.1 is not a Vulkan loader");
    }
    uint32_t version = vulkan_loader_version(get);
    if (version < VULKAN_LOADER_API) {
        snprintf(why_not, BACKEND_WHY_BYTES, "the Vulkan loader has version %u.%u; 1.2 is needed",
                 VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
        return YOKE_UNSUPPORTED;
    }
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pEngineName = "yoke",
        .apiVersion = VULKAN_LOADER_API,
    };
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    VkResult result = create(&info, NULL, &loader->instance);
    yoke_status status = vulkan_result(NULL, result, "vkCreateInstance");
    if (status == YOKE_OK) {
        return vulkan_loader_find_functions(loader, get, why_not);
    }
    loader->instance = VK_NULL_HANDLE;
    if (status == YOKE_NO_MEMORY) {
        return status;
    }
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
        return vulkan_loader_refuse(why_not, "the Vulkan loader finds no driver");
    }
    snprintf(why_not, BACKEND_WHY_BYTES, "vkCreateInstance failed (VkResult %d)", (int)result);
    return YOKE_UNSUPPORTED;
}

yoke_status vulkan_loader_open(vulkan_loader *loader, char *why_not)
{
    *loader = (vulkan_loader){0};
    loader->library = dlopen(vulkan_loader_library, RTLD_NOW | RTLD_LOCAL);
    if (loader->library == NULL) {
        const char *error = dlerror();
        snprintf(why_not, BACKEND_WHY_BYTES, "no Vulkan loader (%s)",
                 error != NULL ? error : vulkan_loader_library);
        return YOKE_UNSUPPORTED;
    }
    yoke_status status = vulkan_loader_start(loader, why_not);
    if (status != YOKE_OK) {
        vulkan_loader_close(loader);
    }
    return status;
}

void vulkan_loader_close(vulkan_loader *loader)
{
    if (loader->instance != VK_NULL_HANDLE && loader->vkDestroyInstance != NULL) {
        loader->vkDestroyInstance(loader->instance, NULL);
    }
    dlclose(loader->library);
    *loader = (vulkan_loader){0};
}
