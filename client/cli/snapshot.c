/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: a copy of the ledger that is whole up to one index; what it holds; a new cluster of it.
 *
 * A snapshot is a directory with a ledger and no node's identity, which kezek-audit opens. It is
 * built beside its place and moved there when it is whole (client/snapshot/draft.h). */
#include "client/cli/cli.h"

#include "client/snapshot/draft.h"
#include "client/snapshot/founding.h"
#include "client/snapshot/members.h"
#include "client/snapshot/survey.h"
#include "log/node_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS  10000
#define TURN_MS     500
#define PROGRESS_MS 200
#define PATH_SIZE   4096

static int fail_as(const struct kz_error *error)
{
    int code = EXIT_REFUSED;
    if (error->status == KZ_CORRUPT) code = EXIT_NOT_VERIFIED;
    if (error->status == KZ_USAGE) code = EXIT_USAGE;
    return kz_cli_fail(code, "%s", error->text);
}

/* Returns: the directory that the command names; NULL after it has said that there is none. */
static const char *directory_of(const struct cli *cli, const struct subcommand *self)
{
    const char *directory = kz_cli_value(cli, "directory");
    if (directory == NULL) {
        (void)kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
    }
    return directory;
}

/* ---- Progress, on a terminal ---- */

struct progress {
    const char *verb;
    uint64_t total;
    uint64_t next_ms;
    bool on_terminal;
};

static struct progress start_progress(const char *verb, uint64_t total)
{
    return (struct progress){verb, total, kezek_now_ms() + PROGRESS_MS, isatty(STDERR_FILENO) == 1};
}

static void show_progress(struct progress *progress, uint64_t done)
{
    if (!progress->on_terminal || done % 1024 != 0) return;
    uint64_t now = kezek_now_ms();
    if (now < progress->next_ms) return;
    progress->next_ms = now + PROGRESS_MS;
    (void)fprintf(stderr, "\r%s %" PRIu64 " of %" PRIu64 " entries (%" PRIu64 " %%)\033[K",
                  progress->verb, done, progress->total,
                  progress->total > 0 ? done * 100 / progress->total : 100);
}

static void end_progress(const struct progress *progress)
{
    if (progress->on_terminal) (void)fputs("\r\033[K", stderr);
}

/* ---- What a ledger holds ---- */

struct contents {
    struct progress progress;
    struct kz_copy *copy; /* where the entries go too; NULL: nowhere */
    uint64_t index;
    uint64_t term;
    int64_t time;
};

static enum kz_status take_entry(void *context, const struct kz_copied *entry,
                                 struct kz_error *error)
{
    struct contents *contents = context;
    contents->index = entry->index;
    contents->term = entry->term;
    contents->time = kz_record_time(entry->record);
    show_progress(&contents->progress, entry->index);
    return contents->copy == NULL ? KZ_OK : kz_copy_add(contents->copy, entry, error);
}

static enum kz_status survey(struct kz_log *log, const char *verb, struct contents *contents,
                             struct kz_error *error)
{
    contents->progress = start_progress(verb, kz_log_last_index(log));
    enum kz_status status = kz_survey_run(log, take_entry, contents, error);
    end_progress(&contents->progress);
    return status;
}

static void print_contents(const struct cli *cli, const char *directory,
                           const struct contents *contents, const struct kz_log *log)
{
    json_t *rows = json_array();
    json_t *row = json_object();
    uint64_t applied = kz_log_applied_index(log);

    kz_cli_add(row, "directory", json_string(directory));
    kz_cli_add(row, "last_index", json_integer((json_int_t)contents->index));
    kz_cli_add(row, "term", json_integer((json_int_t)contents->term));
    kz_cli_add(row, "time", kz_cli_time(cli, contents->time, 0));
    kz_cli_add(row, "applied_index", json_integer((json_int_t)applied));
    kz_cli_add(row, "bytes", json_integer((json_int_t)kz_log_used_bytes(log)));
    kz_cli_add(row, "whole", json_boolean(contents->index > 0 && applied == contents->index));
    (void)json_array_append_new(rows, row);
    (void)kz_cli_print(cli, rows, true);
}

/* ---- A directory that holds a ledger ---- */

struct source {
    int lock;
    struct kz_log *log;
};

static enum kz_status open_source(const char *directory, struct source *out_source,
                                  struct kz_error *error)
{
    char name[PATH_SIZE];
    int size = snprintf(name, sizeof name, "%s/ledger", directory);
    if (size > 0 && size < PATH_SIZE && access(name, F_OK) != 0 && errno == ENOENT) {
        return kz_error_set(error, KZ_NOT_FOUND,
                            "%s holds no whole snapshot: there is none, or its save was cut short",
                            directory);
    }
    struct source source = {.lock = -1};
    enum kz_status status = kz_directory_lock(directory, false, &source.lock, error);
    if (status != KZ_OK) return status;
    status = kz_log_open(directory, KZ_LOG_READ_ONLY, 0, &source.log, error);
    if (status != KZ_OK) {
        kz_directory_unlock(source.lock);
        return status;
    }
    *out_source = source;
    return KZ_OK;
}

static void close_source(struct source *source)
{
    kz_log_close(source->log);
    kz_directory_unlock(source->lock);
}

/* ---- status ---- */

int kz_cli_snapshot_status(const struct cli *cli, const struct subcommand *self)
{
    struct kz_error error = {.text = ""};
    struct source source = {.lock = -1};
    struct contents contents = {.copy = NULL};
    const char *directory = directory_of(cli, self);

    if (directory == NULL) return EXIT_USAGE;
    if (open_source(directory, &source, &error) != KZ_OK) return fail_as(&error);
    enum kz_status status = survey(source.log, "checked", &contents, &error);
    if (status == KZ_OK) print_contents(cli, directory, &contents, source.log);
    close_source(&source);
    return status == KZ_OK ? EXIT_OK : fail_as(&error);
}

/* ---- save ---- */

struct save {
    struct kz_copy *copy;
    uint64_t to; /* the last entry to be saved */
    enum kz_status status;
    struct kz_error error;
    struct progress progress;
    uint64_t last_ms; /* when entries came last */
};

static bool is_done(const struct save *save)
{
    return save->status != KZ_OK || kz_copy_last_index(save->copy) >= save->to;
}

static void on_entries(void *data, const struct kezek_entry *entries, uint32_t count)
{
    struct save *save = data;
    for (uint32_t i = 0; i < count && !is_done(save); i++) {
        struct kz_copied entry = {.index = entries[i].index,
                                  .term = entries[i].term,
                                  .record = entries[i].record,
                                  .size = (uint32_t)entries[i].size,
                                  .result = KZ_RESULT_NONE};
        (void)kz_word_find(&kz_result_words, entries[i].result, strlen(entries[i].result),
                           &entry.result);
        save->status = kz_copy_add(save->copy, &entry, &save->error);
        show_progress(&save->progress, entry.index);
    }
    if (count > 0) save->last_ms = kezek_now_ms();
}

static enum kz_status receive(const struct cli *cli, struct kezek_connection *connection,
                              struct save *save)
{
    struct kezek_error error;
    uint64_t patience_ms = cli->timeout_ms != 0 ? cli->timeout_ms : TIMEOUT_MS;

    save->last_ms = kezek_now_ms();
    if (kezek_client_watch(kezek_connection_client(connection), 1, on_entries, save, &error) !=
        KEZEK_OK) {
        return kz_error_set(&save->error, KZ_UNAVAILABLE, "%s", error.text);
    }
    save->progress = start_progress("saved", save->to);
    while (!is_done(save)) {
        kezek_connection_turn(connection, TURN_MS);
        if (kezek_now_ms() - save->last_ms < patience_ms) continue;
        save->status = kz_error_set(&save->error, KZ_UNAVAILABLE,
                                    "no entry came for %" PRIu64 " s behind entry %" PRIu64
                                    " of %" PRIu64 "; nothing was saved",
                                    patience_ms / 1000, kz_copy_last_index(save->copy), save->to);
    }
    end_progress(&save->progress);
    if (save->status != KZ_OK) return save->status;
    return kz_copy_finish(save->copy, &save->error);
}

/* Receives the ledger into the draft, reads it back with every check, moves it to its place. */
static enum kz_status save_to(const struct cli *cli, struct kezek_connection *connection,
                              const struct kz_draft *draft, struct save *save)
{
    struct contents contents = {.copy = NULL};
    enum kz_status status = kz_copy_create(draft->place, &save->copy, &save->error);
    if (status == KZ_OK) status = receive(cli, connection, save);
    if (status == KZ_OK) {
        status = survey(kz_copy_log(save->copy), "checked", &contents, &save->error);
    }
    if (status == KZ_OK) status = kz_draft_keep(draft, &save->error);
    if (status == KZ_OK) print_contents(cli, draft->path, &contents, kz_copy_log(save->copy));
    kz_copy_destroy(save->copy);
    return status;
}

int kz_cli_snapshot_save(const struct cli *cli, const struct subcommand *self)
{
    struct kz_draft draft;
    struct save save = {.error = {.text = ""}};
    const char *directory = directory_of(cli, self);

    if (directory == NULL) return EXIT_USAGE;
    struct kezek_connection *connection = kz_cli_connect(cli, cli->local, TIMEOUT_MS);
    if (connection == NULL) return EXIT_USAGE;
    int code = kz_cli_find_end(cli, connection, &save.to);
    if (code == EXIT_OK && kz_draft_open(directory, &draft, &save.error) != KZ_OK) {
        code = fail_as(&save.error);
    } else if (code == EXIT_OK) {
        enum kz_status status = save_to(cli, connection, &draft, &save);
        kz_draft_close(&draft);
        if (status != KZ_OK) code = fail_as(&save.error);
        if (status == KZ_UNAVAILABLE) code = EXIT_UNAVAILABLE;
    }
    kezek_disconnect(connection);
    return code;
}

/* ---- restore ---- */

/* Copies the whole of LOG into the draft and founds the cluster there. */
static enum kz_status restore_to(const struct kz_draft *draft, struct kz_log *log,
                                 struct kz_founding *founding, struct kz_error *error)
{
    struct contents contents = {.copy = NULL};
    enum kz_status status = kz_copy_create(draft->place, &contents.copy, error);
    if (status == KZ_OK) status = survey(log, "restored", &contents, error);
    if (status == KZ_OK) status = kz_copy_finish(contents.copy, error);
    if (status == KZ_OK) status = kz_founding_append(founding, kz_copy_log(contents.copy), error);
    kz_copy_destroy(contents.copy);
    if (status == KZ_OK) status = kz_draft_keep(draft, error);
    if (status == KZ_OK) status = kz_founding_sign(founding, draft->path, error);
    return status;
}

static int restore(const struct cli *cli, const char *directory, const char *data,
                   struct kz_founding *founding)
{
    struct kz_error error = {.text = ""};
    struct source source = {.lock = -1};
    struct kz_draft draft;
    enum kz_status status = open_source(directory, &source, &error);
    if (status != KZ_OK) return fail_as(&error);

    status = kz_draft_open(data, &draft, &error);
    if (status == KZ_OK) {
        status = restore_to(&draft, source.log, founding, &error);
        kz_draft_close(&draft);
    }
    close_source(&source);
    if (status != KZ_OK) return fail_as(&error);

    json_t *rows = json_array();
    json_t *row = json_object();
    kz_cli_add(row, "directory", json_string(data));
    kz_cli_add(row, "founded_at", json_integer((json_int_t)founding->index));
    kz_cli_add(row, "term", json_integer((json_int_t)founding->term));
    kz_cli_add(row, "members", json_integer(founding->members.count));
    (void)json_array_append_new(rows, row);
    return kz_cli_print(cli, rows, true);
}

int kz_cli_snapshot_restore(const struct cli *cli, const struct subcommand *self)
{
    static const uint8_t none[KZ_ID_SIZE];
    struct kz_error error = {.text = ""};
    struct kz_founding founding = {.index = 0};
    const char *directory = directory_of(cli, self);
    const char *data = kz_cli_value(cli, "data");
    const char *cluster = kz_cli_value(cli, "cluster_id");
    const char *members = kz_cli_value(cli, "cluster");

    if (directory == NULL) return EXIT_USAGE;
    if (data == NULL || cluster == NULL || members == NULL) {
        return kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
    }
    if (!kz_cli_read_hex(cluster, founding.cluster, sizeof founding.cluster) ||
        memcmp(founding.cluster, none, sizeof none) == 0) {
        return kz_cli_fail(EXIT_USAGE, "--cluster-id is 32 hex digits, not all zero; not \"%s\"",
                           cluster);
    }
    if (kz_members_read(members, &founding.members, &error) != KZ_OK) return fail_as(&error);
    return restore(cli, directory, data, &founding);
}
