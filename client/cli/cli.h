/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `kezek` share: the command line as read, connecting, exit codes, the
 * printing of answers. */
#ifndef KZ_CLI_H
#define KZ_CLI_H

#include "statemachine/record/schema.h"

#include <jansson.h>
#include <kezek/kezek.h>
#include <stdbool.h>

/* The interface's exit codes (`kezek --help` tells them). */
enum exit_code {
    EXIT_OK = 0,
    EXIT_REFUSED = 1,
    EXIT_USAGE = 2,
    EXIT_UNAVAILABLE = 3,
    EXIT_NOT_FOUND = 4,
    EXIT_CONFLICT = 5,
    EXIT_NOT_ALLOWED = 6,
    EXIT_NOT_VERIFIED = 7,
};

enum output_format { FORMAT_TABLE, FORMAT_SIMPLE, FORMAT_JSON, FORMAT_JSONL };

#define PARAMETERS_MAX 32

/* A value with a name: the option "--birth-year 2021", or a word in the place of one. */
struct parameter {
    char name[32]; /* "birth_year" */
    const char *value;
};

/* A command line, read. */
struct cli {
    const char *endpoints;
    enum output_format format;
    uint32_t timeout_ms; /* 0: not given */
    uint32_t actor;
    bool has_request;
    uint8_t request[16];
    bool local;
    bool help;
    bool version;
    struct parameter parameters[PARAMETERS_MAX];
    int parameter_count;
    const char *const *words; /* what is no option: first the subcommand's name */
    int word_count;
};

/* A subcommand. Its parameters are options, and words may stand for the first of them. */
struct subcommand {
    const char *name;  /* "apply", "endpoint status" */
    const char *usage; /* what stands behind the name */
    const char *help;  /* one line */
    int (*run)(const struct cli *cli, const struct subcommand *self);
    const char *words;      /* names of the parameters that words fill, in order; "…" at the end:
                               the last one takes all words that are left */
    const char *options;    /* names of further parameters */
    const char *entry_type; /* of a command that appends; its fields are parameters too */
};

/* main.c */
extern const struct subcommand kz_subcommands[];
extern const int kz_subcommand_count;

/* ---- options.c: the command line ---- */

/* Reads the options of COUNT words, which it sorts: what is no option comes first. Returns: false
 * after it has said what is wrong. */
bool kz_cli_read(struct cli *cli, int count, char **words);

/* Checks the options that the subcommand has, and lets words stand for parameters; CLI's words
 * become those that are left for "…". USED words are the subcommand's name. Returns: false after it
 * has said what is wrong. */
bool kz_cli_bind(struct cli *cli, const struct subcommand *subcommand, int used);

/* Returns: the value of a parameter, NULL when it was not given. */
const char *kz_cli_value(const struct cli *cli, const char *name);

/* Returns: the fields of the subcommand's entry; NULL when it appends none. */
const struct kz_schema *kz_cli_schema(const struct subcommand *subcommand);

/* ---- values.c ---- */

/* Reads a number from MIN to MAX. Returns: false after it has said that WHAT is none. */
bool kz_cli_number(const char *text, const char *what, uint64_t min, uint64_t max,
                   uint64_t *out_number);

/* The same for a parameter, which keeps OUT_NUMBER's value when it was not given. */
bool kz_cli_number_value(const struct cli *cli, const char *name, uint64_t min, uint64_t max,
                         uint64_t *out_number);

/* Returns: whether TEXT is exactly 2 × SIZE hex digits, then in OUT. */
bool kz_cli_read_hex(const char *text, uint8_t *out, size_t size);
void kz_cli_write_hex(const uint8_t *bytes, size_t size, char *out);

/* ---- help.c ---- */

void kz_cli_print_help(FILE *out);
void kz_cli_print_subcommand_help(const struct subcommand *subcommand);

/* Says that there is no such command, and which one is nearest. Returns: EXIT_USAGE. */
int kz_cli_unknown_command(const char *const *words, int count);

/* Writes the nearest of the COUNT names to TEXT; "" when none is near. */
const char *kz_cli_nearest(const char *text, const char *const *names, int count);

/* ---- connect.c ---- */

/* Says "kezek: …" on standard error. Returns: CODE, for `return kz_cli_fail(EXIT_USAGE, …)`. */
int kz_cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Connects as the command line says, with a timeout of DEFAULT_TIMEOUT_MS unless one was given, to
 * the leader unless ANY_NODE; NULL after it has said why not. */
struct kezek_connection *kz_cli_connect(const struct cli *cli, bool any_node,
                                        uint32_t default_timeout_ms);

/* The exit code for a library's code and the rules' word (NULL: none). */
int kz_cli_exit_code(enum kezek_code code, const char *result);

/* What the rules' word means for who asked for an entry of TYPE. */
const char *kz_cli_explain(const char *result, const char *type);

/* ---- territory.c ---- */

/* Asks for a territory as it is now. Returns: the library's code, with ERROR when it is not OK. */
enum kezek_code kz_cli_ask_territory(struct kezek_connection *connection, const struct cli *cli,
                                     uint32_t number, struct kezek_territory *out_territory,
                                     struct kezek_error *error);

/* Writes the value that TERRITORY has for a field of `territory` or `policy`. Returns: whether
 * there is such a field. */
bool kz_cli_territory_value(const struct kezek_territory *territory, const char *field, char *out,
                            size_t size);

/* ---- watch.c ---- */

#define ENTRY_LINE_SIZE 8192

/* Writes an applied entry's export line. Returns: false when this program does not know its format.
 */
bool kz_cli_entry_line(const struct kezek_entry *entry, char out[static ENTRY_LINE_SIZE]);

/* Reads the export line of entry INDEX from the ledger. Returns: false when it did not come. */
bool kz_cli_fetch_line(struct kezek_connection *connection, uint64_t index,
                       char out[static ENTRY_LINE_SIZE]);

/* Asks where the applied entries end, which tells too whether a node is there at all. Returns: an
 * exit code; after it has said what is wrong. */
int kz_cli_find_end(const struct cli *cli, struct kezek_connection *connection,
                    uint64_t *out_index);

/* ---- output.c ---- */

bool kz_cli_is_json(const struct cli *cli);

/* Prints ROWS, an array of flat objects with equal keys, and drops the reference. ONE: rows is a
 * single thing, shown as name and value, and as one object in JSON. Returns: EXIT_OK. */
int kz_cli_print(const struct cli *cli, json_t *rows, bool one);

/* Returns: a date of days since 1970, null for 0; a time of milliseconds: the number for machines,
 * local time at OFFSET_MINUTES for people; hex digits; null for 0. */
json_t *kz_cli_date(int32_t date);
json_t *kz_cli_time(const struct cli *cli, int64_t time_ms, int32_t offset_minutes);
json_t *kz_cli_hex(const uint8_t *bytes, size_t size);
json_t *kz_cli_number_or_null(uint64_t number);

/* Adds a member to an object and takes the value over. */
void kz_cli_add(json_t *object, const char *key, json_t *value);

/* ---- ask.c ---- */

/* What a question's callback fills. */
struct asked {
    const struct cli *cli;
    uint32_t first;          /* queue: the first position */
    const uint64_t *numbers; /* positions: what was asked */
    unsigned unknown;        /* positions: of no application */
    json_t *rows;
};

/* Connects, asks QUESTION and prints the rows that CALLBACK, given ASKED, made. WHAT names what was
 * not found. Returns: the exit code. */
int kz_cli_ask(const struct cli *cli, struct kezek_question *question,
               kezek_answer_callback callback, struct asked *asked, bool one, const char *what);

/* ---- The subcommands, each in the file of its noun ---- */

int kz_cli_entry(const struct cli *cli, const struct subcommand *self);
int kz_cli_load(const struct cli *cli, const struct subcommand *self);
int kz_cli_watch(const struct cli *cli, const struct subcommand *self);
int kz_cli_show(const struct cli *cli, const struct subcommand *self);
int kz_cli_position(const struct cli *cli, const struct subcommand *self);
int kz_cli_queue(const struct cli *cli, const struct subcommand *self);
int kz_cli_bulletins(const struct cli *cli, const struct subcommand *self);
int kz_cli_places(const struct cli *cli, const struct subcommand *self);
int kz_cli_request(const struct cli *cli, const struct subcommand *self);
int kz_cli_territory_show(const struct cli *cli, const struct subcommand *self);
int kz_cli_endpoint_health(const struct cli *cli, const struct subcommand *self);
int kz_cli_endpoint_status(const struct cli *cli, const struct subcommand *self);
int kz_cli_snapshot_save(const struct cli *cli, const struct subcommand *self);
int kz_cli_snapshot_status(const struct cli *cli, const struct subcommand *self);
int kz_cli_snapshot_restore(const struct cli *cli, const struct subcommand *self);
int kz_cli_member_list(const struct cli *cli, const struct subcommand *self);
int kz_cli_member_add(const struct cli *cli, const struct subcommand *self);
int kz_cli_member_promote(const struct cli *cli, const struct subcommand *self);
int kz_cli_member_remove(const struct cli *cli, const struct subcommand *self);
int kz_cli_leader_move(const struct cli *cli, const struct subcommand *self);

#endif
