/* SPDX-License-Identifier: Apache-2.0 */
/* load: appends the commands of a file of JSON lines, many in flight, in order. Lines that carry
 * request ids may be loaded again: what is in the ledger already comes back as repeated. */
#include "client/cli/cli.h"

#include "client/lines/lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 8192
#define PROGRESS_MS   200

struct load {
    const struct cli *cli;
    const char *path;
    struct kezek_connection *connection;
    uint64_t counts[KZ_RESULT_END];
    uint64_t repeated;
    uint64_t failed; /* without a result */
    int worst;       /* exit code */
    uint64_t answered;
    uint64_t lines;
    uint64_t bytes;
    uint64_t bytes_in_all; /* 0: not known */
    uint64_t shown_ms;
    bool progress;
};

/* One line under way. */
struct loaded_line {
    struct load *load;
    uint64_t number;
    size_t size;
    uint8_t record[];
};

static void print_answer(const struct loaded_line *loaded, const struct kezek_outcome *outcome)
{
    char line[KZ_LINE_SIZE_MAX];
    struct kz_entry entry;
    uint8_t result = KZ_RESULT_OK;

    if (kz_record_decode(loaded->record, loaded->size, &entry) != KZ_OK) return;
    (void)kz_word_find(&kz_result_words, outcome->result, strlen(outcome->result), &result);
    memcpy(entry.request, outcome->request, sizeof entry.request);
    entry.time = outcome->time;
    (void)kz_line_format(outcome->index, 0, &entry, result, line);
    (void)puts(line);
}

static void note_result(struct load *load, const struct kezek_outcome *outcome)
{
    uint8_t result = KZ_RESULT_OK;
    (void)kz_word_find(&kz_result_words, outcome->result, strlen(outcome->result), &result);
    load->counts[result]++;
    load->repeated += outcome->repeated;
}

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    struct loaded_line *loaded = data;
    struct load *load = loaded->load;
    int code = kz_cli_exit_code(outcome->code, outcome->result);

    load->answered++;
    if (load->worst == EXIT_OK) load->worst = code;
    if (outcome->result != NULL) {
        note_result(load, outcome);
        if (load->cli->format == FORMAT_JSONL || load->cli->format == FORMAT_JSON) {
            print_answer(loaded, outcome);
        }
    } else {
        load->failed++;
    }
    if (code != EXIT_OK && load->cli->format != FORMAT_JSONL) {
        (void)fprintf(stderr, "%s:%" PRIu64 ": %s\n", load->path, loaded->number,
                      outcome->result != NULL ? outcome->result : outcome->text);
    }
    free(loaded);
}

static void show_progress(struct load *load, bool last)
{
    uint64_t now = kezek_now_ms();
    if (!load->progress || (!last && now < load->shown_ms + PROGRESS_MS)) return;

    load->shown_ms = now;
    unsigned percent =
        load->bytes_in_all == 0 ? 100 : (unsigned)(100 * load->bytes / load->bytes_in_all);
    char bar[41];
    for (unsigned i = 0; i < 40; i++)
        bar[i] = i < percent * 40 / 100 ? '#' : '.';
    bar[40] = '\0';
    (void)fprintf(stderr, "\r[%s] %3u %% %" PRIu64 " answered%s", bar, percent, load->answered,
                  last ? "\n" : "");
}

/* Reads one line and sends it. Returns: false after it has said what is wrong. */
static bool send_line(struct load *load, const char *text, size_t size)
{
    struct kz_line line;
    struct kz_error why;
    struct kezek_error error;
    uint8_t record[KZ_RECORD_SIZE_MAX];

    if (kz_line_parse(text, size, KZ_LINE_COMMAND, &line, &why) != KZ_OK) {
        (void)kz_cli_fail(EXIT_USAGE, "%s:%" PRIu64 ": %s", load->path, load->lines, why.text);
        return false;
    }
    if (kz_type_is_clock(line.entry.type) || kz_type_is_cluster(line.entry.type)) {
        (void)kz_cli_fail(EXIT_USAGE, "%s:%" PRIu64 ": a \"%s\" is written by the cluster alone",
                          load->path, load->lines, kz_word(&kz_entry_type_words, line.entry.type));
        return false;
    }
    line.entry.time = 0;
    if (load->cli->actor != 0) line.entry.actor = load->cli->actor;
    struct kezek_client *client = kezek_connection_client(load->connection);
    if (!kz_has_request(line.entry.request)) kezek_client_draw_request(client, line.entry.request);

    size_t record_size = kz_record_encode(&line.entry, record, sizeof record);
    struct loaded_line *loaded = malloc(sizeof *loaded + record_size);
    if (loaded == NULL) {
        (void)kz_cli_fail(EXIT_REFUSED, "out of memory");
        return false;
    }
    *loaded = (struct loaded_line){load, load->lines, record_size};
    memcpy(loaded->record, record, record_size);
    if (kezek_client_submit_record(client, kezek_now_ms(), record, record_size, on_outcome, loaded,
                                   &error) != KEZEK_OK) {
        (void)kz_cli_fail(EXIT_REFUSED, "%s:%" PRIu64 ": %s", load->path, load->lines, error.text);
        free(loaded);
        return false;
    }
    return true;
}

static bool is_blank(const char *text, ssize_t size)
{
    return (size_t)size == strspn(text, " \t\r\n");
}

/* Sends all lines of FILE. Returns: false after the first that is no command. */
static bool send_all(struct load *load, FILE *file)
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t size;
    bool good = true;

    while (good && (size = getline(&text, &capacity, file)) >= 0) {
        load->lines++;
        load->bytes += (uint64_t)size;
        if (is_blank(text, size)) continue;
        good = send_line(load, text, (size_t)size);
        if (kezek_client_waiting(kezek_connection_client(load->connection)) >= IN_FLIGHT_MAX) {
            (void)kezek_connection_run(load->connection, IN_FLIGHT_MAX / 2, 0);
        }
        show_progress(load, false);
    }
    if (ferror(file) != 0) {
        (void)kz_cli_fail(EXIT_REFUSED, "%s: can not be read", load->path);
        good = false;
    }
    free(text);
    (void)kezek_connection_run(load->connection, 0, 0);
    show_progress(load, true);
    return good;
}

static void print_summary(const struct load *load)
{
    FILE *out =
        load->cli->format == FORMAT_JSONL || load->cli->format == FORMAT_JSON ? stderr : stdout;

    (void)fprintf(out, "%s: %" PRIu64 " commands", load->path, load->answered);
    for (unsigned result = 0; result < KZ_RESULT_END; result++) {
        if (load->counts[result] == 0) continue;
        (void)fprintf(out, ", %" PRIu64 " %s", load->counts[result],
                      kz_word(&kz_result_words, result));
    }
    if (load->repeated > 0) (void)fprintf(out, " (%" PRIu64 " were there already)", load->repeated);
    if (load->failed > 0) (void)fprintf(out, ", %" PRIu64 " without an answer", load->failed);
    (void)fputc('\n', out);
}

int kz_cli_load(const struct cli *cli, const struct subcommand *self)
{
    struct stat status;
    struct load load = {.cli = cli, .progress = isatty(STDERR_FILENO) != 0};
    if (cli->argument_count != 1) {
        return kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
    }
    load.path = cli->arguments[0];
    FILE *file = strcmp(load.path, "-") == 0 ? stdin : fopen(load.path, "r");
    if (file == NULL) {
        return kz_cli_fail(EXIT_USAGE, "%s: can not be opened; is it there, and readable?",
                           load.path);
    }
    if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode)) {
        load.bytes_in_all = (uint64_t)status.st_size;
    }
    load.connection = kz_cli_connect(cli);
    bool good = load.connection != NULL && send_all(&load, file);
    if (load.connection != NULL) print_summary(&load);
    kezek_disconnect(load.connection);
    if (file != stdin) (void)fclose(file);
    return !good ? EXIT_USAGE : load.worst;
}
