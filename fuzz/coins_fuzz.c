/*
 * Fuzz target: the parser of coins files on any bytes. Owns nothing between inputs; one thread.
 * Always holds: an accepted file's coins are each found by their outpoint, at their own index; a
 * refused one gives a line and leaves nothing allocated.
 * Costs some microseconds an input.
 */
#include "cli/bitcoin/coins.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void coins_fuzz_require(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    coins c = {.list = NULL};
    char error[256] = "";
    if (!coins_parse(&c, data, bytes, error, sizeof(error))) {
        coins_fuzz_require(error[0] != '\0' && c.list == NULL && c.num == 0);
        return 0;
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < c.num; i++) {
        coins_fuzz_require(coins_find(&c, c.list[i].outpoint) == i);
        coins_fuzz_require(c.list[i].amount <= COINS_AMOUNT_MAX);
        for (uint32_t k = 0; k < c.list[i].script_bytes; k++) {
            sum += c.list[i].script[k]; /* every byte of it can be read */
        }
    }
    static volatile uint32_t sink;
    sink = sum;
    (void)sink;
    coins_finish(&c);
    coins_fuzz_require(c.list == NULL);
    return 0;
}
