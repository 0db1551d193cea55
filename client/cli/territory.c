/* SPDX-License-Identifier: Apache-2.0 */
/* territory show, and a territory's present values for commands that change some of them. */
#include "client/cli/cli.h"

#include "statemachine/record/date.h"

#include <stdio.h>
#include <string.h>

static void on_territory(void *data, const struct kezek_answer *answer, const void *content,
                         uint32_t count)
{
    (void)answer;
    if (content != NULL && count > 0) {
        *(struct kezek_territory *)data = *(const struct kezek_territory *)content;
    }
}

enum kezek_code kz_cli_ask_territory(struct kezek_connection *connection, const struct cli *cli,
                                     uint32_t number, struct kezek_territory *out_territory,
                                     struct kezek_error *error)
{
    const struct kezek_question question = {
        .what = KEZEK_ASK_TERRITORY,
        .territory = number,
        .freshness = cli->local ? KEZEK_LOCAL : KEZEK_LINEARIZABLE,
    };
    return kezek_ask(connection, &question, on_territory, out_territory, error);
}

static void write_hour(int32_t minutes, char *out, size_t size)
{
    char text[KZ_HOUR_TEXT_SIZE];
    kz_hour_format(minutes, text);
    (void)snprintf(out, size, "%s", text);
}

/* Returns: the member that a numeric field of a policy or territory is; NULL for another field. */
static const int32_t *number_of(const struct kezek_territory *territory, const char *field)
{
    const struct {
        const char *field;
        const int32_t *number;
    } numbers[] = {
        {"utc_offset_minutes", &territory->utc_offset_minutes},
        {"first_priority", &territory->first_priority},
        {"general", &territory->general},
        {"access_days", &territory->access_days},
        {"referral_days", &territory->referral_days},
        {"stop_list_days", &territory->stop_list_days},
        {"unused_limit", &territory->unused_limit},
    };
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(numbers[i].field, field) == 0) return numbers[i].number;
    }
    return NULL;
}

bool kz_cli_territory_value(const struct kezek_territory *territory, const char *field, char *out,
                            size_t size)
{
    const int32_t *number = number_of(territory, field);

    if (number != NULL) {
        (void)snprintf(out, size, "%d", (int)*number);
    } else if (strcmp(field, "name") == 0) {
        (void)snprintf(out, size, "%s", territory->name);
    } else if (strcmp(field, "evening") == 0) {
        write_hour(territory->evening, out, size);
    } else if (strcmp(field, "morning") == 0) {
        write_hour(territory->morning, out, size);
    } else if (strcmp(field, "access_unit") == 0) {
        (void)snprintf(out, size, "%s", territory->access_unit);
    } else if (strcmp(field, "register_closed") == 0) {
        (void)snprintf(out, size, "%s", territory->register_closed ? "true" : "false");
    } else {
        return false;
    }
    return true;
}

/* ---- territory show ---- */

static void add_fields(json_t *row, const struct kezek_territory *territory,
                       enum kz_entry_type type)
{
    const struct kz_schema *schema = kz_schema_of(type);
    char text[sizeof territory->name];

    for (unsigned i = 0; i < schema->count; i++) {
        const char *field = schema->fields[i].name;
        const int32_t *number = number_of(territory, field);
        if (number != NULL) {
            kz_cli_add(row, field, json_integer(*number));
        } else if (strcmp(field, "register_closed") == 0) {
            kz_cli_add(row, field, json_boolean(territory->register_closed));
        } else if (kz_cli_territory_value(territory, field, text, sizeof text)) {
            kz_cli_add(row, field, json_string(text));
        }
    }
}

static void on_shown(void *data, const struct kezek_answer *answer, const void *content,
                     uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_territory *territory = content;
    if (content == NULL || count == 0) return;

    json_t *row = json_object();
    kz_cli_add(row, "territory", json_integer(territory->territory));
    add_fields(row, territory, KZ_TERRITORY);
    add_fields(row, territory, KZ_POLICY);
    kz_cli_add(row, "as_of", json_integer((json_int_t)answer->applied));
    (void)json_array_append_new(asked->rows, row);
}

int kz_cli_territory_show(const struct cli *cli, const struct subcommand *self)
{
    struct asked asked = {0};
    struct kezek_question question = {.what = KEZEK_ASK_TERRITORY};
    uint64_t number = 0;

    if (kz_cli_value(cli, "territory") == NULL) {
        return kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
    }
    if (!kz_cli_number_value(cli, "territory", 1, UINT32_MAX, &number)) return EXIT_USAGE;
    question.territory = (uint32_t)number;
    return kz_cli_ask(cli, &question, on_shown, &asked, true, "territory");
}
