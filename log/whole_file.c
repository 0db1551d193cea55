/* SPDX-License-Identifier: Apache-2.0 */
#include "log/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE_MAX  4096
#define FILE_MODE      0600
#define DIRECTORY_MODE 0700

/* What the operating system said about PATH, in errno. */
static enum kz_status fail(const char *what, const char *path, struct kz_error *error)
{
    int code = errno;
    enum kz_status status = code == ENOENT                                      ? KZ_NOT_FOUND
                            : code == ENOSPC || code == EDQUOT || code == EFBIG ? KZ_NO_SPACE
                                                                                : KZ_IO;
    return kz_error_set(error, status, "cannot %s %s: %s", what, path, strerror(code));
}

static enum kz_status join(const char *directory, const char *name, const char *suffix,
                           char out_path[static PATH_SIZE_MAX], struct kz_error *error)
{
    int size = snprintf(out_path, PATH_SIZE_MAX, "%s/%s%s", directory, name, suffix);
    if (size > 0 && size < PATH_SIZE_MAX) return KZ_OK;
    return kz_error_set(error, KZ_IO, "the path %.64s… is too long", directory);
}

enum kz_status kz_whole_file_read(const char *directory, const char *name, uint8_t *out,
                                  size_t capacity, size_t *out_size, struct kz_error *error)
{
    char path[PATH_SIZE_MAX];
    enum kz_status status = join(directory, name, "", path, error);
    if (status != KZ_OK) return status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail("open", path, error);

    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size < capacity) {
        got = read(file, out + size, capacity - size);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            size += (size_t)got;
    }
    uint8_t more = 0;
    if (got > 0 && read(file, &more, 1) == 1) {
        status = kz_error_set(error, KZ_CORRUPT, "%s is too long", path);
    } else if (got < 0) {
        status = fail("read", path, error);
    }
    (void)close(file);
    if (status == KZ_OK) *out_size = size;
    return status;
}

static int write_all(int file, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, bytes, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

enum kz_status kz_directory_sync(const char *directory, struct kz_error *error)
{
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return fail("open", directory, error);
    enum kz_status status = fsync(file) == 0 ? KZ_OK : fail("sync", directory, error);
    (void)close(file);
    return status;
}

enum kz_status kz_file_rename(const char *directory, const char *from, const char *to,
                              struct kz_error *error)
{
    if (rename(from, to) != 0) return fail("rename", from, error);
    return kz_directory_sync(directory, error);
}

enum kz_status kz_whole_file_write(const char *directory, const char *name, const uint8_t *bytes,
                                   size_t size, struct kz_error *error)
{
    char path[PATH_SIZE_MAX];
    char draft[PATH_SIZE_MAX];
    enum kz_status status = join(directory, name, "", path, error);
    if (status == KZ_OK) status = join(directory, name, ".new", draft, error);
    if (status != KZ_OK) return status;

    int file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (file < 0) return fail("create", draft, error);
    if (write_all(file, bytes, size) != 0 || fdatasync(file) != 0) {
        status = fail("write", draft, error);
        (void)close(file);
        (void)unlink(draft);
        return status;
    }
    (void)close(file);
    return kz_file_rename(directory, draft, path, error);
}

enum kz_status kz_directory_make_empty(const char *path, struct kz_error *error)
{
    if (mkdir(path, DIRECTORY_MODE) == 0) return KZ_OK;
    if (errno != EEXIST) return fail("make", path, error);

    DIR *directory = opendir(path);
    if (directory == NULL) return fail("open", path, error);
    enum kz_status status = KZ_OK;
    const struct dirent *entry = NULL;
    while (status == KZ_OK && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (unlinkat(dirfd(directory), entry->d_name, 0) != 0) status = fail("empty", path, error);
    }
    (void)closedir(directory);
    return status;
}
