/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-families: the families and kindergartens of the demonstration.
 *
 * One connection watches the ledger from its beginning; many others ask. Whoever is called claims a
 * place: 70 % on the first morning, 20 % later within the access, 10 % not at all
 * (assumed); kindergartens enrol half of the referrals; when the rest is open to all, those who
 * still wait race for it, three tries each. Every answer is written down with its index as one JSON
 * line, for whoever checks later that nothing acknowledged was lost. */
#include "ops/demo/families/agenda.h"
#include "ops/demo/families/town.h"
#include "statemachine/base/checksum.h"
#include "statemachine/record/date.h"

#include <inttypes.h>
#include <kezek/kezek_uv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define TICK_MS             10
#define CONNECTIONS_MAX     512
#define FIRST_MORNING_MS    1500 /* over which the first claims are spread */
#define RACE_MS             1500
#define TRIES               3
#define FIRST_MORNING_SHARE 70 /* percent of the grants */
#define LATER_SHARE         20
#define LATENCY_SLOTS       10001 /* milliseconds; the last: longer */

enum task_kind { TASK_CLAIM, TASK_ENROL };

struct families;

/* One command under way. */
struct errand {
    struct families *families;
    struct task task;
    uint64_t begun_ms;
};

struct families {
    uv_loop_t loop;
    uv_timer_t timer;
    struct kezek_uv *watcher;
    struct kezek_uv *askers[CONNECTIONS_MAX];
    unsigned asker_count;
    unsigned next_asker;

    uint64_t seed;
    int32_t open_date; /* the morning from which on the rest is open to all */
    FILE *answers;

    struct town town;
    struct agenda agenda;
    uint64_t *later; /* applications called, that claim on a later day */
    uint32_t later_count;
    uint32_t later_capacity;
    uint32_t later_mornings;

    bool opened;
    bool done;
    uint32_t under_way;
    uint64_t called, claimed, enrolled, refused, unknown, race_tries;
    uint32_t latency[LATENCY_SLOTS];
};

/* A number that belongs to (seed, application, purpose), whatever the order of events. */
static uint64_t draw(const struct families *families, uint64_t application, uint64_t purpose)
{
    uint64_t key[3] = {families->seed, application, purpose};
    return kz_checksum(key, sizeof key);
}

static uint64_t now_ms(const struct families *families)
{
    return uv_now(&families->loop);
}

static void plan(struct families *families, enum task_kind kind, uint64_t application,
                 uint64_t delay_ms, uint8_t tries)
{
    struct task task = {.due_ms = now_ms(families) + delay_ms,
                        .application = application,
                        .kind = (uint8_t)kind,
                        .tries_left = tries};
    if (!agenda_add(&families->agenda, task)) abort();
}

/* ---- Asking ---- */

static void write_answer(struct families *families, const struct kezek_outcome *outcome)
{
    if (outcome->index == 0) return;
    for (unsigned i = 0; i < sizeof outcome->request; i++) {
        (void)fprintf(families->answers, "%s%02x", i == 0 ? "{\"request\":\"" : "",
                      outcome->request[i]);
    }
    (void)fprintf(families->answers, "\",\"index\":%" PRIu64 ",\"result\":\"%s\"}\n",
                  outcome->index, outcome->result);
}

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    struct errand *errand = data;
    struct families *families = errand->families;
    uint64_t took = now_ms(families) - errand->begun_ms;

    families->under_way--;
    families->latency[took < LATENCY_SLOTS - 1 ? took : LATENCY_SLOTS - 1]++;
    write_answer(families, outcome);
    if (outcome->code == KEZEK_OK) {
        families->claimed += errand->task.kind == TASK_CLAIM;
        families->enrolled += errand->task.kind == TASK_ENROL;
    } else if (outcome->code == KEZEK_REFUSED) {
        families->refused++;
        bool elsewhere = strcmp(outcome->result, "no_place") == 0 && errand->task.tries_left > 1;
        if (elsewhere) {
            plan(families, TASK_CLAIM, errand->task.application, 20,
                 (uint8_t)(errand->task.tries_left - 1));
        }
    } else if (outcome->code != KEZEK_CLOSED) {
        families->unknown++;
        (void)fprintf(stderr, "families: no answer: %s\n", outcome->text);
    }
    free(errand);
}

static void send_command(struct families *families, const struct task *task,
                         const struct kezek_command *command)
{
    struct kezek_uv *asker = families->askers[families->next_asker++ % families->asker_count];
    struct kezek_error error;
    struct errand *errand = malloc(sizeof *errand);

    if (errand == NULL) abort();
    *errand = (struct errand){families, *task, now_ms(families)};
    families->under_way++;
    if (kezek_client_submit(kezek_uv_client(asker), now_ms(families), command, on_outcome, errand,
                            &error) != KEZEK_OK) {
        (void)fprintf(stderr, "families: %s\n", error.text);
        abort();
    }
    kezek_uv_flush(asker);
}

static void set_number(struct kezek_command *command, const char *name, uint64_t value)
{
    char text[24];
    struct kezek_error error;

    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    if (kezek_command_set(command, name, text, &error) != KEZEK_OK) abort();
}

static void do_task(struct families *families, const struct task *task)
{
    struct kezek_error error;
    struct child *child = town_child(&families->town, task->application);
    uint32_t kindergarten = 0;

    if (task->kind == TASK_CLAIM) {
        if (child == NULL || child->stage == CHILD_HAS_PLACE) return;
        uint64_t wish = draw(families, task->application, 100 + task->tries_left);
        kindergarten = town_choose(&families->town, child->queue, wish);
        if (kindergarten == 0) return;
    }
    struct kezek_command *command =
        kezek_command_create(task->kind == TASK_CLAIM ? "claim" : "enrol", &error);
    if (command == NULL) abort();
    set_number(command, "application", task->application);
    if (kindergarten != 0) set_number(command, "kindergarten", kindergarten);
    send_command(families, task, command);
    kezek_command_destroy(command);
}

/* ---- Seeing ---- */

static void on_called(struct families *families, uint64_t application)
{
    uint64_t share = draw(families, application, 1) % 100;

    families->called++;
    if (share < FIRST_MORNING_SHARE) {
        plan(families, TASK_CLAIM, application, draw(families, application, 2) % FIRST_MORNING_MS,
             2 * TRIES);
    } else if (share < FIRST_MORNING_SHARE + LATER_SHARE) {
        if (families->later_count == families->later_capacity) {
            families->later_capacity = 2 * families->later_capacity + 1024;
            uint64_t *later =
                realloc(families->later, families->later_capacity * sizeof *families->later);
            if (later == NULL) abort();
            families->later = later;
        }
        families->later[families->later_count++] = application;
    }
}

/* Those who wait with their claim make it on one of the four later mornings of the access, by draw.
 */
static void on_later_morning(struct families *families)
{
    uint64_t morning = families->later_mornings++ % 4;
    uint32_t left = 0;

    for (uint32_t i = 0; i < families->later_count; i++) {
        uint64_t application = families->later[i];
        if (draw(families, application, 3) % 4 == morning) {
            plan(families, TASK_CLAIM, application,
                 draw(families, application, 2) % FIRST_MORNING_MS, 2 * TRIES);
        } else {
            families->later[left++] = application;
        }
    }
    families->later_count = left;
}

/* The rest is open to all: for each open place three families that still wait try. */
static void on_open(struct families *families)
{
    struct town *town = &families->town;
    uint32_t wanted[TOWN_QUEUES];

    families->opened = true;
    for (unsigned queue = 0; queue < TOWN_QUEUES; queue++)
        wanted[queue] = 3 * town->free_in_queue[queue];
    for (uint64_t number = 1; number < town->child_capacity; number++) {
        struct child *child = town_child(town, number);
        if (child == NULL || child->stage != CHILD_WAITS || wanted[child->queue] == 0) continue;
        wanted[child->queue]--;
        families->race_tries++;
        plan(families, TASK_CLAIM, number, draw(families, number, 4) % RACE_MS, TRIES);
    }
}

static void on_morning(struct families *families, int32_t date)
{
    if (families->called == 0 || families->opened) return;
    if (date >= families->open_date) {
        on_open(families);
    } else {
        on_later_morning(families);
    }
}

static void on_entry(struct families *families, const struct kezek_entry *entry)
{
    struct kz_entry decoded;
    if (strcmp(entry->result, "ok") != 0) return;
    if (kz_record_decode(entry->record, entry->size, &decoded) != KZ_OK) abort();
    if (!town_learn(&families->town, entry->index, &decoded)) abort();

    switch (decoded.type) {
    case KZ_GRANT: on_called(families, decoded.grant.application); break;
    case KZ_MORNING: on_morning(families, decoded.clock.date); break;
    case KZ_CLAIM:
        if (draw(families, decoded.claim.application, 5) % 2 == 0)
            plan(families, TASK_ENROL, decoded.claim.application, 300, 1);
        break;
    default: break;
    }
}

static void on_entries(void *data, const struct kezek_entry *entries, uint32_t count)
{
    struct families *families = data;
    for (uint32_t i = 0; i < count; i++)
        on_entry(families, &entries[i]);
}

/* ---- Running ---- */

static void close_all(struct families *families)
{
    families->done = true;
    (void)uv_timer_stop(&families->timer);
    uv_close((uv_handle_t *)&families->timer, NULL);
    kezek_uv_close(families->watcher, NULL, NULL);
    for (unsigned i = 0; i < families->asker_count; i++)
        kezek_uv_close(families->askers[i], NULL, NULL);
}

static void on_tick(uv_timer_t *timer)
{
    struct families *families = timer->data;
    struct task task;

    while (agenda_take(&families->agenda, now_ms(families), &task))
        do_task(families, &task);
    bool idle = families->agenda.count == 0 && families->under_way == 0;
    if (families->opened && idle) close_all(families);
}

static uint32_t percentile_ms(const struct families *families, double share)
{
    uint64_t total = 0;
    uint64_t seen = 0;

    for (unsigned i = 0; i < LATENCY_SLOTS; i++)
        total += families->latency[i];
    for (unsigned i = 0; i < LATENCY_SLOTS; i++) {
        seen += families->latency[i];
        if ((double)seen >= share * (double)total) return i;
    }
    return LATENCY_SLOTS - 1;
}

static void report(const struct families *families)
{
    (void)printf("{\"called\":%" PRIu64 ",\"claimed\":%" PRIu64 ",\"enrolled\":%" PRIu64
                 ",\"refused\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"racers\":%" PRIu64
                 ",\"p50_ms\":%u,\"p99_ms\":%u}\n",
                 families->called, families->claimed, families->enrolled, families->refused,
                 families->unknown, families->race_tries, percentile_ms(families, 0.5),
                 percentile_ms(families, 0.99));
}

static bool open_connections(struct families *families, const char *endpoints)
{
    struct kezek_options options = {.endpoints = endpoints, .timeout_ms = 30000};
    struct kezek_error error;

    families->watcher = kezek_uv_open(&families->loop, &options, &error);
    bool opened =
        families->watcher != NULL && kezek_client_watch(kezek_uv_client(families->watcher), 1,
                                                        on_entries, families, &error) == KEZEK_OK;
    for (unsigned i = 0; opened && i < families->asker_count; i++) {
        families->askers[i] = kezek_uv_open(&families->loop, &options, &error);
        opened = families->askers[i] != NULL;
    }
    if (!opened) (void)fprintf(stderr, "families: %s\n", error.text);
    return opened;
}

static int usage(void)
{
    (void)fputs("usage: kezek-families ENDPOINTS CONNECTIONS SEED OPEN-DATE ANSWERS-FILE\n",
                stderr);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc != 6) return usage();

    struct families *families = calloc(1, sizeof *families);
    if (families == NULL) return 1;
    families->asker_count = (unsigned)strtoul(argv[2], NULL, 10);
    families->seed = strtoull(argv[3], NULL, 10);
    if (families->asker_count == 0 || families->asker_count > CONNECTIONS_MAX ||
        !kz_date_parse(argv[4], strlen(argv[4]), &families->open_date)) {
        free(families);
        return usage();
    }
    families->answers = fopen(argv[5], "w");
    if (families->answers == NULL) {
        perror(argv[5]);
        free(families);
        return 1;
    }
    (void)uv_loop_init(&families->loop);
    (void)uv_timer_init(&families->loop, &families->timer);
    families->timer.data = families;
    if (!open_connections(families, argv[1])) return 1;
    (void)uv_timer_start(&families->timer, on_tick, TICK_MS, TICK_MS);
    (void)uv_run(&families->loop, UV_RUN_DEFAULT);

    report(families);
    int closed = fclose(families->answers);
    (void)uv_loop_close(&families->loop);
    bool complete = families->unknown == 0 && closed == 0;
    town_finish(&families->town);
    agenda_finish(&families->agenda);
    free(families->later);
    free(families);
    return complete ? 0 : 1;
}
