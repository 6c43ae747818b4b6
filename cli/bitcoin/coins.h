/*
 * The coins file: outputs of earlier blocks that a block spends, as `yoke block --coins` reads
 * them.
 *
 * A CompactSize count; then for each coin its outpoint (32-byte txid, 4-byte little-endian index)
 * and the coin in Bitcoin Core's compressed form (compressor.h, coins.h): VARINT of height × 2 +
 * coinbase, VARINT of the compressed amount, and the compressed script: VARINT 0 and a key's hash
 * (P2PKH), 1 and a script's hash (P2SH), 2 or 3 and x (P2PK, compressed key of that first byte),
 * 4 or 5 and x (P2PK, uncompressed key; y even or odd), or the script's size + 6 and the script.
 *   Threads:  one at a time for parsing; afterwards any number may read.
 *   Owns:     coins_parse allocates, coins_finish frees. Outpoints and raw scripts are views into
 *             the caller's buffer, which must stay as it is for as long as the coins are used.
 */
#ifndef YOKE_CLI_BITCOIN_COINS_H
#define YOKE_CLI_BITCOIN_COINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COINS_AMOUNT_MAX 2100000000000000u /* satoshi: 21 million bitcoin */
#define COINS_SCRIPT_BYTES_MAX 67          /* of a script that is not given as it is */

/* The longest file: 24 390 inputs are the most that 1 000 000 bytes without witnesses can hold, and
 * no script that can be spent has more than 10 000 bytes. */
#define COINS_BYTES_MAX ((size_t)24390 * (36 + 5 + 9 + 2 + 10000))

typedef struct coin {
    const uint8_t *outpoint; /* 36 bytes, as in an input */
    const uint8_t *script;
    uint64_t amount; /* satoshi, at most COINS_AMOUNT_MAX */
    uint32_t script_bytes;
    uint32_t height; /* of the block that made it */
    bool is_coinbase;
    uint8_t built[COINS_SCRIPT_BYTES_MAX]; /* the script, if it is not a view */
} coin;

/* Zero it before its first use. */
typedef struct coins {
    coin *list;      /* as in the file */
    uint32_t *order; /* indices into the list, by outpoint */
    uint32_t num;
} coins;

/* Parses. On failure `error` holds one line, which starts with the byte's offset, and *coins is
 * empty. Refused too: a coin listed twice, and bytes behind the last one. */
bool coins_parse(coins *coins, const uint8_t *data, size_t bytes, char *error, size_t error_bytes);

void coins_finish(coins *coins);

/* The index of the coin of that outpoint (36 bytes), or UINT32_MAX. */
uint32_t coins_find(const coins *coins, const uint8_t *outpoint);

#endif
