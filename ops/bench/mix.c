/* SPDX-License-Identifier: Apache-2.0 */
/* Families as they are: each slot lives one family's life after the other.
 *
 *   application → 9 reclassified, 3 corrected, 16 withdrawn, 25 claim, 47 wait   (of 100)
 *   claim       → 92 enrolled, 8 declined and withdrawn
 *
 * Families claim only what was open to all when the run began, so almost nothing is refused; one
 * entry in a hundred reports places, which the clock publishes and grants to those who wait. */
#include "ops/bench/bench.h"
#include "ops/bench/clock.h"
#include "ops/bench/cluster.h"
#include "ops/bench/draw.h"
#include "ops/bench/load.h"
#include "ops/bench/report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VACANCY_MAX  1000 /* R19's */
#define VACANCY_SIZE 12
#define PAUSE_NS     50000000

struct mix {
    uint64_t random;
    uint64_t territories;
    uint64_t (*open)[BENCH_YEARS]; /* by territory − 1 and year: places to claim */
    uint64_t counts[KZ_ENTRY_TYPE_END];
};

static uint64_t *open_places(struct mix *mix, const struct load_slot *slot)
{
    return &mix->open[slot->territory - 1][slot->birth_year - BENCH_FIRST_YEAR];
}

/* ---- A family's life ---- */

/* Draws what the family of SLOT does once it is in the queue. */
static uint8_t draw_step(struct mix *mix, struct load_slot *slot)
{
    uint32_t share = draw_below(&mix->random, 100);
    if (share < 9) return KZ_RECLASSIFY;
    if (share < 12) return KZ_CORRECT;
    if (share < 28) return KZ_WITHDRAW;
    if (share >= 53 || slot->kind != KZ_ORDINARY || *open_places(mix, slot) == 0) return 0;
    (*open_places(mix, slot))--;
    return KZ_CLAIM;
}

static void learn(void *data, struct load_slot *slot, const struct kezek_outcome *outcome)
{
    struct mix *mix = data;
    uint8_t next = 0;

    mix->counts[slot->type]++;
    if (outcome->code == KEZEK_OK) {
        switch (slot->type) {
        case KZ_APPLICATION:
            slot->application = outcome->index;
            next = draw_step(mix, slot);
            break;
        case KZ_CLAIM: next = draw_below(&mix->random, 100) < 92 ? KZ_ENROL : KZ_DECLINE; break;
        case KZ_DECLINE: next = KZ_WITHDRAW; break;
        default: break;
        }
    }
    slot->next = next;
}

static void draw_new(struct mix *mix, struct load_slot *slot, struct kz_entry *out)
{
    if (draw_below(&mix->random, 60) == 0) {
        uint32_t number = 1 + draw_below(&mix->random, mix->territories);
        uint16_t year = (uint16_t)(BENCH_FIRST_YEAR + draw_below(&mix->random, BENCH_YEARS));
        draw_vacancy(&mix->random, number, year, VACANCY_SIZE, out);
        return;
    }
    draw_application(&mix->random, mix->territories, out);
    slot->territory = out->application.territory;
    slot->birth_year = out->application.birth_year;
    slot->kind = out->application.kind;
}

static void begin(void *data, struct load_slot *slot)
{
    struct mix *mix = data;
    struct kz_entry entry;

    if (slot->next == 0) {
        draw_new(mix, slot, &entry);
    } else {
        draw_entry(&mix->random, slot->next, &entry);
        entry.application_only.application = slot->application;
        if (slot->next == KZ_CLAIM) entry.claim.kindergarten = slot->territory;
        if (slot->next == KZ_RECLASSIFY)
            entry.reclassify.category = (uint8_t)draw_below(&mix->random, KZ_CATEGORY_END);
        if (slot->next == KZ_CORRECT)
            entry.correct.birth_year =
                (uint16_t)(BENCH_FIRST_YEAR + draw_below(&mix->random, BENCH_YEARS));
    }
    load_submit(slot, &entry);
}

/* ---- Places ---- */

static void on_places(void *data, const struct kezek_answer *answer, const void *content,
                      uint32_t count)
{
    uint64_t *years = data;
    const struct kezek_places *places = content;
    if (answer->code != KEZEK_OK) return;

    for (uint32_t i = 0; i < count; i++) {
        unsigned year = places[i].birth_year - BENCH_FIRST_YEAR;
        if (year < BENCH_YEARS && strcmp(places[i].state, "open") == 0)
            years[year] += places[i].free_places;
    }
}

/* Returns: how many places are open to all. */
static uint64_t count_open(struct mix *mix, struct kezek_connection *connection)
{
    uint64_t all = 0;
    for (uint32_t number = 1; number <= mix->territories; number++) {
        struct kezek_question question = {.what = KEZEK_ASK_PLACES, .territory = number};
        uint64_t *years = mix->open[number - 1];
        memset(years, 0, sizeof mix->open[0]);
        cluster_ask(connection, &question, on_places, years);
        for (unsigned year = 0; year < BENCH_YEARS; year++)
            all += years[year];
    }
    return all;
}

/* Reports the places, and waits until an evening and a morning have opened them: nobody waits in
 * their queues yet, so nobody is called. */
static uint64_t open_all(struct mix *mix, struct kezek_connection *connection,
                         const struct bench_options *options)
{
    for (uint32_t number = 1; number <= mix->territories; number++) {
        for (uint16_t year = 0; year < BENCH_YEARS; year++) {
            for (uint64_t left = options->places; left > 0;) {
                struct kz_entry entry;
                uint64_t places = left < VACANCY_MAX ? left : VACANCY_MAX;
                draw_vacancy(&mix->random, number, (uint16_t)(BENCH_FIRST_YEAR + year),
                             (int32_t)places, &entry);
                cluster_submit(connection, &entry, NULL, NULL);
                left -= places;
            }
        }
    }
    cluster_wait(connection);
    uint64_t wanted = options->places * mix->territories * BENCH_YEARS;
    uint64_t deadline = clock_now_ns() + options->open_wait * 1000000000;
    uint64_t open = count_open(mix, connection);
    while (open < wanted && clock_now_ns() < deadline) {
        struct timespec pause = {.tv_nsec = PAUSE_NS};
        (void)nanosleep(&pause, NULL);
        open = count_open(mix, connection);
    }
    return open;
}

/* ---- The benchmark ---- */

static void report_counts(const struct mix *mix, json_t *report)
{
    json_t *counts = json_object();
    for (unsigned type = 1; type < KZ_ENTRY_TYPE_END; type++) {
        if (mix->counts[type] > 0)
            report_count(counts, kz_word(&kz_entry_type_words, type), mix->counts[type]);
    }
    (void)json_object_set_new(report, "answered_by_type", counts);
}

int bench_mix(const struct bench_options *options)
{
    static struct load_result result;
    struct mix mix = {.random = cluster_random(options->seed), .territories = options->territories};
    struct load_work work = {.data = &mix, .begin = begin, .learn = learn, .units = 1};
    struct kezek_connection *connection = cluster_connect(options->endpoints);
    if (connection == NULL) return 1;
    mix.open = calloc(options->territories, sizeof *mix.open);
    if (mix.open == NULL) abort();

    cluster_found(connection, options, &mix.random);
    json_t *report = report_create("mix");
    report_count(report, "places_open_at_first", open_all(&mix, connection, options));
    bool good = load_run(options, &work, report, &result);
    report_number(report, "entries_per_second", load_rate(&result));
    report_count(report, "entries", result.units);
    report_counts(&mix, report);
    good = cluster_agrees(options->endpoints, report) && good;
    kezek_disconnect(connection);
    free(mix.open);
    return report_print(report) == 0 && good ? 0 : 1;
}
