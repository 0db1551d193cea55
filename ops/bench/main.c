/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-bench: how fast Kezek is. A table of benchmarks; each prints one JSON object on its last
 * line. */
#include "log/streams.h"
#include "ops/bench/bench.h"

#include <kezek/kezek.h>
#include <stdio.h>
#include <string.h>

struct benchmark {
    const char *name;
    const char *help;
    enum bench_command command;
    int (*run)(const struct bench_options *options);
};

static const struct benchmark benchmarks[] = {
    {"append", "applications of new children, as fast as they are acknowledged", BENCH_APPEND,
     bench_append},
    {"mix", "families: apply, change, withdraw, claim, decline, enrol; and places reported",
     BENCH_MIX, bench_mix},
    {"position", "questions for positions, at once or linearizable", BENCH_POSITION,
     bench_position},
    {"failover", "append, and every gap between acknowledged writes while a leader is killed",
     BENCH_FAILOVER, bench_failover},
    {"probe", "one client at a low rate: what it notices of what others do meanwhile", BENCH_PROBE,
     bench_probe},
    {"replay", "verify a ledger offline: checksums, leaf hashes, rules", BENCH_REPLAY,
     bench_replay},
    {"machine", "the state machine alone, on one core", BENCH_MACHINE, bench_machine},
};

#define BENCHMARK_COUNT (sizeof benchmarks / sizeof benchmarks[0])

static void print_help(FILE *out)
{
    (void)fputs("kezek-bench: how fast Kezek is\n\nusage: kezek-bench BENCHMARK [--OPTION "
                "VALUE]…\n\n",
                out);
    for (size_t i = 0; i < BENCHMARK_COUNT; i++) {
        (void)fprintf(out, "%s: %s\n", benchmarks[i].name, benchmarks[i].help);
        bench_options_print(benchmarks[i].command, out);
    }
    (void)fputs("\nLoads are closed loops: each of connections × outstanding asks again when it is "
                "answered; a probe asks at its rate.\nThe last line is one JSON object.\n",
                out);
}

int main(int argc, char **argv)
{
    kz_streams_hold();
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("kezek-bench %s\n", kezek_version());
        return 0;
    }
    for (size_t i = 0; i < BENCHMARK_COUNT; i++) {
        struct bench_options options;
        if (strcmp(argv[1], benchmarks[i].name) != 0) continue;
        if (!bench_options_read(&options, benchmarks[i].command, argc - 2, argv + 2)) return 2;
        return benchmarks[i].run(&options);
    }
    (void)bench_fail("\"%s\" is no benchmark; kezek-bench --help names them", argv[1]);
    return 2;
}
