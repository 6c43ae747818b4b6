/*
 * The path of the field for x86-64 CPUs with AVX-512 IFMA: eight elements at a time.
 *
 * VPMADD52 multiplies 52-bit numbers in eight lanes and adds the low or the high half of the
 * products to 64-bit sums. So an element becomes eight limbs of 52 bits, limb k of eight elements
 * one vector. Sums of limbs are not carried along on the way: a column gets at most 32 halves below
 * 2^52 each, so it stays below 2^57, and carries run once, at the end.
 *
 * Eight limbs make 2^416 and not 2^384: the product of this file is x × y × 2^-416. One operand is
 * therefore loaded shifted left by 32 bits, which costs nothing, and a × b × 2^-384 comes out. With
 * a and b below p it is below (2^32 p × p) / 2^416 + p < 1.2 p, so one subtraction of p ends it.
 *
 * Elements that need the detour (fp.h), and fewer than FP_IFMA_MIN of them, are left to the
 * portable path. Pure functions. On a Zen 4 core a product costs 14 ns, a sum or a difference 5.
 * Only this file is compiled for those instructions, function by function; nobody may call them
 * unless fp_ifma_usable() said so. On another architecture the file is empty.
 */
#include "tasks/bls12_381/fp.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define FP_IFMA_TARGET __attribute__((target("avx512f,avx512ifma")))
#define FP_IFMA_INLINE static inline __attribute__((always_inline)) FP_IFMA_TARGET

#define FP_IFMA_LANES 8
#define FP_IFMA_LIMBS 8
#define FP_IFMA_BITS 52
#define FP_IFMA_MASK ((UINT64_C(1) << FP_IFMA_BITS) - 1)

/* From so many elements on, eight at once are faster than one by one. */
#define FP_IFMA_MIN 3

/* -1/p modulo 2^52. */
#define FP_IFMA_INVERSE 0x3fffcfffcfffd

/* A row is eight words of memory, of which the first six are an element. */
#define FP_IFMA_ROW 0x3f

static const uint64_t fp_ifma_modulus[FP_IFMA_LIMBS] = {
    0xeffffffffaaab, 0xfeb153ffffb9f, 0x6b0f6241eabff, 0x12bf6730d2a0f,
    0x764774b84f385, 0x1ba7b6434bacd, 0x1ea397fe69a4b, 0x1a011,
};

/* Limb k of eight elements, or 64-bit word k of them. */
typedef struct fp_ifma_vectors {
    __m512i at[8];
} fp_ifma_vectors;

FP_IFMA_INLINE __m512i fp_ifma_all(uint64_t x)
{
    return _mm512_set1_epi64((long long)x);
}

/* Eight rows of eight words become eight columns. */
FP_IFMA_INLINE fp_ifma_vectors fp_ifma_transpose(fp_ifma_vectors rows)
{
    fp_ifma_vectors pairs, fours;
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        pairs.at[i] = _mm512_unpacklo_epi64(rows.at[i], rows.at[i + 1]);
        pairs.at[i + 1] = _mm512_unpackhi_epi64(rows.at[i], rows.at[i + 1]);
    }
    /* pairs.at[2r + c] has columns c, c+2, c+4, c+6 of rows 2r and 2r+1. */
#pragma GCC unroll 2
    for (int c = 0; c < 2; c++) {
        fours.at[c] = _mm512_shuffle_i64x2(pairs.at[c], pairs.at[2 + c], 0x88);
        fours.at[2 + c] = _mm512_shuffle_i64x2(pairs.at[c], pairs.at[2 + c], 0xdd);
        fours.at[4 + c] = _mm512_shuffle_i64x2(pairs.at[4 + c], pairs.at[6 + c], 0x88);
        fours.at[6 + c] = _mm512_shuffle_i64x2(pairs.at[4 + c], pairs.at[6 + c], 0xdd);
    }
    /* fours.at[c] has columns c and c+4 of rows 0 to 3, fours.at[4 + c] of the others. */
    fp_ifma_vectors columns;
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        columns.at[c] = _mm512_shuffle_i64x2(fours.at[c], fours.at[4 + c], 0x88);
        columns.at[4 + c] = _mm512_shuffle_i64x2(fours.at[c], fours.at[4 + c], 0xdd);
    }
    return columns;
}

/* What is touched of row i, and where: a row beyond the last element is left alone. */
FP_IFMA_INLINE __mmask8 fp_ifma_row_mask(size_t i, size_t num_elements)
{
    return i < num_elements ? FP_IFMA_ROW : 0;
}

FP_IFMA_INLINE size_t fp_ifma_row_offset(size_t i, size_t num_elements)
{
    return i < num_elements ? i * FP_BYTES : 0;
}

/* The words of num_elements elements, 1 to 8; the other lanes are zero. */
FP_IFMA_INLINE fp_ifma_vectors fp_ifma_load(const uint8_t *elements, size_t num_elements)
{
    fp_ifma_vectors rows;
#pragma GCC unroll 8
    for (size_t i = 0; i < FP_IFMA_LANES; i++) {
        rows.at[i] = _mm512_maskz_loadu_epi64(fp_ifma_row_mask(i, num_elements),
                                              elements + fp_ifma_row_offset(i, num_elements));
    }
    return fp_ifma_transpose(rows);
}

FP_IFMA_INLINE void fp_ifma_store(uint8_t *elements, fp_ifma_vectors words, size_t num_elements)
{
    fp_ifma_vectors rows = fp_ifma_transpose(words);
#pragma GCC unroll 8
    for (size_t i = 0; i < FP_IFMA_LANES; i++) {
        _mm512_mask_storeu_epi64(elements + fp_ifma_row_offset(i, num_elements),
                                 fp_ifma_row_mask(i, num_elements), rows.at[i]);
    }
}

/* The limbs of the numbers in `words`, shifted left by `up` bits: 0 or 32, a constant. */
FP_IFMA_INLINE fp_ifma_vectors fp_ifma_unpack(fp_ifma_vectors words, int up)
{
    fp_ifma_vectors x;
#pragma GCC unroll 8
    for (int k = 0; k < FP_IFMA_LIMBS; k++) {
        int bit = FP_IFMA_BITS * k - up; /* of the words, where the limb begins */
        int word = bit < 0 ? 0 : bit / 64;
        int shift = bit < 0 ? 0 : bit % 64;
        __m512i limb = _mm512_srli_epi64(words.at[word], shift);
        if (bit < 0) {
            limb = _mm512_slli_epi64(limb, -bit);
        }
        if (shift > 64 - FP_IFMA_BITS && word + 1 < FP_LIMBS) {
            limb = _mm512_or_si512(limb, _mm512_slli_epi64(words.at[word + 1], 64 - shift));
        }
        x.at[k] = _mm512_and_si512(limb, fp_ifma_all(FP_IFMA_MASK));
    }
    return x;
}

/* The words of numbers below 2^384 whose limbs have no carries left. */
FP_IFMA_INLINE fp_ifma_vectors fp_ifma_pack(fp_ifma_vectors x)
{
    fp_ifma_vectors words;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        words.at[i] = _mm512_setzero_si512();
    }
#pragma GCC unroll 8
    for (int k = 0; k < FP_IFMA_LIMBS; k++) {
        int word = FP_IFMA_BITS * k / 64;
        int shift = FP_IFMA_BITS * k % 64;
        words.at[word] = _mm512_or_si512(words.at[word], _mm512_slli_epi64(x.at[k], shift));
        if (shift > 64 - FP_IFMA_BITS && word + 1 < FP_LIMBS) {
            words.at[word + 1] = _mm512_srli_epi64(x.at[k], 64 - shift);
        }
    }
    return words;
}

/* Carries, then subtracts p from what is not below it. Takes numbers from 0 to 2p - 1, in limbs
 * that may be as large as 2^62, or negative. */
FP_IFMA_INLINE fp_ifma_vectors fp_ifma_finish(fp_ifma_vectors x)
{
    __m512i carry = _mm512_setzero_si512();
    __m512i borrow = carry;
    fp_ifma_vectors less;
#pragma GCC unroll 8
    for (int k = 0; k < FP_IFMA_LIMBS; k++) {
        __m512i sum = _mm512_add_epi64(x.at[k], carry);
        carry = _mm512_srai_epi64(sum, FP_IFMA_BITS);
        x.at[k] = _mm512_and_si512(sum, fp_ifma_all(FP_IFMA_MASK));
        __m512i rest = _mm512_sub_epi64(x.at[k], fp_ifma_all(fp_ifma_modulus[k]));
        rest = _mm512_add_epi64(rest, borrow);
        borrow = _mm512_srai_epi64(rest, FP_IFMA_BITS);
        less.at[k] = _mm512_and_si512(rest, fp_ifma_all(FP_IFMA_MASK));
    }
    __mmask8 keep = _mm512_cmplt_epi64_mask(borrow, _mm512_setzero_si512());
#pragma GCC unroll 8
    for (int k = 0; k < FP_IFMA_LIMBS; k++) {
        x.at[k] = _mm512_mask_mov_epi64(less.at[k], keep, x.at[k]);
    }
    return x;
}

FP_IFMA_INLINE fp_ifma_vectors fp_ifma_add(fp_ifma_vectors a, fp_ifma_vectors b)
{
#pragma GCC unroll 8
    for (int k = 0; k < FP_IFMA_LIMBS; k++) {
        a.at[k] = _mm512_add_epi64(a.at[k], b.at[k]);
    }
    return a;
}

/* a - b + p. */
FP_IFMA_INLINE fp_ifma_vectors fp_ifma_sub(fp_ifma_vectors a, fp_ifma_vectors b)
{
#pragma GCC unroll 8
    for (int k = 0; k < FP_IFMA_LIMBS; k++) {
        a.at[k] =
            _mm512_add_epi64(_mm512_sub_epi64(a.at[k], b.at[k]), fp_ifma_all(fp_ifma_modulus[k]));
    }
    return a;
}

/* a × b × 2^-416, limb by limb of b as in fp_portable.c. */
FP_IFMA_INLINE fp_ifma_vectors fp_ifma_mul(fp_ifma_vectors a, fp_ifma_vectors b)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i t[FP_IFMA_LIMBS + 1];
#pragma GCC unroll 9
    for (int j = 0; j <= FP_IFMA_LIMBS; j++) {
        t[j] = zero;
    }
#pragma GCC unroll 8
    for (int i = 0; i < FP_IFMA_LIMBS; i++) {
#pragma GCC unroll 8
        for (int j = 0; j < FP_IFMA_LIMBS; j++) {
            t[j] = _mm512_madd52lo_epu64(t[j], a.at[j], b.at[i]);
            t[j + 1] = _mm512_madd52hi_epu64(t[j + 1], a.at[j], b.at[i]);
        }
        __m512i m = _mm512_madd52lo_epu64(zero, t[0], fp_ifma_all(FP_IFMA_INVERSE));
#pragma GCC unroll 8
        for (int j = 0; j < FP_IFMA_LIMBS; j++) {
            t[j] = _mm512_madd52lo_epu64(t[j], m, fp_ifma_all(fp_ifma_modulus[j]));
            t[j + 1] = _mm512_madd52hi_epu64(t[j + 1], m, fp_ifma_all(fp_ifma_modulus[j]));
        }
        t[1] = _mm512_add_epi64(t[1], _mm512_srli_epi64(t[0], FP_IFMA_BITS));
#pragma GCC unroll 8
        for (int j = 0; j < FP_IFMA_LIMBS; j++) {
            t[j] = t[j + 1];
        }
        t[FP_IFMA_LIMBS] = zero;
    }
#pragma GCC unroll 8
    for (int j = 0; j < FP_IFMA_LIMBS; j++) {
        a.at[j] = t[j];
    }
    return a;
}

/* Up to eight elements; op, portable and up are constants at each call. */
FP_IFMA_INLINE void fp_ifma_some(uint8_t *out, const uint8_t *a, const uint8_t *b,
                                 size_t num_elements,
                                 fp_ifma_vectors (*op)(fp_ifma_vectors, fp_ifma_vectors), int up,
                                 fp_op portable)
{
    fp_ifma_vectors a_words = fp_ifma_load(a, num_elements);
    fp_ifma_vectors b_words = fp_ifma_load(b, num_elements);
    __m512i top = fp_ifma_all(fp_modulus[FP_LIMBS - 1]);
    __mmask8 detour = _mm512_cmpge_epu64_mask(a_words.at[FP_LIMBS - 1], top) |
                      _mm512_cmpge_epu64_mask(b_words.at[FP_LIMBS - 1], top);
    if (__builtin_expect(detour != 0, 0)) {
        portable(out, a, b, num_elements);
        return;
    }
    fp_ifma_vectors x = op(fp_ifma_unpack(a_words, up), fp_ifma_unpack(b_words, 0));
    fp_ifma_store(out, fp_ifma_pack(fp_ifma_finish(x)), num_elements);
}

FP_IFMA_INLINE void fp_ifma_each(uint8_t *out, const uint8_t *a, const uint8_t *b,
                                 size_t num_elements,
                                 fp_ifma_vectors (*op)(fp_ifma_vectors, fp_ifma_vectors), int up,
                                 fp_op portable)
{
    while (num_elements >= FP_IFMA_LANES) {
        fp_ifma_some(out, a, b, FP_IFMA_LANES, op, up, portable);
        out += FP_IFMA_LANES * FP_BYTES;
        a += FP_IFMA_LANES * FP_BYTES;
        b += FP_IFMA_LANES * FP_BYTES;
        num_elements -= FP_IFMA_LANES;
    }
    if (num_elements >= FP_IFMA_MIN) {
        fp_ifma_some(out, a, b, num_elements, op, up, portable);
    } else {
        portable(out, a, b, num_elements);
    }
}

FP_IFMA_TARGET static void fp_ifma_add_each(uint8_t *out, const uint8_t *a, const uint8_t *b,
                                            size_t num_elements)
{
    fp_ifma_each(out, a, b, num_elements, fp_ifma_add, 0, fp_portable.add);
}

FP_IFMA_TARGET static void fp_ifma_sub_each(uint8_t *out, const uint8_t *a, const uint8_t *b,
                                            size_t num_elements)
{
    fp_ifma_each(out, a, b, num_elements, fp_ifma_sub, 0, fp_portable.sub);
}

FP_IFMA_TARGET static void fp_ifma_mul_each(uint8_t *out, const uint8_t *a, const uint8_t *b,
                                            size_t num_elements)
{
    fp_ifma_each(out, a, b, num_elements, fp_ifma_mul, 32, fp_portable.mul);
}

bool fp_ifma_usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma");
}

const fp_path fp_ifma = {
    .name = "avx512-ifma",
    .add = fp_ifma_add_each,
    .sub = fp_ifma_sub_each,
    .mul = fp_ifma_mul_each,
};

#endif
