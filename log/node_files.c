/* SPDX-License-Identifier: Apache-2.0 */
/* The directory's lock, and its two files; identity.c and vote.c know their bytes. */
#include "log/node_files.h"

#include "log/twin_file.h"
#include "log/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE_MAX  4096
#define PID_TEXT_SIZE  32
#define DIRECTORY_MODE 0700
#define FILE_MODE      0600

static enum kz_status locked_by_another(int file, const char *directory, struct kz_error *error)
{
    char text[PID_TEXT_SIZE] = "";
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    long process = size > 0 ? strtol(text, NULL, 10) : 0;
    return kz_error_set(error, KZ_LOCKED,
                        "%s is in use by process %ld: stop it, or give another directory",
                        directory, process);
}

/* Writes who holds the lock into it, for the message of whoever finds it held. */
static void sign(int file)
{
    char text[PID_TEXT_SIZE];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(file, 0) != 0 || pwrite(file, text, (size_t)size, 0) != size) {
        /* The lock holds without a name too. */
    }
}

/* Makes DIRECTORY where there is none, durably: what is synced in it must not go with it. */
static enum kz_status make(const char *directory, struct kz_error *error)
{
    char parent[PATH_SIZE_MAX];
    if (mkdir(directory, DIRECTORY_MODE) != 0) {
        if (errno == EEXIST) return KZ_OK;
        return kz_error_set(error, KZ_IO, "cannot make %s: %s", directory, strerror(errno));
    }
    (void)snprintf(parent, sizeof parent, "%s/..", directory);
    return kz_directory_sync(parent, error);
}

/* Opens the lock as a medium that can not be written lets it. Returns: -1 with an errno, EROFS
 * where there is none. */
static int open_on_read_only(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) errno = EROFS;
    return file;
}

enum kz_status kz_directory_lock(const char *directory, bool create, int *out_lock,
                                 struct kz_error *error)
{
    char path[PATH_SIZE_MAX];
    int size = snprintf(path, sizeof path, "%s/lock", directory);
    if (size < 0 || size >= PATH_SIZE_MAX) {
        return kz_error_set(error, KZ_IO, "the path %.64s… is too long", directory);
    }
    enum kz_status made = create ? make(directory, error) : KZ_OK;
    if (made != KZ_OK) return made;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (file < 0 && errno == EROFS && !create) {
        file = open_on_read_only(path);
        if (file < 0 && errno == EROFS) {
            *out_lock = -1;
            return KZ_OK;
        }
    }
    if (file < 0) {
        enum kz_status status = errno == ENOENT ? KZ_NOT_FOUND : KZ_IO;
        return kz_error_set(error, status, "cannot open %s: %s", path, strerror(errno));
    }
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        enum kz_status status =
            errno == EWOULDBLOCK
                ? locked_by_another(file, directory, error)
                : kz_error_set(error, KZ_IO, "cannot lock %s: %s", path, strerror(errno));
        (void)close(file);
        return status;
    }
    sign(file);
    *out_lock = file;
    return KZ_OK;
}

void kz_directory_unlock(int lock)
{
    if (lock >= 0) (void)close(lock);
}

/* Says which file did not decode, and why. */
static enum kz_status undecoded(enum kz_status status, const char *directory, const char *name,
                                struct kz_error *error)
{
    if (status == KZ_OK) return KZ_OK;
    return kz_error_set(error, status, "%s/%s: %s", directory, name, kz_status_text(status));
}

enum kz_status kz_identity_read(const char *directory, struct kz_identity *out_identity,
                                struct kz_error *error)
{
    uint8_t bytes[KZ_IDENTITY_SIZE_MAX];
    size_t size = 0;
    enum kz_status status =
        kz_twin_file_read(directory, "identity", bytes, sizeof bytes, &size, error);
    if (status != KZ_OK) return status;
    return undecoded(kz_identity_decode(bytes, size, out_identity), directory, "identity", error);
}

enum kz_status kz_identity_write(const char *directory, const struct kz_identity *identity,
                                 struct kz_error *error)
{
    uint8_t bytes[KZ_IDENTITY_SIZE_MAX];
    size_t size = kz_identity_encode(identity, bytes);
    return kz_twin_file_write(directory, "identity", bytes, size, error);
}

enum kz_status kz_vote_read(const char *directory, struct kz_vote *out_vote, struct kz_error *error)
{
    uint8_t bytes[KZ_VOTE_SIZE];
    size_t size = 0;
    enum kz_status status = kz_twin_file_read(directory, "vote", bytes, sizeof bytes, &size, error);
    if (status != KZ_OK) return status;
    return undecoded(kz_vote_decode(bytes, size, out_vote), directory, "vote", error);
}

enum kz_status kz_vote_write(const char *directory, const struct kz_vote *vote,
                             struct kz_error *error)
{
    uint8_t bytes[KZ_VOTE_SIZE];
    size_t size = kz_vote_encode(vote, bytes);
    return kz_twin_file_write(directory, "vote", bytes, size, error);
}
