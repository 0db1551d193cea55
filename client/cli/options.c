/* SPDX-License-Identifier: Apache-2.0 */
/* The words behind a subcommand's name: options of every command, fields, arguments. */
#include "client/cli/cli.h"

#include "statemachine/record/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_MS 10000

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

bool kz_cli_number(const char *text, const char *what, uint64_t min, uint64_t max,
                   uint64_t *out_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool whole = errno == 0 && end != text && *end == '\0' && text[0] != '-';
    if (!whole || number < min || number > max) {
        (void)kz_cli_fail(EXIT_USAGE, "%s: \"%s\" is no number from %llu to %llu", what, text,
                          (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    *out_number = number;
    return true;
}

const char *kz_cli_field(const struct cli *cli, const char *name)
{
    for (int i = 0; i < cli->field_count; i++) {
        if (strcmp(cli->fields[i].name, name) == 0) return cli->fields[i].value;
    }
    return NULL;
}

static bool read_format(const char *text, enum output_format *out_format)
{
    static const char *const formats[] = {"table", "simple", "json", "jsonl"};

    for (unsigned i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(text, formats[i]) == 0) {
            *out_format = (enum output_format)i;
            return true;
        }
    }
    (void)kz_cli_fail(EXIT_USAGE, "-o: \"%s\" is none of table, simple, json, jsonl", text);
    return false;
}

bool kz_cli_read_hex(const char *text, uint8_t *out, size_t size)
{
    if (strlen(text) != 2 * size || strspn(text, "0123456789abcdefABCDEF") != 2 * size)
        return false;

    for (size_t i = 0; i < size; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static bool read_request(struct cli *cli, const char *text)
{
    cli->has_request = kz_cli_read_hex(text, cli->request, sizeof cli->request);
    if (!cli->has_request) {
        (void)kz_cli_fail(EXIT_USAGE, "--request: \"%s\" is not 32 hex digits", text);
    }
    return cli->has_request;
}

/* Reads one of the options that every command has. Returns: false after it has said what is wrong;
 * OUT_KNOWN tells whether NAME is such an option. */
static bool read_common(struct cli *cli, const char *name, const char *value, bool *out_known)
{
    uint64_t number;

    *out_known = true;
    if (strcmp(name, "--endpoints") == 0) {
        cli->endpoints = value;
        return true;
    }
    if (strcmp(name, "-o") == 0) return read_format(value, &cli->format);
    if (strcmp(name, "--request") == 0) return read_request(cli, value);
    if (strcmp(name, "--timeout") == 0) {
        if (!kz_cli_number(value, "--timeout", 1, 3600, &number)) return false;
        cli->timeout_ms = (uint32_t)number * 1000;
        return true;
    }
    if (strcmp(name, "--actor") == 0) {
        if (!kz_cli_number(value, "--actor", 0, UINT32_MAX, &number)) return false;
        cli->actor = (uint32_t)number;
        return true;
    }
    *out_known = false;
    return true;
}

/* Returns: whether NAME (with underscores) is a field of the subcommand's entry, or an option of
 * its own. */
static bool is_field(const struct subcommand *subcommand, const char *name)
{
    uint8_t type;
    if (subcommand->entry_type == NULL) {
        return strcmp(name, "from") == 0 && strcmp(subcommand->name, "watch") == 0;
    }
    if (!kz_word_find(&kz_entry_type_words, subcommand->entry_type, strlen(subcommand->entry_type),
                      &type)) {
        return false;
    }
    const struct kz_schema *schema = kz_schema_of(type);
    for (unsigned i = 0; i < schema->count; i++) {
        if (strcmp(schema->fields[i].name, name) == 0) return true;
    }
    return false;
}

static bool read_field(struct cli *cli, const struct subcommand *subcommand, const char *option,
                       const char *value)
{
    struct field_option *field = &cli->fields[cli->field_count];
    (void)snprintf(field->name, sizeof field->name, "%s", option + 2);
    for (char *letter = field->name; *letter != '\0'; letter++) {
        if (*letter == '-') *letter = '_';
    }
    if (cli->field_count == FIELD_OPTIONS_MAX || !is_field(subcommand, field->name)) {
        (void)kz_cli_fail(EXIT_USAGE, "%s: \"%s\" is no option of it; usage: kezek %s %s",
                          subcommand->name, option, subcommand->name, subcommand->usage);
        return false;
    }
    if (kz_cli_field(cli, field->name) != NULL) {
        (void)kz_cli_fail(EXIT_USAGE, "%s is given twice", option);
        return false;
    }
    field->value = value;
    cli->field_count++;
    return true;
}

bool kz_cli_read(struct cli *cli, const struct subcommand *subcommand, int count, char **words)
{
    *cli = (struct cli){
        .endpoints = getenv("KEZEK_ENDPOINTS"),
        .format = isatty(STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_SIMPLE,
        .timeout_ms = TIMEOUT_DEFAULT_MS,
    };
    int arguments = 0; /* gathered at the start of WORDS */

    for (int i = 0; i < count; i++) {
        char *word = words[i];
        bool known = false;
        if (word[0] != '-' || word[1] == '\0') {
            words[arguments++] = word;
            continue;
        }
        if (strcmp(word, "--local") == 0) {
            cli->local = true;
            continue;
        }
        if (i + 1 == count) {
            (void)kz_cli_fail(EXIT_USAGE, "%s: no value follows", word);
            return false;
        }
        const char *value = words[++i];
        if (!read_common(cli, word, value, &known)) return false;
        if (!known && !read_field(cli, subcommand, word, value)) return false;
    }
    cli->arguments = (const char *const *)words;
    cli->argument_count = arguments;
    return true;
}

/* ---- Connecting ---- */

struct kezek_connection *kz_cli_connect(const struct cli *cli)
{
    struct kezek_options options = {
        .endpoints = cli->endpoints, .timeout_ms = cli->timeout_ms, .any_node = cli->local};
    struct kezek_error error;

    if (cli->endpoints == NULL) {
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
