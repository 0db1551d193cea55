/* SPDX-License-Identifier: Apache-2.0 */
/* R13: kindergartens. */
#include "statemachine/rules/rules.h"

#include <string.h>

/* Takes back all free places of the kindergarten, as R20 does, of every birth year and kind. */
static void take_back_all(struct kz_machine *machine, uint32_t slot)
{
    const struct kz_kindergarten *kindergarten = kz_kindergarten_at(machine, slot);
    const struct kz_ranked *places = &kz_territory_at(machine, kindergarten->territory)->places;
    struct kz_rank_key key = {kindergarten->number, 0, 0};
    uint32_t rank = kz_ranked_rank(machine->orders, places, key);

    for (; rank < places->count; rank++) {
        key = kz_ranked_at(machine->orders, places, rank);
        if (key.applied_at != kindergarten->number) return;
        kz_place_take_back(machine, key.slot,
                           kz_place_free(machine, kz_place_at(machine, key.slot)));
    }
}

enum kz_result kz_apply_kindergarten(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_kindergarten_fields *fields = &it->entry->kindergarten;
    uint32_t slot = kz_kindergarten_find(machine, fields->kindergarten);

    if (fields->kindergarten == 0) return KZ_RESULT_INVALID;
    if (fields->name.size < 1 || fields->name.size > KZ_NAME_SIZE_MAX) return KZ_RESULT_INVALID;
    if (slot != KZ_NO_SLOT && kz_kindergarten_at(machine, slot)->territory != it->territory)
        return KZ_RESULT_WRONG_TERRITORY;

    if (slot == KZ_NO_SLOT)
        slot = kz_kindergarten_add(machine, fields->kindergarten, it->territory);
    struct kz_kindergarten *kindergarten = kz_kindergarten_at(machine, slot);
    kz_digest_touch(machine, KZ_OBJECT_KINDERGARTEN, slot, &kindergarten->marks);
    kindergarten->open = fields->open;
    kindergarten->name.size = (uint8_t)fields->name.size;
    memcpy(kindergarten->name.bytes, fields->name.bytes, fields->name.size);
    if (!fields->open) take_back_all(machine, slot);
    return KZ_RESULT_OK;
}
