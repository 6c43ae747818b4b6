/*
 * Calls the secp256k1_verify kernel with a claim made by hand: one item, copied to the heap. Keeps
 * nothing between calls.
 */
#include "tests/tasks/verify.h"

#include <stdlib.h>
#include <string.h>

#include <yoke/tasks.h>

#include "tasks/secp256k1/secp256k1_pack.h"

static yoke_span verify_copy(const void *data, size_t bytes)
{
    if (bytes == 0) {
        return (yoke_span){NULL, 0};
    }
    void *copy = malloc(bytes);
    if (copy == NULL) {
        abort();
    }
    return (yoke_span){memcpy(copy, data, bytes), bytes};
}

int verify(uint32_t encoding, uint32_t flags, const uint8_t digest[32], const void *key,
           size_t key_bytes, const void *signature, size_t signature_bytes)
{
    yoke_span keys = verify_copy(key, key_bytes);
    yoke_span signatures = verify_copy(signature, signature_bytes);
    yoke_secp256k1_params params = {encoding, flags};
    uint8_t verdict = 0xee;
    yoke_claim claim = {
        .in = {digest, &keys, &signatures},
        .out = &verdict,
        .count = 1,
        .params = &params,
    };
    yoke_status status = secp256k1_pack_verify(NULL, &claim);
    free((void *)keys.data);
    free((void *)signatures.data);
    return status == YOKE_OK ? verdict : -1;
}
