/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of kezek-bench. Each returns an exit code: 0; 1 when something failed, said on
 * standard error. */
#ifndef KZ_BENCH_H
#define KZ_BENCH_H

#include "ops/bench/options.h"

int bench_append(const struct bench_options *options);
int bench_mix(const struct bench_options *options);
int bench_position(const struct bench_options *options);
int bench_failover(const struct bench_options *options);
int bench_replay(const struct bench_options *options);
int bench_machine(const struct bench_options *options);
int bench_probe(const struct bench_options *options);

/* Says "kezek-bench: …" on standard error. Returns: 1, for `return bench_fail(…)`. */
int bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
