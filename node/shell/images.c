/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/images.h"

#include "log/whole_file.h"
#include "node/core/bounds.h"
#include "node/shell/clocks.h"
#include "node/shell/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_SIZE_MAX  4096
#define IMAGES_MAX     64 /* looked at; more can only be foreign */
#define PREFIX         "image-"
#define READ_SIZE      ((size_t)8 << 20)
#define FILE_MODE      0600
#define DIRECTORY_MODE 0700

/* ---- Names ---- */

static void path_of(const char *directory, const char *name, char out_path[static PATH_SIZE_MAX])
{
    (void)snprintf(out_path, PATH_SIZE_MAX, "%s/state%s%s", directory, name[0] == '\0' ? "" : "/",
                   name);
}

static void path_of_image(const char *directory, uint64_t index,
                          char out_path[static PATH_SIZE_MAX])
{
    char name[64];
    (void)snprintf(name, sizeof name, PREFIX "%" PRIu64, index);
    path_of(directory, name, out_path);
}

/* Returns: the index in an image's file name; 0 for any other name. */
static uint64_t index_of(const char *name)
{
    char *end = NULL;

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0) return 0;
    const char *digits = name + strlen(PREFIX);
    if (digits[0] < '1' || digits[0] > '9') return 0;
    uint64_t index = strtoull(digits, &end, 10);
    return *end == '\0' ? index : 0;
}

static int compare_newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Lists the images there are, the newest first. Returns: how many. */
static unsigned list(const char *directory, uint64_t out_indexes[static IMAGES_MAX])
{
    char path[PATH_SIZE_MAX];
    unsigned count = 0;

    path_of(directory, "", path);
    DIR *state = opendir(path);
    if (state == NULL) return 0;
    const struct dirent *entry;
    while (count < IMAGES_MAX && (entry = readdir(state)) != NULL) {
        uint64_t index = index_of(entry->d_name);
        if (index != 0) out_indexes[count++] = index;
    }
    (void)closedir(state);
    qsort(out_indexes, count, sizeof out_indexes[0], compare_newest_first);
    return count;
}

static enum kz_status fail(struct kz_error *error, const char *what)
{
    enum kz_status status = errno == ENOSPC || errno == EDQUOT ? KZ_NO_SPACE : KZ_IO;
    return kz_error_set(error, status, "cannot %s: %s", what, strerror(errno));
}

/* ---- Opening ---- */

static enum kz_status read_all(int file, uint8_t *area, size_t size, struct kz_error *error)
{
    size_t done = 0;
    while (done < size) {
        size_t piece = size - done < READ_SIZE ? size - done : READ_SIZE;
        ssize_t got = read(file, area + done, piece);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(error, "read it");
        if (got == 0) return kz_error_set(error, KZ_CORRUPT, "it is damaged");
        done += (size_t)got;
    }
    return KZ_OK;
}

/* Reads FILE into a piece of the arena: not a mapping of the file, whose pages would be small (see
 * arena.h), and whose disk could fail at any time later. */
static enum kz_status read_file(int file, struct kz_arena *arena, uint8_t **out_area,
                                struct stat *out_state, struct kz_error *error)
{
    if (fstat(file, out_state) != 0) return fail(error, "read it");
    if (out_state->st_size <= 0) return kz_error_set(error, KZ_CORRUPT, "it is damaged");
    size_t size = (size_t)out_state->st_size;
    uint8_t *area = kz_arena_map(arena, size);
    if (area == NULL) return kz_error_set(error, KZ_NO_MEMORY, "there is no memory for it");
    enum kz_status status = read_all(file, area, size, error);
    if (status != KZ_OK) return status;
    *out_area = area;
    return KZ_OK;
}

static enum kz_status open_file(const char *path, const struct kz_batch *entry,
                                const struct kz_core_options *options, struct kz_arena *arena,
                                struct kz_images_opened *opened, struct kz_error *error)
{
    uint8_t *area = NULL;
    struct stat state;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail(error, "open it");

    enum kz_status status = read_file(file, arena, &area, &state, error);
    (void)close(file);
    if (status == KZ_OK) {
        status =
            kz_core_image_open(area, (size_t)state.st_size, options, entry, &opened->image, error);
    }
    if (status != KZ_OK) {
        kz_arena_reset(arena);
        return status;
    }
    opened->bytes = (uint64_t)state.st_size;
    opened->time_seconds = (double)state.st_mtime;
    return KZ_OK;
}

static enum kz_status open_image(const char *directory, uint64_t index, struct kz_log *log,
                                 const struct kz_core_options *options, struct kz_arena *arena,
                                 struct kz_images_opened *opened, struct kz_error *error)
{
    char path[PATH_SIZE_MAX];
    struct kz_batch *entry;

    if (index > kz_log_applied_index(log))
        return kz_error_set(error, KZ_MISMATCH, "it is ahead of the results in the ledger");
    enum kz_status status = kz_log_read(log, index, 1, KZ_RECORD_SIZE_MAX, &entry, error);
    if (status != KZ_OK) return status;
    path_of_image(directory, index, path);
    status = open_file(path, entry, options, arena, opened, error);
    kz_batch_release(entry);
    return status;
}

void kz_images_open(const char *directory, struct kz_log *log,
                    const struct kz_core_options *options, struct kz_arena *arena,
                    struct kz_images_opened *out_opened)
{
    uint64_t begin_ns = kz_clocks_monotonic_ns();
    uint64_t indexes[IMAGES_MAX];
    unsigned count = list(directory, indexes);

    *out_opened = (struct kz_images_opened){.image = NULL};
    kz_images_remove_new(directory);
    for (unsigned i = 0; i < count && out_opened->image == NULL; i++) {
        struct kz_error error;
        enum kz_status status =
            open_image(directory, indexes[i], log, options, arena, out_opened, &error);
        if (status == KZ_OK) continue;
        kz_journal(KZ_NOTICE_WARNING,
                   "image_refused index=%" PRIu64 " reason=\"%s\" hint=\"nothing is lost: the "
                   "ledger is replayed\"",
                   indexes[i], error.text);
    }
    uint64_t took_ns = kz_clocks_monotonic_ns() - begin_ns;
    out_opened->seconds = (double)took_ns / 1e9;
    if (out_opened->image == NULL) return;
    out_opened->index = kz_core_image_index(out_opened->image);
    kz_journal(KZ_NOTICE_INFO, "image_opened index=%" PRIu64 " bytes=%" PRIu64 " ms=%" PRIu64,
               out_opened->index, out_opened->bytes, took_ns / 1000000);
}

/* ---- Saving ---- */

static bool has_room(const char *path, uint64_t size)
{
    struct statvfs disk;

    if (statvfs(path, &disk) != 0) return true; /* writing will tell */
    return (uint64_t)disk.f_bavail * disk.f_frsize >= 2 * size + KZ_DISK_ROOM;
}

/* Removes the images but those of entries A and B. */
static void remove_others(const char *directory, uint64_t a, uint64_t b)
{
    char path[PATH_SIZE_MAX];
    uint64_t indexes[IMAGES_MAX];
    unsigned count = list(directory, indexes);

    for (unsigned i = 0; i < count; i++) {
        if (indexes[i] == a || indexes[i] == b) continue;
        path_of_image(directory, indexes[i], path);
        (void)unlink(path);
    }
}

enum kz_status kz_images_create_new(const char *directory, uint64_t size, int *out_file,
                                    struct kz_error *error)
{
    char path[PATH_SIZE_MAX];
    uint64_t indexes[IMAGES_MAX];

    path_of(directory, "", path);
    if (mkdir(path, DIRECTORY_MODE) != 0 && errno != EEXIST)
        return fail(error, "make the directory state");
    if (!has_room(path, size) && list(directory, indexes) > 1)
        remove_others(directory, indexes[0], indexes[0]);
    if (!has_room(path, size)) {
        return kz_error_set(error, KZ_NO_SPACE,
                            "the disk has less than twice its %" PRIu64 " bytes free", size);
    }
    path_of(directory, "new", path);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (file < 0) return fail(error, "create state/new");
    *out_file = file;
    return KZ_OK;
}

enum kz_status kz_images_keep_new(const char *directory, uint64_t index, uint64_t before,
                                  uint64_t *out_bytes, struct kz_error *error)
{
    char state[PATH_SIZE_MAX];
    char from[PATH_SIZE_MAX];
    char to[PATH_SIZE_MAX];

    path_of(directory, "", state);
    path_of(directory, "new", from);
    path_of_image(directory, index, to);
    struct stat file;
    if (stat(from, &file) != 0) return fail(error, "find state/new");
    enum kz_status status = kz_file_rename(state, from, to, error);
    if (status == KZ_OK) status = kz_directory_sync(directory, error);
    if (status != KZ_OK) return status;
    remove_others(directory, index, before);
    *out_bytes = (uint64_t)file.st_size;
    return KZ_OK;
}

void kz_images_remove_new(const char *directory)
{
    char path[PATH_SIZE_MAX];

    path_of(directory, "new", path);
    (void)unlink(path);
}
