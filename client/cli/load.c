/* SPDX-License-Identifier: Apache-2.0 */
/* load: appends the commands of a file of JSON lines, many in flight, in the file's order. Lines
 * that carry request ids may be loaded again: what is in the ledger already comes back as repeated.
 * All others would be acted on twice, and it is said so when a load stops before its end.
 * It stops at the first line that is no command, and when the cluster does not answer; lines that
 * the rules refuse are told and passed over. */
#include "client/cli/load.h"

#include "client/cli/input.h"
#include "client/lines/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Under what a node takes from one connection, so that it is never too busy for a part of a frame:
 * then the ledger's order is the file's. */
#define IN_FLIGHT_MAX 4096
#define TIMEOUT_MS    120000 /* longer than an actor's budget of refusals is spent for */
#define LINES_A_TURN  256
#define TURN_MS       20
#define PROGRESS_MS   200

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    struct loaded_line *line = data;
    kz_load_report_outcome(line, outcome);
    free(line);
}

/* Reads a line's record into OUT, and whether its request id was drawn. Returns: its size, 0 after
 * it has said what is wrong. */
static size_t read_record(struct load *load, const char *text, size_t size,
                          uint8_t out[static KZ_RECORD_SIZE_MAX], bool *out_drawn)
{
    static struct kz_line line;
    struct kz_error why;
    char sentence[128];

    if (kz_line_parse(text, size, KZ_LINE_COMMAND, &line, &why) != KZ_OK) {
        kz_load_report_malformed(load, why.text);
        return 0;
    }
    if (kz_type_is_clock(line.entry.type) || kz_type_is_cluster(line.entry.type)) {
        (void)snprintf(sentence, sizeof sentence, "a \"%s\" is written by the cluster alone",
                       kz_word(&kz_entry_type_words, line.entry.type));
        kz_load_report_malformed(load, sentence);
        return 0;
    }
    line.entry.time = 0;
    if (load->cli->actor != 0) line.entry.actor = load->cli->actor;
    *out_drawn = !kz_has_request(line.entry.request);
    if (*out_drawn) {
        kezek_client_draw_request(kezek_connection_client(load->connection), line.entry.request);
    }
    return kz_record_encode(&line.entry, out, KZ_RECORD_SIZE_MAX);
}

/* Reads one line and sends it. Returns: false after it has said what is wrong. */
static bool send_line(struct load *load, const char *text, size_t text_size)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kezek_error error = {.text = "out of memory"};

    bool drawn = false;

    size_t size = read_record(load, text, text_size, record, &drawn);
    if (size == 0) return false;
    struct loaded_line *line = malloc(sizeof *line + size);
    if (line != NULL) {
        *line = (struct loaded_line){load, load->lines, drawn, size};
        memcpy(line->record, record, size);
    }
    if (line == NULL ||
        kezek_client_submit_record(kezek_connection_client(load->connection), kezek_now_ms(),
                                   record, size, on_outcome, line, &error) != KEZEK_OK) {
        kz_load_report_malformed(load, error.text);
        free(line);
        return false;
    }
    return true;
}

/* Keeps the cluster busy while lines are read, and lets it catch up when much is in flight. */
static void keep_pace(struct load *load)
{
    if (load->lines % LINES_A_TURN != 0) return;

    kezek_connection_turn(load->connection, 0);
    (void)kezek_connection_run(load->connection, IN_FLIGHT_MAX, 0);
    kz_load_report_progress(load, false);
}

static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0') return false;
    }
    return true;
}

/* Waits for more of a pipe; what was asked meanwhile is sent and answered. */
static void wait_for_input(struct load *load, const struct input *input)
{
    while (!kz_input_ready(input, 0)) {
        bool busy = kezek_client_waiting(kezek_connection_client(load->connection)) > 0;
        if (!busy && kz_input_ready(input, TURN_MS)) return;
        kezek_connection_turn(load->connection, busy ? TURN_MS : 0);
        kz_load_report_progress(load, false);
    }
}

static void send_all(struct load *load, struct input *input)
{
    const char *text;
    size_t size;

    while (!load->malformed && load->unanswered == 0) {
        if (kz_input_take(input, &text, &size)) {
            load->lines++;
            load->bytes += size;
            if (is_blank(text, size)) continue;
            (void)send_line(load, text, size);
            keep_pace(load);
        } else if (!input->ended) {
            wait_for_input(load, input);
            kz_input_read(input);
        } else {
            break;
        }
    }
    if (input->error != 0) {
        load->lines++; /* the one that could not be read */
        kz_load_report_malformed(load, strerror(input->error));
    }
    while (kezek_connection_run(load->connection, 0, PROGRESS_MS) > 0)
        kz_load_report_progress(load, false);
    kz_load_report_progress(load, true);
}

static int exit_code_of(const struct load *load)
{
    if (load->unanswered > 0) return EXIT_UNAVAILABLE;
    return load->malformed || load->refused > 0 ? EXIT_REFUSED : EXIT_OK;
}

int kz_cli_load(const struct cli *cli, const struct subcommand *self)
{
    struct stat status;
    struct load load = {
        .cli = cli,
        .path = kz_cli_value(cli, "file"),
        .progress = isatty(STDERR_FILENO) != 0,
        .begun_ms = kezek_now_ms(),
    };
    if (load.path == NULL) {
        return kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
    }
    bool is_stdin = strcmp(load.path, "-") == 0;
    static struct input input;
    input.file = is_stdin ? STDIN_FILENO : open(load.path, O_RDONLY | O_CLOEXEC);
    if (input.file < 0) return kz_cli_fail(EXIT_USAGE, "%s: %s", load.path, strerror(errno));

    if (is_stdin) load.path = "<stdin>";
    if (fstat(input.file, &status) == 0 && S_ISREG(status.st_mode)) {
        load.bytes_in_all = (uint64_t)status.st_size;
    }
    load.connection = kz_cli_connect(cli, false, TIMEOUT_MS);
    if (load.connection != NULL) {
        send_all(&load, &input);
        kz_load_report_summary(&load);
        kezek_disconnect(load.connection);
    }
    (void)close(input.file);
    return load.connection == NULL ? EXIT_USAGE : exit_code_of(&load);
}
