/*
 * The peers and floors of the hash bench: what one would write without a job runtime.
 */
#ifndef YOKE_BENCH_HASH_PEER_H
#define YOKE_BENCH_HASH_PEER_H

#include "hash_data.h"

#include <stdbool.h>
#include <stdint.h>

#define HASH_PEER_THREADS_MAX 256

/*
 * Calls work(context, 0) to work(context, num_threads - 1), each on a thread of its own, and
 * measures from the moment the threads, already started, are let go until the last has returned.
 * num_threads: 1 to HASH_PEER_THREADS_MAX. False: a thread was refused, and nothing was called.
 *   Blocks:   until all have returned.
 */
bool hash_peer_crew(uint32_t num_threads, void (*work)(void *context, uint32_t thread),
                    void *context, uint64_t *ns);

/* The part of `num` items that a thread of a crew does: *first to *first + the result - 1. */
uint32_t hash_peer_share(uint32_t num, uint32_t thread, uint32_t num_threads, uint32_t *first);

/* Hashes the first num messages into data->out on num_threads threads, with the CPU kernel's code;
 * `at_a_time` messages a call. One thread is the caller's. False: a thread was refused. */
bool hash_peer_loop(hash_data *data, uint32_t num, uint32_t at_a_time, uint32_t num_threads,
                    uint64_t *ns);

/* Copies as many bytes as num items have, in and out, and leaves the right digests in data->out:
 * the least that a job costs where memory is copied. */
void hash_peer_copy(hash_data *data, uint32_t num, uint64_t *ns);

/* A thread that hashes one message at a time, handed over with a mutex and a condition. */
typedef struct hash_peer_server hash_peer_server;

/* NULL: out of memory or threads. */
hash_peer_server *hash_peer_server_create(void);

void hash_peer_server_destroy(hash_peer_server **server);

/* Hands it a message and waits for the digest. One thread at a time. */
void hash_peer_server_call(hash_peer_server *server, const uint8_t *message, uint8_t *digest);

#endif
