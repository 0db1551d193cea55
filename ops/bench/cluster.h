/* SPDX-License-Identifier: Apache-2.0 */
/* What a load needs of a cluster before and after: territories that are there, and nodes that
 * agree. Blocking. */
#ifndef KZ_BENCH_CLUSTER_H
#define KZ_BENCH_CLUSTER_H

#include "ops/bench/options.h"
#include "statemachine/record/record.h"

#include <jansson.h>
#include <kezek/kezek.h>

/* Returns: what a run draws from: another number each time, or its children and requests would be
 * those of an earlier run on the same ledger. */
uint64_t cluster_random(uint64_t seed);

/* Connects to the leader. Returns: NULL after it has said why not. */
struct kezek_connection *cluster_connect(const char *endpoints);

/* Begins appending ENTRY; CALLBACK may be NULL: then it must become `ok`, or the program ends. */
void cluster_submit(struct kezek_connection *connection, const struct kz_entry *entry,
                    kezek_outcome_callback callback, void *data);

/* Waits for all that was begun. */
void cluster_wait(struct kezek_connection *connection);

/* Asks, and calls CALLBACK before it returns; without an answer the program ends. */
void cluster_ask(struct kezek_connection *connection, const struct kezek_question *question,
                 kezek_answer_callback callback, void *data);

/* Makes the territories and kindergartens 1 to options->territories that are not there. */
void cluster_found(struct kezek_connection *connection, const struct bench_options *options,
                   uint64_t *random);

/* Returns: how many applications wait. */
uint64_t cluster_waiting(struct kezek_connection *connection);

/* Waits until all nodes that can be reached have applied the same, and adds to REPORT: `applied`,
 * `nodes_reached`, `digests_agree`. Returns: whether they agree. */
bool cluster_agrees(const char *endpoints, json_t *report);

#endif
