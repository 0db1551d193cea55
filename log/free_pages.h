/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of a store's file that no row needs any more: LMDB's list of them, in one row for each
 * transaction that gave some up. A writer uses them again once nobody reads what that transaction,
 * or an earlier one, left. */
#ifndef KZ_FREE_PAGES_H
#define KZ_FREE_PAGES_H

#include "log/store.h"

/* Looks at the whole list, which only LMDB's writer reads: a page that is named twice ends the
 * process in the middle of a write. TRANSACTION reads. Errors: KZ_CORRUPT, KZ_IO, KZ_NO_MEMORY. */
enum kz_status kz_free_pages_check(const struct kz_transaction *transaction);

/* Counts the pages that the transactions FIRST … END − 1 gave up, until there are COUNT_MAX or
 * more. TRANSACTION reads. Errors: KZ_CORRUPT, KZ_IO, KZ_NO_MEMORY. */
enum kz_status kz_free_pages_count(const struct kz_transaction *transaction, uint64_t first,
                                   uint64_t end, uint64_t count_max, uint64_t *out_count);

#endif
