/* SPDX-License-Identifier: Apache-2.0 */
/* request: what became of a command whose answer did not come. */
#include "client/cli/cli.h"

static void on_request(void *data, const struct kezek_answer *answer, const void *content,
                       uint32_t count)
{
    struct asked *asked = data;
    const struct kezek_outcome *outcome = content;
    (void)answer;
    if (content == NULL || count == 0) return;

    json_t *row = json_object();
    kz_cli_add(row, "result", json_string(outcome->result));
    kz_cli_add(row, "index", json_integer((json_int_t)outcome->index));
    (void)json_array_append_new(asked->rows, row);
}

int kz_cli_request(const struct cli *cli, const struct subcommand *self)
{
    struct asked asked = {0};
    struct kezek_question question = {.what = KEZEK_ASK_REQUEST};
    const char *id = kz_cli_value(cli, "id");

    if (id == NULL) {
        return kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
    }
    if (!kz_cli_read_hex(id, question.request, sizeof question.request)) {
        return kz_cli_fail(EXIT_USAGE, "\"%s\" is not 32 hex digits", id);
    }
    return kz_cli_ask(cli, &question, on_request, &asked, true, "request id in the ledger");
}
