/* SPDX-License-Identifier: Apache-2.0 */
/* Entries in their two tables: the records themselves, and what must agree with them.
 *
 * A row of `entries` (the key is the index):
 *
 *   OFFSET SIZE FIELD
 *        0    8 XXH3-64 of the record, seeded with XXH3-64 of (index, term), two little-endian u64
 *        8    … the record
 *
 * An item of `leaves` (log/blocks.h):
 *
 *   OFFSET SIZE FIELD
 *        0    8 term
 *        8    4 size of the record
 *       12   32 leaf hash */
#ifndef KZ_ENTRIES_H
#define KZ_ENTRIES_H

#include "log/batch.h"
#include "log/blocks.h"
#include "log/merkle/leaf_hasher.h"

#include <stdint.h>

#define KZ_LEAF_SIZE           44
#define KZ_LEAF_HASH_OFFSET    12
#define KZ_LEAVES_PER_BLOCK    45
#define KZ_ENTRY_CHECKSUM_SIZE 8

extern const struct kz_block_form kz_leaf_form;

/* Adds BATCH behind the last entry. */
enum kz_status kz_entries_append(struct kz_transaction *transaction, struct kz_leaf_hasher *hasher,
                                 const struct kz_batch *batch);

/* Reads FIRST … LAST, which are there, as kz_log_read() does. */
enum kz_status kz_entries_read(struct kz_transaction *transaction, uint64_t first, uint64_t last,
                               size_t size_max, struct kz_batch **out_batch);

enum kz_status kz_entries_drop_from(struct kz_transaction *transaction, uint64_t index);

/* Gives the last index of both tables; KZ_CORRUPT when they differ. */
enum kz_status kz_entries_last(struct kz_transaction *transaction, uint64_t *out_index);

#endif
