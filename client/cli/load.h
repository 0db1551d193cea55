/* SPDX-License-Identifier: Apache-2.0 */
/* A load under way: what load.c reads and sends, load_report.c tells. */
#ifndef KZ_LOAD_H
#define KZ_LOAD_H

#include "client/cli/cli.h"

struct load {
    const struct cli *cli;
    const char *path; /* as it is named in messages */
    struct kezek_connection *connection;
    uint64_t lines; /* read so far */
    uint64_t bytes;
    uint64_t bytes_in_all; /* 0: not known */
    uint64_t answered;
    uint64_t refused;
    uint64_t repeated;
    uint64_t unanswered; /* without a result */
    uint64_t twice;      /* in the ledger, or perhaps, by request ids that were drawn for them */
    bool malformed;      /* a line was no command */
    uint64_t counts[KZ_RESULT_END];
    bool progress; /* show a bar */
    uint64_t begun_ms;
    uint64_t shown_ms;
};

/* A line under way. */
struct loaded_line {
    struct load *load;
    uint64_t number;
    bool drawn; /* its request id */
    size_t size;
    uint8_t record[];
};

/* Notes what became of a line, and tells it. */
void kz_load_report_outcome(const struct loaded_line *line, const struct kezek_outcome *outcome);

/* Says what is wrong with the line that was read last. */
void kz_load_report_malformed(struct load *load, const char *why);

/* Shows the bar, at most five times a second unless LAST. */
void kz_load_report_progress(struct load *load, bool last);

void kz_load_report_summary(const struct load *load);

#endif
