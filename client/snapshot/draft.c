/* SPDX-License-Identifier: Apache-2.0 */
#include "client/snapshot/draft.h"

#include "log/node_files.h"
#include "log/reached.h"
#include "log/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PLACE "ledger.draft"

/* Finds a file in PATH, if that is there, which a draft neither makes nor leaves behind when it is
 * interrupted. */
static enum kz_status check_empty(const char *path, struct kz_error *error)
{
    DIR *directory = opendir(path);
    if (directory == NULL && errno == ENOENT) return KZ_OK;
    if (directory == NULL) {
        return kz_error_set(error, KZ_IO, "cannot open %s: %s", path, strerror(errno));
    }
    static const char *const allowed[] = {".", "..", "lock", PLACE};
    enum kz_status status = KZ_OK;
    const struct dirent *entry = NULL;
    while (status == KZ_OK && (entry = readdir(directory)) != NULL) {
        bool is_allowed = false;
        for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
            if (strcmp(entry->d_name, allowed[i]) == 0) is_allowed = true;
        }
        if (!is_allowed) {
            status =
                kz_error_set(error, KZ_EXISTS, "%s is not empty: it has %s", path, entry->d_name);
        }
    }
    (void)closedir(directory);
    return status;
}

static void remove_draft(const struct kz_draft *directory)
{
    static const char *const parts[] = {"/ledger", "/ledger.new"};
    char name[KZ_DRAFT_PATH_SIZE + 32];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", directory->place, parts[i]);
        if (access(name, F_OK) == 0 && kz_directory_make_empty(name, NULL) == KZ_OK) {
            (void)rmdir(name);
        }
    }
    (void)kz_reached_forget(directory->place, NULL);
    (void)rmdir(directory->place);
}

enum kz_status kz_draft_open(const char *path, struct kz_draft *out_directory,
                             struct kz_error *error)
{
    struct kz_draft directory = {.path = path, .lock = -1};
    int size = snprintf(directory.place, sizeof directory.place, "%s/" PLACE, path);
    if (size < 0 || (size_t)size >= sizeof directory.place) {
        return kz_error_set(error, KZ_IO, "the path %.64s… is too long", path);
    }
    /* Before the lock too, which would leave a file of its name in any directory. */
    enum kz_status status = check_empty(path, error);
    if (status == KZ_OK) status = kz_directory_lock(path, true, &directory.lock, error);
    if (status != KZ_OK) return status;
    status = check_empty(path, error);
    if (status == KZ_OK) {
        remove_draft(&directory);
        status = kz_directory_make_empty(directory.place, error);
    }
    if (status != KZ_OK) {
        kz_directory_unlock(directory.lock);
        return status;
    }
    *out_directory = directory;
    return KZ_OK;
}

enum kz_status kz_draft_keep(const struct kz_draft *directory, struct kz_error *error)
{
    char from[KZ_DRAFT_PATH_SIZE + 32];
    char to[KZ_DRAFT_PATH_SIZE + 32];
    (void)snprintf(from, sizeof from, "%s/ledger", directory->place);
    (void)snprintf(to, sizeof to, "%s/ledger", directory->path);
    struct kz_identity identity = {.id = 0};
    enum kz_status status = kz_file_rename(directory->path, from, to, error);
    if (status != KZ_OK) return status;
    return kz_identity_write(directory->path, &identity, error);
}

void kz_draft_close(struct kz_draft *directory)
{
    char name[KZ_DRAFT_PATH_SIZE + 32];
    remove_draft(directory);
    (void)snprintf(name, sizeof name, "%s/ledger", directory->path);
    if (access(name, F_OK) != 0) {
        (void)snprintf(name, sizeof name, "%s/lock", directory->path);
        (void)unlink(name);
    }
    kz_directory_unlock(directory->lock);
}
