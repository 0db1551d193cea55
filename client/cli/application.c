/* SPDX-License-Identifier: Apache-2.0 */
/* show, position. */
#include "client/cli/cli.h"

#include <string.h>

#define TIMEOUT_MS    10000
#define POSITIONS_MAX 4096

static int fail_usage(const struct subcommand *self)
{
    return kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
}

/* ---- show ---- */

/* What the answer's callback keeps. */
struct shown {
    struct kezek_application application;
    uint64_t as_of;
};

static void on_application(void *data, const struct kezek_answer *answer, const void *content,
                           uint32_t count)
{
    struct shown *shown = data;
    if (content == NULL || count == 0) return;
    shown->application = *(const struct kezek_application *)content;
    shown->as_of = answer->applied;
}

static json_t *row_of(const struct cli *cli, const struct shown *shown, int32_t offset_minutes)
{
    const struct kezek_application *it = &shown->application;
    json_t *row = json_object();

    kz_cli_add(row, "application", json_integer((json_int_t)it->number));
    kz_cli_add(row, "position", json_integer(it->position));
    kz_cli_add(row, "state", json_string(it->state));
    kz_cli_add(row, "category", json_string(it->category));
    kz_cli_add(row, "territory", json_integer(it->territory));
    kz_cli_add(row, "birth_year", json_integer(it->birth_year));
    kz_cli_add(row, "kind", json_string(it->kind));
    kz_cli_add(row, "applied_at", kz_cli_time(cli, it->applied_at, offset_minutes));
    kz_cli_add(row, "owed", json_boolean(it->owed));
    kz_cli_add(row, "unused", json_integer(it->unused));
    kz_cli_add(row, "bulletin", kz_cli_number_or_null(it->bulletin));
    kz_cli_add(row, "referral", kz_cli_number_or_null(it->referral));
    kz_cli_add(row, "by_grant", json_boolean(it->by_grant));
    kz_cli_add(row, "kindergarten", kz_cli_number_or_null(it->kindergarten));
    kz_cli_add(row, "last_day", kz_cli_date(it->last_day));
    kz_cli_add(row, "child", kz_cli_hex(it->child, sizeof it->child));
    kz_cli_add(row, "as_of", json_integer((json_int_t)shown->as_of));
    return row;
}

static int show(const struct cli *cli, struct kezek_connection *connection, uint64_t number)
{
    struct kezek_question question = {
        .what = KEZEK_ASK_APPLICATION,
        .number = number,
        .freshness = cli->local ? KEZEK_LOCAL : KEZEK_LINEARIZABLE,
    };
    struct kezek_error error;
    struct kezek_territory territory = {.utc_offset_minutes = 0};
    struct shown shown = {0};

    enum kezek_code code = kezek_ask(connection, &question, on_application, &shown, &error);
    if (code == KEZEK_NOT_FOUND) {
        return kz_cli_fail(EXIT_NOT_FOUND, "there is no application %llu",
                           (unsigned long long)number);
    }
    if (code != KEZEK_OK) return kz_cli_fail(kz_cli_exit_code(code, NULL), "%s", error.text);

    if (!kz_cli_is_json(cli)) { /* for its offset; without it the time is in UTC */
        (void)kz_cli_ask_territory(connection, cli, shown.application.territory, &territory,
                                   &error);
    }
    json_t *rows = json_array();
    (void)json_array_append_new(rows, row_of(cli, &shown, territory.utc_offset_minutes));
    return kz_cli_print(cli, rows, true);
}

int kz_cli_show(const struct cli *cli, const struct subcommand *self)
{
    uint64_t number = 0;
    if (kz_cli_value(cli, "application") == NULL) return fail_usage(self);
    if (!kz_cli_number_value(cli, "application", 1, UINT32_MAX, &number)) return EXIT_USAGE;

    struct kezek_connection *connection = kz_cli_connect(cli, cli->local, TIMEOUT_MS);
    if (connection == NULL) return EXIT_USAGE;
    int code = show(cli, connection, number);
    kezek_disconnect(connection);
    return code;
}

/* ---- position ---- */

static void on_positions(void *data, const struct kezek_answer *answer, const void *content,
                         uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_position *positions = content;
    if (content == NULL) return;

    for (uint32_t i = 0; i < count; i++) {
        json_t *row = json_object();
        kz_cli_add(row, "application", json_integer((json_int_t)asked->numbers[i]));
        kz_cli_add(row, "position", json_integer(positions[i].position));
        const char *state = positions[i].state;
        kz_cli_add(row, "state", state == NULL ? json_null() : json_string(state));
        kz_cli_add(row, "as_of", json_integer((json_int_t)answer->applied));
        (void)json_array_append_new(asked->rows, row);
        asked->unknown += state == NULL;
    }
}

int kz_cli_position(const struct cli *cli, const struct subcommand *self)
{
    static uint64_t numbers[POSITIONS_MAX];
    struct asked asked = {.numbers = numbers};
    struct kezek_question question = {.what = KEZEK_ASK_POSITIONS, .numbers = numbers};
    const char *option = kz_cli_value(cli, "application");

    if (option != NULL) {
        if (!kz_cli_number(option, "application", 1, UINT32_MAX, &numbers[0])) return EXIT_USAGE;
        question.count = 1;
    }
    if ((uint32_t)cli->word_count + question.count > POSITIONS_MAX) {
        return kz_cli_fail(EXIT_USAGE, "at most %d applications at a time", POSITIONS_MAX);
    }
    for (int i = 0; i < cli->word_count; i++) {
        if (!kz_cli_number(cli->words[i], "application", 1, UINT32_MAX,
                           &numbers[question.count++])) {
            return EXIT_USAGE;
        }
    }
    if (question.count == 0) return fail_usage(self);
    int code = kz_cli_ask(cli, &question, on_positions, &asked, question.count == 1, "application");
    if (code != EXIT_OK || asked.unknown == 0) return code;
    return kz_cli_fail(EXIT_NOT_FOUND, "%u of these %u applications do not exist", asked.unknown,
                       question.count);
}
