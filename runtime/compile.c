/*
 * A device serves a type once all of its kernels are compiled, which may take the driver some
 * hundred milliseconds; the submitter does nothing else meanwhile, and the CPU serves the type.
 * What a device cannot run stays with the CPU, and the log says why. Between compiling and serving
 * comes a trial (trial.h), one at a time: the submitter goes on meanwhile.
 */
#include "compile.h"

#include <stdio.h>
#include <string.h>

#include "trial.h"

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

/* The type's kernels, not serving yet. */
static yoke_status compile_type(submitter *s, yoke_type *type)
{
    backend_kernel **kernels = runtime_alloc(s->rt, type->num_kernels * sizeof *kernels);
    yoke_status status = kernels != NULL ? YOKE_OK : YOKE_NO_MEMORY;
    for (uint32_t i = 0; i < type->num_kernels && status == YOKE_OK; i++) {
        status = compile_kernel(s, type, i, &kernels[i]);
    }
    if (status != YOKE_OK) {
        runtime_free(s->rt, kernels, type->num_kernels * sizeof *kernels);
        return status;
    }
    s->kernels[type->index] = kernels;
    return YOKE_OK;
}

/* The type has had its turn. why: what stands against serving it; NULL: nothing. */
static void compile_finish(submitter *s, yoke_type *type, const char *why)
{
    yoke_runtime *rt = s->rt;
    if (why != NULL) {
        runtime_log(rt, YOKE_LOG_WARNING, "%s cannot run type %s: %s; the CPU does", s->info.name,
                    type->name, why);
        compile_forget(s, type);
    } else if (s->kernels[type->index] != NULL) {
        atomic_fetch_add_explicit(&type->num_serving, 1, memory_order_seq_cst);
    }
    atomic_fetch_add(&s->num_compiled, 1);
    waiters_wake(&rt->waiters, &rt->devices_found);
}

/* A trial that has come back from the worker. */
static void compile_finish_trial(submitter *s)
{
    char why[64];
    batch *b = s->trial;
    yoke_type *type = (yoke_type *)(uintptr_t)b->type;
    bool differs = b->trial_differs < TRIAL_ITEMS;
    snprintf(why, sizeof why, "it differs from the CPU kernel on made-up item %u",
             (unsigned)b->trial_differs);
    s->trial = NULL;
    compile_finish(s, type, differs ? why : NULL);
}

/* Compiles a type and, if there is something to try, makes the trial, which is to be sent. False:
 * no slot is free for it now. */
static bool compile_begin(submitter *s, yoke_type *type, batch *slot)
{
    yoke_status status = YOKE_OK;
    if (slot == NULL) {
        return false;
    }
    if (type->num_kernels > 0 && type->program.plan == NULL &&
        batch_capacity(type, slot->memory.bytes) == 0) {
        compile_finish(s, type, "an item is larger than a slot");
        return true;
    }
    if (type_has_gpu(type)) {
        status = compile_type(s, type);
    }
    if (status == YOKE_OK && s->kernels[type->index] != NULL && trial_begin(slot, type)) {
        atomic_store_explicit(&slot->is_free, false, memory_order_relaxed);
        s->trial = slot;
        return true;
    }
    compile_finish(s, type, status != YOKE_OK ? yoke_status_text(status) : NULL);
    return true;
}

batch *compile_new_types(submitter *s, batch *slot, bool *any)
{
    yoke_runtime *rt = s->rt;
    uint32_t num_types = atomic_load_explicit(&rt->num_types, memory_order_acquire), i;
    if (s->trial != NULL) {
        if (!atomic_load_explicit(&s->trial->is_free, memory_order_acquire)) {
            return NULL;
        }
        compile_finish_trial(s);
        *any = true;
    }
    while ((i = atomic_load_explicit(&s->num_compiled, memory_order_relaxed)) < num_types &&
           s->trial == NULL && !runtime_is_stopping(rt)) {
        if (!compile_begin(s, atomic_load_explicit(&rt->types[i], memory_order_acquire), slot)) {
            return NULL;
        }
        *any = true;
    }
    return s->trial;
}

void compile_trial_failed(submitter *s)
{
    yoke_type *type = (yoke_type *)(uintptr_t)s->trial->type;
    s->trial = NULL;
    compile_finish(s, type, "the device refused a trial of it");
}

void compile_forget(submitter *s, yoke_type *type)
{
    if (s->kernels[type->index] != NULL) {
        runtime_free(s->rt, s->kernels[type->index], type->num_kernels * sizeof(backend_kernel *));
        s->kernels[type->index] = NULL;
    }
}
