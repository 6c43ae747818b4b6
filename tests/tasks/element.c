/*
 * Where the tests of the BLS12-381 field get their elements. Keeps no state; the edges were printed
 * by Python, whose integers are of any size.
 */
#include "tests/tasks/element.h"

#define ELEMENT_LIMBS 6

/* The highest limb of p. */
#define ELEMENT_TOP 0x1a0111ea397fe69a

static const uint64_t element_edges[ELEMENT_EDGES][ELEMENT_LIMBS] = {
    /* 0 */
    {0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
     0x0000000000000000, 0x0000000000000000},
    /* 1 */
    {0x0000000000000001, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
     0x0000000000000000, 0x0000000000000000},
    /* 2 */
    {0x0000000000000002, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
     0x0000000000000000, 0x0000000000000000},
    /* p - 1 */
    {0xb9feffffffffaaaa, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624, 0x64774b84f38512bf,
     0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a},
    /* p - 2 */
    {0xb9feffffffffaaa9, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624, 0x64774b84f38512bf,
     0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a},
    /* (p - 1) / 2 */
    {0xdcff7fffffffd555, 0x0f55ffff58a9ffff, 0xb39869507b587b12, 0xb23ba5c279c2895f,
     0x258dd3db21a5d66b, 0x0d0088f51cbff34d},
    /* (p + 1) / 2 */
    {0xdcff7fffffffd556, 0x0f55ffff58a9ffff, 0xb39869507b587b12, 0xb23ba5c279c2895f,
     0x258dd3db21a5d66b, 0x0d0088f51cbff34d},
    /* 2^384 mod p: 1 in Montgomery form */
    {0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba, 0x77ce585370525745,
     0x5c071a97a256ec6d, 0x15f65ec3fa80e493},
    /* its negative */
    {0x43f5fffffffcaaae, 0x32b7fff2ed47fffd, 0x07e83a49a2e99d69, 0xeca8f3318332bb7a,
     0xef148d1ea0f4c069, 0x040ab3263eff0206},
    /* 2^768 mod p: to Montgomery form */
    {0xf4df1f341c341746, 0x0a76e6a609d104f1, 0x8de5476c4c95b6d5, 0x67eb88a9939d83c0,
     0x9a793e85b519952d, 0x11988fe592cae3aa},
    /* 2^380 - 1 */
    {0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
     0xffffffffffffffff, 0x0fffffffffffffff},
    /* every other 30-bit limb all ones */
    {0xf00000003fffffff, 0xff00000003ffffff, 0xfff00000003fffff, 0xffff00000003ffff,
     0xfffff00000003fff, 0x00000000000003ff},
    /* every other 52-bit limb */
    {0x000fffffffffffff, 0xffffff0000000000, 0x000000000fffffff, 0xffffffffffff0000,
     0xff0000000000000f, 0x00000fffffffffff},
    /* p */
    {0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624, 0x64774b84f38512bf,
     0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a},
    /* p + 1 */
    {0xb9feffffffffaaac, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624, 0x64774b84f38512bf,
     0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a},
    /* 2p - 1 */
    {0x73fdffffffff5555, 0x3d57fffd62a7ffff, 0xce61a541ed61ec48, 0xc8ee9709e70a257e,
     0x96374f6c869759ae, 0x340223d472ffcd34},
    /* 2p */
    {0x73fdffffffff5556, 0x3d57fffd62a7ffff, 0xce61a541ed61ec48, 0xc8ee9709e70a257e,
     0x96374f6c869759ae, 0x340223d472ffcd34},
    /* 9p - 1 */
    {0x89f6fffffffd0002, 0x140bfff43bf3fffd, 0xa0b767a8ac38a745, 0x8831a7ac8fada8ba,
     0xa3f8e5685da91392, 0xea09a13c057f1b6c},
    /* 9p */
    {0x89f6fffffffd0003, 0x140bfff43bf3fffd, 0xa0b767a8ac38a745, 0x8831a7ac8fada8ba,
     0xa3f8e5685da91392, 0xea09a13c057f1b6c},
    /* 2^384 - 1 */
    {0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
     0xffffffffffffffff, 0xffffffffffffffff},
};

static void element_store(uint8_t element[ELEMENT_BYTES], const uint64_t limbs[ELEMENT_LIMBS])
{
    for (int i = 0; i < ELEMENT_BYTES; i++) {
        element[i] = (uint8_t)(limbs[i / 8] >> i % 8 * 8);
    }
}

void element_edge(uint32_t index, uint8_t element[ELEMENT_BYTES])
{
    element_store(element, element_edges[index]);
}

void element_random(support_random *random, uint8_t element[ELEMENT_BYTES])
{
    uint64_t limbs[ELEMENT_LIMBS];
    for (int i = 0; i < ELEMENT_LIMBS; i++) {
        limbs[i] = support_random_next(random);
    }
    limbs[ELEMENT_LIMBS - 1] %= ELEMENT_TOP; /* so it is below p, whatever the others are */
    element_store(element, limbs);
}

/* Limbs of ones, of zeros, or random. */
static void element_pattern(support_random *random, uint8_t element[ELEMENT_BYTES])
{
    uint64_t limbs[ELEMENT_LIMBS];
    for (int i = 0; i < ELEMENT_LIMBS; i++) {
        uint64_t any = support_random_next(random);
        uint64_t kind = support_random_below(random, 4);
        limbs[i] = kind == 0 ? 0 : kind == 1 ? any : UINT64_MAX;
    }
    element_store(element, limbs);
}

static void element_any(support_random *random, uint8_t element[ELEMENT_BYTES])
{
    switch (support_random_below(random, 4)) {
    case 0:
        support_random_fill(random, element, ELEMENT_BYTES);
        break;
    case 1:
        element_pattern(random, element);
        break;
    default:
        element_random(random, element);
        break;
    }
}

void element_pair(support_random *random, uint32_t index, uint8_t a[ELEMENT_BYTES],
                  uint8_t b[ELEMENT_BYTES])
{
    if (index < ELEMENT_EDGE_PAIRS) {
        element_edge(index / ELEMENT_EDGES, a);
        element_edge(index % ELEMENT_EDGES, b);
    } else {
        element_any(random, a);
        element_any(random, b);
    }
}
