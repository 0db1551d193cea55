/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `kezek` share: the command line as read, the exit codes, the printing of
 * answers. */
#ifndef KZ_CLI_H
#define KZ_CLI_H

#include <jansson.h>
#include <kezek/kezek.h>
#include <stdbool.h>

/* INTERFACES: kezek's exit codes. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_REFUSED = 1,
    EXIT_USAGE = 2,
    EXIT_UNAVAILABLE = 3,
    EXIT_NOT_FOUND = 4,
    EXIT_CONFLICT = 5,
    EXIT_NOT_ALLOWED = 6,
};

enum output_format { FORMAT_TABLE, FORMAT_SIMPLE, FORMAT_JSON, FORMAT_JSONL };

#define FIELD_OPTIONS_MAX 32

/* An option that is a field of the command: "--birth-year 2021" is {"birth_year", "2021"}. */
struct field_option {
    char name[32];
    const char *value;
};

/* A command line, read. */
struct cli {
    const char *endpoints;
    enum output_format format;
    uint32_t timeout_ms;
    uint32_t actor;
    bool has_request;
    uint8_t request[16];
    bool local;
    int argument_count; /* what is no option, behind the command's words */
    const char *const *arguments;
    struct field_option fields[FIELD_OPTIONS_MAX];
    int field_count;
};

/* A subcommand. USAGE is what stands behind the name in the help. */
struct subcommand {
    const char *name; /* "apply", "endpoint status" */
    const char *usage;
    const char *help;
    int (*run)(const struct cli *cli, const struct subcommand *self);
    const char *entry_type; /* of a command that appends; else NULL */
};

/* main.c */
extern const struct subcommand kz_subcommands[];
extern const int kz_subcommand_count;

/* options.c: reads the words behind the subcommand's name. Returns: false after it has said what is
 * wrong. */
bool kz_cli_read(struct cli *cli, const struct subcommand *subcommand, int count, char **words);

/* Returns: the value of field option NAME, NULL when it was not given. */
const char *kz_cli_field(const struct cli *cli, const char *name);

/* Reads an unsigned number. Returns: false after it has said that WHAT is none from MIN to MAX. */
bool kz_cli_number(const char *text, const char *what, uint64_t min, uint64_t max,
                   uint64_t *out_number);

/* Returns: whether TEXT is exactly 2 × SIZE hex digits, then in OUT. */
bool kz_cli_read_hex(const char *text, uint8_t *out, size_t size);

/* Says "kezek: …" on standard error. Returns: CODE, for `return kz_cli_fail(EXIT_USAGE, …)`. */
int kz_cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Connects as the command line says; NULL after it has said why not. */
struct kezek_connection *kz_cli_connect(const struct cli *cli);

/* The exit code for a library's code and the rules' word (NULL: none). */
int kz_cli_exit_code(enum kezek_code code, const char *result);

/* output.c: prints ROWS, an array of flat objects with equal keys, and drops the reference. ONE:
 * rows is a single thing, shown as name and value, and as one object in JSON. Returns: EXIT_OK. */
int kz_cli_print(const struct cli *cli, json_t *rows, bool one);

/* Returns: a date of days since 1970, or null for 0; a time of milliseconds for people (UTC) or
 * machines. */
json_t *kz_cli_date(int32_t date);
json_t *kz_cli_time(const struct cli *cli, int64_t time_ms);
json_t *kz_cli_hex(const uint8_t *bytes, size_t size);

/* The subcommands. */
int kz_cli_entry(const struct cli *cli, const struct subcommand *self);
int kz_cli_load(const struct cli *cli, const struct subcommand *self);
int kz_cli_watch(const struct cli *cli, const struct subcommand *self);
int kz_cli_show(const struct cli *cli, const struct subcommand *self);
int kz_cli_position(const struct cli *cli, const struct subcommand *self);
int kz_cli_queue(const struct cli *cli, const struct subcommand *self);
int kz_cli_bulletins(const struct cli *cli, const struct subcommand *self);
int kz_cli_request(const struct cli *cli, const struct subcommand *self);
int kz_cli_endpoint_health(const struct cli *cli, const struct subcommand *self);
int kz_cli_endpoint_status(const struct cli *cli, const struct subcommand *self);

#endif
