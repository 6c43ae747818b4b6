/*
 * Proves what can be proven of a block, as jobs on a runtime: its proof of work, its txids' Merkle
 * root, its witness commitment, and the signatures of its inputs. From the block alone those of its
 * P2PKH inputs (cli/bitcoin/spends.h says which, and what such a proof means); with the coins that
 * it spends, those of all usual forms, and its amounts (cli/bitcoin/resolve.h).
 *
 * An ECDSA check is one signature under one key. A multisig input takes as many as Bitcoin's
 * CHECKMULTISIG: from the last signature and the last key on; a key that does not fit is passed
 * over, and it ends as soon as every signature has its key or fewer keys than signatures are left.
 *
 * Not proven, as it takes the chain: that the target is the one asked for; that the coins exist and
 * are unspent; sizes of scripts, times; without the coins, amounts.
 */
#ifndef YOKE_CLI_PROVE_H
#define YOKE_CLI_PROVE_H

#include "cli/bitcoin/block.h"
#include "cli/bitcoin/coins.h"
#include "cli/bitcoin/spends.h"

#include <yoke/yoke.h>

/* X(NAME, name, items): the stages in the order they run, and what their items are. */
#define PROVE_STAGE_MAP(X)                                                                         \
    X(PARSE, "parse", "transactions")                                                              \
    X(HEADER, "header", "hashes")                                                                  \
    X(TXIDS, "txids", "hashes")                                                                    \
    X(MERKLE, "merkle", "hashes")                                                                  \
    X(WITNESS, "witness", "hashes")                                                                \
    X(SIGHASHES, "sighashes", "hashes")                                                            \
    X(SIGNATURES, "signatures", "ECDSA checks")

typedef enum prove_stage {
#define PROVE_STAGE_ENUM(name, text, items) PROVE_##name,
    PROVE_STAGE_MAP(PROVE_STAGE_ENUM)
#undef PROVE_STAGE_ENUM
        PROVE_NUM_STAGES
} prove_stage;

const char *prove_stage_name(prove_stage stage);
const char *prove_stage_items(prove_stage stage);

typedef enum prove_verdict {
    PROVE_VALID,   /* everything that was checked holds */
    PROVE_INVALID, /* the error says what does not, and where */
    PROVE_BROKEN,  /* the block was not judged: the runtime failed, or the coins are not its own */
} prove_verdict;

typedef enum prove_witness {
    PROVE_WITNESS_NONE,      /* the block commits to no witness, and has none */
    PROVE_WITNESS_UNCHECKED, /* it commits, but predates the rule and has none */
    PROVE_WITNESS_RIGHT,     /* the commitment is right */
} prove_witness;

/* What a run found. After a failure only what was found until then. */
typedef struct prove_report {
    uint8_t hash[32];        /* of the header, as hashed */
    uint8_t merkle_root[32]; /* as the header states it */
    uint32_t version;
    uint32_t time;
    uint32_t bits;
    uint32_t height;
    bool has_height;
    uint32_t bytes;
    uint32_t weight;
    uint32_t num_txs;
    uint32_t num_witness_txs;
    uint32_t num_inputs; /* that spend a coin: all but the coinbase's */
    uint32_t num_outputs;
    uint32_t kinds[SPENDS_NUM_KINDS]; /* inputs of each kind */
    uint32_t num_verified;            /* inputs */
    uint32_t num_failed;
    bool has_coins;
    uint64_t fees; /* satoshi; with coins only */
    prove_witness witness;
    uint64_t total_ns; /* from the first byte parsed to the last verdict read */
    struct {
        uint64_t items;
        /* What kernels ran, by engine: the runtime's counters before and after the stage, which
         * waits for all its jobs, so that none overlap. A Merkle tree counts as its hashes. */
        uint64_t cpu_items;
        uint64_t gpu_items;
        uint64_t ns;
    } stages[PROVE_NUM_STAGES];
} prove_report;

/* Told about ten times a second while a stage waits for its jobs; on the calling thread. */
typedef void (*prove_progress)(void *user, prove_stage stage, uint64_t done, uint64_t total);

typedef struct prove prove;

/*
 * A prover on a runtime that has the packs sha256, merkle and secp256k1, and that nobody else uses
 * while it runs, or the shares of engines are wrong. It keeps its buffers from run to run. NULL:
 * out of memory, or a type is missing. Threads:  one at a time for a prover; several provers may
 * share a runtime in turns. Owns:     the prover is the caller's to destroy, before the runtime.
 */
prove *prove_create(yoke_runtime *rt);
void prove_destroy(prove **p);

/* progress may be NULL. */
void prove_set_progress(prove *p, prove_progress progress, void *user);

/* The coins that blocks are proven with from now on; NULL: without. They must stay as they are. */
void prove_set_coins(prove *p, const coins *coins);

/*
 * Runs all stages over a raw block, up to the first that fails. *error is set unless the verdict
 * is PROVE_VALID.
 *   Blocks:   until done. No job is left behind, whatever the verdict.
 */
prove_verdict prove_run(prove *p, const uint8_t *data, size_t bytes, prove_report *report,
                        block_error *error);

#endif
