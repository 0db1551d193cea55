/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, and what codes and the rules' words mean for who typed the command. */
#include "client/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int kz_cli_fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("kezek: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return code;
}

struct kezek_connection *kz_cli_connect(const struct cli *cli, bool any_node,
                                        uint32_t default_timeout_ms)
{
    struct kezek_options options = {
        .endpoints = cli->endpoints,
        .timeout_ms = cli->timeout_ms != 0 ? cli->timeout_ms : default_timeout_ms,
        .any_node = any_node,
    };
    struct kezek_error error;

    if (cli->endpoints == NULL || cli->endpoints[0] == '\0') {
        (void)kz_cli_fail(EXIT_USAGE,
                          "no endpoint: give --endpoints HOST:PORT,… or set KEZEK_ENDPOINTS");
        return NULL;
    }
    struct kezek_connection *connection = kezek_connect(&options, &error);
    if (connection == NULL) (void)kz_cli_fail(EXIT_USAGE, "%s", error.text);
    return connection;
}

int kz_cli_exit_code(enum kezek_code code, const char *result)
{
    switch (code) {
    case KEZEK_OK: return EXIT_OK;
    case KEZEK_NOT_FOUND: return EXIT_NOT_FOUND;
    case KEZEK_USAGE: return EXIT_USAGE;
    case KEZEK_BUSY:
    case KEZEK_UNAVAILABLE:
    case KEZEK_UNKNOWN: return EXIT_UNAVAILABLE;
    case KEZEK_REFUSED: break;
    default: return EXIT_REFUSED;
    }
    if (strncmp(result, "unknown_", 8) == 0) return EXIT_NOT_FOUND;
    if (strcmp(result, "conflict") == 0 || strcmp(result, "duplicate") == 0) return EXIT_CONFLICT;
    if (strcmp(result, "not_allowed") == 0) return EXIT_NOT_ALLOWED;
    return EXIT_REFUSED;
}

const char *kz_cli_explain(const char *result)
{
    static const struct {
        const char *result, *text;
    } texts[] = {
        {"conflict", "an earlier command with this request id was a different one"},
        {"not_allowed", "this actor may not do that here"},
        {"unknown_territory", "there is no such territory"},
        {"unknown_kindergarten", "there is no such kindergarten"},
        {"unknown_application", "there is no such application"},
        {"invalid", "a value is out of its range"},
        {"wrong_state", "the application's state does not allow it; see: kezek show"},
        {"duplicate", "the child has a live application of this kind in the territory"},
        {"wrong_territory", "the kindergarten belongs to another territory"},
        {"closed", "the kindergarten is closed"},
        {"no_access", "its places are kept for those who are called first"},
        {"no_place", "there are not that many free places"},
    };
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i].result, result) == 0) return texts[i].text;
    }
    return "the rules refuse it";
}
