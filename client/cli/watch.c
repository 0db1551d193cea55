/* SPDX-License-Identifier: Apache-2.0 */
/* watch: every applied entry as its export line, until interrupted; and the line of one entry. */
#include "client/cli/cli.h"

#include "client/lines/lines.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 10000
#define TURN_MS    1000

static_assert(ENTRY_LINE_SIZE == KZ_LINE_SIZE_MAX, "an entry's line fits");

bool kz_cli_entry_line(const struct kezek_entry *applied, char out[static ENTRY_LINE_SIZE])
{
    struct kz_entry entry;
    uint8_t result = KZ_RESULT_NONE;

    (void)kz_word_find(&kz_result_words, applied->result, strlen(applied->result), &result);
    if (kz_record_decode(applied->record, applied->size, &entry) != KZ_OK) return false;
    if (kz_type_is_cluster(entry.type)) result = KZ_RESULT_NONE; /* an export gives them none */
    (void)kz_line_format(applied->index, applied->term, &entry, result, out);
    return true;
}

/* ---- The line of one entry ---- */

struct fetched {
    bool came;
    char *line;
};

static void on_fetched(void *data, const struct kezek_entry *entries, uint32_t count)
{
    struct fetched *fetched = data;
    if (count > 0 && !fetched->came) fetched->came = kz_cli_entry_line(&entries[0], fetched->line);
}

bool kz_cli_fetch_line(struct kezek_connection *connection, uint64_t index,
                       char out[static ENTRY_LINE_SIZE])
{
    struct fetched fetched = {false, out};
    struct kezek_client *client = kezek_connection_client(connection);
    uint64_t end = kezek_now_ms() + TURN_MS;

    if (kezek_client_watch(client, index, on_fetched, &fetched, NULL) != KEZEK_OK) return false;
    for (uint64_t now = kezek_now_ms(); !fetched.came && now < end; now = kezek_now_ms())
        kezek_connection_turn(connection, (uint32_t)(end - now));
    return fetched.came;
}

/* ---- watch ---- */

struct watching {
    uint64_t to; /* the last entry to print */
    bool ended;
    bool newer; /* an entry of a later format came */
};

static void on_entries(void *data, const struct kezek_entry *entries, uint32_t count)
{
    struct watching *watching = data;
    char line[ENTRY_LINE_SIZE];

    for (uint32_t i = 0; i < count && !watching->ended; i++) {
        watching->newer = !kz_cli_entry_line(&entries[i], line);
        if (!watching->newer) (void)puts(line);
        watching->ended = watching->newer || entries[i].index >= watching->to;
    }
    if (fflush(stdout) != 0) watching->ended = true;
}

static void on_status(void *data, const struct kezek_answer *answer, const void *content,
                      uint32_t count)
{
    (void)content;
    (void)count;
    *(uint64_t *)data = answer->applied;
}

int kz_cli_find_end(const struct cli *cli, struct kezek_connection *connection, uint64_t *out_index)
{
    struct kezek_error error;
    const struct kezek_question question = {
        .what = KEZEK_ASK_STATUS, .freshness = cli->local ? KEZEK_LOCAL : KEZEK_LINEARIZABLE};

    enum kezek_code code = kezek_ask(connection, &question, on_status, out_index, &error);
    if (code == KEZEK_OK) return EXIT_OK;
    return kz_cli_fail(kz_cli_exit_code(code, NULL), "%s", error.text);
}

static int watch(const struct cli *cli, struct kezek_connection *connection, uint64_t from,
                 uint64_t to)
{
    struct watching watching = {.to = to};
    struct kezek_error error;
    uint64_t last_index = 0;

    int code = kz_cli_find_end(cli, connection, &last_index);
    if (code != EXIT_OK) return code;
    if (from == 0 && to <= last_index) {
        return kz_cli_fail(EXIT_USAGE,
                           "entry %" PRIu64 " was applied already; give --from to see it", to);
    }
    if (from == 0) from = last_index + 1;
    if (kezek_client_watch(kezek_connection_client(connection), from, on_entries, &watching,
                           &error) != KEZEK_OK) {
        return kz_cli_fail(EXIT_USAGE, "%s", error.text);
    }
    while (!watching.ended)
        kezek_connection_turn(connection, TURN_MS);
    if (watching.newer) {
        return kz_cli_fail(EXIT_REFUSED, "an entry is of a later format than this program knows");
    }
    return EXIT_OK;
}

int kz_cli_watch(const struct cli *cli, const struct subcommand *self)
{
    uint64_t from = 0;
    uint64_t to = UINT64_MAX;
    (void)self;

    if (!kz_cli_number_value(cli, "from", 1, UINT32_MAX, &from) ||
        !kz_cli_number_value(cli, "to", from == 0 ? 1 : from, UINT32_MAX, &to)) {
        return EXIT_USAGE;
    }
    struct kezek_connection *connection = kz_cli_connect(cli, cli->local, TIMEOUT_MS);
    if (connection == NULL) return EXIT_USAGE;
    int code = watch(cli, connection, from, to);
    kezek_disconnect(connection);
    return code;
}
