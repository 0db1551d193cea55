/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that ask: show, position, queue, bulletins, request. */
#include "client/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSITIONS_MAX     4096
#define QUEUE_COUNT       100
#define QUEUE_COUNT_LIMIT 4096

/* What the answer's callback fills. */
struct asked {
    const struct cli *cli;
    const uint64_t *numbers; /* positions: what was asked */
    uint32_t first;          /* queue: the first position */
    json_t *rows;
};

static int need(const struct cli *cli, const struct subcommand *self, int least, int most)
{
    if (cli->argument_count >= least && cli->argument_count <= most) return EXIT_OK;
    return kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
}

/* Asks and prints. WHAT names what was not found. */
static int ask(const struct cli *cli, struct kezek_question *question,
               kezek_answer_callback callback, struct asked *asked, bool one, const char *what)
{
    struct kezek_error error;
    struct kezek_connection *connection = kz_cli_connect(cli);
    if (connection == NULL) return EXIT_USAGE;

    asked->cli = cli;
    asked->rows = json_array();
    question->freshness = cli->local ? KEZEK_LOCAL : KEZEK_LINEARIZABLE;
    enum kezek_code code = kezek_ask(connection, question, callback, asked, &error);
    kezek_disconnect(connection);
    if (code == KEZEK_OK) return kz_cli_print(cli, asked->rows, one);

    json_decref(asked->rows);
    if (code == KEZEK_NOT_FOUND) return kz_cli_fail(EXIT_NOT_FOUND, "there is no such %s", what);
    return kz_cli_fail(kz_cli_exit_code(code, NULL), "%s", error.text);
}

/* ---- show ---- */

static json_t *number_or_null(uint64_t number)
{
    return number == 0 ? json_null() : json_integer((json_int_t)number);
}

static void on_application(void *data, const struct kezek_answer *answer, const void *content,
                           uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_application *it = content;
    if (content == NULL || count == 0) return;

    json_t *row = json_object();
    (void)json_object_set_new(row, "application", json_integer((json_int_t)it->number));
    (void)json_object_set_new(row, "position", json_integer(it->position));
    (void)json_object_set_new(row, "state", json_string(it->state));
    (void)json_object_set_new(row, "category", json_string(it->category));
    (void)json_object_set_new(row, "territory", json_integer(it->territory));
    (void)json_object_set_new(row, "birth_year", json_integer(it->birth_year));
    (void)json_object_set_new(row, "kind", json_string(it->kind));
    (void)json_object_set_new(row, "applied_at", kz_cli_time(asked->cli, it->applied_at));
    (void)json_object_set_new(row, "owed", json_boolean(it->owed));
    (void)json_object_set_new(row, "unused", json_integer(it->unused));
    (void)json_object_set_new(row, "bulletin", number_or_null(it->bulletin));
    (void)json_object_set_new(row, "referral", number_or_null(it->referral));
    (void)json_object_set_new(row, "kindergarten", number_or_null(it->kindergarten));
    (void)json_object_set_new(row, "last_day", kz_cli_date(it->last_day));
    (void)json_object_set_new(row, "child", kz_cli_hex(it->child, sizeof it->child));
    (void)json_object_set_new(row, "index", json_integer((json_int_t)answer->applied));
    (void)json_array_append_new(asked->rows, row);
}

int kz_cli_show(const struct cli *cli, const struct subcommand *self)
{
    struct asked asked = {0};
    struct kezek_question question = {.what = KEZEK_ASK_APPLICATION};

    if (need(cli, self, 1, 1) != EXIT_OK ||
        !kz_cli_number(cli->arguments[0], "APPLICATION", 1, UINT32_MAX, &question.number)) {
        return EXIT_USAGE;
    }
    return ask(cli, &question, on_application, &asked, true, "application");
}

/* ---- position ---- */

static void on_positions(void *data, const struct kezek_answer *answer, const void *content,
                         uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_position *positions = content;
    if (content == NULL) return;

    for (uint32_t i = 0; i < count; i++) {
        const char *state = positions[i].state;
        (void)json_array_append_new(asked->rows,
                                    json_pack("{s:I, s:i, s:s?, s:I}", "application",
                                              (json_int_t)asked->numbers[i], "position",
                                              (int)positions[i].position, "state", state, "index",
                                              (json_int_t)answer->applied));
    }
}

int kz_cli_position(const struct cli *cli, const struct subcommand *self)
{
    uint64_t numbers[POSITIONS_MAX];
    struct asked asked = {.numbers = numbers};
    struct kezek_question question = {
        .what = KEZEK_ASK_POSITIONS, .numbers = numbers, .count = (uint32_t)cli->argument_count};

    if (need(cli, self, 1, POSITIONS_MAX) != EXIT_OK) return EXIT_USAGE;
    for (int i = 0; i < cli->argument_count; i++) {
        if (!kz_cli_number(cli->arguments[i], "APPLICATION", 1, UINT32_MAX, &numbers[i])) {
            return EXIT_USAGE;
        }
    }
    int code = ask(cli, &question, on_positions, &asked, cli->argument_count == 1, "application");
    return code;
}

/* ---- queue ---- */

static void on_queue(void *data, const struct kezek_answer *answer, const void *content,
                     uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_queue *queue = content;
    (void)answer;
    if (content == NULL || count == 0) return;

    for (uint32_t i = 0; i < queue->count; i++) {
        (void)json_array_append_new(
            asked->rows, json_pack("{s:I, s:I}", "position", (json_int_t)(asked->first + i),
                                   "application", (json_int_t)queue->numbers[i]));
    }
    if (asked->cli->format != FORMAT_TABLE) return;
    (void)printf(
        "waiting: %u owed, %u out of turn, %u first priority, %u general; cycle %u; calls due %u; "
        "open places %u\n",
        queue->owed, queue->out_of_turn, queue->first_priority, queue->general, queue->cycle,
        queue->calls_due, queue->open_places);
}

int kz_cli_queue(const struct cli *cli, const struct subcommand *self)
{
    uint64_t territory;
    uint64_t birth_year;
    uint64_t first = 1;
    uint64_t count = QUEUE_COUNT;

    if (need(cli, self, 3, 5) != EXIT_OK ||
        !kz_cli_number(cli->arguments[0], "TERRITORY", 1, UINT32_MAX, &territory) ||
        !kz_cli_number(cli->arguments[1], "YEAR", 2000, 2199, &birth_year) ||
        (cli->argument_count > 3 &&
         !kz_cli_number(cli->arguments[3], "FIRST", 1, UINT32_MAX, &first)) ||
        (cli->argument_count > 4 &&
         !kz_cli_number(cli->arguments[4], "COUNT", 1, QUEUE_COUNT_LIMIT, &count))) {
        return EXIT_USAGE;
    }
    struct asked asked = {.first = (uint32_t)first};
    struct kezek_question question = {.what = KEZEK_ASK_QUEUE,
                                      .territory = (uint32_t)territory,
                                      .birth_year = (uint16_t)birth_year,
                                      .kind = cli->arguments[2],
                                      .first = (uint32_t)first,
                                      .count = (uint32_t)count};
    return ask(cli, &question, on_queue, &asked, false, "queue");
}

/* ---- bulletins ---- */

static void on_bulletins(void *data, const struct kezek_answer *answer, const void *content,
                         uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_bulletin *bulletins = content;
    (void)answer;
    if (content == NULL) return;

    for (uint32_t i = 0; i < count; i++) {
        const struct kezek_bulletin *it = &bulletins[i];
        json_t *row = json_object();
        (void)json_object_set_new(row, "bulletin", json_integer((json_int_t)it->index));
        (void)json_object_set_new(row, "birth_year", json_integer(it->birth_year));
        (void)json_object_set_new(row, "kind", json_string(it->kind));
        (void)json_object_set_new(row, "state",
                                  json_string(it->in_priority ? "priority" : "published"));
        (void)json_object_set_new(row, "last_day", kz_cli_date(it->last_day));
        (void)json_object_set_new(row, "free_places", json_integer(it->free_places));
        (void)json_object_set_new(row, "calls_due", json_integer(it->calls_due));
        (void)json_object_set_new(row, "grants", json_integer(it->grants));
        (void)json_array_append_new(asked->rows, row);
    }
}

int kz_cli_bulletins(const struct cli *cli, const struct subcommand *self)
{
    uint64_t territory;
    struct asked asked = {0};

    if (need(cli, self, 1, 1) != EXIT_OK ||
        !kz_cli_number(cli->arguments[0], "TERRITORY", 1, UINT32_MAX, &territory)) {
        return EXIT_USAGE;
    }
    struct kezek_question question = {.what = KEZEK_ASK_BULLETINS,
                                      .territory = (uint32_t)territory};
    return ask(cli, &question, on_bulletins, &asked, false, "territory");
}

/* ---- request ---- */

static void on_request(void *data, const struct kezek_answer *answer, const void *content,
                       uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_outcome *outcome = content;
    (void)answer;
    if (content == NULL || count == 0) return;

    (void)json_array_append_new(asked->rows, json_pack("{s:s, s:I}", "result", outcome->result,
                                                       "index", (json_int_t)outcome->index));
}

int kz_cli_request(const struct cli *cli, const struct subcommand *self)
{
    struct asked asked = {0};
    struct kezek_question question = {.what = KEZEK_ASK_REQUEST};

    if (need(cli, self, 1, 1) != EXIT_OK) return EXIT_USAGE;
    if (!kz_cli_read_hex(cli->arguments[0], question.request, sizeof question.request)) {
        return kz_cli_fail(EXIT_USAGE, "\"%s\" is not 32 hex digits", cli->arguments[0]);
    }
    return ask(cli, &question, on_request, &asked, true, "request id");
}
