/*
 * The prover: turns a block into jobs, stage by stage.
 * Owns the buffers its jobs read and write; they grow to the largest block seen and stay. Only the
 * calling thread touches it; workers touch what a submitted job names.
 * Always holds: a stage has waited for its jobs before it returns, failed or not, so nothing that
 * a job uses is changed or freed under it. Memory is bounded by the block's limits: preimages,
 * which could be a thousand times the block, pass through a ring of PROVE_CHUNKS chunks.
 * Costs: the host's own work (parsing, finding spends or resolving coins, building preimages) is
 * about 2 % of the workers' for a full block. Preimages are built while workers hash; so are spends
 * found, without coins. A multisig input costs a round of its stage for each key tried.
 */
#include "cli/prove.h"

#include "cli/bitcoin/hex.h"
#include "cli/bitcoin/merkle.h"
#include "cli/bitcoin/pow.h"
#include "cli/bitcoin/resolve.h"
#include "cli/clock.h"

#include <yoke/tasks.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROVE_CHUNKS 4
#define PROVE_CHUNK_BYTES ((size_t)512 << 10) /* a chunk goes to the workers once it has these */
#define PROVE_CHUNK_ITEMS 1024u               /* or these */

/* Signatures a job: about a millisecond's work, so that the last jobs end close together. */
#define PROVE_SIGNATURES_PER_JOB 32u

#define PROVE_PROGRESS_NS 100000000u

/* BIP 141 holds from this height on; before it, a commitment without witnesses means nothing. */
#define PROVE_BIP141_HEIGHT 481824

typedef struct prove_buffer {
    void *data;
    size_t room;
} prove_buffer;

/* Preimages on their way through the workers. */
typedef struct prove_chunk {
    prove_buffer bytes;
    yoke_span spans[PROVE_CHUNK_ITEMS];
    size_t used;
    uint32_t count;
    yoke_job job;
    yoke_group group;
} prove_chunk;

/* A spend that is being decided: how many of its signatures and keys are still to be matched. */
typedef struct prove_pending {
    uint32_t spend;
    uint8_t signatures; /* the next one tried is the last of these, */
    uint8_t keys;       /* under the last of these */
} prove_pending;

struct prove {
    yoke_runtime *rt;
    const yoke_type *sha256d;
    const yoke_type *sha256d_ragged;
    const yoke_type *merkle;
    const yoke_type *verify;
    const coins *coins; /* the caller's; NULL: none */
    prove_progress progress;
    void *progress_user;

    block block;
    spends spends;
    prove_buffer txids;    /* a hash a transaction */
    prove_buffer wtxids;   /* the same */
    prove_buffer stripped; /* transactions without their witnesses */
    prove_buffer spans;    /* one a transaction */
    prove_buffer levels;   /* a Merkle tree's above the leaves */
    prove_buffer order;    /* transactions by txid */
    prove_buffer spend_list;
    prove_buffer spent;   /* resolve's scratch */
    prove_buffer digests; /* a signature hash a signature */
    prove_buffer pending; /* a prove_pending a spend: those that are not decided yet */
    prove_buffer rows;    /* a round's digests, one for each that is pending; */
    prove_buffer keys;    /* spans of the same; */
    prove_buffer signatures;
    prove_buffer verdicts; /* and a byte each */
    prove_buffer jobs;
    prove_buffer job_list;
    prove_chunk chunks[PROVE_CHUNKS];

    /* The run. */
    prove_report *report;
    block_error *error;
    prove_stage stage;
    uint64_t stage_start_ns;
    yoke_stats before; /* the runtime's counters when the stage began */
    uint64_t cpu_more; /* hashes of the stage's trees, less one a tree: the runtime counts trees */
    uint64_t gpu_more;
};

static const char *const prove_stage_names[] = {
#define PROVE_STAGE_NAME(name, text, items) text,
    PROVE_STAGE_MAP(PROVE_STAGE_NAME)
#undef PROVE_STAGE_NAME
};

static const char *const prove_stage_item_names[] = {
#define PROVE_STAGE_ITEMS(name, text, items) items,
    PROVE_STAGE_MAP(PROVE_STAGE_ITEMS)
#undef PROVE_STAGE_ITEMS
};

const char *prove_stage_name(prove_stage stage)
{
    return prove_stage_names[stage];
}

const char *prove_stage_items(prove_stage stage)
{
    return prove_stage_item_names[stage];
}

/* ---------------------------------------------------------------------------------------------
 * Failures, time, waiting
 */

/* The block is at fault. */
#define prove_invalid(p, ...) (block_error_set((p)->error, __VA_ARGS__), PROVE_INVALID)

/* The runtime or the machine is. */
static prove_verdict prove_broken(prove *p, const char *text)
{
    block_error_set(p->error, SIZE_MAX, BLOCK_NOWHERE, BLOCK_NOWHERE, "stage %s: %s",
                    prove_stage_name(p->stage), text);
    return PROVE_BROKEN;
}

static yoke_stats prove_stats(const prove *p)
{
    yoke_stats stats = {.struct_bytes = sizeof(stats)};
    yoke_stats_read(p->rt, &stats);
    return stats;
}

static void prove_begin(prove *p, prove_stage stage)
{
    p->stage = stage;
    p->before = prove_stats(p);
    p->cpu_more = 0;
    p->gpu_more = 0;
    p->stage_start_ns = clock_ns();
}

static prove_verdict prove_end(prove *p, uint64_t items)
{
    uint64_t ns = clock_ns() - p->stage_start_ns;
    yoke_stats after = prove_stats(p);
    p->report->stages[p->stage].items = items;
    p->report->stages[p->stage].cpu_items = after.items_run - p->before.items_run + p->cpu_more;
    p->report->stages[p->stage].gpu_items = after.items_gpu - p->before.items_gpu + p->gpu_more;
    p->report->stages[p->stage].ns = ns;
    return PROVE_VALID;
}

/* A buffer of at least that size, contents undefined; false if memory is out. */
static bool prove_room(prove_buffer *buffer, size_t bytes)
{
    if (bytes <= buffer->room) {
        return true;
    }
    free(buffer->data);
    buffer->data = malloc(bytes);
    buffer->room = buffer->data != NULL ? bytes : 0;
    return buffer->data != NULL;
}

/* Waits for a group, reporting progress; `total`: the items of the stage. */
static prove_verdict prove_wait(prove *p, yoke_group *group, uint64_t total)
{
    uint64_t timeout_ns = p->progress != NULL ? PROVE_PROGRESS_NS : YOKE_FOREVER;
    yoke_status status = yoke_group_wait(p->rt, group, timeout_ns);
    while (status == YOKE_TIMEOUT) {
        yoke_stats now = prove_stats(p);
        uint64_t done = now.items_run + now.items_gpu - p->before.items_run - p->before.items_gpu;
        p->progress(p->progress_user, p->stage, done < total ? done : total, total);
        status = yoke_group_wait(p->rt, group, timeout_ns);
    }
    return status == YOKE_OK ? PROVE_VALID : prove_broken(p, yoke_status_text(status));
}

/* Submits one job and, if that works, counts it into the group. */
static prove_verdict prove_submit(prove *p, yoke_job *job)
{
    yoke_status status = yoke_submit(p->rt, &job, 1);
    return status == YOKE_OK ? PROVE_VALID : prove_broken(p, yoke_status_text(status));
}

/* ---------------------------------------------------------------------------------------------
 * Parse, header
 */

/* The nodes of a Merkle tree above its leaves: what the types merkle_* write with all levels. */
static uint32_t prove_nodes_above(uint32_t num_leaves)
{
    uint32_t nodes = 0;
    for (uint32_t num = num_leaves; num > 1;) {
        num = (num + 1) / 2;
        nodes += num;
    }
    return nodes;
}

static bool prove_reserve(prove *p)
{
    size_t txs = p->block.num_txs;
    size_t inputs = p->block.num_inputs;
    size_t jobs = inputs / PROVE_SIGNATURES_PER_JOB + 1;
    return prove_room(&p->txids, 32 * txs) && prove_room(&p->wtxids, 32 * txs) &&
           prove_room(&p->stripped, p->block.bytes) &&
           prove_room(&p->spans, txs * sizeof(yoke_span)) &&
           prove_room(&p->levels, 32 * (size_t)prove_nodes_above(p->block.num_txs)) &&
           prove_room(&p->order, txs * sizeof(uint32_t)) &&
           prove_room(&p->spend_list, inputs * sizeof(spend)) &&
           prove_room(&p->pending, inputs * sizeof(prove_pending)) &&
           prove_room(&p->rows, 32 * inputs) && prove_room(&p->keys, inputs * sizeof(yoke_span)) &&
           prove_room(&p->signatures, inputs * sizeof(yoke_span)) &&
           prove_room(&p->verdicts, inputs) && prove_room(&p->jobs, jobs * sizeof(yoke_job)) &&
           prove_room(&p->job_list, jobs * sizeof(yoke_job *));
}

static prove_verdict prove_parse(prove *p, const uint8_t *data, size_t bytes)
{
    block *b = &p->block;
    prove_report *r = p->report;
    prove_begin(p, PROVE_PARSE);
    if (!block_parse(b, data, bytes, p->error)) {
        return PROVE_INVALID;
    }
    r->version = b->version;
    r->time = b->time;
    r->bits = b->bits;
    r->bytes = (uint32_t)b->bytes;
    r->weight = b->weight;
    r->num_txs = b->num_txs;
    r->num_witness_txs = b->num_witness_txs;
    r->num_inputs = b->num_inputs - 1;
    r->num_outputs = b->num_outputs;
    r->has_height = block_height(b, &r->height);
    memcpy(r->merkle_root, b->data + BLOCK_AT_MERKLE_ROOT, 32);
    if (!prove_reserve(p)) {
        return prove_broken(p, "out of memory");
    }
    p->spends.list = p->spend_list.data;
    return prove_end(p, b->num_txs);
}

static prove_verdict prove_header(prove *p)
{
    prove_begin(p, PROVE_HEADER);
    yoke_span span = {.data = p->block.data, .bytes = BLOCK_HEADER_BYTES};
    yoke_group group = {{0}};
    yoke_job job = yoke_job(.type = p->sha256d_ragged, .in = {&span}, .out = p->report->hash,
                            .num_items = 1, .group = &group);
    prove_verdict verdict = prove_submit(p, &job);
    if (verdict == PROVE_VALID) {
        verdict = prove_wait(p, &group, 1);
    }
    if (verdict != PROVE_VALID) {
        return verdict;
    }
    pow_result work = pow_check(p->report->hash, p->block.bits);
    if (work != POW_MET) {
        return prove_invalid(p, BLOCK_AT_BITS, BLOCK_NOWHERE, BLOCK_NOWHERE, "%s", pow_text(work));
    }
    return prove_end(p, 1);
}

/* ---------------------------------------------------------------------------------------------
 * Txids, Merkle root
 */

/* A span for each transaction as a txid hashes it; those with witnesses are copied without. */
static void prove_strip(prove *p)
{
    yoke_span *spans = p->spans.data;
    uint8_t *out = p->stripped.data;
    for (uint32_t t = 0; t < p->block.num_txs; t++) {
        const block_tx *tx = &p->block.txs[t];
        spans[t] = (yoke_span){.data = tx->data, .bytes = tx->bytes};
        if (tx->has_witness) {
            spans[t] = (yoke_span){.data = out, .bytes = block_tx_stripped_bytes(tx)};
            block_tx_strip(tx, out);
            out += spans[t].bytes;
        }
    }
}

/* Hashes the transactions. Without coins, the host looks for the inputs it can prove meanwhile. */
static prove_verdict prove_txids(prove *p)
{
    prove_begin(p, PROVE_TXIDS);
    uint32_t num = p->block.num_txs;
    prove_strip(p);
    yoke_group group = {{0}};
    yoke_job job = yoke_job(.type = p->sha256d_ragged, .in = {p->spans.data}, .out = p->txids.data,
                            .num_items = num, .group = &group);
    prove_verdict verdict = prove_submit(p, &job);
    if (verdict != PROVE_VALID) {
        return verdict;
    }
    if (p->coins == NULL) {
        spends_find(&p->block, &p->spends);
    }
    verdict = prove_wait(p, &group, num);
    return verdict == PROVE_VALID ? prove_end(p, num) : verdict;
}

/*
 * Builds the Merkle tree of a leaf a transaction: its levels into the prover's buffer, *root into
 * it or to the only leaf. *hashes counts what was hashed.
 */
static prove_verdict prove_tree(prove *p, const uint8_t *leaves, const uint8_t **root,
                                uint64_t *hashes)
{
    yoke_merkle_params params = {p->block.num_txs, YOKE_MERKLE_ODD_TWICE | YOKE_MERKLE_LEVELS};
    uint32_t nodes = prove_nodes_above(params.num_leaves);
    if (nodes == 0) {
        *root = leaves;
        return PROVE_VALID;
    }
    yoke_stats before = prove_stats(p);
    yoke_group group = {{0}};
    yoke_job job =
        yoke_job(.type = p->merkle, .in = {leaves}, .out = p->levels.data, .num_items = 1,
                 .group = &group, .params = &params, .params_bytes = sizeof(params));
    prove_verdict verdict = prove_submit(p, &job);
    if (verdict == PROVE_VALID) {
        verdict = prove_wait(p, &group, *hashes + nodes);
    }
    if (verdict != PROVE_VALID) {
        return verdict;
    }
    bool is_gpu = prove_stats(p).items_gpu != before.items_gpu;
    *(is_gpu ? &p->gpu_more : &p->cpu_more) += nodes - 1;
    *hashes += nodes;
    *root = (const uint8_t *)p->levels.data + 32 * (size_t)(nodes - 1);
    return PROVE_VALID;
}

/* Where the first twins of a Merkle tree are; level: 0 at the leaves; -1: there are none. */
typedef struct prove_twins {
    int level;
    size_t pair;
} prove_twins;

/* `above`: the tree's levels from the first on. */
static prove_twins prove_find_twins(const uint8_t *leaves, const uint8_t *above, size_t num)
{
    prove_twins twins = {.level = -1};
    const uint8_t *level = leaves;
    for (int i = 0; num > 1 && twins.level < 0; i++) {
        twins.level = merkle_has_twins(level, num, &twins.pair) ? i : -1;
        level = i == 0 ? above : level + 32 * num;
        num = (num + 1) / 2;
    }
    return twins;
}

static prove_verdict prove_wrong_root(prove *p, const uint8_t *root)
{
    char stated[65];
    char computed[65];
    hex_hash(p->report->merkle_root, stated);
    hex_hash(root, computed);
    return prove_invalid(p, BLOCK_AT_MERKLE_ROOT, BLOCK_NOWHERE, BLOCK_NOWHERE,
                         "the header's Merkle root is %s, that of the transactions %s", stated,
                         computed);
}

static prove_verdict prove_merkle(prove *p)
{
    prove_begin(p, PROVE_MERKLE);
    const uint8_t *root = NULL;
    uint64_t hashes = 0;
    prove_verdict verdict = prove_tree(p, p->txids.data, &root, &hashes);
    if (verdict != PROVE_VALID) {
        return verdict;
    }
    if (memcmp(root, p->report->merkle_root, 32) != 0) {
        return prove_wrong_root(p, root);
    }
    prove_twins twins = prove_find_twins(p->txids.data, p->levels.data, p->block.num_txs);
    if (twins.level >= 0) {
        uint32_t second = (uint32_t)(2 * twins.pair + 1) << twins.level;
        return prove_invalid(p, (size_t)(p->block.txs[second].data - p->block.data), second,
                             BLOCK_NOWHERE,
                             "transactions from here on are listed twice, which leaves the "
                             "Merkle root as it was (CVE-2012-2459)");
    }
    return prove_end(p, hashes);
}

/* ---------------------------------------------------------------------------------------------
 * Witness commitment (BIP 141)
 */

/* Hashes the transactions that have witnesses; the others' wtxid is their txid. */
static prove_verdict prove_wtxids(prove *p, uint64_t *hashes)
{
    uint8_t *wtxids = p->wtxids.data;
    const uint8_t *txids = p->txids.data;
    yoke_span *spans = p->spans.data;
    uint32_t num = 0;
    /* Hashed into the front, then moved to their places from the last one back. */
    for (uint32_t t = 1; t < p->block.num_txs; t++) {
        const block_tx *tx = &p->block.txs[t];
        if (tx->has_witness) {
            spans[num++] = (yoke_span){.data = tx->data, .bytes = tx->bytes};
        }
    }
    *hashes += num;
    if (num > 0) {
        yoke_group group = {{0}};
        yoke_job job = yoke_job(.type = p->sha256d_ragged, .in = {spans}, .out = wtxids,
                                .num_items = num, .group = &group);
        prove_verdict verdict = prove_submit(p, &job);
        if (verdict == PROVE_VALID) {
            verdict = prove_wait(p, &group, num);
        }
        if (verdict != PROVE_VALID) {
            return verdict;
        }
    }
    for (uint32_t t = p->block.num_txs; t-- > 1;) {
        const uint8_t *from = txids + 32 * (size_t)t;
        if (p->block.txs[t].has_witness) {
            from = wtxids + 32 * (size_t)--num;
        }
        memmove(wtxids + 32 * (size_t)t, from, 32);
    }
    memset(wtxids, 0, 32); /* the coinbase's, by definition */
    return PROVE_VALID;
}

/* The hash of the witness root and the reserved value must be what the coinbase commits to. */
static prove_verdict prove_commitment(prove *p, const uint8_t *commitment, const uint8_t *reserved,
                                      uint64_t *hashes)
{
    const uint8_t *root = NULL;
    prove_verdict verdict = prove_wtxids(p, hashes);
    if (verdict == PROVE_VALID) {
        verdict = prove_tree(p, p->wtxids.data, &root, hashes);
    }
    if (verdict != PROVE_VALID) {
        return verdict;
    }
    uint8_t pair[64];
    uint8_t computed[32];
    memcpy(pair, root, 32);
    memcpy(pair + 32, reserved, 32);
    yoke_group group = {{0}};
    yoke_job job = yoke_job(.type = p->sha256d, .in = {pair}, .out = computed, .num_items = 1,
                            .group = &group);
    verdict = prove_submit(p, &job);
    if (verdict == PROVE_VALID) {
        verdict = prove_wait(p, &group, *hashes + 1);
    }
    if (verdict == PROVE_VALID && memcmp(computed, commitment, 32) != 0) {
        return prove_invalid(p, (size_t)(commitment - p->block.data), 0, BLOCK_NOWHERE,
                             "the coinbase commits to other witnesses than the block has");
    }
    *hashes += 1;
    return verdict;
}

static prove_verdict prove_witness_stage(prove *p)
{
    const block *b = &p->block;
    prove_report *r = p->report;
    prove_begin(p, PROVE_WITNESS);
    const uint8_t *commitment = block_witness_commitment(b);
    const uint8_t *reserved = block_witness_reserved(b);
    bool is_bound = b->num_witness_txs > 0 || (r->has_height && r->height >= PROVE_BIP141_HEIGHT);
    if (commitment == NULL && b->num_witness_txs > 0) {
        return prove_invalid(p, (size_t)(b->txs[0].data - b->data), 0, BLOCK_NOWHERE,
                             "the block has witnesses, but its coinbase commits to none");
    }
    if (commitment == NULL || !is_bound) {
        r->witness = commitment == NULL ? PROVE_WITNESS_NONE : PROVE_WITNESS_UNCHECKED;
        return prove_end(p, 0);
    }
    if (reserved == NULL) {
        return prove_invalid(p, (size_t)(b->txs[0].data - b->data), 0, 0,
                             "the coinbase's witness is not the one value of 32 bytes that a "
                             "commitment needs");
    }
    uint64_t hashes = 0;
    prove_verdict verdict = prove_commitment(p, commitment, reserved, &hashes);
    if (verdict != PROVE_VALID) {
        return verdict;
    }
    r->witness = PROVE_WITNESS_RIGHT;
    return prove_end(p, hashes);
}

/* ---------------------------------------------------------------------------------------------
 * Signature hashes
 */

/* Sends a chunk's preimages to the workers; `first` is the signature of its first one. */
static prove_verdict prove_chunk_send(prove *p, prove_chunk *chunk, uint32_t first)
{
    chunk->job = yoke_job(.type = p->sha256d_ragged, .in = {chunk->spans},
                          .out = (uint8_t *)p->digests.data + 32 * (size_t)first,
                          .num_items = chunk->count, .group = &chunk->group);
    return prove_submit(p, &chunk->job);
}

static void prove_chunk_add(prove_chunk *chunk, const sighash_subject *subject)
{
    uint8_t *out = (uint8_t *)chunk->bytes.data + chunk->used;
    size_t bytes = sighash_bytes(subject);
    sighash_write(subject, out);
    chunk->spans[chunk->count++] = (yoke_span){.data = out, .bytes = bytes};
    chunk->used += bytes;
}

static bool prove_chunk_is_full(const prove_chunk *chunk)
{
    return chunk->used >= PROVE_CHUNK_BYTES || chunk->count == PROVE_CHUNK_ITEMS;
}

/* Waits until a chunk's last job is done, and empties it. */
static prove_verdict prove_chunk_take(prove *p, prove_chunk *chunk)
{
    prove_verdict verdict = prove_wait(p, &chunk->group, p->spends.num_signatures);
    chunk->used = 0;
    chunk->count = 0;
    return verdict;
}

/* Sends the chunk that is being filled, if it holds anything, and goes on to the next one. */
static prove_verdict prove_chunk_turn(prove *p, uint32_t *turn, uint32_t end)
{
    prove_chunk *chunk = &p->chunks[*turn % PROVE_CHUNKS];
    if (chunk->count == 0) {
        return PROVE_VALID;
    }
    prove_verdict verdict = prove_chunk_send(p, chunk, end - chunk->count);
    if (verdict == PROVE_VALID) {
        verdict = prove_chunk_take(p, &p->chunks[++*turn % PROVE_CHUNKS]);
    }
    return verdict;
}

/*
 * Adds the preimage of signature k of a spend. A chunk's digests are written in one row, so a
 * digest that is not computed (SINGLE's "one") ends a chunk.
 */
static prove_verdict prove_preimage(prove *p, const spend *s, uint32_t k, uint32_t *turn)
{
    sighash_subject subject = spends_subject(&p->block, s, k);
    uint32_t row = s->first_signature + k;
    if (sighash_is_one(&subject)) {
        memcpy((uint8_t *)p->digests.data + 32 * (size_t)row, sighash_one, 32);
        return prove_chunk_turn(p, turn, row);
    }
    prove_chunk *chunk = &p->chunks[*turn % PROVE_CHUNKS];
    prove_chunk_add(chunk, &subject);
    return prove_chunk_is_full(chunk) ? prove_chunk_turn(p, turn, row + 1) : PROVE_VALID;
}

/* Builds preimages in one chunk while the workers hash the others. */
static prove_verdict prove_preimages(prove *p)
{
    uint32_t turn = 0;
    for (uint32_t i = 0; i < p->spends.num; i++) {
        const spend *s = &p->spends.list[i];
        for (uint32_t k = 0; k < s->num_signatures; k++) {
            prove_verdict verdict = prove_preimage(p, s, k, &turn);
            if (verdict != PROVE_VALID) {
                return verdict;
            }
        }
    }
    return prove_chunk_turn(p, &turn, p->spends.num_signatures);
}

/* Lists what is to be verified; with coins, checks them and the amounts. */
static prove_verdict prove_resolve(prove *p)
{
    block *b = &p->block;
    if (!spends_order(b, p->txids.data, p->order.data, p->error)) {
        return PROVE_INVALID;
    }
    if (p->coins == NULL) {
        bool fine = spends_check_made_here(b, p->txids.data, p->order.data, &p->spends, p->error);
        return fine ? PROVE_VALID : PROVE_INVALID;
    }
    if (!prove_room(&p->spent, (size_t)p->coins->num + b->num_outputs)) {
        return prove_broken(p, "out of memory");
    }
    resolve_subject subject = {.block = b,
                               .txids = p->txids.data,
                               .order = p->order.data,
                               .coins = p->coins,
                               .spent = p->spent.data};
    resolve_result result = resolve_spends(&subject, &p->spends, &p->report->fees, p->error);
    p->report->has_coins = true;
    return result == RESOLVE_FINE    ? PROVE_VALID
           : result == RESOLVE_WRONG ? PROVE_INVALID
                                     : PROVE_BROKEN;
}

/* Room for digests and preimages; empty chunks. */
static bool prove_open_chunks(prove *p)
{
    size_t room = PROVE_CHUNK_BYTES + sighash_bytes_max(&p->block, SCRIPT_FORM_BYTES_MAX);
    bool fine = prove_room(&p->digests, 32 * (size_t)p->spends.num_signatures);
    for (uint32_t i = 0; i < PROVE_CHUNKS; i++) {
        p->chunks[i].used = 0;
        p->chunks[i].count = 0;
        p->chunks[i].group = (yoke_group){{0}};
        fine = fine && prove_room(&p->chunks[i].bytes, room);
    }
    return fine;
}

static prove_verdict prove_sighashes(prove *p)
{
    prove_begin(p, PROVE_SIGHASHES);
    prove_verdict verdict = prove_resolve(p);
    if (verdict != PROVE_VALID) {
        return verdict;
    }
    memcpy(p->report->kinds, p->spends.kinds, sizeof(p->report->kinds));
    if (!prove_open_chunks(p)) {
        return prove_broken(p, "out of memory");
    }
    verdict = prove_preimages(p);
    for (uint32_t i = 0; i < PROVE_CHUNKS; i++) {
        prove_verdict waited = prove_wait(p, &p->chunks[i].group, p->spends.num_signatures);
        verdict = verdict == PROVE_VALID ? waited : verdict;
    }
    return verdict == PROVE_VALID ? prove_end(p, p->spends.num_signatures) : verdict;
}

/* ---------------------------------------------------------------------------------------------
 * Signatures: rounds of one check for every spend that is not decided yet. Most are decided in the
 * first round, and no multisig takes more rounds than it has keys, which is 16 at the most.
 */

/* What a round found of the block's inputs. */
typedef struct prove_tally {
    uint64_t checks;
    uint32_t first_failed; /* the spend of the first input that fails; UINT32_MAX: none */
    bool is_malformed;     /* its last check's signature or key cannot be decoded */
} prove_tally;

/* Writes the row of a round's check: the last signature left, under the last key left. */
static void prove_fill_row(prove *p, uint32_t row, const prove_pending *pending)
{
    const spend *s = &p->spends.list[pending->spend];
    uint8_t hash_type;
    uint32_t k = pending->signatures - 1u;
    script_view signature = spends_signature(s, k, &hash_type);
    script_view key = spends_key(s, pending->keys - 1u);
    memcpy((uint8_t *)p->rows.data + 32 * (size_t)row,
           (uint8_t *)p->digests.data + 32 * (size_t)(s->first_signature + k), 32);
    ((yoke_span *)p->keys.data)[row] = (yoke_span){.data = key.data, .bytes = key.bytes};
    ((yoke_span *)p->signatures.data)[row] =
        (yoke_span){.data = signature.data, .bytes = signature.bytes};
}

/* Fills in the jobs for the first `rows` rows; returns how many. */
static uint32_t prove_signature_jobs(prove *p, uint32_t rows, yoke_group *group,
                                     const yoke_secp256k1_params *params)
{
    yoke_job *jobs = p->jobs.data;
    yoke_job **list = p->job_list.data;
    uint32_t num = 0;
    for (uint32_t i = 0; i < rows; i += PROVE_SIGNATURES_PER_JOB) {
        uint32_t left = rows - i;
        jobs[num] =
            yoke_job(.type = p->verify,
                     .in = {(uint8_t *)p->rows.data + 32 * (size_t)i, (yoke_span *)p->keys.data + i,
                            (yoke_span *)p->signatures.data + i},
                     .out = (uint8_t *)p->verdicts.data + i,
                     .num_items = left < PROVE_SIGNATURES_PER_JOB ? left : PROVE_SIGNATURES_PER_JOB,
                     .group = group, .params = params, .params_bytes = sizeof(*params));
        list[num] = &jobs[num];
        num++;
    }
    return num;
}

/* Runs one check for each of the first `num` pending spends. */
static prove_verdict prove_round(prove *p, uint32_t num, const yoke_secp256k1_params *params,
                                 uint64_t total)
{
    const prove_pending *pending = p->pending.data;
    for (uint32_t i = 0; i < num; i++) {
        prove_fill_row(p, i, &pending[i]);
    }
    yoke_group group = {{0}};
    uint32_t num_jobs = prove_signature_jobs(p, num, &group, params);
    yoke_status status = yoke_submit(p->rt, p->job_list.data, num_jobs);
    return status == YOKE_OK ? prove_wait(p, &group, total)
                             : prove_broken(p, yoke_status_text(status));
}

static void prove_fail(prove *p, prove_tally *tally, const prove_pending *failed, uint8_t verdict)
{
    p->report->num_failed++;
    if (failed->spend < tally->first_failed) {
        tally->first_failed = failed->spend;
        tally->is_malformed = verdict == YOKE_SECP256K1_MALFORMED;
    }
}

/* Applies a round's verdicts as CHECKMULTISIG does; returns how many spends are still pending. */
static uint32_t prove_judge(prove *p, uint32_t num, prove_tally *tally)
{
    const uint8_t *verdicts = p->verdicts.data;
    prove_pending *pending = p->pending.data;
    uint32_t left = 0;
    for (uint32_t i = 0; i < num; i++) {
        prove_pending next = pending[i];
        next.keys--;
        next.signatures -= verdicts[i] == YOKE_SECP256K1_VALID;
        if (next.signatures == 0) {
            p->report->num_verified++;
        } else if (next.signatures > next.keys) {
            prove_fail(p, tally, &next, verdicts[i]);
        } else {
            pending[left++] = next;
        }
    }
    return left;
}

static prove_verdict prove_failure(prove *p, const prove_tally *tally)
{
    const spend *s = &p->spends.list[tally->first_failed];
    const char *what = "the signature does not hold";
    if (s->num_keys > 1) {
        what = "not every signature is one by a key of its own, in the keys' order";
    } else if (tally->is_malformed) {
        what = "the signature or the key cannot be decoded";
    }
    return prove_invalid(p, spends_offset(&p->block, s), s->transaction, s->input,
                         "%s (%u of %u inputs fail)", what, p->report->num_failed, p->spends.num);
}

static prove_verdict prove_signatures(prove *p)
{
    prove_begin(p, PROVE_SIGNATURES);
    yoke_secp256k1_params params = {
        .encoding = spends_are_strict(&p->block) ? YOKE_SECP256K1_DER : YOKE_SECP256K1_DER_LAX};
    prove_tally tally = {.first_failed = UINT32_MAX};
    prove_pending *pending = p->pending.data;
    for (uint32_t i = 0; i < p->spends.num; i++) {
        const spend *s = &p->spends.list[i];
        pending[i] = (prove_pending){
            .spend = i, .signatures = (uint8_t)s->num_signatures, .keys = (uint8_t)s->num_keys};
    }
    uint32_t num = p->spends.num;
    while (num > 0) {
        tally.checks += num;
        prove_verdict verdict = prove_round(
            p, num, &params,
            tally.checks > p->spends.num_signatures ? tally.checks : p->spends.num_signatures);
        if (verdict != PROVE_VALID) {
            return verdict;
        }
        num = prove_judge(p, num, &tally);
    }
    prove_end(p, tally.checks);
    return tally.first_failed == UINT32_MAX ? PROVE_VALID : prove_failure(p, &tally);
}

/* ---------------------------------------------------------------------------------------------
 * The whole
 */

prove *prove_create(yoke_runtime *rt)
{
    prove *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    p->rt = rt;
    p->sha256d = yoke_type_find(rt, "sha256d");
    p->sha256d_ragged = yoke_type_find(rt, "sha256d_ragged");
    p->merkle = yoke_type_find(rt, "merkle_sha256d");
    p->verify = yoke_type_find(rt, "secp256k1_verify");
    if (p->sha256d == NULL || p->sha256d_ragged == NULL || p->merkle == NULL || p->verify == NULL) {
        prove_destroy(&p);
    }
    return p;
}

void prove_destroy(prove **pointer)
{
    prove *p = *pointer;
    if (p == NULL) {
        return;
    }
    prove_buffer *buffers[] = {&p->txids,      &p->wtxids,   &p->stripped,   &p->spans,
                               &p->levels,     &p->order,    &p->spend_list, &p->spent,
                               &p->digests,    &p->pending,  &p->rows,       &p->keys,
                               &p->signatures, &p->verdicts, &p->jobs,       &p->job_list};
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
        free(buffers[i]->data);
    }
    for (uint32_t i = 0; i < PROVE_CHUNKS; i++) {
        free(p->chunks[i].bytes.data);
    }
    block_finish(&p->block);
    free(p);
    *pointer = NULL;
}

void prove_set_progress(prove *p, prove_progress progress, void *user)
{
    p->progress = progress;
    p->progress_user = user;
}

void prove_set_coins(prove *p, const coins *coins)
{
    p->coins = coins;
}

prove_verdict prove_run(prove *p, const uint8_t *data, size_t bytes, prove_report *report,
                        block_error *error)
{
    static prove_verdict (*const stages[])(prove *) = {
        prove_header,        prove_txids,     prove_merkle,
        prove_witness_stage, prove_sighashes, prove_signatures,
    };
    uint64_t start_ns = clock_ns();
    *report = (prove_report){.bytes = 0};
    p->report = report;
    p->error = error;
    prove_verdict verdict = prove_parse(p, data, bytes);
    for (size_t i = 0; verdict == PROVE_VALID && i < sizeof(stages) / sizeof(stages[0]); i++) {
        verdict = stages[i](p);
    }
    report->total_ns = clock_ns() - start_ns;
    return verdict;
}
