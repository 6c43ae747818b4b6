/*
 * Uses Vulkan wrongly, so that the validation layer has something to say: shows that
 * validation_test.sh would see a message if there were one. Exits with 0 if it got that far.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <vulkan/vulkan.h>

int main(void)
{
    void *library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, "vkGetInstanceProcAddr") : NULL;
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    VkPhysicalDevice device;
    uint32_t count = 1;
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    memcpy(&get, &symbol, sizeof get);
    if (get == NULL) {
        fprintf(stderr, "no libvulkan\n");
        return 1;
    }
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
    if (create(&info, NULL, &instance) != VK_SUCCESS) {
        fprintf(stderr, "no instance\n");
        return 1;
    }
    PFN_vkEnumeratePhysicalDevices list =
        (PFN_vkEnumeratePhysicalDevices)get(instance, "vkEnumeratePhysicalDevices");
    PFN_vkGetPhysicalDeviceProperties2 read =
        (PFN_vkGetPhysicalDeviceProperties2)get(instance, "vkGetPhysicalDeviceProperties2");
    PFN_vkDestroyInstance destroy = (PFN_vkDestroyInstance)get(instance, "vkDestroyInstance");
    if (list(instance, &count, &device) < 0 || count == 0) {
        fprintf(stderr, "no device\n");
        return 1;
    }
    VkPhysicalDeviceProperties2 wrong = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO};
    read(device, &wrong);
    destroy(instance, NULL);
    return 0;
}
