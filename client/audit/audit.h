/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `kezek-audit` share: exit codes, the reporting of errors, reading of
 * options, and the directory that they work on. All work offline. */
#ifndef KZ_AUDIT_H
#define KZ_AUDIT_H

#include "log/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exit codes of kezek that an offline program can have. */
enum kz_audit_exit {
    KZ_EXIT_OK = 0,
    KZ_EXIT_FAILED = 1,
    KZ_EXIT_USAGE = 2,
    KZ_EXIT_NOT_VERIFIED = 7,
};

/* A subcommand, one file each. ARGUMENTS are the words behind its name. Returns: its exit code. */
struct kz_audit_command {
    const char *name;
    const char *usage; /* its options, as the help shows them */
    const char *help;
    int (*run)(const struct kz_audit_command *self, int count, char **arguments);
};

int kz_audit_verify(const struct kz_audit_command *self, int count, char **arguments);
int kz_audit_positions(const struct kz_audit_command *self, int count, char **arguments);
int kz_audit_digest(const struct kz_audit_command *self, int count, char **arguments);
int kz_audit_export(const struct kz_audit_command *self, int count, char **arguments);
int kz_audit_import(const struct kz_audit_command *self, int count, char **arguments);
int kz_audit_found(const struct kz_audit_command *self, int count, char **arguments);

/* ---- report.c ---- */

/* Prints "kezek-audit: …" to standard error. */
void kz_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints ERROR. Returns: the exit code for its status. */
int kz_report_error(const struct kz_error *error);

/* Writes what a command printed, whose exit code is EXIT_CODE. Returns: that; another code, and
 * says so, when it was KZ_EXIT_OK and not all could be written. */
int kz_report_written(int exit_code);

/* How far a long command is, on standard error if that is a terminal; a few times a second. */
struct kz_progress {
    const char *verb; /* "verified" */
    uint64_t total;   /* entries; 0: not known */
    int64_t next_ms;
    bool on_terminal;
};

struct kz_progress kz_progress_start(const char *verb, uint64_t total);
void kz_progress_show(struct kz_progress *progress, uint64_t done);
void kz_progress_end(struct kz_progress *progress);

/* ---- options.c ---- */

enum kz_option_form { KZ_OPTION_TEXT, KZ_OPTION_NUMBER };

/* One "--name VALUE" or "--name=VALUE". OUT is where the value goes: a const char * or a uint64_t,
 * untouched when the option is not given. */
struct kz_option {
    const char *name; /* with its dashes */
    enum kz_option_form form;
    bool required;
    void *out;
    uint64_t min; /* of a number */
    uint64_t max;
};

/* Reads ARGUMENTS of the command SELF. Returns: false with the exit code in OUT_EXIT when there is
 * nothing to run: `--help` was asked for, or something is wrong and was reported. */
bool kz_options_read(const struct kz_audit_command *self, const struct kz_option *options,
                     size_t option_count, int count, char **arguments, int *out_exit);

/* Reads exactly SIZE bytes of hex. */
bool kz_hex_read(const char *text, uint8_t *out, size_t size);
void kz_hex_write(const uint8_t *bytes, size_t size, char *out); /* 2 · size + 1 bytes */

/* ---- directory.c ---- */

/* A node's directory, a copy of one, or an import, held by this process. */
struct kz_audit_directory {
    const char *path;
    int lock;
    struct kz_log *log;
};

/* Locks PATH and opens its ledger. Returns: an exit code; what is wrong was reported. */
int kz_audit_directory_open(const char *path, enum kz_log_mode mode,
                            struct kz_audit_directory *out_directory);
void kz_audit_directory_close(struct kz_audit_directory *directory);

/* Returns: whether AT is an entry of the ledger; 0 becomes the last one. Reports when it is not. */
bool kz_audit_find_end(const struct kz_audit_directory *directory, uint64_t *at);

#endif
