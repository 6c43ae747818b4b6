/*
 * Both ways are tried a few times by turns, then the quicker is taken, and now and then the other
 * tried again, rarely if it was far behind: so what looking costs stays below a few percent. Times
 * are smoothed by a quarter; a batch that took several times as long as usual counts as twice, for
 * it says more about the moment than about the way.
 *
 * A submitter's, for each type. Integers only.
 */
#include "path.h"

#define PATH_FAR 4 /* times slower */

bool path_is_staged(path *p, uint64_t bytes)
{
    if (bytes < PATH_BYTES_MIN) {
        return false;
    }
    if (p->num[0] < PATH_TRIES || p->num[1] < PATH_TRIES) {
        return p->num[1] < p->num[0];
    }
    bool better = p->ps_byte[1] < p->ps_byte[0];
    bool is_far = p->ps_byte[!better] / PATH_FAR > p->ps_byte[better];
    p->num_chosen++;
    return p->num_chosen % (is_far ? PATH_RETRY * PATH_FAR : PATH_RETRY) == 0 ? !better : better;
}

void path_learn(path *p, bool is_staged, uint64_t bytes, uint64_t busy_ns)
{
    uint64_t *usual = &p->ps_byte[is_staged];
    uint64_t ns_max = UINT64_MAX / 1000;
    if (bytes < PATH_BYTES_MIN) {
        return;
    }
    uint64_t now = (busy_ns < ns_max ? busy_ns : ns_max) * 1000 / bytes + 1;
    if (p->num[is_staged] == 0) {
        *usual = now;
    } else {
        now = now > 2 * *usual ? 2 * *usual : now;
        *usual = (3 * *usual + now + 2) / 4;
    }
    p->num[is_staged]++;
}
