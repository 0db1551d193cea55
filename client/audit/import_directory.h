/* SPDX-License-Identifier: Apache-2.0 */
/* The directory that an import fills: empty before, and whole or empty behind it. */
#ifndef KZ_IMPORT_DIRECTORY_H
#define KZ_IMPORT_DIRECTORY_H

#include "statemachine/base/status.h"

#define KZ_IMPORT_PATH_SIZE 4096

struct kz_import_directory {
    const char *path;
    int lock;
    char draft[KZ_IMPORT_PATH_SIZE]; /* where the ledger is built: DIR/import.new */
};

/* Locks PATH, making it when there is none, and makes the draft. What an interrupted import left is
 * removed. Errors: KZ_EXISTS (PATH is not empty), KZ_LOCKED, KZ_IO. */
enum kz_status kz_import_directory_open(const char *path, struct kz_import_directory *out_directory,
                                        struct kz_error *error);

/* Moves the draft's ledger to its place, and writes the identity of a ledger without a cluster
 * beside it. */
enum kz_status kz_import_directory_keep(const struct kz_import_directory *directory,
                                        struct kz_error *error);

/* Removes the draft, and the lock where nothing else is. */
void kz_import_directory_close(struct kz_import_directory *directory);

#endif
