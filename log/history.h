/* SPDX-License-Identifier: Apache-2.0 */
/* What a node asks about the whole ledger without reading it: the runs of equal terms and the
 * indexes of the `membership` entries, in memory and in two small tables.
 *
 *   table          KEY                    VALUE
 *   runs           first index of a run   term (8), XXH3-64 of it seeded with the key (8)
 *   memberships    index of the entry     XXH3-64 of nothing seeded with the key (8)
 *
 * Invariant: the log's memory changes only after a commit (kz_history_adopt), so an aborted
 * transaction leaves it as it was. */
#ifndef KZ_HISTORY_H
#define KZ_HISTORY_H

#include "log/batch.h"
#include "log/log.h"
#include "log/store.h"

#include <stdint.h>

struct kz_history {
    struct kz_term_run *runs;
    uint64_t *memberships;
    uint32_t run_count;
    uint32_t run_capacity;
    uint32_t membership_count;
    uint32_t membership_capacity;
};

void kz_history_finish(struct kz_history *history);

/* Add one at the end. Errors: KZ_NO_MEMORY. */
enum kz_status kz_history_add_run(struct kz_history *history, uint64_t first_index, uint64_t term);
enum kz_status kz_history_add_membership(struct kz_history *history, uint64_t index);

/* Adds what BATCH adds to a ledger whose last term is LAST_TERM. */
enum kz_status kz_history_note(struct kz_history *history, const struct kz_batch *batch,
                               uint64_t last_term);

/* Forgets everything at INDEX and behind it. */
void kz_history_drop_from(struct kz_history *history, uint64_t index);

/* Returns: the term of the run that holds INDEX; 0 for index 0. */
uint64_t kz_history_term(const struct kz_history *history, uint64_t index);

/* Makes room in HISTORY for all of MORE, so that kz_history_adopt() can not fail. */
enum kz_status kz_history_reserve(struct kz_history *history, const struct kz_history *more);
void kz_history_adopt(struct kz_history *history, const struct kz_history *more);

/* Read and write the two tables. HISTORY is empty before kz_history_read(). Errors: KZ_CORRUPT,
 * KZ_IO, KZ_NO_MEMORY, KZ_NO_SPACE. */
enum kz_status kz_history_read(struct kz_transaction *transaction, struct kz_history *history);
enum kz_status kz_history_write(struct kz_transaction *transaction,
                                const struct kz_history *history);
enum kz_status kz_history_erase_from(struct kz_transaction *transaction, uint64_t index);

#endif
