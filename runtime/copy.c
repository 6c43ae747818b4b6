/*
 * One core copies some 10 GB/s, a fifth of what PCIe takes. So what is larger than COPY_ALONE_BYTES
 * is cut into pieces, which are handed out by the submitter's crew. Waking a worker takes as long
 * as a piece or less; where all are busy the submitter does it all, as fast as before.
 */
#include "copy.h"

#include <string.h>

#include "ready.h"
#include "submitter.h"

#define COPY_ALONE_BYTES ((size_t)512 * 1024)
#define COPY_PIECE_BYTES ((size_t)128 * 1024)

typedef struct copy_work {
    const batch_copy *copies;
    uint32_t num_copies;
    size_t piece_bytes;
} copy_work;

static uint64_t copy_pieces_of(const copy_work *work, uint32_t copy)
{
    return (work->copies[copy].bytes + work->piece_bytes - 1) / work->piece_bytes;
}

static void copy_piece(void *context, uint32_t piece)
{
    const copy_work *work = context;
    uint32_t i = 0;
    uint64_t n = piece;
    for (; n >= copy_pieces_of(work, i); i++) {
        n -= copy_pieces_of(work, i);
    }
    size_t at = n * work->piece_bytes, left = work->copies[i].bytes - at;
    memcpy((char *)work->copies[i].to + at, (const char *)work->copies[i].from + at,
           left < work->piece_bytes ? left : work->piece_bytes);
}

static uint64_t copy_num_pieces(const copy_work *work)
{
    uint64_t num_pieces = 0;
    for (uint32_t i = 0; i < work->num_copies; i++) {
        num_pieces += copy_pieces_of(work, i);
    }
    return num_pieces;
}

void copy_submitter(void *context, const batch_copy *copies, uint32_t num_copies)
{
    submitter *s = context;
    copy_work work = {copies, num_copies, COPY_PIECE_BYTES};
    size_t bytes = 0;
    for (uint32_t i = 0; i < num_copies; i++) {
        bytes += copies[i].bytes;
    }
    if (bytes < COPY_ALONE_BYTES) {
        for (uint32_t i = 0; i < num_copies; i++) {
            memcpy(copies[i].to, copies[i].from, copies[i].bytes);
        }
        return;
    }
    while (copy_num_pieces(&work) > CREW_PIECES_MAX) {
        work.piece_bytes *= 2;
    }
    ready_run_crew_submitter(s->rt, s->device.index, copy_piece, &work,
                             (uint32_t)copy_num_pieces(&work));
}
