/*
 * Running peers. Owns a child process and the pipe from it for one call; one thread.
 * Always holds: the child is waited for before the call returns; it ends by itself, since a peer
 * sets an alarm. Costs a process a call, which is not in any sample.
 */
#include "pool_peer.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const pool_peer_size pool_peer_sizes[POOL_PEERS_MAX] = {
    {.file = "tbb_peer", .fib = 29, .jobs = 1u << 18, .tree = "full"},
    {.file = "gomp_peer", .fib = 25, .jobs = 1u << 18, .tree = "full"},
    {.file = "llvm_omp_peer", .fib = 25, .jobs = 1u << 18, .tree = "small"},
    {.file = "starpu_peer", .fib = 20, .jobs = 1u << 15, .tree = "small"},
};

/* A child with those arguments, and a stream of what it prints. */
static FILE *pool_peer_start(const char *path, char *const *arguments, pid_t *child)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (pipe(ends) != 0) {
        return NULL;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int refused = posix_spawn(child, path, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *stream = refused == 0 ? fdopen(ends[0], "r") : NULL;
    if (stream == NULL) {
        close(ends[0]);
    }
    return stream;
}

/* Its exit code; -1: a signal ended it. */
static int pool_peer_end(FILE *stream, pid_t child)
{
    int status;
    fclose(stream);
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool pool_peer_ask_name(pool_peer *peer)
{
    char word[] = "name";
    char *arguments[] = {peer->path, word, NULL};
    pid_t child;
    FILE *stream =
        access(peer->path, X_OK) == 0 ? pool_peer_start(peer->path, arguments, &child) : NULL;
    if (stream == NULL) {
        return false;
    }
    bool named = fgets(peer->engine, sizeof(peer->engine), stream) != NULL;
    peer->engine[strcspn(peer->engine, "\n")] = '\0';
    return pool_peer_end(stream, child) == 0 && named;
}

void pool_peers_find(pool_peers *peers, const char *folder)
{
    *peers = (pool_peers){.num = 0};
    if (folder == NULL) {
        fprintf(stderr, "yoke bench: YOKE_BENCH_PEERS is not set: the rows of peers are left out; "
                        "./dev bench pool builds them\n");
        return;
    }
    for (size_t i = 0; i < POOL_PEERS_MAX; i++) {
        pool_peer *peer = &peers->list[peers->num];
        peer->size = &pool_peer_sizes[i];
        snprintf(peer->path, sizeof(peer->path), "%s/%s", folder, peer->size->file);
        if (pool_peer_ask_name(peer)) {
            peers->num++;
        } else {
            fprintf(stderr, "yoke bench: %s does not run: its rows are left out\n", peer->path);
        }
    }
}

/* Reads what it prints. False: too few samples, too many, or no figures. */
static bool pool_peer_read(FILE *stream, double *samples, uint32_t num_samples, uint32_t *ran)
{
    char line[128];
    uint32_t num = 0;
    bool fine = true;
    while (fgets(line, sizeof(line), stream) != NULL) {
        char *end;
        if (num == 0 && sscanf(line, "workers %u", ran) == 1) {
            continue;
        }
        double value = strtod(line, &end);
        fine = fine && end != line && *end == '\n' && num < num_samples;
        if (fine) {
            samples[num++] = value;
        }
    }
    return fine && num == num_samples;
}

pool_peer_answer pool_peer_run(const pool_peer *peer, const char *name, uint32_t workers,
                               const char *param, double *samples, uint32_t num_samples,
                               uint32_t *ran)
{
    char path[sizeof(peer->path)], words[4][32];
    char *arguments[] = {path, words[0], words[1], words[2], words[3], NULL};
    pid_t child;
    snprintf(path, sizeof(path), "%s", peer->path);
    snprintf(words[0], sizeof(words[0]), "%s", name);
    snprintf(words[1], sizeof(words[1]), "%u", workers);
    snprintf(words[2], sizeof(words[2]), "%u", num_samples);
    snprintf(words[3], sizeof(words[3]), "%s", param);
    FILE *stream = pool_peer_start(path, arguments, &child);
    if (stream == NULL) {
        return POOL_PEER_FAILED;
    }
    bool is_read = pool_peer_read(stream, samples, num_samples, ran);
    int code = pool_peer_end(stream, child);
    if (code == 2) {
        return POOL_PEER_HAS_NONE;
    }
    return code == 0 && is_read ? POOL_PEER_FINE : POOL_PEER_FAILED;
}
