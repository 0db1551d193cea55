/* SPDX-License-Identifier: Apache-2.0 */
/* watch: every applied entry as its export line, from an index on, until interrupted. */
#include "client/cli/cli.h"

#include "client/lines/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_entries(void *data, const struct kezek_entry *entries, uint32_t count)
{
    (void)data;
    for (uint32_t i = 0; i < count; i++) {
        char line[KZ_LINE_SIZE_MAX];
        struct kz_entry entry;
        uint8_t result = KZ_RESULT_OK;
        (void)kz_word_find(&kz_result_words, entries[i].result, strlen(entries[i].result), &result);
        if (kz_record_decode(entries[i].record, entries[i].size, &entry) != KZ_OK) {
            exit(kz_cli_fail(EXIT_REFUSED,
                             "entry %llu is of a later version than this program knows",
                             (unsigned long long)entries[i].index));
        }
        (void)kz_line_format(entries[i].index, entries[i].term, &entry, result, line);
        (void)puts(line);
    }
    (void)fflush(stdout);
}

int kz_cli_watch(const struct cli *cli, const struct subcommand *self)
{
    uint64_t from = 1;
    struct kezek_error error;
    const char *given = kz_cli_field(cli, "from");

    (void)self;
    if (given != NULL && !kz_cli_number(given, "--from", 1, UINT32_MAX, &from)) return EXIT_USAGE;
    struct kezek_connection *connection = kz_cli_connect(cli);
    if (connection == NULL) return EXIT_USAGE;
    if (kezek_client_watch(kezek_connection_client(connection), from, on_entries, NULL, &error) !=
        KEZEK_OK) {
        return kz_cli_fail(EXIT_USAGE, "%s", error.text);
    }
    while (ferror(stdout) == 0)
        (void)kezek_connection_run(connection, 0, 0);
    kezek_disconnect(connection);
    return EXIT_REFUSED;
}
