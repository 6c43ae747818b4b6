/*
 * Every shader against the CPU kernel of its type, over edge cases and then random items, on every
 * fit device: `types` has a row for each. A new kernel is a new row.
 *
 * One thread. YOKE_TEST_SEED repeats a run; YOKE_TEST_FULL takes ten times as many items.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yoke/tasks.h>

#include "examples/custom_task/vector_add.h"
#include "examples/custom_task/vector_add.spv.h"
#include "shaders/bls12_381_fp_add.spv.h"
#include "shaders/bls12_381_fp_mul.spv.h"
#include "shaders/bls12_381_fp_sub.spv.h"
#include "shaders/sha256.spv.h"
#include "shaders/sha256_iter.spv.h"
#include "shaders/sha256_ragged.spv.h"
#include "shaders/sha256d.spv.h"
#include "shaders/sha256d_ragged.spv.h"
#include "tasks/bls12_381/bls12_381_pack.h"
#include "tasks/bls12_381/fp.h"
#include "tasks/sha256/sha256.h"
#include "tasks/sha256/sha256_pack.h"
#include "tests/parity/fp_library.spv.h"
#include "tests/parity/parity.h"
#include "tests/tasks/element.h"

#define ITEMS 100000u

#define SPIRV(shader) .spirv = shader##_spv, .spirv_bytes = sizeof(shader##_spv), .local_size = 64

/* ---------------------------------------------------------------------------------------------
 * Items
 */

/* Every pair of numbers around the ends, then random ones. */
static void generate_vector_add(support_random *random, uint32_t index, parity_item *item)
{
    static const uint32_t edges[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    const uint32_t num_edges = sizeof(edges) / sizeof(edges[0]);
    uint32_t a = (uint32_t)support_random_next(random);
    uint32_t b = (uint32_t)support_random_next(random);
    if (index < num_edges * num_edges) {
        a = edges[index / num_edges];
        b = edges[index % num_edges];
    }
    memcpy(item->data[0], &a, sizeof(a));
    memcpy(item->data[1], &b, sizeof(b));
}

/* No bit set, all set, each bit alone, then random messages. */
static void generate_sha256(support_random *random, uint32_t index, parity_item *item)
{
    uint8_t *message = item->data[0];
    if (index < 2) {
        memset(message, index == 0 ? 0x00 : 0xff, SHA256_BLOCK_BYTES);
    } else if (index < 2 + 8 * SHA256_BLOCK_BYTES) {
        uint32_t bit = index - 2;
        memset(message, 0, SHA256_BLOCK_BYTES);
        message[bit / 8] = (uint8_t)(0x80 >> bit % 8);
    } else {
        support_random_fill(random, message, SHA256_BLOCK_BYTES);
    }
}

/* Every length to 300 bytes (all ends of a block among them), long ones, then random lengths to
 * 300 and, one in a thousand, to 64 KiB. */
static void generate_sha256_ragged(support_random *random, uint32_t index, parity_item *item)
{
    static const uint32_t longs[] = {(1u << 20) - 9, 65535,          1u << 20,
                                     (1u << 20) - 8, (1u << 20) - 1, 4096};
    const uint32_t num_longs = sizeof(longs) / sizeof(longs[0]);
    uint64_t bytes = support_random_below(random, 301);
    if (index <= 300) {
        bytes = index;
    } else if (index <= 300 + num_longs) {
        bytes = longs[index - 301];
    } else if (support_random_below(random, 1000) == 0) {
        bytes = support_random_below(random, 1u << 16);
    }
    item->bytes[0] = bytes;
    support_random_fill(random, item->data[0], bytes);
}

/* The same messages: no rounds, few, too many, then mostly few. */
static void generate_sha256_iter(support_random *random, uint32_t index, parity_item *item)
{
    static const uint32_t edges[] = {0, 1, 2, 3, UINT32_MAX, 1000};
    yoke_sha256_iter_params params = {1 + (uint32_t)support_random_below(random, 20)};
    generate_sha256(random, index, item);
    if (index < sizeof(edges) / sizeof(edges[0])) {
        params.rounds = edges[index];
    } else if (support_random_below(random, 1000) == 0) {
        params.rounds = (uint32_t)support_random_below(random, 300);
    }
    memcpy(item->params, &params, sizeof(params));
}

static void generate_elements(support_random *random, uint32_t index, parity_item *item)
{
    element_pair(random, index, item->data[0], item->data[1]);
}

/* What fp_library.comp calculates, with products, sums and differences of the CPU. */
static yoke_status fp_library_cpu(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    /* 2^378, which is 2^-6 in Montgomery form. */
    static const uint8_t by_64[FP_BYTES] = {[47] = 0x04};
    const fp_path *path = claim->user;
    for (uint32_t i = 0; i < claim->count; i++) {
        const uint8_t *a = (const uint8_t *)claim->in[0] + (size_t)i * FP_BYTES;
        const uint8_t *b = (const uint8_t *)claim->in[1] + (size_t)i * FP_BYTES;
        uint8_t c[FP_BYTES], square[FP_BYTES], product[FP_BYTES], part[FP_BYTES], rest[FP_BYTES];
        memcpy(c, a, FP_BYTES);
        c[FP_BYTES - 1] &= 0x7f;
        path->mul(square, c, c, 1);
        path->mul(product, a, b, 1);
        path->mul(part, b, by_64, 1);
        path->sub(rest, product, part, 1);
        path->mul(part, rest, by_64, 1);
        path->add((uint8_t *)claim->out + (size_t)i * FP_BYTES, square, part, 1);
    }
    return YOKE_OK;
}

/* ---------------------------------------------------------------------------------------------
 * Types
 */

#define SHA256(shader, bytes, kernel, generator)                                                   \
    {                                                                                              \
        .name = #shader, SPIRV(shader), .in_bytes = {bytes}, .out_bytes = SHA256_DIGEST_BYTES,     \
        .cpu = kernel, .user = &sha256_portable, .generate = generator,                            \
    }

#define FIELD(shader, kernel)                                                                      \
    {                                                                                              \
        .name = #shader, SPIRV(shader), .in_bytes = {FP_BYTES, FP_BYTES}, .out_bytes = FP_BYTES,   \
        .cpu = kernel, .user = &fp_portable, .generate = generate_elements,                        \
    }

static const parity_type types[] = {
    {
        .name = "vector_add",
        SPIRV(vector_add),
        .in_bytes = {4, 4},
        .out_bytes = 4,
        .cpu = vector_add_cpu,
        .generate = generate_vector_add,
    },
    SHA256(sha256, SHA256_BLOCK_BYTES, sha256_pack_fixed, generate_sha256),
    SHA256(sha256d, SHA256_BLOCK_BYTES, sha256_pack_fixed_double, generate_sha256),
    SHA256(sha256_ragged, YOKE_RAGGED, sha256_pack_ragged, generate_sha256_ragged),
    SHA256(sha256d_ragged, YOKE_RAGGED, sha256_pack_ragged_double, generate_sha256_ragged),
    {
        .name = "sha256_iter",
        SPIRV(sha256_iter),
        .in_bytes = {SHA256_BLOCK_BYTES},
        .out_bytes = SHA256_DIGEST_BYTES,
        .params_bytes = sizeof(yoke_sha256_iter_params),
        .cpu = sha256_pack_iter,
        .user = &sha256_portable,
        .generate = generate_sha256_iter,
    },
    FIELD(bls12_381_fp_add, bls12_381_pack_fp_add),
    FIELD(bls12_381_fp_sub, bls12_381_pack_fp_sub),
    FIELD(bls12_381_fp_mul, bls12_381_pack_fp_mul),
    FIELD(fp_library, fp_library_cpu),
};

#define NUM_TYPES (sizeof(types) / sizeof(types[0]))

static parity_result run_or_skip(const parity_type *type, uint32_t num_items)
{
    support_random random = support_random_start();
    parity_result result = parity_run(type, &random, num_items);
    if (result.num_devices == 0 && result.complaint == NULL) {
        printf("no fit device on this machine: skipped\n");
        skip();
    }
    return result;
}

static void both_kernels_give_the_same_bytes(void **state)
{
    const parity_type *type = *state;
    uint32_t num_items = getenv("YOKE_TEST_FULL") != NULL ? 10 * ITEMS : ITEMS;
    parity_result result = run_or_skip(type, num_items);
    if (result.complaint != NULL) {
        fail_msg("%s", result.complaint);
    }
    assert_int_equal(result.num_items, (uint64_t)num_items * result.num_devices);
    printf("%s: %" PRIu64 " items in %" PRIu32 " batches on %" PRIu32 " device(s)\n", type->name,
           result.num_items, result.num_batches, result.num_devices);
}

/* A CPU kernel that is wrong in one bit of one item of the first batch. */
static yoke_status one_bit_off(yoke_worker *worker, const yoke_claim *claim)
{
    yoke_status status = sha256_pack_ragged(worker, claim);
    if (claim->count > 77) {
        uint8_t *digests = claim->out;
        digests[77 * SHA256_DIGEST_BYTES + 31] ^= 1;
    }
    return status;
}

static void one_wrong_bit_is_noticed(void **state)
{
    (void)state;
    const parity_type type =
        SHA256(sha256_ragged, YOKE_RAGGED, one_bit_off, generate_sha256_ragged);
    parity_result result = run_or_skip(&type, ITEMS);
    assert_int_equal(result.num_wrong, 1);
    assert_non_null(strstr(result.complaint, "item 77, "));
}

int main(void)
{
    struct CMUnitTest tests[NUM_TYPES + 1];
    char names[NUM_TYPES][96];
    for (size_t i = 0; i < NUM_TYPES; i++) {
        snprintf(names[i], sizeof(names[i]), "both_kernels_of_%s_give_the_same_bytes",
                 types[i].name);
        tests[i] = (struct CMUnitTest){names[i], both_kernels_give_the_same_bytes, NULL, NULL,
                                       (void *)&types[i]};
    }
    tests[NUM_TYPES] = (struct CMUnitTest)cmocka_unit_test(one_wrong_bit_is_noticed);
    return cmocka_run_group_tests_name("parity", tests, NULL, NULL);
}
