/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint health and status: each endpoint is asked by itself, whoever leads. */
#include "client/cli/cli.h"

#include <stdio.h>
#include <string.h>

struct probe {
    bool answered;
    struct kezek_status status;
    char trouble[256];
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

/* Asks one endpoint; LINEARIZABLE makes it prove that it is in touch with a majority. */
static void ask_endpoint(const struct cli *cli, const char *endpoint, bool linearizable,
                         struct probe *probe)
{
    struct kezek_options options = {.endpoints = endpoint,
                                    .timeout_ms = cli->timeout_ms < 3000 ? cli->timeout_ms : 3000,
                                    .any_node = true};
    struct kezek_question question = {.what = KEZEK_ASK_STATUS,
                                      .freshness = linearizable ? KEZEK_LINEARIZABLE : KEZEK_LOCAL};
    struct kezek_error error = {.text = ""};
    struct kezek_connection *connection = kezek_connect(&options, &error);

    *probe = (struct probe){.answered = false};
    if (connection != NULL) {
        (void)kezek_ask(connection, &question, on_status, probe, &error);
        kezek_disconnect(connection);
    }
    memcpy(probe->trouble, error.text, sizeof probe->trouble);
}

static json_t *status_row(const char *endpoint, const struct probe *probe)
{
    const struct kezek_status *it = &probe->status;
    json_t *row = json_object();

    (void)json_object_set_new(row, "endpoint", json_string(endpoint));
    (void)json_object_set_new(row, "node", json_integer((json_int_t)it->node));
    (void)json_object_set_new(row, "role", json_string(probe->answered ? it->role : "unreachable"));
    (void)json_object_set_new(row, "term", json_integer((json_int_t)it->term));
    (void)json_object_set_new(row, "leader", json_integer((json_int_t)it->leader));
    (void)json_object_set_new(row, "last_index", json_integer((json_int_t)it->last_index));
    (void)json_object_set_new(row, "commit_index", json_integer((json_int_t)it->commit_index));
    (void)json_object_set_new(row, "applied_index", json_integer((json_int_t)it->applied_index));
    (void)json_object_set_new(row, "waiting", json_integer((json_int_t)it->waiting));
    (void)json_object_set_new(row, "bytes", json_integer((json_int_t)it->used_bytes));
    (void)json_object_set_new(row, "digest", kz_cli_hex(it->digest, sizeof it->digest));
    return row;
}

static json_t *health_row(const char *endpoint, const struct probe *probe)
{
    return json_pack("{s:s, s:b, s:s}", "endpoint", endpoint, "healthy", (int)probe->answered,
                     "trouble", probe->answered ? "" : probe->trouble);
}

static int each_endpoint(const struct cli *cli, bool linearizable,
                         json_t *(*make_row)(const char *endpoint, const struct probe *probe))
{
    if (cli->endpoints == NULL) {
        return kz_cli_fail(EXIT_USAGE,
                           "no endpoint: give --endpoints HOST:PORT,… or set KEZEK_ENDPOINTS");
    }
    json_t *rows = json_array();
    bool all = true;
    for (const char *next = cli->endpoints; *next != '\0';) {
        char endpoint[64];
        struct probe probe;
        size_t size = strcspn(next, ",");
        (void)snprintf(endpoint, sizeof endpoint, "%.*s", (int)size, next);
        ask_endpoint(cli, endpoint, linearizable, &probe);
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
