/* SPDX-License-Identifier: Apache-2.0 */
/* One client that asks seldom, to see what others do to it: in turn an application and a
 * linearizable question for the position of one made before, --rate a second, whether or not those
 * before were answered. */
#include "ops/bench/bench.h"
#include "ops/bench/clock.h"
#include "ops/bench/cluster.h"
#include "ops/bench/draw.h"
#include "ops/bench/report.h"

#include <stdlib.h>

#define SLOTS 4096 /* asked and not answered */

struct probe;

struct slot {
    struct probe *probe;
    uint64_t begun_ns; /* 0: free */
    bool is_measured;
};

struct probe {
    struct kezek_connection *connection;
    uint64_t random;
    uint64_t territories;
    uint64_t application; /* the last one that was made, 0: none yet */
    uint64_t failed;
    struct slot slots[SLOTS];
};

static struct histogram writes;
static struct histogram reads;

static void end(struct slot *slot, bool answered, struct histogram *latency)
{
    slot->probe->failed += !answered;
    if (slot->is_measured) histogram_add(latency, clock_now_ns() - slot->begun_ns);
    slot->begun_ns = 0;
}

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    struct slot *slot = data;
    if (outcome->code == KEZEK_OK) slot->probe->application = outcome->index;
    end(slot, outcome->code == KEZEK_OK, &writes);
}

static void on_answer(void *data, const struct kezek_answer *answer, const void *content,
                      uint32_t count)
{
    end(data, answer->code == KEZEK_OK && content != NULL && count == 1, &reads);
}

static void write_one(struct probe *probe, struct slot *slot)
{
    struct kz_entry entry;
    draw_application(&probe->random, probe->territories, &entry);
    cluster_submit(probe->connection, &entry, on_outcome, slot);
}

static void read_one(struct probe *probe, struct slot *slot)
{
    struct kezek_question question = {.what = KEZEK_ASK_POSITIONS,
                                      .freshness = KEZEK_LINEARIZABLE,
                                      .numbers = &probe->application,
                                      .count = 1};
    struct kezek_error error;
    if (kezek_client_ask(kezek_connection_client(probe->connection), kezek_now_ms(), &question,
                         on_answer, slot, &error) != KEZEK_OK) {
        exit(bench_fail("%s", error.text));
    }
}

/* Asks the NUMBER-th. One for which there is no slot, or nothing to ask about, has failed. */
static void ask(struct probe *probe, uint64_t number, bool is_measured)
{
    struct slot *slot = &probe->slots[number % SLOTS];
    bool is_read = number % 2 == 1;

    if (slot->begun_ns != 0 || (is_read && probe->application == 0)) {
        probe->failed++;
        return;
    }
    *slot = (struct slot){probe, clock_now_ns(), is_measured};
    (is_read ? read_one : write_one)(probe, slot);
}

/* Does I/O until that moment, to the millisecond. */
static void turn_until(struct probe *probe, uint64_t ns)
{
    for (uint64_t now = clock_now_ns(); now < ns; now = clock_now_ns())
        kezek_connection_turn(probe->connection, (uint32_t)((ns - now + 999999) / 1000000));
}

/* Asks until the time is over, then waits for the answers. */
static void run(struct probe *probe, const struct bench_options *options)
{
    ask(probe, 0, false);
    cluster_wait(probe->connection);

    uint64_t begun = clock_now_ns();
    uint64_t warm = begun + options->warmup_ms * 1000000;
    uint64_t over = warm + options->seconds * 1000000000;
    for (uint64_t number = 0, due = begun; due < over; number++) {
        turn_until(probe, due);
        ask(probe, number, due >= warm);
        due = begun + (number + 1) * 1000000000 / options->rate;
    }
    cluster_wait(probe->connection);
}

static void report_part(json_t *report, const char *name, const struct histogram *latency)
{
    json_t *part = json_object();
    report_count(part, "count", latency->count);
    report_latency(part, latency);
    (void)json_object_set_new(report, name, part);
}

int bench_probe(const struct bench_options *options)
{
    static struct probe probe;
    probe.connection = cluster_connect(options->endpoints);
    if (probe.connection == NULL) return 1;
    probe.random = cluster_random(options->seed);
    probe.territories = options->territories;

    cluster_found(probe.connection, options, &probe.random);
    json_t *report = report_create("probe");
    run(&probe, options);
    report_count(report, "rate", options->rate);
    report_part(report, "writes", &writes);
    report_part(report, "reads", &reads);
    report_count(report, "failed", probe.failed);
    kezek_disconnect(probe.connection);
    return report_print(report) == 0 && probe.failed == 0 ? 0 : 1;
}
