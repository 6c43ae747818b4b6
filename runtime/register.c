/*
 * Registering types and finding them by name.
 *
 * Types are only ever added: the table's mutex is held to register, readers need none. A new type
 * is published with its number; submitters that sleep are woken to compile it.
 */
#include "register.h"

#include <string.h>

#include "type.h"

#define REGISTER_LANE_TICKETS_MAX 16384

uint64_t register_lane_tickets(const yoke_runtime *rt)
{
    return rt->max_jobs < REGISTER_LANE_TICKETS_MAX ? rt->max_jobs : REGISTER_LANE_TICKETS_MAX;
}

static void register_free(yoke_runtime *rt, yoke_type *type)
{
    for (uint32_t i = 0; i < type->num_kernels; i++) {
        runtime_free(rt, type->kernels[i].spirv, type->kernels[i].spirv_bytes);
    }
    runtime_free(rt, type->kernels, type->num_kernels * sizeof *type->kernels);
    runtime_free(rt, type->lane.slots, register_lane_tickets(rt) * sizeof(ring_slot));
    runtime_free(rt, type, sizeof *type);
}

static yoke_status register_copy_kernel(yoke_runtime *rt, type_kernel *kernel,
                                        const yoke_gpu_kernel *from)
{
    kernel->spirv = runtime_alloc(rt, from->spirv_bytes);
    if (kernel->spirv == NULL) {
        return YOKE_NO_MEMORY;
    }
    memcpy(kernel->spirv, from->spirv, from->spirv_bytes);
    kernel->spirv_bytes = from->spirv_bytes;
    kernel->local_size = from->local_size != 0 ? from->local_size : TYPE_LOCAL_SIZE_DEFAULT;
    strcpy(kernel->entry, from->entry != NULL ? from->entry : "main");
    return YOKE_OK;
}

/* The memory of the GPU side: the kernels and the lane. */
static yoke_status register_init_gpu(yoke_runtime *rt, yoke_type *type, const yoke_type_desc *desc)
{
    uint64_t tickets = register_lane_tickets(rt);
    uint32_t num_kernels;
    const yoke_gpu_kernel *kernels = type_desc_kernels(desc, &num_kernels);
    if (num_kernels == 0) {
        return YOKE_OK;
    }
    type->kernels = runtime_alloc(rt, num_kernels * sizeof *type->kernels);
    if (type->kernels == NULL) {
        return YOKE_NO_MEMORY;
    }
    memset(type->kernels, 0, num_kernels * sizeof *type->kernels);
    type->num_kernels = num_kernels;
    type->lane.slots = runtime_alloc(rt, tickets * sizeof(ring_slot));
    yoke_status status = type->lane.slots != NULL ? YOKE_OK : YOKE_NO_MEMORY;
    for (uint32_t i = 0; i < num_kernels && status == YOKE_OK; i++) {
        status = register_copy_kernel(rt, &type->kernels[i], &kernels[i]);
    }
    if (status == YOKE_OK) {
        ring_init(&type->lane, type->lane.slots, tickets);
    }
    return status;
}

static yoke_type *register_at(yoke_runtime *rt, uint32_t index)
{
    return atomic_load_explicit(&rt->types[index], memory_order_acquire);
}

const yoke_type *yoke_type_find(yoke_runtime *rt, const char *name)
{
    if (rt == NULL || name == NULL) {
        (void)base_misuse("no name to find a type by");
        return NULL;
    }
    uint32_t num_types = atomic_load_explicit(&rt->num_types, memory_order_acquire);
    for (uint32_t i = 0; i < num_types; i++) {
        if (strcmp(register_at(rt, i)->name, name) == 0) {
            return register_at(rt, i);
        }
    }
    return NULL;
}

/* Publishes a type that is complete but for its index. */
static yoke_status register_publish(yoke_runtime *rt, yoke_type *type)
{
    yoke_status status = YOKE_OK;
    pthread_mutex_lock(&rt->types_lock);
    uint32_t index = atomic_load(&rt->num_types);
    if (yoke_type_find(rt, type->name) != NULL) {
        status = YOKE_INVALID;
    } else if (index == YOKE_TYPES_MAX) {
        status = YOKE_BUSY;
    } else {
        type->index = index;
        atomic_store(&rt->types[index], type);
        atomic_store(&rt->num_types, index + 1);
    }
    pthread_mutex_unlock(&rt->types_lock);
    return status;
}

yoke_status yoke_register(yoke_runtime *rt, const yoke_type_desc *desc, const yoke_type **out)
{
    const char *what = rt == NULL ? "no runtime" : NULL;
    if (what != NULL || type_check(desc, &what) != YOKE_OK) {
        return base_misuse(what);
    }
    yoke_type *type = runtime_alloc(rt, sizeof *type);
    if (type == NULL) {
        return YOKE_NO_MEMORY;
    }
    type_init(type, rt, desc);
    yoke_status status = register_init_gpu(rt, type, desc);
    if (status == YOKE_OK) {
        status = register_publish(rt, type);
    }
    if (status != YOKE_OK) {
        register_free(rt, type);
        return status == YOKE_INVALID ? base_misuse("the type's name is taken") : status;
    }
    park_wake_all_any(&rt->gpu_park);
    if (out != NULL) {
        *out = type;
    }
    return YOKE_OK;
}

void register_finish(yoke_runtime *rt)
{
    uint32_t num_types = atomic_load(&rt->num_types);
    for (uint32_t i = 0; i < num_types; i++) {
        register_free(rt, register_at(rt, i));
    }
}
