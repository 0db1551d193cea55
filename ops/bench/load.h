/* SPDX-License-Identifier: Apache-2.0 */
/* A closed loop of load: connections × outstanding slots, each of which asks again when it is
 * answered, on one thread. What is measured begins after the warm-up, and ends when time is over;
 * what is then unanswered is waited for and counted as acknowledged, but not measured.
 *
 * Latency is from the call of the library to its callback: what waits in the library for a leader
 * counts. A closed loop asks less while the cluster is slow: its percentiles are of what was asked,
 * and `longest_gap` tells the stalls. */
#ifndef KZ_BENCH_LOAD_H
#define KZ_BENCH_LOAD_H

#include "ops/bench/histogram.h"
#include "ops/bench/options.h"
#include "statemachine/record/record.h"

#include <jansson.h>
#include <kezek/kezek.h>
#include <stdbool.h>
#include <stdint.h>

#define LOAD_GAPS_MAX 64

struct load_lane;

/* One of the outstanding. The members behind BEGUN_NS belong to the work; zero at first. */
struct load_slot {
    struct load_lane *lane;
    uint64_t begun_ns;
    uint64_t application;
    uint32_t territory;
    uint16_t birth_year;
    uint8_t kind;
    uint8_t type; /* of the entry that is under way */
    uint8_t next; /* of the entry after it; 0: as the work likes */
};

struct load_work {
    void *data;
    /* Begins the slot's next, by one call of load_submit() or load_ask(). */
    void (*begin)(void *data, struct load_slot *slot);
    /* Learns a command's outcome; NULL: nothing is learnt. */
    void (*learn)(void *data, struct load_slot *slot, const struct kezek_outcome *outcome);
    uint32_t units; /* what one answer counts */
    bool any_node;  /* connections spread over the endpoints, and follow no leader */
};

void load_submit(struct load_slot *slot, const struct kz_entry *entry);
void load_ask(struct load_slot *slot, const struct kezek_question *question);

struct load_gap {
    double at_ms; /* since the measurement began */
    double ms;
};

struct load_result {
    struct histogram latency;
    uint64_t units;    /* measured */
    uint64_t refused;  /* in all, warm-up included, as are the next two */
    uint64_t failed;   /* answered with neither a result nor an answer, or not at all */
    uint64_t accepted; /* `ok` */
    uint64_t ns;       /* how long was measured */
    uint64_t client_cpu_ns;
    uint64_t longest_gap_ns;
    uint32_t gap_count; /* gaps above 50 ms, as many as are kept */
    struct load_gap gaps[LOAD_GAPS_MAX];
    char first_failure[160];
};

/* Runs WORK. Adds to REPORT what every load has: latency, gaps, CPU. Returns: false after it has
 * said what is wrong. */
bool load_run(const struct bench_options *options, const struct load_work *work, json_t *report,
              struct load_result *out_result);

/* Returns: units a second; 0 when nothing was measured. */
double load_rate(const struct load_result *result);

#endif
