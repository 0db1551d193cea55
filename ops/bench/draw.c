/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/bench/draw.h"

#include "statemachine/base/bytes.h"

#include <stdio.h>

#define UTC_OFFSET_MINUTES 300

static void draw_bytes(uint64_t *state, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i += 8)
        kz_put_u64(out + i, draw(state));
}

void draw_entry(uint64_t *state, enum kz_entry_type type, struct kz_entry *out)
{
    /* An application has the most fields of a fixed size; the list of members is never used. */
    memset(out, 0, offsetof(struct kz_entry, application) + sizeof out->application);
    out->type = type;
    draw_bytes(state, out->request, sizeof out->request);
}

static uint8_t draw_category(uint64_t *state)
{
    uint32_t share = draw_below(state, 100);
    if (share < 8) return KZ_OUT_OF_TURN;
    return share < 33 ? KZ_FIRST_PRIORITY : KZ_GENERAL;
}

void draw_application(uint64_t *state, uint64_t territories, struct kz_entry *out)
{
    struct kz_application_fields *fields = &out->application;

    draw_entry(state, KZ_APPLICATION, out);
    fields->territory = 1 + draw_below(state, territories);
    fields->birth_year = (uint16_t)(BENCH_FIRST_YEAR + draw_below(state, BENCH_YEARS));
    fields->kind = draw_below(state, 10) == 0 ? KZ_CORRECTIONAL : KZ_ORDINARY;
    fields->category = draw_category(state);
    if (fields->category != KZ_GENERAL) draw_bytes(state, fields->evidence, KZ_ID_SIZE);
    draw_bytes(state, fields->child, KZ_ID_SIZE);
    draw_bytes(state, fields->secret_hash, KZ_HASH_SIZE);
}

static struct kz_text print_name(char name[static BENCH_NAME_SIZE], const char *what,
                                 uint32_t number)
{
    int size = snprintf(name, BENCH_NAME_SIZE, "%s %u", what, number);
    return (struct kz_text){name, (uint16_t)size};
}

void draw_territory(uint64_t *state, uint32_t number, char name[static BENCH_NAME_SIZE],
                    struct kz_entry *out)
{
    draw_entry(state, KZ_TERRITORY, out);
    out->territory =
        (struct kz_territory_fields){number, print_name(name, "Қала", number), UTC_OFFSET_MINUTES};
}

void draw_kindergarten(uint64_t *state, uint32_t number, char name[static BENCH_NAME_SIZE],
                       struct kz_entry *out)
{
    draw_entry(state, KZ_KINDERGARTEN, out);
    out->kindergarten = (struct kz_kindergarten_fields){
        number, number, print_name(name, "Балабақша", number), true};
}

void draw_vacancy(uint64_t *state, uint32_t number, uint16_t year, int32_t places,
                  struct kz_entry *out)
{
    draw_entry(state, KZ_VACANCY, out);
    out->places = (struct kz_places_fields){number, year, KZ_ORDINARY, places};
}
