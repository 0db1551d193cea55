/* SPDX-License-Identifier: Apache-2.0 */
/* R30: the `actor` entry. */
#include "statemachine/rules/rules.h"

#include <string.h>

static bool in_range(const struct kz_actor_fields *fields)
{
    bool needs_kindergarten = fields->role == KZ_ROLE_KINDERGARTEN;
    return fields->number != 0 && fields->role < KZ_ROLE_END &&
           needs_kindergarten == (fields->kindergarten != 0);
}

enum kz_result kz_apply_actor(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_actor_fields *fields = &it->entry->actor_entry;
    bool is_first = machine->actors.count == 0;
    bool may_be_first = fields->role == KZ_ADMINISTRATOR && fields->territory == 0;

    if (!in_range(fields)) return KZ_RESULT_INVALID;
    if (is_first && !may_be_first) return KZ_RESULT_INVALID;

    uint32_t slot = kz_actor_find(machine, fields->number);
    if (slot == KZ_NO_SLOT) slot = kz_actor_add(machine, fields->number);
    struct kz_actor *actor = kz_actor_at(machine, slot);
    kz_digest_touch(machine, KZ_OBJECT_ACTOR, slot, &actor->marks);
    actor->role = fields->role;
    actor->territory = fields->territory;
    actor->kindergarten = fields->kindergarten;
    memcpy(actor->key_hash, fields->key_hash, sizeof actor->key_hash);
    return KZ_RESULT_OK;
}

bool kz_machine_actor(const struct kz_machine *machine, uint32_t number,
                      struct kz_actor_fields *out_actor)
{
    uint32_t slot = kz_actor_find(machine, number);
    if (slot == KZ_NO_SLOT) return false;

    const struct kz_actor *actor = kz_actor_at(machine, slot);
    *out_actor = (struct kz_actor_fields){.number = actor->number,
                                          .role = actor->role,
                                          .territory = actor->territory,
                                          .kindergarten = actor->kindergarten};
    memcpy(out_actor->key_hash, actor->key_hash, sizeof actor->key_hash);
    return true;
}
