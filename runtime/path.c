/*
 * Both ways are tried a few times by turns, then the quicker is taken, and now and then the other
 * tried again, the more seldom the farther it is behind: so what looking costs stays below a few
 * percent. Of the first tries, which may meet a cold device, the best counts. Later times are
 * smoothed: by a half where a way has become quicker, for noise makes batches slower and not
 * quicker; else by a quarter, and a batch that took several times as long as usual counts as twice,
 * for it says more about the moment than about the way.
 *
 * A submitter's, for each type. Integers only.
 */
#include "path.h"

bool path_is_staged(path *p, uint64_t bytes)
{
    if (bytes < PATH_BYTES_MIN) {
        return false;
    }
    if (p->num[0] < PATH_TRIES || p->num[1] < PATH_TRIES) {
        return p->num[1] < p->num[0];
    }
    bool better = p->fs_byte[1] < p->fs_byte[0];
    uint64_t times_slower = p->fs_byte[!better] / p->fs_byte[better];
    times_slower = times_slower < PATH_FAR ? times_slower : PATH_FAR;
    p->num_since_retry++;
    if (p->num_since_retry < PATH_RETRY * times_slower) {
        return better;
    }
    p->num_since_retry = 0;
    return !better;
}

void path_learn(path *p, bool is_staged, uint64_t bytes, uint64_t busy_ns)
{
    uint64_t *usual = &p->fs_byte[is_staged];
    uint64_t ns_max = UINT64_MAX / 1000000;
    if (bytes < PATH_BYTES_MIN || busy_ns == 0) { /* 0: hidden behind another batch */
        return;
    }
    uint64_t now = (busy_ns < ns_max ? busy_ns : ns_max) * 1000000 / bytes + 1;
    if (p->num[is_staged] < PATH_TRIES) {
        *usual = p->num[is_staged] == 0 || now < *usual ? now : *usual;
    } else if (now < *usual) {
        *usual = (*usual + now) / 2;
    } else {
        now = now < 2 * *usual ? now : 2 * *usual;
        *usual = (3 * *usual + now + 3) / 4;
    }
    p->num[is_staged]++;
}
