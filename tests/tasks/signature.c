/*
 * Makes ECDSA signatures and writes them as DER, for tests. Keeps nothing between calls; a context
 * that can sign is made and destroyed in each signature_make, which costs some 50 µs.
 *
 * The DER writer is the tests' own: neither libsecp256k1's nor a part of the decoder it is used
 * against.
 */
#include "tests/tasks/signature.h"

#include <stdlib.h>
#include <string.h>

#include <secp256k1.h>

const uint8_t signature_order[32] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
};

static void signature_check(int ok)
{
    if (!ok) {
        abort();
    }
}

signature_case signature_make(support_random *random)
{
    signature_case made;
    uint8_t secret[32];
    secp256k1_pubkey key;
    secp256k1_ecdsa_signature signature;
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);

    support_random_fill(random, made.digest, sizeof(made.digest));
    support_random_fill(random, secret, sizeof(secret)); /* 0 or too large: once in 2^127 */
    signature_check(secp256k1_ec_pubkey_create(context, &key, secret));
    signature_check(secp256k1_ecdsa_sign(context, &signature, made.digest, secret, NULL, NULL));
    signature_check(secp256k1_ecdsa_signature_serialize_compact(context, made.rs, &signature));

    size_t bytes = sizeof(made.compressed);
    signature_check(secp256k1_ec_pubkey_serialize(context, made.compressed, &bytes, &key,
                                                  SECP256K1_EC_COMPRESSED));
    bytes = sizeof(made.uncompressed);
    signature_check(secp256k1_ec_pubkey_serialize(context, made.uncompressed, &bytes, &key,
                                                  SECP256K1_EC_UNCOMPRESSED));
    secp256k1_context_destroy(context);

    /* The hybrid form says in its first byte also whether y is odd. */
    memcpy(made.hybrid, made.uncompressed, sizeof(made.hybrid));
    made.hybrid[0] = 0x06 | (made.uncompressed[64] & 1);
    return made;
}

void signature_negate_s(uint8_t rs[64])
{
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int difference = signature_order[i] - rs[32 + i] - borrow;
        borrow = difference < 0;
        rs[32 + i] = (uint8_t)difference;
    }
}

/* Writes a tag and a length in its shortest form; returns how many bytes. */
static size_t signature_header(uint8_t *out, uint8_t tag, size_t bytes)
{
    size_t at = 0;
    out[at++] = tag;
    if (bytes >= 0x100) {
        out[at++] = 0x82;
        out[at++] = (uint8_t)(bytes >> 8);
    } else if (bytes >= 0x80) {
        out[at++] = 0x81;
    }
    out[at++] = (uint8_t)bytes;
    return at;
}

static size_t signature_integer(uint8_t *out, const uint8_t *integer, size_t bytes)
{
    size_t at = signature_header(out, 0x02, bytes);
    memcpy(out + at, integer, bytes);
    return at + bytes;
}

size_t signature_sequence(uint8_t out[SIGNATURE_DER_BYTES_MAX], const uint8_t *r, size_t r_bytes,
                          const uint8_t *s, size_t s_bytes)
{
    uint8_t body[SIGNATURE_DER_BYTES_MAX];
    signature_check(r_bytes + s_bytes + 16 <= SIGNATURE_DER_BYTES_MAX);
    size_t body_bytes = signature_integer(body, r, r_bytes);
    body_bytes += signature_integer(body + body_bytes, s, s_bytes);
    size_t at = signature_header(out, 0x30, body_bytes);
    memcpy(out + at, body, body_bytes);
    return at + body_bytes;
}

/* The bytes of a 32-byte number as DER wants them: no needless zero in front, but one where the
 * first bit would be taken for a sign. Returns how many of padded's last bytes. */
static size_t signature_minimal(uint8_t padded[33], const uint8_t number[32])
{
    size_t start = 0;
    padded[0] = 0;
    memcpy(padded + 1, number, 32);
    while (start < 32 && padded[start] == 0 && !(padded[start + 1] & 0x80)) {
        start++;
    }
    return 33 - start;
}

size_t signature_der(uint8_t out[SIGNATURE_DER_BYTES_MAX], const uint8_t rs[64])
{
    uint8_t r[33], s[33];
    size_t r_bytes = signature_minimal(r, rs);
    size_t s_bytes = signature_minimal(s, rs + 32);
    return signature_sequence(out, r + 33 - r_bytes, r_bytes, s + 33 - s_bytes, s_bytes);
}
