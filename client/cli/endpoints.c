/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint health and status: each endpoint is asked by itself, whoever leads. */
#include "client/cli/cli.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 3000

struct probe {
    bool answered;
    uint64_t took_ms;
    struct kezek_status status;
    struct kezek_error error;
};

static void on_status(void *data, const struct kezek_answer *answer, const void *content,
                      uint32_t count)
{
    struct probe *probe = data;
    (void)answer;
    if (content == NULL || count == 0) return;

    probe->answered = true;
    probe->status = *(const struct kezek_status *)content;
}

/* Asks one endpoint; LINEARIZABLE makes it prove that it is in touch with a majority. Returns:
 * false after it has said that ENDPOINT is no address. */
static bool ask_endpoint(const struct cli *cli, const char *endpoint, bool linearizable,
                         struct probe *probe)
{
    const struct kezek_options options = {
        .endpoints = endpoint,
        .timeout_ms = cli->timeout_ms != 0 ? cli->timeout_ms : TIMEOUT_MS,
        .any_node = true,
    };
    const struct kezek_question question = {
        .what = KEZEK_ASK_STATUS,
        .freshness = linearizable ? KEZEK_LINEARIZABLE : KEZEK_LOCAL,
    };
    *probe = (struct probe){.answered = false};
    struct kezek_connection *connection = kezek_connect(&options, &probe->error);
    if (connection == NULL) {
        (void)kz_cli_fail(EXIT_USAGE, "%s", probe->error.text);
        return false;
    }
    uint64_t begun = kezek_now_ms();
    (void)kezek_ask(connection, &question, on_status, probe, &probe->error);
    probe->took_ms = kezek_now_ms() - begun;
    kezek_disconnect(connection);
    return true;
}

static void add_number(json_t *row, const struct probe *probe, const char *key, uint64_t number)
{
    kz_cli_add(row, key, probe->answered ? json_integer((json_int_t)number) : json_null());
}

static json_t *status_row(const char *endpoint, const struct probe *probe)
{
    const struct kezek_status *it = &probe->status;
    json_t *row = json_object();

    kz_cli_add(row, "endpoint", json_string(endpoint));
    add_number(row, probe, "node", it->node);
    kz_cli_add(row, "role", json_string(probe->answered ? it->role : "unreachable"));
    add_number(row, probe, "term", it->term);
    add_number(row, probe, "leader", it->leader);
    add_number(row, probe, "last_index", it->last_index);
    add_number(row, probe, "commit_index", it->commit_index);
    add_number(row, probe, "applied_index", it->applied_index);
    add_number(row, probe, "waiting", it->waiting);
    add_number(row, probe, "bytes", it->used_bytes);
    kz_cli_add(row, "digest",
               probe->answered ? kz_cli_hex(it->digest, sizeof it->digest) : json_null());
    return row;
}

static json_t *health_row(const char *endpoint, const struct probe *probe)
{
    json_t *row = json_object();

    kz_cli_add(row, "endpoint", json_string(endpoint));
    kz_cli_add(row, "healthy", json_boolean(probe->answered));
    kz_cli_add(row, "took_ms", json_integer((json_int_t)probe->took_ms));
    kz_cli_add(row, "trouble", probe->answered ? json_null() : json_string(probe->error.text));
    return row;
}

static int each_endpoint(const struct cli *cli, bool linearizable,
                         json_t *(*make_row)(const char *endpoint, const struct probe *probe))
{
    struct kezek_connection *check =
        kz_cli_connect(cli, true, TIMEOUT_MS); /* of the list as a whole */
    if (check == NULL) return EXIT_USAGE;
    kezek_disconnect(check);

    json_t *rows = json_array();
    bool all = true;
    for (const char *next = cli->endpoints; *next != '\0';) {
        char endpoint[KEZEK_ADDRESS_SIZE];
        struct probe probe;
        size_t size = strcspn(next, ",");
        (void)snprintf(endpoint, sizeof endpoint, "%.*s", (int)size, next);
        if (!ask_endpoint(cli, endpoint, linearizable, &probe)) {
            json_decref(rows);
            return EXIT_USAGE;
        }
        all = all && probe.answered;
        (void)json_array_append_new(rows, make_row(endpoint, &probe));
        next += size + (next[size] == ',');
    }
    (void)kz_cli_print(cli, rows, false);
    return all ? EXIT_OK : EXIT_UNAVAILABLE;
}

int kz_cli_endpoint_health(const struct cli *cli, const struct subcommand *self)
{
    (void)self;
    return each_endpoint(cli, true, health_row);
}

int kz_cli_endpoint_status(const struct cli *cli, const struct subcommand *self)
{
    (void)self;
    return each_endpoint(cli, false, status_row);
}
