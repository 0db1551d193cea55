/* SPDX-License-Identifier: Apache-2.0 */
/* Questions for the positions of applications, at random among those made for it. */
#include "ops/bench/bench.h"
#include "ops/bench/cluster.h"
#include "ops/bench/draw.h"
#include "ops/bench/load.h"
#include "ops/bench/report.h"

#include <stdlib.h>

#define FILL_WAITING_MAX 4096

struct position {
    uint64_t random;
    uint64_t *numbers;
    uint64_t count;
    uint32_t at_a_time;
    bool linearizable;
};

static void begin(void *data, struct load_slot *slot)
{
    struct position *position = data;
    uint64_t numbers[4096];
    struct kezek_question question = {.what = KEZEK_ASK_POSITIONS,
                                      .freshness =
                                          position->linearizable ? KEZEK_LINEARIZABLE : KEZEK_LOCAL,
                                      .numbers = numbers,
                                      .count = position->at_a_time};

    for (uint32_t i = 0; i < position->at_a_time; i++)
        numbers[i] = position->numbers[draw_below(&position->random, position->count)];
    load_ask(slot, &question);
}

static void on_made(void *data, const struct kezek_outcome *outcome)
{
    struct position *position = data;
    if (outcome->code == KEZEK_OK) position->numbers[position->count++] = outcome->index;
}

/* Makes the applications to ask about. Returns: false without memory, or when none was accepted. */
static bool fill(struct position *position, struct kezek_connection *connection,
                 const struct bench_options *options)
{
    position->numbers = malloc(options->fill * sizeof *position->numbers);
    if (position->numbers == NULL) return bench_fail("out of memory") == 0;

    for (uint64_t i = 0; i < options->fill; i++) {
        struct kz_entry entry;
        draw_application(&position->random, options->territories, &entry);
        cluster_submit(connection, &entry, on_made, position);
        if (i % FILL_WAITING_MAX == FILL_WAITING_MAX - 1)
            (void)kezek_connection_run(connection, FILL_WAITING_MAX / 2, 0);
    }
    cluster_wait(connection);
    return position->count > 0 || bench_fail("no application was accepted") == 0;
}

int bench_position(const struct bench_options *options)
{
    static struct load_result result;
    struct position position = {.random = cluster_random(options->seed),
                                .at_a_time = (uint32_t)options->positions,
                                .linearizable = options->linearizable != 0};
    struct load_work work = {.data = &position,
                             .begin = begin,
                             .units = position.at_a_time,
                             .any_node = !position.linearizable};
    struct kezek_connection *connection = cluster_connect(options->endpoints);
    if (connection == NULL) return 1;

    cluster_found(connection, options, &position.random);
    bool good = fill(&position, connection, options);
    json_t *report = report_create("position");
    good = good && cluster_agrees(options->endpoints, report);
    good = good && load_run(options, &work, report, &result);
    report_number(report, "reads_per_second", load_rate(&result));
    report_count(report, "reads", result.units);
    report_count(report, "positions_per_question", position.at_a_time);
    (void)json_object_set_new(report, "linearizable", json_boolean(position.linearizable));
    kezek_disconnect(connection);
    free(position.numbers);
    return report_print(report) == 0 && good ? 0 : 1;
}
