/*
 * Which inputs of a block can be proven from the block alone, and the coins that it makes itself.
 *
 * An input whose script is exactly a signature and a public key, and that has no witness, is taken
 * to spend a P2PKH coin of that key: the script code is then known without seeing the coin, and a
 * signature that verifies proves that the owner of the key signed this very spend. What stays open
 * is whether the coin exists and names that key, unless the same block makes it: then its script
 * is looked at.
 *
 * An input of that form could, in principle, spend something else: a P2SH coin whose redeem script
 * happens to be the 33 or 65 bytes of a key. Its signature would not verify, and the block would
 * be reported as failing at that input. Such a redeem script would have to be a valid script that
 * looks like a key; for a coin made in the same block, its form is known and it is left out.
 */
#ifndef YOKE_CLI_BITCOIN_SPENDS_H
#define YOKE_CLI_BITCOIN_SPENDS_H

#include "block.h"
#include "script.h"
#include "sighash.h"

/* X(NAME, key, text): what an input is; the first kind is proven, the others are not checked. */
#define SPENDS_KIND_MAP(X)                                                                         \
    X(P2PKH, "p2pkh", "a signature and a public key")                                              \
    X(WITNESS, "witness", "with a witness")                                                        \
    X(EMPTY, "empty", "with an empty script")                                                      \
    X(OTHER, "other_script", "with another script")                                                \
    X(NOT_P2PKH, "not_p2pkh", "of a coin of this block that is not P2PKH")

typedef enum spends_kind {
#define SPENDS_KIND_ENUM(name, key, text) SPENDS_##name,
    SPENDS_KIND_MAP(SPENDS_KIND_ENUM)
#undef SPENDS_KIND_ENUM
        SPENDS_NUM_KINDS
} spends_kind;

/* An input to be verified. */
typedef struct spend {
    uint32_t transaction; /* its index in the block */
    uint32_t input;       /* its index in the transaction */
    script_claim claim;
    uint8_t code[SCRIPT_P2PKH_BYTES]; /* the coin's script, as implied by the key */
} spend;

typedef struct spends {
    spend *list;                      /* the caller's; room for the block's num_inputs */
    uint32_t num;                     /* inputs in the list */
    uint32_t kinds[SPENDS_NUM_KINDS]; /* inputs of each kind; the coinbase's is not counted */
} spends;

/* Lists the inputs that can be proven. */
void spends_find(const block *block, spends *spends);

/*
 * Looks at coins that are made and spent in the same block: they must be made before they are
 * spent, exist, and, for a listed input, be paid to its key. Listed inputs of coins with another
 * script leave the list. Also refuses a transaction that is listed twice.
 * txids: num_txs × 32 bytes. order: num_txs entries of scratch.
 */
bool spends_check_coins(const block *block, const uint8_t *txids, uint32_t *order, spends *spends,
                        block_error *error);

/* What the signature of a listed input signs. */
sighash_subject spends_subject(const block *block, const spend *spend);

/* Where in the block an input's script starts, in bytes. */
size_t spends_offset(const block *block, const spend *spend);

/*
 * Whether the block's signatures must be strict DER: from BIP 66's height on. The height is what
 * the coinbase states (BIP 34); a block that states none is older than that rule.
 */
#define SPENDS_BIP66_HEIGHT 363725
bool spends_are_strict(const block *block);

#endif
