/*
 * The paths of the BLS12-381 field and the kernels of the pack, each on every path this CPU can
 * run: known answers, an independent reference, and the laws of a field. The reference adds and
 * doubles numbers, and knows neither Montgomery's products nor the paths' limbs. The kernels are
 * called directly, with claims made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/bls12_381/bls12_381_pack.h"
#include "tasks/bls12_381/fp.h"
#include "tests/tasks/element.h"
#include "tests/tasks/support.h"

/* Bytes around an output that must stay as they were. */
#define GUARD_BYTES 64
#define GUARD 0xa5

/* ---------------------------------------------------------------------------------------------
 * The reference
 */

/* Seven limbs, the lowest first, so that nothing here overflows. */
typedef struct number {
    uint64_t limb[FP_LIMBS + 1];
} number;

static const number prime = {{0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624,
                              0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a, 0}};

static number number_of(const uint8_t element[FP_BYTES])
{
    number x = {{0}};
    for (int i = 0; i < FP_BYTES; i++) {
        x.limb[i / 8] |= (uint64_t)element[i] << i % 8 * 8;
    }
    return x;
}

static bool is_below(number a, number b)
{
    for (int i = FP_LIMBS; i >= 0; i--) {
        if (a.limb[i] != b.limb[i]) {
            return a.limb[i] < b.limb[i];
        }
    }
    return false;
}

static bool is_equal(number a, number b)
{
    return memcmp(a.limb, b.limb, sizeof(a.limb)) == 0;
}

static number plus(number a, number b)
{
    uint64_t carry = 0;
    for (int i = 0; i <= FP_LIMBS; i++) {
        uint64_t with_carry = a.limb[i] + carry;
        uint64_t sum = with_carry + b.limb[i];
        carry = (uint64_t)(with_carry < carry) | (uint64_t)(sum < with_carry);
        a.limb[i] = sum;
    }
    return a;
}

/* b is not above a. */
static number minus(number a, number b)
{
    uint64_t borrow = 0;
    for (int i = 0; i <= FP_LIMBS; i++) {
        uint64_t rest = a.limb[i] - b.limb[i];
        uint64_t next = (uint64_t)(a.limb[i] < b.limb[i]) | (uint64_t)(rest < borrow);
        a.limb[i] = rest - borrow;
        borrow = next;
    }
    return a;
}

static number reduced(number a)
{
    while (!is_below(a, prime)) {
        a = minus(a, prime);
    }
    return a;
}

/* The product modulo p of numbers below p, bit by bit. */
static number times(number a, number b)
{
    number product = {{0}};
    for (int bit = 64 * FP_LIMBS - 1; bit >= 0; bit--) {
        product = reduced(plus(product, product));
        if (b.limb[bit / 64] >> bit % 64 & 1) {
            product = reduced(plus(product, a));
        }
    }
    return product;
}

/* x times 2^384 modulo p. */
static number shifted(number x)
{
    for (int i = 0; i < 64 * FP_LIMBS; i++) {
        x = reduced(plus(x, x));
    }
    return x;
}

/* Whether `out` is below p and the answer of an operation. */
typedef bool (*judge)(number out, number a, number b);

static bool is_sum(number out, number a, number b)
{
    return is_equal(out, reduced(plus(reduced(a), reduced(b))));
}

static bool is_difference(number out, number a, number b)
{
    return is_below(out, prime) && is_sum(reduced(a), out, b);
}

static bool is_product(number out, number a, number b)
{
    return is_below(out, prime) && is_equal(shifted(out), times(reduced(a), reduced(b)));
}

/* ---------------------------------------------------------------------------------------------
 * Running kernels
 */

typedef struct operation {
    const char *name;
    yoke_cpu_kernel kernel;
    judge is_right;
} operation;

static const operation operations[] = {
    {"add", bls12_381_pack_fp_add, is_sum},
    {"sub", bls12_381_pack_fp_sub, is_difference},
    {"mul", bls12_381_pack_fp_mul, is_product},
};

#define NUM_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* Runs a kernel on a path. out is surrounded by guard bytes that must survive; inputs are exactly
 * as long as they must be, so that a sanitizer sees any byte read beyond. All are at odd addresses.
 */
static void run_kernel(yoke_cpu_kernel kernel, const fp_path *path, const void *a, const void *b,
                       uint32_t count, uint8_t *out)
{
    size_t bytes = (size_t)count * FP_BYTES;
    uint8_t *in[2] = {malloc(bytes + 1), malloc(bytes + 3)};
    uint8_t *room = malloc(bytes + 2 * GUARD_BYTES + 1);
    assert_true(in[0] != NULL && in[1] != NULL && room != NULL);
    memcpy(in[0] + 1, a, bytes);
    memcpy(in[1] + 3, b, bytes);
    memset(room, GUARD, bytes + 2 * GUARD_BYTES + 1);
    uint8_t *at = room + GUARD_BYTES + 1;
    yoke_claim claim = {
        .in = {in[0] + 1, in[1] + 3},
        .out = at,
        .count = count,
        .params = "",
        .user = (void *)path,
    };
    assert_int_equal(kernel(NULL, &claim), YOKE_OK);
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        assert_int_equal(at[-1 - (ptrdiff_t)i], GUARD);
        assert_int_equal(at[bytes + i], GUARD);
    }
    assert_memory_equal(in[0] + 1, a, bytes);
    assert_memory_equal(in[1] + 3, b, bytes);
    memcpy(out, at, bytes);
    free(in[0]);
    free(in[1]);
    free(room);
}

/* COUNT elements: what a law is checked on at once. */
enum { COUNT = 500 };
typedef uint8_t elements[COUNT * FP_BYTES];

static void fill(support_random *random, elements x)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        uint8_t *element = x + i * FP_BYTES;
        if (i < ELEMENT_EDGES_BELOW) {
            element_edge(i, element);
        } else {
            element_random(random, element);
        }
    }
}

static void fill_with(elements x, uint32_t edge)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        element_edge(edge, x + i * FP_BYTES);
    }
}

/* ---------------------------------------------------------------------------------------------
 * Tests
 */

/* a, b, a + b, a - b and a × b × 2^-384, by Python's integers, modulo p: random ones, the largest,
 * the ends of a difference, 2^384 modulo p, and two pairs that are not reduced. */
static const char *const known[][5] = {
    {"15428b7cf087537e2ae8ccf5514c5c807a9313a3b9bb67e0"
     "2c0f5a9225caae25fabbf9bff8845246b8429b249b00abae",
     "0e17b368f5b4d7e5c71035b99c93756203208ff202983d5c"
     "a182073fde9ff88a43df6a33161a4260ca1624a519d28358",
     "09592cfbacbc44c9a6dd5af8aa94250b193c5810c8ce927d"
     "66608f310db9b08c1fef63f45d4a94a7c859bfc9b4d3845b",
     "072ad813fad27b9863d8973bb4b8e71e777283b1b7232a83"
     "8a8d5352472ab59bb6dc8f8ce26a0fe5ee2c767f812e2856",
     "168797fd2445d0bcb77df51470d2760293dde0db820745b1"
     "e381d4164637e19d6c483c00c0c5ccb3225ee463ce96c635"},
    {"1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf"
     "6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaaa",
     "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf"
     "6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaaa",
     "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf"
     "6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaa9",
     "000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000",
     "14fec701e8fb0ce9ed5e64273c4f538b1797ab1458a88de9"
     "343ea97914956dc87fe11274d898fafbf4d38259380b4820"},
    {"000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000",
     "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf"
     "6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaaa",
     "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf"
     "6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaaa",
     "000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000001",
     "000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000"},
    {"15f65ec3fa80e4935c071a97a256ec6d77ce585370525745"
     "5f48985753c758baebf4000bc40c0002760900000002fffd",
     "1540a4214481b1e4b08d1348222ee5aff86ad281195bf98c"
     "03fac713f279ec5505bc09014a3b441aaa95914e76b0db8e",
     "1135f0fb0582afddc1788629813a25460bc1df4f96293e11"
     "fc128cca4f904eebd304090e5cf3441d669f914e76b430e0",
     "00b5baa2b5ff32aeab7a074f802806bd7f6385d256f65db9"
     "5b4dd143614d6c65e637f70a79d0bbe7cb736eb18952246f",
     "1540a4214481b1e4b08d1348222ee5aff86ad281195bf98c"
     "03fac713f279ec5505bc09014a3b441aaa95914e76b0db8e"},
    {"ffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffff",
     "ffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffff",
     "11ebab9dbb81e28c6cf28d7901622c038b256521ed1f9bcb"
     "57605e0db0ddbb51b93c0018d6c40005321300000006554d",
     "000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000",
     "10f413dba9fc0ae2fe49d7089b5a93212aeeb7e2d575d26f"
     "2c566f2f71abd05f4d291281eb50fafeb0dd8259380e9d70"},
    {"ea09a13c057f1b6ca3f8e5685da913928831a7ac8fada8ba"
     "a0b767a8ac38a745140bfff43bf3fffd89f6fffffffd0006",
     "f6897a1df6f49c161622b545537a821cb70bfa924f7f7b68"
     "a1df94b0d35a7d01d2e76fff21b826cd810acd0ca6aafe66",
     "0c7fd8e1f17580a97229cfdcf5d16e8a2eda52e5bfd1d2ae"
     "01282d082721d5bcbedb700ae5c426cff713cd0ca6adfe66",
     "0d813908480a65f0d8f1d7d94d7a3e4d359cf89f33b34011"
     "6608a598cf8f20675fd08ff3cb8fd92fc2eb32f35951ac4b",
     "0545b098090a8282f7f358b192bea545d3bc9af8046b3a6e"
     "ba4879341877f23070b2425d5e3c3761b45c85f85c7e77d5"},
};

#define NUM_KNOWN (sizeof(known) / sizeof(known[0]))

/* Hex as one writes numbers, the highest digit first. */
static void parse(const char *hex, uint8_t element[FP_BYTES])
{
    uint8_t bytes[FP_BYTES];
    assert_int_equal(support_unhex(hex, strlen(hex), bytes, FP_BYTES), FP_BYTES);
    for (int i = 0; i < FP_BYTES; i++) {
        element[i] = bytes[FP_BYTES - 1 - i];
    }
}

static void known_answers_are_given_on_every_path(void **state)
{
    (void)state;
    uint8_t numbers[5][NUM_KNOWN * FP_BYTES], out[NUM_KNOWN * FP_BYTES];
    for (size_t i = 0; i < NUM_KNOWN; i++) {
        for (size_t k = 0; k < 5; k++) {
            parse(known[i][k], numbers[k] + i * FP_BYTES);
        }
    }
    for (size_t i = 0; fp_path_at(i) != NULL; i++) {
        for (size_t op = 0; op < NUM_OPERATIONS; op++) {
            run_kernel(operations[op].kernel, fp_path_at(i), numbers[0], numbers[1], NUM_KNOWN,
                       out);
            assert_memory_equal(out, numbers[2 + op], sizeof(out));
        }
    }
}

/* The generator of G1 (draft-irtf-cfrg-pairing-friendly-curves, 4.2.1): y² = x³ + 4. */
static void the_generator_of_the_curve_satisfies_its_equation(void **state)
{
    (void)state;
    uint8_t to[FP_BYTES], four[FP_BYTES] = {4}, x[FP_BYTES], y[FP_BYTES];
    parse("11988fe592cae3aa9a793e85b519952d67eb88a9939d83c0"
          "8de5476c4c95b6d50a76e6a609d104f1f4df1f341c341746", /* 2^768 modulo p */
          to);
    parse("17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905"
          "a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
          x);
    parse("08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af6"
          "00db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1",
          y);
    for (size_t i = 0; fp_path_at(i) != NULL; i++) {
        const fp_path *path = fp_path_at(i);
        uint8_t mx[FP_BYTES], my[FP_BYTES], m4[FP_BYTES], square[FP_BYTES], cube[FP_BYTES];
        uint8_t left[FP_BYTES], right[FP_BYTES];
        path->mul(mx, x, to, 1);
        path->mul(my, y, to, 1);
        path->mul(m4, four, to, 1);
        path->mul(square, mx, mx, 1);
        path->mul(cube, square, mx, 1);
        path->add(right, cube, m4, 1);
        path->mul(left, my, my, 1);
        assert_memory_equal(left, right, FP_BYTES);
    }
}

static void every_pair_of_edges_and_random_ones_agree_with_the_reference(void **state)
{
    (void)state;
    enum { PAIRS = ELEMENT_EDGE_PAIRS + 1600 };
    support_random random = support_random_start();
    static uint8_t a[PAIRS * FP_BYTES], b[PAIRS * FP_BYTES], out[PAIRS * FP_BYTES];
    for (uint32_t i = 0; i < PAIRS; i++) {
        element_pair(&random, i, a + i * FP_BYTES, b + i * FP_BYTES);
    }
    for (size_t path = 0; fp_path_at(path) != NULL; path++) {
        for (size_t op = 0; op < NUM_OPERATIONS; op++) {
            run_kernel(operations[op].kernel, fp_path_at(path), a, b, PAIRS, out);
            for (size_t i = 0; i < PAIRS; i++) {
                size_t at = i * FP_BYTES;
                if (!operations[op].is_right(number_of(out + at), number_of(a + at),
                                             number_of(b + at))) {
                    fail_msg("%s of pair %zu is wrong on %s", operations[op].name, i,
                             fp_path_at(path)->name);
                }
            }
        }
    }
}

/* In any place of a row of eight, beside any neighbours, and however many come. */
static void paths_agree_in_every_count_up_to_33(void **state)
{
    (void)state;
    enum { COUNT_MAX = 33, ROUNDS = 20 };
    support_random random = support_random_start();
    uint8_t a[COUNT_MAX * FP_BYTES], b[COUNT_MAX * FP_BYTES];
    uint8_t expected[COUNT_MAX * FP_BYTES], out[COUNT_MAX * FP_BYTES];
    for (uint32_t i = 0; i < ROUNDS * COUNT_MAX; i++) {
        uint32_t count = 1 + i % COUNT_MAX;
        for (uint32_t j = 0; j < count; j++) {
            element_random(&random, a + j * FP_BYTES);
            element_random(&random, b + j * FP_BYTES);
        }
        size_t odd = support_random_below(&random, 2 * count); /* this pair may be anything */
        if (odd < count) {
            uint64_t index = support_random_below(&random, 2 * ELEMENT_EDGE_PAIRS);
            element_pair(&random, (uint32_t)index, a + odd * FP_BYTES, b + odd * FP_BYTES);
        }
        for (size_t op = 0; op < NUM_OPERATIONS; op++) {
            run_kernel(operations[op].kernel, &fp_portable, a, b, count, expected);
            for (size_t path = 1; fp_path_at(path) != NULL; path++) {
                run_kernel(operations[op].kernel, fp_path_at(path), a, b, count, out);
                assert_memory_equal(out, expected, count * FP_BYTES);
            }
        }
    }
}

static void sums_and_products_obey_the_laws_of_a_field(void **state)
{
    (void)state;
    support_random random = support_random_start();
    static elements a, b, c, w, x, y, z, one;
    fill(&random, a);
    fill(&random, b);
    fill(&random, c);
    fill_with(one, ELEMENT_ONE);
    for (size_t i = 0; fp_path_at(i) != NULL; i++) {
        const fp_path *path = fp_path_at(i);

        path->add(x, a, b, COUNT);
        path->add(y, b, a, COUNT);
        assert_memory_equal(x, y, sizeof(x)); /* a + b = b + a */
        path->sub(y, x, b, COUNT);
        assert_memory_equal(y, a, sizeof(y)); /* a + b - b = a */
        path->sub(y, a, b, COUNT);
        path->sub(z, b, a, COUNT);
        path->add(x, y, z, COUNT);
        path->sub(y, a, a, COUNT);
        assert_memory_equal(x, y, sizeof(x)); /* (a - b) + (b - a) = 0 */

        path->mul(x, a, b, COUNT);
        path->mul(y, b, a, COUNT);
        assert_memory_equal(x, y, sizeof(x)); /* ab = ba */
        path->mul(y, a, one, COUNT);
        assert_memory_equal(y, a, sizeof(y)); /* a × 1 = a */
        path->mul(y, x, c, COUNT);
        path->mul(x, b, c, COUNT);
        path->mul(z, a, x, COUNT);
        assert_memory_equal(y, z, sizeof(y)); /* (ab)c = a(bc) */

        path->add(x, a, b, COUNT);
        path->mul(y, x, c, COUNT);
        path->mul(x, a, c, COUNT);
        path->mul(z, b, c, COUNT);
        path->add(w, x, z, COUNT);
        assert_memory_equal(y, w, sizeof(y)); /* (a + b)c = ac + bc */
    }
}

/* a^(p - 2) is 1/a. */
static void every_element_but_zero_has_an_inverse(void **state)
{
    (void)state;
    support_random random = support_random_start();
    static elements a, power, next, one;
    fill(&random, a);
    element_random(&random, a); /* instead of zero, the first edge */
    fill_with(one, ELEMENT_ONE);
    number exponent = minus(prime, (number){{2}});
    for (size_t i = 0; fp_path_at(i) != NULL; i++) {
        const fp_path *path = fp_path_at(i);
        memcpy(power, one, sizeof(power));
        for (int bit = 380; bit >= 0; bit--) {
            path->mul(next, power, power, COUNT);
            if (exponent.limb[bit / 64] >> bit % 64 & 1) {
                path->mul(power, next, a, COUNT);
            } else {
                memcpy(power, next, sizeof(power));
            }
        }
        path->mul(next, power, a, COUNT);
        assert_memory_equal(next, one, sizeof(next));
    }
}

static void ifma_path_is_there_exactly_where_the_kernel_says_so(void **state)
{
    (void)state;
#if defined(__x86_64__)
    bool has_ifma = false;
    char *line = NULL;
    size_t line_room = 0;
    FILE *file = fopen("/proc/cpuinfo", "r");
    assert_non_null(file);
    while (!has_ifma && getline(&line, &line_room, file) >= 0) {
        has_ifma = strncmp(line, "flags", 5) == 0 && strstr(line, " avx512ifma") != NULL;
    }
    free(line);
    fclose(file);
    if (!has_ifma) {
        print_message("this CPU has no AVX-512 IFMA: only the portable path is tested\n");
    }
    assert_ptr_equal(fp_path_best(), has_ifma ? &fp_ifma : &fp_portable);
#else
    assert_ptr_equal(fp_path_best(), &fp_portable);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_are_given_on_every_path),
        cmocka_unit_test(the_generator_of_the_curve_satisfies_its_equation),
        cmocka_unit_test(every_pair_of_edges_and_random_ones_agree_with_the_reference),
        cmocka_unit_test(paths_agree_in_every_count_up_to_33),
        cmocka_unit_test(sums_and_products_obey_the_laws_of_a_field),
        cmocka_unit_test(every_element_but_zero_has_an_inverse),
        cmocka_unit_test(ifma_path_is_there_exactly_where_the_kernel_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
