/*
 * The secp256k1 pack: the type secp256k1_verify, on libsecp256k1.
 *
 * Owns the CPU kernel and its registration. The kernel runs on any worker and keeps nothing; the
 * library's static context is constant data that all of them share. Signatures are decoded here
 * (der.h) and reach libsecp256k1 as 64 bytes, so all encodings are judged by the same code.
 *
 * What always holds: no input makes libsecp256k1 call its illegal-argument callback, which aborts.
 * That callback answers a NULL argument or an object that was never parsed: keys are looked at only
 * with 33 or 65 bytes, and a key or signature is used only after its parser succeeded. (A parsed
 * key with x = 0 would do it as well; y² = 7 has no solution in this field, so there is none.)
 *
 * One item costs about 26 µs of a core: some thousand times a hash, almost all in
 * secp256k1_ecdsa_verify.
 */
#include "tasks/secp256k1/secp256k1_pack.h"

#include <string.h>

#include <secp256k1.h>

#include <yoke/tasks.h>

#include "tasks/secp256k1/der.h"

#define SECP256K1_PACK_DIGEST_BYTES 32
#define SECP256K1_PACK_KEY_COMPRESSED_BYTES 33
#define SECP256K1_PACK_KEY_FULL_BYTES 65

static bool secp256k1_pack_key(const yoke_span *span, secp256k1_pubkey *key)
{
    if (span->bytes != SECP256K1_PACK_KEY_COMPRESSED_BYTES &&
        span->bytes != SECP256K1_PACK_KEY_FULL_BYTES) {
        return false;
    }
    return secp256k1_ec_pubkey_parse(secp256k1_context_static, key, span->data, span->bytes);
}

static bool secp256k1_pack_decode(const yoke_span *span, uint32_t encoding,
                                  uint8_t rs[DER_RS_BYTES])
{
    switch (encoding) {
    case YOKE_SECP256K1_DER:
        return der_parse_strict(span->data, span->bytes, rs);
    case YOKE_SECP256K1_DER_LAX:
        return der_parse_lax(span->data, span->bytes, rs);
    default: /* compact; secp256k1_pack_verify has refused others */
        if (span->bytes != DER_RS_BYTES) {
            return false;
        }
        memcpy(rs, span->data, DER_RS_BYTES);
        return true;
    }
}

static uint8_t secp256k1_pack_verdict(const uint8_t *digest, const yoke_span *key_span,
                                      const yoke_span *signature_span,
                                      const yoke_secp256k1_params *params)
{
    secp256k1_pubkey key;
    uint8_t rs[DER_RS_BYTES];
    if (!secp256k1_pack_decode(signature_span, params->encoding, rs) ||
        !secp256k1_pack_key(key_span, &key)) {
        return YOKE_SECP256K1_MALFORMED;
    }

    /* Refuses r and s that are not below the group's order; zero is refused by the verifier. */
    secp256k1_ecdsa_signature signature;
    if (!secp256k1_ecdsa_signature_parse_compact(secp256k1_context_static, &signature, rs)) {
        return YOKE_SECP256K1_INVALID;
    }

    /* The verifier takes low S only; s and order - s are both signatures of the same digest. */
    int high_s =
        secp256k1_ecdsa_signature_normalize(secp256k1_context_static, &signature, &signature);
    if (high_s && (params->flags & YOKE_SECP256K1_LOW_S)) {
        return YOKE_SECP256K1_INVALID;
    }
    return secp256k1_ecdsa_verify(secp256k1_context_static, &signature, digest, &key)
               ? YOKE_SECP256K1_VALID
               : YOKE_SECP256K1_INVALID;
}

static bool secp256k1_pack_span_ok(const yoke_span *span)
{
    return span->data != NULL || span->bytes == 0;
}

yoke_status secp256k1_pack_verify(yoke_worker *worker, const yoke_claim *claim)
{
    (void)worker;
    yoke_secp256k1_params params;
    memcpy(&params, claim->params, sizeof(params));
    if (params.encoding > YOKE_SECP256K1_DER_LAX || params.flags & ~YOKE_SECP256K1_LOW_S) {
        return YOKE_INVALID;
    }

    const uint8_t *digests = claim->in[0];
    const yoke_span *keys = claim->in[1];
    const yoke_span *signatures = claim->in[2];
    uint8_t *verdicts = claim->out;
    for (uint32_t i = 0; i < claim->count; i++) {
        if (!secp256k1_pack_span_ok(&keys[i]) || !secp256k1_pack_span_ok(&signatures[i])) {
            return YOKE_INVALID;
        }
        verdicts[i] = secp256k1_pack_verdict(digests + (size_t)i * SECP256K1_PACK_DIGEST_BYTES,
                                             &keys[i], &signatures[i], &params);
    }
    return YOKE_OK;
}

/* Every signature is the same work, however many bytes encode it and its key. */
static uint64_t secp256k1_pack_cost(const yoke_job *job)
{
    return job->num_items;
}

yoke_status yoke_tasks_register_secp256k1(yoke_runtime *rt)
{
    const yoke_type *type;
    const yoke_type_desc *desc =
        yoke_type_desc(.name = "secp256k1_verify",
                       .in_bytes = {SECP256K1_PACK_DIGEST_BYTES, YOKE_RAGGED, YOKE_RAGGED},
                       .out_bytes = 1, .params_bytes = sizeof(yoke_secp256k1_params),
                       .cpu = secp256k1_pack_verify, .cost = secp256k1_pack_cost);
    return yoke_register(rt, desc, &type);
}
