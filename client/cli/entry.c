/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that append one entry. */
#include "client/cli/cli.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define TIMEOUT_MS  10000
#define SECRET_SIZE 16
#define VALUE_SIZE  1200

/* An entry under construction. */
struct filling {
    const struct cli *cli;
    const struct subcommand *self;
    struct kezek_connection *connection;
    struct kezek_command *command;
    bool has_territory; /* the territory as it is now was asked for */
    struct kezek_territory territory;
    bool made_secret;
    uint8_t secret[SECRET_SIZE];
};

static int set(struct filling *filling, const char *name, const char *value)
{
    struct kezek_error error;
    if (kezek_command_set(filling->command, name, value, &error) == KEZEK_OK) return EXIT_OK;
    return kz_cli_fail(EXIT_USAGE, "%s", error.text);
}

/* Makes the family's secret; its SHA-256 goes into the ledger. */
static int make_secret(struct filling *filling)
{
    uint8_t hash[32];
    char hex[2 * sizeof hash + 1];

    if (getrandom(filling->secret, SECRET_SIZE, 0) != SECRET_SIZE ||
        EVP_Digest(filling->secret, SECRET_SIZE, hash, NULL, EVP_sha256(), NULL) != 1) {
        return kz_cli_fail(EXIT_REFUSED, "the system gives no random numbers for the secret");
    }
    filling->made_secret = true;
    kz_cli_write_hex(hash, sizeof hash, hex);
    return set(filling, "secret_hash", hex);
}

/* Takes what was not given from the territory as it is. A territory that is not there yet has
 * nothing to give: then the library names what is missing. */
static int set_present(struct filling *filling, const char *field)
{
    char value[VALUE_SIZE];
    uint64_t number = 0;
    struct kezek_error error;

    if (kz_cli_value(filling->cli, "territory") == NULL || strcmp(field, "territory") == 0) {
        return EXIT_OK;
    }
    if (!filling->has_territory) {
        if (!kz_cli_number_value(filling->cli, "territory", 1, UINT32_MAX, &number)) {
            return EXIT_USAGE;
        }
        enum kezek_code code = kz_cli_ask_territory(filling->connection, filling->cli,
                                                    (uint32_t)number, &filling->territory, &error);
        if (code == KEZEK_NOT_FOUND && strcmp(filling->self->entry_type, "territory") == 0) {
            return EXIT_OK;
        }
        if (code == KEZEK_NOT_FOUND) {
            return kz_cli_fail(EXIT_NOT_FOUND, "unknown_territory: %s",
                               kz_cli_explain("unknown_territory", "territory"));
        }
        if (code != KEZEK_OK) return kz_cli_fail(kz_cli_exit_code(code, NULL), "%s", error.text);
        filling->has_territory = true;
    }
    if (!kz_cli_territory_value(&filling->territory, field, value, sizeof value)) return EXIT_OK;
    return set(filling, field, value);
}

/* Fills what a person at a desk need not type. */
static int set_default(struct filling *filling, const struct kz_field *field)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    const char *type = filling->self->entry_type;

    if (strcmp(type, "policy") == 0 || strcmp(type, "territory") == 0) {
        return set_present(filling, field->name);
    }
    if (strcmp(field->name, "evidence") == 0) return set(filling, field->name, zeros + 32);
    if (strcmp(field->name, "key_hash") == 0) return set(filling, field->name, zeros);
    if (strcmp(field->name, "secret_hash") == 0) return make_secret(filling);
    if (strcmp(type, "actor") == 0 && strcmp(field->name, "kindergarten") == 0) {
        return set(filling, field->name, "0");
    }
    return EXIT_OK; /* missing: the library names it */
}

static int fill(struct filling *filling)
{
    const struct kz_schema *schema = kz_cli_schema(filling->self);

    for (unsigned i = 0; i < schema->count; i++) {
        const struct kz_field *field = &schema->fields[i];
        const char *value = kz_cli_value(filling->cli, field->name);
        int code = value != NULL ? set(filling, field->name, value) : set_default(filling, field);
        if (code != EXIT_OK) return code;
    }
    return EXIT_OK;
}

/* ---- What became of it ---- */

static void print_receipt(const struct filling *filling, const struct kezek_outcome *outcome)
{
    char secret[2 * SECRET_SIZE + 1];
    kz_cli_write_hex(filling->secret, SECRET_SIZE, secret);

    if (outcome->code == KEZEK_OK) {
        (void)fprintf(stderr,
                      "receipt: application %" PRIu64 ", secret %s (keep it: it is shown once)\n",
                      outcome->index, secret);
    } else {
        (void)fprintf(stderr, "if it was appended, its secret is %s\n", secret);
    }
}

static void print_line(const struct filling *filling, const struct kezek_outcome *outcome)
{
    char line[ENTRY_LINE_SIZE];

    /* The ledger's own line has the term too, and the time of a repeated one. */
    if ((outcome->index > 0 && kz_cli_fetch_line(filling->connection, outcome->index, line)) ||
        kezek_command_line(filling->command, outcome, line, sizeof line) > 0) {
        (void)puts(line);
    }
}

static void print_outcome(const struct filling *filling, const struct kezek_outcome *outcome)
{
    if (kz_cli_is_json(filling->cli)) {
        print_line(filling, outcome);
        return;
    }
    (void)fputs(outcome->result, stdout);
    if (outcome->index > 0) (void)printf(" %" PRIu64, outcome->index);
    (void)puts(outcome->repeated ? " repeated" : "");
    if (outcome->code != KEZEK_OK) {
        (void)kz_cli_fail(EXIT_REFUSED, "%s: %s", outcome->result,
                          kz_cli_explain(outcome->result, filling->self->entry_type));
    }
}

static int tell(const struct filling *filling, const struct kezek_outcome *outcome)
{
    int code = kz_cli_exit_code(outcome->code, outcome->result);
    char request[33];

    if (outcome->result != NULL) {
        print_outcome(filling, outcome);
        if (outcome->code == KEZEK_OK && filling->made_secret) print_receipt(filling, outcome);
        return code;
    }
    if (outcome->code == KEZEK_USAGE) {
        return kz_cli_fail(code, "%s; see: kezek help %s", outcome->text, filling->self->name);
    }
    if (outcome->code != KEZEK_UNKNOWN) return kz_cli_fail(code, "%s", outcome->text);

    kz_cli_write_hex(outcome->request, sizeof outcome->request, request);
    (void)kz_cli_fail(code, "it is not known whether this was appended (%s); ask: kezek request %s",
                      outcome->text, request);
    if (filling->made_secret) print_receipt(filling, outcome);
    return code;
}

int kz_cli_entry(const struct cli *cli, const struct subcommand *self)
{
    struct kezek_outcome outcome;
    struct kezek_error error;
    struct filling filling = {
        .cli = cli,
        .self = self,
        .connection = kz_cli_connect(cli, false, TIMEOUT_MS),
    };
    if (filling.connection == NULL) return EXIT_USAGE;
    filling.command = kezek_command_create(self->entry_type, &error);
    if (filling.command == NULL) {
        kezek_disconnect(filling.connection);
        return kz_cli_fail(EXIT_REFUSED, "%s", error.text);
    }
    kezek_command_set_actor(filling.command, cli->actor);
    if (cli->has_request) kezek_command_set_request(filling.command, cli->request);
    int code = fill(&filling);
    if (code == EXIT_OK) {
        (void)kezek_submit(filling.connection, filling.command, &outcome);
        code = tell(&filling, &outcome);
    }
    kezek_command_destroy(filling.command);
    kezek_disconnect(filling.connection);
    return code;
}
