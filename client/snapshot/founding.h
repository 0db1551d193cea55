/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a cluster of a ledger that was imported or copied: one `membership` is appended, of the
 * next term and the last entry's time, so that the same founding on each copy makes the same
 * ledger. Then kezekd starts on each, and gives its directory its own id.
 *
 * It can be run again after a crash: the identity is written last, and an entry that is already
 * there is not appended twice. */
#ifndef KZ_FOUNDING_H
#define KZ_FOUNDING_H

#include "log/log.h"

struct kz_founding {
    uint8_t cluster[KZ_ID_SIZE];
    struct kz_membership_fields members;
    uint64_t index; /* of the membership, once it is appended */
    uint64_t term;
};

/* Founds the ledger LOG of DIRECTORY. Errors: KZ_EXISTS (a node's directory, or founded before),
 * KZ_NOT_FOUND (an empty ledger), and those of the log and the small files. */
enum kz_status kz_founding_run(struct kz_founding *founding, const char *directory,
                               struct kz_log *log, struct kz_error *error);

/* Its two steps: appends the membership unless it is there; writes vote and identity. */
enum kz_status kz_founding_append(struct kz_founding *founding, struct kz_log *log,
                                  struct kz_error *error);
enum kz_status kz_founding_sign(const struct kz_founding *founding, const char *directory,
                                struct kz_error *error);

#endif
