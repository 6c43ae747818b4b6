/*
 * Script recognition. Owns nothing; pure functions over the caller's bytes, any thread, no
 * allocation.
 * Always holds: nothing is run. A script is either of exactly the form asked for, or not.
 * Costs a few comparisons; script_hash160 two compressions, about half a microsecond.
 * Sources: Bitcoin's push operations; BIPs 11, 16, 34 and 141; hash160 is SHA-256 (FIPS 180-4),
 * then RIPEMD-160.
 */
#include "script.h"

#include <nettle/ripemd160.h>
#include <nettle/sha2.h>
#include <string.h>

enum {
    SCRIPT_OP_PUSHDATA1 = 0x4c, /* below it, an opcode is the length of its data */
    SCRIPT_OP_PUSHDATA4 = 0x4e,
    SCRIPT_OP_1NEGATE = 0x4f,
    SCRIPT_OP_1 = 0x51,
    SCRIPT_OP_16 = 0x60,
    SCRIPT_OP_DUP = 0x76,
    SCRIPT_OP_EQUAL = 0x87,
    SCRIPT_OP_EQUALVERIFY = 0x88,
    SCRIPT_OP_HASH160 = 0xa9,
    SCRIPT_OP_CHECKSIG = 0xac,
    SCRIPT_OP_CHECKMULTISIG = 0xae,
};

#define SCRIPT_SIGNATURE_BYTES_MIN 9 /* DER with one-byte numbers, and the hash type */

bool script_next_push(const uint8_t *script, size_t bytes, size_t *at, script_view *push)
{
    if (*at >= bytes || script[*at] > SCRIPT_OP_PUSHDATA4) {
        return false;
    }
    uint8_t opcode = script[*at];
    size_t head = 1;
    uint32_t length = opcode;
    if (opcode >= SCRIPT_OP_PUSHDATA1) {
        size_t width = (size_t)1 << (opcode - SCRIPT_OP_PUSHDATA1);
        head += width;
        length = 0;
        if (bytes - *at < head) {
            return false;
        }
        for (size_t i = 0; i < width; i++) {
            length |= (uint32_t)script[*at + 1 + i] << (8 * i);
        }
    }
    if (length > bytes - *at - head) {
        return false;
    }
    *push = (script_view){.data = script + *at + head, .bytes = length};
    *at += head + length;
    return true;
}

bool script_next_element(const uint8_t *script, size_t bytes, size_t *at, script_view *element)
{
    static const uint8_t small[] = {0x81, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    size_t start = *at;
    if (script_next_push(script, bytes, at, element)) {
        bool fits = element->bytes <= SCRIPT_ELEMENT_BYTES_MAX;
        *at = fits ? *at : start;
        return fits;
    }
    uint8_t opcode = start < bytes ? script[start] : 0;
    if (opcode != SCRIPT_OP_1NEGATE && (opcode < SCRIPT_OP_1 || opcode > SCRIPT_OP_16)) {
        return false;
    }
    *element = (script_view){.data = &small[opcode - SCRIPT_OP_1NEGATE], .bytes = 1};
    *at = start + 1;
    return true;
}

bool script_count_elements(const uint8_t *script, size_t bytes, uint32_t *count)
{
    size_t at = 0;
    script_view element;
    *count = 0;
    while (script_next_element(script, bytes, &at, &element)) {
        ++*count;
    }
    return at == bytes;
}

script_view script_skip_elements(const uint8_t *script, size_t bytes, uint32_t count)
{
    size_t at = 0;
    script_view element;
    while (count > 0 && script_next_element(script, bytes, &at, &element)) {
        count--;
    }
    return (script_view){.data = script + at, .bytes = (uint32_t)(bytes - at)};
}

static bool script_looks_like_key(const script_view *v)
{
    return (v->bytes == 33 && (v->data[0] == 2 || v->data[0] == 3)) ||
           (v->bytes == 65 && (v->data[0] == 4 || v->data[0] == 6 || v->data[0] == 7));
}

bool script_is_claim(const uint8_t *script, size_t bytes, script_claim *claim)
{
    size_t at = 0;
    script_view signature;
    script_view key;
    if (!script_next_push(script, bytes, &at, &signature) ||
        !script_next_push(script, bytes, &at, &key) || at != bytes) {
        return false;
    }
    if (signature.bytes < SCRIPT_SIGNATURE_BYTES_MIN ||
        signature.bytes > SCRIPT_ELEMENT_BYTES_MAX || signature.data[0] != 0x30 ||
        !script_looks_like_key(&key)) {
        return false;
    }
    claim->hash_type = signature.data[signature.bytes - 1];
    claim->signature = (script_view){.data = signature.data, .bytes = signature.bytes - 1};
    claim->key = key;
    return true;
}

void script_hash160(const uint8_t *data, size_t bytes, uint8_t hash[SCRIPT_HASH160_BYTES])
{
    uint8_t inner[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;
    sha256_init(&sha);
    sha256_update(&sha, bytes, data);
    sha256_digest(&sha, sizeof(inner), inner);
    struct ripemd160_ctx ripemd;
    ripemd160_init(&ripemd);
    ripemd160_update(&ripemd, sizeof(inner), inner);
    ripemd160_digest(&ripemd, SCRIPT_HASH160_BYTES, hash);
}

static const uint8_t script_p2pkh_head[3] = {SCRIPT_OP_DUP, SCRIPT_OP_HASH160,
                                             SCRIPT_HASH160_BYTES};
static const uint8_t script_p2pkh_tail[2] = {SCRIPT_OP_EQUALVERIFY, SCRIPT_OP_CHECKSIG};

void script_p2pkh(const uint8_t hash[SCRIPT_HASH160_BYTES], uint8_t script[SCRIPT_P2PKH_BYTES])
{
    memcpy(script, script_p2pkh_head, 3);
    memcpy(script + 3, hash, SCRIPT_HASH160_BYTES);
    memcpy(script + 3 + SCRIPT_HASH160_BYTES, script_p2pkh_tail, 2);
}

void script_p2sh(const uint8_t hash[SCRIPT_HASH160_BYTES], uint8_t script[SCRIPT_P2SH_BYTES])
{
    script[0] = SCRIPT_OP_HASH160;
    script[1] = SCRIPT_HASH160_BYTES;
    memcpy(script + 2, hash, SCRIPT_HASH160_BYTES);
    script[SCRIPT_P2SH_BYTES - 1] = SCRIPT_OP_EQUAL;
}

const uint8_t *script_p2pkh_hash(const uint8_t *script, size_t bytes)
{
    bool is_p2pkh = bytes == SCRIPT_P2PKH_BYTES && memcmp(script, script_p2pkh_head, 3) == 0 &&
                    memcmp(script + 3 + SCRIPT_HASH160_BYTES, script_p2pkh_tail, 2) == 0;
    return is_p2pkh ? script + 3 : NULL;
}

static const uint8_t *script_p2sh_hash(const uint8_t *script, size_t bytes)
{
    bool is_p2sh = bytes == SCRIPT_P2SH_BYTES && script[0] == SCRIPT_OP_HASH160 &&
                   script[1] == SCRIPT_HASH160_BYTES && script[bytes - 1] == SCRIPT_OP_EQUAL;
    return is_p2sh ? script + 2 : NULL;
}

/* A version, then one push of 2 to 40 bytes. */
static bool script_is_witness_program(const uint8_t *script, size_t bytes)
{
    return bytes >= 4 && bytes <= 42 && script[1] == bytes - 2 &&
           (script[0] == 0 || (script[0] >= SCRIPT_OP_1 && script[0] <= SCRIPT_OP_16));
}

/* How many pushes of keys stand in a row at *at, up to SCRIPT_KEYS_MAX; moves *at behind them. */
static uint32_t script_count_keys(const uint8_t *script, size_t bytes, size_t *at)
{
    uint32_t count = 0;
    size_t next = *at;
    script_view key;
    while (count < SCRIPT_KEYS_MAX && script_next_push(script, bytes, &next, &key) &&
           script_looks_like_key(&key)) {
        *at = next;
        count++;
    }
    return count;
}

/* m, the keys, n, CHECKMULTISIG (BIP 11). */
static bool script_is_multisig(const uint8_t *script, size_t bytes, script_form *form)
{
    size_t at = 1;
    uint32_t m = bytes > 0 ? script[0] - SCRIPT_OP_1 + 1u : 0;
    uint32_t n = script_count_keys(script, bytes, &at);
    if (m < 1 || m > n || bytes - at != 2 || script[at] != SCRIPT_OP_1 + n - 1 ||
        script[at + 1] != SCRIPT_OP_CHECKMULTISIG) {
        return false;
    }
    *form = (script_form){.kind = SCRIPT_MULTISIG,
                          .keys = {.data = script + 1, .bytes = (uint32_t)bytes - 1},
                          .num_keys = n,
                          .num_signatures = m};
    return true;
}

script_form script_form_of(const uint8_t *script, size_t bytes)
{
    script_form form = {.kind = SCRIPT_OTHER, .hash = script_p2pkh_hash(script, bytes)};
    if (form.hash != NULL) {
        form.kind = SCRIPT_P2PKH;
        form.num_keys = form.num_signatures = 1;
        return form;
    }
    form.hash = script_p2sh_hash(script, bytes);
    if (form.hash != NULL) {
        form.kind = SCRIPT_P2SH;
        return form;
    }
    size_t at = 0;
    if (script_count_keys(script, bytes, &at) == 1 && bytes - at == 1 &&
        script[at] == SCRIPT_OP_CHECKSIG) {
        form.kind = SCRIPT_P2PK;
        form.keys = (script_view){.data = script, .bytes = (uint32_t)bytes};
        form.num_keys = form.num_signatures = 1;
        return form;
    }
    if (script_is_witness_program(script, bytes)) {
        form.kind = SCRIPT_WITNESS;
        return form;
    }
    script_is_multisig(script, bytes, &form);
    return form;
}

bool script_height(const uint8_t *script, size_t bytes, uint32_t *height)
{
    if (bytes > 0 && script[0] >= SCRIPT_OP_1 && script[0] <= SCRIPT_OP_16) {
        *height = script[0] - SCRIPT_OP_1 + 1u;
        return true;
    }
    size_t at = 0;
    script_view push;
    /* Four bytes hold heights up to 2^31 - 1, some 40 000 years of blocks. */
    if (!script_next_push(script, bytes, &at, &push) || at != push.bytes + 1 || push.bytes > 4) {
        return false;
    }
    uint32_t value = 0;
    for (uint32_t i = 0; i < push.bytes; i++) {
        value |= (uint32_t)push.data[i] << (8 * i);
    }
    /* Little-endian with a sign bit on top: the last byte is zero only to keep that bit clear. */
    const uint8_t *last = push.data + push.bytes - 1;
    bool is_shortest = push.bytes == 0 || last[0] != 0 || (push.bytes > 1 && last[-1] >= 0x80);
    if (!is_shortest || (push.bytes > 0 && last[0] >= 0x80) || (value > 0 && value <= 16)) {
        return false;
    }
    *height = value;
    return true;
}
