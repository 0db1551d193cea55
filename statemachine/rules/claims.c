/* SPDX-License-Identifier: Apache-2.0 */
/* From a place to an enrolled child: R17, R18, R21. */
#include "statemachine/rules/rules.h"

static bool can_claim(uint8_t state)
{
    return state == KZ_WAITING || state == KZ_CALLED || state == KZ_RESTING;
}

/* Returns: the share with a free place that the application's grant gives access to, or
 * KZ_NO_SLOT. */
static uint32_t granted_share(const struct kz_machine *machine,
                              const struct kz_application *application,
                              const struct kz_place *place)
{
    if (application->state != KZ_CALLED) return KZ_NO_SLOT;
    uint32_t share = kz_place_share(machine, place, application->held);
    if (share == KZ_NO_SLOT || kz_share_at(machine, share)->free == 0) return KZ_NO_SLOT;
    return share;
}

/* Whether a bulletin in priority has a free place of the same kind. */
static bool is_in_priority(const struct kz_machine *machine, const struct kz_place *place)
{
    for (uint32_t slot = place->newest; slot != KZ_NO_SLOT;) {
        const struct kz_share *share = kz_share_at(machine, slot);
        if (share->free > 0 && kz_bulletin_at(machine, share->bulletin)->stage == KZ_PRIORITY)
            return true;
        slot = share->older;
    }
    return false;
}

/* R26: the referral_days-th working day after the local date of the claim. */
static int32_t referral_last_day(const struct kz_machine *machine,
                                 const struct kz_territory *territory, int64_t time)
{
    int32_t claimed = kz_local_date(time, territory->utc_offset_minutes);
    return kz_calendar_working_day(machine, claimed + 1, territory->policy.referral_days);
}

/* R17. */
enum kz_result kz_apply_claim(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_application *application = kz_application_at(machine, it->application);
    const struct kz_queue *queue = kz_queue_at(machine, application->queue);

    if (it->kindergarten == KZ_NO_SLOT) return KZ_RESULT_INVALID;
    if (!can_claim(application->state)) return KZ_RESULT_WRONG_STATE;
    const struct kz_kindergarten *kindergarten = kz_kindergarten_at(machine, it->kindergarten);
    if (kindergarten->territory != queue->territory) return KZ_RESULT_WRONG_TERRITORY;
    if (!kindergarten->open) return KZ_RESULT_CLOSED;
    uint32_t slot = kz_place_find(machine, it->kindergarten, application->queue);
    if (slot == KZ_NO_SLOT) return KZ_RESULT_NO_PLACE;
    const struct kz_place *place = kz_place_at(machine, slot);
    uint32_t share = granted_share(machine, application, place);
    bool by_grant = share != KZ_NO_SLOT;
    if (!by_grant && place->open == 0)
        return is_in_priority(machine, place) ? KZ_RESULT_NO_ACCESS : KZ_RESULT_NO_PLACE;

    const struct kz_territory *territory = kz_territory_at(machine, queue->territory);
    int32_t last_day = referral_last_day(machine, territory, it->entry->time);
    if (by_grant)
        kz_bulletin_take(machine, share, 1);
    else
        kz_place_add_open(machine, slot, -1);
    kz_application_refer(machine, it->application, slot, it->index, by_grant, last_day);
    return KZ_RESULT_OK;
}

/* R18. */
enum kz_result kz_apply_decline(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_application *application = kz_application_at(machine, it->application);

    if (application->state != KZ_REFERRED) return KZ_RESULT_WRONG_STATE;

    kz_place_give_back(machine, application->held);
    if ((application->flags & KZ_FLAG_BY_GRANT) != 0) {
        kz_application_count_unused(machine, it->application);
        kz_application_wait_or_rest(machine, it->application);
    } else {
        kz_application_wait(machine, it->application);
    }
    return KZ_RESULT_OK;
}

/* R21. */
enum kz_result kz_apply_enrol(struct kz_machine *machine, const struct kz_case *it)
{
    if (kz_application_at(machine, it->application)->state != KZ_REFERRED)
        return KZ_RESULT_WRONG_STATE;

    kz_application_end(machine, it->application, KZ_ENROLLED);
    return KZ_RESULT_OK;
}
