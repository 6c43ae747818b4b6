/*
 * Registers every task pack in a runtime.
 *
 * Owns the list of packs; a new pack is one line here. Called by host threads, once a runtime; the
 * rest of the time nobody touches it. Costs what registering each type costs.
 */
#include <yoke/tasks.h>

typedef yoke_status (*registry_pack)(yoke_runtime *rt);

yoke_status yoke_tasks_register_all(yoke_runtime *rt)
{
    static const registry_pack packs[] = {
        yoke_tasks_register_sha256,
        yoke_tasks_register_secp256k1,
        yoke_tasks_register_merkle,
        yoke_tasks_register_bls12_381,
    };
    for (size_t i = 0; i < sizeof(packs) / sizeof(packs[0]); i++) {
        yoke_status status = packs[i](rt);
        if (status != YOKE_OK) {
            return status;
        }
    }
    return YOKE_OK;
}
