/*
 * The items: zeros, ones, then bytes of a fixed sequence, so that a trial always tries the same. A
 * ragged item has up to TRIAL_SPAN_BYTES_MAX bytes. The CPU's output lies behind the device's, in
 * the same array of the slot's memory.
 */
#include "trial.h"

#include <string.h>

#define TRIAL_SPAN_BYTES_MAX 200

static bool trial_is_wanted(const yoke_type *type)
{
    return type->program.plan == NULL && type->num_residents == 0 && type->out_bytes > 0 &&
           type->is_total;
}

static char *trial_at(const batch *b, uint32_t k, uint32_t item)
{
    return (char *)b->memory.host + b->arrays[k].offset + item * b->stride[k];
}

/* Knuth's generator of MMIX, its upper bits. */
static void trial_fill(char *bytes, uint64_t count, uint32_t item, uint64_t *state)
{
    if (item < 2) {
        memset(bytes, item == 0 ? 0 : 0xff, count);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (char)(*state >> 56);
    }
}

/* A ragged item, in the data behind the arrays. */
static void trial_fill_span(batch *b, uint32_t k, uint32_t item, uint64_t *state)
{
    uint64_t bytes = item * 37 % TRIAL_SPAN_BYTES_MAX;
    backend_span span = {b->memory.address + b->data_at + b->data_used, bytes};
    trial_fill((char *)b->memory.host + b->data_at + b->data_used, bytes, item, state);
    memcpy(trial_at(b, k, item), &span, sizeof span);
    b->data_used += (bytes + 7) / 8 * 8;
}

bool trial_begin(batch *b, const yoke_type *type)
{
    uint64_t state = 1;
    if (!trial_is_wanted(type)) {
        return false;
    }
    batch_open(b, type, UINT64_MAX, 0);
    if (b->max_items < 2 * TRIAL_ITEMS ||
        (type->is_ragged && b->memory.bytes - b->data_at <
                                YOKE_INPUTS_MAX * TRIAL_ITEMS * (TRIAL_SPAN_BYTES_MAX + 8))) {
        return false;
    }
    for (uint32_t item = 0; item < TRIAL_ITEMS; item++) {
        for (uint32_t k = 0; k < type->num_inputs; k++) {
            if (type->in_bytes[k] == YOKE_RAGGED) {
                trial_fill_span(b, k, item, &state);
            } else {
                trial_fill(trial_at(b, k, item), b->stride[k], item, &state);
            }
        }
    }
    memset((char *)b->memory.host + b->params_at, 0, YOKE_PARAMS_BYTES_MAX);
    b->num_items = TRIAL_ITEMS;
    b->is_trial = true;
    return true;
}

yoke_claim trial_claim(const batch *b, yoke_span spans[YOKE_INPUTS_MAX][TRIAL_ITEMS])
{
    static const _Alignas(uint64_t) unsigned char zeros[YOKE_PARAMS_BYTES_MAX];
    yoke_claim claim = {
        .out = trial_at(b, BATCH_OUT, TRIAL_ITEMS),
        .count = TRIAL_ITEMS,
        .params = zeros,
        .user = b->type->user,
    };
    for (uint32_t k = 0; k < b->type->num_inputs; k++) {
        claim.in[k] = trial_at(b, k, 0);
        for (uint32_t i = 0; b->type->in_bytes[k] == YOKE_RAGGED && i < TRIAL_ITEMS; i++) {
            backend_span span;
            memcpy(&span, trial_at(b, k, i), sizeof span);
            spans[k][i].data = (const char *)b->memory.host + (span.address - b->memory.address);
            spans[k][i].bytes = span.bytes;
            claim.in[k] = spans[k];
        }
    }
    return claim;
}

uint32_t trial_compare(const batch *b)
{
    uint32_t i = 0;
    while (i < TRIAL_ITEMS &&
           memcmp(trial_at(b, BATCH_OUT, i), trial_at(b, BATCH_OUT, TRIAL_ITEMS + i),
                  b->stride[BATCH_OUT]) == 0) {
        i++;
    }
    return i;
}
