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

/* RULES.md's ranges, and what else makes an entry of TYPE `invalid`. */
static const char *explain_invalid(const char *type)
{
    static const struct {
        const char *type, *text;
    } texts[] = {
        {"territory", "a territory is 1 or more, its name 1 to 120 bytes, its offset -840 to 840"},
        {"policy", "the evening is later in the day than the morning, the numbers are 1 to 255 "
                   "(stop_list_days and unused_limit 0 to 255), a closed register stays closed"},
        {"calendar", "a date is 2000-01-01 to 2199-12-31"},
        {"kindergarten", "a kindergarten is 1 or more, its name 1 to 120 bytes"},
        {"actor", "the first actor is an administrator of all territories (0), and a kindergarten "
                  "goes with the role of that name alone"},
        {"application", "a birth year is 2000 to 2199, applied_at is not after now"},
        {"correct", "a birth year is 2000 to 2199"},
        {"vacancy", "a birth year is 2000 to 2199, places are 1 to 1000"},
        {"retract", "a birth year is 2000 to 2199, places are 1 to 1000"},
    };
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i].type, type) == 0) return texts[i].text;
    }
    return "a value is out of its range";
}

const char *kz_cli_explain(const char *result, const char *type)
{
    static const struct {
        const char *result, *text;
    } texts[] = {
        {"conflict", "an earlier command with this request id was a different one"},
        {"not_allowed", "this actor may not do that here"},
        {"unknown_territory", "there is no such territory"},
        {"unknown_kindergarten", "there is no such kindergarten"},
        {"unknown_application", "there is no such application"},
        {"wrong_state", "the application's state does not allow it; see: kezek show"},
        {"duplicate", "the child has a live application of this kind in the territory"},
        {"wrong_territory", "the kindergarten belongs to another territory"},
        {"closed", "the kindergarten is closed"},
        {"no_access", "its places are kept for those who are called first"},
        {"no_place", "there are not that many free places"},
    };
    if (strcmp(result, "invalid") == 0) return explain_invalid(type);
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i].result, result) == 0) return texts[i].text;
    }
    return "the rules refuse it";
}
