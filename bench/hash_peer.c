/*
 * Plain loops, a copy, and a thread behind a condition variable. Owns the threads it starts; a
 * crew's live for one call, the server's until it is destroyed.
 * Always holds: the hashing is the sha256 pack's own code on the same path, so a difference in time
 * is one of running, not of what is run; starting threads is not measured.
 */
#include "hash_peer.h"

#include "cli/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct hash_peer_gang {
    void (*work)(void *context, uint32_t thread);
    void *context;
    pthread_mutex_t gate; /* held by the caller until all may go */
    bool is_off;          /* a thread was refused: the others return at once; under the gate */
} hash_peer_gang;

typedef struct hash_peer_member {
    hash_peer_gang *gang;
    uint32_t index;
    uint64_t end_ns;
    pthread_t thread;
} hash_peer_member;

static void *hash_peer_member_run(void *argument)
{
    hash_peer_member *m = argument;
    pthread_mutex_lock(&m->gang->gate);
    bool is_off = m->gang->is_off;
    pthread_mutex_unlock(&m->gang->gate);
    if (!is_off) {
        m->gang->work(m->gang->context, m->index);
    }
    m->end_ns = clock_ns();
    return NULL;
}

bool hash_peer_crew(uint32_t num_threads, void (*work)(void *context, uint32_t thread),
                    void *context, uint64_t *ns)
{
    hash_peer_gang gang = {.work = work, .context = context, .gate = PTHREAD_MUTEX_INITIALIZER};
    hash_peer_member members[HASH_PEER_THREADS_MAX];
    uint32_t started = 0;
    pthread_mutex_lock(&gang.gate);
    for (bool fine = true; fine && started < num_threads; started += fine) {
        members[started] = (hash_peer_member){.gang = &gang, .index = started};
        fine = pthread_create(&members[started].thread, NULL, hash_peer_member_run,
                              &members[started]) == 0;
        gang.is_off = !fine;
    }
    uint64_t start_ns = clock_ns();
    pthread_mutex_unlock(&gang.gate);
    uint64_t end_ns = start_ns;
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(members[i].thread, NULL);
        end_ns = members[i].end_ns > end_ns ? members[i].end_ns : end_ns;
    }
    pthread_mutex_destroy(&gang.gate);
    *ns = end_ns - start_ns;
    return !gang.is_off;
}

uint32_t hash_peer_share(uint32_t num, uint32_t thread, uint32_t num_threads, uint32_t *first)
{
    *first = (uint32_t)((uint64_t)num * thread / num_threads);
    return (uint32_t)((uint64_t)num * (thread + 1) / num_threads) - *first;
}

typedef struct hash_peer_loop_context {
    hash_data *data;
    const sha256_path *path;
    uint32_t num;
    uint32_t at_a_time;
    uint32_t num_threads;
} hash_peer_loop_context;

static void hash_peer_loop_run(void *context, uint32_t thread)
{
    const hash_peer_loop_context *c = context;
    uint32_t first;
    uint32_t end = hash_peer_share(c->num, thread, c->num_threads, &first);
    end += first;
    for (uint32_t i = first; i < end;) {
        uint32_t count = end - i < c->at_a_time ? end - i : c->at_a_time;
        c->path->hash64(c->data->out + (size_t)i * SHA256_DIGEST_BYTES,
                        c->data->messages + (size_t)i * SHA256_BLOCK_BYTES, count, false);
        i += count;
    }
}

bool hash_peer_loop(hash_data *data, uint32_t num, uint32_t at_a_time, uint32_t num_threads,
                    uint64_t *ns)
{
    hash_peer_loop_context context = {.data = data,
                                      .path = sha256_path_best(),
                                      .num = num,
                                      .at_a_time = at_a_time,
                                      .num_threads = num_threads};
    if (num_threads > 1) {
        return hash_peer_crew(num_threads, hash_peer_loop_run, &context, ns);
    }
    uint64_t start_ns = clock_ns();
    hash_peer_loop_run(&context, 0);
    *ns = clock_ns() - start_ns;
    return true;
}

void hash_peer_copy(hash_data *data, uint32_t num, uint64_t *ns)
{
    size_t bytes = (size_t)num * SHA256_DIGEST_BYTES;
    uint64_t start_ns = clock_ns();
    memcpy(data->out, data->messages, bytes);
    __asm__ volatile("" ::: "memory"); /* what is overwritten next must be copied all the same */
    memcpy(data->out, data->messages + bytes, bytes);
    __asm__ volatile("" ::: "memory");
    memcpy(data->out, data->digests, bytes);
    *ns = clock_ns() - start_ns;
}

struct hash_peer_server {
    pthread_t thread;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t changed;
    const uint8_t *message; /* NULL: nothing to do */
    uint8_t *digest;
    bool is_ending;
};

static void *hash_peer_server_run(void *argument)
{
    hash_peer_server *s = argument;
    const sha256_path *path = sha256_path_best();
    pthread_mutex_lock(&s->lock);
    while (!s->is_ending) {
        if (s->message != NULL) {
            path->hash64(s->digest, s->message, 1, false);
            s->message = NULL;
            pthread_cond_signal(&s->changed);
        } else {
            pthread_cond_wait(&s->changed, &s->lock);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

hash_peer_server *hash_peer_server_create(void)
{
    hash_peer_server *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (pthread_create(&s->thread, NULL, hash_peer_server_run, s) != 0) {
        free(s);
        return NULL;
    }
    return s;
}

void hash_peer_server_destroy(hash_peer_server **server)
{
    hash_peer_server *s = *server;
    if (s == NULL) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->is_ending = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *server = NULL;
}

void hash_peer_server_call(hash_peer_server *s, const uint8_t *message, uint8_t *digest)
{
    pthread_mutex_lock(&s->lock);
    s->message = message;
    s->digest = digest;
    pthread_cond_signal(&s->changed);
    while (s->message != NULL) {
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}
