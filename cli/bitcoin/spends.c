/*
 * Provable inputs. Owns nothing: pure over a parsed block and the caller's arrays, any thread.
 * Always holds: the list is in the block's order, and every entry's views lie in the block.
 * Costs: finding, one hash160 for each provable input; coins, a sort of the txids and a binary
 * search an input, so that no choice of txids makes it slow.
 */
#include "spends.h"

#include "bytes.h"

#include <stdlib.h>
#include <string.h>

static spends_kind spends_classify(const block_input *input, script_claim *claim)
{
    if (input->num_witness_items > 0) {
        return SPENDS_WITNESS;
    }
    if (input->script_bytes == 0) {
        return SPENDS_EMPTY;
    }
    return script_is_claim(input->script, input->script_bytes, claim) ? SPENDS_P2PKH : SPENDS_OTHER;
}

void spends_find(const block *b, spends *s)
{
    s->num = 0;
    memset(s->kinds, 0, sizeof(s->kinds));
    for (uint32_t t = 1; t < b->num_txs; t++) {
        const block_tx *tx = &b->txs[t];
        for (uint32_t i = 0; i < tx->num_inputs; i++) {
            spend *next = &s->list[s->num];
            spends_kind kind = spends_classify(&b->inputs[tx->first_input + i], &next->claim);
            s->kinds[kind]++;
            if (kind == SPENDS_P2PKH) {
                uint8_t hash[SCRIPT_HASH160_BYTES];
                script_hash160(next->claim.key.data, next->claim.key.bytes, hash);
                script_p2pkh(hash, next->code);
                next->transaction = t;
                next->input = i;
                s->num++;
            }
        }
    }
}

static int spends_compare_txids(const void *left, const void *right, void *txids)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    int difference = memcmp((const uint8_t *)txids + 32 * (size_t)a,
                            (const uint8_t *)txids + 32 * (size_t)b, 32);
    return difference != 0 ? difference : (a > b) - (a < b);
}

static bool spends_sort(const block *b, const uint8_t *txids, uint32_t *order, block_error *error)
{
    for (uint32_t i = 0; i < b->num_txs; i++) {
        order[i] = i;
    }
    qsort_r(order, b->num_txs, sizeof(*order), spends_compare_txids, (void *)txids);
    for (uint32_t i = 1; i < b->num_txs; i++) {
        if (memcmp(txids + 32 * (size_t)order[i - 1], txids + 32 * (size_t)order[i], 32) == 0) {
            return block_error_set(error, (size_t)(b->txs[order[i]].data - b->data), order[i],
                                   BLOCK_NOWHERE, "the transaction is the same as transaction %u",
                                   order[i - 1]);
        }
    }
    return true;
}

/* The index of the transaction with that txid, or BLOCK_NOWHERE. */
static uint32_t spends_find_tx(const block *b, const uint8_t *txids, const uint32_t *order,
                               const uint8_t *txid)
{
    uint32_t low = 0;
    uint32_t high = b->num_txs;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int difference = memcmp(txids + 32 * (size_t)order[middle], txid, 32);
        if (difference == 0) {
            return order[middle];
        }
        if (difference < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return BLOCK_NOWHERE;
}

/*
 * Finds the output of this block that an input of transaction t spends: *coin is NULL if the coin
 * was made elsewhere. False if no output of this block can be meant.
 */
static bool spends_find_coin(const block *b, const uint8_t *txids, const uint32_t *order,
                             uint32_t t, uint32_t i, const block_output **coin, block_error *error)
{
    const block_input *input = &b->inputs[b->txs[t].first_input + i];
    uint32_t made_in = spends_find_tx(b, txids, order, input->outpoint);
    *coin = NULL;
    if (made_in == BLOCK_NOWHERE) {
        return true;
    }
    size_t offset = (size_t)(input->outpoint - b->data);
    if (made_in >= t) {
        return block_error_set(error, offset, t, i,
                               "the input spends an output of transaction %u, which does not "
                               "come before it",
                               made_in);
    }
    uint32_t index = bytes_get_u32(input->outpoint + 32);
    if (index >= b->txs[made_in].num_outputs) {
        return block_error_set(error, offset, t, i,
                               "the input spends output %u of transaction %u, which has %u", index,
                               made_in, b->txs[made_in].num_outputs);
    }
    *coin = &b->outputs[b->txs[made_in].first_output + index];
    return true;
}

/* Decides on a listed input whose coin is made in the block; *keep: it stays in the list. */
static bool spends_check_script(const block *b, const spend *s, const block_output *coin,
                                bool *keep, block_error *error)
{
    const uint8_t *hash = script_p2pkh_hash(coin->script, coin->script_bytes);
    *keep = hash != NULL;
    if (hash != NULL && memcmp(coin->script, s->code, SCRIPT_P2PKH_BYTES) != 0) {
        return block_error_set(error, spends_offset(b, s), s->transaction, s->input,
                               "the key is not the one that the coin, made in this block, is "
                               "paid to");
    }
    return true;
}

bool spends_check_coins(const block *b, const uint8_t *txids, uint32_t *order, spends *s,
                        block_error *error)
{
    if (!spends_sort(b, txids, order, error)) {
        return false;
    }
    uint32_t from = 0;
    uint32_t to = 0;
    for (uint32_t t = 1; t < b->num_txs; t++) {
        for (uint32_t i = 0; i < b->txs[t].num_inputs; i++) {
            const block_output *coin = NULL;
            if (!spends_find_coin(b, txids, order, t, i, &coin, error)) {
                return false;
            }
            const spend *listed = &s->list[from];
            if (from == s->num || listed->transaction != t || listed->input != i) {
                continue;
            }
            bool keep = true;
            if (coin != NULL && !spends_check_script(b, listed, coin, &keep, error)) {
                return false;
            }
            if (keep) {
                s->list[to++] = *listed;
            }
            from++;
        }
    }
    s->kinds[SPENDS_P2PKH] -= s->num - to;
    s->kinds[SPENDS_NOT_P2PKH] += s->num - to;
    s->num = to;
    return true;
}

sighash_subject spends_subject(const block *b, const spend *s)
{
    return (sighash_subject){.block = b,
                             .tx = &b->txs[s->transaction],
                             .input = s->input,
                             .code = s->code,
                             .code_bytes = sizeof(s->code),
                             .hash_type = s->claim.hash_type};
}

size_t spends_offset(const block *b, const spend *s)
{
    const block_tx *tx = &b->txs[s->transaction];
    return (size_t)(b->inputs[tx->first_input + s->input].script - b->data);
}

bool spends_are_strict(const block *b)
{
    uint32_t height = 0;
    return block_height(b, &height) && height >= SPENDS_BIP66_HEIGHT;
}
