/*
 * Legacy signature hash preimages. Owns nothing; pure functions over a parsed block, any thread,
 * no allocation.
 * Always holds: sighash_write writes exactly sighash_bytes bytes. The edits are those of Bitcoin's
 * consensus, quirks included: a hash type is hashed in full but only bits 0 to 4 and 7 mean
 * something; NONE and SINGLE also blank the other inputs' sequence numbers.
 * Costs about 41 bytes of copying for each input of the transaction, plus its outputs: all the
 * signatures of one transaction take time quadratic in its inputs, as they do everywhere.
 */
#include "sighash.h"

#include "bytes.h"

#include <string.h>

/* An input with an empty script: outpoint, a zero, sequence. */
#define SIGHASH_INPUT_BYTES 41
/* An output that SINGLE blanks: a value of -1, an empty script. */
#define SIGHASH_BLANK_OUTPUT_BYTES 9

const uint8_t sighash_one[32] = {1};

static uint32_t sighash_base(const sighash_subject *s)
{
    return s->hash_type & 0x1f;
}

static bool sighash_only_this_input(const sighash_subject *s)
{
    return (s->hash_type & SIGHASH_ANYONECANPAY) != 0;
}

bool sighash_is_one(const sighash_subject *s)
{
    return sighash_base(s) == SIGHASH_SINGLE && s->input >= s->tx->num_outputs;
}

static size_t sighash_compact_bytes(uint64_t value)
{
    uint8_t scratch[9];
    return bytes_put_compact(scratch, value);
}

static size_t sighash_output_bytes(const block_output *output)
{
    return (size_t)(output->script - output->data) + output->script_bytes;
}

/* From the first output's first byte to behind the last one's. */
static size_t sighash_all_outputs_bytes(const sighash_subject *s)
{
    const block_output *first = &s->block->outputs[s->tx->first_output];
    return (size_t)(s->tx->body + s->tx->body_bytes - first->data);
}

size_t sighash_bytes(const sighash_subject *s)
{
    uint32_t inputs = sighash_only_this_input(s) ? 1 : s->tx->num_inputs;
    size_t bytes = 4 + sighash_compact_bytes(inputs) + (size_t)inputs * SIGHASH_INPUT_BYTES;
    bytes += sighash_compact_bytes(s->code_bytes) - 1 + s->code_bytes;
    switch (sighash_base(s)) {
    case SIGHASH_NONE:
        bytes += 1;
        break;
    case SIGHASH_SINGLE:
        bytes += sighash_compact_bytes(s->input + 1) +
                 (size_t)s->input * SIGHASH_BLANK_OUTPUT_BYTES +
                 sighash_output_bytes(&s->block->outputs[s->tx->first_output + s->input]);
        break;
    default:
        bytes += sighash_compact_bytes(s->tx->num_outputs) + sighash_all_outputs_bytes(s);
    }
    return bytes + 4 + 4;
}

size_t sighash_bytes_max(const block *b, uint32_t code_bytes)
{
    /* No preimage is longer than its transaction without scripts of inputs, plus the code: a
     * blanked input or output is never longer than what it stands for. */
    return b->bytes + 9 + code_bytes + 4;
}

static uint8_t *sighash_put(uint8_t *out, const void *data, size_t bytes)
{
    memcpy(out, data, bytes);
    return out + bytes;
}

/* The input that is signed: with the script code, always with its sequence. */
static uint8_t *sighash_put_this_input(const sighash_subject *s, uint8_t *out)
{
    const block_input *input = &s->block->inputs[s->tx->first_input + s->input];
    out = sighash_put(out, input->outpoint, 36);
    out += bytes_put_compact(out, s->code_bytes);
    out = sighash_put(out, s->code, s->code_bytes);
    bytes_put_u32(out, input->sequence);
    return out + 4;
}

/* Inputs first to last - 1, without scripts; with their sequences only where outputs are fixed. */
static uint8_t *sighash_put_other_inputs(const sighash_subject *s, uint32_t first, uint32_t last,
                                         uint8_t *out)
{
    bool keeps_sequence = sighash_base(s) != SIGHASH_NONE && sighash_base(s) != SIGHASH_SINGLE;
    const block_input *inputs = &s->block->inputs[s->tx->first_input];
    for (uint32_t i = first; i < last; i++) {
        memcpy(out, inputs[i].outpoint, 36);
        out[36] = 0;
        bytes_put_u32(out + 37, keeps_sequence ? inputs[i].sequence : 0);
        out += SIGHASH_INPUT_BYTES;
    }
    return out;
}

static uint8_t *sighash_put_outputs(const sighash_subject *s, uint8_t *out)
{
    const block_output *outputs = &s->block->outputs[s->tx->first_output];
    switch (sighash_base(s)) {
    case SIGHASH_NONE:
        *out = 0;
        return out + 1;
    case SIGHASH_SINGLE:
        out += bytes_put_compact(out, s->input + 1);
        for (uint32_t i = 0; i < s->input; i++) {
            memset(out, 0xff, 8);
            out[8] = 0;
            out += SIGHASH_BLANK_OUTPUT_BYTES;
        }
        return sighash_put(out, outputs[s->input].data, sighash_output_bytes(&outputs[s->input]));
    default:
        out += bytes_put_compact(out, s->tx->num_outputs);
        return sighash_put(out, outputs[0].data, sighash_all_outputs_bytes(s));
    }
}

void sighash_write(const sighash_subject *s, uint8_t *out)
{
    bytes_put_u32(out, s->tx->version);
    out += 4;
    if (sighash_only_this_input(s)) {
        *out++ = 1;
        out = sighash_put_this_input(s, out);
    } else {
        out += bytes_put_compact(out, s->tx->num_inputs);
        out = sighash_put_other_inputs(s, 0, s->input, out);
        out = sighash_put_this_input(s, out);
        out = sighash_put_other_inputs(s, s->input + 1, s->tx->num_inputs, out);
    }
    out = sighash_put_outputs(s, out);
    bytes_put_u32(out, s->tx->lock_time);
    bytes_put_u32(out + 4, s->hash_type);
}
