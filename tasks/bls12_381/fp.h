/*
 * The base field of BLS12-381: sums, differences and Montgomery products modulo its prime p, the
 * kernels behind the bls12_381_fp types.
 *
 * An element is 48 bytes: a number below p, as six 64-bit limbs, lowest first, each little-endian.
 * Whatever 48 bytes come in count as their number modulo p; what goes out is always below p.
 *
 * There are several implementations ("paths"); all give the same answer. As with sha256_path, every
 * caller says which one to run.
 *
 * Everything here is a pure function of its arguments: any thread, at any time. Nothing blocks or
 * allocates. Pointers need no alignment. No branch and no address depends on an element, with one
 * exception: elements whose highest limb is as large as p's own take a detour. Those are the ones
 * that are not below p, and of the others one in 2^60.
 */
#ifndef YOKE_TASKS_BLS12_381_FP_H
#define YOKE_TASKS_BLS12_381_FP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FP_BYTES 48
#define FP_LIMBS 6

/* out[i] = a[i] op b[i] for num_elements elements; out overlaps neither a nor b. */
typedef void (*fp_op)(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t num_elements);

typedef struct fp_path {
    const char *name;
    fp_op add;
    fp_op sub;
    fp_op mul; /* a × b × 2^-384 */
} fp_path;

/* The index-th path that this CPU can run, slowest first; NULL after the last. 0 is portable C. */
const fp_path *fp_path_at(size_t index);

/* The fastest of them. */
const fp_path *fp_path_best(void);

/* ---------------------------------------------------------------------------------------------
 * For the paths themselves
 */

/* The limbs of p (draft-irtf-cfrg-pairing-friendly-curves, 4.2.1). */
static const uint64_t fp_modulus[FP_LIMBS] = {
    0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624,
    0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a,
};

extern const fp_path fp_portable;

#if defined(__x86_64__)
extern const fp_path fp_ifma;

/* Whether this CPU, and the system, have what fp_ifma needs. */
bool fp_ifma_usable(void);
#endif

#endif
