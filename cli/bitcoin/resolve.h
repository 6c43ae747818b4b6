/*
 * The inputs of a block and the coins they spend: what each input must prove, and the money.
 *
 * A coin is an output of this block where one is meant, else it comes from a coins file. Checked
 * here, as Bitcoin Core's CheckTxInputs and GetBlockSubsidy do: every coin is there, none is spent
 * twice, coinbases are 100 blocks old, no amount leaves its range, no transaction pays out more
 * than it takes in, and the coinbase takes no more than subsidy and fees. An input's script is
 * taken apart as its coin's form asks; the signatures themselves are left to the caller, as a list.
 *
 * Listed are inputs of P2PKH, P2PK and m-of-n multisig coins, and of P2SH coins (BIP 16) with such
 * a script. Counted but not listed, so not proven: coins that ask for a witness, coins of any other
 * form, and inputs of the former that do more than push data (outside of P2SH, where that is an
 * error). Rules of their time: BIP 16, 34, 141 and 147 by the block's time or height.
 *   Threads:  pure over the caller's memory; any.
 */
#ifndef YOKE_CLI_BITCOIN_RESOLVE_H
#define YOKE_CLI_BITCOIN_RESOLVE_H

#include "block.h"
#include "coins.h"
#include "spends.h"

#define RESOLVE_BIP16_TIME 1333238400 /* P2SH counts in blocks of this time on */
#define RESOLVE_BIP147_HEIGHT 481824  /* the element that CHECKMULTISIG ignores must be empty */
#define RESOLVE_COINBASE_AGE 100
#define RESOLVE_HALVING_BLOCKS 210000

typedef enum resolve_result {
    RESOLVE_FINE,
    RESOLVE_WRONG,   /* the block is; the error says where */
    RESOLVE_NO_COIN, /* the coins are not this block's: the error says which input lacks its own */
} resolve_result;

/* What resolve works on. */
typedef struct resolve_subject {
    const block *block;
    const uint8_t *txids;  /* num_txs × 32 bytes */
    const uint32_t *order; /* of spends_order */
    const coins *coins;
    uint8_t *spent; /* scratch: a byte for each coin and each of the block's outputs */
} resolve_subject;

/*
 * Fills in the list and counts kinds. *fees: of all transactions, in satoshi.
 * The list's views lie in the block and the coins.
 */
resolve_result resolve_spends(const resolve_subject *subject, spends *spends, uint64_t *fees,
                              block_error *error);

/* What the coinbase of a block of that height may make anew, in satoshi. */
uint64_t resolve_subsidy(uint32_t height);

#endif
