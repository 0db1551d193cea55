/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of kezek-bench, read by one table. */
#ifndef KZ_BENCH_OPTIONS_H
#define KZ_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Which subcommands an option belongs to. */
enum bench_command {
    BENCH_APPEND = 1,
    BENCH_MIX = 2,
    BENCH_POSITION = 4,
    BENCH_FAILOVER = 8,
    BENCH_REPLAY = 16,
    BENCH_MACHINE = 32,
    BENCH_PROBE = 64,
    BENCH_LOADS = BENCH_APPEND | BENCH_MIX | BENCH_POSITION | BENCH_FAILOVER,
};

struct bench_options {
    const char *endpoints; /* of the nodes' client ports */
    const char *admin;     /* of their admin ports; NULL: no figures of the nodes */
    const char *data;      /* a node's directory */
    uint64_t connections;
    uint64_t outstanding; /* for each connection */
    uint64_t seconds;     /* measured, after the warm-up */
    uint64_t warmup_ms;
    uint64_t batch; /* answers gathered before a connection asks again */
    uint64_t territories;
    uint64_t fill;      /* applications made before positions are read */
    uint64_t positions; /* asked for in one question */
    uint64_t places;    /* reported for each territory and birth year before a mix */
    uint64_t open_wait; /* seconds to wait until they are open to all */
    uint64_t linearizable;
    uint64_t rate; /* commands and questions a second */
    uint64_t threads;
    uint64_t waiting;
    uint64_t entries;
    uint64_t seed;
};

/* Reads COUNT words behind the subcommand. Returns: false after it has said what is wrong. */
bool bench_options_read(struct bench_options *options, enum bench_command command, int count,
                        char **words);

/* Writes the options of COMMAND, one a line, with their defaults. */
void bench_options_print(enum bench_command command, FILE *out);

#endif
