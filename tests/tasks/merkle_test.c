/*
 * The merkle kernels without a runtime: every path builds the tree that the definition says, of
 * every small size and around the powers of two, under every rule, and writes nothing else; what
 * the plan says fits; known trees of others. And what a GPU is told to do leads to the roots.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "runtime/recorder.h"
#include "tasks/merkle/merkle.h"
#include "tasks/merkle/merkle_pack.h"
#include "tests/tasks/merkle_reference.h"
#include "tests/tasks/support.h"

#define LEAVES_MAX ((1u << 17) + 1)
#define SMALL_LEAVES 1025
#define GUARD_BYTES 64

static const uint32_t rules[] = {YOKE_MERKLE_ODD_TWICE, YOKE_MERKLE_ODD_UP, YOKE_MERKLE_ODD_ZERO};

enum { NUM_RULES = sizeof(rules) / sizeof(rules[0]) };

static uint8_t leaves[LEAVES_MAX * 32];
static uint8_t expected[(LEAVES_MAX + 64) * 32];
static uint8_t guarded[2 * GUARD_BYTES + (LEAVES_MAX + 64) * 32];

static const sha256_path *paths[4]; /* slowest first */
static size_t num_paths;

static int prepare(void **state)
{
    (void)state;
    for (const sha256_path *path; (path = sha256_path_at(num_paths)) != NULL;) {
        assert_true(num_paths < sizeof(paths) / sizeof(paths[0]));
        paths[num_paths++] = path;
    }
    support_random random = support_random_start();
    support_random_fill(&random, leaves, sizeof(leaves));
    return 0;
}

/* Builds with or without levels; exactly the bytes that the plan says are written. */
static void assert_built(const sha256_path *path, uint32_t num_leaves, uint32_t flags, bool twice)
{
    yoke_merkle_params params = {num_leaves, flags};
    yoke_plan plan = {.cost = 0};
    size_t nodes = merkle_reference_nodes(num_leaves);
    bool levels = flags & YOKE_MERKLE_LEVELS;
    assert_int_equal(merkle_pack_plan(&params, &plan), YOKE_OK);
    assert_int_equal(plan.in_bytes[0], 32 * (uint64_t)num_leaves);
    assert_int_equal(plan.out_bytes, levels ? 32 * nodes : 32);
    uint8_t *out = guarded + GUARD_BYTES;
    memset(guarded, 0xa5, plan.out_bytes + 2 * GUARD_BYTES);
    merkle_build(NULL, path, twice, &params, leaves, out);
    const uint8_t *wanted = levels ? expected : expected + 32 * (nodes - 1);
    if (memcmp(out, wanted, plan.out_bytes) != 0) {
        fail_msg("%s: wrong tree of %u leaves, flags %u, hashed %d times", path->name, num_leaves,
                 flags, 1 + twice);
    }
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        assert_int_equal(guarded[i], 0xa5);
        assert_int_equal(out[plan.out_bytes + i], 0xa5);
    }
}

/* Small trees on every path, hashed once and twice; large ones on the best path, in turns: what
 * differs is a hash. */
static void assert_right(uint32_t num_leaves)
{
    bool is_small = num_leaves <= SMALL_LEAVES;
    for (uint32_t i = 0; i < 2 * NUM_RULES; i++) {
        uint32_t rule = rules[i / 2];
        bool twice = i % 2;
        if (!is_small && twice != (num_leaves + i / 2) % 2) {
            continue;
        }
        merkle_reference_build(expected, leaves, num_leaves, rule, twice);
        for (size_t k = is_small ? 0 : num_paths - 1; k < num_paths; k++) {
            assert_built(paths[k], num_leaves, rule, twice);
            assert_built(paths[k], num_leaves, rule | YOKE_MERKLE_LEVELS, twice);
        }
    }
}

static void every_small_tree_is_right(void **state)
{
    (void)state;
    for (uint32_t num_leaves = 1; num_leaves <= 300; num_leaves++) {
        assert_right(num_leaves);
    }
}

static void trees_around_powers_of_two_are_right(void **state)
{
    (void)state;
    for (uint32_t power = 1u << 9; power < LEAVES_MAX; power *= 2) {
        assert_right(power - 1);
        assert_right(power);
        assert_right(power + 1);
    }
}

static void trees_of_any_size_are_right(void **state)
{
    (void)state;
    support_random random = support_random_start();
    for (int i = 0; i < 20; i++) {
        assert_right(1 + (uint32_t)support_random_below(&random, 10000));
    }
}

/* -- what others say --------------------------------------------------------------------------- */

static void unhex(uint8_t node[32], const char *hex, bool backwards)
{
    uint8_t bytes[32];
    assert_int_equal(support_unhex(hex, 64, bytes, 32), 32);
    for (int i = 0; i < 32; i++) {
        node[i] = bytes[backwards ? 31 - i : i];
    }
}

/* Bitcoin prints hashes backwards. */
static void root_of_bitcoins_block_100000_is_its_headers(void **state)
{
    (void)state;
    static const char *const txids[] = {
        "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
        "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
        "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
        "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
    };
    uint8_t nodes[4 * 32], root[32], wanted[32];
    for (int i = 0; i < 4; i++) {
        unhex(nodes + 32 * i, txids[i], true);
    }
    unhex(wanted, "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766", true);
    yoke_merkle_params params = {.num_leaves = 4};
    merkle_build(NULL, sha256_path_best(), true, &params, nodes, root);
    assert_memory_equal(root, wanted, 32);
}

/* SSZ's zero hash of height 1 is a constant in every client. */
static void roots_of_zero_leaves_are_right_in_every_height(void **state)
{
    (void)state;
    uint8_t root[32], wanted[32];
    unhex(wanted, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b", false);
    merkle_zero_root(root, 1, false);
    assert_memory_equal(root, wanted, 32);
    yoke_merkle_params params = {.num_leaves = 2};
    for (int twice = 0; twice <= 1; twice++) {
        uint8_t pair[64] = {0};
        for (uint32_t height = 0; height < MERKLE_HEIGHT_MAX; height++) {
            merkle_zero_root(root, height, twice);
            assert_memory_equal(root, pair, 32);
            merkle_reference_build(root, pair, params.num_leaves, 0, twice);
            memcpy(pair, root, 32);
            memcpy(pair + 32, root, 32);
        }
    }
}

/* -- plan -------------------------------------------------------------------------------------- */

static void plan_refuses_what_is_no_tree(void **state)
{
    (void)state;
    static const yoke_merkle_params refused[] = {
        {0, 0},
        {YOKE_MERKLE_LEAVES_MAX + 1, 0},
        {UINT32_MAX, YOKE_MERKLE_LEVELS},
        {5, YOKE_MERKLE_ODD_UP | YOKE_MERKLE_ODD_ZERO},
        {5, 1u << 3},
        {5, 1u << 31},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        yoke_plan plan = {.cost = 0};
        assert_int_equal(merkle_pack_plan(&refused[i], &plan), YOKE_INVALID);
    }
}

static void plan_of_the_largest_tree_is_right(void **state)
{
    (void)state;
    yoke_plan plan = {.cost = 0};
    yoke_merkle_params params = {YOKE_MERKLE_LEAVES_MAX, YOKE_MERKLE_LEVELS};
    assert_int_equal(merkle_pack_plan(&params, &plan), YOKE_OK);
    assert_int_equal(plan.in_bytes[0], UINT64_C(1) << 31);
    assert_int_equal(plan.out_bytes, (UINT64_C(1) << 31) - 32);
    assert_int_equal(plan.cost, YOKE_MERKLE_LEAVES_MAX - 1);
}

/* Nodes that are hashed; under ODD_UP the last of 5 leaves goes up twice unhashed. */
static void cost_is_the_number_of_hashes(void **state)
{
    (void)state;
    static const uint64_t costs[NUM_RULES] = {3 + 2 + 1, 4, 3 + 2 + 1};
    for (int i = 0; i < NUM_RULES; i++) {
        yoke_plan plan = {.cost = 0};
        yoke_merkle_params params = {5, rules[i]};
        assert_int_equal(merkle_pack_plan(&params, &plan), YOKE_OK);
        assert_int_equal(plan.cost, costs[i]);
    }
}

/* -- what a GPU is to do ------------------------------------------------------------------------
 */

/* Records a batch into buffers of the sizes that the plan says. */
static const yoke_recorder *record(const yoke_merkle_params *params, uint32_t num_trees)
{
    static yoke_recorder recorder;
    static backend_kernel *const kernels[1];
    yoke_plan plan = {.cost = 0};
    assert_int_equal(merkle_pack_plan(params, &plan), YOKE_OK);
    backend_place nowhere = {.memory = NULL};
    recorder_begin(&recorder, kernels, 1);
    recorder_set_buffer(&recorder, YOKE_BUFFER_IN(0), nowhere, num_trees * plan.in_bytes[0]);
    recorder_set_buffer(&recorder, YOKE_BUFFER_OUT, nowhere, num_trees * plan.out_bytes);
    for (uint32_t k = 0; k < YOKE_SCRATCH_MAX; k++) {
        recorder_set_buffer(&recorder, YOKE_BUFFER_SCRATCH(k), nowhere,
                            num_trees * plan.scratch_bytes[k]);
    }
    yoke_batch_shape batch = {.plan = &plan, .params = params, .num_items = num_trees};
    merkle_pack_record(&recorder, &batch);
    if (recorder.mistake != NULL) {
        fail_msg("%u trees of %u leaves: %s", num_trees, params->num_leaves, recorder.mistake);
    }
    return &recorder;
}

/* A dispatch goes on where the one before ended, has all the workgroups it needs, and leaves nodes
 * that fit in. Returns the nodes that it puts into a tree's output. */
static uint64_t assert_goes_on(const yoke_recorder *recorder, const merkle_pack_push *before,
                               const merkle_pack_push *push, const backend_op *op,
                               const yoke_merkle_params *params, uint32_t num_trees)
{
    uint32_t level = before->level + before->num_levels, top = push->level + push->num_levels;
    uint64_t left = (uint64_t)num_trees * merkle_width(params->num_leaves, top);
    uint64_t groups = (uint64_t)op->groups[0] * op->groups[1];
    assert_int_equal(op->kind, BACKEND_OP_DISPATCH);
    assert_int_equal(op->groups[2], 1);
    assert_int_equal(op->push_bytes, sizeof(*push));
    assert_int_equal(push->from, before->to);
    assert_int_equal(push->level, level);
    assert_int_equal(push->num_nodes, merkle_width(params->num_leaves, level));
    assert_int_equal(push->flags, params->flags);
    assert_in_range(push->num_levels, 1, MERKLE_PACK_CHUNK_LEVELS);
    assert_true(groups << (MERKLE_PACK_CHUNK_LEVELS - push->num_levels) >= left);
    if (push->to != 0) {
        const recorder_buffer *scratch =
            &recorder->buffers[__builtin_ctz(YOKE_BUFFER_SCRATCH(push->to - 1))];
        assert_int_not_equal(push->to, push->from);
        assert_true(32 * left <= scratch->bytes);
    }
    bool levels = params->flags & YOKE_MERKLE_LEVELS;
    assert_int_equal(push->out_at, levels ? merkle_nodes_to(params->num_leaves, level) : 0);
    return levels ? merkle_nodes_to(params->num_leaves, top) - push->out_at : push->to == 0;
}

static void assert_recorded(uint32_t num_leaves, uint32_t flags, uint32_t num_trees)
{
    yoke_merkle_params params = {num_leaves, flags};
    const yoke_recorder *recorder = record(&params, num_trees);
    merkle_pack_push push = {.to = 0}, before;
    uint64_t out_nodes = 0;
    for (uint32_t i = 0; i < recorder->num_ops; i++) {
        before = push;
        memcpy(&push, recorder->ops[i].push, sizeof(push));
        out_nodes +=
            assert_goes_on(recorder, &before, &push, &recorder->ops[i], &params, num_trees);
        assert_int_equal(push.out_nodes,
                         flags & YOKE_MERKLE_LEVELS ? merkle_reference_nodes(num_leaves) : 1);
        assert_int_equal(recorder->ops[i].waits, i > 0);
    }
    assert_int_equal(push.level + push.num_levels, merkle_height(num_leaves));
    assert_int_equal(push.to, 0);
    assert_int_equal(out_nodes, push.out_nodes);
}

static void batches_of_any_size_are_folded_to_their_roots(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {2,       3,       16,      17,      511,
                                     512,     513,     600,     4097,    LEAVES_MAX,
                                     1 << 20, 3000001, 1 << 24, 1 << 25, YOKE_MERKLE_LEAVES_MAX};
    static const uint32_t counts[] = {1, 2, 3, 100, 4097, 1 << 20};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
            if ((uint64_t)sizes[i] * counts[k] <= UINT64_C(1) << 32) { /* 128 GiB of leaves */
                assert_recorded(sizes[i], 0, counts[k]);
                assert_recorded(sizes[i], YOKE_MERKLE_LEVELS | YOKE_MERKLE_ODD_UP, counts[k]);
            }
        }
    }
}

static void leaves_that_are_roots_are_copied(void **state)
{
    (void)state;
    yoke_merkle_params params = {.num_leaves = 1};
    const yoke_recorder *recorder = record(&params, 1000);
    assert_int_equal(recorder->num_ops, 1);
    assert_int_equal(recorder->ops[0].kind, BACKEND_OP_COPY);
    assert_int_equal(recorder->ops[0].bytes, 1000 * 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_tree_is_right),
        cmocka_unit_test(trees_around_powers_of_two_are_right),
        cmocka_unit_test(trees_of_any_size_are_right),
        cmocka_unit_test(root_of_bitcoins_block_100000_is_its_headers),
        cmocka_unit_test(roots_of_zero_leaves_are_right_in_every_height),
        cmocka_unit_test(plan_refuses_what_is_no_tree),
        cmocka_unit_test(plan_of_the_largest_tree_is_right),
        cmocka_unit_test(cost_is_the_number_of_hashes),
        cmocka_unit_test(batches_of_any_size_are_folded_to_their_roots),
        cmocka_unit_test(leaves_that_are_roots_are_copied),
    };
    return cmocka_run_group_tests_name("merkle", tests, prepare, NULL);
}
