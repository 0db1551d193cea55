/* SPDX-License-Identifier: Apache-2.0 */
/* What the clock does after the evening: the morning (R23) and the calls (R25). */
#include "statemachine/rules/rules.h"

bool kz_morning_is_due(const struct kz_territory *territory, int64_t time, int32_t date)
{
    int32_t offset = territory->utc_offset_minutes;
    return kz_local_date(time, offset) == date &&
           kz_local_ms_of_day(time, offset) >= territory->policy.morning * KZ_MS_PER_MINUTE &&
           territory->last_morning < date;
}

static void lapse(struct kz_machine *machine, const struct kz_territory *territory, uint32_t slot,
                  int32_t date)
{
    const struct kz_application *application = kz_application_at(machine, slot);
    int32_t stop_list_days = territory->policy.stop_list_days;
    bool by_grant = (application->flags & KZ_FLAG_BY_GRANT) != 0;

    kz_place_give_back(machine, application->held);
    if (by_grant) kz_application_count_unused(machine, slot);
    if (stop_list_days > 0)
        kz_application_pause(machine, slot, date + stop_list_days);
    else if (by_grant)
        kz_application_wait_or_rest(machine, slot);
    else
        kz_application_wait(machine, slot);
}

/* R23 a. The order among those that lapse together does not show, so it is by last day first. */
static void lapse_referrals(struct kz_machine *machine, const struct kz_territory *territory,
                            int32_t date)
{
    while (territory->referrals.count > 0) {
        struct kz_rank_key first = kz_ranked_at(machine->orders, &territory->referrals, 0);
        if (first.applied_at >= date) return;
        lapse(machine, territory, first.slot, date);
    }
}

/* R23 b. A pause that (a) began ends after this date, so it is not among them. */
static void end_pauses(struct kz_machine *machine, const struct kz_territory *territory,
                       int32_t date)
{
    while (territory->pauses.count > 0) {
        struct kz_rank_key first = kz_ranked_at(machine->orders, &territory->pauses, 0);
        if (first.applied_at >= date) return;
        kz_application_wait(machine, first.slot);
    }
}

/* R23 c. */
static void end_bulletins(struct kz_machine *machine, const struct kz_queue *queue, int32_t date)
{
    for (uint32_t slot = queue->oldest; slot != KZ_NO_SLOT;) {
        const struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
        uint32_t newer = bulletin->newer;
        if (bulletin->stage == KZ_PRIORITY && bulletin->last_day < date)
            kz_bulletin_end(machine, slot);
        slot = newer;
    }
}

/* R23 d. */
static void open_bulletins(struct kz_machine *machine, const struct kz_queue *queue,
                           int64_t morning, int32_t last_day)
{
    uint64_t callable = kz_waiting_count(queue); /* less the calls given by this morning */
    for (uint32_t slot = queue->oldest; slot != KZ_NO_SLOT;) {
        struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
        if (bulletin->stage == KZ_PUBLISHED && bulletin->published_at < morning) {
            uint64_t calls = bulletin->free < callable ? bulletin->free : callable;
            kz_bulletin_set_calls_due(machine, slot, (uint32_t)calls);
            bulletin->stage = KZ_PRIORITY;
            bulletin->last_day = last_day;
            callable -= calls;
        }
        slot = bulletin->newer;
    }
}

/* R26. */
static int32_t access_last_day(const struct kz_machine *machine,
                               const struct kz_policy_fields *policy, int32_t date)
{
    if (policy->access_unit == KZ_CALENDAR_DAYS) return date + policy->access_days - 1;
    return kz_calendar_working_day(machine, date, policy->access_days);
}

/* R23. */
enum kz_result kz_apply_morning(struct kz_machine *machine, const struct kz_case *it)
{
    int32_t date = it->entry->clock.date;
    struct kz_territory *territory = kz_territory_at(machine, it->territory);
    const struct kz_policy_fields *policy = &territory->policy;

    if (date < KZ_DATE_MIN || date > KZ_DATE_MAX) return KZ_RESULT_INVALID;
    if (!kz_morning_is_due(territory, it->entry->time, date)) return KZ_RESULT_NOT_DUE;

    kz_digest_touch(machine, KZ_OBJECT_TERRITORY, it->territory, &territory->marks);
    territory->last_morning = date;
    lapse_referrals(machine, territory, date);
    end_pauses(machine, territory, date);
    int64_t morning = kz_local_instant(date, policy->morning, territory->utc_offset_minutes);
    int32_t last_day = access_last_day(machine, policy, date);
    struct kz_rank_key key;
    for (uint32_t i = 0; kz_queue_read(machine, territory->number, i, &key, 1) == 1; i++) {
        const struct kz_queue *queue = kz_queue_at(machine, key.slot);
        end_bulletins(machine, queue, date);
        open_bulletins(machine, queue, morning, last_day);
    }
    return KZ_RESULT_OK;
}

uint32_t kz_grant_bulletin(const struct kz_machine *machine, const struct kz_queue *queue)
{
    uint32_t slot = queue->oldest;
    while (slot != KZ_NO_SLOT && kz_bulletin_at(machine, slot)->calls_due == 0)
        slot = kz_bulletin_at(machine, slot)->newer;
    return slot;
}

/* R25. */
enum kz_result kz_apply_grant(struct kz_machine *machine, const struct kz_case *it)
{
    uint32_t queue_slot = kz_application_at(machine, it->application)->queue;
    struct kz_queue *queue = kz_queue_at(machine, queue_slot);
    uint32_t slot = kz_grant_bulletin(machine, queue);
    uint32_t cycle = 0;

    if (slot == KZ_NO_SLOT) return KZ_RESULT_NOT_DUE;
    const struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
    if (bulletin->index != it->entry->grant.bulletin) return KZ_RESULT_NOT_DUE;
    if (kz_queue_next(machine, queue, &cycle) != it->application) return KZ_RESULT_NOT_NEXT;

    if (cycle != queue->cycle) kz_digest_touch(machine, KZ_OBJECT_QUEUE, queue_slot, &queue->marks);
    queue->cycle = cycle;
    kz_bulletin_set_calls_due(machine, slot, bulletin->calls_due - 1);
    kz_application_call(machine, it->application, slot, it->index);
    return KZ_RESULT_OK;
}
