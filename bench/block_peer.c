/*
 * The plain loop over libsecp256k1. Owns what one run allocates; the caller's thread and, for more
 * than one, num_threads - 1 others that live for the loop. Each writes only its own share.
 * Always holds: it uses the parser, sighash and spends code that yoke's command uses, so a
 * difference in time is one of running, not of what is run. Its hashing (nettle, SHA-NI where the
 * CPU has it) is as quick as ours for whole messages.
 */
#include "block_peer.h"

#include "cli/bitcoin/merkle.h"
#include "cli/bitcoin/pow.h"
#include "cli/bitcoin/spends.h"

#include <nettle/sha2.h>
#include <pthread.h>
#include <secp256k1.h>
#include <stdlib.h>
#include <string.h>

/* One thread's part of the inputs. */
typedef struct block_peer_share {
    const block *block;
    const spend *first;
    uint32_t num;
    uint32_t num_verified;
    bool out_of_memory;
} block_peer_share;

/* What a run allocates. */
typedef struct block_peer_memory {
    block block;
    spends spends;
    uint8_t *txids;
    uint32_t *order;
} block_peer_memory;

static void block_peer_sha256(const uint8_t *data, size_t bytes, uint8_t digest[32])
{
    struct sha256_ctx sha;
    sha256_init(&sha);
    sha256_update(&sha, bytes, data);
    sha256_digest(&sha, SHA256_DIGEST_SIZE, digest);
}

static void block_peer_sha256d(const uint8_t *data, size_t bytes, uint8_t digest[32])
{
    block_peer_sha256(data, bytes, digest);
    block_peer_sha256(digest, 32, digest);
}

static bool block_peer_verify(const secp256k1_context *context, const spend *s,
                              const uint8_t digest[32])
{
    uint8_t hash_type;
    script_view key_bytes = spends_key(s, 0);
    script_view der = spends_signature(s, 0, &hash_type);
    secp256k1_pubkey key;
    secp256k1_ecdsa_signature signature;
    if (!secp256k1_ec_pubkey_parse(context, &key, key_bytes.data, key_bytes.bytes) ||
        !secp256k1_ecdsa_signature_parse_der(context, &signature, der.data, der.bytes)) {
        return false;
    }
    secp256k1_ecdsa_signature_normalize(context, &signature, &signature);
    return secp256k1_ecdsa_verify(context, &signature, digest, &key) == 1;
}

static void *block_peer_loop(void *argument)
{
    block_peer_share *share = argument;
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_VERIFY);
    uint8_t *preimage = malloc(sighash_bytes_max(share->block, SCRIPT_P2PKH_BYTES));
    share->out_of_memory = preimage == NULL;
    for (uint32_t i = 0; preimage != NULL && i < share->num; i++) {
        const spend *s = &share->first[i];
        sighash_subject subject = spends_subject(share->block, s, 0);
        uint8_t digest[32];
        if (sighash_is_one(&subject)) {
            memcpy(digest, sighash_one, 32);
        } else {
            sighash_write(&subject, preimage);
            block_peer_sha256d(preimage, sighash_bytes(&subject), digest);
        }
        share->num_verified += block_peer_verify(context, s, digest);
    }
    free(preimage);
    secp256k1_context_destroy(context);
    return NULL;
}

/* Splits the inputs over the threads and runs them; the last share runs on the caller. */
static bool block_peer_signatures(const block_peer_memory *m, uint32_t num_threads,
                                  block_peer_result *result)
{
    block_peer_share shares[BLOCK_PEER_THREADS_MAX];
    pthread_t threads[BLOCK_PEER_THREADS_MAX];
    uint32_t started = 0;
    uint32_t from = 0;
    for (uint32_t i = 0; i < num_threads; i++) {
        uint32_t to = (uint32_t)((uint64_t)m->spends.num * (i + 1) / num_threads);
        shares[i] = (block_peer_share){
            .block = &m->block, .first = m->spends.list + from, .num = to - from};
        from = to;
    }
    bool fine = true;
    while (fine && started + 1 < num_threads) {
        fine = pthread_create(&threads[started], NULL, block_peer_loop, &shares[started]) == 0;
        started += fine;
    }
    block_peer_loop(&shares[num_threads - 1]);
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    for (uint32_t i = 0; i < num_threads; i++) {
        fine = fine && !shares[i].out_of_memory;
        result->num_verified += shares[i].num_verified;
    }
    result->num_failed = m->spends.num - result->num_verified;
    return fine;
}

/* Txids into m->txids, and whether they lead to the header's Merkle root. */
static bool block_peer_merkle(const block_peer_memory *m, uint8_t *level, block_error *error)
{
    const block *b = &m->block;
    for (uint32_t t = 0; t < b->num_txs; t++) {
        block_peer_sha256d(b->txs[t].data, b->txs[t].bytes, m->txids + 32 * (size_t)t);
    }
    memcpy(level, m->txids, 32 * (size_t)b->num_txs);
    bool has_twins = false;
    size_t pair = 0;
    for (size_t num = b->num_txs; num > 1;) {
        has_twins = has_twins || merkle_has_twins(level, num, &pair);
        num = merkle_pad(level, num);
        for (size_t i = 0; i < num; i++) {
            block_peer_sha256d(level + 64 * i, 64, level + 32 * i);
        }
    }
    return (!has_twins && memcmp(level, b->data + BLOCK_AT_MERKLE_ROOT, 32) == 0) ||
           block_error_set(error, BLOCK_AT_MERKLE_ROOT, BLOCK_NOWHERE, BLOCK_NOWHERE,
                           "the Merkle root is wrong");
}

static bool block_peer_header(const block *b, block_error *error)
{
    uint8_t hash[32];
    block_peer_sha256d(b->data, BLOCK_HEADER_BYTES, hash);
    pow_result work = pow_check(hash, b->bits);
    return work == POW_MET || block_error_set(error, BLOCK_AT_BITS, BLOCK_NOWHERE, BLOCK_NOWHERE,
                                              "%s", pow_text(work));
}

static bool block_peer_checks(block_peer_memory *m, uint8_t *level, uint32_t num_threads,
                              block_peer_result *result, block_error *error)
{
    if (!block_peer_header(&m->block, error) || !block_peer_merkle(m, level, error)) {
        return false;
    }
    spends_find(&m->block, &m->spends);
    if (!spends_order(&m->block, m->txids, m->order, error) ||
        !spends_check_made_here(&m->block, m->txids, m->order, &m->spends, error)) {
        return false;
    }
    return block_peer_signatures(m, num_threads, result) ||
           block_error_set(error, SIZE_MAX, BLOCK_NOWHERE, BLOCK_NOWHERE,
                           "out of threads or memory");
}

bool block_peer_run(const uint8_t *data, size_t bytes, uint32_t num_threads,
                    block_peer_result *result, block_error *error)
{
    block_peer_memory m = {.txids = NULL};
    *result = (block_peer_result){.num_verified = 0};
    if (!block_parse(&m.block, data, bytes, error)) {
        block_finish(&m.block);
        return false;
    }
    if (m.block.num_witness_txs > 0) {
        block_finish(&m.block);
        return block_error_set(error, SIZE_MAX, BLOCK_NOWHERE, BLOCK_NOWHERE,
                               "the peer of this bench takes blocks without witnesses");
    }
    m.txids = malloc(32 * (size_t)m.block.num_txs);
    m.order = malloc(sizeof(*m.order) * m.block.num_txs);
    m.spends.list = malloc(sizeof(spend) * m.block.num_inputs);
    uint8_t *level = malloc(32 * ((size_t)m.block.num_txs + 1));
    bool fine = m.txids != NULL && m.order != NULL && m.spends.list != NULL && level != NULL;
    if (fine) {
        fine = block_peer_checks(&m, level, num_threads, result, error);
    } else {
        block_error_set(error, SIZE_MAX, BLOCK_NOWHERE, BLOCK_NOWHERE, "out of memory");
    }
    free(level);
    free(m.txids);
    free(m.order);
    free(m.spends.list);
    block_finish(&m.block);
    return fine;
}
