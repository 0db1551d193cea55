/* SPDX-License-Identifier: Apache-2.0 */
/* A question from beginning to end. */
#include "client/cli/cli.h"

#define TIMEOUT_MS 10000

int kz_cli_ask(const struct cli *cli, struct kezek_question *question,
               kezek_answer_callback callback, struct asked *asked, bool one, const char *what)
{
    struct kezek_error error;
    struct kezek_connection *connection = kz_cli_connect(cli, cli->local, TIMEOUT_MS);
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
