/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a ledger of entries that come one after the other from elsewhere, each checked: the next
 * index, a term that does not fall, a record that decodes, a result. */
#ifndef KZ_COPY_H
#define KZ_COPY_H

#include "log/log.h"

/* An entry with its place and its result. */
struct kz_copied {
    uint64_t index;
    uint64_t term;
    const uint8_t *record;
    uint32_t size;
    uint8_t result; /* KZ_RESULT_NONE: not applied */
};

struct kz_copy;

/* Makes the ledger in DIRECTORY, which has none. Errors: those of kz_log_open(). */
enum kz_status kz_copy_create(const char *directory, struct kz_copy **out_copy,
                              struct kz_error *error);
void kz_copy_destroy(struct kz_copy *copy); /* NULL is fine */

/* Takes the next entry; it is durable with kz_copy_finish() at the latest. Errors: KZ_CORRUPT and
 * KZ_NEWER (ERROR names the index), and those of kz_log_append(). */
enum kz_status kz_copy_add(struct kz_copy *copy, const struct kz_copied *entry,
                           struct kz_error *error);

/* Stores what is not stored yet. */
enum kz_status kz_copy_finish(struct kz_copy *copy, struct kz_error *error);

/* Returns: the last entry taken; 0 before the first. */
uint64_t kz_copy_last_index(const struct kz_copy *copy);
struct kz_log *kz_copy_log(struct kz_copy *copy);

#endif
