/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/bench/cluster.h"

#include "ops/bench/bench.h"
#include "ops/bench/clock.h"
#include "ops/bench/draw.h"
#include "ops/bench/report.h"
#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_MS   30000
#define AGREE_MAX_NS UINT64_C(20000000000)
#define PAUSE_NS     20000000
#define NODES_MAX    16

uint64_t cluster_random(uint64_t seed)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t state = seed ^ (uint64_t)now.tv_sec * 1000000007 ^ (uint64_t)now.tv_nsec << 20;
    return draw(&state);
}

struct kezek_connection *cluster_connect(const char *endpoints)
{
    struct kezek_options options = {.endpoints = endpoints, .timeout_ms = TIMEOUT_MS};
    struct kezek_error error;
    struct kezek_connection *connection = kezek_connect(&options, &error);
    if (connection == NULL) (void)bench_fail("%s", error.text);
    return connection;
}

static void must_be_ok(void *data, const struct kezek_outcome *outcome)
{
    (void)data;
    if (outcome->code == KEZEK_OK) return;
    (void)bench_fail("an entry that prepares the run was not accepted: %s",
                     outcome->result != NULL ? outcome->result : outcome->text);
    exit(1);
}

void cluster_submit(struct kezek_connection *connection, const struct kz_entry *entry,
                    kezek_outcome_callback callback, void *data)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kezek_error error;
    size_t size = kz_record_encode(entry, record, sizeof record);

    KZ_ASSERT(size > 0);
    if (kezek_client_submit_record(kezek_connection_client(connection), kezek_now_ms(), record,
                                   size, callback != NULL ? callback : must_be_ok, data,
                                   &error) != KEZEK_OK) {
        exit(bench_fail("%s", error.text));
    }
}

void cluster_wait(struct kezek_connection *connection)
{
    (void)kezek_connection_run(connection, 0, 0);
}

void cluster_ask(struct kezek_connection *connection, const struct kezek_question *question,
                 kezek_answer_callback callback, void *data)
{
    struct kezek_error error;
    enum kezek_code code = kezek_ask(connection, question, callback, data, &error);
    if (code != KEZEK_OK && code != KEZEK_NOT_FOUND) exit(bench_fail("%s", error.text));
}

static void on_territory(void *data, const struct kezek_answer *answer, const void *content,
                         uint32_t count)
{
    bool *known = data;
    *known = answer->code == KEZEK_OK && content != NULL && count > 0;
}

void cluster_found(struct kezek_connection *connection, const struct bench_options *options,
                   uint64_t *random)
{
    for (uint32_t number = 1; number <= options->territories; number++) {
        struct kezek_question question = {.what = KEZEK_ASK_TERRITORY, .territory = number};
        struct kz_entry entry;
        char name[BENCH_NAME_SIZE];
        bool known = false;
        cluster_ask(connection, &question, on_territory, &known);
        if (known) continue;
        draw_territory(random, number, name, &entry);
        cluster_submit(connection, &entry, NULL, NULL);
        draw_kindergarten(random, number, name, &entry);
        cluster_submit(connection, &entry, NULL, NULL);
        cluster_wait(connection);
    }
}

/* ---- Status ---- */

static void on_status(void *data, const struct kezek_answer *answer, const void *content,
                      uint32_t count)
{
    struct kezek_status *status = data;
    if (answer->code == KEZEK_OK && count == 1) memcpy(status, content, sizeof *status);
}

uint64_t cluster_waiting(struct kezek_connection *connection)
{
    struct kezek_question question = {.what = KEZEK_ASK_STATUS};
    struct kezek_status status = {0};
    cluster_ask(connection, &question, on_status, &status);
    return status.waiting;
}

/* Asks each node by itself. Returns: how many answered. */
static unsigned read_all(const char *endpoints, struct kezek_status out[static NODES_MAX])
{
    unsigned reached = 0;

    for (const char *next = endpoints; *next != '\0' && reached < NODES_MAX;) {
        char endpoint[128] = {0};
        size_t size = strcspn(next, ",");
        if (size < sizeof endpoint) memcpy(endpoint, next, size);
        next += size + (next[size] == ',');

        struct kezek_options options = {
            .endpoints = endpoint, .timeout_ms = 1000, .any_node = true};
        struct kezek_question question = {.what = KEZEK_ASK_STATUS, .freshness = KEZEK_LOCAL};
        struct kezek_error error;
        struct kezek_connection *connection = kezek_connect(&options, &error);
        if (connection == NULL) continue;
        if (kezek_ask(connection, &question, on_status, &out[reached], &error) == KEZEK_OK)
            reached++;
        kezek_disconnect(connection);
    }
    return reached;
}

static bool are_level(const struct kezek_status *nodes, unsigned count)
{
    bool level = count > 0;
    for (unsigned i = 1; i < count; i++)
        level = level && nodes[i].applied_index == nodes[0].applied_index;
    return level;
}

bool cluster_agrees(const char *endpoints, json_t *report)
{
    struct kezek_status nodes[NODES_MAX];
    struct timespec pause = {.tv_nsec = PAUSE_NS};
    uint64_t begun = clock_now_ns();
    unsigned reached = read_all(endpoints, nodes);

    while (!are_level(nodes, reached) && clock_now_ns() - begun < AGREE_MAX_NS) {
        (void)nanosleep(&pause, NULL);
        reached = read_all(endpoints, nodes);
    }
    bool agree = are_level(nodes, reached);
    for (unsigned i = 1; i < reached; i++)
        agree = agree && memcmp(nodes[i].digest, nodes[0].digest, sizeof nodes[0].digest) == 0;
    report_count(report, "nodes_reached", reached);
    report_count(report, "applied", reached > 0 ? nodes[0].applied_index : 0);
    (void)json_object_set_new(report, "digests_agree", json_boolean(agree));
    return agree;
}
