/*
 * The CPU kernels of the bls12_381 pack, for its registration and its tests; yoke/tasks.h says what
 * their items are. The claim's `user` is the fp_path to run, and must be set. They cannot fail.
 */
#ifndef YOKE_TASKS_BLS12_381_BLS12_381_PACK_H
#define YOKE_TASKS_BLS12_381_BLS12_381_PACK_H

#include <yoke/yoke.h>

yoke_status bls12_381_pack_fp_add(yoke_worker *worker, const yoke_claim *claim);
yoke_status bls12_381_pack_fp_sub(yoke_worker *worker, const yoke_claim *claim);
yoke_status bls12_381_pack_fp_mul(yoke_worker *worker, const yoke_claim *claim);

#endif
