/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator says to kezekd, by flags and in a configuration file. One table has every
 * option: its name is the flag's (--name VALUE) and the file's key. No I/O but reading that file.
 */
#ifndef KZ_OPTIONS_H
#define KZ_OPTIONS_H

#include "node/shell/addresses.h"
#include "node/shell/clocks.h"

#include <stdio.h>

#define KZ_OPTIONS_MAX 32 /* in the table */

struct kz_options {
    uint64_t id; /* 0: not given */
    const char *data;
    struct kz_address client;
    struct kz_address peer;
    struct kz_address admin;
    uint8_t cluster_id[KZ_ID_SIZE]; /* zero: not given */
    struct kz_roster cluster;       /* empty: not given */
    struct kz_demo_clock clock;
    int64_t accept_time; /* 0: not given */
    uint64_t election_timeout_ms;
    uint64_t heartbeat_ms;
    uint64_t map_size;
    uint64_t connections;
    uint64_t connections_per_address;
    uint64_t refusals_per_minute;
    uint64_t scrub_days;
    uint64_t scrub_rate;  /* MiB a second */
    uint64_t image_every; /* 0: never */
    const char *config;
    bool join;
    bool check_config;
    bool help;
    bool version;
    uint64_t in_file; /* a bit for each option of the table: what the file gave */
    uint64_t in_flags;
    unsigned lines[KZ_OPTIONS_MAX]; /* by the table: the file's line that gave it; 0: none did */
    char *texts[4]; /* copies that the strings above point to, freed by kz_options_finish() */
    unsigned text_count;
};

/* Reads the flags and the file that --config names (a flag wins over the file's key), and checks
 * that all of it fits together; the cluster's nodes with --check-config alone, for a first start
 * alone needs them. With --help or --version nothing more is checked. Errors: KZ_USAGE
 * with file and line or flag, what was wrong and what is allowed; KZ_NO_MEMORY. OUT_OPTIONS is to
 * be finished in any case. */
enum kz_status kz_options_read(int argc, char *const *argv, struct kz_options *out_options,
                               struct kz_error *error);
void kz_options_finish(struct kz_options *options);

/* Checks that the cluster's nodes, where they are given, fit this one. Errors: KZ_USAGE, with file
 * and line likewise. */
enum kz_status kz_options_check_cluster(const struct kz_options *options, struct kz_error *error);

/* Sets the option NAME as a key's VALUE, in LINE of the file, or with LINE 0 a flag's (VALUE NULL:
 * the flag stood alone). Errors: KZ_USAGE, KZ_NO_MEMORY. */
enum kz_status kz_options_set(struct kz_options *options, unsigned line, const char *name,
                              const char *value, struct kz_error *error);

/* Sets the nodes of the cluster from the section of the file at PATH, whose first node stands in
 * LINE, unless a flag gave them. Errors: KZ_USAGE when a key of the file gave them too. */
enum kz_status kz_options_set_cluster(struct kz_options *options, const char *path, unsigned line,
                                      const struct kz_roster *cluster, struct kz_error *error);

void kz_options_print_help(FILE *out);

#endif
