/*
 * The portable path of the field: plain C with 128-bit products, right on every machine, and the
 * reference for the others.
 *
 * The product goes limb by limb of b (CIOS: Koç, Acar, Kaliski, "Analyzing and comparing Montgomery
 * multiplication algorithms", 1996): add a × b[i], add the multiple of p that makes the lowest limb
 * zero, drop that limb. The carries of both sums run along together, and since p leaves the three
 * highest bits of its limbs free, nothing ever goes beyond six limbs.
 *
 * Pure functions. On a Zen 4 core a product costs 55 ns, a sum or a difference 13: four and three
 * times what fp_ifma.c takes. The intrinsics for MULX and ADC were tried too: GCC 12 makes code of
 * them that takes twice as long as this.
 */
#include <string.h>

#include "tasks/bls12_381/fp.h"

/* -1/p modulo 2^64. */
#define FP_PORTABLE_INVERSE 0x89f3fffcfffcfffd

__extension__ typedef unsigned __int128 fp_portable_wide;

/* An operation inlined into the loop over the elements takes up to twice as long: GCC 12 then moves
 * limbs about in memory that it otherwise keeps in registers. */
#define FP_PORTABLE_APART __attribute__((noinline))

/* r = a op b, in limbs; r may be a or b. */
typedef void (*fp_portable_op)(uint64_t r[FP_LIMBS], const uint64_t a[FP_LIMBS],
                               const uint64_t b[FP_LIMBS]);

static inline uint64_t fp_portable_swap(uint64_t limb)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return limb;
#else
    return __builtin_bswap64(limb);
#endif
}

static inline void fp_portable_load(uint64_t x[FP_LIMBS], const uint8_t *bytes)
{
    for (int i = 0; i < FP_LIMBS; i++) {
        uint64_t limb;
        memcpy(&limb, bytes + 8 * i, sizeof(limb));
        x[i] = fp_portable_swap(limb);
    }
}

static inline void fp_portable_store(uint8_t *bytes, const uint64_t x[FP_LIMBS])
{
    for (int i = 0; i < FP_LIMBS; i++) {
        uint64_t limb = fp_portable_swap(x[i]);
        memcpy(bytes + 8 * i, &limb, sizeof(limb));
    }
}

/* r = x, less p if that is not below p. */
static inline void fp_portable_reduce_once(uint64_t r[FP_LIMBS], const uint64_t x[FP_LIMBS])
{
    uint64_t less[FP_LIMBS];
    uint64_t borrow = 0;
#pragma GCC unroll 6
    for (int i = 0; i < FP_LIMBS; i++) {
        fp_portable_wide limb = (fp_portable_wide)x[i] - fp_modulus[i] - borrow;
        less[i] = (uint64_t)limb;
        borrow = (uint64_t)(limb >> 64) & 1;
    }
    uint64_t keep = -borrow;
#pragma GCC unroll 6
    for (int i = 0; i < FP_LIMBS; i++) {
        r[i] = (x[i] & keep) | (less[i] & ~keep);
    }
}

FP_PORTABLE_APART static void fp_portable_add(uint64_t r[FP_LIMBS], const uint64_t a[FP_LIMBS],
                                              const uint64_t b[FP_LIMBS])
{
    uint64_t sum[FP_LIMBS];
    uint64_t carry = 0;
#pragma GCC unroll 6
    for (int i = 0; i < FP_LIMBS; i++) {
        fp_portable_wide limb = (fp_portable_wide)a[i] + b[i] + carry;
        sum[i] = (uint64_t)limb;
        carry = (uint64_t)(limb >> 64);
    }
    fp_portable_reduce_once(r, sum);
}

FP_PORTABLE_APART static void fp_portable_sub(uint64_t r[FP_LIMBS], const uint64_t a[FP_LIMBS],
                                              const uint64_t b[FP_LIMBS])
{
    uint64_t rest[FP_LIMBS];
    uint64_t borrow = 0;
#pragma GCC unroll 6
    for (int i = 0; i < FP_LIMBS; i++) {
        fp_portable_wide limb = (fp_portable_wide)a[i] - b[i] - borrow;
        rest[i] = (uint64_t)limb;
        borrow = (uint64_t)(limb >> 64) & 1;
    }
    uint64_t carry = 0;
#pragma GCC unroll 6
    for (int i = 0; i < FP_LIMBS; i++) {
        fp_portable_wide limb = (fp_portable_wide)rest[i] + (fp_modulus[i] & -borrow) + carry;
        r[i] = (uint64_t)limb;
        carry = (uint64_t)(limb >> 64);
    }
}

/* Before and after each step t is below 2p, so six limbs hold it: (2p + (2^64 - 1) × a +
 * (2^64 - 1) × p) / 2^64 is below 2p again, as a is below p. */
FP_PORTABLE_APART static void fp_portable_mul(uint64_t r[FP_LIMBS], const uint64_t a[FP_LIMBS],
                                              const uint64_t b[FP_LIMBS])
{
    uint64_t t[FP_LIMBS] = {0};
#pragma GCC unroll 6
    for (int i = 0; i < FP_LIMBS; i++) {
        fp_portable_wide product = (fp_portable_wide)a[0] * b[i] + t[0];
        uint64_t m = (uint64_t)product * FP_PORTABLE_INVERSE;
        fp_portable_wide sum = (fp_portable_wide)m * fp_modulus[0] + (uint64_t)product;
        uint64_t product_carry = (uint64_t)(product >> 64);
        uint64_t sum_carry = (uint64_t)(sum >> 64);
#pragma GCC unroll 5
        for (int j = 1; j < FP_LIMBS; j++) {
            product = (fp_portable_wide)a[j] * b[i] + t[j] + product_carry;
            product_carry = (uint64_t)(product >> 64);
            sum = (fp_portable_wide)m * fp_modulus[j] + (uint64_t)product + sum_carry;
            sum_carry = (uint64_t)(sum >> 64);
            t[j - 1] = (uint64_t)sum;
        }
        t[FP_LIMBS - 1] = product_carry + sum_carry;
    }
    fp_portable_reduce_once(r, t);
}

/* Any x modulo p: 2^384 is less than 10 p. */
__attribute__((cold, noinline)) static void fp_portable_reduce(uint64_t x[FP_LIMBS])
{
    for (int i = 0; i < 9; i++) {
        fp_portable_reduce_once(x, x);
    }
}

static void fp_portable_each(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t num_elements,
                             fp_portable_op op)
{
    const uint64_t top = fp_modulus[FP_LIMBS - 1];
    for (size_t i = 0; i < num_elements * FP_BYTES; i += FP_BYTES) {
        uint64_t x[FP_LIMBS], y[FP_LIMBS];
        fp_portable_load(x, a + i);
        fp_portable_load(y, b + i);
        if (__builtin_expect((x[FP_LIMBS - 1] >= top) | (y[FP_LIMBS - 1] >= top), 0)) {
            fp_portable_reduce(x);
            fp_portable_reduce(y);
        }
        op(x, x, y);
        fp_portable_store(out + i, x);
    }
}

static void fp_portable_add_each(uint8_t *out, const uint8_t *a, const uint8_t *b,
                                 size_t num_elements)
{
    fp_portable_each(out, a, b, num_elements, fp_portable_add);
}

static void fp_portable_sub_each(uint8_t *out, const uint8_t *a, const uint8_t *b,
                                 size_t num_elements)
{
    fp_portable_each(out, a, b, num_elements, fp_portable_sub);
}

static void fp_portable_mul_each(uint8_t *out, const uint8_t *a, const uint8_t *b,
                                 size_t num_elements)
{
    fp_portable_each(out, a, b, num_elements, fp_portable_mul);
}

const fp_path fp_portable = {
    .name = "portable",
    .add = fp_portable_add_each,
    .sub = fp_portable_sub_each,
    .mul = fp_portable_mul_each,
};
