/* SPDX-License-Identifier: Apache-2.0 */
/* R19, R20, R24: places as they are reported, taken back and given back. */
#include "statemachine/rules/rules.h"

#define PLACES_MAX 1000

static bool in_range(const struct kz_places_fields *fields)
{
    return fields->kindergarten != 0 && fields->birth_year >= KZ_BIRTH_YEAR_MIN &&
           fields->birth_year <= KZ_BIRTH_YEAR_MAX && fields->kind < KZ_KIND_END &&
           fields->places >= 1 && fields->places <= PLACES_MAX;
}

uint32_t kz_place_share(const struct kz_machine *machine, const struct kz_place *place,
                        uint32_t bulletin)
{
    uint32_t slot = place->newest;
    while (slot != KZ_NO_SLOT && kz_share_at(machine, slot)->bulletin != bulletin)
        slot = kz_share_at(machine, slot)->older;
    return slot;
}

uint64_t kz_place_free(const struct kz_machine *machine, const struct kz_place *place)
{
    uint64_t count = place->reported + place->open;
    for (uint32_t slot = place->newest; slot != KZ_NO_SLOT;) {
        const struct kz_share *share = kz_share_at(machine, slot);
        count += share->free;
        slot = share->older;
    }
    return count;
}

void kz_place_add_open(struct kz_machine *machine, uint32_t slot, int64_t change)
{
    struct kz_place *place = kz_place_at(machine, slot);
    kz_digest_touch(machine, KZ_OBJECT_PLACE, slot, &place->marks);
    place->open += (uint64_t)change;
    kz_queue_at(machine, place->queue)->open += (uint64_t)change;
}

static void add_reported(struct kz_machine *machine, uint32_t slot, int64_t change)
{
    struct kz_place *place = kz_place_at(machine, slot);
    kz_digest_touch(machine, KZ_OBJECT_PLACE, slot, &place->marks);
    place->reported += (uint64_t)change;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Takes back up to COUNT places of the place's shares at STAGE, newest first.
 * Returns: how many are still to be taken back. */
static uint64_t take_back_published(struct kz_machine *machine, const struct kz_place *place,
                                    enum kz_stage stage, uint64_t count)
{
    for (uint32_t slot = place->newest; slot != KZ_NO_SLOT && count > 0;) {
        const struct kz_share *share = kz_share_at(machine, slot);
        if (kz_bulletin_at(machine, share->bulletin)->stage == stage && share->free > 0) {
            uint64_t taken = smaller(count, share->free);
            count -= taken;
            kz_bulletin_take(machine, slot, taken);
            kz_bulletin_lower(machine, share->bulletin);
        }
        slot = share->older;
    }
    return count;
}

void kz_place_take_back(struct kz_machine *machine, uint32_t slot, uint64_t count)
{
    const struct kz_place *place = kz_place_at(machine, slot);
    uint64_t reported = smaller(count, place->reported);
    add_reported(machine, slot, -(int64_t)reported);
    count -= reported;

    uint64_t open = smaller(count, place->open);
    kz_place_add_open(machine, slot, -(int64_t)open);
    count -= open;

    count = take_back_published(machine, place, KZ_PUBLISHED, count);
    count = take_back_published(machine, place, KZ_PRIORITY, count);
    KZ_ASSERT(count == 0);
}

/* R24. */
void kz_place_give_back(struct kz_machine *machine, uint32_t slot)
{
    uint32_t kindergarten = kz_place_at(machine, slot)->kindergarten;
    if (kz_kindergarten_at(machine, kindergarten)->open) add_reported(machine, slot, 1);
}

/* R19. */
enum kz_result kz_apply_vacancy(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_places_fields *fields = &it->entry->places;

    if (!in_range(fields)) return KZ_RESULT_INVALID;
    if (!kz_kindergarten_at(machine, it->kindergarten)->open) return KZ_RESULT_CLOSED;

    uint32_t slot = kz_place_of(machine, it->kindergarten, fields->birth_year, fields->kind);
    add_reported(machine, slot, fields->places);
    return KZ_RESULT_OK;
}

static uint32_t find_place(const struct kz_machine *machine, uint32_t kindergarten,
                           const struct kz_places_fields *fields)
{
    uint32_t territory = kz_kindergarten_at(machine, kindergarten)->territory;
    struct kz_queue_id id = {kz_territory_at(machine, territory)->number, fields->birth_year,
                             fields->kind};
    uint32_t queue = kz_queue_find(machine, id);
    return queue == KZ_NO_SLOT ? KZ_NO_SLOT : kz_place_find(machine, kindergarten, queue);
}

/* R20. */
enum kz_result kz_apply_retract(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_places_fields *fields = &it->entry->places;

    if (!in_range(fields)) return KZ_RESULT_INVALID;
    uint32_t slot = find_place(machine, it->kindergarten, fields);
    if (slot == KZ_NO_SLOT) return KZ_RESULT_NO_PLACE;
    if (kz_place_free(machine, kz_place_at(machine, slot)) < (uint64_t)fields->places)
        return KZ_RESULT_NO_PLACE;

    kz_place_take_back(machine, slot, (uint64_t)fields->places);
    return KZ_RESULT_OK;
}
