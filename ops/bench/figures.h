/* SPDX-License-Identifier: Apache-2.0 */
/* What the nodes say of themselves at /metrics: CPU time by thread, fsyncs, memory. */
#ifndef KZ_BENCH_FIGURES_H
#define KZ_BENCH_FIGURES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FIGURES_NODES_MAX 16

struct node_figures {
    bool answered;
    bool is_leader;
    double cpu_seconds, loop_seconds, writer_seconds, loader_seconds;
    double fsyncs, entries, resident_bytes;
    double started; /* when, to tell a node that was restarted meanwhile */
};

struct figures {
    unsigned count;
    struct node_figures nodes[FIGURES_NODES_MAX];
};

/* Asks each of the ADMIN addresses ("HOST:PORT,…"; NULL: none). Blocks up to a second for one that
 * does not answer. */
void figures_read(const char *admin, struct figures *out);

/* Adds to REPORT an array `nodes`: what each used between the two for each of ENTRIES,
 * but for nodes that were restarted. */
void figures_report(json_t *report, const struct figures *before, const struct figures *after,
                    uint64_t entries);

#endif
