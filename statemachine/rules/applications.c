/* SPDX-License-Identifier: Apache-2.0 */
/* The states of an application, and what a family or a clerk writes about it but for claims: R14 to
 * R16a, R18a, R27.
 *
 *   state      stands in                               entered by
 *   waiting    a set of its queue                      application_wait, …_wait_owed
 *   called     its bulletin's grants                   application_call
 *   resting    nothing                                 application_rest
 *   referred   its territory's referrals               application_refer
 *   paused     its territory's pauses                  application_pause
 *   ended      nothing, nor in the index by child      application_end */
#include "statemachine/rules/rules.h"

#include <string.h>

static uint64_t hash_of(const struct kz_machine *machine, const uint8_t child[static KZ_ID_SIZE])
{
    return kz_hash64(child, KZ_ID_SIZE, machine->seed);
}

static bool is_live(uint8_t state)
{
    return state != KZ_ENROLLED && state != KZ_WITHDRAWN;
}

struct kz_territory *kz_application_territory(const struct kz_machine *machine,
                                              const struct kz_application *application)
{
    return kz_territory_at(machine, kz_queue_at(machine, application->queue)->territory);
}

static struct kz_ranked *waiting_set(const struct kz_machine *machine,
                                     const struct kz_application *application)
{
    bool owed = (application->flags & KZ_FLAG_OWED) != 0;
    struct kz_queue *queue = kz_queue_at(machine, application->queue);
    return &queue->waiting[owed ? KZ_OWED : application->category];
}

static struct kz_rank_key day_key(const struct kz_application *application, uint32_t slot)
{
    return (struct kz_rank_key){application->last_day, application->number, slot};
}

static struct kz_rank_key grant_key(const struct kz_application *application, uint32_t slot)
{
    return (struct kz_rank_key){application->since, application->number, slot};
}

/* Takes the application out of its state's set, and with that out of its state. */
static struct kz_application *leave(struct kz_machine *machine, uint32_t slot)
{
    struct kz_application *application = kz_application_at(machine, slot);
    kz_digest_touch(machine, KZ_OBJECT_APPLICATION, slot, &application->marks);

    switch (application->state) {
    case KZ_WAITING:
        kz_ranked_remove(machine->ranks, waiting_set(machine, application),
                         kz_queue_key(application, slot));
        break;
    case KZ_CALLED:
        kz_ranked_remove(machine->orders, &kz_bulletin_at(machine, application->held)->grants,
                         grant_key(application, slot));
        break;
    case KZ_REFERRED:
        kz_ranked_remove(machine->orders,
                         &kz_application_territory(machine, application)->referrals,
                         day_key(application, slot));
        break;
    case KZ_PAUSED:
        kz_ranked_remove(machine->orders, &kz_application_territory(machine, application)->pauses,
                         day_key(application, slot));
        break;
    default: break;
    }
    kz_bulletin_unsettle(machine, application->queue);
    application->flags = 0;
    application->held = 0;
    application->since = 0;
    application->last_day = 0;
    return application;
}

static void enter_waiting(struct kz_machine *machine, uint32_t slot, uint8_t flags)
{
    struct kz_application *application = kz_application_at(machine, slot);
    application->state = KZ_WAITING;
    application->flags = flags;
    kz_ranked_insert(machine->ranks, waiting_set(machine, application),
                     kz_queue_key(application, slot));
}

void kz_application_wait(struct kz_machine *machine, uint32_t slot)
{
    leave(machine, slot);
    enter_waiting(machine, slot, 0);
}

void kz_application_wait_owed(struct kz_machine *machine, uint32_t slot)
{
    leave(machine, slot);
    enter_waiting(machine, slot, KZ_FLAG_OWED);
}

void kz_application_rest(struct kz_machine *machine, uint32_t slot)
{
    leave(machine, slot)->state = KZ_RESTING;
}

void kz_application_call(struct kz_machine *machine, uint32_t slot, uint32_t bulletin,
                         uint32_t index)
{
    struct kz_application *application = leave(machine, slot);
    application->state = KZ_CALLED;
    application->held = bulletin;
    application->since = index;
    kz_ranked_insert(machine->orders, &kz_bulletin_at(machine, bulletin)->grants,
                     grant_key(application, slot));
}

void kz_application_refer(struct kz_machine *machine, uint32_t slot, uint32_t place, uint32_t index,
                          bool by_grant, int32_t last_day)
{
    struct kz_application *application = leave(machine, slot);
    application->state = KZ_REFERRED;
    application->flags = by_grant ? KZ_FLAG_BY_GRANT : 0;
    application->held = place;
    application->since = index;
    application->last_day = last_day;
    kz_ranked_insert(machine->orders, &kz_application_territory(machine, application)->referrals,
                     day_key(application, slot));
}

void kz_application_pause(struct kz_machine *machine, uint32_t slot, int32_t last_day)
{
    struct kz_application *application = leave(machine, slot);
    application->state = KZ_PAUSED;
    application->last_day = last_day;
    kz_ranked_insert(machine->orders, &kz_application_territory(machine, application)->pauses,
                     day_key(application, slot));
}

void kz_application_end(struct kz_machine *machine, uint32_t slot, uint8_t state)
{
    struct kz_application *application = leave(machine, slot);
    application->state = state;
    kz_index_remove(&machine->child_index, hash_of(machine, application->child), slot);
}

/* R27. */
void kz_application_count_unused(struct kz_machine *machine, uint32_t slot)
{
    struct kz_application *application = kz_application_at(machine, slot);
    kz_digest_touch(machine, KZ_OBJECT_APPLICATION, slot, &application->marks);
    if (application->unused < KZ_UNUSED_MAX) application->unused++;
}

void kz_application_wait_or_rest(struct kz_machine *machine, uint32_t slot)
{
    const struct kz_application *application = kz_application_at(machine, slot);
    int32_t limit = kz_application_territory(machine, application)->policy.unused_limit;
    if (limit != 0 && application->unused >= limit)
        kz_application_rest(machine, slot);
    else
        kz_application_wait(machine, slot);
}

/* R14. Returns: whether the child has another live application of that kind in that territory. */
static bool is_duplicate(const struct kz_machine *machine, const uint8_t child[static KZ_ID_SIZE],
                         uint32_t territory, uint8_t kind, uint32_t except)
{
    struct kz_index_search search = kz_index_look(&machine->child_index, hash_of(machine, child));
    uint32_t slot = kz_index_next(&search);
    for (; slot != KZ_NO_SLOT; slot = kz_index_next(&search)) {
        const struct kz_application *other = kz_application_at(machine, slot);
        if (slot == except || memcmp(other->child, child, KZ_ID_SIZE) != 0) continue;
        const struct kz_queue *queue = kz_queue_at(machine, other->queue);
        if (queue->territory == territory && queue->id.kind == kind) return true;
    }
    return false;
}

static bool queue_in_range(uint16_t birth_year, uint8_t kind)
{
    return birth_year >= KZ_BIRTH_YEAR_MIN && birth_year <= KZ_BIRTH_YEAR_MAX && kind < KZ_KIND_END;
}

static bool application_in_range(const struct kz_entry *entry)
{
    const struct kz_application_fields *fields = &entry->application;
    return queue_in_range(fields->birth_year, fields->kind) && fields->category < KZ_CATEGORY_END &&
           (!fields->has_applied_at ||
            (fields->applied_at >= 0 && fields->applied_at <= entry->time));
}

/* R14. */
enum kz_result kz_apply_application(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_application_fields *fields = &it->entry->application;

    if (!application_in_range(it->entry)) return KZ_RESULT_INVALID;
    if (is_duplicate(machine, fields->child, it->territory, fields->kind, KZ_NO_SLOT))
        return KZ_RESULT_DUPLICATE;

    uint32_t slot = kz_table_add(&machine->applications);
    struct kz_application *application = kz_application_at(machine, slot);
    kz_digest_touch(machine, KZ_OBJECT_APPLICATION, slot, &application->marks);
    memcpy(application->child, fields->child, KZ_ID_SIZE);
    application->applied_at = fields->has_applied_at ? fields->applied_at : it->entry->time;
    application->number = it->index;
    application->queue = kz_queue_of(machine, it->territory, fields->birth_year, fields->kind);
    application->category = fields->category;
    kz_number_set(machine, it->index);
    kz_index_add(&machine->child_index, hash_of(machine, fields->child), slot);
    enter_waiting(machine, slot, 0);
    return KZ_RESULT_OK;
}

/* R15. */
enum kz_result kz_apply_reclassify(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_reclassify_fields *fields = &it->entry->reclassify;
    struct kz_application *application = kz_application_at(machine, it->application);

    if (fields->category >= KZ_CATEGORY_END) return KZ_RESULT_INVALID;
    if (!is_live(application->state) || application->state == KZ_REFERRED)
        return KZ_RESULT_WRONG_STATE;

    if (application->state == KZ_WAITING) {
        uint8_t flags = application->flags;
        leave(machine, it->application)->category = fields->category;
        enter_waiting(machine, it->application, flags);
    } else {
        kz_digest_touch(machine, KZ_OBJECT_APPLICATION, it->application, &application->marks);
        application->category = fields->category;
    }
    return KZ_RESULT_OK;
}

/* R15a. */
enum kz_result kz_apply_correct(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_correct_fields *fields = &it->entry->correct;
    uint32_t slot = it->application;
    struct kz_application *application = kz_application_at(machine, slot);
    uint32_t territory = kz_queue_at(machine, application->queue)->territory;
    uint8_t state = application->state;
    int32_t last_day = application->last_day;

    if (!queue_in_range(fields->birth_year, fields->kind)) return KZ_RESULT_INVALID;
    if (state != KZ_WAITING && state != KZ_RESTING && state != KZ_PAUSED)
        return KZ_RESULT_WRONG_STATE;
    if (is_duplicate(machine, application->child, territory, fields->kind, slot))
        return KZ_RESULT_DUPLICATE;

    uint32_t queue = kz_queue_of(machine, territory, fields->birth_year, fields->kind);
    kz_application_rest(machine, slot);
    application->queue = queue;
    if (state == KZ_WAITING) kz_application_wait(machine, slot);
    if (state == KZ_PAUSED) kz_application_pause(machine, slot, last_day);
    return KZ_RESULT_OK;
}

/* R16. */
enum kz_result kz_apply_withdraw(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_application *application = kz_application_at(machine, it->application);

    if (!is_live(application->state)) return KZ_RESULT_WRONG_STATE;

    if (application->state == KZ_REFERRED) kz_place_give_back(machine, application->held);
    kz_application_end(machine, it->application, KZ_WITHDRAWN);
    return KZ_RESULT_OK;
}

/* R16a. */
enum kz_result kz_apply_reinstate(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_application *application = kz_application_at(machine, it->application);
    const struct kz_queue *queue = kz_queue_at(machine, application->queue);

    if (is_live(application->state)) return KZ_RESULT_WRONG_STATE;
    if (is_duplicate(machine, application->child, queue->territory, queue->id.kind, KZ_NO_SLOT))
        return KZ_RESULT_DUPLICATE;

    kz_index_add(&machine->child_index, hash_of(machine, application->child), it->application);
    kz_application_wait(machine, it->application);
    return KZ_RESULT_OK;
}

/* R18a. */
enum kz_result kz_apply_ready(struct kz_machine *machine, const struct kz_case *it)
{
    if (kz_application_at(machine, it->application)->state != KZ_RESTING)
        return KZ_RESULT_WRONG_STATE;

    kz_application_wait(machine, it->application);
    kz_application_at(machine, it->application)->unused = 0;
    return KZ_RESULT_OK;
}
