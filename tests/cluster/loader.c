/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-loader: appends applications at a rate, and writes down every acknowledgement as one JSON
 * line
 * {"request", "index", "result"} once it has come, for whoever checks later that none was lost.
 *
 *   kezek-loader ENDPOINTS TERRITORY RATE SEED FILE
 *
 * RATE is commands a second, asked for every TURN_MS; after a pause of the cluster it catches up,
 * with at most OUTSTANDING_MAX in flight. Ends with SIGTERM: it waits for what is in flight, and
 * prints how many were acknowledged and of how many the fate stayed unknown. */
#include "client/wire/messages.h"
#include "statemachine/base/checksum.h"

#include <inttypes.h>
#include <kezek/kezek.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIRTH_YEAR      2020
#define OUTSTANDING_MAX 8192
#define TURN_MS         10

struct loader {
    FILE *file;
    uint64_t seed;
    uint64_t asked;
    uint64_t acknowledged;
    uint64_t unknown;
    uint32_t territory;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    struct loader *loader = data;
    char hex[33];

    if (outcome->index == 0) {
        loader->unknown += outcome->code == KEZEK_UNKNOWN;
        return;
    }
    for (unsigned i = 0; i < 16; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", outcome->request[i]);
    (void)fprintf(loader->file, "{\"request\":\"%s\",\"index\":%" PRIu64 ",\"result\":\"%s\"}\n",
                  hex, outcome->index, outcome->result);
    loader->acknowledged++;
}

/* The NUMBER-th application of this seed: request id and child follow from both. */
static size_t make_record(const struct loader *loader, uint64_t number, uint8_t *out, size_t size)
{
    uint64_t key[2] = {loader->seed, number};
    struct kz_hash128 hash = kz_hash128(key, sizeof key);
    struct kz_entry entry = {.type = KZ_APPLICATION};

    memcpy(entry.request, &hash, sizeof hash);
    memcpy(entry.application.child, &hash, sizeof hash);
    entry.application.child[0] ^= 1;
    entry.application.territory = loader->territory;
    entry.application.birth_year = BIRTH_YEAR;
    entry.application.kind = KZ_ORDINARY;
    entry.application.category = KZ_GENERAL;
    return kz_record_encode(&entry, out, size);
}

static void ask(struct loader *loader, struct kezek_client *client)
{
    struct kezek_error error;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = make_record(loader, loader->asked++, record, sizeof record);

    if (kezek_client_submit_record(client, kezek_now_ms(), record, size, on_outcome, loader,
                                   &error) != KEZEK_OK) {
        (void)fprintf(stderr, "loader: %s\n", error.text);
        exit(1);
    }
}

/* Does I/O for TURN_MS, whether or not commands wait. */
static void turn(struct kezek_connection *connection)
{
    uint64_t now = kezek_now_ms();
    uint64_t until = now + TURN_MS;

    for (; now < until; now = kezek_now_ms())
        kezek_connection_turn(connection, (uint32_t)(until - now));
}

static void load(struct loader *loader, struct kezek_connection *connection, uint64_t rate)
{
    struct kezek_client *client = kezek_connection_client(connection);
    uint64_t begun = kezek_now_ms();

    while (stopping == 0) {
        uint64_t due = (kezek_now_ms() - begun) * rate / 1000;
        while (loader->asked < due && kezek_client_waiting(client) < OUTSTANDING_MAX) {
            ask(loader, client);
        }
        turn(connection);
    }
    (void)kezek_connection_run(connection, 0, 0);
}

int main(int argc, char **argv)
{
    struct kezek_error error;
    if (argc != 6) {
        (void)fputs("usage: kezek-loader ENDPOINTS TERRITORY RATE SEED FILE\n", stderr);
        return 2;
    }
    struct kezek_options options = {.endpoints = argv[1], .timeout_ms = 30000};
    struct loader loader = {.file = fopen(argv[5], "w"),
                            .seed = strtoull(argv[4], NULL, 10),
                            .territory = (uint32_t)strtoul(argv[2], NULL, 10)};
    struct kezek_connection *connection = kezek_connect(&options, &error);
    if (connection == NULL || loader.file == NULL) {
        (void)fprintf(stderr, "loader: %s\n", connection == NULL ? error.text : argv[5]);
        return 1;
    }
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    load(&loader, connection, strtoull(argv[3], NULL, 10));
    kezek_disconnect(connection);
    (void)printf("%" PRIu64 " acknowledged, %" PRIu64 " unknown\n", loader.acknowledged,
                 loader.unknown);
    return fclose(loader.file) != 0 ? 1 : 0;
}
