/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-audit: works offline on a ledger. This file is the table of its subcommands. */
#include "client/audit/audit.h"
#include "log/streams.h"

#include <stdio.h>
#include <string.h>

static const struct kz_audit_command commands[] = {
    {"verify", "--data DIR", "check every checksum and hash, and execute the rules again",
     kz_audit_verify},
    {"positions", "--data DIR [--at INDEX] [--territory N] [--birth-year YEAR] [--kind KIND]",
     "every application and its position, as CSV", kz_audit_positions},
    {"digest", "--data DIR [--at INDEX]", "the digest of the state", kz_audit_digest},
    {"export", "--data DIR [--from INDEX] [--to INDEX] [--out FILE]", "the ledger as lines of JSON",
     kz_audit_export},
    {"import", "--from FILE.jsonl --data DIR", "build a ledger from lines of JSON",
     kz_audit_import},
    {"found", "--data DIR --cluster-id HEX --cluster 1=ADDR:PORT,2=…",
     "make a cluster of an imported or restored ledger", kz_audit_found},
};
static const size_t command_count = sizeof commands / sizeof commands[0];

static void print_usage(FILE *out)
{
    (void)fputs("usage: kezek-audit COMMAND [OPTIONS]\n\n", out);
    for (size_t i = 0; i < command_count; i++) {
        (void)fprintf(out, "  %-9s  %s\n", commands[i].name, commands[i].help);
    }
    (void)fputs("\n`kezek-audit COMMAND --help` shows a command's options.\n"
                "Exit codes: 0 ok, 1 failed, 2 usage, 7 verification failed.\n",
                out);
}

static int run(int count, char **arguments)
{
    if (count < 2) {
        print_usage(stderr);
        return KZ_EXIT_USAGE;
    }
    const char *name = arguments[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return KZ_EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        (void)puts("kezek-audit " KZ_VERSION);
        return KZ_EXIT_OK;
    }
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(&commands[i], count - 2, arguments + 2);
        }
    }
    kz_report("there is no command \"%s\"; `kezek-audit --help` lists them", name);
    return KZ_EXIT_USAGE;
}

int main(int count, char **arguments)
{
    kz_streams_hold();
    return kz_report_written(run(count, arguments));
}
