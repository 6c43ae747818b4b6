/*
 * Which inputs of a block can be proven, and what that takes: the list that jobs are made from.
 *
 * From the block alone (spends_find): an input whose script is exactly a signature and a public
 * key, and that has no witness, is taken to spend a P2PKH coin of that key: the script code is then
 * known without seeing the coin, and a signature that verifies proves that the owner of the key
 * signed this very spend. What stays open is whether the coin exists and names that key, unless the
 * same block makes it: then its script is looked at.
 *
 * An input of that form could, in principle, spend something else: a P2SH coin whose redeem script
 * happens to be the 33 or 65 bytes of a key. Its signature would not verify, and the block would
 * be reported as failing at that input. Such a redeem script would have to be a valid script that
 * looks like a key; for a coin made in the same block, its form is known and it is left out.
 *
 * With the coins that the block spends nothing is left open: see resolve.h.
 */
#ifndef YOKE_CLI_BITCOIN_SPENDS_H
#define YOKE_CLI_BITCOIN_SPENDS_H

#include "block.h"
#include "script.h"
#include "sighash.h"

/*
 * X(NAME, key, text): what an input is. Those before SPENDS_NUM_CHECKED are proven. EMPTY and
 * NOT_P2PKH are found without coins only; P2PK, MULTISIG, P2SH and OTHER_COIN only with them.
 */
#define SPENDS_KIND_MAP(X)                                                                         \
    X(P2PKH, "p2pkh", "P2PKH")                                                                     \
    X(P2PK, "p2pk", "P2PK")                                                                        \
    X(MULTISIG, "multisig", "multisig")                                                            \
    X(P2SH, "p2sh", "P2SH")                                                                        \
    X(WITNESS, "witness", "with a witness")                                                        \
    X(EMPTY, "empty", "with an empty script")                                                      \
    X(OTHER, "other_script", "with another script")                                                \
    X(NOT_P2PKH, "not_p2pkh", "of a coin of this block that is not P2PKH")                         \
    X(OTHER_COIN, "other_coin", "of a coin with another script")

typedef enum spends_kind {
#define SPENDS_KIND_ENUM(name, key, text) SPENDS_##name,
    SPENDS_KIND_MAP(SPENDS_KIND_ENUM)
#undef SPENDS_KIND_ENUM
        SPENDS_NUM_KINDS,
    SPENDS_NUM_CHECKED = SPENDS_WITNESS
} spends_kind;

/*
 * An input to be verified: num_signatures signatures, each by another of num_keys keys, in the same
 * order. One of one for all but multisig.
 */
typedef struct spend {
    uint32_t transaction; /* its index in the block */
    uint32_t input;       /* its index in the transaction */
    uint32_t num_signatures;
    uint32_t num_keys;
    uint32_t first_signature;          /* its first one's index among those of the whole list */
    script_view signatures;            /* starts with their pushes */
    script_view keys;                  /* starts with theirs */
    script_view code;                  /* what the signatures sign besides; data NULL: p2pkh */
    uint8_t p2pkh[SCRIPT_P2PKH_BYTES]; /* the coin's script, as implied by the key */
} spend;

typedef struct spends {
    spend *list;                      /* the caller's; room for the block's num_inputs */
    uint32_t num;                     /* inputs in the list */
    uint32_t num_signatures;          /* of all in the list */
    uint32_t kinds[SPENDS_NUM_KINDS]; /* inputs of each kind; the coinbase's is not counted */
} spends;

/* Lists the inputs that can be proven. */
void spends_find(const block *block, spends *spends);

/*
 * Sorts the block's transactions by txid into `order` (num_txs entries), for the calls below. Also
 * refuses a transaction that is listed twice. txids: num_txs × 32 bytes.
 */
bool spends_order(const block *block, const uint8_t *txids, uint32_t *order, block_error *error);

/*
 * The output of this block that input i of transaction t spends, in *coin; NULL if its coin was
 * made elsewhere. False if an output is meant that does not exist or does not come before.
 */
bool spends_made_here(const block *block, const uint8_t *txids, const uint32_t *order, uint32_t t,
                      uint32_t i, const block_output **coin, block_error *error);

/*
 * For a list of spends_find: looks at coins that are made and spent in the same block. They must be
 * made before they are spent, exist, and, for a listed input, be paid to its key. Listed inputs of
 * coins with another script leave the list.
 */
bool spends_check_made_here(const block *block, const uint8_t *txids, const uint32_t *order,
                            spends *spends, block_error *error);

/* Signature and key number k of an input, from 0. The signature comes without its hash type. */
script_view spends_signature(const spend *spend, uint32_t k, uint8_t *hash_type);
script_view spends_key(const spend *spend, uint32_t k);

/* What signature k of a listed input signs. */
sighash_subject spends_subject(const block *block, const spend *spend, uint32_t k);

/* Where in the block an input's script starts, in bytes. */
size_t spends_offset(const block *block, const spend *spend);

/*
 * Whether the block's signatures must be strict DER: from BIP 66's height on. The height is what
 * the coinbase states (BIP 34); a block that states none is older than that rule.
 */
#define SPENDS_BIP66_HEIGHT 363725
bool spends_are_strict(const block *block);

#endif
