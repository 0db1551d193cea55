/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/bench/load.h"

#include "ops/bench/bench.h"
#include "ops/bench/clock.h"
#include "ops/bench/figures.h"
#include "ops/bench/report.h"
#include "statemachine/base/assert.h"

#include <kezek/kezek_uv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define DRAIN_TICK_MS 10
#define DRAIN_MAX_MS  15000
#define GAP_KEPT_NS   UINT64_C(50000000)
#define TIMEOUT_MS    10000

struct load;

struct load_lane {
    struct load *load;
    struct kezek_uv *handle;
    struct kezek_client *client;
    struct load_slot *slots;
    struct load_slot **idle;
    uint32_t idle_count;
};

enum load_phase { LOAD_WARMS_UP, LOAD_MEASURES, LOAD_DRAINS, LOAD_OVER };

struct load {
    uv_loop_t loop;
    uv_timer_t timer;
    const struct bench_options *options;
    const struct load_work *work;
    struct load_result *result;
    struct load_lane *lanes;
    enum load_phase phase;
    uint64_t unanswered;
    uint64_t begun_ns;
    uint64_t begun_cpu_ns;
    uint64_t last_answer_ns;
    uint64_t drain_begun_ns;
    struct figures before, after;
};

/* ---- Asking ---- */

static void begin(struct load *load, struct load_slot *slot)
{
    load->unanswered++;
    load->work->begin(load->work->data, slot);
}

static void begin_all(struct load_lane *lane)
{
    while (lane->idle_count > 0)
        begin(lane->load, lane->idle[--lane->idle_count]);
    kezek_uv_flush(lane->handle);
}

static void note_gap(struct load *load, uint64_t now)
{
    struct load_result *result = load->result;
    uint64_t gap = now - load->last_answer_ns;

    if (gap > result->longest_gap_ns) result->longest_gap_ns = gap;
    if (gap >= GAP_KEPT_NS && result->gap_count < LOAD_GAPS_MAX) {
        double at_ms = (double)(load->last_answer_ns - load->begun_ns) / 1e6;
        result->gaps[result->gap_count++] = (struct load_gap){at_ms, (double)gap / 1e6};
    }
    load->last_answer_ns = now;
}

/* Notes the answer and asks again. */
static void on_answered(struct load_slot *slot, bool answered, const char *failure)
{
    struct load_lane *lane = slot->lane;
    struct load *load = lane->load;

    load->unanswered--;
    if (!answered) {
        if (load->result->failed++ == 0) {
            (void)snprintf(load->result->first_failure, sizeof load->result->first_failure, "%s",
                           failure);
        }
    } else if (load->phase == LOAD_MEASURES) {
        uint64_t now = clock_now_ns();
        note_gap(load, now);
        histogram_add(&load->result->latency, now - slot->begun_ns);
        load->result->units += load->work->units;
    }
    lane->idle[lane->idle_count++] = slot;
    if (load->phase < LOAD_DRAINS && lane->idle_count >= load->options->batch) begin_all(lane);
}

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    struct load_slot *slot = data;
    struct load *load = slot->lane->load;
    if (load->phase == LOAD_OVER) return;

    load->result->accepted += outcome->code == KEZEK_OK;
    load->result->refused += outcome->code == KEZEK_REFUSED;
    if (load->work->learn != NULL) load->work->learn(load->work->data, slot, outcome);
    on_answered(slot, outcome->code == KEZEK_OK || outcome->code == KEZEK_REFUSED, outcome->text);
}

static void on_answer(void *data, const struct kezek_answer *answer, const void *content,
                      uint32_t count)
{
    struct load_slot *slot = data;
    if (slot->lane->load->phase == LOAD_OVER) return;

    bool whole = answer->code == KEZEK_OK && content != NULL && count > 0;
    slot->lane->load->result->accepted += whole;
    on_answered(slot, whole, answer->text);
}

void load_submit(struct load_slot *slot, const struct kz_entry *entry)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kezek_error error;
    struct load_lane *lane = slot->lane;
    size_t size = kz_record_encode(entry, record, sizeof record);

    KZ_ASSERT(size > 0);
    slot->type = (uint8_t)entry->type;
    slot->begun_ns = clock_now_ns();
    if (kezek_client_submit_record(lane->client, uv_now(&lane->load->loop), record, size,
                                   on_outcome, slot, &error) != KEZEK_OK) {
        (void)bench_fail("%s", error.text);
        abort();
    }
}

void load_ask(struct load_slot *slot, const struct kezek_question *question)
{
    struct kezek_error error;
    struct load_lane *lane = slot->lane;

    slot->begun_ns = clock_now_ns();
    if (kezek_client_ask(lane->client, uv_now(&lane->load->loop), question, on_answer, slot,
                         &error) != KEZEK_OK) {
        (void)bench_fail("%s", error.text);
        abort();
    }
}

/* ---- Phases ---- */

static void end(struct load *load)
{
    load->phase = LOAD_OVER;
    load->result->failed += load->unanswered;
    uv_close((uv_handle_t *)&load->timer, NULL);
    for (uint64_t i = 0; i < load->options->connections; i++)
        kezek_uv_close(load->lanes[i].handle, NULL, NULL);
}

static void on_drain_tick(uv_timer_t *timer)
{
    struct load *load = timer->data;
    uint64_t waited_ms = (clock_now_ns() - load->drain_begun_ns) / 1000000;
    if (load->unanswered == 0 || waited_ms > DRAIN_MAX_MS) end(load);
}

static void on_measured(uv_timer_t *timer)
{
    struct load *load = timer->data;
    uint64_t now = clock_now_ns();

    note_gap(load, now);
    load->phase = LOAD_DRAINS;
    load->result->ns = now - load->begun_ns;
    load->result->client_cpu_ns = clock_process_ns() - load->begun_cpu_ns;
    figures_read(load->options->admin, &load->after);
    load->drain_begun_ns = clock_now_ns();
    (void)uv_timer_start(&load->timer, on_drain_tick, DRAIN_TICK_MS, DRAIN_TICK_MS);
}

static void on_warm(uv_timer_t *timer)
{
    struct load *load = timer->data;

    figures_read(load->options->admin, &load->before);
    load->phase = LOAD_MEASURES;
    load->begun_ns = load->last_answer_ns = clock_now_ns();
    load->begun_cpu_ns = clock_process_ns();
    uv_update_time(&load->loop);
    (void)uv_timer_start(&load->timer, on_measured, load->options->seconds * 1000, 0);
}

/* ---- Making and running ---- */

/* Writes the endpoints with the TURN-th first, so that connections spread over them. */
static void rotate(const char *endpoints, uint64_t turn, char *out, size_t capacity)
{
    uint64_t count = 1;
    const char *first = endpoints;

    for (const char *next = endpoints; (next = strchr(next, ',')) != NULL; next++)
        count++;
    for (uint64_t i = 0; i < turn % count; i++)
        first = strchr(first, ',') + 1;
    int ahead = (int)(first - endpoints);
    (void)snprintf(out, capacity, "%s%s%.*s", first, ahead > 0 ? "," : "",
                   ahead > 0 ? ahead - 1 : 0, endpoints);
}

static bool open_lane(struct load *load, uint64_t number)
{
    char endpoints[1024];
    struct kezek_options options = {.timeout_ms = TIMEOUT_MS, .any_node = load->work->any_node};
    struct kezek_error error;
    struct load_lane *lane = &load->lanes[number];
    uint64_t count = load->options->outstanding;

    options.endpoints = load->options->endpoints;
    if (options.any_node) {
        rotate(options.endpoints, number, endpoints, sizeof endpoints);
        options.endpoints = endpoints;
    }
    lane->load = load;
    lane->slots = calloc(count, sizeof *lane->slots);
    lane->idle = calloc(count, sizeof(struct load_slot *));
    if (lane->slots == NULL || lane->idle == NULL) return bench_fail("out of memory") == 0;
    lane->handle = kezek_uv_open(&load->loop, &options, &error);
    if (lane->handle == NULL) return bench_fail("%s", error.text) == 0;
    lane->client = kezek_uv_client(lane->handle);
    for (uint64_t i = 0; i < count; i++) {
        lane->slots[i].lane = lane;
        lane->idle[lane->idle_count++] = &lane->slots[i];
    }
    begin_all(lane);
    return true;
}

static void report_load(const struct load *load, json_t *report)
{
    const struct load_result *result = load->result;
    const struct bench_options *options = load->options;
    double units = result->units == 0 ? 1 : (double)result->units;
    json_t *gaps = json_array();

    report_count(report, "connections", options->connections);
    report_count(report, "outstanding_per_connection", options->outstanding);
    (void)json_object_set_new(report, "closed_loop", json_true());
    report_number(report, "seconds", (double)result->ns / 1e9);
    report_latency(report, &result->latency);
    report_number(report, "longest_gap_ms", (double)result->longest_gap_ns / 1e6);
    for (uint32_t i = 0; i < result->gap_count; i++) {
        json_t *gap = json_object();
        report_number(gap, "at_ms", result->gaps[i].at_ms);
        report_number(gap, "ms", result->gaps[i].ms);
        (void)json_array_append_new(gaps, gap);
    }
    (void)json_object_set_new(report, "gaps", gaps);
    report_count(report, "accepted", result->accepted);
    report_count(report, "refused", result->refused);
    report_count(report, "failed", result->failed);
    report_number(report, "client_cpu_us_per_entry", (double)result->client_cpu_ns / 1e3 / units);
    figures_report(report, &load->before, &load->after, result->units);
}

static void free_lanes(struct load *load)
{
    for (uint64_t i = 0; load->lanes != NULL && i < load->options->connections; i++) {
        free(load->lanes[i].slots);
        free(load->lanes[i].idle);
    }
    free(load->lanes);
}

bool load_run(const struct bench_options *options, const struct load_work *work, json_t *report,
              struct load_result *out_result)
{
    static struct load load;
    memset(&load, 0, sizeof load);
    memset(out_result, 0, sizeof *out_result);
    load.options = options;
    load.work = work;
    load.result = out_result;
    (void)uv_loop_init(&load.loop);
    (void)uv_timer_init(&load.loop, &load.timer);
    load.timer.data = &load;
    load.lanes = calloc(options->connections, sizeof *load.lanes);
    bool opened = load.lanes != NULL;
    for (uint64_t i = 0; opened && i < options->connections; i++)
        opened = open_lane(&load, i);
    if (opened) {
        (void)uv_timer_start(&load.timer, on_warm, options->warmup_ms, 0);
        (void)uv_run(&load.loop, UV_RUN_DEFAULT);
        report_load(&load, report);
        if (out_result->failed > 0) {
            (void)bench_fail("%llu were not answered; the first: %s",
                             (unsigned long long)out_result->failed, out_result->first_failure);
        }
    }
    free_lanes(&load);
    (void)uv_loop_close(&load.loop);
    return opened;
}

double load_rate(const struct load_result *result)
{
    return result->ns == 0 ? 0 : (double)result->units * 1e9 / (double)result->ns;
}
