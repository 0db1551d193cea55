/* SPDX-License-Identifier: Apache-2.0 */
/* A node's directory, opened: locked, with identity, vote and ledger; made on a first start. */
#ifndef KZ_DIRECTORY_H
#define KZ_DIRECTORY_H

#include "log/log.h"
#include "log/node_files.h"
#include "node/shell/options.h"

#include <stdbool.h>

struct kz_directory {
    int lock;
    struct kz_identity identity;
    struct kz_vote vote; /* zero on a first start */
    struct kz_log *log;
    bool id_ignored; /* --id says another number than the directory: the directory's counts */
};

/* Opens (or makes) OPTIONS->data. The identity of a first start is random and durable when this
 * returns. Errors: KZ_USAGE (a first start without what it needs); KZ_MISMATCH (another cluster,
 * a ledger without identity, cluster or vote); KZ_LOCKED, KZ_NEWER, KZ_CORRUPT, KZ_IO,
 * KZ_NO_SPACE, KZ_MALFORMED, KZ_NO_MEMORY; each with a sentence that says what to do. */
enum kz_status kz_directory_open(const struct kz_options *options,
                                 struct kz_directory *out_directory, struct kz_error *error);

void kz_directory_close(struct kz_directory *directory);

/* Fills SIZE bytes with randomness of the system. */
void kz_random_fill(void *bytes, size_t size);

#endif
