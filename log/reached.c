/* SPDX-License-Identifier: Apache-2.0 */
#include "log/reached.h"

#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE_MAX 4096
#define FILE_MODE     0600
#define MAGIC_SIZE    8

static const uint8_t magic[MAGIC_SIZE] = "KZREACH";

/* Returns: the transaction that FILE names, 0 when it says nothing. */
static uint64_t read_transaction(int file)
{
    uint8_t bytes[KZ_REACHED_SIZE];
    if (pread(file, bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) return 0;
    if (memcmp(bytes, magic, MAGIC_SIZE) != 0) return 0;
    if (kz_get_u64(bytes + 16) != kz_checksum(bytes, 16)) return 0;
    return kz_get_u64(bytes + MAGIC_SIZE);
}

static enum kz_status path_of(const char *directory, char out_path[static PATH_SIZE_MAX],
                              struct kz_error *error)
{
    int size = snprintf(out_path, PATH_SIZE_MAX, "%s/reached", directory);
    if (size > 0 && size < PATH_SIZE_MAX) return KZ_OK;
    return kz_error_set(error, KZ_IO, "the path %.64s… is too long", directory);
}

enum kz_status kz_reached_forget(const char *directory, struct kz_error *error)
{
    char path[PATH_SIZE_MAX];
    enum kz_status status = path_of(directory, path, error);
    if (status != KZ_OK) return status;
    if (unlink(path) == 0 || errno == ENOENT) return KZ_OK;
    return kz_error_set(error, KZ_IO, "cannot remove %s: %s", path, strerror(errno));
}

enum kz_status kz_reached_open(const char *directory, uint64_t transaction,
                               struct kz_reached *out_reached, struct kz_error *error)
{
    char path[PATH_SIZE_MAX];
    enum kz_status status = path_of(directory, path, error);
    if (status != KZ_OK) return status;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (file < 0) {
        status = errno == ENOSPC || errno == EDQUOT ? KZ_NO_SPACE : KZ_IO;
        return kz_error_set(error, status, "cannot open %s: %s", path, strerror(errno));
    }
    uint64_t reached = read_transaction(file);
    if (reached > transaction) {
        (void)close(file);
        return kz_error_set(error, KZ_MISMATCH,
                            "%s/ledger is an older copy of this node's ledger: it ends with "
                            "transaction %" PRIu64 ", and %" PRIu64 " was durable",
                            directory, transaction, reached);
    }
    out_reached->file = file;
    return KZ_OK;
}

void kz_reached_close(struct kz_reached *reached)
{
    if (reached->file >= 0) (void)close(reached->file);
    reached->file = -1;
}

void kz_reached_note(const struct kz_reached *reached, uint64_t transaction)
{
    uint8_t bytes[KZ_REACHED_SIZE];
    memcpy(bytes, magic, MAGIC_SIZE);
    kz_put_u64(bytes + MAGIC_SIZE, transaction);
    kz_put_u64(bytes + 16, kz_checksum(bytes, 16));
    ssize_t written = pwrite(reached->file, bytes, sizeof bytes, 0);
    (void)written; /* what is noted is then older, and finds less */
}
