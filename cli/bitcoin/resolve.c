/*
 * Inputs and their coins. Owns nothing: pure over a parsed block, parsed coins and the caller's
 * scratch; any thread, no allocation.
 * Always holds: the list is in the block's order, and its entries keep what spends.c promises of
 * them; the first thing that is wrong is the error.
 * Costs a binary search in the txids and one in the coins an input, and a hash160 or two.
 * Sources: Bitcoin Core's tx_verify.cpp, validation.cpp and interpreter.cpp; BIPs 11, 16, 141, 147.
 */
#include "resolve.h"

#include "bytes.h"
#include "hex.h"

#include <string.h>

#define RESOLVE_SUBSIDY 5000000000u /* satoshi */

/* The coin of an input, from wherever it is. */
typedef struct resolve_coin {
    uint64_t amount;
    const uint8_t *script;
    uint32_t script_bytes;
    uint32_t mark; /* its byte in `spent` */
    uint32_t height;
    bool is_coinbase;
} resolve_coin;

/* One pass: an input at a time. */
typedef struct resolve_cursor {
    const resolve_subject *subject;
    spends *spends;
    block_error *error;
    uint32_t transaction;
    uint32_t input;
    uint32_t height; /* of the block */
    bool has_height;
} resolve_cursor;

uint64_t resolve_subsidy(uint32_t height)
{
    uint32_t halvings = height / RESOLVE_HALVING_BLOCKS;
    return halvings < 64 ? (uint64_t)RESOLVE_SUBSIDY >> halvings : 0;
}

static const block_input *resolve_input(const resolve_cursor *c)
{
    const block *b = c->subject->block;
    return &b->inputs[b->txs[c->transaction].first_input + c->input];
}

static size_t resolve_offset(const resolve_cursor *c)
{
    return (size_t)(resolve_input(c)->outpoint - c->subject->block->data);
}

/* The block is wrong at the input. */
#define resolve_wrong(c, ...)                                                                      \
    (block_error_set((c)->error, resolve_offset(c), (c)->transaction, (c)->input, __VA_ARGS__),    \
     RESOLVE_WRONG)

/* ---------------------------------------------------------------------------------------------
 * Coins
 */

static resolve_result resolve_no_coin(const resolve_cursor *c, const char *what)
{
    const uint8_t *outpoint = resolve_input(c)->outpoint;
    char txid[65];
    hex_hash(outpoint, txid);
    block_error_set(c->error, resolve_offset(c), c->transaction, c->input, "%s %s:%u", what, txid,
                    bytes_get_u32(outpoint + 32));
    return RESOLVE_NO_COIN;
}

/* The coin as the block makes it; what the coins file says of it must be the same. */
static resolve_result resolve_made_here(const resolve_cursor *c, const block_output *output,
                                        const coin *listed, resolve_coin *found)
{
    const block *b = c->subject->block;
    uint32_t index = (uint32_t)(output - b->outputs);
    *found = (resolve_coin){.amount = output->value,
                            .script = output->script,
                            .script_bytes = output->script_bytes,
                            .mark = c->subject->coins->num + index,
                            .height = c->height,
                            .is_coinbase = index < b->txs[0].num_outputs};
    if (listed != NULL &&
        (listed->amount != output->value || listed->script_bytes != output->script_bytes ||
         memcmp(listed->script, output->script, output->script_bytes) != 0)) {
        return resolve_no_coin(c, "the coins file has another coin than this block makes for");
    }
    return RESOLVE_FINE;
}

static resolve_result resolve_find_coin(const resolve_cursor *c, resolve_coin *found)
{
    const resolve_subject *s = c->subject;
    const block_output *output = NULL;
    if (!spends_made_here(s->block, s->txids, s->order, c->transaction, c->input, &output,
                          c->error)) {
        return RESOLVE_WRONG;
    }
    uint32_t index = coins_find(s->coins, resolve_input(c)->outpoint);
    const coin *listed = index != UINT32_MAX ? &s->coins->list[index] : NULL;
    if (output != NULL) {
        return resolve_made_here(c, output, listed, found);
    }
    if (listed == NULL) {
        return resolve_no_coin(c, "the coins file lacks the coin that the input spends,");
    }
    *found = (resolve_coin){.amount = listed->amount,
                            .script = listed->script,
                            .script_bytes = listed->script_bytes,
                            .mark = index,
                            .height = listed->height,
                            .is_coinbase = listed->is_coinbase};
    return RESOLVE_FINE;
}

/* The coin has not been spent before, and may be spent by now. */
static resolve_result resolve_check_coin(const resolve_cursor *c, const resolve_coin *found)
{
    if (c->subject->spent[found->mark]) {
        return resolve_wrong(c, "the input spends a coin that an input before it has spent");
    }
    c->subject->spent[found->mark] = 1;
    bool is_young = found->is_coinbase && c->has_height &&
                    c->height < (uint64_t)found->height + RESOLVE_COINBASE_AGE;
    if (is_young) {
        return resolve_wrong(c,
                             "the input spends the coinbase of block %u, which is not %d blocks "
                             "old",
                             found->height, RESOLVE_COINBASE_AGE);
    }
    return RESOLVE_FINE;
}

/* ---------------------------------------------------------------------------------------------
 * Scripts
 */

static bool resolve_hash_is(const uint8_t *hash, const script_view *data)
{
    uint8_t computed[SCRIPT_HASH160_BYTES];
    script_hash160(data->data, data->bytes, computed);
    return memcmp(computed, hash, sizeof(computed)) == 0;
}

/* Puts an input on the list: what the form asks for ends its first `count` elements. */
static resolve_result resolve_list(const resolve_cursor *c, const script_form *form,
                                   script_view code, uint32_t count)
{
    const block_input *input = resolve_input(c);
    spends *s = c->spends;
    spend *next = &s->list[s->num++];
    uint32_t used = form->num_signatures + (form->kind == SCRIPT_P2PKH ? 1 : 0);
    *next = (spend){.transaction = c->transaction,
                    .input = c->input,
                    .num_signatures = form->num_signatures,
                    .num_keys = form->num_keys,
                    .first_signature = s->num_signatures,
                    .code = code,
                    .keys = form->keys,
                    .signatures =
                        script_skip_elements(input->script, input->script_bytes, count - used)};
    s->num_signatures += form->num_signatures;
    if (form->kind == SCRIPT_P2PKH) {
        next->keys = script_skip_elements(next->signatures.data, next->signatures.bytes, 1);
        script_view key = spends_key(next, 0);
        if (!resolve_hash_is(form->hash, &key)) {
            return resolve_wrong(c, "the key is not the one that the coin is paid to");
        }
    }
    script_view element;
    size_t at = 0;
    for (uint32_t k = 0; k < next->num_signatures; k++) {
        script_next_element(next->signatures.data, next->signatures.bytes, &at, &element);
        if (element.bytes == 0) {
            return resolve_wrong(c, "a signature is empty");
        }
    }
    return RESOLVE_FINE;
}

/* Takes an input's script apart, of which the first `count` elements are there for this form. */
static resolve_result resolve_form(const resolve_cursor *c, const script_form *form,
                                   script_view code, uint32_t count)
{
    const block_input *input = resolve_input(c);
    /* The key of P2PKH; and one element that CHECKMULTISIG takes from the stack for nothing. */
    uint32_t needed = form->num_signatures + (form->kind == SCRIPT_P2PK ? 0 : 1);
    if (input->num_witness_items > 0) {
        return resolve_wrong(c, "the input has a witness, for a coin that asks for none");
    }
    if (count < needed) {
        return resolve_wrong(c, "the input's script has %u element%s; its coin asks for %u", count,
                             count == 1 ? "" : "s", needed);
    }
    if (form->kind == SCRIPT_MULTISIG && c->has_height && c->height >= RESOLVE_BIP147_HEIGHT) {
        script_view dummy;
        size_t at = 0;
        script_view rest = script_skip_elements(input->script, input->script_bytes, count - needed);
        script_next_element(rest.data, rest.bytes, &at, &dummy);
        if (dummy.bytes != 0) {
            return resolve_wrong(c,
                                 "the element that CHECKMULTISIG ignores is not empty (BIP 147)");
        }
    }
    return resolve_list(c, form, code, count);
}

static resolve_result resolve_p2sh(const resolve_cursor *c, const script_form *outer)
{
    const block_input *input = resolve_input(c);
    uint32_t count = 0;
    script_view redeem;
    size_t at = 0;
    if (c->subject->block->time < RESOLVE_BIP16_TIME) {
        c->spends->kinds[SPENDS_OTHER_COIN]++;
        return RESOLVE_FINE;
    }
    if (!script_count_elements(input->script, input->script_bytes, &count) || count == 0) {
        return resolve_wrong(c, "the input's script is not made of pushes, as a P2SH coin asks");
    }
    script_view last = script_skip_elements(input->script, input->script_bytes, count - 1);
    script_next_element(last.data, last.bytes, &at, &redeem);
    if (!resolve_hash_is(outer->hash, &redeem)) {
        return resolve_wrong(c, "the script is not the one whose hash the coin is paid to");
    }
    script_form form = script_form_of(redeem.data, redeem.bytes);
    bool is_known = form.num_signatures > 0;
    c->spends->kinds[is_known                      ? SPENDS_P2SH
                     : form.kind == SCRIPT_WITNESS ? SPENDS_WITNESS
                                                   : SPENDS_OTHER_COIN]++;
    return is_known ? resolve_form(c, &form, redeem, count - 1) : RESOLVE_FINE;
}

static resolve_result resolve_script(const resolve_cursor *c, const resolve_coin *found)
{
    static const spends_kind kinds[] = {
        [SCRIPT_OTHER] = SPENDS_OTHER_COIN, [SCRIPT_P2PKH] = SPENDS_P2PKH,
        [SCRIPT_P2PK] = SPENDS_P2PK,        [SCRIPT_MULTISIG] = SPENDS_MULTISIG,
        [SCRIPT_WITNESS] = SPENDS_WITNESS,
    };
    const block_input *input = resolve_input(c);
    script_form form = script_form_of(found->script, found->script_bytes);
    if (form.kind == SCRIPT_P2SH) {
        return resolve_p2sh(c, &form);
    }
    uint32_t count = 0;
    bool only_pushes = script_count_elements(input->script, input->script_bytes, &count);
    if (form.num_signatures > 0 && !only_pushes) {
        c->spends->kinds[SPENDS_OTHER]++;
        return RESOLVE_FINE;
    }
    c->spends->kinds[kinds[form.kind]]++;
    script_view code = {.data = found->script, .bytes = found->script_bytes};
    return form.num_signatures > 0 ? resolve_form(c, &form, code, count) : RESOLVE_FINE;
}

/* ---------------------------------------------------------------------------------------------
 * Money
 */

/* Adds to a sum that is in range; false if the sum leaves it. */
static bool resolve_add(uint64_t *sum, uint64_t amount)
{
    bool fits = amount <= COINS_AMOUNT_MAX - *sum;
    *sum += fits ? amount : 0;
    return fits;
}

static resolve_result resolve_wrong_tx(const resolve_cursor *c, const char *what, uint64_t one,
                                       uint64_t other)
{
    const block *b = c->subject->block;
    block_error_set(c->error, (size_t)(b->txs[c->transaction].data - b->data), c->transaction,
                    BLOCK_NOWHERE, what, (unsigned long long)one, (unsigned long long)other);
    return RESOLVE_WRONG;
}

static resolve_result resolve_outputs(const resolve_cursor *c, uint64_t *sum)
{
    const block *b = c->subject->block;
    const block_tx *tx = &b->txs[c->transaction];
    *sum = 0;
    for (uint32_t i = 0; i < tx->num_outputs; i++) {
        if (!resolve_add(sum, b->outputs[tx->first_output + i].value)) {
            return resolve_wrong_tx(c, "the outputs pay more than 21 million bitcoin", 0, 0);
        }
    }
    return RESOLVE_FINE;
}

static resolve_result resolve_tx(resolve_cursor *c, uint64_t *fees)
{
    uint64_t in = 0;
    uint64_t out = 0;
    const block_tx *tx = &c->subject->block->txs[c->transaction];
    for (c->input = 0; c->input < tx->num_inputs; c->input++) {
        resolve_coin found = {.amount = 0};
        resolve_result result = resolve_find_coin(c, &found);
        if (result == RESOLVE_FINE) {
            result = resolve_check_coin(c, &found);
        }
        if (result == RESOLVE_FINE) {
            result = resolve_script(c, &found);
        }
        if (result != RESOLVE_FINE) {
            return result;
        }
        if (!resolve_add(&in, found.amount)) {
            return resolve_wrong(c, "the inputs take in more than 21 million bitcoin");
        }
    }
    resolve_result result = resolve_outputs(c, &out);
    if (result != RESOLVE_FINE) {
        return result;
    }
    if (in < out) {
        return resolve_wrong_tx(c, "the inputs take in %llu satoshi, the outputs pay %llu", in,
                                out);
    }
    return resolve_add(fees, in - out)
               ? RESOLVE_FINE
               : resolve_wrong_tx(c, "the fees are more than 21 million bitcoin", 0, 0);
}

/* Only of a block that states its height: without, the subsidy is not known. */
static resolve_result resolve_coinbase(resolve_cursor *c, uint64_t fees)
{
    uint64_t out = 0;
    c->transaction = 0;
    resolve_result result = resolve_outputs(c, &out);
    uint64_t allowed = resolve_subsidy(c->height) + fees;
    if (result == RESOLVE_FINE && c->has_height && out > allowed) {
        return resolve_wrong_tx(c, "the coinbase pays %llu satoshi; subsidy and fees are %llu", out,
                                allowed);
    }
    return result;
}

resolve_result resolve_spends(const resolve_subject *subject, spends *s, uint64_t *fees,
                              block_error *error)
{
    resolve_cursor c = {.subject = subject, .spends = s, .error = error};
    c.has_height = block_height(subject->block, &c.height);
    s->num = s->num_signatures = 0;
    memset(s->kinds, 0, sizeof(s->kinds));
    memset(subject->spent, 0, (size_t)subject->coins->num + subject->block->num_outputs);
    *fees = 0;
    for (c.transaction = 1; c.transaction < subject->block->num_txs; c.transaction++) {
        resolve_result result = resolve_tx(&c, fees);
        if (result != RESOLVE_FINE) {
            return result;
        }
    }
    return resolve_coinbase(&c, *fees);
}
