/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-audit import: builds a ledger from lines of JSON.
 *
 * It is built in DIR/ledger.draft and moved to its place when it is whole: an error of the file
 * leaves DIR empty. A result that replay does not give is no error of the file: it is said for each
 * line, the ledger (with the results of the replay) is built all the same, and the exit code is 7.
 */
#include "client/audit/audit.h"
#include "client/audit/line_reader.h"
#include "client/audit/replay.h"
#include "client/lines/lines.h"
#include "client/snapshot/draft.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_COUNT_MAX 8192
#define BATCH_SIZE      ((size_t)2 << 20)

struct import {
    const char *file_name;
    struct kz_log *log;
    struct kz_machine *machine;
    struct kz_batch *batch; /* lines that are not stored yet, and their results */
    uint8_t results[BATCH_COUNT_MAX];
    uint64_t index; /* of the last line */
    uint64_t term;
    uint64_t difference_count;
    struct kz_line line;
};

/* Stores the batch and begins the next one. */
static enum kz_status store(struct import *import, struct kz_error *error)
{
    if (import->batch != NULL && import->batch->count > 0) {
        const struct kz_batch *batches[] = {import->batch};
        struct kz_log_write write = {.batches = batches,
                                     .batch_count = 1,
                                     .result_first = import->batch->first_index,
                                     .results = import->results,
                                     .result_count = import->batch->count};
        enum kz_status status = kz_log_append(import->log, &write, error);
        if (status != KZ_OK) return status;
    }
    kz_batch_release(import->batch);
    import->batch = kz_batch_create(import->index + 1, BATCH_COUNT_MAX, BATCH_SIZE);
    return import->batch == NULL ? kz_error_set(error, KZ_NO_MEMORY, "no memory for the entries")
                                 : KZ_OK;
}

/* What is wrong with the line, which stands behind IMPORT's last one. */
static enum kz_status line_error(const struct import *import, struct kz_error *error,
                                 const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum kz_status line_error(const struct import *import, struct kz_error *error,
                                 const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return kz_error_set(error, KZ_MALFORMED, "%.80s:%" PRIu64 ": %s", import->file_name,
                        import->index + 1, text);
}

/* Checks what a line must be behind the ones before it. */
static enum kz_status check_place(const struct import *import, struct kz_error *error)
{
    const struct kz_line *line = &import->line;
    uint64_t index = import->index + 1;
    if (line->index == 0) return line_error(import, error, "\"index\" is missing");
    if (line->index != index) {
        return line_error(import, error, "\"index\" is %" PRIu64 " where %" PRIu64 " is expected",
                          line->index, index);
    }
    if (index == 1 && line->entry.type != KZ_MEMBERSHIP) {
        return line_error(import, error, "the first entry must be a membership");
    }
    if (line->term != 0 && line->term < import->term) {
        return line_error(import, error, "\"term\" is before the previous line's");
    }
    if (index > 1 && line->entry.time < kz_machine_time(import->machine)) {
        return line_error(import, error, "\"time\" is before the previous line's");
    }
    return KZ_OK;
}

/* Puts the line's record into the batch. */
static enum kz_status add_record(struct import *import, uint64_t term, struct kz_error *error)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_record_encode(&import->line.entry, record, sizeof record);
    if (size == 0) return line_error(import, error, "it is too large for an entry");

    uint8_t *room = kz_batch_add(import->batch, term, (uint32_t)size);
    if (room == NULL) {
        enum kz_status status = store(import, error);
        if (status != KZ_OK) return status;
        room = kz_batch_add(import->batch, term, (uint32_t)size);
    }
    memcpy(room, record, size);
    return KZ_OK;
}

/* Takes the parsed line as the next entry. */
static enum kz_status take_line(struct import *import, struct kz_error *error)
{
    const struct kz_line *line = &import->line;
    enum kz_status status = check_place(import, error);
    if (status != KZ_OK) return status;

    uint64_t term = line->term != 0 ? line->term : import->term;
    status = add_record(import, term, error);
    if (status != KZ_OK) return status;

    struct kz_outcome outcome;
    status = kz_machine_apply(import->machine, import->index + 1, &line->entry, &outcome);
    if (status == KZ_NEWER) {
        return line_error(import, error,
                          "it begins rules %" PRIu32 ", and this program knows rules %" PRIu32,
                          line->entry.version.rules, kz_rules_known());
    }
    if (status != KZ_OK) return line_error(import, error, "the rules have no room for it");
    import->index++;
    import->term = term;
    import->results[import->batch->count - 1] = (uint8_t)outcome.result;
    if (line->result != KZ_RESULT_NONE && line->result != outcome.result) {
        import->difference_count++;
        kz_report("%s:%" PRIu64 ": the result is %s, and the rules give %s", import->file_name,
                  import->index, kz_word(&kz_result_words, line->result),
                  kz_word(&kz_result_words, outcome.result));
    }
    return KZ_OK;
}

static enum kz_status read_lines(struct import *import, struct kz_line_reader *reader,
                                 struct kz_error *error)
{
    const char *text = NULL;
    size_t size = 0;
    struct kz_error why = {.text = ""};
    struct kz_progress progress = kz_progress_start("imported", 0);
    enum kz_status status = store(import, error);
    while (status == KZ_OK) {
        status = kz_line_reader_next(reader, &text, &size, &why);
        if (status == KZ_NOT_FOUND) break;
        if (status == KZ_OK) {
            status = kz_line_parse(text, size, KZ_LINE_LEDGER, &import->line, &why);
        }
        status =
            status == KZ_OK ? take_line(import, error) : line_error(import, error, "%s", why.text);
        kz_progress_show(&progress, import->index);
    }
    kz_progress_end(&progress);
    if (status != KZ_NOT_FOUND) return status;
    if (import->index == 0) {
        return kz_error_set(error, KZ_MALFORMED, "%s has no line", import->file_name);
    }
    return store(import, error);
}

/* Reads all lines into the ledger of the directory PATH. */
static enum kz_status build(struct import *import, struct kz_line_reader *reader, const char *path,
                            struct kz_error *error)
{
    enum kz_status status = kz_log_open(path, KZ_LOG_CREATE, 0, &import->log, error);
    if (status != KZ_OK) return status;
    import->term = 1;
    import->machine = kz_replay_machine();
    status = read_lines(import, reader, error);
    kz_machine_destroy(import->machine);
    kz_batch_release(import->batch);
    kz_log_close(import->log);
    return status;
}

static int import_file(struct import *import, const char *data)
{
    struct kz_error error = {.text = ""};
    struct kz_line_reader *reader = NULL;
    struct kz_draft draft;
    enum kz_status status = kz_line_reader_open(import->file_name, &reader, &error);
    if (status != KZ_OK) return kz_report_error(&error);
    status = kz_draft_open(data, &draft, &error);
    if (status == KZ_OK) {
        status = build(import, reader, draft.place, &error);
        if (status == KZ_OK) status = kz_draft_keep(&draft, &error);
        kz_draft_close(&draft);
    }
    kz_line_reader_close(reader);
    if (status != KZ_OK) return kz_report_error(&error);
    if (import->difference_count == 0) {
        (void)printf("%" PRIu64 " entries imported\n", import->index);
        return KZ_EXIT_OK;
    }
    kz_report("%" PRIu64 " entries imported; %" PRIu64 " results differ", import->index,
              import->difference_count);
    return KZ_EXIT_NOT_VERIFIED;
}

int kz_audit_import(const struct kz_audit_command *self, int count, char **arguments)
{
    int exit_code = KZ_EXIT_OK;
    const char *from = NULL;
    const char *data = NULL;
    const struct kz_option options[] = {
        {"--from", KZ_OPTION_TEXT, true, &from, 0, 0},
        {"--data", KZ_OPTION_TEXT, true, &data, 0, 0},
    };
    if (!kz_options_read(self, options, 2, count, arguments, &exit_code)) return exit_code;

    struct import *import = calloc(1, sizeof *import);
    if (import == NULL) {
        kz_report("no memory for the import");
        return KZ_EXIT_FAILED;
    }
    import->file_name = from;
    exit_code = import_file(import, data);
    free(import);
    return exit_code;
}
