/* SPDX-License-Identifier: Apache-2.0 */
#include "log/entries.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"
#include "statemachine/record/record.h"

#include <assert.h>
#include <inttypes.h>

static_assert(KZ_LEAF_SIZE * KZ_LEAVES_PER_BLOCK <= KZ_BLOCK_ITEMS_SIZE_MAX, "a block's items");

const struct kz_block_form kz_leaf_form = {KZ_TABLE_LEAVES, KZ_LEAF_SIZE, KZ_LEAVES_PER_BLOCK};

static uint64_t entry_checksum(uint64_t index, uint64_t term, const uint8_t *record, size_t size)
{
    uint8_t place[16];
    kz_put_u64(place, index);
    kz_put_u64(place + 8, term);
    return kz_hash64(record, size, kz_checksum(place, sizeof place));
}

void kz_leaf_decode(const uint8_t bytes[static KZ_LEAF_SIZE], struct kz_leaf *out_leaf)
{
    out_leaf->term = kz_get_u64(bytes);
    out_leaf->size = kz_get_u32(bytes + 8);
    memcpy(out_leaf->hash, bytes + KZ_LEAF_HASH_OFFSET, KZ_LEAF_HASH_SIZE);
}

void kz_leaf_encode(const struct kz_leaf *leaf, uint8_t out[static KZ_LEAF_SIZE])
{
    kz_put_u64(out, leaf->term);
    kz_put_u32(out + 8, leaf->size);
    memcpy(out + KZ_LEAF_HASH_OFFSET, leaf->hash, KZ_LEAF_HASH_SIZE);
}

/* Stores entry I of BATCH and fills LEAF with what stands in the second table. */
static enum kz_status append_entry(struct kz_transaction *transaction,
                                   struct kz_leaf_hasher *hasher, const struct kz_batch *batch,
                                   uint32_t i, uint8_t leaf[static KZ_LEAF_SIZE])
{
    uint32_t size = 0;
    uint8_t *room = NULL;
    uint64_t index = batch->first_index + i;
    uint64_t term = kz_batch_term(batch, i);
    const uint8_t *record = kz_batch_record(batch, i, &size);
    enum kz_status status = kz_table_append(transaction, KZ_TABLE_ENTRIES, index,
                                            KZ_ENTRY_CHECKSUM_SIZE + (size_t)size, &room);
    if (status != KZ_OK) return status;

    kz_put_u64(room, entry_checksum(index, term, record, size));
    memcpy(room + KZ_ENTRY_CHECKSUM_SIZE, record, size);

    struct kz_leaf fields = {.term = term, .size = size};
    kz_leaf_hasher_hash(hasher, record, size, fields.hash);
    kz_leaf_encode(&fields, leaf);
    return KZ_OK;
}

enum kz_status kz_entries_append(struct kz_transaction *transaction, struct kz_leaf_hasher *hasher,
                                 const struct kz_batch *batch)
{
    uint8_t leaves[KZ_LEAVES_PER_BLOCK][KZ_LEAF_SIZE];
    uint64_t first_leaf = batch->first_index;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint64_t index = batch->first_index + i;
        enum kz_status status =
            append_entry(transaction, hasher, batch, i, leaves[index - first_leaf]);
        if (status != KZ_OK) return status;
        if (index % KZ_LEAVES_PER_BLOCK != 0 && i + 1 < batch->count) continue;

        status = kz_blocks_append(transaction, &kz_leaf_form, first_leaf, leaves[0],
                                  (uint32_t)(index - first_leaf + 1));
        if (status != KZ_OK) return status;
        first_leaf = index + 1;
    }
    return KZ_OK;
}

static enum kz_status damaged(const struct kz_transaction *transaction, uint64_t index,
                              const char *what)
{
    return kz_error_set(transaction->error, KZ_CORRUPT, "entry %" PRIu64 " is damaged: %s", index,
                        what);
}

/* Finds out how many of the entries FIRST … LAST, at least one, have at most SIZE_MAX bytes
 * together with their prefixes. */
static enum kz_status measure(struct kz_transaction *transaction, uint64_t first, uint64_t last,
                              size_t size_max, uint32_t *out_count, size_t *out_size)
{
    struct kz_block block = {.first_index = 0};
    size_t size = 0;
    uint32_t count = 0;
    for (uint64_t index = first; index <= last; index++, count++) {
        if (index >= block.first_index + block.count) {
            enum kz_status status = kz_blocks_load(transaction, &kz_leaf_form, index, &block);
            if (status != KZ_OK) return status;
        }
        const uint8_t *leaf = block.items + (index - block.first_index) * KZ_LEAF_SIZE;
        uint32_t record_size = kz_get_u32(leaf + 8);
        if (record_size > KZ_RECORD_SIZE_MAX) return damaged(transaction, index, "its size");

        size_t larger = size + KZ_ENTRY_PREFIX_SIZE + record_size;
        if (count > 0 && larger > size_max) break;
        size = larger;
    }
    *out_count = count;
    *out_size = size;
    return KZ_OK;
}

/* Adds entry INDEX, found in ROW, to BATCH, if it agrees with LEAF. */
static enum kz_status read_entry(const struct kz_transaction *transaction, uint64_t index,
                                 const struct kz_row *row, const uint8_t *leaf,
                                 struct kz_batch *batch)
{
    uint64_t term = kz_get_u64(leaf);
    uint32_t size = kz_get_u32(leaf + 8);
    if (row->key != index) return damaged(transaction, index, "it is missing");
    if (row->size != KZ_ENTRY_CHECKSUM_SIZE + (size_t)size) {
        return damaged(transaction, index, "its two sizes differ");
    }
    const uint8_t *record = row->bytes + KZ_ENTRY_CHECKSUM_SIZE;
    if (entry_checksum(index, term, record, size) != kz_get_u64(row->bytes)) {
        return damaged(transaction, index, "its checksum differs");
    }
    bool falls = batch->count > 0 && term < kz_batch_term(batch, batch->count - 1);
    if (term == 0 || falls) return damaged(transaction, index, "its term is below the one before");

    uint8_t *room = kz_batch_add(batch, term, size);
    if (room == NULL) return damaged(transaction, index, "its size changed");
    memcpy(room, record, size);
    return KZ_OK;
}

/* Finds the row of INDEX behind the one found last; a row between the two that is nobody's (the key
 * of one is damaged) is passed over. */
static enum kz_status find_next(struct kz_transaction *transaction, uint64_t index,
                                struct kz_row *out_row)
{
    enum kz_status status = kz_table_next(transaction, KZ_TABLE_ENTRIES, out_row);
    if (status != KZ_OK || out_row->key == index) return status;
    return kz_table_find(transaction, KZ_TABLE_ENTRIES, index, out_row);
}

static enum kz_status fill(struct kz_transaction *transaction, struct kz_batch *batch)
{
    struct kz_row row;
    struct kz_block block = {.first_index = 0};
    uint64_t end = batch->first_index + batch->count_max;
    for (uint64_t index = batch->first_index; index < end; index++) {
        enum kz_status status = index == batch->first_index
                                    ? kz_table_find(transaction, KZ_TABLE_ENTRIES, index, &row)
                                    : find_next(transaction, index, &row);
        if (status == KZ_NOT_FOUND) return damaged(transaction, index, "it is missing");
        if (status == KZ_OK && index >= block.first_index + block.count) {
            status = kz_blocks_load(transaction, &kz_leaf_form, index, &block);
        }
        if (status != KZ_OK) return status;

        const uint8_t *leaf = block.items + (index - block.first_index) * KZ_LEAF_SIZE;
        status = read_entry(transaction, index, &row, leaf, batch);
        if (status != KZ_OK) return status;
    }
    return KZ_OK;
}

enum kz_status kz_entries_read(struct kz_transaction *transaction, uint64_t first, uint64_t last,
                               size_t size_max, struct kz_batch **out_batch)
{
    uint32_t count = 0;
    size_t size = 0;
    KZ_ASSERT(first <= last && last - first < UINT32_MAX);
    enum kz_status status = measure(transaction, first, last, size_max, &count, &size);
    if (status != KZ_OK) return status;

    struct kz_batch *batch = kz_batch_create(first, count, size);
    if (batch == NULL) return kz_error_set(transaction->error, KZ_NO_MEMORY, "no memory to read");

    status = fill(transaction, batch);
    if (status != KZ_OK) {
        kz_batch_release(batch);
        return status;
    }
    *out_batch = batch;
    return KZ_OK;
}

enum kz_status kz_entries_drop_from(struct kz_transaction *transaction, uint64_t index)
{
    enum kz_status status = kz_table_drop_from(transaction, KZ_TABLE_ENTRIES, index);
    if (status != KZ_OK) return status;
    return kz_blocks_drop_from(transaction, &kz_leaf_form, index);
}

enum kz_status kz_entries_last(struct kz_transaction *transaction, uint64_t *out_index)
{
    struct kz_row row;
    uint64_t last_leaf = 0;
    enum kz_status status = kz_table_last(transaction, KZ_TABLE_ENTRIES, &row);
    if (status != KZ_OK && status != KZ_NOT_FOUND) return status;
    uint64_t last = status == KZ_OK ? row.key : 0;

    status = kz_blocks_last(transaction, &kz_leaf_form, &last_leaf);
    if (status != KZ_OK) return status;
    if (last != last_leaf) {
        return damaged(transaction, last < last_leaf ? last + 1 : last_leaf + 1, "it is missing");
    }
    *out_index = last;
    return KZ_OK;
}

/* ---- One entry, judged and restored ---- */

enum kz_status kz_entries_try(struct kz_transaction *transaction, uint64_t index, uint64_t term,
                              struct kz_row *out_record, bool *out_sound)
{
    struct kz_row row;
    enum kz_status status = kz_table_find(transaction, KZ_TABLE_ENTRIES, index, &row);
    if (status != KZ_OK && status != KZ_NOT_FOUND) return status;

    *out_sound = false;
    if (status == KZ_NOT_FOUND || row.key != index || term == 0) return KZ_OK;
    if (row.size < KZ_ENTRY_CHECKSUM_SIZE + KZ_RECORD_HEADER_SIZE ||
        row.size > KZ_ENTRY_CHECKSUM_SIZE + KZ_RECORD_SIZE_MAX) {
        return KZ_OK;
    }
    size_t size = row.size - KZ_ENTRY_CHECKSUM_SIZE;
    const uint8_t *record = row.bytes + KZ_ENTRY_CHECKSUM_SIZE;
    *out_sound = entry_checksum(index, term, record, size) == kz_get_u64(row.bytes);
    if (*out_sound) *out_record = (struct kz_row){index, record, size};
    return KZ_OK;
}

enum kz_status kz_entries_restore(struct kz_transaction *transaction, uint64_t index, uint64_t term,
                                  const uint8_t *record, uint32_t size)
{
    struct kz_row row;
    uint8_t *room = NULL;
    size_t row_size = KZ_ENTRY_CHECKSUM_SIZE + (size_t)size;
    enum kz_status status = kz_table_find(transaction, KZ_TABLE_ENTRIES, index, &row);
    if (status != KZ_OK && status != KZ_NOT_FOUND) return status;
    if (status == KZ_OK && (row.key != index || row.size != row_size)) {
        return damaged(transaction, index, "the size of its row");
    }
    status = kz_table_replace(transaction, KZ_TABLE_ENTRIES, index, row_size, &room);
    if (status != KZ_OK) return status;
    kz_put_u64(room, entry_checksum(index, term, record, size));
    memcpy(room + KZ_ENTRY_CHECKSUM_SIZE, record, size);
    return KZ_OK;
}
