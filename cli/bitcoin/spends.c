/*
 * Provable inputs. Owns nothing: pure over a parsed block and the caller's arrays, any thread.
 * Always holds: the list is in the block's order; an entry's views have the signatures and keys
 * that it counts, and none of its signatures is empty. Signatures and keys are walked to, not kept:
 * there are at most 16 of each.
 * Costs: finding, one hash160 for each provable input; coins, a sort of the txids and a binary
 * search an input, so that no choice of txids makes it slow.
 */
#include "spends.h"

#include "bytes.h"

#include <stdlib.h>
#include <string.h>

static spends_kind spends_classify(const block_input *input, spend *next)
{
    script_claim claim;
    uint8_t hash[SCRIPT_HASH160_BYTES];
    if (input->num_witness_items > 0) {
        return SPENDS_WITNESS;
    }
    if (input->script_bytes == 0) {
        return SPENDS_EMPTY;
    }
    if (!script_is_claim(input->script, input->script_bytes, &claim)) {
        return SPENDS_OTHER;
    }
    next->num_signatures = next->num_keys = 1;
    next->signatures = (script_view){.data = input->script, .bytes = input->script_bytes};
    next->keys = script_skip_elements(input->script, input->script_bytes, 1);
    next->code = (script_view){.data = NULL, .bytes = SCRIPT_P2PKH_BYTES};
    script_hash160(claim.key.data, claim.key.bytes, hash);
    script_p2pkh(hash, next->p2pkh);
    return SPENDS_P2PKH;
}

void spends_find(const block *b, spends *s)
{
    s->num = 0;
    memset(s->kinds, 0, sizeof(s->kinds));
    for (uint32_t t = 1; t < b->num_txs; t++) {
        const block_tx *tx = &b->txs[t];
        for (uint32_t i = 0; i < tx->num_inputs; i++) {
            spend *next = &s->list[s->num];
            spends_kind kind = spends_classify(&b->inputs[tx->first_input + i], next);
            s->kinds[kind]++;
            if (kind == SPENDS_P2PKH) {
                next->transaction = t;
                next->input = i;
                next->first_signature = s->num++;
            }
        }
    }
    s->num_signatures = s->num;
}

static int spends_compare_txids(const void *left, const void *right, void *txids)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    int difference = memcmp((const uint8_t *)txids + 32 * (size_t)a,
                            (const uint8_t *)txids + 32 * (size_t)b, 32);
    return difference != 0 ? difference : (a > b) - (a < b);
}

bool spends_order(const block *b, const uint8_t *txids, uint32_t *order, block_error *error)
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

bool spends_made_here(const block *b, const uint8_t *txids, const uint32_t *order, uint32_t t,
                      uint32_t i, const block_output **coin, block_error *error)
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
    if (hash != NULL && memcmp(coin->script, s->p2pkh, SCRIPT_P2PKH_BYTES) != 0) {
        return block_error_set(error, spends_offset(b, s), s->transaction, s->input,
                               "the key is not the one that the coin, made in this block, is "
                               "paid to");
    }
    return true;
}

bool spends_check_made_here(const block *b, const uint8_t *txids, const uint32_t *order, spends *s,
                            block_error *error)
{
    uint32_t from = 0;
    uint32_t to = 0;
    for (uint32_t t = 1; t < b->num_txs; t++) {
        for (uint32_t i = 0; i < b->txs[t].num_inputs; i++) {
            const block_output *coin = NULL;
            if (!spends_made_here(b, txids, order, t, i, &coin, error)) {
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
                s->list[to] = *listed;
                s->list[to].first_signature = to;
                to++;
            }
            from++;
        }
    }
    s->kinds[SPENDS_P2PKH] -= s->num - to;
    s->kinds[SPENDS_NOT_P2PKH] += s->num - to;
    s->num = s->num_signatures = to;
    return true;
}

/* Element k of a view that has it. */
static script_view spends_element(const script_view *view, uint32_t k)
{
    script_view element = {.data = NULL};
    size_t at = 0;
    for (uint32_t i = 0; i <= k; i++) {
        script_next_element(view->data, view->bytes, &at, &element);
    }
    return element;
}

script_view spends_signature(const spend *s, uint32_t k, uint8_t *hash_type)
{
    script_view signature = spends_element(&s->signatures, k);
    signature.bytes--;
    *hash_type = signature.data[signature.bytes];
    return signature;
}

script_view spends_key(const spend *s, uint32_t k)
{
    return spends_element(&s->keys, k);
}

sighash_subject spends_subject(const block *b, const spend *s, uint32_t k)
{
    sighash_subject subject = {.block = b,
                               .tx = &b->txs[s->transaction],
                               .input = s->input,
                               .code = s->code.data != NULL ? s->code.data : s->p2pkh,
                               .code_bytes = s->code.bytes};
    spends_signature(s, k, &subject.hash_type);
    return subject;
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
