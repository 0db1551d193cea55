/* SPDX-License-Identifier: Apache-2.0 */
/* What /readyz and /metrics say. Pure text of figures. */
#ifndef KZ_METRICS_H
#define KZ_METRICS_H

#include "log/readers.h"
#include "node/shell/loader.h"
#include "node/shell/saver.h"
#include "node/shell/sockets.h"
#include "node/shell/syncs.h"
#include "node/shell/writer.h"

#include <stdio.h>

struct kz_node_figures {
    struct kz_core_figures core;
    struct kz_sockets_figures sockets;
    struct kz_writer_figures writer;
    struct kz_readers readers;
    struct kz_syncs syncs;
    struct kz_histogram steps; /* durations of the core's steps */
    uint64_t events;
    struct kz_saver_figures image;
    double image_open_seconds; /* of the start */
    uint64_t loads;
    uint64_t load_failures;
    double process_cpu_seconds;
    double loop_cpu_seconds;
    double writer_cpu_seconds;
    double loader_cpu_seconds;
    double start_time_seconds; /* since 1970 UTC */
    uint64_t resident_bytes;
    uint64_t id;
    bool is_stopping;
};

/* Writes the reason in words why the node serves or does not. Returns: whether it does. */
bool kz_metrics_write_ready(const struct kz_node_figures *figures, FILE *out);

/* Writes Prometheus text format 0.0.4. */
void kz_metrics_write(const struct kz_node_figures *figures, FILE *out);

#endif
