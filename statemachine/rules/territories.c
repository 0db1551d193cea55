/* SPDX-License-Identifier: Apache-2.0 */
/* R10, R11: territories and their policies. */
#include "statemachine/rules/rules.h"

#include <string.h>

#define UTC_OFFSET_MAX 840

static const struct kz_policy_fields policy_at_first = {
    .evening = 18 * 60,
    .morning = 7 * 60,
    .first_priority = 1,
    .general = 3,
    .access_days = 3,
    .access_unit = KZ_WORKING,
    .referral_days = 5,
    .stop_list_days = 0,
    .unused_limit = 3,
    .register_closed = false,
};

static bool is_between(int32_t number, int32_t min, int32_t max)
{
    return number >= min && number <= max;
}

/* R10. */
enum kz_result kz_apply_territory(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_territory_fields *fields = &it->entry->territory;

    if (fields->territory == 0) return KZ_RESULT_INVALID;
    if (!is_between(fields->name.size, 1, KZ_NAME_SIZE_MAX)) return KZ_RESULT_INVALID;
    if (!is_between(fields->utc_offset_minutes, -UTC_OFFSET_MAX, UTC_OFFSET_MAX))
        return KZ_RESULT_INVALID;

    uint32_t slot = kz_territory_find(machine, fields->territory);
    bool is_new = slot == KZ_NO_SLOT;
    if (is_new) slot = kz_territory_add(machine, fields->territory);
    struct kz_territory *territory = kz_territory_at(machine, slot);
    kz_digest_touch(machine, KZ_OBJECT_TERRITORY, slot, &territory->marks);
    if (is_new) territory->policy = policy_at_first;
    territory->policy.territory = fields->territory;
    territory->utc_offset_minutes = fields->utc_offset_minutes;
    territory->name.size = (uint8_t)fields->name.size;
    memcpy(territory->name.bytes, fields->name.bytes, fields->name.size);
    return KZ_RESULT_OK;
}

static bool policy_in_range(const struct kz_policy_fields *policy)
{
    return is_between(policy->evening, 0, KZ_MINUTES_A_DAY - 1) &&
           is_between(policy->morning, 0, KZ_MINUTES_A_DAY - 1) &&
           policy->evening > policy->morning && is_between(policy->first_priority, 1, 255) &&
           is_between(policy->general, 1, 255) && is_between(policy->access_days, 1, 255) &&
           policy->access_unit < KZ_ACCESS_UNIT_END && is_between(policy->referral_days, 1, 255) &&
           is_between(policy->stop_list_days, 0, 255) && is_between(policy->unused_limit, 0, 255);
}

/* R7: a new ratio, so every cycle position of the territory becomes its remainder. */
static void fit_cycles(struct kz_machine *machine, const struct kz_territory *territory)
{
    uint32_t length = (uint32_t)(territory->policy.first_priority + territory->policy.general);
    struct kz_rank_key key;
    for (uint32_t i = 0; kz_queue_read(machine, territory->number, i, &key, 1) == 1; i++) {
        struct kz_queue *queue = kz_queue_at(machine, key.slot);
        kz_digest_touch(machine, KZ_OBJECT_QUEUE, key.slot, &queue->marks);
        queue->cycle %= length;
    }
}

/* R11. */
enum kz_result kz_apply_policy(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_policy_fields *fields = &it->entry->policy;
    struct kz_territory *territory = kz_territory_at(machine, it->territory);
    struct kz_policy_fields *policy = &territory->policy;

    if (!policy_in_range(fields)) return KZ_RESULT_INVALID;
    if (policy->register_closed && !fields->register_closed) return KZ_RESULT_INVALID;

    bool new_ratio =
        fields->first_priority != policy->first_priority || fields->general != policy->general;
    kz_digest_touch(machine, KZ_OBJECT_TERRITORY, it->territory, &territory->marks);
    *policy = *fields;
    if (new_ratio) fit_cycles(machine, territory);
    return KZ_RESULT_OK;
}
