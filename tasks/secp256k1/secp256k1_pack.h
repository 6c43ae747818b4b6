/*
 * The CPU kernel of the secp256k1 pack, for its registration and its tests; yoke/tasks.h says what
 * its inputs, params and verdicts are. The claim's `user` is not used.
 *   Fails:    YOKE_INVALID: unknown params, or a span has bytes but no data.
 */
#ifndef YOKE_TASKS_SECP256K1_SECP256K1_PACK_H
#define YOKE_TASKS_SECP256K1_SECP256K1_PACK_H

#include <yoke/yoke.h>

yoke_status secp256k1_pack_verify(yoke_worker *worker, const yoke_claim *claim);

#endif
