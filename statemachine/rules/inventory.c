/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about bulletins and free places, answered one by one with a cursor that the caller
 * keeps. A cursor holds between two entries only. */
#include "statemachine/rules/rules.h"

static uint32_t clamp(uint64_t count)
{
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

/* The cursor is a rank in the territory's bulletins. */
bool kz_machine_next_bulletin(const struct kz_machine *machine, uint32_t territory,
                              uint64_t *cursor, struct kz_bulletin_view *out_view)
{
    uint32_t slot = kz_territory_find(machine, territory);
    if (slot == KZ_NO_SLOT) return false;
    const struct kz_ranked *bulletins = &kz_territory_at(machine, slot)->bulletins;
    if (*cursor >= bulletins->count) return false;

    slot = kz_ranked_at(machine->orders, bulletins, (uint32_t)*cursor).slot;
    const struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
    *cursor += 1;
    *out_view = (struct kz_bulletin_view){
        .index = bulletin->index,
        .queue = kz_queue_at(machine, bulletin->queue)->id,
        .in_priority = bulletin->stage == KZ_PRIORITY,
        .last_day = bulletin->last_day,
        .free_places = clamp(bulletin->free),
        .calls_due = bulletin->calls_due,
        .grants = bulletin->grants.count,
    };
    return true;
}

/* One place's counts in their order: open (bulletin 0), each bulletin's, reported. FROM is the
 * smallest bulletin that may come; past the last one it is the reported ones' turn.
 * Returns: whether one with free places was found; OUT_NEXT is then the FROM of the next. */
#define REPORTED UINT32_MAX

static bool next_count(const struct kz_machine *machine, const struct kz_place *place,
                       uint32_t from, struct kz_places_view *view, uint32_t *out_next)
{
    view->reported = false;
    view->bulletin = 0;
    view->free_places = clamp(place->open);
    *out_next = 1;
    if (from == 0 && place->open > 0) return true;

    for (uint32_t slot = place->oldest; slot != KZ_NO_SLOT && from != REPORTED;) {
        const struct kz_share *share = kz_share_at(machine, slot);
        view->bulletin = kz_bulletin_at(machine, share->bulletin)->index;
        view->free_places = clamp(share->free);
        *out_next = (uint32_t)view->bulletin + 1;
        if (view->bulletin >= from && share->free > 0) return true;
        slot = share->newer;
    }
    view->reported = true;
    view->bulletin = 0;
    view->free_places = clamp(place->reported);
    *out_next = REPORTED;
    return from != REPORTED && place->reported > 0;
}

/* The cursor is a rank in the territory's places, and in its low half FROM. */
bool kz_machine_next_places(const struct kz_machine *machine, uint32_t territory, uint64_t *cursor,
                            struct kz_places_view *out_view)
{
    uint32_t slot = kz_territory_find(machine, territory);
    if (slot == KZ_NO_SLOT) return false;

    const struct kz_ranked *places = &kz_territory_at(machine, slot)->places;
    uint64_t rank = *cursor >> 32;
    uint32_t from = (uint32_t)*cursor;
    for (; rank < places->count; rank++, from = 0) {
        slot = kz_ranked_at(machine->orders, places, (uint32_t)rank).slot;
        const struct kz_place *place = kz_place_at(machine, slot);
        struct kz_queue_id id = kz_queue_at(machine, place->queue)->id;
        struct kz_places_view view = {
            .kindergarten = kz_kindergarten_at(machine, place->kindergarten)->number,
            .birth_year = id.birth_year,
            .kind = id.kind,
        };
        uint32_t next = 0;
        if (!next_count(machine, place, from, &view, &next)) continue;

        *cursor = rank << 32 | next;
        *out_view = view;
        return true;
    }
    *cursor = rank << 32;
    return false;
}
