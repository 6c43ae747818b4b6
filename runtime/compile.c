/*
 * A device serves a type once all of its kernels are compiled, which may take the driver some
 * hundred milliseconds; the submitter does nothing else meanwhile, and the CPU serves the type.
 * What a device cannot run stays with the CPU, and the log says why.
 */
#include "compile.h"

#include <string.h>

static yoke_status compile_kernel(submitter *s, const yoke_type *type, uint32_t index,
                                  backend_kernel **kernel)
{
    const type_kernel *from = &type->kernels[index];
    backend_kernel_desc desc = {
        .name = type->name,
        .spirv = from->spirv,
        .spirv_bytes = from->spirv_bytes,
        .entry = from->entry,
        .local_size = from->local_size,
        .type = type,
        .cpu = type->program.plan == NULL ? type->cpu : NULL,
        .user = type->user,
        .out_bytes = type->out_bytes,
    };
    memcpy(desc.in_bytes, type->in_bytes, sizeof desc.in_bytes);
    return s->device.ops->compile(s->device.device, &desc, kernel);
}

static yoke_status compile_type(submitter *s, yoke_type *type)
{
    bool fits = type->program.plan != NULL || batch_capacity(type, s->slots[0].memory.bytes) > 0;
    backend_kernel **kernels =
        fits ? runtime_alloc(s->rt, type->num_kernels * sizeof *kernels) : NULL;
    yoke_status status = kernels != NULL ? YOKE_OK : YOKE_NO_MEMORY;
    for (uint32_t i = 0; i < type->num_kernels && status == YOKE_OK; i++) {
        status = compile_kernel(s, type, i, &kernels[i]);
    }
    if (status != YOKE_OK) {
        runtime_free(s->rt, kernels, type->num_kernels * sizeof *kernels);
        return status;
    }
    s->kernels[type->index] = kernels;
    atomic_fetch_add_explicit(&type->num_serving, 1, memory_order_seq_cst);
    return YOKE_OK;
}

bool compile_new_types(submitter *s)
{
    yoke_runtime *rt = s->rt;
    uint32_t num_types = atomic_load_explicit(&rt->num_types, memory_order_acquire);
    uint32_t i = atomic_load_explicit(&s->num_compiled, memory_order_relaxed);
    if (i == num_types) {
        return false;
    }
    for (; i < num_types; i++) {
        yoke_type *type = atomic_load_explicit(&rt->types[i], memory_order_acquire);
        yoke_status status = type_has_gpu(type) ? compile_type(s, type) : YOKE_OK;
        if (status != YOKE_OK) {
            runtime_log(rt, YOKE_LOG_WARNING, "%s cannot run type %s: %s; the CPU does",
                        s->info.name, type->name, yoke_status_text(status));
        }
        atomic_store(&s->num_compiled, i + 1);
        waiters_wake(&rt->waiters, &rt->devices_found);
    }
    return true;
}

void compile_forget(submitter *s, yoke_type *type)
{
    runtime_free(s->rt, s->kernels[type->index], type->num_kernels * sizeof(backend_kernel *));
    s->kernels[type->index] = NULL;
}
