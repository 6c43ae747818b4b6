/*
 * The Vulkan backend: compute on anything with Vulkan 1.2, timeline semaphores, buffer device
 * addresses and 64-bit integers. libvulkan is opened at run time, so a program with this backend
 * also runs where there is none.
 */
#ifndef YOKE_BACKENDS_VULKAN_VULKAN_H
#define YOKE_BACKENDS_VULKAN_VULKAN_H

#include "backends/backend.h"

extern const backend_ops vulkan_ops;

#endif
