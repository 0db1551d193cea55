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

/* A leaf's fields. */
struct kz_leaf {
    uint64_t term;
    uint32_t size;
    uint8_t hash[KZ_LEAF_HASH_SIZE];
};

void kz_leaf_decode(const uint8_t bytes[static KZ_LEAF_SIZE], struct kz_leaf *out_leaf);
void kz_leaf_encode(const struct kz_leaf *leaf, uint8_t out[static KZ_LEAF_SIZE]);

/* Looks at the record of INDEX alone. OUT_SOUND: whether it is there and its checksum says that it
 * is INDEX's, of TERM; only then OUT_RECORD is set, valid until the transaction's next write.
 * Errors: KZ_CORRUPT (LMDB's own pages), KZ_IO. */
enum kz_status kz_entries_try(struct kz_transaction *transaction, uint64_t index, uint64_t term,
                              struct kz_row *out_record, bool *out_sound);

/* Writes the record of INDEX in the place of the damaged or lost one. Errors: KZ_CORRUPT when its
 * row has another size: that is LMDB's own, and must not be written over. */
enum kz_status kz_entries_restore(struct kz_transaction *transaction, uint64_t index, uint64_t term,
                                  const uint8_t *record, uint32_t size);

/* Gives the last index of both tables; KZ_CORRUPT when they differ. */
enum kz_status kz_entries_last(struct kz_transaction *transaction, uint64_t *out_index);

#endif
