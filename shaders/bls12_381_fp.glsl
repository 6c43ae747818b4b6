/*
 * The base field of BLS12-381 for kernels with an element an invocation: numbers modulo its prime
 * p, which has 381 bits. Include yoke.glsl first.
 *
 * An element is thirteen limbs of 30 bits, lowest first. GLSL has no carry flag; with two bits free
 * in a limb, sums of products fit in 64 bits and carries can wait. Of the integer forms that a probe
 * tried on an H200 this one multiplies fastest: 22.5 G products a second; 32-bit limbs with carries
 * made 5 to 17.
 *
 * Every fp of this file is normalised: each limb is below 2^30, so the number is below 2^390. But
 * it need not be below p: each function says how large its result may be, and what it asks for.
 * Note 2^384 < 10 p and 2^390 > 630 p; so, of two numbers below 25 p the product is small enough.
 *
 * Products are Montgomery's, for R = 2^390: fp_mul(a, b) is a × b / 2^390 modulo p. Memory holds
 * elements as the CPU kernels have them, for R = 2^384. fp_lift goes from that form to this one, as
 * good as free, and fp_lower back, for a product. Sums and differences are the same in both.
 */

#extension GL_EXT_control_flow_attributes : require

#define FP_LIMBS 13
#define FP_WORDS 12
#define FP_BITS 30
#define FP_MASK 0x3fffffffu

/* -1/p modulo 2^30. */
#define FP_INVERSE 0x3ffcfffdu

struct fp {
    uint limb[FP_LIMBS];
};

const fp fp_p = fp(uint[FP_LIMBS](
    0x3fffaaabu, 0x27fbffffu, 0x153ffffbu, 0x2affffacu, 0x30f6241eu, 0x034a83dau, 0x112bf673u,
    0x12e13ce1u, 0x2cd76477u, 0x1ed90d2eu, 0x29a4b1bau, 0x3a8e5ff9u, 0x001a0111u));

const fp fp_2p = fp(uint[FP_LIMBS](
    0x3fff5556u, 0x0ff7ffffu, 0x2a7ffff7u, 0x15ffff58u, 0x21ec483du, 0x069507b5u, 0x2257ece6u,
    0x25c279c2u, 0x19aec8eeu, 0x3db21a5du, 0x13496374u, 0x351cbff3u, 0x00340223u));

/* 2^384 modulo p. */
const fp fp_2_384 = fp(uint[FP_LIMBS](
    0x0002fffdu, 0x18240000u, 0x00c00027u, 0x3d0002f1u, 0x0758baebu, 0x22615d4fu, 0x257455f4u,
    0x1614dc14u, 0x2c6d77ceu, 0x2a5e895bu, 0x0935c071u, 0x30fea039u, 0x0015f65eu));

/* Loops over the limbs are written out, so that all of them live in registers: spirv-opt unrolls no
 * loop around another, and many small ones cost it seconds, and gigabytes, a kernel. */
#define FP_TWELVE(STEP)                                                                            \
    STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10)       \
    STEP(11)
#define FP_THIRTEEN(STEP) FP_TWELVE(STEP) STEP(12)

/* ---------------------------------------------------------------------------------------------
 * Between limbs and the words of memory, lowest first
 */

#define FP_UNPACK(i)                                                                               \
    pair = packUint2x32(uvec2(word[FP_BITS * i / 32], word[FP_BITS * i / 32 + 1]));                \
    x.limb[i] = uint(pair >> (FP_BITS * i % 32)) & FP_MASK;

fp fp_unpack(uint word[FP_WORDS])
{
    fp x;
    uint64_t pair;
    FP_TWELVE(FP_UNPACK)
    x.limb[12] = word[11] >> 8;
    return x;
}

#define FP_PACK(w)                                                                                 \
    word[w] = x.limb[32 * w / FP_BITS] >> (32 * w % FP_BITS) |                                     \
              x.limb[32 * w / FP_BITS + 1] << (FP_BITS - 32 * w % FP_BITS);

/* x is below 2^384. */
void fp_pack(fp x, out uint word[FP_WORDS])
{
    FP_TWELVE(FP_PACK)
}

/* ---------------------------------------------------------------------------------------------
 * Sums and differences
 */

#define FP_ADD(i)                                                                                  \
    carry += a.limb[i] + b.limb[i];                                                                \
    x.limb[i] = carry & FP_MASK;                                                                   \
    carry >>= FP_BITS;

/* a + b. Asks for a + b below 2^390. */
fp fp_add(fp a, fp b)
{
    fp x;
    uint carry = 0u;
    FP_THIRTEEN(FP_ADD)
    return x;
}

#define FP_SUB(i)                                                                                  \
    carry += int(a.limb[i] + m.limb[i]) - int(b.limb[i]);                                          \
    x.limb[i] = uint(carry) & FP_MASK;                                                             \
    carry >>= FP_BITS;

/* a - b + m. Asks for b ≤ a + m, and a + m - b below 2^390; m is a multiple of p, so that the
 * result is a - b modulo p. Sums of limbs are from -2^30 to 2^31 - 1: they fit in an int. */
fp fp_sub(fp a, fp b, fp m)
{
    fp x;
    int carry = 0;
    FP_THIRTEEN(FP_SUB)
    return x;
}

#define FP_LESS(i)                                                                                 \
    borrow += int(x.limb[i]) - int(fp_p.limb[i]);                                                  \
    less.limb[i] = uint(borrow) & FP_MASK;                                                         \
    borrow >>= FP_BITS;
#define FP_CHOOSE(i) less.limb[i] = borrow < 0 ? x.limb[i] : less.limb[i];

/* x modulo p, below p. Asks for x below 2p. */
fp fp_reduce_once(fp x)
{
    fp less;
    int borrow = 0;
    FP_THIRTEEN(FP_LESS)
    FP_THIRTEEN(FP_CHOOSE)
    return less;
}

/* x modulo p, below p. Asks for x below 11 p. One comparison for almost every x that is below p. */
fp fp_reduce(fp x)
{
    [[dont_unroll]] for (int i = 0; i < 10 && x.limb[12] >= fp_p.limb[12]; i++) {
        x = fp_reduce_once(x);
    }
    return x;
}

/* ---------------------------------------------------------------------------------------------
 * Products
 *
 * Thirteen rows, each for one limb of an operand: add its products to the columns t, then the
 * multiple of p that makes the lowest column a multiple of 2^30, and drop that column, but for its
 * carry (CIOS: Koç, Acar, Kaliski, "Analyzing and comparing Montgomery multiplication algorithms",
 * 1996). Nothing else is carried in a row, so a column grows until it is dropped.
 *
 * A product of two limbs is below 2^60, so 15 of them leave a sixteenth of a column's 64 bits for
 * what else comes in: the carry of the column dropped before it, and what fp_carry_round left, both
 * below 2^35. A column takes two products a row, 26 in all: one fp_carry_round on the way, after
 * seven rows, makes that 14 and 12.
 */

const uint64_t fp_no_columns[FP_LIMBS] = uint64_t[FP_LIMBS](
    0ul, 0ul, 0ul, 0ul, 0ul, 0ul, 0ul, 0ul, 0ul, 0ul, 0ul, 0ul, 0ul);

#define FP_CARRY(j) next[j + 1] = (t[j + 1] & FP_MASK) + (t[j] >> FP_BITS);

/* Passes on, at once, what each column has above 30 bits. The highest column is empty before. */
void fp_carry_round(inout uint64_t t[FP_LIMBS])
{
    uint64_t next[FP_LIMBS];
    next[0] = t[0] & FP_MASK;
    FP_TWELVE(FP_CARRY)
    t = next;
}

#define FP_MULTIPLY(j) t[j] += uint64_t(limb) * b.limb[j];
#define FP_CANCEL(j) t[j] += uint64_t(m) * fp_p.limb[j];
#define FP_DROP(j) t[j] = t[j + 1];

void fp_row(inout uint64_t t[FP_LIMBS], uint limb, fp b)
{
    FP_THIRTEEN(FP_MULTIPLY)
    uint m = uint(t[0]) * FP_INVERSE & FP_MASK;
    FP_THIRTEEN(FP_CANCEL)
    t[1] += t[0] >> FP_BITS;
    FP_TWELVE(FP_DROP)
    t[12] = 0ul;
}

#define FP_SETTLE(j)                                                                               \
    carry += t[j];                                                                                 \
    x.limb[j] = uint(carry) & FP_MASK;                                                             \
    carry >>= FP_BITS;

/* The columns as limbs. */
fp fp_settle(uint64_t t[FP_LIMBS])
{
    fp x;
    uint64_t carry = 0ul;
    FP_THIRTEEN(FP_SETTLE)
    return x;
}

#define FP_MUL_ROW(i) fp_row(t, a.limb[i], b);

/* a × b / 2^390 modulo p, below a × b / 2^390 + p: so below 2p if a × b is below 630 p². Asks for
 * a × b / 2^390 + p below 2^390. */
fp fp_mul(fp a, fp b)
{
    uint64_t t[FP_LIMBS] = fp_no_columns;
    FP_MUL_ROW(0) FP_MUL_ROW(1) FP_MUL_ROW(2) FP_MUL_ROW(3) FP_MUL_ROW(4) FP_MUL_ROW(5)
    FP_MUL_ROW(6)
    fp_carry_round(t);
    FP_MUL_ROW(7) FP_MUL_ROW(8) FP_MUL_ROW(9) FP_MUL_ROW(10) FP_MUL_ROW(11) FP_MUL_ROW(12)
    return fp_settle(t);
}

#define FP_DOUBLE(i) b.limb[i] = 2u * a.limb[i];
#define FP_SQUARE_ROW(i)                                                                           \
    b.limb[i] = a.limb[i];                                                                         \
    fp_row(t, a.limb[i], b);                                                                       \
    b.limb[i] = 0u;

/* As fp_mul(a, a), for three quarters of its products: row i has the square of limb i, twice its
 * products with the limbs above it, and none with those below. Now a column takes up to three
 * products a row: 15 in the first five. In the other eight it takes 15 at most, and one with the
 * highest limb of p, which is small. */
fp fp_square(fp a)
{
    uint64_t t[FP_LIMBS] = fp_no_columns;
    fp b;
    FP_THIRTEEN(FP_DOUBLE)
    FP_SQUARE_ROW(0) FP_SQUARE_ROW(1) FP_SQUARE_ROW(2) FP_SQUARE_ROW(3) FP_SQUARE_ROW(4)
    fp_carry_round(t);
    FP_SQUARE_ROW(5) FP_SQUARE_ROW(6) FP_SQUARE_ROW(7) FP_SQUARE_ROW(8) FP_SQUARE_ROW(9)
    FP_SQUARE_ROW(10) FP_SQUARE_ROW(11) FP_SQUARE_ROW(12)
    return fp_settle(t);
}

/* ---------------------------------------------------------------------------------------------
 * Between the Montgomery forms
 */

#define FP_LIFT(i)                                                                                 \
    y.limb[i + 1] = (x.limb[i + 1] << 6 | x.limb[i] >> (FP_BITS - 6)) & FP_MASK;

/* 2^6 x: an element for R = 2^384 becomes one for R = 2^390. Asks for x below 2^384; below 64 p if
 * x is below p. */
fp fp_lift(fp x)
{
    fp y;
    y.limb[0] = x.limb[0] << 6 & FP_MASK;
    FP_TWELVE(FP_LIFT)
    return y;
}

/* The way back, below 2p. Asks for x below 630 p. */
fp fp_lower(fp x)
{
    return fp_mul(x, fp_2_384);
}
