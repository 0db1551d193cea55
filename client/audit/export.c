/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-audit export: the ledger as lines of JSON. Entries that the rules judge have a result; what
 * the cluster writes for itself has none. Behind the last entry whose result is stored (a node that
 * was killed) results are those that the rules give, so that an export never depends on how far a
 * node came with storing them. */
#include "client/audit/audit.h"
#include "client/audit/feed.h"
#include "client/audit/replay.h"
#include "client/lines/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)1 << 20)

/* Results of the entries behind `applied`, worked out again. */
struct tail {
    uint64_t applied;
    uint8_t *results; /* of entry applied + 1 and so on; NULL: none is needed */
};

/* Lines on their way to FILE. */
struct writer {
    int file;
    struct tail tail;
    size_t size;
    char bytes[BUFFER_SIZE];
};

static enum kz_status keep_result(void *context, const struct kz_replay_step *step,
                                  struct kz_error *error)
{
    struct tail *tail = context;
    (void)error;
    if (step->index > tail->applied) {
        tail->results[step->index - tail->applied - 1] = (uint8_t)step->result;
    }
    return KZ_OK;
}

/* Fills TAIL for an export of entries up to TO. */
static enum kz_status work_out_tail(struct kz_log *log, uint64_t to, struct tail *tail,
                                    struct kz_error *error)
{
    *tail = (struct tail){.applied = kz_log_applied_index(log)};
    if (to <= tail->applied) return KZ_OK;

    struct kz_machine *machine = NULL;
    const struct kz_replay replay = {
        .log = log, .to = to, .verb = "replayed", .on_step = keep_result, .context = tail};
    tail->results = malloc(to - tail->applied);
    if (tail->results == NULL) {
        return kz_error_set(error, KZ_NO_MEMORY, "no memory for the last entries' results");
    }
    enum kz_status status = kz_replay_run(&replay, &machine, error);
    if (status == KZ_OK) kz_machine_destroy(machine);
    return status;
}

static enum kz_result result_of(const struct writer *writer, const struct kz_feed_piece *piece,
                                uint32_t i, const struct kz_entry *entry)
{
    uint64_t index = piece->batch->first_index + i;
    if (kz_type_is_cluster(entry->type)) return KZ_RESULT_NONE;
    if (index > writer->tail.applied) return writer->tail.results[index - writer->tail.applied - 1];
    return piece->results[i];
}

static bool flush_lines(struct writer *writer)
{
    size_t done = 0;
    while (done < writer->size) {
        ssize_t written = write(writer->file, writer->bytes + done, writer->size - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        done += (size_t)written;
    }
    writer->size = 0;
    return true;
}

static enum kz_status write_entry(struct writer *writer, const struct kz_feed_piece *piece,
                                  uint32_t i, struct kz_error *error)
{
    uint32_t size = 0;
    struct kz_entry entry;
    uint64_t index = piece->batch->first_index + i;
    const uint8_t *record = kz_batch_record(piece->batch, i, &size);
    enum kz_status status = kz_record_decode(record, size, &entry);
    if (status == KZ_NEWER) {
        return kz_error_set(error, status, "entry %" PRIu64 " is of a later version", index);
    }
    if (status != KZ_OK) {
        return kz_error_set(error, KZ_CORRUPT, "entry %" PRIu64 " is bad: not a record", index);
    }
    if (BUFFER_SIZE - writer->size <= KZ_LINE_SIZE_MAX && !flush_lines(writer)) {
        return kz_error_set(error, KZ_IO, "cannot write the lines: %s", strerror(errno));
    }
    writer->size +=
        kz_line_format(index, kz_batch_term(piece->batch, i), &entry,
                       result_of(writer, piece, i, &entry), writer->bytes + writer->size);
    writer->bytes[writer->size++] = '\n';
    return KZ_OK;
}

static enum kz_status write_all(struct writer *writer, struct kz_feed *feed, uint64_t total,
                                struct kz_error *error)
{
    struct kz_feed_piece piece;
    struct kz_progress progress = kz_progress_start("exported", total);
    uint64_t done = 0;
    enum kz_status status = KZ_OK;
    while ((status = kz_feed_next(feed, &piece, error)) == KZ_OK) {
        for (uint32_t i = 0; i < piece.batch->count && status == KZ_OK; i++) {
            status = write_entry(writer, &piece, i, error);
        }
        done += piece.batch->count;
        kz_feed_piece_finish(&piece);
        kz_progress_show(&progress, done);
        if (status != KZ_OK) break;
    }
    kz_progress_end(&progress);
    if (!flush_lines(writer) && status == KZ_NOT_FOUND) {
        return kz_error_set(error, KZ_IO, "cannot write the lines: %s", strerror(errno));
    }
    return status == KZ_NOT_FOUND ? KZ_OK : status;
}

static int export_to(int file, const struct kz_audit_directory *directory, uint64_t from,
                     uint64_t to)
{
    struct kz_error error = {.text = ""};
    struct kz_feed *feed = NULL;
    struct writer *writer = malloc(sizeof *writer);
    if (writer == NULL) {
        kz_report("no memory for the lines");
        return KZ_EXIT_FAILED;
    }
    writer->file = file;
    writer->size = 0;
    enum kz_status status = work_out_tail(directory->log, to, &writer->tail, &error);
    if (status == KZ_OK) status = kz_feed_start(directory->log, from, to, false, &feed, &error);
    if (status == KZ_OK) {
        status = write_all(writer, feed, to < from ? 0 : to - from + 1, &error);
        kz_feed_stop(feed);
    }
    free(writer->tail.results);
    free(writer);
    return status == KZ_OK ? KZ_EXIT_OK : kz_report_error(&error);
}

/* Writes to OUT, which is made or emptied, or to standard output. */
static int export_directory(const struct kz_audit_directory *directory, uint64_t from, uint64_t to,
                            const char *out)
{
    if (out == NULL) return export_to(STDOUT_FILENO, directory, from, to);
    int file = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) {
        kz_report("cannot write %s: %s", out, strerror(errno));
        return KZ_EXIT_FAILED;
    }
    int exit_code = export_to(file, directory, from, to);
    bool written = fdatasync(file) == 0 || errno == EINVAL; /* a pipe or a device has no sync */
    if ((close(file) != 0 || !written) && exit_code == KZ_EXIT_OK) {
        kz_report("cannot write %s: %s", out, strerror(errno));
        exit_code = KZ_EXIT_FAILED;
    }
    return exit_code;
}

int kz_audit_export(const struct kz_audit_command *self, int count, char **arguments)
{
    int exit_code = KZ_EXIT_OK;
    const char *data = NULL;
    const char *out = NULL;
    uint64_t from = 1;
    uint64_t to = 0;
    const struct kz_option options[] = {
        {"--data", KZ_OPTION_TEXT, true, &data, 0, 0},
        {"--from", KZ_OPTION_NUMBER, false, &from, 1, UINT64_MAX},
        {"--to", KZ_OPTION_NUMBER, false, &to, 1, UINT64_MAX},
        {"--out", KZ_OPTION_TEXT, false, &out, 0, 0},
    };
    if (!kz_options_read(self, options, 4, count, arguments, &exit_code)) return exit_code;

    struct kz_audit_directory directory;
    exit_code = kz_audit_directory_open(data, KZ_LOG_READ_ONLY, &directory);
    if (exit_code != KZ_EXIT_OK) return exit_code;
    if (!kz_audit_find_end(&directory, &to)) {
        exit_code = KZ_EXIT_USAGE;
    } else if (from > to + 1) { /* from the end on there may be nothing yet */
        kz_report("nothing to export: it would begin at entry %" PRIu64 " and end at %" PRIu64,
                  from, to);
        exit_code = KZ_EXIT_USAGE;
    } else {
        exit_code = export_directory(&directory, from, to, out);
    }
    kz_audit_directory_close(&directory);
    return exit_code;
}
