/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that append one entry. Options are the entry's fields; words without a name fill the
 * fields in the order of RULES.md's braces. */
#include "client/cli/cli.h"

#include "statemachine/record/schema.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define SECRET_SIZE 16

struct receipt {
    bool made; /* we made the secret, and show it once */
    uint8_t secret[SECRET_SIZE];
};

static bool set(struct kezek_command *command, const char *name, const char *value)
{
    struct kezek_error error;
    if (kezek_command_set(command, name, value, &error) == KEZEK_OK) return true;
    (void)kz_cli_fail(EXIT_USAGE, "%s", error.text);
    return false;
}

static void write_hex(const uint8_t *bytes, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* Makes the family's secret; its SHA-256 goes into the ledger (DESIGN: Privacy). */
static bool make_secret(struct kezek_command *command, struct receipt *receipt)
{
    uint8_t hash[32];
    char hex[2 * sizeof hash + 1];

    if (getrandom(receipt->secret, SECRET_SIZE, 0) != SECRET_SIZE ||
        EVP_Digest(receipt->secret, SECRET_SIZE, hash, NULL, EVP_sha256(), NULL) != 1) {
        (void)kz_cli_fail(EXIT_REFUSED,
                          "no random numbers from the system for the receipt's secret");
        return false;
    }
    receipt->made = true;
    write_hex(hash, sizeof hash, hex);
    return set(command, "secret_hash", hex);
}

/* Fills what a person at a desk need not type. */
static bool set_default(struct kezek_command *command, const struct kz_field *field,
                        struct receipt *receipt)
{
    static const char zero_id[] = "00000000000000000000000000000000";

    if (strcmp(field->name, "evidence") == 0) return set(command, field->name, zero_id);
    if (strcmp(field->name, "secret_hash") == 0) return make_secret(command, receipt);
    if (strcmp(field->name, "register_closed") == 0) return set(command, field->name, "false");
    return true; /* missing: the library names it */
}

static bool fill(const struct cli *cli, const struct subcommand *self,
                 struct kezek_command *command, struct receipt *receipt)
{
    uint8_t type = 0;
    (void)kz_word_find(&kz_entry_type_words, self->entry_type, strlen(self->entry_type), &type);
    const struct kz_schema *schema = kz_schema_of(type);
    int next_argument = 0;

    for (unsigned i = 0; i < schema->count; i++) {
        const struct kz_field *field = &schema->fields[i];
        const char *value = kz_cli_field(cli, field->name);
        if (value == NULL && next_argument < cli->argument_count) {
            value = cli->arguments[next_argument++];
        }
        bool filled =
            value != NULL ? set(command, field->name, value) : set_default(command, field, receipt);
        if (!filled) return false;
    }
    if (next_argument < cli->argument_count) {
        (void)kz_cli_fail(EXIT_USAGE, "\"%s\" is one word too many; usage: kezek %s %s",
                          cli->arguments[next_argument], self->name, self->usage);
        return false;
    }
    return true;
}

static void print_outcome(const struct cli *cli, const struct kezek_command *command,
                          const struct kezek_outcome *outcome, const struct receipt *receipt)
{
    char line[8192];
    char secret[2 * SECRET_SIZE + 1] = "";

    if (cli->format == FORMAT_JSON || cli->format == FORMAT_JSONL) {
        if (kezek_command_line(command, outcome, line, sizeof line) > 0) (void)puts(line);
    } else if (outcome->index > 0) {
        (void)printf("%s %" PRIu64 "%s\n", outcome->result, outcome->index,
                     outcome->repeated ? " repeated" : "");
    } else {
        (void)printf("%s\n", outcome->result);
    }
    if (!receipt->made || outcome->code != KEZEK_OK || outcome->repeated) return;
    write_hex(receipt->secret, SECRET_SIZE, secret);
    (void)fprintf(stderr,
                  "receipt: application %" PRIu64 ", secret %s (keep it: it is shown once)\n",
                  outcome->index, secret);
}

static int submit(const struct cli *cli, const struct kezek_command *command,
                  const struct receipt *receipt)
{
    struct kezek_outcome outcome;
    struct kezek_connection *connection = kz_cli_connect(cli);
    if (connection == NULL) return EXIT_USAGE;

    (void)kezek_submit(connection, command, &outcome);
    kezek_disconnect(connection);
    if (outcome.result != NULL) {
        print_outcome(cli, command, &outcome, receipt);
    } else if (outcome.code == KEZEK_UNKNOWN) {
        char hex[33];
        write_hex(outcome.request, sizeof outcome.request, hex);
        (void)kz_cli_fail(
            EXIT_UNAVAILABLE,
            "it is not known whether this was appended (%s); ask with: kezek request %s",
            outcome.text, hex);
    } else {
        (void)kz_cli_fail(EXIT_REFUSED, "%s", outcome.text);
    }
    return kz_cli_exit_code(outcome.code, outcome.result);
}

int kz_cli_entry(const struct cli *cli, const struct subcommand *self)
{
    struct kezek_error error;
    struct receipt receipt = {.made = false};
    struct kezek_command *command = kezek_command_create(self->entry_type, &error);
    if (command == NULL) return kz_cli_fail(EXIT_REFUSED, "%s", error.text);

    kezek_command_set_actor(command, cli->actor);
    if (cli->has_request) kezek_command_set_request(command, cli->request);
    int code = fill(cli, self, command, &receipt) ? submit(cli, command, &receipt) : EXIT_USAGE;
    kezek_command_destroy(command);
    return code;
}
