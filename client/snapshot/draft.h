/* SPDX-License-Identifier: Apache-2.0 */
/* A directory that is filled with a ledger, by an import, a snapshot, a restore: empty before, and
 * whole or without a ledger behind it. */
#ifndef KZ_DRAFT_H
#define KZ_DRAFT_H

#include "statemachine/base/status.h"

#define KZ_DRAFT_PATH_SIZE 4096

struct kz_draft {
    const char *path;
    int lock;
    char place[KZ_DRAFT_PATH_SIZE]; /* where the ledger is built: DIR/ledger.draft */
};

/* Locks PATH, making it when there is none, and makes the draft. What an interrupted run left is
 * removed. Errors: KZ_EXISTS (PATH is not empty), KZ_LOCKED, KZ_IO. */
enum kz_status kz_draft_open(const char *path, struct kz_draft *out_directory,
                             struct kz_error *error);

/* Moves the draft's ledger to its place, and writes the identity of a ledger without a cluster
 * beside it. */
enum kz_status kz_draft_keep(const struct kz_draft *directory, struct kz_error *error);

/* Removes the draft, and the lock where nothing else is. */
void kz_draft_close(struct kz_draft *directory);

#endif
