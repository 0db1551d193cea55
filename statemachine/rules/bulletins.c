/* SPDX-License-Identifier: Apache-2.0 */
/* R22, R25a and the life of a bulletin: published, in priority, ended.
 *
 *   publish → KZ_PUBLISHED ──morning──→ KZ_PRIORITY ──last day over, or nobody waited for──→
 * KZ_ENDED
 *
 * An ended bulletin leaves its queue and its places at once, and its slot at the end of the entry,
 * when the digest is settled. */
#include "statemachine/rules/rules.h"

#define BATCH 64

static void touch(struct kz_machine *machine, uint32_t slot)
{
    kz_digest_touch(machine, KZ_OBJECT_BULLETIN, slot, &kz_bulletin_at(machine, slot)->marks);
}

/* Where the queue stands in the order of queues. */
static struct kz_rank_key order_key(const struct kz_machine *machine, uint32_t queue)
{
    struct kz_queue_id id = kz_queue_at(machine, queue)->id;
    return (struct kz_rank_key){id.territory, kz_year_and_kind(id), queue};
}

/* Where the bulletin stands among its territory's. */
static struct kz_rank_key bulletin_key(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
    struct kz_queue_id id = kz_queue_at(machine, bulletin->queue)->id;
    return (struct kz_rank_key){bulletin->index, kz_year_and_kind(id), slot};
}

static struct kz_territory *territory_of(const struct kz_machine *machine, uint32_t queue)
{
    return kz_territory_at(machine, kz_queue_at(machine, queue)->territory);
}

static uint32_t bulletin_add(struct kz_machine *machine, uint32_t queue_slot,
                             const struct kz_case *it)
{
    struct kz_queue *queue = kz_queue_at(machine, queue_slot);
    uint32_t slot = kz_table_add(&machine->bulletins);
    struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);

    touch(machine, slot);
    bulletin->index = it->index;
    bulletin->queue = queue_slot;
    bulletin->published_at = it->entry->time;
    bulletin->stage = KZ_PUBLISHED;
    bulletin->first_share = KZ_NO_SLOT;
    bulletin->newer = KZ_NO_SLOT;
    bulletin->older = queue->newest;
    if (queue->newest == KZ_NO_SLOT)
        queue->oldest = slot;
    else
        kz_bulletin_at(machine, queue->newest)->newer = slot;
    queue->newest = slot;
    kz_ranked_insert(machine->orders, &territory_of(machine, queue_slot)->bulletins,
                     bulletin_key(machine, slot));
    return slot;
}

/* The reported places become a share of the bulletin, the newest of their shares. */
static void share_add(struct kz_machine *machine, uint32_t bulletin_slot, uint32_t place_slot)
{
    struct kz_bulletin *bulletin = kz_bulletin_at(machine, bulletin_slot);
    struct kz_place *place = kz_place_at(machine, place_slot);
    uint32_t slot = kz_table_add(&machine->shares);
    struct kz_share *share = kz_share_at(machine, slot);

    kz_digest_touch(machine, KZ_OBJECT_SHARE, slot, &share->marks);
    kz_digest_touch(machine, KZ_OBJECT_PLACE, place_slot, &place->marks);
    share->bulletin = bulletin_slot;
    share->place = place_slot;
    share->free = place->reported;
    bulletin->free += place->reported;
    place->reported = 0;
    share->next = bulletin->first_share;
    bulletin->first_share = slot;
    share->newer = KZ_NO_SLOT;
    share->older = place->newest;
    if (place->newest == KZ_NO_SLOT)
        place->oldest = slot;
    else
        kz_share_at(machine, place->newest)->newer = slot;
    place->newest = slot;
}

static void publish_place(struct kz_machine *machine, uint32_t slot, const struct kz_case *it)
{
    const struct kz_place *place = kz_place_at(machine, slot);
    if (place->reported == 0) return;

    uint32_t bulletin = kz_queue_at(machine, place->queue)->newest;
    if (bulletin == KZ_NO_SLOT || kz_bulletin_at(machine, bulletin)->index != it->index)
        bulletin = bulletin_add(machine, place->queue, it);
    share_add(machine, bulletin, slot);
}

bool kz_publish_is_due(const struct kz_territory *territory, int64_t time, int32_t date)
{
    int32_t offset = territory->utc_offset_minutes;
    return kz_local_date(time, offset) == date &&
           kz_local_ms_of_day(time, offset) >= territory->policy.evening * KZ_MS_PER_MINUTE &&
           territory->last_publish < date;
}

/* R22. */
enum kz_result kz_apply_publish(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_clock_fields *fields = &it->entry->clock;
    struct kz_territory *territory = kz_territory_at(machine, it->territory);

    if (fields->date < KZ_DATE_MIN || fields->date > KZ_DATE_MAX) return KZ_RESULT_INVALID;
    if (!kz_publish_is_due(territory, it->entry->time, fields->date)) return KZ_RESULT_NOT_DUE;

    kz_digest_touch(machine, KZ_OBJECT_TERRITORY, it->territory, &territory->marks);
    territory->last_publish = fields->date;
    struct kz_rank_key keys[BATCH];
    uint32_t count = 0;
    for (uint32_t rank = 0; rank < territory->places.count; rank += count) {
        count = kz_ranked_read(machine->orders, &territory->places, rank, keys, BATCH);
        for (uint32_t i = 0; i < count; i++)
            publish_place(machine, keys[i].slot, it);
    }
    return KZ_RESULT_OK;
}

void kz_bulletin_take(struct kz_machine *machine, uint32_t share_slot, uint64_t count)
{
    struct kz_share *share = kz_share_at(machine, share_slot);
    KZ_ASSERT(share->free >= count);

    kz_digest_touch(machine, KZ_OBJECT_SHARE, share_slot, &share->marks);
    share->free -= count;
    kz_bulletin_at(machine, share->bulletin)->free -= count;
}

void kz_bulletin_set_calls_due(struct kz_machine *machine, uint32_t slot, uint32_t calls_due)
{
    struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
    struct kz_queue *queue = kz_queue_at(machine, bulletin->queue);
    bool called_before = queue->calls_due > 0;

    touch(machine, slot);
    queue->calls_due += calls_due - bulletin->calls_due;
    bulletin->calls_due = calls_due;
    if (called_before && queue->calls_due == 0)
        kz_ranked_remove(machine->orders, &machine->calling, order_key(machine, bulletin->queue));
    if (!called_before && queue->calls_due > 0)
        kz_ranked_insert(machine->orders, &machine->calling, order_key(machine, bulletin->queue));
    kz_bulletin_unsettle(machine, bulletin->queue);
}

void kz_bulletin_lower(struct kz_machine *machine, uint32_t slot)
{
    const struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
    if (bulletin->stage != KZ_PRIORITY) return;

    uint64_t granted = bulletin->grants.count;
    uint64_t left = bulletin->free > granted ? bulletin->free - granted : 0;
    if (bulletin->calls_due > left) kz_bulletin_set_calls_due(machine, slot, (uint32_t)left);
    while (bulletin->grants.count > bulletin->free) {
        struct kz_rank_key last =
            kz_ranked_at(machine->orders, &bulletin->grants, bulletin->grants.count - 1);
        kz_application_wait_owed(machine, last.slot);
    }
}

/* Takes the bulletin out of its queue's list and its territory's. */
static void unlink_bulletin(struct kz_machine *machine, uint32_t slot)
{
    const struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
    struct kz_queue *queue = kz_queue_at(machine, bulletin->queue);

    if (bulletin->older == KZ_NO_SLOT)
        queue->oldest = bulletin->newer;
    else
        kz_bulletin_at(machine, bulletin->older)->newer = bulletin->newer;
    if (bulletin->newer == KZ_NO_SLOT)
        queue->newest = bulletin->older;
    else
        kz_bulletin_at(machine, bulletin->newer)->older = bulletin->older;
    kz_ranked_remove(machine->orders, &territory_of(machine, bulletin->queue)->bulletins,
                     bulletin_key(machine, slot));
}

/* What is left of the share becomes open, and the place forgets it. */
static void open_share(struct kz_machine *machine, uint32_t slot)
{
    struct kz_share *share = kz_share_at(machine, slot);
    struct kz_place *place = kz_place_at(machine, share->place);

    if (share->free > 0) kz_place_add_open(machine, share->place, (int64_t)share->free);
    kz_bulletin_take(machine, slot, share->free);
    if (share->older == KZ_NO_SLOT)
        place->oldest = share->newer;
    else
        kz_share_at(machine, share->older)->newer = share->newer;
    if (share->newer == KZ_NO_SLOT)
        place->newest = share->older;
    else
        kz_share_at(machine, share->newer)->older = share->older;
}

void kz_bulletin_end(struct kz_machine *machine, uint32_t slot)
{
    struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
    KZ_ASSERT(bulletin->stage == KZ_PRIORITY);

    if (bulletin->calls_due > 0) kz_bulletin_set_calls_due(machine, slot, 0);
    while (bulletin->grants.count > 0) {
        struct kz_rank_key last =
            kz_ranked_at(machine->orders, &bulletin->grants, bulletin->grants.count - 1);
        kz_application_count_unused(machine, last.slot);
        kz_application_wait_or_rest(machine, last.slot);
    }
    for (uint32_t share = bulletin->first_share; share != KZ_NO_SLOT;) {
        open_share(machine, share);
        share = kz_share_at(machine, share)->next;
    }
    unlink_bulletin(machine, slot);
    touch(machine, slot);
    bulletin->stage = KZ_ENDED;
    uint32_t *ended = kz_work_push(machine, &machine->ended, sizeof(uint32_t));
    *ended = slot;
}

void kz_bulletin_unsettle(struct kz_machine *machine, uint32_t slot)
{
    struct kz_queue *queue = kz_queue_at(machine, slot);
    if (queue->oldest == KZ_NO_SLOT || (queue->marks & KZ_MARK_UNSETTLED) != 0) return;

    queue->marks |= KZ_MARK_UNSETTLED;
    uint32_t *unsettled = kz_work_push(machine, &machine->unsettled, sizeof(uint32_t));
    *unsettled = slot;
}

/* R25a. */
static void settle_queue(struct kz_machine *machine, struct kz_queue *queue)
{
    bool nobody_waits = kz_waiting_count(queue) == 0;
    for (uint32_t slot = queue->oldest; slot != KZ_NO_SLOT;) {
        const struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
        uint32_t newer = bulletin->newer;
        if (nobody_waits && bulletin->calls_due > 0) kz_bulletin_set_calls_due(machine, slot, 0);
        if (bulletin->stage == KZ_PRIORITY && bulletin->grants.count == 0 &&
            bulletin->calls_due == 0)
            kz_bulletin_end(machine, slot);
        slot = newer;
    }
}

void kz_bulletin_settle(struct kz_machine *machine)
{
    for (uint32_t i = 0; i < machine->unsettled.count; i++) {
        uint32_t slot = ((const uint32_t *)machine->unsettled.items)[i];
        settle_queue(machine, kz_queue_at(machine, slot));
        kz_queue_at(machine, slot)->marks &= (uint8_t)~KZ_MARK_UNSETTLED;
    }
    machine->unsettled.count = 0;
}

void kz_bulletin_bury(struct kz_machine *machine)
{
    for (uint32_t i = 0; i < machine->ended.count; i++) {
        uint32_t slot = ((const uint32_t *)machine->ended.items)[i];
        for (uint32_t share = kz_bulletin_at(machine, slot)->first_share; share != KZ_NO_SLOT;) {
            uint32_t next = kz_share_at(machine, share)->next;
            kz_table_remove(&machine->shares, share);
            share = next;
        }
        kz_table_remove(&machine->bulletins, slot);
    }
    machine->ended.count = 0;
}
