/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/bench/city.h"

#include "ops/bench/clock.h"
#include "ops/bench/draw.h"
#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_MS      INT64_C(3600000)
#define DAY_MS       (24 * HOUR_MS)
#define OFFSET_MS    (5 * HOUR_MS)                         /* draw_territory()'s */
#define FIRST_DAY    (INT64_C(20780) * DAY_MS - OFFSET_MS) /* 2026-11-23, a Monday */
#define DAY_BEGINS   (8 * HOUR_MS)
#define EVENING      (18 * HOUR_MS)
#define MORNING      (7 * HOUR_MS)
#define DAY_ENTRIES  100000
#define VACANCY_SIZE 9 /* so that a day's grants are about as many as its claims */

static const struct person nobody = {0, 0};

/* ---- Groups ---- */

static void *grown(void *memory, size_t count, size_t size)
{
    void *bytes = realloc(memory, count * size);
    if (bytes == NULL) abort();
    return bytes;
}

static void group_add(struct group *group, struct person person)
{
    if (group->count == group->capacity) {
        group->capacity = 2 * group->capacity + 1024;
        group->people = grown(group->people, group->capacity, sizeof *group->people);
    }
    group->people[group->count++] = person;
}

static struct person group_take(struct group *group, uint32_t place)
{
    KZ_ASSERT(place < group->count);
    struct person person = group->people[place];
    group->people[place] = group->people[--group->count];
    return person;
}

static void wait_again(struct city *city, struct person person)
{
    if (person.number >= city->place_count) {
        city->place_count = 2 * (uint64_t)person.number + 1024;
        city->place_of = grown(city->place_of, city->place_count, sizeof *city->place_of);
    }
    city->place_of[person.number] = city->waiting.count;
    group_add(&city->waiting, person);
}

static struct person take_waiting(struct city *city, uint32_t place)
{
    struct person person = group_take(&city->waiting, place);
    if (place < city->waiting.count) city->place_of[city->waiting.people[place].number] = place;
    return person;
}

/* Returns: who is waiting under NUMBER; nobody when its access or referral has lapsed meanwhile, so
 * that it waits for the machine and is in another group here. */
static struct person take_called(struct city *city, uint64_t number)
{
    const struct group *waiting = &city->waiting;
    uint32_t place = city->place_of[number];
    bool is_there = place < waiting->count && waiting->people[place].number == number;
    return is_there ? take_waiting(city, place) : nobody;
}

/* ---- Drawing ---- */

void city_init(struct city *city, uint64_t seed, uint64_t territories, uint64_t waiting)
{
    memset(city, 0, sizeof *city);
    city->random = seed;
    city->territories = territories;
    city->waiting_wanted = waiting;
    city->day = FIRST_DAY;
    city->time = FIRST_DAY + DAY_BEGINS;
    city->due = grown(NULL, CITY_CHUNK, sizeof *city->due);
}

void city_finish(struct city *city)
{
    free(city->waiting.people);
    free(city->called.people);
    free(city->referred.people);
    free(city->place_of);
    free(city->due);
}

static void put(struct city *city, struct chunk *chunk, const struct kz_entry *entry,
                struct person person)
{
    uint32_t i = chunk->count++;
    chunk->sizes[i] =
        (uint32_t)kz_record_encode(entry, chunk->records[i], sizeof chunk->records[i]);
    KZ_ASSERT(chunk->sizes[i] > 0);
    kz_record_set_time(chunk->records[i], city->time);
    chunk->types[i] = (uint8_t)entry->type;
    chunk->people[i] = person;
}

bool city_found(struct city *city, uint32_t number, struct chunk *out_chunk)
{
    char name[BENCH_NAME_SIZE];
    struct kz_entry entry;

    if (number > city->territories) return false;
    out_chunk->count = 0;
    draw_territory(&city->random, number, name, &entry);
    put(city, out_chunk, &entry, nobody);
    draw_kindergarten(&city->random, number, name, &entry);
    put(city, out_chunk, &entry, nobody);
    return true;
}

static void put_application(struct city *city, struct chunk *chunk)
{
    struct kz_entry entry;
    draw_application(&city->random, city->territories, &entry);
    put(city, chunk, &entry, (struct person){0, (uint16_t)entry.application.territory});
}

void city_fill(struct city *city, struct chunk *out_chunk)
{
    out_chunk->count = 0;
    while (out_chunk->count < CITY_CHUNK)
        put_application(city, out_chunk);
}

static void put_change(struct city *city, struct chunk *chunk, enum kz_entry_type type)
{
    struct kz_entry entry;
    struct person person = take_waiting(city, draw_below(&city->random, city->waiting.count));

    draw_entry(&city->random, type, &entry);
    entry.application_only.application = person.number;
    if (type == KZ_RECLASSIFY) {
        entry.reclassify.category = (uint8_t)draw_below(&city->random, KZ_CATEGORY_END);
    } else if (type == KZ_CORRECT) {
        entry.correct.birth_year =
            (uint16_t)(BENCH_FIRST_YEAR + draw_below(&city->random, BENCH_YEARS));
    }
    put(city, chunk, &entry, person);
}

static void put_vacancy(struct city *city, struct chunk *chunk)
{
    struct kz_entry entry;
    uint32_t number = 1 + draw_below(&city->random, city->territories);
    uint16_t year = (uint16_t)(BENCH_FIRST_YEAR + draw_below(&city->random, BENCH_YEARS));
    draw_vacancy(&city->random, number, year, VACANCY_SIZE, &entry);
    put(city, chunk, &entry, nobody);
}

/* One of GROUP claims, declines or enrols. */
static void put_step(struct city *city, struct chunk *chunk, struct group *group,
                     enum kz_entry_type type)
{
    struct kz_entry entry;
    struct person person = group_take(group, draw_below(&city->random, group->count));

    draw_entry(&city->random, type, &entry);
    entry.application_only.application = person.number;
    if (type == KZ_CLAIM) entry.claim.kindergarten = person.territory;
    put(city, chunk, &entry, person);
}

/* Of a hundred entries: 18 claims and 18 that end a referral, as long as there are such families;
 * 2 vacancies; 9 changes; the rest applies, or withdraws when as many wait as should. */
static void put_one(struct city *city, struct chunk *chunk)
{
    uint32_t share = draw_below(&city->random, 100);

    if (share < 18 && city->called.count > 0)
        put_step(city, chunk, &city->called, KZ_CLAIM);
    else if (share < 36 && city->referred.count > 0)
        put_step(city, chunk, &city->referred, share < 34 ? KZ_ENROL : KZ_DECLINE);
    else if (share < 38)
        put_vacancy(city, chunk);
    else if (share < 44)
        put_change(city, chunk, KZ_RECLASSIFY);
    else if (share < 47)
        put_change(city, chunk, KZ_CORRECT);
    else if (city->waiting.count < city->waiting_wanted)
        put_application(city, chunk);
    else
        put_change(city, chunk, KZ_WITHDRAW);
}

static void draw_daytime(struct city *city, struct chunk *chunk)
{
    while (chunk->count < CITY_CHUNK && city->entries_today < DAY_ENTRIES) {
        city->entries_today++;
        city->time = city->day + DAY_BEGINS +
                     (EVENING - DAY_BEGINS) * city->entries_today / (DAY_ENTRIES + 1);
        put_one(city, chunk);
    }
}

/* Puts what the machine says is due. Returns: whether anything was. */
static bool draw_due(struct city *city, const struct kz_machine *machine, struct chunk *chunk)
{
    uint64_t begun = clock_thread_ns();
    uint32_t count = kz_machine_due(machine, city->time, city->due, CITY_CHUNK);
    city->due_ns += clock_thread_ns() - begun;

    for (uint32_t i = 0; i < count; i++) {
        const struct kz_entry *due = &city->due[i];
        bool is_grant = due->type == KZ_GRANT;
        put(city, chunk, due, is_grant ? take_called(city, due->grant.application) : nobody);
    }
    return count > 0;
}

void city_draw(struct city *city, const struct kz_machine *machine, struct chunk *out_chunk)
{
    out_chunk->count = 0;
    while (out_chunk->count == 0) {
        if (city->hour == CITY_DAYTIME) {
            draw_daytime(city, out_chunk);
            if (out_chunk->count > 0) return;
            city->time = city->day + EVENING;
            city->hour = CITY_EVENING;
        }
        if (draw_due(city, machine, out_chunk)) return;
        if (city->hour == CITY_EVENING) {
            city->day += DAY_MS;
            city->time = city->day + MORNING;
            city->hour = CITY_MORNING;
        } else {
            city->entries_today = 0;
            city->hour = CITY_DAYTIME;
        }
    }
}

void city_learn(struct city *city, const struct chunk *chunk, uint32_t i, uint64_t index,
                enum kz_result result)
{
    struct person person = chunk->people[i];
    bool ok = result == KZ_RESULT_OK;

    switch (chunk->types[i]) {
    case KZ_APPLICATION:
        person.number = (uint32_t)index;
        if (ok) wait_again(city, person);
        break;
    case KZ_GRANT:
        if (person.number != 0) group_add(&city->called, person);
        break;
    case KZ_CLAIM:
        if (ok)
            group_add(&city->referred, person);
        else
            wait_again(city, person); /* its access is over, and it waits again */
        break;
    case KZ_DECLINE:
    case KZ_RECLASSIFY:
    case KZ_CORRECT: wait_again(city, person); break;
    default: break;
    }
}
