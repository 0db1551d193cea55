/* SPDX-License-Identifier: Apache-2.0 */
/* queue, bulletins, places. */
#include "client/cli/cli.h"

#include <stdio.h>

#define QUEUE_COUNT     100
#define QUEUE_COUNT_MAX 4096

/* ---- queue ---- */

static json_t *members_of(const struct asked *asked, const struct kezek_queue *queue)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < queue->count; i++) {
        json_t *row = json_object();
        kz_cli_add(row, "position", json_integer((json_int_t)asked->first + i));
        kz_cli_add(row, "application", json_integer((json_int_t)queue->numbers[i]));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *summary_of(const struct kezek_queue *queue, uint64_t as_of)
{
    json_t *row = json_object();
    kz_cli_add(row, "as_of", json_integer((json_int_t)as_of));
    kz_cli_add(row, "owed", json_integer(queue->owed));
    kz_cli_add(row, "out_of_turn", json_integer(queue->out_of_turn));
    kz_cli_add(row, "first_priority", json_integer(queue->first_priority));
    kz_cli_add(row, "general", json_integer(queue->general));
    kz_cli_add(row, "cycle", json_integer(queue->cycle));
    kz_cli_add(row, "calls_due", json_integer(queue->calls_due));
    kz_cli_add(row, "open_places", json_integer(queue->open_places));
    return row;
}

/* One object for JSON; above a table the numbers, which are not the table's. */
static void on_queue(void *data, const struct kezek_answer *answer, const void *content,
                     uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_queue *queue = content;
    if (content == NULL || count == 0) return;

    json_t *members = members_of(asked, queue);
    if (asked->cli->format == FORMAT_JSON) {
        json_t *row = summary_of(queue, answer->applied);
        kz_cli_add(row, "applications", members);
        (void)json_array_append_new(asked->rows, row);
        return;
    }
    (void)json_array_extend(asked->rows, members);
    json_decref(members);
    if (asked->cli->format != FORMAT_TABLE) return;
    (void)printf("waiting: %u owed, %u out of turn, %u first priority, %u general; calls due: %u; "
                 "open places: %u; cycle: %u\n",
                 queue->owed, queue->out_of_turn, queue->first_priority, queue->general,
                 queue->calls_due, queue->open_places, queue->cycle);
}

int kz_cli_queue(const struct cli *cli, const struct subcommand *self)
{
    uint64_t territory = 0;
    uint64_t birth_year = 0;
    uint64_t first = 1;
    uint64_t count = QUEUE_COUNT;

    if (kz_cli_value(cli, "kind") == NULL || kz_cli_value(cli, "territory") == NULL ||
        kz_cli_value(cli, "birth_year") == NULL) {
        return kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
    }
    if (!kz_cli_number_value(cli, "territory", 1, UINT32_MAX, &territory) ||
        !kz_cli_number_value(cli, "birth_year", 2000, 2199, &birth_year) ||
        !kz_cli_number_value(cli, "first", 1, UINT32_MAX, &first) ||
        !kz_cli_number_value(cli, "count", 1, QUEUE_COUNT_MAX, &count)) {
        return EXIT_USAGE;
    }
    struct asked asked = {.first = (uint32_t)first};
    struct kezek_question question = {.what = KEZEK_ASK_QUEUE,
                                      .territory = (uint32_t)territory,
                                      .birth_year = (uint16_t)birth_year,
                                      .kind = kz_cli_value(cli, "kind"),
                                      .first = (uint32_t)first,
                                      .count = (uint32_t)count};
    return kz_cli_ask(cli, &question, on_queue, &asked, cli->format == FORMAT_JSON, "territory");
}

/* ---- bulletins, places ---- */

static void on_bulletins(void *data, const struct kezek_answer *answer, const void *content,
                         uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_bulletin *bulletins = content;
    (void)answer;

    for (uint32_t i = 0; content != NULL && i < count; i++) {
        const struct kezek_bulletin *it = &bulletins[i];
        json_t *row = json_object();
        kz_cli_add(row, "bulletin", json_integer((json_int_t)it->index));
        kz_cli_add(row, "birth_year", json_integer(it->birth_year));
        kz_cli_add(row, "kind", json_string(it->kind));
        kz_cli_add(row, "state", json_string(it->in_priority ? "priority" : "published"));
        kz_cli_add(row, "last_day", kz_cli_date(it->last_day));
        kz_cli_add(row, "free_places", json_integer(it->free_places));
        kz_cli_add(row, "calls_due", json_integer(it->calls_due));
        kz_cli_add(row, "grants", json_integer(it->grants));
        (void)json_array_append_new(asked->rows, row);
    }
}

static void on_places(void *data, const struct kezek_answer *answer, const void *content,
                      uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_places *places = content;
    (void)answer;

    for (uint32_t i = 0; content != NULL && i < count; i++) {
        const struct kezek_places *it = &places[i];
        json_t *row = json_object();
        kz_cli_add(row, "kindergarten", json_integer(it->kindergarten));
        kz_cli_add(row, "birth_year", json_integer(it->birth_year));
        kz_cli_add(row, "kind", json_string(it->kind));
        kz_cli_add(row, "state", json_string(it->state));
        kz_cli_add(row, "bulletin", kz_cli_number_or_null(it->bulletin));
        kz_cli_add(row, "free_places", json_integer(it->free_places));
        (void)json_array_append_new(asked->rows, row);
    }
}

static int list(const struct cli *cli, const struct subcommand *self,
                struct kezek_question question, kezek_answer_callback callback)
{
    uint64_t territory = 0;
    struct asked asked = {0};

    if (kz_cli_value(cli, "territory") == NULL) {
        return kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
    }
    if (!kz_cli_number_value(cli, "territory", 1, UINT32_MAX, &territory)) return EXIT_USAGE;
    question.territory = (uint32_t)territory;
    return kz_cli_ask(cli, &question, callback, &asked, false, "territory");
}

int kz_cli_bulletins(const struct cli *cli, const struct subcommand *self)
{
    return list(cli, self, (struct kezek_question){.what = KEZEK_ASK_BULLETINS}, on_bulletins);
}

int kz_cli_places(const struct cli *cli, const struct subcommand *self)
{
    return list(cli, self, (struct kezek_question){.what = KEZEK_ASK_PLACES}, on_places);
}
