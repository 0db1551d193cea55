/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rules/town.h"

#include "statemachine/base/assert.h"

#include <string.h>

struct kz_entry town_entry(enum kz_entry_type type)
{
    struct kz_entry entry;
    memset(&entry, 0, sizeof entry);
    entry.type = type;
    return entry;
}

enum kz_result town_apply(struct town *town, struct kz_entry entry)
{
    entry.time = town->time;
    KZ_ASSERT(kz_machine_apply(town->machine, kz_machine_applied(town->machine) + 1, &entry,
                               &town->outcome) == KZ_OK);
    return town->outcome.result;
}

struct town town_create(void)
{
    struct town town = {.machine = kz_machine_create(&kz_allocator_system, TOWN_SEED)};
    town_set_hour(&town, 0, 9);

    struct kz_entry entry = town_entry(KZ_TERRITORY);
    entry.territory = (struct kz_territory_fields){1, {"Town", 4}, 0};
    KZ_ASSERT(town_apply(&town, entry) == KZ_RESULT_OK);
    for (uint32_t number = 1; number <= 2; number++) {
        entry = town_entry(KZ_KINDERGARTEN);
        entry.kindergarten = (struct kz_kindergarten_fields){number, 1, {"Garden", 6}, true};
        KZ_ASSERT(town_apply(&town, entry) == KZ_RESULT_OK);
    }
    return town;
}

void town_destroy(struct town *town)
{
    kz_machine_destroy(town->machine);
}

void town_set_hour(struct town *town, int days, int hour)
{
    town->time = (MONDAY + days) * DAY + hour * HOUR;
}

uint64_t town_application(struct town *town, uint8_t category)
{
    uint64_t index = kz_machine_applied(town->machine) + 1;
    struct kz_entry entry = town_entry(KZ_APPLICATION);
    entry.application.territory = 1;
    entry.application.birth_year = 2021;
    entry.application.category = category;
    memcpy(entry.application.child, &index, sizeof index);
    KZ_ASSERT(town_apply(town, entry) == KZ_RESULT_OK);
    return index;
}

void town_vacancy(struct town *town, uint32_t kindergarten, int32_t places)
{
    struct kz_entry entry = town_entry(KZ_VACANCY);
    entry.places = (struct kz_places_fields){kindergarten, 2021, KZ_ORDINARY, places};
    KZ_ASSERT(town_apply(town, entry) == KZ_RESULT_OK);
}

enum kz_result town_claim(struct town *town, uint64_t application, uint32_t kindergarten)
{
    struct kz_entry entry = town_entry(KZ_CLAIM);
    entry.claim = (struct kz_claim_fields){application, kindergarten};
    return town_apply(town, entry);
}

uint32_t town_do_what_is_due(struct town *town)
{
    static struct kz_entry due[64];
    uint32_t all = 0;
    for (;;) {
        uint32_t count = kz_machine_due(town->machine, town->time, due, 64);
        if (count == 0) return all;
        for (uint32_t i = 0; i < count; i++)
            KZ_ASSERT(town_apply(town, due[i]) == KZ_RESULT_OK);
        all += count;
    }
}
