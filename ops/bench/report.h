/* SPDX-License-Identifier: Apache-2.0 */
/* The one JSON object that each benchmark prints on its last line. */
#ifndef KZ_BENCH_REPORT_H
#define KZ_BENCH_REPORT_H

#include "ops/bench/histogram.h"

#include <jansson.h>
#include <stdint.h>

/* Returns: an object with the benchmark's name, the machine and the versions. */
json_t *report_create(const char *benchmark);

void report_number(json_t *report, const char *name, double value);
void report_count(json_t *report, const char *name, uint64_t value);
void report_latency(json_t *report, const struct histogram *latency);

/* Prints REPORT as one line and drops it. Returns: 0, or 1 without memory. */
int report_print(json_t *report);

#endif
