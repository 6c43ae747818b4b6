/*
 * Chooses a path for the base field of BLS12-381.
 *
 * Owns the prime; nothing writes it. What a CPU can do never changes while a process runs, so a
 * path is looked up where the task types are registered and then passed along: there is nothing to
 * initialise and nothing to race. Costs one question to the CPU a lookup.
 */
#include "tasks/bls12_381/fp.h"

const fp_path *fp_path_at(size_t index)
{
    if (index == 0) {
        return &fp_portable;
    }
#if defined(__x86_64__)
    if (index == 1 && fp_ifma_usable()) {
        return &fp_ifma;
    }
#endif
    return NULL;
}

const fp_path *fp_path_best(void)
{
    const fp_path *best = fp_path_at(0);
    for (size_t i = 1; fp_path_at(i) != NULL; i++) {
        best = fp_path_at(i);
    }
    return best;
}
