/*
 * The CPU kernels of the sha256 pack, for its registration and its tests. The claim's `user` is the
 * sha256_path to run, and must be set.
 *   Fails:    YOKE_INVALID: a span has bytes but no data.
 */
#ifndef YOKE_TASKS_SHA256_SHA256_PACK_H
#define YOKE_TASKS_SHA256_SHA256_PACK_H

#include <yoke/yoke.h>

yoke_status sha256_pack_fixed(yoke_worker *worker, const yoke_claim *claim);
yoke_status sha256_pack_ragged(yoke_worker *worker, const yoke_claim *claim);
yoke_status sha256_pack_fixed_double(yoke_worker *worker, const yoke_claim *claim);
yoke_status sha256_pack_ragged_double(yoke_worker *worker, const yoke_claim *claim);
yoke_status sha256_pack_iter(yoke_worker *worker, const yoke_claim *claim);

#endif
