/* SPDX-License-Identifier: Apache-2.0 */
#include "client/audit/audit.h"

#include "log/node_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* Looks before the lock, which would leave a file of its name in any directory. */
static bool holds_ledger(const char *path)
{
    char name[PATH_SIZE];
    int size = snprintf(name, sizeof name, "%s/ledger", path);
    if (size < 0 || size >= PATH_SIZE || access(name, F_OK) == 0) return true;
    return errno != ENOENT && errno != ENOTDIR;
}

int kz_audit_directory_open(const char *path, enum kz_log_mode mode,
                            struct kz_audit_directory *out_directory)
{
    struct kz_error error = {.text = ""};
    struct kz_audit_directory directory = {.path = path, .lock = -1};
    if (!holds_ledger(path)) {
        kz_report("%s holds no ledger: give --data the directory of a stopped node, "
                  "a copy of it, or an import",
                  path);
        return KZ_EXIT_FAILED;
    }
    if (kz_directory_lock(path, false, &directory.lock, &error) != KZ_OK) {
        return kz_report_error(&error);
    }
    if (kz_log_open(path, mode, 0, &directory.log, &error) != KZ_OK) {
        kz_directory_unlock(directory.lock);
        return kz_report_error(&error);
    }
    *out_directory = directory;
    return KZ_EXIT_OK;
}

void kz_audit_directory_close(struct kz_audit_directory *directory)
{
    kz_log_close(directory->log);
    kz_directory_unlock(directory->lock);
}

bool kz_audit_find_end(const struct kz_audit_directory *directory, uint64_t *at)
{
    uint64_t last = kz_log_last_index(directory->log);
    if (*at == 0) *at = last;
    if (*at <= last) return true;
    kz_report("entry %" PRIu64 " is not there: the ledger ends at %" PRIu64, *at, last);
    return false;
}
