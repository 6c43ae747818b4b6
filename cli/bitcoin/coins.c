/*
 * The coins file's parser. Owns the arrays of a `coins`; pure but for their allocation, any thread
 * (one at a time for a `coins`).
 * Always holds: nothing is read past the end; the list is allocated once, after the bytes its
 * entries need at the least are known to be there (about four times the file's size); every coin's
 * amount and script are such that the chain could hold them.
 * Costs one pass and a sort; a square root in the field for each uncompressed key, some 10 us.
 * Sources: Bitcoin Core's compressor.cpp, serialize.h and coins.h for the format; SEC 1, 2.3.4.
 */
#include "coins.h"

#include "bytes.h"
#include "script.h"

#include <secp256k1.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COINS_OUTPOINT_BYTES = 36,
    COINS_BYTES_MIN = COINS_OUTPOINT_BYTES + 3, /* an entry with one-byte numbers, no script */
};

/* The types of a compressed script; any larger number is a size and COINS_NUM_TYPES. */
enum {
    COINS_P2PKH = 0,
    COINS_P2SH = 1,
    COINS_P2PK_EVEN = 2,
    COINS_P2PK_ODD = 3,
    COINS_P2PK_FULL_EVEN = 4,
    COINS_P2PK_FULL_ODD = 5,
    COINS_NUM_TYPES = 6,
};

/* One parse. */
typedef struct coins_cursor {
    bytes_reader in;
    uint32_t index; /* of the coin that is read; UINT32_MAX: none */
    char *error;
    size_t error_bytes;
} coins_cursor;

static bool coins_fail(const coins_cursor *c, size_t offset, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

static bool coins_fail(const coins_cursor *c, size_t offset, const char *what, ...)
{
    char text[160];
    char where[24] = "";
    va_list list;
    va_start(list, what);
    vsnprintf(text, sizeof(text), what, list);
    va_end(list);
    if (c->index != UINT32_MAX) {
        snprintf(where, sizeof(where), "coin %u: ", c->index);
    }
    snprintf(c->error, c->error_bytes, "byte %zu: %s%s", offset, where, text);
    return false;
}

/* Turns the reader's fault, if there is one, into the error. */
static bool coins_fine(const coins_cursor *c)
{
    switch (c->in.fault) {
    case BYTES_FINE:
        return true;
    case BYTES_SHORT:
        return coins_fail(c, c->in.at, "the coins file ends inside %s", c->in.field);
    case BYTES_NOT_SHORTEST:
        return coins_fail(c, c->in.at, "%s is not written in its shortest form", c->in.field);
    case BYTES_TOO_LARGE:
        return coins_fail(c, c->in.at, "%s does not fit 64 bits", c->in.field);
    }
    return false;
}

/*
 * Undoes the compression of amounts: 0 is 0; else, of x - 1, the last decimal digit e is the number
 * of trailing zeros. If e < 9, the next digit by base 9 is the last digit before them, less one.
 * UINT64_MAX: more than COINS_AMOUNT_MAX.
 */
static uint64_t coins_amount(uint64_t x)
{
    if (x == 0) {
        return 0;
    }
    x--;
    unsigned zeros = (unsigned)(x % 10);
    uint64_t amount = x / 10;
    if (zeros < 9) {
        uint64_t digit = amount % 9 + 1;
        amount = amount / 9;
        amount = amount > COINS_AMOUNT_MAX ? amount : amount * 10 + digit;
    } else {
        amount++;
    }
    for (; zeros > 0 && amount <= COINS_AMOUNT_MAX; zeros--) {
        amount *= 10;
    }
    return amount <= COINS_AMOUNT_MAX ? amount : UINT64_MAX;
}

/* The 65 bytes of the key with that x, and y even (type 4) or odd (type 5). */
static bool coins_decompress_key(const uint8_t *x, uint64_t type, uint8_t key[65])
{
    secp256k1_pubkey point;
    uint8_t compressed[33] = {(uint8_t)(type - 2)};
    size_t bytes = 65;
    memcpy(compressed + 1, x, 32);
    return secp256k1_ec_pubkey_parse(secp256k1_context_static, &point, compressed,
                                     sizeof(compressed)) &&
           secp256k1_ec_pubkey_serialize(secp256k1_context_static, key, &bytes, &point,
                                         SECP256K1_EC_UNCOMPRESSED);
}

/* Builds the script `size key OP_CHECKSIG` around a key that is in its place. */
static void coins_build_p2pk(coin *out, uint8_t key_bytes)
{
    out->built[0] = key_bytes;
    out->built[1 + key_bytes] = 0xac;
    out->script_bytes = 2u + key_bytes;
}

static bool coins_build_script(coins_cursor *c, uint64_t type, size_t offset, coin *out)
{
    const uint8_t *data =
        bytes_read_view(&c->in, type <= COINS_P2SH ? 20 : 32, "a compressed script");
    if (data == NULL) {
        return coins_fine(c);
    }
    out->script = out->built;
    switch (type) {
    case COINS_P2PKH:
        script_p2pkh(data, out->built);
        out->script_bytes = SCRIPT_P2PKH_BYTES;
        return true;
    case COINS_P2SH:
        script_p2sh(data, out->built);
        out->script_bytes = SCRIPT_P2SH_BYTES;
        return true;
    case COINS_P2PK_EVEN:
    case COINS_P2PK_ODD:
        out->built[1] = (uint8_t)type;
        memcpy(out->built + 2, data, 32);
        coins_build_p2pk(out, 33);
        return true;
    default:
        coins_build_p2pk(out, 65);
        return coins_decompress_key(data, type, out->built + 1) ||
               coins_fail(c, offset, "the key is no point of the curve");
    }
}

static bool coins_parse_script(coins_cursor *c, coin *out)
{
    size_t offset = c->in.at;
    uint64_t type = bytes_read_varint(&c->in, "a script's type or size");
    if (!coins_fine(c)) {
        return false;
    }
    if (type < COINS_NUM_TYPES) {
        return coins_build_script(c, type, offset, out);
    }
    uint64_t bytes = type - COINS_NUM_TYPES;
    if (bytes > SCRIPT_BYTES_MAX) {
        return coins_fail(c, offset, "the script has %llu bytes; with more than %d none is spent",
                          (unsigned long long)bytes, SCRIPT_BYTES_MAX);
    }
    out->script = bytes_read_view(&c->in, bytes, "a script");
    out->script_bytes = (uint32_t)bytes;
    return coins_fine(c);
}

static bool coins_parse_coin(coins_cursor *c, coin *out)
{
    out->outpoint = bytes_read_view(&c->in, COINS_OUTPOINT_BYTES, "an outpoint");
    size_t height_at = c->in.at;
    uint64_t height = bytes_read_varint(&c->in, "a height");
    size_t amount_at = c->in.at;
    out->amount = coins_amount(bytes_read_varint(&c->in, "an amount"));
    if (!coins_fine(c)) {
        return false;
    }
    if (height > UINT32_MAX) {
        return coins_fail(c, height_at, "the height is %llu, above any",
                          (unsigned long long)height / 2);
    }
    if (out->amount == UINT64_MAX) {
        return coins_fail(c, amount_at, "the amount is above 21 million bitcoin");
    }
    out->height = (uint32_t)height / 2;
    out->is_coinbase = height % 2 == 1;
    return coins_parse_script(c, out);
}

static bool coins_parse_list(coins_cursor *c, coins *out)
{
    uint64_t count = bytes_read_compact(&c->in, "the number of coins");
    if (!coins_fine(c)) {
        return false;
    }
    size_t left = bytes_left(&c->in);
    if (count > left / COINS_BYTES_MIN || count >= UINT32_MAX) {
        return coins_fail(c, 0, "the number of coins is %llu, too many for the %zu bytes left",
                          (unsigned long long)count, left);
    }
    /* One more, as an array of none may be NULL. */
    out->list = malloc((count + 1) * sizeof(*out->list));
    out->order = malloc((count + 1) * sizeof(*out->order));
    if (out->list == NULL || out->order == NULL) {
        return coins_fail(c, 0, "out of memory");
    }
    out->num = (uint32_t)count;
    for (c->index = 0; c->index < out->num; c->index++) {
        if (!coins_parse_coin(c, &out->list[c->index])) {
            return false;
        }
    }
    c->index = UINT32_MAX;
    return bytes_left(&c->in) == 0 ||
           coins_fail(c, c->in.at, "%zu bytes follow the last coin", bytes_left(&c->in));
}

static int coins_compare(const void *left, const void *right, void *list)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    const coin *all = list;
    int difference = memcmp(all[a].outpoint, all[b].outpoint, COINS_OUTPOINT_BYTES);
    return difference != 0 ? difference : (a > b) - (a < b);
}

static bool coins_sort(coins_cursor *c, coins *out)
{
    for (uint32_t i = 0; i < out->num; i++) {
        out->order[i] = i;
    }
    qsort_r(out->order, out->num, sizeof(*out->order), coins_compare, out->list);
    for (uint32_t i = 1; i < out->num; i++) {
        const coin *a = &out->list[out->order[i - 1]];
        const coin *b = &out->list[out->order[i]];
        if (memcmp(a->outpoint, b->outpoint, COINS_OUTPOINT_BYTES) == 0) {
            c->index = out->order[i];
            return coins_fail(c, (size_t)(b->outpoint - c->in.data), "the same as coin %u",
                              out->order[i - 1]);
        }
    }
    return true;
}

bool coins_parse(coins *out, const uint8_t *data, size_t bytes, char *error, size_t error_bytes)
{
    coins_cursor c = {.in = {.data = data, .size = bytes},
                      .index = UINT32_MAX,
                      .error = error,
                      .error_bytes = error_bytes};
    *out = (coins){.num = 0};
    if (coins_parse_list(&c, out) && coins_sort(&c, out)) {
        return true;
    }
    coins_finish(out);
    return false;
}

void coins_finish(coins *c)
{
    free(c->list);
    free(c->order);
    *c = (coins){.num = 0};
}

uint32_t coins_find(const coins *c, const uint8_t *outpoint)
{
    uint32_t low = 0;
    uint32_t high = c->num;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t index = c->order[middle];
        int difference = memcmp(c->list[index].outpoint, outpoint, COINS_OUTPOINT_BYTES);
        if (difference == 0) {
            return index;
        }
        if (difference < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return UINT32_MAX;
}
