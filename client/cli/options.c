/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: options may stand anywhere, as "--name value" or "--name=value"; every option
 * but the three flags has a value, so the words can be told from the values before the subcommand
 * is known. */
#include "client/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CANDIDATES_MAX 48

static const char *const common_options[] = {"endpoints", "timeout", "actor",
                                             "request",   "local",   "help"};

/* ---- Options of every command ---- */

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

static bool read_request(struct cli *cli, const char *text)
{
    cli->has_request = kz_cli_read_hex(text, cli->request, sizeof cli->request);
    if (!cli->has_request) {
        (void)kz_cli_fail(EXIT_USAGE, "--request: \"%s\" is not 32 hex digits", text);
    }
    return cli->has_request;
}

/* Reads "5", "5s" or "500ms". */
static bool read_timeout(struct cli *cli, const char *text)
{
    char digits[16];
    uint64_t number;
    uint64_t unit_ms = 1000;
    size_t size = strcspn(text, "ms");

    if (strcmp(text + size, "ms") == 0) {
        unit_ms = 1;
    } else if (strcmp(text + size, "s") != 0 && text[size] != '\0') {
        size = strlen(text);
    }
    (void)snprintf(digits, sizeof digits, "%.*s", (int)size, text);
    if (!kz_cli_number(digits, "--timeout", 1, 3600000 / unit_ms, &number)) return false;
    cli->timeout_ms = (uint32_t)(number * unit_ms);
    return true;
}

static bool read_actor(struct cli *cli, const char *text)
{
    uint64_t number;
    if (!kz_cli_number(text, "--actor", 0, UINT32_MAX, &number)) return false;
    cli->actor = (uint32_t)number;
    return true;
}

/* ---- Reading ---- */

static bool read_flag(struct cli *cli, const char *word)
{
    if (strcmp(word, "--local") == 0) {
        cli->local = true;
    } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        cli->help = true;
    } else if (strcmp(word, "--version") == 0) {
        cli->version = true;
    } else {
        return false;
    }
    return true;
}

static bool add_parameter(struct cli *cli, const char *name, size_t size, const char *value)
{
    struct parameter *parameter = &cli->parameters[cli->parameter_count];

    if (cli->parameter_count == PARAMETERS_MAX || size >= sizeof parameter->name) {
        (void)kz_cli_fail(EXIT_USAGE, "no command has an option --%.*s", (int)size, name);
        return false;
    }
    memset(parameter->name, 0, sizeof parameter->name);
    for (size_t i = 0; i < size; i++)
        parameter->name[i] = name[i] == '-' ? '_' : name[i];
    if (kz_cli_value(cli, parameter->name) != NULL) {
        (void)kz_cli_fail(EXIT_USAGE, "%.*s is given twice", (int)size, name);
        return false;
    }
    parameter->value = value;
    cli->parameter_count++;
    return true;
}

static bool read_option(struct cli *cli, const char *name, size_t size, const char *value)
{
    if (size == 1 && name[0] == 'o') return read_format(value, &cli->format);
    if (size == 9 && memcmp(name, "endpoints", 9) == 0) {
        cli->endpoints = value;
        return true;
    }
    if (size == 7 && memcmp(name, "timeout", 7) == 0) return read_timeout(cli, value);
    if (size == 5 && memcmp(name, "actor", 5) == 0) return read_actor(cli, value);
    if (size == 7 && memcmp(name, "request", 7) == 0) return read_request(cli, value);
    return add_parameter(cli, name, size, value);
}

bool kz_cli_read(struct cli *cli, int count, char **words)
{
    *cli = (struct cli){
        .endpoints = getenv("KEZEK_ENDPOINTS"),
        .format = isatty(STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_SIMPLE,
        .words = (const char *const *)words,
    };
    bool options_ended = false;

    for (int i = 0; i < count; i++) {
        char *word = words[i];
        if (options_ended || word[0] != '-' || word[1] == '\0') {
            words[cli->word_count++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            options_ended = true;
            continue;
        }
        if (read_flag(cli, word)) continue;

        const char *name = word + 1 + (word[1] == '-');
        const char *value = word[1] == '-' ? strchr(name, '=') : NULL;
        size_t size = value == NULL ? strlen(name) : (size_t)(value - name);
        if (value == NULL && i + 1 == count) {
            (void)kz_cli_fail(EXIT_USAGE, "%s: no value follows", word);
            return false;
        }
        if (!read_option(cli, name, size, value == NULL ? words[++i] : value + 1)) return false;
    }
    return true;
}

const char *kz_cli_value(const struct cli *cli, const char *name)
{
    for (int i = 0; i < cli->parameter_count; i++) {
        if (strcmp(cli->parameters[i].name, name) == 0) return cli->parameters[i].value;
    }
    return NULL;
}

/* ---- Binding ---- */

const struct kz_schema *kz_cli_schema(const struct subcommand *subcommand)
{
    uint8_t type;
    if (subcommand->entry_type == NULL ||
        !kz_word_find(&kz_entry_type_words, subcommand->entry_type, strlen(subcommand->entry_type),
                      &type)) {
        return NULL;
    }
    return kz_schema_of(type);
}

/* Takes the next of the names with spaces between them at *NEXT. Returns: false at the end. */
static bool next_name(const char **next, char out[static 32])
{
    if (*next == NULL) return false;
    while (**next == ' ')
        (*next)++;
    size_t size = strcspn(*next, " ");
    if (size == 0 || size >= 32) return false;

    memcpy(out, *next, size);
    out[size] = '\0';
    *next += size;
    return strcmp(out, "…") != 0;
}

static bool is_among(const char *names, const char *wanted)
{
    char name[32];
    while (next_name(&names, name)) {
        if (strcmp(name, wanted) == 0) return true;
    }
    return false;
}

static bool has_parameter(const struct subcommand *subcommand, const char *name)
{
    const struct kz_schema *schema = kz_cli_schema(subcommand);

    for (unsigned i = 0; schema != NULL && i < schema->count; i++) {
        if (strcmp(schema->fields[i].name, name) == 0) return true;
    }
    return is_among(subcommand->words, name) || is_among(subcommand->options, name);
}

/* Says that there is no such option, and which one is nearest. */
static bool fail_unknown_option(const struct subcommand *subcommand, const char *name)
{
    char given[32];
    char texts[CANDIDATES_MAX][32];
    const char *candidates[CANDIDATES_MAX];
    const char *lists[] = {subcommand->words, subcommand->options};
    const struct kz_schema *schema = kz_cli_schema(subcommand);
    int count = 0;

    for (unsigned i = 0; i < sizeof common_options / sizeof common_options[0]; i++)
        candidates[count++] = common_options[i];
    for (unsigned i = 0; schema != NULL && i < schema->count; i++)
        candidates[count++] = schema->fields[i].name;
    for (unsigned i = 0; i < 2; i++) {
        while (count < CANDIDATES_MAX && next_name(&lists[i], texts[count])) {
            candidates[count] = texts[count];
            count++;
        }
    }
    char near[32];
    (void)snprintf(near, sizeof near, "%s", kz_cli_nearest(name, candidates, count));
    (void)snprintf(given, sizeof given, "%s", name);
    for (int i = 0; i < 32; i++) {
        if (near[i] == '_') near[i] = '-';
        if (given[i] == '_') given[i] = '-';
    }
    (void)kz_cli_fail(EXIT_USAGE, "%s has no option --%s%s%s%s; see: kezek help %s",
                      subcommand->name, given, near[0] == '\0' ? "" : "; did you mean --", near,
                      near[0] == '\0' ? "" : "?", subcommand->name);
    return false;
}

bool kz_cli_bind(struct cli *cli, const struct subcommand *subcommand, int used)
{
    for (int i = 0; i < cli->parameter_count; i++) {
        if (!has_parameter(subcommand, cli->parameters[i].name)) {
            return fail_unknown_option(subcommand, cli->parameters[i].name);
        }
    }
    const char *names = subcommand->words;
    char name[32];
    bool takes_more = names != NULL && strstr(names, "…") != NULL;

    cli->words += used;
    cli->word_count -= used;
    while (!takes_more && cli->word_count > 0 && next_name(&names, name)) {
        if (kz_cli_value(cli, name) != NULL) continue;
        if (!add_parameter(cli, name, strlen(name), cli->words[0])) return false;
        cli->words++;
        cli->word_count--;
    }
    if (takes_more || cli->word_count == 0) return true;

    (void)kz_cli_fail(EXIT_USAGE, "\"%s\" is one word too many; usage: kezek %s %s", cli->words[0],
                      subcommand->name, subcommand->usage);
    return false;
}
