/* SPDX-License-Identifier: Apache-2.0 */
/* R30: who may write what, and what an entry names. The refusals come in the order of RULES.md's
 * "Results": by role; unknown; by scope. */
#include "statemachine/rules/rules.h"

static uint32_t named_territory(const struct kz_entry *entry)
{
    switch (entry->type) {
    case KZ_POLICY: return entry->policy.territory;
    case KZ_KINDERGARTEN: return entry->kindergarten.territory;
    case KZ_ACTOR: return entry->actor_entry.territory;
    case KZ_APPLICATION: return entry->application.territory;
    case KZ_PUBLISH:
    case KZ_MORNING: return entry->clock.territory;
    default: KZ_ASSERT(!"a type that names a territory"); return 0;
    }
}

uint64_t kz_permission_application(const struct kz_entry *entry)
{
    switch (entry->type) {
    case KZ_RECLASSIFY: return entry->reclassify.application;
    case KZ_CORRECT: return entry->correct.application;
    case KZ_WITHDRAW:
    case KZ_REINSTATE:
    case KZ_DECLINE:
    case KZ_READY:
    case KZ_ENROL: return entry->application_only.application;
    case KZ_CLAIM: return entry->claim.application;
    case KZ_GRANT: return entry->grant.application;
    default: return 0;
    }
}

static uint32_t named_kindergarten(const struct kz_entry *entry)
{
    switch (entry->type) {
    case KZ_ACTOR: return entry->actor_entry.kindergarten;
    case KZ_CLAIM: return entry->claim.kindergarten;
    case KZ_VACANCY:
    case KZ_RETRACT: return entry->places.kindergarten;
    default: KZ_ASSERT(!"a type that names a kindergarten"); return 0;
    }
}

/* By role: the type is none of the actor's. */
static bool role_allows(const struct kz_rule *rule, const struct kz_entry *entry,
                        const struct kz_actor *actor)
{
    if (kz_type_is_clock(entry->type)) return entry->actor == 0;
    if (actor == NULL) return false;
    if ((rule->roles >> actor->role & 1) == 0) return false;
    if (rule->everywhere) return actor->territory == 0;
    if (actor->role == KZ_PORTAL && entry->type == KZ_APPLICATION)
        return !entry->application.has_applied_at;
    return true;
}

/* An application comes before a kindergarten in the one entry that names both (claim), a territory
 * before a kindergarten (actor). */
static enum kz_result find_named(const struct kz_machine *machine, const struct kz_rule *rule,
                                 const struct kz_entry *entry, struct kz_case *it)
{
    if ((rule->names & KZ_NAMES_TERRITORY) != 0) {
        uint32_t number = named_territory(entry);
        bool may_be_all = entry->type == KZ_ACTOR && number == 0;
        if (!may_be_all) it->territory = kz_territory_find(machine, number);
        if (!may_be_all && it->territory == KZ_NO_SLOT) return KZ_RESULT_UNKNOWN_TERRITORY;
    }
    if ((rule->names & KZ_NAMES_APPLICATION) != 0) {
        it->application = kz_number_find(machine, kz_permission_application(entry));
        if (it->application == KZ_NO_SLOT) return KZ_RESULT_UNKNOWN_APPLICATION;
    }
    if ((rule->names & KZ_NAMES_KINDERGARTEN) != 0) {
        uint32_t number = named_kindergarten(entry);
        if (number != 0) it->kindergarten = kz_kindergarten_find(machine, number);
        if (number != 0 && it->kindergarten == KZ_NO_SLOT) return KZ_RESULT_UNKNOWN_KINDERGARTEN;
    }
    return KZ_RESULT_OK;
}

/* The one territory that scope looks at: the application's, else the entry's, else the
 * kindergarten's. Returns: its number; 0 for none. */
static uint32_t scope_of(const struct kz_machine *machine, const struct kz_case *it)
{
    uint32_t slot = it->territory;
    if (it->application != KZ_NO_SLOT) {
        uint32_t queue = kz_application_at(machine, it->application)->queue;
        slot = kz_queue_at(machine, queue)->territory;
    } else if (slot == KZ_NO_SLOT && it->kindergarten != KZ_NO_SLOT) {
        slot = kz_kindergarten_at(machine, it->kindergarten)->territory;
    }
    return slot == KZ_NO_SLOT ? 0 : kz_territory_at(machine, slot)->number;
}

/* Whether what a kindergarten asks concerns itself. A child that is not referred at all is
 * `wrong_state`, which comes later. */
static bool is_its_own(const struct kz_machine *machine, const struct kz_actor *actor,
                       const struct kz_case *it)
{
    if (it->entry->type != KZ_ENROL) return it->entry->places.kindergarten == actor->kindergarten;

    const struct kz_application *application = kz_application_at(machine, it->application);
    if (application->state != KZ_REFERRED) return true;
    const struct kz_place *place = kz_place_at(machine, application->held);
    return kz_kindergarten_at(machine, place->kindergarten)->number == actor->kindergarten;
}

static bool scope_allows(const struct kz_machine *machine, const struct kz_actor *actor,
                         const struct kz_case *it)
{
    if (actor->role == KZ_ROLE_KINDERGARTEN) return is_its_own(machine, actor, it);
    return actor->territory == 0 || actor->territory == scope_of(machine, it);
}

/* R14: an older register may still be brought in. */
static bool register_allows(const struct kz_machine *machine, const struct kz_case *it)
{
    if (it->entry->type != KZ_APPLICATION || !it->entry->application.has_applied_at) return true;
    return !kz_territory_at(machine, it->territory)->policy.register_closed;
}

enum kz_result kz_permission_judge(const struct kz_machine *machine, const struct kz_rule *rule,
                                   const struct kz_entry *entry, struct kz_case *out_case)
{
    struct kz_case it = {entry, 0, KZ_NO_SLOT, KZ_NO_SLOT, KZ_NO_SLOT};
    bool anyone = machine->actors.count == 0;
    const struct kz_actor *actor = NULL;

    if (!anyone) {
        uint32_t slot = kz_actor_find(machine, entry->actor);
        if (slot != KZ_NO_SLOT) actor = kz_actor_at(machine, slot);
        if (!role_allows(rule, entry, actor)) return KZ_RESULT_NOT_ALLOWED;
    }
    enum kz_result unknown = find_named(machine, rule, entry, &it);
    if (unknown != KZ_RESULT_OK) return unknown;

    if (actor != NULL && !scope_allows(machine, actor, &it)) return KZ_RESULT_NOT_ALLOWED;
    if (!register_allows(machine, &it)) return KZ_RESULT_NOT_ALLOWED;

    *out_case = it;
    return KZ_RESULT_OK;
}
