/* SPDX-License-Identifier: Apache-2.0 */
#include "log/twin_file.h"

#include "log/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE_MAX 4096

/* ---- Reading ---- */

enum kz_status kz_twin_file_read(const char *directory, const char *name, uint8_t *out,
                                 size_t capacity, size_t *out_size, struct kz_error *error)
{
    uint8_t bytes[KZ_TWIN_FILE_SIZE];
    size_t size = 0;
    struct kz_twin twin = {.content = bytes};
    enum kz_status status = kz_whole_file_read(directory, name, bytes, sizeof bytes, &size, error);
    if (status != KZ_OK) return status;

    if (size == KZ_TWIN_FILE_SIZE) {
        status = kz_twin_decode(bytes, &twin);
    } else {
        twin.size = size;
    }
    if (status == KZ_OK && twin.size > capacity) status = KZ_CORRUPT;
    if (status != KZ_OK) {
        return kz_error_set(error, status, "%s/%s: %s", directory, name, kz_status_text(status));
    }
    memcpy(out, twin.content, twin.size);
    *out_size = twin.size;
    return KZ_OK;
}

/* ---- Writing ---- */

static enum kz_status fail(const char *what, const char *path, struct kz_error *error)
{
    return kz_error_set(error, KZ_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

static enum kz_status replace(const char *directory, const char *name, const uint8_t *content,
                              size_t size, struct kz_error *error)
{
    uint8_t bytes[KZ_TWIN_FILE_SIZE];
    kz_twin_encode(content, size, 1, bytes);
    memcpy(bytes + KZ_TWIN_COPY_SIZE, bytes, KZ_TWIN_COPY_SIZE);
    return kz_whole_file_write(directory, name, bytes, sizeof bytes, error);
}

/* Reads SIZE bytes from the start of FILE. Returns: how many there are, at most SIZE; −1 with errno
 * set. */
static ssize_t read_from_start(int file, uint8_t *out, size_t size)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = pread(file, out + have, size - have, (off_t)have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static enum kz_status write_copy(int file, const char *path, unsigned which,
                                 const uint8_t copy[static KZ_TWIN_COPY_SIZE],
                                 struct kz_error *error)
{
    size_t done = 0;
    while (done < KZ_TWIN_COPY_SIZE) {
        ssize_t put = pwrite(file, copy + done, KZ_TWIN_COPY_SIZE - done,
                             (off_t)(which * KZ_TWIN_COPY_SIZE + done));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail("write", path, error);
        done += (size_t)put;
    }
    return fdatasync(file) == 0 ? KZ_OK : fail("sync", path, error);
}

/* Writes both copies of the open FILE, whose content is OLD. */
static enum kz_status rewrite(int file, const char *path, const struct kz_twin *old,
                              const uint8_t *content, size_t size, struct kz_error *error)
{
    uint8_t copy[KZ_TWIN_COPY_SIZE];
    kz_twin_encode(content, size, old->sequence + 1, copy);
    enum kz_status status = write_copy(file, path, old->older, copy, error);
    if (status == KZ_OK) status = write_copy(file, path, 1 - old->older, copy, error);
    return status;
}

enum kz_status kz_twin_file_write(const char *directory, const char *name, const uint8_t *content,
                                  size_t size, struct kz_error *error)
{
    uint8_t bytes[KZ_TWIN_FILE_SIZE + 1]; /* one more, to see that a file is longer */
    char path[PATH_SIZE_MAX];
    struct kz_twin old;
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length < 0 || length >= PATH_SIZE_MAX) {
        return kz_error_set(error, KZ_IO, "the path %.64s… is too long", directory);
    }
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) return replace(directory, name, content, size, error);
    if (file < 0) return fail("open", path, error);

    ssize_t have = read_from_start(file, bytes, sizeof bytes);
    enum kz_status status = have < 0 ? fail("read", path, error) : KZ_OK;
    if (status == KZ_OK) {
        bool is_whole = have == KZ_TWIN_FILE_SIZE && kz_twin_decode(bytes, &old) == KZ_OK;
        status = is_whole ? rewrite(file, path, &old, content, size, error)
                          : replace(directory, name, content, size, error);
    }
    (void)close(file);
    return status;
}
